"""Trailers."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ovn.git import trailers

MESSAGES = [
    "subject\n\nOvn-Event: checkpoint\nOvn-Session: session-001\n",
    "subject\n\nbody\n\nOvn-Event: a\n",
    "subject\n\nbody: not one\nbut text\n",
    "subject\n\nOvn-Event: one\ntext\n",
    "Ovn-Event: only a subject\n",
    "subject\nOvn-Event: in the first paragraph\n",
    "subject\n\nA: folded\n value\n\tagain\nB: next\n",
    "subject\n\nSigned-off-by: a <b>\ntext\ntext two\n",
    "subject\n\nSigned-off-by: a <b>\nt\nt\nt\nt\n",
    "subject\n\nno\n\nA:b\nC :d\n\n\n",
    "subject\n\nA: b\n\n  \n",
    "subject\n\n folded first\nA: b\n",
    "subject\n\n(cherry picked from commit abc)\nA: b\n",
    "subject\n\nkey with space: b\nA: b\n",
    "subject\n\n---\nA: b\n",
    "\n\nsubject\n\nA: b\n",
    "subject\n\nSigned-off-by: x <y>\na b: c\n folded\n",
    "subject\n\nA: b\n\n# note\n",
    "subject\n\nA: b\n\n# note\n\n# another\n",
    "subject\n",
    "",
]


def told_by_git(repo, message):
    """Return what git itself parses."""
    out = repo.git("interpret-trailers", "--parse", "--no-divider", stdin=message.encode())
    return [tuple(part.strip() for part in line.split(":", 1)) for line in out.splitlines() if ":" in line]


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_read_as_git_reads_it(repo, message):
    assert told_by_git(repo, message) == trailers.parse(message)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    lines=st.lists(
        st.sampled_from(
            [
                "",
                "",
                "text",
                "A: b",
                "Key-2:v",
                " folded",
                "Signed-off-by: x <y>",
                "a b: c",
                ": d",
                "# note",
                "é: f",
            ]
        ),
        max_size=9,
    )
)
@example(lines=["", "text", "text", "Signed-off-by: x <y>", "# note", " folded", "text"])
def test_any_mixture_is_read_as_git_reads_it(repo, lines):
    message = "\n".join(["subject", *lines, ""])
    assert told_by_git(repo, message) == trailers.parse(message)


@given(
    st.text(max_size=50).filter(lambda text: "\0" not in text),
    st.lists(
        st.tuples(st.from_regex(r"\A[A-Za-z][A-Za-z-]{0,8}\Z"), st.text(min_size=1, max_size=20)), min_size=1
    ),
)
def test_what_is_added_is_found_again_at_the_end(body, pairs):
    wanted = [(key, " ".join(value.split())) for key, value in pairs]
    message = trailers.add(f"subject\n\n{body}", pairs)
    assert wanted == trailers.parse(message)[-len(wanted) :]
    assert message.endswith("\n")


def test_trailers_join_the_block_that_is_there():
    once = trailers.add("subject", [("A", "1")])
    assert trailers.add(once, [("B", "2\n3")]) == "subject\n\nA: 1\nB: 2 3\n"
    assert trailers.add("subject\n\n", []) == "subject\n"


def test_values_are_found_by_key_whatever_its_case():
    message = "s\n\nOvn-Session: one\novn-session: two\n"
    assert trailers.values(message, "OVN-Session") == ["one", "two"]
    assert trailers.value(message, "Ovn-Session") == "two"
    assert trailers.value(message, "Ovn-Feature") is None
