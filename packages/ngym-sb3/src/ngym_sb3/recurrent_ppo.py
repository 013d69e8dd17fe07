"""RecurrentPPO: that of sb3-contrib with rollouts and updates that handle all lanes and steps at once."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib import RecurrentPPO as ParentPPO
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.policies import ActorCriticPolicy, BaseModel
from stable_baselines3.common.utils import explained_variance, obs_as_tensor
from torch import Tensor

from ngym_core.arguments import Amount
from ngym_sb3.lane_infos import LaneInfos, StepEnds
from ngym_sb3.policies import MlpRnnPolicy
from ngym_sb3.rollout_buffer import Minibatch, SequenceRolloutBuffer
from ngym_sb3.scan import CellRun, run_cells
from ngym_sb3.trained_on import record_of, warn_of_another_env

__all__ = ["RecurrentPPO"]

Array: TypeAlias = NDArray[Any]
State: TypeAlias = tuple[Tensor, Tensor]

COUNT = Amount(1)
"""What a number of steps, epochs, units or layers may be."""
KNOWN_METHODS: dict[str, tuple[Any, ...]] = {
    **{
        name: (getattr(RecurrentActorCriticPolicy, name),)
        for name in ("forward", "evaluate_actions", "predict_values", "_get_action_dist_from_latent", "extract_features")
    },
    "_process_sequence": (RecurrentActorCriticPolicy._process_sequence, MlpRnnPolicy._process_sequence),
}
"""Methods of policies that the rollouts and updates here stand in for, in the forms that they stand in for."""


class RecurrentPPO(ParentPPO):
    """PPO for agents with memory, as sb3-contrib's `RecurrentPPO`, of which it is a faster subclass.

    Arguments, policies, callbacks, logger, `save` and `load` are the parent's, and each loads what the other saved.
    The differences:

    * A minibatch has the same steps of some lanes, without padding, instead of any `batch_size` steps in a row. Where
      `batch_size` is smaller than `n_steps`, sequences are cut into parts of at most `batch_size` steps.
    * Cells run through all steps of a minibatch in one call, in which states restart where episodes start.
    * Values are computed at the end of a rollout, for all steps and truncated episodes together. So callbacks find all
      names of the parent among `locals` but ``values``.
    * The ends of episodes are read from arrays of the lanes where the env is that of `make_sb3_env`; where it is
      another one, or in a wrapper of Stable-Baselines3, they are read from its infos.

    A policy that has a `forward`, `evaluate_actions`, `_process_sequence` or the like of its own, or hooks, is trained by
    the parent's methods.

    Attributes:
        trained_on: What the env is that it learns from, see `ngym_sb3.trained_on`; it is saved with the agent.

    Raises:
        ValueError: Numbers of steps, epochs, units or layers below 1.
        TypeError: Numbers of these that are no integers.

    Example:
        >>> from ngym_sb3 import MlpRnnPolicy, RecurrentPPO, make_sb3_env
        >>> env = make_sb3_env("GoNogo-v0", n_envs=4, seed=0)
        >>> network = {"cell": "gru", "lstm_hidden_size": 16}
        >>> model = RecurrentPPO(MlpRnnPolicy, env, n_steps=16, batch_size=64, device="cpu", policy_kwargs=network)
        >>> model = model.learn(128)
        >>> model.num_timesteps
        128
    """

    trained_on: dict[str, Any] | None = None
    policy: Any
    rollout_buffer: Any
    action_space: Any
    _last_lstm_states: Any
    _last_obs: Any
    _last_episode_starts: Any

    def _setup_model(self) -> None:
        self._check_numbers()
        super()._setup_model()
        self._note_env()
        if _is_standard(self.policy):
            self.rollout_buffer = SequenceRolloutBuffer(
                self.n_steps,
                self.observation_space,
                self.action_space,
                self.device,
                gamma=self.gamma,
                gae_lambda=self.gae_lambda,
                n_envs=self.n_envs,
                batch_size=self.batch_size,
            )

    def set_env(self, env: Any, force_reset: bool = True) -> None:
        """Set the env to learn from, as the parent does; where it differs from the one before, that is said in a warning."""
        super().set_env(env, force_reset)
        self._note_env()

    def _note_env(self) -> None:
        """Keep what the env is that is learned from, with a warning where the agent had another one."""
        if (record := record_of(self.env)) is not None:
            if self.trained_on is not None:
                warn_of_another_env(self, self.env, self.trained_on, learning=True)
            self.trained_on = record

    def _check_numbers(self) -> None:
        """Check the numbers of steps, epochs, units and layers, which the parent takes as they are; make them Python's."""
        for name in ("n_steps", "batch_size", "n_epochs"):
            if getattr(self, name) is not None or name != "batch_size":
                COUNT.check(name, getattr(self, name))
                setattr(self, name, int(getattr(self, name)))
        sizes = {
            name: self.policy_kwargs[name] for name in ("lstm_hidden_size", "n_lstm_layers") if name in self.policy_kwargs
        }
        for name, size in sizes.items():
            COUNT.check(name, size)
        self.policy_kwargs = {**self.policy_kwargs, **{name: int(size) for name, size in sizes.items()}}

    def collect_rollouts(self, env: Any, callback: Any, rollout_buffer: Any, n_rollout_steps: int) -> bool:
        """Fill the buffer with steps of the env, as the parent does.

        Args:
            env: The vector env.
            callback: Called at each step, and at the beginning and the end.
            rollout_buffer: The buffer.
            n_rollout_steps: Steps of each lane.

        Returns:
            False if the callback ended it.
        """
        if not isinstance(rollout_buffer, SequenceRolloutBuffer):
            return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)
        self.policy.set_training_mode(False)
        rollout_buffer.reset()
        if self.use_sde:
            self.policy.reset_noise(env.num_envs)
        callback.on_rollout_start()
        truncated = _TruncatedEpisodes()
        n_steps, last_state = 0, self._last_lstm_states
        state: State = last_state.pi
        while n_steps < n_rollout_steps:
            if self.use_sde and self.sde_sample_freq > 0 and n_steps % self.sde_sample_freq == 0:
                self.policy.reset_noise(env.num_envs)
            obs_tensor = obs_as_tensor(self._last_obs, self.device)
            episode_starts = torch.as_tensor(self._last_episode_starts, dtype=torch.float32, device=self.device)
            with torch.no_grad():
                chosen, log_probs, lstm_states = _act(self.policy, obs_tensor, state, episode_starts)
            actions = chosen.cpu().numpy().reshape(-1, *self.action_space.shape)
            clipped_actions = actions
            if isinstance(self.action_space, spaces.Box):
                clipped_actions = np.clip(actions, self.action_space.low, self.action_space.high)

            new_obs, rewards, dones, infos = env.step(clipped_actions)

            self.num_timesteps += env.num_envs
            callback.update_locals(locals())
            if not callback.on_step():
                self._finish_states(rollout_buffer, last_state.vf, state)
                return False
            self._update_info_buffer(infos, dones)
            truncated.add(n_steps, dones, infos)
            rollout_buffer.add(obs_tensor, chosen, rewards, self._last_episode_starts, log_probs, state)
            self._last_obs, self._last_episode_starts, state = new_obs, dones, lstm_states
            n_steps += 1

        with torch.no_grad():
            run = self._finish_states(rollout_buffer, last_state.vf, state)
            if truncated.steps:
                steps, lanes = (torch.as_tensor(x, device=self.device) for x in (truncated.steps, truncated.lanes))
                observations = self.policy.obs_to_tensor(truncated.observations())[0]
                states = None if run is None else run.states_at(steps, lanes)
                following = _values_of(self.policy, observations, states).cpu().numpy()
                rollout_buffer.rewards[truncated.steps, truncated.lanes] += self.gamma * following
            keep = torch.as_tensor(~np.asarray(dones, bool), dtype=torch.float32, device=self.device).reshape(1, -1, 1)
            last = self._last_lstm_states.vf
            values = _values_of(self.policy, obs_as_tensor(new_obs, self.device), (keep * last[0], keep * last[1]))
        rollout_buffer.compute_returns_and_advantage(last_values=values, dones=dones)
        callback.on_rollout_end()
        return True

    def _finish_states(self, buffer: SequenceRolloutBuffer, critic_state: State, actor_state: State) -> CellRun | None:
        """Compute the values of the steps in the buffer, and the states that follow.

        Args:
            buffer: The buffer.
            critic_state: The critic's state before the rollout.
            actor_state: The actor's state after it.

        Returns:
            The run of the critic's cell, or None if it has none or there are no steps.
        """
        policy, steps = self.policy, buffer.pos
        run = None
        if steps:
            with torch.no_grad():
                observations = _map(lambda o: o[:steps].to(self.device), buffer.observations)
                starts = buffer.starts[:steps].to(self.device)
                features = BaseModel.extract_features(policy, _flat(observations), policy.vf_features_extractor)
                cell = _critic_cell(policy)
                if cell is None:
                    latent = policy.critic(features)
                else:
                    (run,) = run_cells([cell], [features.reshape(*starts.shape, -1)], [critic_state], starts)
                    latent = run.outputs.flatten(end_dim=1)
                values = policy.value_net(policy.mlp_extractor.forward_critic(latent))
            buffer.values[:steps] = values.reshape(starts.shape).cpu().numpy()
        if run is not None:
            before = [torch.tensor(part.start - 1) for part in buffer.parts[1:] if part.start < steps]
            everyone = torch.arange(buffer.n_envs, device=self.device)
            buffer.critic_states = [critic_state, *(run.states_at(at.expand(len(everyone)), everyone) for at in before)]
        else:
            buffer.critic_states = buffer.actor_states
        own_state = policy.lstm_critic is not None and run is not None
        self._last_lstm_states = RNNStates(actor_state, run.last_state() if own_state and run is not None else actor_state)
        return run

    def _update_info_buffer(self, infos: Any, dones: Array | None = None) -> None:
        """Note reward, length and success of the episodes that ended."""
        ends = None if dones is None else _unread_ends(infos, dones)
        if ends is None:
            super()._update_info_buffer(infos, dones)
            return
        self.ep_info_buffer.extend(ends.episodes())  # type: ignore[union-attr]
        self.ep_success_buffer.extend(ends.success.tolist())  # type: ignore[union-attr]

    def train(self) -> None:
        """Update the policy from the buffer."""
        if not isinstance(self.rollout_buffer, SequenceRolloutBuffer):
            super().train()
            return
        policy, optimizer = self.policy, self.policy.optimizer
        policy.set_training_mode(True)
        self._update_learning_rate(optimizer)
        clip_range: float = self.clip_range(self._current_progress_remaining)  # type: ignore[operator]
        clip_range_vf: float | None = None
        if self.clip_range_vf is not None:
            clip_range_vf = self.clip_range_vf(self._current_progress_remaining)  # type: ignore[operator]
        parameters = list(policy.parameters())
        if type(optimizer) in (torch.optim.Adam, torch.optim.AdamW):
            for group in optimizer.param_groups:  # all weights in one call, unless the user has chosen otherwise
                if group["fused"] is None and not group["foreach"] and not group["differentiable"]:
                    group["fused"] = True
        # Losses stay tensors until the end: reading one would make PyTorch wait at every minibatch.
        logged: list[tuple[Tensor, ...]] = []
        kl_divergences: list[Tensor] = []
        stopped = False
        for epoch in range(self.n_epochs):
            kl_divergences = []
            for batch in self.rollout_buffer.get():
                loss, parts, kl_divergence = self._losses(batch, clip_range, clip_range_vf)
                logged.append((*parts, loss.detach()))
                kl_divergences.append(kl_divergence)
                if self.target_kl is not None and kl_divergence > 1.5 * self.target_kl:
                    stopped = True
                    if self.verbose >= 1:
                        print(f"Early stopping at step {epoch} due to reaching max kl: {kl_divergence:.2f}")
                    break
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(parameters, self.max_grad_norm)
                optimizer.step()
            self._n_updates += 1
            if stopped:
                break
        buffer, record = self.rollout_buffer, self.logger.record
        table = torch.tensor([[float(value) for value in row] for row in logged]).numpy()
        for name, column in zip(
            ("policy_gradient_loss", "value_loss", "entropy_loss", "clip_fraction"), table.T, strict=False
        ):
            record(f"train/{name}", np.mean(column))
        record("train/approx_kl", np.mean([float(value) for value in kl_divergences]))
        record("train/loss", float(table[-1, -1]))
        record("train/explained_variance", explained_variance(buffer.values.flatten(), buffer.returns.flatten()))
        if hasattr(policy, "log_std"):
            record("train/std", torch.exp(policy.log_std).mean().item())
        record("train/n_updates", self._n_updates, exclude="tensorboard")
        record("train/clip_range", clip_range)
        if clip_range_vf is not None:
            record("train/clip_range_vf", clip_range_vf)

    def _losses(
        self, batch: Minibatch, clip_range: float, clip_range_vf: float | None
    ) -> tuple[Tensor, tuple[Tensor, ...], Tensor]:
        """Return the loss of a minibatch, its parts with the share of clipped ratios, and the KL divergence."""
        values, log_probs, entropy = _evaluate(self.policy, batch)
        advantages = batch.advantages
        if self.normalize_advantage and len(advantages) > 1:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        log_ratio = log_probs - batch.old_log_probs
        ratio = log_ratio.exp()
        policy_loss = -torch.min(advantages * ratio, advantages * ratio.clamp(1 - clip_range, 1 + clip_range)).mean()
        if clip_range_vf is not None:
            values = batch.old_values + (values - batch.old_values).clamp(-clip_range_vf, clip_range_vf)
        value_loss = torch.nn.functional.mse_loss(values, batch.returns)
        entropy_loss = log_probs.mean() if entropy is None else -entropy.mean()
        loss = policy_loss + self.ent_coef * entropy_loss + self.vf_coef * value_loss
        with torch.no_grad():
            clipped = ((ratio - 1).abs() > clip_range).float().mean()
            kl_divergence = (ratio - 1 - log_ratio).mean()
        return loss, (policy_loss.detach(), value_loss.detach(), entropy_loss.detach(), clipped), kl_divergence


