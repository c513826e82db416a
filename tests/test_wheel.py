"""What is shipped: the wheel holds the package, schemas, hooks and prompts, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """Return the wheel of this tree, built by the backend itself, without the network."""
    folder = tmp_path_factory.mktemp("dist")
    line = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(line, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def tree(folder: str) -> dict[str, bytes]:
    """Return the files of a folder of this checkout, without what Python leaves behind."""
    return {
        path.relative_to(ROOT / folder).as_posix(): path.read_bytes()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize(
    ("inside", "folder"), [(f"ovn/_data/{folder}/", folder) for folder in ("schemas", "hooks", "prompts")]
)
def test_schemas_hooks_and_prompts_ship_as_they_are_in_the_tree(wheel, inside, folder):
    shipped = {
        name.removeprefix(inside): wheel.read(name) for name in wheel.namelist() if name.startswith(inside)
    }
    assert shipped == tree(folder)


def test_the_package_ships_whole(wheel):
    shipped = {name.removeprefix("ovn/") for name in wheel.namelist() if name.startswith("ovn/")}
    assert {name for name in shipped if not name.startswith("_data/")} == set(tree("ovn"))


def test_nothing_else_ships(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"ovn", "git_ovn-0.1.0.dist-info", "git_ovn-0.1.0.data"}


def test_man_pages_and_completions_ship_where_a_system_looks_for_them(wheel):
    share = "git_ovn-0.1.0.data/data/share/"
    shipped = {name.removeprefix(share): wheel.read(name) for name in wheel.namelist() if ".data/" in name}
    completions = tree("completions")
    assert shipped == {f"man/man1/{name}": page for name, page in tree("man").items()} | {
        "bash-completion/completions/git-ovn": completions["git-ovn"],
        "zsh/site-functions/_git-ovn": completions["_git-ovn"],
        "fish/vendor_completions.d/git-ovn.fish": completions["git-ovn.fish"],
    }


def test_it_names_the_command_the_licence_and_its_types(wheel):
    assert "ovn/py.typed" in wheel.namelist()
    info = "git_ovn-0.1.0.dist-info/"
    assert (
        wheel.read(info + "entry_points.txt").decode() == "[console_scripts]\ngit-ovn = ovn.cli.main:main\n"
    )
    assert wheel.read(info + "licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_from_the_wheel_the_shipped_files_are_found(wheel, tmp_path):
    wheel.extractall(tmp_path)
    script = "from ovn import resources; print(resources.read('schemas', 'session.schema.json')[:1])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "b'{'\n"
