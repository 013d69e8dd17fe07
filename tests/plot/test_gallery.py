from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from html import unescape

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure
from PIL import Image

import ngym_core as ngym
from ngym_plot import gallery
from ngym_plot.gallery import task_card, write_gallery

from .tasks import Failing, MovingBar

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-background-networking", "--disable-component-update"]
IDS = ngym.all_envs(collections=True)


@pytest.fixture(scope="module")
def gallery_page(tmp_path_factory):
    """The page of all tasks."""
    return write_gallery(tmp_path_factory.mktemp("gallery") / "pages")[0]


def cards(page):
    """Id -> its part of the page."""
    parts = re.findall(r'<article class="card" id="(.*?)"(.*?)</article>', page.read_text(), re.DOTALL)
    return {unescape(name): text for name, text in parts}


def test_gallery_has_a_figure_of_every_task(gallery_page):
    found = cards(gallery_page)
    assert list(found) == IDS
    assert re.findall("No figure: .*?<", gallery_page.read_text()) == []
    for name, text in found.items():
        (data,) = re.findall(r'src="data:image/png;base64,(.*?)"', text)
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            assert 500 < image.width < 1500, name
            assert len(image.convert("L").getcolors()) > 10, name
    assert plt.get_fignums() == []


def test_gallery_card_lists_the_facts_of_a_task(gallery_page):
    card = unescape(cards(gallery_page)["PerceptualDecisionMaking-v0"])
    task = ngym.make("PerceptualDecisionMaking-v0")
    for period, value in task.timing.items():
        assert f"{period}: {value}" in card
    for words in ("fixation", "stimulus (2)", "3 actions", "coh: 0, 6.4, 12.8, 25.6, 51.2", "correct: 1.0", "100 ms"):
        assert words in card
    assert task.metadata["paper_link"] in card
    assert " ".join(task.metadata["paper_name"].split()) in card
    assert all(f"<span>{tag}</span>" in card for tag in task.metadata["tags"])


def test_gallery_card_lists_the_periods_of_trials(gallery_page):
    found = cards(gallery_page)
    assert "production: decided by the task" in found["ReadySetGo-v0"]
    assert "recall: decided by the task" in found["MemoryRecall-v0"]
    assert "Other timings (ms)" in found["ToneDetection-v0"]
    assert "Other timings (ms)" not in found["ReadySetGo-v0"]


def test_gallery_loads_nothing_from_elsewhere(gallery_page):
    page = gallery_page.read_text()
    assert [p.name for p in gallery_page.parent.iterdir()] == ["index.html"]
    assert not re.findall(r"<(?:link|iframe|script[^>]+src|img[^>]+src=\"(?!data:))", page)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest", page)


def test_gallery_links_pages_and_shows_figures_of_packs(monkeypatch):
    seen = {}

    def draw_figures(table, env, folder):
        seen.update(table)
        (folder / "mine-a.png").write_bytes(b"figure")
        return [folder / "mine-a.png"]

    manager = ngym.plugins.registry.pack_manager()
    monkeypatch.setattr(manager, "draw_figures", draw_figures)
    monkeypatch.setattr(type(manager), "draws_figures_of_tables", True)
    card = task_card("GoNogo-v0")
    assert card.figures == {"mine-a": b"figure"}
    assert (seen["performance"] == 1).all()  # of the ground truth
    page = gallery.gallery_page([card], pages="../tasks/")
    assert '<a href="../tasks/GoNogo-v0.html">' in page
    assert f'alt="mine-a" src="data:image/png;base64,{base64.b64encode(b"figure").decode()}"' in page
    assert "Its page" not in gallery.gallery_page([card])


def test_write_gallery_reports_progress(tmp_path):
    reported: list[int] = []
    write_gallery(tmp_path / "pages", ["GoNogo-v0", "Null-v0"], progress=reported.append)
    assert reported == [1, 1]


def test_gallery_card_of_an_image_task_has_escaped_text(image_task, tmp_path):
    page, failed = write_gallery(tmp_path / "pages", [image_task])
    assert failed == {}
    card = cards(page)[image_task]
    assert "Show a bar that moves &lt;over&gt; <code>8 x 6</code> images." in card
    assert '<a href="https://example.org/?a=1&amp;b=2">Bars &amp; stripes</a>' in card
    assert "8 x 6 numbers" in card


