"""Which tests are fast: those that start no Java, no browser and no other process (-m fast).

Found by the fixtures that a test uses; a test that starts something without one of these carries a
mark, `java`, `process` or `slow`, or its module is listed here. A fast test that starts something
all the same fails where only the fast ones are asked for, so that it gets its mark.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

_STARTING = {
    "index",
    "run_python",
    "lexsearch_command",
    "serve",
    "server",
    "browser",
    "command",
    "nodes",
}
_MODULES = {
    *(
        "test_cli",
        "test_engine",
        "test_evaluate",
        "test_formats",
        "test_lexicon",
        "test_metadata",
    ),
    *("test_engine_contract", "test_parity"),  # start Java
    *(
        "test_demo",
        "test_docs",
        "test_faults",
        "test_kills",
        "test_skips",
        "test_terminal",
    ),  # start processes
    *("test_baselines", "test_mllm", "test_models", "test_tagger"),  # load torch, or run networks
    *("test_rewriter", "test_rewriter_losses"),
}
_MARKS = ("java", "process", "slow")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Modules without fast tests are not even imported for -m fast."""
    return (config.option.markexpr == "fast" and collection_path.stem in _MODULES) or None


def pytest_configure(config: pytest.Config) -> None:
    """A few examples of each property are enough for a quick look."""
    if config.option.markexpr == "fast":
        settings.load_profile("fast")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        starts = _STARTING & names - ({"index"} if "memory_index" in names else set())
        marked = any(item.get_closest_marker(mark) for mark in _MARKS)
        if not starts and not marked and item.path.stem not in _MODULES:
            item.add_marker("fast")


@pytest.fixture(autouse=True, scope="session")
def _starts_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    """Before all other fixtures, so that none of a module starts anything either."""
    with pytest.MonkeyPatch.context() as patch:
        if request.config.option.markexpr == "fast":
            patch.setattr(subprocess, "Popen", _Refused)
            patch.setattr("lexsearch.engines.lucene.bridge.load", _refuse_java)
        yield


class _Refused(subprocess.Popen):
    def __init__(self, *arguments: object, **options: object) -> None:
        pytest.fail("a fast test started a process: mark it `process`", pytrace=False)


def _refuse_java() -> NoReturn:
    pytest.fail("a fast test started Java: mark it `java`", pytrace=False)
