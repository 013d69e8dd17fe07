"""What the tests of ngym-sb3 share."""

from __future__ import annotations

import torch

# For networks this small, threads that wait for each other take most of the time when tests run side by side.
torch.set_num_threads(1)
