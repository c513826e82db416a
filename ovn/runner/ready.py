"""Are the tests fit to be built on? What a red baseline means before new work, by configuration.

``known``: what fails already is written down, and only what fails newly counts. ``repair``: a
feature of its own comes first, which is done when the baseline is green. ``block``: a person mends
it. A baseline that names no test says nothing of what a feature breaks: only ``repair`` goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import baseline, features
from ovn.checks import trust

if TYPE_CHECKING:
    from ovn.model.documents import Baseline, Feature
    from ovn.runner.night import Night

REPAIR = "repair-baseline"
"""Begins the id of the feature that mends a red baseline."""

ACTOR = features.Actor("runner")


def first(night: Night) -> Baseline | None:
    """Return what the tests say before the next session, measured once for each tree."""
    if night.setting is None:
        return None
    told = baseline.ensure(night.store, night.setting, night.stopping.interrupting)
    return told.baseline if told else None


def obstacle(night: Night, found: Baseline | None, *, again: bool = False) -> str | None:
    """Return why no work may begin on these tests; None when it may.

    Where they are to be repaired there is a feature for it afterwards. ``again``: not the first
    look of the night, and nothing is told that was told before.
    """
    if found is None or found.exit_code == 0:
        if found is not None and not again:
            night.tell("baseline: green")
        return None
    broken = baseline.broken(found)
    text = (
        f"the baseline is red and names no test: {found.summary}"
        if broken
        else f"{len(found.failing)} failing already: {baseline.describe(found.failing)}"
    )
    if not again:
        night.tell(text if broken else f"baseline: {text}")
    wanted = night.config.enforcement.red_baseline
    if wanted == "repair":
        return _repair(night, found, text)
    return text if broken or wanted == "block" else None


def repairing(night: Night) -> Feature | None:
    """Return the feature that mends the baseline and must come first; None when there is none."""
    if night.config.enforcement.red_baseline != "repair":
        return None
    known = night.store.view().features()
    return next((one for one in known.values() if _mends(one) and not features.why_not(one, known)), None)


def attribute(night: Night, found: Baseline | None) -> None:
    """Record what fails now and did not before the last session, as that session's feature's doing."""
    view = night.store.view()
    session = view.session(night.document().sessions[-1]) if night.document().sessions else None
    before = view.baseline(session.baseline) if session is not None and session.baseline else None
    if session is None or before is None or found is None or before.command != found.command:
        return
    worse = baseline.compare(before, found).newly_failing
    if worse:
        record(night, session.id, session.feature, worse)


def record(night: Night, session: str, feature: str | None, worse: tuple[str, ...]) -> None:
    """Record a regression and whose it is."""
    night.note("regression", f"it broke {baseline.describe(worse)}", session=session, feature=feature)


def _repair(night: Night, found: Baseline, text: str) -> str | None:
    """Make sure that a feature mends it; return why nobody can, None when somebody will."""
    known = night.store.view().features()
    if any(_mends(one) and one.status in ("pending", "in_progress", "rolled_back") for one in known.values()):
        return None
    stuck = next((one for one in known.values() if _mends(one) and one.status in ("blocked", "failed")), None)
    if stuck is not None:
        return f"{text}; '{stuck.id}' could not mend it"
    made = features.add(
        night.store,
        ACTOR,
        "Repair the baseline: make the tests green before anything new is built",
        feature=features.free_id(REPAIR, known),
        verify=(found.command,),
        priority="P0",
        description=f"Before any new work {text}. Mend the code, or a test that is wrong; delete none.",
    )
    item = trust.of_command(night.store.location, trust.verify_of(made.id), found.command)
    night.book.allow([item])  # a person allowed this very command, as the baseline
    night.tell(f"{made.id}: comes first")
    return None


def _mends(feature: Feature) -> bool:
    return feature.id.startswith(REPAIR)
