from __future__ import annotations

import itertools

import gymnasium as gym
import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.curriculum import Curriculum, Gate, Stage
from ngym_core.errors import UnknownNameError
from ngym_core.scheduler import RandomSchedule, SequentialBlockSchedule, SequentialSchedule
from ngym_core.spaces import names_of
from ngym_core.vector import TrialVectorEnv
from ngym_core.wrappers import FixConditions, FollowCurriculum, MultiEnvs, ScheduleEnvs

from ..comparison import compare_with_single_envs
from ..toy import Toy


def labelled(label):
    """A task whose observations say which task it is and at which step."""

    class Labelled(Toy):
        def _new_trials(self, trials):
            super()._new_trials(trials)
            trials.set_ob(label + np.arange(trials.ob.shape[1])[None, :, None])

    return Labelled(timing={"delay": 100})


def test_schedule_envs_shows_each_trial_by_the_scheduled_task():
    env = ScheduleEnvs([labelled(1000), labelled(2000)], SequentialBlockSchedule(2, [2, 1]), env_input=True)
    ob, _ = env.reset(seed=0)
    seen = [ob]
    ended = 0
    while ended < 6:
        ob, _, _, _, info = env.step(env.unwrapped.gt_now)
        ended += info["new_trial"]
        seen.append(ob)
    tasks = [1000, 1000, 2000] * 2
    expected = [task + step for task in tasks for step in range(6)]  # the oracle answers at the sixth step
    assert [int(ob[0]) for ob in seen[: len(expected)]] == expected
    assert [int(np.argmax(ob[-2:])) for ob in seen[: len(expected)]] == [(t - 1000) // 1000 for t in np.repeat(tasks, 6)]
    assert names_of(env.observation_space)["env"] == range(3, 5)
    assert str(env) == "<ScheduleEnvs\n\t<Labelled>\n\t<Labelled>\n>"


def test_schedule_envs_can_be_nested():
    inner = ScheduleEnvs([labelled(0), labelled(10)], SequentialSchedule(2))
    env = ScheduleEnvs([inner, labelled(20)], SequentialBlockSchedule(2, [2, 1]))
    trials = env.sample_trials(9, seed=0)
    assert trials.ob[:, 0, 0].tolist() == [0, 10, 20] * 3
    assert trials.conditions["i_env"].tolist() == [0, 0, 1] * 3
    assert np.array_equal(trials.conditions["inner_i_env"], [0, 1, np.nan] * 3, equal_nan=True)
    env.reset(seed=0)
    played, tasks = [], []
    for _ in range(9):
        played.append(env.unwrapped.ob[0, 0])
        tasks.append(env.unwrapped)
        env.new_trial()
    assert played == [0, 10, 20] * 3
    # The task plays itself that made the trial.
    assert tasks == [*(task.unwrapped for task in inner.envs), env.envs[1].unwrapped] * 3


def test_nested_envs_name_the_channels_of_each_env_input():
    def pair(schedule, *envs):
        return ScheduleEnvs(envs, schedule, env_input=True)

    inner = [pair(SequentialSchedule(2), Toy(), Toy()) for _ in range(2)]
    env = pair(SequentialBlockSchedule(2, [2, 2]), *inner)
    names = names_of(env.observation_space)
    assert (names["inner_env"], names["env"]) == (range(3, 5), range(5, 7))
    trials = env.sample_trials(4, seed=0)
    shown = [trials.ob[:, 0, list(names[name])].argmax(axis=1).tolist() for name in ("inner_env", "env")]
    assert shown == [[0, 1, 0, 1], [0, 0, 1, 1]]


@pytest.mark.parametrize("deeper", [False, True])
def test_nested_envs_play_the_task_that_they_report_in_env_and_lanes(deeper):
    def build():
        inner = ScheduleEnvs([ngym.make(id_) for id_ in ("yang19.go-v0", "yang19.dms-v0")], SequentialSchedule(2))
        if deeper:
            inner = MultiEnvs([inner, ngym.make("yang19.anti-v0")])
        return ScheduleEnvs([inner, ngym.make("yang19.ctxdm1-v0")], SequentialBlockSchedule(2, [2, 1]))

    env = build()
    env.reset(seed=0)
    for _ in range(12):
        conditions = env.new_trial()
        assert env.unwrapped.spec.id == conditions["task"]
        assert env.unwrapped.trial["task"] == conditions["task"]
    compare_with_single_envs(build, steps=60)


def test_multi_envs_draw_each_task_from_another_stream():
    env = MultiEnvs([Toy(), Toy()])
    first = env.sample_trials(5, seed=0, i_env=0).ob
    second = env.sample_trials(5, seed=0, i_env=1).ob
    assert not np.array_equal(first[:, :6], second[:, :6])
    env.reset(seed=0)
    env.set_i(1)
    env.new_trial()
    assert env.i_env == 1
    with pytest.raises(IndexError, match=r"There are envs 0 to 1, not \[2\]"):
        env.set_i(2)


@pytest.mark.parametrize(
    ("envs", "arguments", "message"),
    [
        ([], {}, "There must be at least one env"),
        (["PerceptualDecisionMaking", "yang19.go"], {}, "must have the same shape of observations and the same actions"),
        (["AngleReproduction"] * 2, {}, None),
    ],
)
def test_multi_envs_reject_tasks_with_other_spaces(envs, arguments, message):
    made = [ngym.make(id_) for id_ in envs]
    if message is None:
        assert MultiEnvs(made, **arguments).reset(seed=0)
        return
    with pytest.raises(ValueError, match=message):
        MultiEnvs(made, **arguments)
    if made:
        with pytest.raises(ValueError, match="There are 2 envs, the schedule chooses from 3"):
            ScheduleEnvs(made, SequentialSchedule(3))


def test_multi_envs_env_input_rejects_images():
    env = Toy()
    env.observation_space = gym.spaces.Box(-1, 1, (4, 4))
    with pytest.raises(ValueError, match="env_input needs a vector of channels, not Box"):
        MultiEnvs([env], env_input=True)


MIX = ("yang19.go-v0", "yang19.dms-v0", "yang19.ctxdm1-v0")


def mixed():
    return ScheduleEnvs([ngym.make(id_) for id_ in MIX], RandomSchedule(3))


def test_mixed_tasks_have_all_conditions_of_one_type_in_every_batch():
    env, draws = mixed(), ngym.Draws(3)
    whole = mixed().sample_trials(30, seed=3).conditions
    parts = [env.sample_trials(n, draws=draws).conditions for n in (*[1] * 10, 20)]
    for name, values in whole.items():
        assert {part[name].dtype.kind for part in parts} == {values.dtype.kind}
        joined = [value for part in parts for value in part[name].tolist()]
        for one, other in zip(joined, values.tolist(), strict=True):
            assert one == other or np.isnan([one, other]).all()
            assert type(one) is type(other)
    env.reset(seed=3)
    trials = [env.unwrapped.trial, *(env.new_trial() for _ in range(9))]
    assert all(set(trial) == set(whole) for trial in trials)
    assert [trial["task"] for trial in trials] == whole["task"][:10].tolist()


def test_mixed_tasks_have_the_conditions_of_each_task_alone():
    env = mixed()
    conditions = env.sample_trials(60, seed=0).conditions
    i_env = conditions["i_env"]
    assert np.array_equal(conditions["task"], np.array(MIX)[i_env])
    draws = [ngym.Draws(0).child(f"env {i}") for i in range(3)]
    alone = [env.envs[i].sample_trials((i_env == i).sum(), draws=draws[i]).conditions for i in range(3)]
    for name in conditions.keys() - {"task", "i_env"}:
        for i in range(3):
            part = conditions[name][i_env == i]
            if name in alone[i]:
                assert part.tolist() == alone[i][name].tolist(), name
            else:
                assert all(v is None for v in part) if conditions[name].dtype == object else np.isnan(part).all(), name


def test_mixed_tasks_keep_the_types_of_conditions_and_name_the_task():
    tasks = [ngym.make(id_) for id_ in ("yang19.go-v0", "yang19.dms-v0")]
    env = ScheduleEnvs(tasks, SequentialBlockSchedule(2, [2, 1]))
    conditions = env.sample_trials(6, seed=0).conditions
    go = conditions["i_env"] == 0
    assert conditions["task"].tolist() == ["yang19.go-v0", "yang19.go-v0", "yang19.dms-v0"] * 2
    assert all(type(value) is int for value in conditions["ground_truth"][go])
    assert all(type(value) is str for value in conditions["ground_truth"][~go])
    assert conditions["anti"].dtype == float
    assert np.array_equal(np.isnan(conditions["anti"]), ~go)
    assert np.array_equal(np.isnan(conditions["sample_theta"]), go)


def test_env_input_renames_no_channel_of_a_task():
    tasks = [Toy(), Toy()]
    for task in tasks:
        space = task.observation_space
        names = {**names_of(space), "scenv": 1, "inner_ear": 2}
        task.observation_space = ngym.spaces.Box(-np.inf, np.inf, names, shape=space.shape)
    assert list(names_of(MultiEnvs(tasks, env_input=True).observation_space)) == [*names, "env"]


@pytest.mark.parametrize("envs", [5, [1], np.zeros((2, 3)), "ab"])
def test_what_are_no_envs_is_refused(envs):
    with pytest.raises(TypeError, match=r"^envs=.*\s*.* must be a sequence of envs.$"):
        MultiEnvs(envs)


GO, ANTI, MATCH, OTHER = "yang19.go-v0", "yang19.anti-v0", "yang19.dms-v0", "yang19.dnms-v0"


def test_the_task_of_a_trial_can_be_forced_by_its_name():
    env = ngym.mix([GO, MATCH])
    assert env.sample_trials(3, seed=0, task=MATCH).conditions["task"].tolist() == [MATCH] * 3
    assert env.sample_trials(3, seed=0, task=[MATCH, GO, MATCH]).conditions["i_env"].tolist() == [1, 0, 1]
    assert env.sample_trials(2, seed=0, task=MATCH, i_env=1).conditions["task"].tolist() == [MATCH] * 2
    assert env.reset(seed=0, options={"conditions": {"task": MATCH}})[1]["trial"]["task"] == MATCH
    of_name, of_index = (env.sample_trials(5, seed=0, **forced) for forced in ({"task": MATCH}, {"i_env": 1}))
    np.testing.assert_array_equal(of_name.ob, of_index.ob)


def test_the_task_is_forced_by_name_in_nested_mixtures():
    env = ngym.mix([ngym.mix([GO, ANTI]), ngym.mix([MATCH, OTHER])])
    names = [OTHER, GO, ANTI, MATCH]
    trials = env.sample_trials(4, seed=0, task=names)
    assert trials.conditions["task"].tolist() == names
    assert trials.conditions["i_env"].tolist() == [1, 0, 0, 1]
    assert trials.conditions["inner_i_env"].tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("forced", [{"i_env": 1}, {"task": MATCH}])
def test_lanes_force_the_task_and_keep_texts(forced):
    lanes = TrialVectorEnv(ngym.mix([GO, MATCH]), 3)
    lanes.reset(seed=0)
    trial = lanes.reset(seed=0, options={"conditions": forced})[1]["trial"]
    assert trial["task"].tolist() == [MATCH] * 3
    assert {type(value) for name in ("task", "ground_truth") for value in trial[name]} == {str}


@pytest.mark.parametrize(
    ("forced", "message"),
    [
        ({"task": "yang19.dm-v0"}, r"Unknown task of the mixture 'yang19\.dm-v0'\. Did you mean 'yang19\.dms-v0'"),
        ({"task": [GO, "x"]}, r"Unknown task of the mixture 'x'\. Valid: 'yang19\.dms-v0', 'yang19\.go-v0'\."),
        ({"task": GO, "i_env": 1}, r"task='yang19\.go-v0' is not the name of env 1, which 'i_env' forces\."),
    ],
)
def test_a_task_that_is_not_in_the_mixture_is_refused(forced, message):
    with pytest.raises((UnknownNameError, ValueError), match=message):
        ngym.mix([GO, MATCH]).sample_trials(2, seed=0, **forced)


def test_a_name_that_several_tasks_have_is_refused():
    env = ngym.mix([ngym.make(GO, timing={"fixation": ms}) for ms in (300, 500)])
    with pytest.raises(ValueError, match=r"is the name of the envs \[0, 1\]: force 'i_env' instead\."):
        env.sample_trials(2, seed=0, task=GO)


def test_fixed_conditions_and_stages_choose_among_the_tasks_of_a_mixture():
    env = FixConditions(ngym.mix([GO, ANTI, MATCH]), {"task": [GO, ANTI], "anti": 1})
    assert set(env.sample_trials(50, seed=0).conditions["task"].tolist()) == {GO, ANTI}
    with pytest.raises(UnknownNameError, match="Unknown task of the mixture 'go'"):
        FixConditions(ngym.mix([GO, MATCH]), {"task": [MATCH, "go"]})
    first = Stage(conditions={"task": GO}, until=Gate("performance", 0.8, window=3))
    env = FollowCurriculum(ngym.mix([GO, MATCH]), Curriculum([first, Stage()]))
    env.reset(seed=0)
    played = []
    while len(played) < 30:
        info = env.step(env.unwrapped.gt_now)[4]
        played += [info["ended_trial"]["task"]] if info["new_trial"] else []
    assert set(played[:4]) == {GO}
    assert set(played[4:]) == {GO, MATCH}


def test_schedule_envs_plays_the_task_that_is_set_until_it_is_reset():
    env = mixed()
    expected = env.sample_trials(20, seed=0).conditions["i_env"].tolist()
    env.reset(seed=0)
    for i in (2, 0, 1):
        env.set_i(i)
        assert [env.new_trial()["i_env"] for _ in range(4)] == [i] * 4
        assert env.sample_trials(20, seed=0).conditions["i_env"].tolist() == expected  # others go on by the schedule
    assert ngym.TrialVectorEnv(env, 2).reset(seed=0)[1]["trial"]["i_env"][0] == expected[0]
    outside = ngym.wrappers.PassReward(env)
    outside.reset(seed=0)
    env.set_i(2)
    assert [outside.new_trial()["i_env"] for _ in range(4)] == [2] * 4
    assert env.reset(seed=0)[1]["trial"]["i_env"] == expected[0]
    with pytest.raises(IndexError, match="There are envs 0 to 2, not"):
        env.set_i(3)


def mixture_of_mixtures(depth):
    """A mixture of plain tasks, in mixtures of it and another plain task."""
    env = ngym.mix(["PerceptualDecisionMaking-v0", "PulseDecisionMaking-v0"], dt=100)
    for _ in range(depth):
        env = ngym.mix([env, ngym.make("PerceptualDecisionMaking-v0")], pad=True)
    return env


@pytest.mark.parametrize("depth", [1, 2])
def test_trials_of_a_plain_task_beside_a_mixture_have_its_index_as_nan(depth):
    names = [f"{'inner_' * level}i_env" for level in range(depth + 1)]
    env, single = mixture_of_mixtures(depth), mixture_of_mixtures(depth)
    trials = env.sample_trials(60, seed=0)
    played = np.array([trials.conditions[name] for name in names])
    assert set(played[0].tolist()) == {0, 1}
    for outer, inner in itertools.pairwise(played):
        np.testing.assert_array_equal(np.isnan(inner), outer != 0)
    assert len(np.unique(np.nan_to_num(played, nan=-1), axis=1).T) == depth + 2
    single.reset(seed=0)
    seen, ended = [], 0
    while ended < 20:
        info = single.step(0)[4]
        assert set(names) <= set(info["trial"])
        if info["new_trial"]:
            seen.append([info["ended_trial"][name] for name in names])
            ended += 1
    np.testing.assert_array_equal(np.array(seen).T, played[:, :20])
    lanes = ngym.TrialVectorEnv(mixture_of_mixtures(depth), 2)
    assert lanes.reset(seed=0)[1]["_trial"].all()
    for _ in range(60):
        info = lanes.step([0, 0])[4]
        assert all(info["trial"][f"_{name}"].all() for name in names)


@pytest.mark.parametrize("depth", [1, 2])
def test_indices_of_mixtures_in_a_mixture_can_be_forced_to_what_was_recorded(depth):
    names = [f"{'inner_' * level}i_env" for level in range(depth + 1)]
    env = mixture_of_mixtures(depth)
    recorded = {name: env.sample_trials(40, seed=0).conditions[name] for name in names}
    again = env.sample_trials(40, seed=1, **recorded).conditions
    for name in names:
        np.testing.assert_array_equal(again[name], recorded[name])
    for trial in env.sample_trials(10, seed=2):
        env.reset(options={"conditions": {name: trial.conditions[name] for name in names}})
    with pytest.raises(IndexError, match=r"envs 0 to 1, not \[0\.5"):
        env.sample_trials(2, seed=0, i_env=0, inner_i_env=0.5)
    with pytest.raises(IndexError, match=r"envs 0 to 1, not \[nan"):
        env.sample_trials(2, seed=0, i_env=0, inner_i_env=np.nan)
