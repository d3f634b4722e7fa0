"""The JSON API and its guard, asked over HTTP of a real `lexsearch serve`."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import signal
import socket
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import Serve, Server
from fakes import FakeCaptioner, picture
from PIL import Image

import lexsearch
import lexsearch.web
from lexsearch.web import guard
from lexsearch.web import service as asking
from lexsearch.web.cache import Searches
from lexsearch.web.guard import Guard
from lexsearch.web.thumbnails import Thumbnails

TOKEN = "a-token-for-tests"
HTML = "<img src=x onerror=alert(1)>"
OUTSIDE = "../../../../etc/passwd"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of pictures with friendly and hostile names, and of hostile imported captions."""
    folder = tmp_path_factory.mktemp("web")
    photos = folder / "photos"
    for colour in ("red", "green", "blue"):
        picture(photos / f"{colour}.png", colour, (640, 480))
    picture(photos / f"{HTML}.png", "purple")
    os.rename(picture(photos / "odd.png", "orange"), os.fsencode(photos) + b"/odd\xff.png")
    (photos / "note.jpg").write_text("not a picture")
    with lexsearch.open(folder / "index") as index:
        index.add(photos, captioner=FakeCaptioner())
        index.import_captions(
            json.dumps(row)
            for row in [
                {"doc_id": OUTSIDE, "text": "a hostile id", "path": "/etc/passwd"},
                {"doc_id": HTML, "text": f"a hostile caption {HTML}"},
                {"doc_id": "gone", "text": "a picture that is gone", "path": "/nowhere/x.png"},
                *({"doc_id": f"many-{n}", "text": f"one of many {n}"} for n in range(3000)),
            ]
        )
    return folder


@pytest.fixture(scope="module")
def server(folder: Path, serve: Serve) -> Iterator[Server]:
    with serve(folder / "index", "--token", TOKEN) as server:
        yield server


def search(server: Server, query: str, **more: object) -> dict:
    response = server.get("/api/search", q=query, **more)
    assert response.status_code == 200, response.text
    return response.json()


def id_of(server: Server, query: str) -> str:
    return search(server, query)["hits"][0]["doc_id"]


def edit(server: Server, doc_id: str, text: str | None, **headers: str) -> requests.Response:
    headers = {"x-lexsearch-token": TOKEN, **headers}
    body = {"doc_id": doc_id, "text": text}
    return requests.put(f"{server.url}/api/caption", json=body, headers=headers, timeout=30)


# Searching


def test_a_search_answers_with_hits_and_their_words(server: Server) -> None:
    answer = search(server, "red")
    hit = answer["hits"][0]
    assert (hit["rank"], hit["name"], hit["has_picture"]) == (1, "red.png", True)
    assert hit["words"] == ["red"]
    assert answer["total"] == 1


def test_pages_of_hits_follow_each_other(server: Server) -> None:
    whole = search(server, "many", k=200)
    pages = [search(server, "many", k=50, skip=skip) for skip in (0, 50, 100, 150)]
    assert whole["total"] == pages[0]["total"] == pages[3]["total"] == 3000
    assert [hit["doc_id"] for page in pages for hit in page["hits"]] == [
        hit["doc_id"] for hit in whole["hits"]
    ]
    assert [hit["rank"] for hit in pages[2]["hits"]] == list(range(101, 151))
    assert search(server, "many", k=50, skip=2980)["hits"][-1]["rank"] == 3000


@pytest.mark.java
def test_what_was_asked_before_is_remembered_until_the_index_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, now = [], asking.search

    def search(*given: Any, **how: Any) -> Any:
        asked.append(given)
        return now(*given, **how)

    monkeypatch.setattr(asking, "search", search)
    with lexsearch.open(tmp_path / "index") as index, lexsearch.open(index.path) as other:
        other.import_captions([json.dumps({"doc_id": "one", "text": "a dog"})])
        searches = Searches(index)

        def found(query: str = "dog") -> list[str]:
            return [hit["doc_id"] for hit in json.loads(searches.page(query, 10, 0))["hits"]]

        assert found() == found() == ["one"]
        assert len(asked) == 1
        other.import_captions([json.dumps({"doc_id": "two", "caption_id": "1", "text": "a dog"})])
        assert sorted(found()) == ["one", "two"]
        other.remove("one")
        assert found() == ["two"]
        other.edit_caption("two", "a cat", caption_id="1")
        assert found() == []
        index.close()
        assert found("cat") == ["two"]


