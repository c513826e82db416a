"""The protocol, with verbs that are not run."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.mcp import server, tools


def ask(method: str, params=None, run=None, number=1):
    """Return the one answer to a request."""
    message = {"jsonrpc": "2.0", "id": number, "method": method}
    line = json.dumps(message if params is None else {**message, "params": params}).encode()
    (answer,) = server.answer(line, run or (lambda _: (0, "{}", "")))
    return answer


def call(name: str, arguments=None, run=None):
    return ask("tools/call", {"name": name, "arguments": arguments or {}}, run)["result"]


def test_it_says_who_it_is_in_the_clients_version():
    for wanted, given_ in [("2024-11-05", "2024-11-05"), ("2099-01-01", "2025-06-18"), (None, "2025-06-18")]:
        told = ask("initialize", {"protocolVersion": wanted})["result"]
        assert told["protocolVersion"] == given_
        assert told["serverInfo"]["name"] == "git-ovn"
        assert "handoff" in told["instructions"]


def test_it_has_the_seven_tools_each_with_a_closed_schema():
    found = ask("tools/list")["result"]["tools"]
    assert [tool["name"] for tool in found] == [
        "status", "next_feature", "checkpoint", "verify_feature", "handoff", "ask_human", "note",
    ]  # fmt: skip
    assert all(tool["inputSchema"]["additionalProperties"] is False for tool in found)


def test_an_unknown_method_is_an_error_and_a_notification_nothing():
    assert ask("server/discover")["error"]["code"] == -32601
    assert server.answer(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}', None) == []
    assert ask("ping")["result"] == {}


def test_a_batch_is_answered_as_one():
    batch = [{"jsonrpc": "2.0", "id": n, "method": "ping"} for n in (1, "two")]
    assert [one["id"] for one in server.answer(json.dumps(batch).encode(), None)] == [1, "two"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", -32700),
        (b"\xff", -32700),
        (b"[" * 100_000, -32700),
        (b"7", -32600),
        (b'{"id": 1, "method": 7}', -32600),
    ],
)
def test_what_is_no_request_is_answered_with_an_error(line, code):
    (answer,) = server.answer(line, None)
    assert answer["error"]["code"] == code


def test_params_of_another_shape_are_an_error():
    assert ask("tools/call", [1])["error"]["code"] == -32602
    assert ask("tools/call", {"name": "rm"})["error"]["code"] == -32602


def test_lines_that_are_too_long_are_skipped_and_the_next_is_answered():
    long = b'"' + b"x" * (server.LARGEST + 10) + b'"\n'
    out = io.BytesIO()
    server.serve(io.BytesIO(long + b'\n{"jsonrpc":"2.0","id":2,"method":"ping"}\n'), out, None)
    first, second = map(json.loads, out.getvalue().splitlines())
    assert first["error"]["message"] == "the message is too long"
    assert second == {"jsonrpc": "2.0", "id": 2, "result": {}}


# -- calls -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "wrong"),
    [
        ("checkpoint", {}, "'label' is a required property"),
        ("checkpoint", {"label": ""}, "label: "),
        ("note", {"text": 7}, "text: "),
        ("status", {"verbose": True}, "Additional properties"),
        ("handoff", {"next": "one"}, "next: "),
        ("verify_feature", {"feature": "--all"}, "feature: "),
    ],
)
def test_wrong_arguments_are_sent_back_and_nothing_runs(name, arguments, wrong):
    told = call(name, arguments, run=lambda _: pytest.fail("it ran"))
    assert told["isError"]
    assert wrong in told["content"][0]["text"]


def test_no_text_becomes_an_option():
    """What an agent says stands behind ``--`` or on stdin."""
    seen = []

    def run(made):
        seen.append(made)
        return 0, "{}", ""

    call("checkpoint", {"label": "--json", "text": "-x"}, run)
    call("note", {"text": "--help"}, run)
    call("ask_human", {"question": "-?", "options": ["--a", "b"]}, run)
    call("handoff", {"next": ["--force"], "wip": True}, run)
    assert [made.words for made in seen] == [
        ("checkpoint", "--json", "-m", "-x", "--", "--json"),
        ("note", "--json", "--", "--help"),
        ("ask", "--json", "--option", "--a", "--option", "b", "--", "-?"),
        ("handoff", "--json", "--from", "-", "--wip"),
    ]
    assert json.loads(seen[3].stdin) == {"next": ["--force"]}


def test_a_refusal_is_told_with_its_hint():
    error = {"error": {"kind": "HandoffRefused", "message": "not valid", "hint": "say what comes next"}}
    told = call("handoff", {}, run=lambda _: (13, json.dumps(error), ""))
    assert told["isError"]
    assert told["content"][0]["text"] == "not valid\nhint: say what comes next"


def test_a_result_that_breaks_its_schema_is_not_passed_on():
    told = call("checkpoint", {"label": "x"}, run=lambda _: (0, '{"version": 1, "id": 7}', ""))
    assert told["isError"]
    assert "its schema does not allow" in told["content"][0]["text"]


def test_a_verb_that_dies_is_told_in_its_own_words_without_secrets():
    told = call("status", {}, run=lambda _: (1, "", "error: token=ghp_" + "a" * 36))
    assert told["isError"]
    assert told["content"][0]["text"] == "error: token=[redacted]"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "method", "params", "name", "arguments", "text"]), inner)
        ),
        max_leaves=10,
    )
)
def test_no_message_stops_the_server(message):
    json.dumps(server.answer(json.dumps(message).encode(), lambda _: (0, "{}", "")))


def test_every_tool_is_a_plain_verb():
    from ovn.cli import verbs

    examples = {
        "checkpoint": {"label": "x"},
        "ask_human": {"question": "x"},
        "note": {"text": "x"},
    }
    for tool in tools.TOOLS.values():
        assert tool.call(examples.get(tool.name, {})).words[0] in verbs.table()
