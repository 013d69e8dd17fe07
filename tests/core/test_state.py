"""States, copies and restored envs go on as the original would have: over all ids, wrappers, positions and ways."""

from __future__ import annotations

import copy
import functools
import io
import json
import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, RecordEpisodeStatistics, TimeLimit
from hypothesis import given, settings
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.errors import StateError
from ngym_core.plain_data import checksum
from ngym_core.state import get_state, load_state, save_state, set_state
from ngym_core.testing import _equal

from ..task_ids import IDS
from .neurogym_style import Alternate, Dots
from .stacks import WRAPPERS, build, goes_with

PDM = "PerceptualDecisionMaking-v0"
STEPS = 500


def play(env, steps, seed=7):
    """What an env returns for random and right actions; it is reset where an episode ends."""
    rng = np.random.default_rng(seed)
    space, returned = env.action_space, []
    for _ in range(steps):
        if rng.random() < 0.5 and hasattr(env.unwrapped, "gt_now"):
            action = env.unwrapped.gt_now
        else:
            action = rng.integers(space.n) if not space.shape else rng.random(space.shape)
        action = np.asarray(action, space.dtype) if space.shape else int(action)
        back = env.step(action)
        returned.append(back)
        if back[2] or back[3]:
            returned.append(env.reset())
    return returned


def plain(state):
    """Raise if a state holds anything but plain data."""
    if isinstance(state, dict):
        assert all(type(key) is str for key in state)
        for value in state.values():
            plain(value)
    elif isinstance(state, list):
        for value in state:
            plain(value)
    elif isinstance(state, np.ndarray):
        assert not state.dtype.hasobject
    else:
        assert state is None or type(state) in (bool, int, float, str)


def through_json(state):
    """A state through JSON text, and its arrays through a file of NumPy's format."""
    arrays = {}

    def out(value):
        if isinstance(value, np.ndarray):
            arrays[f"a{len(arrays)}"] = value
            return {"__array__": f"a{len(arrays) - 1}"}
        return {k: out(v) for k, v in value.items()} if isinstance(value, dict) else value

    def out_all(value):
        return [out_all(v) for v in value] if isinstance(value, list) else out_dict(value)

    def out_dict(value):
        return {k: out_all(v) for k, v in value.items()} if isinstance(value, dict) else out(value)

    text, file = json.dumps(out_dict(state)), io.BytesIO()
    np.savez(file, **arrays)
    file.seek(0)
    saved = np.load(file, allow_pickle=False)
    return json.loads(text, object_hook=lambda d: saved[d["__array__"]] if "__array__" in d else d)


COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda s: pickle.loads(pickle.dumps(s)), "json": through_json}


def short(env, trials=5):
    """The env with episodes of some trials."""
    for layer in ngym.sampling.tasks_of(env):
        layer.num_tr_exp = trials
    return env


def to_the_end_of_an_episode(env):
    for _ in range(5000):
        action = env.unwrapped.gt_now
        back = env.step(action if env.action_space.shape else int(action))
        if back[2] or back[3]:
            return
    raise AssertionError("no end of an episode")


POSITIONS = {"fresh": lambda env: None, "mid-trial": lambda env: play(env, 61, 3), "end": to_the_end_of_an_episode}


def goes_on(make, position, steps=STEPS):
    """Check all ways on from one position."""
    env = make()
    env.reset(seed=11)
    POSITIONS[position](env)
    state = get_state(env)
    plain(state)
    copies = {"deepcopy of the env": copy.deepcopy(env)}
    expected = env.reset() if position == "end" else None, play(env, steps)

    def check(other, how):
        got = other.reset() if position == "end" else None, play(other, steps)
        assert _equal(got, expected), how

    for how, other in copies.items():
        check(other, how)
    for how, copied in COPIES.items():  # what a state is equal to goes on alike, so one of them is played
        assert checksum(copied(state)) == checksum(state), how
    other = make()
    set_state(other, through_json(state))
    check(other, "json")
    set_state(env, state)  # one state, two futures
    play(env, 30, 99)
    set_state(env, state)
    check(env, "branch")


