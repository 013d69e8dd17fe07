from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from click.testing import CliRunner

import ngym_core as ngym
from ngym_core import cli
from ngym_core.certificates import (
    Recipe,
    Trained,
    _constant_actions,
    as_markdown,
    certificates_of,
    certify,
    digest_of,
    find_recipe,
    is_current,
    load_certificates,
    renew,
    save_certificates,
)
from ngym_core.errors import UnknownNameError
from ngym_core.plugins import registry
from ngym_core.plugins.manager import PackManager, PackStatus

from .toy import TwoChoices


class Guess(Recipe):
    """Trains nothing: the scores are given."""

    task, kind, unit, tuned = "GoNogo-v0", "supervised", "updates", (100,)

    def __init__(self, scores=(1.0, 1.0, 1.0), **settings):
        self.scores, self._settings = scores, settings

    @property
    def network(self):
        return "none"

    @property
    def settings(self):
        return self._settings

    def make_env(self):
        return ngym.make(self.task)

    def train(self, seed, criterion):
        return Trained({"performance": np.full(4, self.scores[seed])}, 10 * (seed + 1))


@pytest.fixture(scope="module")
def certificate():
    return certify(Guess(lr=0.1))


def test_certify_measures_chance_and_ground_truth_and_keeps_each_score(certificate):
    assert certificate.chance == pytest.approx(0.5, abs=0.06)
    assert certificate.oracle == 1
    assert certificate.criterion == pytest.approx(certificate.chance + 0.8 * (1 - certificate.chance), abs=1e-3)
    assert certificate.scores == [1, 1, 1]
    assert certificate.steps == [10, 20, 30]
    assert certificate.reached
    assert certificate.versions["ngym-core"] == ngym.__version__
    assert not certificate.outdated
    assert not certify(Guess((1.0, 1.0, 0.6))).reached


class Rewards(Guess):
    measure = "reward"

    def train(self, seed, criterion):
        return Trained({"performance": np.zeros(4), "reward": np.ones(4)}, 1)


class AnyChance(Guess):
    task, random_chance = "Bandit-v0", True

    def make_env(self):
        return ngym.make("Bandit-v0", p=[0, 1])


def test_measure_and_chance_are_those_of_the_recipe():
    rewards = certify(Rewards())
    assert rewards.scores == [1, 1, 1]
    assert rewards.oracle == pytest.approx(0.5, abs=0.06)  # half of the trials are no-go, which pays nothing
    assert rewards.chance < 0.3
    assert certify(AnyChance()).chance == pytest.approx(0.5, abs=0.06)  # an arm repeated always would have 1


def test_certify_rejects_seeds_with_which_settings_were_chosen():
    with pytest.raises(ValueError, match=r"were chosen with the seeds \[100\]; seeds=\[0, 100\] must be others, not 100\."):
        certify(Guess(), [0, 100])


def test_digest_follows_the_trials_and_not_the_name():
    assert digest_of("GoNogo") == digest_of("GoNogo-v0")
    assert len({digest_of(task) for task in ("GoNogo-v0", "DelayMatchSample-v0", "yang19.go-v0", "yang19.anti-v0")}) == 4


def test_certificate_of_another_version_is_said_in_words(certificate):
    older = replace(certificate, versions={"ngym-core": "0.0.9"})
    assert older.outdated == (
        f"made with ngym-core 0.0.9, and this is {ngym.__version__}: renew it by `ngym certify GoNogo-v0`"
    )
    other = replace(certificate, digest="0")
    assert other.outdated == "made when the task had other trials: renew it by `ngym certify GoNogo-v0`"
    assert is_current(certificate, Guess(lr=0.1))
    assert not is_current(certificate, Guess(lr=0.2))
    assert not is_current(older, Guess(lr=0.1))


def test_file_keeps_one_certificate_of_each_task_and_kind(certificate, tmp_path):
    file = tmp_path / "some.json"
    save_certificates(file, [replace(certificate, scores=[0, 0, 0]), replace(certificate, kind="rl"), certificate])
    assert load_certificates(file) == [certificate, replace(certificate, kind="rl")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"format": 2, "certificates": []}', r"holds certificates of form 2, and ngym-core .* reads form 1: renew them"),
        ("[]", "is no file of certificates, or is damaged: TypeError"),
        ('{"format": 1', "is no file of certificates, or is damaged: JSONDecodeError"),
        ('{"format": 1, "certificates": [{"task": "x"}]}', "is damaged: TypeError"),
    ],
)
def test_file_of_another_form_is_refused_in_words(tmp_path, text, words):
    file = tmp_path / "some.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=words):
        load_certificates(file)
    with pytest.raises(FileNotFoundError, match="There is no file of certificates"):
        load_certificates(tmp_path / "other.json")


