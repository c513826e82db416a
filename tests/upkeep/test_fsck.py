"""What fsck finds in a repository that somebody or something spoiled, and that it changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ovn import names
from ovn.checkpoints import telling
from ovn.clock import rfc3339
from ovn.git.encoding import FILE, Entry
from ovn.git.opening import open_store
from ovn.model import canonical, codec
from ovn.model.documents import Checkpoint, Feature, Holder, Layer, Lease, Project, Session, Value
from ovn.model.records import make, payload
from ovn.state.journal import Journal
from ovn.upkeep.fsck import ERROR, NOTE, Finding, Known, document, examine, journal_of

if TYPE_CHECKING:
    from pathlib import Path

WHEN = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
AT = rfc3339(WHEN)
OID = "ab" * 20
PROJECT = Project(1, "0b" * 16, "demo", AT)
FEATURE = Feature(version=2, id="parser", number=1, title="Parse", created=AT)
SESSION = Session(
    version=1,
    id="session-001",
    state="active",
    kind="detached",
    created=AT,
    updated=AT,
    worktree="main",
    folded=2,
)
NOTE_RECORD = make("note", {"text": "x"}, at=AT, by="person")


def data(thing: object) -> bytes:
    return canonical.dump(codec.encode(thing))


def segment(*numbers: int) -> bytes:
    return b"".join(canonical.dump_line({**NOTE_RECORD, "seq": n}) + b"\n" for n in numbers)


GOOD = {
    "ovn.json": data(PROJECT),
    "features/parser.json": data(FEATURE),
    "sessions/session-001/session.json": data(SESSION),
    "sessions/session-001/journal/000000000001.jsonl": segment(1, 2),
}


def test_values_of_the_layers_are_known_by_their_keys():
    """A key that cannot be a file's name lies under its digest; one in the wrong place is named."""
    for key in ("review.parser", "a key / with anything"):
        value = data(Value(1, "persistent", key, {"x": 1}, AT))
        assert list(document(names.value_file("persistent", key), value, Known())) == []
    misplaced = list(document("layers/persistent/other.json", value, Known()))
    assert [(one.severity, one.area) for one in misplaced] == [(ERROR, "document")]
    layer = data(Layer(1, "session-001", {"x": 1}))
    assert list(document("sessions/session-001/layer.json", layer, Known())) == []


def write_state(repo, files: dict[str, bytes], parents: list[str] | None = None) -> str:
    """Commit these files to the state branch by git's own means; returns the commit."""
    objects = open_store(repo.location)
    tree: dict = {}
    for path, content in files.items():
        *folders, name = path.split("/")
        at = tree
        for folder in folders:
            at = at.setdefault(folder, {})
        at[name] = content

    def store(node: dict) -> str:
        rows = {}
        for name, value in node.items():
            if isinstance(value, dict):
                rows[name.encode()] = Entry(0o040000, "tree", store(value))
            else:
                rows[name.encode()] = Entry(FILE, "blob", objects.write("blob", value))
        return objects.write_tree(rows)

    commit = objects.write_commit(store(tree), parents or [], "a state\n", when=WHEN)
    repo.git("update-ref", names.STATE_REF, commit)
    return commit


def found(repo, severity: str = ERROR) -> list[tuple[str, str, str]]:
    report = examine(repo.location, open_store(repo.location))
    return [(one.area, one.where, one.what) for one in report.findings if one.severity == severity]


def checkpoint(repo, number: int = 1, *, tag: str | None = "session-001/x") -> Checkpoint:
    """Make the commit, ref and tag of a checkpoint as they lie on disk; no record of it."""
    objects = open_store(repo.location)
    held = Checkpoint(
        id=names.checkpoint_id("session-001", number),
        session="session-001",
        label="x" if tag else None,
        kind="named" if tag else "automatic",
        at=AT,
        commit="",
        tree=repo.git("rev-parse", "HEAD^{tree}"),
        worktree="main",
        tag=f"ovn/{tag}" if tag else None,
        head=repo.head,
    )
    commit = objects.write_commit(held.tree, [repo.head], telling.message(held), when=WHEN)
    repo.git("update-ref", names.checkpoint_ref(held.id), commit)
    if tag:
        repo.git("tag", "-a", "-m", "a checkpoint", f"ovn/{tag}", commit)
    return held


