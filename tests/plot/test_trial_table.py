from __future__ import annotations

import csv

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core import UnknownNameError
from ngym_core.trial_table import save_trial_table
from ngym_plot import (
    fit_history,
    plot_chronometric,
    plot_confusion,
    plot_delay_dependence,
    plot_psychometric_curves,
    plot_session,
    plot_training,
    signed_choices,
    stages,
)
from ngym_plot.trial_table import group_trials, outcomes, table_from_run

from .observers import table


def test_signed_choices_of_unsigned_and_signed_strengths():
    columns = {"coh": [5, 5, 0, 10], "ground_truth": [0, 1, 1, 1], "choice": [1, 2, 0, 1], "gt": [1, 2, 2, 2]}
    evidence, choice = signed_choices(columns)
    assert evidence.tolist() == [-5, 5, 0, 10]
    assert choice == pytest.approx([0, 1, np.nan, 0], nan_ok=True)
    signed = {**columns, "coh": [-5, 5, 0, 10], "ground_truth": [9, 9, 9, 9]}
    assert signed_choices(signed)[0].tolist() == [-5, 5, 0, 10]
    always_second = {**columns, "choice": [2, 2, 2, 0]}
    assert signed_choices(always_second)[1] == pytest.approx([1, 1, 1, np.nan], nan_ok=True)
    bandit = {"value": [-1.0, 1, 2], "choice": [0, 1, 0]}
    assert signed_choices(bandit, "value", no_response=None)[1].tolist() == [0, 1, 0]


@pytest.mark.parametrize("side", [[np.nan, 0, 1, 1, 0], [None, "a", "b", "b", "a"]])
def test_signed_choices_of_trials_in_which_a_value_is_missing(side):
    columns = {"coh": [np.nan, 5, 0, 10, 10], "ground_truth": [0, 0, 1, 1, 0], "choice": [0, 1, 0, 1, 2]}
    columns["gt"] = [np.nan, 1, 2, 2, 1]
    evidence, choice = signed_choices(columns)
    assert evidence == pytest.approx([np.nan, -5, 0, 10, -10], nan_ok=True)
    assert choice == pytest.approx([np.nan, 0, np.nan, 0, 1], nan_ok=True)
    other = {**columns, "coh": [5, 5, 0, 10, 10], "ground_truth": side}
    assert signed_choices(other)[0] == pytest.approx([np.nan, -5, 0, 10, -10], nan_ok=True)
    with pytest.raises(ValueError, match="The column 'ground_truth' has only the value None, so the sign"):
        signed_choices({**other, "ground_truth": [None] * 5})


def test_outcomes_of_trials_in_which_they_are_missing():
    for correct in ([True, False], [1, 0], [1.0, 0.0]):
        assert outcomes({"correct": correct}).tolist() == [1, 0]
    for correct in ([2.0, np.nan, 0.0], np.array([True, None, False], object)):
        assert outcomes({"correct": correct}) == pytest.approx([1, np.nan, 0], nan_ok=True)


@pytest.mark.parametrize("side", [0, 1])
def test_signed_choices_refuses_evidence_for_one_side_only(side):
    columns = {"coh": [5, 5, 10, 10], "ground_truth": [side] * 4, "gt": [1] * 4, "choice": [1, 1, 1, 2]}
    message = (
        f"The column 'ground_truth' has only the value {side}, so the sign of the evidence is unknown: give trials of both"
    )
    with pytest.raises(ValueError, match=message):
        signed_choices(columns)
    assert signed_choices({**columns, "coh": [0] * 4})[0].tolist() == [0] * 4
    assert signed_choices({**columns, "coh": [-5, 5, -10, 10]})[0].tolist() == [-5, 5, -10, 10]


@pytest.mark.parametrize("function", [plot_psychometric_curves, signed_choices, fit_history])
def test_a_right_choice_does_not_count_as_no_response(function):
    columns = table(400)
    of_two = {**columns, "choice": np.maximum(columns["choice"] - 1, 0), "gt": columns["ground_truth"]}
    n = (columns["ground_truth"] == 0).sum()
    with pytest.raises(ValueError, match=f"no_response=0 is the right choice in {n} of 400 trials.*give no_response=None"):
        function(of_two)
    function(of_two, no_response=None)


@pytest.mark.parametrize("guess_rate", [None, 0.5])
def test_trials_that_end_before_a_response_is_due_do_not_make_it_a_right_choice(guess_rate):
    columns = table(400)
    aborted = {**columns, "gt": np.where(np.arange(400) % 5, columns["gt"], 0)}
    fits = plot_psychometric_curves(aborted, guess_rate=guess_rate, resamples=0)[1]
    assert fits[""].trials == np.count_nonzero(columns["choice"])


