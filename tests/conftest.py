"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("ngym", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("ngym")