def test_rounds_change_the_query(server: Server) -> None:
    def refined(**change: object) -> str:
        return server.get("/api/refinement", **change).json()["query"]

    doc_id = id_of(server, "red")
    assert refined(q="red", add=["blue", "-green"]) == "red, blue, -green"
    assert refined(q="red, blue, -green", drop=["blue"]) == "red, -green"
    assert refined(q="", like=doc_id) == refined(q=f"like:{doc_id}") == 'like:"red.png"'
    assert search(server, 'like:"red.png"')["keywords"][0]["like"] == doc_id
    liked = refined(q="many", like=doc_id, unlike="many-1")
    assert refined(q=liked) == liked
    assert server.get("/api/refinement", q="red", drop="blue").status_code == 404


def test_all_of_a_query_can_be_required(server: Server) -> None:
    switch = search(server, "red, blue, -green")["switch"]
    assert switch == {"on": False, "all": "+red, +blue, -green", "any": "red, blue, -green"}
    assert search(server, switch["all"])["switch"] == {**switch, "on": True}
    assert search(server, "+red, blue")["switch"]["on"] is False
    assert search(server, "red, -blue")["switch"] is None
    assert search(server, "a red picture")["switch"] is None


def test_nobody_reads_hexadecimal_numbers(server: Server) -> None:
    doc_id = id_of(server, "red")
    answer = search(server, f"half, like:{doc_id}", k=5)
    assert answer["query"] == 'half, like:"red.png"'
    for hit in answer["hits"]:
        told = [*hit["missing"], *(one["keyword"] for one in hit["evidence"])]
        assert not any(doc_id in word for word in told)


def test_words_of_a_result_are_counted(server: Server) -> None:
    answer = server.get("/api/words", q="red", n=100).json()["words"]
    assert {"word": "red", "count": 1} in answer
    assert server.get("/api/words", q="red", n=3).json()["words"] == answer[:3]
    assert server.get("/api/words", q="nosuchword").json() == {"words": []}


def complete(server: Server, typed: str, n: int = 8) -> list[dict]:
    def asked() -> list[dict]:
        return server.get("/api/completions", q=typed, n=n).json()["completions"]

    for _ in range(100):  # until the words are read
        if server.get("/api/completions", q="o").json()["completions"]:
            break
        time.sleep(0.1)
    return asked()


def test_words_are_offered_with_how_many_pictures_have_them(server: Server) -> None:
    assert complete(server, "man") == [{"query": "many", "text": "many", "count": 3000}]
    assert complete(server, "red, -MAN")[0]["query"] == "red, -many"
    assert [one["text"] for one in complete(server, "te", 2)] == ["text:"]
    assert {"query": "about:", "text": "about:", "count": None} in complete(server, "a")
    assert complete(server, "name:many") == complete(server, "") == complete(server, "a ") == []
    assert len(complete(server, "h", 1)) == 1


@pytest.mark.java
def test_months_are_offered_as_dates(tmp_path: Path) -> None:
    rows = [("a", "2023-07-14"), ("b", "2023-07-01"), ("c", "2021-01-02")]
    with lexsearch.open(tmp_path / "index") as index:
        for doc_id, date in rows:
            said = {"doc_id": doc_id, "text": "a dog", "caption_id": "1"}
            taken = {"doc_id": doc_id, "text": date, "field": "date", "crop": "file"}
            index.import_captions(map(json.dumps, [said, taken]))
        known = index.vocabulary()
    assert index.months() == {"2023-07": 2, "2021-01": 1}
    assert [(one.word, one.count) for one in known.starting("d", 5)] == [("dog", 3)]


def test_folders_are_browsed_each_by_a_query(tmp_path: Path, index: lexsearch.Index) -> None:
    for name in ("a.png", "2023/b.png", "2023/Norway/day 1/c.png", "2023/Norway/d.png"):
        picture(tmp_path / "photos" / name, "red" if "a" in name else "blue", (9 + len(name), 9))
    index.add(tmp_path / "photos", captioner=FakeCaptioner())
    shelves = asking.shelves(index, True)["folders"]
    assert [(one["name"], one["count"]) for one in shelves] == [
        ("photos", 4),
        ("photos/2023", 3),
        ("photos/2023/Norway", 2),
        ("photos/2023/Norway/day 1", 1),
    ]
    for one in shelves:
        assert index.total(one["query"], "all") == one["count"], one


