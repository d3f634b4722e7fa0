"""The tests' own rules: what may be skipped, and that no day but this one makes them fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CONFTEST = "from skips import pytest_sessionfinish, pytest_terminal_summary\n"
SKIPPING = """
import pytest

def test_passes():
    pass

def test_skips():
    pytest.skip({message!r})
"""


def run_tests(folder: Path, message: str, ci: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(SKIPPING.format(message=message))
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("message", "ci", "status"),
    [
        ("no data at /nowhere; try another", "true", 0),
        ("no browser is installed; looked for chromium", "true", 1),
        ("no browser is installed; looked for chromium", "", 0),
        ("some new reason", "true", 1),
        ("some new reason", "", 0),
    ],
)
def test_a_skip_fails_where_all_should_run(
    tmp_path: Path, message: str, ci: str, status: int
) -> None:
    done = run_tests(tmp_path, message, ci)
    assert done.returncode == status, done.stdout
    assert message in done.stdout
    assert "to run: " in done.stdout
    assert ("FAILED: skipped" in done.stdout) == bool(status)
