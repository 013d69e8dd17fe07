"""Frames: a trial as it was played so far, as an image of a fixed size, for films of agents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import gymnasium
import matplotlib
import numpy as np
from matplotlib import colormaps
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ngym_core.arguments import InstanceOf, checked
from ngym_core.rendering import PlayedTrial
from ngym_core.spaces import names_of
from ngym_plot.figure import group_colors, palette_color
from ngym_plot.panels import action_ticks, channel_names, to_uint8
from ngym_plot.rollout import task_name
from ngym_plot.trial import describe_conditions

__all__ = ["HEIGHT", "WIDTH", "draw_frame"]

Array: TypeAlias = NDArray[Any]
GivenTrial: TypeAlias = Annotated[PlayedTrial, InstanceOf(PlayedTrial, "a PlayedTrial of ngym_core.rendering")]
"""A trial to draw."""
GivenEnv: TypeAlias = Annotated[Any, InstanceOf(gymnasium.Env, "a task, or a wrapper around one")]
"""The env in which it was played."""
Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""

WIDTH, HEIGHT = 640, 480
"""Size of a frame in pixels; video codecs want multiples of 16."""
SCALE = 2
"""Frames are drawn this many times as large and then reduced, so that lines and letters are smooth."""
LEFT, RIGHT = 96, 516
"""Edges of the panels in pixels; names of channels and actions are written on their left, of lines on their right."""
OBSERVATIONS, ACTIONS, REWARDS = (76, 254), (274, 364), (384, 434)
"""Top and bottom of each panel in pixels."""
MAX_LINES = 8
"""Observations of more channels are drawn as an image, one row for each channel."""
MAX_VALUE = 1e100
"""Greater values are drawn at the edge of a panel, as infinite ones are."""
CHARACTERS = 92
"""Characters of the line with the conditions, at most."""
LABEL_PIXELS = 11
"""Size of most letters."""
INK, FAINT, GRID = "#222222", "#777777", "#bbbbbb"
SHADES = "#f4f4f4", "#e6e6e6"
"""Backgrounds of periods, alternately."""


@checked
def draw_frame(trial: GivenTrial, env: GivenEnv) -> NDArray[np.uint8]:
    """Draw a trial as it was played so far: what was seen, done and right, and earned, over the periods of the trial.

    Args:
        trial: The trial.
        env: The task with its wrappers.

    Returns:
        (480, 640, 3) uint8.

    Example:
        >>> import ngym_core as ngym
        >>> from ngym_plot.frames import draw_frame
        >>> env = ngym.make("PerceptualDecisionMaking-v0", render_mode="rgb_array")
        >>> _ = env.reset(seed=0)
        >>> env.render().shape
        (480, 640, 3)
    """
    canvas = _Canvas.blank()
    dt = float(env.unwrapped.dt)
    time = _TimeAxis(trial, dt)
    _draw_header(canvas, trial, env, time)
    _draw_periods(canvas, trial, time)
    _draw_observations(canvas, trial, env, time)
    _draw_actions(canvas, trial, env.action_space, time)
    _draw_rewards(canvas, trial, time)
    _draw_time(canvas, trial, time)
    return canvas.pixels()


# ---- drawing in pixels of the frame ---------------------------------------------------------------


@dataclass
class _Canvas:
    """An image that is drawn on in pixels of the frame, with fractions."""

    image: Image.Image
    draw: ImageDraw.ImageDraw

    @classmethod
    def blank(cls) -> _Canvas:
        image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), "white")
        return cls(image, ImageDraw.Draw(image))

    def pixels(self) -> NDArray[np.uint8]:
        """Return the frame, (HEIGHT, WIDTH, 3)."""
        return np.array(self.image.reduce(SCALE))

    def text(
        self, x: float, y: float, text: str, anchor: str, color: str = INK, size: int = LABEL_PIXELS, bold: bool = False
    ) -> None:
        """Write a text; the anchor is one of Pillow's, such as ``lm``: the point is left of it and in the middle."""
        letters, left, top = _letters(text, size * SCALE, bold, anchor)
        self.image.paste(color, (round(x * SCALE) + left, round(y * SCALE) + top), letters)

    def line(self, x: Array, y: Array, color: str, width: float = 1.0) -> None:
        """Draw a line through points; it is interrupted where a value is missing."""
        known = np.isfinite(x) & np.isfinite(y)
        points = np.column_stack([x, y]) * SCALE
        for part in np.split(points, np.nonzero(np.diff(known.astype(int)))[0] + 1):
            if len(part) > 1 and np.isfinite(part[0]).all():
                self.draw.line(part.ravel().tolist(), color, max(1, round(width * SCALE)))

    def rectangle(self, box: Box, color: str) -> None:
        """Fill a rectangle."""
        self.draw.rectangle([round(edge * SCALE) for edge in box], color)

    def dots(self, x: Array, y: Array, color: str, radius: float) -> None:
        """Draw dots."""
        r = radius * SCALE
        for a, b in zip((x * SCALE).tolist(), (y * SCALE).tolist(), strict=True):
            if np.isfinite(a) and np.isfinite(b):
                self.draw.ellipse((a - r, b - r, a + r, b + r), color)

    def paste(self, pixels: Array, box: Box) -> None:
        """Draw (h, w) or (h, w, 3) bytes into a rectangle."""
        left, top, right, bottom = (round(edge * SCALE) for edge in box)
        size = max(1, right - left), max(1, bottom - top)
        self.image.paste(Image.fromarray(pixels).convert("RGB").resize(size, Image.Resampling.NEAREST), (left, top))


