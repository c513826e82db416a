"""What each page shows, read from the repository: the values that its template is filled with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovn import checkpoints, names
from ovn.errors import NotFound
from ovn.git.paths import quote
from ovn.session import questions
from ovn.web import timeline, vitals

if TYPE_CHECKING:
    from datetime import tzinfo

    from ovn.model.documents import Checkpoint
    from ovn.report.model import Night
    from ovn.web.reading import Reading

MOST_EVENTS = 200
"""Lines of the story on one page; the others are a link away."""

MOST_PATHS = 500

Values = dict[str, Any]


def frame(reading: Reading) -> Values:
    """Return what every page shows around its own: project, health in a word, open questions."""
    view = reading.store.view()
    findings = vitals.judge(reading.keep("vitals", lambda: vitals.look(reading), 1.0))
    return {
        "project": view.project.project,
        "reasons": [one for one in findings if not one.ok],
        "waiting": len(questions.open_ones(view)),
        "stamp": reading.stamp(),
    }


def home(reading: Reading) -> Values:
    """Return the list of nights, and how the newest one stands."""
    nights = reading.nights()
    known = reading.store.view()
    newest = reading.latest() if nights or known.sessions(ended=True) else None
    return frame(reading) | {"nights": nights, "newest": newest, "features": known.features()}


def night(reading: Reading, run: str | None, page: int, zone: tzinfo) -> Values:
    """Return a night with its timeline; of its story one page, 0 being the newest. Raises NotFound."""
    found = reading.night(run) if run is not None else reading.latest()
    drawing = reading.keep(("drawing", run), lambda: timeline.layout(found, reading.steps(found), zone))
    newest_first = found.events[::-1]
    pages = max(-(-len(newest_first) // MOST_EVENTS), 1)
    if page >= pages:
        raise NotFound(f"the story of this night has {pages} pages")
    return frame(reading) | {
        "night": found,
        "run": run,
        "drawing": drawing,
        "events": newest_first[page * MOST_EVENTS : (page + 1) * MOST_EVENTS],
        "page": page,
        "pages": pages,
    }


def feature(reading: Reading, wanted: str) -> Values:
    """Return a feature as the newest night that worked on it left it. Raises NotFound."""
    held = [one for one in reading.nights() if wanted in one.features]
    found = reading.night(held[0].run.id) if held else reading.latest()
    row = next((one for one in found.features if one.id == wanted), None)
    document = reading.store.view().feature(wanted)
    if row is None or document is None:
        raise NotFound(f"no feature '{wanted}'")
    return frame(reading) | {
        "feature": row,
        "document": document,
        "night": found,
        "nights": held,
        "sessions": _sessions(found, row.sessions),
        "events": [one for one in found.events if one.feature == wanted][-MOST_EVENTS:][::-1],
    }


def _sessions(night: Night, wanted: tuple[str, ...]) -> list[Any]:
    return [one for one in night.sessions if one.id in wanted]


def checkpoint(reading: Reading, session: str, number: str) -> Values:
    """Return a checkpoint and what it changed against its HEAD. Raises NotFound, CorruptObject."""
    wanted = f"{session}/{number}"
    known = checkpoints.found(reading.store, session) if names.is_name(session) else []
    one = next((found for found in known if found.id == wanted), None)
    if one is None:
        raise NotFound(f"no checkpoint '{wanted}'; automatic ones are thinned in time")
    paths = _changed(reading, one)
    return frame(reading) | {
        "checkpoint": one,
        "paths": paths[:MOST_PATHS],
        "more": max(len(paths) - MOST_PATHS, 0),
    }


def _changed(reading: Reading, one: Checkpoint) -> list[tuple[str, str]]:
    objects = reading.store.objects
    before = objects.commit(one.head).tree if one.head and objects.exists(one.head) else None
    words = {(False, True): "added", (True, True): "changed", (True, False): "deleted"}
    return [
        (words[change.old is not None, change.new is not None], quote(change.path))
        for change in objects.changes(before, one.tree)
    ]


def asked(reading: Reading) -> Values:
    """Return the questions: those that wait, and the newest that were answered."""
    view = reading.store.view()
    answered = [one for one in view.questions().values() if one.answer is not None]
    answered.sort(key=lambda one: (one.answered or one.at, one.id), reverse=True)
    return frame(reading) | {"open": questions.open_ones(view), "answered": answered[:50]}
