"""What every built-in task keeps to, and tables of parameters and forced values that tasks reject."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import re
import warnings

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.plugins import registry
from ngym_core.spaces import names_of
from ngym_core.tasks.annubes import AnnubesEnv
from ngym_core.testing import check_task
from ngym_core.vector.backends import LoopBackend, RuleBackend

IDS = ngym.all_envs(collections=True)


@pytest.mark.parametrize("id_", IDS)
def test_task_keeps_its_promises(id_):
    result = check_task(id_)
    assert result.oracle == 1
    assert result.trials_per_second > 0


@pytest.mark.filterwarnings("ignore:.*is shorter than the time step")
@pytest.mark.parametrize("dt", [10, 20, 33.3, 50, 100])
@pytest.mark.parametrize("id_", IDS)
def test_task_oracle_is_perfect_at_any_time_step(id_, dt):
    if (id_, dt) == ("ToneDetection-v0", 100):
        with pytest.raises(ValueError, match="dt=100 ms is longer than the tone, 50 ms"):
            ngym.make(id_, dt=dt)
        return
    shorter = ("ready", "set") if (id_, dt) == ("ReadySetGo-v0", 100) else ()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ngym.make(id_, dt=dt).sample_trials(1, seed=0)
    assert [str(w.message).split("'")[1::2] for w in caught if w.category is UserWarning] == [[p] for p in shorter]
    env = ngym.make(id_, dt=dt)
    task = env.unwrapped
    assert task.dt == dt
    env.reset(seed=1)
    performance = []
    while len(performance) < 4:
        info = env.step(task.gt_now)[4]
        performance += [info["performance"]] if info["new_trial"] else []
    assert performance == [1] * 4
    trials = env.sample_trials(16, seed=0)
    assert np.isfinite(trials.ob).all()
    assert trials.lengths.min() >= 1


@pytest.mark.filterwarnings("ignore:.*is shorter than the time step")
@pytest.mark.parametrize("id_", IDS)
def test_task_rejects_forced_values_or_keeps_to_its_spaces(id_):
    env = ngym.make(id_)
    drawn = env.sample_trials(4, seed=0)
    for name, value in itertools.product(sorted(drawn.forceable), (99, -7, 0.37)):
        shape = drawn.conditions[name].shape[1:]
        refused = ""
        try:
            trials = env.sample_trials(4, seed=0, **{name: np.full(shape, value) if shape else value})
        except ValueError as error:
            refused = str(error)
        if refused:
            assert re.search(r"forced|must be|[Dd]uration", refused), refused
        else:
            assert all(env.action_space.contains(gt) for trial in trials for gt in trial.gt), (name, value)
            assert np.isfinite(trials.ob).all(), (name, value)


NO_CONDITION = (np.nan, np.inf, "nonsense", None, object(), {})


@pytest.mark.filterwarnings("ignore:.*is shorter than the time step")
@pytest.mark.parametrize("id_", IDS)
def test_task_plays_what_is_forced_or_refuses_it_by_name(id_):
    env = ngym.make(id_)
    free = env.sample_trials(200, seed=0)
    for name in sorted(free.forceable):
        seen = np.unique(free.conditions[name], axis=0)
        played = env.sample_trials(len(seen), seed=1, **{name: seen}).conditions[name]
        assert played.tolist() == seen.tolist(), name
        for value in (seen[0], seen[-1]):
            played = env.sample_trials(5, seed=1, **{name: value}).conditions[name]
            assert (played == value).all(), name
        for value in (-7, 0.37, 99, True):  # some conditions can have them
            with contextlib.suppress(ValueError):
                played = env.sample_trials(3, seed=1, **{name: value}).conditions[name]
                assert (played == value).all(), (name, value)
        for value in (*NO_CONDITION, [seen[0].tolist()] * 4):
            with pytest.raises(ValueError, match=f"'{name}' is forced to"):
                env.sample_trials(3, seed=1, **{name: value})


CONTRADICTORY = [
    ("AnnubesEnv", {"catch": True, "stim_types": "v"}, "'catch' of <AnnubesEnv> is forced to True, but a trial has False"),
    ("ChangingEnvironment", {"ground_truth": 1, "context": 1}, "'context' of .* is forced to 1, but a trial has 0: no"),
    ("ChangingEnvironment", {"ground_truth": 1, "side": [1, 1, 2]}, "'side' of .* is forced to 2, but a trial has 1: no"),
    ("DelayPairedAssociation", {"ground_truth": 1, "pair": [1, 4]}, "'ground_truth' of .* to 1, but a trial has 0: no"),
    ("PulseDecisionMaking", {"ground_truth": 1, "pulse1": 1, "pulse2": 0}, "'ground_truth' of .* to 1, but a trial has 0"),
    ("yang19.dm1-v0", {"i1": 3, "i2": 3}, "'i1' and 'i2' are both forced to 3; they must differ"),
    ("yang19.dm1-v0", {"i1": 3, "i2": 4, "ground_truth": 5}, "'i1' of .* is forced to 3, but a trial has 5: no trial can"),
]


@pytest.mark.parametrize(("id_", "forced", "message"), CONTRADICTORY)
def test_task_rejects_forced_values_that_contradict_each_other(id_, forced, message):
    env = ngym.make(id_)
    with pytest.raises(ValueError, match=message):
        env.sample_trials(3, seed=0, **forced)
    with pytest.raises(ValueError, match=r"is forced to|are both forced to"):
        env.reset(seed=0, options={"conditions": {k: v[-1] if k == "side" else v for k, v in forced.items()}})


def test_task_plays_forced_values_that_go_together():
    truths = ngym.make("PulseDecisionMaking").sample_trials(2, seed=0, ground_truth=[0, 1], pulse1=1, pulse2=1)
    assert truths.conditions["ground_truth"].tolist() == [0, 1]  # equally many: either may be right
    sides = ngym.make("ChangingEnvironment").sample_trials(2, seed=0, ground_truth=4, context=1, side=2).conditions
    assert sides["context"].tolist() == [1, 1]
    kinds = ngym.make("AnnubesEnv").sample_trials(2, seed=0, catch=[True, 0], stim_types=["", "a"]).conditions
    assert kinds["catch"].tolist() == [True, False]


OTHER_VALUES = {
    "session": {"v": 0.2, "a": 0.8},
    "intensities": [0.3, 0.4],
    "max_sequential": 2,
    "output_behavior": [0, 1, 1],
    "random_seed": 3,
    "iti": 300,
    "win_kwargs": {"size": (50, 50)},
    "phase": "testing_session",
    "opponent_type": "random",
    "stages": [1, 2],
    "cohs": [3.2, 50],
    "delay": 300,
    "shape_weight": list(range(1, 11)),
    "vpairs": [[9, 3], [8, 1]],
    "w_mod": [0.5, 1],
    "stim_mod": [True, True],
    "hold_cue": True,
    "reaction": True,
    "target_centers": [(0.3, 0.3), (-0.3, 0.3)],
    "delta_angle": 1.0,
    "delta_color": [0.1, 0.2, 0.3],
    "t_max": 30,
    "p": [0.1, 0.9],
    "p_pulse": (0.1, 0.2),
    "th_stage": -1,
    "dim_ring": 8,
    "lowbound": 0.25,
    "num_trials_before_reset": 3,
    "render_mode": "rgb_array",
}
"""A value other than the default, where half and twice the default are none."""
ONE_VALUE = {"timing", "rewards", "t_distribution"}
"""Arguments that are a dictionary of parameters, or have no other value."""


def other_values(env):
    """Name of each parameter of a task, or of a period of its timing, and another value."""
    for name, parameter in inspect.signature(type(env)).parameters.items():
        default = parameter.default
        if name in OTHER_VALUES:
            yield (name,), OTHER_VALUES[name]
        elif name not in ONE_VALUE and parameter.kind != parameter.VAR_KEYWORD:
            numbers = [not default] if isinstance(default, bool) else [default * 2, default / 2 if default else 0.3]
            yield from (((name,), type(default)(number)) for number in numbers if type(default)(number) != default)
    yield ("dt",), env.dt / 2
    yield ("r_tmax",), -1.0
    if not isinstance(env, AnnubesEnv):  # its durations are arguments
        yield from ((("timing", period), ms) for period in env.timing for ms in (700, ("uniform", (600, 900))))


def played(env, steps=40):
    """Trials that are sampled, and rewards and performance of random actions."""
    trials, earned = env.sample_trials(8, seed=0), []
    env.reset(seed=1)
    env.action_space.seed(1)
    for _ in range(steps):
        _, reward, _, _, info = env.step(env.action_space.sample())
        earned += [reward, info["performance"]]
    return trials, earned


def outcome(call, *args):
    """What a call returns, or the message of the error that it raises."""
    try:
        return call(*args)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return str(error)


def assign(task, keys, value):
    """Assign to an attribute or a key of a task; `sigma` is the noise per step there, as in NeuroGym."""
    if len(keys) == 2:
        getattr(task, keys[0])[keys[1]] = value
    else:
        setattr(task, keys[0], value / np.sqrt(task.dt) if keys == ("sigma",) else value)


@pytest.mark.filterwarnings("ignore:.*is shorter than the time step", "ignore:.*both categories look alike")
@pytest.mark.parametrize("id_", IDS)
def test_assigned_parameter_counts_as_if_the_task_had_been_made_with_it_or_is_refused(id_):
    for keys, value in other_values(ngym.make(id_).unwrapped):
        env = ngym.make(id_)
        env.reset(seed=2)
        env.step(env.action_space.sample())
        refused = outcome(assign, env.unwrapped, keys, value)
        if refused and re.match(rf"{keys[0]} is fixed when .* is made: make another one, ngym.make\(.*{keys[0]}=", refused):
            continue
        made = outcome(lambda keys, value: played(ngym.make(id_, **nested(keys, value))), keys, value)
        assigned = refused or outcome(played, env)
        if isinstance(made, str):
            assert isinstance(assigned, str), (keys, value, made)
        else:
            assert not isinstance(assigned, str), (keys, value, assigned)
            assert same_trials(assigned[0], made[0]), (keys, value)
            assert assigned[1] == made[1], (keys, value)


def nested(keys, value):
    return {keys[0]: value if len(keys) == 1 else {keys[1]: value}}


def same_trials(one, two):
    arrays = [(one.lengths, two.lengths), (one.ob, two.ob), (one.gt, two.gt)]
    arrays += [(one.conditions[name], two.conditions[name]) for name in {*one.conditions, *two.conditions}]
    return all(np.array_equal(a, b) for a, b in arrays)


def sections(cls):
    """The tables of a task's docstring, and what it lacks of those of its bases: section -> {name: text}."""
    found = {}
    for base in reversed(inspect.getmro(cls)):
        for title, entries in tables_of(base.__doc__ or "").items():
            found[title] = {**found.get(title, {}), **entries}
    return found


