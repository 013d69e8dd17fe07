"""ngym: trial-based tasks of cognitive neuroscience for reinforcement and supervised learning.

Users write ``import ngym_core as ngym``. Importing it finds the installed packs; everything else is
imported when it is first used.
"""

from typing import TYPE_CHECKING

from ngym_core.errors import StateError, TaskError, UnknownNameError, UnknownTaskError
from ngym_core.lazy import attach
from ngym_core.plugins import manager as _manager
from ngym_core.plugins.hookspecs import hookimpl
from ngym_core.plugins.isolation import PluginWarning
from ngym_core.plugins.registry import (
    TaskSpec,
    WrapperSpec,
    all_envs,
    all_tags,
    all_wrappers,
    make,
    make_vec,
    register,
)

if TYPE_CHECKING:
    from ngym_core import (
        curriculum,
        info,
        random,
        rules,
        scheduler,
        spaces,
        state,
        stimuli,
        tasks,
        tasktools,
        testing,
        wrappers,
    )
    from ngym_core.curriculum import Curriculum, Gate, Stage, Staircase, load_curriculum
    from ngym_core.env import Rewards, Timing, TrialEnv
    from ngym_core.info import describe, show_all_tags, show_all_tasks, show_all_wrappers, show_info
    from ngym_core.mixtures import mix
    from ngym_core.random import Draws, TruncExp
    from ngym_core.rollout import run_env
    from ngym_core.rules import (
        AnswerAtOnce,
        AnswerInSequence,
        FixateThenChoose,
        ProduceInterval,
        RespondWhenDue,
        Rule,
        TakeAtOnce,
    )
    from ngym_core.state import get_state, load_state, save_state, set_state
    from ngym_core.testing import check_task
    from ngym_core.trial_table import load_trial_table
    from ngym_core.trials import Trial, Trials
    from ngym_core.vector import LaneStep, TrialVectorEnv
    from ngym_core.wrappers.base import StepBatch, TrialWrapper

__version__ = "0.1.0"

__all__ = [
    "AnswerAtOnce",
    "AnswerInSequence",
    "Curriculum",
    "Draws",
    "FixateThenChoose",
    "Gate",
    "LaneStep",
    "PluginWarning",
    "ProduceInterval",
    "RespondWhenDue",
    "Rewards",
    "Rule",
    "Stage",
    "Staircase",
    "StateError",
    "StepBatch",
    "TakeAtOnce",
    "TaskError",
    "TaskSpec",
    "Timing",
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
    "check_task",
    "curriculum",
    "describe",
    "get_state",
    "hookimpl",
    "info",
    "load_curriculum",
    "load_state",
    "load_trial_table",
    "make",
    "make_vec",
    "mix",
    "random",
    "register",
    "rules",
    "run_env",
    "save_state",
    "scheduler",
    "set_state",
    "show_all_tags",
    "show_all_tasks",
    "show_all_wrappers",
    "show_info",
    "spaces",
    "state",
    "stimuli",
    "tasks",
    "tasktools",
    "testing",
    "wrappers",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        ".curriculum": ["Curriculum", "Gate", "Stage", "Staircase", "load_curriculum"],
        ".env": ["Rewards", "Timing", "TrialEnv"],
        ".info": ["describe", "show_all_tags", "show_all_tasks", "show_all_wrappers", "show_info"],
        ".mixtures": ["mix"],
        ".random": ["Draws", "TruncExp"],
        ".rollout": ["run_env"],
        ".rules": [
            "AnswerAtOnce",
            "AnswerInSequence",
            "FixateThenChoose",
            "ProduceInterval",
            "RespondWhenDue",
            "Rule",
            "TakeAtOnce",
        ],
        ".state": ["get_state", "load_state", "save_state", "set_state"],
        ".testing": ["check_task"],
        ".trial_table": ["load_trial_table"],
        ".trials": ["Trial", "Trials"],
        ".vector": ["LaneStep", "TrialVectorEnv"],
        ".wrappers.base": ["StepBatch", "TrialWrapper"],
    },
    modules=[
        "arguments",
        "changes",
        "compat",
        "curriculum",
        "docstrings",
        "env",
        "errors",
        "files",
        "info",
        "lazy",
        "parameters",
        "plain_data",
        "plugins",
        "random",
        "rendering",
        "rollout",
        "rules",
        "sampling",
        "scheduler",
        "spaces",
        "state",
        "stimuli",
        "tasks",
        "tasktools",
        "testing",
        "trial_table",
        "trials",
        "vector",
        "wrappers",
    ],
)

_manager.find_packs(__version__)
