"""The state branch as a ref: moved by compare-and-swap, and put back when it was lost.

``refs/ovn/keep/state`` is the last tip that we wrote. What happened to the branch meanwhile
follows from the two: see ``judge``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import names
from ovn.crash import crash_point
from ovn.errors import Ambiguous, CorruptObject, OvnError
from ovn.warn import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ovn.git.objects import ObjectStore


REMOTES = "refs/remotes/"

SAID = {
    "deleted": "the branch '{branch}' was deleted; it is back at {kept}",
    "rewound": "the branch '{branch}' was set back to {tip}; it is again at {kept}",
    "replaced": "the branch '{branch}' was replaced by {tip}, kept as '{lost}'; it is back at {kept}",
    "broken": "the branch '{branch}' named {tip}, which does not exist; it is back at {kept}",
}
"""What to tell people, by what happened to the branch."""


def judge(tip: str | None, kept: str | None, is_ancestor: Callable[[str, str], bool]) -> str:
    """Return what happened to the branch since we wrote it.

    ``none``: nothing was ever written; ``fine``; ``ahead``: another clone's git ovn, or a crash
    of ours between the two refs, went on; or a key of ``SAID``.
    """
    if kept is None or tip == kept:
        return "none" if tip is None else "fine" if kept else "ahead"
    if tip is None:
        return "deleted"
    try:
        if is_ancestor(kept, tip):
            return "ahead"
        return "rewound" if is_ancestor(tip, kept) else "replaced"
    except CorruptObject:
        return "broken"


class Branch:
    """``overnight/state`` of one repository. Writing methods are called under the repository lock."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def tip(self) -> str | None:
        """Return the commit to read: the branch's, or the kept one where the branch was lost."""
        tip, kept, case = self._look()
        return kept if case in SAID else tip

    def publish(
        self, objects: Sequence[tuple[str, bytes]], new: str, expected: str | None, reason: str
    ) -> None:
        """Store these objects as one pack, kept from gc until the branch is at ``new``; durable.

        Raises RefMoved, Locked, NoSpace, ReadOnlyRepository; then the branch is as it was.
        """
        with self._objects.write_pack(objects):
            crash_point("fold.before_ref")
            self.advance(new, expected, reason)

    def advance(self, new: str, expected: str | None, reason: str) -> None:
        """Move the branch from ``expected`` to ``new``, then what keeps it.

        Raises RefMoved, Locked; then the branch is as it was. Once it has moved nothing is
        raised: a caller would write the same again. ``heal`` catches up with the other ref.
        """
        self._objects.update_ref(names.STATE_REF, new, expected, f"ovn: {reason}")
        crash_point("fold.after_ref")
        try:
            self._keep(new)
        except OvnError as error:
            warn(__name__, f"'{names.KEEP_REF}' is not up to date: {error}")

    def heal(self) -> list[str]:
        """Put the branch back if it was deleted, set back or replaced; return what to say of it.

        What stood there instead is kept under ``refs/ovn/lost/``.
        """
        tip, kept, case = self._look()
        if case == "ahead" and tip is not None:
            self._keep(tip)
        if case not in SAID or kept is None:
            return []
        lost = f"{names.LOST_REFS}{tip}"
        if case == "replaced" and tip is not None and self._objects.resolve(lost) is None:
            self._objects.update_ref(lost, tip, None, "ovn: the state branch was replaced by this")
        self._objects.update_ref(names.STATE_REF, kept, tip, f"ovn: {case}, put back")
        facts = {"branch": names.STATE_BRANCH, "lost": lost, "kept": kept[:8], "tip": (tip or "")[:8]}
        return [SAID[case].format(**facts)]

    def adopt(self) -> str | None:
        """Make the branch from the one remote that has it; return its tip, None when none has it.

        Raises Ambiguous when several remotes have different ones.
        """
        ending = f"/{names.STATE_BRANCH}"
        found = {ref: oid for ref, oid in self._objects.refs(REMOTES).items() if ref.endswith(ending)}
        if not found:
            return None
        if len(set(found.values())) > 1:
            ways = " or ".join(f"'{ref.removeprefix(REMOTES)}'" for ref in found)
            raise Ambiguous(
                f"several remotes have a branch '{names.STATE_BRANCH}'",
                hint=f"choose one: 'git branch {names.STATE_BRANCH} REMOTE/{names.STATE_BRANCH}', {ways}",
            )
        ref, tip = next(iter(found.items()))
        self.advance(tip, None, f"from {ref.removeprefix(REMOTES)}")
        return tip

    def _look(self) -> tuple[str | None, str | None, str]:
        tip, kept = self._objects.resolve(names.STATE_REF), self._objects.resolve(names.KEEP_REF)
        return tip, kept, judge(tip, kept, self._objects.is_ancestor)

    def _keep(self, new: str) -> None:
        kept = self._objects.resolve(names.KEEP_REF)
        if kept != new:
            self._objects.update_ref(names.KEEP_REF, new, kept, "ovn: the last tip we wrote")
