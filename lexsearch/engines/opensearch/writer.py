"""Changing an index on a cluster: documents go in by bulk requests, a few at once."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from lexsearch.engines import EngineWriter
from lexsearch.engines.opensearch import COMMITS, Made, look
from lexsearch.engines.opensearch.address import read_address
from lexsearch.engines.opensearch.cluster import PASSING, Cluster
from lexsearch.engines.opensearch.mapping import NOTE, Rows, id_of, index_body, made_by
from lexsearch.errors import (
    EngineBroken,
    EngineUnavailable,
    IndexUnusable,
    QueryTooLarge,
    StorageError,
)
from lexsearch.records import Document
from lexsearch.text.analysis import Analyzer

_BYTES, _DOCUMENTS = 10_000_000, 1000  # of one bulk request, at most
_THREADS = 4  # that wait for the cluster's answers
_PATIENCE = 60.0  # seconds that are waited for copies
_WAITS = (0.2, 0.5, 1.0, 2.0, 4.0)  # seconds before what was refused for now is sent again
log = logging.getLogger("lexsearch")


class OpenSearchWriter(EngineWriter):
    """The only writer of an index on a cluster. Changes are durable when they are sent, and seen
    after `commit`; those of a writer that ends before are seen after the next one's.
    """

    def __init__(
        self, address: str, analyzer: Analyzer, *, anew: bool = False, owner: str = ""
    ) -> None:
        self.analyzer = analyzer
        self._owner = owner
        self._address = read_address(address)
        self._cluster = Cluster(self._address)
        self._rows = Rows(analyzer)
        self._threads = ThreadPoolExecutor(_THREADS, "opensearch")
        self._sending: deque[tuple[_Chunk, Future[None]]] = deque()
        self._candidates = 0  # of the index that is there
        try:
            made = look(self._cluster, None if anew else analyzer)
            self._candidates = made.candidates
            self._expect_own(made)
        except EngineBroken:
            if not anew:
                self._put_in_place(self._make())  # a new index can be searched at once

    def _expect_own(self, made: Made) -> None:
        """Two folders that fill one index would take each other's pictures out of it."""
        if self._owner and made.owner and self._owner != made.owner:
            raise IndexUnusable(
                f"{self._address} is filled from another index folder; choose another name, or, "
                "where that folder is no more, delete that index on the cluster"
            )

    def update(self, documents: Iterable[Document]) -> None:
        self._put(self._address.name, documents)

    def _put(self, index: str, documents: Iterable[Document]) -> None:
        chunk = _Chunk()
        for document in documents:
            chunk.add(document, self._rows.row(document))
            if chunk.is_full():
                self._send(index, chunk)
                chunk = _Chunk()
        if chunk.lines:
            self._send(index, chunk)

    def _send(self, index: str, chunk: _Chunk) -> None:
        while len(self._sending) >= _THREADS or self._is_sending(chunk):
            self._finish_one()
        self._sending.append((chunk, self._threads.submit(self._bulk, index, chunk)))

    def _is_sending(self, chunk: _Chunk) -> bool:
        """Whether another text of one of the documents is on its way, which must go first."""
        return any(chunk.names.keys() & one.names.keys() for one, _ in self._sending)

    def _finish_one(self) -> None:
        _, sending = self._sending.popleft()
        sending.result()

    def _finish_all(self) -> None:
        while self._sending:
            self._finish_one()

    def delete(self, doc_ids: Iterable[str]) -> None:
        self._finish_all()
        chunk = _Chunk()
        for doc_id in doc_ids:
            chunk.drop(doc_id)
        if chunk.lines:
            self._bulk(self._address.name, chunk)

    def _bulk(self, index: str, chunk: _Chunk) -> None:
        """Send a chunk; what was refused for now once more. A document that the cluster does not
        take is named, and the others go on.
        """
        lines = chunk.lines
        for wait in (*_WAITS, None):
            rows = self._answers(index, lines)
            for row in rows:
                if "error" in row and not _is_passing(row):
                    self._tell(chunk, row)
            lines = [line for line, row in zip(lines, rows, strict=True) if _is_passing(row)]
            if not lines:
                return
            if wait is None:
                raise EngineUnavailable(f"{self._address} takes no documents just now; try again")
            time.sleep(wait)

    def _answers(self, index: str, lines: Sequence[str]) -> list[dict[str, Any]]:
        """What the cluster says of each line. A request that is too long for it goes in halves."""
        # Never into an index that OpenSearch would make by itself, without the mapping.
        alias = {"require_alias": "true"} if index == self._address.name else {}
        try:
            answer = self._cluster.ask("POST", f"/{index}/_bulk", "".join(lines), **alias)
        except QueryTooLarge:
            if len(lines) == 1:
                [(_, told)] = json.loads(lines[0].partition("\n")[0]).items()
                return [{**told, "status": 413, "error": {"reason": "it has too many words"}}]
            half = len(lines) // 2
            return self._answers(index, lines[:half]) + self._answers(index, lines[half:])
        return [next(iter(item.values())) for item in answer["items"]]

    def _tell(self, chunk: _Chunk, row: Mapping[str, Any]) -> None:
        kind = row["error"].get("type")
        reason = (row["error"].get("caused_by") or row["error"]).get("reason")
        if kind == "cluster_block_exception":
            raise StorageError(
                f"{self._address} takes no changes ({reason}), mostly because its disks are "
                "nearly full; make room there"
            )
        if kind == "index_not_found_exception":
            raise EngineBroken(f"the text index {self._address} was taken away meanwhile")
        log.warning(
            "%s could not be put into the text index %s (%s); the other pictures go on",
            chunk.names[row["_id"]],
            self._address,
            reason,
        )

    def commit(self) -> None:
        self._finish_all()
        self._publish(self._address.name, self._candidates)
        self._tell_own()

    def _publish(self, index: str, candidates: int) -> None:
        """Show all that was sent, then say so: whoever sees the note sees the documents."""
        note = self._note(candidates)
        answer = self._cluster.ask("POST", f"/{index}/_refresh")
        if answer["_shards"]["failed"]:
            raise EngineUnavailable(f"a part of {self._address} cannot answer just now; try again")
        self._cluster.ask("PUT", f"/{index}/_mapping", {"_meta": {NOTE: note}})

    def _tell_own(self) -> None:
        COMMITS[self._address.text] += 1

    def _note(self, candidates: int) -> dict[str, str]:
        return {
            "made": made_by(self.analyzer),
            "name": self._address.name,
            "owner": self._owner,
            "candidates": str(candidates),
            "commit": secrets.token_hex(8),
        }

    def replace(self, documents: Iterable[Document]) -> None:
        self._finish_all()
        index = self._make()
        try:
            self._put(index, documents)
            self._finish_all()
            self._publish(index, self._address.candidates)
        except BaseException:
            self._sending.clear()
            self._drop(index)
            raise
        self._put_in_place(index)
        self._tell_own()

    def _make(self) -> str:
        """A new index, which nobody sees yet and which has one copy of each shard."""
        index = f"{self._address.name}-{secrets.token_hex(4)}"
        shards = self._address.shards or self._nodes()
        candidates = self._address.candidates
        body = index_body(shards, self._note(candidates), candidates)
        self._cluster.ask("PUT", f"/{index}", body, done="resource_already_exists_exception")
        return index

    def _nodes(self) -> int:
        return int(self._cluster.ask("GET", "/_cluster/health")["number_of_data_nodes"]) or 1

    def _put_in_place(self, index: str) -> None:
        """Give an index its second copy, where there is a node for it, and its name; in the same
        moment those that had the name before go, and those that were never finished.
        """
        name = self._address.name
        self._cluster.ask("PUT", f"/{index}/_settings", {"auto_expand_replicas": "0-1"})
        self._wait_for_copies(index)
        found = self._cluster.ask("GET", f"/{name}-*/_mapping", filter_path="*.mappings._meta")
        notes = {one: row["mappings"]["_meta"].get(NOTE) for one, row in found.items()}
        others = [one for one, note in notes.items() if note and note["name"] == name]
        actions = [{"remove_index": {"index": one}} for one in others if one != index]
        add = {"add": {"index": index, "alias": name}}
        body = {"actions": [add, *actions]}
        self._cluster.ask("POST", "/_aliases", body, done="index_not_found_exception")
        if look(self._cluster, self.analyzer).concrete != index:
            raise EngineUnavailable(f"{self._address} was changed by another process; try again")
        self._candidates = self._address.candidates

    def _wait_for_copies(self, index: str) -> None:
        """An index without its second copy can be searched as well: nobody waits without end."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if self._cluster.ask("GET", f"/_cluster/health/{index}")["status"] == "green":
                return
            time.sleep(0.2)

    def _drop(self, index: str) -> None:
        self._cluster.ask("DELETE", f"/{index}", ignore_unavailable="true")

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._cluster.close()


class _Chunk:
    """The lines of one bulk request, and what people call the documents in it, by `_id`."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, str] = {}
        self._characters = 0

    def add(self, document: Document, row: Mapping[str, Any]) -> None:
        key = id_of(document.doc_id)
        self.names[key] = next(iter(document.paths), document.doc_id)
        told = json.dumps({"index": {"_id": key}}), json.dumps(row)  # ASCII: a character is a byte
        self._append("\n".join((*told, "")))

    def drop(self, doc_id: str) -> None:
        key = id_of(doc_id)
        self.names[key] = doc_id
        self._append(json.dumps({"delete": {"_id": key}}) + "\n")

    def _append(self, line: str) -> None:
        self.lines.append(line)
        self._characters += len(line)

    def is_full(self) -> bool:
        return len(self.lines) >= _DOCUMENTS or self._characters >= _BYTES


def _is_passing(row: Mapping[str, Any]) -> bool:
    return "error" in row and row["status"] in PASSING
