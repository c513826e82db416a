"""JUnit XML: the format that nearly every test runner can write. Pure.

Document types and entities are refused before the parser sees them: a test report has none,
and they are what XML attacks are made of.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from xml.etree.ElementTree import Element

LARGEST = 32 << 20

_START = re.compile(r"\s*(<\?xml[^>]*\?>\s*)?(<!--.*?-->\s*)*<testsuites?[\s>/]", re.DOTALL)


def recognises(lines: Sequence[str]) -> bool:
    """Tell whether the text is a report and can be read."""
    text = "\n".join(lines)
    return bool(_START.match(text)) and _root(text) is not None


def failing(lines: Sequence[str]) -> Iterator[str]:
    """Yield ``classname::name`` of each case with a failure or an error."""
    root = _root("\n".join(lines))
    for case in root.iter("testcase") if root is not None else ():
        if case.find("failure") is not None or case.find("error") is not None:
            place = case.get("classname") or case.get("file") or ""
            name = case.get("name") or ""
            yield f"{place}::{name}" if place else name


def _root(text: str) -> Element | None:
    from xml.etree import ElementTree as ET

    if len(text) > LARGEST or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        return ET.fromstring(text.strip())  # noqa: S314
    except ET.ParseError:
        return None


def path_in(command: str | Sequence[str]) -> str | None:
    """Return the report's path where the command names one; pytest, vitest and ctest say it so."""
    words = command.split() if isinstance(command, str) else list(command)
    for at, word in enumerate(words):
        found = re.fullmatch(r"--(?:junit-?xml|outputFile|output-junit)(?:=(.+))?", word)
        if found:
            value = found[1] or (words[at + 1] if at + 1 < len(words) else None)
            return value.strip("'\";&|") if value else None
    return None
