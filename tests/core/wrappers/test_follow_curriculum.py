from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.curriculum import Curriculum, Gate, Stage, Staircase
from ngym_core.errors import UnknownNameError
from ngym_core.state import load_state, save_state
from ngym_core.testing import _equal
from ngym_core.wrappers import FollowCurriculum

ID = "PerceptualDecisionMaking-v0"
LEVELS = [51.2, 25.6, 12.8, 6.4, 3.2]
SHORT = {"fixation": 100, "stimulus": 200, "decision": 100}


def stages():
    return [
        Stage({"timing": {"stimulus": 300}}, {"coh": [25.6, 51.2]}, until=Gate("performance", 0.6, window=4)),
        Stage(
            {"sigma": 0.0, "rewards": {"correct": 2.0}},
            staircase=Staircase("conditions.coh", LEVELS, down=2, up=1),
            until=Gate("level", 6.4, window=2, below=True),
            back=Gate("performance", 0.2, window=5),
        ),
        Stage({"timing": {"stimulus": 100}}, until=Gate("steps", 0, window=3), back=None),
        Stage(),
    ]


def make(*, pooled=True, given=None, wrappers=(), **kwargs):
    curriculum = Curriculum(stages() if given is None else given, pooled)
    return ngym.make(ID, wrappers=[*wrappers, ("FollowCurriculum", {"curriculum": curriculum})], timing=SHORT, **kwargs)


def lanes(n, **kwargs):
    return ngym.TrialVectorEnv(make(**kwargs), n, autoreset_mode="SameStep")


def play(env, trials, p=1.0, seed=0):
    """Conditions and performance of some trials, of an agent that is right with a probability."""
    rng, found = np.random.default_rng(seed), []
    while len(found) < trials:
        gt = env.unwrapped.gt_now
        info = env.step(gt if gt == 0 or rng.random() < p else 3 - gt)[4]
        if info["new_trial"]:
            found.append({**info["ended_trial"], "performance": info["performance"]})
    return found


def column(found, name):
    return [row[name] for row in found]


# ---- stages --------------------------------------------------------------------------------------------


def test_stages_follow_one_another_and_count_from_the_trial_after_the_next():
    env = make()
    env.reset(seed=0)
    found = play(env, 25)
    # The fourth trial opens the gate, when the fifth has begun; so it is with each level, which needs two.
    levels = [51.2] * 3 + [25.6] * 3 + [12.8] * 3 + [6.4] * 3
    assert column(found, "stage") == [0] * 5 + [1] * len(levels) + [2] * 4 + [3] * (25 - 9 - len(levels))
    assert column(found, "level")[5 : 5 + len(levels)] == column(found, "coh")[5 : 5 + len(levels)] == levels
    assert np.isnan(column(found, "level")[:5]).all()
    assert set(column(found, "coh")[:5]) == {25.6, 51.2}
    assert set(column(found, "coh")[-4:]) <= {0, 6.4, 12.8, 25.6, 51.2}


def test_parameters_are_those_of_the_stage_and_else_as_before():
    env = make(sigma=0.7)
    task, before = env.unwrapped, 0.7 / np.sqrt(100)
    env.reset(seed=0)
    seen = {}
    for _ in range(30):
        seen[env.stage] = (task.timing["stimulus"], task.sigma, task.rewards["correct"])
        play(env, 1)
    assert seen == {0: (300, before, 1), 1: (200, 0, 2), 2: (100, before, 1), 3: (200, before, 1)}


def test_errors_lead_back_a_stage():
    env = make()
    env.reset(seed=0)
    play(env, 5)
    assert env.stage == 1
    found = play(env, 7, p=0)
    assert column(found, "stage") == [1] * 6 + [0]


def test_staircase_goes_up_after_errors():
    env = make()
    env.reset(seed=0)
    play(env, 10)
    assert env.level == 12.8
    play(env, 1, p=0)  # was played at the level before and does not count
    assert env.level == 12.8
    play(env, 1, p=0)
    assert env.level == 25.6


def test_seed_begins_anew():
    env = make()
    runs = []
    for _ in range(2):
        env.reset(seed=3)
        runs.append(play(env, 30, 0.9))
    assert _equal(runs[0], runs[1])
    assert {0, 1, 2} <= set(column(runs[0], "stage"))
    env.reset()
    assert env.stage > 0
    env.unwrapped.seed(3)
    env.reset()
    assert env.stage == 0


