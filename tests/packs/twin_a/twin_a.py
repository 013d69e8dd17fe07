"""One of two packs with the same name of an entry point."""

from ngym_core import TaskSpec, hookimpl
from ngym_core.tasks.delay_match_sample import DelayMatchSample


class Twin(DelayMatchSample):
    """A task of a twin."""


@hookimpl
def ngym_tasks():
    return [TaskSpec("TwinA-v0", "twin_a:Twin")]
