"""What a program keeps, what survives what, and what has not reached the next layer yet."""

from __future__ import annotations

import pytest

from ovn import StateLayer, features
from ovn.errors import InvalidDocument
from ovn.model import records
from ovn.state import layers
from tests.session.conftest import Killed

TRANSIENT, SESSION, PERSISTENT, LONG_TERM = StateLayer


async def nothing(_session):
    """Do nothing."""


def values(runner, which, session="s"):
    view = runner.store().view()
    if which is SESSION:
        return view.layer(session)
    return {key: one.value for key, one in view.values(which.value).items()}


@pytest.mark.parametrize("which", list(StateLayer))
def test_a_layer_is_a_mapping(runner, which):
    async def program(session):
        layer = session.layer(which)
        layer["a"] = {"x": (1, 2)}
        layer["b"] = None
        layer.update(c=3)
        del layer["b"]
        with pytest.raises(KeyError):
            layer["b"]
        with pytest.raises(KeyError):
            del layer["b"]
        with pytest.raises(TypeError):
            layer[7] = 1
        return dict(layer), len(layer), "a" in layer, repr(layer)

    found = runner.run(program)
    assert found[:3] == ({"a": {"x": (1, 2)}, "c": 3}, 2, True)
    assert found[3].startswith(f"Layer({which.name}, ")


def test_values_of_other_layers_are_on_disk_at_once(runner):
    async def program(session):
        for which in (SESSION, PERSISTENT, LONG_TERM):
            session.layer(which)["key"] = which.name
        raise Killed

    core = runner.open_core()
    with pytest.raises(Killed):
        runner._go(core, program)
    runner.die(core)
    for which in (SESSION, PERSISTENT, LONG_TERM):
        assert values(runner, which) == {"key": which.name}


def test_transient_costs_nothing_and_dies_with_its_process(runner):
    async def program(session):
        before = len(runner.records())
        session.layer(TRANSIENT)["key"] = 1
        assert len(runner.records()) == before
        raise Killed

    core = runner.open_core()
    with pytest.raises(Killed):
        runner._go(core, program)
    runner.die(core)
    assert values(runner, SESSION) == {}


@pytest.mark.parametrize("act", ["checkpoint", "commit", "handoff", "exit"])
def test_transient_reaches_session(runner, act):
    async def program(session):
        session.layer(TRANSIENT)["key"] = 1
        if act == "checkpoint":
            session.checkpoint("here")
        elif act == "commit":
            session.commit("here")
        elif act == "handoff":
            session.handoff(next=["on"])
        return dict(session.layer(SESSION)) if act != "exit" else {"key": 1}

    assert runner.run(program) == {"key": 1}
    assert values(runner, SESSION) == {"key": 1}


def test_what_changed_in_place_or_went_away_is_flushed_too(runner):
    async def program(session):
        fast = session.layer(TRANSIENT)
        fast["list"] = [1]
        fast["gone"] = 1
        session.checkpoint("one")
        fast["list"].append(2)
        del fast["gone"]
        session.checkpoint("two")
        return dict(session.layer(SESSION))

    assert runner.run(program) == {"list": [1, 2]}


@pytest.mark.parametrize(
    ("act", "kept"), [("checkpoint", {}), ("commit", {"key": 1}), ("handoff", {"key": 1})]
)
def test_session_reaches_persistent_with_a_commit_and_a_handoff(runner, act, kept):
    async def program(session):
        session.layer(SESSION)["key"] = 1
        getattr(session, act)(
            *([] if act == "handoff" else ["here"]), **({"next": ["on"]} if act == "handoff" else {})
        )

    runner.run(program)
    assert values(runner, PERSISTENT) == kept


def test_a_later_session_sees_what_persists(runner):
    async def first(session):
        session.layer(TRANSIENT)["key"] = 1
        session.handoff(next=["on"])

    async def second(session):
        return dict(session.layer(PERSISTENT)), dict(session.layer(SESSION)), session.layers.find("key")

    runner.run(first)
    assert runner.run(second, session="t") == ({"key": 1}, {}, 1)


def test_persistent_reaches_long_term_when_the_evidence_of_its_feature_is_accepted(runner, repo):
    store = runner.store()
    made = features.add(store, features.PERSON, "the parser", feature="parser")

    async def program(session):
        session.layer(SESSION)["key"] = 1
        session.commit("one")

    runner.run(program, feature=made.id)
    assert values(runner, LONG_TERM) == {}
    at = "2026-11-22T23:30:00.000Z"
    store = runner.store()
    done = records.make("feature.status", {"feature": made.id, "status": "done"}, at=at, by="runner")
    store.record("s", done)
    assert values(runner, LONG_TERM) == {"key": 1}


def test_in_a_transaction_nothing_is_promoted_before_it_is_committed(runner):
    async def program(session):
        with pytest.raises(ZeroDivisionError):
            async with session.transaction("failing"):
                session.layer(SESSION)["lost"] = 1
                session.commit("one")
                raise ZeroDivisionError
        async with session.transaction("outer"):
            async with session.transaction("inner"):
                session.layer(SESSION)["kept"] = 1
                session.commit("two")
            assert "kept" not in session.layer(PERSISTENT)
        return dict(session.layer(PERSISTENT))

    assert runner.run(program) == {"kept": 1}


def test_the_same_value_is_not_written_again(runner):
    async def program(session):
        for _ in range(3):
            session.layer(SESSION)["key"] = {"a": 1}

    runner.run(program)
    runner.run(program)
    assert len(runner.records("layer")) == 1


def test_what_is_read_is_a_copy(runner):
    async def program(session):
        session.layer(SESSION)["key"] = mine = [1]
        mine.append(2)
        session.layer(SESSION)["key"].append(3)
        return session.layer(SESSION)["key"]

    assert runner.run(program) == [1]


def test_a_layer_that_grows_too_large_is_refused_before_anything_is_lost(runner):
    async def program(session):
        session.layer(SESSION)["a"] = "x" * 500_000
        with pytest.raises(InvalidDocument, match="would hold more than"):
            session.layer(SESSION)["b"] = "y" * 500_000
        return sorted(session.layer(SESSION))

    assert runner.run(program) == ["a"]
    assert runner.store().view(pending=True).layer("s")["a"] == "x" * 500_000


@pytest.mark.parametrize("key", ["a", "with spaces", "../../etc", "", "x" * 500, "ü", ".lock"])
def test_any_text_is_a_key(runner, key):
    async def program(session):
        session.layer(PERSISTENT)[key] = 1

    runner.run(program)
    assert values(runner, PERSISTENT) == {key: 1}


def test_what_is_pending_is_told(runner, ready):
    async def program(session):
        session.layer(SESSION)["a"] = 1
        session.layer(PERSISTENT)["b"] = 1
        session.layer(LONG_TERM)["b"] = 1
        session.layer(PERSISTENT)["c"] = 1

    runner.run(program)
    view = runner.store().view()
    assert layers.pending(view, ready.local, "s") == {"transient": None, "session": 1, "persistent": 1}
    layers.say(ready.local, "s", 4)
    assert layers.pending(view, ready.local, "s")["transient"] == 4
    layers.drop(ready.local, "s")
    assert layers.pending(view, ready.local, None) == {"transient": None, "session": 0, "persistent": 1}
