"""The fuzzer: calls every public callable with one bad argument at a time, and sorts what comes of it.

    python -m tests.fuzz.fuzzer --minutes 8 --seed 0

Cases run in two processes of their own, bounded in memory; one that takes too long is stopped. Where time does not suffice
for all cases, those of a random order (by the seed) run that fit. The mistakes of `tests.fuzz.plausible` always run.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import multiprocessing
import os
import queue
import random
import resource
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

import ngym_core as ngym
from ngym_core.plugins.registry import task_spec, wrapper_spec
from tests.fuzz import plausible
from tests.fuzz.accepted import reason
from tests.fuzz.calls import PACKAGES, SKIPPED, Target, targets, wrap
from tests.fuzz.failing import FAILING
from tests.fuzz.outcomes import (
    ACCEPTED,
    CLEAR,
    CRYPTIC,
    HUNG,
    KINDS,
    MEMORY,
    NONSENSE,
    Outcome,
    outcome_of,
    quiet,
    stands_in,
    texts_of,
)

PROCESSES = 2
CASE_SECONDS = 6.0
"""Wall time after which a case counts as hung."""
START_SECONDS = 180.0
"""Wall time that a process has to import everything."""
MEMORY_BYTES = 3 << 30
"""Memory that a process may take, beyond what it has after its imports."""
CRYPTIC_SHARE = 0.02
"""Share of cryptic errors among all outcomes, at most."""

SLOW_MODULES = ["torch._dynamo", "matplotlib.pyplot", "scipy.optimize"]
"""Modules that are imported at first use, which would make that case look hung."""

PALETTE: dict[str, Callable[[], Any]] = {
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "-inf": lambda: float("-inf"),
    "-1": lambda: -1,
    "0": lambda: 0,
    "1.5": lambda: 1.5,
    "True": lambda: True,
    "None": lambda: None,
    "'abc'": lambda: "abc",
    "''": lambda: "",
    "b'x'": lambda: b"x",
    "[]": list,
    "{}": dict,
    "[nan]": lambda: [float("nan")],
    "function": lambda: lambda: None,
    "object": object,
    "1j": lambda: 1j,
    "10**12": lambda: 10**12,
    "array": lambda: np.zeros((2, 3, 4)),
    "Draws": lambda: ngym.Draws(0),
}
"""The bad values."""
LONG = {("ngym_plot.gallery.write_gallery", "ids", "None")}
"""Calls that rightly take long: this one draws all tasks."""
NO_NUMBERS = {"nan", "inf", "-inf", "None", "'abc'", "1j", "[]", "[nan]"}
"""Values that are plausible mistakes where a number belongs."""
NOISE = {"sigma", "tau", "noise_std", "std_noise"}


@dataclass(frozen=True)
class Case:
    """One call with one bad argument.

    Args:
        package: Name of the package.
        family: ``mistake``, ``valid``, ``call``, ``task``, ``timing``, ``reward`` or ``wrapper``.
        target: Name of the callable, task or wrapper; title of a mistake.
        parameter: Name of the bad argument.
        value: Name of the bad value in `PALETTE`.
    """

    package: str
    family: str
    target: str
    parameter: str = ""
    value: str = ""

    @property
    def title(self) -> str:
        """What the report calls the callable."""
        return self.target if self.family in ("call", "valid", "mistake") else f"{self.family} {self.target}"

    @property
    def is_plausible(self) -> bool:
        """Whether it is a mistake that people do make."""
        is_noise = self.family in ("task", "wrapper") and self.parameter in NOISE and self.value in {"nan", "inf", "-1"}
        return self.family == "mistake" or is_noise or (self.family == "reward" and self.value in NO_NUMBERS)


class Book:
    """All that cases refer to, by name."""

    def __init__(self) -> None:
        self.targets = {target.name: target for target in targets()}
        self.mistakes = {p: {m.title: m for m in make()} for p, make in plausible.PACKAGES.items()}

    def skipped(self) -> dict[str, str]:
        """Return the callables that are not called, and why."""
        why = {}
        for name in self.targets:
            for pattern, text in SKIPPED.items():
                if fnmatch(name, pattern) and not name.startswith("ngym_core.wrappers.base."):
                    why[name] = text
        return why

    def first_cases(self) -> list[Case]:
        """Return mistakes, and valid calls of all callables."""
        mistakes = [Case(package, "mistake", title) for package, found in self.mistakes.items() for title in found]
        skipped = self.skipped()
        valid = [Case(t.package, "valid", t.name) for t in self.targets.values() if t.name not in skipped]
        return mistakes + valid

    def cases(self, callable_: set[str]) -> Iterator[Case]:
        """Give the cases of the callables that can be called, of tasks and of wrappers."""
        for name in sorted(callable_):
            target = self.targets[name]
            for parameter in target.parameters:
                values = [value for value in PALETTE if (name, parameter, value) not in LONG]
                yield from (Case(target.package, "call", name, parameter, value) for value in values)
        for id_ in ngym.all_envs(collections=True):
            for parameter in parameters_of(task_spec(id_).load()):
                yield from (Case("core", "task", id_, parameter, value) for value in PALETTE)
            task = ngym.make(id_).unwrapped
            for key in task.timing if "timing" in parameters_of(task_spec(id_).load()) else ():
                yield from (Case("core", "timing", id_, key, value) for value in PALETTE)
            for key in task.rewards:
                yield from (Case("core", "reward", id_, key, value) for value in PALETTE)
        for name in ngym.all_wrappers():
            for parameter in parameters_of(wrapper_spec(name).load()):
                yield from (Case("core", "wrapper", name, parameter, value) for value in PALETTE)

    def run(self, case: Case) -> Outcome:
        """Run a case."""
        if case.family == "mistake":
            return self.mistakes[case.package][case.target].outcome()
        if case.family == "valid":
            return outcome_of(self.targets[case.target].call, ())
        value = PALETTE[case.value]()
        bad = {case.parameter: value}
        calls: dict[str, Callable[[], Any]] = {
            "call": lambda: self.targets[case.target].call(**bad),
            "task": lambda: ngym.make(case.target, **bad),
            "timing": lambda: ngym.make(case.target, timing=bad),
            "reward": lambda: ngym.make(case.target, rewards=bad),
            "wrapper": lambda: wrap(case.target, **bad),
        }
        return outcome_of(calls[case.family], (case.parameter,), (value,))

    def reason(self, case: Case) -> str:
        """Return why what a case does is legitimately accepted, or an empty text."""
        if case.family == "call":
            target: Target = self.targets[case.target]
            function, spec = target.function, target.parameters[case.parameter]
        elif case.family in ("task", "wrapper"):
            function = (task_spec if case.family == "task" else wrapper_spec)(case.target).load()
            spec = inspect.signature(function).parameters[case.parameter]
        else:
            function = spec = None
        return reason(case.title, case.parameter, case.value, PALETTE[case.value](), function, spec)


def parameters_of(function: Any) -> list[str]:
    """Return the names of the parameters of a function."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


