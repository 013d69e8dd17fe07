"""Wrappers that decide which choice is right: together they multiply their probabilities, or refuse each other."""

from __future__ import annotations

import itertools

import gymnasium
import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.scheduler import SequentialBlockSchedule
from ngym_core.testing import _equal
from ngym_core.wrappers import ChoiceWrapper, ScheduleAttr, ScheduleEnvs

from ..comparison import compare

PDM = "PerceptualDecisionMaking-v0"
BIAS = [[0.8, 0.2], [0.3, 0.7]]
HISTORY = [[0.9, 0.1], [0.4, 0.6]]
P = [0.25, 0.75]
WRAPPERS = {
    "SideBias": ("SideBias", {"probs": BIAS, "block_dur": 50}),
    "TrialHistoryV2": ("TrialHistoryV2", {"probs": HISTORY}),
    "TrialHistory": ("TrialHistory", {"probs": 0.85, "habits": (0, 1), "block_dur": 40}),
    "RandomGroundTruth": ("RandomGroundTruth", {"p": P}),
}


def weights(name, conditions):
    """Probabilities that one wrapper states for each trial: (n, before, choice)."""
    n = len(conditions["ground_truth"])
    if name == "SideBias":
        return np.asarray(BIAS)[conditions["block"]][:, None].repeat(2, axis=1)
    if name == "TrialHistoryV2":
        return np.broadcast_to(HISTORY, (n, 2, 2))
    if name == "RandomGroundTruth":
        return np.broadcast_to(P, (n, 2, 2))
    repeats = np.where(conditions["habit"] == 0, 0.85, 0.15)
    return np.where(np.eye(2, dtype=bool), repeats[:, None, None], 1 - repeats[:, None, None])


@pytest.mark.parametrize("names", [p for k in (2, 3) for p in itertools.permutations(WRAPPERS, k)], ids="-".join)
def test_choice_wrappers_combine_their_probabilities_exactly(names):
    env = ngym.make(PDM, wrappers=[WRAPPERS[name] for name in names])
    conditions = env.sample_trials(12_000, seed=1).conditions
    right = conditions["ground_truth"]
    history = {"TrialHistory", "TrialHistoryV2"} & set(names)
    before = conditions["previous"] if history else np.zeros_like(right)
    if history:
        assert np.array_equal(before[1:], right[:-1])
    product = np.prod([weights(name, conditions) for name in names], axis=0)
    product = (product / product.sum(axis=-1, keepdims=True))[np.arange(len(right)), before]
    assert np.allclose(conditions["probs"], product, atol=1e-12)  # what is reported is what held
    # by frequencies: of the trials with one probability of choice 1, that share has it (4 standard errors)
    for p in np.unique(product[:, 1].round(12)):
        group = right[np.isclose(product[:, 1], p)]
        if len(group) > 100:
            assert group.mean() == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / len(group)) + 1e-9)


def test_side_bias_and_trial_history_have_their_closed_form():
    """One block for ever: a Markov chain whose stationary distribution is known."""
    wrappers = [("SideBias", {"probs": [[0.8, 0.2]], "block_dur": 10}), ("TrialHistoryV2", {"probs": HISTORY})]
    step = np.asarray(HISTORY) * [0.8, 0.2]
    step /= step.sum(axis=1, keepdims=True)
    stationary = step[1, 0] / (step[1, 0] + step[0, 1])  # of choice 0
    for order in (wrappers, wrappers[::-1]):
        right = ngym.make(PDM, wrappers=order).sample_trials(40_000, seed=3).conditions["ground_truth"]
        assert (right == 0).mean() == pytest.approx(stationary, abs=0.01)
        for i, j in itertools.product(range(2), repeat=2):
            after = right[1:][right[:-1] == i] == j
            assert after.mean() == pytest.approx(step[i, j], abs=4 * np.sqrt(step[i, j] * (1 - step[i, j]) / len(after)))


@pytest.mark.parametrize("names", list(itertools.permutations(WRAPPERS, 2)), ids="-".join)
def test_combined_choices_are_the_same_in_env_lanes_and_blocks(names):
    def build():
        return ngym.make(PDM, wrappers=[WRAPPERS[name] for name in names], num_trials_before_reset=4)

    compare(build, "SameStep", steps=60)
    whole = build().sample_trials(30, seed=5).conditions
    env, draws = build(), ngym.Draws(5)
    parts = [env.sample_trials(n, draws=draws).conditions for n in (1, 9, 20)]
    assert _equal(whole, {name: np.concatenate([part[name] for part in parts]) for name in whole})


