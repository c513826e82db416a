"""What happens in a night now and then: agents that hand off, people who step in, rare ends."""

from __future__ import annotations

import signal
import sys
import time

import pytest

from ovn import names

from .conftest import Project, wait_for

OVN = f"{sys.executable} -m ovn.cli.main"


@pytest.mark.slow
def test_an_agent_may_hand_off_itself_and_verification_still_decides(project: Project) -> None:
    """Its handoff ends the session; a red verdict makes another session of the same feature."""
    project.feature("a")
    project.agent(
        f"if [ -e a.txt ]; then echo good > a.txt; exit; fi\n"
        f"echo half > a.txt; git add .; git commit -qm half\n"
        f"{OVN} handoff --accomplished 'half of it' --next 'the other half'"
    )
    project.run()
    first, second = project.sessions()
    assert (first.feature, second.feature) == ("a", "a")
    handoff = project.store.view().handoff(first.id)
    assert handoff is not None
    assert (handoff.author, handoff.accomplished) == ("agent", ("half of it",))
    assert (project.one("a").status, project.one("a").attempts) == ("done", 1)
    project.check()


@pytest.mark.slow
def test_attempts_count_across_an_agents_own_handoffs(project: Project) -> None:
    """The work of all its sessions is kept and taken back together."""
    project.configure(budget={"max_attempts_per_feature": 2})
    project.feature("bad", verify="false")
    head = project.repo.head
    project.agent(
        f"echo x >> bad.txt; git add .; git commit -qm more\n{OVN} handoff --accomplished more --next again"
    )
    project.run(code=15)
    assert project.statuses() == {"bad": "blocked"}
    assert project.repo.head == head
    tags = project.repo.git("tag", "-l", "ovn/*/failed-bad").split()
    assert len(tags) == 1
    assert project.repo.git("show", f"{tags[0]}:bad.txt") == "x"
    project.check()


def test_nothing_is_rolled_back_over_a_persons_commit(project: Project) -> None:
    """The hook saw that it was not the session's: a person decides."""
    from ovn.githooks import install

    install.install(project.repo.location)
    project.configure(budget={"max_attempts_per_feature": 1})
    project.feature("bad", verify="false")
    project.agent("echo x > ../started; while ! [ -e ../go ]; do sleep 0.01; done; echo bad > bad.txt")
    process = project.begin()
    wait_for(project.folder / "started")
    project.repo.write("mine.txt", "mine")
    project.repo.git("add", "mine.txt")
    project.repo.git("commit", "-qm", "mine")
    mine = project.repo.head
    (project.folder / "go").touch()
    assert process.wait(timeout=60) == 15
    assert "commits that are not the session's" in project.log
    assert project.repo.git("merge-base", "--is-ancestor", mine, "HEAD") == ""
    assert project.repo.read("mine.txt") == b"mine"
    kinds = {work.commit: work.kind for work in project.sessions()[0].commits}
    assert kinds[mine] == "foreign"


def test_with_hooks_a_commit_that_passed_them_by_is_reported(project: Project) -> None:
    from ovn.githooks import install

    install.install(project.repo.location)
    project.feature("a")
    project.agent(
        "echo good > a.txt; git add .; git -c core.hooksPath=/dev/null commit -qm bypassed\n"
        "echo x > b.txt; git add .; git commit -qm plain"
    )
    project.run()
    seen = {
        project.repo.git("log", "-1", "--format=%s", one.commit): (one.kind, one.bypassed)
        for one in project.sessions()[0].commits
    }
    assert seen == {"bypassed": ("own", True), "plain": ("own", False)}


@pytest.mark.slow
def test_checkpoints_are_taken_while_the_agent_works(project: Project) -> None:
    project.configure(session={"checkpoint_interval_minutes": 0.005})
    project.feature("a")
    project.agent("echo half > a.txt; echo .; sleep 1.2; echo good > a.txt")
    project.run()
    session = project.sessions()[0]
    held = project.repo.git("for-each-ref", "--format=%(refname)", f"{names.CHECKPOINT_REFS}{session.id}/")
    texts = {ref: project.repo.git("show", f"{ref}:a.txt", ok=(0, 128)) for ref in held.split()}
    assert "half" in texts.values()


def test_a_stop_while_it_waits_after_a_crash_is_heard_at_once(project: Project) -> None:
    project.configure(recovery={"backoff_base_seconds": 60, "backoff_max_seconds": 60})
    project.feature("a")
    project.agent("echo x > ../crashed; exit 1")
    process = project.begin()
    wait_for(project.folder / "crashed")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 130
    project.check()


def test_a_second_int_does_not_wait_for_the_agent(project: Project) -> None:
    project.feature("a")
    project.agent("trap '' INT TERM; echo $$ > ../agent.pid; while :; do sleep 0.05; done")
    process = project.begin()
    wait_for(project.folder / "agent.pid")
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)  # two at once would be one to the kernel
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=9) == 130
    project.check()


def test_work_that_no_hook_lets_through_stays_in_a_checkpoint(project: Project) -> None:
    """The night ends in order: the handoff says where the uncommitted work is."""
    hook = project.repo.git_dir / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\necho never >&2; exit 1\n")
    hook.chmod(0o755)
    project.feature("a")
    project.agent("echo half > a.txt; echo x > ../half; exec sleep 60")
    process = project.begin()
    wait_for(project.folder / "half")
    process.terminate()
    assert process.wait(timeout=30) == 130
    session = project.sessions()[0]
    handoff = project.store.view().handoff(session.id)
    assert handoff is not None
    assert handoff.wip
    assert project.repo.git("show", f"{names.checkpoint_ref(handoff.checkpoint or '')}:a.txt") == "half"
    assert project.repo.read("a.txt") == b"half\n"
    assert project.repo.git("log", "-1", "--format=%s") == "configure"


def test_a_feature_added_in_the_night_is_built_in_it(project: Project) -> None:
    from ovn import features

    project.feature("a")
    project.agent(
        "echo x > ../started-$1; [ $1 = b ] || while ! [ -e ../go ]; do sleep 0.01; done; echo good > $1.txt"
    )
    process = project.begin()
    wait_for(project.folder / "started-a")
    project.feature("b")
    project.trust()
    (project.folder / "go").touch()
    assert process.wait(timeout=60) == 0
    assert project.statuses() == {"a": "done", "b": "done"}
    assert features.pending(project.store.view().features()) == []
