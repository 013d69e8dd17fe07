from __future__ import annotations

from ngym_core.docstrings import read_docstring


def test_docstring_is_read_into_its_parts():
    def f():
        """What it is for,
        on two lines.

        More.

        Args:
            a: One
                and two.
            b, c: Three.

        Example:
            >>> 1
            1
        """

    doc = read_docstring(f)
    assert (doc.purpose, doc.text) == ("What it is for, on two lines.", "More.")
    assert doc.items("Args") == {"a": "One and two.", "b": "Three.", "c": "Three."}
    assert doc.sections["Example"] == ">>> 1\n1"
    assert doc.items("Raises") == {}


def test_docstring_speaks_of_numbered_names_and_of_names_with_hyphens():
    def f():
        """One line.

        Channels:
            fixation: 0.
            loc{i}: 1 + i. The i-th one,
                from 0.
            coh{i}_mod1: Strength.
            non-match: 2. Another.
        """

    doc = read_docstring(f)
    assert doc.said_of("Channels", "loc0") == doc.said_of("Channels", "loc12") == "1 + i. The i-th one, from 0."
    assert doc.said_of("Channels", "coh2_mod1") == "Strength."
    assert doc.said_of("Channels", "non-match") == "2. Another."
    assert doc.said_of("Channels", "loc") == doc.said_of("Channels", "locs1") == doc.said_of("Args", "loc0") == ""


def test_object_without_a_docstring_says_nothing():
    assert read_docstring(lambda: None) == ("", "", {})
