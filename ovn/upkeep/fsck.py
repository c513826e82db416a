"""Check what git ovn keeps in a repository, and say what is wrong; nothing is changed or deleted.

Documents against their schemas by jsonschema itself, segments record by record, journals,
checkpoints with every object they need, tags, leases, the kept tip. What nothing refers to is
listed as a note: a clone has tags without the state branch, and they are worth keeping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import names, schema
from ovn.checkpoints import telling
from ovn.errors import CorruptObject, OvnError
from ovn.frozen import dataclass, field
from ovn.git import paths
from ovn.git.run import Git
from ovn.model import canonical
from ovn.state.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ovn.git.encoding import Entry
    from ovn.git.locate import Location
    from ovn.git.objects import ObjectStore
    from ovn.model.canonical import Json
    from ovn.model.documents import Checkpoint, Session

ERROR, NOTE = "error", "note"
LEASE_FILE = "lease.json"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: how bad, in which area, where, what is so, and what helps."""

    severity: str
    area: str
    where: str
    what: str
    fix: str = ""


@dataclass(slots=True)
class Known:
    """What the state branch says, gathered on the way for the checks that compare."""

    sessions: dict[str, Session] = field(default_factory=dict)
    checkpoints: set[str] = field(default_factory=set)
    documents: int = 0
    records: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Everything found, and how much was looked at, so that an empty list means something."""

    findings: tuple[Finding, ...]
    looked_at: Mapping[str, int]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are not only notes."""
        return tuple(one for one in self.findings if one.severity == ERROR)


def examine(location: Location, objects: ObjectStore) -> Report:
    """Return what is wrong with the state, the journals and the checkpoints of a repository."""
    known = Known()
    found = list(state(objects, known))
    names_of_journals = _journals(location)
    found += [finding for name in names_of_journals for finding in journal(location, name, known)]
    found += checkpoints(location, objects, known)
    found += leases(objects)
    looked_at = {
        "documents": known.documents,
        "records": known.records,
        "journals": len(names_of_journals),
        "checkpoints": len(objects.refs(names.CHECKPOINT_REFS)),
    }
    return Report(tuple(found), looked_at)


# -- the state branch ------------------------------------------------------------------


def state(objects: ObjectStore, known: Known) -> Iterator[Finding]:
    """Yield what is wrong on the state branch; fills ``known``."""
    tip = objects.resolve(names.STATE_REF, peel=True)
    kept = objects.resolve(names.KEEP_REF, peel=True)
    if tip is None:
        where = "put back by the next writing verb" if kept else "run 'git ovn init'"
        yield Finding(ERROR if kept else NOTE, "state", names.STATE_REF, "there is no state branch", where)
        return
    if kept and kept != tip and not objects.is_ancestor(kept, tip):
        fix = "put back by the next writing verb"
        yield Finding(ERROR, "state", names.STATE_REF, f"was rewound or rewritten: it lacks {kept}", fix)
    segments: dict[str, list[tuple[str, bytes]]] = {}
    for path, entry in files(objects, tip):
        try:
            data = objects.read(entry.oid)[1]
        except CorruptObject as error:
            yield Finding(ERROR, "document", path, str(error), "run 'git fsck'")
            continue
        if _is_segment(path):
            segments.setdefault(path.partition("/journal/")[0], []).append((path, data))
        else:
            yield from document(path, data, known)
    for folder, parts in sorted(segments.items()):
        yield from journal_of(folder, parts, known)


def files(objects: ObjectStore, tree: str, below: str = "") -> Iterator[tuple[str, Entry]]:
    """Yield every file of a commit or tree with its path (quoted), in git's order."""
    for name, entry in objects.entries(tree).items():
        path = below + paths.quote(name)
        if entry.kind == "tree":
            yield from files(objects, entry.oid, path + "/")
        else:
            yield path, entry


def _is_segment(path: str) -> bool:
    return path.endswith(".jsonl") and "/journal/" in path and path.startswith(("sessions/", "ended/"))


def document(path: str, data: bytes, known: Known) -> Iterator[Finding]:
    """Yield what is wrong with one document: encoding, schema, version, name."""
    kind = schema.kind_of(path)
    if kind is None or not path.endswith(".json"):
        yield Finding(NOTE, "document", path, "git ovn knows no file of this name")
        return
    known.documents += 1
    try:
        value = schema.upgrade(kind, canonical.load(data, path), path)
    except OvnError as error:
        yield Finding(ERROR, "document", path, str(error), error.hint or "the last good version is used")
        return
    wrong = list(schema.problems(schema.KINDS[kind].schema, value))
    yield from (Finding(ERROR, "document", path, f"{one.path}: {one.rule}", one.fix) for one in wrong)
    if not wrong:
        yield from _named_right(path, kind, value)
        yield from _encoded_right(path, data)
        _remember(kind, value, known)


