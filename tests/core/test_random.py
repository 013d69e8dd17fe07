from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngym_core.random import Draws, TruncExp, random_number_fn, random_number_name, trunc_exp

RECORDED = json.loads((Path(__file__).parent.parent / "golden/data/utils.json").read_text())

DRAWS = {
    "choice": lambda d, n: d.choice("x", n, [3, 5, 9]),
    "weighted": lambda d, n: d.choice("x", n, [3, 5, 9], [0.1, 0.2, 0.7]),
    "rows": lambda d, n: d.choice("x", n, [[1, 2], [3, 4]]),
    "several": lambda d, n: d.choice("x", n, [3, 5, 9], size=4),
    "uniform": lambda d, n: d.uniform("x", n, 2, 7),
    "other": lambda d, n: d.other("x", n, 5, np.full(n, 2)),
    "permutation": lambda d, n: d.permutation("x", n, 6),
    "truncated_exponential": lambda d, n: d.truncated_exponential("x", n, 600, 300, 900),
    "normal": lambda d, n: d.normal("x", (n, 3)).copy(),
    "object": lambda d, n: d.sample("x", n, TruncExp(100, 50)),
    "previous": lambda d, n: d.previous("p", d.random("x", n), 0.5),
    "follow": lambda d, n: np.transpose(
        d.follow("s", np.argsort(d.random("x", n, 3), axis=1), lambda own: own.index("f", 1, 3)[0])
    ),
}


@pytest.mark.parametrize("name", DRAWS)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), seed=st.integers(0, 2**64))
def test_draws_do_not_depend_on_how_many_are_drawn_at_a_time(name, sizes, seed):
    draw = DRAWS[name]
    parts = Draws(seed)
    whole = draw(Draws(seed), sum(sizes))
    assert np.array_equal(np.concatenate([draw(parts, n) for n in sizes]), whole)


def test_draws_of_one_name_do_not_depend_on_other_names():
    one, two = Draws(3), Draws(3)
    a, b = one.random("a", 5), one.random("b", 5)
    assert np.array_equal(two.random("b", 5), b)
    assert np.array_equal(two.random("a", 5), a)
    assert not np.array_equal(a, b)
    assert not np.array_equal(Draws(4).random("a", 5), a)


def test_draws_leave_numpys_global_generator_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    for draw in DRAWS.values():
        draw(Draws(1), 5)
    assert np.array_equal(np.random.get_state()[1], before)


def test_draws_child_has_separate_streams_and_carried_state():
    draws = Draws(0)
    child = draws.child("wrapper")
    assert not np.array_equal(child.random("a", 5), draws.random("a", 5))
    child.carried["block"] = 2
    assert draws.child("wrapper").carried == {"block": 2}
    assert "block" not in draws.carried


def test_draws_without_a_seed_choose_one():
    draws = Draws()
    assert np.array_equal(Draws(draws.seed).random("a", 3), draws.random("a", 3))


