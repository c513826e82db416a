"""Scripts of the earlier harness find what they used, and lose nothing between them."""

from __future__ import annotations

import multiprocessing

import pytest

from ovn.compat import FIELDS, OvernightConfig, OvernightStateManager
from ovn.errors import InvalidDocument, InvalidName, NotInitialised
from ovn.recovery.facts import choose
from ovn.state.store import StateStore


@pytest.fixture
def ready(location):
    store = StateStore.open(location)
    store.init("trading-bot")
    store.close()
    return location


@pytest.fixture
def manager(ready):
    return OvernightStateManager("nightly", repo=ready.tree(), goal="build it")


def test_a_state_has_every_field_before_anything_is_set(manager):
    state = manager.load()
    assert set(state) == set(FIELDS)
    assert (state["session_id"], state["goal"], state["completed_tasks"]) == ("nightly", "build it", [])


def test_what_is_set_is_there_for_the_next_script(manager, ready):
    manager.update(current_task="parser", completion_pct=40.5, mine={"a": (1, 2)})
    state = OvernightStateManager("nightly", repo=ready.tree()).load()
    assert (state["current_task"], state["completion_pct"], state["mine"]) == ("parser", 40.5, {"a": (1, 2)})
    assert state["goal"] == "build it"
    assert state["started_at"] <= state["last_updated"]


def test_save_is_the_whole_state_and_update_a_part(manager):
    manager.update(a=1, b=2)
    assert manager.update(b=3)["a"] == 1
    state = manager.save({"b": 4})
    assert "a" not in state
    assert state["b"] == 4


def test_a_state_may_be_loaded_changed_and_saved(manager):
    state = manager.load()
    state["completed_tasks"].append("one")
    state["continuation_count"] += 1
    manager.save(state)
    again = manager.load()
    assert (again["completed_tasks"], again["continuation_count"]) == (["one"], 1)
    assert FIELDS["completed_tasks"] == []


def test_tasks_and_restarts_are_counted(manager):
    manager.update(current_task="one")
    manager.complete_task("one", completion_pct=50)
    state = manager.complete_task("one")
    assert (state["completed_tasks"], state["current_task"], state["completion_pct"]) == (["one"], None, 50)
    manager.record_restart()
    state = manager.record_restart()
    assert state["restart_count"] == 2
    assert state["last_restart"]


def _restart(top, times):
    manager = OvernightStateManager("nightly", repo=top)
    for _ in range(times):
        manager.record_restart()


def test_two_writers_lose_no_update(manager, ready):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_restart, args=(str(ready.tree()), 5)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert manager.load()["restart_count"] == 15


def test_it_is_on_the_state_branch_and_owes_nobody_a_handoff(manager, repo, ready):
    manager.update(current_task="parser")
    listed = repo.git("ls-tree", "-r", "--name-only", "overnight/state").splitlines()
    assert "sessions/nightly/layer.json" in listed
    assert '"current_task": "parser"' in repo.git("show", "overnight/state:sessions/nightly/layer.json")
    assert choose(StateStore.open(ready).view(), ready.local, "main", None) == (None, [])


def test_what_cannot_be_kept_is_refused(manager, ready):
    with pytest.raises(InvalidDocument, match=r"mine: builtins\.object is not JSON"):
        manager.update(mine=object())
    with pytest.raises(InvalidDocument, match="a field of the state is a text"):
        manager.save({7: 1})
    with pytest.raises(InvalidName):
        OvernightStateManager("two words", repo=ready.tree())


def test_without_a_state_branch_it_says_what_to_do(location):
    with pytest.raises(NotInitialised):
        OvernightStateManager(repo=location.tree()).update(a=1)


def test_the_configuration_has_its_defaults_and_what_the_file_says(ready, repo):
    assert OvernightConfig.load(repo.path) == OvernightConfig()
    repo.write(
        ".overnight/config.yaml", "project: bot\nsession: {max_runtime_hours: 3}\nbudget: {max_cost_usd: 7}\n"
    )
    found = OvernightConfig.load(repo.path)
    assert (found.project_name, found.max_runtime_hours, found.max_cost_usd) == ("bot", 3, 7)
