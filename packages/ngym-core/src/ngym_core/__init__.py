"""ngym: trial-based tasks of cognitive neuroscience for reinforcement and supervised learning.

Users write ``import ngym_core as ngym``.
"""

from ngym_core import spaces
from ngym_core.env import TrialEnv
from ngym_core.errors import InvalidOperationError, UnknownNameError, UnknownTaskError
from ngym_core.hookspecs import hookimpl
from ngym_core.info import describe, show_all_tags, show_all_tasks, show_all_wrappers, show_info
from ngym_core.plugins import find_packs as _find_packs
from ngym_core.random import Draws, TruncExp
from ngym_core.registry import (
    TaskSpec,
    WrapperSpec,
    all_envs,
    all_tags,
    all_wrappers,
    get_collection,
    make,
    register,
)
from ngym_core.rollout import run_env
from ngym_core.rules import FixateThenChoose, ProduceInterval, Rule
from ngym_core.trials import Trial, Trials
from ngym_core.vector import TrialVectorEnv, make_vec
from ngym_core.wrapper import TrialWrapper

__version__ = "0.1.0"

__all__ = [
    "Draws",
    "FixateThenChoose",
    "InvalidOperationError",
    "ProduceInterval",
    "Rule",
    "TaskSpec",
    "Trial",
    "TrialEnv",
    "TrialVectorEnv",
    "TrialWrapper",
    "Trials",
    "TruncExp",
    "UnknownNameError",
    "UnknownTaskError",
    "WrapperSpec",
    "__version__",
    "all_envs",
    "all_tags",
    "all_wrappers",
    "describe",
    "get_collection",
    "hookimpl",
    "make",
    "make_vec",
    "register",
    "run_env",
    "show_all_tags",
    "show_all_tasks",
    "show_all_wrappers",
    "show_info",
    "spaces",
]


_find_packs(__version__)
