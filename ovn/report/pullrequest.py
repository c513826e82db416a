"""The text of a pull request for one feature: what it is, what proves it, what to look at. Pure.

Markdown. What an agent or a repository wrote is shown as text: no markup, no mention, no link
of its own comes out of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ovn.report import words
from ovn.shown import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ovn.report.model import Feature, Night
    from ovn.report.reviewing import Branch

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|@~&:])")


def text(night: Night, feature: Feature, branch: Branch) -> str:
    """Return the text: its first line is the title."""
    return "\n".join([plain(feature.title), "", *_body(night, feature, branch)]) + "\n"


def plain(said: str) -> str:
    """Return a text that stays on one line and means nothing to Markdown."""
    return _MARKUP.sub(r"\\\1", escape(" ".join(said.split())))


def code(said: str) -> str:
    """Return a text as code, in a fence longer than any inside of it."""
    line = escape(" ".join(said.split()))
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    gap = " " if longest else ""
    return f"{fence}{gap}{line}{gap}{fence}"


def _body(night: Night, feature: Feature, branch: Branch) -> Iterator[str]:
    run = f" in night {code(night.runs[-1].run.id)}" if night.runs else ""
    yield f"Built by an agent{run}, feature {code(feature.id)}, {words.diff(feature.diff)}."
    yield from _stands(branch)
    yield ""
    yield "## Evidence"
    yield ""
    yield from _evidence(feature)
    yield ""
    yield "## Commits"
    yield ""
    yield from (
        f"- {one.commit[:10]} {plain(one.subject)}" for one in feature.commits if one.standing == "kept"
    )
    looked = _look_at(night, feature)
    if looked:
        yield from ("", "## Look at", "", *(f"- {plain(one)}" for one in looked))
    made = [one for one in night.decisions if one.feature == feature.id]
    if made:
        yield from ("", "## Decisions", "", *(f"- {plain(one.text)}" for one in made))
    yield ""
    yield f"Read from the state branch at {night.state[:10]}; `git ovn explain {feature.id}` tells the story."


def _stands(branch: Branch) -> Iterator[str]:
    if branch.stands == "stacked":
        yield f"It is stacked on {', '.join(map(code, branch.below))}: merge those first."
    elif branch.stands == "whole":
        yield "Its commits do not apply without what came before them: the branch holds the night up to here."


def _evidence(feature: Feature) -> Iterator[str]:
    found = feature.evidence
    if found is None:
        yield "None."
        return
    where = f" on commit {found.commit[:10]}" if found.commit else ""
    yield f"{'Green' if found.green else '**Red**'}{where}, tree {found.tree[:10]}, {words.when(found.at)}:"
    yield ""
    for one in found.commands:
        yield f"- {code(words.command(one.command))}: exit code {one.exit_code}, {plain(one.summary)}"
    if found.partial:
        yield f"- {plain(found.partial)}"


def _look_at(night: Night, feature: Feature) -> list[str]:
    bypassed = [one.commit[:10] for one in feature.commits if one.bypassed]
    said = [one for one in words.remarks(feature) if one != feature.reason]
    if bypassed:
        said.append(f"the hooks were passed by in {words.listed(bypassed)}")
    if night.baseline is not None and night.baseline.newly_failing:
        said.append(f"newly failing since the night: {words.listed(night.baseline.newly_failing)}")
    failed = sum(one.outcome != "passed" for one in feature.attempts)
    if failed:
        said.append(f"{failed} of {len(feature.attempts)} attempts did not pass")
    return said