@pytest.mark.parametrize("names", [("TrialHistoryV2",), ("TrialHistory",), ("SideBias", "TrialHistoryV2")], ids="-".join)
def test_previous_is_the_ground_truth_that_was_played_also_if_forced(names):
    env = ngym.make(PDM, wrappers=[WRAPPERS[name] for name in names])
    forced = np.random.default_rng(0).integers(0, 2, 200)
    trials = env.sample_trials(200, seed=0, ground_truth=forced).conditions
    assert np.array_equal(trials["ground_truth"], forced)
    assert np.array_equal(trials["previous"][1:], forced[:-1])


@pytest.mark.parametrize("names", [p for k in (2, 3) for p in itertools.combinations(WRAPPERS, k)], ids="-".join)
def test_choice_wrappers_draw_the_same_trials_in_any_order(names):
    first, *others = (
        ngym.make(PDM, wrappers=[WRAPPERS[name] for name in order]).sample_trials(300, seed=2).conditions
        for order in itertools.permutations(names)
    )
    assert all(_equal(first, dict(sorted(other.items(), key=lambda item: list(first).index(item[0])))) for other in others)


def test_choice_wrappers_that_exclude_each_other_raise_where_it_occurs():
    never = ("SideBias", {"probs": [[1.0, 0.0]]}), ("RandomGroundTruth", {"p": [0.0, 1.0]})
    for stack in (never, never[::-1]):
        env = ngym.make(PDM, wrappers=stack)
        with pytest.raises(
            ValueError,
            match=r"^RandomGroundTruth and SideBias together leave no choice with a probability above 0 in a trial\.$",
        ):
            env.sample_trials(3, seed=0)
        assert env.sample_trials(3, seed=0, ground_truth=1).conditions["ground_truth"].tolist() == [1, 1, 1]
    # After 0 always 0: what would be impossible after 1 never occurs, and no sequence begins after 1.
    stuck = ("SideBias", {"probs": [[1.0, 0.0]]}), ("TrialHistoryV2", {"probs": [[0.5, 0.5], [0.0, 1.0]]})
    for seed in range(20):
        env, draws = ngym.make(PDM, wrappers=stuck), ngym.Draws(seed)
        conditions = env.sample_trials(5, draws=draws).conditions
        assert set(conditions["ground_truth"]) == set(conditions["previous"]) == {0}
        env.sample_trials(1, draws=draws, ground_truth=1)
        with pytest.raises(ValueError, match="SideBias and TrialHistoryV2 together leave no choice .* that follows on 1"):
            env.sample_trials(1, draws=draws)


def test_trial_history_combines_among_fewer_choices():
    few = ("TrialHistory", {"probs": 0.7, "block_dur": 20, "n_choices": (2, 3), "block_nch": 15})
    bias = ("SideBias", {"probs": [[0.1, 0.2, 0.3, 0.4]]})
    conditions = (
        ngym.make("MultiSensoryIntegration-v0", wrappers=[few, bias], dim_ring=4).sample_trials(4000, seed=0).conditions
    )
    k = conditions["n_choices"]
    unused = np.arange(4) >= k[:, None]
    assert set(k) == {2, 3}
    assert (conditions["ground_truth"] < k).all()
    assert (conditions["probs"][unused] == 0).all()
    # After a choice that is not used any more, any may follow: the bias alone remains.
    fresh = conditions["previous"] >= k
    alone = np.array([0.1, 0.2, 0.3, 0.4]) * ~unused
    assert fresh.any()
    assert np.allclose(conditions["probs"][fresh], (alone / alone.sum(axis=1, keepdims=True))[fresh])


@pytest.mark.parametrize("name", WRAPPERS)
def test_choice_wrappers_and_a_schedule_of_the_ground_truth_refuse_each_other(name):
    schedule = (
        ScheduleAttr,
        {"schedule": SequentialBlockSchedule(2, [3, 2]), "attr_list": [{"ground_truth": 0}, {"ground_truth": 1}]},
    )
    for order in ([WRAPPERS[name], schedule], [schedule, WRAPPERS[name]]):
        with pytest.raises(ValueError, match="both decide 'ground_truth': one would overrule the other"):
            ngym.make(PDM, wrappers=order)


