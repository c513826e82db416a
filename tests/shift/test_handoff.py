"""The rules of a valid handoff, one by one; reading, writing from git, showing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.errors import HandoffRefused, InvalidDocument
from ovn.model.canonical import dump
from ovn.model.documents import Attempt, Blocker, Evidence, Feature, Handoff, Session
from ovn.shift.handoff import (
    HINTS,
    LISTED,
    RULES,
    SAID,
    Shown,
    Situation,
    broken,
    check,
    claimed,
    from_git,
    markdown,
    proof,
    read,
)

OID = "ab" * 20
AT = "2026-11-22T03:04:05.678Z"
HANDOFF = Handoff(
    version=1,
    session="session-001",
    at=AT,
    author="agent",
    accomplished=("parser: reads everything",),
    next=("the printer",),
)
GOOD = Situation(
    lease_ours=True, proofs={"parser": "", "printer": "it has no evidence"}, pending=("printer",)
)
EVIDENCE = Evidence(feature="parser", at=AT, green=True, tree=OID, commit=OID, partial=None, commands=())
PARSER = Feature(
    version=2, id="parser", number=1, title="Parse", created=AT, evidence=EVIDENCE, status="done"
)
SESSION = Session(
    version=1, id="session-001", state="active", kind="run", created=AT, updated=AT, worktree="main"
)


def rules_of(handoff: Handoff, situation: Situation) -> list[str]:
    return [one.rule for one in broken(handoff, situation)]


def test_a_valid_handoff_breaks_no_rule():
    assert broken(HANDOFF, GOOD) == []
    check(HANDOFF, GOOD)


def test_each_rule_has_a_name_a_sentence_and_a_hint():
    assert [rule.name for rule in RULES] == ["schema", "lease", "clean", "evidence", "next"] == list(HINTS)
    assert all(rule.sentence[0].islower() and not rule.sentence.endswith(".") for rule in RULES)


@pytest.mark.parametrize(
    ("rule", "handoff", "situation", "detail"),
    [
        ("schema", replace(HANDOFF, head="not an id"), GOOD, "head: "),
        ("lease", HANDOFF, replace(GOOD, lease_ours=False), "nobody holds it"),
        ("lease", HANDOFF, replace(GOOD, lease_ours=False, holder="process 12"), "process 12 holds it"),
        ("clean", HANDOFF, replace(GOOD, uncommitted=("a.py",)), "'a.py'"),
        ("clean", HANDOFF, replace(GOOD, uncommitted=tuple("abcdefg")), "'a', 'b', 'c', 'd', 'e' and 2 more"),
        ("evidence", replace(HANDOFF, accomplished=("printer",)), GOOD, "'printer': it has no evidence"),
        ("next", replace(HANDOFF, next=()), GOOD, "1 features are pending, the first is 'printer'"),
        ("next", replace(HANDOFF, next=("  ",)), GOOD, "1 features are pending, the first is 'printer'"),
    ],
)
def test_one_broken_rule_is_the_one_named(rule, handoff, situation, detail):
    (failed,) = broken(handoff, situation)
    assert failed.rule == rule
    assert failed.detail.startswith(detail)


def test_a_refusal_lists_every_rule_that_failed_with_what_to_do():
    with pytest.raises(HandoffRefused) as refusal:
        check(
            replace(HANDOFF, accomplished=("printer",), next=()),
            replace(GOOD, lease_ours=False, uncommitted=("a.py",)),
        )
    assert refusal.value.exit_code == 13
    assert [one["rule"] for one in refusal.value.facts["rules"]] == ["lease", "clean", "evidence", "next"]
    assert refusal.value.hint == (
        "take the session back with 'git ovn resume'; commit, or keep it in a checkpoint with --wip; "
        "prove it with 'git ovn feature verify'; say what comes next with --next TEXT"
    )
    assert str(refusal.value).splitlines() == [
        "the handoff of 'session-001' is not valid",
        "lease: the lease of the session is ours, but: nobody holds it",
        "clean: nothing is uncommitted but ignored files, but: 'a.py'",
        (
            "evidence: each feature named as accomplished has evidence on HEAD's history, but: "
            "'printer': it has no evidence"
        ),
        (
            "next: something is named as next while features are pending, but: 1 features are pending, "
            "the first is 'printer'"
        ),
    ]


def test_work_in_progress_may_stay_uncommitted_when_a_checkpoint_holds_it():
    assert rules_of(replace(HANDOFF, wip=True), replace(GOOD, uncommitted=("a.py",))) == []


def test_nothing_need_be_next_when_nothing_is_pending():
    assert rules_of(replace(HANDOFF, next=()), replace(GOOD, pending=())) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("parser", ["parser"]),
        ("parser: all of it", ["parser"]),
        ("parser, and more", ["parser"]),
        ("the parser is faster", []),
        ("parsers", []),
        ("  ", []),
    ],
)
def test_a_text_claims_the_feature_that_is_its_first_word(text, named):
    assert claimed(replace(HANDOFF, accomplished=(text,)), {"parser": ""}) == named


@pytest.mark.parametrize(
    ("evidence", "on_head", "why"),
    [
        (EVIDENCE, True, ""),
        (None, True, "it has no evidence"),
        (replace(EVIDENCE, green=False), True, "its verify commands were red"),
        (replace(EVIDENCE, partial="uncommitted files"), True, "its evidence is partial: uncommitted files"),
        (replace(EVIDENCE, commit=None), True, "its evidence is partial: not on a commit"),
        (EVIDENCE, False, "commit ababababab, on which it was verified, is not in HEAD's history"),
    ],
)
def test_proof_is_green_whole_and_on_heads_history(evidence, on_head, why):
    assert proof(replace(PARSER, evidence=evidence), lambda _: on_head) == why


# -- --from ----------------------------------------------------------------------------


@given(st.dictionaries(st.sampled_from(SAID), st.lists(st.text(st.characters(codec="utf-8"), max_size=20))))
def test_what_was_said_is_read_back(said):
    assert read(dump(said), "x") == {key: tuple(texts) for key, texts in said.items()}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[]", "said.json: must be an object with any of accomplished, next, blockers, tried"),
        (b'{"author": "person"}', "said.json: unknown field 'author'"),
        (b'{"next": "x"}', "said.json: next: must be a list of texts"),
        (b'{"next": [1]}', "said.json: next: must be a list of texts"),
        (b'{"next": [], "next": []}', "said.json: the key 'next' stands twice in one object"),
        (b'{"next": [NaN]}', "said.json: NaN is not JSON"),
        (b'{"next": ["\xff"]}', "said.json: not UTF-8 at byte 11"),
        (b"", "said.json: line 1, column 1: expecting value"),
    ],
)
def test_a_document_that_says_something_else_is_refused(data, message):
    with pytest.raises(InvalidDocument) as refusal:
        read(data, "said.json")
    assert str(refusal.value).startswith(message)


# -- from git --------------------------------------------------------------------------


def test_a_handoff_from_git_says_what_was_committed_what_is_open_and_what_failed():
    session = replace(
        SESSION,
        feature="printer",
        blockers=(Blocker("1", "no network"), Blocker("2", "solved", open=False)),
        attempts=(
            Attempt(1, "printer", AT, OID, ended=AT, exit_code=1, reason="tests red\nmore"),
            Attempt(2, "printer", AT, OID, ended=AT, exit_code=0),
            Attempt(3, "printer", AT, OID),
        ),
    )
    printer = Feature(version=2, id="printer", number=2, title="Print", created=AT, status="in_progress")
    waiting = Feature(version=2, id="api", number=3, title="Serve", created=AT)
    shown = Shown(
        session,
        AT,
        OID,
        "main",
        [(OID, "parse all"), ("cd" * 20, "print")],
        [PARSER, waiting, printer],
        "session-001/0004",
        2,
    )
    assert from_git(shown) == Handoff(
        version=1,
        session="session-001",
        at=AT,
        author="runner",
        accomplished=("(ababababab) parse all", "(cdcdcdcdcd) print"),
        next=(
            "look at 2 uncommitted paths; checkpoint session-001/0004 holds them",
            "printer: Print (in progress)",
            "api: Serve (pending)",
        ),
        blockers=("no network",),
        tried=(
            "attempt 1 at printer: exit 1, tests red",
            "attempt 3 at printer: interrupted, its process died",
        ),
        head=OID,
        branch="main",
        checkpoint="session-001/0004",
        wip=True,
    )


def test_many_commits_are_counted():
    shown = Shown(SESSION, AT, OID, "main", [(OID, f"commit {n}") for n in range(LISTED + 3)])
    accomplished = from_git(shown).accomplished
    assert accomplished[:2] == ("(3 commits before these)", "(ababababab) commit 3")
    assert len(accomplished) == LISTED + 1


@given(
    st.lists(st.tuples(st.just(OID), st.text(st.characters(codec="utf-8"), max_size=50)), max_size=40),
    st.integers(0, 3),
)
def test_a_handoff_from_git_claims_no_feature_and_is_always_valid(commits, uncommitted):
    shown = Shown(SESSION, AT, OID, "main", commits, [replace(PARSER, status="pending")], None, uncommitted)
    handoff = from_git(shown)
    proofs = {"parser": "it has no evidence", "commit": "it has no evidence", OID[:10]: "none"}
    situation = Situation(
        lease_ours=True, uncommitted=("x",) * uncommitted, proofs=proofs, pending=("parser",)
    )
    assert broken(handoff, situation) == []


# -- for people ------------------------------------------------------------------------


def test_markdown_has_a_heading_for_all_that_was_said():
    handoff = replace(HANDOFF, tried=("a cache\nit was slower",), head=OID, branch="main")
    assert markdown(handoff) == (
        "# Handoff of session-001\n"
        "\n"
        "By agent, 2026-11-22T03:04:05.678Z.\n"
        "\n"
        f"On branch `main`, commit `{OID}`.\n"
        "\n"
        "## Accomplished\n"
        "\n"
        "- parser: reads everything\n"
        "\n"
        "## Next\n"
        "\n"
        "- the printer\n"
        "\n"
        "## Tried and failed\n"
        "\n"
        "- a cache\n"
        "  it was slower\n"
    )


def test_markdown_of_silence_is_its_heading():
    said = replace(HANDOFF, accomplished=(), next=())
    assert markdown(said) == "# Handoff of session-001\n\nBy agent, 2026-11-22T03:04:05.678Z.\n"
