"""What machines read: /health, /status, /metrics, /events."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ovn import active, resources
from ovn.checks.health import Finding
from ovn.config import Config
from ovn.shift.starting import Opening, start
from ovn.web import feed, vitals
from ovn.web.metrics import METRICS

from . import nights


def valid(document: object, schema: str) -> None:
    jsonschema.validate(document, json.loads(resources.read("schemas/output", f"{schema}.schema.json")))


def dead_pid() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


# -- health ----------------------------------------------------------------------------

WELL = vitals.Vitals((), (), None, 600.0, 0, 0.0, Finding("disk", True, "plenty"), (), ())


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, None),
        ({"running": ("a",), "beat": 599.0}, None),
        ({"dead": ("a",)}, "runner: the runner of 'a' is gone"),
        ({"beat": 601.0}, "heartbeat: the last sign of life is 601 s old"),
        ({"pending": 5, "lag": 59.0}, None),
        ({"pending": 5, "lag": 61.0}, "journal: 5 records are not on the state branch yet"),
        ({"pending": 3001}, "journal: 3001 records are not on the state branch yet"),
        ({"disk": Finding("disk", False, "1 MB free")}, "disk: 1 MB free"),
        ({"hooks": ("pre-push",)}, "hooks: do not run: pre-push"),
        ({"lost": ("s",)}, "lease: the holder of 's' is gone"),
    ],
)
def test_what_the_facts_mean(change, wrong):
    found = [f"{one.name}: {one.text}" for one in vitals.judge(replace(WELL, **change)) if not one.ok]
    assert found == ([wrong] if wrong else [])


def test_health_is_200_while_nothing_is_wrong_and_503_with_the_reasons(serve, store):
    at = serve()
    well = at.ask("/health")
    assert (well.status, well.json) == (200, {"version": 1, "ok": True, "reasons": []})
    opening = Opening("a", kind="run", pid=dead_pid(), run=nights.RUN, by="runner")
    nights.night(store)
    start(store, Config(), opening)
    time.sleep(1.1)  # one look counts for a second
    ill = at.ask("/health?verbose")
    assert ill.status == 503
    assert ill.json["reasons"] == [
        f"runner: the runner of '{nights.RUN}' is gone",
        "lease: the holder of 'a' is gone",
    ]
    assert [one["name"] for one in ill.json["checks"]] == "runner heartbeat journal disk hooks lease".split()
    valid(ill.json, "health")
    valid(well.json, "health")


# -- status ----------------------------------------------------------------------------


def test_status_is_the_published_document(serve, store):
    nights.night(store)
    told = serve().ask("/status", Accept="application/json").json
    valid(told, "status")
    assert told["questions"] == 1
    assert told["run"]["id"] == nights.RUN


# -- metrics ---------------------------------------------------------------------------


def numbers(text: str) -> dict[tuple[str, str], float]:
    """Return what Prometheus reads: (name, value of the label) -> number."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, "".join(sample.labels.values())] = sample.value
    return found


