from __future__ import annotations

import copy
import functools
import pickle

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import SubprocVecEnv

import ngym_core as ngym
from ngym_core.errors import StateError
from ngym_core.plugins import registry
from ngym_core.plugins.manager import PackManager, PackStatus
from ngym_core.testing import _equal
from ngym_core.wrappers.base import TrialWrapper
from ngym_sb3 import NgymVecEnv, evaluate_policy, make_sb3_env
from tests.core.stacks import STEP, TRIAL, WRAPPERS, build, goes_with

from ..task_ids import IDS

ID = "PerceptualDecisionMaking-v0"
SIDES = {"probs": [[0.9, 0.1], [0.1, 0.9]], "block_dur": 3}


@pytest.mark.filterwarnings("ignore:We recommend you to use a symmetric and normalized Box action space")
@pytest.mark.parametrize("id_", IDS)
def test_single_envs_pass_check_env(id_):
    env = ngym.make(id_)
    if isinstance(env.action_space, gymnasium.spaces.Box) and not env.action_space.is_bounded():
        with pytest.raises(AssertionError, match="finite lower and upper bound"):  # check_env demands bounds
            check_env(env)
    else:
        check_env(env)


@pytest.mark.parametrize("carry", ["episode", "trial"])
@pytest.mark.parametrize("wrappers", [[], ["PassAction-v0", ("SideBias-v0", SIDES)]])
def test_vec_env_plays_what_single_envs_play(carry, wrappers):
    env = make_sb3_env(ID, 3, trials_per_episode=2, carry=carry, wrappers=wrappers, seed=5)
    ob = env.reset()
    singles = [ngym.make(ID, wrappers=wrappers, num_trials_before_reset=2) for _ in range(3)]
    assert np.array_equal(ob, [e.reset(seed=5 + i)[0] for i, e in enumerate(singles)])
    rng = np.random.default_rng(0)
    returns, lengths, trials = np.zeros(3), np.zeros(3, int), np.zeros(3, int)
    performance = [[], [], []]
    n_done = 0
    for _ in range(300):
        actions = rng.integers(0, 3, 3)
        ob, reward, done, infos = env.step(actions)
        assert reward.dtype == np.float32
        for i, single in enumerate(singles):
            expected = single.step(int(actions[i]))
            returns[i] += expected[1]
            lengths[i] += 1
            trials[i] += expected[4]["new_trial"]
            episode_ends = expected[4]["new_trial"] and trials[i] % 2 == 0
            assert episode_ends == expected[3]
            assert np.array_equal(ob[i], single.reset()[0] if episode_ends else expected[0])
            assert reward[i] == np.float32(expected[1])
            assert env.last_rewards[i] == expected[1]
            assert infos[i]["gt"] == expected[4]["gt"]
            assert done[i] == (episode_ends or (carry == "trial" and expected[4]["new_trial"]))
            if expected[4]["new_trial"]:
                assert infos[i]["performance"] == expected[4]["performance"]
                np.testing.assert_equal(infos[i]["ended_trial"], expected[4]["ended_trial"])
                performance[i].append(expected[4]["performance"])
            if done[i]:
                n_done += 1
                assert np.array_equal(infos[i]["terminal_observation"], expected[0])
                assert not np.shares_memory(infos[i]["terminal_observation"], ob)
                assert infos[i]["TimeLimit.truncated"] is True
                assert infos[i]["is_success"] == np.mean(performance[i])
                performance[i].clear()
            assert ("episode" in infos[i]) == episode_ends
            if episode_ends:
                statistics = {k: infos[i]["episode"][k] for k in "rl"}
                assert statistics == {"r": pytest.approx(returns[i]), "l": lengths[i]}
                assert infos[i]["episode"]["t"] > 0
                returns[i], lengths[i] = 0, 0
    assert n_done > 10


def test_vec_env_lets_ppo_log_reward_and_success_rate(capsys):
    env = make_sb3_env(ID, 4, timing={"stimulus": 200})
    model = PPO("MlpPolicy", env, n_steps=32, batch_size=64, verbose=1, device="cpu")
    model.learn(256)
    out = capsys.readouterr().out
    assert "ep_rew_mean" in out
    assert "success_rate" in out


