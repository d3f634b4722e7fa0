"""Requests to a cluster: tried again where that helps, and what fails as lexsearch's errors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from lexsearch.engines.opensearch.address import TIMEOUT, Address, connect
from lexsearch.errors import (
    EngineBroken,
    EngineUnavailable,
    LexsearchError,
    QueryTooLarge,
    StorageError,
)

_WAITS = (0.1, 0.3, 0.8, 2.0)  # seconds before one more try
_PATIENCE = 30.0  # seconds after which nothing is tried again
PASSING = (429, 502, 503, 504)
_PASSING_KINDS = {
    f"{kind}_exception"
    for kind in (
        *("connect_transport", "node_not_connected", "node_disconnected", "node_closed"),
        *("no_shard_available_action", "receive_timeout_transport", "unavailable_shards"),
    )
}
_LARGE_KINDS = {"too_many_clauses", "too_many_nested_clauses"}


class Cluster:
    """A cluster's REST API, over all its hosts. Several threads may ask at once."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._transport = connect(address)

    def ask(
        self, method: str, path: str, body: Any = None, *, done: str = "", **params: Any
    ) -> Any:
        """The answer, as JSON; True or False for HEAD.

        done: the type of an error by which the cluster tells that an earlier try, whose answer
            was late or lost, has done it; then the answer is None.
        Raises EngineUnavailable when no host can answer now, EngineBroken for an index that is not
        there, QueryTooLarge, StorageError when the cluster's disks are full.
        """
        from opensearchpy.exceptions import TransportError

        headers = {"content-type": "application/x-ndjson"} if isinstance(body, str) else None
        until = time.monotonic() + _PATIENCE
        for wait in (*_WAITS, None):
            try:
                return self._transport.perform_request(
                    method, path, params=dict(params), body=body, headers=headers
                )
            except TransportError as error:
                if done and done in kinds_of(error.info):
                    return None
                if wait is None or not _is_passing(error) or time.monotonic() > until:
                    told = _translated(error, self.address)
                    if told is None:
                        raise
                    raise told from error
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        self._transport.close()


def _is_passing(error: Any) -> bool:
    """Whether another moment, or another host, may help."""
    from opensearchpy.exceptions import ConnectionError as NoConnection
    from opensearchpy.exceptions import SSLError

    if isinstance(error, NoConnection):
        return not isinstance(error, SSLError)
    return error.status_code in PASSING or bool(_PASSING_KINDS & kinds_of(error.info))


def _translated(error: Any, address: Address) -> LexsearchError | None:
    """As one of lexsearch's errors; None for what nobody foresaw."""
    from opensearchpy.exceptions import ConnectionError as NoConnection
    from opensearchpy.exceptions import ConnectionTimeout, SSLError

    if isinstance(error, SSLError):
        return EngineUnavailable(
            f"{address} has a certificate that is not trusted here; LEXSEARCH_OPENSEARCH_CA names "
            "the file of who signed it"
        )
    if isinstance(error, ConnectionTimeout):
        return EngineUnavailable(f"{address} did not answer within {TIMEOUT:.0f} s; try again")
    if isinstance(error, NoConnection):
        return EngineUnavailable(f"{address} cannot be reached; is OpenSearch running there?")
    kinds, status = kinds_of(error.info), error.status_code
    if kinds & _LARGE_KINDS:
        return QueryTooLarge(
            "the query asks for too many words; ask for fewer, or raise "
            "indices.query.bool.max_clause_count in the cluster's settings"
        )
    if status == 413:
        return QueryTooLarge("the query is too long for the cluster; ask for fewer words")
    if "cluster_block_exception" in kinds:
        return StorageError(
            f"{address} takes no changes, mostly because its disks are nearly full; make room there"
        )
    if status == 401:
        return EngineUnavailable(
            f"{address} asks who you are; set LEXSEARCH_OPENSEARCH_USER and "
            "LEXSEARCH_OPENSEARCH_PASSWORD"
        )
    if status == 403:
        return EngineUnavailable(f"{address} does not allow this user that; ask who runs it")
    if status == 404 and "index_not_found_exception" in kinds:
        return missing(address)
    if _is_passing(error):
        return EngineUnavailable(f"{address} cannot answer just now ({error.error}); try again")
    return None


def missing(address: Address) -> EngineBroken:
    return EngineBroken(
        f"there is no text index {address}; `lexsearch reindex` makes it from the captions"
    )


def kinds_of(info: object) -> set[str]:
    """The types of all errors that an answer tells of, however deep."""
    return set(_kinds(info))


def _kinds(info: object) -> Iterator[str]:
    if isinstance(info, dict):
        if isinstance(info.get("type"), str):
            yield info["type"]
        for value in info.values():
            yield from _kinds(value)
    elif isinstance(info, list):
        for value in info:
            yield from _kinds(value)
