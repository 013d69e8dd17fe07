"""The built site in a browser: pictures, links, search, phone width, nothing from elsewhere. `nox -s docs` builds it."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest

SITE = Path(__file__).parent.parent.parent / "docs-output"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-background-networking", "--disable-component-update"]
LOADING = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}
PHONE = 375

pytestmark = pytest.mark.skipif(not (SITE / "index.html").exists(), reason="the site is not built: nox -s docs")


class Page(HTMLParser):
    """The links, anchors and loaded files of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors, self.loaded = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if (
            tag in LOADING
            and given.get(LOADING[tag])
            and given.get("rel") not in ("canonical", "next", "prev", "search", "index")
        ):
            self.loaded.append(given[LOADING[tag]])


@pytest.fixture(scope="module")
def pages():
    """Address within the site -> page."""
    found = {path.relative_to(SITE).as_posix(): path for path in SITE.rglob("*.html")}
    # The theme leaves a template in `_static`.
    return {name: Page(path.read_text(encoding="utf-8")) for name, path in found.items() if not name.startswith("_static/")}


def test_nothing_is_loaded_from_elsewhere(pages):
    outside = {(name, url) for name, page in pages.items() for url in page.loaded if re.match(r"(https?:)?//", url)}
    assert outside == set()
    for path in SITE.rglob("*.css"):
        assert not re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", path.read_text(encoding="utf-8")), path


def test_tutorials_show_figures_and_not_their_names(pages):
    drawn = {"figures": 4, "many_tasks": 2, "new_task": 1, "reaction_times": 2, "reinforcement": 2}
    for name, number in drawn.items():
        images = [url for url in pages[f"tutorials/{name}.html"].loaded if url.endswith(".png")]
        assert len(images) == number, name
        assert "Figure size" not in (SITE / f"tutorials/{name}.html").read_text(encoding="utf-8"), name


def test_every_inner_link_leads_somewhere(pages):
    broken = []
    for name, page in pages.items():
        for link in page.links + page.loaded:
            if re.match(r"[a-z]+:", link):
                continue
            target, fragment = urldefrag(urljoin(f"/{name}", link))
            target = unquote(target.partition("?")[0]).lstrip("/") or "index.html"
            target = f"{target}index.html" if target.endswith("/") else target
            if not (SITE / target).is_file() or (
                fragment and target in pages and unquote(fragment) not in pages[target].anchors
            ):
                broken.append((name, link))
    assert sorted(set(broken)) == []


# ---- in a browser --------------------------------------------------------------------------------


class Browser:
    """Chromium, driven by the WebDriver protocol."""

    def __init__(self, port, profile):
        self.base = f"http://127.0.0.1:{port}"
        options = {"binary": CHROMIUM, "args": [*QUIET, f"--user-data-dir={profile}"]}
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "pageLoadStrategy": "normal"}}}
        for _ in range(200):
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                self.call("GET", "/status")
                break
            time.sleep(0.1)
        self.session = f"/session/{self.call('POST', '/session', wanted)['sessionId']}"

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)["value"]

    def width(self, width):
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        body = {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics}
        self.call("POST", f"{self.session}/goog/cdp/execute", body)

    def open(self, url):
        self.call("POST", f"{self.session}/url", {"url": url})

    def run(self, script):
        return self.call("POST", f"{self.session}/execute/sync", {"script": script, "args": []})

    def wait(self, script, seconds=60):
        end = time.monotonic() + seconds
        while not (found := self.run(script)) and time.monotonic() < end:
            time.sleep(0.1)
        return found


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=SITE)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("there is no Chromium with its driver")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen([DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            found = Browser(port, profile)
            yield found
            found.call("DELETE", found.session)
        finally:
            process.terminate()
            process.wait()


STATE = """return {
  missing: Array.from(document.images).filter(i => !(i.complete && i.naturalWidth > 0)).map(i => i.src),
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  cut: Array.from(document.querySelectorAll(".prev-next-area a")).filter(a => a.scrollWidth > a.clientWidth + 1)
    .map(a => a.textContent.trim()),
  hidden: Array.from(document.querySelectorAll("article table")).filter(t => {
    const second = t.querySelector("tr :is(th, td):nth-child(2)");
    return second && second.getBoundingClientRect().right > t.getBoundingClientRect().right + 1;
  }).map(t => t.textContent.trim().slice(0, 40)),
};"""


@pytest.mark.parametrize("width", [1280, PHONE])
def test_every_picture_loads_nothing_sticks_out_and_tables_show_two_columns(browser, address, pages, width):
    browser.width(width)
    wrong = {}
    for name in sorted(pages):
        browser.open(f"{address}/{name}")
        state = browser.run(STATE)
        if state["missing"] or state["wide"] > 0 or state["cut"] or state["hidden"]:
            wrong[name] = state
    assert wrong == {}


RESULTS = 'return Array.from(document.querySelectorAll("#search-results ul.search li a"), a => a.getAttribute("href"));'


@pytest.mark.parametrize(
    ("words", "task"),
    [
        ("working memory", "yang19.dms-v0"),
        ("working memory", "DelayMatchSample-v0"),
        ("2AFC", "PerceptualDecisionMaking-v0"),
        ("random dots", "RandomDotMotion-v0"),
        ("anti-saccade", "AntiReach-v0"),
        ("two-step task", "DawTwoStep-v0"),
        ("GoNogo", "GoNogo-v0"),
    ],
)
def test_search_finds_tasks_by_what_people_call_them(browser, address, words, task):
    browser.width(1280)
    browser.open(f"{address}/search.html?q={words.replace(' ', '+')}")
    browser.wait('return /finished|found/i.test(document.querySelector("#search-results p")?.textContent || "");')
    found = [link.split("?")[0] for link in browser.run(RESULTS)]
    assert any(link.endswith(f"generated/tasks/{task}.html") for link in found), found[:20]


def test_search_finds_public_names(browser, address):
    browser.width(1280)
    browser.open(f"{address}/search.html?q=make_vec")
    browser.wait('return /finished|found/i.test(document.querySelector("#search-results p")?.textContent || "");')
    assert any("ngym_core.make_vec" in link for link in browser.run(RESULTS))
