"""What all tests share: an index in a temporary folder, a captioner without a model, and data."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from fakes import FakeCaptioner
from hypothesis import HealthCheck, settings
from nodes import Nodes, NodesUnavailable
from skips import pytest_sessionfinish as pytest_sessionfinish
from skips import pytest_terminal_summary as pytest_terminal_summary
from speed import _starts_nothing as _starts_nothing
from speed import pytest_collection_modifyitems as pytest_collection_modifyitems
from speed import pytest_configure as pytest_configure
from speed import pytest_ignore_collect as pytest_ignore_collect

import lexsearch
from lexsearch.engines import MEMORY
from lexsearch.storage.settings import Settings, make_index, write_settings

# A busy machine makes no test fail.
settings.register_profile("lexsearch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fast", settings.get_profile("lexsearch"), max_examples=20)
settings.load_profile("lexsearch")

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


def open_in_memory(folder: Path) -> lexsearch.Index:
    """An index whose text index is in this process's memory, so that no Java is started."""
    make_index(folder)
    write_settings(folder, Settings(engine=f"{MEMORY}{folder}"))
    return lexsearch.open(folder)


@pytest.fixture
def memory_index(tmp_path: Path) -> Iterator[lexsearch.Index]:
    """For modules that need no Lucene, as their `index`."""
    with open_in_memory(tmp_path / "index") as index:
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

    def run(program: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", program, *map(str, arguments)]
        settings = {"env": environment, "cwd": tmp_path, "text": True, "capture_output": True}
        return subprocess.run(command, **{"timeout": 120, **settings, **options})

    return run


def command_in(folder: Path, environment: dict[str, str]) -> Run:
    """Run the real `lexsearch` command in a folder."""

    def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lexsearch.cli", *map(str, arguments)]
        settings = {"cwd": folder, "env": environment, "text": True, "capture_output": True}
        return subprocess.run(command, **{**settings, **options})

    return run


@dataclass
class Server:
    """A running `lexsearch serve`."""

    url: str
    process: subprocess.Popen[str]

    @property
    def host(self) -> str:
        return str(urlsplit(self.url).hostname)

    @property
    def port(self) -> int:
        return int(urlsplit(self.url).port or 0)

    def get(self, path: str, **parameters: Any) -> requests.Response:
        return requests.get(f"{self.url}{path}", params=parameters, timeout=60)

    def memory(self) -> float:
        """Resident, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


Serve = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="session")
def serve(environment: dict[str, str]) -> Serve:
    """Serve an index with the real command, at a free port, for as long as the block runs."""

    @contextmanager
    def serving(
        index: Path,
        *options: str,
        variables: dict[str, str] | None = None,
        captioner: str | None = None,
    ) -> Iterator[Server]:
        """captioner: a class in fakes.py that stands for the tagger."""
        program = ["-m", "lexsearch.cli"] if captioner is None else ["-c", fake_cli(captioner)]
        command = [sys.executable, *program, "serve", "--port", "0"]
        process = subprocess.Popen(
            [*command, "--index", str(index), *options],
            env={**environment, **(variables or {}), "PYTHONIOENCODING": "utf-8"},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            line = process.stderr.readline()
            address = re.search(r"http://\S+", line)
            assert address, line + process.stderr.read()
            yield Server(address[0].rstrip("/"), process)
        finally:
            process.terminate()
            log = process.stderr.read()
            process.wait(timeout=20)
        assert "Traceback" not in log, log

    return serving


def fake_cli(captioner: str = "FakeCaptioner") -> str:
    """A program: the `lexsearch` command with this class of fakes.py in place of the tagger."""
    return f"""
import lexsearch.captioners, lexsearch.cli
lexsearch.captioners._CAPTIONERS["tagger"] = "fakes:{captioner}"
lexsearch.cli.main()
"""


@pytest.fixture
def lexsearch_command(run_python: Run) -> Run:
    """Run the `lexsearch` command, with the fake captioner in place of the default one."""

    def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess:
        return run_python(fake_cli(), *arguments, **options)

    return run


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A real OpenSearch node, for all tests of a run."""
    try:
        started = Nodes(tmp_path_factory.mktemp("opensearch"))
    except NodesUnavailable as error:
        pytest.skip(str(error))
    started.start()
    try:
        started.wait()
        yield started
    finally:
        started.stop()
