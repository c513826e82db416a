"""The four layers of what a program keeps, and what of each has not reached the next one yet.

===========  ==================================  ==============================================
layer        where                               reaches the next one
===========  ==================================  ==============================================
TRANSIENT    memory of one process               at a checkpoint, handoff, exit and SIGTERM
SESSION      journal and ``layer.json``          with a commit and a handoff
PERSISTENT   ``layers/persistent/``              when the evidence of its feature is accepted
LONG_TERM    ``layers/long_term/``               it is the last
===========  ==================================  ==============================================
"""

from __future__ import annotations

import enum
from contextlib import suppress
from typing import TYPE_CHECKING

from ovn import names

if TYPE_CHECKING:
    from pathlib import Path

    from ovn.state.view import View


class StateLayer(enum.Enum):
    """Where a value lives, and so what it survives."""

    TRANSIENT = "transient"
    SESSION = "session"
    PERSISTENT = "persistent"
    LONG_TERM = "long_term"


def pending(view: View, local: Path, session: str | None) -> dict[str, int | None]:
    """Return how many values of each layer have not reached the next; ``local`` is ``.git/ovn``.

    Of TRANSIENT its process says so, some seconds late; None when no process says anything.
    Without a session there are none of its own layers.
    """
    kept = {key: one.value for key, one in view.values("persistent").items()}
    accepted = {key: one.value for key, one in view.values("long_term").items()}
    own = view.layer(session) if session is not None else {}
    return {
        "transient": said(local, session) if session is not None else None,
        "session": sum(1 for key, value in own.items() if key not in kept or kept[key] != value),
        "persistent": sum(1 for key, value in kept.items() if key not in accepted or accepted[key] != value),
    }


def say(local: Path, session: str, count: int) -> None:
    """Leave how many values of TRANSIENT wait, for other processes to see."""
    path = _path(local, session)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{count}\n", encoding="ascii")


def said(local: Path, session: str) -> int | None:
    """Return what ``say`` left; None when nobody said anything."""
    with suppress(FileNotFoundError, ValueError):
        return int(_path(local, session).read_text(encoding="ascii"))
    return None


def drop(local: Path, session: str) -> None:
    """Forget what was said: the process is gone, and its memory with it."""
    _path(local, session).unlink(missing_ok=True)


def _path(local: Path, session: str) -> Path:
    return local / "layers" / names.check_name(session, "session")
