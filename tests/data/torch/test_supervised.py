from __future__ import annotations

import doctest

import numpy as np
import pytest
from gymnasium.spaces import MultiDiscrete

torch = pytest.importorskip("torch")

import ngym_core as ngym  # noqa: E402
from ngym_core.certificates import certify, find_recipe  # noqa: E402
from ngym_core.plugins import registry  # noqa: E402
from ngym_data import supervised  # noqa: E402
from ngym_data.supervised import DEVIATIONS, RecurrentNetwork, SupervisedRecipe, recipe_of  # noqa: E402


def test_examples_of_supervised_run():
    assert doctest.testmod(supervised).failed == 0


def test_network_learns_and_stops_when_it_has():
    recipe = SupervisedRecipe(task="GoNogo-v0", units=32, max_updates=300)
    trained = recipe.train(100, 0.9)
    assert trained.steps in (50, 100, 150, 200)
    assert np.mean(trained.table["performance"]) > 0.9


def test_same_seed_trains_the_same_network():
    recipe = SupervisedRecipe(task="GoNogo-v0", units=8, max_updates=3, learning_rate=0.1)
    one, two, other = (recipe.train(seed, 2.0).table["performance"] for seed in (100, 100, 101))
    assert (one == two).all()
    assert (one != other).any()


def test_network_plays_streams_where_it_learns_from_its_own_play():
    recipe = SupervisedRecipe(task="ContextSwitch-v0", own_play=True, units=4, batch_size=4, seq_len=8, max_updates=3)
    trained = recipe.train(100, 0.9)
    assert trained.steps == 3
    assert len(trained.table["trial"]) == supervised.TEST_STREAM_TRIALS


def test_own_play_shows_what_the_network_did():
    env = ngym.make("ContextSwitch-v0", wrappers=["PassAction-v0"])
    recipe = SupervisedRecipe(task="ContextSwitch-v0", own_play=True, wrappers=("PassAction-v0",), batch_size=3, seq_len=4)
    network = RecurrentNetwork(env.observation_space.shape, 2, 4)
    with torch.no_grad():
        network.readout.weight[:] = 0
        network.readout.bias[:] = torch.tensor([-50.0, 50.0])  # it always takes action 1
    batches = recipe._own_play(network, 0)
    inputs, target, weight = next(batches)
    assert inputs.shape == (4, 6, 3)  # three lanes that it plays, and three that the ground truth plays
    assert (inputs[1:, :3, 2] == 1).all()
    assert (inputs[1:, 3:, 2] == target[:-1, 3:]).all()
    assert (weight == torch.where(target != 0, 10.0, 1.0)).all()
    inputs, target, weight = next(batches)
    assert inputs.shape == (8, 6, 3)  # the last batch again, for its state
    assert (weight[:4] == 0).all()
    assert (weight[4:] > 0).all()


def test_steps_in_which_an_answer_can_be_due_weigh_more():
    recipe = SupervisedRecipe(task="GoNogo-v0", batch_size=20, answer_weight=7.0, max_updates=1)
    inputs, target, weight = next(recipe._whole_trials(0))
    trials = ngym.make("GoNogo-v0").sample_trials(1, seed=0)
    opens, closes = (int(edge) for edge in np.ravel(trials.span("decision")))
    assert inputs.shape[:2] == target.shape == weight.shape
    assert (weight[opens:closes] == 7).all()  # of no-go trials too
    assert (weight[:opens] == 1).all()


def test_padding_has_no_weight():
    recipe = SupervisedRecipe(
        task="DelayComparison-v0", task_kwargs={"timing": {"delay": ("uniform", (100, 2000))}}, batch_size=20
    )
    inputs, _, weight = next(recipe._whole_trials(0))
    assert (weight == 0).any()
    assert (inputs[weight == 0] == 0).all()


def test_images_pass_two_frames_at_a_time():
    network = RecurrentNetwork((32, 32, 3), 2, 4)
    film = torch.randint(0, 255, (3, 2, 32, 32, 3), dtype=torch.uint8)
    whole = network(film)
    features, last = network.filters(film[:1])
    later, _ = network.filters(film[1:], last)
    step_by_step = network.readout(network.rnn(torch.cat([features, later]))[0])
    torch.testing.assert_close(whole, step_by_step)
    other = film.clone()
    other[0] = 0
    assert not torch.allclose(network.filters(film)[0][1], network.filters(other)[0][1])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"units": 0}, "units=0 must be an integer from 1"),
        ({"learning_rate": 2}, "learning_rate=2 must be"),
        ({"share": 1.5}, "share=1.5 must be"),
        ({"measure": "accuracy"}, "measure='accuracy'"),
    ],
)
def test_supervised_recipe_rejects_invalid_settings(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        SupervisedRecipe(task="GoNogo-v0", **arguments)


def test_every_task_has_a_recipe_and_every_deviation_a_task():
    ids = registry.all_envs(collections=True)
    assert set(DEVIATIONS) <= set(ids)
    assert recipe_of("ReadySetGo").task == "ReadySetGo-v0"
    assert isinstance(find_recipe("ReadySetGo", "supervised"), SupervisedRecipe)
    assert {recipe_of(id_).share for id_ in ids} >= {0.8}
    for id_ in ids:
        recipe = recipe_of(id_)
        assert recipe.share == 0.8 or recipe.note, f"{id_}: say why the criterion is lower"


def test_certificate_of_a_supervised_recipe():
    certificate = certify(SupervisedRecipe(task="GoNogo-v0", units=4, max_updates=1), [0])
    assert certificate.network == "GRU of 4 units"
    assert certificate.steps == [1]
    assert certificate.settings["units"] == 4
    assert not certificate.reached


def test_network_of_several_choices_has_the_logits_of_all_side_by_side():
    space = MultiDiscrete([2, 3])
    assert supervised._outputs(space) == 5
    target = torch.tensor([[[1, 2]], [[0, 1]]])  # (steps, rows, choices)
    logits = torch.cat([torch.nn.functional.one_hot(target[..., i], n) for i, n in enumerate((2, 3))], dim=-1).float()
    weight = torch.ones(2, 1)

    def loss(scale):
        return supervised._loss(lambda inputs: scale * logits, torch.zeros(2, 1, 1), target, weight, space).item()

    assert loss(0.0) == pytest.approx(np.log(2) + np.log(3))
    assert loss(50.0) == pytest.approx(0, abs=1e-6)