def tables_of(doc):
    text = inspect.cleandoc(doc)
    found = {}
    for title, body in re.findall(r"^(\w[\w ()]*):\n((?:    .*\n?|\n)+)", text, re.MULTILINE):
        entries = re.findall(r"^    ([\w{}\-]+): ((?:.|\n {8})*)", body, re.MULTILINE)
        found[title] = {name: " ".join(value.split()) for name, value in entries}
    return found


def entry(table, name):
    """The text for a name; stim{i} stands for stim0, stim1, ..."""
    general = re.sub(r"\d", "{i}", name, count=1)
    assert name in table or general in table, f"{name!r} is missing"
    return table.get(name) or table[general]


def indices(text, env, i):
    """What a table says about an index: a number, or an expression of the task's parameters, or a range of these."""
    signature = inspect.signature(type(env)).parameters
    known = {name: p.default for name, p in signature.items() if p.default is not p.empty} | {"i": i}
    parts = [part for part in re.split(r" to |, | or ", text.split(". ")[0].rstrip(".")) if part]
    numbers = [eval(part, {}, known) for part in parts]
    return list(range(numbers[0], numbers[1] + 1)) if " to " in text.split(". ")[0] else numbers


@pytest.mark.parametrize("id_", IDS)
def test_task_docstring_tables_are_true(id_):
    whole = ngym.make(id_)
    env = whole.unwrapped
    cls = type(env)
    tables = sections(cls)
    for title, entries in tables_of(registry.task_spec(id_).load().__doc__ or "").items():  # what a composed task changes
        tables[title] = {**tables.get(title, {}), **entries}
    for title, space in (("Channels", env.observation_space), ("Actions", env.action_space)):
        names = names_of(space)
        for name, index in names.items():
            number = re.search(r"\d", name)
            said = indices(entry(tables[title], name), env, int(number.group()) if number else None)
            assert said == np.atleast_1d(index).tolist(), f"{title} {name}"
    for period, value in env.timing.items():
        said = entry(tables["Periods (ms)"], period)
        default = eval(re.match(r"(.*?)\.( |$)", said).group(1), {"TruncExp": ngym.TruncExp})
        assert default == value, f"Periods {period}"
    for event, value in env.rewards.items():
        assert float(tables["Rewards"][event].split(". ")[0].rstrip(".")) == value, f"Rewards {event}"
    noted_by_wrappers = set(whole.sample_trials(2, seed=0).conditions) - set(env.sample_trials(2, seed=0).conditions)
    assert not noted_by_wrappers or whole is not env
    for name in env.sample_trials(2, seed=0).conditions:
        assert entry(tables["Conditions"], name)
    for name, parameter in inspect.signature(cls).parameters.items():
        if parameter.kind is not parameter.VAR_KEYWORD:
            assert name in tables["Args"], f"Args lacks {name!r}"