def test_another_curriculum_that_is_assigned_begins():
    env = make()
    env.reset(seed=0)
    play(env, 8)
    env.curriculum = Curriculum([Stage({"timing": {"decision": 300}}, until=Gate("performance", 0.5, window=2)), Stage()])
    timing = env.unwrapped.timing
    assert (env.stage, timing["stimulus"], timing["decision"], env.unwrapped.rewards["correct"]) == (0, 200, 300, 1)
    with pytest.raises(UnknownNameError, match="Stage 0: Unknown timing key 'delai'"):
        env.curriculum = Curriculum([Stage({"timing": {"delai": 300}})])
    assert timing["decision"] == 300
    play(env, 4)
    assert (env.stage, timing["decision"]) == (1, 100)


def test_progress_that_is_assigned_is_gone_on_from():
    env = make()
    env.reset(seed=0)
    env.progress = env.curriculum.enter(1)
    assert column(play(env, 3), "stage") == [0, 1, 1]
    assert (env.stage, env.level, env.unwrapped.sigma) == (1, 25.6, 0)
    with pytest.raises(ValueError, match="This progress is that of another curriculum: it has stage 4 of 4"):
        env.progress = Curriculum([*stages()[:-1], *stages()[2:]]).enter(4)
    with pytest.raises(TypeError, match=r"progress=1 must be a Progress, such as env\.curriculum\.enter\(1\)"):
        env.progress = 1
    assert env.stage == 1


def test_conditions_of_a_caller_prevail():
    assert set(make().sample_trials(20, seed=0, coh=6.4).conditions["coh"]) == {6.4}


def forcing(values):
    """An env whose first stage has two coherences, and its second a staircase, with coherences that are fixed outside."""
    given = [
        Stage({}, {"coh": [51.2, 12.8]}, until=Gate("performance", 0.5, window=2)),
        Stage(staircase=Staircase("conditions.coh", LEVELS)),
    ]
    env = make(given=given)
    return ngym.wrappers.FixConditions(env, {"coh": values})


@pytest.mark.parametrize("values", [6.4, [6.4, 0.0]])
def test_trials_that_are_forced_to_be_others_count_for_nothing(values):
    env = forcing(values)
    env.reset(seed=0)
    found = play(env, 8)
    assert column(found, "stage") == [-1] * 8
    assert np.isnan(column(found, "level")).all()
    assert env.stage == 0
    env.env.progress = env.curriculum.enter(1)
    assert column(play(env, 8), "stage")[1:] == [-1] * 7
    assert env.level == 51.2


def test_trials_that_are_forced_to_a_value_of_their_stage_count():
    env = forcing([12.8, 51.2])
    env.reset(seed=0)
    assert column(play(env, 3), "stage") == [0] * 3
    found = play(env, 30)
    assert env.stage == 1
    assert set(column(found, "stage")) == {-1, 1}
    assert all(row["coh"] == row["level"] for row in found if row["stage"] == 1)


def test_forced_trials_of_lanes_and_of_a_single_reset_count_for_nothing():
    vector = ngym.TrialVectorEnv(forcing([6.4, 51.2]), 4)
    vector.reset(seed=0)
    seen = [step[4]["trial"] for step in step_lanes(vector, 30, p=0)]
    stage, coh = (np.concatenate([trial[name] for trial in seen]) for name in ("stage", "coh"))
    assert ((stage == -1) == (coh == 6.4)).all()
    assert set(stage.tolist()) == {-1, 0}
    env = make()
    trial = env.reset(seed=0, options={"conditions": {"coh": 3.2}})[1]["trial"]
    assert (trial["stage"], env.reset()[1]["trial"]["stage"]) == (-1, 0)
    assert env.sample_trials(3, seed=0, coh=[3.2, 25.6, 51.2]).conditions["stage"].tolist() == [-1, 0, 0]


def test_what_an_inner_layer_records_as_level_is_no_level():
    class Named(ngym.TrialWrapper):
        def draw_conditions(self, n, draws, forced):
            return forced, {"level": np.full(n, "low")}

    curriculum = Curriculum([Stage(until=Gate("steps", 1, window=2)), Stage()])
    env = FollowCurriculum(Named(ngym.make(ID)), curriculum)
    env.reset(seed=0)
    assert column(play(env, 4), "stage") == [0, 0, 0, 1]