def record_of(held: Checkpoint, seq: int) -> bytes:
    fields = {**codec.encode(held), "commit": OID}
    return canonical.dump_line({**make("checkpoint", fields, at=AT, by="person"), "seq": seq}) + b"\n"


def test_a_repository_without_a_state_branch_has_nothing_wrong(repo):
    assert found(repo) == []
    assert found(repo, NOTE) == [("state", names.STATE_REF, "there is no state branch")]


def test_a_sound_state_has_no_findings_and_says_how_much_was_looked_at(repo):
    write_state(repo, GOOD)
    report = examine(repo.location, open_store(repo.location))
    assert report.findings == ()
    assert report.looked_at == {"documents": 3, "records": 2, "journals": 0, "checkpoints": 0}


@pytest.mark.parametrize(
    ("path", "content", "what"),
    [
        ("features/parser.json", b"{", "features/parser.json: line 1, column 2"),
        ("features/parser.json", b"\xff", "features/parser.json: not UTF-8 at byte 0"),
        ("features/parser.json", data(FEATURE).replace(b'"P2"', b'"P9"'), "priority: enum"),
        ("features/other.json", data(FEATURE), "says that it is 'parser'"),
        ("sessions/session-002/session.json", data(SESSION), "says that it is 'session-001'"),
        (
            "features/parser.json",
            data(FEATURE).replace(b'"version": 2', b'"version": 99'),
            "features/parser.json has version 99, this git ovn reads up to 2",
        ),
        ("features/parser.json", b"[" * 100 + b"]" * 100, "features/parser.json: nested deeper than 64"),
        ("features/parser.json", b'{"version": 2, "version": 2}', "features/parser.json: the key 'version'"),
    ],
)
def test_a_spoiled_document_is_named_with_its_rule(repo, path, content, what):
    write_state(repo, {**GOOD, path: content})
    ((area, where, said),) = found(repo)
    assert (area, where) == ("document", path)
    assert said.startswith(what)


def test_an_older_version_is_upgraded_before_it_is_judged(repo):
    old = {"version": 1, "id": "old", "number": 2, "title": "t", "created": AT, "verify": "make check"}
    write_state(repo, {**GOOD, "features/old.json": canonical.dump(old)})
    assert found(repo) == []


def test_rubbish_on_the_branch_is_a_note(repo):
    write_state(repo, {**GOOD, "README.md": b"hello", "sessions/x/y/z.txt": b""})
    assert found(repo) == []
    assert found(repo, NOTE) == [
        ("document", "README.md", "git ovn knows no file of this name"),
        ("document", "sessions/x/y/z.txt", "git ovn knows no file of this name"),
    ]


def test_another_layout_of_the_same_json_is_a_note():
    loose = data(FEATURE).replace(b"\n", b" ")
    assert [one.severity for one in document("features/parser.json", loose, Known())] == [NOTE]


PART = "s/session-001/journal/1.jsonl"


@pytest.mark.parametrize(
    ("lines", "severity", "what"),
    [
        (segment(1, 3), NOTE, "no record 2"),
        (segment(1, 5), NOTE, "no record 2 to 4"),
        (segment(2, 3), NOTE, "no record 1"),
        (segment(1, 1), ERROR, "record 1 after record 1"),
        (segment(2, 1), ERROR, "record 1 after record 2"),
        (segment(1) + b"{\n", ERROR, f"{PART}:2: line 1, column 2"),
        (segment(1) + segment(2).replace(b'"note"', b'"mote"'), ERROR, "type: enum"),
    ],
)
def test_missing_doubled_and_spoiled_records_are_found(lines, severity, what):
    findings = list(journal_of("s/session-001", [(PART, lines)], Known()))
    assert (severity, what) in [(one.severity, one.what[: len(what)]) for one in findings]


