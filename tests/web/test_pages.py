"""Every page, with nothing, with a night, with ten thousand events, and with names that want to do harm."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from ovn.report import gather
from ovn.session import questions
from ovn.web.render import UNKNOWN

from . import nights

VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
LANDMARKS = ("header", "nav", "main", "footer")


class Page(HTMLParser):
    """A page, read strictly: its elements with their attributes; each end fits its beginning."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.text: dict[str, str] = {}
        self.feed(text)
        self.close()
        self.wrong += [f"<{name}> has no end" for name in self.open]

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        if self.open:
            self.text[self.open[-1]] = self.text.get(self.open[-1], "") + data

    def all(self, attribute: str) -> list[str]:
        return [found[attribute] or "" for _, found in self.elements if attribute in found]

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def check(text: str) -> Page:
    """Return the page, after what must hold for each one for people who cannot see, or use no mouse."""
    page = Page(text)
    assert page.wrong == []
    assert text.startswith("<!doctype html>")
    assert ("html", {"lang": "en"}) in page.elements
    assert page.text["title"].strip()
    assert page.count("h1") == 1
    assert page.count("main") == 1
    ids = page.all("id")
    assert len(ids) == len(set(ids)), [one for one in ids if ids.count(one) > 1]
    for attribute in ("aria-labelledby", "for"):
        assert {one for found in page.all(attribute) for one in found.split()} <= set(ids)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels
    labelled = [found for tag, found in page.elements if tag == "div" and found.get("role") == "region"]
    assert all(one.get("aria-label") and one.get("tabindex") == "0" for one in labelled)
    assert not [
        name for _, found in page.elements for name in found if name.startswith("on") or name == "style"
    ]
    for link in page.all("href") + page.all("src") + page.all("action"):
        assert link.startswith(("/", "#")) or not link, link
        assert not link.startswith("//")
    return page


def crawl(at, first: str = "/") -> dict[str, str]:
    """Return every page that can be reached by links, after checking each."""
    seen: dict[str, str] = {}
    ahead = [first]
    while ahead:
        path = ahead.pop().partition("#")[0]
        if path in seen or not path:
            continue
        answer = at.ask(path)
        assert answer.status in ((200, 503) if path.startswith("/health") else (200,)), (path, answer.text)
        seen[path] = answer.text
        if "text/html" in answer.headers["content-type"]:
            ahead += check(answer.text).all("href")
    return seen


def test_with_nothing_every_page_says_so(serve, store):
    pages = crawl(serve())
    assert "No night was held here yet." in pages["/"]
    assert "Nothing waits for an answer." in pages["/questions"]


def test_a_repository_without_state_gets_a_sentence(serve, repo):
    answer = serve().ask("/")
    assert answer.status == 404
    assert "this repository has no state yet" in answer.text
    check(answer.text)


def test_a_night_can_be_read_from_link_to_link(serve, store):
    nights.night(store)
    nights.ended(store)
    pages = crawl(serve())
    assert {"/questions", f"/night/{nights.RUN}", "/feature/parser", "/checkpoint/s3/0001"} <= set(pages)
    night = pages[f"/night/{nights.RUN}"]
    for words in (
        "What failed, and what it led to",
        "brought back in 0.4 s",
        "tried again: attempt 2",
        "Needs you",
    ):
        assert words in night
    for landmark in LANDMARKS:
        assert f"<{landmark}" in night
    assert "git ovn rollback s3/0001" in pages["/checkpoint/s3/0001"]


def test_a_cost_that_nobody_measured_is_not_shown_as_nothing_spent(serve, store):
    nights.night(store)
    text = serve().ask("/night/latest").text
    assert "$0.00" not in text
    assert f"· {UNKNOWN} ·" not in text


def test_hostile_names_are_shown_and_do_nothing(serve, store):
    nights.night(store, text=nights.HOSTILE)
    pages = crawl(serve(token="x" * 20, answers=True))
    for path, text in pages.items():
        if path.startswith("/static"):
            continue
        page = text.lower()
        assert "<script>alert" not in page, path
        assert "<img" not in page, path
        assert not set(text) & set("\x1b\u202e\x00\x9b"), path
        assert "{{7*7}}" in page or "7*7" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages[f"/night/{nights.RUN}"]
    assert "\\x1b[31m\\u202e" in pages[f"/night/{nights.RUN}"]


