from __future__ import annotations

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.playing import GivenTrials, check_agent, count_cut_episodes, deal_trials, play_trials
from ngym_core.trial_table import MEASURED_COLUMNS
from ngym_core.trials import concatenate
from tests.core.toy import Toy

ID = "PerceptualDecisionMaking-v0"


class Hasty:
    """Sums what it sees since its state restarted, and takes the action of the largest sum once one is large enough."""

    def __init__(self, actions, bound=1.5):
        self.actions, self.bound = actions, bound

    def predict(self, ob, state=None, episode_start=None, deterministic=True):
        state = np.zeros((len(ob), ob.shape[-1])) if state is None else state
        state = np.where(np.asarray(episode_start)[:, None], 0, state) + ob
        evidence = state[:, : self.actions].copy()
        evidence[:, 0] = self.bound
        return evidence.argmax(axis=1), state


def play_one(env, agent, num_trials, seed, carry):
    """Return choice, reward, performance, steps and conditions of the trials of a single env."""
    rows, state, start = [], None, True
    ob, _ = env.reset(seed=seed)
    reward = steps = 0
    while len(rows) < num_trials:
        action, state = agent.predict(np.asarray(ob)[None], state, np.array([start]))
        ob, earned, _, _, info = env.step(int(action[0]))
        reward, steps = reward + earned, steps + 1
        start = bool(info["new_trial"]) and carry == "trial"
        if info["new_trial"]:
            rows.append((int(action[0]), reward, float(info["performance"]), steps, info["ended_trial"]))
            reward = steps = 0
    return rows


def assert_rows(table, number, row):
    choice, reward, performance, steps, conditions = row
    assert (table["choice"][number], table["performance"][number], table["steps"][number]) == (choice, performance, steps)
    assert table["reward"][number] == pytest.approx(reward)
    for name, value in conditions.items():
        name = f"condition_{name}" if name in MEASURED_COLUMNS else name
        assert np.array_equal(table[name][number], value)


# The second has trials of several lengths, the third a `_step` of its own, the fourth depends on the agent.
@pytest.mark.parametrize("task", [ID, "ContextDecisionMaking-v0", "DawTwoStep-v0", "Reaching1D-v0", "yang19.go-v0+anti"])
@pytest.mark.parametrize("carry", ["trial", "stream"])
def test_play_trials_equals_single_envs(task, carry):
    agent = Hasty(int(ngym.make(task).action_space.n))
    table = play_trials(agent, ngym.make(task), deal_trials(11, 3), carry=carry, seed=4)
    assert table["trial"].tolist() == list(range(11))
    assert table["lane"].tolist() == [0, 1, 2] * 3 + [0, 1]
    for lane in range(3):
        rows = play_one(ngym.make(task), agent, 4 if lane < 2 else 3, 4 + lane, carry)
        for turn, row in enumerate(rows):
            assert_rows(table, 3 * turn + lane, row)


@pytest.mark.parametrize(
    ("task", "wrappers"),
    [
        (ID, ()),
        ("ContextDecisionMaking-v0", ("PassAction", "PassReward")),
        (ID, ("ReactionTime",)),
        ("DawTwoStep-v0", ()),
        ("Reaching1D-v0", ()),
    ],
)
@pytest.mark.parametrize("carry", ["trial", "stream"])
def test_given_trials_are_played_as_the_env_plays_them(task, wrappers, carry):
    def make():
        return ngym.make(task, wrappers=wrappers)

    agent = Hasty(int(make().action_space.n))
    expected = play_trials(agent, make(), [np.arange(6)], carry=carry, seed=2)
    trials = make().sample_trials(6, seed=2)
    found = play_trials(agent, GivenTrials(make(), trials, [np.arange(6)]), [np.arange(6)], carry=carry)
    assert list(found) == list(expected)
    assert all(np.array_equal(found[name], expected[name], equal_nan=found[name].dtype.kind == "f") for name in expected)


@pytest.mark.parametrize("many", [1, 400])
def test_given_trials_of_several_lanes_are_played_in_their_order(many):
    env = ngym.make("ContextDecisionMaking-v0")
    trials = concatenate([env.sample_trials(many + 3, seed=seed) for seed in (0, 1)])
    rows = [np.arange(many), np.arange(many, 2 * many + 6)]
    table = play_trials(Hasty(3), GivenTrials(env, trials, rows), rows)
    assert table["trial"].tolist() == list(range(2 * many + 6))
    assert all(np.array_equal(table[name], column) for name, column in trials.conditions.items())


