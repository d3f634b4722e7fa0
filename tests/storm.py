"""A storm: views are described by a server that fails in every way at random, while the command is
killed, stopped by Ctrl-C and the server restarted; then every view must have been described once.

    python tests/storm.py                               # 1,998 views, 10 of each kind of stop
    python tests/storm.py --pictures 10 --stops 1       # what the tests run

Every crop of every picture shows which one it is, so that the server can say it and the end be
checked: each view has one caption, its own; an answer that was sent more than five seconds before
a stop is never asked for again.
"""

from __future__ import annotations

import argparse
import base64
import http.server
import io
import json
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from PIL import Image

import lexsearch
from lexsearch.images.crops import boxes, fixed, whole

CELLS, CELL = 6, 40  # a picture is so many cells wide and high, each of so many pixels
SIDE = CELLS * CELL
KEPT_AFTER = 5.0  # seconds after which an answer must not be lost
FAILURES = 0.2  # of all requests


# Pictures whose crops can be told apart


def colour(picture: int, x: int, y: int) -> tuple[int, int, int]:
    return (picture // 16 * 16 + 8, picture % 16 * 16 + 8, 7 * (CELLS * x + y) + 3)


def write_picture(place: Path, number: int) -> None:
    small = Image.new("RGB", (CELLS, CELLS))
    for x in range(CELLS):
        for y in range(CELLS):
            small.putpixel((x, y), colour(number, x, y))
    small.resize((SIDE, SIDE), Image.Resampling.NEAREST).save(place)


def told(number: int, box: tuple[int, int, int, int]) -> str:
    """What is said of a crop: its picture and its first and last cell."""
    left, top, right, bottom = (side // CELL for side in box)
    return f"p{number:03} c{left}{top}{right - 1}{bottom - 1}"


def look(image: Image.Image) -> str:
    """The same, from its pixels alone, whatever frame is around it."""
    votes: Counter[tuple[int, int]] = Counter()
    for x in range(2, image.width, image.width // 48):
        for y in range(2, image.height, image.height // 48):
            pixel: Any = image.getpixel((x, y))
            red, green, blue = pixel
            if abs(red % 16 - 8) < 5 and abs(green % 16 - 8) < 5:
                votes[red // 16 * 16 + green // 16, blue // 7] += 1
    pictures: Counter[int] = Counter()
    for (number, _), count in votes.items():
        pictures[number] += count
    ((number, _),) = pictures.most_common(1)
    most = max(count for (one, _), count in votes.items() if one == number)
    cells = [cell for (one, cell), n in votes.items() if one == number and n > most / 3]
    columns, rows = {cell // CELLS for cell in cells}, {cell % CELLS for cell in cells}
    return f"p{number:03} c{min(columns)}{min(rows)}{max(columns)}{max(rows)}"


# The server


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log: Path
    dice: random.Random
    lock = threading.Lock()

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        self.respond(200, {"data": [{"id": "storm"}]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = re.search(rb"base64,([A-Za-z0-9+/=]+)", body)
        if not found:  # asked whether it answers at all
            return self.respond(200, _choice({"content": "yes"}))
        view = look(Image.open(io.BytesIO(base64.b64decode(found[1]))).convert("RGB"))
        with self.lock:
            kind = self.dice.randrange(9) if self.dice.random() < FAILURES else None
            seconds = self.dice.uniform(0.01, 0.1)
        time.sleep(seconds)
        try:
            if kind is not None:
                return self.fail(kind)
            self.respond(200, _choice({"content": view}))
        except OSError:  # whoever asked is gone
            return None
        with self.lock, self.log.open("a") as log:
            log.write(f"{time.time()}\t{view}\n")
        return None

    def fail(self, kind: int) -> None:
        half = _choice({"content": "p0"}, "error", error={"code": 502, "message": "failed"})
        later = {"error": {"message": "Rate limit; please retry in 0.3s."}}
        ways: list[tuple[int, Any]] = [
            (500, {"error": {"message": "internal error"}}),
            (503, {"error": {"message": "Loading model", "type": "unavailable_error"}}),
            (429, later),
            (502, "<html>bad gateway</html>"),
            (200, '{"choices": [{"message": {"content": "p0'),
            (200, half),
            (200, {"error": "out of memory"}),
        ]
        if kind < len(ways):
            return self.respond(*ways[kind])
        self.close_connection = True
        if kind == len(ways):  # ends in the middle of an answer
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
        self.connection.shutdown(socket.SHUT_RDWR)
        return None

    def respond(self, status: int, content: Any) -> None:
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _choice(message: dict[str, str], reason: str = "stop", **more: object) -> dict[str, object]:
    return {"choices": [{"message": message, "finish_reason": reason, **more}]}


def serve(port: int, log: Path, seed: int) -> None:
    Handler.log, Handler.dice = log, random.Random(seed)
    http.server.ThreadingHTTPServer.daemon_threads = True
    http.server.ThreadingHTTPServer.request_queue_size = 128
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


# The storm


class Storm:
    """folder: for everything. pictures: up to 255. stops: of each kind."""

    def __init__(self, folder: Path, pictures: int, stops: int, seed: int) -> None:
        self.folder, self.pictures, self.dice = folder, pictures, random.Random(seed)
        self.log = folder / "answers.tsv"
        self.log.touch()
        self.stopped: list[tuple[float, float]] = []  # from when to when a stop took
        self.kinds = ["kill", "interrupt", "restart"] * stops
        self.dice.shuffle(self.kinds)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (folder / "photos").mkdir()
        for number in range(pictures):
            write_picture(folder / "photos" / f"{number:03}.png", number)

    def run(self) -> list[str]:
        """All that is wrong in the end; nothing, if all is well."""
        server = self._server()
        command = self._command()
        try:
            for done, kind in enumerate(self.kinds, 1):
                self._wait(command, 18 * self.pictures * done // (len(self.kinds) + 1))
                begun = time.time()
                if kind == "restart":
                    server.kill()
                    server.wait()
                    time.sleep(0.3)
                    server = self._server()
                else:
                    command.send_signal(signal.SIGKILL if kind == "kill" else signal.SIGINT)
                    command.wait(60)
                    command = self._command()
                self.stopped.append((begun, time.time()))
            for _ in range(20):
                if command.wait(600) == 0:
                    break
                command = self._command()
        finally:
            command.kill()
            server.kill()
            command.wait()
            server.wait()
        return self._faults()

    def _server(self) -> subprocess.Popen[bytes]:
        seed = self.dice.randrange(10**6)
        options = ["--serve", str(self.port), "--log", str(self.log), "--seed", str(seed)]
        return subprocess.Popen([sys.executable, __file__, *options], stderr=subprocess.DEVNULL)

    def _command(self) -> subprocess.Popen[bytes]:
        heeding = (
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "import lexsearch.cli; lexsearch.cli.main()"
        )
        options = ["--captioner", "server", "--url", f"http://127.0.0.1:{self.port}/v1", "-q"]
        return subprocess.Popen(
            [sys.executable, "-c", heeding, "index", str(self.folder / "photos"), *options,
             "--model", "storm", "--index", str(self.folder / "index")],
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "stderr.txt").open("ab"),
        )  # fmt: skip

    def _wait(self, command: subprocess.Popen[bytes], answers: int) -> None:
        while command.poll() is None and len(self._answers()) < answers:
            time.sleep(0.05)

    def _answers(self) -> list[tuple[float, str]]:
        lines = (line.split("\t") for line in self.log.read_text().splitlines())
        return [(float(when), view) for when, view in lines]

    def _faults(self) -> list[str]:
        faults = []
        expected = {
            (f"{number:03}.png", crop): told(number, box)
            for number in range(self.pictures)
            for crop, box in boxes(SIDE, SIDE).items()
            if crop in _ASKED
        }
        with lexsearch.open(self.folder / "index") as index:
            rows = [json.loads(line) for line in index.export_captions()]
        said: dict[tuple[str, str], list[str]] = defaultdict(list)
        for row in rows:
            if row["captioner"] == "server":
                said[Path(row["path"]).name, row["crop"]].append(row["text"])
        for place, words in expected.items():
            if said[place] != [words]:
                faults.append(f"{place}: {said[place]} instead of {words}")
        given: dict[str, list[float]] = defaultdict(list)
        for when, view in self._answers():
            given[view].append(when)
        for view, times in given.items():
            for when in times[:-1]:
                if not any(a - KEPT_AFTER <= when <= b + 0.2 for a, b in self.stopped):
                    nearest = min((a - when for a, _ in self.stopped), key=abs)
                    faults.append(f"{view}: an answer was lost {nearest:.1f} s before a stop")
        again = sum(len(times) - 1 for times in given.values())
        print(
            f"{len(expected):,} views, {len(rows):,} captions; {len(self.stopped)} stops "
            f"({', '.join(f'{n} {kind}' for kind, n in sorted(Counter(self.kinds).items()))}); "
            f"{again} answers given again, all in flight or in hand at a stop; "
            f"{len(faults)} faults"
        )
        return faults


_ASKED = {crop.name for crop in (*whole(SIDE, SIDE), *fixed(SIDE, SIDE))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=111, help="18 views each")
    parser.add_argument(
        "--stops", type=int, default=10, help="of each kind: kill -9, Ctrl-C, restart"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        return serve(given.serve, given.log, given.seed)
    with tempfile.TemporaryDirectory() as folder:
        faults = Storm(Path(folder), given.pictures, given.stops, given.seed).run()
    print(*faults[:20], sep="\n")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
