"""Train and evaluate Stable-Baselines3 agents on cognitive tasks. torch is loaded when it is first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ngym_sb3.envs import NgymVecEnv, make_sb3_env
    from ngym_sb3.evaluation import evaluate_policy
    from ngym_sb3.training import Recipe, Report, Run

__version__ = "0.1.0"

__all__ = ["NgymVecEnv", "Recipe", "Report", "Run", "__version__", "evaluate_policy", "make_sb3_env"]

_HOMES = {
    "NgymVecEnv": "ngym_sb3.envs",
    "Recipe": "ngym_sb3.training",
    "Report": "ngym_sb3.training",
    "Run": "ngym_sb3.training",
    "evaluate_policy": "ngym_sb3.evaluation",
    "make_sb3_env": "ngym_sb3.envs",
}


def __getattr__(name: str) -> Any:
    """Import a public name from where it lives when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
