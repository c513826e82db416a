"""The documents of one state commit, read by path, each only when it is asked for.

Paths are those of a live session (``sessions/<id>/...``); an ended one's folder lies under
``ended/<yyyy-mm>/`` and is found here. A document that cannot be read is not an error: the
last version of it that could is taken from history, and ``damaged`` says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ovn import names, schema
from ovn.errors import CorruptObject, FormatTooNew, InvalidDocument
from ovn.frozen import dataclass
from ovn.git.encoding import DIRECTORY, Entry, peeled
from ovn.model import canonical
from ovn.model.documents import FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ovn.git.objects import ObjectStore

ENDED = "ended"
CACHED = 4096
"""Documents kept in memory, by the id of their blob: equal blobs are read and checked once."""


class Objects(Protocol):
    """What reading needs of a repository, or of a draft on top of one."""

    def read(self, oid: str) -> tuple[str, bytes]: ...
    def entries(self, oid: str) -> dict[bytes, Entry]: ...


@dataclass(frozen=True, slots=True)
class Damage:
    """A document that cannot be read: where, why, and the commit whose version stands in for it."""

    path: str
    why: str
    used: str | None

    def __str__(self) -> str:
        instead = (
            f"the version of commit {self.used[:8]} is used" if self.used else "no version of it can be read"
        )
        return f"'{self.path}': {self.why}; {instead}"


class Cache:
    """Documents by blob, shared by all tips of one store. What is in it was valid once, so is."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Any] = {}

    def load(self, kind: str, oid: str, data: bytes, what: str) -> Any:
        """Return the document. Raises InvalidDocument, FormatTooNew."""
        key = (kind, oid)
        if key not in self._known:
            if len(self._known) >= CACHED:
                self._known.clear()
            self._known[key] = schema.load(kind, data, what)
        return self._known[key]

    def get(self, kind: str, oid: str) -> Any | None:
        """Return the document if it is known."""
        return self._known.get((kind, oid))


