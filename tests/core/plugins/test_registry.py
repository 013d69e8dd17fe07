from __future__ import annotations

from importlib.metadata import requires

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

import ngym_core as ngym
from ngym_core.plugins import registry
from ngym_core.plugins.manager import PackManager
from ngym_core.random import TruncExp
from ngym_core.sampling import layers
from ngym_core.scheduler import RandomBlockSchedule
from ngym_core.wrappers import ScheduleAttr

from ..toy import Toy


@pytest.fixture
def registered():
    """Register things for one test."""
    ids = []

    def add(spec):
        (ngym.register if isinstance(spec, ngym.TaskSpec) else registry.register_wrapper)(spec)
        ids.append(getattr(spec, "id", getattr(spec, "name", None)))

    yield add
    registry.unregister(ids)


def test_make_finds_a_task_with_and_without_version_and_namespace():
    for id_ in ("PerceptualDecisionMaking-v0", "PerceptualDecisionMaking", "ngym_core:PerceptualDecisionMaking-v0"):
        env = ngym.make(id_, sigma=2.0)
        assert str(env) == "<PerceptualDecisionMaking>"
        assert env.sigma == 0.2


def test_gymnasium_make_returns_the_same_task():
    env, ours = gym.make("ngym_core:PerceptualDecisionMaking-v0", dt=50), ngym.make("PerceptualDecisionMaking-v0", dt=50)
    assert np.array_equal(env.reset(seed=3)[0], ours.reset(seed=3)[0])
    for _ in range(100):
        assert np.array_equal(env.step(1)[0], ours.step(1)[0])
    assert ours.spec.id == "PerceptualDecisionMaking-v0"
    assert ours.spec.kwargs["dt"] == 50
    assert gym.spec("PerceptualDecisionMaking-v0").kwargs == {
        "ngym_id": "PerceptualDecisionMaking-v0",
        "num_trials_before_reset": 1,
    }


def test_make_applies_wrappers_in_order():
    class Outer(ngym.TrialWrapper):
        pass

    env = ngym.make(
        "PerceptualDecisionMaking", wrappers=["RandomGroundTruth", ("RandomGroundTruth-v0", {"p": [1.0, 0.0]}), Outer]
    )
    assert isinstance(env, Outer)
    assert env.env.p.tolist() == [1, 0]
    assert env.env.env.p.tolist() == [0.5, 0.5]


def test_make_takes_wrappers_by_name_or_class_with_arguments():
    schedule = {"schedule": RandomBlockSchedule(1, [3]), "attr_list": [{"coh": 0.0}]}
    env = ngym.make(
        "PerceptualDecisionMaking-v0",
        wrappers=["Noise-v0", ("SideBias", {"probs": [[1.0, 0.0]]}), (ScheduleAttr, schedule)],
    )
    assert str(env) == "<ScheduleAttr<SideBias<Noise<PerceptualDecisionMaking>>>>"
    with pytest.raises(ngym.UnknownNameError, match="Unknown wrapper 'Noize'. Did you mean 'Noise-v0'"):
        ngym.make("PerceptualDecisionMaking-v0", wrappers=["Noize"])


def test_register_adds_a_task_once(registered):
    registered(ngym.TaskSpec("Toy-v0", f"{Toy.__module__}:Toy", {"sigma": 0.25}))
    assert "Toy-v0" in ngym.all_envs()
    assert ngym.make("Toy").sigma == 0.25
    assert ngym.make("Toy", sigma=1.0).sigma == 1.0
    assert gym.make("Toy-v0").unwrapped.sigma == 0.25
    with pytest.raises(ValueError, match="The task id 'Toy-v0' belongs to this program already"):
        ngym.register(ngym.TaskSpec("Toy-v0", "a:B"))


