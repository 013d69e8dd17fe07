from __future__ import annotations

import copy
import math
import pickle
import typing
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import gymnasium
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

import ngym_core as ngym
from ngym_core.arguments import (
    Amount,
    AnyDraws,
    AnyEnv,
    AnyGenerator,
    AnyOf,
    ArrayOf,
    Bytes,
    Callback,
    Column,
    Count,
    Distribution,
    Envs,
    Finite,
    Flag,
    InstanceOf,
    Integer,
    Labels,
    NonNegative,
    Number,
    Numbers,
    OneOf,
    Options,
    PathTo,
    Positive,
    Probabilities,
    Probability,
    Text,
    checked,
    declared_arguments,
    explained,
)

from .toy import Toy

NAN, INF = math.nan, math.inf
NONSENSE = ["abc", None, [], {}, 1j, object(), b"x", NAN, -INF]

CASES = {
    "finite": (Number(), [0, -1.5, np.float32(2), np.int8(3), Fraction(1, 3)], [*NONSENSE, INF, True, [1.0], np.zeros(1)]),
    "infinite": (Number(infinite=True), [INF, -INF, 0], ["abc", NAN, None]),
    "positive": (Number(above=0), [1e-300, 5], [0, -1, INF, *NONSENSE]),
    "from 0": (Number(0), [0, 5], [-1e-9, INF, *NONSENSE]),
    "below": (Number(above=0, below=1), [0.5], [0, 1, *NONSENSE]),
    "integer": (Integer(1, 3), [1, np.int64(3), np.uint8(2)], [0, 4, 2.0, True, np.True_, "2", INF, *NONSENSE]),
    "amount": (Amount(1), [1, 10**9, np.int64(7)], [10**9 + 1, 10**12, 0, 2.0, True, *NONSENSE]),
    "flag": (Flag.__metadata__[0], [True, False, np.True_, 0, 1], [2, 0.0, "True", *NONSENSE]),
    "text": (Text.__metadata__[0], ["", "a"], [1, b"a", None, ["a"]]),
    "one of": (OneOf("a", 1), ["a", 1], ["b", 1.0, True, None, [1]]),
    "numbers": (
        ArrayOf(),
        [[1], (1, 2.5), np.arange(3), range(3), np.float32([1])],
        [[], [NAN], [[1]], [[1], [1, 2]], ["a"], 5, "12", {1: 2}, [True], {1, 2}, None, iter([1])],
    ),
    "bytes": (Bytes.__metadata__[0], [1, 2**40], [0, -1, 1.5, "1 GB", *NONSENSE]),
    "column": (
        Column.__metadata__[0],
        [[1, NAN], [], [1, None], [True, False], np.arange(3), np.array([1, 2.5], object), [INF]],
        ["abc", 5, None, ["1", "2"], [[1]], [[1], [1, 2]], {1: 2}, {1, 2}, [1j], [object()], iter([1])],
    ),
    "three": (
        ArrayOf(length=3, each=Integer(0)),
        [[0, 1, 2], range(3)],
        [[0, 1], range(10**12), range(-1, 2), [0, 1, -1], [0, 1, 2, 3], [0, 1, 2.5]],
    ),
    "options": (ArrayOf(ndim=None), [[1], [[1, 2], [3, 4]]], [[], [[1], [2, 3]], [INF], 5]),
    "distribution": (
        Distribution(),
        [[0.5, 0.5], [1], np.full(3, 1 / 3)],
        [[0.5, 0.6], [-5, 6], [NAN, 1], [], 7, [3, 1], "ab"],
    ),
    "rows": (Distribution(ndim=2), [[[0.5, 0.5], [1, 0]]], [[0.5, 0.5], [[0.5, 0.5], [1, 1]], [[1], [0.5, 0.5]]]),
    "function": (Callback.__metadata__[0], [len, int, Toy, lambda: 1], [5, "len", None]),
    "path": (PathTo(), ["a", Path("a.b"), ""], [5, None, b"a", ["a"]]),
    "path to": (PathTo(".npz", ".npy"), ["a.npz", Path("b.npy")], ["a", "a.npzz", "a.NPZ", "npz", 5, None]),
    "path to any": (PathTo(".png", ""), ["a", "a.png"], ["a.npz", 5]),
    "instance": (InstanceOf(dict, "a dictionary"), [{}], [[], None]),
}