def test_a_word_that_no_picture_has_is_told_with_what_is_near(server: Server) -> None:
    answer = search(server, "redd, green")
    assert answer["unknown"][0]["keyword"] == "redd"
    assert "red" in [near["word"] for near in answer["unknown"][0]["nearest"]]
    assert answer["hits"][0]["missing"] == ["redd"]


def test_without_a_query_the_newest_pictures_are_shown(server: Server) -> None:
    answer = search(server, " ")
    assert answer["total"] == len(answer["hits"]) == 5
    assert {hit["name"] for hit in answer["hits"]} >= {"red.png", f"{HTML}.png"}


def test_a_file_name_that_is_no_text_is_shown_all_the_same(server: Server) -> None:
    hit = search(server, "orange")["hits"][0]
    assert hit["name"] == "odd\N{REPLACEMENT CHARACTER}.png"
    assert server.get("/api/image", id=hit["doc_id"]).status_code == 200


@pytest.mark.parametrize(
    "parameters",
    [
        {"q": "red", "k": 10**9},
        {"q": "red", "k": -1},
        {"q": "red", "skip": 10**12},
        {"q": "red", "k": "many"},
        {"q": "x" * 5000},
    ],
)
def test_what_is_beyond_bounds_is_refused_with_the_reason(
    server: Server, parameters: dict[str, object]
) -> None:
    response = server.get("/api/search", **parameters)
    assert response.status_code == 422
    assert response.json()["error"]


# Pictures


def test_a_picture_is_shown_as_a_small_jpeg_of_our_own(server: Server) -> None:
    response = server.get("/api/image", id=id_of(server, "red"), side=320)
    image = Image.open(io.BytesIO(response.content))
    assert response.headers["content-type"] == "image/jpeg"
    assert (image.format, image.size) == ("JPEG", (320, 240))
    larger = server.get("/api/image", id=id_of(server, "red"), side=2048)
    assert Image.open(io.BytesIO(larger.content)).size == (640, 480)  # never enlarged


@pytest.mark.parametrize(
    "name",
    ["nothing", OUTSIDE, "gone", "/etc/passwd", "..", "\0", "%2e%2e%2f", HTML, "red.png", "\ud800"],
)
def test_only_pictures_of_the_index_are_served(server: Server, name: str) -> None:
    response = server.get("/api/image", id=name.encode("utf-8", "surrogatepass"))
    assert response.status_code == 404
    assert "root:" not in response.text


def test_the_file_itself_is_given_on_this_machine_alone(folder: Path, serve: Serve) -> None:
    proxied = {"x-forwarded-for": "192.168.0.9"}
    for options, status in (((), 403), (("--originals",), 200)):
        with serve(folder / "index", *options) as server:
            doc_id = id_of(server, "red")
            asked = f"{server.url}/api/original?id={doc_id}"
            given = requests.get(asked, timeout=30)
            assert given.content == (folder / "photos" / "red.png").read_bytes()
            assert given.headers["content-disposition"] == 'attachment; filename="red.png"'
            assert given.headers["content-type"] == "application/octet-stream"
            assert requests.get(asked, headers=proxied, timeout=30).status_code == status
            known = f"{server.url}/api/picture?id={doc_id}"
            there = requests.get(known, headers=proxied, timeout=30).json()
            assert there["original"] is (status == 200)
            for hostile in (OUTSIDE, "gone", "/etc/passwd"):  # an import may name any path
                assert server.get("/api/original", id=hostile).status_code == 404


def test_a_path_is_never_taken_for_a_picture(server: Server, folder: Path) -> None:
    for path in ("/etc/passwd", str(folder / "photos" / "red.png"), "photos/red.png"):
        assert server.get("/api/picture", id=path).status_code == 404
        for query in (f'like:"{path}"', f'red, -like:"{path}"'):
            assert server.get("/api/search", q=query).status_code == 404
            assert server.get("/api/words", q=query).status_code == 404
        assert server.get("/api/refinement", q="red", like=path).status_code == 404
        assert edit(server, path, "mine").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/static/../guard.py",
        "/static/%2e%2e/guard.py",
        "/static/..%2fguard.py",
        "/static//etc/passwd",
        "/static/",
        "/../../etc/passwd",
        "/api/nothing",
    ],
)
def test_no_file_but_those_of_the_page_is_served(server: Server, path: str) -> None:
    with socket.create_connection((server.host, server.port), timeout=10) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 405"))
    assert b"Guard" not in answer
    assert b"root:" not in answer


