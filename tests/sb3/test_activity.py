from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from gymnasium.wrappers import TimeLimit
from sb3_contrib import RecurrentPPO
from stable_baselines3 import DQN, PPO
from torch import nn

import ngym_core as ngym
from ngym_core.trial_table import MEASURED_COLUMNS
from ngym_sb3 import GRU, Activity, DaleCTRNN, MlpRnnPolicy, evaluate_policy, make_sb3_env, record_activity

ID = "PerceptualDecisionMaking-v0"
VARIED = "ContextDecisionMaking-v0"  # delays differ from trial to trial


def agent(task=VARIED, units=7, **policy_kwargs):
    env = make_sb3_env(task, 3)
    kwargs = {"lstm_hidden_size": units, **policy_kwargs}
    return RecurrentPPO(MlpRnnPolicy, env, n_steps=16, device="cpu", seed=0, policy_kwargs=kwargs)


def record_step_by_step(model, task, seed, num_trials, trials_per_state):
    """Return hidden states, periods, conditions and choice of each trial of a single env."""
    env, trials, state, count = ngym.make(task), [], None, 0
    ob, _ = env.reset(seed=seed)
    while len(trials) < num_trials:
        states, periods, conditions = [], (dict(env.start_ind), dict(env.end_ind)), dict(env.trial)
        ended = False
        restarts = count % trials_per_state == 0
        while not ended:
            start = np.array([restarts and not states])
            action, state = model.predict(ob[None], state=state, episode_start=start, deterministic=True)
            states.append(state[0][-1, 0].copy())
            ob, _, _, _, info = env.step(int(action[0]))
            ended = info["new_trial"]
        trials.append((np.array(states), periods, conditions, int(action[0])))
        count += 1
    return trials


@pytest.mark.parametrize(("k", "carry", "trials_per_state"), [(1, "episode", 1), (2, "episode", 2), (2, "trial", 1)])
@pytest.mark.parametrize("cell", ["lstm", "ei-ctrnn"])
def test_record_activity_of_an_agent_equals_a_loop_over_single_envs(cell, k, carry, trials_per_state):
    model = agent(cell=cell, n_lstm_layers=2)
    found = record_activity(model, make_sb3_env(VARIED, 3, trials_per_episode=k, carry=carry), 12, seed=4)
    assert found.activity.dtype == np.float32
    assert found.activity.shape == (12, *found.mask.shape[1:], 7)
    assert (found.activity[~found.mask] == 0).all()
    assert len(set(found.mask.sum(1))) > 2
    for lane in range(3):
        for turn, (states, periods, conditions, choice) in enumerate(
            record_step_by_step(model, VARIED, 4 + lane, 4, trials_per_state)
        ):
            i = 3 * turn + lane
            assert found.mask[i].sum() == len(states)
            np.testing.assert_allclose(found.activity[i, : len(states)], states, atol=1e-6)
            assert {p: found.start[p][i] for p in found.start} == periods[0]
            assert {p: found.end[p][i] for p in found.end} == periods[1]
            assert {name: column[i] for name, column in found.conditions.items()} == conditions
            assert found.table["choice"][i] == choice
    assert found.table["trial"].tolist() == list(range(12))
    assert set(found.conditions) == set(found.table) - set(MEASURED_COLUMNS)
    assert found.dt == 100


@pytest.mark.parametrize("carry", ["episode", "trial"])
def test_record_activity_leaves_out_trials_that_the_end_of_an_episode_abandons(carry):
    def limited():
        return TimeLimit(ngym.make(VARIED, rewards={"miss": -1}), 50)

    model = agent()
    found = record_activity(model, make_sb3_env(limited(), 2, trials_per_episode=9, carry=carry), 8, seed=4)
    assert np.array_equal(found.mask.sum(1), found.table["steps"])
    for lane in range(2):
        env, trials, state, restarts = limited(), [], None, True
        ob, _ = env.reset(seed=4 + lane)
        states, periods = [], (env.unwrapped.start_ind, env.unwrapped.end_ind)
        while len(trials) < 4:
            action, state = model.predict(ob[None], state=state, episode_start=np.array([restarts]), deterministic=True)
            states.append(state[0][-1, 0].copy())
            ob, _, _, restarts, info = env.step(int(action[0]))
            if info["new_trial"]:
                trials.append((np.array(states), periods))
            if restarts:
                ob, _ = env.reset()
            if info["new_trial"] or restarts:
                states, periods = [], (env.unwrapped.start_ind, env.unwrapped.end_ind)
            restarts |= carry == "trial" and bool(info["new_trial"])
        for turn, (states, periods) in enumerate(trials):
            i = 2 * turn + lane
            np.testing.assert_allclose(found.activity[i][found.mask[i]], states, atol=1e-6)
            assert ({p: found.start[p][i] for p in found.start}, {p: found.end[p][i] for p in found.end}) == periods


