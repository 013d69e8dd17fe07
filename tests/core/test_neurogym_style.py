from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

import ngym_core as ngym

from ..task_ids import IDS
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


class Deaf(Dots):
    """Forgets what it is called with."""

    def _new_trial(self, **kwargs):
        return super()._new_trial()


class DeafWrapper(ngym.TrialWrapper):
    def new_trial(self, **kwargs):
        return self.env.new_trial()


@pytest.mark.parametrize("env", [Deaf(), DeafWrapper(Dots()), DeafWrapper(Toy())])
def test_conditions_that_a_task_or_wrapper_does_not_keep_are_refused(env):
    name = "coh" if isinstance(env.unwrapped, Dots) else "strength"
    value = env.sample_trials(1, seed=0).conditions[name].tolist()[0]
    other = {0: 50, 50: 0, 0.5: 1.0, 1.0: 0.5}[value]
    message = f"The condition '{name}' of .* is forced to {other}, but a trial has {value}: what `_new_trial`"
    with pytest.raises(ValueError, match=message):
        env.sample_trials(1, seed=0, **{name: other})
    with pytest.raises(ValueError, match=message):
        env.sample_trials(2, seed=0, **{name: [value, other]})
    with pytest.raises(ValueError, match=message):
        env.reset(seed=0, options={"conditions": {name: other}})
    with pytest.raises(ValueError, match=message):
        ngym.TrialVectorEnv(env, 1).reset(seed=0, options={"conditions": {name: other}})


@pytest.mark.parametrize("env", [Dots(), DeafWrapper(Toy())])
def test_unknown_conditions_of_tasks_in_neurogyms_style_are_refused(env):
    message = "Unknown condition of .* 'ground_trut'. Did you mean 'ground_truth'"
    with pytest.raises(ngym.UnknownNameError, match=message):
        env.sample_trials(1, seed=0, ground_trut=1)
    with pytest.raises(ngym.UnknownNameError, match=message):
        env.reset(seed=0, options={"conditions": {"ground_trut": 1}})
    with pytest.raises(ngym.UnknownNameError, match=message):
        ngym.wrappers.FixConditions(env, {"ground_trut": 1})


def test_new_trial_takes_any_name_as_neurogyms_does():
    env = Dots()
    env.reset(seed=0)
    assert env.new_trial(anything=3)["anything"] == 3


def test_new_trial_must_return_the_conditions():
    class Silent(Dots):
        def _new_trial(self, **kwargs):
            super()._new_trial(**kwargs)

    with pytest.raises(TypeError, match=r"Silent\._new_trial must return the conditions of the trial, .*, not None"):
        Silent().reset(seed=0)


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
    assert np.array_equal(env.sample_trials(3, seed=0).ob, -env.task.sample_trials(3, seed=0).ob)


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


# ---- what NeuroGym's tasks override, read and return ------------------------------------------------


class Pulses(ngym.TrialEnv):
    """A task that makes its own ground truth array, seeds itself early and paints time courses."""

    def __init__(self, dt=100, value=0):
        super().__init__(dt=dt)
        self.seed(3)
        self.timing = {"cue": 200, "decision": 300}
        self.value, self.built = value, []
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, shape=(2,), name={"fixation": 0, "pulses": 1})
        self.action_space = ngym.spaces.Discrete(4)

    def _new_trial(self, **kwargs):
        trial = {"right": self.rng.choice([1, 2]), **kwargs}
        self.add_period(["cue", "decision"])
        self.built.append((self._ob_built, self._gt_built, int(self._tmax / self.dt)))
        if not self._gt_built:
            self._init_gt()
        self.gt[self.start_ind["decision"] :] = trial["right"]
        self.add_ob(np.arange(self.end_ind["decision"]), where="pulses")
        self.add_ob(0, "cue")
        self.built.append((self._ob_built, self._gt_built, self._duration["decision"]))
        return trial

    def _step(self, action):
        ends = self.in_period("decision") and action != 0
        return self.ob_now, float(action == self.gt_now), False, False, {"new_trial": ends}


class OwnArrays(Pulses):
    def _init_ob(self):
        self.ob = np.full((int(self._tmax / self.dt), 2), 7, np.float32)

    def _init_gt(self):
        super()._init_gt()
        self.gt[:] = 3


def test_hooks_of_neurogym_tell_what_is_built_and_may_be_called():
    env = Pulses()
    env.reset(seed=0)
    assert env.built == [(False, False, 5), (True, True, 300)]
    assert env.gt.tolist() == [0, 0, *[env.trial["right"]] * 3]
    assert env.ob.tolist() == [[0, k] for k in range(5)]


def test_hooks_of_neurogym_may_be_overridden():
    env = OwnArrays()
    env.reset(seed=0)
    assert env.gt.tolist() == [3, 3, *[env.trial["right"]] * 3]
    assert env.ob.tolist() == [[7, 7 + k] for k in range(5)]
    assert np.array_equal(env.sample_trials(3, seed=0).ob[1], env.ob)


