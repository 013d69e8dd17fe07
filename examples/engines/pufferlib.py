"""Train an LSTM with PufferLib on 64 lanes, written into its buffers, until 0.8 of the last 2000 trials are right.

pip install --no-deps pufferlib-core  # 3.0.23; the sdist `pufferlib` 3.0.0 does not build
pip install torch psutil nvidia-ml-py rich rich-argparse setuptools pyro-ppl ngym-core
python examples/engines/pufferlib.py
"""

import sys
import tempfile
from collections import deque

sys.path.pop(0)  # the folder of this file, which would hide the pufferlib that it imports

import numpy as np
import pufferlib
import torch
from pufferlib import models, pufferl, vector

import ngym_core as ngym

LANES, STEPS, MAX_STEPS, PERFORMANCE = 64, 28, 400_000, 0.8


class Lanes(pufferlib.PufferEnv):
    """Lanes of a task without episodes; for PufferLib each trial is one."""

    def __init__(self, task="PerceptualDecisionMaking-v0", num_agents=LANES, buf=None, seed=0, **parameters):
        self.lanes, self.num_agents = ngym.make_vec(task, num_agents, **parameters), num_agents
        self.single_observation_space = self.lanes.single_observation_space
        self.single_action_space = self.lanes.single_action_space
        super().__init__(buf)

    def reset(self, seed=None):
        self.observations[:] = self.lanes.reset(seed=seed)[0]
        return self.observations, []

    def step(self, actions):
        self.observations[:], self.rewards[:], _, _, info = self.lanes.step(actions)
        self.terminals[:] = over = info["new_trial"]
        infos = [{"performance": info["performance"][over].tolist()}] if over.any() else []
        return self.observations, self.rewards, self.terminals, self.truncations, infos

    def close(self):
        self.lanes.close()


def advantage(values, rewards, terminals, ratio, advantages, gamma, gae_lambda, rho_clip, c_clip):
    """Compute what the wheel's kernel computes, which needs CUDA."""
    last, goes_on = torch.zeros(len(values)), 1 - terminals
    for t in reversed(range(values.shape[1] - 1)):
        delta = rewards[:, t + 1] + gamma * values[:, t + 1] * goes_on[:, t + 1] - values[:, t]
        trace = gamma * gae_lambda * ratio[:, t].clamp(max=c_clip) * goes_on[:, t + 1]
        advantages[:, t] = last = ratio[:, t].clamp(max=rho_clip) * delta + trace * last
    return advantages


def main(task="PerceptualDecisionMaking-v0"):
    torch.manual_seed(0)
    torch.set_num_threads(1)  # the fastest for a network of this size
    if not pufferl._C_AVAILABLE:
        pufferl.compute_puff_advantage = advantage
    pufferl.PuffeRL.print_dashboard = lambda self, clear=False: None
    lanes = vector.make(Lanes, env_kwargs={"task": task, "timing": {"stimulus": 500}}, backend=vector.Serial, num_envs=1)
    policy = models.LSTMWrapper(lanes, models.Default(lanes, 64), 64, 64)
    batch = LANES * STEPS
    config = {"bptt_horizon": STEPS, "batch_size": batch, "minibatch_size": batch // 2, "max_minibatch_size": batch}
    config |= {"optimizer": "adam", "learning_rate": 3e-3, "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_eps": 1e-8}
    config |= {"gamma": 0.95, "gae_lambda": 0.95, "clip_coef": 0.2, "vf_clip_coef": 0.2, "vf_coef": 0.5, "ent_coef": 0.0}
    config |= {"vtrace_rho_clip": 1.0, "vtrace_c_clip": 1.0, "prio_alpha": 0.0, "prio_beta0": 1.0, "max_grad_norm": 0.5}
    config |= {"use_rnn": True, "update_epochs": 6, "anneal_lr": False, "precision": "float32", "compile": False, "seed": 0}
    config |= {"device": "cpu", "cpu_offload": False, "torch_deterministic": True, "checkpoint_interval": 10**6, "env": task}
    with tempfile.TemporaryDirectory() as folder:
        trainer = pufferl.PuffeRL({**config, "total_timesteps": MAX_STEPS, "data_dir": folder}, lanes, policy)
        recent = deque([0.0] * 2000, maxlen=2000)
        try:
            while trainer.global_step < MAX_STEPS and np.mean(recent) < PERFORMANCE:
                recent.extend(trainer.evaluate().pop("performance", []))
                trainer.train()
        finally:
            trainer.close()  # also its thread, which would go on
    print(f"performance {np.mean(recent):.3f} after {trainer.global_step} steps")
    sys.exit(0 if np.mean(recent) >= PERFORMANCE else f"The performance is not {PERFORMANCE}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