@cache
def _font(pixels: int, bold: bool) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name
    return ImageFont.truetype(str(path), pixels)  # Pillow 10 takes no path objects


@lru_cache(maxsize=1024)
def _letters(text: str, pixels: int, bold: bool, anchor: str) -> tuple[Image.Image, int, int]:
    """Return a text as a mask, and where its left upper corner lies from the anchor: most texts stay from frame to frame."""
    font = _font(pixels, bold)
    left, top, right, bottom = font.getbbox(text, anchor=anchor)
    mask = Image.new("L", (max(1, round(right - left)), max(1, round(bottom - top))))
    ImageDraw.Draw(mask).text((-left, -top), text, 255, font, anchor)
    return mask, round(left), round(top)


class _TimeAxis:
    """The common x axis: from the trial's first step to the end of its last period."""

    def __init__(self, trial: PlayedTrial, dt: float) -> None:
        self.dt = dt
        self.steps = max(trial.steps, 1)
        self.first = trial.first_step

    def x(self, step: Any) -> Any:
        """Return the position at which a step begins, in pixels."""
        return LEFT + np.asarray(step, float) * (RIGHT - LEFT) / self.steps

    def staircase(self, values: Array) -> tuple[Array, Array]:
        """Return the line that holds each of (m,) values, from the record's first step on, for its whole step."""
        edges = self.x(self.first + np.arange(len(values) + 1))
        return np.repeat(edges, 2)[1:-1], np.repeat(values, 2)

    def centers(self, n: int) -> Array:
        """Return the centres of n steps, from the record's first on."""
        return np.asarray(self.x(self.first + np.arange(n) + 0.5))


