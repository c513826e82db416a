"""Who works in which work tree, in small plain files that a shell can read.

::

    .git/ovn/active/<work tree>   session=, feature=, kind=, run=, generation=, protect=, handoff=
    .git/ovn/beat/<session>       empty; its mtime is the last sign of life
    .git/ovn/fence/<session>      the lease's generation: who has an older one was taken over
    .git/ovn/debt/<session>       worktree=, since=: the session ended without a handoff
    .git/ovn/private/<session>    why the session's results may not be pushed

The hook shim reads them and touches the beat. They are a copy for the hooks' sake: leases,
journals and the state branch are the truth, and ``resume`` writes them anew.
Standard library only, without pathlib, re and typing: git hooks load it and have 25 ms.
"""

from __future__ import annotations

import os

from ovn import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    Local = str | os.PathLike[str]

RUN = "run"
"""The kind of a session whose processes carry ``OVN_SESSION``; of others every commit is own."""


class Active:
    """The session at work in a work tree. Immutable by habit."""

    __slots__ = ("feature", "generation", "handoff", "kind", "protect", "run", "session")

    def __init__(
        self,
        session: str,
        *,
        kind: str = "detached",
        generation: int = 0,
        feature: str | None = None,
        run: str | None = None,
        protect: bool = True,
        handoff: bool = True,
    ) -> None:
        self.session = session
        self.kind = kind
        self.generation = generation
        self.feature = feature
        self.run = run
        self.protect = protect
        self.handoff = handoff

    def owns(self, session: str | None) -> bool:
        """Tell whether a process with this ``OVN_SESSION`` (None: without) acts for the session."""
        return session == self.session if session else self.kind != RUN


class Debt:
    """A session that left ``active`` without a handoff; ``since`` is RFC 3339."""

    __slots__ = ("session", "since", "worktree")

    def __init__(self, session: str, worktree: str, since: str) -> None:
        self.session = session
        self.worktree = worktree
        self.since = since


def write(local: Local, worktree: str, active: Active) -> None:
    """Say who works in a work tree from now on; ``local`` is ``Location.local``."""
    fields = {
        "session": active.session,
        "feature": active.feature or "",
        "kind": active.kind,
        "run": active.run or "",
        "generation": str(active.generation),
        "protect": "1" if active.protect else "0",
        "handoff": "1" if active.handoff else "0",
    }
    _put(local, names.ACTIVE_FOLDER, worktree, _lines(fields))


def read(local: Local, worktree: str) -> Active | None:
    """Return who works in a work tree; None for nobody, or for a file that says nothing of use."""
    fields = _fields(_get(local, names.ACTIVE_FOLDER, worktree))
    if not names.is_name(fields.get("session", "")):
        return None
    generation = fields.get("generation", "")
    return Active(
        fields["session"],
        kind=fields.get("kind", RUN),
        generation=int(generation) if generation.isdecimal() and len(generation) < 19 else 0,
        feature=fields.get("feature") or None,
        run=fields.get("run") or None,
        protect=fields.get("protect") != "0",
        handoff=fields.get("handoff") != "0",
    )


def everywhere(local: Local) -> dict[str, Active]:
    """Return who works where: every work tree's key with its session."""
    found = {worktree: read(local, worktree) for worktree in _listed(local, names.ACTIVE_FOLDER)}
    return {worktree: active for worktree, active in found.items() if active is not None}


def clear(local: Local, worktree: str, session: str) -> bool:
    """Say that the session works there no longer; False when another one does by now."""
    active = read(local, worktree)
    if active is None or active.session != session:
        return False
    _drop(local, names.ACTIVE_FOLDER, worktree)
    return True


def beat(local: Local, session: str) -> None:
    """Leave a sign of life of the session."""
    path = _path(local, names.BEAT_FOLDER, session)
    try:
        os.utime(path)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))


def last_beat(local: Local, session: str) -> float | None:
    """Return when the session last gave a sign of life, in seconds since the epoch."""
    try:
        return os.stat(_path(local, names.BEAT_FOLDER, session)).st_mtime
    except FileNotFoundError:
        return None


def drop_beat(local: Local, session: str) -> None:
    """Forget the session's beat and fence: it ended."""
    _drop(local, names.BEAT_FOLDER, session)
    _drop(local, names.FENCE_FOLDER, session)


def fence(local: Local, session: str, generation: int) -> None:
    """Tell the hooks which generation of the session's lease works now."""
    _put(local, names.FENCE_FOLDER, session, f"{generation}\n")


def fence_of(local: Local, session: str) -> int:
    """Return the generation below which nobody may work for the session; 0 when none is known."""
    text = _get(local, names.FENCE_FOLDER, session).strip()
    return int(text) if text.isdecimal() else 0


def owe(local: Local, debt: Debt) -> None:
    """Note that a session left without a handoff; noting it again changes nothing."""
    if debt.session not in _listed(local, names.DEBT_FOLDER):
        fields = {"worktree": debt.worktree, "since": debt.since}
        _put(local, names.DEBT_FOLDER, debt.session, _lines(fields))


def pay(local: Local, session: str) -> None:
    """Forget the session's debt: it was resumed, or its handoff is written."""
    _drop(local, names.DEBT_FOLDER, session)


def debts(local: Local, worktree: str | None = None) -> list[Debt]:
    """Return the debts of a work tree (None: of all), by session."""
    found = []
    for session in _listed(local, names.DEBT_FOLDER):
        fields = _fields(_get(local, names.DEBT_FOLDER, session))
        debt = Debt(session, fields.get("worktree", ""), fields.get("since", ""))
        if worktree in (None, debt.worktree):
            found.append(debt)
    return found


def hide(local: Local, session: str, why: str) -> None:
    """Keep the state branch from being pushed for this session's sake."""
    _put(local, names.PRIVATE_FOLDER, session, f"{why}\n")


def unhide(local: Local, session: str) -> None:
    """Let the session be pushed: a person said so."""
    _drop(local, names.PRIVATE_FOLDER, session)


def hidden(local: Local) -> list[str]:
    """Return the sessions that may not be pushed, by name."""
    return _listed(local, names.PRIVATE_FOLDER)


# -- the files -------------------------------------------------------------------------


def _path(local: Local, folder: str, name: str) -> str:
    return os.path.join(local, folder, names.check_name(name))


def _lines(fields: dict[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in fields.items())


def _fields(text: str) -> dict[str, str]:
    return {key: value for key, _, value in (line.partition("=") for line in text.splitlines())}


def _put(local: Local, folder: str, name: str, text: str) -> None:
    """Write the file whole or not at all: a hook may read at any moment."""
    path = _path(local, folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    scratch = f"{path}.{os.getpid()}.tmp"
    with open(scratch, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(scratch, path)


def _get(local: Local, folder: str, name: str) -> str:
    try:
        with open(_path(local, folder, name), encoding="utf-8", errors="replace") as file:
            return file.read(4096)
    except FileNotFoundError:
        return ""


def _listed(local: Local, folder: str) -> list[str]:
    try:
        found = os.listdir(os.path.join(local, folder))
    except FileNotFoundError:
        return []
    return sorted(name for name in found if names.is_name(name) and not name.endswith(".tmp"))


def _drop(local: Local, folder: str, name: str) -> None:
    try:
        os.unlink(_path(local, folder, name))
    except FileNotFoundError:
        return