def test_what_an_inner_layer_records_as_stage_does_not_count():
    curriculum = Curriculum([Stage(until=Gate("performance", 0.5, window=3)), Stage()])
    env = ngym.make("CVLearning", stages=[2, 4], wrappers=[("FollowCurriculum", {"curriculum": curriculum})])
    env.reset(seed=0)
    found = play(env, 8)
    assert column(found, "stage") == [2] * 8
    assert column(found, "FollowCurriculum_stage") == [0] * 4 + [1] * 4


# ---- staircase -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pooled", [True, False])
def test_three_down_one_up_converges_to_79_4_percent_in_lanes(pooled):
    levels = np.linspace(40, 1, 40)
    n, steps = (4, 6000) if pooled else (32, 440)  # a pooled staircase makes one move for the trials of all lanes
    env = lanes(n, pooled=pooled, given=[Stage(staircase=Staircase("conditions.coh", levels.tolist(), start=24))])
    _, info = env.reset(seed=0)
    rng, right = np.random.default_rng(0), []
    for step in range(steps):
        coh, truth = info["trial"]["coh"], info["trial"]["ground_truth"] + 1
        answers = np.where(rng.random(n) < 1 - 0.5 * np.exp(-((coh / 15) ** 2)), truth, 3 - truth)
        *_, info = env.step(answers * (step % 4 == 3))
        if step >= 100 and step % 4 == 3:
            assert info["new_trial"].all()
            right.append(info["performance"])
    assert abs(np.mean(right) - 0.794) < 0.015


def test_staircase_of_a_period_changes_trials_of_lanes():
    staircase = Staircase("parameters.timing.stimulus", [100, 300, 500], down=1)
    env = lanes(4, given=[Stage(staircase=staircase)])
    env.reset(seed=0)
    ends = np.array([step[4]["new_trial"] for step in step_lanes(env, 40, p=1)])
    assert (ends == ends[:, :1]).all()
    # Each first trial of a level is followed by one that had begun at the level before.
    assert np.diff(np.nonzero(ends[:, 0])[0], prepend=-1)[:7].tolist() == [3, 3, 5, 5, 7, 7, 7]


# ---- lanes ---------------------------------------------------------------------------------------------


def step_lanes(env, steps, seed=0, p=0.8):
    """All that an agent gets in some steps that is right with a probability."""
    rng, seen = np.random.default_rng(seed), []
    for _ in range(steps):
        due = env._backend.observe()[:, 0] == 0  # the decision
        truth = 1 + env._backend.idle_info()["trial"]["ground_truth"]
        answers = np.where(rng.random(env.num_envs) < p, truth, 3 - truth)
        seen.append(env.step(answers * due))
    return seen


def test_one_pooled_lane_plays_what_a_single_env_plays():
    vector, env, rng = lanes(1), make(), np.random.default_rng(0)
    vector.reset(seed=5)
    env.reset(seed=5)
    stages_seen = set()
    for _ in range(400):
        gt = int(env.unwrapped.gt_now)
        action = gt if rng.random() < 0.9 or gt == 0 else 3 - gt
        ob, reward, _, _, info = env.step(action)
        obs, rewards, _, _, infos = vector.step(np.array([action]))
        assert (ob == obs[0]).all()
        assert reward == rewards[0]
        assert _equal({k: v[0] for k, v in infos["trial"].items() if k[0] != "_"}, info["trial"])
        stages_seen.add(info["trial"]["stage"])
    assert {0, 1, 2} <= stages_seen


def test_each_lane_by_itself_plays_what_a_single_env_plays():
    vector, envs, rng = lanes(4, pooled=False), [make(pooled=False) for _ in range(4)], np.random.default_rng(0)
    vector.reset(seed=5)
    for i, env in enumerate(envs):
        env.reset(seed=5 + i)
    seen = set()
    for _ in range(200):
        gt = np.array([env.unwrapped.gt_now for env in envs])
        actions = np.where((rng.random(4) < [0.5, 0.8, 0.95, 1]) | (gt == 0), gt, 3 - gt)
        found = [env.step(action) for env, action in zip(envs, actions.tolist(), strict=True)]
        obs, rewards, _, _, infos = vector.step(actions)
        assert (obs == [ob for ob, *_ in found]).all()
        assert rewards.tolist() == [reward for _, reward, *_ in found]
        assert infos["trial"]["stage"].tolist() == [info["trial"]["stage"] for *_, info in found]
        seen.add(tuple(infos["trial"]["stage"].tolist()))
    assert max(len(set(stages_now)) for stages_now in seen) >= 2  # lanes are in different stages at the same time