@pytest.mark.parametrize("id_", ngym.all_envs(collections=True))
def test_each_trial_is_an_episode_of_envs_that_gymnasium_makes(id_):
    env, lanes = gym.make(id_), gym.make_vec(id_, 2)
    assert {type(layer).__module__.partition(".")[0] for layer in layers(env)} == {"ngym_core"}
    assert env.spec.kwargs["num_trials_before_reset"] == lanes.spec.kwargs["num_trials_before_reset"] == 1
    assert (env.num_tr_exp, lanes.trials_per_episode) == (1, 1)
    ours = ngym.make(id_)
    assert ours.num_tr_exp == ours.spec.kwargs["num_trials_before_reset"] == 10_000_000
    again = gym.make(EnvSpec.from_json(ours.spec.to_json()))
    assert (str(again), again.num_tr_exp) == (str(ours), 10_000_000)
    noisy = ngym.make(id_, wrappers=["Noise"] if isinstance(ours.observation_space, gym.spaces.Box) else [])
    assert str(gym.make(EnvSpec.from_json(noisy.spec.to_json()))) == str(noisy)


class Fixed(Toy):
    """A task without the parameters of `TrialEnv`."""

    def __init__(self, scale=1):
        super().__init__()
        self.scale = scale


def test_episodes_can_be_chosen_for_every_task(registered):
    registered(ngym.TaskSpec("Fixed-v0", f"{__name__}:Fixed"))
    registered(ngym.TaskSpec("Many-v0", f"{Toy.__module__}:Toy", {"num_trials_before_reset": 50}))
    assert [gym.make(id_).num_tr_exp for id_ in ("Fixed-v0", "Many-v0")] == [1, 50]
    assert [ngym.make(id_).num_tr_exp for id_ in ("Fixed-v0", "Many-v0")] == [10_000_000, 50]
    for make in (gym.make, ngym.make):
        assert [make(id_, num_trials_before_reset=4).num_tr_exp for id_ in ("Fixed-v0", "Many-v0")] == [4, 4]
        with pytest.raises(ValueError, match="num_trials_before_reset=0 must be an integer from 1"):
            make("Fixed-v0", num_trials_before_reset=0)
    assert gym.make_vec("Fixed-v0", 2, num_trials_before_reset=4).trials_per_episode == 4


TIMINGS = {
    "a number of NumPy": np.float32(300),
    "a choice": (200, 400),
    "an array": np.array([200, 400]),
    "a uniform distribution": ("uniform", (200, 400)),
    "a truncated exponential": ("truncated_exponential", (300, 100, 500)),
    "TruncExp": TruncExp(300, 100, 500),
    "TruncExp without an end": TruncExp(300, 150),
}


@pytest.mark.parametrize("value", TIMINGS.values(), ids=TIMINGS)
def test_spec_keeps_each_timing_value_as_json(value):
    for make in (ngym.make, gym.make):
        env = make("PerceptualDecisionMaking-v0", timing={"delay": value}, sigma=np.float64(0.5))
        again = gym.make(EnvSpec.from_json(env.spec.to_json()))
        assert np.array_equal(again.sample_trials(30, seed=0).ob, env.sample_trials(30, seed=0).ob)


def test_episodes_end_after_a_number_of_steps(registered):
    for make in (gym.make, ngym.make):
        env = make("PerceptualDecisionMaking-v0", max_episode_steps=5)
        assert env.spec.max_episode_steps == 5
        env.reset(seed=0)
        assert [env.step(0)[3] for _ in range(5)] == [False] * 4 + [True]
    assert gym.make_vec("PerceptualDecisionMaking-v0", 2, max_episode_steps=5).max_episode_steps == 5
    with pytest.raises(ValueError, match="max_episode_steps=0 must be an integer from 1"):
        ngym.make("PerceptualDecisionMaking-v0", max_episode_steps=0)


def test_get_collection_keeps_the_order_of_registration(registered):
    registered(ngym.TaskSpec("toys.b-v0", f"{Toy.__module__}:Toy"))
    registered(ngym.TaskSpec("toys.a-v0", f"{Toy.__module__}:Toy"))
    assert ngym.plugins.registry.get_collection("toys") == ["toys.b-v0", "toys.a-v0"]
    assert ngym.plugins.registry.get_collection("") == []
    assert "toys.a-v0" not in ngym.all_envs()
    assert "toys.a-v0" in ngym.all_envs(collections=True)
    assert "toys.a-v0" in ngym.all_envs("perceptual", collections=True)
    with pytest.raises(ValueError, match="Unknown collection of envs, toy. Did you mean 'toys'"):
        ngym.plugins.registry.get_collection("toy")


