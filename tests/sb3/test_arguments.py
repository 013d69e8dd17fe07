from __future__ import annotations

import math

import pytest

import ngym_sb3

ID = "GoNogo-v0"
NAN, INF = math.nan, math.inf
NOT_A_COUNT = (0, -5, 1.5, NAN, INF, True, "x", None)
NOT_AN_INDEX = (-1, 1.5, NAN, INF, True, "x")
NOT_A_FLAG = ("yes", 2)
CELL = {"input_size": NOT_A_COUNT, "hidden_size": NOT_A_COUNT, "num_layers": NOT_A_COUNT}
TIMES = {"dt": (0, -1, NAN, INF, "x"), "tau": (0, -1, NAN, INF, "x")}
ENV = {"trials_per_episode": NOT_A_COUNT, "carry": ("trail", None), "episode_end": ("terminated", None)}
WRONG = {
    "TrainingConfig": {
        **dict.fromkeys(("steps", "envs", "units", "rollout", "batch_size", "epochs"), NOT_A_COUNT),
        **ENV,
        "algo": ("pp0", None),
        "policy": (5,),
        "seed": (*NOT_AN_INDEX, None),
        "learning_rate": (0, -1, 1e9, NAN, INF, "x"),
        "ent_coef": (-1, NAN, INF, "x"),
        "gamma": (-1, 1.1, NAN, "x"),
        "task_kwargs": (5, None),
    },
    "make_sb3_env": {**ENV, "n_envs": NOT_A_COUNT, "seed": NOT_AN_INDEX},
    "RNN": {**CELL, "nonlinearity": ("tanhh", None)},
    "GRU": CELL,
    "CTRNN": {**CELL, **TIMES, "nonlinearity": ("tanhh", None)},
    "DaleCTRNN": {**CELL, **TIMES, "excitatory": (-1, 2, NAN, "x")},
    "Trainer": {"task": (5, None), "config": ({}, 5), "out": (5,)},
    "evaluate_policy": {"num_trials": NOT_A_COUNT, "seed": NOT_AN_INDEX, "deterministic": NOT_A_FLAG},
    "record_activity": {
        "num_trials": NOT_A_COUNT,
        "layer": (5,),
        "units": (3, [], [0.5], "x"),
        "steps": (3, (1,), (-1, 2), (0, INF), "x"),
        "seed": (*NOT_AN_INDEX, None),
        "deterministic": NOT_A_FLAG,
        "batch_first": NOT_A_FLAG,
        "max_bytes": NOT_A_COUNT,
    },
    "EvaluationCallback": {
        "every": NOT_A_COUNT,
        "num_trials": NOT_A_COUNT,
        "seed": NOT_AN_INDEX,
        "deterministic": NOT_A_FLAG,
        "best_model": (5, "best.pt"),
        "verbose": NOT_AN_INDEX,
    },
    "TrialCallback": {"verbose": NOT_AN_INDEX},
    "load_model": {"path": (5, None), "algo": ("pp0", 5)},
}
SIZES = {"input_size": 3, "hidden_size": 8}
GIVEN = {
    "make_sb3_env": {"task": ID},
    **dict.fromkeys(("RNN", "GRU", "CTRNN", "DaleCTRNN"), SIZES),
    "Trainer": {"task": ID},
    "evaluate_policy": {"model": None, "env": None},
    "record_activity": {"model": None, "env": None},
    "EvaluationCallback": {"env": None},
    "load_model": {"path": "model.zip"},
}


@pytest.mark.parametrize(("call", "name"), [(call, name) for call, names in WRONG.items() for name in names])
def test_wrong_argument_of_an_agent_is_refused_by_its_name(call, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for value in WRONG[call][name]:
        with pytest.raises((TypeError, ValueError), match=f"^{name}=.* must be "):
            getattr(ngym_sb3, call)(**{**GIVEN.get(call, {}), name: value})
    assert list(tmp_path.iterdir()) == []
