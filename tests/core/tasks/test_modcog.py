"""The collection modcog beside a derivation of its own, which is compared with the digests of the specification."""

from __future__ import annotations

import hashlib
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.plugins import registry
from ngym_core.tasks import MODCOG
from ngym_core.tasks.yang19 import decision
from tests import golden
from tests.golden.modcog import ModCog, digests
from tests.golden.reference import ReferenceDraws
from tests.golden.replay import OB_TOLERANCE

DIGESTS = digests()
MENDED = tomllib.loads((Path(golden.__file__).parent / "divergences.toml").read_text())["modcog"]


class GlobalDraws(ReferenceDraws):
    """The reference's draws; the delays of intervals come from another generator, which all of these share."""

    def __init__(self, seed, global_rs, replaces_delay):
        super().__init__(seed)
        self.global_rs, self.replaces_delay = global_rs, replaces_delay

    def child(self, name):
        child = super().child(name)
        if name.endswith("Interval"):
            child.rs, child.replaces_delay = self.global_rs, False
        return child

    def choice(self, name, n, options, *args, **kwargs):
        if name == "timing/delay" and self.replaces_delay:  # what the interval replaces is not drawn there
            return np.full(n, 500)
        return super().choice(name, n, options, *args, **kwargs)


def ours(name, n, *, timing=None, seed=0, global_seed=42):
    """Our trials by the reference's draws: two modalities in turn, each with a generator of its own."""
    reference = ModCog(name, seed=seed, global_seed=global_seed)
    env = ngym.make(f"modcog.{name}-v0", timing=timing)
    replaces_delay = "int" in name and not isinstance(env.unwrapped, decision.Compare)
    alternates = "modality" in env.sample_trials(1, seed=0).conditions
    draws = [GlobalDraws(seed, reference.g, replaces_delay) for _ in range(1 + alternates)]
    for k in range(n):
        m = k % len(draws)
        if reference.fixed_delays and "int" not in name:
            env.unwrapped.timing["delay"] = reference.fixed_delays[m]
        yield env.sample_trials(1, draws=draws[m], **({"modality": m} if alternates else {}))


@pytest.mark.parametrize("name", DIGESTS)
def test_derivation_has_the_digests_of_the_specification(name):
    assert ModCog(name).digest() == DIGESTS[name]


def test_names_are_the_82_that_were_published():
    assert len(DIGESTS) == 93
    assert [name for name in DIGESTS if "intseq" not in name] == MODCOG
    assert registry.get_collection("modcog") == [f"modcog.{name}-v0" for name in MODCOG]
    assert len(MODCOG) == 82


@pytest.mark.parametrize("seed", [0, 5])
@pytest.mark.parametrize("name", MODCOG)
def test_trials_equal_the_mended_derivation(name, seed):
    reference = ModCog(name, mended=True, seed=seed, global_seed=42 + seed)
    for trial in ours(name, 12, seed=seed, global_seed=42 + seed):
        expected = reference.next()
        np.testing.assert_allclose(trial.ob[0], expected.ob, rtol=0, atol=OB_TOLERANCE)
        np.testing.assert_array_equal(trial.gt[0], expected.gt)


# What gives a task of ours the durations of the digest.
TIMING = {name: {"delay": 500} for name in ("go", "anti", "goseqr", "goseql", "antiseqr", "antiseql")}
TIMING |= {name: {"decision": 500} for name in ("rtgoseqr", "rtgoseql", "rtantiseqr", "rtantiseql")}
IN_RADIANS = ["dlygointr", "dlygointl", "dlyantiintr", "dlyantiintl"]


def replay(name):
    """The parts in which our trials differ from those of the digest; ``16`` where labels are the same modulo 16 only."""
    reference, found = ModCog(name), set()
    for trial in ours(name, 6, timing=TIMING.get(name)):
        theirs = reference.next()
        if not np.allclose(trial.ob[0], theirs.ob, rtol=0, atol=OB_TOLERANCE):
            found.add("ob")
        if not np.array_equal(trial.gt[0], theirs.gt):
            found.add("16" if np.array_equal(trial.gt[0] % 16, theirs.gt) else "gt")
    return found