def test_record_activity_plays_the_trials_of_evaluate_policy():
    model, env = agent(), make_sb3_env(VARIED, 4)
    for deterministic in (True, False):
        table = evaluate_policy(model, env, 10, seed=3, deterministic=deterministic)
        found = record_activity(model.policy, env, 10, seed=3, deterministic=deterministic)
        assert all(np.array_equal(found.table[name], table[name], equal_nan=True) for name in table)


@pytest.mark.parametrize("task", ["DawTwoStep-v0", "HierarchicalReasoning-v0", "ReadySetGo-v0", "yang19.dms-v0"])
def test_record_activity_reads_periods_of_tasks_without_a_rule_and_of_moving_ones(task):
    found = record_activity(agent(task), make_sb3_env(task, 2), 6)
    one = ngym.make(task)
    one.reset(seed=0)
    assert {p: int(found.start[p][0]) for p in found.start} == one.start_ind
    assert found.mask[:, 0].all()


def test_record_activity_of_named_layers_and_of_agents_without_memory():
    env = make_sb3_env(ID, 2)
    model = PPO("MlpPolicy", env, device="cpu", seed=0)
    found, named = (record_activity(model, env, 4, layer=layer) for layer in (None, "mlp_extractor.policy_net.1"))
    assert found.activity.shape[2] == 64
    ob = torch.as_tensor(ngym.make(ID).sample_trials(1, seed=0).ob[0])
    hidden = model.policy.mlp_extractor.policy_net
    np.testing.assert_allclose(found.activity[0], hidden(ob).detach()[: len(found.activity[0])], atol=1e-6)
    np.testing.assert_allclose(named.activity[0], hidden[:2](ob).detach(), atol=1e-6)
    recurrent = agent(ID, cell="ei-ctrnn")
    outputs = record_activity(recurrent, env, 4, layer="lstm_actor")
    assert (outputs.activity[..., 6:] == 0).all()  # inhibitory units do not project out of the layer
    assert (record_activity(recurrent, env, 4).activity[..., 6:] > 0).any()


class Net(nn.Module):
    def __init__(self, kind, batch_first=False):
        super().__init__()
        self.rnn = kind(5, 5, batch_first=True) if batch_first else kind(5, 5)
        self.act = nn.ReLU()
        self.out = nn.Linear(5, 3)

    def forward(self, x):
        return self.out(self.act(self.rnn(x)[0]))


def recurrent_outputs(rnn, ob):
    return rnn(ob[:, None])[0][:, 0].detach().numpy()


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM, GRU, DaleCTRNN])
@pytest.mark.parametrize("k", [1, 3])
def test_record_activity_of_a_module_equals_running_it_on_whole_trials(kind, k):
    torch.manual_seed(0)
    net = Net(kind)
    trials = ngym.make(VARIED).sample_trials(70, seed=2)
    obs = [torch.as_tensor(trial.ob) for trial in trials]
    env = make_sb3_env(VARIED, 4, trials_per_episode=k)
    for record, expected in [
        (record_activity(net, env, 70, seed=2), lambda ob: recurrent_outputs(net.rnn, ob)),
        (record_activity(net, env, 70, layer="rnn", seed=2), lambda ob: recurrent_outputs(net.rnn, ob)),
        (record_activity(net.rnn, env, 70, seed=2), lambda ob: recurrent_outputs(net.rnn, ob)),
        (record_activity(net, env, 70, layer="act", seed=2), lambda ob: np.maximum(recurrent_outputs(net.rnn, ob), 0)),
        (record_activity(net, env, 70, layer="out", seed=2), lambda ob: net(ob[:, None])[:, 0].detach().numpy()),
    ]:
        for i in (0, 1, 2, 65, 69):
            stream = torch.cat(obs[i - i % k : i + 1])
            states = expected(stream)[-len(obs[i]) :]
            assert record.mask[i].sum() == len(states)
            np.testing.assert_allclose(record.activity[i, : len(states)], states, atol=1e-5)
        assert np.array_equal(record.conditions["context"], trials.conditions["context"])
        assert all(np.array_equal(record.end[p], trials.end[p]) for p in trials.end)
    assert net.training


