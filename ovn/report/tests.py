"""Where a feature made the tests weaker: fewer of them, fewer assertions in them, newly skipped.

Said as what it is, not as what it means: moving assertions into a function of their own is
``fewer assertions`` too, and a person judges. A test that moved to another file, or got another
name and kept its body, is not deleted.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ovn.frozen import dataclass
from ovn.git.paths import quote
from ovn.report import sources, testfiles
from ovn.report.model import Weakening

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ovn.report.model import Source
    from ovn.report.testfiles import Test, Tests
    from ovn.report.work import Stretch
    from ovn.state.store import StateStore

KINDS = ("deleted test file", "deleted test", "fewer assertions", "newly skipped")


@dataclass(frozen=True, slots=True)
class Found:
    """One weaker place: its kind, path, test (None: the whole file), and the counts."""

    kind: str
    path: str
    test: str | None
    before: int
    after: int


def weaker(old: Mapping[str, Tests], new: Mapping[str, Tests]) -> list[Found]:
    """Return where ``new`` is weaker than ``old``; both map paths to their tests, absent files left out.

    Pure. Nothing that was added makes anything weaker, and a tree against itself gives nothing.
    """
    found: list[Found] = []
    arrived = _arrivals(old, new)
    for path, tests in sorted(old.items()):
        gone = []
        for name, test in tests.items():
            now = new.get(path, {}).get(name) or arrived.take(name, test)
            if now is None:
                gone.append(name)
            else:
                found += _compared(path, name, test, now)
        if gone and path not in new and len(gone) == len(tests):
            found.append(Found("deleted test file", path, None, len(gone), 0))
        else:
            found += [Found("deleted test", path, name, tests[name].assertions, 0) for name in gone]
    return found


def _compared(path: str, name: str, test: Test, now: Test) -> Iterator[Found]:
    if now.assertions < test.assertions:
        yield Found("fewer assertions", path, name, test.assertions, now.assertions)
    if now.skipped and not test.skipped:
        yield Found("newly skipped", path, name, test.assertions, now.assertions)


@dataclass(frozen=True, slots=True)
class _Arrivals:
    """The tests that are new where they stand, by name and by body; each stands in for one that left."""

    by_name: dict[str, deque[tuple[int, Test]]]
    by_body: dict[str, deque[tuple[int, Test]]]
    taken: set[int]

    def take(self, name: str, test: Test) -> Test | None:
        """Return what a test that left became: one that does the same, or one of its name elsewhere."""
        for kept in (self.by_body.get(test.body), self.by_name.get(name)):
            while kept:
                number, one = kept.popleft()
                if number not in self.taken:
                    self.taken.add(number)
                    return one
        return None


def _arrivals(old: Mapping[str, Tests], new: Mapping[str, Tests]) -> _Arrivals:
    arrived = _Arrivals({}, {}, set())
    fresh = (
        (name, test)
        for path, tests in sorted(new.items())
        for name, test in tests.items()
        if name not in old.get(path, {})
    )
    for number, (name, test) in enumerate(fresh):
        arrived.by_name.setdefault(name, deque()).append((number, test))
        arrived.by_body.setdefault(test.body, deque()).append((number, test))
    return arrived


def weaker_in(store: StateStore, stretches: Sequence[Stretch]) -> tuple[Weakening, ...]:
    """Return where the tests are weaker after a feature's commits than before them."""
    before: dict[bytes, str | None] = {}
    after: dict[bytes, str | None] = {}
    for one in stretches:
        for change in store.objects.changes(one.before, one.after):
            before.setdefault(change.path, change.old.oid if change.old else None)
            after[change.path] = change.new.oid if change.new else None
    found = weaker(_tests(store, before), _tests(store, after))
    return tuple(
        Weakening(one.kind, one.path, one.test, one.before, one.after, _blamed(store, stretches, one.path))
        for one in found
    )


def _tests(store: StateStore, blobs: Mapping[bytes, str | None]) -> dict[str, Tests]:
    found: dict[str, Tests] = {}
    for path, oid in blobs.items():
        name = quote(path)
        if oid is None or not any(pattern.search(name) for pattern, _ in testfiles.READERS):
            continue
        kind, data = store.objects.read(oid)
        tests = testfiles.read(name, data) if kind == "blob" else None
        if tests is not None:
            found[name] = tests
    return found


def _blamed(store: StateStore, stretches: Sequence[Stretch], path: str) -> Source:
    """Return the last of the commits that changed the path."""
    commits = [commit for one in stretches for commit in one.commits]
    for commit in reversed(commits):
        info = store.objects.commit(commit)
        before = info.parents[0] if info.parents else None
        if any(quote(change.path) == path for change in store.objects.changes(before, commit)):
            return sources.commit(commit)
    return sources.commit(commits[-1])