def _named_right(path: str, kind: str, value: Json) -> Iterator[Finding]:
    """Yield a finding unless the document lies under the id that it says."""
    if kind == "value":  # its name is its key, or the digest of one that cannot be a file's name
        if names.value_file(value["layer"], value["key"]) != path:
            words = f"says that it is '{value['key']}' of the layer '{value['layer']}'"
            yield Finding(ERROR, "document", path, words, "move it, or mend its key")
        return
    key = {"handoff": "session", "layer": "session", "baseline": "name"}.get(kind, "id")
    parts = path.removesuffix(".json").split("/")
    name = parts[-2] if kind in ("session", "handoff", "layer") else parts[-1]
    if kind != "project" and value[key] != name:
        yield Finding(ERROR, "document", path, f"says that it is '{value[key]}'", "move it, or mend its id")


def _encoded_right(path: str, data: bytes) -> Iterator[Finding]:
    if canonical.dump(canonical.load(data, path)) != data:
        yield Finding(NOTE, "document", path, "is not in canonical form", "its next change writes it so")


def _remember(kind: str, value: Json, known: Known) -> None:
    if kind == "session":
        session = schema.from_json("session", value, "session")
        known.sessions[session.id] = session


# -- segments and journals -------------------------------------------------------------


def journal_of(folder: str, parts: list[tuple[str, bytes]], known: Known) -> Iterator[Finding]:
    """Yield what is wrong with the folded records of one session: each record, and the numbers.

    A gap is a note: a record that could not be read was set aside when it was folded, and the
    commit says so.
    """
    last = 0
    for path, data in sorted(parts):
        for number, line in enumerate(data.splitlines(), 1):
            where = f"{path}:{number}"
            record, wrong = _record(line, where)
            yield from wrong
            seq = record.get("seq") if record else None
            if not isinstance(seq, int):
                continue
            if seq <= last:
                yield Finding(ERROR, "segment", where, f"record {seq} after record {last}")
            elif seq > last + 1:
                yield Finding(NOTE, "segment", where, f"no record {_numbers(last + 1, seq - 1)}", _ASIDE)
            last = max(last, seq)
            _note_record(record or {}, known)
    session = known.sessions.get(folder.rsplit("/", 1)[1])
    if session and session.folded != last:
        severity = NOTE if session.folded > last else ERROR
        what = f"its document counts {session.folded} folded records, the segments end at {last}"
        yield Finding(severity, "segment", folder, what, _ASIDE if severity == NOTE else "")


_ASIDE = "such records were set aside; 'git log overnight/state' says why"


