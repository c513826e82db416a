"""Set a repository up for git ovn, and take it out again.

Nothing that came with a clone is run. Files are written, never committed: what to commit is
said. All of it can be done again and changes nothing then.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

from ovn import active, config, marked, names
from ovn.errors import Refused, UsageError, WouldLose
from ovn.frozen import dataclass, field
from ovn.git import glance, worktrees
from ovn.git.locks import repository_lock
from ovn.git.paths import quote
from ovn.git.run import Git
from ovn.githooks import install
from ovn.shift import views

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ovn.git.locate import Location
    from ovn.state.store import StateStore

BEGIN, END = b"<!-- git ovn: begin -->", b"<!-- git ovn: end -->"
AGENTS = "AGENTS.md"
READERS = ("CLAUDE.md", "GEMINI.md")
"""Files of agents that read ``@AGENTS.md`` for the file itself."""

GITIGNORE = f"{names.OVERNIGHT_FOLDER}/.gitignore"
SPEC = f"{names.OVERNIGHT_FOLDER}/spec.md"
OURS = (names.CONFIG_FILE, GITIGNORE, SPEC)
"""What ``init`` writes and a person reads before committing it."""

_IGNORED = """\
# Written by git ovn: rendered views, and edited ones that were kept.
/feature_registry.json
/claude-progress.txt
/rejected/
"""

OPEN_COMMANDS = """\
# commands:                   # run after 'git ovn trust'
#   setup: ./init.sh          # once, in a fresh work tree
#   baseline: pytest -q       # what the tests say before new work
"""
"""What the configuration says of the project's commands as long as nobody set one."""

_CONFIG = (
    """\
# git ovn: what a night may do here. Every line is optional; a wrong one is named with its place.
project: {project}

agent:
  name: {agent}
  # argv: [my-agent, "{{prompt_file}}"]    # for 'name: command'

"""
    + OPEN_COMMANDS
    + """\
#   health: []                # what must end with 0 before a shift

# session: {{max_runtime_hours: 10, max_idle_minutes: 30, silence_minutes: 10}}
# budget:  {{max_cost_usd: 50.0, max_sessions: 40, max_attempts_per_feature: 3}}

notifications:
  webhook: "${{OVN_WEBHOOK:-}}"
"""
)

_BLOCK = """\
## Working here with git ovn

This repository is worked on by shifts of agents; their state is on the branch `overnight/state`.

- Begin with `git ovn status`; `git ovn feature next` says what to build.
- A feature is done only when `git ovn feature verify ID` is green on a commit.
- Before something risky: `git ovn checkpoint NAME`; back again: `git ovn restore NAME`.
  Do not use `git reset --hard`, `git clean`, `git stash` or `--no-verify`.
- At the end: `git ovn handoff --accomplished TEXT --next TEXT`.
- Do not edit `.overnight/feature_registry.json` or `.overnight/claude-progress.txt`: they are rendered.
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What ``init`` was asked for. ``home``: the person's home folder, which is no project."""

    home: Path
    project: str | None = None
    agent: str | None = None
    hooks: bool = True


@dataclass(slots=True)
class Report:
    """What was done, a line for each thing, and what a person should know."""

    done: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def init(store: StateStore, wish: Wish, environ: Mapping[str, str]) -> Report:
    """Set the repository up and return what was done; everything that was there stays.

    Raises Refused for a home folder, RefClash beside a branch named ``overnight``,
    BareRepository, InvalidConfig for a configuration that is there and wrong, WouldLose where
    a path leads out of the repository.
    """
    location = store.location
    top = location.tree()
    _refuse_places(top, wish.home)
    there = config.load(top, environ)
    report = Report()
    _state(store, _project(wish.project or there.project or top.name), report)
    _write_config(location, wish, store.view().project.project, report)
    _write_new(location, GITIGNORE, _IGNORED.encode(), report)
    _instruct(location, report)
    if wish.hooks:
        _hooks(location, report)
    rendered = views.render(store)
    report.done += [f"rendered {path}" for path in rendered.written]
    report.notes += [f"'{path}' is what lay in place of a rendered view" for path in rendered.rejected]
    return report


