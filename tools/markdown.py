"""Pieces of Markdown for the generated pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table; bars and line ends in cells are made harmless."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def code(text: str) -> str:
    """Return text as Markdown code; nothing for no text."""
    return f"`{text}`" if text else ""


def paragraph(text: str | None) -> str:
    """Return a docstring as Markdown: reST's double backquotes become single ones."""
    return "\n".join(line.strip() for line in (text or "").strip().splitlines()).replace("``", "`")
