from __future__ import annotations

import pytest

import ngym_core
from ngym_core.lazy import attach


def test_attach_getattr_imports_names_and_modules():
    getattr_, _ = attach("ngym_core", {".env": ["TrialEnv"], "ngym_core.errors": ["nearest"]}, modules=["spaces"])
    assert getattr_("TrialEnv") is ngym_core.TrialEnv
    assert getattr_("nearest") is ngym_core.errors.nearest
    assert getattr_("spaces") is ngym_core.spaces
    with pytest.raises(AttributeError, match="module 'ngym_core' has no attribute 'spcaes'"):
        getattr_("spcaes")


def test_attach_dir_lists_public_names_of_the_package():
    assert set(ngym_core.__all__) <= set(dir(ngym_core))
    assert "find_packs" not in dir(ngym_core)
