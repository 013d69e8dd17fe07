from __future__ import annotations

import gymnasium
import pytest

from ngym_core.errors import UnknownNameError, UnknownTaskError, nearest, unknown_name


@pytest.mark.parametrize(
    ("name", "valid", "text"),
    [
        ("stimuls", ["delay", "stimulus"], "Did you mean 'stimulus'? Valid: 'delay', 'stimulus'."),
        ("STIMULUS", ["delay", "stimulus"], "Did you mean 'stimulus'? Valid: 'delay', 'stimulus'."),
        ("xyz", ["delay", "stimulus"], "Valid: 'delay', 'stimulus'."),
        ("Perf", ["level", "performance"], "Did you mean 'performance'? Valid: 'level', 'performance'."),
        ("ce", ["level", "performance"], "Valid: 'level', 'performance'."),
        ("xyz", [], "There are no valid names."),
        (3, [1, 2], "Valid: '1', '2'."),
    ],
)
def test_nearest_describes_the_valid_names(name, valid, text):
    assert nearest(name, valid) == text


def test_nearest_lists_twelve_names_at_most_and_of_more_only_those_that_are_near():
    assert nearest("none", [f"n{i:02}" for i in range(41)]).endswith("'n10', 'n11' and 29 more.")
    assert nearest("none", [f"n{i:02}" for i in range(12)]).endswith("'n10', 'n11'.")
    assert nearest("period", [f"n{i:02}" for i in range(41)] + ["periods"]) == "Did you mean 'periods'?"


def test_unknown_makes_a_key_error_with_an_unquoted_message():
    error = unknown_name("period", "dely", ["delay"])
    assert isinstance(error, (UnknownNameError, KeyError))
    assert str(error) == "Unknown period 'dely'. Did you mean 'delay'? Valid: 'delay'."
    assert str(UnknownNameError()) == ""
    assert issubclass(UnknownTaskError, gymnasium.error.NameNotFound)
