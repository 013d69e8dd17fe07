from __future__ import annotations

import doctest

import numpy as np
import pytest

import ngym_core as ngym
from ngym_core.networks import NetworkAgent
from ngym_core.trial_table import MEASURED_COLUMNS
from ngym_core.trials import concatenate
from ngym_data import Dataset, TrialDataset, score

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from ngym_data import scoring  # noqa: E402

ID, VARIED = "PerceptualDecisionMaking-v0", "ContextDecisionMaking-v0"


class Network(nn.Module):
    def __init__(self, env, units=8, batch_first=False):
        super().__init__()
        space = env.action_space
        outputs = int(space.n) if hasattr(space, "n") else int(np.prod(space.shape))
        self.rnn = nn.GRU(env.observation_space.shape[0], units, batch_first=batch_first)
        self.readout = nn.Linear(units, outputs)

    def forward(self, inputs):
        return self.readout(self.rnn(inputs)[0])


def network(env, seed=0, **kwargs):
    torch.manual_seed(seed)
    net = Network(ngym.make(env) if isinstance(env, str) else env, **kwargs)
    net.rnn.weight_ih_l0.data *= 4  # so that answers differ from trial to trial
    return net


def answers_to(net, trials):
    """Return the action at each step of each trial, each shown whole to the network by itself."""
    with torch.no_grad():
        return [net(torch.as_tensor(trial.ob)[:, None])[:, 0].argmax(1).numpy() for trial in trials]


def play(env, seed, answers):
    """Return choice, performance, reward, steps and conditions of the trials of a single env that does what is given."""
    rows = []
    env.reset(seed=seed)
    for actions in answers:
        reward = 0.0
        for step, action in enumerate(actions.tolist()):  # noqa: B007
            _, earned, _, _, info = env.step(action)
            reward += earned
            if info["new_trial"]:
                break
        assert info["new_trial"]
        rows.append((action, float(info["performance"]), reward, step + 1, info["ended_trial"]))
    return rows


def assert_rows(table, rows):
    assert len(table["trial"]) == len(rows)
    for i, (choice, performance, reward, steps, conditions) in enumerate(rows):
        assert (table["choice"][i], table["performance"][i], table["steps"][i]) == (choice, performance, steps)
        assert table["reward"][i] == pytest.approx(reward)
        assert {name: table[name][i] for name in conditions} == conditions


def same(one, other):
    return list(one) == list(other) and all(
        np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f") for name in one
    )


@pytest.mark.parametrize("task", [ID, VARIED, "yang19.go-v0+anti", "DelayMatchSample-v0"])
def test_score_of_trials_is_what_the_rule_says_of_the_whole_outputs(task):
    net = network(task)
    trials = ngym.make(task).sample_trials(40, seed=3)
    rows = play(ngym.make(task), 3, answers_to(net, trials))
    table = score(net, trials)
    assert_rows(table, rows)
    assert {*MEASURED_COLUMNS, *trials.conditions} == set(table)
    assert len(set(table["choice"].tolist())) > 1
    # the 64 lanes of a task are single envs with the seeds from `seed` on
    table = score(net, task, 64 * 2, seed=3)
    firsts = play(ngym.make(task), 3, answers_to(net, ngym.make(task).sample_trials(2, seed=3)))
    assert_rows({name: column[::64] for name, column in table.items()}, firsts)


def test_score_of_a_trial_dataset_plays_its_split_and_conditions():
    coherences, net = {"coh": [0, 12.8, 51.2], "ground_truth": [0, 1]}, network(ID)
    data = TrialDataset(ID, trials=300, seed=4, split="test", conditions=coherences, session=128)
    table = score(net, data)
    whole, target, info = data[:]
    answers = net(torch.as_tensor(whole).transpose(0, 1)).argmax(-1).numpy()
    last = info["length"] - 1
    # a wrong answer or none at the decision, which is a trial's last step
    expected = (answers[last, np.arange(300)] == target[np.arange(300), last]).astype(float)
    assert np.array_equal(table["performance"], expected)
    assert all(np.array_equal(table[name], column) for name, column in info["conditions"].items())
    assert np.array_equal(score(net, data, 130)["performance"], table["performance"][:130])