def test_all_envs_and_all_tags_are_sorted_and_filtered():
    assert ngym.all_envs() == sorted(ngym.all_envs())
    assert "DelayMatchSample-v0" in ngym.all_envs("working memory")
    assert "ReadySetGo-v0" not in ngym.all_envs("working memory")
    assert ngym.all_tags() == sorted(ngym.all_tags())
    assert "RandomGroundTruth-v0" in ngym.all_wrappers()


def test_register_leaves_ids_of_gymnasium_alone(registered, caplog):
    registered(ngym.TaskSpec("CartPole-v1", f"{Toy.__module__}:Toy"))
    assert "Gymnasium has an env 'CartPole-v1' of its own" in caplog.text
    assert "cartpole" in gym.spec("CartPole-v1").entry_point
    assert isinstance(ngym.make("CartPole-v1"), Toy)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: ngym.make("ReadySteadyGo-v0"),
            ngym.UnknownTaskError,
            "Unknown task 'ReadySteadyGo-v0'. .*Did you mean 'ReadySetGo-v0'",
        ),
        (lambda: ngym.make("readysetgoo"), gym.error.UnregisteredEnv, "Did you mean 'ReadySetGo-v0'"),
        (
            lambda: ngym.make("ReadySetGo", gian=2),
            TypeError,
            r"^ReadySetGo\.__init__\(\) got an unexpected keyword argument 'gian'\. Did you mean 'gain'",
        ),
        (lambda: gym.make("ReadySetGo-v0", gian=2), TypeError, r"^ReadySetGo\.__init__\(\) got an unexpected keyword"),
        (lambda: ngym.make("ReadySetGo", max_episode_step=2), TypeError, "Did you mean 'max_episode_steps'"),
        (lambda: ngym.make("ReadySetGo", num_trials=2), TypeError, "Did you mean 'num_trials_before_reset'"),
        (
            lambda: ngym.make("ReadySetGo", wrappers=["RandomGroundTrut"]),
            KeyError,
            "Unknown wrapper .* 'RandomGroundTruth-v0'",
        ),
        (lambda: ngym.all_envs("perceptul"), KeyError, "Unknown tag 'perceptul'. Did you mean 'perceptual'"),
        (lambda: ngym.all_envs(["a"]), TypeError, r"tag=\['a'\] must be a string, not list"),
        (lambda: ngym.TaskSpec("A-v0", "package.module"), TypeError, "must be a string such as 'package.module:Class'"),
        (lambda: ngym.WrapperSpec("A-v0", 3), TypeError, "must be a string such as"),
        (lambda: ngym.TaskSpec("A v0", "a:B"), gym.error.Error, "Malformed environment ID"),
        (lambda: ngym.TaskSpec(5, "a:B"), TypeError, "The task id 5 must be a text of one line that can be printed"),
        (lambda: ngym.TaskSpec("A-v0", "a:B", 5), TypeError, "kwargs=5 of A-v0 must be a mapping, parameter -> value"),
        (lambda: ngym.TaskSpec("A-v0", "a:B", {5: 5}), TypeError, "of A-v0 must be a mapping"),
        (lambda: ngym.WrapperSpec(b"A-v0", "a:B"), TypeError, "The wrapper name b'A-v0' must be a text of one line"),
        (lambda: ngym.WrapperSpec("A\ud800", "a:B"), TypeError, "must be a text of one line that can be printed"),
        (
            lambda: registry.register_wrapper(ngym.WrapperSpec("RandomGroundTruth-v0", "a:B")),
            ValueError,
            "belongs to ngym-core",
        ),
        (
            lambda: registry.register_tags({"timing": "clockwork"}),
            ValueError,
            "The tag 'timing' means 'an interval is measured",
        ),
    ],
)
def test_registry_errors_name_the_nearest(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("tasks", "wrappers", "tags", "message"),
    [
        (["New-v0", "ReadySetGo-v0"], ["NewWrapper-v0"], {"new": "a new tag"}, "The task id 'ReadySetGo-v0' belongs to"),
        (["New-v0"], ["NewWrapper-v0", "Noise-v0"], {"new": "a new tag"}, "The wrapper 'Noise-v0' belongs to"),
        (["New-v0"], ["NewWrapper-v0"], {"new": "a new tag", "timing": "clockwork"}, "The tag 'timing' means"),
    ],
)
def test_register_all_rolls_back_when_a_part_is_rejected(tasks, wrappers, tags, message):
    before = ngym.all_envs(collections=True), ngym.all_wrappers(), ngym.all_tags(), set(gym.registry)
    specs = [ngym.TaskSpec(id_, "a:B") for id_ in tasks], [ngym.WrapperSpec(name, "a:B") for name in wrappers]
    with pytest.raises(ValueError, match=message):
        registry.register_all(*specs, [{tag: meaning} for tag, meaning in tags.items()], "a-pack 1")
    assert (ngym.all_envs(collections=True), ngym.all_wrappers(), ngym.all_tags(), set(gym.registry)) == before
    registry.register(ngym.TaskSpec("New-v0", f"{Toy.__module__}:Toy"))  # the id is free again
    registry.unregister(["New-v0"])


