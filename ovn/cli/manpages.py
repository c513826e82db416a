"""The man pages, written from the verbs themselves: ``git-ovn(1)`` and one for each verb.

``man(7)`` macros only, which groff, mandoc and every old man read. They lie in ``man/`` of the
source tree and in the wheel's shared data; ``git ovn install-man`` writes them where neither is
looked at.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from ovn import __version__, errors
from ovn.cli import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ovn.cli.describe import Option, Page

MARK = '.\\" Made by git ovn from its own verbs; do not edit.'
"""The first line of each page, by which ours are known."""

WHAT = "let coding agents work through the night, with nothing but git underneath"

ABOUT = """\
git ovn lets a coding agent work unattended in your own repository, and lets you trust the result
in the morning. Everything it knows is in the repository: checkpoints are git tags, its state is
JSON on the branch overnight/state, and git hooks see to it that each shift is handed over. There
is no server and no database; a clone is a full copy.

Begin with 'git ovn init', add what is to be built with 'git ovn feature add', and start the night
with 'git ovn run'. 'git ovn demo' plays a whole night in a scratch repository."""

SETTINGS = (
    ("color.ovn", "When to use colour: always, never or auto; color.ui where it is not set."),
    ("ovn.advice", "When false, no hints are shown at all."),
    (
        "ovn.advice.KEY",
        (
            "When false, hints of one kind are not shown: those of a verb (ovn.advice.status), or those "
            "that come with a kind of error (ovn.advice.lease-held)."
        ),
    ),
    ("ovn.pushCheckpoints", "When true, the pre-push hook lets checkpoints pass."),
)

VARIABLES = (
    ("NO_COLOR", "When set, no colour is used."),
    (
        "OVN_TRUST",
        "The digest that 'git ovn trust --show' prints: what may run on a machine without a person.",
    ),
    ("OVN_WEBHOOK", "Where notifications go, when .overnight/config.yaml says ${OVN_WEBHOOK:-}."),
    ("OVN_SESSION, OVN_RUN_ID, OVN_FEATURE, OVN_ATTEMPT", "Set for the agent: whose act it is."),
    ("XDG_STATE_HOME", "Below it, in git-ovn, lies what you trust, and the logs of crashes."),
)

FILES = (
    (".overnight/config.yaml", "The configuration of the repository; people write it."),
    (
        ".overnight/feature_registry.json, .overnight/claude-progress.txt",
        "Views of the state, written for people and agents; git ignores them.",
    ),
    (".git/ovn/", "Journals, locks, logs, what was set aside: never the only copy for long."),
    ("refs/heads/overnight/state", "The state."),
    ("refs/ovn/checkpoint/, refs/tags/ovn/", "The checkpoints; those with a name are tags too."),
)


def every() -> dict[str, str]:
    """Return all pages by their file's name. Imports every verb."""
    groups = describe.pages()
    pages = {f"git-ovn-{page.words[0]}.1": verb(page) for group in groups.values() for page in group}
    return {"git-ovn.1": overview(groups), **pages}


def overview(groups: dict[str, list[Page]]) -> str:
    """Return ``git-ovn(1)``."""
    lines = [*_head("git-ovn", WHAT), ".SH SYNOPSIS"]
    lines += _synopsis("git ovn", ("[-C DIR]", "[--version]", "[-h]", "VERB", "[ARGUMENT]..."))
    lines += [".SH DESCRIPTION", *_prose(ABOUT), ".SH OPTIONS"]
    lines += _terms(
        (
            ("-C DIR", "Work in DIR instead of here; given again, each one is relative to the one before."),
            ("--version", "Print the version."),
            ("-h, --help", "List the verbs. 'git ovn --help' shows this page, 'git ovn VERB -h' a verb's."),
        )
    )
    lines.append(".SH VERBS")
    for heading, group in groups.items():
        lines += [
            f".SS {_quote(heading)}",
            *_terms((f"git-ovn-{one.words[0]}(1)", one.what) for one in group),
        ]
    for heading, rows in (("CONFIGURATION", SETTINGS), ("ENVIRONMENT", VARIABLES), ("FILES", FILES)):
        lines += [f".SH {heading}", *_terms(rows)]
    lines += [".SH EXIT STATUS", *_terms(_exit_codes()), ".SH SEE ALSO", _text("git(1), githooks(5)")]
    return _joined(lines)


