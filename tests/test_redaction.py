"""Secrets in text for people."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.redaction import _MARKS, holds_secret, redact

HELD = {
    "GitHub": "ghp_" + "a1B2" * 9,
    "GitHub, fine-grained": "github_pat_" + "A" * 22 + "_" + "b" * 59,
    "GitLab": "glpat-" + "x" * 20,
    "AWS": "AKIA" + "ABCDEFGH12345678",
    "Slack": "xoxb-" + "123456789012-abcdef",
    "Google": "AIza" + "b" * 35,
    "Anthropic": "sk-ant-api03-" + "c" * 40,
    "OpenAI": "sk-proj-" + "d" * 40,
    "Stripe": "sk_live_" + "e" * 24,
    "npm": "npm_" + "f" * 36,
    "PyPI": "pypi-" + "g" * 60,
    "JWT": "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeKKF2QT4",
}


@pytest.mark.parametrize("name", HELD)
def test_a_token_of_a_known_shape_is_taken_out(name):
    assert redact(f"it is {HELD[name]}, says the log") == "it is [redacted], says the log"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DB_PASSWORD=hunter22 ./run", "DB_PASSWORD=[redacted] ./run"),
        ('{"api_key": "abcdef123"}', '{"api_key": "[redacted]"}'),
        ("token: abcdefgh;", "token: [redacted];"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer [redacted]"),
        ("git clone https://me:pa55@host/x", "git clone https://me:[redacted]@host/x"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nx", "[redacted]\nx"),
        ("-----BEGIN PRIVATE KEY-----\ncut off", "[redacted]"),
    ],
)
def test_what_follows_a_telling_word_is_taken_out(text, expected):
    assert expected == redact(text)
    assert holds_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "3 passed in 0.1s",
        "AssertionError: token expected",
        "the password is wrong",
        "a" * 40,
        "https://host:80/x",
        "",
    ],
)
def test_ordinary_text_stays(text):
    assert text == redact(text)
    assert not holds_secret(text)


@given(st.text())
def test_taking_out_twice_changes_nothing_more(text):
    assert redact(text) == redact(redact(text))


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000, "password" * 25_000, "https://" * 25_000, "eyJ" * 60_000, "-" * 200_000],
    ids=["letters", "passwords", "addresses", "tokens", "dashes"],
)
def test_hostile_text_takes_less_than_a_second(text):
    before = time.process_time()
    redact(text)
    assert time.process_time() - before < 1


@given(
    st.sampled_from(
        [
            *HELD.values(),
            *("password=hunter22", "Bearer abcdefgh", "a://b:c@d", "SECRET: abcdefgh"),
            *("pa\u017f\u017fword=hunter22", "to\u212aen=hunter22"),  # letters that are an s, a k in capitals
        ]
    ),
    st.text(),
)
def test_what_is_harmless_at_a_glance_holds_no_secret(secret, around):
    for text in (f"{around} {secret}", f"{around} {secret} {around}", around):
        assert holds_secret(text) == (redact(text) != text)


def test_each_mark_has_the_letter_that_it_is_looked_up_by():
    """Else a text with that mark would be taken for harmless."""
    assert all(letter in mark for letter, marks in _MARKS.items() for mark in marks)
