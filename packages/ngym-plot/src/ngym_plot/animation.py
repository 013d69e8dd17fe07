"""Animations of image observations, as mp4 or GIF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FFMpegWriter, FuncAnimation, PillowWriter
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike

from ngym_core.arguments import FilePath, checked
from ngym_core.files import atomic_write
from ngym_plot.figure import new_figure, style
from ngym_plot.panels import to_uint8

__all__ = ["plot_env_3dbox"]

_DEFAULT_INTERVAL_MS = 50


@checked
def plot_env_3dbox(ob: ArrayLike, fname: FilePath = "", env: Any = None) -> FuncAnimation:
    """Animate image observations, one frame for each time step.

    Args:
        ob: Images (T, H, W) or (T, H, W, C), with values from 0 to 255 or from 0 to 1.
        fname: Save the animation there (and close its figure): as mp4 where ffmpeg is installed, else as GIF, whose
            frames last a multiple of 10 ms. The extension is added; ``.gif`` asks for a GIF.
        env: The task: its time step is the duration of a frame (50 ms without it), and the bounds of its observations
            are drawn black and white.

    Returns:
        The animation; keep a reference to it as long as it is shown.

    Raises:
        ValueError: Images of another shape, or none.

    Example:
        >>> import ngym_core as ngym
        >>> env = ngym.make("RandomDotMotion-v0")
        >>> data = ngym.run_env(env, num_trials=1, seed=0)
        >>> plot_env_3dbox(data["ob_before"], "dots.gif", env)  # doctest: +ELLIPSIS
        <matplotlib.animation.FuncAnimation object at ...>
    """
    frames = np.asarray(ob)
    if frames.ndim not in (3, 4) or len(frames) == 0 or (frames.ndim == 4 and frames.shape[-1] not in (1, 3, 4)):
        raise ValueError(
            "ob must be (T, H, W) or (T, H, W, C) with 1, 3 or 4 channels and at least one frame, not of shape "
            f"{frames.shape}."
        )
    interval_ms = float(getattr(getattr(env, "unwrapped", env), "dt", _DEFAULT_INTERVAL_MS))
    images = to_uint8(frames, getattr(env, "observation_space", None))
    height, width = images.shape[1:3]
    with style():
        figure = new_figure(figsize=(4, 4 * height / width), layout="none")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.axis("off")
    artist = ax.imshow(images[0], cmap="gray", vmin=0, vmax=255)

    def show_frame(t: int) -> list[AxesImage]:
        artist.set_data(images[t])
        return [artist]

    animation = FuncAnimation(figure, show_frame, frames=len(frames), interval=interval_ms, blit=False)
    if fname:
        _save(animation, Path(fname).expanduser(), interval_ms)
        plt.close(figure)
    return animation


def _save(animation: FuncAnimation, path: Path, interval_ms: float) -> None:
    """Save an animation; the file is complete or absent."""
    suffix = ".mp4" if FFMpegWriter.isAvailable() and path.suffix != ".gif" else ".gif"
    path = path.with_suffix(suffix) if path.suffix in (".mp4", ".gif") else path.with_name(path.name + suffix)
    # PillowWriter truncates 1000 / fps to whole ms: without the margin 110 ms would become 109, which a GIF stores as 100.
    fps: Any = 1000 / (interval_ms + 1e-3)
    with atomic_write(path) as temporary:
        animation.save(temporary, writer=FFMpegWriter(fps=fps) if suffix == ".mp4" else PillowWriter(fps=fps))
