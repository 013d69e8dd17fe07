"""score: plays trials with a trained network and returns a trial table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from ngym_core.arguments import Count, Flag, Keywords, Seed, checked, shown
from ngym_core.networks import NetworkAgent, is_network
from ngym_core.playing import Carry, GivenTrials, deal_trials, play_trials
from ngym_core.sampling import silent_copy
from ngym_core.trial_table import TrialTable
from ngym_core.trials import Trials
from ngym_core.wrappers import FixConditions
from ngym_data.trial_dataset import TrialDataset
from ngym_data.trial_source import make_env

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["score"]

DEFAULT_TRIALS = 1000
"""Number of trials of a task, if none is given."""
LANES = 64
"""Number of lanes that play trials, unless sessions say otherwise."""


@checked
def score(
    net: Any,
    trials: Any,
    num_trials: Count | None = None,
    *,
    env_kwargs: Keywords | None = None,
    conditions: Keywords | None = None,
    carry: Carry = "trial",
    seed: Seed = 0,
    deterministic: Flag = True,
    batch_first: Flag | None = None,
) -> TrialTable:
    """Play trials with a network, by the rule of their task, and return a table with one row per trial.

    The network acts step by step: what it does counts, an answer ends a trial as in the task, and what it sees may depend
    on what it did. So the table is what `ngym_sb3.evaluate_policy` returns for an agent, and figures and fits take it.

    Args:
        net: A torch module, called with observations (steps, trials, *observation shape), or (trials, steps, ...). Its
            outputs, alone or first in a tuple, have the same first two axes: n logits for n actions, or the numbers of a
            `Box`. Its state is carried from step to step, see `ngym_core.networks.NetworkAgent`.
        trials: What to play: a task's id, an env with its wrappers, a `TrialDataset` (its split, conditions and held-out
            values), or `Trials` of `env.sample_trials`. The env is copied, not played.
        num_trials: Number of trials: by default all that are given, or 1000 of a task.
        env_kwargs: Parameters of the task, if `trials` is an id.
        conditions: Conditions of the trials of a task, name -> a value, or a list of values one of which is drawn for each
            trial.
        carry: Whether the state of the network restarts with each ``trial``, or is kept in ``stream`` of trials that follow
            one another: those of a session of a `TrialDataset`, all of `Trials`, or those of each of 64 lanes of a task.
        seed: Seed of the trials of a task (lane i plays those of seed + i), and of actions that are drawn.
        deterministic: Whether the network takes the action with the largest logit instead of drawing one.
        batch_first: Whether the network is called with (trials, steps, ...); by default this is found out by trying.

    Returns:
        Column -> (num_trials,) array: the conditions of the trials, and `ngym_core.trial_table.MEASURED_COLUMNS`.

    Raises:
        TypeError: `net` is no torch module, `trials` is none of these, or does not go with `conditions` or `env_kwargs`.
        UnknownNameError: A condition that the task does not have.
        ValueError: A network that cannot be called so or whose outputs do not fit the actions, more trials than are given,
            or given trials of a task in NeuroGym's style.

    Example:
        >>> import torch
        >>> from ngym_data import TrialDataset, score
        >>> crossed = {"coh": [0, 51.2], "ground_truth": [0, 1]}
        >>> trials = TrialDataset("PerceptualDecisionMaking-v0", trials=40, seed=0, split="test", conditions=crossed)
        >>> net = torch.nn.GRU(3, 3)  # untrained
        >>> table = score(net, trials)
        >>> table["performance"].shape, table["coh"][:4].tolist()
        ((40,), [0.0, 0.0, 51.2, 51.2])
        >>> score(torch.nn.GRU(33, 17), "yang19.go-v0+anti", num_trials=10, carry="stream")["anti"].all().item()
        True
    """
    if not is_network(net):
        raise TypeError(
            f"net={shown(net)} must be a torch module; agents with `predict` are evaluated by ngym_sb3.evaluate_policy."
        )
    if env_kwargs and not isinstance(trials, str):
        raise TypeError(f"env_kwargs={dict(env_kwargs)!r} goes with an id; trials={shown(trials)} is none.")
    if conditions and isinstance(trials, (Trials, TrialDataset)):
        raise TypeError(f"conditions={dict(conditions)!r} goes with a task; trials={shown(trials)} are drawn already.")
    env, rows = _lanes(trials, num_trials, env_kwargs, carry)
    env = FixConditions(env, conditions) if conditions else env
    agent = NetworkAgent(net, env.observation_space, env.action_space, batch_first=batch_first)
    import torch

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        if seed is not None:
            torch.manual_seed(seed)
        # Under seed k a lane plays the given trials of lane k.
        first = 0 if isinstance(env, GivenTrials) else seed
        return play_trials(agent, env, rows, carry=carry, seed=first, deterministic=deterministic)


def _lanes(given: Any, num_trials: int | None, env_kwargs: Any, carry: Carry) -> tuple[Any, list[NDArray[np.int64]]]:
    """Return an env of its own that plays the trials, and for each lane their numbers."""
    if not isinstance(given, (Trials, TrialDataset)):
        if not isinstance(given, (str, gymnasium.Env)):
            raise TypeError(
                f"trials={shown(given)} must be a task's id, an env, a TrialDataset, or Trials of env.sample_trials."
            )
        env = make_env(given, env_kwargs)
        return (env if isinstance(given, str) else silent_copy(env)), deal_trials(num_trials or DEFAULT_TRIALS, LANES)
    there_are = given.n if isinstance(given, Trials) else len(given)
    n = there_are if num_trials is None else num_trials
    if n > there_are:
        raise ValueError(f"num_trials={n}: there are {there_are} trials.")
    session = given.session if isinstance(given, TrialDataset) else n
    rows = deal_trials(n, LANES)
    if carry == "stream":
        rows = [np.arange(first, min(first + session, n)) for first in range(0, n, session)]
    trials = given if isinstance(given, Trials) else given.played_trials(n)
    return GivenTrials(silent_copy(given.env), trials, rows), rows