def test_vec_env_rejects_invalid_actions_without_a_step():
    env, same = (make_sb3_env(ID, 2, seed=1) for _ in range(2))
    env.reset()
    same.reset()
    for bad in ([0], [[0], [0]], [0.5, 0], [0, 3], [-1, 0], ["left", "right"], [True, False]):
        with pytest.raises(gymnasium.error.InvalidAction, match=r"Actions must be \(2,\) elements of Discrete\(3"):
            env.step(bad)
    for _ in range(60):
        assert np.array_equal(env.step([0, 1])[0], same.step([0, 1])[0])
    box = make_sb3_env("SpatialSuppressMotion-v0", 2)
    box.reset()
    with pytest.raises(gymnasium.error.InvalidAction, match="not an array of shape"):
        box.step([[0.5, 1.0, 2.0], [0.0, 1.0, 2.0]])


def test_vec_env_seed_applies_to_the_next_reset_only():
    env = make_sb3_env(ID, 2, seed=1)
    env.reset()
    first = env.step([0, 0])[0]
    env.seed(1)
    env.reset()
    assert np.array_equal(env.step([0, 0])[0], first)
    env.reset()
    assert not np.array_equal(env.step([0, 0])[0], first)


def test_vec_env_attributes_and_methods_reach_the_task():
    env = make_sb3_env(ID, 2, wrappers=["RandomGroundTruth"])
    assert env.get_attr("dt") == [100, 100]
    assert make_sb3_env("yang19.go-v0+anti", 1).task_name == "yang19.go+anti"
    assert make_sb3_env("yang19", 1).task_name == "mixture of 20 tasks"
    assert env.get_attr("task_name") == ["PerceptualDecisionMaking"] * 2
    assert env.get_attr("p", indices=[0])[0].tolist() == [0.5, 0.5]
    env.set_attr("abort", True)
    assert env.vector_env.task.abort is True
    assert env.env_method("trial_length_stats", 5, indices=0)[0]["mean"] == 22
    assert env.env_is_wrapped(TrialWrapper) == [True, True]
    assert env.env_is_wrapped(Monitor) == [True, True]
    env.close()


@pytest.mark.parametrize("name", WRAPPERS)
def test_single_envs_with_wrappers_pass_check_env(name):
    other = "PassReward" if name == "PassAction" else "PassAction"
    assert goes_with(name, ID)
    check_env(build(ID, (name, other)))
    if name not in ("Context", "GoCue"):  # which refuse wrappers inside that change steps
        check_env(build(ID, (other, name)))


