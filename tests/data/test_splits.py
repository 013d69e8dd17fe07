from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym
from ngym_data import Dataset, TrialDataset

ID = "PerceptualDecisionMaking-v0"
SHORT = {"timing": {"stimulus": 300}}
COHS = {0, 6.4, 12.8, 25.6, 51.2}


def conditions(split="train", holdout=None, name="coh", id_=ID, trials=3000, **options):
    dataset = TrialDataset(id_, trials=trials, seed=0, split=split, holdout=holdout, **options)
    return dataset[:][2]["conditions"][name]


def values(split, holdout, **options):
    return set(np.unique(conditions(split, holdout, **options)).tolist())


def hashes(dataset):
    return {trial.tobytes() for trial in dataset[:][0]}


def test_splits_share_no_trial_of_100_000():
    splits = {s: hashes(TrialDataset(ID, SHORT, 100_000, seed=0, split=s)) for s in ("train", "val", "test")}
    assert [len(trials) for trials in splits.values()] == [100_000] * 3
    assert len(set.union(*splits.values())) == 300_000


def test_splits_share_no_seed_of_a_row():
    rows = [Dataset(ID, batch_size=50, seq_len=30, seed=0, split=split) for split in ("train", "val", "test")]
    seeds = [set(dataset.seeds) for dataset in rows]
    assert len(set.union(*seeds)) == 150
    assert len({dataset()[0].tobytes() for dataset in rows}) == 3


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_holdout_conditions_appear_in_their_split_only(split):
    holdout = {"coh": [12.8, 51.2]}
    assert values(split, holdout) == COHS - {12.8, 51.2}
    assert values("holdout", holdout) == {12.8, 51.2}
    assert values(split, {"coh": 12.8}) == COHS - {12.8}
    for s, expected in ((split, COHS - {12.8, 51.2}), ("holdout", {12.8, 51.2})):
        dataset = Dataset(ID, SHORT, batch_size=4, seq_len=2000, seed=0, split=s, holdout=holdout, info=True)
        assert set(np.unique(dataset()[2]["conditions"]["coh"]).tolist()) == expected


def test_holdout_leaves_the_ratios_of_probabilities():
    left = conditions(holdout={"coh": [12.8]}, trials=20_000)
    shares = np.unique(left, return_counts=True)[1] / len(left)
    options = list(ngym.make(ID).cohs)
    expected = [options.count(c) / len([o for o in options if o != 12.8]) for c in sorted(COHS - {12.8})]
    assert shares == pytest.approx(expected, abs=0.015)  # 4 standard errors


def test_split_draws_discard_no_trial_of_a_drawn_condition():
    for split in ("train", "holdout"):
        assert Dataset(ID, holdout={"coh": [12.8]}, split=split).streams.source.kept_share == 1
    assert 0 < Dataset("PulseDecisionMaking", holdout={"ground_truth": 0}).streams.source.kept_share < 1


def test_holdout_of_answers_that_a_layer_turns():
    every = set(range(16))
    for modifiers in ("+anti", "+interval", "+anti+interval=left"):
        id_ = f"yang19.go-v0{modifiers}"
        assert values("train", {"ground_truth": 3}, name="ground_truth", id_=id_) == every - {3}
        assert values("holdout", {"ground_truth": 3}, name="ground_truth", id_=id_, trials=200) == {3}
    held = TrialDataset("yang19.go-v0+interval", trials=300, seed=0, split="holdout", holdout={"ground_truth": 3})
    assert set(held[:][2]["conditions"]["delay"].tolist()) == set(range(0, 1200, 100))
    assert values("train", {"ground_truth": 0}, name="ground_truth", id_=f"{ID}+anti", trials=100) == {1}
    assert values("train", {"anti": 0}, name="anti", id_=ngym.mix(["yang19.go-v0", "yang19.anti-v0"]), trials=100) == {1}


