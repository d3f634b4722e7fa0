"""Questions to a server that speaks OpenAI's chat completions, come what may.

What goes wrong is about one question, about every question, or passes (see `faults`). A server
that loads, restarts or is busy is waited for, by time and not by count, and fewer questions are
asked at once (see `pace`). What a server will not take of a request is left out from then on. Where
an error does not say whom it is about, a plain question that cannot be at fault, the probe, tells.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

import httpx2

from lexsearch.chat.address import Address, open_client
from lexsearch.chat.completions import Answer, NoAnswer, Refusal, read_completion
from lexsearch.chat.faults import Blame, Complaint, parameter, read, whose
from lexsearch.chat.pace import Pace
from lexsearch.errors import ModelError, ModelRefused, ModelUnavailable
from lexsearch.text.answers import storable

Turn = dict[str, Any]
Request = Mapping[str, Any]

API_KEY = "LEXSEARCH_API_KEY"
"""The environment variable with the key of a server that wants one."""

PATIENCE = 600.0
"""Seconds that a server which loads, restarts or is busy is waited for."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds; doubled from one attempt to the next
_CONNECT_SECONDS = 10.0
_UNREACHED_SECONDS = 20.0
"""Patience, usually, with a server that never answered nor asked for patience: the address may be
wrong."""

_LARGEST_ANSWER = 2**22  # bytes
_LISTINGS = 3
"""So often a list of models that fails is asked for."""

_REFUSED_IN_A_ROW = 8
"""After so many questions in a row that were refused, the probe is asked."""

_COMPLETIONS, _MODELS = "/chat/completions", "/models"
_NEVER = float("-inf")


class Options(NamedTuple):
    """What a person gives a server's address and its model by, for messages."""

    url: str = "--url"
    model: str = "--model"


class _Lost(NamedTuple):
    """No answer came: the connection failed, or time ran out."""

    reason: str
    timed_out: bool = False


_Outcome = Answer | Refusal | NoAnswer | Complaint | _Lost


