from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from .toy import Toy


def test_parameters_reject_an_unknown_timing_key():
    message = "Unknown timing key 'fixatoin'. Did you mean 'fixation'"
    with pytest.raises(KeyError, match=message):
        Toy(timing={"fixatoin": 100})
    env = Toy()
    with pytest.raises(KeyError, match=message):
        env.timing.update({"fixatoin": 100})


def test_parameters_reject_unknown_and_infinite_rewards():
    with pytest.raises(KeyError, match="Unknown reward key 'corect'. Did you mean 'correct'"):
        Toy(rewards={"corect": 1})
    with pytest.raises(ValueError, match="reward 'correct' must be a finite number, not nan"):
        Toy(rewards={"correct": np.nan})


def test_parameters_keep_their_checks_when_copied():
    timing = Toy(timing={"delay": 700}).timing
    for copied in (copy.deepcopy(timing), pickle.loads(pickle.dumps(timing))):
        assert copied == timing
        with pytest.raises(KeyError):
            copied["other"] = 1