def test_holdout_of_answers_that_a_layer_of_a_mixture_turns():
    go, outer = (
        "yang19.go-v0",
        ngym.mix([ngym.mix(["yang19.go-v0", "yang19.go-v0+anti"], cue=None), "yang19.dm1-v0+interval"]),
    )
    for split, held in (("train", False), ("holdout", True)):
        dataset = TrialDataset(outer, trials=600, seed=0, split=split, holdout={"ground_truth": 3})
        found = dataset[:][2]["conditions"]
        assert set(found["task"]) == {go, f"{go}+anti", "yang19.dm1-v0+interval"}
        for task in set(found["task"]):
            assert ((found["ground_truth"][found["task"] == task] == 3) == held).all()


def test_holdout_of_a_condition_that_a_wrapper_of_the_user_changes():
    class Twice(ngym.TrialWrapper):
        def edit_trials(self, trials, draws):
            trials.set("coh", 2 * trials.conditions["coh"])
            return trials

    env = ngym.make(ID, wrappers=[Twice])
    assert values("train", {"coh": 25.6}, id_=env) == {2 * coh for coh in COHS} - {25.6}
    assert values("holdout", {"coh": 25.6}, id_=env, trials=100) == {25.6}


def test_split_draws_discard_no_trial_of_mixtures_whose_draws_stay():
    env = ngym.mix(["yang19.go-v0", ngym.mix(["yang19.rtgo-v0", "yang19.dlygo-v0"], cue=None)])
    assert TrialDataset(env, trials=10, seed=0, holdout={"ground_truth": 3}).source.kept_share == 1
    with_delays = TrialDataset("yang19.go-v0+interval", trials=10, seed=0, holdout={"ground_truth": 3})
    assert with_delays.source.kept_share < 1


def test_holdout_of_several_conditions_is_of_their_combination():
    holdout = {"coh": [0, 51.2], "ground_truth": [1]}
    trials = {
        s: TrialDataset(ID, trials=2000, seed=1, split=s, holdout=holdout)[:][2]["conditions"] for s in ("train", "holdout")
    }
    pairs = {s: set(zip(c["coh"].tolist(), c["ground_truth"].tolist(), strict=True)) for s, c in trials.items()}
    assert pairs["holdout"] == {(0, 1), (51.2, 1)}
    assert pairs["train"] == {(c, g) for c in COHS for g in (0, 1)} - pairs["holdout"]


@pytest.mark.parametrize(
    ("id_", "name", "held"),
    [
        ("PulseDecisionMaking-v0", "ground_truth", 1),  # follows from other draws
        ("yang19.go-v0", "modality", 0),  # decided by a wrapper
        ("DelayComparison-v0", "vpair", [[18, 10], [22, 14]]),  # a condition of several numbers
        ("perceptualdecisionmaking.ibl20-v0", "ground_truth", 0),
    ],
)
def test_holdout_of_any_kind_of_condition(id_, name, held):
    rows = np.atleast_1d(held)
    for split in ("train", "holdout"):
        column = conditions(split, {name: held}, name, id_, 500)
        found = (column[:, None] == rows[None]).reshape(len(column), len(rows), -1).all(-1).any(-1)
        assert found.all() == found.any() == (split == "holdout")


@pytest.mark.parametrize("split", ["train", "holdout"])
@pytest.mark.parametrize(("id_", "holdout"), [("PulseDecisionMaking-v0", {"ground_truth": 1}), (ID, {"coh": [12.8]})])
def test_holdout_streams_do_not_depend_on_seq_and_cache_len(id_, holdout, split):
    whole = Dataset(id_, batch_size=3, seq_len=900, seed=3, split=split, holdout=holdout)()
    parts = Dataset(id_, batch_size=3, seq_len=100, cache_len=1, seed=3, split=split, holdout=holdout)
    inputs, target = (np.concatenate(part) for part in zip(*[parts() for _ in range(9)], strict=True))
    assert np.array_equal(inputs, whole[0])
    assert np.array_equal(target, whole[1])