def test_gallery_with_a_failing_task_has_the_other_tasks(failing_task, tmp_path):
    page, failed = write_gallery(tmp_path / "pages", ["GoNogo-v0", failing_task])
    assert failed == {failing_task: "RuntimeError: no trial <today>"}
    found = cards(page)
    assert "No figure: RuntimeError: no trial &lt;today&gt;" in found[failing_task]
    assert "Fails when a trial is made." in found[failing_task]
    assert "<img" in found["GoNogo-v0"]


def test_gallery_with_texts_that_cannot_be_encoded_has_all_else(image_task, failing_task, tmp_path, monkeypatch):
    def fail(self, trials):
        raise RuntimeError("half \ud800")

    monkeypatch.setattr(MovingBar, "__doc__", "Half of a pair: \ud800.")
    monkeypatch.setattr(Failing, "_new_trials", fail)
    page, failed = write_gallery(tmp_path / "pages", [image_task, failing_task])
    assert failed == {failing_task: "RuntimeError: half \\ud800"}
    found = cards(page)
    assert "Half of a pair: \\ud800." in found[image_task]
    assert "<img" in found[image_task]
    assert "No figure: RuntimeError: half \\ud800" in found[failing_task]


def test_write_gallery_closes_its_own_figures_only(failing_task, tmp_path, monkeypatch):
    mine = plt.figure()
    write_gallery(tmp_path / "pages", ["GoNogo-v0", failing_task])
    assert plt.get_fignums() == [mine.number]

    def fail(*args, **kwargs):
        raise RuntimeError("cannot be saved")

    monkeypatch.setattr(Figure, "savefig", fail)
    assert "cannot be saved" in write_gallery(tmp_path / "others", ["GoNogo-v0"])[1]["GoNogo-v0"]
    assert plt.get_fignums() == [mine.number]


def test_write_gallery_looks_at_the_folder_before_it_draws(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "used" / "mine").mkdir(parents=True)
    monkeypatch.setattr("ngym_plot.gallery.task_card", lambda name: pytest.fail("a task is drawn"))
    with pytest.raises(NotADirectoryError):
        write_gallery(tmp_path / "file" / "pages", ["GoNogo-v0"])
    for folder in (tmp_path / "file", tmp_path / "used"):
        with pytest.raises(FileExistsError, match="holds something already"):
            write_gallery(folder, ["GoNogo-v0"])
    with claim_in_another_process(tmp_path / "busy"), pytest.raises(FileExistsError, match="is in use by process"):
        write_gallery(tmp_path / "busy", ["GoNogo-v0"])


@contextmanager
def claim_in_another_process(folder):
    code = f"import time, pathlib, ngym_core.files as f\nwith f.claim_folder(pathlib.Path({str(folder)!r})):\n"
    code += "    print('claimed', flush=True)\n    time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "claimed\n"
        yield
        process.kill()


KILLED = """
import os, signal, sys
from pathlib import Path
from ngym_plot import gallery

def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "drawing":
    gallery._draw = die
else:
    Path.replace = die
gallery.write_gallery(sys.argv[1], ["GoNogo-v0"])
"""


@pytest.mark.parametrize("when", ["drawing", "renaming"])
def test_killed_gallery_leaves_nothing_that_blocks_the_same_one(tmp_path, when):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "pages"), when], env=os.environ)
    assert done.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "pages").iterdir())) == 1 + (when == "renaming")  # hidden ones
    page, failed = write_gallery(tmp_path / "pages", ["GoNogo-v0"])
    assert failed == {}
    assert [path.name for path in (tmp_path / "pages").iterdir()] == ["index.html"]
    assert page.read_bytes() == write_gallery(tmp_path / "whole", ["GoNogo-v0"])[0].read_bytes()


def test_gallery_has_the_tasks_of_packs(python, tmp_path):
    code = "from ngym_plot.gallery import write_gallery as w; print(w('pages', ['Flash-v0', 'OldFlash-v0']))"
    out, _ = python(f"import os; os.chdir({str(tmp_path)!r}); {code}", "good", MPLBACKEND="Agg")
    assert out.strip().endswith("{})")
    found = cards(tmp_path / "pages" / "index.html")
    assert list(found) == ["Flash-v0", "OldFlash-v0"]
    assert all("<img" in text for text in found.values())


