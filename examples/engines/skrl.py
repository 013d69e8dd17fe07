"""Train a GRU with skrl's PPO on 64 lanes until 0.8 of the last 2000 trials are right.

pip install skrl ngym-core
python examples/engines/skrl.py
"""

import sys
from collections import deque

sys.path.pop(0)  # the folder of this file, which would hide the skrl that it imports

import gymnasium as gym
import numpy as np
import torch
from skrl.agents.torch.ppo import PPO_RNN
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.models.torch import CategoricalMixin, DeterministicMixin, Model
from skrl.trainers.torch import StepTrainer
from skrl.utils import set_seed
from torch import nn

LANES, STEPS, MAX_STEPS, PERFORMANCE = 64, 14, 4000, 0.8


class Network(CategoricalMixin, DeterministicMixin, Model):
    """GRU with an actor and a critic; its state begins anew with each episode."""

    def __init__(self, env, units=64):
        Model.__init__(self, observation_space=env.observation_space, action_space=env.action_space, device=env.device)
        CategoricalMixin.__init__(self)
        DeterministicMixin.__init__(self)
        self.cell, self.units = nn.GRUCell(self.num_observations, units), units
        self.heads = nn.ModuleDict({"policy": nn.Linear(units, self.num_actions), "value": nn.Linear(units, 1)})

    def get_specification(self):
        return {"rnn": {"sequence_length": STEPS, "sizes": [(1, LANES, self.units)]}}

    def act(self, inputs, *, role=""):
        return (CategoricalMixin if role == "policy" else DeterministicMixin).act(self, inputs, role=role)

    def compute(self, inputs, role=""):
        steps = STEPS if self.training else 1
        ob, state, outputs = inputs["observations"].unflatten(0, (-1, steps)), inputs["rnn"][0][0, ::steps], []
        over = inputs["terminated"] | inputs["truncated"] if self.training else torch.zeros(len(ob), 1)
        for t, ends in enumerate(over.view(-1, steps, 1).float().unbind(1)):
            outputs.append(self.cell(ob[:, t], state))
            state = outputs[-1] * (1 - ends)
        return self.heads[role](torch.stack(outputs, 1).flatten(0, 1)), {"rnn": [outputs[-1].unsqueeze(0)]}


def main(task="ngym_core:PerceptualDecisionMaking-v0"):
    set_seed(0)
    torch.set_num_threads(1)  # the fastest for a network of this size
    same_step = gym.vector.AutoresetMode.SAME_STEP  # skrl takes every step for one of a trial
    lanes = gym.make_vec(task, LANES, autoreset_mode=same_step, timing={"stimulus": 500})
    env = wrap_env(lanes)
    network = Network(env)
    settings = {
        "rollouts": STEPS,
        "discount_factor": 0.95,
        "learning_rate": 2e-3,
        "mini_batches": 1,
        "value_loss_scale": 0.5,
    }
    agent = PPO_RNN(
        models={"policy": network, "value": network},
        memory=RandomMemory(memory_size=STEPS, num_envs=LANES, device=env.device),
        observation_space=env.observation_space,
        action_space=env.action_space,
        device=env.device,
        cfg={**settings, "experiment": {"write_interval": 0, "checkpoint_interval": 0}},
    )
    trainer = StepTrainer(env=env, agents=agent, cfg={"headless": True, "disable_progressbar": True})
    recent = deque([0.0] * 2000, maxlen=2000)
    for step in range(MAX_STEPS):
        *_, truncated, info = trainer.train(step, MAX_STEPS)
        if truncated.any():
            recent.extend(info["final_info"]["performance"][truncated[:, 0].numpy()])
        if np.mean(recent) >= PERFORMANCE:
            break
    print(f"performance {np.mean(recent):.3f} after {(step + 1) * LANES} steps")
    sys.exit(0 if np.mean(recent) >= PERFORMANCE else f"The performance is not {PERFORMANCE}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
