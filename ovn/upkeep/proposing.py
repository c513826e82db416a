"""What the initializer is told, and what becomes of what it wrote: files in, registry out."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

from ovn import names
from ovn.errors import Refused
from ovn.features import proposal
from ovn.frozen import replace
from ovn.git.paths import quote
from ovn.git.run import Git
from ovn.shift.context import visible
from ovn.upkeep import setup

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ovn.features.proposal import Proposal
    from ovn.git.locate import Location
    from ovn.model.documents import Feature
    from ovn.state.store import StateStore
    from ovn.state.view import View

INIT = "init.sh"

SPEC_CHARACTERS = 5000
"""Of the specification that are told at once; the agent reads the rest in its file."""

FILES = 40
"""Tracked files that are named."""

LIMIT = 8000
"""Characters of all of it: what a hook hands on."""


def untouchable(location: Location) -> dict[str, bytes]:
    """Return the files that say what a night may do, with their bytes; no agent changes them."""
    found = {path: regular(location.tree() / path, 1 << 20) for path in setup.OURS}
    return {path: data for path, data in found.items() if data is not None}


def put_back(location: Location, kept: Mapping[str, bytes]) -> list[str]:
    """Write again what the agent changed of ``untouchable``; return a sentence for each."""
    said = []
    for path, data in kept.items():
        where = location.tree() / path
        if regular(where, len(data)) != data:
            _replace(where, data)
            said.append(f"the initializer changed '{path}', which was put back")
    return said


def _replace(path: Path, data: bytes) -> None:
    """Write a file anew: through no link that lies there now."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_bytes(data)
    scratch.replace(path)


def regular(path: Path, limit: int) -> bytes | None:
    """Return the bytes of a plain file, at most one more than ``limit``; None for anything else."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # none, a link, a folder that is none: the agent is told that it is missing
        return None
    with os.fdopen(fd, "rb") as file:
        return file.read(limit + 1) if stat.S_ISREG(os.fstat(fd).st_mode) else None


# -- what the agent is told ----------------------------------------------------------------------


def context(store: StateStore, session: str, spec: bytes, wrong: tuple[str, ...]) -> str:
    """Return what the initializer has to know: what was wrong, the specification, what is here."""
    sections = [f"# {session}: what you need to know"]
    if wrong:
        sections.append("## Wrong\n" + "\n".join(f"- {visible(line)[:400]}" for line in wrong))
    text = spec.decode("utf-8", "replace")
    shown = "\n".join(visible(line) for line in text[:SPEC_CHARACTERS].splitlines())
    more = f" (its first {SPEC_CHARACTERS} of {len(text)} characters)" if len(text) > SPEC_CHARACTERS else ""
    sections.append(f"## The specification, '{setup.SPEC}'{more}\n{shown}")
    sections.append("## Here already\n" + _here(store))
    return "\n\n".join(sections)[:LIMIT] + "\n"


def _here(store: StateStore) -> str:
    paths = Git(store.location).run("ls-files", "-z").paths()
    shown = "\n".join(visible(quote(path))[:200] for path in paths[:FILES])
    return f"{len(paths)} tracked files\n{shown}" if paths else "nothing is tracked yet"


# -- what it wrote -------------------------------------------------------------------------------


def read(location: Location, at: str) -> Proposal:
    """Return what the agent proposes, with all that is wrong with its files."""
    found = proposal.read(
        regular(location.tree() / names.PROPOSAL_FILE, proposal.LIMIT), names.PROPOSAL_FILE, at
    )
    script = regular(location.tree() / INIT, 1 << 20)
    if script is None:
        return replace(found, wrong=(*found.wrong, f"'{INIT}' is missing at the top of the repository"))
    if not script.startswith(b"#!"):
        return replace(found, wrong=(*found.wrong, f"'{INIT}' must begin with '#!/bin/sh'"))
    return found


def record(store: StateStore, features: tuple[Feature, ...]) -> None:
    """Write the features into the registry, which has none. Raises Refused if it has by now."""

    def change(view: View) -> dict[str, Feature]:
        if view.features():
            raise Refused("somebody else filled the registry meanwhile", hint="see 'git ovn feature list'")
        return {names.feature_file(one.id): one for one in features}

    store.transact(f"initializer: {len(features)} features to build", "import", change)


def configure(location: Location, commands: Mapping[str, str]) -> list[str]:
    """Make ``init.sh`` executable and write the project's commands where ``init`` left them open.

    A configuration that a person wrote stays as it is, and what was proposed is said.
    """
    script = location.tree() / INIT
    script.chmod(script.stat().st_mode | 0o111)
    wanted = {key: commands[key] for key in ("setup", "baseline") if key in commands}
    if not wanted:
        return []
    path = location.tree() / names.CONFIG_FILE
    before = (regular(path, 1 << 20) or b"").decode()
    lines = "".join(f"  {key}: {json.dumps(text, ensure_ascii=False)}\n" for key, text in wanted.items())
    after = before.replace(
        setup.OPEN_COMMANDS, f"commands:                     # run after 'git ovn trust'\n{lines}"
    )
    if after == before:
        return [f"'{names.CONFIG_FILE}' was not changed; proposed is: commands: {json.dumps(wanted)}"]
    _replace(path, after.encode())
    return []
