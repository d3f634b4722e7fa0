"""Searches in other words, by a language model that the server was started with."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from conftest import Serve, Server
from scripted import GOOD, Said, Scripted, scripted

import lexsearch

CAPTIONS = {
    "park": "people eat at a long table in the garden",
    "child": "grandparents hold a small child",
    "family": "a family",
    "gathering": "a gathering of birds",
    "bus": "a bus in a street",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words") / "index"
    rows = [json.dumps({"doc_id": name, "text": text}) for name, text in CAPTIONS.items()]
    with lexsearch.open(folder) as index:
        index.import_captions(rows)
    return folder


@pytest.fixture(scope="module")
def talker() -> Iterator[Scripted]:
    with scripted(GOOD) as server:
        yield server


@pytest.fixture
def model(talker: Scripted) -> Scripted:
    talker.says = lambda asked, before: GOOD
    talker.requests.clear()
    return talker


@pytest.fixture(scope="module")
def server(
    folder: Path, serve: Serve, talker: Scripted, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Answers are remembered: each test asks in words of its own."""
    variables = {"LEXSEARCH_CACHE": str(tmp_path_factory.mktemp("cache"))}
    with serve(folder, "--llm", talker.url, variables=variables) as server:
        assert server.get("/api/search", q="family").json()["total"] == 1  # Java has started
        yield server


@pytest.mark.process
class TestApi:
    def test_sentences_come_and_are_searched_as_well(self, server: Server, model: Scripted) -> None:
        answer = server.get("/api/enhance", q="family, -bus").json()
        assert answer["sentences"][0] == "people eat at a long table in the garden"
        assert answer["note"] is None
        assert len(model.requests) == 1
        assert "bus" not in json.dumps(model.requests[0])
        plain = server.get("/api/search", q="family").json()
        also = server.get("/api/search", q="family", also=answer["sentences"]).json()
        assert {hit["doc_id"] for hit in plain["hits"]} == {"family"}
        by = {hit["doc_id"]: hit["by"] for hit in also["hits"]}
        assert by["park"][0] == "people eat at a long table in the garden"
        assert by["family"] == []
        assert also["keywords"] == plain["keywords"]

    def test_what_goes_wrong_is_a_note(self, server: Server, model: Scripted) -> None:
        model.says = lambda asked, before: "I'm sorry, I cannot help with that."
        answer = server.get("/api/enhance", q="the family").json()
        assert answer == {"sentences": [], "note": "the model gave no sentence"}
        model.says = lambda asked, before: 401
        answer = server.get("/api/enhance", q="the gathering").json()
        assert answer["sentences"] == []
        assert "401" in answer["note"]
        assert server.get("/api/enhance", q=" , ").json() == {"sentences": [], "note": None}

    def test_a_client_asks_one_at_a_time_and_other_sites_nothing(
        self, server: Server, model: Scripted
    ) -> None:
        asked, go_on = threading.Event(), threading.Event()

        def says(request: dict, before: int) -> Said:
            asked.set()
            go_on.wait(30)
            return GOOD

        model.says = says
        with ThreadPoolExecutor() as pool:
            first = pool.submit(server.get, "/api/enhance", q="my family")
            assert asked.wait(30)
            second = server.get("/api/enhance", q="gathering")
            go_on.set()
            assert first.result().status_code == 200
        assert second.status_code == 429
        assert "one question at a time" in second.json()["error"]
        assert server.get("/api/enhance", q="gathering").status_code == 200
        headers = {"sec-fetch-site": "cross-site"}
        refused = requests.get(
            f"{server.url}/api/enhance", params={"q": "x"}, headers=headers, timeout=60
        )
        assert refused.status_code == 403

    def test_without_a_model_nothing_is_offered(
        self, folder: Path, serve: Serve, model: Scripted
    ) -> None:
        with serve(folder, variables={"LEXSEARCH_LLM_URL": model.url}) as server:
            assert server.get("/api/enhance", q="family").status_code == 404
            assert 'data-words=""' in server.get("/").text
        assert not model.requests
