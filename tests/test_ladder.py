"""The ladder of captioners, and getting one from a hub that is served on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from conftest import Run, command_in

from lexsearch.captioners import ladder
from lexsearch.captioners.ladder import Found, Here
from lexsearch.cli import cli
from lexsearch.errors import CaptionerError

MODEL = ladder.rung("smolvlm-256m").model
WEIGHTS = bytes(range(256)) * 4096 * 30  # 30 MiB: the client writes 10 at once
FILES = {"config.json": b'{"model_type": "smolvlm"}', "model.safetensors": WEIGHTS}
COMMIT = "c0ffee" * 6 + "c0ff"


class Hub(ThreadingHTTPServer):
    """A hub with one model.

    cut: how many downloads of the weights break off half way. damaged: it sends other bytes.
    ranges: from which byte on the weights were asked for.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.cut = 0
        self.damaged = False
        self.size: int | None = None
        self.ranges: list[int] = []

    def handle_error(self, request, client_address) -> None:
        """Connections that broke are meant to."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if "/tree/" in path:
            listed = [
                {"type": "file", "path": name, "size": len(content), "oid": _git(content)}
                for name, content in FILES.items()
            ]
            return self._send(json.dumps(listed).encode(), {"Content-Type": "application/json"})
        if path.startswith(f"/api/models/{MODEL}"):
            return self._send(
                json.dumps(self._about()).encode(), {"Content-Type": "application/json"}
            )
        name = path.rpartition("/")[2]
        if not path.startswith(f"/{MODEL}/resolve/") or name not in FILES:
            return self._send(b"{}", {"X-Error-Code": "RepoNotFound"}, 404)
        content = FILES[name]
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        first = int((self.headers.get("Range") or "bytes=0-")[6:].partition("-")[0])
        if name == "model.safetensors" and self.command == "GET":
            self.server.ranges.append(first)
            if self.server.damaged:
                content = content[:-1] + b"!"
        headers["Accept-Ranges"] = "bytes"
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        return self._send(content[first:], headers, 206 if first else 200, name)

    def _about(self) -> dict[str, object]:
        files = [
            {"rfilename": name, "size": self.server.size or len(content), "blobId": _git(content)}
            for name, content in FILES.items()
        ]
        files[1]["lfs"] = {
            "size": len(WEIGHTS), "sha256": hashlib.sha256(WEIGHTS).hexdigest(), "pointerSize": 134
        }  # fmt: skip
        return {"id": MODEL, "modelId": MODEL, "sha": COMMIT, "siblings": files, "private": False}

    def _send(
        self, body: bytes, headers: dict[str, str], status: int = 200, name: str = ""
    ) -> None:
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if name == "model.safetensors" and self.server.cut:
            self.server.cut -= 1
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        self.wfile.write(body)


def _git(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def get(hub: Hub, environment: dict[str, str], tmp_path: Path) -> Callable[..., object]:
    """Run `lexsearch captioners get`, with the hub on loopback and a cache of its own."""
    kept = {name: value for name, value in environment.items() if not name.startswith("HF_")}
    settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
    run: Run = command_in(tmp_path, {**kept, **settings})
    return lambda name="smolvlm-256m", **more: run("captioners", "get", name, **more)


@pytest.mark.process
class TestGet:
    def test_says_the_size_first_and_gets_all_of_it(self, get, hub, tmp_path: Path) -> None:
        done = get()
        assert done.returncode == 0, done.stderr
        assert f"{MODEL}: 0.0315 GB in 2 files, licence Apache-2.0" in done.stderr
        assert f"lexsearch index FOLDER --captioner mllm --model {MODEL}" in done.stdout
        folder = Path(done.stdout.splitlines()[0].partition(", whole, in ")[2])
        assert (folder / "model.safetensors").read_bytes() == WEIGHTS
        count = len(hub.ranges)
        assert get().returncode == 0
        assert len(hub.ranges) == count, "what is there is not fetched again"

    def test_that_is_cut_off_goes_on_from_there(self, get, hub) -> None:
        hub.cut = 100
        done = get()
        assert done.returncode == 4
        assert "Traceback" not in done.stderr
        assert "run the same command again" in done.stderr
        hub.cut = 0
        hub.ranges.clear()
        assert get().returncode == 0
        assert hub.ranges[0] > 0, "not from the beginning"

    def test_that_is_damaged_is_noticed_and_mended(self, get, hub) -> None:
        hub.damaged = True
        done = get()
        assert done.returncode == 4
        assert "arrived damaged (model.safetensors)" in done.stderr
        hub.damaged = False
        assert get().returncode == 0

    def test_without_room_nothing_is_begun(self, get, hub) -> None:
        hub.size = 10**15
        done = get()
        assert done.returncode == 4
        assert "GB are free" in done.stderr
        assert hub.ranges == []

    def test_without_a_hub_is_a_sentence(self, get, hub) -> None:
        hub.shutdown()
        hub.server_close()
        done = get()
        assert done.returncode == 4
        assert "Traceback" not in done.stderr
        assert hub.url in done.stderr

    def test_of_an_unknown_name_lists_the_known(self, get) -> None:
        done = get("llava-70b")
        assert done.returncode == 4
        assert "choose one of: florence-2-base, smolvlm-256m" in done.stderr


class TestLadder:
    def test_shows_each_with_the_command_that_gets_it(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
        found = Found("http://127.0.0.1:8000/v1", "vLLM", ("llava", "b"))
        monkeypatch.setattr(ladder, "servers", lambda: iter([found]))
        monkeypatch.setattr(ladder, "measure", lambda: Here(2, 100e9, 10e9))
        shown = CliRunner().invoke(cli, ["captioners"], catch_exceptions=False)
        assert shown.exit_code == 0
        for one in ladder.LADDER:
            assert one.name in shown.output
            if one.model:
                assert f"lexsearch captioners get {one.name}" in shown.output
        assert "--captioner server --url http://127.0.0.1:8000/v1 --model llava" in shown.output
        told = json.loads(CliRunner().invoke(cli, ["captioners", "--json"]).output)
        assert len(told["captioners"]) == len(ladder.LADDER)
        assert [row["here"] for row in told["captioners"]] == [True] + [False] * 6

    def test_larger_models_take_longer_and_faster_machines_less(self) -> None:
        slow, fast = Here(2, 50e9, 5e9), Here(16, 1000e9, 50e9)
        models = [one for one in ladder.LADDER if one.model.startswith(("Hugging", "llava"))]
        times = [ladder.seconds_a_picture(one, slow) for one in models]
        assert times == sorted(times)
        for one in ladder.LADDER:
            assert ladder.seconds_a_picture(one, fast) < ladder.seconds_a_picture(one, slow)

    @pytest.mark.slow
    def test_a_trial_of_this_machine_is_short_and_positive(self) -> None:
        here = ladder.measure()
        assert here.cores == os.cpu_count()
        assert here.flops > 1e8
        assert here.bandwidth > 1e8

    def test_servers_that_answer_are_found(self, hub: Hub, monkeypatch) -> None:
        monkeypatch.setattr(ladder, "PORTS", {hub.server_port: "vLLM", 1: "none"})
        assert list(ladder.servers()) == [], "a hub lists no models"

    def test_only_what_is_on_the_ladder_can_be_got(self) -> None:
        with pytest.raises(CaptionerError, match="no captioner 'tagger' to get"):
            ladder.rung("tagger")
