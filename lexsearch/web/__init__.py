"""The page and the JSON API over an index, as one ASGI application.

>>> import lexsearch, lexsearch.web
>>> page = lexsearch.web.app(lexsearch.open("indexes/photos"))     # doctest: +SKIP
>>> from starlette.applications import Starlette                   # doctest: +SKIP
>>> from starlette.routing import Mount                            # doctest: +SKIP
>>> Starlette(routes=[Mount("/photos", page)])                     # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from jinja2 import StrictUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from lexsearch._version import __version__
from lexsearch.web.api import make_api
from lexsearch.web.feeding import Feeder
from lexsearch.web.guard import LOCAL, App, Guard, Limits
from lexsearch.web.thumbnails import Thumbnails

if TYPE_CHECKING:
    from lexsearch.index import Index
    from lexsearch.language.enhancing import Enhancer

__all__ = ["Feeder", "Limits", "app"]

_HERE = Path(__file__).parent


def app(
    index: Index,
    *,
    hosts: Sequence[str] = LOCAL,
    password: str | None = None,
    token: str | None = None,
    keys: Sequence[str] = (),
    origins: Sequence[str] = (),
    read_only: bool = False,
    originals: bool = False,
    feeder: Feeder | None = None,
    enhancer: Enhancer | None = None,
    limits: Limits | None = None,
    cache: Path | None = None,
) -> App:
    """The page and the API of an index, to be served or mounted in an application of one's own.

    hosts: names that it answers to beside bare IP addresses; "*" for any, where the application
        around it sees to that.
    password: asked of everybody (HTTP Basic, any user name); None for nobody.
    token: what changes must bring in the header X-Lexsearch-Token; the page knows it. By
        default LEXSEARCH_TOKEN, or one that all processes of this user agree on for this index.
    keys: for programs, in `Authorization: Bearer KEY`, in place of the password and the token.
    origins: of other sites, such as "https://photos.example.org", whose pages may use the API
        (CORS), but never as a client on this machine. Raises LexsearchError for what is none.
    read_only: refuse to change captions.
    originals: give the picture files themselves, metadata included, to everybody who may see the
        page; else only to requests from this machine.
    feeder: what describes the pictures of folders that are added on the page. Only programs of the
        user whom this process belongs to, on this machine, may do so, and nobody if `read_only`.
    enhancer: says searches in other words, for all who see the page
        (`lexsearch.language.enhancing.Enhancer`); None for nobody.
    cache: the folder for thumbnails; by default in the user's cache folder.
    """
    token = token or agreed_token(index)
    thumbnails = Thumbnails(cache or _cache() / "thumbnails")
    feeder = None if read_only else feeder
    site = make_api(
        index, thumbnails, feeder, read_only=read_only, originals=originals, enhancer=enhancer
    )
    templates = Jinja2Templates(_HERE / "templates")
    templates.env.undefined = StrictUndefined

    async def page(request: Request) -> Response:
        known = {
            "root": request.scope.get("root_path", ""),
            "token": "" if read_only else token,
            "words": "other" if enhancer else "",
            "version": __version__,
        }
        return templates.TemplateResponse(
            request, "page.html", known, headers={"cache-control": "no-store"}
        )

    site.add_route("/", page, include_in_schema=False)
    site.mount("/static", _Static(directory=_HERE / "static"), name="static")
    return Guard(
        site,
        token=token,
        hosts=hosts,
        password=password,
        keys=keys,
        origins=origins,
        limits=limits or Limits(),
    )


def agreed_token(index: Index) -> str:
    """LEXSEARCH_TOKEN, or the same for every process that serves this index: made of a secret that
    is kept in the user's cache folder. Where that cannot be written, another one for each.
    """
    if told := os.environ.get("LEXSEARCH_TOKEN"):
        return told
    place = _cache() / "secret"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with (
            contextlib.suppress(FileExistsError),
            tempfile.NamedTemporaryFile("w", dir=place.parent, prefix="secret-") as part,
        ):
            part.write(secrets.token_hex(32))
            part.flush()
            os.link(part.name, place)  # whole, or not at all, whoever else does so
        secret = place.read_bytes()
    except OSError:
        return secrets.token_urlsafe(24)
    return hmac.new(secret, os.fsencode(index.name), "sha256").hexdigest()[:32]


def _cache() -> Path:
    return Path(os.environ.get("LEXSEARCH_CACHE") or platformdirs.user_cache_path("lexsearch"))


class _Static(StaticFiles):
    """The page's own files; browsers ask each time whether they changed."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["cache-control"] = "no-cache"
        return response
