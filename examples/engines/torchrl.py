"""Train a GRU with TorchRL's PPO on 64 lanes until 0.8 of the last trials are right.

pip install torchrl ngym-core
python examples/engines/torchrl.py
"""

import sys
from collections import deque

sys.path.pop(0)  # the folder of this file, which would hide the torchrl that it imports

import gymnasium as gym
import numpy as np
import torch
from tensordict.nn import TensorDictModule
from torch import nn
from torch.distributions import Categorical
from torchrl.collectors import Collector
from torchrl.data import Unbounded
from torchrl.envs import GymWrapper, InitTracker, TransformedEnv, default_info_dict_reader
from torchrl.modules import ActorValueOperator, GRUModule, ProbabilisticActor, set_recurrent_mode
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

LANES, STEPS, UNITS, BATCHES, PERFORMANCE = 64, 14, 64, 300, 0.8


def main(task="ngym_core:PerceptualDecisionMaking-v0"):
    torch.manual_seed(0)
    torch.set_num_threads(1)  # the fastest for a network of this size
    disabled = gym.vector.AutoresetMode.DISABLED  # TorchRL resets lanes itself
    lanes = gym.make_vec(task, LANES, autoreset_mode=disabled, timing={"stimulus": 500})
    reader = default_info_dict_reader(["performance"], [Unbounded((LANES,), dtype=torch.float64)])
    env = TransformedEnv(GymWrapper(lanes, categorical_action_encoding=True).set_info_dict_reader(reader), InitTracker())
    gru = GRUModule(env.observation_spec["observation"].shape[-1], UNITS, in_key="observation", out_key="features")
    env.append_transform(gru.make_tensordict_primer())
    logits = TensorDictModule(nn.Linear(UNITS, env.action_spec.n), ["features"], ["logits"])
    policy = ProbabilisticActor(logits, in_keys=["logits"], distribution_class=Categorical, return_log_prob=True)
    value = TensorDictModule(nn.Linear(UNITS, 1), ["features"], ["state_value"])
    agent = ActorValueOperator(gru, policy, value)
    actor, critic = agent.get_policy_operator(), agent.get_value_operator()
    advantage = GAE(gamma=0.95, lmbda=0.95, value_network=critic, average_gae=True, shifted=True)
    advantage.set_keys(terminated="done")  # nothing is earned after a trial's end, which Gymnasium calls a truncation
    loss = ClipPPOLoss(actor, agent.get_value_head(), entropy_bonus=False, critic_coeff=0.5)
    optimizer = torch.optim.Adam(agent.parameters(), lr=2e-3)
    recent = deque([0.0] * 2000, maxlen=2000)
    collector = Collector(env, actor, frames_per_batch=LANES * STEPS, total_frames=LANES * STEPS * BATCHES)
    for batch in collector:
        recent.extend(batch["next", "performance"][batch["next", "done"].squeeze(-1)].tolist())
        if np.mean(recent) >= PERFORMANCE:
            break
        with set_recurrent_mode(True):
            with torch.no_grad():
                advantage(batch)
            for _ in range(8):
                losses = loss(batch)
                optimizer.zero_grad()
                (losses["loss_objective"] + losses["loss_critic"]).backward()
                nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
                optimizer.step()
    print(f"performance {np.mean(recent):.3f} after {collector._frames} steps")
    collector.shutdown()
    sys.exit(0 if np.mean(recent) >= PERFORMANCE else f"The performance is not {PERFORMANCE}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