def test_a_session_and_its_segments_must_end_at_the_same_record(repo):
    part = "sessions/session-001/journal/000000000001.jsonl"
    said = "its document counts 2 folded records, the segments end at"
    write_state(repo, {**GOOD, part: segment(1)})
    assert (found(repo), found(repo, NOTE)) == ([], [("segment", "sessions/session-001", f"{said} 1")])
    write_state(repo, {**GOOD, part: segment(1, 2, 3)})
    assert found(repo) == [("segment", "sessions/session-001", f"{said} 3")]


def test_a_rewound_state_branch_is_found_by_the_kept_tip(repo):
    first = write_state(repo, GOOD)
    second = write_state(repo, GOOD | {"features/b.json": data(FEATURE).replace(b"parser", b"b")}, [first])
    repo.git("update-ref", names.KEEP_REF, second)
    assert found(repo) == []
    repo.git("update-ref", names.STATE_REF, first)
    assert found(repo) == [("state", names.STATE_REF, f"was rewound or rewritten: it lacks {second}")]
    repo.git("update-ref", "-d", names.STATE_REF)
    assert found(repo) == [("state", names.STATE_REF, "there is no state branch")]


# -- journals --------------------------------------------------------------------------


def test_a_sound_journal_has_no_findings_and_is_counted(repo):
    folder = repo.location.local / names.JOURNAL_FOLDER / "session-001"
    with Journal(folder) as journal:
        for _ in range(3):
            journal.append(payload(NOTE_RECORD))
    report = examine(repo.location, open_store(repo.location))
    assert report.errors == ()
    assert (report.looked_at["journals"], report.looked_at["records"]) == (1, 3)


def test_a_damaged_journal_is_told_with_where_its_bytes_are(repo):
    folder = repo.location.local / names.JOURNAL_FOLDER / "session-001"
    with Journal(folder) as journal:
        for _ in range(5):
            journal.append(payload(NOTE_RECORD))
    (file,) = [path for path in folder.iterdir() if path.is_file()]
    content = bytearray(file.read_bytes())
    second = content.index(b'"note"', content.index(b'"note"') + 1)
    content[second + 1] ^= 0xFF
    file.write_bytes(content)
    ((area, where, what),) = found(repo)
    assert (area, where) == ("journal", "journal/session-001")
    assert what == "1 acknowledged records are damaged, the first is 2"


def test_a_record_that_breaks_its_schema_is_found_in_the_journal(repo):
    with Journal(repo.location.local / names.JOURNAL_FOLDER / "s") as journal:
        journal.append(b'{"type":"note"}')
    assert {what for _, _, what in found(repo)} == {": required"}


# -- checkpoints -----------------------------------------------------------------------


def with_checkpoint(repo, **changes) -> Checkpoint:
    held = checkpoint(repo, **changes)
    line = record_of(held, 1)
    write_state(repo, {**GOOD, "sessions/session-001/journal/000000000001.jsonl": line + segment(2)})
    return held


def test_a_sound_checkpoint_has_no_findings(repo):
    with_checkpoint(repo)
    assert found(repo) == found(repo, NOTE) == []


def test_a_checkpoint_that_no_record_knows_is_a_note_and_stays(repo):
    write_state(repo, GOOD)
    held = checkpoint(repo)
    assert found(repo) == []
    assert found(repo, NOTE) == [("checkpoint", held.id, "no record of the state branch knows it")]
    assert repo.git("rev-parse", names.checkpoint_ref(held.id))