@pytest.mark.parametrize("dt", [0.1, 0.3, 7, 8.3, 100 / 3, 100])
def test_tmax_of_periods_holds_all_steps(dt):
    env = Pulses(dt=dt)
    for steps in (1, 2, 3, 7, 36, 42, 141, 161):
        env.timing = {"cue": steps * dt, "decision": dt}
        env.new_trial()
        assert int(env._tmax / dt) == len(env.gt) == steps + 1


def test_task_may_set_its_length_and_what_is_built():
    class Longer(Pulses):
        def _new_trial(self, **kwargs):
            self.add_period("cue")
            self._tmax = self._tmax + 300
            self.gt = np.arange(5)
            self._gt_built = True
            self.set_groundtruth(3, "cue")
            self.add_ob(1)
            self._ob_built = False
            self.add_ob(2, "cue")
            return {}

        def _step(self, action):
            return self.ob_now, 0.0, False, False, {"new_trial": False}

    env = Longer()
    env.reset(seed=0)
    assert (env.gt.tolist(), env.ob[:, 0].tolist()) == ([3, 3, 2, 3, 4], [2, 2, 0, 0, 0])
    assert [bool(env.step(0)[4]["new_trial"]) for _ in range(5)] == [False] * 4 + [True]


def test_default_observation_fills_trials():
    env = Pulses()
    env._default_ob_value = 0.5
    env.new_trial()
    assert env.ob[:, 0].tolist() == [0.5] * 5


def test_arrays_that_a_task_replaces_after_painting_count():
    class Scaled(Pulses):
        def _new_trial(self, **kwargs):
            trial = super()._new_trial(**kwargs)
            self.ob = self.ob * 10
            self.gt = np.where(self.gt > 0, 1, 0)
            return trial

    trials = Scaled().sample_trials(4, seed=0)
    assert trials.ob[:, :, 1].tolist() == [[0, 10, 20, 30, 40]] * 4
    assert trials.gt.tolist() == [[0, 0, 1, 1, 1]] * 4


COURSE = np.arange(3)


@pytest.mark.parametrize("where", [1, "pulses", [1], slice(1, 2), range(1, 2), np.array([1])], ids=str)
@pytest.mark.parametrize(
    "value", [COURSE, COURSE[:, None], lambda ob: COURSE, list(COURSE)], ids=["row", "column", "function", "list"]
)
def test_time_course_goes_into_one_channel(where, value):
    class Course(Pulses):
        def _new_trial(self, **kwargs):
            self.add_period(["cue", "decision"])
            self.add_ob(value, "decision", where=where)
            return {}

    env = Course()
    env.new_trial()
    assert env.ob.tolist() == [[0, 0]] * 2 + [[0, 0], [0, 1], [0, 2]]


def test_function_of_one_channel_gets_a_time_course():
    class Ramp(Pulses):
        def _new_trial(self, **kwargs):
            self.add_period(["cue", "decision"])
            self.set_ob(lambda ob: ob + np.arange(len(ob)), "decision", where="pulses")
            return {}

    env = Ramp()
    env.new_trial()
    assert env.ob[:, 1].tolist() == [0, 0, 0, 1, 2]


@pytest.mark.parametrize(("value", "where"), [(np.arange(3), None), (np.arange(4), 1), (np.zeros((3, 2)), "pulses")])
def test_value_of_a_shape_that_does_not_fit_is_named(value, where):
    class Wrong(Pulses):
        def _new_trial(self, **kwargs):
            self.add_period(["cue", "decision"])
            self.add_ob(value, "decision", where=where)
            return {}

    with pytest.raises(ValueError, match=r"shape \(.*does not fit observations of shape \(3, [12]\) .steps, channels."):
        Wrong().new_trial()


def four_values():
    class FourValues(Pulses):
        def _step(self, action):
            ob, reward, _, _, info = super()._step(action)
            return ob, reward, False, info

    return FourValues()


def test_four_values_of_a_step_are_taken_with_one_warning():
    env, five = four_values(), Pulses()
    env.reset(seed=0), five.reset(seed=0)
    with pytest.warns(UserWarning, match="<FourValues>._step returned four values, as in NeuroGym before 1.0"):
        first = env.step(0)
    assert first[1:4] == five.step(0)[1:4]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lanes = ngym.TrialVectorEnv(copy.deepcopy(env), 2)
        lanes.reset(seed=0)
        for _ in range(20):
            ours, theirs = env.step(1), five.step(1)
            assert np.array_equal(ours[0], theirs[0])
            assert ours[1:4] == theirs[1:4]
            assert ours[4] == theirs[4]
            lanes.step(np.array([0, 1]))