def test_score_keeps_the_state_in_a_stream():
    net, env = network(VARIED), ngym.make(VARIED)
    agent = NetworkAgent(net, env.observation_space, env.action_space)

    def play_on(seed, num_trials):
        one, state, choices = ngym.make(VARIED), None, []
        ob, _ = one.reset(seed=seed)
        while len(choices) < num_trials:
            action, state = agent.predict(ob, state)
            ob, *_, info = one.step(int(action))
            choices += [int(action)] if info["new_trial"] else []
        return choices

    found = score(net, VARIED, 64 * 3, seed=1, carry="stream")
    assert found["choice"][::64].tolist() == play_on(1, 3)
    assert score(net, env.sample_trials(9, seed=5), carry="stream")["choice"].tolist() == play_on(5, 9)
    data = TrialDataset(VARIED, trials=14, seed=2, session=5)
    expected = [play_on(data.session_seed(k), 5) for k in range(3)]
    assert score(net, data, carry="stream")["choice"].tolist() == [choice for choices in expected for choice in choices][:14]
    assert score(net, data, carry="stream")["lane"].tolist() == [0] * 5 + [1] * 5 + [2] * 4


def test_score_shows_what_the_network_did_not_what_data_show():
    wrappers = ["PassAction", "PassReward", ("Noise", {"std_noise": 0.5})]
    env = ngym.make(VARIED, wrappers=wrappers)
    net, data = network(env), TrialDataset(env, trials=50, seed=0)
    seen = []
    handle = net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][-1].numpy().copy()))
    table = score(net, data)
    handle.remove()
    lane = [step for step in seen if len(step) == 50]  # all lanes at once
    assert len(lane) > 3
    raw = data.played_trials(50)
    noise = lane[0][:, :5] - raw.ob[:, 0, :5]
    assert 0.4 < noise.std() < 0.6  # drawn once
    assert np.array_equal(table["ground_truth"], raw.conditions["ground_truth"])


@pytest.mark.parametrize("task", ["Reaching1D-v0", "ReachingDelayResponse-v0", "DawTwoStep-v0"])
def test_score_plays_tasks_that_depend_on_the_agent_and_numbers(task):
    net, env = network(task), ngym.make(task)
    table, given = score(net, task, 20, seed=7), score(net, concatenate_seeds(env, 20, 7))
    measured = ["choice", "performance", "reward", "steps"]
    for name in measured:  # torch rounds otherwise where it multiplies in several threads
        np.testing.assert_allclose(table[name], given[name], atol=1e-5)
    assert table["choice"].shape[1:] == env.action_space.shape


def concatenate_seeds(env, n, seed):
    return concatenate([env.sample_trials(1, seed=seed + i) for i in range(n)])


def test_score_plays_mixtures_and_ids_with_parameters():
    mix = ngym.mix(["yang19.go-v0", "yang19.dms-v0"])
    net = network(mix)
    table = score(net, TrialDataset(mix, trials=30, seed=0))
    assert set(table["task"]) == {"yang19.go-v0", "yang19.dms-v0"}
    assert table["performance"].shape == (30,)
    with_task = score(net, mix, 20, conditions={"task": "yang19.dms-v0", "modality": [0, 1]})
    assert (set(with_task["task"]), set(with_task["modality"])) == ({"yang19.dms-v0"}, {0, 1})
    assert set(score(network(ID), ID, 10, conditions={"coh": 12.8})["coh"]) == {12.8}
    short = score(network(ID), ID, 10, env_kwargs={"timing": {"stimulus": 500}})
    assert set(short["steps"]) <= set(range(1, 8))


def test_score_leaves_what_it_is_given_alone():
    env = ngym.make(VARIED, wrappers=["PassReward"])
    net = network(env)
    env.reset(seed=0)
    before, random_state = env.get_state(), torch.get_rng_state()
    data = TrialDataset(env, trials=5, seed=0)
    for given in (env, env.sample_trials(5, seed=1), data):
        score(net, given, 5, deterministic=False)
    assert env.unwrapped._top is env
    assert torch.equal(torch.get_rng_state(), random_state)
    assert net.training
    for _ in range(30):
        env.step(0)
    after = env.get_state()
    env.set_state(before)
    for _ in range(30):
        env.step(0)
    assert str(env.get_state()) == str(after)


def test_score_draws_actions_by_its_seed():
    net, trials = network(ID), ngym.make(ID).sample_trials(60, seed=0)
    tables = [score(net, trials, seed=seed, deterministic=False) for seed in (0, 0, 1)]
    assert same(tables[0], tables[1])
    assert not same(tables[0], tables[2])