class Pack:
    def __init__(self, recipe=None, file=None):
        self.recipe, self.file = recipe, file

    @ngym.hookimpl
    def ngym_recipe(self, task, kind):
        if isinstance(self.recipe, Exception):
            raise self.recipe
        return self.recipe if kind == "supervised" else None

    @ngym.hookimpl
    def ngym_certificates(self):
        return self.file


@pytest.fixture
def packs(monkeypatch):
    manager = PackManager()
    manager.packs = [pack for pack in registry.pack_manager().packs if pack.distribution == "ngym-core"]
    monkeypatch.setattr(registry, "_pack_manager", manager)

    def add(*args, **kwargs):
        name = f"pack{len(manager.packs)}"
        manager.add(Pack(*args, **kwargs), PackStatus(name, name, "1.0"))
        return manager.packs[-1]

    return add


def test_the_pack_that_has_a_task_is_asked_first_for_its_recipe(packs):
    assert find_recipe("GoNogo-v0", "supervised") is None
    one, two = Guess(), Guess()
    packs(one)
    assert find_recipe("GoNogo-v0", "supervised") is one
    packs(two).tasks.append("GoNogo-v0")
    assert find_recipe("GoNogo", "supervised") is two
    assert find_recipe("GoNogo-v0", "rl") is None


def test_a_pack_that_fails_leaves_the_recipe_to_others(packs):
    packs(ValueError("no torch"))
    with pytest.raises(ValueError, match="no torch"):
        find_recipe("GoNogo-v0", "supervised")
    packs(one := Guess())
    assert find_recipe("GoNogo-v0", "supervised") is one


def test_a_recipe_must_be_one(packs):
    packs("GRU")
    with pytest.raises(TypeError, match="returned str, not a Recipe"):
        find_recipe("GoNogo-v0", "supervised")


def test_certificates_of_a_pack_are_shown(packs, certificate, tmp_path):
    file = tmp_path / "certificates.json"
    save_certificates(
        file, [replace(certificate, network="one neuron", note="A remark."), replace(certificate, kind="rl", digest="0")]
    )
    packs(Guess(), file)
    assert any(found.network == "one neuron" for found in certificates_of("GoNogo"))
    text = ngym.describe("GoNogo-v0")
    assert "by one neuron, at most 30 updates" in text
    assert "A remark." in text
    assert "made when the task had other trials: renew it by `ngym certify GoNogo-v0`" in text


def test_a_damaged_file_of_a_pack_costs_only_its_certificates(packs, tmp_path):
    file = tmp_path / "certificates.json"
    file.write_text("{broken")
    packs(Guess(), file)
    with pytest.warns(ngym.PluginWarning, match="The certificates of the pack .* cannot be read: ValueError: .* is damaged"):
        found = certificates_of("GoNogo")
    assert [certificate.kind for certificate in found] == ["supervised", "rl"]


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"kind": "rll"}, UnknownNameError, "Unknown kind of certificate 'rll'. Did you mean 'rl'"),
        ({"scores": []}, ValueError, r"scores=\[\] of GoNogo-v0 must be one number for each of the seeds \[0, 1, 2\]"),
        ({"scores": [1, 1, "1"]}, ValueError, r"scores=\[1, 1, '1'\] of GoNogo-v0 must be one number"),
        ({"seeds": [], "scores": [], "steps": [], "seconds": []}, ValueError, r"seeds=\[\] of GoNogo-v0"),
        ({"steps": [1, 2]}, ValueError, r"steps=\[1, 2\] of GoNogo-v0"),
    ],
)
def test_what_is_no_certificate_is_refused(certificate, tmp_path, wrong, error, words):
    with pytest.raises(error, match=words):
        replace(certificate, **wrong)
    file = tmp_path / "some.json"
    file.write_text(json.dumps({"format": 1, "certificates": [asdict(certificate) | wrong]}))
    with pytest.raises(ValueError, match=f"some.json is damaged: .*{words}"):
        load_certificates(file)