# ---- processes ------------------------------------------------------------------------------------


def work(pipe: Any, folder: str) -> None:
    """Run the cases that come through a pipe, in a folder of its own and with bounded memory."""
    own = tempfile.mkdtemp(dir=folder)
    os.chdir(own)
    sys.stdin.close()
    book = Book()
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY_BYTES, resource.RLIM_INFINITY))
    pipe.send("ready")
    while (case := pipe.recv()) is not None:
        os.chdir(own)
        outcome = book.run(case)
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
        pipe.send(outcome)


class Worker:
    """A process that runs one case after another, and is replaced when one hangs."""

    def __init__(self, folder: str) -> None:
        self.folder, self.process = folder, None

    def start(self) -> None:
        """Start the process and wait until it has imported everything."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(SLOW_MODULES + sorted({target.function.__module__ for target in targets()}))
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=work, args=(other, self.folder), daemon=True)
        self.process.start()
        other.close()
        if not self.pipe.poll(START_SECONDS) or self.pipe.recv() != "ready":
            raise RuntimeError("The process of the fuzzer does not start.")

    def stop(self) -> None:
        """Kill the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None

    def run(self, case: Case) -> Outcome:
        """Run a case."""
        if self.process is None:
            self.start()
        try:
            self.pipe.send(case)
            if self.pipe.poll(CASE_SECONDS):
                return self.pipe.recv()
            self.stop()
            return Outcome(HUNG, f"longer than {CASE_SECONDS:g} s")
        except (EOFError, OSError):
            self.stop()
            return Outcome(MEMORY, "the process died")


