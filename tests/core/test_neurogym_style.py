from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym

from .neurogym_style import Alternate, Dots
from .toy import Toy


def test_neurogym_style_task_pays_its_ground_truth():
    env = Dots()
    env.reset(seed=0)
    performance = []
    while len(performance) < 20:
        info = env.step(env.gt_now)[4]
        if info["new_trial"]:
            performance.append(info["performance"])
    assert performance == [1] * 20


def test_neurogym_style_task_replays_from_its_seed():
    runs = []
    env = Dots()
    for _ in range(2):
        env.reset(seed=7)
        runs.append([env.step(0)[0].tolist() for _ in range(60)])
    assert runs[0] == runs[1]


def test_neurogym_style_task_takes_forced_conditions():
    trials = Dots().sample_trials(4, seed=0, ground_truth=[0, 1, 1, 0], coh=50)
    assert trials.conditions["ground_truth"].tolist() == [0, 1, 1, 0]
    assert [int(t.gt[-1]) for t in trials] == [1, 2, 2, 1]


def test_neurogym_style_wrapper_forces_conditions_of_any_task():
    env = Alternate(Dots())
    env.reset(seed=0)
    sides = [env.trial["ground_truth"], *(env.new_trial()["ground_truth"] for _ in range(5))]
    assert sides == [1, 0] * 3
    assert Alternate(Toy()).sample_trials(6, seed=0).conditions["ground_truth"].tolist() == sides
    assert env.sample_trials(4, seed=1).conditions["ground_truth"].tolist() in ([0, 1] * 2, [1, 0] * 2)


def test_neurogym_style_wrapper_shows_its_own_observations():
    class Mirror(ngym.TrialWrapper):
        def new_trial(self, **kwargs):
            trial = self.env.new_trial(**kwargs)
            self.ob = -self.env.ob
            return trial

    env = Mirror(Toy())
    ob, _ = env.reset(seed=0)
    assert np.array_equal(ob, -env.task.ob[0])
    assert np.array_equal(env.step(0)[0], -env.task.ob[1])


INTERACTIVE = [id_ for id_ in ngym.all_envs(collections=True) if ngym.make(id_).unwrapped.rule.is_interactive]


@pytest.mark.parametrize("id_", INTERACTIVE)
def test_neurogym_style_wrapper_may_not_narrow_observations_that_actions_change(id_):
    class Narrow(ngym.TrialWrapper):
        rows = slice(1)

        def new_trial(self, **kwargs):
            trial = self.env.new_trial(**kwargs)
            self.ob = self.env.ob[:, self.rows]
            return trial

    env = Narrow(ngym.make(id_))
    channels = env.observation_space.shape[-1]
    if channels > 1:
        with pytest.raises(ValueError, match=f"Narrow replaces `ob` by rows of 1 channels.* its {channels} channels"):
            env.reset(seed=0)
    Narrow.rows = slice(None)
    assert np.array_equal(env.reset(seed=0)[0], ngym.make(id_).reset(seed=0)[0])


def test_neurogym_style_wrapper_may_narrow_other_observations():
    class Narrow(ngym.TrialWrapper):
        def __init__(self, env):
            super().__init__(env)
            self.observation_space = ngym.spaces.Box(-np.inf, np.inf, shape=(2,))

        def new_trial(self, **kwargs):
            trial = self.env.new_trial(**kwargs)
            self.ob = self.env.ob[:, 1:]
            return trial

    for task in (Toy(), Dots()):
        env = Narrow(task)
        assert np.array_equal(env.reset(seed=0)[0], task.ob[0, 1:])
        assert np.array_equal(env.step(0)[0], task.ob[1, 1:])


def test_neurogym_style_step_can_change_observations():
    class Rising(Toy):
        def _step(self, action):
            self.add_ob(1)
            return self.ob_now, 0, False, False, {"new_trial": False}

    env = Rising(sigma=0, timing={"delay": 100})
    env.reset(seed=0)
    start = env.ob.copy()
    assert np.array_equal(env.step(0)[0], start[1] + 1)
    assert np.array_equal(env.step(0)[0], start[2] + 2)


def test_neurogym_style_task_needs_no_periods():
    class OneStep(ngym.TrialEnv):
        def __init__(self, dt=100):
            super().__init__(dt=dt)
            self.observation_space = ngym.spaces.Box(0, 1, shape=(1,))
            self.action_space = ngym.spaces.Discrete(2)

        def _new_trial(self, **kwargs):
            self.ob = np.zeros((1, 1), np.float32)
            return {"p": 0.5, **kwargs}

        def _step(self, action):
            return self.ob[0], float(action), False, False, {"new_trial": True}

    env = OneStep()
    env.reset(seed=0)
    ob, reward, _, _, info = env.step(1)
    assert (ob.tolist(), reward, info["new_trial"], info["gt"]) == ([0], 1.0, True, 0)
    assert env.sample_trials(3, seed=0).ob.shape == (3, 1, 1)


def test_neurogym_style_verbs_paint_and_sample_times():
    class Verbs(Toy):
        rule = ngym.Rule()

        def _new_trial(self, **kwargs):
            self.add_period("fixation", 200)
            self.add_period("stimulus", 200, after="fixation", last_period=True)
            self.add_ob(lambda ob: ob + 1, "fixation", where=0)
            self.set_ob(lambda ob: ob + 5, "stimulus", where=[0, 2])
            self.view_ob("stimulus")[:, 1] = 3
            self.set_groundtruth([1, 2], "stimulus")
            self.view_groundtruth("fixation")[:] = 0
            return {"time": self.sample_time("stimulus")}

    env = Verbs()
    env.reset(seed=0)
    assert env.ob.tolist() == [[1, 0, 0]] * 2 + [[5, 3, 5]] * 2
    assert env.gt.tolist() == [0, 0, 1, 2]
    assert env.trial == {"time": 300}
    for call, message in (
        (lambda: env.sample_time("stim"), "Unknown period 'stim'"),
        (lambda: env.view_ob("stim"), "Unknown period 'stim'"),
        (lambda: env.set_groundtruth(0, where="choise"), "Unknown action 'choise'"),
    ):
        with pytest.raises(KeyError, match=message):
            call()
    with pytest.raises(ngym.errors.InvalidOperationError, match="painted already"):
        env.add_period("delay")


@pytest.mark.parametrize(
    ("verb", "argument", "value"),
    [
        *(
            (verb, "value", value)
            for verb in ("add_ob", "set_ob")
            for value in (np.nan, [np.inf, 0, 0], lambda ob: ob * np.nan)
        ),
        *(("add_randn", argument, value) for argument in ("mu", "sigma") for value in (np.nan, -np.inf)),
    ],
)
def test_neurogym_style_verbs_refuse_what_is_not_finite(verb, argument, value):
    env = Dots()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=rf"(?s){argument}=.* must consist of finite numbers"):
        getattr(env, verb)(**{argument: value})


@pytest.mark.parametrize(
    ("verb", "argument"), [("add_ob", "value"), ("set_ob", "value"), ("add_randn", "mu"), ("add_randn", "sigma")]
)
def test_neurogym_style_verbs_refuse_what_is_no_number(verb, argument):
    env = Dots()
    env.reset(seed=0)
    with pytest.raises(TypeError, match=f"{argument}=.*None.* must be a number"):
        getattr(env, verb)(**{argument: None})
