"""What packs get to draw is what the agent met, in every env, stack and lane; drawing itself is tested in tests/plot."""

from __future__ import annotations

import copy
import json
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import TransformReward

import ngym_core as ngym
from ngym_core.plugins import registry
from ngym_core.plugins.manager import PackManager, PackStatus
from ngym_core.rendering import MOMENTS_KEPT, PlayedTrial, PlayedTrialRecorder, frames_per_second, record_trials
from ngym_core.wrappers import MultiEnvs, PassAction

from ..task_ids import IDS
from .neurogym_style import Alternate, Dots
from .stacks import WRAPPERS, build, goes_with, pairs

PDM = "PerceptualDecisionMaking-v0"


class Drawing:
    """A pack that keeps what it is given to draw."""

    @ngym.hookimpl
    def ngym_frame(self, trial, env):
        self.trial, self.env = trial, env
        return np.zeros((2, 3, 3), np.uint8)


@pytest.fixture(autouse=True)
def drawing():
    """Have that pack alone draw frames."""
    before, manager, pack = registry.pack_manager(), PackManager(), Drawing()
    manager.add(pack, PackStatus("drawing", "a-pack", "1"))
    registry.set_pack_manager(manager)
    yield pack
    registry.set_pack_manager(before)


class Log:
    """What an agent met in the trial that is to be shown, kept outside of the env."""

    def reset(self, ob):
        self.ob, self.steps, self.ended, self.next_ob = [ob], [], False, None

    def step(self, action, ob, reward, gt, ended):
        if self.ended:
            self.reset(self.next_ob)
        self.steps.append((action, reward, gt))
        self.ended = bool(ended)
        if self.ended:
            self.next_ob = copy.deepcopy(ob)
        else:
            self.ob.append(copy.deepcopy(ob))

    def compare(self, trial):
        assert np.array_equal(trial.ob, np.array(self.ob), equal_nan=True)
        for k, column in enumerate((trial.actions, trial.rewards, trial.gt)):
            assert np.array_equal(column, np.array([step[k] for step in self.steps]))
        assert trial.ended == self.ended


def actions_of(space, n, seed=3):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        yield np.asarray(rng.random(space.shape), space.dtype) if space.shape else int(rng.integers(space.n))


def follow(env, drawing, steps=120):
    """Play an env, half the time by its ground truth, and compare what is drawn with what the agent met."""
    log = Log()
    log.reset(copy.deepcopy(env.reset(seed=5)[0]))
    assert env.render().shape == (2, 3, 3)
    log.compare(drawing.trial)
    ended = 0
    for i, action in enumerate(actions_of(env.action_space, steps)):
        action = env.unwrapped.gt_now if i % 7 < 4 and isinstance(action, int) else action
        ob, reward, _, truncated, info = env.step(action)
        log.step(action, ob, reward, info["gt"], info["new_trial"])
        env.render()
        log.compare(drawing.trial)
        if info["new_trial"]:
            ended += 1
            assert drawing.trial.performance == info["performance"]
            shown, conditions = drawing.trial.conditions, info["ended_trial"]
            assert {name: np.asarray(value).tolist() for name, value in shown.items()} == {
                name: np.asarray(value).tolist() for name, value in conditions.items()
            }
        if truncated:
            log.reset(copy.deepcopy(env.reset()[0]))
            env.render()
            log.compare(drawing.trial)
    return ended


@pytest.mark.parametrize("id_", IDS)
@pytest.mark.filterwarnings("ignore")
def test_every_task_is_drawn_as_it_was_played(drawing, id_):
    env = ngym.make(id_, render_mode="rgb_array", num_trials_before_reset=3)
    follow(env, drawing)
    assert drawing.env is env
    assert set(drawing.trial.periods) == set(env.unwrapped.start_ind)


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.filterwarnings("ignore")
def test_what_a_wrapper_changes_is_drawn(drawing, name):
    id_ = next(id_ for id_ in (PDM, *IDS) if goes_with(name, id_))
    env = build(id_, (name,), render_mode="rgb_array")
    assert follow(env, drawing, 400) > 3
    assert drawing.env is env


@pytest.mark.parametrize(
    "names", pairs(PDM, ["Noise", "PassAction", "PassReward", "ReactionTime", "TimeOut", "ScheduleEnvs"])
)
@pytest.mark.filterwarnings("ignore")
def test_what_a_stack_of_wrappers_changes_is_drawn(drawing, names):
    assert follow(build(PDM, names, render_mode="rgb_array"), drawing, 200) > 2


