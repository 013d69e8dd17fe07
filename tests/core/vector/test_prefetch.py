from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.vector import prefetch

from ..stacks import build
from ..toy import Toy


@pytest.mark.parametrize("memory", [1, 2**12, 2**20])
def test_prefetcher_buffer_size_does_not_change_the_trials(memory):
    streams = []
    for bound in (memory, 2**26):
        env = ngym.TrialVectorEnv(Toy(), 4, memory=bound)
        env.reset(seed=0)
        streams.append([env.step(np.zeros(4, int))[0] for _ in range(400)])
    assert np.array_equal(*streams)


@pytest.mark.parametrize("memory", [2**20, 2**22])
def test_prefetcher_keeps_to_its_memory(memory):
    for id_ in ("PerceptualDecisionMaking-v0", "yang19.ctxdm1-v0", "DawTwoStep-v0"):
        env = ngym.make_vec(id_, 32, memory=memory)
        env.reset(seed=0)
        for _ in range(100):
            env.step(np.zeros(32, int))
        assert env._backend._prefetch.buffer_trials > 1
        assert env._backend._prefetch.nbytes <= memory * 1.2, id_  # a block may be longer than those probed


def test_prefetcher_grows_when_trials_are_longer_than_expected():
    env = ngym.TrialVectorEnv(Toy(timing={"delay": 100}), 3, memory=2**10)
    env.task.timing["delay"] = ("uniform", (500, 9000))
    env.reset(seed=0)
    single = Toy(timing={"delay": ("uniform", (500, 9000))})
    single.reset(seed=1)
    for _ in range(500):
        assert np.array_equal(env.step(np.zeros(3, int))[0][1], single.step(0)[0])


@pytest.mark.parametrize("at_once", [1, 2**24])
@pytest.mark.parametrize(
    ("id_", "wrappers"), [("yang19.ctxdm1-v0", ()), ("ReadySetGo-v0", ()), ("GoNogo-v0", ("SideBias", "TrialHistoryV2"))]
)
def test_prefetcher_lanes_play_the_trials_of_their_seeds(id_, wrappers, at_once, monkeypatch):
    monkeypatch.setattr(prefetch, "CALL_BYTES", at_once)
    env = ngym.TrialVectorEnv(build(id_, wrappers), 40, memory=2**18)
    env.reset(seed=7)
    nothing = np.zeros(40, int)
    seen = [env._backend.observe()]
    for step in range(300):
        if step == 120:  # some lanes begin anew while others go on
            mask = np.arange(40) % 3 == 0
            env.reset(seed=[100 + i for i in range(40)], options={"reset_mask": mask})
            seen = [env._backend.observe()]
        env.step(nothing)
        seen.append(env._backend.observe())
    for lane in (0, 3, 39):
        trials = build(id_, wrappers).sample_trials(40, seed=100 + lane)
        whole = np.concatenate([trial.ob for trial in trials])
        assert np.array_equal([ob[lane] for ob in seen[:100]], whole[:100])
    trials = build(id_, wrappers).sample_trials(60, seed=7 + 1)
    whole = np.concatenate([trial.ob for trial in trials])
    assert np.array_equal([ob[1] for ob in seen[:100]], whole[120:220])
