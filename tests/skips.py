"""What was skipped is listed at the end, with the command that would run it (skips.toml).

Under CI=true a skip that is not listed there as allowed fails the run.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import pytest


class Skip(NamedTuple):
    """A kind of skip: what its message looks like, what would run it, why it is all right."""

    message: str
    command: str
    allowed: str = ""


LISTED = [
    Skip(**entry)
    for entry in tomllib.loads(Path(__file__).with_name("skips.toml").read_text())["skip"]
]


def kind_of(message: str) -> Skip:
    """The entry for a skip's message; one that allows nothing for a message not listed."""
    for skip in LISTED:
        if fnmatchcase(message, skip.message):
            return skip
    return Skip(message, "none known: list it in tests/skips.toml")


def skipped(config: pytest.Config) -> Counter[str]:
    """How many tests, or modules, were skipped with each message."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    messages = (report.longrepr[2] for report in reports if not hasattr(report, "wasxfail"))
    return Counter(message.removeprefix("Skipped: ") for message in messages)


def not_allowed(config: pytest.Config) -> list[str]:
    """The messages of skips for which this run fails; only continuous integration is strict."""
    if os.environ.get("CI", "").lower() not in {"1", "true"}:
        return []
    return [message for message in skipped(config) if not kind_of(message).allowed]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.exitstatus == pytest.ExitCode.OK and not_allowed(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    counts = skipped(config)
    if not counts:
        return
    terminalreporter.section("skipped")
    for message, count in counts.most_common():
        first = re.sub(r"\s+", " ", message)[:100]
        terminalreporter.line(f"{count:4}  {first}\n      to run: {kind_of(message).command}")
    for message in not_allowed(config):
        terminalreporter.line(
            f"FAILED: skipped in continuous integration, and not allowed: {message}", red=True
        )
