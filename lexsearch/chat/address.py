"""A server's address, and the way there: proxies and certificates, as the environment has them.

A server on this machine is asked directly, whatever the environment says of proxies. What is wrong
with the environment is said in a sentence that names the variable.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import re
import ssl
import urllib.request
from typing import NamedTuple

import httpx2

from lexsearch.errors import ModelError

KEY_THROUGH_PROXY = "LEXSEARCH_KEY_THROUGH_PROXY"
"""Set to 1, it allows the key to be sent unencrypted to a proxy."""

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_ENDINGS = ("/chat/completions", "/completions", "/models", "/responses")
_DEPLOYMENT = re.compile(r"/openai/deployments/([^/]+)")


class Proxy(NamedTuple):
    """A proxy on the way to a server. address: without a password. variable: where it is from."""

    url: str
    variable: str

    @property
    def address(self) -> str:
        return re.sub(r"//[^/@]*@", "//", self.url)


class Address:
    """The address of a server's API: what stands in front of "/chat/completions", and the query.

    url: as told. Raises ModelError when it is no web address.
    """

    def __init__(self, url: str | None) -> None:
        self._url = _parsed(url)
        path = self._url.path.rstrip("/")
        for ending in _ENDINGS:
            path = path.removesuffix(ending).rstrip("/")
        self._path = path

    def __str__(self) -> str:
        return self.of("")

    def of(self, end: str) -> str:
        """The address of a part of the API, "/models" for one, with the query as it was told."""
        return str(self._url.copy_with(path=self._path + end or "/")).replace("/?", "?").rstrip("/")

    @property
    def host(self) -> str:
        return self._url.host

    @property
    def is_encrypted(self) -> bool:
        return self._url.scheme == "https"

    @property
    def is_local(self) -> bool:
        """Whether it is this machine, by its own names and numbers."""
        host = self.host.strip("[]").lower().rstrip(".")
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            number = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(number, "ipv4_mapped", None)
        return number.is_loopback or number.is_unspecified or bool(mapped and mapped.is_loopback)

    @property
    def deployment(self) -> str | None:
        """The model's name, where the path has it (Azure)."""
        found = _DEPLOYMENT.search(self._path)
        return found[1] if found else None

    @property
    def without_version(self) -> str | None:
        """The same with "/v1" behind it, where there is no path."""
        return None if self._path else self.of("/v1")

    def moved(self, location: str, end: str) -> str:
        """Where a redirect from a part of the API leads, as an address to give instead."""
        try:
            return str(Address(str(httpx2.URL(self.of(end)).join(location))))
        except (ModelError, httpx2.InvalidURL, ValueError):
            return location

    def key_headers(self, key: str) -> dict[str, str]:
        """The key as this server wants it."""
        if not key:
            return {}
        if self.deployment or self.host.endswith(".azure.com"):
            return {"api-key": key, "Authorization": f"Bearer {key}"}
        return {"Authorization": f"Bearer {key}"}


def open_client(address: Address, key: str, **options: object) -> tuple[httpx2.AsyncClient, str]:
    """A client for a server, and how it gets there, for messages: "" or "through the proxy ...".

    Raises ModelError where the environment stands in the way.
    """
    proxy = None if address.is_local else find_proxy(address)
    way = ""
    if proxy is not None:
        way = f"through the proxy {proxy.address} ({proxy.variable})"
        _check_proxy(address, proxy, key)
    try:
        client = httpx2.AsyncClient(
            headers=address.key_headers(key),
            trust_env=False,
            proxy=proxy.url if proxy else None,
            verify=_certificates() if address.is_encrypted or _is_tls(proxy) else False,
            **options,  # type: ignore[arg-type]
        )
    except (ValueError, ImportError, httpx2.InvalidURL, OSError) as error:
        if proxy is None:
            raise ModelError(f"{address} cannot be asked ({error})") from error
        raise ModelError(
            f"{proxy.variable} is {proxy.address}, which is no proxy that can be used ({error}); "
            f"correct it, or add {address.host} to NO_PROXY"
        ) from error
    return client, way


def find_proxy(address: Address) -> Proxy | None:
    """The proxy that the environment has for an address."""
    found = urllib.request.getproxies()
    scheme = "https" if address.is_encrypted else "http"
    name = scheme if found.get(scheme) else "all"
    url = found.get(name)
    if not url or _is_excepted(address.host, found.get("no", "")):
        return None
    names = (f"{name}_proxy", f"{name.upper()}_PROXY")
    variable = next((name for name in names if os.environ.get(name)), "the system's settings")
    return Proxy(url if "://" in url else f"http://{url}", variable)


def _is_excepted(host: str, exceptions: str) -> bool:
    """Whether NO_PROXY has a host: names, their endings, addresses, networks, or "*"."""
    host = host.strip("[]").lower()
    for entry in re.split(r"[,\s]+", exceptions.lower()):
        entry = re.sub(r"^\*?\.", "", re.sub(r":\d+$", "", entry) if "::" not in entry else entry)
        entry = entry.strip("[]")
        if entry == "*" or (entry and (host == entry or host.endswith(f".{entry}"))):
            return True
        try:
            if entry and ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False):
                return True
        except ValueError:
            continue
    return False


def _check_proxy(address: Address, proxy: Proxy, key: str) -> None:
    around = f"unset {proxy.variable}, or add {address.host} to NO_PROXY"
    scheme = proxy.url.partition("://")[0].lower()
    if scheme in ("socks5", "socks5h"):
        if importlib.util.find_spec("socksio") is None:
            raise ModelError(
                f"{proxy.variable} names a SOCKS proxy ({proxy.address}), for which a package is "
                f"missing: pip install socksio; or {around}"
            )
    elif scheme not in ("http", "https"):
        raise ModelError(
            f"{proxy.variable} is {proxy.address}, and {scheme}:// is no kind of proxy that can be "
            f"used (http, https, socks5 and socks5h are); correct it, or {around}"
        )
    if key and not address.is_encrypted and os.environ.get(KEY_THROUGH_PROXY) != "1":
        raise ModelError(
            f"the key would go unencrypted to the proxy {proxy.address} ({proxy.variable}), and is "
            f"not sent there unasked; {around}, give an address with https, or set "
            f"{KEY_THROUGH_PROXY}=1"
        )


def _is_tls(proxy: Proxy | None) -> bool:
    return proxy is not None and proxy.url.startswith("https:")


def _certificates() -> ssl.SSLContext:
    """The certificates to trust: those of the first variable that is set, or the system's."""
    for name in _CERTIFICATES:
        place = os.environ.get(name)
        if not place:
            continue
        try:
            if os.path.isdir(place):
                return ssl.create_default_context(capath=place)
            return ssl.create_default_context(cafile=place)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ModelError(
                f"{name} is {place}, from which no certificates can be read ({reason}); unset it, "
                "or name a file that has them"
            ) from error
    return httpx2.create_ssl_context(trust_env=False)


def _parsed(url: str | None) -> httpx2.URL:
    if not url:
        raise ModelError(
            "a server needs an address: --url http://localhost:8000/v1 (url= in Python)"
        )
    try:
        parsed = httpx2.URL(url.strip())
    except (httpx2.InvalidURL, TypeError, AttributeError) as error:
        raise ModelError(f"{url!r} is not an address ({error})") from error
    if parsed.userinfo:
        raise ModelError("the address must not hold a password; give the key in LEXSEARCH_API_KEY")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ModelError(f"{url!r} is not an address like http://localhost:8000/v1")
    return parsed.copy_with(fragment=None)
