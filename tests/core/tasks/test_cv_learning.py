from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngym_core as ngym
from ngym_core.curriculum import Progress
from ngym_core.tasks.cv_learning import CVLearning
from ngym_core.testing import _equal
from tests.golden.reference import ReferenceDraws, draw_from

from .digests import digest
from .shaping import Shaping


def reference(stage):
    """Six trials of a stage as the sheet says, requested without stepping."""
    rs = np.random.RandomState(0)
    for _ in range(6):
        truth, coh = rs.choice([1, 2]), rs.choice(np.array([0, 6.4, 12.8, 25.6, 51.2]))
        coh = coh if stage in (0, 4) else 100
        delay = int(rs.uniform(1000, 3000) // 100) if stage == 4 else 0
        shown = 11 if stage else 0
        ob, gt = np.zeros((2 + shown + delay + 15, 11), np.float32), np.zeros(2 + shown + delay + 15, np.int64)
        ob[: 2 + shown + delay, 0] = 1
        stimulus = ob[2 : 2 + shown]
        stimulus[:, 1:3] = (1 - coh / 100) / 2
        stimulus[:, truth] = (1 + coh / 100) / 2
        stimulus[:, 3:] = 0.5
        stimulus[:, 1:] += rs.randn(shown, 10) * ((1 / np.sqrt(100)) if stage == 4 else 0)
        gt[2 + shown + delay :] = truth
        yield ob, gt


@pytest.mark.parametrize(
    ("stage", "kwargs", "recorded"),
    [
        (4, {"th_stage": -1}, "888ed1a47deda2ee"),
        (0, {"stages": [0, 4]}, "07cfa16773649e7a"),
        (1, {"stages": [1, 4]}, "40f80995faa3a668"),
        (2, {"stages": [2, 4]}, "40f80995faa3a668"),
    ],
)
def test_cv_learning_stages_replay_the_reference(stage, kwargs, recorded):
    expected = list(reference(stage))
    assert digest(expected) == recorded
    env, draws = ngym.make("CVLearning", **kwargs), ReferenceDraws(0)
    draw_from(env, draws)
    for ob, gt in expected:
        (trial,) = env.sample_trials(1, draws=draws)
        assert trial.conditions["stage"] == stage
        assert np.allclose(trial.ob, ob, rtol=0, atol=2e-6)
        assert trial.gt.tolist() == gt.tolist()


def sheet(outcomes, stages, threshold, keep_days, trials_day, perf_len):
    """The book-keeping of the sheet, word for word: stage and part of the delay before each trial."""
    stage, ind, reminder, inst = stages[0], 0, False, 0.0
    counter, trials_delay, inc, milestone, days_keep, max_delays = 0, 0, 0.0, 0.0, keep_days, True
    day, mov = np.zeros(trials_day), np.zeros(perf_len)
    for ok in outcomes:
        day[counter], mov[counter % perf_len] = ok, ok
        counter += 1
        trials_delay += 1
        if counter > perf_len:
            inst = mov.mean()
            if inst < 0.5 and stage == 2:
                if 1 in stages:
                    stage, reminder, ind = 1, True, ind - 1
            elif inst > threshold and reminder:
                stage, reminder, ind = 2, False, ind + 1
        if counter >= trials_day:
            counter, milestone = 0, inc
            if day.mean() >= threshold and max_delays:
                if days_keep <= 0 and stage < stages[-1]:
                    ind += 1
                    stage, days_keep = stages[ind], keep_days + 1
                days_keep -= 1
            else:
                days_keep = keep_days
        if stage == 3:
            if trials_delay > perf_len:
                if inst >= threshold and inc < 1:
                    inc, trials_delay = inc + 0.25, 0
                elif inst <= 0.5 and inc > milestone:
                    inc, trials_delay = inc - 0.25, 0
            max_delays = inc == 1
        yield stage, inc


def follow(task, outcomes):
    """Stage and part of the delay after each trial, by the curriculum of a task."""
    curriculum, progress = task.curriculum, task.curriculum.enter(task._first)
    for right in outcomes:
        progress = curriculum.advance(progress, {"performance": [float(right)]})
        yield curriculum.stages[progress.stage].conditions["stage"], curriculum.level(progress)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("stages", [(0, 1, 2, 3, 4), (1, 2, 4), (3, 4), (2, 3)])
def test_curriculum_follows_the_specification(seed, stages):
    rng = np.random.default_rng(seed)
    skill = (0.7 + 0.28 * np.sin(np.arange(60) / 4 + seed)).repeat(50)
    outcomes = rng.random(3000) < skill
    task = CVLearning(stages=stages, trials_day=60)
    found = [(stage, delay if stage == 3 else None) for stage, delay in follow(task, outcomes)]
    expected = sheet(outcomes, stages, 0.7, 1, 60, 20)
    assert found == [(stage, delay if stage == 3 else None) for stage, delay in expected]
    assert len({stage for stage, _ in found}) > 1


STAGES = [stages for n in range(1, 6) for stages in combinations(range(5), n)]
PHASE = st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.95, 1.0]), st.integers(1, 50))
CASE = {
    "stages": st.sampled_from(STAGES) | st.just((0, 1, 2, 3, 4)) | st.just((1, 2, 3)),
    "threshold": st.sampled_from([-1, 0, 0.3, 0.5, 0.6, 0.7, 0.8, 1]),
    "keep_days": st.integers(0, 2),
    "trials_day": st.integers(1, 30),
    "perf_len": st.integers(1, 12),
}