class _TruncatedEpisodes:
    """Where episodes were truncated in a rollout, so that the value of what would have followed is to be added.

    Attributes:
        steps: Steps of the rollout, as many as there are.
        lanes: Indices of lanes.
    """

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.lanes: list[int] = []
        self._observations: list[Any] = []

    def add(self, step: int, dones: Array, infos: Any) -> None:
        """Note the episodes that ended in a step."""
        ends = _unread_ends(infos, dones)
        if ends is not None:
            lanes = ends.done_lanes[ends.truncated.astype(bool)]
            self.steps += [step] * len(lanes)
            self.lanes += lanes.tolist()
            self._observations += list(ends.terminal_observations[ends.truncated.astype(bool)])
            return
        for lane in np.nonzero(dones)[0].tolist():
            info = infos[lane]
            if info.get("TimeLimit.truncated", False) and info.get("terminal_observation") is not None:
                self.steps.append(step)
                self.lanes.append(lane)
                self._observations.append(info["terminal_observation"])

    def observations(self) -> Any:
        """Return the last observations, one behind the other."""
        first = self._observations[0]
        if isinstance(first, dict):
            return {name: np.stack([ob[name] for ob in self._observations]) for name in first}
        return np.stack(self._observations)


def _is_standard(policy: Any) -> bool:
    """Return whether a policy computes what sb3-contrib's do, with whatever extractors and cells."""
    kind = type(policy)
    return not (policy._forward_hooks or policy._forward_pre_hooks) and all(
        getattr(kind, name) in known and name not in vars(policy) for name, known in KNOWN_METHODS.items()
    )


