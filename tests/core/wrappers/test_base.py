from __future__ import annotations

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import ngym_core as ngym
from ngym_core.docstrings import read_docstring
from ngym_core.info import added_by
from ngym_core.sampling import sample_as_data
from ngym_core.spaces import names_of
from ngym_core.testing import check_task
from ngym_core.wrappers import FullInput, SideBias

from ...task_ids import IDS
from ..stacks import STEP, TRIAL, WRAPPERS, build, goes_with
from ..toy import Toy

PDM = "PerceptualDecisionMaking-v0"
NOT_AROUND_DMS = ("VariableMapping", "ReactionTime", "SideBias", "ScheduleAttr")
AROUND = [
    (name, id_) for name in [*TRIAL, *STEP] for id_ in (PDM, "yang19.dms-v0") if id_ == PDM or name not in NOT_AROUND_DMS
]


@pytest.mark.parametrize(("name", "id_"), AROUND)
def test_wrapper_keeps_the_promises_of_a_task(name, id_):
    assert check_task(lambda: build(id_, (name,)), trials=10, random_trials=200).oracle == 1


@pytest.mark.parametrize(("name", "id_"), AROUND)
def test_wrapper_says_what_it_adds_to_a_trial(name, id_):
    task, env = ngym.make(id_), build(id_, (name,))
    adds = {kind: {added["name"] for added in found} for kind, found in added_by(read_docstring(type(env))).items()}
    before, trials = task.sample_trials(4, seed=0), env.sample_trials(4, seed=0)
    assert set(trials.conditions) - set(before.conditions) <= adds["conditions"]
    assert set(trials.start) - set(before.start) <= adds["periods"]
    assert set(names_of(env.observation_space)) - set(names_of(task.observation_space)) <= adds["channels"]


def test_wrapper_passes_seeds_and_options_on():
    env = build(PDM, ("Noise", "PassAction", "TrialHistoryV2", "ReactionTime", "PassReward"))
    one = env.reset(seed=11, options={"conditions": {"coh": 6.4}})
    for _ in range(37):
        env.step(env.action_space.sample())
    two = env.reset(seed=11, options={"conditions": {"coh": 6.4}})
    assert np.array_equal(one[0], two[0])
    assert one[1]["trial"]["coh"] == two[1]["trial"]["coh"] == 6.4
    assert names_of(env.observation_space) == {"fixation": 0, "stimulus": range(1, 3), "action": 3, "reward": 4}


@pytest.mark.parametrize("wrap", [ngym.TrialWrapper, lambda env: SideBias(env, [[1.0]])])
def test_wrapper_rejects_an_env_that_is_no_trial_env(wrap):
    with pytest.raises(TypeError, match="Trial wrapper must be used on TrialEnv, not CartPoleEnv"):
        wrap(gym.make("CartPole-v1"))


def test_wrapper_reads_public_attributes_of_the_task():
    env = ngym.make("PerceptualDecisionMaking-v0", wrappers=[("RandomGroundTruth-v0", {"p": [0.9, 0.1]}), ngym.TrialWrapper])
    env.reset(seed=0)
    for name in ("ob", "gt", "gt_now", "t", "t_ind", "tmax", "trial", "start_t", "end_ind", "timing", "rewards", "dt"):
        assert hasattr(env, name), name
    assert env.in_period("fixation")
    assert env.trial_length_stats(10)["mean"] == 22
    with pytest.raises(AttributeError, match="has no attribute '_private'"):
        _ = env._private
    assert copy.deepcopy(env).dt == env.dt


def test_wrapper_draws_from_another_stream_than_an_inner_one_of_its_kind():
    seen = []

    class Coin(ngym.TrialWrapper):
        def draw_conditions(self, n, draws, forced):
            seen.append(draws.random("coin", n))
            return forced, {}

    Coin(Coin(Toy())).sample_trials(5, seed=0)
    assert not np.array_equal(*seen)


