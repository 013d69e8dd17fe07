from __future__ import annotations

import pydoc

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


@pytest.mark.parametrize("name", ["ngym_core", "ngym_data", "ngym_plot", "ngym_sb3"])
def test_dir_and_help_show_the_public_names(name):
    package = pytest.importorskip(name)
    assert set(package.__all__) <= set(dir(package))
    text = pydoc.render_doc(package, renderer=pydoc.plaintext)
    assert package.__version__ in text  # pydoc has a section for it
    assert [public for public in package.__all__ if public not in text and public != "__version__"] == []
