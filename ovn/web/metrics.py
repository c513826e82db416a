"""``/metrics``: numbers for Prometheus. The names are stable: a change of one is a change of version.

``METRICS`` is the list of them; ``docs/reference/metrics.md`` is made of it.
Names follow "Metric and label naming" of the Prometheus documentation: base units, ``_total``
for counters.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ovn import __version__
from ovn.frozen import dataclass
from ovn.model.documents import FEATURE_STATUSES, SESSION_STATES
from ovn.session import questions
from ovn.web import vitals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric as Family

    from ovn.web.reading import Reading

COUNTER, GAUGE = "counter", "gauge"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name, its kind, what it says, the name of its one label (None without)."""

    name: str
    kind: str
    text: str
    label: str | None = None


METRICS = (
    Metric("ovn_build_info", GAUGE, "1, with the version of git ovn that serves this", "version"),
    Metric("ovn_healthy", GAUGE, "1 if /health answers 200, else 0"),
    Metric("ovn_check_ok", GAUGE, "1 if this check of /health is well, else 0", "check"),
    Metric("ovn_runs", GAUGE, "Nights by state: running, died (its runner is gone), ended", "state"),
    Metric("ovn_sessions", GAUGE, "Sessions by state", "state"),
    Metric("ovn_features", GAUGE, "Features by status", "status"),
    Metric("ovn_questions_open", GAUGE, "Questions that wait for a person"),
    Metric("ovn_debts", GAUGE, "Sessions that ended without a handoff"),
    Metric("ovn_attempts_total", COUNTER, "Agent processes that ended: passed, failed", "outcome"),
    Metric("ovn_checkpoints_total", COUNTER, "Checkpoints taken: named, automatic, safety", "kind"),
    Metric("ovn_steps_total", COUNTER, "Steps of durable programs by outcome: done, failed", "outcome"),
    Metric("ovn_step_retries_total", COUNTER, "Attempts at steps after a failed one"),
    Metric("ovn_evidence_total", COUNTER, "Verifications by result: green, red", "result"),
    Metric("ovn_recoveries_total", COUNTER, "Sessions brought back, by the verdict", "verdict"),
    Metric("ovn_recovery_seconds_total", COUNTER, "Seconds from the last record before each recovery to it"),
    Metric("ovn_resume_seconds_total", COUNTER, "Seconds that bringing sessions back took itself"),
    Metric("ovn_journal_pending_records", GAUGE, "Acknowledged records that are not on the state branch yet"),
    Metric("ovn_journal_lag_seconds", GAUGE, "Age of the newest of these records, 0 without any"),
    Metric("ovn_heartbeat_age_seconds", GAUGE, "Age of the last sign of life; absent while no agent works"),
    Metric("ovn_cost_usd_total", COUNTER, "US dollars that all nights cost, as the agents told"),
    Metric("ovn_night_cost_usd", GAUGE, "US dollars that the newest night cost so far"),
    Metric("ovn_night_tokens", GAUGE, "Tokens of the newest night: input, output, cached", "direction"),
)

Values = dict[str, dict[str, float]]
"""Metric -> value of its label (empty where it has none) -> number."""

LABELS: Mapping[str, tuple[str, ...]] = {
    "ovn_runs": ("running", "died", "ended"),
    "ovn_sessions": SESSION_STATES,
    "ovn_features": FEATURE_STATUSES,
    "ovn_attempts_total": ("passed", "failed"),
    "ovn_checkpoints_total": ("named", "automatic", "safety"),
    "ovn_steps_total": ("done", "failed"),
    "ovn_evidence_total": ("green", "red"),
    "ovn_step_retries_total": ("",),
    "ovn_recovery_seconds_total": ("",),
    "ovn_resume_seconds_total": ("",),
}
"""What is 0 and not absent while nothing was counted, so that a rate can be taken from the start."""


def values(reading: Reading) -> Values:
    """Return every number as it is now. Raises what reading the state raises."""
    found: Values = {name: dict.fromkeys(labels, 0.0) for name, labels in LABELS.items()}
    _of_documents(reading, found)
    for (name, label), number in reading.tally().counts.items():
        found.setdefault(name, {})[label] = number
    _of_vitals(reading, found)
    return found


def _of_documents(reading: Reading, found: Values) -> None:
    view = reading.store.view()
    runs = view.runs().values()
    sessions = Counter(one.state for one in view.sessions(ended=True).values())
    found["ovn_build_info"] = {__version__: 1}
    found["ovn_sessions"] |= {state: float(count) for state, count in sessions.items()}
    features = Counter(one.status for one in view.features().values())
    found["ovn_features"] |= {status: float(count) for status, count in features.items()}
    found["ovn_questions_open"] = {"": len(questions.open_ones(view))}
    found["ovn_cost_usd_total"] = {"": sum(one.cost_usd for one in runs)}
    latest = reading.latest()
    found["ovn_night_cost_usd"] = {"": latest.cost_usd}
    if latest.tokens is not None:
        told = latest.tokens
        found["ovn_night_tokens"] = {"input": told.input, "output": told.output, "cached": told.cached}
    found["ovn_runs"]["ended"] = sum(one.state == "ended" for one in runs)


def _of_vitals(reading: Reading, found: Values) -> None:
    from ovn import active

    facts = vitals.look(reading)
    findings = vitals.judge(facts)
    found["ovn_healthy"] = {"": float(all(one.ok for one in findings))}
    found["ovn_check_ok"] = {one.name: float(one.ok) for one in findings}
    found["ovn_runs"] |= {"running": len(facts.running), "died": len(facts.dead)}
    found["ovn_debts"] = {"": len(active.debts(reading.location.local))}
    found["ovn_journal_pending_records"] = {"": facts.pending}
    found["ovn_journal_lag_seconds"] = {"": facts.lag}
    if facts.beat is not None:
        found["ovn_heartbeat_age_seconds"] = {"": facts.beat}


def render(found: Values) -> bytes:
    """Return the numbers in Prometheus' text format, version 0.0.4."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(_Collected(found))
    return generate_latest(registry)


class _Collected:
    """The numbers as prometheus-client takes them. Hashable by identity, as it wants."""

    def __init__(self, found: Values) -> None:
        self.found = found

    def collect(self) -> Iterator[Family]:
        """Yield the families in the order of ``METRICS``."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for metric in METRICS:
            numbers = self.found.get(metric.name)
            if not numbers:
                continue
            cls = CounterMetricFamily if metric.kind == COUNTER else GaugeMetricFamily
            family = cls(metric.name, metric.text, labels=[metric.label] if metric.label else [])
            for label, number in numbers.items():
                family.add_metric([label] if metric.label else [], number)
            yield family