def test_a_removed_picture_is_not_served(folder: Path, serve: Serve, tmp_path: Path) -> None:
    place = picture(tmp_path / "photos" / "black.png", "black")
    with lexsearch.open(tmp_path / "index") as index:
        index.add(place, captioner=FakeCaptioner())
        with serve(tmp_path / "index") as server:
            doc_id = id_of(server, "black")
            assert server.get("/api/image", id=doc_id).status_code == 200
            index.remove(place)
            assert server.get("/api/image", id=doc_id).status_code == 404
            assert search(server, "black")["hits"] == []


def test_captions_are_listed_by_crop(server: Server) -> None:
    known = server.get("/api/picture", id=id_of(server, "green")).json()
    assert (known["name"], known["width"], known["height"]) == ("green.png", 640, 480)
    assert known["captions"][0]["crop"] == "whole"
    left = next(row for row in known["captions"] if row["crop"] == "left half")
    assert left["box"] == [0, 0, 320, 480]
    assert left["text"].startswith("green left half")


def test_a_picture_says_why_it_matches_a_query(server: Server) -> None:
    doc_id = id_of(server, "green")
    known = server.get("/api/picture", id=doc_id, q="green, red").json()
    assert [one["keyword"] for one in known["hit"]["evidence"]] == ["green"]
    assert known["hit"]["missing"] == ["red"]
    assert server.get("/api/picture", id=doc_id, q="red").json()["hit"] is None


# Correcting captions


def test_a_correction_sticks_and_can_be_taken_back(server: Server, folder: Path) -> None:
    doc_id = id_of(server, "blue")
    assert search(server, "lake")["hits"] == []
    answer = edit(server, doc_id, "a lake")
    assert answer.status_code == 200
    assert (
        answer.json()["captions"][0] | {"text": "a lake", "source": "human"}
        == (answer.json()["captions"][0])
    )
    assert id_of(server, "lake") == doc_id
    with lexsearch.open(folder / "index") as index:  # for every other process too
        assert index.search("lake")[0].doc_id == doc_id
    assert edit(server, doc_id, None).json()["captions"][0]["source"] == "model"
    assert search(server, "lake")["hits"] == []


def test_a_correction_is_text_and_nothing_else(server: Server) -> None:
    doc_id = id_of(server, "green")
    for text in (HTML, "\ud83d", "a\0b", "x" * 20_000, "  "):
        response = edit(server, doc_id, text)
        assert response.status_code in (200, 400, 422), response.text
    assert edit(server, doc_id, None).status_code == 200


def test_a_crop_that_is_not_there_is_named(server: Server) -> None:
    body = {"doc_id": id_of(server, "red"), "text": "x", "crop": "nowhere"}
    headers = {"x-lexsearch-token": TOKEN}
    response = requests.put(f"{server.url}/api/caption", json=body, headers=headers, timeout=30)
    assert response.status_code == 404
    assert "nowhere" in response.json()["error"]


# Denying words


def deny(server: Server, doc_id: str, *words: str, **more: Any) -> requests.Response:
    body = {"doc_id": doc_id, "words": list(words), **more}
    headers = {"x-lexsearch-token": TOKEN}
    return requests.put(f"{server.url}/api/denial", json=body, headers=headers, timeout=30)


def test_a_wrong_word_is_denied_and_allowed_again(server: Server) -> None:
    doc_id = id_of(server, "blue")
    known = deny(server, doc_id, "blue", q="blue, half").json()
    assert known["denied"] == ["blue"]
    # the name of the file still says it
    assert {word for one in known["hit"]["evidence"] for word in one["crops"]}.isdisjoint({"whole"})
    assert search(server, "blue -name:blue")["total"] == 0
    again = deny(server, doc_id, "blue", undo=True, q="blue").json()
    assert again["denied"] == []
    assert "whole" in again["hit"]["evidence"][0]["crops"]
    assert deny(server, doc_id, "blue", undo=True).status_code == 404  # not denied
    assert deny(server, doc_id, " ").status_code == 422
    assert deny(server, doc_id).status_code == 422
    assert deny(server, OUTSIDE + "x", "blue").status_code == 404


# Favourites and albums


def put(server: Server, path: str, **body: Any) -> requests.Response:
    """A change, again where there were too many at once."""
    headers = {"x-lexsearch-token": TOKEN}
    answer = requests.put(f"{server.url}/api/{path}", json=body, headers=headers, timeout=30)
    if answer.status_code == 429:
        time.sleep(int(answer.headers["retry-after"]))
        return put(server, path, **body)
    return answer


