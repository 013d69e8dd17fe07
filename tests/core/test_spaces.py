from __future__ import annotations

import copy
import pickle

import gymnasium
import pytest

from ngym_core import spaces


def box(**names):
    return spaces.Box(-1, 1, names or None, shape=(4,))


def test_box_keeps_names_through_copies_and_has_none_without():
    space = box(fixation=0, stimulus=range(1, 4))
    assert space.name == {"fixation": 0, "stimulus": range(1, 4)}
    for copied in (copy.deepcopy(space), pickle.loads(pickle.dumps(space))):
        assert copied.name == space.name
        assert copied == space
    assert not hasattr(box(), "name")
    assert spaces.names_of(box()) == {}
    assert spaces.names_of(gymnasium.spaces.Discrete(2)) == {}


def test_discrete_takes_the_arguments_of_gymnasium():
    assert spaces.Discrete(3, start=1).start == 1
    assert spaces.Discrete(3, {"choice": [1, 2]}).name == {"choice": [1, 2]}


def test_spaces_reject_invalid_names():
    with pytest.raises(TypeError, match=r"type\(name\)=<class 'list'> must be `dict` or `NoneType`"):
        spaces.Box(-1, 1, ["a"], shape=(1,))
    with pytest.raises(ValueError, match=r"name\['far'\]=4 lies outside the 4 channels"):
        box(far=4)
    with pytest.raises(ValueError, match="lies outside the 3 actions"):
        spaces.Discrete(3, {"choice": [1, 3]})
    with pytest.raises(TypeError, match="must be an index"):
        box(bad="x")


def test_channels_returns_slices_for_adjacent_channels():
    space = box(stimulus=[1, 2], odd=[0, 2], one=3)
    assert spaces.channels(space, "stimulus") == slice(1, 3)
    assert spaces.channels(space, "one") == slice(3, 4)
    assert spaces.channels(space, -1) == slice(3, 4)
    assert spaces.channels(space, "odd").tolist() == [0, 2]
    assert spaces.channels(space, slice(0, 2)) == slice(0, 2)
    assert spaces.channels(space, range(4)) == slice(0, 4)


def test_channels_rejects_unknown_names_and_indices():
    with pytest.raises(KeyError, match="Unknown channel 'stimuls'. Did you mean 'stimulus'"):
        spaces.channels(box(stimulus=[1, 2]), "stimuls")
    with pytest.raises(IndexError, match="where=7 is not a channel of a space with 4 channels"):
        spaces.channels(box(), 7)
    with pytest.raises(IndexError, match="is not a channel"):
        spaces.channels(box(), [0.5])
