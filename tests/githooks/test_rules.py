"""What is refused, to whom, and what to do instead."""

from __future__ import annotations

import pytest

from ovn.active import Active, Debt
from ovn.githooks import rules
from ovn.githooks.rules import Facts, Push, judge

RUN = Active("session-001", kind="run", generation=3, run="20261122-abcd")
OPTIONAL = Active("session-001", kind="run", generation=3, run="20261122-abcd", handoff=False)
SHELL = Active("session-001", kind="detached", generation=3)
OWES = [Debt("session-000", "main", "2026-11-22T01:00:00.000Z")]
NEW, NULL = "a" * 40, "0" * 40
TAG = Push("refs/tags/ovn/session-001/x", NEW, "refs/tags/ovn/session-001/x", NULL)
STATE = Push("refs/heads/overnight/state", NEW, "refs/heads/overnight/state", NULL)
HIDDEN = Push("refs/ovn/checkpoint/session-001/0001", NEW, "refs/heads/x", NULL)
RENAMED = Push("HEAD", NEW, "refs/tags/ovn/x/y", NULL)
WORK = Push("refs/heads/main", NEW, "refs/heads/main", NULL)
DELETE = Push("(delete)", NULL, "refs/tags/ovn/session-001/x", NEW)


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        (Facts(), None),
        (Facts(debts=OWES), None),
        (Facts(active=RUN), None),
        (Facts(active=RUN, debts=OWES), None),
        (Facts(active=RUN, staged=[".overnight/config.yaml"]), None),
        (Facts(active=RUN, fence=9), None),
        (Facts(active=RUN, session="session-001"), None),
        (Facts(active=RUN, session="session-001", run="20261122-abcd", generation=3, fence=3), None),
        (Facts(session="session-001"), "no session is at work"),
        (Facts(session="session-002", active=RUN), "session 'session-001' is at work in work tree 'main'"),
        (Facts(active=RUN, session="session-001", debts=OWES), "'session-000' ended without a handoff"),
        (Facts(active=RUN, session="session-001", debts=[Debt("session-001", "main", "")]), None),
        (Facts(active=SHELL, debts=OWES), None),
        (Facts(active=OPTIONAL, session="session-001", debts=OWES), None),
        (Facts(active=RUN, session="session-001", run="20261121-efgh"), "'20261122-abcd' works on it now"),
        (Facts(active=RUN, session="session-001", generation=2), "generation is 3, this process has 2"),
        (Facts(active=RUN, session="session-001", fence=4), "generation is 4, this process has 3"),
        (Facts(active=SHELL, fence=4), "generation is 4, this process has 3"),
        (Facts(active=RUN, session="session-001", staged=["a", ".overnight/config.yaml"]), "yaml' may not"),
        (Facts(active=SHELL, staged=[".overnight/feature_registry.json"]), "feature_registry.json' may not"),
        (Facts(active=Active("a", protect=False), staged=[".overnight/config.yaml"]), None),
        (Facts(active=SHELL, staged=["config.yaml", "src/.overnight/config.yaml"]), None),
    ],
)  # fmt: skip
def test_who_may_commit(facts, rule):
    refusal = judge("pre-commit", facts)
    assert (refusal.reason if refusal else None) == rule or rule in refusal.reason


@pytest.mark.parametrize(
    ("claims", "active", "rule"),
    [
        ([], RUN, None),
        ([("Ovn-Session", "session-001"), ("Ovn-Feature", "x"), ("Signed-off-by", "me")], RUN, None),
        ([("Ovn-Session", "session-002")], RUN, "Ovn-Session: session-002, but this is 'session-001'"),
        ([("ovn-session", "session-002")], RUN, "Ovn-Session: session-002"),
        ([("OVN-EVIDENCE", "1 passed")], RUN, "has an Ovn-Evidence trailer"),
        ([("Ovn-Evidence", "1 passed")], None, None),
    ],
)
def test_what_a_message_may_claim(claims, active, rule):
    refusal = judge("commit-msg", Facts(session="session-001", active=active, claims=claims))
    assert (refusal.reason if refusal else None) == rule or rule in refusal.reason


@pytest.mark.parametrize(
    ("pushes", "asked", "rule"),
    [
        ([WORK], False, None),
        ([TAG], False, "'refs/tags/ovn/session-001/x' would be pushed to 'origin'"),
        ([WORK, STATE], False, "'refs/heads/overnight/state' would be pushed"),
        ([HIDDEN], False, "'refs/ovn/checkpoint/session-001/0001' would be pushed"),
        ([RENAMED], False, "'refs/tags/ovn/x/y' would be pushed"),
        ([TAG, STATE, WORK], False, "'refs/tags/ovn/session-001/x' and 1 more would be pushed"),
        ([TAG, STATE], True, None),
        ([DELETE], False, None),
    ],
)
def test_what_may_be_pushed(pushes, asked, rule):
    refusal = judge("pre-push", Facts(pushes=pushes, remote="origin", asked_to_share=asked))
    assert (refusal.reason if refusal else None) == rule or rule in refusal.reason


def test_the_hint_of_a_refused_tag_is_the_command_that_leaves_them_out():
    refusal = judge("pre-push", Facts(pushes=[TAG], remote="origin"))
    assert refusal.hint.startswith("'git push origin --tags '^refs/tags/ovn/*'' leaves them out")


@pytest.mark.parametrize(
    "facts", [Facts(session="b", active=RUN), Facts(session="session-001", active=RUN, debts=OWES)]
)
def test_a_session_that_may_not_commit_may_not_push(facts):
    assert judge("pre-push", facts).reason == judge("pre-commit", facts).reason


def test_every_refusal_says_what_to_do():
    facts = [
        Facts(session="b"),
        Facts(session="session-001", active=RUN, debts=OWES),
        Facts(session="session-001", active=RUN, generation=1),
        Facts(session="session-001", active=RUN, staged=[".overnight/config.yaml"]),
    ]
    hints = [judge("pre-commit", fact).hint for fact in facts]
    assert all("git ovn" in hint or "git restore" in hint for hint in hints)


def test_git_s_lines_are_read():
    lines = [f"refs/heads/a {NEW} refs/heads/b {NULL}", "nonsense", ""]
    (push,) = rules.parse_pushes(lines)
    assert (push.local, push.new, push.remote, push.old) == ("refs/heads/a", NEW, "refs/heads/b", NULL)
    assert rules.parse_claims("Ovn-Session: a: b\nX:\n") == [("Ovn-Session", "a: b"), ("X", "")]


KEPT = Push("refs/ovn/keep/state", NEW, "refs/heads/x", NULL)


@pytest.mark.parametrize(
    ("pushes", "rule"),
    [
        ([WORK, TAG, HIDDEN, DELETE], None),
        (
            [WORK, STATE],
            "'refs/heads/overnight/state' holds session 'a' and 1 more, which recorded",
        ),
        ([KEPT], "'refs/ovn/keep/state' holds session 'a'"),
    ],
)
def test_what_looks_like_a_secret_is_not_pushed_even_where_state_is_shared(pushes, rule):
    asked = Facts(pushes=pushes, remote="origin", asked_to_share=True, private=["a", "b"])
    refusal = judge("pre-push", asked)
    assert (refusal.reason if refusal else None) == rule or rule in refusal.reason