@pytest.mark.parametrize("id_", IDS)
def test_task_tags_have_a_meaning(id_):
    for tag in registry.task_spec(id_).metadata.get("tags", []):
        assert registry.tag_meaning(tag), tag


@pytest.mark.parametrize(
    ("id_", "forced", "message"),
    [
        (
            "ProbabilisticReasoning",
            {"locs": [0, 1, 2, 2]},
            r"'locs' is forced to \[0, 1, 2, 2\]; expected an order of 0 to 3",
        ),
        ("ProbabilisticReasoning", {"ground_truth": 2}, "'ground_truth' is forced to 2. Valid: '0', '1'"),
        ("PulseDecisionMaking", {"ground_truth": 2}, "'ground_truth' is forced to 2. Valid: '0', '1'"),
        ("DelayPairedAssociation", {"pair": [1, 1]}, r"'pair' is forced to \[1, 1\]"),
        ("DelayPairedAssociation", {"ground_truth": 7}, "'ground_truth' is forced to 7"),
        ("ReachingDelayResponse", {"ground_truth": 9}, "positions are from -1 to 2"),
        ("yang19.dm1-v0", {"i2": 16}, "'i2' is forced to 16"),
        ("AnnubesEnv", {"catch": 7}, "'catch' is forced to 7. Valid: 'False', 'True'"),
        ("AnnubesEnv", {"stim_types": 7}, "'stim_types' is forced to 7, which is not a text"),
        ("SpatialSuppressMotion", {"diameter": -3}, "'diameter' is forced to -3; expected a finite number from 0 to 8"),
        ("SpatialSuppressMotion", {"contrast": 7}, "'contrast' is forced to 7; expected a finite number from 0 to 1"),
        ("MultiSensoryIntegration", {"coh_prop": 1.5}, "'coh_prop' is forced to 1.5; expected a finite number from 0 to 1"),
        ("Bandit", {"p": 1.5}, "'p' is forced to 1.5; expected a finite number from 0 to 1"),
        ("ReadySetGo", {"gain": 0}, "'gain' is forced to 0; expected a finite number above 0"),
        ("ReadySetGo", {"measure": -1}, "'measure' is forced to -1; expected a finite number of ms from 0"),
        ("LeverPress", {"wait": 0.5}, "'wait' is forced to 0.5; expected an integer from 1"),
        ("LeverPress", {"wait": 0.0}, "'wait' is forced to 0; expected an integer from 1"),
        ("PulseDecisionMaking", {"pulse1": 2}, "'pulse1' is forced to 2"),
        (
            "PerceptualDecisionMakingDelayResponse",
            {"sigma": -1},
            "'sigma' is forced to -1; expected a finite number from 0",
        ),
        ("Reaching1D", {"ground_truth": "left"}, "'ground_truth' is forced to 'left', which is not a number"),
    ],
)
def test_task_rejects_invalid_forced_values(id_, forced, message):
    with pytest.raises(ValueError, match=message):
        ngym.make(id_).sample_trials(3, **forced)


