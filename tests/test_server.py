"""Captions from a server: a real one, and one that does everything wrong."""

from __future__ import annotations

import asyncio
import base64
import email.utils
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest
from conftest import Run
from fakes import numbered_pictures, picture
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from random_llava import save_tiny_llava

from lexsearch import chat as _chat
from lexsearch.captioners import Waiting, open_captioner
from lexsearch.captioners.mllm.framing import FILL, LEAST_SIDE
from lexsearch.captioners.prompts import FOLLOW_UP, PROMPTS
from lexsearch.captioners.server import Server
from lexsearch.chat import API_KEY
from lexsearch.chat.completions import read_completion
from lexsearch.chat.faults import Blame, read, whose
from lexsearch.chat.waits import moment
from lexsearch.errors import CaptionerError, CaptionerUnavailable, ViewRefused
from lexsearch.records import WHOLE, Box, CaptionText, Crop, View

KEY = "sk-do-not-tell-123"


def completion(text: object, **more: object) -> bytes:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **more}
    return json.dumps({"choices": [choice]}).encode()


def error(status: int, **headers: str) -> Callable[[_Handler], None]:
    def answer(handler: _Handler) -> None:
        handler.server.respond(handler, status, b'{"error": {"message": "alas"}}', headers)

    return answer


class Endpoint(ThreadingHTTPServer):
    """Says the mean colour of each picture, once it has done wrong as it was told to.

    wrongs: what it does with the next requests, one each. poison: what it does with pictures
    that are all of this colour. requests: what it was asked.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.wrongs: list[Callable[[_Handler], None]] = []
        self.poison: dict[tuple[int, int, int], Callable[[_Handler], None]] = {}
        self.requests: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []  # by `clock`
        self.clock: Callable[[], float] = time.monotonic
        self.pictures: list[Image.Image] = []
        self.models = b'{"data": [{"id": "colour-namer"}]}'
        self.gate = threading.Event()  # answers wait for it
        self.gate.set()
        self.has_answered = threading.Event()
        self.meet: Callable[[], object] = lambda: None  # before each answer
        self.lock = threading.Lock()
        self.now = self.most = 0

    def respond(self, handler, status: int, body: bytes, headers: dict[str, str]) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def handle_error(self, request, client_address) -> None:
        """Connections that broke are meant to."""


class Always(list[Callable[["_Handler"], None]]):
    """The same wrong, however often one is taken out."""

    def __init__(self, wrong: Callable[[_Handler], None]) -> None:
        super().__init__([wrong])

    def pop(self, index: object = -1) -> Callable[[_Handler], None]:
        return self[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Endpoint

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.respond(self, 200, self.server.models, {})

    def do_POST(self) -> None:
        server = self.server
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        url = asked["messages"][0]["content"][0]["image_url"]["url"]
        image = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
        with server.lock:
            server.requests.append(asked)
            server.headers.append({name.title(): value for name, value in self.headers.items()})
            server.times.append(server.clock())
            server.pictures.append(image)
            wrong = server.wrongs.pop(0) if server.wrongs else None
            server.now += 1
            server.most = max(server.most, server.now)
        try:
            server.meet()
            server.gate.wait(300)
            colour: Any = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
            near = [
                poison
                for poisonous, poison in server.poison.items()
                if all(abs(a - b) < 8 for a, b in zip(colour, poisonous, strict=True))
            ]
            if wrong or near:
                (wrong or near[0])(self)
            else:
                said = f"colour{len(asked['messages'])} {colour[0] // 8}"
                server.respond(self, 200, completion(said), {})
                server.has_answered.set()
        finally:
            with server.lock:
                server.now -= 1


def dies(handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.connection.close()
    handler.close_connection = True


def half_a_body(handler) -> None:
    body = completion("a dog")
    handler.send_response(200)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True


def says(body: bytes) -> Callable[[_Handler], None]:
    return lambda handler: handler.server.respond(handler, 200, body, {})


def endless(handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    for _ in range(100):
        handler.wfile.write(b"x" * 100_000)


WRONGS = {
    "dies": dies,
    "half a body": half_a_body,
    "endless": endless,
    "garbage": says(b"\xff\x00<html>"),
    "no JSON object": says(b"[]"),
    "no choices": says(b'{"choices": []}'),
    "no text": says(completion(None)),
    "no message": says(b'{"choices": [{"message": "a dog"}]}'),
    "deep JSON": says(b"[" * 100_000),
    "breaks off": says(completion("A br", finish_reason="error")),
    "an error in the choice": says(completion("A br", error={"code": 502, "message": "alas"})),
    "an error with status 200": says(b'{"error": {"message": "upstream failed", "code": 500}}'),
    "is empty": says(completion("")),
    "429": error(429),
    "429, later": error(429, retry_after="0.2"),
    "500": error(500),
    "502": error(502),
    "503": error(503),
    "408": error(408),
}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with running() as server:
        yield server


@pytest.fixture
def other() -> Iterator[Endpoint]:
    with running() as server:
        yield server


@contextmanager
def running() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_chat, "_FIRST_PAUSE", 0.02)


class Clock:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += max(0.0, seconds)
        await asyncio.sleep(0)


def in_place(monkeypatch: pytest.MonkeyPatch, **names: object) -> None:
    """Other parts of asyncio, for the chat alone."""
    monkeypatch.setattr(_chat, "asyncio", SimpleNamespace(**{**vars(asyncio), **names}))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that questions go by: a minute's patience is over in no time."""
    clock = Clock()
    monkeypatch.setattr(_chat, "time", clock)
    monkeypatch.setattr("lexsearch.chat.pace.time", clock)
    monkeypatch.setattr("lexsearch.chat.waits.time", clock)
    in_place(monkeypatch, sleep=clock.sleep)
    return clock


