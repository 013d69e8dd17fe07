"""What the tasks of the collection share."""

from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym


def test_yang19_collection_keeps_its_order():
    names = "go rtgo dlygo anti rtanti dlyanti dm1 dm2 ctxdm1 ctxdm2 multidm dlydm1 dlydm2 ctxdlydm1 ctxdlydm2 multidlydm"
    assert ngym.plugins.registry.get_collection("yang19") == [f"yang19.{n}-v0" for n in f"{names} dms dnms dmc dnmc".split()]


@pytest.mark.parametrize("id_", ["yang19.go-v0", "yang19.dmc-v0"])
def test_yang19_modalities_alternate_from_the_first_trial(id_):
    trials = ngym.make(id_).sample_trials(6, seed=3)
    assert trials.conditions["modality"].tolist() == [0, 1, 0, 1, 0, 1]
    shown = [trials.ob[..., 1:17].any(axis=(1, 2)), trials.ob[..., 17:].any(axis=(1, 2))]
    assert np.array_equal(shown, [[True, False] * 3, [False, True] * 3])
    forced = ngym.make(id_).sample_trials(6, seed=3, modality=1)
    assert not forced.ob[..., 1:17].any()
    both = np.where(trials.ob[..., 1:17].any(axis=(1, 2))[:, None, None], trials.ob[..., 1:17], trials.ob[..., 17:])
    assert np.array_equal(forced.ob[..., 17:], both)


def test_yang19_dim_ring_sets_the_number_of_angles():
    for n in (61, 122, 343):
        assert ngym.make("yang19.go-v0", dim_ring=n).theta.shape == (n,)
    with pytest.raises(ValueError, match="dim_ring=15 must be even"):
        ngym.make("yang19.dms-v0", dim_ring=15)
    with pytest.raises(ValueError, match="dim_ring=1 must be at least 2"):
        ngym.make("yang19.dm1-v0", dim_ring=1)
    with pytest.raises(TypeError, match=r"Go\(\) got an unexpected keyword argument 'dimring'. Did you mean 'dim_ring'"):
        ngym.make("yang19.go-v0", dimring=8)