class Tip:
    """The documents at ``commit``; None is a state without any.

    ``stored`` is the commit to look for older versions from, where ``commit`` is only a draft.
    """

    def __init__(
        self,
        objects: Objects,
        commit: str | None,
        cache: Cache,
        history: ObjectStore,
        *,
        stored: str | None = None,
    ) -> None:
        self.commit = commit
        self.damaged: dict[str, Damage] = {}
        self._objects = objects
        self._cache = cache
        self._history = history
        self._stored = stored or commit
        self._rows: dict[str, dict[bytes, Entry]] = {}
        self._homes: dict[str, str] = {}
        self._top: Entry | None = None

    def get(self, path: str) -> Any | None:
        """Return the document at ``path``, None when there is none.

        Raises FormatTooNew for one that a newer git ovn wrote: using an older version of it
        would undo what that one did.
        """
        kind = schema.kind_of(path)
        if kind is None:
            raise ValueError(f"no document is kept at {path!r}")
        entry = self.find(path)
        if entry is None:
            return None
        known = self._cache.get(kind, entry.oid)
        if known is not None:
            return known
        try:
            return self._load(kind, path, entry)
        except (InvalidDocument, CorruptObject) as error:
            return self._stand_in(kind, path, entry.oid, error)

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted; of ``sessions`` the live ones."""
        entry = self._folder(self.place(folder))
        rows = self._entries(entry.oid) if entry is not None else {}
        return [name.decode("utf-8", "replace") for name in rows]

    def ended(self) -> Iterator[str]:
        """Yield the ids of the ended sessions, by the month they ended in."""
        for month in self.names(ENDED):
            yield from self.names(f"{ENDED}/{month}")

    def find(self, path: str) -> Entry | None:
        """Return the row at ``path``; None when there is none."""
        above, _, name = self.place(path).rpartition("/")
        folder = self._folder(above)
        return self._entries(folder.oid).get(name.encode()) if folder is not None else None

    def read(self, path: str) -> bytes | None:
        """Return the bytes of the file at ``path``; None when there is none."""
        entry = self.find(path)
        return self._objects.read(entry.oid)[1] if entry is not None and entry.kind == "blob" else None

    def place(self, path: str) -> str:
        """Return where the file or folder really lies: an ended session's is elsewhere."""
        parts = path.split("/", 2)
        if parts[0] != "sessions" or len(parts) == 1:
            return path
        return "/".join([self.home(parts[1]), *parts[2:]])

    def home(self, session: str) -> str:
        """Return the folder of a session, live or ended; where it will be when there is none."""
        if session not in self._homes:
            live = names.session_folder(session)
            self._homes[session] = (
                live if self._folder(live) is not None else self._ended_home(session) or live
            )
        return self._homes[session]

    def tree(self) -> str | None:
        """Return the id of the commit's tree."""
        root = self._root()
        return root.oid if root is not None else None

    # -- the tree --------------------------------------------------------------------------

    def _root(self) -> Entry | None:
        if self._top is None and self.commit is not None:
            oid = peeled(*self._objects.read(self.commit))
            self._top = Entry(DIRECTORY, "tree", oid) if oid is not None else None
        return self._top

    def _entries(self, oid: str) -> dict[bytes, Entry]:
        if oid not in self._rows:
            self._rows[oid] = self._objects.entries(oid)
        return self._rows[oid]

    def _folder(self, path: str) -> Entry | None:
        found = self._root()
        for part in path.encode().split(b"/") if path else ():
            if found is None or found.kind != "tree":
                return None
            found = self._entries(found.oid).get(part)
        return found if found is not None and found.kind == "tree" else None

    def _ended_home(self, session: str) -> str | None:
        months = reversed(self.names(ENDED))
        homes = (names.ended_folder(month, session) for month in months)
        return next((home for home in homes if self._folder(home) is not None), None)

    # -- documents -------------------------------------------------------------------------

    def _load(self, kind: str, path: str, entry: Entry) -> Any:
        if entry.kind != "blob":
            raise InvalidDocument(f"{path}: a {entry.kind}, not a file")
        data = self._objects.read(entry.oid)[1]
        if kind == "project":
            _check_format(data)
        return self._cache.load(kind, entry.oid, data, path)

    def _stand_in(self, kind: str, path: str, bad: str, error: Exception) -> Any | None:
        """Return the newest version of a document in history that can be read."""
        document, used = self._last_good(kind, path, {bad})
        why = str(error).removeprefix(f"{path}: ")
        self.damaged[path] = Damage(path, why, used)
        return document

    def missing(self, path: str) -> Any | None:
        """Return the last version of a document that should be there and is not."""
        kind = schema.kind_of(path) or ""
        document, used = self._last_good(kind, path, set())
        self.damaged[path] = Damage(path, "it is missing", used)
        return document

    def _last_good(self, kind: str, path: str, bad: set[str]) -> tuple[Any | None, str | None]:
        place = self.place(path)
        for info in self._history.walk([self._stored]) if self._stored is not None else ():
            try:
                entry = self._history.find(info.oid, place) or self._history.find(info.oid, path)
                if entry is None or entry.oid in bad:
                    continue
                bad.add(entry.oid)
                return self._load(kind, path, entry), info.oid
            except (InvalidDocument, CorruptObject):
                continue  # worse than the one we came from: go on to an older one
        return None, None


def _check_format(data: bytes) -> None:
    """Raise FormatTooNew before the schema, which knows no field of a newer format, has its say."""
    value = canonical.load(data, names.PROJECT_FILE)
    found = value.get("format") if isinstance(value, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise FormatTooNew(f"the state branch has format {found}, this git ovn knows format {FORMAT}")


class Overlay:
    """Documents with changes on top, in memory; the ``Documents`` that reducers see."""

    def __init__(self, tip: Tip) -> None:
        self.tip = tip
        self.changed: dict[str, Any] = {}

    def get(self, path: str) -> Any | None:
        """Return the document at ``path`` with the changes; None when there is none."""
        return self.changed[path] if path in self.changed else self.tip.get(path)

    def names(self, folder: str) -> Iterable[str]:
        """Return the names in a folder, with the changes."""
        known = dict.fromkeys(self.tip.names(folder))
        for path, document in self.changed.items():
            if path.startswith(f"{folder}/"):
                name = path[len(folder) + 1 :].partition("/")[0]
                if document is None:
                    known.pop(name, None)
                else:
                    known[name] = None
        return sorted(known)

    def put(self, changes: dict[str, Any]) -> None:
        """Add changes; None takes a document away."""
        self.changed.update(changes)