def test_record_activity_of_a_module_with_batch_first():
    torch.manual_seed(0)
    net = Net(nn.LSTM, batch_first=True)
    found = record_activity(net, make_sb3_env(VARIED), 5, batch_first=True)
    ob = torch.as_tensor(ngym.make(VARIED).sample_trials(5, seed=0)[3].ob)
    np.testing.assert_allclose(found.activity[3, : len(ob)], net.rnn(ob[None])[0][0].detach(), atol=1e-6)


def test_record_activity_of_some_units_and_steps():
    model, env = agent(), make_sb3_env(VARIED, 2)
    whole = record_activity(model, env, 8)
    part = record_activity(model, env, 8, units=[1, 4], steps=(3, 9))
    assert np.array_equal(part.activity, whole.activity[:, 3:9, [1, 4]])
    assert np.array_equal(part.mask, whole.mask[:, 3:9])
    for edges, all_edges in ((part.start, whole.start), (part.end, whole.end)):
        for period, values in edges.items():
            assert np.array_equal(values, all_edges[period] - 3)
    assert np.array_equal(record_activity(model, env, 8, units=slice(0, 2)).activity, whole.activity[..., :2])


def test_steps_that_are_cut_off_do_not_move_periods():
    """The set flash is before the recorded steps in some trials: the unit that sees it peaks at its start, or not at all."""
    net, env = nn.Sequential(nn.Identity(), nn.Linear(3, 2)), make_sb3_env("ReadySetGo-v0", 8)
    whole = record_activity(net, env, 60, layer="0")
    part = record_activity(net, env, 60, layer="0", steps=(16, 40))
    assert np.array_equal(part.start["set"], whole.start["set"] - 16)
    assert (part.start["set"] < 0).any()
    for trial, start in enumerate(part.start["set"].tolist()):
        assert np.flatnonzero(part.activity[trial, :, 2]).tolist() == [start] * (start >= 0)


def test_a_period_that_a_trial_lacks_is_empty_also_where_steps_are_cut_off():
    env = make_sb3_env(ngym.mix([ID, "DelayMatchSample-v0"], pad=True), 4)
    part = record_activity(nn.GRU(env.observation_space.shape[0], 3), env, 20, steps=(2, 9))
    lacks = part.table["task"] == ID
    assert 0 < lacks.sum() < 20
    assert np.array_equal(part.start["sample"] == part.end["sample"], lacks)


def test_steps_of_a_time_out_are_no_steps_of_a_trial():
    wrappers = [("TimeOut", {"time_out": 500})]
    env = make_sb3_env(ID, 4, sigma=0, wrappers=wrappers, trials_per_episode=10)
    found = record_activity(
        PPO("MlpPolicy", env, seed=0, device="cpu"), env, 40, layer="features_extractor", deterministic=False
    )
    assert np.array_equal(found.mask.sum(axis=1), found.table["steps"])
    assert found.prediction_errors(0.9).shape == found.mask.shape
    sees = np.abs(found.activity[:, :, 1:]).sum(axis=2) > 0
    assert np.array_equal(sees.argmax(axis=1), found.start["stimulus"])
    assert (found.table["performance"] < 1).sum() > 10