@pytest.mark.parametrize("names", list(zip(TRIAL, [*STEP] * 2, strict=False)), ids="-".join)
def test_vec_env_with_a_stack_of_wrappers_trains_an_agent(names):
    stack = build(ID, names if "ScheduleAttr" in names else (*names, "SideBias"))  # both decide the ground truth
    env = make_sb3_env(stack, 4, trials_per_episode=2, seed=0)
    agent = PPO("MlpPolicy", env, n_steps=64, batch_size=64, n_epochs=1, seed=0, device="cpu").learn(512)
    table = evaluate_policy(agent, env, 20, seed=1)
    assert len(table["performance"]) == 20
    assert set(table["block"]) <= {0, 1}
    assert np.isfinite(table["reward"]).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: make_sb3_env(ID, 0), ValueError, "n_envs=0 must be an integer from 1"),
        (lambda: make_sb3_env(ID, trials_per_episode=0), ValueError, "trials_per_episode=0 must be an integer from 1"),
        (
            lambda: make_sb3_env(ID, carry="trail"),
            ValueError,
            "carry='trail' must be one of 'episode', 'trial'. Did you mean 'trial'",
        ),
        (
            lambda: make_sb3_env(ID, episode_end="terminated"),
            ValueError,
            "episode_end='terminated' must be one of 'truncated', 'terminal'. Did you mean 'terminal'",
        ),
        (lambda: make_sb3_env(ID, wrappers=["PassActoin"]), KeyError, "Unknown wrapper 'PassActoin'.*'PassAction-v0'"),
        (lambda: make_sb3_env("Nothing-v0"), KeyError, "Unknown task 'Nothing-v0'"),
        (
            lambda: make_sb3_env(ngym.make(ID), dt=20),
            TypeError,
            r"an env already; wrappers and \['dt'\] can be given with a task id only",
        ),
        (
            lambda: NgymVecEnv(ngym.make_vec(ID, 2)),
            ValueError,
            "needs a vector env with AutoresetMode.SAME_STEP, not AutoresetMode.NEXT_STEP",
        ),
        (lambda: make_sb3_env(ID, 2).set_attr("abort", True, 0), ValueError, "All lanes share one task"),
    ],
)
def test_make_sb3_env_rejects_invalid_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("carry", ["episode", "trial"])
@pytest.mark.parametrize(("episode_end", "truncated"), [("truncated", True), ("terminal", False)])
def test_episodes_end_as_the_agent_is_to_reckon_with_what_follows(carry, episode_end, truncated):
    env = make_sb3_env(ID, 2, seed=0, trials_per_episode=2, carry=carry, episode_end=episode_end)
    env.reset()
    found = []
    while len(found) < 6:
        _, _, done, infos = env.step(np.zeros(2, int))
        found += [infos[lane]["TimeLimit.truncated"] for lane in np.nonzero(done)[0]]
    assert set(found) == {truncated}


def play(env, steps, seed=1):
    rng = np.random.default_rng(seed)
    returned = []
    for _ in range(steps):
        actions = rng.integers(env.action_space.n, size=env.num_envs) * (rng.random(env.num_envs) < 0.4)
        returned.append(copy.deepcopy(env.step(actions)))
    for *_, infos in returned:
        for info in infos:
            info.get("episode", {}).pop("t", None)  # wall-clock time
    return returned


@pytest.mark.parametrize("carry", ["episode", "trial"])
@pytest.mark.parametrize(
    ("id_", "wrappers"), [(ID, []), (ID, ["PassAction-v0", ("SideBias-v0", SIDES)]), ("MatchingPenny-v0", [])]
)
def test_vec_env_goes_on_from_a_state_and_in_copies(id_, wrappers, carry):
    def make():
        return make_sb3_env(id_, 3, wrappers=wrappers, trials_per_episode=3, carry=carry, seed=2)

    env = make()
    env.reset()
    play(env, 37)
    state = env.get_state()
    others = [copy.deepcopy(env), pickle.loads(pickle.dumps(env)), make()]
    others[-1].set_state(pickle.loads(pickle.dumps(state)))
    expected = play(env, 200)
    assert all(_equal(play(other, 200), expected) for other in others)
    env.set_state(state)
    assert _equal(play(env, 200), expected)


def test_vec_env_refuses_other_states():
    env = make_sb3_env(ID, 2, seed=0)
    env.reset()
    state = env.get_state()
    cases = [
        (make_sb3_env(ID, 3, seed=0), "goes with other number: 2, here 3"),
        (make_sb3_env(ID, 2, carry="trial"), "goes with other episodes"),
        (make_sb3_env(ID, 2, episode_end="terminal"), "goes with other episodes"),
        (make_sb3_env("GoNogo-v0", 2), "goes with other layers"),
    ]
    for other, message in cases:
        with pytest.raises(StateError, match=message):
            other.set_state(state)
    with pytest.raises(StateError, match="damaged"):
        env.set_state({**state, "content": {}})


