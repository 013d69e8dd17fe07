"""What each trial wrapper does, and what it refuses."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.scheduler import SequentialBlockSchedule, SequentialSchedule
from ngym_core.spaces import names_of
from ngym_core.wrappers import MultiEnvs, ScheduleAttr, ScheduleEnvs, SideBias

from .toy import Toy

PDM = "PerceptualDecisionMaking-v0"


def make(*wrappers, id_=PDM, **kwargs):
    return ngym.make(id_, wrappers=wrappers, **kwargs)


def test_ground_truths_have_their_probabilities():
    truth = make(("RandomGroundTruth", {"p": [0.9, 0.1]})).sample_trials(10_000, seed=0).conditions["ground_truth"]
    assert (truth == 0).mean() == pytest.approx(0.9, abs=0.015)  # five errors
    forced = make("RandomGroundTruth").sample_trials(1000, seed=0, p=(1.0, 0.0), coh=25.6).conditions
    assert set(forced["ground_truth"]) == {0}
    assert set(forced["coh"]) == {25.6}


@pytest.mark.parametrize("p", [[0.5], [0.5, 0.6], [1.5, -0.5]])
def test_probabilities_of_choices_are_checked(p):
    with pytest.raises(ValueError, match="must be 2 probabilities that sum to 1, one for each choice"):
        make(("RandomGroundTruth", {"p": p}))


@pytest.mark.parametrize("name", ["RandomGroundTruth", "TrialHistory", "TrialHistoryV2"])
def test_choices_are_needed(name):
    with pytest.raises(AttributeError, match=f"{name} requires task to have attribute choices"):
        make(name, id_="ReadySetGo-v0")


def test_trial_wrappers_need_a_task_of_trials():
    with pytest.raises(TypeError, match="Trial wrapper must be used on TrialEnv, not CartPoleEnv"):
        SideBias(gym.make("CartPole-v1"), [[1.0]])


def test_side_bias_has_blocks_with_their_probabilities():
    env = make(("SideBias", {"probs": [[0.9, 0.1], [0.2, 0.8]], "block_dur": 50}))
    conditions = env.sample_trials(20_000, seed=1).conditions
    block, truth = conditions["block"], conditions["ground_truth"]
    assert np.array_equal(conditions["probs"], np.array([[0.9, 0.1], [0.2, 0.8]])[block])
    assert (np.diff(np.flatnonzero(np.diff(block))) == 50).all()
    for i, p in enumerate((0.1, 0.8)):
        assert truth[block == i].mean() == pytest.approx(p, abs=0.02)
    first = [env.sample_trials(60, seed=s).conditions["block"] for s in range(20)]
    assert {b[0] for b in first} == {0, 1}
    assert all((b[:50] == b[0]).all() and b[50] != b[0] for b in first)


@pytest.mark.parametrize(
    ("probs", "error", "message"),
    [
        (None, TypeError, r"probs=None must be a list of blocks, each with the probabilities of the 2 choices"),
        ([0.5, 0.5], TypeError, "must be a list of blocks"),
        ([["a", "b"]], TypeError, "must be a list of blocks"),
        ([], ValueError, "there are 2 choices"),
        ([[0.2, 0.3, 0.5]], ValueError, "there are 2 choices"),
        ([[1.2, -0.2]], ValueError, "must not have negative probabilities"),
        ([[0.5, 0.6]], ValueError, r"must sum to 1, not \[1\.1\]"),
    ],
)
def test_probabilities_of_blocks_are_checked(probs, error, message):
    with pytest.raises(error, match=message):
        make(("SideBias", {"probs": probs}))
    assert make(("SideBias", {"probs": np.array([[0.5, 0.5]]), "block_dur": 0.5})).n_block == 1


def test_trial_history_follows_its_probabilities():
    probs = [[0.9, 0.1], [0.3, 0.7]]
    conditions = make(("TrialHistoryV2", {"probs": probs})).sample_trials(20_000, seed=2).conditions
    truth, previous = conditions["ground_truth"], conditions["previous"]
    assert np.array_equal(previous[1:], truth[:-1])
    for i in range(2):
        assert (truth[previous == i] == 1).mean() == pytest.approx(probs[i][1], abs=0.025)
    forced = make("TrialHistoryV2").sample_trials(100, seed=0, probs=[[1, 0], [1, 0]]).conditions
    assert set(forced["ground_truth"]) == {0}
    assert forced["probs"].shape == (100, 2, 2)
    with pytest.raises(ValueError, match=r"must be \(2, 2\) probabilities, and each row must sum to 1"):
        make(("TrialHistoryV2", {"probs": [[0.5, 0.6], [0.5, 0.5]]}))


def test_habits_change_in_blocks_and_so_does_the_number_of_choices():
    wrapper = ("TrialHistory", {"probs": 0.8, "habits": (0, 1), "block_dur": 30, "n_choices": (2, 4), "block_nch": 70})
    conditions = make(wrapper, id_="MultiSensoryIntegration-v0", dim_ring=4).sample_trials(30_000, seed=3).conditions
    truth, previous, habit, k = (conditions[n] for n in ("ground_truth", "previous", "habit", "n_choices"))
    assert np.array_equal(previous[1:], truth[:-1])
    assert (truth < k).all()
    assert set(np.diff(np.flatnonzero(np.diff(habit)))) == {30}
    assert set(np.diff(np.flatnonzero(np.diff(k)))) == {70}
    in_use = previous < k
    followed = truth == (previous + habit) % k
    for h in (0, 1):
        assert followed[in_use & (habit == h)].mean() == pytest.approx(0.8, abs=0.025)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"probs": 1.5}, r"probs=1\.5 must be a probability"),
        ({"n_choices": (2, 3)}, r"n_choices=\(2, 3\) must be a least and a greatest number from 2 to 2"),
        ({"habits": ()}, "There must be at least one habit"),
    ],
)
def test_habits_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(("TrialHistory", arguments))


def test_nothing_is_shown_in_catch_trials_and_withholding_is_right():
    trials = make(("CatchTrials", {"catch_prob": 0.3})).sample_trials(4000, seed=0)
    catch = trials.conditions["catch"]
    assert catch.mean() == pytest.approx(0.3, abs=0.036)  # five errors
    assert (trials.gt[catch] == 0).all()
    assert (trials.ob[catch][..., 1:] == 0).all()
    assert (trials.ob[catch][:, 0, 0] == 1).all()
    plain = make().sample_trials(4000, seed=0)
    assert np.array_equal(plain.ob[~catch], trials.ob[~catch])
    only = make(("CatchTrials", {"catch_prob": 1, "period": "stimulus", "where": "stimulus"})).sample_trials(5, seed=0)
    assert (only.ob[..., 1:] == 0).all()


@pytest.mark.parametrize(
    ("id_", "arguments", "error", "message"),
    [
        (PDM, {"catch_prob": 2}, ValueError, "catch_prob=2 must be a probability"),
        (PDM, {"where": "stimulos"}, ngym.UnknownNameError, "Unknown channel 'stimulos'. Did you mean 'stimulus'"),
        (
            "ReadySetGo-v0",
            {},
            ValueError,
            "CatchTrials changes the ground truth. In <ReadySetGo> more than that",
        ),
        ("EconomicDecisionMaking-v0", {}, ValueError, "a task with the rule FixateThenChoose or RespondWhenDue"),
    ],
)
def test_catch_trials_are_refused_where_they_cannot_be(id_, arguments, error, message):
    with pytest.raises(error, match=message):
        make(("CatchTrials", arguments), id_=id_)


def test_catch_trials_empty_channels_of_a_box():
    env = Toy()
    env.observation_space = gym.spaces.Discrete(3)
    with pytest.raises(ValueError, match=r"CatchTrials empties channels of a Box, not Discrete\(3\)"):
        ngym.plugins.registry.wrapper_spec("CatchTrials").load()(env)


def test_mappings_change_in_blocks():
    plain = make().sample_trials(100, seed=4)
    mapped = make(("VariableMapping", {"block_dur": 10})).sample_trials(100, seed=4)
    mapping = mapped.conditions["mapping"]
    assert mapping[0].tolist() == [1, 2]
    assert mapping[10].tolist() == [2, 1]
    swapped = mapping[:, 0] == 2
    assert np.array_equal(mapped.gt[~swapped], plain.gt[~swapped])
    assert np.array_equal(mapped.gt[swapped], np.array([0, 2, 1])[plain.gt[swapped]])
    assert np.array_equal(mapped.ob, plain.ob)
    assert make("VariableMapping", id_="DelayMatchSample-v0").answers.tolist() == [1, 2]


@pytest.mark.parametrize(("id_", "k"), [("yang19.go-v0", 16), ("GoNogo-v0", 1)])
def test_mappings_need_a_few_actions(id_, k):
    with pytest.raises(ValueError, match=f"needs 2 to 6 actions that change their meaning, not {k}; name them"):
        make("VariableMapping", id_=id_)


def test_schedules_say_under_which_conditions_trials_run():
    attributes = [{"ground_truth": 0, "coh": 51.2}, {"ground_truth": 1, "coh": 0.0}]
    env = ScheduleAttr(make(), SequentialBlockSchedule(2, [3, 2]), attributes)
    conditions = env.sample_trials(10, seed=0).conditions
    assert conditions["block"].tolist() == [0, 0, 0, 1, 1] * 2
    assert conditions["ground_truth"].tolist() == [0, 0, 0, 1, 1] * 2
    assert conditions["coh"].tolist() == [51.2] * 3 + [0.0] * 2 + [51.2] * 3 + [0.0] * 2
    assert set(env.sample_trials(10, seed=0, coh=6.4).conditions["coh"]) == {6.4}
    with pytest.raises(ValueError, match="attr_list has 2 entries, the schedule chooses from 3"):
        ScheduleAttr(make(), SequentialSchedule(3), attributes)
    with pytest.raises(ValueError, match="must have the same names"):
        ScheduleAttr(make(), SequentialSchedule(2), [{"coh": 1}, {"ground_truth": 1}])


def labelled(label):
    """A task whose observations say which task it is and at which step."""

    class Labelled(Toy):
        def _new_trials(self, trials):
            super()._new_trials(trials)
            trials.set_ob(label + np.arange(trials.ob.shape[1])[None, :, None])

    return Labelled(timing={"delay": 100})


def test_each_trial_is_shown_by_its_own_task():
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


def test_schedules_of_schedules_are_all_heard():
    inner = ScheduleEnvs([labelled(0), labelled(10)], SequentialSchedule(2))
    env = ScheduleEnvs([inner, labelled(20)], SequentialBlockSchedule(2, [2, 1]))
    trials = env.sample_trials(9, seed=0)
    assert trials.ob[:, 0, 0].tolist() == [0, 10, 20] * 3
    env.reset(seed=0)
    played = []
    for _ in range(9):
        played.append(env.unwrapped.ob[0, 0])
        env.new_trial()
    assert played == [0, 10, 20] * 3


def test_tasks_behind_one_front_have_streams_of_their_own():
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
        (["PerceptualDecisionMaking", "ReadySetGo"], {}, "must have the same shape of observations and the same actions"),
        (["AngleReproduction"] * 2, {}, None),
    ],
)
def test_tasks_behind_one_front_must_fit(envs, arguments, message):
    made = [ngym.make(id_) for id_ in envs]
    if message is None:
        assert MultiEnvs(made, **arguments).reset(seed=0)
        return
    with pytest.raises(ValueError, match=message):
        MultiEnvs(made, **arguments)
    if made:
        with pytest.raises(ValueError, match="There are 2 envs, the schedule chooses from 3"):
            ScheduleEnvs(made, SequentialSchedule(3))


def test_env_input_needs_channels():
    env = Toy()
    env.observation_space = gym.spaces.Box(-1, 1, (4, 4))
    with pytest.raises(ValueError, match="env_input needs a vector of channels, not Box"):
        MultiEnvs([env], env_input=True)


def test_side_bias_needs_choices():
    with pytest.raises(AttributeError, match="SideBias requires task to have attribute choices"):
        make(("SideBias", {"probs": [[0.5, 0.5]]}), id_="ReadySetGo-v0")