def test_tasks_and_wrappers_in_neurogyms_style_are_drawn(drawing):
    for make in (Dots, lambda: Alternate(Dots()), lambda: PassAction(Dots())):
        env = make()
        record_trials(env, "rgb_array")
        assert follow(env, drawing, 200) > 3


def test_mixture_of_envs_that_were_made_to_be_drawn(drawing):
    tasks = [
        ngym.make(PDM, render_mode=mode, timing={"stimulus": 300 + 100 * i}) for i, mode in enumerate(["rgb_array", None])
    ]
    env = MultiEnvs(tasks)
    assert follow(env, drawing, 30) > 1
    env.set_i(1)
    assert follow(env, drawing, 30) > 1
    assert drawing.trial.periods["stimulus"] == (1, 5)


def test_foreign_wrappers_are_passed_through(drawing):
    env = TransformReward(ngym.make(PDM, render_mode="rgb_array"), lambda reward: reward + 1)
    env.reset(seed=0)
    env.step(0)
    assert env.render_mode == "rgb_array"
    assert env.render().dtype == np.uint8
    assert drawing.trial.rewards.tolist() == [0]


# ---- lanes --------------------------------------------------------------------------------------


def frames_of(drawing, env):
    """What is drawn of each lane."""
    drawn = [env._recorder.trial(lane) for lane in range(env.num_envs)]
    frames = env.render()
    assert isinstance(frames, tuple)
    assert len(frames) == env.num_envs
    assert drawing.trial.number == drawn[-1].number
    return drawn


def assert_same(one, other):
    for name, value in vars(one).items():
        mine = getattr(other, name)
        if isinstance(value, np.ndarray):
            assert np.array_equal(value, mine, equal_nan=True), name
        else:
            assert repr(value) == repr(mine), name


ROADS = [
    (PDM, ()),
    (PDM, ("PassAction", "Noise")),
    (PDM, ("TimeOut",)),
    ("MatchingPenny-v0", ()),
    ("ReachingDelayResponse-v0", ()),
]


@pytest.mark.parametrize(("id_", "names"), ROADS)
@pytest.mark.parametrize("trials", [2, 10**6])
@pytest.mark.filterwarnings("ignore")
def test_lane_is_drawn_as_the_single_env_of_its_seed(drawing, id_, names, trials):
    options = {"render_mode": "rgb_array", "num_trials_before_reset": trials}
    wrappers = [WRAPPERS[name] for name in names]
    lanes = ngym.make_vec(id_, 3, wrappers=wrappers, **options)
    singles = [build(id_, names, **options) for _ in range(3)]
    lanes.reset(seed=4)
    for i, env in enumerate(singles):
        env.reset(seed=4 + i)
    over = [False] * 3
    for action in actions_of(lanes.single_action_space, 150):
        lanes.step(np.array([action] * 3))
        for i, env in enumerate(singles):  # next-step autoreset: a lane whose episode is over takes no step
            over[i] = (env.reset(), False)[1] if over[i] else env.step(action)[3]
        for env, drawn in zip(singles, frames_of(drawing, lanes), strict=True):
            env.render()
            assert_same(drawing.trial, drawn)


def test_lanes_are_drawn_from_the_reset_of_each(drawing):
    lanes = ngym.make_vec(PDM, 3, render_mode="rgb_array", timing={"stimulus": 200})
    with pytest.raises(gym.error.ResetNeeded, match="reset"):
        lanes.render()
    lanes.reset(seed=0)
    for _ in range(3):
        ob, *_ = lanes.step([0, 0, 0])
    fresh, _ = lanes.reset(options={"reset_mask": np.array([False, True, False])})
    first, second, _ = frames_of(drawing, lanes)
    assert first.ob.shape == (4, 3)
    assert second.ob.tolist() == [fresh[1].tolist()]
    assert first.ob[-1].tolist() == ob[0].tolist()


def test_same_step_lanes_show_the_trial_that_ended(drawing):
    lanes = ngym.make_vec(PDM, 2, render_mode="rgb_array", autoreset_mode="SameStep", num_trials_before_reset=1)
    lanes.reset(seed=0)
    for _ in range(21):
        lanes.step([0, 0])
    lanes.step([1, 2])
    for lane, trial in enumerate(frames_of(drawing, lanes)):
        assert trial.ended
        assert trial.actions.tolist() == [0] * 21 + [lane + 1]
    lanes.step([0, 0])
    assert [len(trial.actions) for trial in frames_of(drawing, lanes)] == [1, 1]


