from __future__ import annotations


def test_dataset_of_the_tasks_of_a_pack(python):
    code = """
import numpy as np, ngym_core as ngym
from ngym_data import Dataset
for id_ in ("Flash-v0", "OldFlash-v0"):
    dataset = Dataset(id_, batch_size=2, seq_len=40, seed=0)
    inputs, target = dataset()
    assert inputs.shape == (40, 2, 3) and set(np.unique(target)) == {0, 1, 2}
    env = ngym.make(id_)
    env.reset(seed=dataset.seeds[1])
    assert np.array_equal(inputs[: len(env.ob), 1], env.ob)
"""
    assert python(code, "good")[1] == ""