@pytest.mark.parametrize("id_", IDS)
def test_state_of_a_task_goes_on_bit_for_bit(id_):
    images = len(ngym.make(id_).observation_space.shape or ()) > 1
    for position in POSITIONS:
        goes_on(lambda: short(ngym.make(id_)), position, 40 if images else STEPS)


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.parametrize("id_", [PDM, "yang19.dms-v0", "ReadySetGo-v0"])
def test_state_of_a_wrapper_goes_on_bit_for_bit(name, id_):
    if not goes_with(name, id_):
        pytest.skip(f"{name} does not go with {id_}")
    for position in ("fresh", "mid-trial"):
        goes_on(lambda: short(build(id_, (name,)), 7), position)


STACKS = [
    ("SideBias", "CatchTrials", "PassAction"),
    ("TrialHistory", "Noise", "PassReward"),
    ("SideBias", "ScheduleEnvs", "TimeOut"),
    ("TrialHistoryV2", "VariableMapping", "ReactionTime", "PassAction"),
]


@pytest.mark.parametrize("names", STACKS, ids="-".join)
def test_state_of_a_stack_goes_on_bit_for_bit(names):
    for position in ("fresh", "mid-trial", "end"):
        goes_on(lambda: short(build(PDM, names), 6), position)


FOREIGN = {
    "TimeLimit": lambda env: TimeLimit(env, 37),
    "OrderEnforcing": OrderEnforcing,
    "PassiveEnvChecker": PassiveEnvChecker,
    "RecordEpisodeStatistics": RecordEpisodeStatistics,
}


@pytest.mark.parametrize("name", FOREIGN)
def test_state_with_a_foreign_wrapper_goes_on_bit_for_bit(name):
    def make():
        # Gymnasium refuses to record episodes twice
        inside = FOREIGN[name] if name != "RecordEpisodeStatistics" else OrderEnforcing
        inner = inside(ngym.make(PDM, wrappers=[("SideBias", {"probs": [[0.8, 0.2], [0.3, 0.7]], "block_dur": 3})]))
        outer = FOREIGN[name](ngym.wrappers.PassAction(ngym.wrappers.TimeOut(inner, 300)))
        return short(outer)

    def without_time(returned):
        for back in returned:
            back[-1].get("episode", {}).pop("t", None)
        return returned

    env = make()
    env.reset(seed=1)
    play(env, 61)
    state = get_state(env)
    plain(state)
    expected = without_time(play(env, STEPS))
    other = make()
    set_state(other, through_json(state))
    assert _equal(without_time(play(other, STEPS)), expected)


@pytest.mark.parametrize("make", [Dots, lambda: Alternate(Dots()), lambda: ngym.wrappers.PassReward(Alternate(Dots()))])
def test_state_of_a_task_in_neurogyms_style_goes_on_bit_for_bit(make):
    for position in POSITIONS:
        goes_on(lambda: short(make()), position)


def test_state_set_in_another_process_goes_on_bit_for_bit(tmp_path):
    """States of all ids, taken here and set there."""
    envs = {id_: ngym.make(id_) for id_ in IDS if len(ngym.make(id_).observation_space.shape or ()) < 2}
    pairs = {}
    for id_, env in envs.items():
        env.reset(seed=2)
        play(env, 61)
        pairs[id_] = env.get_state(), play(env, 100)
    (tmp_path / "pairs.pkl").write_bytes(pickle.dumps(pairs))
    program = (
        "import pickle, sys, ngym_core as ngym; sys.path.insert(0, sys.argv[2]);"
        "from tests.core.test_state import play; from ngym_core.testing import _equal\n"
        "for id_, (state, expected) in pickle.load(open(sys.argv[1], 'rb')).items():\n"
        "    env = ngym.make(id_); env.set_state(state); assert _equal(play(env, 100), expected), id_\n"
    )
    root = str(__import__("pathlib").Path(__file__).parents[2])
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "pairs.pkl"), root], check=True)


def test_state_is_saved_in_one_file_without_pickles(tmp_path):
    env = ngym.make(PDM)
    env.reset(seed=0)
    play(env, 30)
    path = save_state(tmp_path / "state", env.get_state())
    assert [p.name for p in tmp_path.iterdir()] == ["state.npz"]
    np.load(path, allow_pickle=False)
    expected = play(env, 50)
    env.set_state(load_state(path))
    assert _equal(play(env, 50), expected)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StateError, match="holds no state of ngym, or is damaged"):
        load_state(path)


