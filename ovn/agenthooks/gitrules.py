"""Which calls of git harm the night's record or discard work: one row for each verb. Pure."""

from __future__ import annotations

from ovn import names
from ovn.agenthooks.verdicts import GUARD, Verdict, deny

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Judge = Callable[..., "Verdict | None"]
    Rule = Callable[["Call"], "Verdict | None"]

BYPASS = deny(
    "no-verify",
    "hooks are not skipped here: they are what makes the result trustworthy in the morning",
    "run it without --no-verify and mend what the hook says",
)
FORCED = deny(
    "push-force",
    "nobody asked for history to be overwritten in another repository",
    "push to a branch of its own, or leave the push to a person",
)
OURS = deny(
    "state",
    "this would delete or move session state or checkpoints, which are what a rollback needs",
    "'git ovn gc' thins checkpoints; the rest stays",
)
STATE = deny(
    "state",
    f"'{names.STATE_BRANCH}' is never checked out: it is written by git ovn alone",
    "'git ovn log' and 'git ovn state' show what it holds",
)
ELSEWHERE = deny(
    "worktree",
    "the uncommitted work of another work tree is in no checkpoint of this one",
    "commit there first, then remove it without --force",
)
STASH = deny(
    "stash",
    "a dropped stash is in no checkpoint and cannot be brought back",
    "'git stash pop' it, or leave it where it is",
)
IGNORED = deny(
    "clean-ignored",
    "ignored files are in no checkpoint and cannot be brought back",
    "delete what is to be built anew by its name, without -x",
)
PERSONS = deny(
    "person", "this is for a person to decide, not for a session", "say in the handoff what is needed"
)

WITH_VALUE = (
    "-C",
    "-c",
    "--git-dir",
    "--work-tree",
    "--namespace",
    "--exec-path",
    "--config-env",
    "--super-prefix",
)
"""git's own options whose value may be the next word."""

PROTECTED_FIELDS = ("--title", "--description", "--depends-on", "--verify", "--remove", "--clear")


class Call:
    """One call of git: the verb, its options in long and short form, its other words."""

    __slots__ = ("long", "plain", "protect", "rest", "short", "verb")

    def __init__(self, verb: str, rest: Sequence[str], protect: bool) -> None:
        self.verb = verb
        self.rest = list(rest)
        self.protect = protect
        self.long: list[str] = []
        self.short = ""
        self.plain: list[str] = []
        letters = VALUES.get(verb, "")
        for at, word in enumerate(rest):
            if word == "--":
                self.plain += ["--", *rest[at + 1 :]]
                break
            if word.startswith("--"):
                self.long.append(word)
            elif word.startswith("-") and len(word) > 1:
                self.short += _cluster(word, letters)
            else:
                self.plain.append(word)

    def has(self, option: str, shortest: int = 0, short: str = "") -> bool:
        """Tell whether a long option is there, also cut down to ``shortest`` characters, or a short one."""
        least = shortest or len(option)
        names_ = (word.partition("=")[0] for word in self.long)
        return any(len(word) >= least and option.startswith(word) for word in names_) or any(
            letter in self.short for letter in short
        )


VALUES = {
    "commit": "mFCctuS",
    "push": "o",
    "tag": "mFu",
    "clean": "e",
    "branch": "u",
    "checkout": "bB",
    "switch": "cC",
}
"""Short options that take the rest of their word, or the next one, as a value."""


def _cluster(word: str, letters: str) -> str:
    """Return the options in ``-anm`` up to the first that takes a value."""
    found = ""
    for letter in word[1:]:
        found += letter
        if letter in letters:
            break
    return found


def judge(words: Sequence[str], protect: bool, of_text: Judge) -> Verdict | None:
    """Return the verdict on ``git ...``. ``of_text`` judges a shell's line (for aliases)."""
    at = 1
    while at < len(words) and words[at].startswith("-"):
        option, _, value = words[at].partition("=")
        if option in WITH_VALUE and not (value and option != "-c"):
            at += 1
            value = words[at] if at < len(words) else ""
        found = _of_setting(value, protect, of_text) if option in ("-c", "--config-env") else None
        if found is not None:
            return found
        at += 1
    if at >= len(words):
        return None
    call = Call(words[at], words[at + 1 :], protect)
    rule = RULES.get(call.verb)
    return rule(call) if rule else None


def _of_setting(setting: str, protect: bool, of_text: Judge) -> Verdict | None:
    key, _, value = setting.partition("=")
    if key.lower() == "core.hookspath":
        return BYPASS
    if key.lower().startswith("alias."):
        found: Verdict | None = of_text(
            value[1:] if value.startswith("!") else f"git {value}", protect=protect
        )
        return found
    return None


def is_ours(ref: str) -> bool:
    """Tell whether a ref, however it is spelled, is session state, a checkpoint or a lease of ours."""
    ref = ref.lstrip("+")
    whole = ref.rstrip("/*") in ("refs", "refs/ovn", "refs/tags", "refs/tags/ovn", "refs/heads/overnight")
    return whole or ref.startswith((names.OVN_REFS, names.TAG_REFS)) or _is_state(ref)


def _is_state(ref: str) -> bool:
    return ref.lstrip("+").removeprefix("refs/").removeprefix("heads/") == names.STATE_BRANCH


