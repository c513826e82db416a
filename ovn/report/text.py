"""The report for a terminal, as rows of pieces: one screen first, then the rest. Pure.

A piece is a text, or a text with a style's name; whoever prints escapes the texts and knows
what a style looks like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.frozen import dataclass
from ovn.report import words
from ovn.report.verdict import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ovn.report.model import Feature, Night, Source

Piece = str | tuple[str, str]
Row = tuple[Piece, ...]

TONES = {"good": "green", "mixed": "yellow", "bad": "red", "running": "cyan", "empty": "dim"}
COLOURS = {"done": "green", "blocked": "red", "failed": "red", "rolled_back": "yellow", "in_progress": "cyan"}

WIDEST = 64
"""Characters of a command that a row of the table shows."""

UNTOUCHED = 12
"""Features that the night did not touch and that are named before the rest is counted."""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the report: its heading (None: the head itself), and its rows.

    ``table`` rows are set in columns; ``indent`` is how far its rows stand in.
    """

    heading: str | None
    rows: tuple[Row, ...]
    table: bool = False


def blocks(night: Night) -> list[Block]:
    """Return the whole report, most urgent first; parts that would be empty are left out."""
    parts = [
        Block(None, tuple(_head(night))),
        Block("needs you", tuple(_needs(night)), table=True),
        Block("features", tuple(_features(night)), table=True),
        Block(None, tuple(_remarks(night))),
        Block("tests, before the night and now", tuple(_baseline(night))),
        Block("gaps", tuple(_gaps(night)), table=True),
        Block("noticed", tuple(_noticed(night))),
        Block("decisions", tuple(_decisions(night))),
        Block("taken back", tuple(_operations(night))),
        Block("next", tuple(_next(night))),
    ]
    return [part for part in parts if part.rows]


def _backed(source: Source) -> Piece:
    return f"[{words.source(source)}]", "dim"


def _head(night: Night) -> Iterator[Row]:
    yield ((words.title(night), "bold"),)
    if subtitle := words.subtitle(night):
        yield ((subtitle, "dim"),)
    mark = night.runs[-1].source if night.runs else None
    yield ((night.verdict.text, TONES[night.verdict.tone]), *([" ", _backed(mark)] if mark else []))
    if night.runs and night.runs[-1].limits:
        yield ((f"limits: {', '.join(words.limits(night.runs[-1]))}", "dim"),)
    if not night.needs and night.life == "ended":
        yield ("nothing needs you",)


def _needs(night: Night) -> Iterator[Row]:
    for one in night.needs:
        yield (one.kind, "red"), one.text, _backed(one.source)
        if one.command:
            yield "", (one.command, "green"), ""


def _features(night: Night) -> Iterator[Row]:
    for one in (one for one in night.features if one.touched):
        colour = COLOURS.get(one.status, "dim")
        proof = words.proof(one)
        yield (
            (words.status(one.status), colour),
            (one.id, "bold"),
            _shortened(words.evidence(one.evidence)),
            words.diff(one.diff),
            words.effort(one),
            _backed(one.evidence.source if one.evidence is not None else one.source),
            (f"on {proof}" if proof else "", "dim"),
        )


def _remarks(night: Night) -> Iterator[Row]:
    for one in (one for one in night.features if one.touched):
        for remark in words.remarks(one):
            yield (one.id, "bold"), f": {remark} ", _backed(_source_of(one, remark))
    rest = [one for one in night.features if not one.touched]
    for status in dict.fromkeys(one.status for one in rest):
        named = [one.id for one in rest if one.status == status]
        text = f"not touched, {words.status(status)}: {words.listed(named, UNTOUCHED)}"
        yield ((text, "dim"),)


def _source_of(feature: Feature, remark: str) -> Source:
    """Return what backs a remark: the commit where tests became weaker, else the feature."""
    return next((one.source for one in feature.tests if words.weakening(one) == remark), feature.source)


def _baseline(night: Night) -> Iterator[Row]:
    found = night.baseline
    if found is None:
        return
    first, *rest = words.change(found)
    yield first + " ", _backed(found.before_source), " ", _backed(found.now_source)
    for line in rest:
        yield ((line, "red") if line.startswith("newly failing") else line,)


def _gaps(night: Night) -> Iterator[Row]:
    for one in night.gaps:
        yield clock(one.started), one.session, words.gap(one), _backed(one.source)


def _noticed(night: Night) -> Iterator[Row]:
    for one in night.noticed:
        where = f" ({one.feature or one.session}) " if one.session else " "
        yield f"- {one.text}", where, _backed(one.source)


def _decisions(night: Night) -> Iterator[Row]:
    for one in night.decisions:
        where = f" ({one.feature or one.session}) "
        yield f"- {one.text}", where, _backed(one.source)


def _operations(night: Night) -> Iterator[Row]:
    for one in night.operations:
        what = f" of {one.feature}" if one.feature else f" to {one.target}" if one.target else ""
        undone = f", undone by {one.undone_by}" if one.undone_by else ""
        yield f"{clock(one.at)}  {one.verb}{what}{undone} ({one.state}) ", _backed(one.source)


def _next(night: Night) -> Iterator[Row]:
    for one in night.next:
        yield f"- {one.text} ", _backed(one.source)


def _shortened(text: str) -> str:
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
