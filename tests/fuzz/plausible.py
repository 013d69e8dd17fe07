"""Plausible mistakes: named cases of what people do get wrong, each of which must give an error that says what is wrong."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ngym_core as ngym
from ngym_core.scheduler import RandomBlockSchedule, RandomSchedule
from tests.fuzz.failing import FAILING
from tests.fuzz.outcomes import Outcome, outcome_of

TASK = "PerceptualDecisionMaking-v0"
NUMBERS_THAT_ARE_NONE = ["abc", None, 1j, [1.0], math.nan, math.inf]
BAD_SEEDS = [-1, 1.5, "x", True, []]


@dataclass(frozen=True)
class Mistake:
    """A mistake.

    Args:
        title: What is done.
        names: Texts one of which a clear error has in its message.
        call: Makes the mistake.
        values: Values whose text will do as well.
    """

    title: str
    names: tuple[str, ...]
    call: Callable[[], Any]
    values: tuple[Any, ...] = ()

    def outcome(self) -> Outcome:
        """Make the mistake."""
        return outcome_of(self.call, self.names, self.values)


def mistakes(names: str, cases: dict[str, Callable[[], Any]]) -> list[Mistake]:
    """Return mistakes whose errors have one of some names (separated by spaces) in their messages, or the bad value."""
    values = {title: call.__defaults__[:1] if getattr(call, "__defaults__", None) else () for title, call in cases.items()}
    return [Mistake(title, tuple(names.split()), call, values[title]) for title, call in cases.items()]


def made(id_: str = TASK, **kwargs: Any) -> Callable[[], Any]:
    """Return a function that makes a task, or fails to."""
    return lambda: ngym.make(id_, **kwargs)


def timed(value: Any) -> Callable[[], Any]:
    """Return a function that makes a task with a duration of its stimulus."""
    return made(timing={"stimulus": value})


def each(title: str, values: list[Any], call: Callable[[Any], Any]) -> dict[str, Callable[[], Any]]:
    """Return one case for each value."""
    return {f"{title}{value!r}": lambda value=value: call(value) for value in values}


class Painted(ngym.TrialEnv):
    """A task that paints what a case wants."""

    default_timing = {"stimulus": 300, "decision": 100}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = ngym.FixateThenChoose(fixation="stimulus")

    def __init__(self, paint: Callable[[ngym.Trials], None], *, periods: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.paint, self.periods = paint, periods
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, {"fixation": 0, "sides": [1, 2]}, shape=(3,))
        self.action_space = ngym.spaces.Discrete(3, {"fixation": 0, "choice": [1, 2]})

    def _new_trials(self, trials: ngym.Trials) -> None:
        if self.periods:
            trials.add_period(["stimulus", "decision"])
        self.paint(trials)


def painted(paint: Callable[[ngym.Trials], Any], **kwargs: Any) -> Callable[[], Any]:
    """Return a function that makes a task which paints something."""
    return lambda: Painted(paint, **kwargs)


def core() -> list[Mistake]:
    """Mistakes with ngym_core."""

    def reset(**kwargs: Any) -> Any:
        return ngym.make(TASK).reset(**kwargs)

    def vector_reset(**kwargs: Any) -> Any:
        return ngym.make_vec(TASK, 2).reset(**kwargs)

    def chosen(p: Any) -> Any:
        return ngym.Draws(0).choice("x", 5, [1, 2], p)

    def annubes(**kwargs: Any) -> Callable[[], Any]:
        return made("AnnubesEnv-v0", **kwargs)

    return [
        # K1
        *mistakes("correct", each("reward ", NUMBERS_THAT_ARE_NONE, lambda v: ngym.make(TASK, rewards={"correct": v}))),
        *mistakes("corect", {"reward misspelled": made(rewards={"corect": 1})}),
        # K2
        *mistakes("sigma", each("sigma=", [math.nan, math.inf, -1, "1"], lambda v: ngym.make(TASK, sigma=v))),
        *mistakes("tau", each("tau=", [math.nan, math.inf, -1, 0], lambda v: ngym.make("AnnubesEnv-v0", tau=v))),
        *mistakes(
            "noise_std", each("noise_std=", [math.nan, math.inf, -1], lambda v: ngym.make("AnnubesEnv-v0", noise_std=v))
        ),
        *mistakes(
            "intensities intensity",
            each(
                "intensities=",
                [[math.nan], {"v": [math.inf], "a": [1]}],
                lambda v: ngym.make("AnnubesEnv-v0", intensities=v),
            ),
        ),
        # K3
        *mistakes("p probabilities", each("choice p=", [[math.nan, 1], [-5, -6], [3, 1], [], 7, "ab", [1]], chosen)),
        *mistakes(
            "p probabilities",
            each(
                "Trials.choice p=", [[math.nan, 1], [-5, -6], [3, 1]], lambda v: Painted(lambda t: t.choice("x", [1, 2], v))
            ),
        ),
        *mistakes("p probabilities", each("RandomSchedule p=", [[math.nan, 1], [-3, 1]], lambda v: RandomSchedule(2, p=v))),
        *mistakes(
            "p probabilities",
            each(
                "RandomGroundTruth p=",
                [[math.nan, 1], [3, 1]],
                lambda v: ngym.make(TASK, wrappers=[("RandomGroundTruth", {"p": v})]),
            ),
        ),
        # K4
        *mistakes("vmin vmax", {"TruncExp min above max": lambda: ngym.TruncExp(300, 900, 100)}),
        *mistakes("vmax", {"TruncExp negative max": lambda: ngym.TruncExp(300, vmax=-5)}),
        *mistakes("vmean", each("TruncExp mean ", [math.nan, math.inf, 0, -300, "300"], ngym.TruncExp)),
        *mistakes("stimulus", {"timing uniform upside down": timed(["uniform", (900, 100)])}),
        *mistakes(
            "num_trials_before_reset",
            each("num_trials_before_reset=", [0, -3, math.nan, "x"], lambda v: ngym.make(TASK, num_trials_before_reset=v)),
        ),
        *mistakes("r_tmax", {"r_tmax=nan": made(r_tmax=math.nan)}),
        *mistakes("urgency", {"urgency=nan": made(wrappers=[("ReactionTime", {"urgency": math.nan})])}),
        *mistakes(
            "num_trials",
            each("trial_length_stats ", [-1, 0, 1.5, math.inf], lambda v: ngym.make(TASK).trial_length_stats(v)),
        ),
        *mistakes("choice -1", {"set_groundtruth(-1, where)": painted(lambda t: t.set_groundtruth(-1, where="choice"))}),
        *mistakes(
            "nan NaN",
            {
                "add_ob NaN": painted(lambda t: t.add_ob(math.nan)),
                "set_ob NaN": painted(lambda t: t.set_ob(math.nan, "stimulus")),
            },
        ),
        *mistakes(
            "only",
            each(
                "add_period only=",
                ["x", math.nan, [1], {}],
                lambda v: Painted(lambda t: t.add_period(["stimulus", "decision"], only=v), periods=False),
            ),
        ),
        *mistakes("period periods", {"no period": painted(lambda t: t.add_ob(1), periods=False)}),
        *mistakes("np_random", {"Draws np_random='x'": lambda: ngym.Draws(0, np_random="x")}),
        *mistakes("keep_days", {"keep_days='x'": made("CVLearning-v0", keep_days="x")}),
        *mistakes(
            "output_behavior",
            each("output_behavior=", ["x", 5, [], [math.nan, 1]], lambda v: ngym.make("AnnubesEnv-v0", output_behavior=v)),
        ),
        *mistakes("seed", each("reset seed=", BAD_SEEDS, lambda v: reset(seed=v))),
        *mistakes("seed seeds", each("vector reset seed=", [-1, 1.5, "x", True, []], lambda v: vector_reset(seed=v))),
        *mistakes("options", each("reset options=", ["rubbish", 5, [1]], lambda v: reset(options=v))),
        *mistakes("options", each("vector reset options=", ["rubbish", 5], lambda v: vector_reset(options=v))),
        *mistakes("decision dt", {"dt that leaves no decision": made(dt=1000)}),
        # K5
        *mistakes("timing", each("timing=", [5, "x", [1, 2], math.nan], lambda v: ngym.make(TASK, timing=v))),
        *mistakes("rewards reward", each("rewards=", [5, "x", [1, 2], math.nan], lambda v: ngym.make(TASK, rewards=v))),
        *mistakes(
            "stimulus",
            each(
                "timing ",
                [
                    ["uniform", 5],
                    ["uniform", (1, 2, 3)],
                    ["choice", []],
                    ["uniform", ("a", "b")],
                    ["choice", ["a"]],
                    ["constant", "x"],
                    ["nonsense", 5],
                    [],
                    "abc",
                    None,
                    math.nan,
                    math.inf,
                    -100,
                    1j,
                    {},
                    b"x",
                    ["truncated_exponential", [300, 900, 100]],
                    ["uniform", (math.nan, 5)],
                    ["choice", [math.nan]],
                ],
                lambda v: ngym.make(TASK, timing={"stimulus": v}),
            ),
        ),
        *mistakes(
            "stimulus",
            {
                "timing function of text": timed(lambda: "abc"),
                "timing function of None": timed(lambda: None),
                "timing function of NaN": timed(lambda: math.nan),
                "timing function of a negative number": timed(lambda: -100),
                "timing function with an argument": timed(lambda n: n),
            },
        ),
        *mistakes("timing", {"AnnubesEnv(timing=)": annubes(timing={"stimulus": 100})}),
        *mistakes(
            "wrapper wrappers",
            each(
                "wrappers=",
                [("Noise", {"std_noise": 0.1}), "Noise", 5, [5], [None], [("Noise", 5)]],
                lambda v: ngym.make(TASK, wrappers=v),
            ),
        ),
        *mistakes("id_ id task environment None 5", each("make ", [None, 5, "", []], ngym.make)),
        *mistakes(
            "num_envs", each("make_vec num_envs=", [2.5, 0, -1, math.nan, "2", None, True], lambda v: ngym.make_vec(TASK, v))
        ),
        *mistakes("seed", each("Draws ", BAD_SEEDS, ngym.Draws)),
        *mistakes("seed", each("sample_trials seed=", BAD_SEEDS, lambda v: ngym.make(TASK).sample_trials(3, seed=v))),
        *mistakes("seed", each("run_env seed=", BAD_SEEDS, lambda v: ngym.run_env(ngym.make(TASK), 5, seed=v))),
        *mistakes("seed", each("env.seed ", BAD_SEEDS, lambda v: ngym.make(TASK).seed(v))),
        *mistakes(
            "n",
            each(
                "sample_trials n=", [0, -1, 1.5, math.inf, math.nan, "3", None], lambda v: ngym.make(TASK).sample_trials(v)
            ),
        ),
        *mistakes(
            "block_lens block",
            each(
                "block_lens=",
                [[0, 1], [math.nan, 2], ["x", "y"], [-1, 2], [math.inf, 2], [5]],
                lambda v: RandomBlockSchedule(2, v),
            ),
        ),
        # K6
        *mistakes(
            "num_steps",
            each("run_env num_steps=", [math.inf, -1, math.nan, "x", 1.5], lambda v: ngym.run_env(ngym.make(TASK), v)),
        ),
        *mistakes(
            "num_trials",
            each(
                "run_env num_trials=",
                [math.inf, -1, math.nan, "x", 1.5],
                lambda v: ngym.run_env(ngym.make(TASK), num_trials=v),
            ),
        ),
        *mistakes(
            "trials", each("check_task trials=", [math.inf, 0, -1, math.nan, "x"], lambda v: ngym.check_task(TASK, trials=v))
        ),
        *mistakes(
            "random_trials",
            each(
                "check_task random_trials=",
                [math.inf, -1, math.nan, "x"],
                lambda v: ngym.check_task(TASK, trials=2, random_trials=v),
            ),
        ),
        *mistakes("stimulus", {"duration of 10**9 ms": timed(10**9), "duration of 10**15 ms": timed(10**15)}),
        *mistakes("stimulus", {"duration of up to 10**12 ms": timed(["uniform", (10**12, 10**12 + 1)])}),
    ]


def data() -> list[Mistake]:
    """Mistakes with ngym_data."""
    import ngym_data

    def dataset(**kwargs: Any) -> Callable[[], Any]:
        return lambda: next(iter(ngym_data.Dataset(TASK, **kwargs)))

    def manifest(change: dict[str, Any] | None = None, text: str | None = None) -> Callable[[], Any]:
        def load() -> Any:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder, "trials.npz")
                ngym_data.export_trials(file, TASK, trials=2, seed=0)
                path = file.with_suffix(".json")
                path.write_text(json.dumps({**json.loads(path.read_text()), **change}) if text is None else text)
                return ngym_data.rerun(path)

        return load

    bad_counts = [0, -5, 1.5, math.inf, math.nan, "x", True, []]
    options = ["batch_size", "seq_len", "max_batch", "cache_len"]
    return [
        *[
            m
            for name in options
            for m in mistakes(name, each(f"{name}=", bad_counts, lambda v, name=name: dataset(**{name: v})()))
        ],
        *mistakes("seed", each("Dataset seed=", BAD_SEEDS, lambda v: dataset(seed=v)())),
        *mistakes("env_kwargs", each("env_kwargs=", [5, "x", [1]], lambda v: dataset(env_kwargs=v)())),
        *mistakes("split", each("split=", ["nonsense", 5, None], lambda v: dataset(split=v)())),
        *mistakes("holdout", each("holdout=", [5, "x", {"coh": math.nan}], lambda v: dataset(holdout=v, split="test")())),
        *mistakes("conditions", each("conditions=", [5, "x", [1]], lambda v: dataset(conditions=v)())),
        *mistakes(
            "loss_weights weight",
            each("loss_weights=", [5, {"stimulus": math.nan}, {"stimulus": "x"}], lambda v: dataset(loss_weights=v)()),
        ),
        *mistakes("env", each("Dataset env=", [None, 5, []], ngym_data.Dataset)),
        *mistakes("trials", each("TrialDataset trials=", bad_counts, lambda v: ngym_data.TrialDataset(TASK, trials=v)[0])),
        *mistakes(
            "trials",
            each("export_trials trials=", [0, math.inf, "x"], lambda v: ngym_data.export_trials("x.npz", TASK, trials=v)),
        ),
        *[
            m
            for name, v in [
                ("conditions", 5),
                ("task", 5),
                ("parameters", 5),
                ("seed", "x"),
                ("trials", math.inf),
                ("versions", 5),
                ("split", 5),
            ]
            for m in mistakes(f"{name} manifest trials.json", {f"manifest {name}": manifest({name: v})})
        ],
        *mistakes("manifest trials.json", {"manifest of brackets": manifest(text="[" * 100_000)}),
    ]


def plot() -> list[Mistake]:
    """Mistakes with ngym_plot."""
    import ngym_plot

    def fit(**kwargs: Any) -> Any:
        return ngym_plot.fit_psychometric([-2, -1, 1, 2] * 5, [0, 0, 1, 1] * 5, **kwargs)

    return [
        *mistakes(
            "evidence",
            each("evidence=", [None, [], "abc", [math.nan] * 4, 5], lambda v: ngym_plot.fit_psychometric(v, [0, 0, 1, 1])),
        ),
        *mistakes(
            "choice responses",
            each(
                "choice=",
                [None, [], "abc", [math.nan] * 4, [0, 1], [0, 5, 7, 1]],
                lambda v: ngym_plot.fit_psychometric([-2, -1, 1, 2], v),
            ),
        ),
        *mistakes("link", each("link=", ["logti", None, 5], lambda v: fit(link=v))),
        *mistakes("guess_rate", each("guess_rate=", [math.nan, -1, 2, "x"], lambda v: fit(guess_rate=v))),
        *mistakes("resamples", each("resamples=", [-1, 1.5, math.inf, "x"], lambda v: fit(resamples=v))),
        *mistakes("seed", each("fit seed=", BAD_SEEDS, lambda v: fit(resamples=2, seed=v))),
        *mistakes(
            "num_steps",
            each("plot_env num_steps=", [math.inf, -1, math.nan, "x"], lambda v: ngym_plot.plot_env(ngym.make(TASK), v)),
        ),
        *mistakes(
            "num_trials",
            each(
                "plot_env num_trials=",
                [math.inf, -1, math.nan, "x"],
                lambda v: ngym_plot.plot_env(ngym.make(TASK), num_trials=v),
            ),
        ),
        *mistakes("env", each("plot_env env=", [None, 5, []], ngym_plot.plot_env)),
        *mistakes("table column", each("table=", [None, 5, {}, "x"], ngym_plot.plot_psychometric_curves)),
        *mistakes("lags", each("lags=", [0, -1, 1.5, math.inf, "x"], lambda v: ngym_plot.fit_history(table(), v))),
        *mistakes(
            "window", each("window=", [0, -1, math.nan, math.inf, "x"], lambda v: ngym_plot.plot_session(table(), window=v))
        ),
    ]


def table() -> dict[str, Any]:
    """Return a table of trials."""
    rng = np.random.default_rng(0)
    side = rng.integers(0, 2, 40)
    choice = 1 + np.where(rng.random(40) < 0.8, side, 1 - side)
    return {
        "coh": rng.choice([0.0, 12.8, 51.2], 40),
        "ground_truth": side,
        "choice": choice,
        "gt": side + 1,
        "performance": (choice == side + 1).astype(float),
        "reward": (choice == side + 1).astype(float),
        "reaction_time": rng.uniform(100, 300, 40),
        "steps": np.full(40, 22),
        "lane": np.zeros(40, int),
        "response": choice,
        "correct": choice == side + 1,
        "delay": rng.choice([100.0, 200.0], 40),
    }


def sb3() -> list[Mistake]:
    """Mistakes with ngym_sb3."""
    import torch

    import ngym_sb3

    def recorded(**kwargs: Any) -> Any:
        env = ngym_sb3.make_sb3_env(TASK)
        return ngym_sb3.record_activity(torch.nn.GRU(3, 4), env, **{"num_trials": 2, **kwargs})

    config = ngym_sb3.TrainingConfig
    counts = ["steps", "envs", "units", "rollout", "batch_size", "epochs", "trials_per_episode"]
    return [
        *[
            m
            for name in counts
            for m in mistakes(
                name, each(f"{name}=", [math.inf, math.nan, 0, -1, 1.5, "x"], lambda v, name=name: config(**{name: v}))
            )
        ],
        *mistakes("gamma", each("gamma=", [-1, math.nan, 2, "x"], lambda v: config(gamma=v))),
        *mistakes("learning_rate", each("learning_rate=", [1e9, -1, math.nan, "x"], lambda v: config(learning_rate=v))),
        *mistakes("ent_coef", each("ent_coef=", [math.nan, "x", math.inf], lambda v: config(ent_coef=v))),
        *mistakes("seed", each("config seed=", BAD_SEEDS, lambda v: config(seed=v))),
        *mistakes("carry", each("carry=", ["nonsense", 5, None], lambda v: config(carry=v))),
        *mistakes("config", {"Trainer with a dictionary": lambda: ngym_sb3.Trainer(TASK, {})}),
        *mistakes("task_kwargs", each("task_kwargs=", [5, "x"], lambda v: config(task_kwargs=v))),
        *[
            m
            for name in ("input_size", "hidden_size", "num_layers")
            for m in mistakes(
                name,
                each(
                    f"CTRNN {name}=",
                    [0, -1, 1.5, "x"],
                    lambda v, name=name: ngym_sb3.CTRNN(**{"input_size": 3, "hidden_size": 4, name: v}),
                ),
            )
        ],
        *[
            m
            for name in ("dt", "tau")
            for m in mistakes(
                name,
                each(
                    f"CTRNN {name}=",
                    [0, -1, math.nan, math.inf, "x"],
                    lambda v, name=name: ngym_sb3.CTRNN(3, 4, **{name: v}),
                ),
            )
        ],
        *mistakes(
            "excitatory", each("excitatory=", [-1, 2, math.nan, "x"], lambda v: ngym_sb3.DaleCTRNN(3, 4, excitatory=v))
        ),
        *mistakes("units", each("record_activity units=", [3, "x", [99], [1.5], [math.nan]], lambda v: recorded(units=v))),
        *mistakes(
            "num_trials", each("record_activity num_trials=", [0, -1, math.inf, 1.5, "x"], lambda v: recorded(num_trials=v))
        ),
        *mistakes(
            # (0, 99) is right: trials are as long as the agent makes them, and what they lack is masked, as in a slice.
            "steps",
            each("record_activity steps=", [5, "x", (5, 2), (math.nan, 3)], lambda v: recorded(steps=v)),
        ),
        *mistakes("seed", each("record_activity seed=", [-1, 1.5, "x"], lambda v: recorded(seed=v))),
        *mistakes(
            "n_envs num_envs",
            each("make_sb3_env n_envs=", [0, -1, 1.5, "x", math.inf], lambda v: ngym_sb3.make_sb3_env(TASK, v)),
        ),
        *mistakes(
            "trials_per_episode",
            each(
                "make_sb3_env trials_per_episode=",
                [0, -1, 1.5, math.inf, math.nan, "x"],
                lambda v: ngym_sb3.make_sb3_env(TASK, trials_per_episode=v),
            ),
        ),
        *mistakes("seed", each("make_sb3_env seed=", BAD_SEEDS, lambda v: ngym_sb3.make_sb3_env(TASK, seed=v))),
    ]


def working(package: str) -> list[Mistake]:
    """Return the mistakes with a package whose errors are clear already."""
    return [mistake for mistake in PACKAGES[package]() if mistake.title not in FAILING]


PACKAGES: dict[str, Callable[[], list[Mistake]]] = {"core": core, "data": data, "plot": plot, "sb3": sb3}