def test_pooled_lanes_change_together_by_the_trials_of_all():
    env = lanes(8, given=[Stage(until=Gate("performance", 1.0, window=24)), Stage({"timing": {"stimulus": 500}})])
    env.reset(seed=0)
    ends = []
    for *_, info in step_lanes(env, 40, p=1):
        if info["new_trial"].any():
            ends.append((info["new_trial"].sum().item(), set(info["trial"]["stage"].tolist())))
    # Three trials of eight lanes open the gate when the fourth has begun.
    assert ends[:5] == [(8, {0})] * 3 + [(8, {1})] * 2
    assert env.env.stage == 1
    env.reset(seed=0)
    assert env.env.stage == 0
    assert env.env.unwrapped.timing["stimulus"] == 200


def test_seeded_lanes_begin_anew_and_unseeded_ones_go_on():
    env, fresh = lanes(4), lanes(4)
    env.reset(seed=1)
    step_lanes(env, 200)
    assert env.env.stage > 0
    env.reset()
    assert env.env.stage > 0
    one, two = env.reset(seed=7), fresh.reset(seed=7)
    assert _equal(one, two)
    assert _equal(step_lanes(env, 100), step_lanes(fresh, 100))


# ---- days and reminders --------------------------------------------------------------------------------


def with_reminder():
    """Two days in a row lead on, bad trials lead back for a while, and two gates lead to the last stage."""
    right = Gate("performance", 0.8, window=10, at_least=20)
    return [
        Stage(
            conditions={"coh": 51.2}, until=Gate("performance", 0.8, 5, day=5, days=2), again=Gate("performance", 0.75, 4)
        ),
        Stage(back=Gate("performance", 0.25, 4), until=[right, Gate("steps", 4, window=2, below=True)]),
        Stage(),
    ]


def test_days_in_a_row_lead_on_and_a_reminder_ends_by_its_own_gate():
    env = make(given=with_reminder())
    env.reset(seed=0)
    found = [*play(env, 8), *play(env, 1, p=0), *play(env, 3)]  # days of five trials: 5, then 4 right ones
    found += [*play(env, 5, p=0), *play(env, 20)]
    # The next trial has begun when a gate opens, and counts for neither stage: of the trials of stage 1 and its reminder
    # the twentieth is the 33rd.
    assert column(found, "stage") == [0] * 11 + [1] * 5 + [0] * 5 + [1] * 13 + [2] * 3
    assert set(column(found, "coh")[16:21]) == {51.2}


@pytest.mark.parametrize("pooled", [True, False])
def test_lanes_with_days_and_reminders_go_on_from_a_state_in_mid_reminder(pooled, tmp_path):
    env, other = (lanes(3, pooled=pooled, given=with_reminder()) for _ in range(2))
    env.reset(seed=0)
    before = step_lanes(env, 20 if pooled else 48, p=1)
    now = step_lanes(env, 24, p=0)
    assert before[-1][4]["trial"]["stage"].tolist() == [1] * 3
    assert now[-1][4]["trial"]["stage"].tolist() == [0] * 3  # the reminder
    other.set_state(load_state(save_state(tmp_path / "state", env.get_state())))
    one, two = (step_lanes(lanes_, 200, seed=1) for lanes_ in (env, other))
    assert _equal(one, two)
    assert {0, 1, 2} <= set(np.concatenate([step[4]["trial"]["stage"] for step in one]).tolist())


def test_one_pooled_lane_with_days_and_reminders_plays_what_a_single_env_plays():
    vector, env, rng, seen = lanes(1, given=with_reminder()), make(given=with_reminder()), np.random.default_rng(0), set()
    vector.reset(seed=5)
    env.reset(seed=5)
    for step in range(600):
        gt = int(env.unwrapped.gt_now)
        action = gt if rng.random() < (0.95 if step % 200 < 120 else 0.1) or gt == 0 else 3 - gt
        ob, *_, info = env.step(action)
        obs, *_, infos = vector.step(np.array([action]))
        assert (ob == obs[0]).all()
        assert info["trial"]["stage"] == infos["trial"]["stage"][0]
        seen.add((env.stage, env.progress.reminded))
        assert env.progress.reminded == vector.env.progress.reminded
    assert seen >= {(0, False), (0, True), (1, False)}


