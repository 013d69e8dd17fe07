from __future__ import annotations

import math

import numpy as np
import pytest

import ngym_plot
from ngym_plot import HistoryKernel, PlotConfig, PsychometricFit
from ngym_plot.gallery import write_gallery
from ngym_plot.players import load_player
from ngym_plot.stats import bin_values, running_mean, wilson_interval

NAN, INF = math.nan, math.inf
NOT_A_COUNT = (0, -1, 1.5, NAN, INF, True, "x")
NOT_AN_INDEX = (-1, 1.5, NAN, INF, True, "x")
NOT_POSITIVE = (0, -1, NAN, INF, "x")
NOT_A_FLAG = ("yes", 2)
NOT_A_TEXT = (5, b"x")
AXES = {"ax": (5, "ax"), "title": NOT_A_TEXT}
TABLE = {"table": (5, None, [1])}
FIT = {
    "link": ("logti", 5),
    "lapses": ("two", None),
    "guess_rate": (-0.1, 1, NAN, "x"),
    "resamples": NOT_AN_INDEX,
    "seed": NOT_AN_INDEX,
}
FILE = {"fname": (5, "x.xyz")}
HISTORY = {**TABLE, "lags": NOT_A_COUNT, "strength": NOT_A_TEXT, "side": NOT_A_TEXT, "no_response": (NAN, "x")}
RECORDING = {"trial": (0.5, NAN, "x"), "align": NOT_A_TEXT, **AXES}
WRONG = {
    "plot_trial": {"seed": NOT_AN_INDEX, "fig": (5,), "name": NOT_A_TEXT, "legend": NOT_A_FLAG, **FILE},
    "plot_env": {"num_steps": NOT_A_COUNT, "num_trials": NOT_A_COUNT, "fig_kwargs": (5,), "seed": NOT_AN_INDEX, **FILE},
    "visualize_run": {"legend": NOT_A_FLAG, "name": NOT_A_TEXT, "fig_kwargs": (5,), **FILE},
    "plot_env_1dbox": {"legend": NOT_A_FLAG, "name": NOT_A_TEXT, "fig_kwargs": (5,), **FILE},
    "plot_env_3dbox": {"fname": (5, None)},
    "plot_session": {**TABLE, "lane": NOT_AN_INDEX, "window": NOT_A_COUNT, "block": NOT_A_TEXT, "fig": (5,), **FILE},
    "plot_training": {"source": (5, None), "measure": NOT_A_TEXT, "window": NOT_POSITIVE, "label": NOT_A_TEXT, **AXES},
    "plot_chronometric": {**TABLE, "strength": NOT_A_TEXT, "median": NOT_A_FLAG, **AXES},
    "plot_confusion": {**TABLE, "names": (5,), **AXES},
    "plot_delay_dependence": {**TABLE, "max_bins": NOT_A_COUNT, "chance": (-1, 2, NAN, "x"), **AXES},
    "fit_history": HISTORY,
    "plot_history_kernel": {**HISTORY, **AXES},
    "fit_psychometric": FIT,
    "plot_psychometric": {**FIT, **AXES},
    "plot_psychometric_curves": {**TABLE, **FIT, **AXES, "strength": NOT_A_TEXT, "side": NOT_A_TEXT},
    "plot_activity": {**RECORDING, "scaled": NOT_A_FLAG, "time": ("s", 5)},
    "plot_unit_traces": {**RECORDING, "unit": NOT_AN_INDEX, "time": ("s", 5)},
    "plot_population_state": {**RECORDING, "components": (3, (1,), (0, 1), (1, 2, 3), (1, 1.5))},
    "signed_choices": {**TABLE, "strength": NOT_A_TEXT, "side": NOT_A_TEXT, "no_response": (NAN, "x")},
    "stages": {**TABLE, "k": NOT_A_COUNT},
    "PlotConfig": {
        **dict.fromkeys(("width", "panel_height", "font_size", "dpi"), NOT_POSITIVE),
        "unit": ("s", 5),
        "legend_location": NOT_A_TEXT,
    },
    "interval": {"name": NOT_A_TEXT, "level": (0, 1, NAN, "x")},
    "band": {"level": (0, 1, NAN, "x")},
    "kernel": {"outcome": ("correc", 5)},
    "write_gallery": {"folder": (5, None), "progress": (5,)},
    "load_player": {"path": (5, None)},
    "wilson_interval": {"z": NOT_POSITIVE},
    "bin_values": {"max_bins": NOT_A_COUNT},
    "running_mean": {"window": NOT_A_COUNT},
}
GIVEN = {
    "plot_trial": {"env": "GoNogo-v0"},
    "plot_env": {"env": "GoNogo-v0"},
    "visualize_run": {"ob": np.zeros((3, 1)), "actions": [0, 0, 0]},
    "plot_env_1dbox": {"ob": np.zeros((3, 1)), "actions": [0, 0, 0]},
    "plot_env_3dbox": {"ob": np.zeros((3, 2, 2))},
    "plot_training": {"source": {}},
    "plot_activity": {"recording": None},
    "plot_unit_traces": {"recording": None, "unit": 0},
    "plot_population_state": {"recording": None},
    "stages": {"table": {}, "k": 1},
    "fit_psychometric": {"evidence": [], "choice": []},
    "plot_psychometric": {"evidence": [], "choice": []},
    "PlotConfig": {},
    "interval": {"name": "slope"},
    "band": {"evidence": [0]},
    "kernel": {},
    "write_gallery": {"folder": "pages"},
    "load_player": {},
    "wilson_interval": {"p": [0.5], "n": [5]},
    "bin_values": {"values": np.zeros(3)},
    "running_mean": {"values": [1]},
}
KERNEL = HistoryKernel(np.array([1]), np.zeros(1), np.zeros(1), 0.0, 0.0, np.full(4, 0.1), 500)
CALLS = {
    "PlotConfig": PlotConfig,
    "interval": PsychometricFit(1, 0).interval,
    "band": PsychometricFit(1, 0).band,
    "kernel": KERNEL.interval,
    "write_gallery": write_gallery,
    "load_player": load_player,
    "wilson_interval": wilson_interval,
    "bin_values": bin_values,
    "running_mean": running_mean,
}


@pytest.mark.parametrize(("call", "name"), [(call, name) for call, names in WRONG.items() for name in names])
def test_wrong_argument_of_a_figure_is_refused_by_its_name(call, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function = CALLS[call] if call in CALLS else getattr(ngym_plot, call)
    for value in WRONG[call][name]:
        with pytest.raises((TypeError, ValueError), match=f"^{name}=.* must be "):
            function(**{**GIVEN.get(call, {"table": {}}), name: value})
    assert list(tmp_path.iterdir()) == []
