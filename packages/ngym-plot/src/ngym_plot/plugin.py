"""What ngym-plot adds to ngym: the figures of `Monitor`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ngym_core.hookspecs import hookimpl


@hookimpl
def ngym_figure(run: Mapping[str, Any], env: Any, fname: Path) -> Path:
    """Draw a run, see `visualize_run`."""
    from ngym_plot.run import visualize_run

    visualize_run(
        run["ob"],
        run["actions"],
        gt=run["gt"],
        rewards=run["rewards"],
        performance=run["perf"],
        name=type(env.unwrapped).__name__,
        fname=fname,
        env=env,
        initial_ob=run["initial_ob"],
        trial_starts=np.nonzero(run["trial_end"])[0] + 2,
    )
    return fname