def test_set_pack_manager_replaces_the_packs_of_the_program():
    packs = registry.pack_manager()
    assert [pack.name for pack in packs.packs[:2]] == ["tasks", "wrappers"]
    registry.set_pack_manager(PackManager())
    try:
        assert registry.pack_manager().packs == []
    finally:
        registry.set_pack_manager(packs)


def test_registering_compares_no_task_with_all_others(registered, monkeypatch):
    class Registry(dict):
        def values(self):
            raise AssertionError("10,000 tasks would be compared with 10,000 tasks")

        __iter__ = items = values

    empty = Registry()
    for module in (gym, gym.envs.registration):
        monkeypatch.setattr(module, "registry", empty)
    registered(ngym.TaskSpec("New-v0", f"{Toy.__module__}:Toy", {"sigma": 0.25}))
    assert dict.get(empty, "New-v0").entry_point == "ngym_core.plugins.registry:_make_registered"


@pytest.mark.parametrize(("first", "second"), [("Twice", "Twice-v0"), ("Twice-v0", "Twice")])
def test_register_refuses_a_task_with_and_without_a_version_as_gymnasium_does(registered, first, second):
    registered(ngym.TaskSpec(first, f"{Toy.__module__}:Toy"))
    with pytest.raises(gym.error.RegistrationError, match="Can't register the (un)?versioned environment"):
        ngym.register(ngym.TaskSpec(second, f"{Toy.__module__}:Toy"))
    assert second not in ngym.all_envs()
    assert second not in gym.registry


class Odd(Toy):
    """A task whose metadata a test replaces."""

    metadata = {}


class Unreadable:
    """An object that no text can be made of."""

    def __str__(self):
        raise SystemExit


ODD = [
    {"tags": None},
    {"tags": 5},
    {"tags": (tag for tag in ("timing",))},
    {"tags": "timing"},
    {"tags": ["timing", 3]},
    {"tags": ["timing", "\ud800"]},
    {"tags": ["timing"], "paper_name": Unreadable()},
    ["timing"],
    None,
]


@pytest.mark.parametrize("metadata", ODD, ids=lambda metadata: type(metadata).__name__)
def test_metadata_that_cannot_be_read_costs_only_the_task_which_is_named(registered, monkeypatch, metadata):
    before = ngym.all_tags(), ngym.all_envs("timing")
    monkeypatch.setattr(Odd, "metadata", metadata)
    registered(ngym.TaskSpec("Odd-v0", f"{__name__}:Odd"))
    with pytest.warns(ngym.PluginWarning, match="The task 'Odd-v0' of this program is listed by its name alone: ") as told:
        assert (ngym.all_tags(), ngym.all_envs("timing")) == before
    assert len(told) == 2


@pytest.mark.parametrize("target", ["a_module_that_nobody_has:A", f"{__name__}:Nothing", f"{__name__}:Unreadable"])
def test_targets_that_cannot_be_imported_cost_only_the_task_which_is_named(registered, target):
    before = ngym.all_tags()
    registered(ngym.TaskSpec("Odd-v0", target))
    with pytest.warns(ngym.PluginWarning, match="The task 'Odd-v0' of this program is listed by its name alone: "):
        assert ngym.all_tags() == before
    with pytest.warns(ngym.PluginWarning), pytest.raises(KeyError, match="Unknown tag 'tming'. Did you mean 'timing'"):
        ngym.all_envs("tming")