def test_favourites_and_albums_are_kept_and_browsed(server: Server) -> None:
    ids = [id_of(server, colour) for colour in ("red", "green")]
    assert put(server, "favourite", doc_ids=ids).json() == {"changed": 2}
    assert put(server, "favourite", doc_ids=ids[:1], undo=True).json() == {"changed": 1}
    assert [hit["favourite"] for hit in search(server, "is:favourite")["hits"]] == [True]
    assert put(server, "album", album="Été", doc_ids=ids).json() == {"changed": 2}
    shelves = server.get("/api/shelves").json()
    assert shelves["favourites"] == 1
    assert shelves["albums"] == [{"name": "Été", "count": 2, "query": 'album:"Été"'}]
    assert search(server, "album:ete")["total"] == 2
    known = server.get("/api/picture", id=ids[1]).json()
    assert (known["favourite"], known["albums"]) == (True, ["Été"])
    assert not any(row["field"] in ("album", "is") for row in known["captions"])
    texts = [one["query"] for one in completions(server, "album:e")]
    assert texts == ["album:Été"]
    assert completions(server, "is:f")[0]["query"] == "is:favourite"
    assert put(server, "favourite", doc_ids=ids[1:], undo=True).json() == {"changed": 1}
    assert put(server, "album", album="été", doc_ids=ids, undo=True).json() == {"changed": 2}
    assert put(server, "album", album="été", doc_ids=ids, undo=True).status_code == 400
    assert server.get("/api/shelves").json()["albums"] == []


def completions(server: Server, text: str) -> list[dict[str, Any]]:
    return server.get("/api/completions", q=text).json()["completions"]


@pytest.mark.parametrize(
    "name", [HTML, "\u202egpj.nikeb", "🐈" * 9, 'a "b", -c', "no\nline", "x" * 200]
)
def test_any_name_of_an_album_is_kept_and_asked_for(server: Server, name: str) -> None:
    doc_id = id_of(server, "blue")
    assert put(server, "album", album=name, doc_ids=[doc_id]).json() == {"changed": 1}
    [shelf] = server.get("/api/shelves").json()["albums"]
    assert [hit["doc_id"] for hit in search(server, shelf["query"])["hits"]] == [doc_id]
    done = put(server, "album", album=shelf["name"], doc_ids=[doc_id], undo=True)
    assert done.json() == {"changed": 1}


def test_what_is_no_album_is_refused_in_words(server: Server) -> None:
    doc_id = id_of(server, "blue")
    for name in ("x" * 10_000, "", "., ;", "\u202e", "_"):
        refused = put(server, "album", album=name, doc_ids=[doc_id])
        assert refused.status_code in (400, 422), name
        assert refused.json()["error"]
    assert put(server, "album", album="a", doc_ids=[OUTSIDE + "x"]).status_code == 404
    assert put(server, "favourite", doc_ids=[]).status_code == 422


# Several pictures


def test_several_pictures_are_packed_drawn_and_told(server: Server, folder: Path) -> None:
    ids = [id_of(server, colour) for colour in ("red", "green")]
    packed = server.get("/api/archive", id=[*ids, ids[0], "gone", OUTSIDE])
    assert packed.headers["content-disposition"] == 'attachment; filename="pictures.zip"'
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert archive.read("red.png") == (folder / "photos" / "red.png").read_bytes()
        told = archive.read(names[-1]).decode()
    assert names == ["red.png", "green.png", "not in this archive.txt"]
    assert "passwd: no picture" in told
    assert "x.png: no picture" in told
    sheet = server.get("/api/sheet", id=ids)
    assert Image.open(io.BytesIO(sheet.content)).format == "JPEG"
    assert server.get("/api/sheet", id="gone").status_code == 404
    known = server.get("/api/selection", id=ids, q="red").json()
    assert [one["words"] for one in known] == [["red"], []]
    assert known[0]["paths"] == [str(folder / "photos" / "red.png")]
    through = {"x-forwarded-for": "10.0.0.1"}
    address = f"{server.url}/api/archive?id={ids[0]}"
    assert requests.get(address, headers=through, timeout=30).status_code == 403
    address = f"{server.url}/api/selection?id={ids[0]}"
    assert requests.get(address, headers=through, timeout=30).json()[0]["paths"] == ["red.png"]
    assert server.get("/api/selection", id="nobody").status_code == 404
    assert server.get("/api/archive", id=["x"] * 201).status_code == 422


# The guard


