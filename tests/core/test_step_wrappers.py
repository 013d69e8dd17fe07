"""What each step wrapper does, and what it refuses."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.sampling import sample_as_data
from ngym_core.spaces import names_of

from .toy import Toy

PDM = "PerceptualDecisionMaking-v0"


def make(*wrappers, id_=PDM, **kwargs):
    return ngym.make(id_, wrappers=wrappers, **kwargs)


@pytest.mark.parametrize("names", [("PassAction", "PassReward"), ("PassReward", "PassAction")])
def test_what_was_done_and_earned_is_shown(names):
    env = make(*names)
    assert env.observation_space.shape == (5,)
    assert {n.lower().removeprefix("pass"): 3 + i for i, n in enumerate(names)}.items() <= names_of(
        env.observation_space
    ).items()
    ob, _ = env.reset(seed=0)
    assert ob[3:].tolist() == [0, 0]
    for action in (0, 1, 2, 0):
        ob, reward, _, _, _ = env.step(action)
        assert ob[3 + names.index("PassAction")] == action
        assert ob[3 + names.index("PassReward")] == np.float32(reward)
        assert ob.dtype == np.float32
        assert env.observation_space.contains(ob)


def test_actions_of_several_numbers_are_shown_whole():
    env = make("PassAction", id_="ReachingDelayResponse-v0")
    env.reset(seed=0)
    action = np.array([-0.5, 1.5], np.float32)
    assert env.step(action)[0][-2:].tolist() == action.tolist()


def test_numbered_observations_become_one_hot():
    class Numbered(Toy):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.observation_space = ngym.spaces.Discrete(4)

        def _new_trials(self, trials):
            trials.choice("ground_truth", [0, 1])
            trials.add_period(["fixation", "stimulus", "delay", "decision"])
            trials.add_ob(3, "stimulus")

    env = ngym.plugins.registry.wrapper_spec("PassAction").load()(Numbered())
    env.reset(seed=0)
    assert env.step(0)[0].tolist() == [0, 0, 0, 1, 0]


@pytest.mark.parametrize("name", ["PassAction", "PassReward"])
def test_images_cannot_be_appended_to(name):
    env = Toy()
    env.observation_space = gym.spaces.Box(0, 255, (8, 8), np.uint8)
    with pytest.raises(ValueError, match="vector of channels"):
        ngym.plugins.registry.wrapper_spec(name).load()(env)


def test_noise_is_as_strong_as_said_and_leaves_the_trials_alone():
    noisy, plain = make(("Noise", {"std_noise": 0.3}), sigma=0), make(sigma=0)
    obs, differences = [], []
    for env, into in ((noisy, obs), (plain, differences)):
        into.append(env.reset(seed=3)[0])
        into += [env.step(0)[0] for _ in range(3000)]
    noise = np.array(obs) - np.array(differences)
    assert noise.std() == pytest.approx(0.3, abs=0.012)
    assert abs(noise.mean()) < 0.016
    assert np.array_equal(noisy.unwrapped.ob, plain.unwrapped.ob)


def test_noise_follows_performance():
    env = make(("Noise", {"std_noise": 0.0, "perf_th": 0.7, "w": 10, "step_noise": 0.01}))
    env.reset(seed=0)
    strengths = []
    for k in range(4000):
        action = env.unwrapped.gt_now
        info = env.step(action if k < 2000 else 0)[4]
        strengths.append(info["std_noise"])
    assert strengths[1999] > 0.5  # the oracle is above the threshold in each of about 90 trials
    assert strengths[-1] < strengths[1999]
    assert min(strengths) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"std_noise": -1}, "std_noise=-1 and step_noise=0.0001 must be numbers from 0"),
        ({"std_noise": np.inf}, "must be numbers from 0"),
        ({"perf_th": 1.5}, r"perf_th=1\.5 must lie within 0 and 1, and w=200 be at least 1"),
        ({"w": 0}, "w=0 be at least 1"),
    ],
)
def test_noise_is_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(("Noise", arguments))


def test_noise_needs_a_box():
    env = Toy()
    env.observation_space = gym.spaces.Discrete(3)
    with pytest.raises(ValueError, match=r"Noise can be added to a Box of observations, not to Discrete\(3\)"):
        ngym.plugins.registry.wrapper_spec("Noise").load()(env)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("dt", [20, 50])
def test_reaction_times_are_real(full, dt):
    timing = {"fixation": 200, "stimulus": 500, "delay": 100, "decision": 200}
    env = make(("ReactionTime", {"urgency": -0.01, "end_on_stimulus": not full}), timing=timing, dt=dt)
    _, info = env.reset(seed=0)
    onset = env.start_ind["stimulus"]
    assert env.tmax == (1000 if full else 700)
    assert env.start_ind["decision"] == onset + 1
    gt = env.gt
    assert (gt[: onset + 1] == 0).all()
    assert (gt[onset + 1 :] == gt[onset + 1]).all()
    assert gt[onset + 1] > 0
    for wait in (1, 3, 7):  # steps from the onset of the stimulus to the response
        while env.t_ind < onset + wait:
            env.step(0)
        right = env.unwrapped.gt_now
        _, reward, _, _, info = env.step(right)
        assert info["new_trial"]
        assert reward == pytest.approx(1 - 0.01)
        assert info["reaction_time"] == wait * dt
        assert info["tr_dur"] == onset + wait + 1
    while not info["new_trial"] or "reaction_time" in info:
        info = env.step(0)[4]
    assert info["tr_dur"] == env.tmax / dt


def test_periods_of_the_reaction_are_needed_and_can_be_named():
    for id_ in ("ReadySetGo-v0", "yang19.rtgo-v0"):
        with pytest.raises(AttributeError, match="ReactionTime wrapper requires 'stimulus' and 'decision' periods"):
            make("ReactionTime", id_=id_)
    env = make(("ReactionTime", {"stimulus": "test", "decision": "decision"}), id_="yang19.dms-v0")
    env.reset(seed=0)
    assert env.start_ind["decision"] == env.start_ind["test"] + 1


def test_errors_cost_time():
    env = make(("TimeOut", {"time_out": 500}), timing={"fixation": 100, "stimulus": 200, "delay": 0, "decision": 100})
    env.reset(seed=0)
    for _ in range(3):
        env.step(0)
    _, _, _, _, info = env.step(3 - env.unwrapped.gt_now)
    assert info["new_trial"]
    assert info["time_out"] == 500
    before = env.unwrapped.t_ind
    for left in (400, 300, 200, 100, 0):
        ob, reward, _, _, info = env.step(1)
        assert (reward, info["time_out"], info["gt"], info["new_trial"]) == (0, left, 0, False)
        assert (ob == 0).all() == (left > 0)
        assert env.unwrapped.t_ind == before
    assert ob[0] == 1
    for _ in range(3):
        env.step(0)
    info = env.step(env.unwrapped.gt_now)[4]
    assert info["time_out"] == 0


@pytest.mark.parametrize("time_out", [0, 50, -100, np.inf])
def test_time_outs_are_checked(time_out):
    with pytest.raises(ValueError, match="must be a number of ms from one time step"):
        make(("TimeOut", {"time_out": time_out}))


def test_time_outs_show_nothing():
    env = Toy()
    env.observation_space = gym.spaces.Box(1, 2, (3,))
    with pytest.raises(ValueError, match="TimeOut shows 0 in all channels; observations of Box"):
        ngym.plugins.registry.wrapper_spec("TimeOut").load()(env)


def test_rewards_of_a_task_that_steps_by_itself_are_not_in_data():
    with pytest.raises(TypeError, match="has a `_step` of its own: its rewards are known only when it is played"):
        sample_as_data(make("PassReward", id_="CVLearning-v0"), 3, ngym.Draws(0), {})
