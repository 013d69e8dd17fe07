"""Train and evaluate Stable-Baselines3 agents on cognitive tasks. torch is loaded when it is first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngym_core.lazy import attach

if TYPE_CHECKING:
    from ngym_sb3.activity import Activity, record_activity
    from ngym_sb3.agents import Recipe, load_model
    from ngym_sb3.callbacks import EvaluationCallback, TrialCallback
    from ngym_sb3.cells import CTRNN, GRU, RNN, DaleCTRNN
    from ngym_sb3.envs import NgymVecEnv, make_sb3_env
    from ngym_sb3.evaluation import evaluate_policy
    from ngym_sb3.policies import CnnRnnPolicy, MlpRnnPolicy, MultiInputRnnPolicy
    from ngym_sb3.training import Report, Run

__version__ = "0.1.0"

__all__ = [
    "CTRNN",
    "GRU",
    "RNN",
    "Activity",
    "CnnRnnPolicy",
    "DaleCTRNN",
    "EvaluationCallback",
    "MlpRnnPolicy",
    "MultiInputRnnPolicy",
    "NgymVecEnv",
    "Recipe",
    "Report",
    "Run",
    "TrialCallback",
    "__version__",
    "evaluate_policy",
    "load_model",
    "make_sb3_env",
    "record_activity",
]

__getattr__ = attach(
    __name__,
    {
        "activity": ["Activity", "record_activity"],
        "agents": ["Recipe", "load_model"],
        "callbacks": ["EvaluationCallback", "TrialCallback"],
        "cells": ["CTRNN", "GRU", "RNN", "DaleCTRNN"],
        "envs": ["NgymVecEnv", "make_sb3_env"],
        "evaluation": ["evaluate_policy"],
        "policies": ["CnnRnnPolicy", "MlpRnnPolicy", "MultiInputRnnPolicy"],
        "training": ["Report", "Run"],
    },
)