class Chat:
    """A server's chat completions. Everything but `__init__` runs in one event loop.

    url: as told. at_once: questions under way, at most. timeout: seconds for one answer.
    attempts: at one question, while others get answers. patience: seconds that the server is
    waited for, while nobody gets one; unreached: a server that never answered. probe: a request
    that is surely in order. options: what a person gives the address and the model by.
    Raises ModelError when `url` is no web address, `key` none that can be sent, or the
    environment (proxies, certificates) stands in the way.
    """

    def __init__(
        self,
        url: str | None,
        *,
        key: str = "",
        at_once: int = 1,
        timeout: float = 300.0,
        attempts: int = 5,
        patience: float = PATIENCE,
        unreached: float | None = None,
        probe: Request | None = None,
        options: Options = Options(),  # noqa: B008 (a tuple)
    ) -> None:
        self.address = Address(url)
        self.waits_for = ""
        """Why no answer comes, for people; "" while answers come."""
        self._key = key.strip()
        if not (self._key.isascii() and self._key.isprintable()):
            raise ModelError("the key in LEXSEARCH_API_KEY has characters that no key has")
        self._timeout = timeout
        self._attempts = attempts
        self._patience = patience
        self._unreached = _UNREACHED_SECONDS if unreached is None else unreached
        self._probe = probe
        self._options = options
        self._pace = Pace(at_once)
        self._left_out: dict[str, str] = {}  # parameter: by which other one it is replaced, or ""
        self._wait_until = 0.0  # nobody asks before; monotonic
        self._succeeded_at = _NEVER
        self._failing_since: float | None = None
        self._was_reached = False  # or asked for patience
        self._refused = 0  # in a row
        self._probing = asyncio.Lock()
        self._client, self._way = open_client(
            self.address,
            self._key,
            timeout=httpx2.Timeout(None, connect=_CONNECT_SECONDS),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=at_once),
        )

    @property
    def has_succeeded(self) -> bool:
        return self._succeeded_at > _NEVER

    @property
    def is_failing(self) -> bool:
        """Whether a question failed and none was answered since it was asked."""
        return self._failing_since is not None

    async def close(self) -> None:
        await self._client.aclose()

    async def models(self) -> list[dict[str, Any]]:
        """What the server says of its models. Waits for one that loads; raises ModelError
        where it does not say, and ModelUnavailable where it never will.

        A list that fails again and again says nothing of the models' answers: `transformers
        serve` on a machine without a hub's cache has none to give, and answers all the same.
        """
        attempt = 0
        while True:
            attempt += 1
            begun = time.monotonic()
            outcome = await self._send("GET", _MODELS, None, _CONNECT_SECONDS)
            if isinstance(outcome, bytes):
                self._heard()
                return _listed(outcome, self.address)
            if isinstance(outcome, Complaint):
                blame = whose(outcome)
                if blame is Blame.ACCOUNT:
                    self._end_for(blame, outcome)
                fails = blame is Blame.FAULT and attempt >= _LISTINGS
                if fails or blame not in (Blame.LOADING, Blame.BUSY, Blame.FAULT):
                    raise ModelError(self._said(outcome))
                self._was_reached = self._was_reached or blame is not Blame.FAULT
            elif not isinstance(outcome, _Lost):
                raise ModelError(outcome.reason)
            await self._endure(outcome, begun, attempt)

    async def told_of(self, model: str) -> dict[str, Any]:
        """What the server says of a model just now; {} where it says nothing."""
        outcome = await self._send("GET", _MODELS, None, _CONNECT_SECONDS)
        if not isinstance(outcome, bytes):
            return {}
        try:
            listed = _listed(outcome, self.address)
        except ModelError:
            return {}
        return next((one for one in listed if one.get("id") == model), {})

    async def only_model(self) -> str:
        """The name of the model, where the server has exactly one, or the address names it."""
        if self.address.deployment:
            return self.address.deployment
        try:
            names = [str(model["id"]) for model in await self.models() if "id" in model]
        except ModelUnavailable:
            raise
        except ModelError as error:
            raise ModelError(
                f"{self.address} does not say which models it has ({error}); "
                "is it running, and its address right? If so, name the model "
                f"({self._options.model})"
            ) from error
        if len(names) != 1:
            listed = ", ".join(names[:20]) or "none"
            raise ModelError(f"{self.address} has several models, or none; name one: {listed}")
        return names[0]

    async def ask(self, request: Request) -> str:
        """What the model said, word for word.

        Raises ModelRefused where it, or the server, would not answer this question for its
        content, ModelError where this question alone has no answer, and
        ModelUnavailable where none will have one.
        """
        begun, attempt = float("inf"), 0
        while True:
            async with self._pace:
                await self._until_asked_again()
                alone = self._pace.is_slowest
                asked = time.monotonic()
                begun = min(begun, asked)
                sent = self._adapted(request)
                outcome = await self._post(sent, alone)
            if isinstance(outcome, Answer):
                self._heard(asked)
                return outcome.text
            if isinstance(outcome, Refusal):
                self._heard(asked)
                raise ModelRefused(f"the server will not answer ({self._safe(outcome.reason)})")
            if isinstance(outcome, Complaint) and self._leaves_out(outcome, sent):
                continue
            in_a_queue = isinstance(outcome, _Lost) and outcome.timed_out and not alone
            if await self._is_of_the_server(outcome, asked) and not in_a_queue:
                attempt += 1
            if attempt >= self._attempts:
                reason = f"{self._said(outcome)} (asked {attempt} times)"
                if self._succeeded_at > begun or await self._answers_the_probe(begun):
                    raise ModelError(reason)
            await self._endure(outcome, asked, attempt)

    async def _is_of_the_server(self, outcome: _Outcome, asked: float) -> bool:
        """Whether it counts as an attempt that failed; False where the server asks for patience.

        Raises where it is not the server that is at fault.
        """
        if isinstance(outcome, NoAnswer):
            if outcome.is_final:
                await self._refuse(outcome, asked)
            return True
        if isinstance(outcome, _Lost):
            if outcome.timed_out:
                self._pace.overwhelmed(asked)
            return True
        assert isinstance(outcome, Complaint)
        blame = whose(outcome)
        if blame is Blame.REFUSED:
            self._heard(asked)
            raise ModelRefused(self._said(outcome))
        if blame in (Blame.BUSY, Blame.LOADING):
            self._was_reached = True
            self._pace.overwhelmed(asked)
            return False
        if blame is Blame.FAULT or (blame is Blame.ADDRESS and self.has_succeeded):
            return True
        if blame in (Blame.ACCOUNT, Blame.ADDRESS, Blame.MEMORY):
            self._end_for(blame, outcome)
        if blame in (Blame.SIGHT, Blame.CONTEXT) and not self.has_succeeded:
            self._end_for(blame, outcome)
        await self._refuse(outcome, asked)
        return True

    async def _refuse(self, outcome: _Outcome, asked: float) -> NoReturn:
        """Give a question up that was refused without a word of patience: it alone, or, where a
        plain one is refused as well, all of them.
        """
        self._refused += 1
        said = self._said(outcome)
        suspicious = not self.has_succeeded or self._refused >= _REFUSED_IN_A_ROW
        if suspicious and self._probe and not await self._answers_the_probe(asked):
            self._end(f"{self.address}: {said}; a plain picture fares the same")
        raise ModelError(said)

    async def _answers_the_probe(self, since: float) -> bool:
        """Whether the server answers a question that is surely in order, or did since then."""
        if self._probe is None:
            return False
        async with self._probing:
            if self._succeeded_at > since:
                return True
            for _ in range(len(self._probe)):
                sent = self._adapted(self._probe)
                asked = time.monotonic()
                outcome = await self._post(sent, alone=True)
                if isinstance(outcome, Answer | Refusal):
                    self._heard(asked)
                    return True
                if not (isinstance(outcome, Complaint) and self._leaves_out(outcome, sent)):
                    return False
            return False

    async def _endure(self, outcome: _Outcome, asked: float, attempt: int) -> None:
        """Wait before the question is asked again; end the run where patience is over."""
        now = time.monotonic()
        if self._succeeded_at < asked and self._failing_since is None:
            self._failing_since = asked
        wait = outcome.wait if isinstance(outcome, Complaint) else 0.0
        if wait:
            self._wait_until = max(self._wait_until, now + wait)
        pause = 0.0 if wait else _pause(max(attempt, 1))
        if self._failing_since is not None and self._succeeded_at < asked:
            known = self._was_reached or self.has_succeeded
            patience = self._patience if known else min(self._patience, self._unreached)
            failing = now - self._failing_since
            self.waits_for = self._said(outcome)
            if failing + wait > patience:
                if wait <= patience and await self._answers_the_probe(asked):
                    said = self._said(outcome)
                    raise ModelError(f"{said} (for {failing:.0f} seconds)")
                self._lose_patience(outcome, failing, wait)
        await asyncio.sleep(pause)

    def _lose_patience(self, outcome: _Outcome, failing: float, wait: float) -> NoReturn:
        said = self._said(outcome)
        if wait:
            self._end(
                f"{said.rstrip('.')}: it asks to wait for {wait:.0f} seconds; run it again then"
            )
        if isinstance(outcome, _Lost) and outcome.timed_out:
            self._end(f"{self.address} does not answer: {said}, asked one question at a time")
        if isinstance(outcome, _Lost):
            self._end(
                f"{self.address} does not answer: {said}, for {failing:.0f} seconds; is the "
                f"server running?"
            )
        self._end(f"{self.address} did not recover in {failing:.0f} seconds: {said}")

    async def _post(self, request: Request, alone: bool) -> _Outcome:
        """Ask once. The time limit is for all of it: a server may send a byte now and then.

        alone: nothing else is asked meanwhile, so that a slow answer is no sign of a queue.
        """
        timeout = max(self._timeout, self._patience) if alone and self._pace.most > 1 else None
        outcome = await self._send("POST", _COMPLETIONS, request, timeout or self._timeout)
        return read_completion(outcome) if isinstance(outcome, bytes) else outcome

    async def _send(
        self, method: str, end: str, request: Request | None, timeout: float
    ) -> bytes | Complaint | _Lost | NoAnswer:
        """The body of an answer with status 200, or what came in its place."""
        try:
            async with asyncio.timeout(timeout):
                address = self.address.of(end)
                async with self._client.stream(method, address, json=request) as answer:
                    body = await _limited(answer)
        except TimeoutError:
            return _Lost(f"no answer within {timeout:g} seconds", timed_out=True)
        except httpx2.TransportError as error:
            return _Lost(_named(error))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return NoAnswer(_named(error))
        if body is None:
            return NoAnswer("the server sends an endless answer")
        if answer.is_redirect and (location := answer.headers.get("location")):
            moved = self.address.moved(location, end)
            where = f"{self.address} has moved to {self._safe(moved)}"
            self._end(f"{where}: give that as {self._options.url}.")
        if answer.status_code == 200:
            return body
        return read(answer.status_code, answer.headers, body)

    def _heard(self, asked: float | None = None) -> None:
        """The server is there, and answers."""
        now = time.monotonic()
        if asked is not None:
            self._succeeded_at = now
            self._pace.answered(now - asked, self._timeout)
            self._refused = 0
            self._was_reached = True
        self._failing_since = None
        self.waits_for = ""

    async def _until_asked_again(self) -> None:
        """Wait as long as the server asked everybody to."""
        while (left := self._wait_until - time.monotonic()) > 0:
            await asyncio.sleep(left + random.uniform(0.0, min(1.0, left / 10)))

    def _adapted(self, request: Request) -> dict[str, Any]:
        """The request as this server takes it."""
        adapted = {}
        for name, value in request.items():
            name = self._left_out.get(name, name)
            name = self._left_out.get(name, name)
            if name:
                adapted[name] = value
        return adapted

    def _leaves_out(self, complaint: Complaint, sent: Request) -> bool:
        """Whether it is about a parameter, that is left out or renamed from now on."""
        if complaint.param not in sent and whose(complaint) not in _OF_A_PARAMETER:
            return False
        name = parameter(complaint, sent.keys() - {"model", "messages"})
        if name is None:
            return False
        self._left_out.setdefault(name, "max_completion_tokens" if name == "max_tokens" else "")
        return True

    def _end_for(self, blame: Blame, complaint: Complaint) -> NoReturn:
        said = self._said(complaint).rstrip(".")
        self._end(f"{self.address}: {said}. {self._advice(blame, complaint)}")

    def _advice(self, blame: Blame, complaint: Complaint) -> str:
        better = self.address.without_version
        if blame is Blame.ADDRESS and complaint.status in (404, 405) and better:
            url, model = self._options
            return f"Is the address right? Try {url} {better}, or another {model}."
        if blame is Blame.ACCOUNT and complaint.status == 407:
            return f"Give the proxy's name and password in its variable; it is asked {self._way}."
        if blame is Blame.ACCOUNT and _is_of_credit(complaint):
            return "Add credit to the account there, or choose another model or server."
        return _ADVICE[blame].replace("--model", self._options.model)

    def _said(self, outcome: _Outcome) -> str:
        """An outcome in words, for people."""
        if isinstance(outcome, Complaint):
            phrase = httpx2.codes.get_reason_phrase(outcome.status)
            status = f"{outcome.status} {phrase}".strip()
            said = f"the server answers {status}: {outcome.message or '(nothing)'}"
        else:
            said = getattr(outcome, "reason", str(outcome))
        return self._safe(f"{said} {self._way}".rstrip())

    def _end(self, reason: str) -> NoReturn:
        stop = "" if reason.endswith((".", "?", "!")) else "."
        raise ModelUnavailable(f"{reason}{stop}")

    def _safe(self, text: str) -> str:
        """Without the key, which some servers repeat in their complaints; one line."""
        line = " ".join(storable(text).split())
        return (line.replace(self._key, "***") if self._key else line)[:500]