def test_given_trials_of_several_tasks_are_played_in_these():
    env = ngym.mix(["yang19.go-v0", "yang19.dms-v0"])
    trials = env.sample_trials(12, seed=0)
    rows = deal_trials(12, 3)
    table = play_trials(Hasty(17, bound=3), GivenTrials(env, trials, rows), rows)
    assert table["task"].tolist() == trials.conditions["task"].tolist()
    steps = [min(trial.length, table["steps"][i]) for i, trial in enumerate(trials)]
    assert steps == table["steps"].tolist()


class Ending(Toy):
    """A task that ends its episode at the third step of trials on one side."""

    def _step(self, action):
        ob, reward, _, truncated, info = super()._step(action)
        return ob, reward, self.t_ind == 2 and self.trial["ground_truth"] == 1, truncated, info


class Still:
    """Does nothing, and counts the steps since its state restarted."""

    def __init__(self):
        self.longest = 0

    def predict(self, ob, state=None, episode_start=None, deterministic=True):
        state = np.where(episode_start, 0, 0 if state is None else state) + 1
        self.longest = max(self.longest, int(state.max()))
        return np.zeros(len(ob), int), state


def test_play_trials_begins_anew_where_the_task_ends_an_episode():
    agent = Still()
    table = play_trials(agent, ngym.make(ID), deal_trials(6, 2), carry="stream")
    assert (agent.longest, len(table["trial"])) == (3 * 22, 6)
    agent = Still()
    table = play_trials(agent, Ending(timing={"delay": 200}), deal_trials(6, 2))
    assert set(table["ground_truth"]) == {0}  # the others have no end
    assert set(table["steps"]) == {agent.longest} == {8}
    assert table["cumulative_reward"].tolist() == [0] * 6


def test_given_trials_refuses_tasks_in_neurogyms_style():
    class Old(ngym.TrialEnv):
        def __init__(self):
            super().__init__(100)
            self.observation_space, self.action_space = ngym.spaces.Box(-1, 1, shape=(1,)), ngym.spaces.Discrete(2)

        def _new_trial(self):
            self.side = 1
            self.add_period("a", 200)
            self.add_ob(0)
            self.set_groundtruth(0)
            return {}

    env = Old()
    with pytest.raises(ValueError, match="is written in NeuroGym's style.*Let the env make the trials"):
        GivenTrials(env, env.sample_trials(1, seed=0), [[0]])
    assert len(play_trials(Still(), env, deal_trials(4, 2))["trial"]) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"agent": Still}, r"agent=<class .*Still'> must be an agent with `predict`\. It is a class: make an object of it"),
        ({"agent": print}, "agent=<built-in function print> must be an agent with `predict`"),
        ({"rows": [[0], []]}, "rows=.* must be a list of numbers of trials for each of at"),
        ({"rows": []}, r"rows=\[\] must be a list of numbers of trials for each of at least one lane"),
        ({"carry": "episode"}, "carry='episode' must be one of 'trial', 'stream'"),
    ],
)
def test_play_trials_explains_what_it_cannot_take(change, message):
    arguments = {"agent": Still(), "env": ngym.make(ID), "rows": [[0]], **change}
    agent, env, rows = (arguments.pop(name) for name in ("agent", "env", "rows"))
    with pytest.raises((TypeError, ValueError), match=message):
        play_trials(agent, env, rows, **arguments)


def test_agents_made_for_other_spaces_are_refused():
    agent, env, go_nogo = Still(), ngym.make(ID), ngym.make("GoNogo-v0")
    check_agent(agent, env, ID)  # it does not say what it was made for
    agent.action_space, agent.observation_space = (
        env.action_space,
        ngym.make("DelayMatchSample-v0", dim_ring=5).observation_space,
    )
    message = r"made for the action_space Discrete\(3\), and .*GoNogo.* has Discrete\(2\); give it the task"
    with pytest.raises(ValueError, match=message):
        play_trials(agent, go_nogo, [[0]])
    with pytest.raises(ValueError, match=message):
        ngym.run_env(go_nogo, 5, model=agent)
    play_trials(agent, env, [[0]])
    ngym.run_env(env, 5, model=agent)
    with pytest.raises(ValueError, match="The agent was made for the observation_space"):
        check_agent(agent, env, ID)


@pytest.mark.parametrize("counts", [[np.nan], [0.5], ["a"]])
def test_count_cut_episodes_refuses_counts_that_are_no_integers(counts):
    with pytest.raises(TypeError, match=r"counts=.* must be integers"):
        count_cut_episodes(counts, over=[True], ended=[False], env=None)