def _refuse_places(top: Path, home: Path) -> None:
    if top.resolve() in (home.resolve(), home.resolve().root):
        raise Refused(
            f"'{top}' is a home folder and no project",
            hint="a checkpoint would hold everything you own; use a repository of its own",
        )


def _project(text: str) -> str:
    """Return a project's name as one printable line."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())[:200]
    if not line:
        raise UsageError(f"not a project's name: {text!r}")
    return line


def _state(store: StateStore, project: str, report: Report) -> None:
    before = store.tip()
    store.init(project)
    if before is None:
        report.done.append(f"made the branch {names.STATE_BRANCH}")


def _write_config(location: Location, wish: Wish, project: str, report: Report) -> None:
    agent = names.check_name(wish.agent or config.Agent().name, "agent's name")
    text = _CONFIG.format(project=json.dumps(project, ensure_ascii=False), agent=agent)
    if not _write_new(location, names.CONFIG_FILE, text.encode(), report) and (wish.project or wish.agent):
        report.notes.append(f"'{names.CONFIG_FILE}' is there already and was not changed")


def _write_new(location: Location, path: str, data: bytes, report: Report) -> bool:
    """Write a file that is not there yet; False when it is."""
    folder = location.tree() / names.OVERNIGHT_FOLDER
    if folder.is_symlink():
        raise WouldLose(f"'{names.OVERNIGHT_FOLDER}' is a symbolic link", hint="make it a folder")
    folder.mkdir(exist_ok=True)
    try:
        with (location.tree() / path).open("xb") as file:
            file.write(data)
    except FileExistsError:
        return False
    report.done.append(f"wrote {path}")
    return True


def write_spec(location: Location, data: bytes, report: Report) -> None:
    """Keep a specification in prose beside the configuration, for agents and people to read."""
    if not _write_new(location, SPEC, data, report):
        report.notes.append(f"'{SPEC}' is there already and was not changed")


# -- AGENTS.md and its readers -------------------------------------------------------------------


def _instruct(location: Location, report: Report) -> None:
    """Put our block into AGENTS.md, and ``@AGENTS.md`` into the files of agents that are there."""
    agents = _put(location, AGENTS, _BLOCK.encode(), report)
    for name in READERS:
        path = location.tree() / name
        if not path.exists() or path.resolve() == agents:
            continue
        if b"@AGENTS.md" not in _content(path):
            _put(location, name, b"@AGENTS.md", report)


def _put(location: Location, name: str, body: bytes, report: Report) -> Path | None:
    path = _inside(location, name, report)
    if path is None:
        return None
    old = _content(path)
    new = marked.put(old, BEGIN, END, body)
    if new != old:
        path.write_bytes(new)
        report.done.append(
            f"put instructions for agents into {name}" if body != b"@AGENTS.md" else f"linked {name}"
        )
    return path


def _inside(location: Location, name: str, report: Report) -> Path | None:
    """Return the file a name leads to; None for one that leads out of the repository or is none."""
    path = (location.tree() / name).resolve()
    if not path.is_relative_to(location.tree().resolve()) or (path.exists() and not path.is_file()):
        report.notes.append(f"'{name}' leads out of the repository and was left alone")
        return None
    return path


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


# -- hooks ---------------------------------------------------------------------------------------


def _hooks(location: Location, report: Report) -> None:
    before = install.status(location)
    found = install.install(location)
    if found.works and not before.works:
        report.done.append(f"installed git's hooks in {found.folder}")
    for hook in found.hooks:
        if not hook.works:
            report.notes.append(f"hook {hook.name}: {install.STATES[hook.state]}: {hook.line}")


def to_commit(location: Location) -> list[str]:
    """Return which of our files are in no commit yet, as paths from the top."""
    loose = _loose(location)
    return [path for path in (*OURS, AGENTS, *READERS) if path.encode() in loose]


def refuse_loose(location: Location, also: Iterable[str] = ()) -> None:
    """Raise Refused where something is uncommitted but our files and ``also`` (paths from the top).

    A commit of everything would hold a person's own unfinished work.
    """
    known = {os.fsencode(path) for path in (*OURS, AGENTS, *READERS, *also)}
    others = sorted(_loose(location) - known)
    if others:
        more = f" and {len(others) - 1} more" if others[1:] else ""
        raise Refused(
            f"there is uncommitted work: '{quote(others[0])}'{more}",
            hint="commit it first: the initializer ends with a commit of everything that is here then",
        )


def _loose(location: Location) -> set[bytes]:
    found = glance.uncommitted(Git(location))
    return {one.path for one in found.changed} | set(found.untracked)


# -- the way out -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Removal:
    """What ``deinit`` takes out: a line for each thing, and refs by name with their values."""

    lines: tuple[str, ...]
    files: tuple[str, ...]
    blocks: tuple[str, ...]
    refs: Mapping[str, str]
    kept: tuple[str, ...]


def removal(store: StateStore, *, purge: bool) -> Removal:
    """Return what taking git ovn out would remove, without removing it.

    A file of ours that is in no commit as it is now is kept. Raises Refused while a session is
    at work, or with ``purge`` while linked work trees lie under ``.git/ovn``.
    """
    location = store.location
    at_work = active.everywhere(location.local)
    if at_work:
        where, found = next(iter(at_work.items()))
        raise Refused(
            f"session '{found.session}' is at work in the work tree '{where}'",
            hint="hand it off with 'git ovn handoff', or end the night with 'git ovn stop'",
        )
    inside = [one.path for one in worktrees.linked(Git(location)) if one.path.is_relative_to(location.local)]
    if purge and inside:
        raise Refused(
            f"there is a linked work tree at '{inside[0]}'", hint="remove it with 'git worktree remove'"
        )
    files = [path for path in (names.CONFIG_FILE, GITIGNORE) if (location.tree() / path).is_file()]
    loose = set(to_commit(location))
    blocks = [name for name in (AGENTS, *READERS) if BEGIN in _content(location.tree() / name)]
    refs = _refs(store) if purge else {}
    gone = [path for path in files if path not in loose]
    lines = [f"hooks in {install.hooks_folder(location)}"] if install.status(location).installed else []
    lines += [f"file {path}" for path in gone]
    lines += [
        f"view {path}"
        for path in (names.REGISTRY_VIEW, names.PROGRESS_VIEW)
        if (location.tree() / path).exists()
    ]
    lines += [f"block in {name}" for name in blocks]
    if purge:
        lines += [
            f"{len(refs)} refs: {names.STATE_BRANCH}, checkpoints and their tags",
            f"folder {location.local}",
        ]
    kept = [path for path in files if path in loose]
    return Removal(tuple(lines), tuple(gone), tuple(blocks), refs, tuple(kept))


def _refs(store: StateStore) -> dict[str, str]:
    objects = store.objects
    found = {**objects.refs(names.OVN_REFS), **objects.refs(names.TAG_REFS)}
    tip = objects.resolve(names.STATE_REF)
    return {**found, names.STATE_REF: tip} if tip else found


def deinit(store: StateStore, planned: Removal, *, purge: bool) -> None:
    """Take out what ``removal`` listed. The state branch last, so that a crash leaves a way back."""
    location = store.location
    install.uninstall(location)
    views.remove(location)
    views.unexclude(location)
    for name in planned.blocks:
        _take(location.tree() / name)
    for path in planned.files:
        (location.tree() / path).unlink(missing_ok=True)
    _remove_empty(location.tree() / names.OVERNIGHT_FOLDER)
    if purge:
        _purge(store, planned.refs)


def _take(path: Path) -> None:
    """Take our block out of a file, and the file away when nothing else is in it."""
    rest = marked.take(_content(path), BEGIN, END)
    if rest.strip() or path.is_symlink():
        path.write_bytes(rest)
    else:
        path.unlink()


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()


def _purge(store: StateStore, refs: Mapping[str, str]) -> None:
    store.close()
    with repository_lock(store.location):
        for ref in _in_safe_order(refs):
            store.objects.update_ref(ref, None, refs[ref], "git ovn deinit --purge")
        shutil.rmtree(store.location.local, ignore_errors=True)


def _in_safe_order(refs: Iterable[str]) -> list[str]:
    """Return the refs with what is needed to put things back at the end."""
    last = [names.KEEP_REF, names.STATE_REF]
    return [*(ref for ref in refs if ref not in last), *(ref for ref in last if ref in refs)]
