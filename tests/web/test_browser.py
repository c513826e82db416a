"""Debian's chromium opens every page of a night that the demo made: no errors, nothing foreign.

``OVN_TEST_PICTURES=DIR`` keeps pictures of the pages there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ovn.config import Config
from ovn.git.locate import locate
from ovn.model.documents import Session
from ovn.session import questions
from ovn.state.store import StateStore
from ovn.web import app, door, listening
from ovn.web.site import Site

from .browser import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..conftest import Played  # noqa: TID252

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),  # one demo is played and one browser started for all of them
    pytest.mark.skipif(
        PROGRAM is None, reason="chromium is not installed ('./dev browser' installs Debian's)"
    ),
]

AXE = "axe-core@4.14.1"
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "axe"
TOKEN = "a-token-for-the-browser"
PICTURES = os.environ.get("OVN_TEST_PICTURES")

# In SVG and scrolling regions axe cannot know the colour underneath; the palette has a test of its own.
RULES = (
    "{resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']}"
)


@pytest.fixture(scope="module")
def store(played: Played) -> StateStore:
    """Leave a question in the demo that was played, and return its state."""
    done = played.done
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    found = StateStore.open(locate(played.repository))
    ask(found)
    return found


@pytest.fixture(scope="module")
def address(store) -> Iterator[str]:
    """Serve the night; return where."""
    sock = listening.bound("127.0.0.1", 0)
    site = Site(store.location, Config, door.Rules("127.0.0.1", "box", TOKEN), answers=True)
    server = listening.server(app.create(site))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    yield f"http://127.0.0.1:{listening.port_of(sock)}"
    server.should_exit = True
    thread.join(30)


def ask(store: StateStore, session: str = "asker") -> None:
    """Leave a question of a session that is still there."""
    from ovn.clock import rfc3339
    from ovn.model import records

    at = store.clock.now()
    created = records.make(
        "session.created", {"kind": "python", "worktree": "main"}, at=rfc3339(at), by="python"
    )
    store.record(session, created)
    assert isinstance(store.view().session(session), Session)
    asked = questions.new(session, "Keep the old spelling of sizes too?", at, options=["yes", "no"])
    questions.record(store, asked, by="agent")


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    found = Browser(PROGRAM or "", tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def axe() -> str | None:
    """Return axe-core from npm, kept in the cache; None where it cannot be had."""
    script = CACHE / "axe.min.js"
    if not script.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run(
                ["npm", "pack", "--silent", AXE], cwd=CACHE, check=True, capture_output=True, timeout=60
            )
            with tarfile.open(next(CACHE.glob("axe-core-*.tgz"))) as packed:
                script.write_bytes(packed.extractfile("package/axe.min.js").read())
        except (OSError, subprocess.SubprocessError, StopIteration) as error:
            print(f"axe-core cannot be had: {error}")
            return None
    return script.read_text()


def pages(browser: Browser, address: str) -> list[str]:
    """Return the addresses of one page of each kind, and of every checkpoint that a link leads to."""
    browser.open(f"{address}/night/latest")
    links = browser.run("[...document.querySelectorAll('a')].map(one => one.getAttribute('href'))")
    inside = {link.partition("#")[0] for link in links if link.startswith(("/feature/", "/checkpoint/"))}
    return ["/", "/night/latest", "/questions", "/none", *sorted(inside)]


VIEWS = {"desktop": (1200, 900, False), "phone": (390, 844, False), "dark": (1200, 900, True)}


@pytest.mark.timeout(240)
def test_every_page_opens_without_errors_is_wide_enough_and_asks_nobody_else(browser, address):
    browser.look(*VIEWS["desktop"][:2])
    known = pages(browser, address)
    assert len(known) > 10
    for view, (width, height, dark) in VIEWS.items():
        browser.look(width, height, dark=dark, mobile=view == "phone")
        for path in known if view == "desktop" else [*known[:3], *known[-2:]]:
            browser.errors.clear()
            browser.open(address + path)
            assert browser.run("document.documentElement.scrollWidth") <= width, (view, path)
            assert browser.run("document.querySelector('h1').textContent.trim().length") > 3
            expected = ["404"] if path == "/none" else []
            assert [one for one in browser.errors if not any(word in one for word in expected)] == [], (
                view,
                path,
            )
            if PICTURES and path in ("/", "/night/latest", "/questions", "/feature/natural-order"):
                browser.picture(Path(PICTURES) / f"{view}-{path.strip('/').replace('/', '-') or 'home'}.png")
    assert {one for one in browser.asked if not one.startswith((address, "about:", "data:"))} == set()


@pytest.mark.timeout(240)
def test_axe_finds_nothing_that_keeps_anybody_out(browser, address, axe):
    if axe is None:
        pytest.skip("axe-core cannot be had from npm here; the structure of pages is tested in test_pages.py")
    for dark in (False, True):
        browser.look(1200, 900, dark=dark)
        for path in (
            "/",
            "/night/latest",
            "/feature/natural-order",
            "/questions",
            "/checkpoint/asker/9",
            "/none",
        ):
            browser.open(address + path)
            browser.run(axe + ";0")
            found = browser.run(f"axe.run(document, {RULES}).then(found => found.violations)")
            told = [
                (one["id"], one["help"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found
            ]
            assert told == [], (path, dark)


def test_without_scripts_every_word_is_there(browser, address):
    browser.look(1200, 900)
    browser.open(f"{address}/night/latest")
    with_scripts = browser.run("document.querySelector('main').innerText")
    browser.scripts(on=False)
    try:
        browser.open(f"{address}/night/latest")
        assert browser.run("document.querySelector('main').innerText") == with_scripts
    finally:
        browser.scripts(on=True)


def test_the_keyboard_reaches_the_content_and_the_timeline(browser, address):
    browser.look(1200, 900)
    browser.open(f"{address}/night/latest")
    browser.press("Tab")
    assert browser.run("document.activeElement.textContent") == "Skip to the content"
    browser.press("Enter")
    assert browser.run("document.activeElement.id") == "main"
    reached = set()
    for _ in range(60):
        browser.press("Tab")
        reached.add(
            browser.run("document.activeElement.getAttribute('aria-label') || document.activeElement.href")
        )
    assert "Timeline, scrolls sideways" in reached
    assert any(re.match("attempt 1 at ", str(one)) for one in reached)
    assert any(re.match("checkpoint before-", str(one)) for one in reached)


def test_a_person_answers_a_question_in_the_browser(browser, address):
    browser.look(390, 844, mobile=True)
    browser.open(f"{address}/questions?token={TOKEN}")
    assert "token" not in browser.run("location.href")
    assert TOKEN not in browser.run("document.cookie")
    browser.run("document.querySelector('input[value=yes]').click()")
    browser._events.clear()
    browser.run("document.querySelector('form').requestSubmit(); 0")
    browser.until("Page.loadEventFired")
    assert browser.run("location.pathname") == "/questions"
    assert "yes" in browser.run("document.querySelector('.qa').innerText")
    assert browser.run("document.querySelectorAll('form').length") == 0


WAIT_FOR_NEWS = """new Promise((yes, no) => {
    const look = () => document.getElementById("news").hidden ? setTimeout(look, 100) : yes(0);
    look();
    setTimeout(no, 25000, "no news");
})"""


def test_a_page_shows_by_itself_that_something_changed(browser, address, store):
    browser.look(1200, 900)
    browser.open(f"{address}/questions")
    browser.run("document.querySelector('nav a').focus()")  # somebody is here: the page may not go away
    assert browser.run("document.getElementById('news').hidden")
    ask(store, "again")
    browser.run(WAIT_FOR_NEWS)
