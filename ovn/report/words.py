"""The words that text and page share: one short phrase for each thing that a report says. Pure.

Nothing is escaped here: whoever prints does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovn import baseline as baselines
from ovn.report.verdict import clock
from ovn.shown import duration
from ovn.shown import when as when  # noqa: PLC0414  exported: the words of a report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ovn.model.documents import Baseline
    from ovn.report.model import (
        Change,
        Diff,
        Evidence,
        Feature,
        Gap,
        Held,
        Night,
        Source,
        Tokens,
        Weakening,
    )

SHORT = 10
"""Digits of a commit's id that are shown."""

LISTED = 8
"""Paths or test ids that are named before the rest is counted."""

GAPS = {
    "limit": "the agent's limit",
    "question": "waiting for an answer",
    "wait": "waiting for a signal",
    "crash": "crashed",
    "sleep": "the machine slept",
}

STATUSES = {"rolled_back": "rolled back", "in_progress": "in progress"}


def status(word: str) -> str:
    """Return a feature's status as people write it."""
    return STATUSES.get(word, word)


def source(one: Source) -> str:
    """Return what a person can look up: a short commit, or the name of a tag, checkpoint or document."""
    return one.id[:SHORT] if one.kind == "commit" else one.id.removeprefix("refs/tags/")


def title(night: Night) -> str:
    """Return what the report is about: the night's run, a stretch of time, or a shift by hand."""
    if night.since is not None:
        return f"{night.project}, since {when(night.since)}"
    if not night.runs:
        return f"{night.project}, no night was held"
    run = night.runs[-1].run
    return f"{night.project}, night {run.id}"


def subtitle(night: Night) -> str:
    """Return when it was, how long, where, by whom, and what it cost; nothing of what never was."""
    parts = []
    if night.started:
        end = f" to {when(night.ended)}" if night.ended else ""
        parts.append(when(night.started) + end)
    if night.seconds is not None:
        parts.append(duration(night.seconds))
    if night.runs:
        run = night.runs[-1].run
        branch = (run.branch or "a detached HEAD").removeprefix("refs/heads/")
        parts += [f"branch {branch}", f"agent {run.agent}"]
    if night.runs or night.sessions:
        parts.append(f"{len(night.sessions)} session{'' if len(night.sessions) == 1 else 's'}")
    used = [money(night.cost_usd) if night.cost_usd else "", tokens(night.tokens)]
    return ", ".join([*parts, *(word for word in used if word)])


def money(usd: float) -> str:
    """Return an amount with cents; less than a cent is said so."""
    return f"{usd:.2f} USD" if usd >= 0.005 else "less than 0.01 USD"


def tokens(used: Tokens | None) -> str:
    """Return the tokens in both directions, in thousands; nothing where nobody counted."""
    if used is None:
        return ""
    return f"{(used.input + used.output) / 1000:,.0f}k tokens"


def command(words: str | Sequence[str]) -> str:
    """Return a command as one line."""
    return words if isinstance(words, str) else " ".join(words)


def evidence(found: Evidence | None) -> str:
    """Return what the last measurement said: each command's exit code, and what it proves less."""
    if found is None:
        return "no evidence"
    red = next((one for one in found.commands if one.exit_code), None)
    shown = red or (found.commands[-1] if found.commands else None)
    if shown is None:
        return "green" if found.green else "red"
    more = len(found.commands) - 1
    rest = f" and {more} more" if more and red is None else ""
    partial = f"; {found.partial}" if found.partial else ""
    return f"exit {shown.exit_code}: {command(shown.command)}{rest}{partial}"


def proof(feature: Feature) -> str:
    """Return the commit that the evidence is about; nothing without one."""
    found = feature.evidence
    return found.commit[:SHORT] if found is not None and found.commit is not None else ""


def diff(changed: Diff) -> str:
    """Return a diff's size."""
    if not changed.paths:
        return "no change"
    count = len(changed.paths)
    return f"+{changed.added} -{changed.deleted}, {count} file{'' if count == 1 else 's'}"


def effort(feature: Feature) -> str:
    """Return attempts, time and cost."""
    count = len(feature.attempts)
    parts = [f"{count} attempt{'' if count == 1 else 's'}"] if count else []
    parts += [duration(feature.seconds)] if feature.seconds else []
    parts += [money(feature.cost_usd)] if feature.cost_usd is not None else []
    return ", ".join(parts)


def weakening(one: Weakening) -> str:
    """Return where a test became weaker, precisely."""
    where = f"{one.test} in {one.path}" if one.test is not None else one.path
    counts = {
        "fewer assertions": f", {one.before} before, {one.after} now",
        "deleted test file": f", {one.before} tests",
    }
    return f"{one.kind}: {where}{counts.get(one.kind, '')}"


def remarks(feature: Feature) -> list[str]:
    """Return what a person should know of a feature besides its row."""
    said = [feature.reason] if feature.reason and feature.status in ("in_progress", "rolled_back") else []
    said += [weakening(one) for one in feature.tests]
    if feature.outside:
        said.append(f"changed outside its paths: {listed(feature.outside)}")
    if feature.kept and feature.kept.removeprefix("refs/tags/") not in (feature.reason or ""):
        said.append(f"its work is kept as {feature.kept.removeprefix('refs/tags/')}")
    if feature.green_before:
        said.append("its verify commands were green before any work")
    if feature.claimed:
        said.append("imported as done, not verified")
    gone = [one for one in feature.commits if one.standing == "reverted"]
    if gone:
        said.append(f"taken back since: {listed([one.commit[:SHORT] for one in gone])}")
    return said


def listed(items: Sequence[str], most: int = LISTED) -> str:
    """Return the first items, and how many more there are."""
    return baselines.describe(tuple(items), most)


def change(found: Change | None) -> list[str]:
    """Return the tests before the night against now, in sentences."""
    if found is None:
        return ["the tests were not measured"]
    before, now = (_failing(one) for one in (found.before, found.now))
    where = "" if found.on_head else " (measured on a tree that is not the present one)"
    lines = [f"{before} before the night, {now} now{where}"]
    if found.newly_failing:
        lines.append(f"newly failing: {listed(found.newly_failing)}")
    if found.newly_passing:
        lines.append(f"newly passing: {listed(found.newly_passing)}")
    if found.still_failing:
        lines.append(f"failing before and now: {listed(found.still_failing)}")
    return lines


def _failing(found: Baseline) -> str:
    if baselines.broken(found):
        return f"red without naming a test ({found.summary})"
    return f"{len(found.failing)} failing" if found.failing else "green"


def gap(one: Gap) -> str:
    """Return a stretch in which nobody worked: why, how long, how it went on."""
    took = duration(one.seconds) if one.seconds is not None else "still going on"
    words = f"{GAPS.get(one.kind, one.kind)}, {took}"
    if one.kind == "sleep":
        return one.why or words
    if one.kind == "crash":
        row = f" ({one.row})" if one.row else ""
        resumed = f", resumed in {duration(one.resume_seconds)}" if one.resume_seconds is not None else ""
        return f"{words} from the last sign of life to going on{row}{resumed}"
    return f"{words}: {one.why}" if one.why else words


def limits(held: Held) -> list[str]:
    """Return the limits of a run, with what was used of each."""
    return [_limit(one.name, one.value, one.used) for one in held.limits]


def _limit(name: str, value: Any, used: float | None) -> str:
    word = name.removesuffix("_usd").replace("_", "-")
    amount = clock(value) if name == "until" and isinstance(value, str) else f"{value:g}"
    return f"{word} {amount}" if used is None else f"{word} {round(used, 2):g} of {amount}"
