"""A pack: two tasks (one in each style), a wrapper, a tag and a command."""

import click
import numpy as np

import ngym_core as ngym
from ngym_core import TaskSpec, WrapperSpec, hookimpl


class Flash(ngym.TrialEnv):
    """Report on which side a light flashed."""

    metadata = {"paper_name": "None", "tags": ["flashing", "two-alternative"]}
    default_timing = {"fixation": 200, "flash": 100, "decision": 200}
    default_rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
    rule = ngym.FixateThenChoose()

    def __init__(self, dt=100, rewards=None, timing=None):
        super().__init__(dt, rewards=rewards, timing=timing)
        self.choices = [0, 1]
        name = {"fixation": 0, "light": [1, 2]}
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, name, shape=(3,))
        self.action_space = ngym.spaces.Discrete(3, {"fixation": 0, "choice": [1, 2]})

    def _new_trials(self, trials):
        side = trials.choice("ground_truth", self.choices)
        trials.add_period(["fixation", "flash", "decision"])
        trials.add_ob(1, ["fixation", "flash"], where="fixation")
        trials.add_ob(np.eye(2)[side], "flash", where="light")
        trials.set_groundtruth(side, "decision", where="choice")


class OldFlash(ngym.TrialEnv):
    """The same in NeuroGym's style, one trial at a time."""

    metadata = {"tags": ["flashing"]}

    def __init__(self, dt=100):
        super().__init__(dt=dt)
        self.rewards = {"abort": -0.1, "correct": 1.0, "fail": 0.0}
        self.timing = {"fixation": lambda: self.rng.uniform(100, 400), "flash": 100, "decision": 200}
        self.choices = [0, 1]
        name = {"fixation": 0, "light": [1, 2]}
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, shape=(3,), dtype=np.float32, name=name)
        self.action_space = ngym.spaces.Discrete(3, name={"fixation": 0, "choice": [1, 2]})

    def _new_trial(self, **kwargs):
        trial = {"ground_truth": self.rng.choice(self.choices)}
        trial.update(kwargs)
        self.add_period(["fixation", "flash", "decision"])
        self.add_ob(1, ["fixation", "flash"], where="fixation")
        self.add_ob(np.eye(2)[trial["ground_truth"]], "flash", where="light")
        self.add_randn(0, 0.1, "flash")
        self.set_groundtruth(trial["ground_truth"], period="decision", where="choice")
        return trial

    def _step(self, action):
        new_trial, reward, gt = False, 0, self.gt_now
        if self.in_period("fixation") and action != 0:
            reward = self.rewards["abort"]
        elif self.in_period("decision") and action != 0:
            new_trial = True
            if action == gt:
                reward, self.performance = self.rewards["correct"], 1
        return self.ob_now, reward, False, False, {"new_trial": new_trial, "gt": gt}


class Left(ngym.TrialWrapper):
    """Let the light flash on the left only."""

    metadata = {"description": "Lets the light flash on the left only."}

    def draw_conditions(self, n, draws, forced):
        return {"ground_truth": 0, **forced}, {}


@hookimpl
def ngym_tasks():
    return [TaskSpec("Flash-v0", "good_pack:Flash"), TaskSpec("OldFlash-v0", "good_pack:OldFlash", {"dt": 50})]


@hookimpl
def ngym_wrappers():
    return [WrapperSpec("Left-v0", "good_pack:Left")]


@hookimpl
def ngym_tags():
    return {"flashing": "a light flashes"}


@hookimpl
def ngym_commands(group):
    @group.command()
    def flash():
        """Flash."""
        click.echo("a flash")
