from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.info import _values, condition_facts, facts_of, indices_text, levels_text, parameter_facts
from ngym_core.plugins import registry


def test_show_all_functions_print_listings(capsys):
    assert ngym.show_all_tasks() is None
    assert capsys.readouterr().out.startswith("Available tasks:\n  AngleReproduction-v0\n")
    ngym.show_all_tasks("timing")
    assert "Available tasks with tag 'timing':\n  IntervalDiscrimination-v0" in capsys.readouterr().out
    ngym.show_all_wrappers()
    printed = capsys.readouterr().out
    assert "RandomGroundTruth-v0" in printed
    assert "VariableMapping-v0" in printed
    ngym.show_all_tags()
    assert "go-no-go                       the agent acts or withholds the action" in capsys.readouterr().out


def test_describe_and_show_info_of_a_task(capsys):
    assert ngym.show_info("PerceptualDecisionMaking-v0") is None
    text = capsys.readouterr().out
    for part in (
        "PerceptualDecisionMaking-v0\nReport the direction of a noisy stimulus",
        "Paper: The analysis of visual motion",
        "<https://www.jneurosci.org/content/12/12/4745>",
        "Tags: perceptual, two-alternative, supervised.",
        "stimulus: 1, 2",
        "stimulus: 2000",
        "abort: -0.1",
    ):
        assert part in text
    wrapped = gym.make("ngym_core:PerceptualDecisionMaking-v0")
    described = text.rstrip("\n")
    of_env = ngym.describe(wrapped).splitlines()
    assert of_env[0] == "PerceptualDecisionMaking"
    assert described.splitlines()[1 : len(of_env)] == of_env[1:]
    assert "\nCertificates:\n  supervised: reached" in described  # of the id: an env may have other parameters
    many = ngym.describe(ngym.make("PerceptualDecisionMaking", dim_ring=16))
    assert "stimulus: 1 to 16" in many


def test_describe_a_task_without_paper_tags_or_names():
    class Bare(ngym.TrialEnv):
        """One line.

        Another.
        """

        observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
        action_space = gym.spaces.Discrete(2)

    env = Bare()
    env.timing = {"cue": lambda: 100, "delay": ("uniform", (1, 2))}
    env.rewards = np.ones(2)
    text = ngym.describe(env)
    assert text.startswith("Bare\nOne line.\n\nPaper: none\n")
    assert "delay: uniform between 1 and 2" in text
    assert "0: 1.0" in text
    assert "Tags" not in text


def test_describe_and_show_info_of_a_wrapper(capsys):
    ngym.show_info("CatchTrials-v0")
    assert "Shows nothing in some trials" in capsys.readouterr().out
    text = ngym.describe("RandomGroundTruth-v0")
    assert text.startswith("RandomGroundTruth-v0\nChooses the ground truth")
    assert "Parameters:\n  p" in text


def test_facts_of_a_wrapper_name_what_it_adds_to_trials():
    facts = facts_of("SideBias")
    assert [condition["name"] for condition in facts["conditions"]] == ["block", "probs"]
    assert "Conditions:\n  block  The row of `probs` that holds in the block." in ngym.describe("SideBias")
    assert "Periods (ms):\n  delay " in ngym.describe("Delay")
    assert "Channels:\n  go_cue  the last one." in ngym.describe("GoCue")
    assert "Rewards:\n  correct  " in ngym.describe("Sequence")
    assert "Conditions" not in ngym.describe("Noise")


def test_info_rejects_unknown_names_and_tags():
    with pytest.raises(ngym.UnknownNameError, match="Unknown modifier 'antt'. Did you mean 'anti'"):
        ngym.describe("yang19.go-v0+antt")
    with pytest.raises(ValueError, match="Unknown environment or wrapper: ReadySetGoo. Did you mean 'ReadySetGo-v0'"):
        ngym.describe("ReadySetGoo")
    with pytest.raises(TypeError, match="obj_=3 must be the name of a task or wrapper, or an env"):
        ngym.describe(3)
    with pytest.raises(KeyError, match="Unknown tag 'tming'. Did you mean 'timing'"):
        ngym.show_all_tasks("tming")