@pytest.mark.parametrize(
    ("reports", "error", "message"),
    [
        ("tired", TypeError, r"Tired\.reports='tired' must be a tuple of names, such as \('time_out',\)"),
        (("tired", 3), TypeError, r"Tired\.reports=\('tired', 3\) must be a tuple of names"),
        ({"tired"}, TypeError, r"Tired\.reports=\{'tired'\} must be"),
        (
            ("gt",),
            ValueError,
            "Tired.reports has 'gt', under which `info` has a value of the task: take a name",
        ),
        (["tired", "ended_trial"], ValueError, "Tired.reports has 'ended_trial'"),
        (("_new_trial",), ValueError, "Tired.reports has '_new_trial'"),  # which lanes have `new_trial`
    ],
)
def test_wrapper_may_not_report_under_names_that_info_has(reports, error, message):
    with pytest.raises(error, match=message):
        type("Tired", (ngym.TrialWrapper,), {"reports": reports})


def test_names_of_info_are_all_refused_as_reports():
    env = ngym.TrialVectorEnv(Toy(), 2)
    for info in (env.reset(seed=0)[1], env.step(np.zeros(2, int))[4]):
        for name in info:
            with pytest.raises(ValueError, match=f"reports has '{name}'"):
                type("Tired", (ngym.TrialWrapper,), {"reports": (name,)})


def test_wrapper_rejects_one_dictionary_from_draw_conditions():
    class OneDictionary(ngym.TrialWrapper):
        def draw_conditions(self, n, draws, forced):
            return forced

    with pytest.raises(TypeError, match=r"OneDictionary\.draw_conditions must return two dictionaries, .* not dict"):
        OneDictionary(Toy()).sample_trials(2, seed=0)


def attributes(wrapper):
    """What a wrapper holds, without what it wraps, as bytes that can be compared."""
    others = {"env", "envs", "_saved_kwargs", "_action_space", "_observation_space"}  # a task's spaces cache indices
    return {name: pickle.dumps(value) for name, value in vars(wrapper).items() if name not in others}


@pytest.mark.parametrize("name", WRAPPERS)
def test_wrapper_keeps_nothing_in_its_attributes_while_trials_are_made(name):
    env = build(PDM, (name,))
    before = attributes(env)
    for seed in (0, 1):
        env.sample_trials(7, seed=seed)
        sample_as_data(env, 5, ngym.Draws(seed), {})
        assert attributes(env) == before


class Marked(ngym.TrialWrapper):
    """A wrapper of another package, with metadata of its own."""

    metadata = {"description": "Marks trials."}

    def draw_conditions(self, n, draws, forced):
        return forced, {"mark": draws.random("mark", n)}


def around(id_):
    """A task with each wrapper that goes with it: ours, and one of another package."""
    yield Marked(ngym.make(id_))
    if not ngym.make(id_).action_space.shape and goes_with("PassAction", id_):
        yield FullInput(ngym.make(id_))
    yield from (build(id_, (name,)) for name in WRAPPERS if goes_with(name, id_))


@pytest.mark.parametrize("id_", IDS)
@pytest.mark.filterwarnings("ignore")
def test_gymnasiums_checker_passes_around_every_task_that_a_wrapper_goes_with(id_):
    for env in around(id_):
        assert env.metadata["render_modes"] == ngym.make(id_).metadata["render_modes"]
        assert "description" in env.metadata
        check_env(env, skip_render_check=True)


class Silent(ngym.TrialWrapper):
    def edit_trials(self, trials, draws):
        pass


class PaysOneNumber(ngym.TrialWrapper):
    def on_step(self, memory, batch):
        batch.reward = 5


class ReportsOneNumber(ngym.TrialWrapper):
    reports = ("tired",)

    def on_step(self, memory, batch):
        batch.info["tired"] = 3.0


def test_edit_trials_must_return_the_trials():
    with pytest.raises(TypeError, match=r"Silent\.edit_trials must return the trials, not None"):
        Silent(Toy()).reset(seed=0)


@pytest.mark.parametrize(
    ("wrapper", "message"),
    [
        (
            PaysOneNumber,
            r"PaysOneNumber\.on_step must leave batch\.reward an array of one number for each of the lanes \({}\)",
        ),
        (
            ReportsOneNumber,
            r"ReportsOneNumber\.on_step must leave batch\.info\['tired'\] an array .* lanes \({}\), not 3\.0",
        ),
    ],
)
def test_on_step_must_leave_one_number_for_each_lane(wrapper, message):
    with pytest.raises(ValueError, match=message.format(1)):
        wrapper(Toy()).reset(seed=0)
    with pytest.raises(ValueError, match=message.format(2)):
        ngym.TrialVectorEnv(wrapper(Toy()), 2).reset(seed=0)
