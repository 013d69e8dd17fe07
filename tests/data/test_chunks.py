from __future__ import annotations

import numpy as np

from ngym_core.trials import select
from ngym_data._chunks import StepChunk
from tests.data.streams import ChangingStorage, dense


def test_step_chunk_of_shared_values_needs_less_memory():
    trials = ChangingStorage(9).sample_trials(200, seed=0)
    encoded = StepChunk.split(trials, 1, None)[0]
    with dense():
        stored_densely = StepChunk.split(ChangingStorage(9).sample_trials(200, seed=0), 1, None)[0]
    assert len(encoded) == len(stored_densely)
    assert encoded.nbytes < 0.7 * stored_densely.nbytes


def test_step_chunk_of_selected_trials_has_no_padding():
    trials = ChangingStorage(9).sample_trials(40, seed=0)
    alike = np.nonzero(trials.lengths == trials.lengths.min())[0]
    chunk = StepChunk.split(select(trials, alike), 1, None)[0]
    assert trials.lengths.max() > trials.lengths.min()
    assert np.array_equal(chunk.values("inputs"), np.concatenate([trials[i].ob for i in alike]))
    assert np.array_equal(chunk.values("target"), np.concatenate([trials[i].gt for i in alike]))


def test_step_chunk_remainder_holds_no_other_memory():
    values = np.arange(1000.0)
    whole = StepChunk({"target": (values, np.repeat(np.arange(1000), 3))}, 1, {})
    kept, index = whole.remainder(2900).steps["target"]
    assert kept.base is None
    assert len(kept) < 40
    assert kept[index].tolist() == np.repeat(values, 3)[2900:].tolist()
