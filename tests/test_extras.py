"""What a plain installation lacks is said before work starts, with the command that gets it."""

from __future__ import annotations

import shlex
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes import FakeCaptioner, picture
from packaging.requirements import Requirement

import lexsearch
from lexsearch import extras
from lexsearch.captioners import open_captioner
from lexsearch.cli import cli
from lexsearch.errors import CaptionerError

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
HEAVY = {
    *("torch", "transformers", "bitsandbytes", "accelerate", "pyserini", "pandas"),
    *("scikit-learn", "openai", "scipy", "matplotlib", "huggingface-hub"),
}


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if the project had been installed plainly: nothing of any extra is there."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    declared = [
        f'{line}; extra == "{extra}"'
        for extra, lines in project["optional-dependencies"].items()
        for line in lines
    ]
    version = metadata.version

    def version_of(name: str) -> str:
        if name.lower().replace("_", "-") in {*HEAVY, "ir-measures", "wordcloud"}:
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "requires", lambda name: declared)
    monkeypatch.setattr(metadata, "version", version_of)
    extras.missing.cache_clear()
    yield
    extras.missing.cache_clear()


def command_in(sentence: str) -> list[Requirement]:
    """The requirements that the command at the end of a message installs."""
    words = shlex.split(sentence.partition("run: ")[2])
    assert words[:4] == [sys.executable, "-m", "pip", "install"]
    return [Requirement(word) for word in words[4:]]


def test_a_plain_installation_declares_nothing_heavy() -> None:
    plain = tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]
    assert not HEAVY & {Requirement(line).name for line in plain}


@pytest.mark.usefixtures("light")
def test_the_large_captioner_names_what_it_lacks() -> None:
    with pytest.raises(CaptionerError, match="the captioner mllm needs packages") as caught:
        open_captioner("mllm")
    wanted = {requirement.name for requirement in command_in(str(caught.value))}
    assert wanted == {"accelerate", "bitsandbytes", "huggingface_hub", "torch", "transformers"}


@pytest.mark.usefixtures("light")
def test_the_automatic_captioner_is_then_the_tagger() -> None:
    assert open_captioner("auto").key.name == "tagger"


@pytest.mark.java
@pytest.mark.usefixtures("light")
@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "--topics", "topics.tsv", "--qrels", "qrels.txt"],
        ["analyze", "words"],
        ["analyze", "clipscore", "photos", "--label", "red"],
    ],
)
def test_commands_say_it_before_any_work(
    arguments: list[str], tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    picture(photos / "red.png", "red")
    (tmp_path / "topics.tsv").write_text("1\tred\n")
    (tmp_path / "qrels.txt").write_text("1 0 red 1\n")
    with lexsearch.open(tmp_path / "indexes" / "default") as index:
        index.add(photos, captioner=FakeCaptioner())
    result = CliRunner().invoke(cli, arguments)
    assert isinstance(result.exception, lexsearch.LexsearchError), result.output
    assert command_in(str(result.exception))


def test_nothing_is_missing_where_everything_is_installed() -> None:
    for extra in ("mllm", "evaluate", "pyserini"):
        assert extras.missing(extra, "it") == ""
