from __future__ import annotations

import json

import numpy as np
import pytest

import ngym_core as ngym
from tests.golden import replay as golden
from tests.golden.reference import ReferenceDraws, draw_from

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
    [pytest.param(i, r, id=i) for r in golden.DIVERGENCES if not {"seldom", "dt_above"} & set(r) for i in golden.ids(r)],
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
        (
            lambda r, m: r["s0/step/performance"].__setitem__(r["s0/step/new_trial"].astype(bool), 0.5),
            "steps.performance seed 0",
        ),
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


def record(path, id_, seeds, **kwargs):
    """Write a recording of our own, with seeds and parameters that those of the reference do not have."""
    env = ngym.make(id_, **kwargs)
    spaces = {
        "observation_space": {"shape": list(env.observation_space.shape), "name": None},
        "action_space": {"repr": repr(env.action_space), "name": None},
    }
    meta = {"id": id_, "kwargs": kwargs, "seeds": seeds, "dt": env.dt, "rewards": dict(env.rewards), **spaces}
    arrays = {}
    for seed in seeds:
        env = golden.make({**meta, f"s{seed}": [{}]}, seed)
        meta[f"s{seed}"] = []
        for k in range(4):
            trial = {n: np.asarray(v).tolist() for n, v in env.new_trial().items()}
            edges = {"start_ind": env.start_ind, "end_ind": env.end_ind, "tmax": env.tmax}
            meta[f"s{seed}"].append({"trial": trial, **edges})
            arrays |= {f"s{seed}/ob{k}": env.ob, f"s{seed}/gt{k}": env.gt}
        env = golden.make({**meta, f"s{seed}": [{}]}, seed)
        env.reset()
        actions = np.random.default_rng(seed).integers(env.action_space.n, size=60)
        rows = [env.step(int(action)) for action in actions]
        columns = {"ob": [r[0] for r in rows], "reward": [r[1] for r in rows]}
        columns |= {name: [r[4].get(name, np.nan) for r in rows] for name in ("new_trial", "gt", "performance")}
        arrays |= {f"s{seed}/step/{name}": np.array(column) for name, column in {**columns, "action": actions}.items()}
    np.savez(path, meta=np.array(json.dumps(meta)), **arrays)
    return arrays


@pytest.mark.parametrize("dt", [10, 20, 50, 33.3])
@pytest.mark.parametrize(
    "id_", ["PerceptualDecisionMaking-v0", "IntervalDiscrimination-v0", "ReadySetGo-v0", "yang19.go-v0"]
)
def test_replay_reads_recordings_of_other_seeds_and_time_steps(tmp_path, id_, dt):
    path = tmp_path / f"{id_}.dt{dt}.npz"
    arrays = record(path, id_, [3, 11], dt=dt)
    assert golden.replay(path) == []
    meta = np.load(path)["meta"]
    arrays["s11/ob2"][-1, 0] += 1e-5
    np.savez(path, meta=meta, **arrays)
    assert [m.split(":")[0] for m in golden.replay(path)] == ["trials.ob seed 11 trial 2"]


def test_some_excuses_hold_for_longer_time_steps_only(tmp_path):
    for dt, rows in ((10, 0), (20, 1)):
        path = tmp_path / f"pulses{dt}.npz"
        arrays = record(path, "PulseDecisionMaking-v0", [1], dt=dt)
        meta = json.loads(str(np.load(path)["meta"]))
        assert len(golden.rows_for(meta)) == rows
        arrays["s1/ob0"][0, 0] = 9
        np.savez(path, meta=json.dumps(meta), **arrays)
        assert len(golden.replay(path)) == 1 - rows
        edges = [meta["s1"][0][edge]["cue0"] for edge in ("start_ind", "end_ind")]
        assert edges[1] - edges[0] == 1 != int(10 / 20)


@pytest.mark.parametrize(
    ("id_", "kwargs", "lengths", "sums"),
    [
        ("DelayMatchCategory", {"dim_ring": 8, "dt": 20}, [139] * 3, [352.990265, 365.609668, 358.702211]),
        (
            "ContextDecisionMaking",
            {"use_expl_context": True, "dim_ring": 4},
            [20, 14, 18],
            [50.744890, 44.162981, 48.427144],
        ),
        ("Detection", {}, [10, 17, 12], [5.246411, 4.491661, 5.497815]),
    ],
)
def test_trials_that_the_sheets_describe(id_, kwargs, lengths, sums):
    """Parameters that were not recorded: trials after seed 7 in the specification."""
    env, draws = ngym.make(id_, **kwargs), ReferenceDraws(7)
    draw_from(env, draws)
    trials = [env.sample_trials(1, draws=draws) for _ in range(3)]
    assert [int(t.lengths[0]) for t in trials] == lengths
    assert [t.ob.sum(dtype=float) for t in trials] == pytest.approx(sums, abs=2e-6)


def test_metadata_equals_the_recordings():
    for path in RECORDINGS:
        recorded = json.loads(str(np.load(path)["meta"]))["metadata"]
        if not recorded:  # the decision tasks of yang19 have none in the reference
            continue
        ours = ngym.make(path.stem).unwrapped.metadata
        for key in ("paper_name", "paper_link"):
            assert ours.get(key) == (recorded.get(key) and " ".join(recorded[key].split())), (path.stem, key)
        assert ours.get("tags", []) == recorded.get("tags", []), path.stem
