"""Train a GRU with PPO on 64 lanes in one file, in the style of CleanRL, until 0.8 of the last 2000 trials are right.

pip install torch ngym-core
python examples/engines/cleanrl_style.py
"""

import sys
from collections import deque

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

LANES, STEPS, MAX_STEPS, PERFORMANCE = 64, 14, 400_000, 0.8
GAMMA, LAMBDA, CLIP, EPOCHS, UNITS = 0.95, 0.95, 0.2, 8, 64


class Agent(nn.Module):
    """GRU with an actor and a critic."""

    def __init__(self, channels, actions):
        super().__init__()
        self.cell, self.actor, self.critic = nn.GRUCell(channels, UNITS), nn.Linear(UNITS, actions), nn.Linear(UNITS, 1)

    def forward(self, ob, state, starts):
        """Map observations (steps, lanes, channels) to choices and values (steps, lanes); `starts` clears the state."""
        states = []
        for x, start in zip(ob, starts, strict=True):
            state = self.cell(x, state * (1 - start[:, None]))
            states.append(state)
        units = torch.stack(states)
        return Categorical(logits=self.actor(units)), self.critic(units)[..., 0], state


def main(task="ngym_core:PerceptualDecisionMaking-v0"):
    torch.manual_seed(0)
    torch.set_num_threads(1)  # the fastest for a network of this size
    same_step = gym.vector.AutoresetMode.SAME_STEP
    env = gym.make_vec(task, LANES, autoreset_mode=same_step, timing={"stimulus": 500})
    agent = Agent(env.single_observation_space.shape[0], env.single_action_space.n)
    optimizer = torch.optim.Adam(agent.parameters(), lr=2e-3)
    next_ob, next_start, state = torch.as_tensor(env.reset(seed=0)[0]), torch.ones(LANES), torch.zeros(LANES, UNITS)
    recent, steps = deque([0.0] * 2000, maxlen=2000), 0
    while np.mean(recent) < PERFORMANCE and steps < MAX_STEPS:
        rollout, first_state = [], state
        for _ in range(STEPS):
            with torch.no_grad():
                choice, value, state = agent(next_ob[None], state, next_start[None])
                action = choice.sample()
            ob, reward, _, over, info = env.step(action[0].numpy())
            reward = torch.as_tensor(reward).float()
            rollout.append((next_ob, next_start, action[0], choice.log_prob(action)[0], value[0], reward))
            next_ob, next_start = torch.as_tensor(ob), torch.as_tensor(over).float()
            recent.extend(info["final_info"]["performance"][over] if over.any() else [])
        ob, starts, actions, old, values, rewards = map(torch.stack, zip(*rollout, strict=True))
        with torch.no_grad():
            next_value = agent(next_ob[None], state, next_start[None])[1][0]
        advantages, last = torch.zeros_like(values), torch.zeros(LANES)
        for t in reversed(range(STEPS)):  # nothing is earned after a trial's end
            goes_on = 1 - (starts[t + 1] if t + 1 < STEPS else next_start)
            delta = rewards[t] + GAMMA * goes_on * (values[t + 1] if t + 1 < STEPS else next_value) - values[t]
            advantages[t] = last = delta + GAMMA * LAMBDA * goes_on * last
        scaled, returns = (advantages - advantages.mean()) / (advantages.std() + 1e-8), advantages + values
        for _ in range(EPOCHS):
            choice, value, _ = agent(ob, first_state, starts)
            ratio = (choice.log_prob(actions) - old).exp()
            gain = torch.min(ratio * scaled, ratio.clamp(1 - CLIP, 1 + CLIP) * scaled).mean()
            loss = 0.5 * (value - returns).pow(2).mean() - gain
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.step()
        steps += LANES * STEPS
    print(f"performance {np.mean(recent):.3f} after {steps} steps")
    sys.exit(0 if np.mean(recent) >= PERFORMANCE else f"The performance is not {PERFORMANCE}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
