"""Documents are read strictly, upgraded, and refused with words that help."""

from __future__ import annotations

import json
import random
import time

import pytest

from ovn import schema
from ovn.errors import FormatTooNew, InvalidDocument, OvnError
from ovn.model import codec, documents

pytestmark = pytest.mark.unmeasured

AT = "2026-01-02T03:04:05.000Z"


def feature(**changes):
    """Return a feature's JSON value, as written today."""
    made = documents.Feature(version=2, id="f1", number=1, title="a title", created=AT)
    return {**codec.encode(made), **changes}


def refusal(kind, value):
    with pytest.raises(InvalidDocument) as found:
        schema.from_json(kind, value, "features/f1.json")
    return found.value


# -- errors name document, path, rule and fix ------------------------------------------------

WRONG = [
    (feature(status="finished"), "status", "enum", "must be one of 'pending', 'in_progress', "),
    (feature(priority="P9"), "priority", "enum", "must be one of 'P0', 'P1', 'P2', 'P3', not 'P9'"),
    (feature(attempts="3"), "attempts", "type", "must be a whole number, not '3'"),
    (feature(attempts=1.0), "attempts", "type", "must be a whole number, not 1.0"),
    (feature(attempts=True), "attempts", "type", "must be a whole number, not True"),
    (feature(attempts=-1), "attempts", "minimum", "must be at least 0, not -1"),
    (feature(claimed=1), "claimed", "type", "must be true or false, not 1"),
    (feature(title=""), "title", "minLength", "must not be empty"),
    (feature(title="a" * 1001), "title", "maxLength", "is longer than 1000 characters"),
    (feature(title="two\nlines"), "title", "pattern", "'two\\nlines' does not match ^[^\\n\\r"),
    (feature(id="../x"), "id", "pattern", "'../x' does not match ^[A-Za-z0-9]"),
    (feature(id="f1\n"), "id", "pattern", "'f1\\n' does not match"),
    (feature(depends_on=["a", "-b"]), "depends_on[1]", "pattern", "'-b' does not match"),
    (feature(phases=[{"name": "a"}]), "phases[0]", "required", "the field 'complete' is missing"),
    (
        feature(phases=[{"name": "a", "complete": "no"}]),
        "phases[0].complete",
        "type",
        "must be true or false",
    ),
    (feature(verify=["a"] * 101), "verify", "maxItems", "has more than 100 items"),
    (feature(verify=[[]]), "verify[0]", "minItems", "needs at least 1 items"),
    (
        feature(verifiy=[]),
        "",
        "additionalProperties",
        "unknown field 'verifiy'; known are version, id, number",
    ),
    (feature(started="yesterday"), "started", "pattern", "'yesterday' does not match"),
    ({**feature(), "id": None}, "id", "type", "must be a text, not None"),
]


@pytest.mark.parametrize(("value", "path", "rule", "fix"), WRONG, ids=[f"{row[1]}-{row[2]}" for row in WRONG])
def test_a_broken_rule_is_told_by_document_path_rule_and_fix(value, path, rule, fix):
    found = refusal("feature", value)
    assert str(found).startswith(f"features/f1.json: {path or 'document'}: {fix}")
    problem = found.facts["problems"][0]
    assert (path, rule) == (problem["path"], problem["rule"])
    assert problem["fix"].startswith(fix)


def test_several_broken_rules_are_counted_and_the_next_ones_hinted():
    found = refusal("feature", feature(status="x", priority="y", attempts=-1, claimed=None, number=0))
    assert str(found).endswith(" (and 4 more)")
    assert len(found.facts["problems"]) == 5
    assert found.hint.count(";") == 2


def test_a_missing_field_is_named():
    value = feature()
    del value["created"]
    assert "the field 'created' is missing" in str(refusal("feature", value))


@pytest.mark.parametrize("value", [None, [], "text", 5, True])
def test_what_is_no_mapping_is_said_to_be_none(value):
    assert "must be a mapping" in str(refusal("feature", value))


