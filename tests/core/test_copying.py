from __future__ import annotations

import copy
import math

import numpy as np

from ngym_core._copying import copy_attributes


def test_copied_functions_refer_to_copies():
    holder, own = {"n": 1}, np.random.default_rng(0)

    def draw(*, scale=1.0):
        return own.random() * scale + math.floor(holder["n"])

    attributes = {"holder": holder, "timing": {"delay": draw}, "plain": len, "direct": lambda: holder}
    copied = copy_attributes(attributes, {})
    assert copied["direct"]() is copied["holder"] is not holder
    assert copied["timing"]["delay"] is not draw
    expected = copy.deepcopy(own).random()
    assert copied["timing"]["delay"](scale=2.0) == 2 * expected + 1
    assert own.random() == expected  # the copy has drawn from a generator of its own
    assert copied["plain"] is len
