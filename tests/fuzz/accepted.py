"""What is legitimately accepted: by declaration, by annotation, or by a line of a table that says why."""

from __future__ import annotations

import inspect
from fnmatch import fnmatch
from typing import Any

from ngym_core.arguments import declared_arguments

LEGITIMATE: list[tuple[str, str, str, str]] = [
    ("*", "verbose", "*", "a number or a flag, which only decides what is printed"),
    ("*", "title", "*", "shown as it is"),
    ("*", "label", "*", "shown as it is"),
    ("*", "legend", "*", "a flag"),
    ("timing *", "*", "0", "a period may be empty"),
    ("timing *", "*", "1.5", "durations are cut to whole steps"),
    ("reward *", "*", "-1 0 1.5 10**12", "any finite number is a reward"),
    ("*errors.nearest", "*", "*", "makes the message for any wrong name"),
    ("*errors.unknown_name", "*", "*", "makes the message for any wrong name"),
    ("*Expected*", "*", "*", "looks at any value"),
    ("*.problem", "value", "*", "looks at any value"),
    ("*.hint", "value", "*", "looks at any value"),
    ("*duration_name", "value", "*", "shows any value"),
    ("*has_own_state", "value", "*", "looks at any value"),
    ("*.get_state", "lanes", "None []", "all lanes, or none"),
    ("*Draws.per_stream", "n", "*", "hands on what it gets, for draws that check it"),
    ("*Draws.previous", "first", "nan None [nan]", "NaN where there was no trial before"),
    ("*Conditions.set", "value", "nan None [nan]", "NaN where a condition does not apply"),
    ("*Trials.set", "value", "nan None [nan]", "NaN where a condition does not apply"),
    ("*operations.to_column", "values", "*", "any values"),
    ("*TimeAxis.staircase", "values", "nan [nan] None", "a line has gaps where there is NaN"),
    ("*stats.running_mean", "values", "[nan]", "NaN values are left out, as its docstring says"),
    ("*", "seed", "None", "takes one from the operating system"),
    ("*", "seed", "0 10**12", "any integer from 0"),
    ("*Parameters.pop", "default", "*", "given back as it is"),
    ("*plain_data.*", "current", "*", "any object"),
    ("*plain_data.encode", "value", "*", "any plain value"),
    *(
        (f"*.{name}", "*", "*", "a result, which the package makes itself")
        for name in (
            *("Trial", "StepBatch", "Check", "PackStatus", "Rerun", "SavedTrials", "HistoryKernel", "PsychometricFit"),
            *("TimeAxis", "Activity", "EvaluationReport", "NetworkState", "LaneStep"),
        )
    ),
    *(
        (f"*.TrialWrapper.{hook}", "*", "*", "a hook, which envs call")
        for hook in (*("draw_conditions", "edit_trials", "on_step", "on_data", "init_memory", "seed_memory", "own_draws"),)
    ),
    ("*networks.is_network", "model", "*", "looks at any object"),
    ("*plain_data.*", "plain", "*", "any plain value"),
    ("*.post_step", "*", "*", "hands on what it gets, for tasks to override"),
    ("*.paint_later", "*", "*", "hands on what it gets"),
    ("*state.seal_state", "content", "*", "any plain value"),
    ("*without_objects", "column", "*", "any column"),
    ("*.decode", "*", "*", "any plain value"),
    ("*", "model", "None", "random actions"),
    ("*", "def_act", "None 0 True", "an action"),
    ("*tasktools.to_map", "*", "*", "any values"),
    ("*wilson_interval", "p", "nan [nan] None", "no estimate has no interval"),
    ("*wilson_interval", "n", "nan [nan] None", "no estimate has no interval"),
    ("*PsychometricFit.band", "evidence", "nan [nan] None", "NaN where there is no evidence"),
    ("*TimeAxis.staircase", "values", "nan [nan]", "a gap of a line"),
    ("*TimeAxis.start_of", "step", "nan [nan]", "a gap of a line"),
    ("*running_mean", "values", "[nan]", "a missing value"),
    ("*median_interval", "values", "[nan]", "a missing value"),
    ("*Conditions.set", "value", "nan [nan]", "a missing value"),
    ("*to_column", "values", "nan [nan]", "a missing value"),
]
"""Target, parameter, names of values (patterns, separated by spaces), and the reason."""

BY_ANNOTATION = {
    "None": "None",
    "bool": "True 0",
    "Flag": "True 0",
    "int": "10**12",
    "float": "1.5 10**12 0",
    "str": "'abc' ''",
    "Text": "'abc' ''",
    "Mapping": "{}",
    "dict": "{}",
    "Sequence": "[]",
    "Iterable": "[] {} ''",
    "Array": "array",
    "ArrayLike": "0 1.5 -1 True 10**12 array",
    "NDArray": "array",
    "Path": "'abc' ''",
    "Callable": "function",
}
"""Word of an annotation -> the values of the palette that it lets through."""


def reason(target: str, parameter: str, value_name: str, value: Any, declared: Any, spec: inspect.Parameter | None) -> str:
    """Return why a value is legitimately accepted, or an empty text."""
    for pattern, name, values, why in LEGITIMATE:
        if fnmatch(target, pattern) and fnmatch(parameter, name) and (values == "*" or value_name in values.split()):
            return why
    try:
        expected = declared_arguments(inspect.unwrap(declared)).get(parameter) if callable(declared) else None
    except Exception:
        expected = None
    if expected is not None and expected.problem(value) is None:
        return f"declared: {expected.description}"
    if spec is None:
        return ""
    try:
        if type(spec.default) is type(value) and spec.default == value:
            return "the default"
    except Exception:  # an array has no one truth value
        pass
    words = str(spec.annotation).replace("[", " ").replace("]", " ").replace("|", " ").replace(",", " ").split()
    for word in words:
        allowed = BY_ANNOTATION.get(word.rpartition(".")[2], "")
        if value_name in allowed.split():
            return f"annotated: {spec.annotation}"
    return ""
