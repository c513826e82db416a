"""The journals of a repository's sessions, under ``.git/ovn/journal/``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import names
from ovn.state.journal import Journal
from ovn.state.journalfile import FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ovn.git.locate import Location
    from ovn.state.frames import Tail


class Journals:
    """One open journal per session.

    ``folded`` says up to which number a session is folded, ``generation`` which lease the
    branch knows: one that was taken over stays fenced off when its journal is long removed.
    """

    def __init__(
        self, location: Location, folded: Callable[[str], int], generation: Callable[[str], int]
    ) -> None:
        self._folder = location.local / names.JOURNAL_FOLDER
        self._folded = folded
        self._generation = generation
        self._open: dict[str, Journal] = {}

    def get(self, session: str) -> Journal:
        """Return the session's journal; it exists once something is appended. Raises InvalidName."""
        if session not in self._open:
            folder = self._folder / names.check_name(session, "session")
            self._open[session] = Journal(
                folder, first=lambda: self._folded(session) + 1, generation=lambda: self._generation(session)
            )
        return self._open[session]

    def sessions(self) -> list[str]:
        """Return the sessions that have a journal here, by name."""
        try:
            found = [path.name for path in self._folder.iterdir() if (path / FILE).exists()]
        except FileNotFoundError:
            return []
        return sorted(name for name in found if names.is_name(name))

    def tails(self) -> Iterator[tuple[str, Tail]]:
        """Yield what each journal holds, of those that hold something."""
        for session in self.sessions():
            tail = self.get(session).read()
            if tail.records or tail.lost:
                yield session, tail

    def pending(self) -> dict[str, int]:
        """Return how many records each session has in its journal, of those that have any."""
        counts = {session: self.get(session).count() for session in self.sessions()}
        return {session: count for session, count in counts.items() if count}

    def forget(self, session: str) -> None:
        """Remove a session's journal if it is empty: it ended, and others should not look there."""
        self.get(session).remove()
        self._open.pop(session).close()

    def close(self) -> None:
        """Flush and close all of them."""
        for journal in self._open.values():
            journal.close()
