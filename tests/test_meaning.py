"""What a language model takes a word for that no picture has: words of the index, and no others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import open_in_memory
from hypothesis import given
from hypothesis import strategies as st
from scripted import ScriptedModel, scripted

import lexsearch
from lexsearch.cli import cli
from lexsearch.errors import ModelError
from lexsearch.language import LLM_MODEL, LLM_URL
from lexsearch.records import Suggestion
from lexsearch.searching.meaning import chosen, meant_by

CAPTIONS = ["an orange sky over the sea", "the evening sky", "a dog by the sea", "the sea"]
KNOWN = {"sky": 2, "sea": 3, "evening": 1}


@pytest.fixture
def index(tmp_path: Path) -> Iterator[lexsearch.Index]:
    with open_in_memory(tmp_path / "index") as index:
        rows = [{"doc_id": str(number), "text": text} for number, text in enumerate(CAPTIONS)]
        index.import_captions(map(json.dumps, rows))
        yield index


def test_words_of_the_index_are_chosen_with_how_many_have_them(index: lexsearch.Index) -> None:
    model = ScriptedModel(lambda asked: "1. evening\n2. Sky\nred dusk\nunicorn")
    assert meant_by(index, "sunset", model) == [Suggestion("evening", 1), Suggestion("sky", 2)]
    [asked] = model.asked
    assert "sunset" in asked.user
    assert "sea, sky" in asked.user


@pytest.mark.parametrize("says", ["-", "", ModelError("alas"), "None of these words fits the sea."])
def test_where_nothing_fits_there_is_none(says: str | ModelError, index: lexsearch.Index) -> None:
    assert meant_by(index, "sunset", ScriptedModel(lambda asked: says)) == []


@given(st.text())
def test_nothing_else_is_ever_chosen(answer: str) -> None:
    assert set(chosen(answer, KNOWN)) <= {Suggestion(*one) for one in KNOWN.items()}


@pytest.mark.java
def test_the_command_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (LLM_URL, LLM_MODEL):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LEXSEARCH_CACHE", str(tmp_path / "cache"))
    with lexsearch.open(tmp_path / "index") as index:
        rows = [{"doc_id": str(number), "text": text} for number, text in enumerate(CAPTIONS)]
        index.import_captions(map(json.dumps, rows))

    def says(asked: dict, before: int) -> str:
        choosing = "Words that descriptions have" in asked["messages"][1]["content"]
        return "evening\nsky" if choosing else "a dog\na dog on grass\na brown dog"

    with scripted(says) as server:
        typed = ["query", "sunset", "--index", str(tmp_path / "index")]
        ended = CliRunner().invoke(cli, [*typed, "--enhance", "--llm", server.url])
    assert "a language model takes 'sunset' for: evening (1), sky (2)" in ended.stderr