@pytest.mark.parametrize("task", [VARIED, "PulseDecisionMaking-v0", "HierarchicalReasoning-v0"])
def test_activity_is_saved_and_loaded_without_pickles(task, tmp_path):
    found = record_activity(agent(task), make_sb3_env(task, 2), 5)
    path = found.save(tmp_path / "new" / "hidden")
    assert path.name == "hidden.npz"
    again = Activity.load(path)
    assert np.array_equal(again.activity, found.activity)
    assert np.array_equal(again.mask, found.mask)
    assert again.dt == found.dt
    for name in ("start", "end", "conditions", "table"):
        one, two = getattr(found, name), getattr(again, name)
        assert list(one) == list(two)
        for key in one:
            np.testing.assert_array_equal(one[key], two[key])
    assert all(a.dtype != object for a in np.load(path, allow_pickle=False).values())


def test_activity_load_rejects_damaged_and_missing_files(tmp_path):
    path = record_activity(agent(), make_sb3_env(VARIED), 2).save(tmp_path / "a.npz")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="a.npz is not recorded activity, or is damaged"):
        Activity.load(path)
    np.savez(tmp_path / "b.npz", x=1)
    with pytest.raises(ValueError, match="b.npz is not recorded activity, or is damaged: 'activity'"):
        Activity.load(tmp_path / "b.npz")
    with pytest.raises(FileNotFoundError, match="There is no file .*c.npz"):
        Activity.load(tmp_path / "c.npz")