def test_state_follows_parameters_that_were_changed():
    env, other = ngym.make(PDM), ngym.make(PDM)
    env.cohs, env.timing["stimulus"], env.rewards["fail"] = [6.4], 300, -1.0
    env.reset(seed=0)
    state = env.get_state()
    expected = play(env, 100)
    other.set_state(state)
    assert (other.cohs, other.timing["stimulus"], other.rewards["fail"]) == ([6.4], 300, -1.0)
    assert _equal(play(other, 100), expected)


def wrong_states():
    env = ngym.make(PDM)
    env.reset(seed=0)
    state = env.get_state()
    yield "another task", ngym.make("GoNogo-v0").get_state(), "goes with other layers"
    yield "another parameter", ngym.make(PDM, dt=20).get_state(), r"other parameters: .*dt=20.0, here .*dt=100.0"
    yield "another wrapper", ngym.make(PDM, wrappers=["PassAction"]).get_state(), "goes with other layers"
    yield "lanes", ngym.make_vec(PDM, 1).get_state(), "state of 'lanes'; expected one of 'env'"
    yield "another format", {**state, "format": 99}, "has the format 99"
    yield "a number", 3, "no state of ngym, but a int"
    yield "a part", {k: v for k, v in state.items() if k != "checksum"}, "no state of ngym"
    for change in (
        {"content": []},
        {"checksum": 0},
        {"content": {**state["content"], "layers": [{**state["content"]["layers"][0], "t_ind": 5}]}},
        {"content": {1, 2}},
    ):
        yield f"damaged {sorted(change)}", {**state, **change}, "damaged: its checksum differs"


@pytest.mark.parametrize(("name", "state", "message"), list(wrong_states()), ids=[w[0] for w in wrong_states()])
def test_set_state_refuses_other_states_and_changes_nothing(name, state, message):
    env, untouched = ngym.make(PDM), ngym.make(PDM)
    for one in (env, untouched):
        one.reset(seed=4)
        play(one, 10)
    with pytest.raises(StateError, match=message):
        env.set_state(state)
    assert _equal(play(env, 100), play(untouched, 100))


@settings(max_examples=60)
@given(data=st.data())
def test_set_state_refuses_every_damage(data):
    env = ngym.make(PDM, wrappers=["TimeOut"])
    env.reset(seed=0)
    state = env.get_state()
    place = holder = state
    while isinstance(place, (dict, list)) and len(place):
        holder = place
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        place = holder[key]
    if isinstance(holder, dict) and data.draw(st.booleans()):
        del holder[key]
    elif isinstance(place, np.ndarray) and place.size:
        place.flat[0] = ~place.flat[0] if place.dtype.kind in "iub" else place.flat[0] + 1
    else:
        holder[key] = "damage"
    with pytest.raises(StateError):
        env.set_state(state)
    assert env.step(0)[1] == 0.0


def test_get_state_refuses_what_has_no_value():
    env = ngym.make(PDM)
    env.unwrapped.order = iter([1, 2, 3])
    with pytest.raises(TypeError, match=r"state of .* cannot be taken: .* is an iterator"):
        env.get_state()


def test_state_includes_a_distribution_that_was_assigned():
    env, other = ngym.make(PDM), ngym.make(PDM)
    env.reset(seed=0)
    env.timing["stimulus"] = ngym.TruncExp(800, 200, 900)
    other.set_state(env.get_state())
    assert other.timing["stimulus"] == ngym.TruncExp(800, 200, 900)
    assert _equal(play(env, 100), play(other, 100))


def test_state_with_a_function_where_there_is_none_is_refused():
    for function in (lambda: 4000, functools.partial(np.random.default_rng(0).uniform, 100, 900)):
        env, other = ngym.make(PDM), ngym.make(PDM)
        env.timing["stimulus"] = function
        for value in (500, ngym.TruncExp(800, 200, 900)):
            other.timing["stimulus"] = value
            with pytest.raises(StateError, match="has a function where there is .*: give the env the same one first"):
                other.set_state(env.get_state())
            assert other.timing["stimulus"] == value


def test_state_that_was_saved_without_the_numbers_of_distributions_is_read():
    def make():
        return ngym.make(PDM, timing={"stimulus": ngym.TruncExp(800, 200, 900)})

    env, other = make(), make()
    env.reset(seed=0)
    state = env.get_state()
    (name, text), *_ = ((n, t) for n, t in state["parameters"].items() if "TruncExp" in t)
    state["parameters"][name] = text.replace("TruncExp[800.0, 200.0, 900.0]", "TruncExp")
    timing = state["content"]["layers"][-1]["timing"]["state"]
    generator = timing["stimulus"]["attributes"]["rng"]
    timing["stimulus"] = {"$": "function", "held": [None, None, None, generator]}
    state["checksum"] = checksum({name: part for name, part in state.items() if name != "checksum"})
    other.set_state(state)
    assert _equal(play(env, 100), play(other, 100))


