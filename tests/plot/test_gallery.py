from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
import tempfile
from html import unescape

import matplotlib.pyplot as plt
import pytest
from PIL import Image

import ngym_core as ngym
from ngym_plot.gallery import _values, write_gallery

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-background-networking", "--disable-component-update"]
IDS = ngym.all_envs(collections=True)


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """The page of all tasks."""
    return write_gallery(tmp_path_factory.mktemp("gallery") / "pages")[0]


def cards(page):
    """Id -> its part of the page."""
    parts = re.findall(r'<article class="card" id="(.*?)"(.*?)</article>', page.read_text(), re.DOTALL)
    return {unescape(name): text for name, text in parts}


def test_every_task_has_a_picture(everything):
    found = cards(everything)
    assert list(found) == IDS
    assert re.findall("No picture: .*?<", everything.read_text()) == []
    for name, text in found.items():
        (data,) = re.findall(r'src="data:image/png;base64,(.*?)"', text)
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            assert 500 < picture.width < 1500, name
            assert len(picture.convert("L").getcolors()) > 10, name
    assert plt.get_fignums() == []


def test_a_card_says_what_there_is_to_know(everything):
    card = unescape(cards(everything)["PerceptualDecisionMaking-v0"])
    task = ngym.make("PerceptualDecisionMaking-v0")
    for period, value in task.timing.items():
        assert f"{period}: {value}" in card
    for words in ("fixation", "stimulus (2)", "3 actions", "coh: 0, 6.4, 12.8, 25.6, 51.2", "correct: 1.0", "100 ms"):
        assert words in card
    assert task.metadata["paper_link"] in card
    assert " ".join(task.metadata["paper_name"].split()) in card
    assert all(f"<span>{tag}</span>" in card for tag in task.metadata["tags"])


def test_nothing_is_loaded_from_elsewhere(everything):
    page = everything.read_text()
    assert [p.name for p in everything.parent.iterdir()] == ["index.html"]
    assert not re.findall(r"<(?:link|iframe|script[^>]+src|img[^>]+src=\"(?!data:))", page)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest", page)


def test_progress_is_told(tmp_path):
    told: list[int] = []
    write_gallery(tmp_path / "pages", ["GoNogo-v0", "Null-v0"], progress=told.append)
    assert told == [1, 1]


def test_images_too_have_a_card_and_text_is_escaped(film, tmp_path):
    page, failed = write_gallery(tmp_path / "pages", [film])
    assert failed == {}
    card = cards(page)[film]
    assert "Show a bar that moves &lt;over&gt; <code>8 x 6</code> images." in card
    assert '<a href="https://example.org/?a=1&amp;b=2">Bars &amp; stripes</a>' in card
    assert "8 x 6 numbers" in card


def test_a_task_that_cannot_be_drawn_costs_only_itself(broken, tmp_path):
    page, failed = write_gallery(tmp_path / "pages", ["GoNogo-v0", broken])
    assert failed == {broken: "RuntimeError: no trial <today>"}
    found = cards(page)
    assert "No picture: RuntimeError: no trial &lt;today&gt;" in found[broken]
    assert "Fails when a trial is made." in found[broken]
    assert "<img" in found["GoNogo-v0"]


def test_tasks_of_packs_are_there(python, tmp_path):
    code = "from ngym_plot.gallery import write_gallery as w; print(w('pages', ['Flash-v0', 'OldFlash-v0']))"
    out, _ = python(f"import os; os.chdir({str(tmp_path)!r}); {code}", "good", MPLBACKEND="Agg")
    assert out.strip().endswith("{})")
    found = cards(tmp_path / "pages" / "index.html")
    assert list(found) == ["Flash-v0", "OldFlash-v0"]
    assert all("<img" in text for text in found.values())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, 1, 2], "1, 2"),
        ([0.5, 0.25], "0.25, 0.5"),
        (range(20), "0 to 19"),
        ([[1, 2]] * 3, "2 values"),
        (["b", "a"], "a, b"),
    ],
)
def test_conditions_are_said_by_their_values(values, said):
    assert _values(values) == said


def test_no_folder_in_use_is_written_to(tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(FileExistsError, match="holds something already; name a new folder"):
        write_gallery(tmp_path, ["GoNogo-v0"])
    with pytest.raises(ngym.UnknownTaskError, match="Did you mean 'GoNogo-v0'"):
        write_gallery(tmp_path / "new", ["GoNoGo-v0"])
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
    said: document.getElementById("shown").textContent,
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
def browse(everything, tmp_path):
    """Open the page in a browser, act, and report what a reader sees."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")

    def run(fragment="", actions="", width=1300):
        copy = tmp_path / "copy.html"
        copy.write_text(everything.read_text().replace("</body>", REPORT.replace("ACTIONS", actions) + "</body>"))
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


def test_all_tasks_and_pictures_are_seen(browse):
    seen = browse()
    assert seen["visible"] == IDS
    assert seen["loaded"] == len(IDS)
    assert seen["said"] == f"{len(IDS)} tasks"
    assert not seen["none"]


def test_tags_filter(browse):
    seen = browse(actions=CLICK.replace("TAG", "working memory"))
    assert seen["visible"] == tagged("working memory")
    assert seen["said"] == f"{len(seen['visible'])} of {len(IDS)} tasks"
    assert seen["fragment"] == "#tag=working+memory"
    both = browse(actions=CLICK.replace("TAG", "working memory") + CLICK.replace("TAG", "two-alternative"))
    assert both["visible"] == tagged("working memory", "two-alternative")
    assert 0 < len(both["visible"]) < len(seen["visible"])
    undone = browse(actions=2 * CLICK.replace("TAG", "working memory"))
    assert undone["visible"] == IDS


def test_search_finds_by_all_words(browse):
    seen = browse(actions=TYPE.replace("WORDS", "  Saccade REACH "))
    assert "AntiReach-v0" in seen["visible"]
    assert "GoNogo-v0" not in seen["visible"]
    nothing = browse(actions=TYPE.replace("WORDS", "xyzzy"))
    assert nothing["visible"] == []
    assert nothing["none"]


def test_the_address_keeps_the_filter(browse):
    seen = browse("#q=delay&tag=perceptual&tag=two-alternative", width=500)
    assert set(seen["visible"]) <= set(tagged("perceptual", "two-alternative"))
    assert "PerceptualDecisionMakingDelayResponse-v0" in seen["visible"]
    assert sorted(seen["pressed"]) == ["perceptual", "two-alternative"]
    assert seen["search"] == "delay"
    assert not seen["wide"]  # nothing sticks out of a narrow window
    assert browse("#GoNogo-v0")["visible"] == IDS