def test_holdout_leaves_the_other_trials_of_the_env():
    dataset = TrialDataset("PulseDecisionMaking-v0", trials=64, seed=0, session=64, holdout={"ground_truth": 1})
    trials = ngym.make("PulseDecisionMaking-v0").sample_trials(300, seed=dataset.session_seed(0))
    left = trials.ob[trials.conditions["ground_truth"] == 0][:64]
    assert np.array_equal(dataset[:][0], left)


def test_cross_conditions_with_holdout():
    crossed = {"coh": [0, 12.8, 51.2], "ground_truth": [0, 1]}
    options = {"conditions": crossed, "holdout": {"coh": [12.8]}, "trials": 40}
    assert conditions("train", **options).tolist() == [0, 0, 51.2, 51.2] * 10
    assert conditions("holdout", **options).tolist() == [12.8] * 40
    options = {"conditions": {"ground_truth": [0, 1]}, "holdout": {"coh": [12.8]}, "trials": 400}
    assert set(conditions("train", **options).tolist()) == COHS - {12.8}
    assert conditions("train", name="ground_truth", **options).tolist() == [0, 1] * 200
    picked = {"conditions": {"coh": [0, 51.2]}, "holdout": {"coh": [51.2], "ground_truth": [1]}, "trials": 256}
    kept = conditions("train", **picked)
    assert (kept == 0).sum() == (kept == 51.2).sum() == 128  # balanced, whatever was left out
    assert (conditions("train", name="ground_truth", **picked)[kept == 51.2] == 0).all()


def test_cross_conditions_of_a_stream_are_equally_likely():
    dataset = Dataset(ID, SHORT, 8, 5000, seed=0, conditions={"coh": [0, 51.2], "ground_truth": [0, 1]}, info=True)
    _, _, info = dataset()
    coh, side = (info["conditions"][name][info["start"]] for name in ("coh", "ground_truth"))
    counts = np.unique(np.stack([coh, side]), axis=1, return_counts=True)[1]
    assert len(counts) == 4
    assert counts / counts.sum() == pytest.approx([0.25] * 4, abs=0.02)  # 8,000 trials: 4 standard errors


@pytest.mark.parametrize("kind", [Dataset, TrialDataset])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"split": "tarin"},
            ValueError,
            "split='tarin' must be one of 'train', 'val', 'test', 'holdout'. Did you mean 'train'",
        ),
        ({"split": "holdout"}, ValueError, "split='holdout' needs held-out conditions"),
        ({"holdout": {"coh": []}}, ValueError, "names no value of 'coh'"),
        ({"holdout": {"choh": [1]}}, KeyError, "Unknown condition of <.*> 'choh'. Did you mean 'coh'"),
        (
            {"holdout": {"coh": [12.9]}},
            ValueError,
            "the condition 'coh' of <.*> never has the value 12.9. Did you mean '12.8'",
        ),
        (
            {"holdout": {"coh": float("nan")}},
            ValueError,
            "never has the value nan. Valid: '0.0', '12.8', '25.6', '51.2', '6.4'",
        ),
        ({"holdout": {"coh": [12.8, "x"]}}, ValueError, "the condition 'coh' of <.*> never has the value"),
        ({"holdout": {"coh": sorted(COHS)}}, ValueError, "holdout=.* leaves no trial of <.*> for the split 'train'"),
        ({"conditions": {"coh": [12.8]}, "holdout": {"coh": 12.8}}, ValueError, "leave no combination in this split"),
        ({"conditions": {"coh": 12.8}, "holdout": {"coh": 12.8}}, ValueError, "leave no combination in this split"),
    ],
)
def test_splits_reject_invalid_splits_and_holdouts(kind, options, error, message):
    with pytest.raises(error, match=message):
        kind(ID, **options)


def test_holdout_of_a_missing_value_names_the_values_that_there_are():
    with pytest.raises(ValueError, match=r"never has the value nan. Valid: '1.0', 'True'"):
        TrialDataset(ngym.mix([ID, "yang19.anti-v0"], pad=True), holdout={"anti": float("nan")})
