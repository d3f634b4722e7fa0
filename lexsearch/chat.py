"""Questions to a server that speaks OpenAI's chat completions, come what may.

What a server does wrong is of three kinds. It may pass: no connection, no answer in time, too
many requests, an error of its own, an answer that is none; then the question is asked again, later
and later. It may be about this one view: the question is refused; then the view fails. Or it is
about every view: a wrong address, key or model, or a server that is gone; then the run ends.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import random
import time
from typing import Any, NoReturn

import httpx2

from lexsearch.captioners.prompts import clean
from lexsearch.errors import CaptionerError, CaptionerUnavailable

Turn = dict[str, Any]

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds; doubled from one attempt to the next
_LONGEST_RETRY_AFTER = 600.0
_CONNECT_SECONDS = 10.0
_LARGEST_ANSWER = 2**22  # bytes

_PASSES = {408, 409, 425, 429}
"""Statuses below 500 after which it is worth asking again."""

_WAITS = {429, 503}
"""Statuses that ask for patience, all requests alike."""

_IN_VAIN = {301, 302, 303, 307, 308, 401, 403, 404, 405}
"""Statuses of a wrong key, address or model: every other view would fare the same."""

_MOST_FAILURES = 64
"""After so many views in a row failed, it is taken to be about them all."""


class _Passing(Exception):
    """Something went wrong that may pass.

    gone: as if no server were there, or none that has time. pause: seconds that it asks for.
    """

    def __init__(self, reason: str, gone: bool = False, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.gone = gone
        self.pause = pause


class Chat:
    """A server's chat completions. Everything but `__init__` runs in one event loop.

    url: as told, without a slash at its end. at_once: requests under way, at most.
    timeout: seconds for one answer. attempts: at one question.
    Raises CaptionerError when `url` is no web address, or `key` none that can be sent.
    """

    def __init__(
        self, url: str | None, *, key: str, at_once: int, timeout: float, attempts: int
    ) -> None:
        self.url = _checked(url)
        self._key = key.strip()
        self._timeout = timeout
        self._attempts = attempts
        self._free = asyncio.Semaphore(at_once)
        self._wait_until = 0.0  # nobody asks before; monotonic
        self._succeeded_at = float("-inf")
        self._failures = 0  # in a row
        if not (self._key.isascii() and self._key.isprintable()):
            raise CaptionerError("the key in LEXSEARCH_API_KEY has characters that no key has")
        self._client = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=httpx2.Timeout(timeout, connect=_CONNECT_SECONDS, pool=None),
            limits=httpx2.Limits(max_connections=at_once, max_keepalive_connections=at_once),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def only_model(self) -> str:
        """The name of the model, where the server has exactly one."""
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                answer = await self._client.get(f"{self.url}/models")
            answer.raise_for_status()
            names = [model["id"] for model in answer.json()["data"]]
        except (httpx2.HTTPError, TimeoutError, ValueError, KeyError, TypeError) as error:
            raise CaptionerError(
                f"{self.url} does not say which models it has ({self._safe(_named(error))}); "
                "is it running, and its address right? If so, name the model (--model)"
            ) from error
        if len(names) != 1 or not isinstance(names[0], str):
            listed = ", ".join(map(str, names[:20])) or "none"
            raise CaptionerError(f"{self.url} has several models, or none; name one: {listed}")
        return names[0]

    async def ask(self, request: dict[str, Any]) -> str:
        """The answer; "" where the model refuses to say anything.

        Raises CaptionerError when this one question has no answer, CaptionerUnavailable when
        none will have one.
        """
        begun = float("inf")  # when this was asked first
        attempt = 0
        while True:
            async with self._free:
                await self._until_asked_again()
                asked = time.monotonic()
                begun = min(begun, asked)
                try:
                    answer = await self._post(request)
                except _Passing as error:
                    failure = error
                else:
                    self._succeeded_at = time.monotonic()
                    self._failures = 0
                    return answer
            if failure.pause:
                self._wait_until = max(self._wait_until, time.monotonic() + failure.pause)
            # Being told to wait, while others get answers, is no failure but a busy server.
            if not (failure.pause and self._succeeded_at > asked):
                attempt += 1
            if attempt >= self._attempts:
                break
            await asyncio.sleep(_pause(attempt))
        reason = f"{failure} (asked {attempt} times)"
        if failure.gone and self._succeeded_at < begun:
            self._end(f"{self.url} does not answer: {reason}; is the server running?")
        self._fail(reason)

    async def _post(self, request: dict[str, Any]) -> str:
        """Ask once. The time limit is for all of it: a server may send a byte now and then."""
        try:
            async with asyncio.timeout(self._timeout):
                address = f"{self.url}/chat/completions"
                async with self._client.stream("POST", address, json=request) as answer:
                    body = await _limited(answer)
        except TimeoutError as error:
            raise _Passing(f"no answer within {self._timeout:g} seconds", gone=True) from error
        except httpx2.TransportError as error:
            raise _Passing(self._safe(_named(error)), gone=True) from error
        except httpx2.HTTPError as error:
            raise _Passing(self._safe(_named(error))) from error
        if answer.status_code == 200:
            return _content(body)
        said = f"{answer.status_code} {answer.reason_phrase}: {self._safe(_message(body))}"
        if answer.status_code in _IN_VAIN:
            self._end(f"{self.url} answers {said}. {_advice(answer.status_code)}")
        if answer.status_code in _PASSES or answer.status_code >= 500:
            waits = answer.status_code in _WAITS
            pause = _retry_after(answer.headers.get("retry-after")) if waits else 0.0
            raise _Passing(f"the server answers {said}", gone=waits, pause=pause)
        self._fail(f"the server answers {said}")

    async def _until_asked_again(self) -> None:
        """Wait as long as the server asked everybody to."""
        while (left := self._wait_until - time.monotonic()) > 0:
            await asyncio.sleep(left + random.uniform(0.0, min(1.0, left / 10)))

    def _fail(self, reason: str) -> NoReturn:
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            self._end(f"{self._failures} views in a row failed, the last with: {reason}.")
        raise CaptionerError(reason)

    def _end(self, reason: str) -> NoReturn:
        raise CaptionerUnavailable(f"{reason} What is described so far is kept.")

    def _safe(self, text: str) -> str:
        """Without the key, which some servers repeat in their complaints; one line."""
        line = " ".join(clean(text).split())
        return (line.replace(self._key, "***") if self._key else line)[:300]


def _pause(attempt: int) -> float:
    """Seconds: longer and longer, and by chance, so that not all ask again at the same moment."""
    longest: float = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** max(attempt - 1, 0))
    return longest * random.uniform(0.5, 1.0)


def _checked(url: str | None) -> str:
    if not url:
        raise CaptionerError(
            "a server needs an address: --url http://localhost:8000/v1 (url= in Python)"
        )
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError) as error:
        raise CaptionerError(f"{url!r} is not an address ({error})") from error
    if parsed.userinfo:
        raise CaptionerError(
            "the address must not hold a password; give the key in LEXSEARCH_API_KEY"
        )
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise CaptionerError(f"{url!r} is not an address like http://localhost:8000/v1")
    return url.rstrip("/").removesuffix("/chat/completions")


async def _limited(answer: httpx2.Response) -> bytes:
    body = bytearray()
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > _LARGEST_ANSWER:
            raise _Passing("the server sends an endless answer")
    return bytes(body)


def _content(body: bytes) -> str:
    """What the model said. Raises _Passing when that is no chat completion."""
    try:
        choice = json.loads(body)["choices"][0]
        message = choice["message"]
        content = message.get("content")
        if isinstance(content, list):  # parts
            content = "".join(part.get("text") or "" for part in content)
        refused = message.get("refusal") or choice.get("finish_reason") == "content_filter"
        if content is None and refused:
            return ""
        if not isinstance(content, str):
            raise TypeError("there is no text in it")
        if not content.strip() and choice.get("finish_reason") == "length":
            raise TypeError("all the tokens went into thinking, which should be turned off")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise _Passing(f"the server sends no chat completion ({_named(error)})") from error
    except RecursionError as error:
        raise _Passing("the server sends no chat completion") from error
    return clean(content)


def _message(body: bytes) -> str:
    """What a server says of an error: in JSON of several shapes, or else the text itself."""
    text = body.decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and name in found:
            found = found[name]
    return found if isinstance(found, str) else text


def _retry_after(value: str | None) -> float:
    """Seconds to wait: given so, or as a date; 0 where neither is given."""
    if value is None:
        return 0.0
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError):
            return 0.0
    return min(max(0.0, seconds), _LONGEST_RETRY_AFTER)


def _advice(status: int) -> str:
    if status in (401, 403):
        return "Set LEXSEARCH_API_KEY to a key that the server takes."
    return "Is the address right (it mostly ends with /v1), and the model's name (--model)?"


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