@pytest.mark.parametrize(("doc", "shown"), [("half \ud800", "half \\ud800"), ("x" * 10**7, "x" * 2000 + " ..."), (None, "")])
def test_describe_shows_any_docstring(doc, shown):
    class Documented(ngym.TrialEnv):
        observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
        action_space = gym.spaces.Discrete(2)

    Documented.__doc__ = doc
    lines = ngym.describe(Documented()).splitlines()
    assert lines[0] == "Documented"
    assert lines[1].startswith(shown)
    assert len(lines[1]) < 3000
    "\n".join(lines).encode()


@pytest.mark.parametrize("tags", [None, 5, "timing", [5]])
def test_describe_says_what_is_wrong_with_tags(tags):
    env = ngym.make("ReadySetGo")
    env.unwrapped.metadata = {"tags": tags}
    with pytest.raises(TypeError, match=f"tags={tags} must be a list|tags='timing' must be a list|The tag 5 must be a text"):
        ngym.describe(env)


def test_collection_is_described_by_its_tasks():
    lines = ngym.describe("yang19").splitlines()
    assert lines[:3] == ["yang19", "The mixture of 20 tasks, see `ngym_core.mix`:", "  yang19.go-v0"]
    assert len(lines) == 22


# ---- facts ---------------------------------------------------------------------------------------


def named(rows):
    return {row["name"]: row for row in rows}


def test_facts_of_a_task_are_what_it_is():
    facts = facts_of("perceptualdecisionmaking")
    env = ngym.make("PerceptualDecisionMaking-v0")
    assert (facts["kind"], facts["id"], facts["dt"]) == ("task", "PerceptualDecisionMaking-v0", 100)
    assert facts["chance"] == env.chance
    assert {p["name"]: p["duration"] for p in facts["periods"]} == env.timing
    assert {r["name"]: r["reward"] for r in facts["rewards"]} == dict(env.rewards.items())
    assert named(facts["rewards"])["abort"]["meaning"] == "An action other than 0 during fixation."
    assert {n["name"]: n["indices"] for n in facts["observation"]["names"]} == {"fixation": [0], "stimulus": [1, 2]}
    assert facts["observation"]["names"][0]["meaning"] == "1 during fixation, else 0."
    conditions = named(facts["conditions"])
    assert conditions["coh"]["levels"] == [0, 6.4, 12.8, 25.6, 51.2]
    assert conditions["coh"]["dtype"] == "float64"
    assert conditions["coh"]["meaning"] == "One of `cohs`, in percent. How strong the evidence is."
    parameters = named(facts["parameters"])
    assert parameters["sigma"] == {
        "name": "sigma",
        "required": False,
        "default": 1.0,
        "expected": "a finite number from 0",
        "meaning": "Noise of the stimulus; its standard deviation per step is sigma / sqrt(dt).",
    }
    assert [certificate["kind"] for certificate in facts["certificates"]] == ["supervised", "rl"]


