"""The side of braintools in the data benchmark, run by a Python that has braintools and JAX.

It reads a JSON request from each line and answers with one: ``{"compile": batch_size}`` with the seconds until the first
batch of compiled code, ``{"seconds_of": batch_size, "batches": n}`` with those of n batches.
"""

from __future__ import annotations

import time
from typing import Any

import brainstate
import brainunit
import jax
from braintools.cogtask import PerceptualDecisionMaking
from other_python import serve

kept: dict[int, Any] = {}


def compiled(batch_size: int) -> float:
    """Make code for batches of a size; give the seconds it takes."""
    start = time.perf_counter()
    brainstate.environ.set(dt=100 * brainunit.ms)
    task = PerceptualDecisionMaking(pop_per_choice=1, seed=0)  # three channels, as ours
    kept[batch_size] = jax.jit(lambda first: task.batch_sample(batch_size, start_index=first))
    jax.block_until_ready(kept[batch_size](0))
    return time.perf_counter() - start


def seconds(batch_size: int, batches: int) -> float:
    """Seconds of some batches of whole trials, (22, batch_size, 3)."""
    start = time.perf_counter()
    for k in range(batches):
        jax.block_until_ready(kept[batch_size](k * batch_size))
    return time.perf_counter() - start


if __name__ == "__main__":
    serve({"compile": compiled, "seconds_of": seconds})