class _ValueAxis:
    """The y axis of a panel.

    Args:
        top: Its upper edge in pixels.
        bottom: Its lower edge in pixels.
        low: The least value.
        high: The greatest value.
    """

    def __init__(self, top: float, bottom: float, low: float, high: float) -> None:
        self.top, self.bottom, self.low, self.high = top, bottom, low, high

    @classmethod
    def around(cls, panel: tuple[int, int], values: Array, *always: float) -> _ValueAxis:
        """Return an axis that holds values and some others, with round ends: it seldom changes during a trial."""
        known = np.asarray(values, float).ravel()
        known = np.append(np.clip(known[np.isfinite(known)], -MAX_VALUE, MAX_VALUE), always)
        low, high = float(known.min()), float(known.max())
        ticks = MaxNLocator(nbins=4, steps=[1, 2, 5, 10]).tick_values(low, high if high > low else low + 1)
        margin = 0.04 * (ticks[-1] - ticks[0])
        return cls(*panel, float(ticks[0]) - margin, float(ticks[-1]) + margin)

    def y(self, value: Any) -> Any:
        """Return the position of a value in pixels; infinite ones are at the edge."""
        share = (np.asarray(value, float) - self.low) / (self.high - self.low)
        return self.bottom - np.clip(share, -0.02, 1.02) * (self.bottom - self.top)

    def draw(self, canvas: _Canvas, label: str, names: Mapping[float, str] | None = None) -> None:
        """Draw the axis with a few ticks, or with names at some values."""
        if names is None:
            ticks = MaxNLocator(nbins=4, steps=[1, 2, 5, 10]).tick_values(self.low, self.high)
            names = {float(tick): f"{tick:.4g}" for tick in ticks if self.low <= tick <= self.high}
        canvas.line(np.array([LEFT, LEFT]), np.array([self.top, self.bottom]), INK)
        for value, name in names.items():
            y = float(self.y(value))
            canvas.line(np.array([LEFT - 4, LEFT]), np.array([y, y]), INK)
            canvas.text(LEFT - 7, y, _shortened(name, 12), "rm", size=LABEL_PIXELS)
        canvas.text(4, self.top - 9, label, "lm", FAINT)


def _shortened(text: str, characters: int) -> str:
    """Return a text without its middle, if it is too long: names of groups often differ in their ends."""
    tail = (characters - 1) // 2
    return text if len(text) <= characters else f"{text[: characters - 1 - tail]}…{text[-tail:]}"


# ---- the parts of a frame -------------------------------------------------------------------------


def _draw_header(canvas: _Canvas, trial: PlayedTrial, env: Any, time: _TimeAxis) -> None:
    """Write the task, the conditions, the number of the trial, and the time or how the trial ended."""
    canvas.text(8, 16, _shortened(task_name(env, [trial.conditions]), 40), "lm", size=15, bold=True)
    now = (trial.first_step + len(trial.actions)) * time.dt
    if trial.performance is None:
        state, color = f"{now:g} ms", INK
    else:
        state = f"ended: performance {trial.performance:.3g}"
        color = palette_color(2) if trial.performance > 0 else palette_color(1)
    canvas.text(WIDTH - 8, 16, state, "rm", color, size=13, bold=True)
    canvas.text(WIDTH - 8, 36, f"trial {trial.number}", "rm", FAINT)
    canvas.text(8, 36, describe_conditions(dict(trial.conditions), CHARACTERS), "lm", FAINT)


def _draw_periods(canvas: _Canvas, trial: PlayedTrial, time: _TimeAxis) -> None:
    """Shade the periods, and write their names above, as far as there is room; that of the present one in black."""
    shown = sorted((start, end, name) for name, (start, end) in trial.periods.items() if start < end)
    now = trial.first_step + len(trial.ob) - 1
    free = -np.inf
    for i, (start, end, name) in enumerate(shown):
        present = start <= now < end and not trial.ended
        last = float(time.x(end))
        end = min([end, *(later for later, _, _ in shown if later > start)])  # periods may overlap
        for top, bottom in (OBSERVATIONS, ACTIONS, REWARDS):
            canvas.rectangle((float(time.x(start)), top, float(time.x(end)), bottom), SHADES[i % 2])
        font = _font(10 * SCALE, present)
        width = font.getlength(name) / SCALE
        left = float(np.clip((time.x(start) + time.x(end)) / 2 - width / 2, LEFT, WIDTH - 8 - width))
        left = max(left, min(free, last))  # beside the name before it, if it begins above its period
        if left >= free:
            canvas.text(left, OBSERVATIONS[0] - 7, name, "lm", INK if present else FAINT, 10, bold=present)
            free = left + width + 6


