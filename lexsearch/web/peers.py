"""Who is at the other end of a connection within this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LOCAL, _REMOTE, _UID = 1, 2, 7  # columns


def is_own_user(scope: Mapping[str, Any]) -> bool:
    """Whether the client of a request, which is on this machine, is a program of the user whom this
    process belongs to. False where the system does not tell (it is Linux that does).
    """
    client, server = scope.get("client"), scope.get("server")
    if not client or not server:
        return False
    users = {uid for ports, uid in _connections() if ports == (client[1], server[1])}
    return users == {os.getuid()}  # of two that have the same ports, both have to be


def _connections() -> Iterator[tuple[tuple[int, int], int]]:
    """((own port, other port), user) of every end of a connection that lies on this machine."""
    for table in _TABLES:
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for columns in map(str.split, lines):
            ports = (_port(columns[_LOCAL]), _port(columns[_REMOTE]))
            yield ports, int(columns[_UID])


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
