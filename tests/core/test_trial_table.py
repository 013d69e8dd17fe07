from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.playing import deal_trials, play_trials
from ngym_core.sampling import tasks_of
from ngym_core.scheduler import RandomSchedule
from ngym_core.spaces import Box, Discrete
from ngym_core.trial_table import (
    TrialRecorder,
    concatenate_tables,
    load_trial_table,
    no_response,
    reported_times,
    save_trial_table,
)
from ngym_core.vector import TrialVectorEnv
from ngym_core.wrappers import Monitor, ScheduleEnvs
from ngym_core.wrappers.base import StepBatch


def table(*numbers, **columns):
    return {"trial": np.array(numbers), **{name: np.array(column) for name, column in columns.items()}}


def batch(lanes, ended):
    m = len(lanes)
    return StepBatch(
        np.array(lanes), np.zeros((m, 2)), np.ones(m), np.ones(m, int), np.ones(m, int), np.array(ended), np.ones(m)
    )


def test_recorder_pop_returns_each_trial_once():
    recorder = TrialRecorder(2, 100)
    recorder.add(batch([0, 1], [True, True]))
    recorder.add(batch([1], [True]))
    assert recorder.num_pending == 3
    assert recorder.pop()["lane"].tolist() == [0, 1, 1]
    assert recorder.num_pending == 0
    assert recorder.pop() == {}


def test_recorder_takes_reported_reaction_times_of_the_lanes_that_report_them():
    recorder = TrialRecorder(3, 100)
    step = batch([0, 1, 2], [True, True, True])
    step.action[2] = 0
    step.info = {"reaction_time": np.array([300.0, 0.0, 0.0]), "_reaction_time": np.array([True, False, False])}
    recorder.add(step)
    assert np.array_equal(recorder.pop()["reaction_time"], [300, 0, np.nan], equal_nan=True)
    assert reported_times({"gt": np.ones(3)}) == {}
    assert reported_times(step.info, [0])["_reaction_time"].tolist() == [True]


# ---- reaction times, whoever plays -----------------------------------------------------------------

TIMES = {"timing": {"fixation": 100, "stimulus": 300, "decision": 300}}
PDM = "PerceptualDecisionMaking-v0"


def two_tasks():
    """A mixture: of the same task, with an answer from the second step of the stimulus on, and in the decision period."""
    early = ngym.make(PDM, wrappers=["ReactionTime"], **TIMES)
    return ScheduleEnvs([early, ngym.make(PDM, **TIMES)], RandomSchedule(2), names=["early", "late"])


class Sometimes:
    """An agent that acts in some steps, or never."""

    def __init__(self, share):
        self.share, self.rng = share, np.random.default_rng(0)

    def predict(self, ob, state=None, episode_start=None, deterministic=True):
        return self.rng.integers(1, 3, len(ob)) * (self.rng.random(len(ob)) < self.share), state


def play(agent, how, folder, make=two_tasks):
    if how == "lanes":
        return play_trials(agent, make(), deal_trials(40, 4))
    env = Monitor(make(), save_dir=folder, verbose=False, interval=1)
    if how == "monitored lanes":
        played = TrialVectorEnv(env, 3)
        played.reset(seed=0)
        for _ in range(200):
            played.step(agent.predict(np.zeros(3))[0])
        played.close()
    else:
        env.reset(seed=0)
        for _ in range(600):
            terminated, truncated = env.step(int(agent.predict([0])[0][0]))[2:4]
            if terminated or truncated:
                env.reset()
        env.close()
    return load_trial_table(folder)


@pytest.mark.parametrize("share", [0, 0.3])
@pytest.mark.parametrize("how", ["one env", "lanes", "monitored lanes"])
def test_reaction_time_is_nan_without_a_response_and_that_of_the_task_otherwise(how, share, tmp_path):
    table = play(Sometimes(share), how, tmp_path / "run")
    times, responded = table["reaction_time"], table["choice"] != 0
    assert np.isnan(times[~responded]).all()
    for name, possible in (("early", {100, 200}), ("late", {0, 100, 200})):
        found = set(times[responded & (table["task"] == name)].tolist())
        assert found <= possible
        assert bool(found) == bool(share)


