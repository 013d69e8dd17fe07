"""Memory that is used again and again, instead of being given back and asked for anew."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

__all__ = ["raise_mmap_threshold"]

LARGEST = 31 * 2**20
"""The C library of Linux learns from pieces of less than 32 MiB only."""


@lru_cache(maxsize=1)
def raise_mmap_threshold() -> None:
    """Have the C library keep what arrays of some megabytes leave behind.

    It gives freed pieces back to the system if they are larger than any that was freed before, and the system clears
    the memory that it hands out; work on arrays that are made and freed all the time then takes up to twice as long.
    A large piece that is freed untouched costs nothing and teaches it better.
    """
    np.empty(LARGEST, np.uint8)
