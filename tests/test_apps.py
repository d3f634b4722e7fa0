"""Applications built on lexsearch: the API from elsewhere, keys, a client made from the document,
and the page inside another application.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest
import uvicorn
from conftest import Serve, Server, open_in_memory
from fakes import FakeCaptioner, numbered_pictures, picture
from fastapi import FastAPI

import lexsearch
import lexsearch.web
from lexsearch.errors import LexsearchError

SITE = "https://photos.example.org"
KEY = "a-key-for-tests"
BEARER = {"authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("apps")
    numbered_pictures(folder / "photos", 25)
    picture(folder / "photos" / "red.png", "red")
    with lexsearch.open(folder / "index") as index:
        index.add(folder / "photos", captioner=FakeCaptioner(), crops="none")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path, serve: Serve) -> Iterator[Server]:
    options = ("--allow-origin", SITE, "--password", "secret")
    with serve(folder / "index", *options, variables={"LEXSEARCH_KEYS": f"other {KEY}"}) as server:
        yield server


def ask(server: Server, path: str, method: str = "GET", **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.request(method, f"{server.url}{path}", headers=named, timeout=60)


class TestKeys:
    def test_a_key_does_for_the_password_and_the_token(self, server: Server) -> None:
        assert ask(server, "/api/search").status_code == 401
        found = ask(server, "/api/search?q=red", **BEARER).json()["hits"]
        body = {"doc_id": found[0]["doc_id"], "words": ["zebra"]}
        address = f"{server.url}/api/denial"
        refused = httpx2.put(address, json=body, auth=("", "secret"), timeout=60)
        assert (refused.status_code, "token" in refused.json()["error"]) == (403, True)
        done = httpx2.put(address, json=body, headers=BEARER, timeout=60)
        assert done.json()["denied"] == ["zebra"]

    def test_a_wrong_key_is_told_and_guessing_is_slow(self, folder: Path, serve: Serve) -> None:
        with serve(folder / "index", "--key", KEY) as server:
            answers = [ask(server, "/api/search", authorization="Bearer no") for _ in range(12)]
            assert answers[0].status_code == 401
            assert answers[0].json()["error"] == "this key is not known"
            assert answers[-1].status_code == 429
            assert ask(server, "/api/search", **BEARER).status_code == 429

    def test_without_keys_others_may_use_the_header(self, folder: Path, serve: Serve) -> None:
        with serve(folder / "index") as server:
            assert ask(server, "/api/search", authorization="Bearer of-a-proxy").is_success


class TestOtherSites:
    def test_an_allowed_site_asks_first_and_then_reads_and_changes(self, server: Server) -> None:
        asked = {"access_control_request_method": "PUT", "origin": SITE}
        may = ask(server, "/api/denial", "OPTIONS", **asked)
        assert may.status_code == 204
        assert may.headers["access-control-allow-origin"] == SITE
        assert "authorization" in may.headers["access-control-allow-headers"]
        found = ask(server, "/api/search?q=red", origin=SITE, **BEARER)
        assert found.headers["access-control-allow-origin"] == SITE
        assert found.headers["vary"] == "origin"
        body = {"doc_id": found.json()["hits"][0]["doc_id"], "words": ["yak"]}
        headers = {"origin": SITE, "sec-fetch-site": "cross-site", **BEARER}
        done = httpx2.put(f"{server.url}/api/denial", json=body, headers=headers, timeout=60)
        assert "yak" in done.json()["denied"]
        # An error can be read as well.
        refused = ask(server, "/api/search", origin=SITE)
        assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (
            401,
            True,
        )

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{SITE}.evil.example"])
    def test_any_other_site_gets_nothing(self, server: Server, origin: str) -> None:
        asked = {"access_control_request_method": "PUT", "origin": origin}
        may = ask(server, "/api/denial", "OPTIONS", **asked)
        assert "access-control-allow-origin" not in may.headers
        found = ask(server, "/api/search?q=red", origin=origin, **BEARER)
        assert "access-control-allow-origin" not in found.headers
        headers = {"origin": origin, **BEARER}
        body = {"doc_id": "x", "words": ["yak"]}
        done = httpx2.put(f"{server.url}/api/denial", json=body, headers=headers, timeout=60)
        assert (done.status_code, "another site" in done.json()["error"]) == (403, True)

    def test_it_is_never_on_this_machine_and_never_has_the_page(self, server: Server) -> None:
        doc_id = ask(server, "/api/search?q=red", **BEARER).json()["hits"][0]["doc_id"]
        at_home = ask(server, f"/api/picture?id={doc_id}", **BEARER).json()
        elsewhere = ask(server, f"/api/picture?id={doc_id}", origin=SITE, **BEARER).json()
        assert at_home["paths"] != elsewhere["paths"]
        assert (at_home["original"], elsewhere["original"]) == (True, False)
        page = ask(server, "/", origin=SITE, **BEARER)
        assert "access-control-allow-origin" not in page.headers

    @pytest.mark.parametrize("text", ["*", "photos.example.org", "https://x.org/path", "", "null"])
    def test_what_is_no_origin_is_told(self, folder: Path, text: str) -> None:
        with pytest.raises(LexsearchError, match="is no origin"):
            lexsearch.web.app(lexsearch.open(folder / "index"), origins=[text])


def test_pages_follow_one_another_to_the_end(server: Server) -> None:
    seen: list[str] = []
    after: int | None = 0
    while after is not None:
        found = ask(server, f"/api/search?k=7&skip={after}", **BEARER).json()
        seen += [hit["doc_id"] for hit in found["hits"]]
        after = found["next"]
    assert len(seen) == len(set(seen)) == found["total"] == 26


class Client:
    """Made from the OpenAPI document alone: a method for each operation, with the parameters it has
    there; every answer is checked against the schema that is promised for its status.
    """

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._http = httpx2.Client(base_url=url, headers=headers, timeout=60)
        self.document = self._http.get("/api/openapi.json").json()
        self.operations = {
            operation["operationId"]: (method, path, operation)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
        }

    def __getattr__(self, name: str) -> Any:
        method, path, operation = self.operations[name]
        places = {one["name"]: one for one in operation.get("parameters", [])}
        assert all(one["in"] == "query" for one in places.values())

        def call(body: object = None, **given: Any) -> Any:
            needed = {key for key, one in places.items() if one["required"]}
            assert needed <= given.keys() <= places.keys(), f"{name} has {[*places]}"
            for key, value in given.items():
                self._check(value, places[key]["schema"])
            if body is not None:
                self._check(body, operation["requestBody"]["content"]["application/json"]["schema"])
            answer = self._http.request(method, path, params=given, json=body)
            promised = operation["responses"][str(answer.status_code)]["content"]
            kind = answer.headers["content-type"].partition(";")[0]
            if kind != "application/json":
                assert kind in promised
                return answer.content
            self._check(answer.json(), promised[kind]["schema"])
            return answer.json()

        return call

    def _check(self, value: object, schema: dict[str, Any]) -> None:
        whole = {**schema, "components": self.document["components"]}
        jsonschema.validate(value, whole, cls=jsonschema.Draft202012Validator)


def test_a_client_made_from_the_document_can_do_everything(folder: Path, serve: Serve) -> None:
    with serve(folder / "index", "--key", KEY) as server:
        client = Client(server.url, BEARER)
        hit = client.search(q="red", k=1)["hits"][0]
        doc_id = hit["doc_id"]
        told = {
            "search": client.search(q="red, nothing-like-it"),
            "suggestions": client.suggestions(q="red"),
            "words": client.words(q="red", n=3),
            "complete": client.complete(q="re"),
            "shelves": client.shelves(),
            "duplicates": client.duplicates(k=3),
            "refinement": client.refinement(q="red", add=["whole"]),
            "picture": client.picture(id=doc_id, q="red"),
            "image": client.image(id=doc_id, side=320),
            "original": client.original(id=doc_id),
            "selection": client.selection(id=[doc_id], q="red"),
            "sheet": client.sheet(id=[doc_id]),
            "archive": client.archive(id=[doc_id]),
            "edit": client.edit({"doc_id": doc_id, "text": "a red thing"}),
            "deny": client.deny({"doc_id": doc_id, "words": ["yak"], "undo": False}),
            "favourite": client.favourite({"doc_ids": [doc_id]}),
            "album": client.album({"album": "lisbon", "doc_ids": [doc_id]}),
            "feed": client.feed({"run": False}),
            "status": client.status(),
        }
        assert set(told) == set(client.operations), "an operation has no example here"
        assert told["picture"]["name"] == "red.png"
        assert told["image"].startswith(b"\xff\xd8")
        assert told["original"].startswith(b"\x89PNG")
        assert client.search(q="thing")["hits"][0]["doc_id"] == doc_id
        assert "error" in client.picture(id="no such picture")
        schemes = client.document["components"]["securitySchemes"]
        assert set(schemes) == {"password", "key", "token"}
        assert {"key": []} in client.operations["edit"][2]["security"]


@contextlib.contextmanager
def running(application: Any) -> Iterator[str]:
    """Serve an application from this process; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def test_it_lives_in_an_application_of_ones_own(tmp_path: Path) -> None:
    """As docs/apps.md says: mounted, and searched from async code on threads, while it changes."""
    numbered_pictures(tmp_path / "photos", 8)
    with open_in_memory(tmp_path / "index") as index:
        index.add(tmp_path / "photos", captioner=FakeCaptioner(), crops="none")
        application = FastAPI()
        application.mount("/photos", lexsearch.web.app(index, keys=[KEY]))

        @application.get("/paths")
        async def paths(q: str) -> list[str | None]:
            return [hit.path for hit in await asyncio.to_thread(index.search, q)]

        async def many(url: str) -> list[httpx2.Response]:
            async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
                doc_ids = index.documents()
                edits = (
                    client.put(
                        "/photos/api/caption",
                        json={"doc_id": doc_id, "text": f"number {number}"},
                        headers=BEARER,
                    )
                    for number, doc_id in enumerate(doc_ids)
                )
                searches = (client.get("/paths", params={"q": "whole"}) for _ in range(40))
                return await asyncio.gather(*searches, *edits)

        with running(application) as url:
            assert "lexsearch" in httpx2.get(f"{url}/photos/", timeout=60).text
            answers = asyncio.run(many(url))
            assert {answer.status_code for answer in answers} == {200}
            assert all(len(answer.json()) <= 8 for answer in answers[:40])
            found = httpx2.get(f"{url}/photos/api/search", params={"q": "number"}, timeout=60)
            assert found.json()["total"] == 8