@pytest.fixture
def run_out(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the time for the question that is under way be over."""
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Timeout]] = []

    def timeout(seconds: float) -> asyncio.Timeout:
        limit = asyncio.timeout(seconds)
        running.append((asyncio.get_running_loop(), limit))
        return limit

    def over() -> None:
        loop, limit = running[-1]
        loop.call_soon_threadsafe(limit.reschedule, 0.0)

    in_place(monkeypatch, timeout=timeout)
    return over


@pytest.fixture
def ask(endpoint: Endpoint) -> Iterator[Callable[..., Server]]:
    """Make captioners that ask the endpoint, closed after the test."""
    made: list[Server] = []

    def make(**options: object) -> Server:
        options = {"url": endpoint.url, "model": "namer", "timeout": 300.0, **options}
        captioner = open_captioner("server", **options)
        assert isinstance(captioner, Server)
        made.append(captioner)
        return captioner

    yield make
    for captioner in made:
        captioner.close()


def view(red: int = 0, size: tuple[int, int] = (64, 48)) -> View:
    return View(Crop(WHOLE, Box(0, 0, *size)), Image.new("RGB", size, (red, 60, 120)))


def words(captioner: Server, *views: View) -> list[object]:
    """The text of each view, or its error."""
    return [
        answer if isinstance(answer, CaptionerError) else "".join(said.text for said in answer)
        for answer in captioner.caption(views)
    ]


def said(red: int, turns: int = 1) -> str:
    return f"colour{turns} {red // 8}"


class TestRequests:
    def test_ask_for_each_view_in_order(self, ask, endpoint: Endpoint) -> None:
        reds = list(range(4, 250, 8))
        assert words(ask(), *map(view, reds)) == [said(red) for red in reds]
        assert len(endpoint.requests) == len(reds)

    def test_are_chat_completions(self, ask, endpoint: Endpoint) -> None:
        words(ask(max_new_tokens=99), view())
        (request,) = endpoint.requests
        ((image, text),) = (message["content"] for message in request["messages"])
        assert text == {"type": "text", "text": PROMPTS["captions"]}
        assert image["image_url"]["url"].startswith("data:image/jpeg;base64,")
        assert (request["model"], request["max_tokens"]) == ("namer", 99)
        assert request["temperature"] == 0

    @settings(max_examples=25, deadline=None)
    @given(st.integers(1, 448), st.integers(1, 448))
    def test_send_small_squares(self, width: int, height: int) -> None:
        captioner = Server("http://localhost/v1", "m")
        url = captioner.prepare(view(200, (width, height))).prepared
        captioner.close()
        sent = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
        assert sent.size == (max(width, height, LEAST_SIDE),) * 2
        assert sent.format == "JPEG"
        if max(width, height) > min(width, height) + 16 and max(width, height) >= LEAST_SIDE:
            corner: Any = sent.getpixel((0, 0))
            assert all(abs(a - b) < 30 for a, b in zip(corner, FILL, strict=True))

    def test_are_under_way_together(self, ask, endpoint: Endpoint) -> None:
        endpoint.meet = threading.Barrier(8, timeout=300).wait  # nobody is answered before that
        words(ask(batch_size=8), *[view(red) for red in range(24)])
        assert endpoint.most == 8

    def test_follow_up_is_a_second_turn(self, ask, endpoint: Endpoint) -> None:
        assert words(ask(follow_up=True), view(4)) == [f"{said(4)}\n{said(4, turns=3)}"]
        first, second = endpoint.requests
        assert [m["role"] for m in first["messages"]] == ["user"]
        assert [m["role"] for m in second["messages"]] == ["user", "assistant", "user"]
        assert second["messages"][1]["content"] == said(4)
        assert second["messages"][2]["content"] == [{"type": "text", "text": FOLLOW_UP}]

    def test_name_the_only_model(self, ask, endpoint: Endpoint) -> None:
        assert ask(model=None).key == ask(model="colour-namer").key
        for models in (b'{"data": [{"id": "a"}, {"id": "b"}]}', b'{"data": []}'):
            endpoint.models = models
            with pytest.raises(CaptionerError, match="name one"):
                ask(model=None)
        endpoint.models = b"<html>"
        with pytest.raises(CaptionerError, match="does not say which models"):
            ask(model=None)

    def test_key_changes_with_each_setting(self, ask) -> None:
        keys = [
            ask(**options).key
            for options in (
                {},
                {"model": "other"},
                {"prompt": "tags"},
                {"follow_up": True},
                {"framing": "processor"},
                {"max_new_tokens": 9},
            )
        ]
        assert len(set(keys)) == len(keys)
        assert ask(batch_size=3, timeout=9.0, url="http://elsewhere/v1").key == keys[0]


class TestWrongs:
    @pytest.mark.parametrize("wrong", WRONGS)
    def test_pass_and_the_question_is_asked_again(self, ask, endpoint, wrong: str) -> None:
        endpoint.wrongs = [WRONGS[wrong]]
        assert words(ask(), view(4)) == [said(4)]
        assert len(endpoint.requests) == 2

    @pytest.mark.parametrize("sent", [b"", b" "])
    def test_no_answer_in_time_is_one_though_bytes_come(
        self, ask, endpoint, run_out, sent: bytes
    ) -> None:
        def stalls(handler) -> None:
            handler.send_response(200)
            handler.send_header("content-length", "1000")
            handler.end_headers()
            handler.wfile.write(sent)
            handler.wfile.flush()
            run_out()
            handler.rfile.read(1)  # until the other side has gone
            handler.close_connection = True

        endpoint.wrongs = [stalls]
        assert words(ask(), view(4)) == [said(4)]
        assert len(endpoint.requests) == 2

    @pytest.mark.parametrize("wrong", WRONGS)
    def test_that_stay_cost_one_view_alone(self, ask, endpoint, wrong: str) -> None:
        endpoint.poison = {(100, 60, 120): WRONGS[wrong]}
        reds = [20, 40, 60, 100, 140, 160]
        answers = words(ask(attempts=2, batch_size=1, patience=1.0), *map(view, reds))
        assert "(asked 2 times)" in str(answers[3]) or "seconds)" in str(answers[3])
        expected = [said(red) for red in reds]
        assert answers[:3] + answers[4:] == expected[:3] + expected[4:]
        assert isinstance(answers[3], CaptionerError)

    @pytest.mark.parametrize("status", [400, 413, 422])
    def test_about_the_view_are_not_asked_again(self, ask, endpoint, status: int) -> None:
        captioner = ask()
        assert words(captioner, view(4)) == [said(4)]
        endpoint.wrongs = [error(status)]
        (answer,) = words(captioner, view())
        assert isinstance(answer, CaptionerError)
        assert f"{status} " in str(answer)
        assert "alas" in str(answer)
        assert len(endpoint.requests) == 2

    def test_that_do_not_say_what_about_are_told_apart_by_a_plain_picture(
        self, ask, endpoint
    ) -> None:
        endpoint.wrongs = [error(400)]
        (answer, other) = words(ask(batch_size=1), view(), view(4))
        assert isinstance(answer, CaptionerError)
        assert other == said(4)
        assert len(endpoint.requests) == 3, "the plain picture is asked about once"
        endpoint.wrongs = [error(400)] * 9
        with pytest.raises(CaptionerUnavailable, match=r"400 .*a plain picture fares the same"):
            words(ask(batch_size=1), *[view(red) for red in range(9)])
        assert len(endpoint.requests) == 5

    def test_of_one_view_after_another_do_not_end_the_run(self, ask, endpoint) -> None:
        endpoint.poison = {(100, 60, 120): error(422)}
        answers = words(ask(batch_size=2), *[view(100)] * 150, view(4))
        assert answers[-1] == said(4)
        assert all(isinstance(answer, CaptionerError) for answer in answers[:-1])

    @pytest.mark.parametrize("status", [401, 402, 403, 404, 405])
    def test_about_every_view_end_the_run(self, ask, endpoint, status: int) -> None:
        endpoint.wrongs = [error(status)]
        with pytest.raises(CaptionerUnavailable, match=str(status)):
            words(ask(batch_size=1), *[view(red) for red in range(9)])
        assert len(endpoint.requests) <= 2

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_a_redirect_says_where_to(self, ask, endpoint, status: int) -> None:
        endpoint.wrongs = [error(status, location="https://elsewhere:9/api/chat/completions?a=b")]
        with pytest.raises(CaptionerUnavailable) as moved:
            words(ask(batch_size=1), view())
        assert "has moved to https://elsewhere:9/api?a=b: give that as --url" in str(moved.value)

    @pytest.mark.parametrize(
        ("part", "reason"),
        [({"refusal": "I will not"}, "I will not"), ({"refusal": None}, "content_filter")],
    )
    def test_a_refusal_is_for_good(self, ask, endpoint, part, reason: str) -> None:
        message = {"role": "assistant", "content": None, **part}
        body = completion("", message=message, finish_reason="content_filter")
        endpoint.wrongs = [says(body)]
        (answer,) = words(ask(), view())
        assert isinstance(answer, ViewRefused)
        assert reason in str(answer)
        assert len(endpoint.requests) == 1

    def test_answers_are_handed_over_as_they_come(self, ask, endpoint) -> None:
        taken: list[int] = []

        def views() -> Iterator[tuple[int, View]]:
            for red in range(4, 250, 8):
                taken.append(red)
                yield red, view(red)

        describing = ask(batch_size=2).describe(views())
        tag, answer = next(item for item in describing if not isinstance(item, Waiting))
        assert answer[0].text == said(tag)
        assert len(taken) <= 2, "no view is taken before there is room for it"
        describing.close()

    def test_answers_that_are_there_come_before_the_end(self, ask, endpoint) -> None:
        endpoint.wrongs = [
            lambda handler: endpoint.respond(handler, 200, completion("fine"), {}),
            error(401),
        ]
        describing = ask(batch_size=1).describe((red, view(red)) for red in range(9))
        got = (item for item in describing if not isinstance(item, Waiting))
        assert next(got)[0] == 0
        with pytest.raises(CaptionerUnavailable):
            next(got)

    def test_who_waits_is_told_why(self, ask, endpoint, monkeypatch) -> None:
        told = threading.Event()

        async def until_told(seconds: float) -> None:
            while not told.is_set():
                await asyncio.sleep(0.01)

        in_place(monkeypatch, sleep=until_told)
        monkeypatch.setattr("lexsearch.captioners.server._TICK", 0.05)
        endpoint.wrongs = [error(503)]
        for item in ask().describe([(1, view(4))]):
            if isinstance(item, Waiting) and "503 Service Unavailable: alas" in item.reason:
                told.set()
        assert told.is_set()
        assert item == (1, [CaptionText(said(4))])

    def test_text_in_parts_and_unstorable_characters(self, ask, endpoint) -> None:
        parts = [{"type": "text", "text": "a dog"}, {"type": "text", "text": " \x00\ud800runs "}]
        endpoint.wrongs = [says(completion(parts))]
        assert words(ask(), view()) == ["a dog runs"]

    @pytest.mark.parametrize("dated", [False, True])
    def test_retry_after_stops_everybody(self, ask, endpoint, clock, dated: bool) -> None:
        look = threading.Event()

        def refuses(handler) -> None:
            while len(endpoint.requests) < 2:  # the other one is under way
                look.wait(0.01)
            later = email.utils.formatdate(clock.now + 60, usegmt=True) if dated else "60"
            error(429, retry_after=later)(handler)

        def under_way(handler) -> None:
            """Answered when the other one has been told to wait."""
            while chat._wait_until < 1060:
                look.wait(0.01)
            endpoint.respond(handler, 200, completion(said(12)), {})

        captioner = ask(batch_size=2)
        [chat] = captioner._chat._chats
        endpoint.clock = clock.monotonic
        endpoint.wrongs = [refuses, under_way]
        answers = words(captioner, *map(view, range(4, 100, 8)))
        assert not [answer for answer in answers if isinstance(answer, CaptionerError)]
        assert endpoint.times[:2] == [1000, 1000]
        assert min(endpoint.times[2:]) >= 1060

    def test_a_busy_server_is_asked_until_it_has_time(self, ask, endpoint) -> None:
        busy = error(429, retry_after="0.01")
        endpoint.wrongs = [
            busy,
            lambda handler: endpoint.respond(handler, 200, completion("x"), {}),
        ]
        endpoint.wrongs *= 10
        answers = words(ask(attempts=3, batch_size=4), *[view(4)] * 12)
        assert not [answer for answer in answers if isinstance(answer, CaptionerError)]

    def test_pauses_grow(self) -> None:
        pauses = [_chat._pause(attempt) for attempt in range(1, 20)]
        for attempt, pause in enumerate(pauses):
            longest = min(30.0, 0.02 * 2**attempt)
            assert longest / 2 <= pause <= longest

    @given(st.one_of(st.none(), st.text(), st.floats().map(str), st.integers().map(str)))
    def test_any_retry_after_is_a_time_to_wait(self, value: str | None) -> None:
        assert 0.0 <= moment(value) < float("inf")

    @given(st.binary(max_size=200))
    def test_any_body_is_an_answer_or_none(self, body: bytes) -> None:
        read_completion(body)
        assert isinstance(whose(read(400, {}, body)), Blame)

    def test_no_server_at_all_ends_the_run(self, ask, endpoint, clock) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
            with pytest.raises(CaptionerUnavailable, match=r"does not answer: .*server running"):
                words(ask(url=url, attempts=3), *[view(red) for red in range(20)])

    def test_errors_without_end_end_the_run(self, ask, endpoint, clock) -> None:
        captioner = ask(attempts=1)
        endpoint.wrongs = Always(error(500))
        with pytest.raises(CaptionerUnavailable, match=r"did not recover in .* seconds: .*500"):
            words(captioner, *[view(red) for red in range(100)])

    def test_a_server_that_restarts_is_waited_for(self, ask, endpoint) -> None:
        captioner = ask(attempts=7, batch_size=2)
        fine = [lambda handler: endpoint.respond(handler, 200, completion("x"), {})]
        endpoint.wrongs = fine + [dies] * 3 + [error(502)] * 3 + [error(503)] * 8
        answers = words(captioner, *[view(red) for red in range(4, 100, 8)])
        assert not [answer for answer in answers if isinstance(answer, CaptionerError)]

    def test_patience_is_an_option(self, ask, endpoint, clock) -> None:
        endpoint.wrongs = Always(error(503))
        with pytest.raises(CaptionerUnavailable, match="503"):
            words(ask(patience=0.5), view(4))
        assert 1000.5 < clock.now < 1001
        endpoint.wrongs = [error(429, retry_after="7200")]
        with pytest.raises(CaptionerUnavailable, match="asks to wait for 7200 seconds"):
            words(ask(), view(4))

    def test_one_at_a_time_is_found_by_time_outs(self, ask, endpoint) -> None:
        """Eight at once are more than the server gets done before the first of them gives up."""
        one_by_one = threading.Lock()

        def slowly(handler) -> None:
            with one_by_one:
                time.sleep(0.1)
                with suppress(OSError):
                    endpoint.respond(handler, 200, completion("a dog"), {})

        endpoint.wrongs = Always(slowly)
        answers = words(ask(batch_size=8, timeout=0.5, attempts=2), *[view(4)] * 24)
        assert answers == ["a dog"] * 24

    @pytest.mark.parametrize(
        "complaint",
        [
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            "[{'type': 'extra_forbidden', 'loc': ('body', 'temperature'), 'msg': 'Extra inputs are "
            "not permitted'}]",
            "temperature is deprecated for this model",
            "invalid temperature: only 1 is allowed for this model",
            "Argument not supported on this model: temperature",
        ],
    )
    def test_a_parameter_that_is_not_taken_is_left_out_and_remembered(
        self, ask, endpoint, complaint: str
    ) -> None:
        body = json.dumps({"error": {"message": complaint, "type": "invalid_request_error"}})
        endpoint.wrongs = [lambda handler: endpoint.respond(handler, 400, body.encode(), {})]
        captioner = ask(batch_size=1)
        assert words(captioner, view(4), view(12)) == [said(4), said(12)]
        first, *later = endpoint.requests
        gone = "max_tokens" if "max_tokens" in complaint else "temperature"
        assert gone in first
        assert len(later) == 2
        assert not any(gone in request for request in later)
        if gone == "max_tokens":
            assert [request["max_completion_tokens"] for request in later] == [256, 256]

    def test_a_model_that_takes_no_pictures_is_told_at_once(self, ask, endpoint) -> None:
        told = json.dumps({"error": {"message": "this model does not support image input"}})
        endpoint.wrongs = [lambda handler: endpoint.respond(handler, 400, told.encode(), {})] * 99
        with pytest.raises(CaptionerUnavailable, match="choose one that does"):
            words(ask(batch_size=1), *[view(red) for red in range(9)])
        assert len(endpoint.requests) == 1
        endpoint.wrongs = [says(completion("I'm unable to view images directly."))] * 99
        with pytest.raises(CaptionerUnavailable, match="sees no picture"):
            words(ask(batch_size=1), *[view(red) for red in range(9)])

    @pytest.mark.parametrize(
        "model",
        [
            {"architecture": {"input_modalities": ["text"]}},
            {"capabilities": {"vision": False}},
            {"capabilities": ["completion", "tools"]},
            {"type": "llm"},
        ],
    )
    def test_a_model_that_is_listed_as_blind_is_told_before(self, ask, endpoint, model) -> None:
        endpoint.models = json.dumps({"data": [{"id": "namer", **model}, {"id": "b"}]}).encode()
        with pytest.raises(CaptionerError, match="namer takes no pictures"):
            ask().load()
        endpoint.models = b'{"data": [{"id": "namer"}]}'
        ask().load()

    def test_another_model_of_the_same_name_is_noticed(
        self, ask, endpoint, photos: Path, index
    ) -> None:
        def listed(**told: object) -> None:
            endpoint.models = json.dumps({"data": [{"id": "namer", **told}]}).encode()

        def add(**options: object) -> tuple[int, int]:
            report = index.add(photos, captioner=ask(), crops="none", **options)
            return report.captioned, report.outdated

        picture(photos / "a.png")
        listed(created=1)
        assert add() == (1, 0)
        listed(created=2)  # as most servers have it: when they started
        assert add() == (0, 0)
        listed(root="/models/a", created=3)
        picture(photos / "b.png", "blue")
        assert add() == (1, 0)  # nobody knows what described the first
        listed(root="/models/b", created=4)
        assert add() == (0, 1)
        assert add(again=True) == (2, 0)
        listed(owned_by="library", created=5)  # Ollama, which tells when it was pulled
        assert add() == (0, 2)
        listed()
        assert add() == (0, 0)

    def test_thinking_to_the_end_says_so(self, ask, endpoint) -> None:
        thought = says(completion("", finish_reason="length"))
        endpoint.wrongs = [thought] * 9
        with pytest.raises(CaptionerUnavailable, match="went into thinking"):
            words(ask(), view(4))


class TestSeveral:
    """Servers that share the work."""

    @pytest.fixture
    def both(self, ask, endpoint: Endpoint, other: Endpoint) -> Callable[..., Server]:
        return lambda **options: ask(url=(endpoint.url, other.url), **options)

    def test_the_least_busy_one_is_asked(self, both, endpoint: Endpoint, other: Endpoint) -> None:
        endpoint.gate.clear()
        views = [(red, view(red)) for red in range(4, 164, 8)]
        answered = set()
        for item in both(batch_size=4).describe(views):
            if not isinstance(item, Waiting):
                answered.add(item[0])
                if len(answered) == len(views) - 4:
                    endpoint.gate.set()
        assert len(answered) == len(views)
        assert (len(endpoint.requests), len(other.requests)) == (4, len(views) - 4)

    def test_what_one_that_dies_had_is_asked_elsewhere(
        self, both, endpoint: Endpoint, other: Endpoint
    ) -> None:
        endpoint.wrongs = [dies] * 1000
        reds = list(range(4, 250, 8))
        assert words(both(batch_size=4), *map(view, reds)) == [said(red) for red in reds]
        asked = {picture.tobytes() for picture in endpoint.pictures}
        assert len(asked) <= 4 + 1, "what it had, and the probe"
        assert len(other.requests) == len(reds)

    def test_one_that_recovers_is_asked_again(
        self, both, endpoint: Endpoint, other: Endpoint
    ) -> None:
        endpoint.wrongs = [dies] * 3
        other.gate = endpoint.has_answered
        reds = list(range(4, 250, 8))
        assert words(both(batch_size=2), *map(view, reds)) == [said(red) for red in reds]
        assert len({picture.tobytes() for picture in endpoint.pictures}) > 2 + 1

    def test_where_all_are_gone_the_run_ends(self, both, endpoint, other) -> None:
        endpoint.wrongs = other.wrongs = [dies] * 1000
        with pytest.raises(CaptionerUnavailable, match="kept"):
            words(both(patience=0.3), view())

    def test_a_view_that_none_takes_costs_itself_alone(self, both, endpoint, other) -> None:
        endpoint.poison = other.poison = {(100, 60, 120): error(500)}
        good, bad = words(both(attempts=2), view(4), view(100))
        assert good == said(4)
        assert isinstance(bad, CaptionerError)
        assert not isinstance(bad, CaptionerUnavailable)

    def test_all_run_the_same_model(self, ask, both, endpoint: Endpoint, other: Endpoint) -> None:
        assert both(model=None).key == ask(model=None).key
        other.models = b'{"data": [{"id": "another"}]}'
        with pytest.raises(CaptionerError, match="another, colour-namer"):
            both(model=None)
        for server, root in ((endpoint, "one"), (other, "two")):
            server.models = json.dumps({"data": [{"id": "namer", "root": root}]}).encode()
        with pytest.raises(CaptionerError, match="different models under the name namer"):
            both()


class TestSecrets:
    def test_the_key_goes_into_requests_and_nowhere_else(
        self, ask, endpoint, monkeypatch, caplog, photos: Path, index
    ) -> None:
        monkeypatch.setenv(API_KEY, KEY)
        caplog.set_level("DEBUG")
        picture(photos / "a.png")
        captioner = ask()
        told = json.dumps({"error": {"message": f"alas for {KEY}"}}).encode()
        endpoint.wrongs = [lambda handler: endpoint.respond(handler, 400, told, {})]
        report = index.add(photos, captioner=captioner, crops="none")
        assert endpoint.headers[0]["Authorization"] == f"Bearer {KEY}"
        assert "alas for ***" in report.undescribed[0].reason
        index.add(photos, captioner=captioner, crops="none")
        told = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}"}}).encode()
        endpoint.wrongs = [lambda handler: endpoint.respond(handler, 401, told, {})]
        with pytest.raises(CaptionerUnavailable, match=API_KEY) as refused:
            words(captioner, view())
        assert KEY not in f"{refused.value} {captioner.key} {captioner.note} {caplog.text}"
        stored = b"".join(file.read_bytes() for file in index.path.rglob("*") if file.is_file())
        assert KEY.encode() not in stored

    def test_without_a_key_none_is_sent(self, ask, endpoint, monkeypatch) -> None:
        monkeypatch.delenv(API_KEY, raising=False)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        words(ask(), view())
        assert "Authorization" not in endpoint.headers[0]

    def test_a_key_that_is_none(self, ask, monkeypatch) -> None:
        monkeypatch.setenv(API_KEY, "a\nb")
        with pytest.raises(CaptionerError, match="characters that no key has"):
            ask()

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            (None, "needs an address"),
            ("localhost:8000", "not an address"),
            ("ftp://localhost/v1", "not an address"),
            ("http://ada:secret@localhost/v1", "must not hold a password"),
            ("http://[::1/v1", "not an address"),
        ],
    )
    def test_wrong_addresses(self, url: str | None, message: str) -> None:
        with pytest.raises(CaptionerError, match=message) as refused:
            Server(url, "m")
        assert "secret" not in str(refused.value)


class TestCommand:
    def test_one_bad_answer_costs_one_picture(
        self, endpoint, photos: Path, tmp_path: Path, lexsearch_command: Run
    ) -> None:
        numbered_pictures(photos, 12)
        endpoint.poison = {(11, 60, 120): error(422)}  # and what looks like it
        command = ["index", photos, "--index", tmp_path / "index", "--captioner", "server"]
        ended = lexsearch_command(*command, "--url", endpoint.url, "--crops", "none")
        assert ended.returncode == 3, ended.stderr
        assert "captioner: server (1:colour-namer pad 448 greedy-256)" in ended.stderr
        failed = Counter("the server answers 422" in line for line in ended.stderr.splitlines())
        rows = [
            row
            for file in (tmp_path / "index").glob("captions/*")
            for row in pq.read_table(file).to_pylist()
        ]
        assert (
            0
            < failed[True]
            == 12 - sum(row["source"] == "model" and row["captioner"] == "server" for row in rows)
        )
        endpoint.poison = {}
        other = ["--url", endpoint.url, "--crops", "none", "--prompt", "tags", "--json"]
        ended = lexsearch_command(*command, *other)
        assert json.loads(ended.stdout)["captioned"] == 12
        assert "with another prompt; this one describes everything anew" in ended.stderr

    def test_a_server_that_dies_ends_the_run_and_the_next_goes_on(
        self, endpoint, photos: Path, tmp_path: Path, lexsearch_command: Run
    ) -> None:
        numbered_pictures(photos, 20)
        options = ["--url", endpoint.url, "--crops", "none", "--batch-size", "1"]
        command = ["index", photos, "--index", tmp_path / "index", "--captioner", "server"]
        fine = says(completion("a dog"))
        endpoint.wrongs = [fine] * 10 + [error(401)]
        ended = lexsearch_command(*command, *options)
        assert ended.returncode == 4
        assert "Set LEXSEARCH_API_KEY" in ended.stderr
        again = lexsearch_command(*command, *options, "--json")
        assert again.returncode == 0, again.stderr
        assert len(endpoint.requests) - 11 == 20 - 10, "all that was answered was kept"


# A real server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """`transformers serve` with a tiny LLaVA: its address and the model's name."""
    folder = tmp_path_factory.mktemp("served")
    model = save_tiny_llava(folder / "tiny-llava")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    command: list[str | Path] = [
        Path(sys.executable).with_name("transformers"),
        "serve",
        model,
        "--port",
        str(port),
    ]
    command += ["--host", "127.0.0.1", "--device", "cpu", "--dtype", "float32"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    log = folder / "log"
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                env={**environment, "HF_HOME": str(folder)},
                start_new_session=True,
            )
        except OSError as reason:
            pytest.fail(f"transformers serve does not start: {reason}")
        try:
            deadline = time.monotonic() + 300
            while time.monotonic() < deadline and process.poll() is None:
                try:
                    if httpx2.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                        break
                except httpx2.TransportError:
                    time.sleep(0.2)
            else:
                pytest.fail(f"transformers serve does not get ready: {log.read_text()[-500:]}")
            yield f"http://127.0.0.1:{port}/v1", str(model)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=300)


def test_a_real_server_describes_views(served: tuple[str, str], index, photos: Path) -> None:
    """Its list of models fails, since there is no hub's cache; it describes pictures."""
    url, model = served
    for number, colour in enumerate(("red", "green", "blue")):
        picture(photos / f"{number}.png", colour)
    captioner = Server(url, model, max_new_tokens=8, batch_size=2, follow_up=True)
    try:
        report = index.add(photos, captioner=captioner, crops="none")
        once, again = (
            [str(words(captioner, view(red))[0]) for red in (0, 120, 250)] for _ in range(2)
        )
    finally:
        captioner.close()
    assert (report.captioned, report.failed) == (3, [])
    assert once == again
    assert len(set(once)) > 1, "it looks at the picture"
