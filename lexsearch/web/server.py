"""Serve the page from this process, or several: uvicorn, with bounds for slow and many clients."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import socket as sockets
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from lexsearch.errors import LexsearchError
from lexsearch.index import Index
from lexsearch.web import Feeder, agreed_token, app
from lexsearch.web.guard import App

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


def serve_until_stopped(
    index: Index,
    socket: sockets.socket,
    workers: int = 1,
    feeder: Feeder | None = None,
    **options: Any,
) -> None:
    """Serve the page of an index, with the options of `lexsearch.web.app`, until Ctrl-C.

    workers: processes that share the work; each opens the index for itself. One that dies is
        replaced; all end with this process, however it ends.
    feeder: for one worker alone; what it has described by the end is kept.
    """
    if workers == 1:
        threading.Thread(target=_warm_up, args=(index,)).start()
        try:
            served = app(index, feeder=feeder, **options)
            uvicorn.Server(_config(served)).run(sockets=[socket])
        finally:
            if feeder is not None:
                feeder.close()
        return
    options["token"] = options.get("token") or agreed_token(index)
    opened = partial(_open_app, index.name, options)
    supervisor = _Supervisor(_config(opened, factory=True, workers=workers), [socket])
    supervisor.run()
    if supervisor.interrupted:
        raise KeyboardInterrupt


def _config(served: Any, **more: Any) -> uvicorn.Config:
    return uvicorn.Config(
        served,
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
        **more,
    )


class _Supervisor(Multiprocess):
    interrupted = False

    def handle_int(self) -> None:
        self.interrupted = True
        super().handle_int()


def _open_app(name: str, options: Mapping[str, Any]) -> App:
    """The application of one worker."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    index = Index(name, create=False)
    threading.Thread(target=_warm_up, args=(index,)).start()
    return app(index, **options)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _warm_up(index: Index) -> None:
    """Start the search engine meanwhile, so that the first search is as quick as the others."""
    with contextlib.suppress(LexsearchError):  # the first search will say so
        index.search("picture", 1)