def test_an_error_stays_short_whatever_the_document_holds():
    """The offending value is shown by its first 60 characters, unknown fields by three names."""
    value = {**feature(title=["x" * 5000] * 100), **{f"k{n}" * 50: 1 for n in range(500)}}
    found = refusal("feature", value)
    assert len(str(found)) < 2000
    assert max(len(problem["fix"]) for problem in found.facts["problems"]) < 600


# -- versions --------------------------------------------------------------------------------


def version_1(**changes):
    """Return a feature as the first format had it: one command as text, and no age."""
    old = {"version": 1, "id": "f1", "title": "a title", "created": AT, "status": "done", "verify": "true"}
    return {**old, **changes}


def test_a_feature_of_version_1_is_upgraded_as_it_is_read():
    found = schema.load("feature", json.dumps(version_1()).encode(), "features/f1.json")
    assert found == documents.Feature(2, "f1", 1, "a title", AT, status="done", verify=("true",))


@pytest.mark.parametrize("command", ["", None])
def test_a_feature_of_version_1_without_a_command_has_none(command):
    assert schema.from_json("feature", version_1(verify=command), "it").verify == ()


def test_an_upgraded_document_is_written_in_the_newest_version_and_stays():
    found = schema.from_json("feature", version_1(), "it")
    written = schema.dump("feature", found, "it")
    assert json.loads(written)["version"] == 2
    assert found == schema.load("feature", written, "it")


def test_an_upgrader_does_not_touch_what_it_was_given():
    value = version_1()
    schema.upgrade("feature", value, "it")
    assert value == version_1()


def test_a_wrong_document_of_version_1_is_refused_too():
    assert "unknown field 'color'" in str(refusal("feature", version_1(color="red")))


def test_there_is_an_upgrader_from_every_old_version():
    wanted = {(kind, old) for kind, row in schema.KINDS.items() for old in range(1, row.version)}
    assert wanted == set(schema.UPGRADERS)


@pytest.mark.parametrize("kind", [kind for kind, row in schema.KINDS.items() if row.version])
def test_a_newer_version_is_refused_and_never_half_read(kind):
    with pytest.raises(FormatTooNew) as found:
        schema.load(kind, b'{"version": 99, "anything": {}}', "a/file.json")
    newest = schema.KINDS[kind].version
    assert str(found.value) == f"a/file.json has version 99, this git ovn reads up to {newest}"
    assert (found.value.exit_code, "upgrade" in found.value.hint) == (16, True)


@pytest.mark.parametrize("version", [None, "2", 1.0, 2.0, True, 0, -1, [2]])
def test_a_version_that_is_no_version_is_refused(version):
    words = "features/f1.json: version: a whole number from 1 to 2 is needed"
    assert str(refusal("feature", feature(version=version))).startswith(words)


# -- where documents lie ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("ovn.json", "project"),
        ("features/f1.json", "feature"),
        ("sessions/s1/session.json", "session"),
        ("sessions/s1/handoff.json", "handoff"),
        ("ended/2026-11/s1/session.json", "session"),
        ("operations/20261122-k3fz.json", "operation"),
        ("questions/q1.json", "question"),
        ("baseline/main.json", "baseline"),
        ("runs/r1.json", "run"),
        ("sessions/s1/journal/000000000001.jsonl", None),
        ("README", None),
        ("ovn.json/x", None),
        ("features/f1", None),
        ("features/f1/f1.json", None),
        ("sessions/s1/f1.json", None),
        ("elsewhere/ovn.json", None),
    ],
)
def test_a_path_says_the_kind_of_its_document(path, kind):
    assert kind == schema.kind_of(path)


@pytest.mark.parametrize("path", ["features/session.json", "features/handoff.json", "features/ovn.json"])
def test_a_feature_may_be_named_like_another_document(path):
    assert schema.kind_of(path) == "feature"


# -- hostile bytes ---------------------------------------------------------------------------

TOKENS = (
    *(b"NaN", b"Infinity", b"-1e999", b"9" * 5000, b"null", b"[" * 200, b'{"a":' * 70, b'"\\ud800"'),
    *(b"\xff", b"\x00", b'"', b"\\", b",", b"}", b"]", b"\xef\xbb\xbf", b"\x1b]0;", b"1.0", b"true"),
)


