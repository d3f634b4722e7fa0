"""The routes of the JSON API, and the OpenAPI document that describes them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, Query
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.concurrency import iterate_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from lexsearch._version import __version__
from lexsearch.display.archives import zipped
from lexsearch.errors import (
    IndexLocked,
    IndexReadOnly,
    IndexUnusable,
    LexsearchError,
    QueryError,
    StorageError,
)
from lexsearch.images.filesystem import is_remote
from lexsearch.searching.snapshot import Sort
from lexsearch.web import schemas, service
from lexsearch.web.asking import NotFound, shown
from lexsearch.web.cache import MAX_SKIP, Duplicates, Searches, as_json
from lexsearch.web.completing import Completions
from lexsearch.web.feeding import Feeder
from lexsearch.web.guard import LOCAL_CLIENT, UNHURRIED, Refusal
from lexsearch.web.peers import is_own_user
from lexsearch.web.thumbnails import SIDES, Thumbnails
from lexsearch.web.wording import MOST, OtherWords
from lexsearch.web.workers import Workers

if TYPE_CHECKING:
    from lexsearch.index import Index
    from lexsearch.language.enhancing import Enhancer

_STATUSES: dict[type[LexsearchError], int] = {
    QueryError: 400,
    NotFound: 404,
    IndexLocked: 409,
    StorageError: 507,
    IndexReadOnly: 403,
    IndexUnusable: 503,
    LexsearchError: 400,
}
_DESCRIPTION = (
    "Search pictures by words. Pictures go by doc_id, never by path. Reading needs nothing but "
    "the password, where one is set; changing needs the header X-Lexsearch-Token as well. A key, "
    "where there are some, does for both."
)
log = logging.getLogger("lexsearch")

Side = IntEnum("Side", {f"up_to_{side}": side for side in SIDES})  # type: ignore[misc]
_SIDE = Side(320)
Text = Annotated[str, Query(max_length=2000)]
Several = Annotated[Sequence[Annotated[str, Field(max_length=500)]], Query(max_length=MOST)]
Id = Annotated[str, Query(alias="id", max_length=500)]
Ids = Annotated[
    list[Annotated[str, Field(max_length=150)]], Query(alias="id", min_length=1, max_length=200)
]
"""As many as the head of a request has room for."""


class Json(JSONResponse):
    """See `as_json`."""

    def render(self, content: Any) -> bytes:
        return as_json(content)


def make_api(
    index: Index,
    thumbnails: Thumbnails,
    feeder: Feeder | None = None,
    *,
    read_only: bool,
    originals: bool,
    enhancer: Enhancer | None = None,
) -> FastAPI:
    """The application of the API alone, at /api."""
    api = FastAPI(
        title="lexsearch",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,  # the page that comes with FastAPI loads scripts from another host
        redoc_url=None,
        default_response_class=Json,
        generate_unique_id_function=lambda route: route.name,
    )
    searches, completions, copies = Searches(index), Completions(index), Duplicates(index)
    comparing = Workers("compare", 1, 20)
    searching, drawing, writing = Workers("search", 4), Workers("draw", 2), Workers("write", 1, 20)

    def rights(request: Request) -> tuple[bool, bool]:
        """Whether the client is at this machine, and whether it may have the files themselves."""
        here = bool(request.scope.get(LOCAL_CLIENT))
        return here, here or originals

    def check_may_have_files(request: Request) -> None:
        if not rights(request)[1]:
            raise Refusal(403, "this server gives no original files (--originals would)")

    async def write(change: Callable[[], dict[str, Any]]) -> Response:
        if read_only:
            raise Refusal(403, "this page only reads (it was started with --read-only)")
        made = partial(service.when_free, index, change)
        return Json(await writing.run(partial(feeder.aside, made) if feeder else made))

    def feeding(request: Request) -> Feeder | None:
        """What this client may feed the index with."""
        return feeder if rights(request)[0] and is_own_user(request.scope) else None

    @api.get("/api/search", response_model=schemas.Found, responses=_problems(404, 422))
    async def search(
        q: Text = "",
        k: Annotated[int, Query(ge=1, le=200)] = 60,
        skip: Annotated[int, Query(ge=0, le=MAX_SKIP)] = 0,
        sort: Sort = "relevance",
        also: Several = (),
        maybe: bool = False,
        lacking: bool = False,
    ) -> Response:
        """One page of the pictures that match a query, best first; without one, those whose files
        changed last. Or by when they were taken, the latest first; or by name. Sentences in `also`
        say the same in other words, and are searched as well.

        maybe: below them those that have words near to it. lacking: below them those that lack a
        +word, but have others. Both are for the best first without `also` alone.
        """
        found = await searching.run(
            searches.page, q, k, skip, sort, tuple(also), maybe=maybe, lacking=lacking
        )
        return Response(found, media_type=Json.media_type)

    @api.get("/api/suggestions", response_model=schemas.Words, responses=_problems(404, 422))
    async def suggestions(q: Text, n: Annotated[int, Query(ge=1, le=50)] = 8) -> Response:
        """Keywords to add to a query next, with how many of the best pictures have them."""
        return Json(await searching.run(service.suggestions, index, q, n))

    @api.get("/api/words", response_model=schemas.Words, responses=_problems(404, 422))
    async def words(q: Text, n: Annotated[int, Query(ge=1, le=200)] = 50) -> Response:
        """The commonest words of the pictures found, with how many of them have each."""
        return Json(await searching.run(service.words, index, q, n))

    @api.get("/api/completions", response_model=schemas.Completions, responses=_problems(422))
    async def complete(q: Text = "", n: Annotated[int, Query(ge=1, le=50)] = 8) -> Response:
        """Queries that go on from what was typed so far, with words, fields and dates of the index.
        There are none in the first moments, while its captions are read.
        """
        return Json({"completions": await searching.run(completions.complete, q, n)})

    @api.get("/api/shelves", response_model=schemas.Shelves, responses=_problems())
    async def shelves(request: Request) -> Response:
        """What there is to browse and to filter by, each with its query. Cameras, which files name,
        are for requests from this machine alone.
        """
        here, _ = rights(request)
        return Json(await searching.run(service.shelves, index, here))

    @api.get("/api/duplicates", response_model=schemas.Duplicates, responses=_problems(422))
    async def duplicates(
        k: Annotated[int, Query(ge=1, le=200)] = 50,
        skip: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> Response:
        """Pictures that are there more than once. Of an index that was made long ago, those that
        `lexsearch duplicates` has looked at.
        """
        return Json(await comparing.run(copies.page, k, skip))

    @api.get("/api/refinement", response_model=schemas.Refined, responses=_problems(404, 422))
    async def refinement(
        q: Annotated[str, Query(max_length=2000)] = "",
        add: Several = (),
        drop: Several = (),
        like: Several = (),
        unlike: Several = (),
    ) -> Response:
        """The query after a round: keywords added and dropped, pictures (doc_ids) more or less
        like which are wanted.
        """
        change = {"add": add, "drop": drop, "like": like, "unlike": unlike}
        return Json(await searching.run(service.refine, index, q, change))

    @api.get("/api/picture", response_model=schemas.Picture, responses=_problems(404, 422))
    async def picture(request: Request, doc_id: Id, q: Text = "") -> Response:
        """All that is known of one picture: its places, its captions by crop, and why it matches
        a query. Its full paths, and what its file says of itself (date, title, places), are for
        requests from this machine alone.
        """
        return Json(await searching.run(service.picture, index, doc_id, q, *rights(request)))

    @api.get(
        "/api/image",
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {}}}, **_problems(404, 422)},
    )
    async def image(
        doc_id: Id,
        side: Annotated[Side, Query(description="of the longer side, in pixels")] = _SIDE,
    ) -> Response:
        """A small copy of one picture, as JPEG."""
        copy = await drawing.run(service.image, index, thumbnails, doc_id, side)
        headers = {"cache-control": "private, max-age=86400"}
        return Response(copy, media_type="image/jpeg", headers=headers)

    @api.get(
        "/api/original",
        response_class=FileResponse,
        responses={200: {"content": {"application/octet-stream": {}}}, **_problems(403, 404, 422)},
    )
    async def original(request: Request, doc_id: Id) -> Response:
        """The file of one picture, to be saved: for requests from this machine alone, unless the
        server was started with --originals.
        """
        check_may_have_files(request)
        request.scope[UNHURRIED]()
        path = await drawing.run(service.original, index, thumbnails, doc_id)
        name, kind = shown(os.path.basename(path)), "application/octet-stream"
        headers = {"cache-control": "no-store"}
        if not is_remote(path):
            return FileResponse(path, media_type=kind, filename=name, headers=headers)
        headers["content-disposition"] = f"attachment; filename*=utf-8''{quote(name)}"
        return Response(await drawing.run(service.content, path), media_type=kind, headers=headers)

    @api.get("/api/selection", response_model=list[schemas.Selected], responses=_problems(404, 422))
    async def selection(request: Request, doc_ids: Ids, q: Text = "") -> Response:
        """What is found in several pictures, and where they lie."""
        here, _ = rights(request)
        return Json(await searching.run(service.selection, index, doc_ids, q, here))

    @api.get(
        "/api/sheet",
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {}}}, **_problems(404, 422)},
    )
    async def sheet(request: Request, doc_ids: Ids) -> Response:
        """Several pictures on one, each above its name, as JPEG."""
        request.scope[UNHURRIED]()
        made = await drawing.run(service.sheet, index, thumbnails, doc_ids)
        return Response(made, media_type="image/jpeg", headers=_saved_as("pictures.jpg"))

    @api.get(
        "/api/archive",
        response_class=Response,
        responses={200: {"content": {"application/zip": {}}}, **_problems(403, 422)},
    )
    async def archive(request: Request, doc_ids: Ids) -> Response:
        """The files of several pictures as a ZIP archive, for those who may have one. What has no
        file is named in a text in it.
        """
        check_may_have_files(request)
        request.scope[UNHURRIED]()
        files, missing = await drawing.run(service.files, index, thumbnails, doc_ids)
        parts = iterate_in_threadpool(zipped(files, missing))
        return StreamingResponse(
            parts, media_type="application/zip", headers=_saved_as("pictures.zip")
        )

    @api.put(
        "/api/caption",
        response_model=schemas.Picture,
        responses=_problems(400, 403, 404, 409, 413, 422),
    )
    async def edit(request: Request, caption: schemas.CaptionEdit) -> Response:
        """Correct what is said of a crop, for good; null takes the correction back."""
        return await write(lambda: service.edit(index, caption, *rights(request)))

    @api.put(
        "/api/denial",
        response_model=schemas.Picture,
        responses=_problems(400, 403, 404, 409, 413, 422),
    )
    async def deny(request: Request, denial: schemas.Denial) -> Response:
        """Never say these words or phrases of a picture, in any form; or allow them again."""
        return await write(lambda: service.deny(index, denial, *rights(request)))

    @api.put(
        "/api/favourite",
        response_model=schemas.Gathered,
        responses=_problems(400, 403, 404, 409, 413, 422),
    )
    async def favourite(change: schemas.FavouriteChange) -> Response:
        """Mark pictures as favourites, which is:favourite finds, or no more."""
        return await write(lambda: service.favourite(index, change))

    @api.put(
        "/api/album",
        response_model=schemas.Gathered,
        responses=_problems(400, 403, 404, 409, 413, 422),
    )
    async def album(change: schemas.AlbumChange) -> Response:
        """Put pictures into an album, which album:NAME finds, or take them out of it."""
        return await write(lambda: service.gather(index, change))

    @api.get("/api/status", response_model=schemas.State, responses=_problems())
    async def status(request: Request) -> Response:
        """What is in the index, how far a running `lexsearch index` is, and what failed."""
        _, files = rights(request)
        allowed = feeding(request)
        return Json(await searching.run(service.state, index, not read_only, files, allowed))

    @api.put("/api/feeding", response_model=schemas.State, responses=_problems(400, 403, 413, 422))
    async def feed(request: Request, wanted: schemas.FeedingChange) -> Response:
        """Describe what is new in the index's folders and in one more, or pause; what failed is
        tried again. For programs of the server's own user, on the server's own machine.
        """
        allowed = feeding(request)
        if allowed is None:
            raise Refusal(
                403,
                "folders are added on the machine itself, by the user whose server "
                "this is; from elsewhere: lexsearch index FOLDER",
            )
        return Json(await searching.run(service.feed, index, allowed, wanted))

    if enhancer is not None:
        _offer_other_words(api, OtherWords(enhancer))
    _explain_problems(api)
    _document_rights(api)
    return api


def _document_rights(api: FastAPI) -> None:
    """In the OpenAPI document, what a request may have to bring: nothing, unless it is set."""
    bare = api.openapi

    def documented() -> dict[str, Any]:
        document = bare()
        document.setdefault("components", {})["securitySchemes"] = {
            "password": {"type": "http", "scheme": "basic"},
            "key": {"type": "http", "scheme": "bearer"},
            "token": {"type": "apiKey", "in": "header", "name": "X-Lexsearch-Token"},
        }
        for methods in document["paths"].values():
            for method, operation in methods.items():
                token: dict[str, list[str]] = {"token": []} if method == "put" else {}
                operation["security"] = [token, {**token, "password": []}, {"key": []}]
        return document

    api.openapi = documented  # type: ignore[method-assign]


def _offer_other_words(api: FastAPI, words: OtherWords) -> None:
    asking = Workers("ask", 4, 20)

    @api.get("/api/enhance", response_model=schemas.OtherWords, responses=_problems(403, 422))
    async def enhance(request: Request, q: Text) -> Response:
        """Sentences that say a query in other words, by the language model that the server was
        started with: for `also` of a search. Only the query's plain words are sent to it.
        """
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Refusal(403, "questions from another site are refused")
        with words.turn(request.client.host if request.client else ""):
            return Json(await asking.run(words.sentences, q))


def _saved_as(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {
        status: {"model": schemas.Problem, "description": HTTPStatus(status).phrase}
        for status in (*statuses, 401, 429, 503)
    }


def _explain_problems(api: FastAPI) -> None:
    """Every error is an object with the reason in words, whoever raised it."""

    async def told(request: Request, error: Exception) -> Response:
        if isinstance(error, Refusal):
            return Json({"error": str(error)}, error.status, error.headers)
        status = next(code for kind, code in _STATUSES.items() if isinstance(error, kind))
        return Json({"error": str(error)}, status)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = [f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors()]
        return Json({"error": "; ".join(faults)}, 422)

    async def plain(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return Json({"error": str(error.detail)}, error.status_code, error.headers)

    async def unexpected(request: Request, error: Exception) -> Response:
        return Json({"error": "this should not have happened; the server's log says more"}, 500)

    handlers: dict[type[Exception], Callable[[Request, Exception], Any]] = {
        LexsearchError: told,
        Refusal: told,
        RequestValidationError: invalid,
        HTTPException: plain,
        Exception: unexpected,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)
