"""``claude-progress.txt``: what is done and what is left, as agents and people read it.

::

    # Session: session-001
    # Goal: a parser that keeps its promises

    ## CATEGORY 1: parsing (P0)
    - [x] lexer: reads numbers
    - [ ] parser: reads expressions
      blocked: waits for the grammar

``render`` writes this layout; ``parse`` also takes what people and agents make of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ovn.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ovn.model.documents import Feature

_HEAD = re.compile(r"#\s*(session|goal)\s*:\s*(.*)\Z", re.IGNORECASE)
_CATEGORY = re.compile(
    r"##+\s*(?:CATEGORY\s*\d*\s*[:.-]\s*)?(.*?)\s*(?:\((P[0-3])\))?\s*(?:-\s*COMPLETED\s*)?\Z", re.IGNORECASE
)
_ITEM = re.compile(r"[-*+]\s*\[([ xX])\]\s*(.*)\Z")
_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63}):\s+(.*)\Z")

DEFAULT_PRIORITY = "P2"


@dataclass(frozen=True, slots=True)
class Item:
    """One line: done or not, the feature's id where it names one, and its text."""

    done: bool
    text: str
    id: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Category:
    """A heading with its items."""

    name: str
    priority: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """The whole file."""

    session: str | None
    goal: str | None
    categories: tuple[Category, ...]


def of(features: Iterable[Feature], *, session: str | None, goal: str | None) -> Progress:
    """Return what the file says of these features: by priority, then category, then age."""
    groups: dict[tuple[str, str], list[Feature]] = {}
    for feature in sorted(features, key=lambda one: (one.priority, one.number, one.id)):
        groups.setdefault((feature.priority, _line(feature.category) or "general"), []).append(feature)
    categories = tuple(
        Category(name, priority, tuple(_item(feature) for feature in group))
        for (priority, name), group in groups.items()
    )
    return Progress(session and _line(session), goal and _line(goal), categories)


def _item(feature: Feature) -> Item:
    if feature.status in ("pending", "done"):
        note = "imported as done, not verified" if feature.claimed and feature.status == "pending" else None
    else:
        note = feature.status.replace("_", " ") + (f": {_line(feature.reason)}" if feature.reason else "")
    return Item(feature.status == "done", _line(feature.title), feature.id, note)


def render(progress: Progress) -> str:
    """Return the file's text."""
    lines = [f"# Session: {progress.session or ''}".rstrip(), f"# Goal: {progress.goal or ''}".rstrip()]
    for number, category in enumerate(progress.categories, 1):
        lines += ["", f"## CATEGORY {number}: {category.name} ({category.priority})"]
        for item in category.items:
            named = f"{item.id}: " if item.id else ""
            lines.append(f"- [{'x' if item.done else ' '}] {named}{item.text}")
            lines += [f"  {item.note}"] if item.note else []
    return "\n".join(lines) + "\n"


def parse(text: str) -> Progress:
    """Return what the file says; lines in no known layout are passed over, but for notes.

    Items before any heading belong to the category ``general``. Never raises.
    """
    heads: dict[str, str] = {}
    categories: list[tuple[str, str, list[Item]]] = []
    for raw in text.splitlines():
        line = raw.strip()
        if found := _HEAD.match(line):
            heads.setdefault(found[1].lower(), found[2].strip())
        elif line.startswith("##") and (found := _CATEGORY.match(line)):
            priority = (found[2] or DEFAULT_PRIORITY).upper()
            categories.append((found[1].strip() or "general", priority, []))
        elif found := _ITEM.match(line):
            if not categories:
                categories.append(("general", DEFAULT_PRIORITY, []))
            categories[-1][2].append(_read_item(found))
        elif line and raw[:1].isspace() and categories and categories[-1][2]:
            _add_note(categories[-1][2], line)
    return Progress(
        heads.get("session") or None,
        heads.get("goal") or None,
        tuple(Category(name, priority, tuple(items)) for name, priority, items in categories),
    )


def _read_item(found: re.Match[str]) -> Item:
    text = found[2].strip()
    named = _NAMED.match(text)
    done = found[1] in "xX"
    return Item(done, named[2].strip(), named[1]) if named else Item(done, text)


def _add_note(items: list[Item], line: str) -> None:
    last = items[-1]
    note = f"{last.note} {line}" if last.note else line
    items[-1] = Item(last.done, last.text, last.id, note)


def _line(text: str) -> str:
    """Return the text on one line."""
    return " ".join(text.split())
