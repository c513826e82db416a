"""libgit2 is loaded without the machine's certificates, which it reads one by one and we never need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def load(top: Path, **environ: str) -> dict[str, str | None]:
    """Load libgit2 in a process of its own; return its certificate variables afterwards."""
    subprocess.run(["git", "init", "-q", top], check=True)
    program = (
        "import json, os; from ovn.git import locate, offline; offline.promise(os.environ);"
        f"offline.open_libgit2(locate.locate(locate.Path({os.fspath(top)!r})));"
        "print(json.dumps({name: os.environ.get(name) for name in offline.TRUSTED}))"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("SSL_")} | environ
    return json.loads(subprocess.check_output([sys.executable, "-c", program], env=env))


def test_afterwards_the_environment_is_as_it_was(tmp_path):
    """git, run for the user, needs the same variables for its own network."""
    assert load(tmp_path) == {"SSL_CERT_FILE": None, "SSL_CERT_DIR": None}
    assert load(tmp_path, SSL_CERT_FILE="/mine") == {"SSL_CERT_FILE": "/mine", "SSL_CERT_DIR": None}


def test_a_machine_without_certificates_is_good_enough(tmp_path):
    """pygit2 alone fails there: 'failed to load certificates'."""
    assert (
        load(tmp_path, SSL_CERT_FILE="/nowhere", SSL_CERT_DIR="/nowhere/either")["SSL_CERT_FILE"]
        == "/nowhere"
    )
