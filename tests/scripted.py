"""Language models that say what a test wants: one in this process, and one behind a server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lexsearch.errors import ModelError
from lexsearch.language import Ask, LanguageModel

Said = str | int | float | bytes
"""What it answers: words, an HTTP status, so many seconds of silence, or a body as it is."""

GOOD = "\n".join(
    [
        "people eat at a long table in the garden",
        "grandparents hold a small child",
        "a family stands in front of a house",
        "children play on the grass",
        "several people of one family together",
        "table, plates, glasses, people",
        "a birthday cake with candles",
        "two old people on a bench",
        "cake, candles, balloons",
        "chairs, grass, children",
    ]
)


class ScriptedModel(LanguageModel):
    """A model of one's own that says what a test wants."""

    note = key = "scripted"

    def __init__(self, says: Callable[[Ask], str | ModelError]) -> None:
        self.says = says
        self.asked: list[Ask] = []

    def ask(self, asked: Sequence[Ask]) -> list[str | ModelError]:
        self.asked += asked
        return list(map(self.says, asked))


class Scripted(ThreadingHTTPServer):
    """says: gets a request, and how many came before. requests, headers: what it was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, says: Callable[[dict, int], Said]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.says = says
        self.requests: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections that broke are meant to."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Scripted

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._send(200, b'{"data": [{"id": "talker"}]}')

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            before = len(self.server.requests)
            self.server.requests.append(asked)
            self.server.headers.append(dict(self.headers.items()))
        said = self.server.says(asked, before)
        if isinstance(said, float):
            time.sleep(said)
            said = GOOD
        if isinstance(said, int):
            self._send(said, b'{"error": {"message": "alas"}}')
        elif isinstance(said, bytes):
            self._send(200, said)
        else:
            choice = {"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
            self._send(200, json.dumps({"choices": [choice]}).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def scripted(says: Said | Callable[[dict, int], Said] = GOOD) -> Iterator[Scripted]:
    server = Scripted(says if callable(says) else lambda asked, before: says)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