def test_trials_of_digests_replay_but_for_mended_defects():
    found = {name: replay(name) for name in MODCOG}
    assert [name for name in MODCOG if found[name] - {"16"}] == IN_RADIANS
    assert sum(not parts for parts in found.values()) == 25  # in these no answer is the action 16
    assert sum(parts == {"16"} for parts in found.values()) == 53


def test_trials_without_noise_have_the_very_digest_of_the_specification():
    for name in ("go", "rtgo", "dlygo", "anti", "rtanti", "dlyanti", "goseqr", "rtantiseql", "dlyantiseql"):
        sha = hashlib.sha256()
        for trial in ours(name, 6, timing=TIMING.get(name)):
            sha.update(trial.ob[0].tobytes())
            sha.update((trial.gt[0] % 16).tobytes())
        assert sha.hexdigest()[:16] == DIGESTS[name], name


# ---- the defects that are mended, by their numbers in the specification -------------------------------


def test_every_mended_defect_is_listed_with_its_names_and_reason():
    assert [row["bug"] for row in MENDED] == list(range(1, 14))
    for row in MENDED:
        assert row["why"], row
        assert any(fnmatch(name, pattern) for name in MODCOG for pattern in row["names"]), row


def named(bug):
    return [name for name in MODCOG if any(fnmatch(name, pattern) for pattern in MENDED[bug - 1]["names"])]


def test_all_16_answers_occur():
    for name in named(1):
        assert set(ngym.make(f"modcog.{name}-v0").sample_trials(400, seed=0).gt.ravel()) == set(range(17)), name


def test_tasks_that_were_duplicates_differ():
    def lengths(name):
        return ngym.make(f"modcog.{name}-v0").sample_trials(4, seed=0).lengths.tolist()

    assert len(named(2)) == 6
    for name in named(2):
        assert [n + 5 for n in lengths(name)] == lengths(f"dly{name}")


@pytest.mark.parametrize("name", sorted({*named(3), *named(5)}))
def test_delays_follow_the_seed_and_vary_from_trial_to_trial(name):
    def delays(seed):
        trials = ngym.make(f"modcog.{name}-v0").sample_trials(200, seed=seed)
        return (trials.end["delay"] - trials.start["delay"]).tolist(), trials.conditions["modality"]

    steps, modality = delays(0)
    assert steps == delays(0)[0] != delays(1)[0]
    expected = set(range(12)) if "int" in name else set(range(2, 12))
    assert set(steps) == expected
    assert set(np.array(steps)[modality == 0]) == expected


