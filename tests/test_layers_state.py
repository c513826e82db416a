"""What records of programs do to the documents of the state branch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn import names, schema
from ovn.errors import InvalidDocument
from ovn.model import canonical, codec, records
from ovn.model.documents import Feature, Question, Session, Value
from ovn.state import reducers, segments, subjects

AT = "2026-11-22T23:00:00.000Z"


class Docs:
    def __init__(self, known=None):
        self.known = {names.session_file("s"): session(), **(known or {})}

    def get(self, path):
        return self.known.get(path)

    def names(self, folder):
        return [path.removeprefix(f"{folder}/") for path in self.known if path.startswith(f"{folder}/")]

    def do(self, kind, **data):
        seq = self.state.folded + 1
        self.known.update(reducers.apply(self, "s", seq, records.make(kind, data, at=AT, by="python")))
        return self

    @property
    def state(self):
        return self.known[names.session_file("s")]


def session(**fields):
    return Session(
        version=1, id="s", state="active", kind="python", created=AT, updated=AT, worktree="main", **fields
    )


def layer(docs, which, put=None, drop=()):
    return docs.do("layer", layer=which, set=put or {}, drop=list(drop))


def test_values_of_a_session_are_one_document():
    docs = layer(layer(Docs(), "session", {"a": 1, "b": 2}), "session", {"b": 3}, ["a"])
    assert docs.get(names.layer_file("s")).values == {"b": 3}


@pytest.mark.parametrize("which", ["persistent", "long_term"])
def test_values_that_outlive_sessions_are_a_file_each(which):
    docs = layer(Docs(), which, {"a": 1, "b/c": 2})
    assert docs.get(f"layers/{which}/a.json") == Value(1, which, "a", 1, AT, "s", None)
    assert docs.get(names.value_file(which, "b/c")).value == 2
    assert layer(docs, which, drop=["a"]).get(f"layers/{which}/a.json") is None


def test_accepted_evidence_moves_the_values_of_its_feature_and_no_others():
    feature = Feature(version=2, id="f", number=1, title="f", created=AT, status="in_progress")
    docs = Docs({names.feature_file("f"): feature}).do("session.feature", feature="f")
    layer(docs, "persistent", {"a": 1})
    docs.do("session.feature", feature=None)
    layer(docs, "persistent", {"b": 2})
    docs.do("feature.status", feature="f", status="done")
    assert docs.names("layers/long_term") == ["a.json"]
    moved = docs.get("layers/long_term/a.json")
    assert (moved.layer, moved.value, moved.feature) == ("long_term", 1, "f")


def test_a_transaction_that_was_rolled_back_leaves_the_session_as_it_was():
    docs = Docs().do("note", text="kept").do("blocker", id="b", text="kept")
    layer(docs, "session", {"a": 1})
    before = {
        "notes": 1,
        "decisions": 0,
        "commits": 0,
        "blockers": codec.encode(docs.state.blockers),
        "values": {"a": 1},
    }
    docs.do("transaction", label="t", state="begun", before=before)
    docs.do("note", text="gone").do("decision", text="gone").do("unblocked", id="b")
    layer(docs, "session", {"a": 2, "b": 3})
    docs.do("transaction", label="t", state="rolled_back", before=before)
    assert (docs.state.notes, docs.state.decisions) == (("kept",), ())
    assert [(one.id, one.open) for one in docs.state.blockers] == [("b", True)]
    assert docs.get(names.layer_file("s")).values == {"a": 1}


@given(
    st.dictionaries(
        st.sampled_from(["notes", "decisions", "commits", "blockers", "values"]),
        st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    )
)
def test_a_rollback_that_says_nonsense_changes_nothing_it_should_not(before):
    """A record that obeys its schema never makes a reducer fail."""
    docs = Docs().do("note", text="a")
    docs.do("transaction", label="t", state="rolled_back", before=before)
    assert schema.dump("session", docs.state, "session.json")


def test_a_question_is_answered_once():
    asked = Question(version=1, id="q", session="s", at=AT, text="which?")
    docs = Docs().do("question", **codec.encode(asked))
    for answer in ("first", "second"):
        docs.do("question", **{**codec.encode(asked), "answer": answer, "answered": AT, "author": "person"})
    assert docs.get(names.question_file("q")).answer == "first"


def test_a_copy_begins_with_what_its_original_had_noted():
    blockers = [{"id": "b", "text": "no key", "open": False}]
    docs = Docs().do(
        "session.forked",
        session="o",
        through=7,
        checkpoint=None,
        notes=["n"],
        decisions=["d"],
        blockers=blockers,
        values={"a": 1},
    )
    assert (docs.state.notes, docs.state.decisions) == (("n",), ("d",))
    assert codec.encode(docs.state.blockers) == blockers
    assert docs.get(names.layer_file("s")).values == {"a": 1}


def test_the_version_of_the_program_is_in_the_document():
    assert Docs().do("session.code", code="2", previous=None).state.code == "2"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("step.started", {"name": "a"}),
        ("step.retry", {"name": "a", "attempt": 1, "until": AT, "wait": 1, "error": {}}),
        ("signal", {"name": "go", "payload": [1]}),
        ("interrupted", {"forget": [], "why": "x"}),
        ("cut", {"checkpoint": "s/0001", "operation": "o"}),
        ("step", {"name": "a", "outcome": "failed", "verb": "rollback"}),
    ],
)
def test_what_only_a_replay_wants_changes_no_document(kind, data):
    docs = Docs().do(kind, **data)
    assert docs.state == session(folded=1)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["done", "failed", "cancelled"]),
        st.sampled_from([None, "step", "retry", "ask", "commit"]),
    ),
    min_size=1,
    max_size=12,
)


@given(STEPS, st.integers(0, 6))
def test_many_steps_at_once_do_what_they_do_one_by_one(steps, folded):
    run = []
    for number, (outcome, verb) in enumerate(steps, 1):
        data = {"name": "a", "outcome": outcome, **({"verb": verb} if verb else {})}
        run.append((number, records.make("step", data, at=AT, by="python")))
    start = {names.session_file("s"): session(folded=folded)}
    single = Docs(start)
    for seq, record in run:
        single.known.update(reducers.apply(single, "s", seq, record))
    many = Docs(start)
    many.known.update(reducers.steps(many, "s", run))
    assert single.known == many.known


@given(st.text(st.characters(codec="utf-8"), max_size=30), st.integers(1, 10**9))
def test_a_line_whose_bytes_are_known_is_the_same_line(text, seq):
    record = records.make(
        "step", {"name": "a", "outcome": "done", "result": {"x": text, "type": "y"}}, at=AT, by="python"
    )
    payload = records.payload(record)
    assert segments.encode([(seq, record)]) == segments.encode([(seq, record)], {seq: payload})
    assert canonical.load(segments.encode([(seq, record)])) == {**record, "seq": seq}


def test_a_segment_that_is_not_json_is_named():
    class Tip:
        def names(self, folder):
            return ["0000000000"] if folder.endswith("journal") else ["000000000001.jsonl"]

        def read(self, path):
            return b'{"seq": NaN}\n'

    with pytest.raises(InvalidDocument, match="NaN is not JSON"):
        list(segments.bulk(Tip(), "s"))


@pytest.mark.parametrize(
    ("kind", "data", "subject"),
    [
        ("signal", {"name": "go", "payload": 1}, "signal(s): go"),
        ("session.code", {"code": "2", "previous": "1"}, "code(s): 2"),
        (
            "session.forked",
            {
                "session": "o", "through": 7, "checkpoint": None, "values": {},
                "notes": [], "decisions": [], "blockers": [],
            },
            "fork(s): of o, up to 7",
        ),
    ],
)  # fmt: skip
def test_the_story_tells_of_programs(kind, data, subject):
    made = records.make(kind, data, at=AT, by="person")
    assert subjects.of_event("s", 3, made).subject == subject
