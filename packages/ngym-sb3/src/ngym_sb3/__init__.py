"""Training and evaluation of Stable-Baselines3 agents on cognitive tasks; torch is loaded on first use of a public name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngym_core.lazy import attach

if TYPE_CHECKING:
    from ngym_sb3.activity import Activity, record_activity
    from ngym_sb3.callbacks import EvaluationCallback, TrialCallback
    from ngym_sb3.cells import CTRNN, GRU, RNN, DaleCTRNN
    from ngym_sb3.config import TrainingConfig, load_model
    from ngym_sb3.evaluation import evaluate_policy
    from ngym_sb3.policies import CnnRnnPolicy, MlpRnnPolicy, MultiInputRnnPolicy
    from ngym_sb3.recurrent_ppo import RecurrentPPO
    from ngym_sb3.training import EvaluationReport, Trainer
    from ngym_sb3.vec_env import NgymVecEnv, make_sb3_env

__version__ = "0.1.0"

__all__ = [
    "CTRNN",
    "GRU",
    "RNN",
    "Activity",
    "CnnRnnPolicy",
    "DaleCTRNN",
    "EvaluationCallback",
    "EvaluationReport",
    "MlpRnnPolicy",
    "MultiInputRnnPolicy",
    "NgymVecEnv",
    "RecurrentPPO",
    "Trainer",
    "TrainingConfig",
    "TrialCallback",
    "__version__",
    "evaluate_policy",
    "load_model",
    "make_sb3_env",
    "record_activity",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        ".activity": ["Activity", "record_activity"],
        ".config": ["TrainingConfig", "load_model"],
        ".callbacks": ["EvaluationCallback", "TrialCallback"],
        ".cells": ["CTRNN", "GRU", "RNN", "DaleCTRNN"],
        ".vec_env": ["NgymVecEnv", "make_sb3_env"],
        ".evaluation": ["evaluate_policy"],
        ".policies": ["CnnRnnPolicy", "MlpRnnPolicy", "MultiInputRnnPolicy"],
        ".recurrent_ppo": ["RecurrentPPO"],
        ".training": ["EvaluationReport", "Trainer"],
    },
)