def test_state_includes_generators_that_functions_have_taken():
    """A duration drawn by a function from a generator of its own: in states, and apart in copies."""

    def make():
        own = np.random.default_rng(5)
        return ngym.make(PDM, timing={"stimulus": lambda: own.uniform(100, 900)})

    env, other = make(), make()
    env.reset(seed=0)
    play(env, 50)
    state, twin = env.get_state(), copy.deepcopy(env)
    expected = play(env, 300)
    other.set_state(state)
    assert _equal(play(other, 300), expected)
    assert _equal(play(twin, 300), expected)


@pytest.mark.parametrize("make", [lambda: ngym.make(PDM), Dots, lambda: Alternate(Dots())])
def test_state_includes_where_sampling_stands(make):
    env, other = make(), make()
    env.seed(3)
    env.sample_trials(5)
    state = env.get_state()
    expected = [(t.ob, t.gt, t.conditions) for t in env.sample_trials(20)]
    other.set_state(through_json(state))
    assert _equal([(t.ob, t.gt, t.conditions) for t in other.sample_trials(20)], expected)


# ---- one sequence of trials, whatever is around ------------------------------------------------------


def roads():
    """Ways to make one task with wrappers that draw, with other layers anywhere."""
    biased = ("SideBias", {"probs": [[0.8, 0.2], [0.3, 0.7]], "block_dur": 3})
    noise = ("Noise", {"std_noise": 0.3})
    ngym_id = f"ngym_core:{PDM}"

    def by_hand(*between):
        env = ngym.make(PDM)
        env = ngym.wrappers.SideBias(functools.reduce(lambda e, w: w(e), between, env), **biased[1])
        return ngym.wrappers.Noise(functools.reduce(lambda e, w: w(e), between, env), **noise[1])

    made = gym.make(ngym_id, wrappers=[biased, noise], num_trials_before_reset=10_000_000)
    yield "make", ngym.make(PDM, wrappers=[biased, noise])
    yield "by hand", by_hand()
    yield "gym.make", made
    yield "gym.make(spec)", gym.make(made.spec)
    yield "from_json", gym.make(gym.envs.registration.EnvSpec.from_json(made.spec.to_json()))
    yield "TimeLimit", by_hand(lambda e: TimeLimit(e, 10_000))
    yield "many", by_hand(OrderEnforcing, PassiveEnvChecker, RecordEpisodeStatistics)
    yield "wrappers that draw nothing", by_hand(ngym.TrialWrapper)


def test_trials_do_not_depend_on_the_road_or_on_foreign_layers():
    shown = {}
    for name, env in roads():
        env.reset(seed=3)
        shown[name] = [(back[0][:3], back[4].get("trial")) for back in play(env, 300)]
    assert all(_equal(one, shown["make"]) for one in shown.values()), [
        n for n in shown if not _equal(shown[n], shown["make"])
    ]


