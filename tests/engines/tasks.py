"""The tasks that each engine is tried with."""

from __future__ import annotations

import ngym_core as ngym

EVERY_ID = ngym.all_envs(psychopy=True, contrib=True, collections=True)
