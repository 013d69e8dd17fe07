from __future__ import annotations

import pytest

from .running import figure, run_example
from .tasks import EVERY_ID

pytest.importorskip("torchrl")

import numpy as np
import torch
from torchrl.data import Composite, Unbounded
from torchrl.envs import GymEnv, GymWrapper, check_env_specs, default_info_dict_reader
from torchrl.envs.gym_like import BaseInfoDictReader

import ngym_core as ngym

SCALARS = {"new_trial": torch.bool, "performance": torch.float64}


class ConditionReader(BaseInfoDictReader):
    """Reads the conditions of the present trial, as far as they are numbers."""

    def __init__(self, trial):
        specs = {name: Unbounded(t.shape, dtype=t.dtype) for name, t in self.numbers(trial).items()}
        self._spec = Composite(trial=Composite(specs))

    def numbers(self, trial):
        arrays = {name: np.asarray(value) for name, value in trial.items()}
        return {name: torch.as_tensor(array) for name, array in arrays.items() if array.dtype.kind in "bif"}

    @property
    def info_spec(self):
        return self._spec

    def __call__(self, info, tensordict):
        return tensordict.update({"trial": self.numbers(info["trial"])})


def test_torchrl_example_reaches_its_performance(example):
    assert figure(example("torchrl"), r"performance (\S+) after") >= 0.8


def test_torchrl_example_of_an_unknown_task_is_an_error_in_words_and_leaves_nothing_running():
    result = run_example("torchrl", "ngym_core:PerceptualDecisionMakin-v0", seconds=60)
    assert result.code != 0
    assert "Did you mean: `PerceptualDecisionMaking`?" in result.printed
    assert not result.left


@pytest.mark.parametrize("id_", EVERY_ID)
def test_gym_env_passes_check_env_specs(id_):
    check_env_specs(GymEnv(f"ngym_core:{id_}"))


@pytest.mark.parametrize("id_", EVERY_ID)
def test_readers_take_the_scalars_and_the_conditions(id_):
    env = GymEnv(f"ngym_core:{id_}")
    env.set_info_dict_reader(default_info_dict_reader([*SCALARS], [Unbounded((), dtype=kind) for kind in SCALARS.values()]))
    env.set_info_dict_reader(ConditionReader(ngym.make(id_).reset(seed=0)[1]["trial"]))
    check_env_specs(env)
    steps = env.rollout(20, break_when_any_done=False)
    assert steps["next", "performance"].dtype == torch.float64
    assert steps["next", "new_trial"].dtype == torch.bool


@pytest.mark.parametrize("id_", EVERY_ID)
def test_lanes_pass_check_env_specs(id_):
    check_env_specs(GymWrapper(ngym.make_vec(id_, 3, autoreset_mode="Disabled", num_trials_before_reset=1)))


def test_lanes_in_the_wrong_mode_and_misspelled_parameters_are_errors_in_words():
    with pytest.raises(RuntimeError, match="auto-reset mode must be one of SAME_STEP or DISABLED"):
        GymWrapper(ngym.make_vec("PerceptualDecisionMaking-v0", 3))
    with pytest.raises(TypeError, match="Did you mean 'sigma'"):
        GymEnv("ngym_core:PerceptualDecisionMaking-v0", sigmaa=2)
