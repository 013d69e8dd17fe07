"""Films of tasks with image observations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FFMpegWriter, FuncAnimation, PillowWriter
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike

from ngym_core.files import atomic_write
from ngym_plot.figure import style
from ngym_plot.panels import pixels

__all__ = ["plot_env_3dbox"]


def plot_env_3dbox(ob: ArrayLike, fname: str | Path = "", env: Any = None) -> FuncAnimation:
    """Show images as a film, one frame for each time step.

    Args:
        ob: (T, H, W) or (T, H, W, C) images, 0 to 255 or 0 to 1.
        fname: Save the film there (and close its figure): as mp4 where ffmpeg is installed, else as GIF, which
            counts in 10 ms. The extension is added; ``.gif`` asks for a GIF.
        env: The task: its time step is that of the film (50 ms without it), and the bounds of its observations
            are black and white.

    Returns:
        The animation; keep it as long as it is shown.

    Raises:
        ValueError: Images of another shape, or none.
    """
    frames = np.asarray(ob)
    if frames.ndim not in (3, 4) or len(frames) == 0 or (frames.ndim == 4 and frames.shape[-1] not in (1, 3, 4)):
        raise ValueError(
            "ob must be (T, H, W) or (T, H, W, C) with 1, 3 or 4 channels and at least one frame, not of shape "
            f"{frames.shape}."
        )
    interval = float(getattr(getattr(env, "unwrapped", env), "dt", 50))
    pictures = pixels(frames, getattr(env, "observation_space", None))
    height, width = pictures.shape[1:3]
    with style():
        figure = plt.figure(figsize=(4, 4 * height / width), layout="none")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.axis("off")
    picture = ax.imshow(pictures[0], cmap="gray", vmin=0, vmax=255)

    def show(t: int) -> list[AxesImage]:
        picture.set_data(pictures[t])
        return [picture]

    animation = FuncAnimation(figure, show, frames=len(frames), interval=interval, blit=False)
    if fname:
        _save(animation, Path(fname).expanduser(), interval)
        plt.close(figure)
    return animation


def _save(animation: FuncAnimation, path: Path, interval: float) -> None:
    """Save a film, completely or not at all."""
    suffix = ".mp4" if FFMpegWriter.isAvailable() and path.suffix != ".gif" else ".gif"
    path = path.with_suffix(suffix) if path.suffix in (".mp4", ".gif") else path.with_name(path.name + suffix)
    fps: Any = 1000 / (interval + 1e-3)  # the writer of GIFs cuts 1000 / fps to whole ms
    with atomic_write(path) as aside:
        animation.save(aside, writer=FFMpegWriter(fps=fps) if suffix == ".mp4" else PillowWriter(fps=fps))