def test_metrics_count_what_happened(serve, store):
    nights.night(store)
    answer = serve().ask("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = numbers(answer.text)
    assert found["ovn_runs", "died"] == 1
    assert found["ovn_sessions", "handed_off"] == 2
    assert found["ovn_features", "blocked"] == 1
    assert found["ovn_attempts_total", "passed"] == 2
    assert found["ovn_attempts_total", "failed"] == 2
    assert found["ovn_evidence_total", "green"] == 1
    assert found["ovn_recoveries_total", "resume-agent"] == 1
    assert found["ovn_recovery_seconds_total", ""] == pytest.approx(1800 - 730)
    assert found["ovn_resume_seconds_total", ""] == pytest.approx(0.4)
    assert found["ovn_questions_open", ""] == 1
    assert found["ovn_healthy", ""] == 0
    assert ("ovn_heartbeat_age_seconds", "") not in found


def test_counters_count_on_and_never_twice(serve, store):
    told = nights.night(store)
    at = serve()
    before = numbers(at.ask("/metrics").text)
    told.shift("p", 0, kind="python")
    told.step("p", 10, "one")
    told.step("p", 11, "two", "failed")
    retry = {
        "name": "two",
        "occurrence": 1,
        "attempt": 1,
        "wait": 0.5,
        "error": {"type": "X", "message": "x"},
    }
    told.say("p", 12, "step.retry", **retry, until="2026-01-02T22:00:13.000Z")
    active.owe(store.location.local, active.Debt("p", "main", "2026-01-02T22:00:00.000Z"))
    after = numbers(at.ask("/metrics").text)
    assert after["ovn_steps_total", "done"] == before["ovn_steps_total", "done"] + 1
    assert after["ovn_steps_total", "failed"] == 1
    assert after["ovn_step_retries_total", ""] == 1
    assert after["ovn_attempts_total", "passed"] == before["ovn_attempts_total", "passed"]
    assert after["ovn_debts", ""] == 1
    assert after["ovn_journal_pending_records", ""] > 0
    assert (
        numbers(serve().ask("/metrics").text)["ovn_steps_total", "done"] == after["ovn_steps_total", "done"]
    )


def test_every_metric_that_is_served_is_listed_and_documented(serve, store):
    nights.night(store)
    served = {name for name, _ in numbers(serve().ask("/metrics").text)}
    listed = {one.name for one in METRICS}
    assert served <= listed
    assert listed - served <= {"ovn_heartbeat_age_seconds", "ovn_night_tokens"}
    assert len(listed) == len(METRICS)
    assert all(one.name.endswith("_total") == (one.kind == "counter") for one in METRICS)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_finds_nothing_wrong_with_the_metrics(serve, store):
    nights.night(store, text=nights.HOSTILE)
    text = serve().ask("/metrics").body
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


# -- events ----------------------------------------------------------------------------


class Listener(threading.Thread):
    """A client of /events that keeps what it hears until it heard so many changes."""

    def __init__(self, port: int, wanted: int) -> None:
        super().__init__(daemon=True)
        self.port, self.wanted = port, wanted
        self.heard: list[dict] = []
        self.status = 0
        self.first = threading.Event()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/events", headers={"Host": f"127.0.0.1:{self.port}"})
        found = connection.getresponse()
        self.status = found.status
        while found.status == 200 and len(self.heard) < self.wanted and (line := found.readline()):
            if line.startswith(b'data: {"stamp'):
                self.heard.append(json.loads(line[6:]))
                self.first.set()
        self.first.set()
        connection.close()


def test_fifty_clients_hear_how_it_stands_and_each_change(serve, store):
    at = serve()
    clients = [Listener(at.port, 2) for _ in range(50)]
    for one in clients:
        one.start()
    assert all(one.first.wait(60) for one in clients)
    told = nights.Teller(store)
    told.shift("p", 0, kind="python")
    store.fold()
    for one in clients:
        one.join(60)
    assert [len(one.heard) for one in clients] == [2] * 50
    assert {one.heard[0]["stamp"] for one in clients} != {one.heard[1]["stamp"] for one in clients}
    assert all(one.heard[1]["sessions"] == {"p": {"state": "active", "feature": None}} for one in clients)
    assert at.ask("/health").status == 200


def test_more_than_the_most_are_sent_away_and_let_in_again(serve, store, monkeypatch):
    monkeypatch.setattr(feed, "MOST_CLIENTS", 1)
    at = serve()
    first = Listener(at.port, 2)
    first.start()
    assert first.first.wait(60)
    sent_away = at.ask("/events", Accept="*/*")
    assert (sent_away.status, sent_away.headers["retry-after"]) == (503, "30")
    nights.Teller(store).shift("p", 0, kind="python")
    first.join(60)
    assert len(first.heard) == 2


def test_a_server_that_ends_says_goodbye(serve, store):
    """The fixture asserts that it ends although somebody listens."""
    client = Listener(serve().port, 99)
    client.start()
    assert client.first.wait(60)