PRODUCTIONS = ["ReadySetGo-v0", "MotorTiming-v0", "OneTwoThreeGo-v0"]


def intervals_and_a_decision():
    """A mixture of tasks of which one takes responses that are too early, and one does not."""
    return ngym.mix([ngym.make("ReadySetGo-v0"), ngym.make("GoNogo-v0", dt=80)], pad=True)


class Hasty:
    """Responds with action 1 in one step of ten."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def predict(self, ob, state=None, episode_start=None, deterministic=True):
        return (self.rng.random(len(ob)) < 0.1).astype(int), None


@pytest.mark.parametrize("how", ["one env", "lanes", "monitored lanes"])
@pytest.mark.parametrize("task", [*PRODUCTIONS, "aborted", "mixture"])
def test_reaction_time_of_an_interval_that_is_produced_early_is_below_0(task, how, tmp_path):
    def make():
        if task == "mixture":
            return intervals_and_a_decision()
        env = ngym.make("ReadySetGo-v0" if task == "aborted" else task)
        env.unwrapped.abort = task == "aborted"  # an action during fixation ends the trial
        return env

    table = play(Hasty(), how, tmp_path / "run", make)
    early = 0
    for lane in np.unique(table["lane"]).tolist():
        rows = np.nonzero(table["lane"] == lane)[0]
        for trial, row in zip(make().sample_trials(len(rows), seed=lane), rows, strict=True):
            if not trial.gt.any():  # no-go: an action is a false alarm
                assert np.isnan(table["reaction_time"][row])
                continue
            step, asked = table["steps"][row] - 1, np.flatnonzero(trial.gt)[0]
            window = next(period for period in ("production", "interval3", "decision") if trial.start.get(period, -1) >= 0)
            responded = table["choice"][row] != 0 and step >= trial.start[window]
            assert table["reaction_time"][row] == pytest.approx((step - asked) * 80 if responded else np.nan, nan_ok=True)
            early += responded and step < asked
    assert early > 3


@pytest.mark.parametrize("make", [lambda: ngym.make("ReadySetGo-v0"), intervals_and_a_decision])
def test_info_has_the_reaction_times_that_a_rule_measures_in_one_env_and_in_lanes(make):
    lanes = TrialVectorEnv(make(), 3, autoreset_mode="SameStep")
    lanes.trials_per_episode = 4
    ob, info = lanes.reset(seed=0)
    singles = [make() for _ in range(3)]
    for lane, single in enumerate(singles):
        for task in tasks_of(single):
            task.num_tr_exp = 4
        assert ("reaction_time" in single.reset(seed=lane)[1]) == info["_reaction_time"][lane]
    agent, found = Hasty(), []
    for _ in range(400):
        actions = agent.predict(ob)[0]
        ob, *_, info = lanes.step(actions)
        ended = info.get("final_info", info)
        for lane, single in enumerate(singles):
            *_, truncated, expected = single.step(actions[lane])
            seen = ended if truncated else info
            assert bool(seen["_reaction_time"][lane]) == ("reaction_time" in expected)
            if "reaction_time" in expected:
                assert np.array_equal(seen["reaction_time"][lane], expected["reaction_time"], equal_nan=True)
                found.append(float(expected["reaction_time"]))
            if truncated:
                assert ("reaction_time" in single.reset()[1]) == info["_reaction_time"][lane]
                assert info["reaction_time"][lane] == 0
    assert min(found) < 0 < max(found)


WRAPPERS = ["Monitor", ("ReactionTime", {"urgency": -0.1}), ("TimeOut", {"time_out": 500})]


def mixture(wrappers):
    """A mixture of two tasks with wrappers, innermost first, around it."""
    env = ngym.mix([PDM, ngym.make(PDM, **TIMES)])
    for name, options in wrappers:
        env = getattr(ngym.wrappers, name)(env, **options)
    return env


@pytest.mark.parametrize("lanes", [0, 3])
@pytest.mark.parametrize("of_task", [True, False])
def test_tables_are_the_same_in_any_order_of_the_wrappers(lanes, of_task, tmp_path):
    found = []
    for number, order in enumerate(itertools.permutations(WRAPPERS)):
        folder = tmp_path / str(number)
        stack = [("Monitor", {"save_dir": folder, "verbose": False}) if name == "Monitor" else name for name in order]
        env = ngym.make(PDM, wrappers=stack) if of_task else mixture(stack)
        played = TrialVectorEnv(env, lanes) if lanes else env
        played.reset(seed=0)
        agent, infos = Sometimes(0.1), []
        for _ in range(400):
            actions = agent.predict(np.zeros(lanes or 1))[0]
            infos.append(played.step(actions if lanes else int(actions[0]))[4])
        played.close()
        table = load_trial_table(folder)
        times = {name: [info[name] for info in infos] for name in ("tr_dur", "reaction_time", "time_out", "paused")}
        found.append((times, {name: table[name] for name in ("reaction_time", "steps", "performance", "choice")}))
        ended = np.array([info["new_trial"] for info in infos])
        assert set(table["steps"]) == set(np.array(times["tr_dur"])[ended])
    assert np.sum(times["paused"]) > 20
    for columns in zip(*found, strict=True):
        for one in columns:
            for name, values in one.items():
                assert np.array_equal(values, columns[0][name], equal_nan=True)


def test_steps_of_a_time_out_belong_to_no_trial():
    env = ngym.make(PDM, wrappers=[("TimeOut", {"time_out": 500})])
    table = play_trials(Sometimes(0), env, deal_trials(20, 4))
    assert table["steps"].tolist() == [22] * 20


def test_actions_in_a_pause_are_no_responses():
    recorder = TrialRecorder(1, 100)
    for action, gt, paused in ((0, 0, 0), (0, 1, 0), (1, 0, 1), (1, 0, 1), (0, 1, 0), (1, 1, 0)):
        step = batch([0], [(action, gt) == (1, 1)])
        step.action, step.gt, step.info = np.array([action]), np.array([gt]), {"paused": np.array([float(paused)])}
        recorder.add(step)
    table = recorder.pop()
    assert (table["steps"].tolist(), table["reaction_time"].tolist()) == ([4], [200])


def test_recorder_state_holds_unfinished_trials_and_no_recorded_ones():
    recorder = TrialRecorder(2, 100)
    recorder.add(batch([0, 1], [True, False]))
    state = recorder.state
    other = TrialRecorder(2, 100)
    other.state = state
    assert other.num_pending == 0
    for each in (recorder, other):
        each.add(batch([0, 1], [True, True]))
    assert recorder.pop()["steps"].tolist() == [1, 1, 2]
    table = other.pop()
    assert (table["trial"].tolist(), table["steps"].tolist()) == ([1, 2], [1, 2])
    assert table["cumulative_reward"].tolist() == [2, 2]
    recorder.state = state
    assert recorder.num_trials == 1


def test_recorder_keeps_the_first_answer_of_a_trial_that_goes_on():
    """Of a sequence of answers: the first is given two steps after a response is due, in one lane before that too."""
    recorder = TrialRecorder(3, 50)
    due, actions = [0, 0, 1, 1, 1, 1], [[0, 0, 0, 0, 3, 4], [0, 2, 0, 0, 3, 0], [0, 1, 0, 0, 0, 0]]
    for i in range(6):
        step = batch([0, 1, 2], [i == 5] * 3)
        step.action, step.gt = np.array([lane[i] for lane in actions]), np.full(3, due[i])
        recorder.add(step)
        if i == 4:  # the answer is part of the state; earlier states lack it
            state = recorder.state
    table = recorder.pop()
    assert np.array_equal(table["reaction_time"], [100, 100, np.nan], equal_nan=True)
    assert table["choice"].tolist() == [4, 0, 0]
    for given, times in (
        (state, [100, 100, np.nan]),
        ({k: v for k, v in state.items() if k != "answered"}, [150] + [np.nan] * 2),
    ):
        recorder.state = given
        recorder.add(step)
        assert np.array_equal(recorder.pop()["reaction_time"], times, equal_nan=True)


def test_reaction_time_of_a_sequence_is_that_of_its_first_answer():
    env = ngym.make("yang19.go-v0+sequence")
    times = []
    for late in range(3):
        recorder = TrialRecorder(1, env.unwrapped.dt)
        env.reset(seed=0)
        waited, ended = 0, False
        while not ended:
            gt = env.unwrapped.gt_now
            waited += gt != 0
            action = gt if waited > late else 0
            ended = env.step(action)[4]["new_trial"]
            step = batch([0], [ended])
            step.action, step.gt = np.array([action]), np.array([gt])
            recorder.add(step)
        times += recorder.pop()["reaction_time"].tolist()
    assert times == [late * env.unwrapped.dt for late in range(3)]


def test_recorder_put_lanes_sets_some_lanes_and_keeps_the_number_of_trials():
    recorder = TrialRecorder(2, 100)
    recorder.add(batch([0, 1], [True, False]))
    part = recorder.take_lanes(np.array([1]))
    recorder.add(batch([1], [True]))
    recorder.put_lanes(np.array([0]), part)
    assert recorder.num_trials == 2
    recorder.add(batch([0, 1], [True, True]))
    assert recorder.pop()["steps"].tolist() == [1, 2, 2, 1]


def test_concatenate_tables_fills_what_some_tables_lack():
    whole = concatenate_tables([table(0, 1, word=["a", "b"]), table(2, coh=[6.4], pulses=[[1, 0]])])
    assert whole["trial"].tolist() == [0, 1, 2]
    assert whole["word"].tolist() == ["a", "b", None]
    assert whole["coh"] == pytest.approx([np.nan, np.nan, 6.4], nan_ok=True)
    assert whole["pulses"].shape == (3, 2)
    assert np.isnan(whole["pulses"][:2]).all()
    assert concatenate_tables([]) == {}


def test_save_trial_table_writes_objects_as_json_text(tmp_path):
    column = np.empty(3, object)
    column[:] = [None, "text", {"a": np.arange(2)}]
    text, arrays = save_trial_table(tmp_path / "table", table(0, 1, 2, any=column))
    assert (text.name, arrays.name) == ("table.csv", "table.npz")
    assert load_trial_table(arrays)["any"].tolist() == ["", "text", '{"a": [0, 1]}']


def test_save_trial_table_rejects_columns_of_different_lengths(tmp_path):
    with pytest.raises(ValueError, match="Columns have different lengths: {'a': 2, 'b': 3}"):
        save_trial_table(tmp_path / "table", {"a": np.zeros(2), "b": np.zeros(3)})
    assert list(tmp_path.iterdir()) == []


def test_load_trial_table_rejects_missing_and_damaged_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no trial table in"):
        load_trial_table(tmp_path)
    (tmp_path / "trials-000000000.npz").write_bytes(b"PK half")
    with pytest.raises(ValueError, match="is no trial table, or is damaged"):
        load_trial_table(tmp_path)


def test_load_trial_table_frame_needs_pandas(tmp_path, monkeypatch):
    save_trial_table(tmp_path / "trials", table(0, 1))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="A data frame needs pandas: pip install pandas"):
        load_trial_table(tmp_path, frame=True)


@pytest.mark.parametrize(
    ("space", "action"),
    [
        (Discrete(3, {"fixation": 0, "choice": [1, 2]}), 0),
        (Discrete(3, {"poke": 0, "press": 1, "rest": 2}), 2),
        (Discrete(2, {"choice": [0, 1]}), None),
        (Discrete(2, {"wait": [0, 1]}), None),
        (Discrete(2), 0),
        (Box(-1, 1, shape=(2,)), 0),
    ],
)
def test_no_response_is_the_action_that_is_named_so(space, action):
    assert no_response(space) == action