def test_set_attr_counts_from_the_next_trial_on():
    env = make_sb3_env(ID, 32, trials_per_episode=4, wrappers=[("TimeOut-v0", {"time_out": 300})], seed=0)
    env.reset()
    play(env, 30)
    env.set_attr("cohs", [6.4])
    begun = 0
    for *_, infos in play(env, 200):
        for info in infos:
            if "trial" in info:
                begun += 1
                assert info["trial"]["coh"] == 6.4
    assert begun > 100
    env.set_attr("time_out", 500)  # a wrapper's own
    assert env.vector_env.env.time_out == 500
    assert "time_out" not in vars(env.vector_env.task)
    env.set_attr("trials_per_episode", 2)
    for wrong, error in (("x", TypeError), (-3, ValueError), (2.5, TypeError)):
        with pytest.raises(error, match=f"^trials_per_episode={wrong!r} must be an integer from 1"):
            env.set_attr("trials_per_episode", wrong)
    assert env.trials_per_episode == 2


def test_set_attr_refuses_unknown_names_and_spaces():
    env = make_sb3_env(ID, 2)
    with pytest.raises(ngym.UnknownNameError, match="Unknown attribute of .* 'coh'. Did you mean 'cohs'"):
        env.set_attr("coh", [6.4])
    with pytest.raises(ValueError, match="observation_space of lanes that were made cannot be changed"):
        env.set_attr("observation_space", env.observation_space)
    with pytest.raises(AttributeError, match="dim_ring is fixed when .* is made: make another one"):
        env.set_attr("dim_ring", 4)


def test_curriculum_by_callback_changes_the_trials_that_follow():
    class Harder(BaseCallback):
        def __init__(self):
            super().__init__()
            self.begun = []

        def _on_step(self):
            if self.n_calls == 20:
                self.training_env.set_attr("cohs", [6.4])
            if self.n_calls > 20:
                self.begun += [info["trial"]["coh"] for info in self.locals["infos"] if "trial" in info]
            return True

    harder = Harder()
    PPO("MlpPolicy", make_sb3_env(ID, 8, trials_per_episode=5, seed=0), n_steps=64, batch_size=64, seed=0).learn(
        1024, harder
    )
    assert len(harder.begun) > 20
    assert set(harder.begun) == {6.4}


def test_trial_monitor_in_subproc_vec_env_has_one_folder_for_each_process(tmp_path):
    settings = {"save_dir": tmp_path / "run", "verbose": False}
    make = functools.partial(ngym.make, "PerceptualDecisionMaking-v0", wrappers=[("Monitor", settings)])
    env = SubprocVecEnv([make, make], start_method="fork")
    env.reset()
    ended = sum(np.array([info["new_trial"] for info in env.step([0, 0])[3]], int) for _ in range(100))
    env.close()
    folders = sorted(path.name for path in tmp_path.iterdir())
    assert folders == ["run", "run-1"]
    assert [len(ngym.load_trial_table(tmp_path / name)["trial"]) for name in folders] == ended.tolist()


# ---- rendering ------------------------------------------------------------------------------------


@pytest.fixture
def drawing():
    """Have a pack draw frames that tell how many steps of the trial were taken, and by what action."""

    class Pack:
        @ngym.hookimpl
        def ngym_frame(self, trial, env):
            return np.full((4, 6, 3), 10 * len(trial.actions) + (trial.actions[-1] if len(trial.actions) else 9), np.uint8)

    before, manager = registry.pack_manager(), PackManager()
    manager.add(Pack(), PackStatus("drawing", "a-pack", "1"))
    registry.set_pack_manager(manager)
    yield
    registry.set_pack_manager(before)


def test_get_images_has_one_of_each_lane_and_render_tiles_them(drawing):
    env = make_sb3_env(ID, 4, seed=0, render_mode="rgb_array")
    env.reset()
    assert env.render_mode == "rgb_array"
    assert (env.metadata["render_modes"], env.metadata["render_fps"]) == (["rgb_array"], 10)
    assert [image[0, 0, 0] for image in env.get_images()] == [9] * 4
    env.step(np.array([0, 1, 2, 0]))
    assert [image[0, 0, 0] for image in env.get_images()] == [10, 11, 12, 10]
    tiled = env.render()
    assert tiled.shape == (8, 12, 3)
    assert tiled[::4, ::6, 0].tolist() == [[10, 11], [12, 10]]
    assert np.array_equal(env.render(mode="rgb_array"), tiled)


