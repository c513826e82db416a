"""``python -m bench._nights FILE``: what nights under random kills showed, into docs/benchmarks.md.

FILE has the figures of one night a line, as ``tests/runner/test_chaos.py`` keeps them.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

from bench.__main__ import page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
HEADING = "Nights under random kills"

SECTION = """## {heading}

Written by `./dev soak --write`; do not edit. Real nights of three features, one of which cannot be done;
runner, agent, both, or all of them with the janitor are killed with `kill -9` at random instants.
{when}: {processors} processors, load {load:.0f} over a quarter of an hour (above the number of processors
others were at work too, and seconds say little).

| what | measured | at least or at most | |
|---|---|---|---|
{rows}
"""


def section(nights: list[dict[str, Any]]) -> str:
    """Return the section about these nights."""
    kills = sum((Counter(one["kills"]) for one in nights), Counter())
    recoveries, recovered = (sum(one[key] for one in nights) for key in ("recoveries", "recovered"))
    resumes = sorted(second for one in nights for second in one["resumes"])
    lost = sum(len(one["lost"]) for one in nights)
    explained = sum(one["statuses"] == {"bad": "blocked", "one": "done", "two": "done"} for one in nights)
    share = 100 * recovered / max(recoveries, 1)
    rows = [
        (
            "nights that ended with each feature done or explained",
            explained,
            len(nights),
            explained == len(nights),
        ),
        (f"kills ({', '.join(f'{kills[who]} {who}' for who in sorted(kills))})", kills.total(), "", True),
        ("records that were acknowledged", sum(one["acknowledged"] for one in nights), "", True),
        ("of them, of checkpoints and of done features lost", lost, 0, lost == 0),
        (f"recoveries that succeeded, of {recoveries}", f"{share:.1f} %", "99 %", share > 99),
    ]
    cpu = sorted(second for one in nights for second in one.get("resume_cpu", ()))
    for what, unit, found in (("own time", "s", resumes), ("processor time, start-up and all", "s", cpu)):
        if found:
            ninety = found[int(0.9 * (len(found) - 1))]
            middle = statistics.median(found)
            words = f"resume's {what}, median of {len(found)}, and nine of ten"
            rows.append((words, f"{middle:.2f} {unit}, {ninety:.2f} {unit}", f"1 {unit}", ninety < 1))
    lines = [
        f"| {what} | {found} | {wanted} | {'' if wanted == '' else 'met' if well else '**missed**'} |"
        for what, found, wanted, well in rows
    ]
    return SECTION.format(
        heading=HEADING,
        rows="\n".join(lines),
        when=f"{date.today():%-d %B %Y}",  # noqa: DTZ011
        processors=os.cpu_count(),
        load=os.getloadavg()[2],
    )


def main(arguments: list[str]) -> int:
    """Put the section into the page, in place of the one that was there."""
    nights = [json.loads(line) for line in Path(arguments[0]).read_text(encoding="utf-8").splitlines()]
    found = section(nights)
    print(found)
    before = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(page(before, HEADING, found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