def test_facts_of_a_modified_task_are_those_of_the_env_as_it_is():
    id_ = "yang19.go-v0+anti+delay=500+context+go_cue+sequence"
    facts = facts_of(id_)
    assert facts["modifiers"] == [
        {"name": "anti", "meaning": "Asks for the answer across the ring."},
        {"name": "delay=500", "meaning": "Lets the agent remember what it saw over a delay."},
        {"name": "context", "meaning": "Shows two modalities, and a cue that says which one counts."},
        {"name": "go_cue", "meaning": "Shows when to answer."},
        {"name": "sequence", "meaning": "Asks for a sequence of answers."},
    ]
    assert named(facts["periods"])["delay"] == {
        "name": "delay",
        "duration": 500,
        "meaning": "What was seen is to be remembered.",
    }
    assert named(facts["periods"])["decision"]["duration"] == 1000
    assert "it ends the trial" not in named(facts["rewards"])["correct"]["meaning"]
    channels = named(facts["observation"]["names"])
    assert channels["context"]["meaning"] == "A one-hot cue throughout the trial: which modality counts."
    assert channels["go_cue"]["meaning"] == "1 in the decision period, 0 before it."
    assert "Modified by:\n  anti       Asks for the answer across the ring.\n  delay=500  Lets" in ngym.describe(id_)
    assert facts_of("yang19.go")["modifiers"] == facts_of("modcog.dlygoseqr")["modifiers"] == []
    assert "Modified" not in ngym.describe("yang19.go")


def test_facts_of_a_modified_task_have_the_periods_that_it_adds():
    facts = facts_of(ngym.make("yang19.dm1+delay=500+interval=left", wrappers=["PassReward"]))
    assert [row["name"] for row in facts["modifiers"]] == ["delay=500", "interval=left"]
    periods = named(facts["periods"])
    assert (periods["delay"]["duration"], periods["delay"]["meaning"]) == (500, "What was seen is to be remembered.")
    assert periods["Interval_delay"]["duration"].startswith("choice within [0, 100, ")
    assert list(periods) == ["fixation", "stimulus", "delay", "Interval_delay", "decision"]  # as they come


@pytest.mark.parametrize("id_", ngym.all_envs(collections=True))
def test_facts_have_the_periods_of_trials_in_order_and_the_other_timings(id_):
    facts, env = facts_of(id_), ngym.make(id_)
    trial = env.sample_trials(1, seed=0)[0]
    periods, timings = named(facts["periods"]), named(facts["timings"])
    assert sorted(periods) == sorted(trial.start)
    assert [trial.start[name] for name in periods] == sorted(trial.start.values())
    assert list(timings) == [name for name in env.unwrapped.timing if name not in trial.start]
    for name in set(periods) - set(env.unwrapped.timing):
        assert periods[name]["duration"] == "decided by the task"
        assert periods[name]["meaning"]


def test_facts_tell_periods_from_other_timings():
    assert named(facts_of("ReadySetGo")["periods"])["production"] == {
        "name": "production",
        "duration": "decided by the task",
        "meaning": "twice the interval to produce.",
    }
    tone = facts_of("ToneDetection")
    assert list(named(tone["periods"])) == ["stimulus"]
    assert tone["timings"][1] == {"name": "toneDur", "duration": 50, "meaning": "How long it lasts."}
    text = ngym.describe("ToneDetection")
    assert "Periods (ms):\n  stimulus: 2000\nOther timings (ms):\n  toneTiming: " in text
    assert "Periods (ms):\n  storage: decided by the task" in ngym.describe("MemoryRecall")


def test_facts_of_a_mixture_have_the_periods_of_all_its_tasks():
    env = ngym.mix(["PerceptualDecisionMaking", "DelayMatchSample"], pad=True)
    periods = named(facts_of(env)["periods"])
    assert next(iter(periods)) == "fixation"
    assert periods["sample"]["duration"] == 500
    assert {"stimulus", "test", "decision"} <= set(periods)


@pytest.mark.parametrize("name", [*ngym.all_envs(collections=True), *ngym.all_wrappers(), "yang19", "modcog"])
def test_facts_of_everything_are_json_and_are_in_the_text(name):
    facts = facts_of(name)
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    text = " ".join(ngym.describe(name).split())
    for section in ("periods", "timings", "conditions", "rewards", "parameters"):
        for row in facts.get(section, ()):
            assert row["name"] in text
            assert " ".join(row["meaning"].split()) in text
    assert facts.get("conditions", True) is not None