def test_other_numbers_of_values_are_refused():
    class Three(Pulses):
        def _step(self, action):
            return self.ob_now, 0.0, {}

    env = Three()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="<Three>._step returned 3 values; expected five: observation, reward"):
        env.step(0)


@pytest.mark.parametrize("id_", IDS)
def test_subclass_may_build_a_trial_of_a_built_in_task(id_):
    made = ngym.make(id_).unwrapped
    task = type(made)

    class More(task):
        def _new_trial(self, **kwargs):
            trial = super()._new_trial(**kwargs)
            self.add_ob(1)
            return trial | {"more": 1}

    given = {name: value for name, value in made._parameters.items() if name not in ("rewards", "timing", "kwargs")}
    env, plain = More(**given), task(**given)
    plain_trials = [plain.sample_trials(1, draws=draws) for draws in [ngym.Draws(0)] for _ in range(3)]
    trials = env.sample_trials(3, seed=0)
    for k, one in enumerate(trials):
        expected = plain_trials[k][0]
        assert np.array_equal(one.ob, (expected.ob + np.ones((), expected.ob.dtype)).astype(one.ob.dtype))
        assert np.array_equal(one.gt, expected.gt)
        assert one.conditions["more"] == 1
        assert one.conditions.keys() - {"more"} == expected.conditions.keys()
    env.reset(seed=0)
    for _ in range(30):
        env.step(env.action_space.sample())


def test_subclass_of_a_built_in_task_takes_forced_conditions():
    class Marked(Toy):
        def _new_trial(self, **kwargs):
            trial = super()._new_trial(**kwargs)
            self.set_groundtruth(0, "decision")
            return trial

    trials = Marked().sample_trials(5, seed=0, ground_truth=1)
    assert set(trials.conditions["ground_truth"].tolist()) == {1}
    assert not trials.gt.any()
    with pytest.raises(KeyError, match="grond_truth"):
        Marked().new_trial(grond_truth=1)


def test_task_that_defines_no_trial_says_so():
    class Nothing(ngym.TrialEnv):
        pass

    with pytest.raises(NotImplementedError, match="<Nothing> defines neither _new_trials nor NeuroGym's _new_trial"):
        Nothing().new_trial()


class Walk(ngym.TrialEnv):
    """A task that paints nothing: `_step` computes what is seen."""

    def __init__(self, dt=100):
        super().__init__(dt=dt)
        self.place = 10
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, shape=(2,))
        self.action_space = ngym.spaces.Discrete(3)

    def _new_trial(self, **kwargs):
        return dict(kwargs)

    def _step(self, action):
        self.place += 1 + action
        ob = np.array([self.place, self.rng.randn()], np.float32)
        return ob, 0.0, False, False, {"new_trial": self.place > 100}


def test_first_observation_is_computed_by_step_where_nothing_is_painted():
    env = Walk()
    ob, _ = env.reset(seed=0)
    assert ob[0] == 11
    assert ob[1] != 0
    assert env.place == 10
    again = Walk()
    assert np.array_equal(again.reset(seed=0)[0], ob)
    after = env.step(0)[0]
    assert after[0] == 11
    assert after[1] != ob[1]
    lanes = ngym.TrialVectorEnv(Walk(), 2)
    assert np.array_equal(lanes.reset(seed=0)[0][0], ob)


def test_parameters_of_a_task_can_be_read():
    env = ngym.make("PostDecisionWager-v0", dim_ring=4, wrappers=["PassAction"])
    assert env.dim_ring == copy.deepcopy(env).dim_ring == 4
    with pytest.raises(AttributeError, match="'PostDecisionWager' object has no attribute 'dim_rong'"):
        env.dim_rong  # noqa: B018


def test_forced_condition_of_several_numbers_is_not_dealt_out_to_trials_in_neurogyms_style():
    class Paired(ngym.TrialEnv):
        default_timing = {"stimulus": 200}

        def __init__(self):
            super().__init__()
            self.observation_space = ngym.spaces.Box(-1, 1, {"stimulus": [0]}, shape=(1,))
            self.action_space = ngym.spaces.Discrete(2)

        def _new_trial(self, **kwargs):
            trial = {"pair": np.array([1, 2]), **kwargs}
            self.add_period("stimulus")
            self.add_ob(0)
            return trial

        def _step(self, action):
            return self.ob_now, 0.0, False, False, {"new_trial": False, "gt": 0}

    for n in (1, 2, 3):
        assert np.asarray(Paired().sample_trials(n, seed=0, pair=[5, 6]).conditions["pair"]).tolist() == [[5, 6]] * n
    assert Paired().sample_trials(2, seed=0, pair=[[5, 6], [7, 8]]).conditions["pair"].tolist() == [[5, 6], [7, 8]]
    with pytest.raises(ValueError, match="The condition 'pair' is forced to 2 values for 3 trials"):
        Paired().sample_trials(3, seed=0, pair=[[5, 6], [7, 8]])
