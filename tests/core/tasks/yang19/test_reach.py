from __future__ import annotations

import ngym_core as ngym


def test_dlygo_timing_keeps_the_other_periods():
    assert ngym.make("yang19.dlygo-v0", timing={"stimulus": 300}).timing["delay"] == 500
