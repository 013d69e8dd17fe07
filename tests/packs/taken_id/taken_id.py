"""A pack that claims the id of a built-in task, beside one of its own."""

from ngym_core import TaskSpec, hookimpl


@hookimpl
def ngym_tasks():
    return [TaskSpec("Mine-v0", "taken_id:Mine"), TaskSpec("ReadySetGo-v0", "taken_id:ReadySetGo")]