def _unread_ends(infos: Any, dones: Array) -> StepEnds | None:
    """Return what ended in a step as arrays; None where only the infos tell: wrappers have read them or changed "done"."""
    if not isinstance(infos, LaneInfos) or infos.read or not np.array_equal(np.flatnonzero(dones), infos.ends.done_lanes):
        return None
    return infos.ends


def _map(function: Any, observations: Any) -> Any:
    """Apply a function to observations, or to each part of observations that are dictionaries."""
    if isinstance(observations, dict):
        return {name: function(part) for name, part in observations.items()}
    return function(observations)


def _flat(observations: Any) -> Any:
    """Return observations (steps, n, ...) one after another, (steps * n, ...)."""
    return _map(lambda part: part.flatten(end_dim=1), observations)


def _critic_cell(policy: Any) -> Any:
    """Return the cell that the critic's values come from; None if it has none."""
    return policy.lstm_actor if policy.shared_lstm else policy.lstm_critic


def _act(policy: Any, observations: Any, state: State, starts: Tensor) -> tuple[Tensor, Tensor, State]:
    """Return actions (n, ...), the logarithms of their probabilities (n,), and the actor's next state."""
    features = BaseModel.extract_features(policy, observations, policy.pi_features_extractor)
    latent, state = policy._process_sequence(features, state, starts, policy.lstm_actor)
    latent = policy.mlp_extractor.forward_actor(latent)
    if type(policy.action_dist) is CategoricalDistribution:
        # As `torch.distributions.Categorical` does, with the same draws, without its checks.
        log_probs = policy.action_net(latent).log_softmax(dim=1)
        actions = torch.multinomial(log_probs.exp(), 1, True)
        return actions.squeeze(1), log_probs.gather(1, actions).squeeze(1), state
    distribution = policy._get_action_dist_from_latent(latent)
    actions = distribution.get_actions()
    return actions, distribution.log_prob(actions), state