def _draw_observations(canvas: _Canvas, trial: PlayedTrial, env: Any, time: _TimeAxis) -> None:
    """Draw what was seen: lines of few channels, an image of many, or the present picture."""
    ob, space = trial.ob, env.observation_space
    if ob.ndim > 2:
        _draw_picture(canvas, ob, space)
    elif ob.ndim == 2 and ob.shape[1] > MAX_LINES:
        _draw_heat_map(canvas, _columns(ob), space, time)
    else:
        values = _columns(ob)
        axis = _ValueAxis.around(OBSERVATIONS, values, 0.0, 1.0)
        axis.draw(canvas, "observation")
        names = channel_names(space, values.shape[1])
        for k, (name, color) in enumerate(zip(names, group_colors(len(names)), strict=True)):
            x, y = time.staircase(values[:, k])
            canvas.line(x, axis.y(y), color, 1.6)
            _draw_key(canvas, OBSERVATIONS[0] + 10 + 18 * k, name, color)


def _draw_key(canvas: _Canvas, y: float, name: str, color: str, width: float = 2.0) -> None:
    """Draw an entry of the legend on the right."""
    canvas.line(np.array([RIGHT + 8, RIGHT + 24]), np.array([y, y]), color, width)
    canvas.text(RIGHT + 29, y, _shortened(name, 14), "lm")


def _draw_heat_map(canvas: _Canvas, ob: Array, space: Any, time: _TimeAxis) -> None:
    """Draw (m, k) values as an image, the first channel at the bottom, with the names of groups of channels."""
    top, bottom = OBSERVATIONS
    k = ob.shape[1]
    known = np.clip(ob[np.isfinite(ob)], -MAX_VALUE, MAX_VALUE)
    low, high = min(0.0, float(known.min(initial=0))), max(1.0, float(known.max(initial=1)))
    colors = (colormaps["viridis"](np.linspace(0, 1, 256))[:, :3] * 255).round().astype(np.uint8)
    levels = np.clip(np.nan_to_num((ob - low) / (high - low) * 255), 0, 255).astype(np.uint8)
    canvas.paste(colors[levels.T[::-1]], (float(time.x(time.first)), top, float(time.x(time.first + len(ob))), bottom))
    axis = _ValueAxis(top, bottom, -0.5, k - 0.5)
    names: dict[float, str] = {}
    for row, name in sorted((float(np.mean(index)), name) for name, index in names_of(space).items()):
        if row < k and (not names or (row - max(names)) * (bottom - top) / k >= LABEL_PIXELS + 1):
            names[row] = name
    axis.draw(canvas, "observation", names or None)
    scale = (RIGHT + 12, top + 10, RIGHT + 22, bottom - 10)
    canvas.paste(colors[::-1, None].repeat(2, axis=1), scale)
    canvas.text(RIGHT + 28, scale[1], f"{high:.3g}", "lm")
    canvas.text(RIGHT + 28, scale[3], f"{low:.3g}", "lm")


def _draw_picture(canvas: _Canvas, ob: Array, space: Any) -> None:
    """Draw the last of (m, h, w) or (m, h, w, c) pictures, as large as fits."""
    top, bottom = OBSERVATIONS
    present = to_uint8(np.nan_to_num(ob), space)[-1]
    if present.ndim == 3 and present.shape[-1] != 3:
        present = present.mean(axis=-1).astype(np.uint8)
    height, width = present.shape[:2]
    factor = min((bottom - top) / height, (RIGHT - LEFT) / width)
    middle = (LEFT + RIGHT) / 2
    canvas.rectangle((LEFT, top, RIGHT, bottom), "white")
    box = middle - factor * width / 2, top, middle + factor * width / 2, top + factor * height
    canvas.paste(present, box)
    left, upper, right, lower = box
    canvas.line(np.array([left, right, right, left, left]), np.array([upper, upper, lower, lower, upper]), GRID)
    canvas.text(4, top - 9, "observation", "lm", FAINT)
    canvas.text(right + 8, top + 8, "now", "lm", FAINT)


