"""Folders are added on the page: by whom, and what becomes of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from conftest import Serve, Server, open_in_memory
from fakes import FakeCaptioner, numbered_pictures, picture

from lexsearch.captioners import CaptionerSpec
from lexsearch.errors import LexsearchError
from lexsearch.web import Feeder
from lexsearch.web.peers import is_own_user

TOKEN = "a-token-for-tests"
FAR_AWAY = 300.0  # seconds after which a test gives up, however slow the machine is


@pytest.fixture
def index_folder(tmp_path: Path) -> Path:
    """An index of nothing."""
    with open_in_memory(tmp_path / "index"):
        return tmp_path / "index"


@pytest.fixture
def served(serve: Serve, index_folder: Path, tmp_path: Path):
    """Serves the index with a captioner that waits for the file `gate`."""

    @contextmanager
    def serving(*options: str, captioner: str = "GatedCaptioner") -> Iterator[Server]:
        variables = {"GATE": str(tmp_path / "gate")}
        given = ("--token", TOKEN, *options)
        with serve(index_folder, *given, variables=variables, captioner=captioner) as server:
            yield server

    return serving


def feed(server: Server, run: bool, folder: object = None, **headers: str) -> requests.Response:
    body = {"run": run, "folder": None if folder is None else str(folder)}
    headers = {"x-lexsearch-token": TOKEN, **headers}
    return requests.put(f"{server.url}/api/feeding", json=body, headers=headers, timeout=60)


def state_when(server: Server, holds: Callable[[dict], object]) -> dict:
    """The state, as soon as something holds of it."""
    until = time.monotonic() + FAR_AWAY
    while not holds(state := server.get("/api/status").json()):
        assert time.monotonic() < until, state
        time.sleep(0.05)
    return state


def is_describing(state: dict) -> bool:
    return bool(state["running"]) and state["running"]["unit"] == "view"


def test_a_folder_is_added_paused_and_goes_on(served, photos: Path, tmp_path: Path) -> None:
    numbered_pictures(photos, 40)
    with served() as server:
        assert server.get("/api/status").json()["feeding"]["runs"] is False
        assert feed(server, True, photos).json()["feeding"]["runs"] is True
        state = state_when(server, is_describing)
        assert 0 <= state["running"]["share"] < 1
        assert feed(server, False).json()["feeding"]["ends"] is True
        (tmp_path / "gate").touch()
        state = state_when(server, lambda state: not state["feeding"]["runs"])
        described = sum(stage["pictures"] for stage in state["stages"])
        assert 0 < described < 40
        assert state["folders"] == [str(photos)]
        assert state["feeding"]["error"] == ""
        feed(server, True)
        state = state_when(server, lambda state: not state["feeding"]["runs"])
        assert [stage["pictures"] for stage in state["stages"]] == [40, 40]
        assert server.get("/api/search", q="left half").json()["total"] == 40


def test_a_correction_does_not_wait_for_the_end(served, photos: Path, tmp_path: Path) -> None:
    numbered_pictures(photos, 40)
    with served() as server:
        feed(server, True, photos)
        state_when(server, is_describing)
        (tmp_path / "gate").touch()
        first = server.get("/api/search", k=1).json()["hits"][0]["doc_id"]
        body = {"doc_id": first, "words": ["zebra"]}
        headers = {"x-lexsearch-token": TOKEN}
        done = requests.put(f"{server.url}/api/denial", json=body, headers=headers, timeout=60)
        assert done.json().get("denied") == ["zebra"], done.text
        state = state_when(server, lambda state: not state["feeding"]["runs"])
        assert [stage["pictures"] for stage in state["stages"]] == [40, 40]


def test_what_failed_is_tried_again(served, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    (photos / "a.png").write_bytes(b"not there yet")
    with served() as server:
        feed(server, True, photos)
        state_when(server, lambda state: state["failed"] and not state["feeding"]["runs"])
        picture(photos / "a.png", "red")
        feed(server, True, photos)
        state = state_when(server, lambda state: not state["feeding"]["runs"])
        assert (state["failed"], state["searchable"]) == (0, 1)


def test_serving_follows_what_changes(served, photos: Path, tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "gate").touch()
    picture(photos / "a.png", "red")
    with served("--watch") as server:
        feed(server, True, photos)
        state = state_when(server, lambda state: state["searchable"] == 1)
        assert state["feeding"]["watches"]
        picture(photos / "b.png", "green")
        state_when(server, lambda state: state["searchable"] == 2)
        (photos / "a.png").unlink()
        state = state_when(server, lambda state: state["searchable"] == 1)
        assert state["feeding"]["runs"]


@pytest.mark.parametrize(
    ("folder", "says"),
    [
        ("photos", "write the whole path"),
        ("/no/such/folder", "there is no folder /no/such/folder on this machine"),
        ("", "write the whole path"),
        ("/etc/passwd", "there is no folder /etc/passwd"),
        ("/a\0b", "there is no folder"),
        ("/" + "x" * 3000, "there is no folder"),
        ("~nobody-of-this-name/x", "write the whole path"),
    ],
)
def test_what_is_no_folder_is_refused(folder: str, says: str, index_folder: Path) -> None:
    feeder = Feeder(open_in_memory(index_folder))
    with pytest.raises(LexsearchError, match=says):
        feeder.run(folder)
    assert not feeder.now().runs


class TestWhoMay:
    def test_nobody_where_the_page_only_reads(self, served, photos: Path) -> None:
        with served("--read-only") as server:
            assert feed(server, True, photos).status_code == 403
            assert server.get("/api/status").json()["feeding"] is None

    def test_nobody_through_a_proxy_or_from_another_site(self, served, photos: Path) -> None:
        with served() as server:
            refused = feed(server, True, photos, **{"x-forwarded-for": "127.0.0.1"})
            assert refused.status_code == 403
            assert "lexsearch index" in refused.json()["error"]
            assert feed(server, True, photos, origin="http://evil.example").status_code == 403
            assert feed(server, True, photos, **{"x-lexsearch-token": "no"}).status_code == 403
            proxied = requests.get(
                f"{server.url}/api/status", headers={"via": "1.1 proxy"}, timeout=60
            )
            assert proxied.json()["feeding"] is None
            assert server.get("/api/status").json()["folders"] == []

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user for a moment")
    def test_no_other_user_of_this_machine(self, served, photos: Path) -> None:
        with served() as server:
            os.seteuid(65534)
            try:
                refused = feed(server, True, photos)
            finally:
                os.seteuid(0)
            assert refused.status_code == 403

    def test_a_connection_that_is_none_is_nobodys(self) -> None:
        assert not is_own_user({"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)})
        assert not is_own_user({"client": None, "server": None})


def test_another_captioner_is_refused_before_it_describes_all_anew(
    index_folder: Path, photos: Path
) -> None:
    picture(photos / "a.png", "red")
    with open_in_memory(index_folder) as index:
        index.add(photos, captioner=FakeCaptioner("other"))
        feeder = Feeder(index, CaptionerSpec("tagger"))
        feeder.run()
        feeder._thread.join()
        assert "other (1)" in feeder.now().error
        assert "would do so anew" in feeder.now().error
        assert index.settings.captioner == FakeCaptioner("other").key
