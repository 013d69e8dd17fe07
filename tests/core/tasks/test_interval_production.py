from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym


def test_ready_set_go_rewards_its_ground_truth_most():
    for dt, gain in ((80, 1), (20, 1.3), (50, 0.7), (40, 2.3)):
        env = ngym.make("ReadySetGo", dt=dt, gain=gain)
        for seed in range(5):
            env.reset(seed=seed)
            paid = []
            for go in range(env.start_ind["production"], len(env.gt)):
                env.reset(seed=seed)
                for _ in range(go):
                    env.step(0)
                paid.append((env.step(1)[1], go))
            best = max(paid)[0]
            env.reset(seed=seed)
            truth = int(np.argmax(env.gt))
            assert {go: reward for reward, go in paid}[truth] == best
    assert ngym.make("ReadySetGo").sample_trials(2, seed=0, measure=1200).conditions["production"].tolist() == [1200, 1200]
    for wrong in ({"gain": 0}, {"prod_margin": -1}, {"gain": np.nan}):
        with pytest.raises(ValueError, match="must be a finite number above 0"):
            ngym.make("ReadySetGo", **wrong)
