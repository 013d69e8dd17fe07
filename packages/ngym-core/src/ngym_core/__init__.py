"""ngym: trial-based tasks of cognitive neuroscience for reinforcement and supervised learning.

Users write ``import ngym_core as ngym``. Importing it finds the installed packs; everything else is
imported when it is first used.
"""

from typing import TYPE_CHECKING

from ngym_core.errors import InvalidOperationError, UnknownNameError, UnknownTaskError
from ngym_core.lazy import attach
from ngym_core.plugins import manager as _manager
from ngym_core.plugins.hookspecs import hookimpl
from ngym_core.plugins.registry import (
    TaskSpec,
    WrapperSpec,
    all_envs,
    all_tags,
    all_wrappers,
    get_collection,
    make,
    make_vec,
    register,
)

if TYPE_CHECKING:
    from ngym_core import spaces as spaces
    from ngym_core.env import TrialEnv
    from ngym_core.info import describe, show_all_tags, show_all_tasks, show_all_wrappers, show_info
    from ngym_core.random import Draws, TruncExp
    from ngym_core.rollout import run_env
    from ngym_core.rules import FixateThenChoose, ProduceInterval, Rule
    from ngym_core.trial_table import load_trial_table
    from ngym_core.trials import Trial, Trials
    from ngym_core.vector import TrialVectorEnv
    from ngym_core.wrappers.base import TrialWrapper

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
    "load_trial_table",
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

__getattr__, __dir__ = attach(
    __name__,
    {
        ".env": ["TrialEnv"],
        ".info": ["describe", "show_all_tags", "show_all_tasks", "show_all_wrappers", "show_info"],
        ".random": ["Draws", "TruncExp"],
        ".rollout": ["run_env"],
        ".rules": ["FixateThenChoose", "ProduceInterval", "Rule"],
        ".trial_table": ["load_trial_table"],
        ".trials": ["Trial", "Trials"],
        ".vector": ["TrialVectorEnv"],
        ".wrappers.base": ["TrialWrapper"],
    },
    modules=["spaces"],
)

_manager.find_packs(__version__)