@pytest.mark.parametrize(
    "headers",
    [
        {"x-lexsearch-token": ""},
        {"x-lexsearch-token": "another"},
        {"x-lexsearch-token": TOKEN + "\xe9"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_changes_need_the_token_and_the_right_origin(
    server: Server, headers: dict[str, str]
) -> None:
    doc_id = id_of(server, "red")
    assert edit(server, doc_id, "stolen", **headers).status_code == 403
    assert search(server, "stolen")["hits"] == []


def test_the_pages_own_origin_may_change_captions(server: Server) -> None:
    headers = {"origin": server.url, "sec-fetch-site": "same-origin"}
    assert edit(server, id_of(server, "red"), None, **headers).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "", "localhost.evil.example", "[::1"]
)
def test_other_names_are_not_answered_to(server: Server, host: str) -> None:
    """An attacker's name server may say that evil.example is 127.0.0.1."""
    response = requests.get(f"{server.url}/", headers={"host": host}, timeout=30)
    assert response.status_code in (400, 421)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "127.0.0.1", "[::1]:8765", "192.168.1.7"]
)
def test_addresses_and_localhost_are(server: Server, host: str) -> None:
    assert requests.get(f"{server.url}/", headers={"host": host}, timeout=30).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/static/page.js", "/api/search?q=red", "/api/image?id=x", "/x"]
)
def test_every_answer_carries_strict_headers(server: Server, path: str) -> None:
    headers = requests.get(f"{server.url}{path}", timeout=30).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_the_page_has_nothing_inline(server: Server) -> None:
    page = requests.get(f"{server.url}/?q={HTML}", timeout=30).text
    assert HTML not in page
    assert "onclick" not in page
    assert "<style" not in page
    assert "style=" not in page
    assert page.count("<script") == page.count('<script type="module" src=') == 1


def test_too_much_is_refused_before_it_is_read(server: Server) -> None:
    headers = {"x-lexsearch-token": TOKEN}
    body = b'{"doc_id": "' + b"x" * 10_000_000
    response = requests.put(f"{server.url}/api/caption", data=body, headers=headers, timeout=30)
    assert response.status_code == 413


def test_a_password_is_asked_of_everybody(folder: Path, serve: Serve) -> None:
    with serve(folder / "index", variables={"LEXSEARCH_PASSWORD": "pässword"}) as server:
        for path in ("/", "/static/page.js", "/api/search?q=red", "/api/openapi.json"):
            answer = requests.get(f"{server.url}{path}", timeout=30)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic")
        right = base64.b64encode("anyone:pässword".encode()).decode()
        wrong = base64.b64encode(b"anyone:guess").decode()

        def ask(word: str) -> int:
            headers = {"authorization": f"Basic {word}"}
            return requests.get(f"{server.url}/", headers=headers, timeout=30).status_code

        assert ask(right) == 200
        assert {ask(wrong) for _ in range(9)} == {401}
        assert ask("no base64") == 401
        assert {ask(wrong) for _ in range(5)} >= {429}
        assert ask(right) == 429  # so that a right guess among many is no use


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("https://photos.example.org", "photos.example.org", True),
        ("https://photos.example.org", "photos.example.org:443", True),
        ("http://photos.example.org", "photos.example.org:80", True),
        ("https://photos.example.org:8443", "photos.example.org:8443", True),
        ("https://PHOTOS.example.org", "photos.EXAMPLE.org", True),
        ("http://[::1]:8765", "[::1]:8765", True),
        ("https://photos.example.org", "photos.example.org:80", False),
        ("https://photos.example.org", "photos.example.org:8443", False),
        ("https://evil.example.org", "photos.example.org:443", False),
        ("http://[", "photos.example.org", False),
        ("http://photos.example.org:x", "photos.example.org", False),
        ("null", "photos.example.org", False),
    ],
)
def test_a_default_port_is_like_none(origin: str, host: str, same: bool) -> None:
    assert guard._is_origin_of(origin, host) is same


def test_an_origin_that_is_no_address_is_refused(server: Server) -> None:
    answer = edit(server, id_of(server, "red"), "x", origin="http://[")
    assert answer.status_code == 403


def test_head_is_get_without_the_body(server: Server) -> None:
    doc_id = id_of(server, "red")
    for path in ("/", "/api/status", "/api/search?q=dog", f"/api/image?id={doc_id}"):
        head = requests.head(f"{server.url}{path}", timeout=30)
        got = requests.get(f"{server.url}{path}", timeout=30)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers["content-type"] == got.headers["content-type"]


