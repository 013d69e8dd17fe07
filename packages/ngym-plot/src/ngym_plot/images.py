"""Films of tasks with image observations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FFMpegWriter, FuncAnimation, PillowWriter
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike

from ngym_core.saving import complete_or_absent
from ngym_plot.panels import to_pixels

__all__ = ["plot_env_3dbox"]


def plot_env_3dbox(ob: ArrayLike, fname: str | Path = "", env: Any = None) -> FuncAnimation:
    """Show images as a film, one frame for each time step.

    Args:
        ob: (T, H, W) or (T, H, W, C) images, 0 to 255 or 0 to 1.
        fname: Save the film there: as mp4 where ffmpeg is installed, else as GIF. The extension is added.
        env: The task; its time step (ms) is that of the film, 50 ms without it.

    Returns:
        The animation; keep it as long as it is shown.

    Raises:
        ValueError: Images of another shape, or none.
    """
    frames = np.asarray(ob)
    if frames.ndim not in (3, 4) or len(frames) == 0:
        raise ValueError(f"ob must be (T, H, W) or (T, H, W, C) with at least one frame, not of shape {frames.shape}.")
    interval = float(getattr(getattr(env, "unwrapped", env), "dt", 50))
    figure, ax = plt.subplots(figsize=(4, 4 * frames.shape[1] / frames.shape[2]))
    ax.set_position((0, 0, 1, 1))
    ax.axis("off")
    picture = ax.imshow(to_pixels(frames[0]), cmap="gray", vmin=frames.min(), vmax=frames.max())

    def show(t: int) -> list[AxesImage]:
        picture.set_data(to_pixels(frames[t]))
        return [picture]

    animation = FuncAnimation(figure, show, frames=len(frames), interval=round(interval), blit=False)
    if fname:
        _save(animation, Path(fname).expanduser(), max(1, round(1000 / interval)))
        plt.close(figure)
    return animation


def _save(animation: FuncAnimation, path: Path, fps: int) -> None:
    """Save a film, completely or not at all."""
    suffix = ".mp4" if FFMpegWriter.isAvailable() and path.suffix != ".gif" else ".gif"
    path = path.with_suffix(suffix) if path.suffix in (".mp4", ".gif") else path.with_name(path.name + suffix)
    with complete_or_absent(path) as aside:
        animation.save(aside, writer=FFMpegWriter(fps=fps) if suffix == ".mp4" else PillowWriter(fps=fps))
