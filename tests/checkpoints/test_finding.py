"""Which checkpoint a person means."""

from __future__ import annotations

import pytest

from ovn.checkpoints import Request, found, resolve, take
from ovn.errors import Ambiguous, InvalidName, NotFound
from ovn.model.documents import Checkpoint
from ovn.state.store import StateStore


def make(
    identity: str, label: str | None = None, *, kind: str = "named", worktree: str = "main", number: int = 1
) -> Checkpoint:
    session, count = identity.split("/")
    tag = None if label is None else f"ovn/{session}/{label}" + ("" if number == 1 else f".{number}")
    return Checkpoint(
        id=identity, session=session, label=label, kind=kind, at=f"2026-01-02T03:04:{int(count):02d}.000Z",
        commit="1" * 40, tree="2" * 40, worktree=worktree, tag=tag,
    )  # fmt: skip


KNOWN = [
    make("s1/0001", "before"),
    make("s1/0002", kind="automatic"),
    make("s1/0003", "before", number=2),
    make("s1/0004", kind="safety"),
    make("s2/0005", "before"),
    make("s2/0006", "only-here"),
    make("s3/0007", "elsewhere", worktree="other"),
]


def find(text: str, session: str | None = None, worktree: str = "main") -> str:
    return resolve(text, KNOWN, session=session, worktree=worktree).id


@pytest.mark.parametrize(
    ("text", "session", "expected"),
    [
        ("s1/0002", None, "s1/0002"),
        ("ovn/s1/before", None, "s1/0001"),
        ("refs/tags/ovn/s1/before.2", None, "s1/0003"),
        ("refs/ovn/checkpoint/s2/0005", None, "s2/0005"),
        ("s1/before", None, "s1/0003"),
        ("s1/before.2", None, "s1/0003"),
        ("before", "s1", "s1/0003"),
        ("before", "s2", "s2/0005"),
        ("only-here", "s1", "s2/0006"),
        ("only here", None, "s2/0006"),
        ("@{0}", None, "s2/0006"),
        ("@{1}", None, "s2/0005"),
        ("@{2}", None, "s1/0003"),
    ],
)
def test_a_checkpoint_is_found_by(text: str, session: str | None, expected: str) -> None:
    """Id, tag, SESSION/LABEL, label and ``@{N}``; safety checkpoints are not counted."""
    assert find(text, session) == expected


def test_a_label_of_several_sessions_is_ambiguous_and_lists_them() -> None:
    """Outside of both, nothing is guessed."""
    with pytest.raises(Ambiguous) as error:
        find("before", "s9")
    assert error.value.hint == "name one of 's1/before', 's2/before'"


def test_numbers_count_in_one_work_tree_only() -> None:
    """``@{0}`` of a linked work tree is its own newest."""
    assert find("@{0}", worktree="other") == "s3/0007"


@pytest.mark.parametrize(
    ("text", "error"),
    [("@{9}", NotFound), ("@{x}", InvalidName), ("nope", NotFound), ("s1/nope", NotFound), ("--", NotFound)],
)
def test_what_does_not_exist_is_named(text: str, error: type[Exception]) -> None:
    """A clear no, and where to look."""
    with pytest.raises(error, match="checkpoint"):
        find(text)


LIKE = "Ovn-Checkpoint: s1/0007\nOvn-Session: s1\nOvn-Kind: named\n"


@pytest.mark.parametrize(
    "told",
    [
        "Ovn-Checkpoint: s1/abc\nOvn-Session: s1\nOvn-Kind: named",
        "Ovn-Checkpoint: s1/0007\nOvn-Session: ../s1\nOvn-Kind: named",
        "Ovn-Checkpoint: s1/0007\nOvn-Session: s1\nOvn-Kind: other",
        LIKE + "Ovn-Omitted: " + "[" * 5000,
        LIKE + "Ovn-Changed: " + "1" * 5000,
        LIKE + 'Ovn-Omitted: {"path": "\\"a", "why": "x"}',
    ],
    ids=["id", "session", "kind", "deep", "number", "path"],
)
def test_what_only_looks_like_a_checkpoint_hides_no_other(repo, told):
    """A clone fetches whatever tags somebody pushed; and a tag may name a blob."""
    store = StateStore.open(repo.location)
    store.init("p")
    mine = take(store, Request("s1", "mine")).checkpoint
    bad = repo.git("commit-tree", f"{repo.head}^{{tree}}", "-m", f"checkpoint(s1): x\n\n{told}")
    repo.git("update-ref", "refs/tags/ovn/s1/bad", bad)
    repo.git("update-ref", "refs/ovn/checkpoint/s1/abc", bad)
    repo.git("update-ref", "refs/ovn/checkpoint/s1/0005", bad)
    repo.git("tag", "ovn/s1/blob", f"{repo.head}:README")
    assert found(store) == [mine]
    assert take(store, Request("s1", "next")).checkpoint.id == "s1/0006"


def test_a_number_beyond_all_bounds_is_a_name_that_nobody_has():
    with pytest.raises(InvalidName):
        resolve("@{" + "9" * 5000 + "}", [], session=None, worktree="main")