def _values_of(policy: Any, observations: Any, state: State | None) -> Tensor:
    """Return the values of single observations, (n,), that follow on some states of the critic, (layers, n, units) each."""
    features = BaseModel.extract_features(policy, observations, policy.vf_features_extractor)
    cell = _critic_cell(policy)
    latent = policy.critic(features) if cell is None else cell(features.unsqueeze(0), state)[0].squeeze(0)
    values: Tensor = policy.value_net(policy.mlp_extractor.forward_critic(latent)).flatten()
    return values


def _evaluate(policy: Any, batch: Minibatch) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return values, logarithms of the probabilities of the actions, and entropies of a minibatch, (t * m,) each."""
    features = ActorCriticPolicy.extract_features(policy, _flat(batch.observations))
    of_actor, of_critic = (features, features) if isinstance(features, Tensor) else features
    shape = batch.starts.shape
    cells: list[Any] = [policy.lstm_actor, policy.lstm_critic]
    states: list[Any] = [batch.states.pi, batch.states.vf]
    inputs = [of_actor.reshape(*shape, -1), of_critic.reshape(*shape, -1)]
    number = 1 if policy.lstm_critic is None else 2
    runs = run_cells(cells[:number], inputs[:number], states[:number], batch.starts)
    latent, *others = (run.outputs.flatten(end_dim=1) for run in runs)
    if others:
        (latent_vf,) = others
    else:
        latent_vf = latent.detach() if policy.shared_lstm else policy.critic(of_critic)
    values = policy.value_net(policy.mlp_extractor.forward_critic(latent_vf)).flatten()
    latent = policy.mlp_extractor.forward_actor(latent)
    if type(policy.action_dist) is CategoricalDistribution:
        log_probs = policy.action_net(latent).log_softmax(dim=1)
        entropy = -(log_probs.exp() * log_probs).sum(dim=1)
        return values, log_probs.gather(1, batch.actions.unsqueeze(1)).squeeze(1), entropy
    distribution = policy._get_action_dist_from_latent(latent)
    return values, distribution.log_prob(batch.actions), distribution.entropy()