@pytest.mark.java
def test_processes_over_one_index_agree_on_a_token(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEXSEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LEXSEARCH_TOKEN", raising=False)
    with lexsearch.open(folder / "index") as index, lexsearch.open(tmp_path / "other") as other:
        tokens = {token_of(index) for _ in range(3)}
        assert len(tokens) == 1
        assert token_of(other) not in tokens
        monkeypatch.setenv("LEXSEARCH_TOKEN", "mine")
        assert token_of(index) == "mine"


def token_of(index: lexsearch.Index) -> str:
    guard = lexsearch.web.app(index)
    assert isinstance(guard, Guard)
    return guard._token


def test_full_paths_and_what_a_file_says_of_itself_stay_on_this_machine(
    tmp_path: Path, serve: Serve
) -> None:
    with lexsearch.open(tmp_path / "index") as index:
        rows = [
            {"doc_id": "a", "text": "a red bus", "path": "/home/ada/photos/a.jpg"},
            {"doc_id": "a", "text": "Lisbon", "field": "about", "caption_id": "1"},
            {"doc_id": "a", "text": "2019-07-14", "field": "date", "caption_id": "2"},
        ]
        index.import_captions(map(json.dumps, rows))
    with serve(tmp_path / "index") as server:
        here = server.get("/api/picture", id="a").json()
        assert here["paths"] == ["/home/ada/photos/a.jpg"]
        assert {row["field"] for row in here["captions"]} == {"caption", "about", "date"}
        headers = {"x-forwarded-for": "192.0.2.7"}
        answer = requests.get(
            f"{server.url}/api/picture", params={"id": "a"}, headers=headers, timeout=30
        )
        assert "Lisbon" not in answer.text
        assert "2019" not in answer.text
        assert "/home/ada" not in answer.text


def test_a_page_open_to_a_network_only_reads_unless_told(folder: Path, serve: Serve) -> None:
    for options, writable in (((), False), (("--allow-changes",), True)):
        with serve(folder / "index", "--host", "0.0.0.0", *options) as server:
            assert server.get("/api/status").json()["writable"] is writable


def test_a_port_that_is_taken_is_named(folder: Path, server: Server, lexsearch_command) -> None:
    done = lexsearch_command("serve", "--index", folder / "index", "--port", server.port)
    assert done.returncode == 4
    assert f"port {server.port} (address already in use)" in done.stderr


def test_a_page_that_only_reads_changes_nothing(folder: Path, serve: Serve) -> None:
    with serve(folder / "index", "--read-only", "--token", TOKEN) as server:
        assert edit(server, id_of(server, "red"), "mine").status_code == 403
        assert server.get("/api/status").json()["writable"] is False


def test_slow_clients_hold_nobody_up(server: Server) -> None:
    slow = [socket.create_connection((server.host, server.port), timeout=30) for _ in range(100)]
    try:
        for client in slow[:50]:
            client.sendall(b"GET /api/search?q=red HTTP/1.1\r\nHost: local")
        for client in slow[50:]:
            head = f"PUT /api/caption HTTP/1.1\r\nHost: localhost\r\nX-Lexsearch-Token: {TOKEN}\r\n"
            client.sendall(f"{head}Content-Length: 500\r\n\r\n{{".encode())
        start = time.perf_counter()
        assert search(server, "red")["hits"]
        assert time.perf_counter() - start < 5
        slow[0].settimeout(20)
        assert slow[0].recv(1000) == b""  # the server hangs up on who never asks
    finally:
        for client in slow:
            client.close()


def test_many_searches_at_once_are_all_answered(server: Server) -> None:
    search(server, "one of many", k=200)
    before = server.memory()
    queries = [f"red, many, word{n}" for n in range(200)]
    with ThreadPoolExecutor(200) as clients:
        answers = list(clients.map(lambda query: search(server, query, k=50), queries))
    assert all(len(answer["hits"]) == 50 for answer in answers)
    assert server.memory() - before < 300


def test_broken_requests_are_refused(server: Server) -> None:
    for request in (b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 100_000):
        with socket.create_connection((server.host, server.port), timeout=15) as raw:
            raw.sendall(request)
            with contextlib.suppress(ConnectionResetError):
                assert raw.recv(100)[9:10] in (b"4", b"")
    assert search(server, "red")["hits"]


# What goes on


def test_the_state_tells_of_failures_and_of_a_running_index(folder: Path, server: Server) -> None:
    state = server.get("/api/status").json()
    assert (state["pictures"], state["failed"], state["running"]) == (5, 1, None)
    assert state["failures"][0]["reason"] == "not a picture, or damaged"
    told = []

    class Looking(FakeCaptioner):
        def caption(self, views):
            told.append(server.get("/api/status").json()["running"])
            return super().caption(views)

    picture(folder / "photos" / "white.png", "white")
    with lexsearch.open(folder / "index") as index:
        index.add(folder / "photos", captioner=Looking())
        index.remove(folder / "photos" / "white.png")
    stages = [running["stage"] for running in told if running]
    assert "describing" in stages
    assert server.get("/api/status").json()["running"] is None


def test_what_a_killed_process_left_is_not_taken_for_a_running_one(tmp_path: Path) -> None:
    from lexsearch.storage.progress_file import running, writer_lock

    gone = {"started": 0.0, "told": time.time()}
    progress = {"stage": "x", "done": 1, "total": 2, "unit": "picture", "failed": 0}
    (tmp_path / "running.json").write_text(json.dumps({**gone, "progress": progress}))
    assert running(tmp_path) is None
    with writer_lock(tmp_path).acquire():
        assert running(tmp_path).progress.done == 1
        (tmp_path / "running.json").write_text("{")
        assert running(tmp_path) is None


def test_thumbnails_stay_within_their_bound(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path / "cache", max_bytes=20_000)
    places = [picture(tmp_path / f"{n}.png", (n, n, n), (300, 200)) for n in range(60)]
    for place in places:
        thumbnails.get(str(place), 160)
    newest = thumbnails.get(str(places[-1]), 160)
    thumbnails.sweep()
    kept = list((tmp_path / "cache").glob("*/*.jpg"))
    assert 0 < sum(file.stat().st_size for file in kept) <= 20_000
    assert newest in [file.read_bytes() for file in kept]


def test_a_thumbnail_is_made_anew_when_the_file_changes(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path / "cache")
    place = picture(tmp_path / "x.png", "red")
    before = thumbnails.get(str(place), 160)
    picture(place, "blue", (65, 48))
    assert thumbnails.get(str(place), 160) != before


def test_a_page_can_be_mounted_in_another_application(folder: Path, run_python) -> None:
    done = run_python(
        """
import sys
from starlette.applications import Starlette
from starlette.routing import Mount
import uvicorn, threading, requests, time, socket
import lexsearch, lexsearch.web
index = lexsearch.open(sys.argv[1])
site = Starlette(routes=[Mount("/photos", lexsearch.web.app(index))])
listening = socket.create_server(("127.0.0.1", 0))
server = uvicorn.Server(uvicorn.Config(site, log_level="warning"))
thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
thread.start()
url = f"http://127.0.0.1:{listening.getsockname()[1]}/photos"
page = requests.get(url).text
print('data-root="/photos"' in page, 'src="/photos/static/page.js"' in page)
print(requests.get(f"{url}/static/page.js").status_code)
print(requests.get(f"{url}/api/search?q=red").json()["hits"][0]["name"])
server.should_exit = True
thread.join()
""",
        folder / "index",
    )
    assert done.stdout.split("\n")[:3] == ["True True", "200", "red.png"], done.stderr


# Several workers


def workers_of(process: int) -> set[int]:
    """The processes that a server started to share its work."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == process and b"spawn_main" in (place / "cmdline").read_bytes():
                found.add(int(place.name))
    return found


def gone(processes: set[int]) -> bool:
    """Whether all have ended, in a while."""
    for _ in range(600):
        if not any(Path(f"/proc/{one}/cmdline").exists() for one in processes):
            return True
        time.sleep(0.1)
    return False


def test_workers_share_the_work_and_end_together(folder: Path, serve: Serve) -> None:
    with serve(folder / "index", "--token", TOKEN, "--workers", "2") as server:
        assert search(server, "red")["hits"][0]["name"] == "red.png"
        workers = workers_of(server.process.pid)
        assert len(workers) == 2
        ids = [f"many-{number}" for number in range(12)]
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda doc_id: edit(server, doc_id, "corrected"), ids))
        assert [answer.status_code for answer in answers] == [200] * len(ids)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(60) == 130
        assert gone(workers)
    with lexsearch.open(folder / "index") as index:
        assert index.search("corrected", 1).total == len(ids)
        for doc_id in ids:
            index.edit_caption(doc_id, None)


def test_workers_end_where_the_server_is_killed(folder: Path, serve: Serve) -> None:
    with serve(folder / "index", "--workers", "2") as server:
        assert search(server, "red")["total"] == 1
        workers = workers_of(server.process.pid)
        server.process.kill()
        assert gone(workers)