def _ours(words: Iterable[str]) -> bool:
    return any(is_ours(part) for word in words for part in word.split(":") if part)


# -- the rules -------------------------------------------------------------------------


def _push(call: Call) -> Verdict | None:
    if call.has("--no-verify", 7):
        return BYPASS
    takes = call.has("--delete", 4, "d") and _ours(call.plain)
    if takes or any(word.startswith(":") and _ours([word]) for word in call.plain):
        return OURS
    forced = any(word.startswith(("--forc", "--mirror")) for word in call.long) or "f" in call.short
    return FORCED if forced or any(word.startswith("+") for word in call.plain) else None


def _commit(call: Call) -> Verdict | None:
    return BYPASS if call.has("--no-verify", 8, "n") else None


def _no_verify(call: Call) -> Verdict | None:
    return BYPASS if call.has("--no-verify", 8) else None


def _reset(call: Call) -> Verdict | None:
    return GUARD if call.has("--hard", 3) or call.has("--merge", 3) else None


def _checkout(call: Call) -> Verdict | None:
    if any(map(_is_state, call.plain)):
        return STATE
    made = call.has("--orphan", 4, "bB")
    files = "--" in call.plain or "." in call.plain or (len(call.plain) > 1 and not made)
    return GUARD if files or call.has("--force", 3, "f") or call.has("--pathspec-from-file") else None


def _switch(call: Call) -> Verdict | None:
    if any(map(_is_state, call.plain)):
        return STATE
    return GUARD if call.has("--force", 4, "f") or call.has("--discard-changes", 4) else None


def _restore(call: Call) -> Verdict | None:
    only_index = call.has("--staged", 4, "S") and not call.has("--worktree", 3, "W")
    return None if only_index else GUARD


def _clean(call: Call) -> Verdict | None:
    if call.has("--dry-run", 4, "n") or not call.has("--force", 3, "f"):
        return None
    return IGNORED if "x" in call.short or "X" in call.short else GUARD


def _stash(call: Call) -> Verdict | None:
    return STASH if call.plain[:1] in (["drop"], ["clear"]) else None


def _rm(call: Call) -> Verdict | None:
    return GUARD if call.has("--force", 3, "f") and not call.has("--cached", 3) else None


def _branch(call: Call) -> Verdict | None:
    changes = call.has("--delete", 4, "dDmMcCf") or call.has("--move", 3) or call.has("--force", 4)
    return OURS if changes and (_ours(call.plain) or _piped(call)) else None


def _tag(call: Call) -> Verdict | None:
    changes = call.has("--delete", 4, "df") or call.has("--force", 4)
    ours = _ours(call.plain) or any(word.startswith("ovn/") for word in call.plain)
    return OURS if changes and (ours or _piped(call)) else None


def _piped(call: Call) -> bool:
    """Tell whether what is to be deleted is not said: it comes by ``xargs``."""
    return "d" in call.short.lower() and not call.plain


def _update_ref(call: Call) -> Verdict | None:
    unsaid = call.has("--stdin", 3) or ("d" in call.short and not call.plain)
    return OURS if unsaid or _ours(call.plain) else None


def _symbolic_ref(call: Call) -> Verdict | None:
    return OURS if _ours(call.plain) else None


def _config(call: Call) -> Verdict | None:
    keys = [word for word in call.plain if word not in ("get", "set", "unset")]
    reads = "get" in call.plain[:1] or call.has("--get", 5) or (len(keys) == 1 and not call.has("--unset", 4))
    hooks = keys[:1] and keys[0].lower() == "core.hookspath"
    return BYPASS if hooks and not (reads and call.plain[:1] != ["unset"]) else None


def _worktree(call: Call) -> Verdict | None:
    return ELSEWHERE if call.plain[:1] == ["remove"] and call.has("--force", 3, "f") else None


def _ovn(call: Call) -> Verdict | None:
    """Judge verbs of ours that a session may not call; the verbs refuse too."""
    plain = [word for word in call.plain if word != "--"]
    verb = plain[0] if plain else ""
    if (
        verb == "deinit"
        or (verb == "trust" and not call.has("--show"))
        or plain[:2] == ["hooks", "uninstall"]
    ):
        return PERSONS
    edits = plain[:2] == ["feature", "edit"] and any(call.has(field) for field in PROTECTED_FIELDS)
    if call.protect and edits:
        return deny(
            "registry",
            "what a feature is, and what proves it, is not changed in a session",
            "say in the handoff what should change",
        )
    return None


RULES: dict[str, Rule] = {
    "push": _push,
    "commit": _commit,
    "am": _commit,
    "merge": _no_verify,
    "rebase": _no_verify,
    "cherry-pick": _no_verify,
    "revert": _no_verify,
    "pull": _no_verify,
    "reset": _reset,
    "checkout": _checkout,
    "switch": _switch,
    "restore": _restore,
    "clean": _clean,
    "stash": _stash,
    "rm": _rm,
    "branch": _branch,
    "tag": _tag,
    "update-ref": _update_ref,
    "symbolic-ref": _symbolic_ref,
    "config": _config,
    "worktree": _worktree,
    "ovn": _ovn,
}