def test_two_schedules_of_one_condition_refuse_each_other():
    def schedule(name):
        return (ScheduleAttr, {"schedule": SequentialBlockSchedule(2, [3, 2]), "attr_list": [{name: 0}, {name: 51.2}]})

    ngym.make(
        PDM,
        wrappers=[
            schedule("coh"),
            (ScheduleAttr, {**schedule("coh")[1], "attr_list": [{"ground_truth": 0}, {"ground_truth": 1}]}),
        ],
    )
    with pytest.raises(ValueError, match="ScheduleAttr and ScheduleAttr both decide 'coh'"):
        ngym.make(PDM, wrappers=[schedule("coh"), schedule("coh")])


def test_choice_wrappers_refuse_those_of_one_of_several_tasks():
    tasks = [ngym.make(PDM, wrappers=[WRAPPERS["TrialHistoryV2"]]), ngym.make(PDM)]
    mixed = ScheduleEnvs(tasks, SequentialBlockSchedule(2, [1, 1]))
    with pytest.raises(
        ValueError, match="SideBias and TrialHistoryV2 both decide 'ground_truth'. They combine where ScheduleEnvs"
    ):
        ngym.wrappers.SideBias(mixed, BIAS)


class Style(ngym.TrialWrapper):
    """A wrapper in NeuroGym's style."""

    def new_trial(self, **kwargs):
        return self.env.new_trial(**kwargs)


class Hard(ngym.TrialWrapper):
    """A wrapper of another package that decides a condition and reports it."""

    def draw_conditions(self, n, draws, forced):
        hard = draws.random("hard", n) < 0.5
        return {"coh": 6.4 * hard, **forced}, {"hard": hard}


class Harder(Hard):
    """Another."""


class Right(ngym.TrialWrapper):
    """A wrapper of another package that decides the ground truth."""

    def draw_conditions(self, n, draws, forced):
        return {"ground_truth": 1, **forced}, {}


def test_choice_wrappers_combine_through_other_layers_but_not_through_neurogyms_style():
    inner = ngym.make(PDM, wrappers=[WRAPPERS["SideBias"]])
    for between in (ngym.wrappers.PassReward, gymnasium.wrappers.OrderEnforcing, Hard):
        assert "habit" in ngym.wrappers.TrialHistory(between(inner)).sample_trials(3, seed=0).conditions
    with pytest.raises(ValueError, match="TrialHistory and SideBias both decide .* where Style is not between them"):
        ngym.wrappers.TrialHistory(Style(ngym.make(PDM, wrappers=[WRAPPERS["SideBias"]])))


def scheduled_coh(env):
    return ScheduleAttr(env, SequentialBlockSchedule(2, [3, 2]), [{"coh": 0.0}, {"coh": 51.2}])


def test_wrappers_of_others_that_decide_the_same_condition_refuse_each_other():
    with pytest.raises(ValueError, match="ScheduleAttr and Hard both decide 'coh'"):
        scheduled_coh(Hard(ngym.make(PDM)))
    for inner, name in ((scheduled_coh, "ScheduleAttr"), (Harder, "Harder")):
        stack = Hard(ngym.wrappers.PassAction(inner(ngym.make(PDM))))
        for play in (lambda stack=stack: stack.sample_trials(2, seed=0), lambda stack=stack: stack.reset(seed=0)):
            with pytest.raises(ValueError, match=f"Hard and {name} both decide 'coh'"):
                play()
    for name, arguments in WRAPPERS.values():
        with pytest.raises(ValueError, match=f"{name} and Right both decide 'ground_truth'"):
            getattr(ngym.wrappers, name)(Right(ngym.make(PDM)), **arguments)
        with pytest.raises(ValueError, match=f"Right and {name} both decide 'ground_truth'"):
            Right(ngym.make(PDM, wrappers=[WRAPPERS[name]])).sample_trials(2, seed=0)


class Overrules(ngym.TrialWrapper):
    """A wrapper of another package that forgets what is forced."""

    def draw_conditions(self, n, draws, forced):
        return {**forced, "coh": np.full(n, 6.4)}, {}


class OverrulesInStyle(ngym.TrialWrapper):
    """One in NeuroGym's style."""

    def new_trial(self, **kwargs):
        return self.env.new_trial(**{**kwargs, "ground_truth": 1})


