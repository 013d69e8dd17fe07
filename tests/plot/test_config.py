from __future__ import annotations

import pytest

from ngym_plot import PlotConfig, plot_env


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unit": "s"}, "unit='s' must be one of 'steps', 'ms'"),
        ({"width": -1}, "width=-1 must be a finite number above 0"),
        ({"dpi": float("inf")}, "dpi=inf must be a finite number above 0"),
    ],
)
def test_plot_config_rejects_invalid_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        PlotConfig(**settings)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (3, "plot_config=3 must be a PlotConfig, a dictionary or None"),
        ({"unti": "ms"}, "PlotConfig has no setting 'unti'. Did you mean 'unit'"),
    ],
)
def test_plot_config_rejects_other_types_and_unknown_settings(config, message):
    with pytest.raises(TypeError, match=message):
        plot_env("PerceptualDecisionMaking-v0", 20, plot_config=config)
