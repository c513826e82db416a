"""What a message says, and what it never does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ovn import schema
from ovn.notify import events, shapes

from .conftest import ABOUT, NOW, event

MESSAGE = {
    "version": 1,
    "event": "blocked",
    "severity": "warning",
    "title": "a feature is blocked",
    "text": "it is red",
    "project": "demo",
    "run": "20260102-abcd",
    "branch": "night/20260102-abcd",
    "session": "session-001",
    "feature": "parser",
    "at": "2026-01-02T03:04:05.000Z",
    "held_back": 0,
    "facts": {"attempts": 3},
}


def test_a_message_holds_what_programs_and_people_need():
    found = events.message(event(session="session-001", feature="parser", facts={"attempts": 3}))
    assert found == MESSAGE
    assert list(schema.problems("notification", found)) == []


@pytest.mark.parametrize("kind", events.KINDS)
def test_every_kind_of_event_fits_the_schema(kind):
    assert list(schema.problems("notification", events.message(event(kind)))) == []


def test_no_secret_and_no_steering_leaves_the_house():
    text = "token=abcdefgh1234 \x1b[31m\u202eevil\x07 ghp_" + "a" * 36
    found = events.message(event(text=text, facts={"output": text}))
    for said in (found["text"], found["facts"]["output"]):
        assert "abcdefgh1234" not in said
        assert "ghp_" not in said
        assert said.replace("\n", "").isprintable()


def test_a_text_of_any_length_is_cut():
    assert len(events.message(event(text="x" * 100_000))["text"]) == events.LONGEST


def test_slack_cannot_be_made_to_call_a_channel():
    found = shapes._slack({**MESSAGE, "text": "<!channel> & *you*"})
    assert found == {
        "text": "demo: a feature is blocked (parser)\n&lt;!channel&gt; &amp; *you*",
        "attachments": [
            {
                "color": "#f59e0b",
                "blocks": [
                    {
                        "type": "header",
                        "text": {
                            "type": "plain_text",
                            "text": "demo: a feature is blocked (parser)",
                            "emoji": False,
                        },
                    },
                    {
                        "type": "section",
                        "text": {"type": "plain_text", "text": "<!channel> & *you*", "emoji": False},
                    },
                    {
                        "type": "context",
                        "elements": [
                            {
                                "type": "plain_text",
                                "text": (
                                    "run 20260102-abcd  branch night/20260102-abcd  session session-001"
                                ),
                                "emoji": False,
                            }
                        ],
                    },
                ],
            }
        ],
    }


def test_discord_mentions_nobody_and_renders_no_link():
    found = shapes._discord({**MESSAGE, "text": "@everyone [x](http://evil) **b**", "held_back": 2})
    (embed,) = found["embeds"]
    assert found["allowed_mentions"] == {"parse": []}
    assert embed == {
        "title": "demo\\: a feature is blocked \\(parser\\)",
        "description": "\\@everyone \\[x\\]\\(http\\://evil\\) \\*\\*b\\*\\*",
        "color": 0xF59E0B,
        "footer": {
            "text": "run 20260102-abcd  branch night/20260102-abcd  session session-001"
            "  2 messages before this one were held back"
        },
        "timestamp": "2026-01-02T03:04:05.000Z",
    }


def test_the_limits_of_the_services_are_kept():
    long = {**MESSAGE, "text": "*" * 3000, "project": "p" * 200, "feature": "f" * 64}
    blocks = shapes._slack(long)["attachments"][0]["blocks"]
    assert len(blocks[0]["text"]["text"]) == 150
    (embed,) = shapes._discord(long)["embeds"]
    assert (len(embed["title"]), len(embed["description"])) == (256, 4096)


@pytest.mark.parametrize(
    ("host", "shape"),
    [
        ("hooks.slack.com", "slack"),
        ("discord.com", "discord"),
        ("discordapp.com", "discord"),
        ("slack.com.evil.example", "json"),
        ("example.com", "json"),
    ],
)
def test_the_host_tells_the_shape(host, shape):
    assert shapes.shape_of(host) == shape


def test_two_features_are_two_events_and_two_moments_are_one():
    assert event(feature="a").key != event(feature="b").key
    assert event(feature="a").key == event(feature="a", at=NOW + timedelta(hours=1), text="other").key
    assert event().key != event(about=events.About("demo", "another-run")).key
    assert event().about == ABOUT