def test_metadata_that_cannot_be_read_is_an_error_in_strict_mode(registered, monkeypatch):
    registered(ngym.TaskSpec("Odd-v0", "a_module_that_nobody_has:A"))
    monkeypatch.setattr(registry.pack_manager(), "strict", True)
    with pytest.raises(ImportError, match="The task 'Odd-v0' of this program .* No module named 'a_module_that_nobody_has'"):
        ngym.all_tags()


def test_task_metadata_can_be_written_anywhere(registered, monkeypatch):
    monkeypatch.setattr(Odd, "metadata", {"tags": ("b", "a"), "paper_name": "a\n \ud800 paper", "paper_link": None})
    registered(ngym.TaskSpec("Odd-v0", f"{__name__}:Odd"))
    shown = registry.task_metadata(registry.task_spec("Odd"))
    purpose = "A task whose metadata a test replaces."
    assert shown == {"purpose": purpose, "tags": ["b", "a"], "paper_name": "a \\ud800 paper", "paper_link": ""}


@pytest.mark.parametrize("version", ["0.29.1", "1.0.0", "1.2.1", "1.2"])
def test_an_old_gymnasium_is_refused_in_words(version):
    with pytest.raises(ImportError, match=rf"needs Gymnasium 1\.2\.2 or later, and {version} is installed: pip install"):
        registry.check_gymnasium(version)


def test_check_gymnasium_accepts_the_declared_version_and_later_ones():
    (declared,) = (line for line in requires("ngym-core") if line.startswith("gymnasium"))
    assert declared == f"gymnasium>={registry.GYMNASIUM}"
    for version in (registry.GYMNASIUM, "1.3.0", "1.10.0a1", "2.0"):
        registry.check_gymnasium(version)


def test_wrapper_metadata_is_what_a_listing_shows(registered):
    shown = registry.wrapper_metadata(registry.wrapper_spec("passreward"))
    assert shown["purpose"] == "Appends the last reward to the observation."
    assert shown["paper_link"].startswith("https://")
    registered(registry.WrapperSpec("Gone-v0", "no_such_module:Gone"))
    with pytest.warns(ngym.PluginWarning, match="The wrapper 'Gone-v0' of this program is listed by its name alone: "):
        shown = registry.wrapper_metadata(registry.wrapper_spec("Gone"))
    assert shown == {"purpose": "", "paper_name": "", "paper_link": ""}


def test_names_of_all_kinds_are_found_in_any_case():
    names = ["PASSREWARD", "gonogo", "ngym_core:gonogo-v0", "YANG19", "Yang19.Go+anti"]
    assert [registry.known_name(name) for name in names] == [
        *("PassReward-v0", "GoNogo-v0", "GoNogo-v0", "yang19", "yang19.go-v0+anti")
    ]
    assert registry.all_envs("Working Memory") == registry.all_envs("working memory")
    for name, nearest in (("SideBiass", "SideBias-v0"), ("gonogoo", "GoNogo-v0"), ("yang18", "yang19")):
        with pytest.raises(ngym.UnknownTaskError, match=f"{name}. Did you mean '{nearest}'"):
            registry.known_name(name)
    with pytest.raises(ngym.UnknownTaskError, match="Unknown task 'yang18'. Did you mean 'yang19'"):
        ngym.make("yang18")
    with pytest.raises(ngym.UnknownNameError, match="Unknown modifier 'antt'"):
        registry.known_name("yang19.go+antt")


def test_parameters_of_a_class_are_its_own_and_those_that_it_hands_on():
    class Base:
        def __init__(self, a=1, b=2): ...

    class Task(Base):
        def __init__(self, b=3, **kwargs): ...

    def anything(**kwargs): ...

    found = registry.parameters_of(Task)
    assert {name: parameter.default for name, parameter in found.items()} == {"a": 1, "b": 3}
    assert registry.parameters_of(anything) is None