def _numbers(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _record(line: bytes, where: str) -> tuple[dict[str, Json] | None, list[Finding]]:
    try:
        value = canonical.load(line, where, limit=len(line))
    except OvnError as error:
        return None, [Finding(ERROR, "segment", where, str(error))]
    wrong = [
        Finding(ERROR, "segment", where, f"{one.path}: {one.rule}", one.fix)
        for one in schema.problems("record", value)
    ]
    return (value if isinstance(value, dict) else None), wrong


def _note_record(record: dict[str, Json], known: Known) -> None:
    known.records += 1
    if record.get("type") == "checkpoint" and isinstance(record.get("data"), dict):
        known.checkpoints.add(str(record["data"].get("id")))


def _journals(location: Location) -> list[str]:
    try:
        return sorted(folder.name for folder in (location.local / names.JOURNAL_FOLDER).iterdir())
    except FileNotFoundError:
        return []


def journal(location: Location, name: str, known: Known) -> Iterator[Finding]:
    """Yield what is wrong with this machine's journal of one session."""
    where = f"{names.JOURNAL_FOLDER}/{name}"
    folder = location.local / names.JOURNAL_FOLDER / name
    if not folder.is_dir():
        return
    try:
        tail = Journal(folder).read()
    except OvnError as error:
        yield Finding(ERROR, "journal", where, str(error), error.hint or "")
        return
    if tail.lost:
        what = f"{len(tail.lost)} acknowledged records are damaged, the first is {tail.lost[0]}"
        yield Finding(ERROR, "journal", where, what, f"what is left of them: {', '.join(tail.aside)}")
    elif tail.aside:
        yield Finding(NOTE, "journal", where, "damaged bytes were set aside", ", ".join(tail.aside))
    if tail.cut:
        yield Finding(
            NOTE, "journal", where, f"{tail.cut} bytes of a torn write, which was never acknowledged"
        )
    for seq, payload in tail.records:
        record, wrong = _record(payload, f"{where}:{seq}")
        yield from wrong
        _note_record(record or {}, known)


# -- checkpoints -----------------------------------------------------------------------


def checkpoints(location: Location, objects: ObjectStore, known: Known) -> Iterator[Finding]:
    """Yield what is wrong with checkpoint refs, their tags, and the objects they need."""
    refs = objects.refs(names.CHECKPOINT_REFS)
    yield from _broken(Git(location), refs)
    held: dict[str, Checkpoint] = {}
    for ref, oid in refs.items():
        checkpoint, wrong = _told(objects, ref, oid)
        yield from wrong
        if checkpoint:
            held[checkpoint.id] = checkpoint
    yield from _tags(objects, held)
    for name, checkpoint in sorted(held.items()):
        if name not in known.checkpoints:
            yield Finding(NOTE, "checkpoint", checkpoint.id, "no record of the state branch knows it")
    yield from _sessions_checkpoints(known, held)


def _broken(git: Git, refs: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the refs of which an object is missing; one reading when all is well."""
    if not refs or _whole(git, *refs.values()):
        return
    for ref, oid in refs.items():
        if not _whole(git, oid):
            what = f"objects of {oid} are missing"
            yield Finding(ERROR, "checkpoint", ref, what, "run 'git fsck' to see which")


def _whole(git: Git, *oids: str) -> bool:
    """Tell whether every object reachable from these is here (as ``git fetch`` checks it)."""
    given = "".join(f"{oid}\n" for oid in oids).encode()
    answer = git.run("rev-list", "--objects", "--quiet", "--stdin", stdin=given, ok=(0, 1, 128))
    return answer.code == 0


def _told(objects: ObjectStore, ref: str, oid: str) -> tuple[Checkpoint | None, list[Finding]]:
    try:
        checkpoint = telling.parse(objects.commit(oid))
    except CorruptObject as error:
        return None, [Finding(ERROR, "checkpoint", ref, str(error))]
    if checkpoint is None:
        return None, [Finding(ERROR, "checkpoint", ref, "is not a snapshot commit of git ovn")]
    if names.checkpoint_ref(checkpoint.id) != ref:
        return None, [Finding(ERROR, "checkpoint", ref, f"names the checkpoint '{checkpoint.id}'")]
    return checkpoint, []


def _tags(objects: ObjectStore, held: Mapping[str, Checkpoint]) -> Iterator[Finding]:
    tags = objects.refs(names.TAG_REFS)
    wanted = {f"refs/tags/{one.tag}": one for one in held.values() if one.tag}
    for tag, checkpoint in sorted(wanted.items()):
        if tag not in tags:
            what = f"checkpoint {checkpoint.id} lost its tag"
            yield Finding(ERROR, "tag", tag, what, "git ovn doctor --fix")
        elif objects.resolve(tags[tag], peel=True) != checkpoint.commit:
            yield Finding(ERROR, "tag", tag, f"does not name checkpoint {checkpoint.id} any more")
    for tag in sorted(tags.keys() - wanted.keys()):
        yield Finding(NOTE, "tag", tag, "no checkpoint ref stands behind it")


def _sessions_checkpoints(known: Known, held: Mapping[str, Checkpoint]) -> Iterator[Finding]:
    """Yield the sessions whose last checkpoint, to which a resume may go back, is not here."""
    for session in known.sessions.values():
        if session.checkpoint and session.ended is None and session.checkpoint not in held:
            what = f"its last checkpoint {session.checkpoint} is not here"
            yield Finding(ERROR, "checkpoint", f"session '{session.id}'", what, "fetch refs/ovn/checkpoint/*")


# -- leases ----------------------------------------------------------------------------


def leases(objects: ObjectStore) -> Iterator[Finding]:
    """Yield what is wrong with the documents behind the lease refs."""
    for ref, oid in objects.refs(names.LEASE_REFS).items():
        kind, _, name = ref.removeprefix(names.LEASE_REFS).partition("/")
        try:
            data = objects.blob(oid, LEASE_FILE)
            lease = schema.load("lease", data, ref) if data is not None else None
        except OvnError as error:
            yield Finding(ERROR, "lease", ref, str(error), error.hint or "")
            continue
        if lease is None:
            yield Finding(ERROR, "lease", ref, f"its commit has no '{LEASE_FILE}'")
        elif (lease.kind, lease.name) != (kind, name):
            yield Finding(ERROR, "lease", ref, f"is the lease of {lease.kind} '{lease.name}'")