def hostile(data: bytes, source: random.Random) -> bytes:
    """Return the bytes cut, doubled, flipped, or with something foreign in the middle."""
    at = source.randrange(len(data) + 1)
    end = min(len(data), at + source.randint(1, 30))
    acts = (
        lambda: data[:at],
        lambda: data[:at] + source.choice(TOKENS) + data[end:],
        lambda: data[:at] + source.choice(TOKENS) + data[at:],
        lambda: data[:at] + source.randbytes(8) + data[end:],
        lambda: data[:end] + data[at:end] * source.randint(1, 50) + data[end:],
        lambda: data.decode("utf-8", "replace").encode(
            source.choice(("utf-16", "utf-16-le", "latin-1")), "replace"
        ),
    )
    return source.choice(acts)()


def fuzz(rounds, valid_json, seed):
    """Read so many hostile documents; returns how many of them were refused."""
    source = random.Random(seed)
    refused = 0
    for round_ in range(rounds):
        kind, data = source.choice(valid_json)
        spoiled = hostile(data, source)
        before = time.process_time()
        try:
            schema.load(kind, spoiled, "state/file.json")
        except OvnError as error:
            refused += 1
            assert str(error).startswith("state/file.json"), (round_, spoiled)
        assert time.process_time() - before < 1, (round_, spoiled[:200])
    return refused


def corpus():
    """Return one full document of each kind as bytes, and a feature of version 1."""
    evidence = {
        "feature": "f1",
        "at": AT,
        "green": True,
        "tree": "0" * 40,
        "commit": "1" * 40,
        "partial": None,
        "commands": [
            {"command": ["true"], "exit_code": 0, "seconds": 0.5, "summary": "ok", "digest": "a" * 64}
        ],
    }
    full = feature(depends_on=["f2"], verify=["true", ["a", "b"]], paths=["src/**"], evidence=evidence)
    full["phases"] = [{"name": "one", "complete": True}]
    session = documents.Session(1, "s1", "active", "run", AT, AT, "main", notes=("a", "ü"))
    project = documents.Project(1, "0" * 32, "demo", AT)
    handoff = documents.Handoff(1, "s1", AT, "agent", accomplished=("f1",), next=("f2",))
    question = documents.Question(1, "q1", "s1", AT, "why?", options=("a", "b"))
    values = [("feature", full), ("feature", version_1()), ("evidence", evidence)]
    values += [("session", codec.encode(session)), ("project", codec.encode(project))]
    values += [("handoff", codec.encode(handoff)), ("question", codec.encode(question))]
    return [(kind, json.dumps(value, ensure_ascii=False).encode()) for kind, value in values]


def test_hostile_bytes_are_refused_in_our_own_words_within_a_second():
    assert fuzz(500, corpus(), seed=1) > 250


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_five_thousand_hostile_documents_are_refused_in_our_own_words_within_a_second(seed):
    assert fuzz(5000, corpus(), seed) > 2500


@pytest.mark.parametrize(
    "value",
    [
        feature(depends_on=["a"] * 250_000),
        feature(depends_on=[1] * 250_000),
        feature(phases=[{}] * 150_000),
        feature(verify=[[]] * 150_000),
        feature(verify=["a" * 9000] * 99),
        feature(title="a" * 900_000),
        {**feature(), **{str(n): n for n in range(60_000)}},
        [feature()] * 500,
        {**feature(), "evidence": {"commands": [{"command": []}] * 40_000}},
    ],
    ids=["names", "numbers", "phases", "commands", "texts", "title", "fields", "list", "evidence"],
)
def test_a_large_wrong_document_is_refused_within_a_second(value):
    """jsonschema alone takes up to ten seconds to find the last of its half million errors."""
    data = json.dumps(value).encode()
    before = time.process_time()
    try:
        schema.load("feature", data, "it")
    except InvalidDocument as error:
        assert len(str(error)) + len(error.hint or "") < 5000
    assert time.process_time() - before < 1
