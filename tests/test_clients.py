"""Programs in the style of those that were written for NeuroGym, each run to its end: own words, own code."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

import ngym_core
import ngym_core.compat as ngym
from ngym_plot import plot_env
from ngym_sb3 import make_sb3_env

# ---- collections of many tasks (Mod_Cog and its copies) ------------------------------------------------


class RingTask(ngym.TrialEnv):
    """A cue on a ring, a delay, a response that may move on: it makes its own ground truth, step by step."""

    num_values = 5

    def __init__(self, dt=100, rewards=None, timing=None, dim_ring=8, seq=0):
        super().__init__(dt=dt)
        self.rewards = {"abort": -0.1, "correct": +1.0, "fail": 0.0}
        if rewards:
            self.rewards.update(rewards)
        self.timing = {"fixation": 200, "stimulus": 200, "delay": 100, "decision": 300}
        if timing:
            self.timing.update(timing)
        self.abort = False
        self.seq, self.dim_ring = seq, dim_ring
        self.theta = np.arange(0, 2 * np.pi, 2 * np.pi / dim_ring)
        self.choices = np.arange(dim_ring)
        name = {"fixation": 0, "stimulus": range(1, dim_ring + 1)}
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, shape=(1 + dim_ring,), dtype=np.float32, name=name)
        name = {"fixation": 0, "choice": range(1, dim_ring + 1)}
        self.action_space = ngym.spaces.Discrete(1 + dim_ring, name=name)

    def _init_gt(self):
        steps = int(self._tmax / self.dt)
        self.gt = np.zeros([steps, *self.action_space.shape], dtype=self.action_space.dtype)
        self._gt_built = True

    def sequence(self, start, period):
        if not self._gt_built:
            self._init_gt()
        for k in range(int(self.timing[period] / self.dt)):
            self.gt[self.start_ind[period] + k] = 1 + (start + self.seq * k) % self.dim_ring

    def _new_trial(self, **kwargs):
        trial = {"ground_truth": self.rng.choice(self.choices), "seq": self.seq}
        trial.update(kwargs)
        if self.seq:
            self.timing["delay"] = int(self.rng.choice(np.arange(0, 400, 100)))
        self.add_period(["fixation", "stimulus", "delay", "decision"])
        self.add_ob(1, where="fixation")
        self.set_ob(0, "decision")
        bump = np.exp(np.cos(self.theta - self.theta[trial["ground_truth"]]) - 1)
        self.add_ob(bump, "stimulus", where="stimulus")
        self.add_randn(0, 0.1, "stimulus", where="stimulus")
        self.sequence(trial["ground_truth"], "decision")
        return trial

    def _step(self, action):
        new_trial, reward, gt = False, 0, self.gt_now
        if self.in_period("fixation"):
            if action != 0:
                new_trial, reward = self.abort, self.rewards["abort"]
        elif self.in_period("decision") and action != 0:
            new_trial = True
            reward = self.rewards["correct" if action == gt else "fail"]
            self.performance = float(action == gt)
        info = {"new_trial": new_trial, "gt": gt}
        if self.num_values == 4:
            return self.ob_now, reward, False, info
        return self.ob_now, reward, False, False, info


class OldRingTask(RingTask):
    num_values = 4


def two_rings(kind, **kwargs):
    """Two of them in turn, as the tasks of such collections are made."""
    envs = [kind(**kwargs), kind(**kwargs)]
    env = ngym.wrappers.ScheduleEnvs(envs, schedule=ngym.utils.scheduler.RandomSchedule(2), env_input=False)
    env.reset(no_step=True)
    return env


BUILDERS = {
    "five values": lambda: RingTask(),
    "four values": lambda: OldRingTask(),
    "sequence": lambda: OldRingTask(seq=1),
    "two rings": lambda: two_rings(RingTask),
    "two rings, four values, sequence": lambda: two_rings(OldRingTask, seq=-1),
}


@pytest.fixture(autouse=True)
def _four_values_are_announced_once():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*_step returned four values")
        yield


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_collection_of_ring_tasks_is_stepped(build):
    env = build()
    env.reset(seed=0)
    performance = []
    while len(performance) < 10:
        info = env.step(env.unwrapped.gt_now)[4]
        if info["new_trial"]:
            performance.append(info["performance"])
    assert performance == [1] * 10


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_collection_of_ring_tasks_runs_in_lanes(build):
    lanes = ngym_core.TrialVectorEnv(build(), 3)
    lanes.reset(seed=0)
    lanes.action_space.seed(0)
    ended = sum(lanes.step(lanes.action_space.sample())[4]["new_trial"] for _ in range(60))
    assert (ended >= 5).all()


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_collection_of_ring_tasks_trains_a_network(build):
    dataset = ngym.Dataset(build(), batch_size=4, seq_len=30)
    env = dataset.env
    net = torch.nn.RNN(env.observation_space.shape[0], 8)
    read_out = torch.nn.Linear(8, env.action_space.n)
    optimizer = torch.optim.Adam([*net.parameters(), *read_out.parameters()], lr=0.01)
    for _ in range(3):
        inputs, labels = dataset()
        outputs = read_out(net(torch.from_numpy(inputs).float())[0])
        loss = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), torch.from_numpy(labels.flatten()).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert np.isfinite(loss.item())
    assert set(np.unique(labels)) > {0}


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_collection_of_ring_tasks_runs_in_sb3(build):
    model = PPO("MlpPolicy", DummyVecEnv([build]), n_steps=32, batch_size=32, n_epochs=1, device="cpu", seed=0)
    model.learn(64)
    if build in (BUILDERS["five values"], BUILDERS["sequence"]):
        PPO("MlpPolicy", make_sb3_env(build(), 2), n_steps=16, batch_size=32, n_epochs=1, device="cpu", seed=0).learn(32)


# ---- training scripts and notebooks -------------------------------------------------------------------------


def test_training_of_twenty_tasks_with_a_rule_input():
    tasks = ngym.get_collection("yang19")
    envs = [gymnasium.make(task, timing={"fixation": 300}) for task in tasks[:4]]
    assert [env.dt for env in envs] == [100] * 4
    env = ngym.wrappers.ScheduleEnvs(envs, schedule=ngym.utils.scheduler.RandomSchedule(4), env_input=True)
    dataset = ngym.Dataset(env, batch_size=4, seq_len=50)
    assert dataset()[0].shape == (50, 4, 33 + 4)
    assert env.dt == dataset.env.dt == 100
    for k in range(4):  # the evaluation of such scripts
        env.reset(no_step=True)
        env.set_i(k)
        trial = env.new_trial()
        ob, gt = env.ob, env.gt
        assert ob.shape == (len(gt), 37)
        assert (ob[:, 33:] == np.eye(4)[k]).all()
        assert trial["ground_truth"] is not None


def test_evaluation_of_a_task_of_gymnasium():
    env = gymnasium.make("yang19.dm1-v0")
    trial = env.new_trial()
    assert env.ob.shape[0] == env.gt.shape[0]
    assert set(trial) == set(env.trial)
    assert {"fixation", "stimulus"} <= set(env.timing)
    assert env.start_ind["decision"] < env.end_ind["decision"]


def test_notebook_that_leaves_out_the_hidden_step():
    kwargs = {"dt": 100, "timing": {"fixation": 100, "stimulus": 1000}, "sigma": 1}
    dataset = ngym.Dataset("PerceptualDecisionMaking-v0", env_kwargs=kwargs, batch_size=4, seq_len=20)
    assert dataset()[1].shape == (20, 4)
    dataset._cache()
    env = dataset.env
    env.reset(no_step=True)
    rows = []
    for _ in range(5):
        env.new_trial()
        choice = env.gt[-1]
        rows.append({**env.trial, "correct": choice == env.gt[-1], "steps": len(env.ob)})
    assert {row["steps"] for row in rows} == {12}


def test_notebook_with_a_period_that_the_task_lacks():
    kwargs = {"timing": {"fixation": 100, "delay": 500, "response": 100}}
    with pytest.warns(UserWarning, match="'response'"):
        dataset = ngym.Dataset("DelayComparison-v0", env_kwargs=kwargs, batch_size=2, seq_len=20)
    with pytest.warns(UserWarning, match="'response'"):
        env = ngym.make("DelayComparison-v0", **kwargs)
    assert env.timing == dataset.env.timing
    env.reset(no_step=True)


def test_library_that_asks_whether_there_is_a_cache():
    dataset = ngym_core.compat.Dataset("GoNogo-v0", batch_size=2, seq_len=10)
    try:
        dataset._cache()
    except AttributeError:
        pytest.fail("compat has one")
    assert len(next(dataset)) == 2


def test_old_paths_and_figures(tmp_path):
    env = ngym.make("GoNogo-v0")
    ngym.utils.plotting.plot_env(env, num_trials=2, def_act=0, fname=tmp_path / "a.png")
    for build in (lambda: ngym.make("GoNogo-v0"), lambda: ngym.wrappers.PassReward(ngym.make("GoNogo-v0"))):
        figure = plot_env(DummyVecEnv([build]), num_steps=20, fname=tmp_path / "b.png")
        assert "GoNogo" in [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def test_blocks_are_logged():
    env = ngym.wrappers.SideBias(ngym.make("PerceptualDecisionMaking-v0"), probs=[[0.9, 0.1], [0.1, 0.9]], block_dur=3)
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        env.curr_block  # noqa: B018
    env.reset(no_step=True)
    blocks = []
    for _ in range(12):
        env.new_trial()
        blocks.append(env.curr_block)
    assert set(blocks) == {0, 1}
    both = ngym.wrappers.SideBias(env, probs=[[0.5, 0.5]])
    both.reset(seed=0)
    assert both.curr_block == 0
    assert env.curr_block == both.task.trial["block"]


# ---- wrappers and tasks of single projects -------------------------------------------------------------------


class TwoThenOther(ngym.utils.scheduler.BaseSchedule):
    def __call__(self):
        self.total_count += 1
        self.i = (self.total_count // 2) % self.n
        return self.i


class RingToBox(ngym.TrialWrapper):
    """Show a ring as sine and cosine, and ask for them."""

    def __init__(self, env):
        super().__init__(env)
        self.ring = len(env.unwrapped.theta)
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, shape=(3,), name={"fixation": 0, "angle": [1, 2]})
        self.action_space = ngym.spaces.Box(-1, 1, shape=(3,), name={"fixation": 0, "angle": [1, 2]})

    def new_trial(self, **kwargs):
        trial = self.env.new_trial(**kwargs)
        theta = self.env.unwrapped.theta
        axes = np.stack([np.cos(theta), np.sin(theta)], axis=1)
        ob, gt = self.env.ob, self.env.gt
        self.ob = np.concatenate([ob[:, :1], ob[:, 1 : 1 + self.ring] @ axes], axis=1).astype(np.float32)
        answer = np.where((gt > 0)[:, None], axes[gt - 1], 0)
        self.gt = np.concatenate([(gt == 0)[:, None], answer], axis=1).astype(np.float32)
        return trial


def test_wrappers_that_replace_observations_and_ground_truth():
    env = ngym.wrappers.ScheduleEnvs([RingToBox(RingTask()), RingToBox(OldRingTask())], schedule=TwoThenOther(2))
    inputs, labels = ngym.Dataset(env, batch_size=2, seq_len=16)()
    assert inputs.shape == (16, 2, 3)
    assert len(labels) == 16
    one = RingToBox(RingTask())
    one.new_trial()
    assert one.ob.shape == one.gt.shape == (8, 3)


def test_pass_action_in_one_channel_for_each_action():
    env = ngym.wrappers.PassAction(RingTask(), one_hot=True)
    assert env.reset(no_step=True)[0].shape == (18,)
    assert env.step(3)[0][9:].tolist() == np.eye(9)[3].tolist()


class Stops(ngym.TrialEnv):
    """A continual-learning task: a space that is too small for its names, a duration drawn by its own generator."""

    def __init__(self, dt=100):
        super().__init__(dt=dt)
        self.seed(1)
        self.timing = {"fixation": ngym.random.TruncExp(300, 200, 600, rng=np.random.RandomState(0)), "decision": 200}
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, shape=(4,), name={"stimulus": range(4)})
        with pytest.warns(UserWarning, match="outside the 1 actions"):
            self.action_space = ngym.spaces.Discrete(1, name={"choice": [0, 1, 2, 3]})

    def _new_trial(self, **kwargs):
        trial = {"ground_truth": self.rng.randint(4), **kwargs}
        self.add_period(["fixation", "decision"])
        self.add_ob(np.eye(4)[trial["ground_truth"]], "fixation", where="stimulus")
        self.set_groundtruth(trial["ground_truth"], "decision", where="choice")
        return trial


def test_names_beyond_a_space_and_a_generator_of_durations():
    inputs, labels = ngym.Dataset(Stops(), batch_size=3, seq_len=40)()
    assert inputs.shape == (40, 3, 4)
    assert set(np.unique(labels)) == {0, 1, 2, 3}


class Produce(ngym.TrialEnv):
    """Cue, set, go: overlapping periods, no timing, a ground truth that is an array of its own, four values."""

    def __init__(self, dt=100):
        super().__init__(dt=dt)
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, shape=(2,), name={"cue": 0, "set": 1})
        self.action_space = ngym.spaces.Box(-1, 1, shape=(1,))

    def _new_trial(self, **kwargs):
        trial = {"interval": int(self.rng.choice([300, 500])), **kwargs}
        self.add_period("cue", 1000, after=0)
        self.add_period("set", 100, after=200)
        self.add_period("production", trial["interval"], after="set")
        self.set_ob(0.5, "cue", where="cue")
        self.add_ob(1, "set", where="set")
        gt = np.zeros((int(self.tmax / self.dt), 1))
        gt[self.start_ind["production"] : self.end_ind["production"], 0] = np.linspace(0, 1, trial["interval"] // self.dt)
        self.gt = gt
        return trial

    def _step(self, action):
        reward = -float(np.abs(action - self.gt_now).sum())
        return self.ob_now, reward, False, {"new_trial": False, "gt": self.gt_now}


class Pulses(ngym.TrialEnv):
    """Evidence of two sides as time courses, times by functions, actions that are numbers."""

    def __init__(self, dt=50):
        super().__init__(dt=dt)
        self.timing = {"stimulus": lambda: self.rng.choice([400, 600]), "decision": 200}
        name = {"fixation": 0, "left": 1, "right": 2}
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, shape=(3,), dtype=np.float32, name=name)
        self.action_space = ngym.spaces.Box(-1, 1, shape=(1,), name={"decision": 0})

    def _new_trial(self, **kwargs):
        self.add_period(["stimulus", "decision"])
        steps = self.end_ind["stimulus"] - self.start_ind["stimulus"]
        left, right = self.rng.poisson(1, steps), np.sin(np.arange(steps))
        self.add_ob(1, "stimulus", where="fixation")
        self.add_ob(left, "stimulus", where="left")
        self.set_ob(right, "stimulus", where="right")
        self.set_groundtruth(np.sign(left.sum() - right.sum()), "decision")
        return {"left": int(left.sum()), **kwargs}

    def _step(self, action):
        ends = bool(self.in_period("decision") and abs(action[0]) > 0.5)
        return self.ob_now, float(ends), False, False, {"new_trial": ends, "gt": self.gt_now}


class Withhold(ngym.TrialEnv):
    """A ground truth of -1 where nothing counts, periods without a step, four values."""

    def __init__(self, dt=100):
        super().__init__(dt=dt)
        self.timing = {"fixation": 200, "delay": 0, "decision": 200}
        self.observation_space = ngym.spaces.Box(-np.inf, np.inf, shape=(2,))
        self.action_space = ngym.spaces.Discrete(2)

    def _new_trial(self, **kwargs):
        trial = {"go": bool(self.rng.rand() < 0.5), **kwargs}
        self.add_period(["fixation", "delay", "decision"])
        self.add_ob(int(trial["go"]), "fixation", where=1)
        self.set_groundtruth(-1, "fixation")
        self.set_groundtruth(int(trial["go"]), "decision")
        return trial

    def _step(self, action):
        self.performance = float(action == self.gt_now)
        return self.ob_now, self.performance, False, {"new_trial": False}


@pytest.mark.parametrize("task", [Produce, Pulses, Withhold])
def test_own_tasks_run_everywhere(task):
    env = task()
    env.reset(seed=0)
    env.action_space.seed(0)
    ended = [bool(env.step(env.action_space.sample())[4]["new_trial"]) for _ in range(60)]
    assert sum(ended) >= 3
    lanes = ngym_core.TrialVectorEnv(task(), 2)
    lanes.reset(seed=0)
    for _ in range(30):
        lanes.step(lanes.action_space.sample())
    inputs, labels = ngym.Dataset(task(), batch_size=3, seq_len=25)()
    assert inputs.shape[:2] == labels.shape[:2] == (25, 3)
    if task is Withhold:
        assert -1 in labels
    PPO("MlpPolicy", DummyVecEnv([task]), n_steps=16, batch_size=16, n_epochs=1, device="cpu", seed=0).learn(16)
