"""``git ovn notify``: what has to work at three in the morning, tried in the evening."""

from __future__ import annotations

import pytest

from ..notify.conftest import receiver, serving  # noqa: F401, TID252


@pytest.fixture
def configure(repo, store, ovn):
    def configure(text):
        repo.write(".overnight/config.yaml", f"notifications: {text}\n")

    return configure


def test_a_message_is_sent_by_every_channel(ovn, configure, receiver, monkeypatch, repo):  # noqa: F811
    monkeypatch.setenv("OVN_WEBHOOK", receiver.address)
    configure('{webhook: "${OVN_WEBHOOK:-}", command: "echo $OVN_NOTIFY_TEXT >../told"}')
    assert "not trusted: notifications.command" in ovn("notify", code=17).err
    ovn("trust")
    assert ovn("notify", "hello").out == "webhook: sent\ncommand: sent\n"
    assert (receiver.got[0]["event"], receiver.got[0]["text"]) == ("message", "hello")
    assert (repo.path.parent / "told").read_text() == "hello\n"


def test_a_dead_server_is_a_no(ovn, configure, monkeypatch):
    with serving(lambda _: None) as address:
        pass
    monkeypatch.setenv("OVN_WEBHOOK", address)
    configure('{webhook: "${OVN_WEBHOOK:-}"}')
    assert ovn("notify", code=1).out == "webhook: 127.0.0.1 cannot be reached: connection refused\n"
    assert ovn("notify", "--json", code=1).json["channels"][0]["ok"] is False


def test_a_wrong_address_is_a_no_and_is_not_repeated(ovn, configure, monkeypatch):
    monkeypatch.setenv("OVN_WEBHOOK", "http://example.com/s3cret")
    configure('{webhook: "${OVN_WEBHOOK:-}"}')
    said = ovn("notify", code=1)
    assert "http is for this machine only" in said.out
    assert "s3cret" not in said.out + said.err


def test_without_a_channel_it_says_what_to_do(ovn, configure):
    configure("{}")
    assert "set OVN_WEBHOOK" in ovn("notify", code=1).err


def test_an_agent_sends_nothing(ovn, configure, monkeypatch):
    configure('{command: "touch ../told"}')
    monkeypatch.setenv("OVN_SESSION", "session-001")
    assert "git ovn ask" in ovn("notify", code=1).err
