from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ngym_core._scan import scan_states


@given(n=st.integers(1, 70), states=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_scan_states_equals_a_loop(n, states, seed):
    rng = np.random.default_rng(seed)
    transitions, state = rng.integers(0, states, (n, states)), int(rng.integers(states))
    found, before = scan_states(transitions, state), transitions.copy()
    for row, result in zip(transitions, found, strict=True):
        state = row[state]
        assert result == state
    assert np.array_equal(transitions, before)
