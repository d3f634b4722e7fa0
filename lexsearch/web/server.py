"""Serve the page from this process: uvicorn, with bounds for slow and many clients."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket as sockets
import threading
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from lexsearch.errors import LexsearchError
from lexsearch.web import app

if TYPE_CHECKING:
    from lexsearch.index import Index

_CONNECTIONS = 512
_FIRST_REQUEST = 5.0  # seconds that a client may take to say what it wants


class _Impatient(H11Protocol):
    """Hangs up on clients that connect and do not finish their first request's head in time.

    (Between requests, uvicorn's own timeout_keep_alive does so.)
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(_FIRST_REQUEST, self._hang_up)

    def _hang_up(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


def listen(host: str, port: int) -> sockets.socket:
    """A socket at that address; port 0 takes a free one. Raises LexsearchError."""
    try:
        kind, _, _, _, address = sockets.getaddrinfo(host, port, type=sockets.SOCK_STREAM)[0]
        listening = sockets.create_server(address[:2], family=kind, backlog=256)
        # Else the body of an answer waits 40 ms for the client to acknowledge its head.
        listening.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        if error.errno is not None and error.errno > 0:
            reason = os.strerror(error.errno)
        else:  # the name could not be looked up
            reason = error.strerror or str(error)
        raise LexsearchError(
            f"cannot listen at {host}, port {port} ({reason.lower()}); --port 0 takes any free port"
        ) from error


def serve_until_stopped(index: Index, socket: sockets.socket, **options: Any) -> None:
    """Serve the page of an index, with the options of `lexsearch.web.app`, until Ctrl-C."""
    config = uvicorn.Config(
        app(index, **options),
        http=_Impatient,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=3,
        h11_max_incomplete_event_size=32 * 1024,
    )
    threading.Thread(target=_warm_up, args=(index,)).start()
    uvicorn.Server(config).run(sockets=[socket])


def _warm_up(index: Index) -> None:
    """Start the search engine meanwhile, so that the first search is as quick as the others."""
    with contextlib.suppress(LexsearchError):  # the first search will say so
        index.search("picture", 1)
