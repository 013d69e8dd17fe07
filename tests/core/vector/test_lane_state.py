"""States, copies and changed parameters of lanes: over all ids, wrappers, and against single envs."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.errors import StateError
from ngym_core.testing import _equal
from ngym_core.vector._lane_state import put_lanes, take_lanes

from ...task_ids import IDS
from ..neurogym_style import Alternate, Dots
from ..stacks import WRAPPERS, build, goes_with
from ..test_state import STACKS, plain, through_json

PDM = "PerceptualDecisionMaking-v0"


def play(lanes, steps, seed=7):
    rng = np.random.default_rng(seed)
    space, returned = lanes.single_action_space, []
    for _ in range(steps):
        if space.shape:
            actions = rng.random((lanes.num_envs, *space.shape)).astype(space.dtype)
        else:
            actions = rng.integers(space.n, size=lanes.num_envs) * (rng.random(lanes.num_envs) < 0.5)
        returned.append(copy.deepcopy(lanes.step(actions)))
    return returned


def goes_on(make, steps=200, before=61, *, pickled=True):
    """Check a state, in the same lanes and in new ones, a deep copy and a pickled one (but for functions of a test)."""
    lanes = make()
    lanes.reset(seed=5)
    play(lanes, before, 3)
    state = lanes.get_state()
    plain(state)
    copies = {"deepcopy": copy.deepcopy(lanes)}
    if pickled:
        copies["pickle"] = pickle.loads(pickle.dumps(lanes))
    copies["new lanes"] = make()
    copies["new lanes"].set_state(through_json(state))
    expected = play(lanes, steps)
    for how, other in copies.items():
        assert _equal(play(other, steps), expected), how
    lanes.set_state(state)
    assert _equal(play(lanes, steps), expected)


@pytest.mark.parametrize("id_", IDS)
def test_lanes_go_on_from_a_state_bit_for_bit(id_):
    images = len(ngym.make(id_).observation_space.shape or ()) > 1
    goes_on(lambda: ngym.make_vec(id_, 3, num_trials_before_reset=4), 20 if images else 200)


@pytest.mark.parametrize("name", WRAPPERS)
def test_lanes_with_a_wrapper_go_on_from_a_state_bit_for_bit(name):
    for id_ in (PDM, "yang19.dms-v0"):
        if goes_with(name, id_):
            goes_on(lambda id_=id_: ngym.TrialVectorEnv(build(id_, (name,), num_trials_before_reset=5), 3))


@pytest.mark.parametrize("names", STACKS, ids="-".join)
def test_lanes_with_a_stack_go_on_from_a_state_bit_for_bit(names):
    goes_on(lambda: ngym.TrialVectorEnv(build(PDM, names, num_trials_before_reset=5), 3))


@pytest.mark.parametrize("make", [Dots, lambda: Alternate(Dots()), lambda: ngym.wrappers.TimeOut(Alternate(Dots()), 300)])
def test_lanes_in_neurogyms_style_go_on_from_a_state_bit_for_bit(make):
    goes_on(lambda: ngym.TrialVectorEnv(make(), 3), pickled=False)


@pytest.mark.parametrize("names", [(), ("SideBias", "PassAction", "TimeOut"), ("Noise",)])
@pytest.mark.parametrize("id_", [PDM, "MatchingPenny-v0"])
def test_some_lanes_go_on_from_the_state_of_others(names, id_):
    if not all(goes_with(name, id_) for name in names):
        pytest.skip("these wrappers do not go with it")
    lanes, apart = (ngym.TrialVectorEnv(build(id_, names), 5) for _ in range(2))
    for env in (lanes, apart):
        env.reset(seed=0)
        play(env, 45)
    state = lanes.get_state(lanes=[4, 1])
    lanes.set_state(state, lanes=[0, 2])
    got, expected = ([back[:3] for back in play(env, 1)] for env in (lanes, apart))
    for env_lane, other in ((1, 1), (3, 3), (4, 4)):  # those that were not set
        assert _equal(got[0][0][env_lane], expected[0][0][other])
    lanes.set_state(lanes.get_state(lanes=[4, 1]), lanes=[0, 2])
    for _ in range(300):
        ob, reward, *_ = lanes.step(np.zeros(5, int))
        assert np.array_equal(ob[0], ob[4])
        assert np.array_equal(ob[2], ob[1])
        assert (reward[0], reward[2]) == (reward[4], reward[1])


def test_lanes_refuse_other_states_and_change_nothing():
    lanes, untouched = (ngym.make_vec(PDM, 3) for _ in range(2))
    for env in (lanes, untouched):
        env.reset(seed=1)
        play(env, 30)
    state = lanes.get_state()
    two = lanes.get_state(lanes=[0, 1])
    other = ngym.make_vec("GoNogo-v0", 3)
    cases = [
        (other.get_state(), None, "goes with other layers"),
        (two, None, "goes with other number: 2, here 3"),
        (state, [0], "goes with other number: 3, here 1"),
        (ngym.make(PDM).get_state(), None, "state of 'env'"),
        ({**state, "content": {}}, None, "damaged"),
    ]
    for wrong, chosen, message in cases:
        with pytest.raises(StateError, match=message):
            lanes.set_state(wrong, chosen)
    for chosen in ([0, 0], [0.5], [[1]]):
        with pytest.raises(ValueError, match="must be different indices of lanes"):
            lanes.get_state(chosen)
    with pytest.raises(IndexError, match="there are lanes 0 to 2"):
        lanes.get_state([3])
    assert _equal(play(lanes, 100), play(untouched, 100))


def test_state_of_lanes_is_small_and_has_no_prefetched_trials():
    lanes = ngym.make_vec(PDM, 64)
    lanes.reset(seed=0)
    play(lanes, 100)
    assert len(pickle.dumps(lanes.get_state())) < 200_000


def test_take_lanes_refuses_memory_that_cannot_be_divided():
    for memory, what in ((np.zeros(4), r"an array \(4,\)"), (object(), "a object"), ([1, 2], "a list")):
        with pytest.raises(TypeError, match=f"memory of lanes .* not {what}"):
            take_lanes({"x": memory}, np.array([0]), 3)
    memory = {"a": np.arange(3), "b": [1, 2, 3], "c": None}
    put_lanes(memory, np.array([2, 0]), take_lanes(memory, np.array([0, 1]), 3))
    assert memory["a"].tolist() == [1, 1, 0]
    assert memory["b"] == [2, 2, 1]


# ---- changed parameters ------------------------------------------------------------------------------


def levels(env, i):
    """A change for the i-th time: of an attribute, of timing, and of rewards."""
    task = env.unwrapped
    if hasattr(task, "cohs"):
        task.cohs = [[6.4], [51.2, 25.6], [0.5]][i % 3]
    for period, value in list(task.timing.items()):
        if isinstance(value, int) and value >= 500:
            task.timing[period] = [300, 700, 500][i % 3]
    for name in list(task.rewards):
        task.rewards[name] = task.rewards[name] + 0.25


CHANGED = [PDM, "GoNogo-v0", "DelayMatchSample-v0", "yang19.go-v0", "yang19.dm1-v0", "ContextSwitch-v0", "MatchingPenny-v0"]


@pytest.mark.parametrize("names", [(), ("SideBias", "PassReward"), ("TrialHistory", "TimeOut")])
@pytest.mark.parametrize("id_", CHANGED)
def test_lanes_play_what_single_envs_play_that_were_changed_in_the_same_trial(id_, names):
    if not all(goes_with(name, id_) for name in names):
        pytest.skip("these wrappers do not go with it")
    lanes = ngym.TrialVectorEnv(build(id_, names), 4)
    singles = [build(id_, names) for _ in range(4)]
    ob, _ = lanes.reset(seed=2)
    assert np.array_equal(ob, np.stack([env.reset(seed=2 + i)[0] for i, env in enumerate(singles)]))
    rng = np.random.default_rng(0)
    for step in range(700):
        if step in (40, 41, 300, 555):
            levels(lanes.env, step)
            for env in singles:
                levels(env, step)
        actions = rng.integers(lanes.single_action_space.n, size=4) * (rng.random(4) < 0.3)
        ob, reward, _, _, info = lanes.step(actions)
        backs = [env.step(int(action)) for env, action in zip(singles, actions, strict=True)]
        assert np.array_equal(ob, np.stack([back[0] for back in backs])), step
        assert np.array_equal(reward, [back[1] for back in backs]), step
        for i, back in enumerate(backs):
            if back[4]["new_trial"]:
                assert _equal({k: v[i] for k, v in info["trial"].items() if not k.startswith("_")}, back[4]["trial"])


@pytest.mark.parametrize("make", [Dots, lambda: Alternate(Dots())])
def test_lanes_in_neurogyms_style_follow_changed_parameters(make):
    lanes, singles = ngym.TrialVectorEnv(make(), 3), [make() for _ in range(3)]
    lanes.reset(seed=0)
    for i, env in enumerate(singles):
        env.reset(seed=i)
    rng = np.random.default_rng(1)
    for step in range(300):
        if step == 50:
            for env in [lanes.env, *singles]:
                env.unwrapped.timing["stimulus"] = 700
                env.unwrapped.sigma = 0.0
        actions = rng.integers(3, size=3)
        ob, reward, *_ = lanes.step(actions)
        backs = [env.step(int(action)) for env, action in zip(singles, actions, strict=True)]
        assert np.array_equal(ob, np.stack([back[0] for back in backs])), step
        assert np.array_equal(reward, [back[1] for back in backs])


def test_lanes_refuse_a_changed_space():
    lanes = ngym.make_vec(PDM, 2)
    lanes.reset(seed=0)
    lanes.task.observation_space = ngym.spaces.Box(-1, 1, shape=(5,))
    with pytest.raises(ValueError, match=r"observation_space of .* was changed to .*; these lanes are made for"):
        play(lanes, 30)  # to the next trial
    with pytest.raises(ValueError, match=r"was changed"):
        lanes.get_state()


def test_state_of_lanes_has_changed_parameters():
    lanes, other = ngym.make_vec(PDM, 3), ngym.make_vec(PDM, 3)
    lanes.reset(seed=0)
    play(lanes, 10)
    lanes.task.cohs, lanes.task.timing["stimulus"] = [6.4], 300
    play(lanes, 100)
    state = lanes.get_state()
    expected = play(lanes, 200)
    other.set_state(state)
    assert other.task.cohs == [6.4]
    assert _equal(play(other, 200), expected)


def test_copies_of_lanes_are_independent():
    lanes = ngym.make_vec(PDM, 3)
    lanes.reset(seed=0)
    twin = copy.deepcopy(lanes)
    twin.task.cohs = [6.4]
    play(twin, 200)
    apart = ngym.make_vec(PDM, 3)
    apart.reset(seed=0)
    assert _equal(play(lanes, 200), play(apart, 200))