@pytest.mark.parametrize(
    "path", ["/night/none", "/feature/none", "/checkpoint/s1/9999", "/checkpoint/..%2f/1", "/none"]
)
def test_what_is_not_here_is_404_as_a_page_and_as_json(serve, store, path):
    nights.night(store)
    at = serve()
    page, plain = at.ask(path), at.ask(path, Accept="application/json")
    assert (page.status, plain.status) == (404, 404)
    check(page.text)
    assert plain.json["error"]["status"] == 404
    assert plain.json["error"]["message"].startswith(("no ", "there is no such page"))


def test_a_night_that_goes_on_says_so_and_draws_to_now(serve, store):
    told = nights.night(store)
    told.shift("s4", 9600, "sorter")
    told.attempt("s4", 1, 9610, None)
    text = serve().ask("/night/latest").text
    assert "attempt going" in text or "attempt bad" in text
    check(text)


def test_work_without_a_run_has_a_page_too(serve, store):
    told = nights.Teller(store)
    told.shift("p1", 0, kind="python")
    for at in range(30):
        told.step("p1", at, f"step {at}", "failed" if at == 7 else "done", seconds=0.5)
    store.fold()
    pages = crawl(serve())
    assert "/night/latest" in pages
    assert 'class="step bad"' in pages["/night/latest"]


@pytest.mark.slow
def test_ten_thousand_events_are_one_page_of_the_usual_size(serve, store):
    nights.many(store, 10_000)
    at = serve()
    answer = at.ask("/night/latest")
    check(answer.text)
    assert len(gather(store).events) > 1_000
    assert len(answer.body) < 1_000_000
    assert "older" in answer.text
    older = at.ask("/night/latest?page=3")
    assert older.status == 200
    assert "newer" in older.text
    assert at.ask("/night/latest?page=9999").status == 404
    assert at.ask("/night/latest?page=-1").status == 200


# -- answering -------------------------------------------------------------------------

TOKEN = "a-token-for-the-tests"


def form(at, cookie: str) -> tuple[str, str]:
    """Return the address of the question's form, and its mark."""
    text = at.ask("/questions", Cookie=cookie).text
    check(text)
    action = re.search(r'action="([^"]+)"', text)
    mark = re.search(r'name="mark" value="([^"]+)"', text)
    return action[1], mark[1]


def test_a_question_is_answered_by_our_form_with_the_token_and_by_nothing_less(serve, store):
    nights.night(store)
    at = serve(token=TOKEN, answers=True)
    cookie = at.ask(f"/?token={TOKEN}").headers["set-cookie"].partition(";")[0]
    action, mark = form(at, cookie)
    own = {"Origin": f"http://127.0.0.1:{at.port}", "Content_Type": "application/x-www-form-urlencoded"}
    right = f"mark={mark}&answer=yes".encode()
    assert at.ask(action, "POST", right, **own).status == 401
    assert at.ask(action, "POST", b"answer=yes", Cookie=cookie, **own).status == 403
    assert at.ask(action, "POST", b"mark=0&answer=yes", Cookie=cookie, **own).status == 403
    assert at.ask(action, "POST", right, Cookie=cookie, Origin="http://evil.example").status == 403
    assert at.ask(action, "POST", f"mark={mark}&answer=".encode(), Cookie=cookie, **own).status == 400
    assert at.ask(action, "POST", f"mark={mark}&answer=perhaps".encode(), Cookie=cookie, **own).status == 409
    assert len(questions.open_ones(store.view())) == 1
    done = at.ask(action, "POST", right, Cookie=cookie, **own)
    assert (done.status, done.headers["location"]) == (303, "/questions")
    (asked,) = store.view().questions().values()
    assert (asked.answer, asked.author) == ("yes", "person")
    assert at.ask(action, "POST", right, Cookie=cookie, **own).status == 409


def test_without_being_asked_to_it_takes_no_answers(serve, store):
    nights.night(store)
    at = serve(token=TOKEN)
    (asked,) = store.view().questions()
    assert "<form" not in at.ask("/questions", Authorization=f"Bearer {TOKEN}").text
    assert at.ask(f"/questions/{asked}", "POST", b"answer=yes", Authorization=f"Bearer {TOKEN}").status == 403
    assert serve().ask(f"/questions/{asked}", "POST", b"answer=yes").status == 401
