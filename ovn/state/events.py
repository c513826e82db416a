"""What a reducer gets and gives: one record with what it happens to, and what it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ovn.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ovn.model.documents import Session


class Documents(Protocol):
    """The documents as they are, by their path on the state branch."""

    def get(self, path: str) -> Any | None:
        """Return the document at ``path``; None when there is none."""
        ...

    def names(self, folder: str) -> Iterable[str]:
        """Return the names in a folder, e.g. ``parser.json`` in ``features``."""
        ...


@dataclass(frozen=True, slots=True)
class Event:
    """One record and what it happens to."""

    docs: Documents
    session: Session
    at: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a record changes: fields of its session, and other documents by path."""

    session: Mapping[str, Any]
    documents: Mapping[str, Any]

    @classmethod
    def of(cls, **fields: Any) -> Effect:
        """Return the effect that changes these fields of the session, and nothing else."""
        return cls(fields, {})