def test_wrapper_that_overrules_what_is_forced_is_refused():
    env = Overrules(ngym.make(PDM))
    assert env.sample_trials(2, seed=0, coh=6.4).n == 2
    with pytest.raises(ValueError, match=r"Overrules.draw_conditions overrules 'coh', which is forced .* \*\*forced"):
        env.sample_trials(2, seed=0, coh=51.2)
    env = ngym.wrappers.SideBias(OverrulesInStyle(ngym.make(PDM)), [[1.0, 0.0]])
    for play in (lambda: env.sample_trials(4, seed=0), lambda: env.reset(seed=0)):
        with pytest.raises(
            ValueError, match="SideBias decides 'ground_truth', but a layer inside of it has decided otherwise"
        ):
            play()


def test_what_wrappers_record_under_one_name_stays_for_each():
    inner = ngym.make(PDM, wrappers=[("SideBias", {"probs": [[0.5, 0.5], [1.0, 0.0]], "block_dur": 3})])
    conditions = scheduled_coh(inner).sample_trials(40, seed=0).conditions
    assert np.array_equal(conditions["probs"], np.array([[0.5, 0.5], [1.0, 0.0]])[conditions["block"]])
    assert np.array_equal(conditions["coh"], np.array([0.0, 51.2])[conditions["ScheduleAttr_block"]])
    thrice = ngym.make(PDM, wrappers=[WRAPPERS["SideBias"]] * 3).sample_trials(9, seed=0)
    assert {"block", "SideBias_block", "SideBias_SideBias_block"} <= set(thrice.conditions)
    # also where the task itself has a condition of that name
    ibl = "perceptualdecisionmaking.ibl20-v0"
    plain = ngym.make(ibl).sample_trials(50, seed=0).conditions
    wrapped = ngym.make(ibl, wrappers=[WRAPPERS["SideBias"]]).sample_trials(50, seed=0).conditions
    assert np.array_equal(wrapped["block"], plain["block"])
    assert "SideBias_block" in wrapped


class OftenTheSame(ChoiceWrapper):
    def choice_weights(self, n, draws, forced):
        return np.array([HISTORY]), {}


def test_a_wrapper_of_ones_own_needs_to_state_its_probabilities_only():
    alone = ngym.make(PDM, wrappers=[OftenTheSame]).sample_trials(4000, seed=0).conditions
    for before in (0, 1):
        repeats = alone["ground_truth"][alone["previous"] == before] == before
        assert repeats.mean() == pytest.approx(HISTORY[before][before], abs=0.04)
        assert (alone["probs"][alone["previous"] == before] == HISTORY[before]).all()
    forced = ngym.make(PDM, wrappers=[OftenTheSame]).sample_trials(5, seed=0, ground_truth=1).conditions
    assert (forced["ground_truth"] == 1).all()
    together = (
        ngym.make(PDM, wrappers=[("RandomGroundTruth", {"p": P}), OftenTheSame]).sample_trials(4000, seed=0).conditions
    )
    product = np.array(HISTORY) * P
    assert np.allclose(together["probs"], (product / product.sum(axis=1, keepdims=True))[together["previous"]])
    compare(lambda: ngym.make(PDM, wrappers=[OftenTheSame], num_trials_before_reset=3), "SameStep", steps=100)


@pytest.mark.parametrize(
    "wrapper", [("SideBias", {"probs": [[0.5, 0.5]]}), ("TrialHistoryV2", {"probs": np.eye(2)}), "RandomGroundTruth"]
)
def test_choice_wrappers_refuse_a_mixture_of_tasks_with_other_choices(wrapper):
    name, arguments = (wrapper, {}) if isinstance(wrapper, str) else wrapper
    mixture = ngym.mix(["PerceptualDecisionMaking-v0", "yang19.go-v0"], pad=True)
    with pytest.raises(
        ValueError, match=r"decides among the choices .*0, 1.* of <Perc.*>, and <Go> has others, .*: put it around"
    ):
        getattr(ngym.wrappers, name)(mixture, **arguments)


@pytest.mark.parametrize("name", ["SideBias", "TrialHistoryV2", "RandomGroundTruth"])
@pytest.mark.parametrize(("row", "right"), [([0.8, 0.2], True), ([0.3333333, 0.6666666], True), ([0.3333, 0.6666], False)])
def test_probabilities_may_differ_from_1_by_rounding_alone(name, row, right):
    given = {"p": np.array(row, np.float32)} if name == "RandomGroundTruth" else {"probs": np.array([row, row], np.float32)}
    if right:
        ngym.make("PerceptualDecisionMaking-v0", wrappers=[(name, given)]).reset(seed=0)
    else:
        with pytest.raises(ValueError, match=r"sums? to 1"):
            ngym.make("PerceptualDecisionMaking-v0", wrappers=[(name, given)])
