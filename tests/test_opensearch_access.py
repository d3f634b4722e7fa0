"""Who may ask a cluster: certificates of one's own, and AWS's signatures, checked by a server."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from nodes import Nodes

from lexsearch.engines import open_engine
from lexsearch.engines.nodes import MatchAll, ScoredQuery
from lexsearch.engines.opensearch import OpenSearchEngine, cluster
from lexsearch.engines.opensearch.address import read_address
from lexsearch.engines.opensearch.writer import OpenSearchWriter
from lexsearch.errors import EngineUnavailable
from lexsearch.records import Document
from lexsearch.text.analysis import SimpleAnalyzer

NUMBERS = count()


class Door:
    """Listens with a certificate, and passes what is said on to a port of this machine."""

    def __init__(self, context: ssl.SSLContext, port: int) -> None:
        self._context, self._beyond = context, port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                said, _ = self._listening.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._join, args=[said], daemon=True).start()

    def _join(self, said: socket.socket) -> None:
        try:
            here = self._context.wrap_socket(said, server_side=True)
        except OSError:  # who asks does not trust it, or is not trusted
            said.close()
            return
        there = socket.create_connection(("127.0.0.1", self._beyond))
        for one, other in ((here, there), (there, here)):
            threading.Thread(target=_pass_on, args=[one, other], daemon=True).start()

    def close(self) -> None:
        self._listening.close()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    try:
        while said := one.recv(65536):
            other.sendall(said)
        other.shutdown(socket.SHUT_WR)
    except OSError:  # either side has left
        pass


class Certificates:
    """Those of a cluster and of a client, by an authority that nobody knows, as files."""

    def __init__(self, folder: Path) -> None:
        trustme = pytest.importorskip("trustme")
        authority = trustme.CA()
        self.authority = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        self.client, self.key = folder / "client.pem", folder / "client.key"
        client = authority.issue_cert("me@example.org")
        client.cert_chain_pems[0].write_to_path(str(self.client))
        client.private_key_pem.write_to_path(str(self.key))
        self._of_cluster = authority.issue_cert("localhost")

    def context(self, *, asks_back: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._of_cluster.configure_cert(context)
        if asks_back:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.authority)
        return context


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@pytest.fixture
def door(nodes: Nodes, certificates: Certificates) -> Iterator[Callable[..., int]]:
    """Open a port with TLS in front of the node."""
    opened: list[Door] = []

    def opening(**options: bool) -> int:
        door = Door(certificates.context(**options), next(iter(nodes.http.values())))
        opened.append(door)
        return door.port

    yield opening
    for one in opened:
        one.close()


def fill_and_search(port: int, host: str = "localhost") -> list[str]:
    address = f"opensearch+https://{host}:{port}/secret-{next(NUMBERS)}"
    writer = OpenSearchWriter(address, SimpleAnalyzer())
    writer.update([Document("a", "a cat")])
    writer.commit()
    writer.close()
    engine = OpenSearchEngine(address, SimpleAnalyzer())
    found = [doc_id for doc_id, _ in engine.search(ScoredQuery(MatchAll()), 10).best]
    engine.close()
    return found


def test_a_cluster_with_a_certificate_of_its_own_is_trusted_by_its_authority_alone(
    door: Callable[..., int], certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = door()
    with pytest.raises(EngineUnavailable, match="LEXSEARCH_OPENSEARCH_CA names"):
        fill_and_search(port)
    monkeypatch.setenv("LEXSEARCH_OPENSEARCH_CA", str(certificates.authority))
    assert fill_and_search(port) == ["a"]
    with pytest.raises(EngineUnavailable, match="not trusted"):
        fill_and_search(port, host="127.0.0.1")  # which is not what the certificate is of


def test_a_cluster_that_asks_for_a_certificate_gets_it(
    door: Callable[..., int], certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_WAITS", ())
    port = door(asks_back=True)
    monkeypatch.setenv("LEXSEARCH_OPENSEARCH_CA", str(certificates.authority))
    with pytest.raises(EngineUnavailable):
        fill_and_search(port)
    monkeypatch.setenv("LEXSEARCH_OPENSEARCH_CERT", str(certificates.client))
    monkeypatch.setenv("LEXSEARCH_OPENSEARCH_KEY", str(certificates.key))
    assert fill_and_search(port) == ["a"]


# AWS


SECRET, REGION = "not-so/secret+key", "eu-central-1"


class Signed(ThreadingHTTPServer):
    """Answers requests that are signed as AWS's Signature Version 4 wants it, and no others."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.accepted: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Signed

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        is_right = is_signed(self.command, self.path, dict(self.headers.items()), body)
        if is_right:
            self.server.accepted.append(f"{self.command} {self.path}")
        answer = json.dumps({"took": 1} if is_right else {"message": "no"}).encode()
        self.send_response(200 if is_right else 403)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_POST(self) -> None:
        self.do_GET()


def is_signed(method: str, path: str, headers: dict[str, str], body: bytes) -> bool:
    """By AWS's description of "Create a signed AWS API request", steps 1 to 4."""
    given = {name.lower(): value.strip() for name, value in headers.items()}
    told = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=\w+/(\d{8}/([\w-]+)/es/aws4_request), "
        r"SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})",
        given.get("authorization", ""),
    )
    if not told or told[2] != REGION or "host" not in told[3].split(";"):
        return False
    parts = urlsplit(path)
    query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    request = "\n".join(
        (
            method,
            quote(parts.path, safe="/-_.~"),
            "&".join(
                f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in query
            ),
            *(f"{name}:{given[name]}" for name in told[3].split(";")),
            "",
            told[3],
            hashlib.sha256(body).hexdigest(),
        )
    )
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", given["x-amz-date"], told[1], digest))
    key = f"AWS4{SECRET}".encode()
    for part in told[1].split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), told[4])


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Signed]:
    pytest.importorskip("botocore")
    monkeypatch.setenv("LEXSEARCH_OPENSEARCH_AWS", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    server = Signed()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_requests_are_signed_as_aws_wants_it(aws: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    address = read_address(f"opensearch+http://127.0.0.1:{aws.server_port}/photos")
    client = cluster.Cluster(address)
    body = {"query": {"match_all": {}}, "size": 0}
    assert client.ask("POST", "/photos/_search", body, filter_path="*.mappings._meta")
    assert client.ask("POST", "/photos/_bulk", '{"delete": {"_id": "käse"}}\n')
    assert client.ask("GET", "/photos-*/_mapping", local="true")
    client.close()
    assert len(aws.accepted) == 3
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(EngineUnavailable, match="does not allow"):
        open_engine(address.text)


def test_without_credentials_of_aws_one_is_told(
    aws: Signed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(EngineUnavailable, match="no AWS credentials"):
        open_engine(f"opensearch+http://127.0.0.1:{aws.server_port}/photos")