def test_wrappers_of_one_class_draw_separately():
    env = ngym.wrappers.Noise(ngym.wrappers.Noise(ngym.make("Null-v0"), 1.0), 1.0)
    noise = np.array([back[0] for back in play(env, 2000)] if env.reset(seed=0) else None)
    assert noise.std() == pytest.approx(np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("wrappers", [[], ["PassAction"], ["Noise"]])
def test_np_random_restarts_all_randomness(wrappers):
    def trials(generator, before):
        env = ngym.make(PDM, wrappers=wrappers)
        env.reset(seed=before)
        env.np_random = generator
        return env.reset(), play(env, 200)

    one, two = trials(np.random.default_rng(5), 0), trials(np.random.default_rng(5), 1)
    assert _equal(one, two)
    assert not _equal(one, trials(np.random.default_rng(6), 0))
    with pytest.raises(TypeError, match=r"np_random must be a numpy.random.Generator, not int"):
        ngym.make(PDM).np_random = 3
    with pytest.raises(AttributeError, match="seed them by reset"):
        ngym.make_vec(PDM, 2).np_random = np.random.default_rng(0)


def test_np_random_restarts_all_tasks_of_a_mixture():
    def trials(before):
        env = build(PDM, ("ScheduleEnvs",))
        env.reset(seed=before)
        env.np_random = np.random.default_rng(1)
        return env.reset(), play(env, 200)

    assert _equal(trials(0)[1][50:], trials(1)[1][50:])


@pytest.mark.parametrize("trials", [0, 1, 2, 3])
def test_state_includes_the_second_of_two_normal_numbers(trials):
    """`numpy.random.RandomState` makes normal numbers in pairs: an odd number of them leaves one over."""

    class OneNormal(ngym.TrialEnv):
        def __init__(self):
            super().__init__()
            self.own = np.random.RandomState(3)
            self.observation_space = ngym.spaces.Box(-np.inf, np.inf, shape=(2,), dtype=np.float32)
            self.action_space = ngym.spaces.Discrete(2)

        def _new_trial(self, **kwargs):
            self.add_period("go", 100)
            self.add_ob(self.rng.randn(), "go", where=0)
            self.add_ob(self.own.randn(), "go", where=1)
            return kwargs

    env, other = OneNormal(), OneNormal()
    env.reset(seed=0)
    for _ in range(trials):
        env.new_trial()
    other.set_state(through_json(env.get_state()))
    copied = copy.deepcopy(env)
    for one in (env, other, copied):
        one.new_trial()
    assert np.array_equal(other.ob, env.ob)
    assert np.array_equal(copied.ob, env.ob)


COMMON, OTHER = np.random.default_rng(8), np.random.default_rng(5)


class Urn:
    """Draws durations from a generator of its own."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def __call__(self):
        return float(self.rng.integers(1, 9) * 100)


def closure(seed):
    rng = np.random.RandomState(seed)
    return lambda: float(rng.randint(1, 9) * 100)


@pytest.mark.parametrize(
    "draw",
    [
        Urn(1),
        Urn(2).__call__,
        closure(3),
        functools.partial(np.random.default_rng(4).choice, [100.0, 200.0, 900.0]),
        lambda rng=OTHER: float(rng.integers(1, 9) * 100),
        lambda: float(COMMON.integers(1, 9) * 100),
    ],
    ids=["object", "method", "closure", "partial", "default", "global"],
)
def test_state_includes_the_generators_of_whatever_draws_durations(draw):
    env = ngym.make("PerceptualDecisionMaking-v0", timing={"delay": draw})
    env.reset(seed=0)
    env.new_trial()
    state = env.get_state()
    lengths = [env.new_trial() and len(env.gt) for _ in range(20)]
    assert len(set(lengths)) > 1
    env.set_state(state)
    assert [env.new_trial() and len(env.gt) for _ in range(20)] == lengths


CARRYING = {
    "penny": lambda: ngym.mix(["MatchingPenny-v0", "GoNogo-v0"], pad=True),
    "learning": lambda: ngym.mix(["CVLearning-v0", "GoNogo-v0"], pad=True),
    "nested": lambda: ngym.mix(["GoNogo-v0", ngym.mix(["MatchingPenny-v0", "GoNogo-v0"], pad=True)], pad=True),
}


@pytest.mark.parametrize("name", CARRYING)
@pytest.mark.parametrize("steps", [3, 30, 61])
def test_state_of_a_mixture_has_what_its_tasks_carry(name, steps):
    env = CARRYING[name]()
    env.reset(seed=0)
    play(env, steps)
    state = through_json(get_state(env))
    expected = play(env, 300)
    other = CARRYING[name]()
    set_state(other, state)
    assert _equal(play(other, 300), expected)


@pytest.mark.parametrize("name", CARRYING)
def test_state_of_lanes_of_a_mixture_has_what_its_tasks_carry(name):
    def play_lanes(lanes):
        rng = np.random.default_rng(5)
        actions = (rng.integers(0, lanes.single_action_space.n, 3) for _ in range(200))
        return copy.deepcopy([lanes.step(action)[:2] for action in actions])

    lanes, other = (ngym.TrialVectorEnv(CARRYING[name](), 3) for _ in range(2))
    lanes.reset(seed=0)
    play_lanes(lanes)
    state = through_json(lanes.get_state())
    expected = play_lanes(lanes)
    other.set_state(state)
    assert _equal(play_lanes(other), expected)