def test_draws_have_their_frequencies():
    n = 40_000
    draws = Draws(0)
    sd = 4 / math.sqrt(n)
    for options in (2, 3, 7):
        counts = np.bincount(draws.choice("k", n, np.arange(options)), minlength=options) / n
        assert np.abs(counts - 1 / options).max() < sd
    weighted = np.bincount(draws.choice("w", n, [0, 1, 2], [0.1, 0.2, 0.7])) / n
    assert np.abs(weighted - [0.1, 0.2, 0.7]).max() < sd
    per_trial = draws.choice("t", n, [0, 1], np.tile([[0.8, 0.2], [0.2, 0.8]], (n // 2, 1)))
    assert abs(per_trial[::2].mean() - 0.2) < 2 * sd
    assert abs(per_trial[1::2].mean() - 0.8) < 2 * sd
    other = draws.other("o", n, 4, np.full(n, 1))
    assert not (other == 1).any()
    assert np.abs(np.bincount(other, minlength=4)[[0, 2, 3]] / n - 1 / 3).max() < sd
    orders = draws.permutation("p", n, 3)
    assert (np.sort(orders, axis=1) == [0, 1, 2]).all()
    assert np.abs(np.unique(orders, axis=0, return_counts=True)[1] / n - 1 / 6).max() < sd


def test_truncated_exponential_follows_its_distribution():
    mean, low, high = 600.0, 300.0, 900.0
    drawn = np.sort(Draws(1).truncated_exponential("x", 20_000, mean, low, high))
    assert low <= drawn[0]
    assert drawn[-1] < high
    expected = (1 - np.exp(-(drawn - low) / mean)) / (1 - math.exp(-(high - low) / mean))
    assert np.abs(expected - np.linspace(0, 1, len(drawn))).max() < 1.63 / math.sqrt(len(drawn))  # Kolmogorov, 1 %


@pytest.mark.parametrize("case", RECORDED["trunc_exp"], ids=str)
def test_trunc_exp_function_gives_the_recorded_numbers(case):
    rng = np.random.RandomState(case["seed"])
    assert [trunc_exp(rng, *case["args"]) for _ in case["values"]] == pytest.approx(case["values"], rel=1e-12)


@pytest.mark.parametrize("case", RECORDED["TruncExp"], ids=str)
def test_trunc_exp_object_called_gives_the_recorded_numbers(case):
    distribution = TruncExp(*case["args"])
    distribution.seed(case["seed"])
    assert [distribution() for _ in case["values"]] == pytest.approx(case["values"], rel=1e-12)


@pytest.mark.parametrize("args", [(1, 1e6), (1, 50, 60), (5, 0, 1e-9)])
def test_trunc_exp_draws_at_once_from_a_window_almost_without_mass(args):
    value = trunc_exp(np.random.RandomState(0), *args)
    assert args[1] <= value < (args[2] if len(args) > 2 else math.inf)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((0,), r"vmean=0 must be a finite number above 0\."),
        ((-3, 1), r"vmean=-3 must be a finite number above 0\."),
        ((math.nan,), r"vmean=nan must be a finite number above 0\."),
        ((3, math.inf), r"vmin=inf must be a finite number\."),
        ((3, 0, math.nan), r"vmax=nan must be a number\."),
    ],
)
def test_trunc_exp_rejects_invalid_means_and_windows(args, message):
    for call in (lambda: TruncExp(*args), lambda: trunc_exp(np.random.RandomState(0), *args)):
        with pytest.raises(ValueError, match=message):
            call()


def test_trunc_exp_objects_compare_by_value():
    assert TruncExp(600, 300, 900) == TruncExp(600, 300, 900)
    assert TruncExp(600, 300, 900) != TruncExp(600, 300, 901)
    assert len({TruncExp(600), TruncExp(600)}) == 1
    assert repr(TruncExp(600, 300, 900)) == "TruncExp(600, 300, 900)"


@pytest.mark.parametrize("case", RECORDED["random_number_fn"], ids=str)
def test_random_number_fn_gives_the_recorded_numbers(case):
    draw = random_number_fn(case["dist"], case["args"], np.random.RandomState(case["seed"]))
    assert [draw() for _ in case["values"]] == pytest.approx(case["values"], rel=1e-12)


@pytest.mark.parametrize("case", RECORDED["random_number_name"], ids=str)
def test_random_number_name_says_the_distribution(case):
    expected = "constant 500" if case["dist"] == "constant" else case["value"]  # recorded: "dist500" (N3)
    assert random_number_name(case["dist"], case["args"]) == expected


@pytest.mark.parametrize("function", [lambda d: random_number_fn(d, (1, 2), None), lambda d: random_number_name(d, (1, 2))])
def test_random_number_functions_reject_unknown_distributions(function):
    with pytest.raises(ValueError, match="Unknown distribution: uniforn. Did you mean 'uniform'"):
        function("uniforn")


@pytest.mark.parametrize("p", [[np.nan, 1], [-5, 6], [3, 1], [], 7, [0.5, 0.5, 0], "ab", [[0.5, 0.5], [0.5, 0.6]]])
def test_draws_refuse_what_are_no_probabilities_of_the_options(p):
    with pytest.raises(ValueError, match="p=.* must be 2 probabilities that sum to 1, or a row of them for each trial"):
        Draws(0).choice("side", 2, [0, 1], p)


@pytest.mark.parametrize("seed", [-1, 1.5, "x", True, []])
def test_draws_refuse_other_seeds_than_integers_from_0(seed):
    with pytest.raises((ValueError, TypeError), match="seed=.* must be an integer from 0"):
        Draws(seed)
    with pytest.raises(TypeError, match="np_random='x' must be a numpy.random.Generator"):
        Draws(0, np_random="x")


def test_what_is_no_generator_and_no_distribution_is_named():
    with pytest.raises(TypeError, match="^rng=5 must be a random generator of NumPy.$"):
        trunc_exp(5, 300)
    with pytest.raises(TypeError, match="^distribution=5 must be an object with a `sample` method, such as TruncExp.$"):
        Draws(0).sample("x", 3, 5)
    with pytest.raises(ValueError, match=r"^options=.*nan.* must consist of finite numbers.$"):
        Draws(0).choice("x", 3, [1.0, float("nan")])