def drawn(columns):
    """What figures and fits show of the outcomes of a table: points, labels and weights."""
    figures = [plot_delay_dependence(columns), plot_chronometric(columns), plot_session(columns).axes[0]]
    points = [(line.get_label(), *map(list, line.get_data())) for ax in figures for line in ax.lines]
    fit = plot_psychometric_curves(columns, guess_rate=0.5, resamples=0)[1][""]
    kernel = fit_history(columns, 2)
    return points, (fit.slope, fit.bias, fit.trials), (kernel.correct.tolist(), kernel.error.tolist(), kernel.trials)


def test_figures_take_saved_tables_that_were_read_as_text(tmp_path):
    columns = table(600)
    save_trial_table(tmp_path / "t", columns)
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    texts = {name: [row[name] for row in rows] for name in rows[0]}
    assert set(texts["correct"]) == {"True", "False"}
    assert drawn(texts) == drawn({**columns, "correct": texts["correct"]}) == drawn(columns)


def test_outcomes_are_read_from_texts_and_from_missing_values_of_pandas():
    assert outcomes({"correct": ["TRUE", " false", "1.0", "0", "", "nan"]})[:4].tolist() == [1, 0, 1, 0]
    assert np.isnan(outcomes({"correct": ["True", "", "nan", "None"]})[1:]).all()
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"correct": pandas.array([True, None, False], dtype="boolean")})
    assert outcomes(frame) == pytest.approx([1, np.nan, 0], nan_ok=True)


def test_outcomes_refuse_what_is_neither_true_nor_false():
    with pytest.raises(ValueError, match=r"'correct' must hold true or false, or 1 and 0, not \['yes', 'no'\]"):
        outcomes({"correct": ["yes", "no"]})
    with pytest.raises(ValueError, match=r"'correct' must hold one number for each trial, not shape \(2, 2\)"):
        outcomes({"correct": [[1, 0], [1, 1]]})


def test_group_trials_orders_numbers_and_keeps_the_order_of_words():
    columns = table(20)
    assert [label for label, _ in group_trials(columns, [0.0, -0.0, 2.0, -1.0] * 5)] == ["-1.0", "0.0", "2.0"]
    assert [label for label, _ in group_trials(columns, ["z", "a"] * 10)] == ["z", "a"]
    assert [members.sum() for _, members in group_trials(columns, np.array([None, "a"] * 10))] == [10, 10]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.0, 1.0, np.nan, np.nan], ["anti = 0.0", "anti = 1.0", "anti missing"]),
        (np.array([None, "b", "a", np.nan], object), ["anti = b", "anti = a", "anti missing"]),
        ([np.nan] * 4, ["anti missing"]),
    ],
)
def test_group_trials_puts_trials_without_a_value_into_a_group(values, labels):
    groups = group_trials({"choice": np.ones(4), "anti": values}, "anti")
    assert [label for label, _ in groups] == labels
    assert np.sum([members for _, members in groups], axis=0).tolist() == [1] * 4
    assert group_trials({"choice": np.ones(4)}, values)[-1][0] == "missing"


def test_stages_rejects_more_stages_than_trials():
    with pytest.raises(ValueError, match="k=6 must be a number of stages from 1 to the 5 trials"):
        stages(table(5), 6)


def test_functions_accept_a_pandas_data_frame_as_table():
    pandas = pytest.importorskip("pandas")
    columns = table(300)
    frame = pandas.DataFrame(columns)
    assert plot_psychometric_curves(frame)[1] == plot_psychometric_curves(columns)[1]
    assert fit_history(frame, 2, strength="coh").bias == fit_history(columns, 2, strength="coh").bias
    assert plot_training(frame, window=10).lines[0].get_xdata()[-1] == 300
    assert plot_confusion(frame).get_xlabel() == "Choice"
    with pytest.raises(UnknownNameError, match="Unknown column 'cohe'. Did you mean 'coh'"):
        plot_chronometric(frame, "cohe")


def test_table_from_run_has_the_trials_that_ended():
    run = ngym.run_env("PerceptualDecisionMaking-v0", num_trials=5, seed=0, def_act=1)
    table = table_from_run(run)
    assert len(table["choice"]) == 5
    assert table["coh"].tolist() == [trial["coh"] for trial in run["trials"]]
    ends = np.nonzero(run["trial_end"])[0]
    assert table["reward"].sum() == pytest.approx(run["rewards"][: ends[-1] + 1].sum())
    assert table["reward"][0] == pytest.approx(run["rewards"][: ends[0] + 1].sum())
    with pytest.raises(ValueError, match="No trial ended in the 3 steps of the run"):
        table_from_run(ngym.run_env("PerceptualDecisionMaking-v0", num_steps=3, seed=0, def_act=0))
