"""Which commits belong to a feature: by trailer, by record, by where HEAD passed."""

from __future__ import annotations

from dataclasses import replace

from ovn.git.objects import CommitInfo
from ovn.model.documents import Attempt, Rewrite, Session, Work
from ovn.operations.feature import of_feature

SESSION = Session(version=1, id="s1", state="active", kind="run", created="t", updated="t", worktree="main")


def oid(number: int) -> str:
    return f"{number:040x}"


def history(*messages: str) -> list[CommitInfo]:
    """Return a straight history of commits 1, 2, 3 ..., newest first."""
    return [
        CommitInfo(
            oid=oid(number), tree=oid(0), parents=(oid(number - 1),) if number > 1 else (), author_name="a",
            author_email="a", author_time=0, committer_time=number, message=text,
        )
        for number, text in enumerate(messages, 1)
    ][::-1]  # fmt: skip


def numbers(*args: object, **more: object) -> list[int]:
    return [int(found, 16) for found in of_feature(*args, **more)]  # type: ignore[arg-type]


def attempt(feature: str, start: int, end: int) -> Attempt:
    return Attempt(number=1, feature=feature, started="t", head_from=oid(start), head_to=oid(end))


def test_a_trailer_names_it() -> None:
    """Newest first."""
    told = history("a", "b\n\nOvn-Feature: f", "c\n\nOvn-Feature: g", "d\n\nOvn-Feature: f")
    assert numbers("f", told, []) == [4, 2]


def test_a_record_names_it_through_amend_and_rebase() -> None:
    """The post-rewrite map is followed as long as it goes."""
    session = replace(
        SESSION,
        commits=(Work(oid(90), "own", "f"),),
        rewrites=(Rewrite(oid(90), oid(91)), Rewrite(oid(91), oid(2))),
    )
    assert numbers("f", history("a", "b", "c"), [session]) == [2]


def test_a_rewrite_circle_ends() -> None:
    """A damaged map cannot hang it."""
    session = replace(
        SESSION,
        commits=(Work(oid(90), "own", "f"),),
        rewrites=(Rewrite(oid(90), oid(91)), Rewrite(oid(91), oid(90))),
    )
    assert numbers("f", history("a"), [session]) == []


def test_heads_range_during_an_attempt_names_what_nobody_recorded() -> None:
    """But not another feature's, nor somebody else's, nor what was published unnamed."""
    session = replace(SESSION, attempts=(attempt("f", 1, 5),), commits=(Work(oid(3), "foreign"),))
    told = history("a", "b", "c", "d\n\nOvn-Feature: g", "e")
    assert numbers("f", told, [session]) == [5, 2]
    assert numbers("f", told, [session], frozenset({oid(2)})) == [5]


def test_what_was_taken_back_is_left_out_until_that_is_taken_back() -> None:
    """A revert of a revert brings the commit back into the feature."""
    one = "a\n\nOvn-Feature: f"
    told = history(one, f"r\n\nOvn-Reverts: {oid(1)}")
    assert numbers("f", told, []) == []
    assert numbers("f", history(one, f"r\n\nOvn-Reverts: {oid(1)}", f"r\n\nOvn-Reverts: {oid(2)}"), []) == [1]


def test_a_merge_brings_only_the_side_that_head_did_not_have() -> None:
    """As ``git log old..new``."""
    merge = replace(history("m")[0], oid=oid(9), parents=(oid(2), oid(7)))
    side = replace(history("s")[0], oid=oid(7), parents=(oid(1),))
    session = replace(SESSION, attempts=(attempt("f", 2, 9),))
    assert numbers("f", [merge, side, *history("a", "b")], [session]) == [9, 7]


def test_a_merge_that_brought_nothing_else_belongs_to_it() -> None:
    """Git runs no commit hook for a merge; one that brought another's work too is nobody's."""
    one, two = (
        replace(history(f"s\n\nOvn-Feature: {name}")[0], oid=oid(number), parents=(oid(1),))
        for name, number in (("f", 7), ("g", 8))
    )
    merge = replace(history("m")[0], oid=oid(9), parents=(oid(2), oid(7)))
    told = [merge, one, two, *history("a", "b")]
    assert numbers("f", told, []) == [9, 7]
    both = replace(merge, parents=(oid(2), oid(7), oid(8)))
    assert numbers("f", [both, *told[1:]], []) == [7]
    foreign = replace(SESSION, commits=(Work(oid(9), "foreign"),))
    assert numbers("f", told, [foreign]) == [7]
    assert numbers("f", told, [], frozenset({oid(9)})) == [7]
