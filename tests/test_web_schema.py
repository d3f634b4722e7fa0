"""schemathesis: what the OpenAPI document promises, tried with requests of all kinds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Serve
from fakes import FakeCaptioner, picture

import lexsearch

pytest.importorskip("schemathesis")

TOKEN = "a-token-for-tests"


def test_answers_are_as_documented(tmp_path: Path, serve: Serve) -> None:
    for colour in ("red", "green"):
        picture(tmp_path / "photos" / f"{colour}.png", colour)
    with lexsearch.open(tmp_path / "index") as index:
        index.add(tmp_path / "photos", captioner=FakeCaptioner())
    with serve(tmp_path / "index", "--token", TOKEN) as server:
        done = subprocess.run(
            [
                *(
                    sys.executable,
                    "-c",
                    "from schemathesis.cli import schemathesis; schemathesis()",
                ),
                *(
                    "run",
                    f"{server.url}/api/openapi.json",
                    "--header",
                    f"x-lexsearch-token:{TOKEN}",
                ),
                # Whether a password or a key is needed is the server's choice.
                *("--exclude-checks", "ignored_auth"),
                *("--phases", "coverage,fuzzing", "--max-examples", "6", "--seed", "1"),
                *(
                    "--workers",
                    "1",  # Python 3.11 parses code in one thread at a time, or fails
                    "--warnings",
                    "off",
                    "--no-color",
                    "--suppress-health-check",
                    "all",
                ),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 19" in done.stdout