def run_all(cases: list[Case], until: float, folder: str) -> dict[Case, Outcome]:
    """Run cases in several processes until a time of `time.monotonic`; those that did not run are missing."""
    todo: queue.SimpleQueue[Case] = queue.SimpleQueue()
    for case in cases:
        todo.put(case)
    done: dict[Case, Outcome] = {}

    def serve() -> None:
        worker = Worker(folder)
        with contextlib.suppress(queue.Empty):
            while time.monotonic() < until:
                case = todo.get_nowait()
                done[case] = worker.run(case)
        worker.stop()

    threads = [threading.Thread(target=serve) for _ in range(PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


# ---- report ---------------------------------------------------------------------------------------


def counts(outcomes: dict[Case, Outcome]) -> str:
    """Return a table of outcomes by package and family."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for case, outcome in outcomes.items():
        rows[f"{case.package} {case.family}"][outcome.kind] += 1
        rows["all"][outcome.kind] += 1
    lines = [f"{'':16}" + "".join(f"{kind:>10}" for kind in KINDS)]
    return "\n".join(
        lines + [f"{name:16}" + "".join(f"{row[kind]:>10}" for kind in KINDS) for name, row in sorted(rows.items())]
    )


def section(title: str, lines: list[str]) -> None:
    """Print a part of the report."""
    print(f"\n## {title}: {len(lines)}")
    print("\n".join(lines))


def grouped(outcomes: dict[Case, Outcome]) -> list[str]:
    """Return a line for each callable (tasks together), parameter and place, those of most cases first."""
    groups: dict[tuple[str, str, str], list[tuple[Case, Outcome]]] = defaultdict(list)
    for case, outcome in outcomes.items():
        target = case.title if case.family in ("call", "wrapper") else case.family
        groups[target, case.parameter, outcome.at].append((case, outcome))
    lines = []
    for (target, parameter, at), found in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        values = Counter(case.value for case, _ in found)
        shown = " ".join(value if n == 1 else f"{value}x{n}" for value, n in values.items())
        tasks = sorted({case.target for case, _ in found}) if target == found[0][0].family else []
        where = f" in {', '.join(tasks[:4])}{' ...' if len(tasks) > 4 else ''}" if tasks else ""
        lines.append(f"{len(found):4} {target}({parameter}=) {at} [{shown}]{where} e.g. {found[0][1].text[:140]!r}")
    return lines


def report(book: Book, outcomes: dict[Case, Outcome], uncalled: dict[str, str], total: int) -> bool:
    """Print what came of the cases; return whether all is well."""
    fuzzed = {c: o for c, o in outcomes.items() if c.family not in ("mistake", "valid")}
    print(f"{len(fuzzed)} of {total} cases ran.\n")
    print(counts({c: o for c, o in outcomes.items() if c.family != "valid"}))
    share = sum(o.kind == CRYPTIC for o in fuzzed.values()) / max(1, len(fuzzed))
    print(f"\ncryptic: {share:.1%}, at most {CRYPTIC_SHARE:.0%} wanted")
    cryptic = {c: o for c, o in fuzzed.items() if o.kind == CRYPTIC}
    shown = sum(any(stands_in(text, o.text) for text in texts_of([PALETTE[c.value]()])) for c, o in cryptic.items())
    print(f"of these show the value, in an error of a library or of Python: {shown}")

    bad = {c: o for c, o in outcomes.items() if c.is_plausible and o.kind != CLEAR}
    section("Plausible mistakes without a clear error", [
        f"{c.package} | {c.title} {c.parameter} {c.value} | {o.kind} | {o.text[:200]} | {o.at}" for c, o in bad.items()
    ])  # fmt: skip
    named = {c.target: o.kind for c, o in outcomes.items() if c.family == "mistake"}
    section("Mended: to be taken out of failing.py", sorted(t for t in FAILING if named.get(t, CLEAR) == CLEAR))
    for kind in (HUNG, MEMORY, NONSENSE):
        section(kind, grouped({c: o for c, o in fuzzed.items() if o.kind == kind}))
    section("cryptic, by callable, parameter and place", grouped(cryptic))
    taken = {c: o for c, o in fuzzed.items() if o.kind == ACCEPTED}
    reasons = {c: book.reason(c) for c in taken}
    section("accepted, unlisted", grouped({c: Outcome(o.kind, o.text) for c, o in taken.items() if not reasons[c]}))
    section("accepted, listed", [f"{n:5} {why}" for why, n in Counter(filter(None, reasons.values())).most_common()])
    section("not called, since valid arguments are not known", [f"{name}: {why}" for name, why in sorted(uncalled.items())])
    section("not called on purpose", [f"{why}: {n}" for why, n in Counter(book.skipped().values()).items()])
    wrong = [o for o in fuzzed.values() if o.kind in (HUNG, MEMORY, NONSENSE)]
    return not bad and not wrong and share <= CRYPTIC_SHARE


def main() -> int:
    """Run the fuzzer; return 0 if all is well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=8, help="wall time, about")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the cases")
    options = parser.parse_args()
    begin = time.monotonic()
    book = Book()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = run_all(book.first_cases(), begin + 30 * 60, folder)
        valid = {c.target: o for c, o in outcomes.items() if c.family == "valid"}
        works = {name for name, outcome in valid.items() if outcome.kind in (ACCEPTED, NONSENSE)}
        uncalled = {name: f"{o.kind}: {o.text}" for name, o in valid.items() if name not in works}
        with quiet():
            cases = list(book.cases(works))
        random.Random(options.seed).shuffle(cases)
        outcomes |= run_all(cases, begin + options.minutes * 60, folder)
    for case, outcome in outcomes.items():
        if outcome.kind == NONSENSE and case.family not in ("mistake", "valid"):
            gives_nan_anyway = case.family == "call" and valid[case.target].kind == NONSENSE
            if gives_nan_anyway or book.reason(case):
                outcomes[case] = Outcome(ACCEPTED, outcome.text)
    well = report(book, outcomes, uncalled, len(cases))
    print(f"\n{time.monotonic() - begin:.0f} s, {len(PACKAGES)} packages")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
