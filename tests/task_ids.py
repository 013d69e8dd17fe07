"""Ids of tasks for tests that go through many of them."""

from __future__ import annotations

import ngym_core as ngym

EVERY_ID = ngym.all_envs(collections=True)
# The 82 tasks of Mod-Cog are three families of tasks with two modifiers each: one of each kind stands for the others here.
# All of them are in tests/core/tasks, and wherever a test takes EVERY_ID.
OF_MODCOG = ("dlyantiintl", "dm1seqr", "ctxdlydm2intr", "dmsintr", "dnmcseql", "rtgoseqr", "go", "dmc")
IDS = [id_ for id_ in EVERY_ID if not id_.startswith("modcog.") or id_ in {f"modcog.{name}-v0" for name in OF_MODCOG}]
