from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.rules import prepare_trials
from ngym_core.vector.backends import LoopBackend, RuleBackend

MIXED = {
    "yang19": ["yang19.go-v0", "yang19.dms-v0", "yang19.multidm-v0", "yang19.go-v0+sequence"],
    "other rules": ["PerceptualDecisionMaking-v0", "Detection-v0", "GoNogo-v0"],  # RespondWhenDue knows other things
}


def mixture(name):
    tasks = [ngym.make(id_) for id_ in MIXED[name]]
    tasks[0].unwrapped.rewards["correct"] = 3.0
    tasks[1].unwrapped.rewards["abort"] = -0.7
    tasks[-1].unwrapped.r_tmax = -0.5
    return ngym.mix(tasks, pad=True)


def play(env, steps, *, seed):
    """Play lanes, with right and with random actions, beside single envs; return how often a trial was right."""
    singles = [mixture(env.name) for _ in range(env.num_envs)]
    rng, right = np.random.default_rng(seed), 0.0
    obs, _ = env.reset(seed=seed)
    for i, single in enumerate(singles):
        np.testing.assert_array_equal(obs[i], single.reset(seed=seed + i)[0])
    for step in range(steps):
        truth = [single.unwrapped.gt_now for single in singles]
        keep = rng.random(env.num_envs) < (0.95 if step % 200 < 100 else 0.3)
        actions = np.where(keep, truth, rng.integers(0, env.single_action_space.n, env.num_envs))
        obs, rewards, terminated, truncated, info = env.step(actions)
        for i, single in enumerate(singles):
            ob, reward, *over, own = single.step(int(actions[i]))
            np.testing.assert_array_equal(obs[i], ob)
            assert (rewards[i], [terminated[i], truncated[i]]) == (reward, over)
            assert (info["new_trial"][i], info["performance"][i]) == (own["new_trial"], own["performance"])
            assert (info["gt"][i], info["ended_trial"]["task"][i]) == (own["gt"], own["ended_trial"]["task"])
            right += float(own["performance"])
    return right


@pytest.mark.parametrize("name", MIXED)
def test_lanes_of_a_mixture_are_stepped_by_the_rule_of_each_task(name):
    env = ngym.TrialVectorEnv(mixture(name), 5)
    env.name = name
    assert isinstance(env._backend, RuleBackend)
    assert play(env, 600, seed=3) > 20


@pytest.mark.parametrize("name", MIXED)
def test_mixed_rule_pays_one_action_as_those_of_lanes(name):
    env = ngym.TrialVectorEnv(mixture(name), 40)
    env.reset(seed=0)
    rule, task = env._backend.rule, env._backend.task
    trials = env.env.sample_trials(40, seed=1)
    facts = {key: np.array(value) for key, value in prepare_trials(task, trials, rule).items()}
    step = trials.lengths - 1
    columns = {"step": step, "gt": trials.gt[np.arange(40), step], **facts}
    ones = [SimpleNamespace(**{key: value[i].item() for key, value in columns.items()}) for i in range(40)]
    now, action = SimpleNamespace(**columns), np.arange(40) % 3
    rewards, ends = rule.step_many(task, now, action)
    assert len(set(rewards.tolist())) > 2
    for i, one in enumerate(ones):
        reward, end = rule.step_one(task, one, int(action[i]))
        assert (reward, bool(end), one.performance) == (rewards[i], ends[i], now.performance[i])


def test_lanes_of_a_mixture_go_on_from_a_state_and_as_copies():
    env = ngym.TrialVectorEnv(mixture("yang19"), 6)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(37):
        env.step(rng.integers(0, 3, 6))
    state, copied = env.get_state(), copy.deepcopy(env)
    actions = rng.integers(0, 3, (80, 6))
    expected = [env.step(a)[:2] for a in actions]
    env.set_state(state)
    for other in (env, copied):
        for (ob, reward), a in zip(expected, actions, strict=True):
            again = other.step(a)
            np.testing.assert_array_equal(again[0], ob)
            np.testing.assert_array_equal(again[1], reward)


def test_changed_rewards_of_one_task_count():
    env = ngym.TrialVectorEnv(ngym.mix(["yang19.go-v0", "yang19.anti-v0"]), 4)
    env.reset(seed=0)
    env.env.envs[1].unwrapped.rewards["abort"] = -9.0
    seen = set()
    for _ in range(60):
        _, reward, *_, info = env.step(np.full(4, 16))
        seen |= {(task, r) for task, r in zip(info["ended_trial"]["task"], reward, strict=True) if r < 0}
    assert seen == {("yang19.go-v0", -0.1), ("yang19.anti-v0", -9.0)}


@pytest.mark.parametrize(
    "tasks",
    [
        [("yang19.go-v0", ("PassReward",)), ("yang19.anti-v0", ("PassReward",))],  # changes steps, inside
        [("Reaching1D-v0", ()), ("Reaching1D-v0", ())],  # what is shown depends on the agent
    ],
)
def test_other_mixtures_are_stepped_one_lane_after_another(tasks):
    env = ngym.mix([ngym.make(id_, wrappers=list(wrappers)) for id_, wrappers in tasks])
    assert isinstance(ngym.TrialVectorEnv(env, 2)._backend, LoopBackend)


def test_a_mixture_of_mixtures_is_stepped_one_lane_after_another():
    env = ngym.mix([ngym.mix(["yang19.go-v0", "yang19.anti-v0"]), ngym.mix(["yang19.dms-v0", "yang19.dnms-v0"])])
    assert isinstance(ngym.TrialVectorEnv(env, 2)._backend, LoopBackend)


@pytest.mark.parametrize("changed", [0, 1])
@pytest.mark.parametrize("running", [0, 1])
def test_a_changed_r_tmax_of_one_task_is_paid_in_its_trials_alone(running, changed):
    def made():
        return ngym.mix(["PerceptualDecisionMaking-v0", "PulseDecisionMaking-v0"], dt=100)

    single, lanes = made(), ngym.TrialVectorEnv(made(), 1)
    assert isinstance(lanes._backend, RuleBackend)
    options = {"conditions": {"i_env": running}}
    single.reset(seed=0, options=options)
    lanes.reset(seed=0, options=options)
    seen = set()
    for step in range(250):
        if step == 1:
            single.envs[changed].unwrapped.r_tmax = lanes.env.envs[changed].unwrapped.r_tmax = -5.0
        reward, *_, info = single.step(0)[1:]
        assert lanes.step([0])[1].tolist() == [reward]
        if info["new_trial"]:
            seen.add((info["ended_trial"]["i_env"], reward))
    assert seen == {(changed, -5.0), (1 - changed, 0.0)}
