from __future__ import annotations

import sys

import pytest

from ngym_data import Dataset, TrialDataset


@pytest.mark.parametrize("kind", [Dataset, TrialDataset])
def test_loaders_say_what_they_need(kind, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "ngym_data.torch_loaders", raising=False)
    with pytest.raises(ImportError, match=r"Loaders of tensors need torch: pip install 'ngym-data\[torch\]'"):
        kind("ReadySetGo").to_torch()
