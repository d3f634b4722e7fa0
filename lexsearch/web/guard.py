"""What every request must pass: the right host, password, rate, size, time; and what every
answer carries: headers that forbid a browser whatever the page does not need.

Written for a page that lies open in a home network. Each check is there for a known attack:
names that an attacker's DNS points here (host), other sites' forms and scripts (token and
origin), captions that hold HTML (Content-Security-Policy, with nothing inline allowed).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import ipaddress
import json
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from lexsearch.errors import LexsearchError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOCAL = ("localhost",)
MAX_BODY = 1024 * 1024
_CLIENTS = 10_000  # addresses whose rate is remembered
_FORWARDED = {b"forwarded", b"via", b"x-forwarded-for", b"x-real-ip"}
LOCAL_CLIENT = "lexsearch.local_client"
"""In the scope: whether the request comes from this machine."""
UNHURRIED = "lexsearch.unhurried"
"""In the scope: a function that lifts the limit of time, for files that may take long."""
_WRITES = {"POST", "PUT", "PATCH", "DELETE"}
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_STRICT = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]


class Refusal(Exception):
    """A request that is not answered as asked: an HTTP status, a message, further headers."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one client may ask for, and how long one answer may take.

    rate: requests a second and address, on average; twice as many at once are let through.
    writes: the same for changes. seconds: for one request, from its first byte to the last.
    """

    rate: float = 500.0
    writes: float = 10.0
    seconds: float = 30.0


class Guard:
    """ASGI middleware around the whole page and its API."""

    def __init__(
        self,
        app: App,
        *,
        token: str,
        hosts: Sequence[str],
        password: str | None,
        keys: Sequence[str],
        origins: Sequence[str],
        limits: Limits,
    ) -> None:
        self._app = app
        self._token = token
        self._hosts = {host.lower() for host in hosts}
        self._password = _digest(password) if password else None
        self._keys = [*map(_digest, keys)]
        self._origins = {_checked_origin(origin) for origin in origins}
        self._seconds = limits.seconds
        self._requests = _Rate(limits.rate)
        self._changes = _Rate(limits.writes)
        self._wrong = _Rate(0.2, burst=10)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":  # no WebSocket is spoken here
            return await send({"type": "websocket.close", "code": 1008})
        started = False
        without_body = scope["method"] == "HEAD"
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        # The page itself, which knows the token, is for nobody else.
        is_api = scope["path"].removeprefix(scope.get("root_path", "")).startswith("/api/")
        is_foreign = is_api and headers.get(b"origin", "").lower() in self._origins
        more = _for_others(headers) if is_foreign else [(b"vary", b"origin")][: len(self._origins)]

        async def send_strictly(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", []), *_STRICT, *more]
            elif without_body:
                message["body"] = b""
            await send(message)

        try:
            async with asyncio.timeout(self._seconds) as limit:
                if is_foreign and _is_preflight(scope, headers):
                    self._check_client(scope, headers)
                    return await _answer(204, b"", send_strictly)
                self._check(scope, headers, is_foreign)
                if scope["method"] in _WRITES:
                    receive = await _whole_body(receive)
                method = "GET" if without_body else scope["method"]
                is_here = _is_from_here(scope) and not is_foreign
                known = {LOCAL_CLIENT: is_here, UNHURRIED: partial(limit.reschedule, None)}
                await self._app({**scope, "method": method, **known}, receive, send_strictly)
        except Refusal as refusal:
            await _refuse(refusal, send_strictly)
        except TimeoutError:
            if started:
                raise  # half an answer is out: the server drops the connection
            await _refuse(Refusal(503, f"took longer than {self._seconds:g} s"), send_strictly)
        return None

    def _check(self, scope: Scope, headers: dict[bytes, str], is_foreign: bool) -> None:
        client = self._check_client(scope, headers)
        given = headers.get(b"authorization", "")
        has_key = self._has_key(client, given)
        if self._password is not None and not has_key:
            self._check_password(client, given)
        if scope["method"] in _WRITES:
            if not is_foreign:
                self._check_site(headers)
            if not has_key:
                self._check_token(headers)
            self._changes.take(client)

    def _check_client(self, scope: Scope, headers: dict[bytes, str]) -> str:
        client = str((scope.get("client") or ("",))[0])
        self._requests.take(client)
        self._check_host(headers.get(b"host", ""))
        return client

    def _has_key(self, client: str, authorization: str) -> bool:
        """Whether the request brings a key. Raises Refusal for a wrong one."""
        kind, _, key = authorization.partition(" ")
        if kind.lower() != "bearer" or not self._keys:
            return False
        self._wrong.check(client)
        given = _digest(key.strip())
        if not any(secrets.compare_digest(given, known) for known in self._keys):
            self._wrong.take(client)
            raise Refusal(401, "this key is not known", **{"www-authenticate": "Bearer"})
        return True

    def _check_host(self, host: str) -> None:
        name = _hostname(f"//{host}")
        if not name or not ("*" in self._hosts or name in self._hosts or _is_address(name)):
            raise Refusal(
                421,
                f"this server does not answer to the name {name or host!r}; allow it with "
                "`lexsearch serve --allow-host NAME` or `lexsearch.web.app(index, hosts=[...])`",
            )

    def _check_password(self, client: str, authorization: str) -> None:
        given = _given_password(authorization)
        if given is not None:
            self._wrong.check(client)  # before it is looked at: else guessing is not slow at all
            if secrets.compare_digest(_digest(given), self._password or b""):
                return
            self._wrong.take(client)
        challenge = {"www-authenticate": 'Basic realm="lexsearch", charset="UTF-8"'}
        raise Refusal(401, "a password is needed (the user name does not matter)", **challenge)

    def _check_site(self, headers: dict[bytes, str]) -> None:
        origin, host = headers.get(b"origin"), headers.get(b"host", "")
        if origin is not None and not _is_origin_of(origin, host):
            raise Refusal(403, "changes from another site are refused")
        if headers.get(b"sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Refusal(403, "changes from another site are refused")

    def _check_token(self, headers: dict[bytes, str]) -> None:
        token = headers.get(b"x-lexsearch-token", "")
        if not secrets.compare_digest(_digest(token), _digest(self._token)):
            raise Refusal(403, "the token is missing or old: load the page again")


class _Rate:
    """A bucket of tokens for each client, filled at a steady rate; 0 lets everything through."""

    def __init__(self, rate: float, burst: float | None = None) -> None:
        self._rate = rate
        self._burst = burst or max(2 * rate, 10.0)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> None:
        """Take a token from the client's bucket; Refusal where there is none."""
        if not self._rate:
            return
        now = time.monotonic()
        left = self._left(client, now)
        self._buckets.pop(client, None)
        self._buckets[client] = (max(0.0, left - 1), now)
        if len(self._buckets) > _CLIENTS:
            self._buckets.popitem(last=False)
        self._require(left)

    def check(self, client: str) -> None:
        """Refusal where the client's bucket is empty; nothing is taken."""
        if self._rate:
            self._require(self._left(client, time.monotonic()))

    def _left(self, client: str, now: float) -> float:
        left, since = self._buckets.get(client, (self._burst, now))
        return min(self._burst, left + (now - since) * self._rate)

    def _require(self, left: float) -> None:
        if left < 1:
            wait = max(1, round((1 - left) / self._rate))
            raise Refusal(
                429, f"too many requests; try again in {wait} s", **{"retry-after": str(wait)}
            )


