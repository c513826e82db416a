"""The report as people and programs see it: golden files, and nothing hostile gets through.

``GOLDEN=write`` in the environment writes the files anew; look at them before you commit.
"""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from ovn import resources
from ovn.cli import moments
from ovn.cli.main import main
from ovn.cli.output import to_json
from ovn.errors import UsageError
from ovn.model import codec
from ovn.report import gather, page

GOLDEN = Path(__file__).parent / "golden"
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def same(name: str, text: str, teller) -> None:
    """Fail unless the text is what the golden file holds.

    Ids of state commits change with every field that a document gets: their order stands for them.
    """
    file = GOLDEN / name
    story = teller.repo.git("log", "--reverse", "--format=%H", "overnight/state").split()
    for number, oid in enumerate(story, 1):
        text = text.replace(oid, f"(state commit {number})").replace(oid[:10], f"state-{number:04}")
    if os.environ.get("GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def text_of(teller, monkeypatch, capsys, *args: str) -> str:
    monkeypatch.chdir(teller.repo.path)
    capsys.readouterr()
    assert main(["morning", *args]) == 0
    return capsys.readouterr().out


def test_the_report_in_a_terminal(night, monkeypatch, capsys):
    same("night.txt", text_of(night, monkeypatch, capsys), night)


def test_the_report_as_json_obeys_its_schema(night):
    document = json.loads(to_json(codec.encode(gather(night.store))))
    schema = json.loads(resources.read("schemas", "output/morning.schema.json"))
    jsonschema.Draft202012Validator(schema).validate(document)
    same("night.json", json.dumps(_without_documents(document), indent=1, sort_keys=True) + "\n", night)


STORED = ("run", "handoff", "question", "before", "now")
"""Whole documents of the state inside the report; their own schemas say what is in them."""


def _without_documents(value):
    if isinstance(value, list):
        return [_without_documents(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_documents(inner)
        for key, inner in value.items()
        if not (key in STORED and isinstance(inner, dict))
    }


def test_the_report_as_a_page(night):
    same("night.html", page.render(gather(night.store)), night)


@pytest.mark.parametrize("kind", ["empty", "running", "failed"])
def test_the_first_lines_are_honest(kind, teller, monkeypatch, capsys):
    """An empty repository, a night without its runner, one in which nothing was proven."""
    if kind != "empty":
        teller.feature("a")
        teller.run()
        teller.session("s-1", "a")
    if kind == "failed":
        teller.attempt("s-1", 1, "a", {"a": "1\n"}, reason="red: no", exit_code=1)
        teller.status("s-1", "a", "blocked", "1 attempt failed; the last: red: no")
        teller.handoff("s-1", tried=["attempt 1"], next=["a"])
        teller.end("crash-loop", "the agent crashed too often without doing anything", sessions=["s-1"])
    same(f"{kind}.txt", text_of(teller, monkeypatch, capsys), teller)


class _Markup(HTMLParser):
    """Collects what a browser would see: elements, their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs


def markup(text: str) -> _Markup:
    found = _Markup()
    found.feed(text)
    return found


def test_hostile_texts_are_shown_harmlessly_in_a_terminal(hostile, monkeypatch, capsys):
    out = text_of(hostile, monkeypatch, capsys)
    assert "\\x1b]0;owned\\x07" in out
    assert not STEERING.search(out)


def test_hostile_texts_are_shown_harmlessly_in_json(hostile, monkeypatch, capsys):
    out = text_of(hostile, monkeypatch, capsys, "--json")
    assert out.isascii()
    assert not STEERING.search(out)
    json.loads(out)


def test_hostile_texts_are_shown_harmlessly_on_the_page(hostile):
    text = page.render(gather(hostile.store))
    found = markup(text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{7*7}}" in text
    assert not {"script", "img", "b", "iframe", "link", "object"} & set(found.elements)
    assert not any(name.startswith("on") or name in ("src", "href") for name, _ in found.attributes)
    assert not STEERING.search(text)


def test_the_page_is_whole_and_needs_nothing_else(night):
    text = page.render(gather(night.store))
    found = markup(text)
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"https?://|url\(|@import", text)
    assert found.elements.count("caption") == found.elements.count("table")
    assert ("scope", "col") in found.attributes
    assert ("scope", "row") in found.attributes
    assert ("lang", "en") in found.attributes


def test_the_page_is_written_whole_beside_the_text(night, monkeypatch, capsys, tmp_path):
    target = tmp_path / "night.html"
    assert text_of(night, monkeypatch, capsys, "--html", str(target)) == ""
    assert target.read_text().endswith("</html>\n")
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".ovn")] == []


def test_a_page_that_cannot_be_written_is_an_error_that_names_it(night, monkeypatch, capsys):
    monkeypatch.chdir(night.repo.path)
    assert main(["morning", "--html", "/nowhere/at/all.html"]) == 1
    assert "cannot write '/nowhere/at/all.html'" in capsys.readouterr().err


def test_without_state_the_verb_says_how_to_begin(repo, monkeypatch, capsys):
    monkeypatch.chdir(repo.path)
    assert main(["morning"]) == 10
    assert "git ovn init" in capsys.readouterr().err


def test_a_moment_is_taken_as_people_type_it(teller):
    now = teller.clock.now()
    assert f"{moments.moment('8h', now):%F %H:%M}" == "2026-01-02 14:00"
    assert f"{moments.moment('21:30', now):%F %H:%M}" == "2026-01-02 21:30"
    assert f"{moments.moment('23:00', now):%F %H:%M}" == "2026-01-01 23:00"
    assert f"{moments.moment('yesterday', now):%F %H:%M}" == "2026-01-01 00:00"
    assert f"{moments.moment('2026-01-01', now):%F}" == "2026-01-01"
    assert moments.moment("2026-01-02T21:00:00.000Z", now).tzinfo is not None
    for wrong in ("", "soon", "9999999w", "25:00", "2026-13-01"):
        with pytest.raises(UsageError, match="not a moment"):
            moments.moment(wrong, now)
    with pytest.raises(UsageError, match="not over yet"):
        moments.moment("2027-01-01", now)
