"""Data of stacks of wrappers: what an agent sees that plays the ground truth, whatever the order of the wrappers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngym_data import Dataset
from tests.core.stacks import STEP, TRIAL, build, pairs

from ..task_ids import IDS

# The noise of data is as strong as at first (test_dataset), and a curriculum stays in a stage until it is given scores; with
# ReactionTime the oracle does not see the trial to its end.
WHOLE = [name for name in STEP if name not in ("Noise", "FollowCurriculum", "ReactionTime")]


def stream(dataset, batches):
    """What the rows deliver, (rows, steps, ...)."""
    parts = [dataset() for _ in range(batches)]
    return [np.concatenate(part).swapaxes(0, 1) for part in zip(*parts, strict=True)]


@pytest.mark.parametrize("id_", IDS)
@settings(max_examples=4)
@given(data=st.data())
def test_dataset_delivers_the_trials_of_a_stack(id_, data):
    kinds = [n for n in TRIAL if "Envs" not in n] if id_.startswith("priors.") else TRIAL  # it changes steps itself
    stacks = pairs(id_, kinds)
    if not stacks:
        return
    names = data.draw(st.sampled_from(stacks), "wrappers")
    dataset = Dataset(build(id_, names), batch_size=2, seq_len=40, seed=data.draw(st.integers(0, 99), "seed"))
    inputs, target = stream(dataset, 4)
    for row in range(2):
        env = build(id_, names)
        env.reset(seed=dataset.seeds[row])
        ob, gt = [], []
        while sum(map(len, ob)) < 160:
            ob.append(env.unwrapped.ob.copy())
            gt.append(env.unwrapped.gt.copy())
            env.unwrapped._next_trial()
        own = inputs[row][..., : ob[0].shape[-1]]  # a task may come with wrappers that append to it
        assert np.array_equal(own, np.concatenate(ob)[:160])
        assert np.array_equal(target[row], np.concatenate(gt)[:160])


@pytest.mark.parametrize("names", pairs("PerceptualDecisionMaking-v0", WHOLE), ids="-".join)
def test_dataset_shows_what_the_oracle_sees_through_a_stack(names):
    """The decision has one step, so that the oracle plays whole trials."""
    timing = {"stimulus": 300, "decision": 100}
    env = build("PerceptualDecisionMaking-v0", names, timing=timing)
    dataset = Dataset(env, batch_size=2, seq_len=40, seed=0)
    inputs, _ = stream(dataset, 4)
    for row in range(2):
        seen = [env.reset(seed=dataset.seeds[row])[0]]
        while len(seen) < 160:
            seen.append(env.step(env.unwrapped.gt_now)[0])
        assert np.array_equal(inputs[row], seen)


def test_dataset_shows_the_trials_that_reaction_time_edits():
    env = build("PerceptualDecisionMaking-v0", ("ReactionTime", "PassAction"))
    inputs, target = Dataset(env, batch_size=1, seq_len=42, seed=0)()
    assert inputs.shape == (42, 1, 4)
    assert (target[2:21] > 0).all()
    assert np.array_equal(inputs[1:, 0, 3], target[:-1, 0])


def test_dataset_shows_what_step_wrappers_inside_multi_envs_append():
    env = build("PerceptualDecisionMaking-v0", ("PassAction", "MultiEnvs"))
    inputs, target = Dataset(env, batch_size=2, seq_len=44, seed=0)()
    assert inputs.shape[2] == env.observation_space.shape[0]
    assert np.array_equal(inputs[1:, :, 3], target[:-1])
