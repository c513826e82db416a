"""A snapshot commit tells everything about itself, and is read back without loss."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ovn.checkpoints import message, parse, subject
from ovn.git.objects import CommitInfo
from ovn.model.documents import Checkpoint, Omission

OID = "1" * 40
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True)
lines = (
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=60)
    .map(str.strip)
    .filter(bool)
)
omissions = st.builds(
    Omission,
    path=st.text(min_size=1, max_size=30).filter(str.isprintable),
    why=lines,
    size=st.none() | st.integers(0, 10**12),
    sha256=st.none() | st.just("a" * 64),
)
checkpoints = st.builds(
    Checkpoint,
    id=st.builds("{}/{:04d}".format, names, st.integers(1, 10**6)),
    session=names,
    label=st.none() | names,
    kind=st.sampled_from(["named", "automatic", "safety"]),
    at=st.just("2026-01-02T03:04:05.000Z"),
    commit=st.just(OID),
    tree=st.just("2" * 40),
    worktree=names,
    tag=st.none() | names.map("ovn/{}".format),
    text=st.none() | st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=200),
    index=st.none() | st.just("3" * 40),
    meta=st.none() | st.just("4" * 40),
    head=st.none() | st.just("5" * 40),
    branch=st.none() | names.map("refs/heads/{}".format),
    operation=st.none() | st.just("merge"),
    changed=st.integers(0, 10**6),
    omitted=st.lists(omissions, max_size=3).map(tuple),
)


def commit_of(checkpoint: Checkpoint, text: str) -> CommitInfo:
    """Return the commit that the message would be of."""
    when = 1_767_323_045
    return CommitInfo(
        oid=checkpoint.commit,
        tree=checkpoint.tree,
        parents=(),
        author_name="git ovn",
        author_email="ovn@localhost",
        author_time=when,
        committer_time=when,
        message=text,
    )


@given(checkpoints)
def test_what_a_message_tells_is_read_back(checkpoint: Checkpoint) -> None:
    """Every field of a checkpoint survives its own commit message."""
    assert parse(commit_of(checkpoint, message(checkpoint))) == checkpoint


@given(checkpoints)
def test_the_subject_is_one_line_that_names_session_and_label(checkpoint: Checkpoint) -> None:
    """``git log --oneline`` reads well."""
    first = message(checkpoint).splitlines()[0]
    assert first == subject(checkpoint)
    assert first.startswith(f"checkpoint({checkpoint.session}): ")


def test_a_commit_of_somebody_else_is_no_checkpoint() -> None:
    """Only our trailers make one."""
    other = Checkpoint(id="", session="", label=None, kind="", at="", commit=OID, tree=OID, worktree="")
    assert parse(commit_of(other, "fix: a thing\n\nOvn-Session: session-001\n")) is None