def test_answers_turn_by_the_same_angle_in_all_families():
    for name in named(4):
        env = ngym.make(f"modcog.{name}-v0")
        trials = env.sample_trials(100, seed=0)
        shown = trials.ob[np.arange(100), trials.start["stimulus"], 1:].reshape(100, 2, 16).sum(axis=1).argmax(axis=1)
        sign = 1 if name.endswith("r") else -1
        turned = (shown + sign * trials.conditions["delay"] // 100 + 8 * ("anti" in name)) % 16
        np.testing.assert_array_equal(trials.conditions["ground_truth"], turned)


@pytest.mark.parametrize("name", ["goseqr", "dlyanti", "dm1seql", "dlydm2intr", "dmsintl", "dlygointr", "dnmcseqr"])
def test_timing_of_the_caller_prevails_and_is_merged(name):
    given = {"fixation": 700, **({"decision": 300} if "seq" in name else {}), **({"delay": 200} if "int" in name else {})}
    trials = ngym.make(f"modcog.{name}-v0", timing=given).sample_trials(3, seed=0)
    for period, ms in given.items():
        assert set(trials.end[period] - trials.start[period]) == {ms // 100}
    with pytest.raises(TypeError, match="timing"):
        ngym.make(f"modcog.{name}-v0", timing=3)


def test_categories_are_halves_of_the_ring():
    for name in named(7):
        c = ngym.make(f"modcog.{name}-v0").sample_trials(500, seed=0).conditions
        place = np.rint(c["test_theta"] / (2 * np.pi / 16)).astype(int)
        np.testing.assert_array_equal((place >= 8) == (c["sample"] >= 8), c["ground_truth"] == "match")


@pytest.mark.parametrize("name", ["dms", "dnmc", "dmsintl", "dmsseqr"])
def test_withholding_is_paid_where_it_is_right(name):
    env = ngym.make(f"modcog.{name}-v0")
    no_go = "non-match" if name.startswith("dm") else "match"
    env.new_trial(ground_truth=no_go)
    results = [env.step(0) for _ in range(len(env.gt))]
    assert sum(r[1] for r in results) == pytest.approx(1)
    assert results[-1][4]["performance"] == 1


def test_conditions_of_decisions_can_be_forced():
    for name in named(9):
        trials = ngym.make(f"modcog.{name}-v0").sample_trials(8, seed=0, ground_truth=3)
        assert set(trials.conditions["ground_truth"]) == {3}
        assert (trials.gt[np.arange(8), trials.start["decision"]] == 4).all()


def test_long_sequences_go_on_without_a_step_left_out():
    for name, sign in (("goseqr", 1), ("dm1seql", -1)):
        trial = ngym.make(f"modcog.{name}-v0", timing={"decision": 7000}).sample_trials(1, seed=0)[0]
        assert set(np.diff(trial.gt[trial.start["decision"] :]) % 16) == {sign % 16}


def test_sequences_of_reaction_tasks_are_as_long_as_others():
    for name in named(11):
        trials = ngym.make(f"modcog.{name}-v0").sample_trials(3, seed=0)
        assert set(trials.end["decision"] - trials.start["decision"]) == {10}


def test_trials_of_both_modalities_are_not_twins():
    for name in ("go", "dms", "dlygointr"):
        trials = ngym.make(f"modcog.{name}-v0").sample_trials(200, seed=0)
        answers = trials.gt[np.arange(200), trials.start["decision"]]
        assert (answers[::2] == answers[1::2]).mean() < 0.5


def test_sequences_can_be_performed_and_are_paid_for():
    for name in named(13):
        env = ngym.make(f"modcog.{name}-v0")
        env.reset(seed=0)
        results = [env.step(action) for action in env.gt.tolist()]
        assert sum(r[1] for r in results) == pytest.approx(1)
        assert results[-1][4]["performance"] == 1
        env.reset(seed=1)
        first = env.start_ind["decision"]
        answers = [a if k <= first else 0 for k, a in enumerate(env.gt.tolist())]
        results = [env.step(action) for action in answers]
        if env.gt.any() and answers[first]:
            assert results[-1][4]["performance"] in (0.1, 1), name


# ---- what else the specification says ---------------------------------------------------------------


def test_fixation_cue_is_on_until_the_decision():
    for name in MODCOG:
        trials = ngym.make(
            f"modcog.{name}-v0", **({"sigma": 0} if "go" not in name and "anti" not in name else {})
        ).sample_trials(20, seed=0)
        before = np.arange(trials.ob.shape[1]) < trials.start["decision"][:, None]
        np.testing.assert_array_equal(trials.ob[..., 0], before)


def test_metadata_names_the_publication_and_the_tags_of_the_family():
    for name in MODCOG:
        metadata = registry.task_spec(f"modcog.{name}-v0").metadata
        assert "lottery" in metadata["paper_name"]
        assert ngym.make(f"modcog.{name}-v0").unwrapped.metadata["paper_link"] == metadata["paper_link"]
        base = next(b for b in sorted(MODCOG[:20], key=len, reverse=True) if name.startswith(b))
        assert metadata["tags"] == registry.task_spec(f"yang19.{base}-v0").metadata["tags"]
