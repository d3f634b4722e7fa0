"""The wheel: what is in it, and that it works where the repository is not."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
from conftest import REPOSITORY

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    [file] = folder.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def files_of(folder: Path) -> set[str]:
    return {
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }


def test_it_has_the_package_with_its_data_and_nothing_else(wheel: Path) -> None:
    assert files_of(wheel / "lexsearch") == files_of(REPOSITORY / "lexsearch")
    assert {place.name.partition("-")[0] for place in wheel.iterdir()} == {"lexsearch"}
    assert len(list(wheel.glob("lexsearch/engines/lucene/jars/*.jar"))) == 3
    assert (wheel / "lexsearch" / "py.typed").exists()


def test_it_has_the_licences_of_all_that_it_holds(wheel: Path) -> None:
    [about] = wheel.glob("*.dist-info")
    jars = "lexsearch/engines/lucene/jars/"
    licences = {"LICENSE", "NOTICE", jars + "LICENSE.txt", jars + "NOTICE.txt"}
    licences.add("lexsearch/text/lexicon/WORDNET-LICENSE.txt")
    assert files_of(about / "licenses") == licences
    metadata = HeaderParser().parsestr((about / "METADATA").read_text("utf-8"))
    assert set(metadata.get_all("License-File", [])) == licences
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "lexsearch = lexsearch.cli:main" in (about / "entry_points.txt").read_text()


def test_it_works_without_the_repository(wheel: Path, tmp_path: Path) -> None:
    def run(*arguments: str, given: str = "") -> str:
        program = "import lexsearch, lexsearch.cli, sys; print(lexsearch.__file__, file=sys.stderr)"
        done = subprocess.run(
            [sys.executable, "-c", f"{program}; lexsearch.cli.main()", *arguments],
            env={**os.environ, "PYTHONPATH": str(wheel)},
            cwd=tmp_path,
            input=given,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert str(wheel) in done.stderr
        return done.stdout

    run("import", "-", "--index", "index", given='{"doc_id": "sofa", "text": "two sofas"}')
    assert "sofa" in run("query", "couch", "--index", "index")