def test_score_takes_batch_first_networks():
    net, other = network(ID), network(ID, batch_first=True)
    assert same(score(net, ID, 70), score(other, ID, 70))
    assert same(score(net, ID, 70), score(other, ID, 70, batch_first=True))


def test_score_agrees_with_evaluate_policy():
    sb3 = pytest.importorskip("ngym_sb3")
    net, env = network(VARIED), ngym.make(VARIED)
    agent = NetworkAgent(net, env.observation_space, env.action_space)
    for carry, vec_env in (
        ("trial", sb3.make_sb3_env(VARIED, 64)),
        ("stream", sb3.make_sb3_env(VARIED, 64, trials_per_episode=100)),
    ):
        assert same(score(net, VARIED, 150, seed=2, carry=carry), sb3.evaluate_policy(agent, vec_env, 150, seed=2))


@pytest.mark.parametrize(
    ("net", "trials", "kwargs", "error", "message"),
    [
        (
            print,
            ID,
            {},
            TypeError,
            "must be a torch module; agents with `predict` are evaluated by ngym_sb3.evaluate_policy",
        ),
        (nn.Linear(3, 3), 5, {}, TypeError, "trials=5 must be a task's id, an env, a TrialDataset, or Trials"),
        (nn.Linear(3, 3), Dataset(ID), {}, TypeError, "must be a task's id, an env, a TrialDataset, or Trials"),
        (nn.Linear(3, 2), ID, {}, ValueError, r"the actions Discrete\(3\) need \(5, 3, 3\), a logit for each"),
        (nn.Linear(2, 5), "ReachingDelayResponse-v0", {}, ValueError, r"need \(5, 3, 2\), the numbers themselves"),
        (nn.Linear(5, 3), ID, {}, ValueError, "The net Linear cannot be called with observations of shape"),
        (nn.Linear(3, 3), "PerceptualDecisonMaking-v0", {}, KeyError, "Did you mean 'PerceptualDecisionMaking-v0'"),
        (nn.Linear(3, 3), TrialDataset(ID, trials=5), {"num_trials": 6}, ValueError, "num_trials=6: there are 5 trials"),
        (nn.Linear(3, 3), ngym.make(ID), {"env_kwargs": {"dt": 20}}, TypeError, "env_kwargs=.* goes with an id"),
        (nn.Linear(3, 3), ID, {"conditions": {"cho": 1}}, KeyError, "Unknown condition of .* 'cho'. Did you mean 'coh'"),
        (
            nn.Linear(3, 3),
            TrialDataset(ID, trials=5),
            {"conditions": {"coh": 0}},
            TypeError,
            "conditions=.* goes with a task; trials=.* are drawn already",
        ),
        (nn.Linear(3, 3), ID, {"carry": "episode"}, ValueError, "carry='episode' must be one of 'trial', 'stream'"),
        (nn.Linear(3, 3), ID, {"num_trials": 0}, ValueError, "num_trials=0 must be an integer from 1"),
    ],
)
def test_score_explains_what_it_cannot_take(net, trials, kwargs, error, message):
    with pytest.raises(error, match=message):
        score(net, trials, **kwargs)


def test_examples_of_scoring_run():
    assert doctest.testmod(scoring).failed == 0


def test_figures_take_the_table_of_score():
    plot = pytest.importorskip("ngym_plot")
    table = score(network(ID), ID, 60, deterministic=False)  # an untrained network draws all actions
    assert len(plot.plot_session(table).axes) >= 3
    assert plot.plot_confusion(table).get_xlabel()


def test_score_plays_trials_that_no_monitor_records(tmp_path):
    env = ngym.make(ID, wrappers=[("Monitor", {"save_dir": tmp_path / "run", "verbose": False})])
    for trials in (env, TrialDataset(env, trials=5), env.sample_trials(5, seed=0)):
        score(nn.GRU(3, 3), trials, 5)
    env.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("batch_first", [False, True])
def test_score_of_an_observer_is_that_of_its_memory_however_large_an_output_is(batch_first):
    class Observer(nn.Module):
        def forward(self, x):
            total = (x[..., 1] - x[..., 2]).cumsum(int(batch_first))
            return torch.stack([torch.where(x[..., 0] > 0.5, 1e9, -1e9), total, -total], -1)

    assert score(Observer(), ngym.make(ID, sigma=1.0), 300)["performance"].mean() > 0.8  # 0.5 without memory