def verb(page: Page) -> str:
    """Return ``git-ovn-VERB(1)``."""
    name = f"git-ovn-{page.words[0]}"
    lines = [*_head(name, page.what), ".SH SYNOPSIS"]
    for one in page.pages or (page,):
        lines += _synopsis(one.path, one.parts)
    lines += [".SH DESCRIPTION", *_prose(page.text), *_options(page.options, ".SH OPTIONS")]
    if page.pages:
        lines.append(".SH VERBS")
        for one in page.pages:
            lines += [f".SS {_quote(one.path)}", *_prose(one.text), *_options(one.options)]
    lines += [".SH EXIT STATUS", *_prose("0 when it went well; the others are listed in git-ovn(1).")]
    lines += [".SH SEE ALSO", _text("git-ovn(1)")]
    return _joined(lines)


# -- parts -------------------------------------------------------------------------------------


def _head(name: str, what: str) -> list[str]:
    title = _quote(name.upper())
    return [
        MARK,
        f'.TH {title} "1" "" "git ovn {_escape(__version__)}" "git ovn manual"',
        ".if n .ad l",
        ".nh",
        ".SH NAME",
        f"{_escape(name)} \\- {_escape(what)}",
    ]


def _synopsis(path: str, parts: Iterable[str]) -> Iterator[str]:
    """Yield a usage line; where it is too long it is broken between its parts, the rest set in."""
    yield f".HP {len(path) + 1}"
    yield f"\\fB{_escape(path)}\\fR"
    # the mark keeps '...' from being taken for the end of a sentence
    yield from (_text(part).replace(" ", "\\ ") + "\\&" for part in parts)


def _options(options: Iterable[Option], heading: str = "") -> Iterator[str]:
    rows = [(one.spelling.replace(" | ", ", "), one.help) for one in options]
    if rows and heading:
        yield heading
    yield from _terms(rows)


def _terms(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, text in rows:
        yield ".TP"
        yield f"\\fB{_escape(term)}\\fR"
        yield from _filled(text or "-")


def _prose(text: str) -> Iterator[str]:
    r"""Yield paragraphs; one that begins with ``\b`` (click's mark) keeps its lines."""
    for block in text.split("\n\n"):
        yield ".PP"
        if block.startswith("\b"):
            yield from (".nf", *map(_text, block.removeprefix("\b").strip("\n").splitlines()), ".fi")
        else:
            yield from _filled(block)


def _filled(text: str) -> Iterator[str]:
    yield from map(_text, textwrap.wrap(" ".join(text.split()), 90, break_on_hyphens=False) or [""])


def _text(line: str) -> str:
    """Return a line of text that cannot be taken for a request."""
    escaped = _escape(line)
    return f"\\&{escaped}" if escaped[:1] in (".", "'", "\\") else escaped


def _escape(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")


def _quote(text: str) -> str:
    return '"' + _escape(text).replace('"', "\\(dq") + '"'


def _exit_codes() -> Iterator[tuple[str, str]]:
    kinds: dict[int, list[str]] = {}
    for cls in errors.error_classes():
        kinds.setdefault(cls.exit_code, []).append(cls.kind)
    plain = {
        0: "it went well",
        errors.INTERRUPTED: "interrupted",
        errors.OUTPUT_CLOSED: "the reader went away",
    }
    for code in sorted({*kinds, *plain}):
        named = ", ".join(sorted(set(kinds.get(code, ()))))
        yield str(code), "; ".join(part for part in (plain.get(code, ""), named) if part)


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