def test_recorder_keeps_no_more_than_the_present_trials():
    env = ngym.make(PDM, render_mode="rgb_array", timing={"stimulus": 100})
    env.reset(seed=0)
    for _ in range(10 * MOMENTS_KEPT):
        env.step(0)
    assert len(env._recorder._seen) <= MOMENTS_KEPT + 10
    assert len(env._recorder._seen) == len(env._recorder._taken) + 1


# ---- states and copies ---------------------------------------------------------------------------


def drawn(drawing, env):
    if isinstance(env, ngym.TrialVectorEnv):
        return frames_of(drawing, env)
    env.render()
    return [drawing.trial]


@pytest.mark.parametrize(
    "make",
    [
        lambda **k: ngym.make(PDM, **k),
        lambda **k: ngym.make(PDM, wrappers=["PassReward", "Noise"], **k),
        lambda **k: ngym.make_vec(PDM, 3, **k),
        lambda **k: ngym.make_vec("MatchingPenny-v0", 3, wrappers=["PassAction"], **k),
    ],
)
@pytest.mark.parametrize("steps", [0, 3, 22, 25])
@pytest.mark.filterwarnings("ignore")
def test_copies_and_states_go_on_with_what_is_drawn(drawing, make, steps):
    env = make(render_mode="rgb_array")
    action = np.ones(3, int) if isinstance(env, ngym.TrialVectorEnv) else 1
    env.reset(seed=0)
    for _ in range(steps):
        env.step(action)
    state = env.get_state()
    json.dumps(state, default=lambda array: array.tolist())
    others = [copy.deepcopy(env), pickle.loads(pickle.dumps(env)), make(render_mode="rgb_array")]
    others[2].set_state(state)
    busy = make(render_mode="rgb_array")
    busy.reset(seed=9)
    for _ in range(7):
        busy.step(action)
    busy.set_state(copy.deepcopy(state))
    for _ in range(30):
        for other in (*others, busy):
            for one, two in zip(drawn(drawing, env), drawn(drawing, other), strict=True):
                assert_same(one, two)
        for each in (env, *others, busy):
            each.step(action)


def test_state_of_one_lane_goes_on_with_what_is_drawn_of_it(drawing):
    lanes = ngym.make_vec(PDM, 3, render_mode="rgb_array")
    lanes.reset(seed=0)
    for _ in range(5):
        lanes.step([0, 1, 2])
    before = frames_of(drawing, lanes)
    lanes.set_state(lanes.get_state(lanes=[2]), lanes=[0])
    after = frames_of(drawing, lanes)
    for one, two in zip(after, [before[2], before[1], before[2]], strict=True):
        assert_same(one, two)


@pytest.mark.parametrize("make", [lambda **k: ngym.make(PDM, **k), lambda **k: ngym.make_vec(PDM, 2, **k)])
def test_states_go_from_envs_with_a_render_mode_to_those_without_and_back(drawing, make):
    plain, rendering = make(), make(render_mode="rgb_array")
    action = np.zeros(2, int) if isinstance(plain, ngym.TrialVectorEnv) else 0
    plain.reset(seed=0)
    for _ in range(3):
        plain.step(action)
    rendering.set_state(plain.get_state())
    assert rendering.render_mode == "rgb_array"
    ob = rendering.step(action)[0]
    (trial, *_) = drawn(drawing, rendering)
    assert (trial.first_step, len(trial.actions)) == (3, 1)
    assert np.isnan(trial.ob[0]).all()
    assert np.array_equal(trial.ob[1], ob.reshape(-1, 3)[0])
    plain.set_state(rendering.get_state())
    assert plain.render_mode is None
    assert np.array_equal(plain.step(action)[0], rendering.step(action)[0])


def test_pickled_lanes_and_recorders_of_lanes_of_other_lengths_fit_together():
    recorder, trial = PlayedTrialRecorder(2), PlayedTrial(1, {"a": 1}, {"p": (0, 9)})
    recorder.begin([0, 1], np.zeros((2, 1)), [trial, trial])
    long = PlayedTrialRecorder(1)
    long.begin([0], np.full((1, 1), 5.0), [trial])
    for i in range(4):
        long.step(np.array([i]), np.array([i / 2]), np.array([0]), np.full((1, 1), float(i)), {})
    recorder.set_lanes([1], long.get_lanes([0]))
    assert_same(recorder.trial(1), long.trial(0))
    assert recorder.trial(0).ob.tolist() == [[0]]
    recorder.step(np.array([7, 8]), np.zeros(2), np.zeros(2, int), np.ones((2, 1)), {})
    assert recorder.trial(0).actions.tolist() == [7]
    assert recorder.trial(1).actions.tolist() == [0, 1, 2, 3, 8]