def compare(phases, seed, **rules):
    """Compare a curriculum with the rules after each trial; gives the changes of stage and delay that happened."""
    rng, reference, changes = np.random.default_rng(seed), Shaping(**rules), set()
    task = CVLearning(th_stage=rules.pop("threshold"), **rules)
    outcomes = np.concatenate([rng.random(length) < skill for skill, length in phases])
    state, before = reference.begin(), None
    for trial, (right, found) in enumerate(zip(outcomes, follow(task, outcomes), strict=True)):
        reference.learn(state, bool(right))
        stage = reference.stages[state["stage"]]
        if state["reminder"] and stage > 2:
            break  # A forgotten reminder, of which good performance would lead back to stage 2.
        now = (stage, state["delay"] if stage == 3 else None)
        assert (found[0], found[1] if stage == 3 else None) == now, trial
        changes |= {(before, now)} if before not in (None, now) else set()
        before = now
    return changes


@settings(max_examples=60, deadline=None)
@given(phases=st.lists(PHASE, min_size=4, max_size=14), seed=st.integers(0, 9), case=st.fixed_dictionaries(CASE))
def test_curriculum_has_the_stage_and_delay_of_the_rules_after_every_trial(phases, seed, case):
    compare(phases, seed, **case)


def test_all_changes_of_stage_and_delay_happen_in_the_comparison():
    rng, changes = np.random.default_rng(0), set()
    rules = {"stages": (0, 1, 2, 3, 4), "threshold": 0.7, "trials_day": 40, "perf_len": 5}
    for seed in range(12):
        phases = [(skill, int(rng.integers(5, 80))) for skill in rng.choice([0.2, 0.6, 0.9, 1.0], 30)]
        changes |= compare(phases, seed, **rules, keep_days=seed % 2)
    parts = [(3, part) for part in (0, 0.25, 0.5, 0.75, 1)]
    longer = set(pairwise(parts))
    others = {
        ((0, None), (1, None)),
        ((1, None), (2, None)),
        ((2, None), (1, None)),
        ((2, None), (3, 0.25)),
        ((3, 1), (4, None)),
    }
    assert changes >= longer | {(after, before) for before, after in longer} | others


def test_cv_learning_advances_through_all_stages_without_errors():
    env = ngym.make("CVLearning", trials_day=20, perf_len=5, keep_days=0)
    env.reset(seed=0)
    seen = []
    while len(seen) < 300:
        info = env.step(env.gt_now)[4]
        if info["new_trial"]:
            assert info["performance"] == 1
            seen.append(info["ended_trial"]["stage"])
    assert sorted(set(seen)) == [0, 1, 2, 3, 4]
    assert seen == sorted(seen)
    assert env.sample_trials(5).conditions["stage"].tolist() == [4] * 5
    assert env.sample_trials(5, seed=0).conditions["stage"].tolist() == [0] * 5
    env.reset(seed=0)
    assert env.trial["stage"] == 0