def test_images_go_on_from_a_state(drawing):
    env, other = (make_sb3_env(ID, 2, seed=seed, render_mode="rgb_array") for seed in (0, 1))
    env.reset()
    for _ in range(3):
        env.step(np.array([1, 2]))
    other.set_state(env.get_state())
    for copied in (other, copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        assert np.array_equal(copied.render(), env.render())


def test_images_need_a_render_mode(drawing):
    env = make_sb3_env(ID, 2, seed=0)
    env.reset()
    assert env.render_mode is None
    with pytest.warns(UserWarning, match="no `render_mode` was passed"):
        assert env.render() is None
    with pytest.warns(UserWarning, match="These lanes have no render_mode"):
        assert env.get_images() == [None, None]
    with pytest.raises(ValueError, match="render_mode='human' must be one of 'rgb_array', or None"):
        make_sb3_env(ID, render_mode="human")


def test_make_sb3_env_fixes_conditions():
    def conditions(env, trials=60):
        env.reset()
        infos = [info for _ in range(trials) for info in env.step(np.zeros(2, int))[3]]
        return {info["ended_trial"]["coh"] for info in infos if info["new_trial"]}

    timing = {"stimulus": 100}
    assert conditions(make_sb3_env(ID, 2, seed=0, conditions={"coh": [6.4, 51.2]}, timing=timing)) == {6.4, 51.2}
    assert conditions(make_sb3_env(ngym.make(ID, timing=timing), 2, seed=0, conditions={"coh": 3.0})) == {3.0}
    with pytest.raises(ngym.UnknownNameError, match="Unknown condition of .* 'choh'. Did you mean 'coh'"):
        make_sb3_env(ID, conditions={"choh": 1})


def test_conditions_of_an_env_are_fixed_for_a_while_and_it_goes_on_where_it_was():
    env, same = (make_sb3_env(ID, 2, seed=0, trials_per_episode=3) for _ in range(2))
    for one in (env, same):
        one.reset()
        one.step(np.zeros(2, int))
    with env.conditions_fixed({"coh": 12.8}):
        env.reset()
        assert [info["trial"]["coh"] for info in env.reset_infos] == [12.8, 12.8]
        assert env.trials_per_episode == 3
        for _ in range(30):
            env.step(np.zeros(2, int))
    with env.conditions_fixed(None) as unchanged:
        assert unchanged is env
    for _ in range(80):
        one, two = (vec.step(np.zeros(2, int)) for vec in (env, same))
        for infos in (one[3], two[3]):
            for info in infos:
                info.get("episode", {}).pop("t", None)
        assert _equal(one, two)


def test_reset_forces_conditions_of_one_trial_by_options():
    env = make_sb3_env(ID, 2, seed=0)
    env.set_options({"conditions": {"coh": 12.8}})
    env.reset()
    assert [info["trial"]["coh"] for info in env.reset_infos] == [12.8, 12.8]
    env.set_options([{"conditions": {"coh": 12.8}}, {}])
    with pytest.raises(ValueError, match="set_options must give all the same options"):
        env.reset()


def test_make_sb3_env_refuses_what_is_no_task():
    for wrong in (gymnasium.make("CartPole-v1"), None, ngym.make_vec(ID, 2), type(ngym.make(ID))):
        with pytest.raises(TypeError, match=r"^task=.* must be the id of a task, or a task of ngym \(a TrialEnv\)"):
            make_sb3_env(wrong)


def test_carry_and_episode_end_are_checked_when_they_are_assigned():
    env = make_sb3_env(ID, 2, trials_per_episode=2)
    env.carry, env.episode_end = "trial", "terminal"
    env.reset()
    infos = next(infos for infos in iter(lambda: env.step(np.zeros(2, int))[3], None) if infos[0]["new_trial"])
    assert infos[0]["TimeLimit.truncated"] is False
    for name in ("carry", "episode_end"):
        with pytest.raises(ValueError, match=f"{name}='foo' must be one of"):
            setattr(env, name, "foo")
    assert (env.carry, copy.deepcopy(env).episode_end) == ("trial", "terminal")
