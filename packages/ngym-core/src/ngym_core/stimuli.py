"""Image stimuli: moving dots, bars and drifting gratings, drawn for many trials at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngym_core.arguments import explained
from ngym_core.errors import unknown_name
from ngym_core.random import Draws
from ngym_core.spaces import Box
from ngym_core.trials import Trials

__all__ = ["GREY", "WHITE", "MovingDots", "Screen", "plaid", "set_pixels"]

Array = NDArray[Any]
GREY, WHITE = 128, 255
"""Grey levels (0 to 255) of the background and of white."""


class Screen:
    """A screen of pixels, grey where nothing is drawn.

    Positions are in units of half the screen: -1 to 1 from left to right (x) and from bottom to top (y), (0, 0) in
    the center. Frames are (height, width, 3) uint8, rows from the top, columns from the left, red, green and blue.

    Args:
        win_kwargs: ``{"size": (width, height)}`` in pixels, by default (100, 100).

    Attributes:
        width: Pixels in a row.
        height: Pixels in a column.

    Raises:
        UnknownNameError: An option other than ``size``.
        ValueError: A size that is not two integers from 1.

    Example:
        >>> screen = Screen({"size": (40, 20)})
        >>> screen.space.shape, screen.x.shape, screen.y.shape
        ((20, 40, 3), (40,), (20, 1))
    """

    @explained
    def __init__(self, win_kwargs: Mapping[str, Any] | None = None) -> None:
        options = {"size": (100, 100), **(win_kwargs or {})}
        for name in options:
            if name != "size":
                raise unknown_name("option of win_kwargs", name, ["size"])
        size = np.asarray(options["size"])
        if size.shape != (2,) or size.dtype.kind not in "iu" or size.min() < 1:
            raise ValueError(f"The screen's size={options['size']!r} must be (width, height), two integers from 1.")
        self.width, self.height = map(int, size)

    @property
    def space(self) -> Box:
        """The observation space of its frames."""
        return Box(0, 255, shape=(self.height, self.width, 3), dtype=np.uint8)

    @property
    def x(self) -> NDArray[np.float32]:
        """Positions of the columns' centers, (width,)."""
        return np.asarray((np.arange(self.width) + 0.5) * 2 / self.width - 1, np.float32)

    @property
    def y(self) -> NDArray[np.float32]:
        """Positions of the rows' centers, (height, 1)."""
        return np.asarray(1 - (np.arange(self.height)[:, None] + 0.5) * 2 / self.height, np.float32)

    @explained
    def pixels(self, x: Array, y: Array) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Return the rows and columns of points at x, y, of the same shape. Points outside are moved to the border."""
        rows = np.clip(np.floor(self.height / 2 * (1 - y)), 0, self.height - 1)
        columns = np.clip(np.floor(self.width / 2 * (1 + x)), 0, self.width - 1)
        return rows.astype(np.int16), columns.astype(np.int16)

    def bars(self, frames: Array, center: Array, angle: Array, color: Array, *, length: float, width: float) -> None:
        """Draw a bar with round ends and smooth edges on one frame of each trial.

        Args:
            frames: (n, height, width, 3) floats, changed in place.
            center: (n, 2) positions.
            angle: (n,) radians from the right, counter-clockwise.
            color: (n, 3) red, green and blue, each from 0 to 1.
            length: Distance from the center to an end, in units of half the screen.
            width: Width in pixels.
        """
        half = np.array([self.width / 2, self.height / 2])
        middle = half + half * center * [1, -1]  # in pixels, rows downwards
        arm = length * half * np.stack([np.cos(angle), -np.sin(angle)], axis=1)
        middle, arm = (v.astype(np.float32)[..., None, None] for v in (middle, arm))
        x = np.arange(self.width, dtype=np.float32) + np.float32(0.5) - middle[:, 0]
        y = np.arange(self.height, dtype=np.float32)[:, None] + np.float32(0.5) - middle[:, 1]
        squared = np.maximum((arm**2).sum(axis=1), np.float32(1e-12))
        along = np.clip((x * arm[:, 0] + y * arm[:, 1]) / squared, -1, 1)
        distance = np.hypot(x - along * arm[:, 0], y - along * arm[:, 1])
        cover = np.clip((width + 1) / 2 - distance, 0, 1)[..., None]  # the edge is one pixel wide
        frames += cover * (np.asarray(color * WHITE, np.float32)[:, None, None] - frames)


@dataclass(frozen=True)
class MovingDots:
    """A random dot kinematogram: dots in a disc, of which a share moves coherently, the others each in its own direction.

    At the end of its lifetime, or when it leaves the disc, a dot continues at a random position in the disc.

    Attributes:
        number: Number of dots.
        radius: Radius of the disc, in units of half the screen.
        speed: Displacement of a dot per frame, in units of half the screen.
        life: Lifetime of a dot, in frames.

    Example:
        >>> dots = MovingDots(number=20)
        >>> x, y = dots.film(np.zeros(2), np.array([0.5, 1.0]), *dots.draw(Draws(0), 30, 2))
        >>> x.shape
        (2, 30, 20)
    """

    number: int = 30
    radius: float = 0.5
    speed: float = 0.05
    life: int = 10

    @explained
    def draw(self, draws: Draws, frames: ArrayLike, n: int) -> tuple[Array, Array]:
        """Draw the random numbers for the dots of n trials. Each trial uses as many as its own film needs.

        Args:
            draws: The random streams.
            frames: Length of the films in frames, one number or (n,).
            n: Number of trials.

        Returns:
            Uniform numbers: `begin` (n, dots, 4) for position, lifetime and direction of each dot at first, and
            `again` (n, longest film + 1, dots, 2) for the position at which it would continue after each frame.
        """
        updates = np.broadcast_to(np.asarray(frames) + 1, n)
        begin = draws.stream("dots/begin").random((n, self.number, 4), np.float32)
        again = draws.stream("dots/again").random((int(updates.sum()), self.number, 2), np.float32)
        if updates.min() == (longest := int(updates.max())):
            return begin, again.reshape(n, longest, self.number, 2)
        padded = np.zeros((n, longest, self.number, 2), np.float32)
        padded[np.arange(longest) < updates[:, None]] = again
        return begin, padded

    def film(self, direction: Array, coherence: Array, begin: Array, again: Array) -> tuple[Array, Array]:
        """Return the positions of the dots in each frame.

        The loop over frames is needed: a position depends on the last one, and on whether the dot left the disc.

        Args:
            direction: (n,) radians from the right, counter-clockwise.
            coherence: (n,) share of the dots that move in this direction.
            begin: See `draw`.
            again: See `draw`.

        Returns:
            x and y, (n, frames, dots) each.
        """
        coherent = np.arange(self.number) < np.round(self.number * coherence)[:, None]
        angle = np.where(coherent, direction[:, None], 2 * np.pi * begin[..., 3])
        step = (self.speed * np.exp(1j * angle)).astype(np.complex64)
        position = self._positions(begin)
        restarts = self._positions(again)
        ends = np.ceil(self.life * begin[..., 2]) % self.life  # the lives of a dot end in frames with this remainder
        film = np.empty(restarts.shape, np.complex64)
        for k in range(restarts.shape[1]):
            position = position + step
            gone = (np.abs(position) > self.radius) | (ends == (k + 1) % self.life)
            film[:, k] = position = np.where(gone, restarts[:, k], position)
        return film.real[:, 1:], film.imag[:, 1:]  # the dots have moved twice before the first frame is shown

    def _positions(self, u: Array) -> NDArray[np.complex64]:
        """Convert pairs of uniform numbers (..., 2 or more) to positions in the disc, x + iy."""
        radius, angle = np.float32(self.radius) * np.sqrt(u[..., 0]), np.float32(2 * np.pi) * u[..., 1]
        return np.asarray(radius * np.cos(angle) + 1j * (radius * np.sin(angle)), np.complex64)


def plaid(screen: Screen, shift: Array, contrast: Array, diameter: Array, *, cycles: float) -> NDArray[np.uint8]:
    """Draw plaids: two drifting gratings superimposed in a disc with a smooth edge.

    The gratings are oriented at 45 and 135 degrees (clockwise). The second one is drawn over the first, half transparent.

    Args:
        screen: The screen.
        shift: (k, frames, 2). Phase of each grating, in cycles.
        contrast: (k, frames). Contrast from 0 to 1.
        diameter: (k,). Diameter of the disc, in units of half the screen.
        cycles: Number of cycles over the diameter.

    Returns:
        (k, frames, height, width, 3) frames.
    """
    reach = diameter.max() / 2
    columns, rows = (np.nonzero(np.abs(v.ravel()) <= reach)[0] for v in (screen.x, screen.y))
    frames = np.full((*contrast.shape, screen.height, screen.width, 3), GREY, np.uint8)
    if not (len(rows) and len(columns)):
        return frames
    # Only the rows and columns that the largest disc reaches are computed.
    reached = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    size = diameter[:, None, None].astype(np.float32)
    x, y = screen.x[reached[1]] / size, screen.y[reached[0]] / size
    edge = np.clip((2 * np.hypot(x, y) - 0.8) / 0.2, 0, 1)  # 0 where the edge begins, 1 where the disc ends
    mask = ((1 + np.cos(np.pi * edge)) / 2).astype(np.float32)[:, None]
    gratings = []
    for orientation, drift in zip(np.deg2rad([45, 135]), np.moveaxis(2 * np.pi * shift, -1, 0), strict=True):
        phase = 2 * np.pi * cycles * (x * np.cos(orientation) - y * np.sin(orientation))[:, None]
        # cos(phase - drift), with one cosine and one sine per pixel instead of one per pixel and frame
        cosine, sine = (f(drift).astype(np.float32)[..., None, None] for f in (np.cos, np.sin))
        gratings.append(np.cos(phase).astype(np.float32) * cosine + np.sin(phase).astype(np.float32) * sine)
    levels = (1 - mask / 2) * gratings[0] + gratings[1] / 2
    levels *= WHITE / 2 * mask * contrast[..., None, None].astype(np.float32)
    levels += np.float32(WHITE / 2)
    frames[:, :, reached[0], reached[1]] = np.rint(levels, out=levels)[..., None].astype(np.uint8)
    return frames


def set_pixels(trials: Trials, rows: Array, columns: Array, value: ArrayLike, period: str) -> None:
    """Set single pixels of the images that trials show, other ones at each step of a period.

    Args:
        trials: n trials with observations (height, width, channels).
        rows: Integers (n, k, m): m pixels at each of the first k steps of the period; those after its end are left out.
        columns: Likewise.
        value: A number, or one for each channel.
        period: A period.
    """
    start, stop = (np.reshape(edge, (-1, 1)) for edge in trials.span(period))
    inside = start + np.arange(rows.shape[1]) < stop
    trial, step = np.nonzero(np.broadcast_to(inside, rows.shape[:2]))
    at = step + np.broadcast_to(start, (trials.n, 1))[trial, 0]
    trials.ob[trial[:, None], at[:, None], rows[trial, step], columns[trial, step]] = value
