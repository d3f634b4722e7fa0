"""Where a cluster is, and who asks it.

    opensearch+https://HOST[:PORT][,HOST[:PORT]...]/[PREFIX/]NAME[?shards=N][&candidates=N]

The last part of the path names the index (an alias, in OpenSearch). Nobody's password is in an
address: user, password and certificates are read from the environment (see `connect`), so that no
setting, log or message has them.
"""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from lexsearch.errors import EngineUnavailable, LexsearchError
from lexsearch.extras import require

if TYPE_CHECKING:
    from opensearchpy import Transport

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,200}")  # OpenSearch's rule, less what is rarely used
_FORM = "opensearch+https://HOST:9200/NAME"
_ENVIRONMENT = "LEXSEARCH_OPENSEARCH_"
MOST_CANDIDATES = 10_000  # OpenSearch's limit of a rescore
TIMEOUT = 20.0  # seconds for one request


class Address(NamedTuple):
    """shards: of an index that is made here; 0: one for each data node.
    candidates: of each shard, that are scored exactly; 0: all that match.
    """

    text: str
    hosts: tuple[tuple[str, int], ...]
    secure: bool
    prefix: str
    name: str
    shards: int = 0
    candidates: int = 0

    def __str__(self) -> str:
        return self.text


def read_address(text: str) -> Address:
    """Raises LexsearchError for what is no address; the message never repeats a password."""
    scheme, _, rest = text.removeprefix("opensearch+").partition("://")
    place, _, query = rest.partition("?")
    authority, _, path = place.partition("/")
    if "@" in authority:
        raise LexsearchError(
            f"an address holds no user and password; set {_ENVIRONMENT}USER and "
            f"{_ENVIRONMENT}PASSWORD, and write {_FORM}"
        )
    prefix, _, name = path.strip("/").rpartition("/")
    if not _NAME.fullmatch(name):
        raise LexsearchError(
            f"{text} does not end in the name of an index (small letters, digits, - _ .); "
            f"write {_FORM}"
        )
    secure = scheme == "https"
    try:
        split = [urlsplit(f"//{host}") for host in authority.split(",")]
        hosts = tuple((one.hostname or "", one.port or (443 if secure else 9200)) for one in split)
        options = dict(parse_qsl(query, strict_parsing=True)) if query else {}
        shards, candidates = (int(options.pop(name, 0)) for name in ("shards", "candidates"))
    except ValueError as error:
        raise LexsearchError(f"{text} is no address ({error}); write {_FORM}") from error
    is_sane = 0 <= shards <= 1024 and 0 <= candidates <= MOST_CANDIDATES
    if options or not all(host for host, _ in hosts) or not is_sane:
        raise LexsearchError(
            f"{text} is no address; write {_FORM}, {_FORM}?shards=3 or "
            f"{_FORM}?shards=3&candidates=1000 ({MOST_CANDIDATES:,} at most)"
        )
    return Address(text, hosts, secure, prefix, name, shards, candidates)


def connect(address: Address) -> Transport:
    """A client's transport, with what the environment says of the one who asks:

        LEXSEARCH_OPENSEARCH_USER, _PASSWORD   a user
        LEXSEARCH_OPENSEARCH_CA                a file: who signed the cluster's certificate
        LEXSEARCH_OPENSEARCH_CERT, _KEY        files: a client's own certificate
        LEXSEARCH_OPENSEARCH_AWS               a region: sign as AWS wants it (SigV4), with the
                                               credentials of AWS's usual chain

    Raises EngineUnavailable where the extra is not installed.
    """
    require("opensearch", "an index on OpenSearch", EngineUnavailable)
    from opensearchpy import OpenSearch, Urllib3HttpConnection

    # Failures are told by errors of our own: without this, Python prints each try to stderr.
    logging.getLogger("opensearch").addHandler(logging.NullHandler())
    prefix = {"url_prefix": address.prefix} if address.prefix else {}
    client = OpenSearch(
        [{"host": host, "port": port, **prefix} for host, port in address.hosts],
        use_ssl=address.secure,
        connection_class=Urllib3HttpConnection,
        timeout=TIMEOUT,
        max_retries=len(address.hosts),
        retry_on_status=(),
        pool_maxsize=16,
        **(_security() if address.secure else {}),
        **_credentials(),
    )
    return client.transport


def _security() -> dict[str, Any]:
    files = {"ca_certs": "CA", "client_cert": "CERT", "client_key": "KEY"}
    given = {key: os.environ.get(_ENVIRONMENT + name) for key, name in files.items()}
    for key, file in given.items():
        if file and not os.path.isfile(file):
            raise EngineUnavailable(f"{_ENVIRONMENT}{files[key]} names no file: {file}")
    return {"verify_certs": True, **{key: file for key, file in given.items() if file}}


def _credentials() -> dict[str, Any]:
    if region := os.environ.get(f"{_ENVIRONMENT}AWS"):
        return {"http_auth": _signer(region)}
    user = os.environ.get(f"{_ENVIRONMENT}USER")
    if not user:
        return {}
    return {"http_auth": (user, os.environ.get(f"{_ENVIRONMENT}PASSWORD", ""))}


def _signer(region: str) -> Any:
    try:
        from botocore.session import get_session
    except ImportError as error:
        raise EngineUnavailable(
            f"{_ENVIRONMENT}AWS is set, and botocore is not installed: pip install botocore"
        ) from error
    from opensearchpy import Urllib3AWSV4SignerAuth

    credentials = get_session().get_credentials()
    if credentials is None:
        raise EngineUnavailable(
            f"{_ENVIRONMENT}AWS is set, and there are no AWS credentials; log in, or set a profile"
        )
    return Urllib3AWSV4SignerAuth(credentials, region)