async def _whole_body(receive: Receive) -> Receive:
    """Read the body at once, so that neither its size nor a slow sender holds anything up."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "the request ended early")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY:
            raise Refusal(413, f"more than {MAX_BODY // 1024} kB were sent", connection="close")
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return replay


async def _refuse(refusal: Refusal, send: Send) -> None:
    body = json.dumps({"error": str(refusal)}).encode()
    await _answer(refusal.status, body, send, refusal.headers)


async def _answer(
    status: int, body: bytes, send: Send, more: Mapping[str, str] = MappingProxyType({})
) -> None:
    own = {
        **({"content-type": "application/json"} if body else {}),
        "content-length": str(len(body)),
        "cache-control": "no-store",
    }
    headers = [(name.encode(), value.encode()) for name, value in {**own, **more}.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _for_others(headers: dict[bytes, str]) -> list[tuple[bytes, bytes]]:
    """What lets the page of an origin that is allowed read the answer, and send what it must."""
    return [
        (b"access-control-allow-origin", headers[b"origin"].encode("latin-1")),
        (b"access-control-allow-methods", b"GET, HEAD, PUT"),
        (b"access-control-allow-headers", b"authorization, content-type, x-lexsearch-token"),
        (b"access-control-max-age", b"600"),
        (b"vary", b"origin"),
    ]


def _is_preflight(scope: Scope, headers: dict[bytes, str]) -> bool:
    return scope["method"] == "OPTIONS" and b"access-control-request-method" in headers


def _checked_origin(text: str) -> str:
    """An origin as browsers send it. Raises LexsearchError for what is none."""
    origin = text.lower().rstrip("/")
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or f"{parts.scheme}://{parts.netloc}" != origin:
        raise LexsearchError(f"{text} is no origin; write one such as https://photos.example.org")
    return origin


def _hostname(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


def _is_origin_of(origin: str, host: str) -> bool:
    """Whether a page of this origin lies at this host; the scheme's own port is like none."""
    try:
        page = urlsplit(origin)
        usual = {"http": 80, "https": 443}.get(page.scheme)
        asked = urlsplit(f"//{host}")
        return (
            page.hostname is not None
            and page.hostname == asked.hostname
            and (page.port or usual) == (asked.port or usual)
        )
    except ValueError:  # no address at all
        return False


def _is_from_here(scope: Scope) -> bool:
    """Whether a request comes from this machine itself, and not through a proxy on it."""
    names = {name for name, _ in scope["headers"]}
    if names & _FORWARDED:
        return False
    try:
        return ipaddress.ip_address((scope.get("client") or ("",))[0]).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    """Whether it is a bare IP address: no name server can point one here."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _given_password(authorization: str) -> str | None:
    kind, _, encoded = authorization.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded, validate=True).decode("utf-8", "replace")
    except binascii.Error:
        return None
    return decoded.partition(":")[2]


def _digest(text: str) -> bytes:
    """A hash, so that comparing takes the same time whatever the lengths."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
