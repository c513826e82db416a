"""A real Prometheus (Debian's package) scrapes a real server, and answers with what the night came to."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

from ovn.clock import SYSTEM

from . import nights

SECONDS = 60

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="Debian's prometheus is not installed"),
]


def query(port: int, words: str) -> float | None:
    """Return the number that Prometheus answers with; None while it has none."""
    address = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': words})}"
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            found = json.load(answer)["data"]["result"]
    except (urllib.error.URLError, ConnectionError):
        return None
    return float(found[0]["value"][1]) if found else None


def test_prometheus_reads_the_metrics_with_the_token(serve, store, tmp_path):
    nights.night(store, text=nights.HOSTILE)
    token = "a-token-for-prometheus"
    at = serve(token=token, open_reading=False)
    config = {
        "scrape_configs": [
            {
                "job_name": "git-ovn",
                "scrape_interval": "1s",
                "scrape_timeout": "1s",
                "authorization": {"credentials": token},
                "static_configs": [{"targets": [f"127.0.0.1:{at.port}"]}],
            }
        ]
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["prometheus", f"--config.file={tmp_path}/prometheus.yml"]
    words += [f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{port}"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = SYSTEM.monotonic() + SECONDS
        while query(port, 'ovn_features{status="blocked"}') is None:
            assert process.poll() is None
            assert SYSTEM.monotonic() < end
            SYSTEM.sleep(0.1)
        assert query(port, 'up{job="git-ovn"}') == 1
        assert query(port, 'ovn_features{status="blocked"}') == 1
        assert query(port, "sum(ovn_attempts_total)") == 4
        assert query(port, "ovn_healthy == 0") == 0
    finally:
        process.terminate()
        process.wait(SECONDS)