def test_renew_refuses_unknown_kinds():
    with pytest.raises(UnknownNameError, match="Unknown kind of certificate 'rll'"):
        renew(["GoNogo-v0"], kinds=["rll"])


def test_constant_actions_of_every_kind_of_space():
    env = ngym.make("GoNogo-v0")
    assert list(_constant_actions(env)) == [0, 1]
    several = TwoChoices()
    zero, most = _constant_actions(several)
    assert zero.tolist() == [0, 0]
    assert most.tolist() in ([0, 1], [1, 2])
    reach = ngym.make("Reaching1D-v0")
    assert all(reach.action_space.contains(action) for action in _constant_actions(reach))


def test_renew_goes_on_where_it_stopped(certificate, tmp_path, monkeypatch):
    monkeypatch.setattr("ngym_core.certificates.find_recipe", lambda task, kind: Guess(lr=0.1))
    from ngym_core.certificates import _certify

    monkeypatch.setattr("ngym_core.certificates.certify", lambda recipe, seeds: pytest.fail("it is current"))
    assert _certify("GoNogo-v0", "supervised", [0, 1, 2], certificate) is certificate
    fresh = replace(certificate, seeds=[3, 4, 5])
    assert _certify("GoNogo-v0", "supervised", None, fresh) is fresh  # its own seeds stay
    monkeypatch.setattr("ngym_core.certificates.certify", lambda recipe, seeds: "another")
    assert _certify("GoNogo-v0", "supervised", [0, 1], certificate) == "another"
    assert _certify("GoNogo-v0", "supervised", [0, 1, 2], replace(certificate, digest="0")) == "another"
    assert _certify("GoNogo-v0", "supervised", [0, 1, 2], None) == "another"


def test_page_has_a_row_for_each_certificate_and_its_note(certificate):
    page = as_markdown([certificate, replace(certificate, kind="rl", scores=[1, 1, 0], note="Hard.")])
    rows = [line for line in page.splitlines() if line.startswith("| GoNogo")]
    assert "| 1.00, 1.00, 1.00 |" in rows[0]
    assert "rl [1]" in rows[1]
    assert "**not reached**: 1.00, 1.00, 0.00" in rows[1]
    assert "with 1 of 2 recipes" in page
    assert "1. Hard." in page


def test_command_tells_errors_from_scores_that_are_too_low(monkeypatch, certificate):
    def renew(names, *args, on_done, **kwargs):
        on_done("GoNogo-v0", "rl", replace(certificate, scores=[0.0, 0.0, 0.0]))
        on_done("VisualSearch-v0", "rl", ValueError("no such network"))
        return [certificate]

    monkeypatch.setattr("ngym_core.certificates.renew", renew)
    run = CliRunner().invoke(cli.cli, ["certify", "GoNogo"])
    assert run.exit_code == 1
    assert "no such network" in next(line for line in run.output.splitlines() if line.startswith("VisualSearch-v0  rl: "))
    assert "1 recipes miss their criterion: GoNogo-v0 (rl); 1 recipes could not be followed, " in run.output


def test_certify_refuses_a_seed_that_is_given_twice():
    with pytest.raises(ValueError, match=r"seeds=\[7, 8, 7\] must differ"):
        certify(Guess(), [7, 8, 7])


def test_command_says_what_is_missing(monkeypatch):
    run = CliRunner().invoke(cli.cli, ["certify"])
    assert run.exit_code == 2
    assert "Name tasks to certify, or give --all." in run.output


NAMED = [
    "ChangingEnvironment",
    "ContextDecisionMaking",
    "EconomicDecisionMaking",
    "HierarchicalReasoning",
    "IntervalDiscrimination",
    "ProbabilisticReasoning",
    "Reaching1D",
    "ReadySetGo",
]


def test_every_task_has_certificates():
    made = {(certificate.task, certificate.kind) for certificate in load_certificates()}
    assert [id_ for id_ in registry.all_envs(collections=True) if (id_, "supervised") not in made] == []
    assert [name for name in NAMED if (f"{name}-v0", "rl") not in made] == []