def test_write_gallery_rejects_a_used_folder_and_unknown_tasks(tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(FileExistsError, match="holds something already; name a new folder"):
        write_gallery(tmp_path, ["GoNogo-v0"])
    with pytest.raises(ngym.UnknownTaskError, match="Did you mean 'GoNogo-v0'"):
        write_gallery(tmp_path / "new", ["GoNogoo-v0"])
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


# ---- in a browser ------------------------------------------------------------------------------------------------

REPORT = """
<script>
window.addEventListener("load", () => {
  ACTIONS
  const visible = Array.from(document.querySelectorAll(".card")).filter(card => card.offsetParent !== null);
  const report = {
    visible: visible.map(card => card.id),
    loaded: Array.from(document.images).filter(image => image.complete && image.naturalWidth > 100).length,
    status: document.getElementById("shown").textContent,
    none: document.getElementById("none").offsetParent !== null,
    pressed: Array.from(document.querySelectorAll("[aria-pressed=true]"), chip => chip.dataset.tag),
    search: document.getElementById("search").value,
    fragment: location.hash,
    wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
  };
  const pre = document.createElement("pre");
  pre.id = "report";
  pre.textContent = JSON.stringify(report);
  document.body.append(pre);
});
</script>
"""
CLICK = "document.querySelector('.chip[data-tag=\"TAG\"]').click();"
TYPE = 'const box = document.getElementById("search"); box.value = "WORDS"; box.dispatchEvent(new Event("input"));'


@pytest.fixture
def browse(gallery_page, tmp_path):
    """Open the page in a browser, run actions, and report what is visible."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")

    def run(fragment="", actions="", width=1300):
        copy = tmp_path / "copy.html"
        copy.write_text(gallery_page.read_text().replace("</body>", REPORT.replace("ACTIONS", actions) + "</body>"))
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            command = [CHROMIUM, *QUIET, f"--user-data-dir={profile}", f"--window-size={width},900", "--dump-dom"]
            done = subprocess.run(
                [*command, f"{copy.as_uri()}{fragment}"], capture_output=True, text=True, timeout=120, check=True
            )
        (report,) = re.findall(r'<pre id="report">(.*?)</pre>', done.stdout, re.DOTALL)
        return json.loads(unescape(report))

    return run


def tagged(*tags):
    return [name for name in IDS if all(name in ngym.all_envs(tag, collections=True) for tag in tags)]


def test_gallery_page_shows_all_tasks_and_figures(browse):
    report = browse()
    assert report["visible"] == IDS
    assert report["loaded"] == len(IDS)
    assert report["status"] == f"{len(IDS)} tasks"
    assert not report["none"]


def test_gallery_page_filters_by_tags(browse):
    report = browse(actions=CLICK.replace("TAG", "working memory"))
    assert report["visible"] == tagged("working memory")
    assert report["status"] == f"{len(report['visible'])} of {len(IDS)} tasks"
    assert report["fragment"] == "#tag=working+memory"
    both = browse(actions=CLICK.replace("TAG", "working memory") + CLICK.replace("TAG", "two-alternative"))
    assert both["visible"] == tagged("working memory", "two-alternative")
    assert 0 < len(both["visible"]) < len(report["visible"])
    undone = browse(actions=2 * CLICK.replace("TAG", "working memory"))
    assert undone["visible"] == IDS


def test_gallery_page_search_matches_all_words(browse):
    report = browse(actions=TYPE.replace("WORDS", "  Saccade REACH "))
    assert "AntiReach-v0" in report["visible"]
    assert "GoNogo-v0" not in report["visible"]
    nothing = browse(actions=TYPE.replace("WORDS", "xyzzy"))
    assert nothing["visible"] == []
    assert nothing["none"]


def test_gallery_page_address_holds_the_filter(browse):
    report = browse("#q=delay&tag=perceptual&tag=two-alternative", width=500)
    assert set(report["visible"]) <= set(tagged("perceptual", "two-alternative"))
    assert "PerceptualDecisionMakingDelayResponse-v0" in report["visible"]
    assert sorted(report["pressed"]) == ["perceptual", "two-alternative"]
    assert report["search"] == "delay"
    assert not report["wide"]  # nothing sticks out of a narrow window
    assert browse("#GoNogo-v0")["visible"] == IDS
