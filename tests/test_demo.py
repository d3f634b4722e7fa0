"""The scripts in bin/: the parts that need no installation. bin/demo itself is run by hand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
SCRIPTS = ["bin/setup", "bin/test", "bin/demo", ".ci/run"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without an environment, at a path with a space."""
    folder = tmp_path / "a checkout"
    shutil.copytree(ROOT / "bin", folder / "bin")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


def write_script(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/bash\n{text}\n")
    file.chmod(0o755)


def set_up(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", str(checkout / "bin" / "setup")],
        cwd="/",
        env={"PATH": f"{checkout}/fakes:/usr/bin:/bin", "HOME": str(checkout), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True)


def test_an_old_python_is_refused_in_so_many_words(checkout: Path) -> None:
    old = 'case "$1" in --version) echo Python 3.9.2 ;; *) exit 1 ;; esac'
    for name in ("python3.11", "python3.12", "python3.13", "python3", "python"):
        write_script(checkout / "fakes" / name, old)
    done = set_up(checkout)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer, and this is Python 3.9.2" in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_failed_installation_says_why_and_is_tried_again(checkout: Path) -> None:
    write_script(
        checkout / "fakes" / "python3.11",
        '[[ $1 == -m && $2 == venv ]] || exit 0; mkdir -p "$4/bin"; cp "$0-inside" "$4/bin/python"',
    )
    inside = checkout / "fakes" / "python3.11-inside"
    write_script(inside, '[[ $3 == install ]] && { echo "ERROR: no space left"; exit 1; }; exit 0')
    done = set_up(checkout)
    assert done.returncode == 1
    assert "ERROR: no space left" in done.stderr
    assert "setup.log says why" in done.stderr

    write_script(checkout / ".venv" / "bin" / "python", "echo Collecting torch")
    done = set_up(checkout)
    assert done.returncode == 0, done.stderr
    assert "Ready" in done.stdout

    write_script(checkout / ".venv" / "bin" / "python", '[[ $1 == -c ]] || echo "run" >&2')
    done = set_up(checkout, JAVA_HOME="/nowhere", PYTHONHOME="/nowhere", CDPATH="/tmp")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (
        0,
        "Ready: .venv/bin/lexsearch --help",
        "",
    )

    (checkout / "constraints.txt").write_text("changed")
    assert "up to date" in set_up(checkout).stdout


def test_the_demo_gathers_its_photos(tmp_path: Path) -> None:
    script = (ROOT / "bin" / "demo").read_text()
    program = re.search("<<'PYTHON'\n(.*?)\nPYTHON\n", script, re.S)
    assert program
    for _ in range(2):
        subprocess.run([sys.executable, "-c", program[1], str(tmp_path / "photos")], check=True)
    photos = list((tmp_path / "photos").iterdir())
    assert f"{len(photos)} photos" in script
    assert f"{len(photos)} photos" in (ROOT / "README.md").read_text()


def test_every_dependency_is_pinned() -> None:
    pins = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, version = line.split("==")
            pins[canonicalize_name(name)] = version
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = settings["project"]
    wanted = [
        *project["dependencies"],
        *(line for lines in project["optional-dependencies"].values() for line in lines),
        *settings["dependency-groups"]["dev"],
        *settings["build-system"]["requires"],
    ]
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        if name != "lexsearch":
            assert requirement.specifier.contains(pins[name]), requirement
    assert not [version for version in pins.values() if "+" in version]
