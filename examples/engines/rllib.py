"""Train with Ray RLlib on two env runners of 32 lanes each; stop, restore from the checkpoint, and go on to a return of 0.8.

    pip install "ray[rllib]" ngym-core
    python examples/engines/rllib.py

On several machines: `ray start --head` on the first, `ray start --address=FIRST:6379` on the others, and this script with
RAY_ADDRESS=FIRST:6379 and more env runners. All need the same packages and Ray's token (or RAY_AUTH_MODE=disabled), and a
task of yours must come from a pack that they have installed: what only this process registers, env runners do not know.
"""

import sys
import tempfile

import gymnasium as gym
import ray
import torch
from ray.rllib.algorithms.ppo import PPO, PPOConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig

TASK, STIMULUS_MS, RETURN, MAX_ITERATIONS = "ngym_core:PerceptualDecisionMaking-v0", 500, 0.8, 60


def config(task: str, env_runners: int) -> PPOConfig:
    """Give an agent with an LSTM, since the stimulus is gone when the decision is due."""
    return (
        PPOConfig()
        .environment(task, env_config={"timing": {"stimulus": STIMULUS_MS}})
        .env_runners(
            num_env_runners=env_runners,
            num_envs_per_env_runner=32,
            gym_env_vectorize_mode=gym.VectorizeMode.VECTOR_ENTRY_POINT,  # ngym's own lanes
        )
        .rl_module(model_config=DefaultModelConfig(fcnet_hiddens=[64], use_lstm=True, lstm_cell_size=64, max_seq_len=8))
        .training(
            train_batch_size_per_learner=4096, minibatch_size=512, num_epochs=6, lr=2e-3, gamma=0.95, entropy_coeff=0.0
        )
        .reporting(metrics_num_episodes_for_smoothing=1000)
        .debugging(seed=0, log_level="ERROR")
    )


def train(agent: PPO, criterion: float) -> float:
    """Train until the mean return of an episode, which is one trial, reaches a criterion."""
    for _ in range(MAX_ITERATIONS):
        result = agent.train()["env_runners"]
        print(
            f"{result['num_env_steps_sampled_lifetime']:8.0f} steps, mean return {result['episode_return_mean']:.3f}",
            flush=True,
        )
        if result["episode_return_mean"] >= criterion:
            break
    return result["episode_return_mean"]


def main(task: str = TASK) -> None:
    gym.make_vec(task, num_envs=1).close()  # an unknown id ends here, in words
    torch.set_num_threads(1)  # the fastest for a network of this size
    ray.init(log_to_driver=False)
    try:
        with tempfile.TemporaryDirectory() as folder:
            agent = config(task, env_runners=2).build_algo()
            train(agent, RETURN - 0.2)
            agent.save_to_path(folder)
            agent.stop()
            agent = PPO.from_checkpoint(folder)
            # RLlib 2.60 restores the learner, and lets the first steps be taken by new agents
            runners, learner = agent.env_runner_group, agent.learner_group
            runners.sync_weights(from_worker_or_learner_group=learner, inference_only=True, timeout_seconds=None)  # waits
            print(f"restored after {agent.iteration} iterations")
            reached = train(agent, RETURN)
        agent.stop()
    finally:
        ray.shutdown()  # also of its processes, whatever happened
    sys.exit(0 if reached >= RETURN else f"The return is {reached:.3f}, not {RETURN}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
