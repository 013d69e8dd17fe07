from __future__ import annotations

import numpy as np

from ngym_data._chunks import StepChunk
from tests.data.streams import ChangingStorage, dense


def test_step_chunk_of_shared_values_needs_less_memory():
    trials = ChangingStorage(9).sample_trials(200, seed=0)
    encoded = StepChunk.split(trials, 1, None)[0]
    with dense():
        stored_densely = StepChunk.split(ChangingStorage(9).sample_trials(200, seed=0), 1, None)[0]
    assert len(encoded) == len(stored_densely)
    assert encoded.nbytes < 0.7 * stored_densely.nbytes


def test_step_chunk_remainder_holds_no_other_memory():
    values = np.arange(1000.0)
    whole = StepChunk({"target": (values, np.repeat(np.arange(1000), 3))}, 1, {})
    kept, index = whole.remainder(2900).steps["target"]
    assert kept.base is None
    assert len(kept) < 40
    assert kept[index].tolist() == np.repeat(values, 3)[2900:].tolist()