@pytest.mark.parametrize("name", [*ngym.all_envs(collections=True), *ngym.all_wrappers()])
def test_each_parameter_channel_action_and_condition_is_explained(name):
    facts = facts_of(name)
    explained = [*facts["parameters"], *facts.get("conditions", ())]
    assert [row["name"] for row in explained if not row["meaning"]] == []


def test_facts_name_the_parameters_that_a_class_hands_on():
    assert {"n_press", "observe_state"} <= set(named(facts_of("LeverPressWithPoke")["parameters"]))
    assert "num_trials_before_reset" not in named(facts_of("LeverPressWithPoke")["parameters"])  # all tasks have it


def test_facts_have_the_defaults_of_the_registration():
    ngym.register(ngym.TaskSpec("Slow-v0", "ngym_core.tasks.go_nogo:GoNogo", {"dt": 20}))
    try:
        assert named(facts_of("Slow-v0")["parameters"])["dt"]["default"] == 20
    finally:
        registry.unregister(["Slow-v0"])


def test_facts_say_why_no_trial_can_be_drawn():
    class Broken(ngym.TrialEnv):
        observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
        action_space = gym.spaces.Discrete(2)

        def _new_trials(self, trials):
            raise SystemExit("not today")

    facts = facts_of(Broken())
    assert (facts["conditions"], facts["problem"]) == (None, "SystemExit: not today")
    assert "Conditions: not known, because no trial can be drawn: SystemExit: not today" in ngym.describe(Broken())


def test_facts_hold_defaults_that_json_does_not_know():
    sizes = (np.int64(3), np.float64(0.5))

    def task(limit=float("inf"), missing=float("nan"), sizes=sizes, make=int, pair=(1, {"a": 2.5}), *, needed): ...

    parameters = {row["name"]: row for row in parameter_facts(task)}
    defaults = {name: row["default"] for name, row in parameters.items() if not row["required"]}
    assert defaults == {
        "limit": "inf",
        "missing": "nan",
        "sizes": [3, 0.5],
        "make": "<class 'int'>",
        "pair": [1, {"a": 2.5}],
    }
    assert parameters["needed"]["required"]


def test_conditions_have_a_kind_and_leave_the_env_as_it_was():
    env = ngym.make("PulseDecisionMaking-v0")
    env.reset(seed=0)
    before = ngym.get_state(env)
    conditions = named(condition_facts(env))
    assert conditions["pulse1"] == {"name": "pulse1", "kind": "array", "dtype": "int64", "shape": [6]}
    assert levels_text(conditions["pulse1"]) == "6 values"
    assert levels_text(conditions["ground_truth"]) == "0, 1"
    angle = named(condition_facts(ngym.make("AngleReproduction-v0")))
    wide = next(found for found in angle.values() if found["kind"] == "range")
    assert wide["least"] < wide["greatest"]
    assert levels_text({"kind": "objects"}) == "varies"
    assert str(ngym.get_state(env)) == str(before)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1, 1, 2], "1, 2"),
        ([0.5, 0.25], "0.25, 0.5"),
        (range(20), "0 to 19"),
        ([[1, 2]] * 3, "2 values"),
        (["b", "a"], "a, b"),
        ([True, False], "False, True"),
    ],
)
def test_few_values_of_a_condition_are_listed_and_many_are_a_range(values, text):
    assert levels_text(_values(np.asarray(values))) == text


def test_indices_are_shortened_from_three_on():
    assert [indices_text(found) for found in ([4], [1, 2], [1, 2, 3], [1, 3, 5], [])] == [
        "4",
        "1, 2",
        "1 to 3",
        "1, 3, 5",
        "",
    ]


def test_lines_are_folded_beside_the_names():
    lines = ngym.describe("SideBias-v0").splitlines()
    assert max(map(len, lines)) <= 100
    first = next(i for i, line in enumerate(lines) if line.startswith("  block_dur = 200  Trials in a block:"))
    assert lines[first + 1].startswith(" " * 19 + "probability")