@pytest.mark.parametrize(
    ("id_", "arguments", "error", "message"),
    [
        ("AnnubesEnv", {"catch_prob": 1.5}, ValueError, r"catch_prob=1\.5 must be a probability"),
        ("AnnubesEnv", {"session": ["a"]}, TypeError, "must be a dictionary of modalities and probabilities"),
        ("AnnubesEnv", {"session": {1: 0.5}}, TypeError, "must have names of modalities, or tuples of these"),
        ("AnnubesEnv", {"session": {(1, 2): 0.5}}, TypeError, "must have names of modalities, or tuples of these"),
        ("AnnubesEnv", {"session": {"catch": 0.5}}, ValueError, "No modality may be called 'catch'"),
        ("AnnubesEnv", {"session": {"a": 0}}, ValueError, "must have probabilities from 0 that are not all 0"),
        ("AnnubesEnv", {"intensities": 0.5}, TypeError, r"intensities=0\.5 must be a list, or a dictionary"),
        ("AnnubesEnv", {"intensities": {"x": [1]}}, ValueError, r"are given for \['x'\]; the modalities are \['a', 'v'\]"),
        ("AnnubesEnv", {"intensities": [np.nan]}, ValueError, "must be finite numbers"),
        ("AnnubesEnv", {"max_sequential": "two"}, TypeError, "max_sequential='two' must be a number, a dictionary"),
        ("AnnubesEnv", {"max_sequential": {"x": 1}}, ValueError, "expected numbers from 1"),
        (
            "Bandit",
            {"p": [0.5, 1.5]},
            ValueError,
            r"p=\[0\.5, 1\.5\] must be a sequence of one or more",
        ),
        ("Bandit", {"n": 3, "p": [0.5]}, ValueError, r"p=\[0\.5\] must have a number for each of the 3 arms"),
        ("DelayComparison", {"vpairs": [(1, 2, 3)]}, ValueError, "must be pairs of magnitudes that are not all the same"),
        ("Detection", {"stim_dur": -1}, ValueError, r"stim_dur=-1 must be a finite number of ms from 0\."),
        (
            "PulseDecisionMaking",
            {"p_pulse": (0.3,)},
            ValueError,
            r"p_pulse=\(0\.3,\) must be a sequence of 2 finite",
        ),
        (
            "ReachingDelayResponse",
            {"lowbound": 2, "highbound": 1},
            ValueError,
            r"lowbound=2 must not be above highbound=1\.",
        ),
    ],
)
def test_task_rejects_invalid_parameters(id_, arguments, error, message):
    with pytest.raises(error, match=message):
        ngym.make(id_, **arguments)


@pytest.mark.parametrize(
    ("id_", "forced"),
    [
        ("IBL", {"block": 1}),
        ("IBL_Block", {"block": 3}),
        ("ChangingEnvironment", {"context": 2}),
        ("ContextSwitch", {"cue": 2}),
    ],
)
def test_context_and_block_tasks_reject_invalid_forced_conditions(id_, forced):
    with pytest.raises(ValueError, match=f"{next(iter(forced))!r} is forced to"):
        ngym.make(id_).sample_trials(3, **forced)


@pytest.mark.parametrize(
    "id_", [*ngym.all_envs("operant conditioning"), "IBL_Block-v0", "ChangingEnvironment-v0", "MemoryRecall-v0"]
)
def test_task_that_depends_on_the_agent_within_trials_has_a_rule_backend(id_):
    assert isinstance(ngym.make_vec(id_, 2)._backend, RuleBackend)


@pytest.mark.parametrize("id_", ["CVLearning-v0", "MatchingPenny-v0"])
def test_task_that_depends_on_earlier_trials_has_a_loop_backend(id_):
    assert isinstance(ngym.make_vec(id_, 2)._backend, LoopBackend)
    assert not ngym.make(id_).unwrapped.can_prefetch