class OneLongTrial(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.unused = nn.RNN(5, 5), nn.Linear(2, 2)

    def forward(self, x):
        return self.rnn(x.reshape(1, -1, 5))


@pytest.mark.parametrize(
    ("model", "kwargs", "error", "message"),
    [
        (agent, {"max_bytes": 100}, ValueError, r"5 trials of \d+ steps and 7 units take 0 MiB, more than the bound of"),
        (agent, {"num_trials": 0}, ValueError, "num_trials=0 must be an integer from 1"),
        (agent, {"steps": (5, 5)}, ValueError, r"steps=\(5, 5\) must be \(first, after the last\)"),
        (agent, {"steps": (999, 1000)}, ValueError, r"steps=\(999, 1000\): the longest trial has \d+ steps"),
        (agent, {"units": [7]}, ValueError, r"units=\[7\]: the layer has 7 units"),
        (agent, {"units": slice(9, 12)}, ValueError, "are none of the 7 units of the layer"),
        (agent, {"layer": "lstm_actr"}, KeyError, "Unknown layer 'lstm_actr'. Did you mean 'lstm_actor'"),
        (agent, {"env": ngym.make(VARIED)}, TypeError, "needs an env made by make_sb3_env, not ContextDecisionMaking"),
        (agent, {"env": make_sb3_env(ID)}, ValueError, "The agent was made for the observation_space"),
        (lambda: DQN("MlpPolicy", make_sb3_env(VARIED)), {}, ValueError, r"Which layer of DQNPolicy\? Give one.*q_net"),
        (lambda: nn.Linear(5, 2), {}, ValueError, "Which layer of Linear"),
        (
            lambda: Net(nn.GRU),
            {"env": ngym.make(VARIED)},
            TypeError,
            "record_activity needs the env of make_sb3_env itself, not Context",
        ),
        (lambda: Net(nn.GRU), {"max_bytes": 10}, ValueError, "Ask for fewer trials, for some `units` or `steps`"),
        (
            OneLongTrial,
            {},
            ValueError,
            r"gives an array of shape \(1, \d+, 5\).*expected \(steps, trials, units\) starting with \(\d+, 64\)",
        ),
        (OneLongTrial, {"layer": "unused"}, ValueError, "The layer 'unused' was not called"),
        (lambda: print, {}, TypeError, "recorded of agents and torch modules, not of builtin_function_or_method"),
    ],
)
def test_record_activity_rejects_invalid_arguments(model, kwargs, error, message):
    kwargs = {"env": make_sb3_env(VARIED, 2), "num_trials": 5, **kwargs}
    with pytest.raises(error, match=message):
        record_activity(model(), **kwargs)


def values_and_logits(model, task, seed, num_trials, trials_per_state):
    """Return values, logits, log-probabilities of actions and rewards of each trial of a single env, step by step."""
    env, policy, found = ngym.make(task), model.policy, []
    ob, _ = env.reset(seed=seed)
    zeros = torch.zeros(model.policy.lstm_hidden_state_shape)
    actor = critic = (zeros, zeros)
    while len(found) < num_trials:
        rows, ended = [], False
        start = torch.tensor([float(len(found) % trials_per_state == 0)])
        while not ended:
            tensor = torch.as_tensor(ob[None])
            with torch.no_grad():
                value = policy.predict_values(tensor, critic, start)
                distribution, actor = policy.get_distribution(tensor, actor, start)
                if policy.lstm_critic is not None:
                    _, critic = policy._process_sequence(tensor.flatten(1), critic, start, policy.lstm_critic)
            logits = distribution.distribution.logits[0]
            action = int(logits.argmax())
            ob, reward, _, _, info = env.step(action)
            rows.append((value.item(), logits.numpy(), logits[action].item(), reward))
            ended, start = info["new_trial"], torch.zeros(1)
        found.append([np.array(column) for column in zip(*rows, strict=True)])
    return found


@pytest.mark.parametrize("critic", [{}, {"enable_critic_lstm": False}])
@pytest.mark.parametrize("k", [1, 2])
def test_record_activity_records_what_leads_to_actions(k, critic):
    model = agent(cell="gru", **critic)
    recorded = record_activity(model, make_sb3_env(VARIED, 3, trials_per_episode=k), 6, seed=5)
    for lane in range(3):
        for turn, (values, logits, log_probs, rewards) in enumerate(values_and_logits(model, VARIED, 5 + lane, 2, k)):
            i = 3 * turn + lane
            steps = len(values)
            np.testing.assert_allclose(recorded.values[i, :steps], values, atol=1e-5)
            np.testing.assert_allclose(recorded.log_probs[i, :steps], log_probs, atol=1e-5)
            np.testing.assert_allclose(recorded.rewards[i, :steps], rewards, atol=1e-6)
            centred = [one - np.logaddexp.reduce(one, axis=1, keepdims=True) for one in (recorded.logits[i, :steps], logits)]
            np.testing.assert_allclose(*centred, atol=1e-5)
            errors = rewards + 0.9 * np.append(values[1:], 0) - values
            np.testing.assert_allclose(recorded.prediction_errors(0.9)[i, :steps], errors, atol=1e-5)
            assert (recorded.prediction_errors(0.9)[i, steps:] == 0).all()
    np.testing.assert_allclose(recorded.rewards.sum(1), recorded.table["reward"], atol=1e-6)


def test_record_activity_of_what_leads_to_actions_changes_no_action():
    model, env = agent(), make_sb3_env(VARIED, 3)
    table = evaluate_policy(model, env, 9, seed=1, deterministic=False)
    recorded = record_activity(model, env, 9, seed=1, deterministic=False)
    assert np.array_equal(recorded.table["choice"], table["choice"])
    assert (recorded.log_probs[recorded.mask] < 0).all()


def test_record_activity_of_values_of_agents_without_memory():
    env = make_sb3_env(ID, 2)
    model = PPO("MlpPolicy", env, device="cpu", seed=0)
    recorded = record_activity(model, env, 4, seed=2)
    ob = torch.as_tensor(ngym.make(ID).sample_trials(1, seed=2).ob[0])[: recorded.mask[0].sum()]
    with torch.no_grad():
        np.testing.assert_allclose(recorded.values[0, : len(ob)], model.policy.predict_values(ob)[:, 0], atol=1e-5)
    critic = record_activity(model, env, 4, seed=2, layer="mlp_extractor.value_net")  # `predict` alone does not call it
    assert critic.activity.shape[2] == 64
    dqn = record_activity(DQN("MlpPolicy", env, device="cpu", seed=0), env, 4, layer="q_net.q_net.1")
    assert dqn.values.shape == dqn.mask.shape
    assert dqn.logits is dqn.log_probs is None
    box = make_sb3_env("ReachingDelayResponse-v0", 2)
    moving = record_activity(PPO("MlpPolicy", box, device="cpu", seed=0), box, 4)
    assert moving.logits.shape[2] == np.prod(box.action_space.shape)
    assert np.isfinite(moving.log_probs[moving.mask]).all()


def test_activity_is_loaded_with_values_and_cut_to_steps(tmp_path):
    model, env = agent(), make_sb3_env(VARIED, 2)
    whole = record_activity(model, env, 6)
    again = Activity.load(whole.save(tmp_path / "a"))
    part = record_activity(model, env, 6, steps=(3, 9))
    for name in ("values", "logits", "log_probs", "rewards"):
        assert np.array_equal(getattr(again, name), getattr(whole, name))
        assert np.array_equal(getattr(part, name), getattr(whole, name)[:, 3:9])
    with pytest.raises(ValueError, match="Prediction errors need all steps of the trials: record without steps"):
        part.prediction_errors(0.9)
    with pytest.raises(ValueError, match="There are no values, and so no prediction errors"):
        record_activity(Net(nn.GRU), env, 3).prediction_errors(0.9)
    with pytest.raises(ValueError, match="gamma=2 must be a probability"):
        whole.prediction_errors(2)


@pytest.mark.parametrize("task", [ID, "DelayMatchSample-v0", "yang19.go-v0+anti"])
def test_record_activity_of_a_module_says_what_the_rule_makes_of_its_outputs(task):
    env = ngym.make(task)
    channels, actions = env.observation_space.shape[0], int(env.action_space.n)
    torch.manual_seed(2)
    net = nn.GRU(channels, actions)
    net.weight_ih_l0.data *= 4  # so that its choices differ
    recorded = record_activity(net, task, 90, seed=6)
    trials = env.sample_trials(90, seed=6)
    env.reset(seed=6)
    for i, trial in enumerate(trials):
        outputs = recurrent_outputs(net, torch.as_tensor(trial.ob))
        np.testing.assert_allclose(recorded.logits[i, : trial.length], outputs, atol=1e-5)
        for action in outputs.argmax(1).tolist():
            info = env.step(action)[4]
            if info["new_trial"]:
                break
        assert (recorded.table["choice"][i], recorded.table["performance"][i]) == (action, info["performance"])
    assert np.array_equal(recorded.table["ground_truth"], trials.conditions["ground_truth"])
    assert len(set(recorded.table["choice"].tolist())) > 1


def test_record_activity_of_modules_that_cannot_act_has_conditions_alone():
    for module, task in ((nn.GRU(3, 4), ID), (nn.GRU(32, 3), "Reaching1D-v0")):
        table = record_activity(module, task, 3).table
        assert not {"choice", "performance"} & set(table)
    assert record_activity(nn.GRU(3, 4), ID, 3).logits is None


@pytest.mark.parametrize("model", [nn.GRU(3, 4), PPO("MlpPolicy", make_sb3_env(ID, 2), device="cpu", seed=0)])
def test_recorded_trials_have_fixed_conditions(model):
    env = make_sb3_env(ID, 2)
    recorded = record_activity(model, env, num_trials=6, conditions={"coh": 12.8})
    assert set(recorded.conditions["coh"].tolist()) == {12.8}
    with pytest.raises(ngym.UnknownNameError, match="'choh'. Did you mean 'coh'"):
        record_activity(model, env, conditions={"choh": 12.8})


@pytest.mark.parametrize("conditions", [None, {"ground_truth": 1}])
def test_trials_that_a_module_is_shown_are_recorded_by_no_monitor(tmp_path, conditions):
    env = make_sb3_env(ID, 2, wrappers=[("Monitor", {"save_dir": tmp_path / "run", "verbose": False})])
    assert "choice" in record_activity(nn.GRU(3, 3), env, 6, conditions=conditions).table
    env.close()
    assert not list(tmp_path.iterdir())


class Early(ngym.TrialWrapper):
    """Shows nothing after a response."""

    def init_memory(self, n):
        return {"still": np.ones(n, bool)}

    def on_step(self, memory, batch):
        memory["still"][batch.lanes] &= batch.is_reset or batch.action == 0
        batch.ob = batch.ob + memory["still"][batch.lanes, None].astype(np.float32)
        memory["still"][batch.lanes[batch.ended]] = True


class NeedsMore(ngym.TrialWrapper):
    """Reads of each step what only a task can tell."""

    def on_step(self, memory, batch):
        if not batch.is_reset:
            assert "reaction_time" in batch.info


class OwnStep(ngym.TrialWrapper):
    def step(self, action):
        ob, *others = super().step(action)
        return ob + np.float32(action), *others


@pytest.mark.parametrize(
    ("task", "wrappers", "acts"),
    [
        (ID, ["PassAction"], False),
        (ID, ["PassReward"], False),
        ("GoNogo-v0", ["PassReward"], False),  # which shows it only in the next trial
        (ID, [("Noise", {"std_noise": 0.1}), "PassReward", "Monitor"], False),
        (ID, ["TimeOut"], False),
        (ID, [Early], False),
        (ID, [NeedsMore], False),
        (ID, [OwnStep], False),
        (ID, [("Noise", {"std_noise": 0.1}), "ReactionTime", "Monitor"], True),
        ("yang19.go-v0+anti", [("Noise", {"std_noise": 0.1})], True),
    ],
)
def test_the_rule_is_asked_about_a_module_where_no_wrapper_shows_what_was_done(task, wrappers, acts):
    env = make_sb3_env(task, 2, wrappers=wrappers)
    net = nn.GRU(env.observation_space.shape[0], int(env.action_space.n))
    recorded = record_activity(net, env, 5)
    assert ("choice" in recorded.table) == ("performance" in recorded.table) == acts
    assert recorded.logits is not None


@pytest.mark.parametrize("shows", [True, False])
def test_the_rule_is_not_asked_where_one_task_of_a_mixture_shows_what_was_done(shows):
    tasks = [ngym.make(ID), ngym.make(ID, wrappers=[Early] if shows else [])]
    env = make_sb3_env(ngym.wrappers.MultiEnvs(tasks), 2)
    assert ("choice" in record_activity(nn.GRU(3, 3), env, 5).table) == (not shows)


def test_log_probs_of_a_policy_that_squashes_are_those_of_the_actions_it_drew():
    env = make_sb3_env("ReachingDelayResponse-v0", 3)
    model = PPO("MlpPolicy", env, device="cpu", seed=0, use_sde=True, policy_kwargs={"squash_output": True})
    recorded = record_activity(model, env, 3, deterministic=True, seed=2)
    env.seed(2)
    with torch.no_grad():
        distribution = model.policy.get_distribution(torch.as_tensor(env.reset()))
        expected = distribution.log_prob(distribution.get_actions(deterministic=True))
    np.testing.assert_allclose(recorded.log_probs[:, 0], expected, rtol=1e-4)


def test_record_activity_refuses_modules_that_keep_a_state_and_layers_that_are_compiled():
    class Keeping(nn.Module):
        state = None

        def __init__(self):
            super().__init__()
            self.rnn = nn.GRU(3, 3)

        def forward(self, x):
            out, self.state = self.rnn(x, None if self.state is None else self.state[:, : x.shape[1]])
            return out

    with pytest.raises(ValueError, match="The net Keeping answers the same observations otherwise"):
        record_activity(Keeping(), ID, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        compiled = nn.Sequential(torch.jit.script(nn.Linear(3, 3)), nn.Linear(3, 3))
    assert record_activity(compiled, ID, 3, layer="1").activity.shape[-1] == 3
    with pytest.raises(ValueError, match="The layer '0' of Sequential is compiled by torch.jit .*: record the module that"):
        record_activity(compiled, ID, 3, layer="0")


def test_record_activity_explains_trials_of_another_shape_than_observations():
    class Appends(ngym.TrialWrapper):
        """Appends a channel step by step, and says nothing of data."""

        def __init__(self, env):
            super().__init__(env)
            self.observation_space = ngym.spaces.Box(-np.inf, np.inf, shape=(4,))

        def on_step(self, memory, batch):
            batch.ob = np.concatenate([batch.ob, batch.ob[:, :1]], axis=1)

    env = make_sb3_env(Appends(ngym.make(ID)), 2)
    message = r"shows observations of shape \(4,\), but its trials have shape \(3,\): its wrappers must define in `on_data`"
    with pytest.raises(TypeError, match=message):
        record_activity(nn.GRU(4, 3), env, 5)