def test_pooled_lanes_do_not_miss_the_end_of_a_day():
    env = lanes(4, given=[Stage(until=Gate("performance", 1, 10, day=10)), Stage()])
    env.reset(seed=0)
    step_lanes(env, 12, p=1)  # the tenth trial is the second of the third four
    assert env.env.stage == 1


# ---- states --------------------------------------------------------------------------------------------


def test_single_env_goes_on_from_a_state_in_mid_stage():
    env, other = make(), make()
    env.reset(seed=0)
    play(env, 10, 0.8)
    assert env.stage == 1
    env.step(0)
    other.set_state(env.get_state())
    assert (other.stage, other.level, other.unwrapped.sigma) == (env.stage, env.level, 0)
    assert _equal(play(env, 60, 0.8, seed=1), play(other, 60, 0.8, seed=1))


PROGRAM = """
import sys, numpy as np
from ngym_core.state import load_state, save_state
from tests.core.wrappers.test_follow_curriculum import lanes, step_lanes
env = lanes(64, pooled=sys.argv[1] == "True")
env.reset(seed=9)
step_lanes(env, 60)
save_state(sys.argv[2], env.get_state())
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("pooled", [True, False])
def test_64_lanes_that_were_killed_in_mid_stage_go_on_bit_for_bit(pooled, tmp_path):
    path = tmp_path / "state.npz"
    killed = subprocess.run([sys.executable, "-c", PROGRAM, str(pooled), path], check=False, capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    whole, resumed = lanes(64, pooled=pooled), lanes(64, pooled=pooled)
    whole.reset(seed=9)
    step_lanes(whole, 60)
    resumed.set_state(load_state(path))
    assert resumed.env.stage == whole.env.stage
    one, two = (step_lanes(env, 120, seed=1) for env in (whole, resumed))
    assert _equal(one, two)
    found = np.concatenate([step[4]["trial"]["stage"] for step in one])
    assert len(set(found.tolist())) >= 2  # the curriculum goes on after the kill
    assert whole.env.stage == resumed.env.stage


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_copies_go_on_as_the_original(copied, pooled):
    env, vector = make(pooled=pooled), lanes(3, pooled=pooled)
    env.reset(seed=0)
    play(env, 10, 0.8)
    vector.reset(seed=0)
    step_lanes(vector, 40)
    other, others = copied(env), copied(vector)
    assert _equal(play(env, 20, 0.8, seed=1), play(other, 20, 0.8, seed=1))
    assert _equal(step_lanes(vector, 60, seed=1), step_lanes(others, 60, seed=1))


def test_env_is_made_again_from_its_spec():
    gate = {"metric": "performance", "threshold": 0.6, "window": 4}
    stages_as_data = [{"conditions": {"coh": 51.2}, "until": gate}, {}]
    env = ngym.make(ID, wrappers=[("FollowCurriculum", {"curriculum": {"stages": stages_as_data}})])
    spec = gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json())
    other = gymnasium.make(spec, disable_env_checker=True)
    assert other.get_wrapper_attr("curriculum") == env.curriculum


def four_seconds():
    return 4000


DURATIONS = [
    (ngym.TruncExp(500, 200, 900), ngym.TruncExp(3000, 2000, 5000)),
    (500, four_seconds),
    (four_seconds, ngym.TruncExp(500, 200, 900)),
]


def of_two_durations(a, b, pooled=True, **kwargs):
    first = Stage({"timing": {"stimulus": a}}, until=Gate("performance", 0, window=1))
    curriculum = Curriculum([first, Stage({"timing": {"stimulus": b}})], pooled)
    return ngym.make(ID, wrappers=[("FollowCurriculum", {"curriculum": curriculum})], **kwargs)


@pytest.mark.parametrize("pooled", [None, True, False])
@pytest.mark.parametrize(("a", "b"), DURATIONS)
def test_state_has_the_distributions_and_functions_of_its_stage(a, b, pooled, tmp_path):
    def play_on(env, steps):
        return [env.step(0 if pooled is None else np.zeros(3, int)) for _ in range(steps)]

    def build():
        return of_two_durations(a, b) if pooled is None else ngym.TrialVectorEnv(of_two_durations(a, b, pooled), 3)

    one, two = build(), build()
    one.reset(seed=0)
    play_on(one, 90)
    two.set_state(load_state(save_state(tmp_path / "state", one.get_state())))
    if pooled is not False:  # the parameters of each lane are its own
        assert two.get_wrapper_attr("stage") == 1 if pooled is None else two.env.stage == 1
        assert (two if pooled is None else two.env).unwrapped.timing["stimulus"] == b
    assert _equal(play_on(one, 150), play_on(two, 150))


def test_state_has_a_function_that_the_curriculum_replaces_for_a_while():
    envs = [of_two_durations(300, 400, timing={"delay": four_seconds}) for _ in range(2)]
    for env in envs:
        env.curriculum = Curriculum([Stage({"timing": {"delay": 100}}, until=Gate("steps", 0, window=1)), Stage()])
    envs[0].reset(seed=0)
    envs[1].set_state(envs[0].get_state())
    play(envs[1], 2)
    assert envs[1].unwrapped.timing["delay"] is four_seconds


def test_state_of_a_distribution_with_other_numbers_is_refused():
    one, two = (of_two_durations(ngym.TruncExp(500, 200, most), 500) for most in (900, 901))
    with pytest.raises(ngym.StateError, match=r"stimulus: TruncExp\[500\.0, 200\.0, 900\.0\].*, here .*901\.0\]"):
        two.set_state(one.get_state())


def test_state_of_another_curriculum_is_refused():
    env = make()
    env.reset(seed=0)
    other = make(given=[Stage(until=Gate("performance", 0.7, window=4)), Stage()])
    with pytest.raises(ngym.StateError, match=r"other parameters: FollowCurriculum\.curriculum="):
        other.set_state(env.get_state())


def test_state_goes_on_in_an_env_whose_curriculum_was_written_elsewhere(tmp_path):
    path = tmp_path / "stages.toml"
    path.write_text('[[stages]]\nuntil = {metric = "reward", threshold = 0.5, window = 3}\n[[stages]]\n')
    in_python = Curriculum([Stage(until=Gate("reward", 0.5, window=3)), Stage()])
    envs = [ngym.make(ID, wrappers=[("FollowCurriculum", {"curriculum": c})]) for c in (path, in_python)]
    for one, other in (envs, envs[::-1]):
        one.reset(seed=0)
        play(one, 2)
        other.set_state(one.get_state())
        assert _equal(play(one, 8), play(other, 8))
        assert one.stage == other.stage == 1


def test_state_in_a_file_is_the_same(tmp_path):
    env = lanes(4)
    env.reset(seed=0)
    step_lanes(env, 80)
    state = load_state(save_state(tmp_path / "state", env.get_state()))
    other = lanes(4)
    other.set_state(state)
    assert _equal(step_lanes(env, 50, seed=2), step_lanes(other, 50, seed=2))


# ---- scores --------------------------------------------------------------------------------------------


def test_scores_drive_what_is_sampled():
    env = make()
    env.score([1.0, 0.0, 1.0])
    assert set(env.sample_trials(5, seed=0).conditions["stage"]) == {0}
    env.score(1.0)
    assert set(env.sample_trials(5, seed=0).conditions["stage"]) == {1}
    env.score([1.0, 1.0])
    assert env.level == 25.6
    env.score(np.array([True, False]))
    env.score([])
    steps = Curriculum([Stage(until=Gate("steps", 5)), Stage()])
    env = ngym.make(ID, wrappers=[("FollowCurriculum", {"curriculum": steps})])
    with pytest.raises(UnknownNameError, match="Unknown metric of these trials, which a gate needs: 'steps'"):
        env.score(1.0)


@pytest.mark.parametrize(
    ("scores", "kind"),
    [
        *((scores, ValueError) for scores in (85, -1, float("nan"), [0.5, 1.5], [[1.0]], [0.5, np.nan])),
        *((scores, TypeError) for scores in (None, "a", ["a"], [0.5, None], [[1], [1, 2]], 1j)),
    ],
)
def test_scores_that_are_none_are_refused(scores, kind):
    env = make()
    with pytest.raises(kind, match="performance=.* must be a number from 0 to 1, or a list of one for each trial"):
        env.score(scores)
    assert env.progress.trials == 0


# ---- what is refused -----------------------------------------------------------------------------------

GATE = Gate("performance", 0.8)
WRONG = [
    (
        [Stage(until=GATE), Stage({"timing": {"stimulis": 3}})],
        KeyError,
        "Stage 1: Unknown timing key 'stimulis'. Did you mean",
    ),
    ([Stage({"rewards": {"corect": 3}})], KeyError, "Stage 0: Unknown reward key 'corect'. Did you mean 'correct'?"),
    ([Stage({"sigmma": 3})], KeyError, "Stage 0: Unknown parameter of .* 'sigmma'. Did you mean 'sigma'?"),
    ([Stage({"dt": 3})], KeyError, "Stage 0: Unknown parameter of .* 'dt'"),
    (
        [Stage(until=GATE), Stage({"dim_ring": 8})],
        AttributeError,
        "Stage 1: dim_ring is fixed when .* is made: make another one",
    ),
    (
        [Stage(staircase=Staircase("parameters.dim_ring", [2, 4]))],
        AttributeError,
        "Stage 0: dim_ring is fixed when .* is made",
    ),
    ([Stage({"timing": {"stimulus": -3}})], ValueError, "Stage 0: .*stimulus.*-3"),
    ([Stage({"sigma": -3})], ValueError, "Stage 0: sigma=-3 must be a finite number from 0"),
    ([Stage(conditions={"cohh": 3})], KeyError, "Stage 0: Unknown condition of .* 'cohh'. Did you mean 'coh'?"),
    ([Stage(conditions={"ground_truth": 7})], ValueError, "Stage 0: .*7"),
    ([Stage(staircase=Staircase("conditions.cohh", LEVELS))], KeyError, "Stage 0: Unknown condition"),
    ([Stage(staircase=Staircase("parameters.timing.stimulis", LEVELS))], KeyError, "Stage 0: Unknown timing key 'stimulis'"),
    ([Stage(conditions={"ground_truth": [0, 0, 0, 7]})], ValueError, "Stage 0: The condition 'ground_truth' is forced to 7"),
    (
        [Stage(conditions={"coh": 0, "ground_truth": (0, 1, 7)})],
        ValueError,
        "Stage 0: The condition 'ground_truth' is forced",
    ),
    (
        [Stage(staircase=Staircase("conditions.ground_truth", [0, 7, 1]))],
        ValueError,
        "Stage 0: The condition 'ground_truth' is forced to 7",
    ),
    (
        [Stage(staircase=Staircase("parameters.sigma", [1, -1, 2]))],
        ValueError,
        "Stage 0: sigma=-1 must be a finite number from 0",
    ),
    (
        [Stage(staircase=Staircase("parameters.sigma", [1, -1]))],
        ValueError,
        "Stage 0: sigma=-1 must be a finite number from 0",
    ),
]


@pytest.mark.parametrize(("given", "kind", "message"), WRONG)
def test_stage_that_the_task_cannot_play_is_refused_at_once(given, kind, message):
    with pytest.raises(kind, match=message):
        make(given=given)


def test_stage_sets_parameters_that_trials_follow_from():
    stages = [Stage({"catch_prob": 0.0, "stim_time": 300}, until=Gate("performance", 0.9, window=1)), Stage()]
    env = FollowCurriculum(ngym.make("AnnubesEnv-v0"), Curriculum(stages))
    trials = env.sample_trials(100, seed=0)
    assert not trials.conditions["catch"].any()
    assert (trials.end["stimulus"] - trials.start["stimulus"] == 3).all()
    env.score(1.0)
    trials = env.sample_trials(100, seed=0)
    assert trials.conditions["catch"].any()
    assert (trials.end["stimulus"] - trials.start["stimulus"] == 10).all()


def test_gate_that_can_never_open_in_the_task_is_refused():
    class Reaching(type(ngym.make("ReachingDelayResponse-v0").unwrapped)):
        has_answer = False

    for metric, message in (("reaction_time", "measures no reaction time"), ("performance", "no action is right")):
        curriculum = Curriculum([Stage(until=Gate(metric, 0.5)), Stage()])
        with pytest.raises(ValueError, match=f"Stage 0: metric='{metric}': this gate can never open, since .*{message}"):
            FollowCurriculum(Reaching(), curriculum)
    several = Curriculum([Stage(until=[Gate("steps", 5), Gate("correct", 0.5)]), Stage()])
    with pytest.raises(ValueError, match="Stage 0: metric='correct': this gate can never open, since no action is right"):
        FollowCurriculum(Reaching(), several)


def test_what_a_wrapper_inside_decides_and_a_second_curriculum_are_refused():
    bias = ("SideBias", {"probs": [[0.8, 0.2]]})
    with pytest.raises(ValueError, match="Stage 0: FollowCurriculum and SideBias both decide 'ground_truth'"):
        make(given=[Stage(conditions={"ground_truth": 1})], wrappers=[bias])
    with pytest.raises(ValueError, match="follows a curriculum already: write the stages of both in one"):
        FollowCurriculum(make(), Curriculum([Stage()]))
    with pytest.raises(TypeError, match="curriculum=5 must be a Curriculum, a dictionary of its parts, or a TOML file"):
        FollowCurriculum(ngym.make(ID), 5)


@pytest.mark.parametrize("id_", ["yang19.dlygo-v0+delay=500", "yang19.go-v0+delay=500+sequence", "modcog.dlygointr-v0"])
def test_staircase_over_a_period_that_a_modifier_sets(id_):
    curriculum = Curriculum([Stage(staircase=Staircase("parameters.timing.delay", [200, 1000], down=1))])
    env = ngym.make(id_, wrappers=[("FollowCurriculum", {"curriculum": curriculum})])
    env.reset(seed=0)
    rows = play(env, 3)
    assert column(rows, "delay") == column(rows, "level") == [200, 200, 1000]


def test_whole_numbers_that_are_written_as_floats_are_whole_numbers():
    env = make(given=[Stage(staircase=Staircase("conditions.ground_truth", [0.0, 1.0], down=1))])
    env.reset(seed=0)
    assert column(play(env, 3), "ground_truth") == [0, 0, 1]


def test_stages_of_an_env_with_several_tasks_set_conditions_only():
    env = ngym.wrappers.MultiEnvs([ngym.make(ID), ngym.make(ID)])
    with pytest.raises(
        ValueError, match="parameters='timing.stimulus': the env has several tasks, of which stages set cond"
    ):
        FollowCurriculum(env, Curriculum([Stage({"timing": {"stimulus": 300}})]))
    curriculum = Curriculum(
        [Stage(conditions={"i_env": 1}, until=Gate("performance", 0.5, window=2)), Stage(conditions={"i_env": 0})]
    )
    env = FollowCurriculum(env, curriculum)
    env.reset(seed=0)
    assert column(play(env, 6), "i_env") == [1, 1, 1, 0, 0, 0]


def test_mistake_that_only_the_task_shows_is_named_with_its_line(tmp_path):
    text = """
