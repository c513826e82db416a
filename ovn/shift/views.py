"""The state as files in the work tree, for people and agents to read: rendered, never read back.

``.overnight/feature_registry.json`` and ``.overnight/claude-progress.txt``. git ignores them. One
that somebody edited is noticed, kept under ``.overnight/rejected/<time>/`` and rendered again;
what was meant comes in by ``git ovn feature import``.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ovn import active, marked, names
from ovn.errors import InvalidDocument, WouldLose
from ovn.features import exchange, progress
from ovn.frozen import dataclass
from ovn.model import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ovn.git.locate import Location
    from ovn.state.store import StateStore
    from ovn.state.view import View

NOTE = "views"
"""``.git/ovn/views/<work tree>.json``: what was rendered last, by its SHA-256."""

IGNORED = (names.REGISTRY_VIEW, names.PROGRESS_VIEW, f"{names.REJECTED_FOLDER}/")
BEGIN, END = b"# git ovn views", b"# end of git ovn views"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was done: views written, and edited ones kept, as paths from the work tree's top."""

    written: tuple[str, ...]
    rejected: tuple[str, ...]


def render(store: StateStore, view: View | None = None) -> Rendered:
    """Write both views of this work tree. Raises WouldLose where ``.overnight`` leads elsewhere."""
    location = store.location
    view = view or store.view()
    wanted = contents(location, view)
    folder = _folder(location)
    exclude(location)
    note = _read_note(location)
    rejected = [path for path, data in wanted.items() if _is_edited(location, path, data, note)]
    kept = _keep(location, rejected, store.clock.now())
    written = [path for path, data in wanted.items() if _write(folder.parent / path, data)]
    _write_note(location, {path: _sha256(data) for path, data in wanted.items()})
    return Rendered(tuple(written), tuple(kept))


def contents(location: Location, view: View) -> dict[str, bytes]:
    """Return what the views say, by their path."""
    features = view.features().values()
    at_work = active.read(location.local, location.worktree)
    session = view.session(at_work.session) if at_work else None
    said = progress.of(
        features, session=session.id if session else None, goal=session.goal if session else None
    )
    return {
        names.REGISTRY_VIEW: canonical.dump(exchange.registry(view.project.project, features)),
        names.PROGRESS_VIEW: progress.render(said).encode("utf-8", "replace"),
    }


def edited(location: Location) -> list[str]:
    """Return the views that somebody changed since they were rendered."""
    note = _read_note(location)
    return [path for path in note if _is_edited(location, path, None, note)]


def exclude(location: Location) -> None:
    """Make git ignore the views on every branch, also where no ``.overnight/.gitignore`` is.

    Else they would be untracked files, and the work tree never clean.
    """
    path = location.common_dir / "info" / "exclude"
    old = path.read_bytes() if path.exists() else b""
    new = marked.put(old, BEGIN, END, "".join(f"/{name}\n" for name in IGNORED).encode())
    if new != old:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(new)


def unexclude(location: Location) -> None:
    """Take our lines out of git's excludes."""
    path = location.common_dir / "info" / "exclude"
    old = path.read_bytes() if path.exists() else b""
    new = marked.take(old, BEGIN, END)
    if new != old:
        path.write_bytes(new)


def remove(location: Location) -> list[str]:
    """Remove the views and what we know of them; an edited one is left. Return what is gone."""
    untouched = [path for path in _read_note(location) if path not in edited(location)]
    gone = [path for path in untouched if (location.tree() / path).is_file()]
    for path in gone:
        (location.tree() / path).unlink()
    _note(location).unlink(missing_ok=True)
    return gone


# -- how -----------------------------------------------------------------------------------------


def _folder(location: Location) -> Path:
    """Return ``.overnight``, made if need be; never one that a repository made lead elsewhere."""
    folder = location.tree() / names.OVERNIGHT_FOLDER
    if folder.is_symlink():
        raise WouldLose(f"'{names.OVERNIGHT_FOLDER}' is a symbolic link", hint="make it a folder")
    folder.mkdir(exist_ok=True)
    return folder


def _is_edited(location: Location, path: str, data: bytes | None, note: dict[str, str]) -> bool:
    file = location.tree() / path
    if file.is_symlink():
        return True
    found = _read(file)
    return found is not None and found != data and _sha256(found) != note.get(path)


def _read(file: Path) -> bytes | None:
    if not file.is_file():
        return None
    return file.read_bytes()


def _keep(location: Location, paths: Iterable[str], now: datetime) -> list[str]:
    """Move edited views aside, and return where they are now."""
    kept = []
    for path in paths:
        folder = _fresh(location.tree() / names.REJECTED_FOLDER, f"{now:%Y%m%dT%H%M%SZ}", Path(path).name)
        target = folder / Path(path).name
        (location.tree() / path).rename(target)
        kept.append(target.relative_to(location.tree()).as_posix())
    return kept


def _fresh(parent: Path, name: str, file: str) -> Path:
    """Return a folder for this moment in which there is no such file yet."""
    count = 1
    while True:
        folder = parent / (name if count == 1 else f"{name}-{count}")
        folder.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(folder / file):
            return folder
        count += 1


def _write(path: Path, data: bytes) -> bool:
    """Write by a new file and a rename, which also replaces a link; False when it is so already."""
    if not path.is_symlink() and _read(path) == data:
        return False
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_bytes(data)
    new.replace(path)
    return True


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _note(location: Location) -> Path:
    return location.local / NOTE / f"{location.worktree}.json"


def _read_note(location: Location) -> dict[str, str]:
    try:
        found = canonical.load(_note(location).read_bytes(), str(_note(location)))
    except (FileNotFoundError, InvalidDocument):  # then every view that is there counts as edited
        return {}
    return {
        path: found[path] for path in IGNORED if isinstance(found, dict) and isinstance(found.get(path), str)
    }


def _write_note(location: Location, note: dict[str, str]) -> None:
    path = _note(location)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(canonical.dump(note))
