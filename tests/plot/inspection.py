"""Read from a figure what it shows."""

from __future__ import annotations


def panels(figure):
    """Label of each panel -> its axes."""
    return {ax.get_ylabel(): ax for ax in figure.axes if ax.get_ylabel()}


def period_names(ax):
    """The names of periods above a panel."""
    return [label.get_text() for label in ax.child_axes[-1].get_xticklabels()]
