"""A repository whose own files and configuration name a program wherever git would run one.

Each program leaves a mark named after the surface that started it, and goes on as the real one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ..conftest import Repo  # noqa: TID252

PROGRAM = """\
#!/bin/sh
# Leaves a mark, and does what is expected of a program in this place.
: >"$(dirname "$0")/../marks/{name}"
case {name} in
    filter-* | textconv | *pager | diff-filter) if [ $# -gt 0 ] && [ -r "$1" ]; then cat "$1"; else cat; fi ;;
    fsmonitor*) printf '/\\0' ;;
    external-diff | diff-command | merge-driver) : ;;
    gpg) exit 1 ;;
esac
"""

HOOKS = (
    "applypatch-msg commit-msg fsmonitor-watchman post-applypatch post-checkout post-commit "
    "post-index-change post-merge post-rewrite "
    "pre-applypatch pre-auto-gc pre-commit pre-merge-commit pre-push pre-rebase "
    "prepare-commit-msg proc-receive push-to-checkout reference-transaction sendemail-validate"
).split()

SETTINGS = {
    "core.fsmonitor": "fsmonitor",
    "core.pager": "pager",
    "pager.diff": "diff-pager",
    "pager.log": "log-pager",
    "core.editor": "editor",
    "sequence.editor": "sequence-editor",
    "core.askPass": "askpass",
    "core.sshCommand": "ssh",
    "core.gitProxy": "git-proxy",
    "core.alternateRefsCommand": "alternate-refs",
    "credential.helper": "credential",
    "diff.external": "external-diff",
    "diff.evil.command": "diff-command",
    "diff.evil.textconv": "textconv",
    "interactive.diffFilter": "diff-filter",
    "merge.evil.driver": "merge-driver",
    "gpg.program": "gpg",
    "gpg.ssh.program": "gpg-ssh",
    "gpg.ssh.defaultKeyCommand": "gpg-key",
    "man.evil.cmd": "man",
    "browser.evil.cmd": "browser",
    "trailer.evil.cmd": "trailer",
    "trailer.session.cmd": "trailer-session",
    "remote.origin.uploadpack": "uploadpack",
    "remote.origin.receivepack": "receivepack",
    "gc.recentObjectsHook": "gc-recent",
    "uploadpack.packObjectsHook": "pack-objects",
    "alias.status": "!alias",
    "submodule.sub.update": "!submodule",
}
"""Setting -> the program it names; ``!``: as a shell command."""

FILTERS = {
    "filter.evil.clean": "filter-clean",
    "filter.evil.smudge": "filter-smudge",
    "filter.evil.process": "filter-process",
}

OTHERS = {
    "trailer.session.key": "Ovn-Session",
    "trailer.evil.key": "Evil",
    "commit.gpgSign": "true",
    "tag.gpgSign": "true",
    "help.format": "man",
    "man.viewer": "evil",
    "core.untrackedCache": "true",
}

CONFIG = """\
commands: {{setup: {setup}, baseline: {baseline}, health: [{health}]}}
agent: {{name: command, argv: [{agent}]}}
notifications: {{command: {notify}}}
"""


def infest(repo: Repo, machine: Path, *, filters: bool) -> Path:
    """Make a repository hostile; return the folder in which the marks appear.

    ``filters``: its files go through clean and smudge filters too, and differ by drivers.
    """
    programs, marks = machine / "programs", machine / "marks"
    programs.mkdir(parents=True)
    marks.mkdir()

    def program(name: str) -> str:
        path = programs / name
        path.write_text(PROGRAM.format(name=name))
        path.chmod(0o755)
        return str(path)

    for hook in HOOKS:
        (repo.git_dir / "hooks" / hook).write_text(
            PROGRAM.format(name=f"hook-{hook}").replace('$(dirname "$0")/../marks', str(marks))
        )
        (repo.git_dir / "hooks" / hook).chmod(0o755)
    attributes = "* diff=evil merge=evil\n"
    if filters:
        attributes = "* diff=evil merge=evil filter=evil\n"
    words = {key: program(key) for key in ("setup", "baseline", "health", "agent", "notify")}
    repo.write(".overnight/config.yaml", CONFIG.format(**words))
    repo.write(".gitattributes", attributes)
    repo.git("-c", "core.hooksPath=/dev/null", "add", "-A")
    repo.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "hostile")
    settings = SETTINGS | (FILTERS if filters else {})
    lines = []
    for key, name in settings.items():
        value = f"!{program(name[1:])}" if name.startswith("!") else program(name)
        lines.append((key, value))
    for key, value in [*lines, *OTHERS.items()]:
        repo.git("config", key, value)
    return marks