@pytest.mark.parametrize("case", CASES)
def test_argument_takes_what_it_says_and_refuses_the_rest(case):
    expected, right, wrong = CASES[case]
    for value in right:
        assert expected.problem(value) is None, value
        expected.check("x", value)
    for value in wrong:
        with pytest.raises((TypeError, ValueError), match=r"^x=(.|\n)* must be ") as caught:
            expected.check("x", value)
        assert expected.description in str(caught.value)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.complex_numbers() | st.binary(),
    lambda children: st.lists(children) | st.tuples(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(value=anything, case=st.sampled_from(sorted(CASES)))
def test_argument_never_fails_in_its_own_check(value, case):
    expected = CASES[case][0]
    assert expected.problem(value) in (None, TypeError, ValueError)


@pytest.mark.parametrize(
    ("expected", "value", "message"),
    [
        (Number(above=0, unit="ms"), -5, "x=-5 must be a finite number of ms above 0."),
        (Number(0, 1), np.float64(2), "x=2.0 must be a finite number from 0 to 1."),
        (Integer(1), 2.5, "x=2.5 must be an integer from 1."),
        (OneOf("png", "pdf"), "pgn", "x='pgn' must be one of 'png', 'pdf'. Did you mean 'png'?"),
        (ArrayOf(length=2, each=Integer(0)), [1], "x=[1] must be a sequence of 2 integers from 0."),
        (
            PathTo(".npz", ""),
            "a.nzp",
            "x='a.nzp' must be a path that ends in '.npz', or has no suffix. Did you mean '.npz'?",
        ),
        (PathTo(), 5, "x=5 must be a path."),
        (AnyOf(Number(), OneOf("png")), "pgn", "x='pgn' must be a finite number, or one of 'png'. Did you mean 'png'?"),
        (Distribution(), [3, 1], "x=[3, 1] must be probabilities that sum to 1."),
    ],
)
def test_argument_names_what_came_and_what_is_expected(expected, value, message):
    with pytest.raises((TypeError, ValueError)) as caught:
        expected.check("x", value)
    assert str(caught.value) == message


def test_argument_shows_huge_values_shortened():
    with pytest.raises(TypeError) as caught:
        Number().check("x", list(range(10**6)))
    assert len(str(caught.value)) < 200


def function(
    plain: float,
    count: Count,
    kind: Literal["a", "b"] = "a",
    either: Probability | Text = 0.5,
    maybe: Positive | None = None,
    quiet: Positive = None,
    *,
    rows: Annotated[list | None, "of another library"] = None,
    unknown: Unknown = None,  # noqa: F821
    options: Options | None = None,
):
    return count


def test_declarations_are_read_from_annotations():
    declared = {name: expected.description for name, expected in declared_arguments(function).items()}
    assert declared == {
        "count": "an integer from 1",
        "kind": "one of 'a', 'b'",
        "either": "a probability from 0 to 1, or a text",
        "maybe": "a finite number above 0, or None",
        "quiet": "a finite number above 0, or None",
        "options": "a sequence of one or more finite numbers, or of rows of them, or None",
    }


def test_checked_function_refuses_wrong_arguments_however_they_are_given():
    run = checked(function)
    assert run("anything", 2) == run(plain=None, count=2, quiet=None, either="x") == 2
    for call in (lambda: run(1, 0), lambda: run(1, count=0), lambda: run(1, 2, "c"), lambda: run(1, 2, maybe=-1)):
        with pytest.raises(ValueError, match="must be"):
            call()
    with pytest.raises(TypeError, match="unexpected keyword argument 'cuont'"):
        run(1, cuont=2)
    assert run.__name__ == "function"


class Base(Toy):
    def __init__(self, sigma: NonNegative = 1.0, weights: Numbers = (1, 2), **kwargs):
        super().__init__(**kwargs)
        self.sigma = sigma


class Derived(Base):
    def __init__(self, p: Probabilities = (0.5, 0.5), sigma: float = 2.0, offset: Finite = 0, **kwargs):
        super().__init__(sigma=sigma, **kwargs)
        self.p, self.offset = p, offset


@pytest.mark.parametrize(
    ("name", "value"), [("sigma", -1), ("weights", []), ("p", [1, 1]), ("offset", "x"), ("dt", 0), ("r_tmax", NAN)]
)
def test_task_refuses_what_it_or_its_base_declares_otherwise(name, value):
    with pytest.raises((ValueError, TypeError), match=f"^{name}=.* must be "):
        Derived(**{name: value})


def test_task_with_declared_arguments_checks_assigned_attributes_and_copies():
    task = Derived()
    for name, value in (("sigma", -1), ("p", [0.5]), ("dt", NAN), ("offset", None)):
        before = getattr(task, name)
        with pytest.raises((ValueError, TypeError), match=f"^{name}=.* must be "):
            setattr(task, name, value)
        assert getattr(task, name) is before
    task.sigma = 0.5
    for copied in (copy.deepcopy(task), pickle.loads(pickle.dumps(task))):
        assert copied.sigma == 0.5
    with pytest.raises(AttributeError, match="'Derived' object has no attribute 'weights'"):
        _ = task.weights
    assert not hasattr(task, "weights")
    del task.offset
    assert "offset" not in vars(task)


class Sized(Derived):
    fixed_parameters = ("offset",)

    def __init__(self, n_channels: Count = 3, color=None, size=2, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.size += 1


def test_task_that_is_made_refuses_parameters_of_which_it_keeps_nothing_and_those_that_are_fixed():
    task = Sized(color="red", dt=50)
    for made in (task, copy.deepcopy(task), pickle.loads(pickle.dumps(task))):
        for name, value in (
            ("n_channels", 4),
            ("color", "blue"),
            ("offset", 1.0),
            ("dt", 20),
            ("num_trials_before_reset", 2),
        ):
            before = getattr(made, name, None)
            message = rf"^{name} is fixed when <Sized> is made: make another one, ngym.make\(..., {name}={value!r}\)\.$"
            with pytest.raises(AttributeError, match=message):
                setattr(made, name, value)
            assert getattr(made, name, None) == before
        made.size, made.sigma = 5, 0.5
        assert (made.size, made.sigma) == (5, 0.5)
    with pytest.raises(ValueError, match="^n_channels=0 must be an integer from 1"):
        task.n_channels = 0


def test_task_in_neurogym_style_keeps_its_state_under_the_names_of_its_parameters():
    class Style(ngym.TrialEnv):
        def __init__(self, dt=100, color=None):
            super().__init__(dt)
            self.observation_space, self.action_space = ngym.spaces.Box(0, 1, shape=(1,)), ngym.spaces.Discrete(2)

        def _new_trial(self, **kwargs):
            self.color = "blue"
            self.add_period("all", 100)
            self.add_ob(1)
            self.set_groundtruth(0)
            return {"color": self.color}

    assert Style(color="red").new_trial() == {"color": "blue"}


def test_task_keeps_pythons_wording_for_unknown_arguments():
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'sgima'"):
        Derived(sgima=1)


@explained
def fails(
    number: float = 1.0,
    count: int = 1,
    flag: bool = True,
    text: str = "a",
    array: NDArray[Any] | None = None,
    like: ArrayLike = 0,
    table: Mapping[str, Any] = {},
    function: Callable[..., Any] = len,
    several: Sequence[int] = (),
    path: str | Path = "",
    toy: Toy | None = None,
    kind: type = int,
    anything: Any = None,
    unknown: "NotThere" = None,  # noqa: F821, UP037
    *,
    error: Exception,
):
    raise_from_elsewhere(error)


def raise_from_elsewhere(error):
    exec("def again(error): throw = error; raise throw\nagain(error)", {"error": error})


@pytest.mark.parametrize(
    ("name", "bad", "good", "expected"),
    [
        ("number", "a", np.float32(2), "a finite or infinite number|a number"),
        ("count", 1.5, np.int8(2), "an integer"),
        ("flag", "yes", np.True_, "True or False"),
        ("text", 5, "b", "a text"),
        ("array", [1], np.zeros(2), "an array"),
        ("like", object(), [[1, 2]], "a number or an array"),
        ("table", [1], {"a": 1}, "a dictionary"),
        ("function", 5, print, "a function"),
        ("several", "ab", np.arange(2), "a sequence"),
        ("path", 5, Path("a"), "a text, or a path"),
        ("toy", 5, Toy(), "a Toy"),
        ("kind", 5, float, "a class"),
    ],
)
def test_explained_names_a_wrong_argument_of_a_function_that_failed(name, bad, good, expected):
    with pytest.raises((TypeError, ValueError), match=f"^{name}=.* must be .*({expected})"):
        fails(error=KeyError("x"), **{name: bad})
    for right in (good, {"array": None, "toy": None}.get(name, good)):
        with pytest.raises(KeyError, match="x"):
            fails(error=KeyError("x"), **{name: right})


def test_explained_leaves_what_is_no_mistake_and_what_is_raised_on_purpose():
    with pytest.raises(AttributeError, match="^x$"):
        fails(error=AttributeError("x"), anything=object(), unknown=5)
    with pytest.raises(OSError, match="^x$"):  # no error that a wrong argument leads to
        fails(error=OSError("x"), count="a")

    @explained
    def strict(count: int) -> None:
        Amount(1).check("amount", count)

    with pytest.raises(TypeError, match="^amount='a' must be an integer from 1"):
        strict("a")

    class Holder:
        @explained
        def get(self, unannotated, name: str) -> Any:
            return {}[name]

    with pytest.raises(KeyError, match="x"):
        Holder().get(None, "x")


def test_explained_names_a_number_that_is_too_large():
    @explained
    def make(n: int) -> NDArray[Any]:
        return np.zeros((n, n))

    with pytest.raises(ValueError, match="^n=1000000000000 takes more memory than there is: "):
        make(10**12)
    with pytest.raises(ValueError, match="^negative dimensions"):
        make(-1)


def test_explained_takes_arguments_without_an_annotation_as_they_are():
    class Reader:
        @explained
        def read(self, key, position: int = 0):
            return {}[key]

    with pytest.raises(KeyError, match="^'x'$"):
        Reader().read("x")
    with pytest.raises(TypeError, match="^position='a' must be an integer"):
        Reader().read("x", position="a")


def test_amount_says_what_is_too_much():
    with pytest.raises(ValueError, match="^n=1000000000000 must be an integer from 1. More than 1000000000 would"):
        Amount(1).check("n", 10**12)
    with pytest.raises(ValueError, match=r"^n=0 must be an integer from 1\.$"):
        Amount(1).check("n", 0)


@pytest.mark.parametrize(
    ("kind", "right", "wrong", "message"),
    [
        (AnyEnv, gymnasium.make("CartPole-v1"), 5, "^x=5 must be an env.$"),
        (AnyDraws, ngym.Draws(0), np.random.default_rng(0), "^x=Generator.* must be draws, such as ngym_core.Draws"),
        (AnyGenerator, np.random.RandomState(0), ngym.Draws(0), "^x=.* must be a random generator of NumPy.$"),
        (Labels, ["a", "b"], "ab", "^x='ab' must be a sequence of texts.$"),
        (Labels, [], ["a", 5], r"^x=\['a', 5\] must be a sequence of texts.$"),
        (Envs, [gymnasium.make("CartPole-v1")], [5], r"^x=\[5\] must be a sequence of envs.$"),
    ],
)
def test_kinds_of_objects_look_at_what_these_have(kind, right, wrong, message):
    expected = typing.get_args(kind)[1]
    assert expected.problem(right) is None
    with pytest.raises(TypeError, match=message):
        expected.check("x", wrong)


@pytest.mark.parametrize(
    "use",
    [
        lambda: ngym.make(ngym.TrialEnv),
        lambda: ngym.make_vec(ngym.TrialEnv, 2),
        lambda: ngym.mix([ngym.TrialEnv]),
        lambda: ngym.run_env(ngym.TrialEnv),
        lambda: ngym.TrialVectorEnv(ngym.TrialEnv, 2),
        lambda: ngym.wrappers.PassReward(ngym.TrialEnv),
        lambda: ngym.wrappers.MultiEnvs([ngym.TrialEnv]),
        lambda: ngym.get_state(ngym.TrialEnv),
    ],
)
def test_class_in_the_place_of_an_env_is_told_from_one(use):
    with pytest.raises(TypeError, match=r"=.*TrialEnv.* must be .*It is a class: make an object of it, such as TrialEnv"):
        use()


def test_bounds_of_a_number_must_be_numbers():
    with pytest.raises(TypeError, match=r"^low='abc' must be a number, or None\.$"):
        Number("abc")
    with pytest.raises(TypeError, match="^each=5 must be "):
        ArrayOf(each=5)


def test_explained_knows_names_that_exist_for_type_checkers_only():
    with pytest.raises(TypeError, match="^batch=5 must be a StepBatch.$"):
        ngym.trial_table.TrialRecorder(2, 100).add(5)


def test_explained_names_a_wrong_type_of_numpy():
    with pytest.raises(TypeError, match="^dtype='abc' must be a type of NumPy, such as float32.$"):
        ngym.tasktools.tuning(np.zeros(2), [1.0], dtype="abc")


def test_messages_show_a_path_like_its_text():
    with pytest.raises(ValueError, match=r"^file='some/trials.txt' must be a path that ends in '.npz'\.$"):
        PathTo(".npz").check("file", Path("some/trials.txt"))