_OF_A_PARAMETER = (Blame.UNCLEAR, Blame.FAULT, Blame.VIEW, Blame.ADDRESS)

_ADVICE = {
    Blame.ACCOUNT: "Set LEXSEARCH_API_KEY to a key that the server takes.",
    Blame.ADDRESS: "Is the address right (it mostly ends with /v1), and the model's name "
    "(--model)?",
    Blame.MEMORY: "Choose a smaller model, or end what else uses that machine's memory.",
    Blame.SIGHT: "The model takes no pictures: choose one that does (--model), and, with "
    "llama.cpp, start it with --mmproj.",
    Blame.CONTEXT: "Start the server with a context of 4096 tokens or more (vLLM: --max-model-len, "
    "llama.cpp: -c, Ollama: OLLAMA_CONTEXT_LENGTH).",
}


def _is_of_credit(complaint: Complaint) -> bool:
    words = ("credit", "quota", "balance", "billing", "payment", "budget", "arrear", "fund")
    return complaint.status == 402 or any(word in complaint.text.lower() for word in words)


def _pause(attempt: int) -> float:
    """Seconds: longer and longer, and by chance, so that not all ask again at the same moment."""
    longest: float = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** max(min(attempt, 30) - 1, 0))
    return longest * random.uniform(0.5, 1.0)


async def _limited(answer: httpx2.Response) -> bytes | None:
    """The body; None where it is larger than any answer."""
    body = bytearray()
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > _LARGEST_ANSWER:
            return None
    return bytes(body)


def _listed(body: bytes, address: Address) -> list[dict[str, Any]]:
    try:
        found = json.loads(body)
        models = found if isinstance(found, list) else found["data"]
        return [model for model in models if isinstance(model, dict)]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"no list of models at {address.of(_MODELS)}") from error


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