# ---- making ---------------------------------------------------------------------------------------

MAKERS = {
    "make": lambda **k: ngym.make(PDM, **k),
    "class": lambda **k: ngym.tasks.perceptual_decision_making.PerceptualDecisionMaking(**k),
    "make_vec": lambda **k: ngym.make_vec(PDM, 2, **k),
    "gymnasium": lambda **k: gym.make(f"ngym_core:{PDM}", **k),
    "gymnasium_vec": lambda **k: gym.make_vec(f"ngym_core:{PDM}", num_envs=2, **k),
    "gymnasium_sync": lambda **k: gym.make_vec(f"ngym_core:{PDM}", num_envs=2, vectorization_mode="sync", **k),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_render_mode_is_taken_everywhere_and_others_are_refused(maker):
    make = MAKERS[maker]
    assert make(render_mode=None).render_mode is None
    env = make(render_mode="rgb_array")
    assert env.render_mode == "rgb_array"
    env.reset(seed=0)
    frames = env.render()
    assert (frames[0] if isinstance(frames, tuple) else frames).shape == (2, 3, 3)
    for mode in ("human", "rgb_array_list", "ansi", 5, True):
        with pytest.raises(ValueError, match=f"render_mode={mode!r} must be one of 'rgb_array', or None"):
            make(render_mode=mode)


@pytest.mark.parametrize("maker", MAKERS)
def test_make_says_what_to_install_where_nobody_draws(maker):
    registry.set_pack_manager(PackManager())
    with pytest.raises(ImportError, match="='rgb_array' needs a pack that draws frames, .* pip install ngym-plot"):
        MAKERS[maker](render_mode="rgb_array")
    assert MAKERS[maker](render_mode=None) is not None


def test_task_that_takes_no_further_arguments_is_drawn(drawing):
    registry.register(ngym.TaskSpec("Dots-v0", f"{Dots.__module__}:Dots"))
    try:
        assert ngym.make("Dots-v0", render_mode=None).render_mode is None
        follow(ngym.make("Dots-v0", render_mode="rgb_array"), drawing, 30)
    finally:
        registry.unregister(["Dots-v0"])


@pytest.mark.parametrize("make", [MAKERS["make"], MAKERS["make_vec"]])
def test_render_without_a_render_mode_warns_and_returns_nothing(make):
    env = make()
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="no render_mode, so render\\(\\) returns nothing. Make .* render_mode='rgb_array'"):
        assert env.render() is None


def test_render_before_the_first_reset_says_so():
    with pytest.raises(gym.error.ResetNeeded, match="Call reset\\(\\) before render\\(\\)"):
        ngym.make(PDM, render_mode="rgb_array").render()


def test_spec_holds_the_render_mode(drawing):
    for env in (MAKERS["gymnasium"](render_mode="rgb_array"), ngym.make(PDM, render_mode="rgb_array")):
        assert env.spec.kwargs["render_mode"] == "rgb_array"
        assert "render_mode" not in ngym.make(PDM).spec.kwargs
        for spec in (env.spec, EnvSpec.from_json(env.spec.to_json())):
            again = gym.make(spec)
            assert again.render_mode == "rgb_array"
            again.reset(seed=0)
            assert again.render().shape == (2, 3, 3)


def test_metadata_names_the_mode_and_real_time(drawing):
    assert ngym.TrialEnv.metadata == {"render_modes": ["rgb_array"], "render_fps": 10.0}
    assert ngym.make(PDM).metadata["render_fps"] == 10
    assert ngym.make(PDM, dt=50, wrappers=["PassReward"]).metadata["render_fps"] == 20
    assert ngym.make_vec(PDM, 2, dt=50).metadata["render_fps"] == 20
    assert ngym.make("MemoryRecall-v0").metadata["render_fps"] == frames_per_second(1) == 50


@pytest.mark.filterwarnings("ignore")
def test_gymnasiums_checker_passes_with_a_render_mode(drawing):
    check_env(ngym.make(PDM, render_mode="rgb_array", wrappers=["PassAction"]))
    check_env(gym.make(f"ngym_core:{PDM}", render_mode="rgb_array").unwrapped)


def test_recording_changes_nothing_else(drawing):
    plain, rendering = ngym.make(PDM), ngym.make(PDM, render_mode="rgb_array")
    assert plain.reset(seed=0)[1] == rendering.reset(seed=0)[1]
    for _ in range(50):
        one, two = plain.step(1), rendering.step(1)
        rendering.render()
        assert one[0].tolist() == two[0].tolist()
        assert one[1:] == two[1:]