def test_a_lost_a_moved_and_a_foreign_tag_are_told_apart(repo):
    held = with_checkpoint(repo)
    tag = f"refs/tags/{held.tag}"
    repo.git("tag", "-d", held.tag)
    assert found(repo) == [("tag", tag, f"checkpoint {held.id} lost its tag")]
    repo.git("tag", "-a", "-m", "foreign", held.tag, "HEAD")
    assert found(repo) == [("tag", tag, f"does not name checkpoint {held.id} any more")]
    repo.git("tag", "-f", "-a", "-m", "back", held.tag, names.checkpoint_ref(held.id))
    repo.git("tag", "ovn/session-009/alone")
    assert found(repo) == []
    assert found(repo, NOTE) == [
        ("tag", "refs/tags/ovn/session-009/alone", "no checkpoint ref stands behind it")
    ]


def test_a_checkpoint_with_a_missing_object_is_named(repo):
    held = with_checkpoint(repo, tag=None)
    blob = repo.git("rev-parse", "HEAD:README")
    (repo.git_dir / "objects" / blob[:2] / blob[2:]).unlink()
    commit = repo.git("rev-parse", names.checkpoint_ref(held.id))
    assert found(repo) == [("checkpoint", names.checkpoint_ref(held.id), f"objects of {commit} are missing")]


def test_a_ref_that_is_no_checkpoint_of_ours_is_named(repo):
    write_state(repo, GOOD)
    repo.git("update-ref", "refs/ovn/checkpoint/session-001/0007", "HEAD")
    assert found(repo) == [
        (
            "checkpoint",
            "refs/ovn/checkpoint/session-001/0007",
            "is not a snapshot commit of git ovn",
        )
    ]


def test_a_session_whose_last_checkpoint_is_elsewhere_is_named(repo):
    from dataclasses import replace

    session = replace(SESSION, checkpoint="session-001/0009")
    write_state(repo, {**GOOD, "sessions/session-001/session.json": data(session)})
    ((area, where, what),) = found(repo)
    assert (area, where) == ("checkpoint", "session 'session-001'")
    assert what == "its last checkpoint session-001/0009 is not here"


# -- leases ----------------------------------------------------------------------------


HOLDER = Holder(host="here", boot_id="b", pid=None, process_start=None, nonce="n" * 32)
LEASE = Lease(1, "session", "session-001", "session-001", 1, AT, HOLDER)


def write_lease(repo, ref: str, files: dict[str, bytes]) -> None:
    objects = open_store(repo.location)
    rows = {name.encode(): Entry(FILE, "blob", objects.write("blob", data)) for name, data in files.items()}
    commit = objects.write_commit(objects.write_tree(rows), [], "a lease\n", when=WHEN)
    repo.git("update-ref", names.LEASE_REFS + ref, commit)


@pytest.mark.parametrize(
    ("ref", "files", "what"),
    [
        ("session/session-001", {"lease.json": data(LEASE)}, None),
        ("session/other", {"lease.json": data(LEASE)}, "is the lease of session 'session-001'"),
        ("session/session-001", {"other": b""}, "its commit has no 'lease.json'"),
        ("session/session-001", {"lease.json": b"{}"}, "refs/ovn/lease/session/session-001: version:"),
    ],
)
def test_a_lease_says_what_it_is_for(repo, ref, files, what):
    write_state(repo, GOOD)
    write_lease(repo, ref, files)
    findings = found(repo)
    assert [area for area, _, _ in findings] == ([] if what is None else ["lease"])
    assert what is None or findings[0][2].startswith(what)


def test_nothing_is_changed_by_looking(repo):
    with_checkpoint(repo)
    repo.git("update-ref", "refs/ovn/checkpoint/session-001/0007", "HEAD")
    before = tree_of(repo.git_dir), repo.git("for-each-ref")
    found(repo)
    assert (tree_of(repo.git_dir), repo.git("for-each-ref")) == before


def tree_of(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_findings_are_values():
    assert Finding(ERROR, "a", "b", "c") == Finding(ERROR, "a", "b", "c", "")