[[stages]]
until = {metric = "performance", threshold = 0.8}
parameters.sigma = 0.5

[[stages]]
[stages.parameters.timing]
stimulus = 200
dcision = 100
"""
    path = tmp_path / "curriculum.toml"
    path.write_text(text)
    with pytest.raises(
        UnknownNameError, match=r"curriculum\.toml, line 9: Unknown timing key 'dcision'. Did you mean 'decision'"
    ):
        FollowCurriculum(ngym.make(ID), path)
    path.write_text(text.replace("dcision = 100", "").replace("parameters.sigma", "conditions.cohs"))
    with pytest.raises(
        UnknownNameError, match=r"curriculum\.toml, line 4: Unknown condition of .* 'cohs'. Did you mean 'coh'"
    ):
        FollowCurriculum(ngym.make(ID), str(path))
    path.write_text('[[stages]]\nparameters.sigma = 0.5\nstaircase = {path = "conditions.cohh", levels = [1, 2]}\n')
    with pytest.raises(UnknownNameError, match=r"curriculum\.toml, line 3: Unknown condition of .* 'cohh'"):
        FollowCurriculum(ngym.make(ID), path)
    path.write_text('[[stages]]\n[stages.staircase]\npath = "parameters.sigma"\nlevels = [1, -2]\n')
    with pytest.raises(ValueError, match=r"curriculum\.toml, line 4: sigma=-2 must be"):
        FollowCurriculum(ngym.make(ID), path)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("threshold", "stage"), [(150, 1), (50, 0)])
def test_curriculum_measures_the_same_reaction_times_in_any_order_of_the_wrappers(order, threshold, stage):
    gate = {"metric": "reaction_time", "threshold": threshold, "below": True, "window": 1}
    wrappers = ["ReactionTime", ("FollowCurriculum", {"curriculum": {"stages": [{"until": gate}, {}]}})]
    env = ngym.make("PerceptualDecisionMaking-v0", wrappers=wrappers[::order])
    env.reset(seed=0)
    for _ in range(3):
        env.step(env.unwrapped.gt_now)  # answers 100 ms after the start of the stimulus
    assert env.get_wrapper_attr("progress").stage == stage
