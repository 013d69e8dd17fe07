"""The certificates in docs/ are those of the file, and three of them are made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from ngym_core.certificates import RESULTS, as_markdown, certificates_of, find_recipe, is_current, load_certificates, renew

PAGE = Path(__file__).parent.parent / "docs" / "certificates.md"


def test_page_is_that_of_the_file():
    assert PAGE.read_text() == as_markdown(load_certificates(RESULTS)), "renew it by `python -m nox -s certify`"


def test_certificates_are_current():
    assert [(c.task, c.outdated) for c in load_certificates(RESULTS) if not is_current(c, find_recipe(c.task, c.kind))] == []


def test_every_certificate_that_misses_its_criterion_says_why():
    assert [c.task for c in load_certificates(RESULTS) if not c.reached and not c.note] == []


@pytest.mark.parametrize(
    ("task", "kind"), [("modcog.goseqr-v0", "supervised"), ("LeverPress-v0", "supervised"), ("GoNogo-v0", "rl")]
)
def test_certificate_is_made_again(task, kind, tmp_path):
    (again,) = renew([task], tmp_path / "again.json", kinds=[kind])
    (known,) = (certificate for certificate in certificates_of(task) if certificate.kind == kind)
    assert again.reached
    assert (again.settings, again.digest, again.criterion) == (known.settings, known.digest, known.criterion)
