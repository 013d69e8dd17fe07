from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import ngym_core as ngym


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
        "PerceptualDecisionMaking\nReport the direction of a noisy stimulus",
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
    assert described.startswith(ngym.describe(wrapped))
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