def test_cv_learning_returns_to_stage_1_after_errors_in_stage_2():
    env = ngym.make("CVLearning", stages=[1, 2], trials_day=30, perf_len=5, keep_days=0)
    env.reset(seed=0)
    stages = []
    while len(stages) < 200:
        gt = env.gt_now
        wrong = gt and 40 <= len(stages) < 60
        info = env.step(3 - gt if wrong else gt)[4]
        if info["new_trial"]:
            stages.append(info["ended_trial"]["stage"])
    assert stages[0] == 1
    assert stages[30:41] == [2] * 11
    assert 1 in stages[41:65]
    assert stages[-1] == 2


@pytest.mark.parametrize("as_json", [False, True])
def test_cv_learning_goes_on_from_a_state_in_mid_reminder(as_json, tmp_path):
    env, other = (ngym.make("CVLearning", stages=[1, 2, 3], trials_day=30, perf_len=5, keep_days=0) for _ in range(2))
    env.reset(seed=0)
    ended, reminded = 0, False
    while not reminded:
        gt = env.gt_now
        info = env.step(3 - gt if gt and ended > 40 else gt)[4]
        ended += bool(info["new_trial"])
        reminded = env.carried["learning"]["progress"]["reminded"]
    assert ended > 40
    if as_json:  # JSON, with the arrays beside it
        other.set_state(ngym.load_state(ngym.save_state(tmp_path / "state", env.get_state())))
    else:
        other.set_state(env.get_state())
    seen = set()
    for _ in range(4000):
        one, two = env.step(env.gt_now), other.step(other.gt_now)
        assert _equal(one, two)
        seen.add(env.trial["stage"])
    assert seen == {1, 2, 3}
    assert _equal(env.carried, other.carried)


def decide(env, *actions):
    """Play a trial with these actions in the decision; gives rewards and performance."""
    while env.gt_now == 0:
        env.step(0)
    rewards = []
    for action in actions:
        _, reward, _, _, info = env.step(action)
        rewards.append(reward)
        if info["new_trial"]:
            break
    return rewards, info.get("performance")


def test_cv_learning_stage_0_accepts_either_side_but_limits_repeats():
    env = ngym.make("CVLearning")
    env.reset(seed=0)
    for _ in range(3):
        assert decide(env, 1) == ([1], 1)
    assert env.trial["ground_truth"] == 2
    assert decide(env, 5, 1) == ([0, 0], 0)
    assert decide(env, *[0] * 15) == ([0] * 15, 0)  # nothing was answered: no repetition
    assert decide(env, 2) == ([1], 1)
    assert decide(env, 1) == ([1], 1)


def test_cv_learning_stage_1_allows_retries_and_scores_the_first_choice():
    env = ngym.make("CVLearning", stages=[1, 2])
    env.reset(seed=0)
    truth = env.trial["ground_truth"]
    assert decide(env, 3 - truth, truth) == ([0, 1], 0)
    truth = env.trial["ground_truth"]
    assert env.step(truth)[1] == -0.1
    assert decide(env, truth) == ([1], 1)


def test_cv_learning_later_stages_accept_one_choice():
    for stages in ([2, 3], [3, 4], [4]):
        env = ngym.make("CVLearning", stages=stages)
        env.reset(seed=0)
        assert decide(env, 3 - env.trial["ground_truth"]) == ([-1], 0)


def test_cv_learning_stage_3_delays_are_whole_steps():
    env = ngym.make("CVLearning", stages=[3, 4], trials_day=1000)
    env.reset(seed=0)
    lengths = {}
    for _ in range(20_000):
        info = env.step(env.gt_now)[4]
        if info["new_trial"]:
            delay = env.end_ind["delay"] - env.start_ind["delay"]
            part = env.curriculum.level(Progress(**env.carried["learning"]["progress"]))
            lengths.setdefault(part, set()).add(delay)
    assert lengths == {0: {0}, 0.25: {2, 7}, 0.5: {5, 15}, 0.75: {7, 22}, 1: {10, 30}}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"stages": []}, r"stages=\[\] must be a sequence of one or more integers, or None\."),
        ({"stages": [0, 7]}, r"must be stages of the curriculum, not 7\. .*Valid: '0', '1', '2', '3', '4'"),
        ({"n_ch": 1}, r"n_ch=1 must be an integer from 2\."),
        ({"trials_day": 0}, r"trials_day=0 must be an integer from 1\."),
        ({"th_stage": 2}, "th_stage=2 must be a probability"),
    ],
)
def test_cv_learning_rejects_invalid_parameters(wrong, message):
    with pytest.raises(ValueError, match=message):
        ngym.make("CVLearning", **wrong)
