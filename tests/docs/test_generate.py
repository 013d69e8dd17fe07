"""Every task, wrapper and public name has a page, and pages say what the registry, the code and the benchmark say."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from pathlib import Path

import pytest
from docs.generate import benchmarks, reference
from docs.generate.markdown import table
from docs.generate.papers import bibtex, doi_of
from docs.generate.tasks import NAMES, known_as, task_page, task_paths
from docs.generate.wrappers import wrapper_page, wrapper_paths

import ngym_core as ngym
from ngym_core.plugins import registry
from ngym_plot.gallery import TaskCard, task_card

DOCS = Path(__file__).parent.parent.parent / "docs"
PACKAGES = ["ngym_core", "ngym_data", "ngym_plot", "ngym_sb3"]
PDM = "PerceptualDecisionMaking-v0"


def public_names():
    """Every name in `__all__` of a package or a public module, with its module."""
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        for name in [package, *(module.name for module in pkgutil.walk_packages(path, f"{package}."))]:
            if not any(part.startswith("_") for part in name.split(".")):
                yield from ((name, listed) for listed in getattr(importlib.import_module(name), "__all__", ()))


@pytest.fixture(scope="module")
def documented():
    """What the directives of the generated pages name: full names, and the classes and functions behind them."""
    pages = [*reference.reference_pages().values(), *map(wrapper_page, registry.all_wrappers())]
    names = re.findall(r"^\.\. auto(?:class|function|data):: (\S+)", "\n".join(pages), re.MULTILINE)
    objects = set()
    for name in names:
        module, _, attribute = name.rpartition(".")
        objects.add((attribute, id(getattr(importlib.import_module(module), attribute))))
    return set(names), objects


def test_every_public_name_has_a_page(documented):
    names, objects = documented
    missing = []
    for module, name in public_names():
        value = getattr(importlib.import_module(module), name)
        if inspect.ismodule(value) or name == "__version__":
            continue
        if not (f"{module}.{name}" in names or (name, id(value)) in objects):
            missing.append(f"{module}.{name}")
    assert missing == []
    assert len(names) > 300


def test_no_name_is_on_two_pages():
    pages = "\n".join([*reference.reference_pages().values(), *map(wrapper_page, registry.all_wrappers())])
    names = re.findall(r"^\.\. auto(?:class|function|data):: (\S+)", pages, re.MULTILINE)
    assert len(names) == len(set(names))


def test_every_task_and_wrapper_has_a_page():
    assert list(task_paths()) == ngym.all_envs(collections=True)
    assert list(wrapper_paths()) == ngym.all_wrappers()
    for name in ngym.all_wrappers():
        page = wrapper_page(name)
        parameters = set(inspect.signature(registry.wrapper_spec(name).load()).parameters) - {"env", "envs", "kwargs"}
        assert all(f"| `{parameter}` |" in page for parameter in parameters), name


def test_every_main_class_and_function_has_an_example():
    lacking = []  # some refer to a class that has one
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            value = getattr(module, name)
            is_error = inspect.isclass(value) and issubclass(value, Exception)
            if (inspect.isclass(value) or inspect.isfunction(value)) and not is_error:
                doc = inspect.getdoc(value) or ""
                lacking += [] if ">>>" in doc or "with an example" in doc else [f"{package}.{name}"]
    assert lacking == []


@pytest.fixture(scope="module")
def page():
    return task_page(task_card(PDM))


def test_page_of_a_task_says_what_it_does(page):
    task = ngym.make(PDM)
    for period, value in task.timing.items():
        assert f"| `{period}` | {value} |" in page
    for event, value in task.rewards.items():
        assert f"| `{event}` | {value:g} |" in page
    for channel in task.observation_space.name:
        assert f"| `{channel}` |" in page
    for condition in task.sample_trials(1, seed=0).conditions:
        assert f"| `{condition}` |" in page
    assert "| `sigma` | `1.0` | a finite number from 0 |" in page
    assert f"[{task.metadata['paper_name']}]({task.metadata['paper_link']})" in page
    assert "@" in page.partition("```bibtex\n")[2]
    assert f"| {task.chance:.3g} |" in page
    assert f"![A trial of {PDM}" in page


def test_page_of_a_task_lists_periods_and_other_timings(page):
    assert "## Other timings" not in page
    tone = task_page(task_card("ToneDetection-v0"))
    assert "| `stimulus` | 2000 |" in tone.partition("## Other timings")[0]
    assert "| `toneDur` | 50 | How long it lasts. |" in tone.partition("## Other timings")[2]


def test_page_of_a_task_names_its_recorded_divergences():
    assert "a ring of 16 directions by default" in task_page(task_card("DelayMatchCategory-v0"))
    assert "Equal with `dim_ring` given" in task_page(task_card("DelayMatchCategory-v0"))


def test_page_of_a_task_has_the_figures_of_packs():
    card = task_card("GoNogo-v0")
    assert "## Figures of packs" not in task_page(card)
    card.figures = {"my-pack-rewards": b""}
    assert "](GoNogo-v0-my-pack-rewards.png)" in task_page(card)


def test_tasks_are_found_by_what_people_call_them():
    assert {"2AFC", "random dots"} <= set(known_as(PDM, ["two-alternative"]))
    assert "working memory" in known_as("yang19.dms-v0", [])
    assert "working memory" in known_as("modcog.dms-v0", [])
    assert set(NAMES["tasks"]) <= set(ngym.all_envs(collections=True))
    assert set(NAMES["tags"]) <= set(ngym.all_tags())


# ---- parts ---------------------------------------------------------------------------------------


def test_table_has_no_column_in_which_nothing_stands():
    assert table(["a", "b", "c"], [["1", "", "x"], ["2", "", ""]]).splitlines()[::3] == ["| a | c |", "| 2 |  |"]


def test_table_escapes_bars_and_says_none():
    assert table(["a"], [["x|y"]]).splitlines()[-1] == "| x\\|y |"
    assert table(["a"], []) == "None."


def test_bibtex_has_title_address_and_doi():
    assert bibtex("", "https://example.org").splitlines()[1] == "  url = {https://example.org},"
    lines = bibtex("A study", "https://elifesciences.org/articles/11308").splitlines()
    assert lines[1:-1] == [
        "  title = {A study},",
        "  doi = {10.7554/eLife.11308},",
        "  url = {https://elifesciences.org/articles/11308},",
    ]


@pytest.mark.parametrize(
    ("link", "doi"),
    [
        ("https://doi.org/10.1016/j.neuron.2018.07.003", "10.1016/j.neuron.2018.07.003"),
        ("https://journals.plos.org/plosbiology/article?id=10.1371/journal.pbio.0030068", "10.1371/journal.pbio.0030068"),
        ("https://arxiv.org/abs/2207.03523", "10.48550/arXiv.2207.03523"),
        ("https://www.nature.com/articles/nature12742", "10.1038/nature12742"),
        ("https://www.nature.com/articles/nn1209", "10.1038/nn1209"),
        ("https://www.nature.com/articles/nrn1345/", "10.1038/nrn1345"),
        ("https://www.nature.com/articles/s41593-018-0310-2", "10.1038/s41593-018-0310-2"),
        ("https://science.sciencemag.org/content/364/6441/eaav8911", "10.1126/science.aav8911"),
        ("https://www.jneurosci.org/content/12/12/4745", "10.1523/JNEUROSCI.12-12-04745.1992"),
        ("https://www.jneurosci.org/content/jneuro/5/12/3261.full.pdf", "10.1523/JNEUROSCI.05-12-03261.1985"),
    ],
)
def test_doi_is_derived_from_addresses_that_decide_it(link, doi):
    assert doi_of(link) == doi


@pytest.mark.parametrize(
    "link",
    [
        "",
        "https://example.org/10.1000/5",
        "https://www.jneurosci.org/content/30/28/9424",  # a newer volume
        "https://science.sciencemag.org/content/233/4771/1416",
        "https://www.pnas.org/content/113/31/E4531",
        "https://www.sciencedirect.com/science/article/pii/S0896627309004887",
        "https://www.nature.com/articles/s41599-019-0001-2",  # of a journal of Palgrave's
        "https://www.nature.com/articles/nature12742.pdf",
    ],
)
def test_doi_is_not_guessed(link):
    assert doi_of(link) == ""


# ---- the benchmark's numbers ---------------------------------------------------------------------

RESULTS = {
    "made": {"date": "2026-11-26", "processor": "x", "cores": 2, "python": "3.11", "versions": {"numpy": "2"}},
    "budgets": [["a batch", "<= 6 %", "3.2 %"]],
    "data": {"tasks": [{"task": PDM, "ours": 12.3e6, "neurogym": 45e3, "ratio": 273.2, "training_share": 0.7}]},
    "stepping": {"stepping": [{"task": PDM, "lanes": 64, "ngym": 2_700_000.0}], "training": [], "learners": []},
    "mixtures": {"mixture": 0.7, "mixture with info": 0.5, "modifiers": {"yang19.go-v0+anti": 0.9}},
}


def test_speed_page_is_made_from_the_results(tmp_path, monkeypatch):
    kept = tmp_path / "benchmarks.json"
    monkeypatch.setattr(benchmarks, "RESULTS", kept)
    assert "No results are kept" in benchmarks.speed_page()
    kept.write_text(json.dumps(RESULTS))
    shown = benchmarks.speed_page()
    assert f"| `{PDM}` | 12.30 | 0.045 | 273 | 0.7 |" in shown
    assert "2,700,000" in shown
    assert {"12.30", "2,700,000", "3.2"} <= benchmarks.benchmark_numbers(RESULTS)


def test_numbers_about_speed_in_the_docs_are_the_benchmarks():
    results = json.loads(benchmarks.RESULTS.read_text()) if benchmarks.RESULTS.exists() else None
    known = set() if results is None else benchmarks.benchmark_numbers(results)
    for path in [*DOCS.glob("*.md"), *DOCS.glob("howto/*.md"), *DOCS.glob("tutorials/*.md"), *DOCS.glob("generate/*.md")]:
        assert [number for number in benchmarks.speeds_in(path.read_text()) if number not in known] == [], path


def test_a_number_that_is_not_the_benchmarks_is_seen():
    assert benchmarks.speeds_in("twice, 5.5 x as fast, 3 million steps, 12 trials") == ["5.5", "3"]


def test_card_of_a_task_is_public():
    assert isinstance(task_card("GoNogo-v0"), TaskCard)
