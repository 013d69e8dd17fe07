from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
from stable_baselines3.common.vec_env import VecFrameStack, VecMonitor, VecNormalize

from ngym_sb3 import make_sb3_env
from ngym_sb3.lane_infos import LaneInfos

N = 3


def infos_at(step, carry="episode", **kwargs):
    """Return the infos of a step, each time as if for the first time."""
    env = make_sb3_env("PerceptualDecisionMaking-v0", N, seed=0, carry=carry, timing={"stimulus": 300}, **kwargs)
    env.reset()
    for _ in range(step + 1):
        infos = env.step(np.zeros(N, int))[3]
    infos.ends.seconds = 0.0
    return infos


def comparable(value):
    """Return infos with arrays as lists."""
    return json.loads(json.dumps(list(value), default=np.ndarray.tolist))


_LAST = next(step for step in range(100) if infos_at(step).ends.episode_lanes.size)
"""The step that ends the first episodes."""


@pytest.mark.parametrize("step", [0, _LAST])
@pytest.mark.parametrize("carry", ["episode", "trial"])
def test_infos_are_a_list_of_dictionaries_however_they_are_read(step, carry):
    def fresh():
        return infos_at(step, carry)

    expected = comparable(list(fresh()))
    assert ("episode" in expected[0]) == (step == _LAST)
    assert isinstance(fresh(), list)
    assert len(fresh()) == N
    reads = [
        lambda i: [i[lane] for lane in range(N)],
        lambda i: [i[lane] for lane in range(-N, 0)],
        lambda i: i[:],
        lambda i: i + [],  # noqa: RUF005
        lambda i: [] + i,  # noqa: RUF005
        lambda i: [*i],
        lambda i: list(reversed(i))[::-1],
        lambda i: i.copy(),
        lambda i: [i.pop(0) for _ in range(N)],
        lambda i: (i.append({}), i[:N])[1],
        copy.copy,
        copy.deepcopy,
        lambda i: pickle.loads(pickle.dumps(i)),
        lambda i: list(map(dict, i)),
        lambda i: list(np.array(i, object)),
        lambda i: (lambda *args: args)(*i),
    ]
    for read in reads:
        assert comparable(read(fresh())) == expected
    assert type(copy.deepcopy(fresh())) is list
    if step == 0:
        assert fresh() == fresh()
        assert expected == fresh()
        assert repr(fresh()) == repr(expected)
        assert expected[0] in fresh()
        assert fresh() != []


def test_what_is_written_into_an_info_stays():
    infos = infos_at(0)
    infos[1]["note"] = 7
    assert infos[1]["note"] == 7
    assert [info.get("note") for info in infos] == [None, 7, None]
    infos = infos_at(_LAST)
    infos[0]["terminal_observation"] = "scaled"
    assert next(iter(infos))["terminal_observation"] == "scaled"
    assert infos.read
    infos[2] = {"mine": 1}
    assert infos[2] == {"mine": 1}
    with pytest.raises(IndexError):
        infos[N]
    with pytest.raises(IndexError):
        infos_at(0)[-N - 1]


@pytest.mark.filterwarnings("ignore:The environment is already wrapped")
def test_wrappers_of_stable_baselines3_find_what_they_look_for():
    def env():
        return make_sb3_env("PerceptualDecisionMaking-v0", N, seed=0, timing={"stimulus": 300})

    for wrap in (VecMonitor, VecNormalize, lambda e: VecFrameStack(e, 2)):
        wrapped = wrap(env())
        wrapped.reset()
        for _ in range(_LAST + 1):
            ob, _, dones, infos = wrapped.step(np.zeros(N, int))
        assert dones.all()
        for info in infos:
            assert info["episode"]["l"] == _LAST + 1
            assert info["terminal_observation"].shape == ob.shape[1:]
            assert info["TimeLimit.truncated"] is True


def test_infos_of_a_step_stay_what_they_are_in_later_steps():
    env = make_sb3_env("PerceptualDecisionMaking-v0", N, seed=0, timing={"stimulus": 300}, carry="trial")
    other = make_sb3_env("PerceptualDecisionMaking-v0", N, seed=0, timing={"stimulus": 300}, carry="trial")
    env.reset()
    other.reset()
    unread, read = [], []
    for step in range(40):
        actions = np.full(N, step % 3)
        observations, _, _, infos = env.step(actions)
        observations[:] = -9.0
        unread.append(infos)
        read.append(copy.deepcopy(other.step(actions)[3]))
    for infos, wanted in zip(unread, read, strict=True):
        assert isinstance(infos, LaneInfos)
        infos.ends.seconds = 0.0
        for info in wanted:
            info.get("episode", {})["t"] = 0.0
        assert comparable(infos) == comparable(wanted)
