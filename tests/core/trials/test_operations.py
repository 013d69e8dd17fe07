from __future__ import annotations

import numpy as np

from ngym_core.trials import concatenate

from ..toy import Toy


def test_concatenate_pads_shorter_trials():
    task = Toy()
    parts = [task.sample_trials(n, seed=n) for n in (2, 1, 3)]
    joined = concatenate(parts)
    assert joined.n == 6
    for one, two in zip(joined, [t for p in parts for t in p], strict=True):
        assert np.array_equal(one.ob, two.ob)
        assert np.array_equal(one.gt, two.gt)
        assert one.conditions == two.conditions
        assert one.end == two.end
