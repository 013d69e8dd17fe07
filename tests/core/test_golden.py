from __future__ import annotations

import json

import numpy as np
import pytest

import ngym_core as ngym
from tests.golden import replay as golden

RECORDINGS = [p for p in sorted(golden.DATA.glob("*.npz")) if p.stem in ngym.all_envs(collections=True)]
STACKS = sorted((golden.DATA / "wrappers").glob("*.npz"))


@pytest.mark.parametrize("path", RECORDINGS + STACKS, ids=lambda p: p.stem)
def test_recorded_trials_and_steps_replay(path):
    assert golden.replay(path) == []


def test_every_excuse_has_a_reason():
    for row in golden.DIVERGENCES:
        assert row["bug"], row
        assert row["why"], row


@pytest.mark.parametrize(
    ("id_", "row"),
    [pytest.param(i, r, id=i) for r in golden.DIVERGENCES if "seldom" not in r for i in golden.ids(r)],
)
def test_every_excuse_is_still_needed(id_, row):
    folder = golden.DATA / "wrappers" if id_.startswith("wrapper.") else golden.DATA
    recording = np.load(folder / f"{id_}.npz")
    found = list(golden.mismatches(recording, json.loads(str(recording["meta"]))))
    for part in row["differs"]:
        assert any(golden._covers(part, mismatch) for mismatch in found), f"{part} does not differ any more"


def tampered(tmp_path, change):
    """A recording of PerceptualDecisionMaking in which something was changed."""
    recording = dict(np.load(golden.DATA / "PerceptualDecisionMaking-v0.npz"))
    meta = json.loads(str(recording["meta"]))
    change(recording, meta)
    np.savez(tmp_path / "tampered.npz", **{**recording, "meta": np.array(json.dumps(meta))})
    return golden.replay(tmp_path / "tampered.npz")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda r, m: r["s0/ob3"].__setitem__((5, 1), r["s0/ob3"][5, 1] + 1e-5), "trials.ob seed 0 trial 3: 1 of 66"),
        (lambda r, m: r["s7/gt2"].__setitem__(0, 1), "trials.gt seed 7 trial 2"),
        (lambda r, m: r["s0/step/reward"].__setitem__(9, 0.1), "steps.reward seed 0"),
        (lambda r, m: r["s0/step/new_trial"].__setitem__(9, True), "steps.new_trial seed 0"),
        (lambda r, m: r["s0/step/performance"].__setitem__(9, 1), "steps.performance seed 0"),
        (lambda r, m: r["s0/step/gt"].__setitem__(9, 1), "steps.gt seed 0"),
        (lambda r, m: r["s0/step/ob"].__setitem__((9, 0), 1), "steps.ob seed 0"),
        (lambda r, m: m["s0"][1]["trial"].__setitem__("coh", 6.4), "trials.conditions seed 0 trial 1: coh"),
        (lambda r, m: m["s0"][1]["end_ind"].__setitem__("delay", 6), "trials.periods seed 0 trial 1: delay"),
        (lambda r, m: m["s0"][1].__setitem__("tmax", 6), "trials.periods seed 0 trial 1: tmax"),
        (lambda r, m: m.__setitem__("dt", 50), "spaces dt"),
        (lambda r, m: m["rewards"].__setitem__("fail", -1), "spaces rewards"),
        (lambda r, m: m["action_space"]["name"].__setitem__("choice", [1, 3]), "spaces.names"),
    ],
)
def test_replay_notices_every_kind_of_difference(tmp_path, change, part):
    found = tampered(tmp_path, change)
    assert len(found) == 1
    assert found[0].startswith(part)


def test_metadata_equals_the_recordings():
    for path in RECORDINGS:
        recorded = json.loads(str(np.load(path)["meta"]))["metadata"]
        if not recorded:  # the decision tasks of yang19 have none in the reference
            continue
        ours = ngym.make(path.stem).unwrapped.metadata
        for key in ("paper_name", "paper_link"):
            assert ours.get(key) == (recorded.get(key) and " ".join(recorded[key].split())), (path.stem, key)
        assert ours.get("tags", []) == recorded.get("tags", []), path.stem
