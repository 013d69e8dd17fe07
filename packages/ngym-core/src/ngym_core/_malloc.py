"""Memory allocation: has the C library of Linux keep freed arrays of some megabytes."""

from __future__ import annotations

import numpy as np

__all__ = ["raise_mmap_threshold"]

LARGEST_BYTES = 31 * 2**20
"""glibc raises its threshold for pieces of less than 32 MiB only."""


def raise_mmap_threshold() -> None:
    """Raise the size from which glibc returns freed memory to the system at once.

    By default that is 128 KiB, and the system clears what it hands out anew: making trials, where arrays of some
    megabytes are made and freed all the time, then takes a third to a half longer. glibc sets the threshold to the size
    of any larger piece that is freed; one that was never written costs nothing. Elsewhere this has no effect.
    """
    np.empty(LARGEST_BYTES, np.uint8)