def _draw_actions(canvas: _Canvas, trial: PlayedTrial, space: Any, time: _TimeAxis) -> None:
    """Draw actions (s,) or (s, k), with the ground truth behind them."""
    actions, gt = _columns(trial.actions), _columns(trial.gt)
    names = action_ticks(space) if getattr(space, "n", None) is not None else {}
    if names:
        low, high = int(space.start), int(space.start + space.n) - 1
        axis = _ValueAxis(*ACTIONS, low - 0.5, high + 0.5)
    elif getattr(space, "n", None) is not None:
        axis = _ValueAxis.around(ACTIONS, np.array([space.start, space.start + space.n - 1]))
    else:
        axis = _ValueAxis.around(ACTIONS, np.concatenate([actions.ravel(), gt.ravel()]), 0.0, 1.0)
    axis.draw(canvas, "action", {float(action): name for action, name in names.items()} or None)
    several, colors = actions.shape[1] > 1, group_colors(max(actions.shape[1], gt.shape[1]))
    for k in range(gt.shape[1]):
        x, y = time.staircase(gt[:, k])
        canvas.line(x, axis.y(y), _pale(colors[k]) if several else GRID, 5)
    for k in range(actions.shape[1]):
        x, y = time.staircase(actions[:, k])
        canvas.line(x, axis.y(y), colors[k], 1.2)
        canvas.dots(time.centers(len(actions)), axis.y(actions[:, k]), colors[k], 2.2)
    _draw_key(canvas, ACTIONS[0] + 10, "ground truth", GRID, 5)
    _draw_key(canvas, ACTIONS[0] + 28, "action", palette_color(0))


def _columns(values: Array) -> Array:
    """Return (s, ...) values as (s, k)."""
    return np.asarray(values, float).reshape(len(values), -1) if len(values) else np.zeros((0, 1))


def _pale(color: str) -> str:
    """Return a lighter tone of a colour such as ``#0072b2``."""
    return "#" + "".join(f"{(int(color[i : i + 2], 16) + 2 * 255) // 3:02x}" for i in (1, 3, 5))


def _draw_rewards(canvas: _Canvas, trial: PlayedTrial, time: _TimeAxis) -> None:
    """Draw rewards (s,) as stems."""
    axis = _ValueAxis.around(REWARDS, trial.rewards, 0.0, 1.0)
    axis.draw(
        canvas, "reward", {value: f"{value:g}" for value in (0.0, 1.0)} if axis.low > -0.5 and axis.high < 1.5 else None
    )
    zero = float(axis.y(0))
    canvas.line(np.array([LEFT, RIGHT]), np.array([zero, zero]), GRID)
    centers = time.centers(len(trial.rewards))
    for i in np.nonzero(trial.rewards)[0].tolist():
        end = float(axis.y(trial.rewards[i]))
        canvas.line(centers[[i, i]], np.array([zero, end]), palette_color(1), 2)
        canvas.dots(centers[[i]], np.array([end]), palette_color(1), 3.5)
    canvas.text(RIGHT + 8, REWARDS[0] + 10, f"sum {trial.rewards.sum():.3g}", "lm")


def _draw_time(canvas: _Canvas, trial: PlayedTrial, time: _TimeAxis) -> None:
    """Draw the time axis, and a line at the present."""
    bottom = REWARDS[1]
    canvas.line(np.array([LEFT, RIGHT]), np.array([bottom, bottom]), INK)
    for tick in MaxNLocator(nbins=6, integer=True, steps=[1, 2, 2.5, 5, 10]).tick_values(0, time.steps * time.dt):
        if 0 <= tick <= time.steps * time.dt:
            x = float(time.x(tick / time.dt))
            canvas.line(np.array([x, x]), np.array([bottom, bottom + 4]), INK)
            canvas.text(x, bottom + 13, f"{tick:g}", "mm")
    canvas.text((LEFT + RIGHT) / 2, bottom + 31, "time in the trial (ms)", "mm", FAINT)
    now = float(time.x(trial.first_step + len(trial.actions)))
    for top, low in (OBSERVATIONS, ACTIONS, REWARDS)[trial.ob.ndim > 2 :]:  # a picture has no time axis
        canvas.line(np.array([now, now]), np.array([top, low]), INK, 0.5)
