"""A pack whose hook has an argument that no caller gives."""

from ngym_core import TaskSpec, hookimpl


@hookimpl
def ngym_tasks(color):
    return [TaskSpec("Wrong-v0", "wrong_hook:Wrong")]
