"""What all tests share: an index in a temporary folder, a captioner without a model, and data."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes import FakeCaptioner

import lexsearch

TESTS = Path(__file__).parent
REPOSITORY = TESTS.parent
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def captioner() -> FakeCaptioner:
    return FakeCaptioner()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """An empty folder for pictures."""
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def index(tmp_path: Path) -> Iterator[lexsearch.Index]:
    with lexsearch.open(tmp_path / "index") as index:
        yield index


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real captions and photos that are too large, or not free enough, to come along."""
    place = os.environ.get("LEXSEARCH_SHARED_DATA", REPOSITORY.parent / "shared" / "data")
    if not Path(place).is_dir():
        pytest.skip(f"no data at {place}; LEXSEARCH_SHARED_DATA names another place")
    return Path(place)


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """For programs started by tests: the modules of the tests can be imported."""
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    kept = {name: value for name, value in os.environ.items() if name != "LEXSEARCH_INDEX"}
    return {**kept, "PYTHONPATH": path}


@pytest.fixture
def run_python(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run a Python program text in a process of its own, and return how it ended."""

    def run(program: str, *arguments: object, **options: object) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", program, *map(str, arguments)]
        settings = {"env": environment, "cwd": tmp_path, "text": True, "capture_output": True}
        return subprocess.run(command, timeout=120, **{**settings, **options})

    return run


_FAKE_CLI = """
import lexsearch.captioners, lexsearch.cli
lexsearch.captioners._CAPTIONERS["tagger"] = "fakes:FakeCaptioner"
lexsearch.cli.main()
"""


@pytest.fixture
def lexsearch_command(run_python: Run) -> Run:
    """Run the `lexsearch` command, with the fake captioner in place of the default one."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess:
        return run_python(_FAKE_CLI, *arguments, **options)

    return run
