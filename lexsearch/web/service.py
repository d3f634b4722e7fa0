"""What the API asks of an index, and how its answers are put into JSON.

Plain functions that block; the routes run them on threads.
"""

from __future__ import annotations

import calendar
import io
import os
import time
from typing import TYPE_CHECKING, Any

from lexsearch.errors import ImageError, IndexLocked, QueryError
from lexsearch.images.filesystem import open_file
from lexsearch.records import FAVOURITE, Hit, Keyword, Query
from lexsearch.storage.albums import ALBUM, IS, albums_in, is_favourite
from lexsearch.storage.denials import DENIED
from lexsearch.text.words import key_of
from lexsearch.web.asking import NotFound, read, shown, told, with_all
from lexsearch.web.thumbnails import SIDES, Thumbnails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lexsearch.index import Index
    from lexsearch.records import Box, PictureCopy, Suggestion
    from lexsearch.searching.snapshot import Sort
    from lexsearch.storage.status import PictureInfo
    from lexsearch.web.feeding import Feeder
    from lexsearch.web.schemas import (
        AlbumChange,
        CaptionEdit,
        Denial,
        FavouriteChange,
        FeedingChange,
    )

_SHOWN_FAILURES = 1000
_MOST_FOLDERS = 2000
_PATIENCE = 20.0  # seconds; a request may take 30
# Boxes of things that captions name; and what is told apart.
_NOT_CAPTIONS = {"seen", DENIED, ALBUM, IS, "camera"}
_OF_THE_FILE = {"about", "date"}  # such as where and when a picture was taken

Object = dict[str, Any]


def search(
    index: Index,
    query: str,
    k: int,
    skip: int,
    sort: Sort,
    also: Sequence[str] = (),
    *,
    maybe: bool = False,
    lacking: bool = False,
) -> Object:
    """One page of hits, of all pictures when there is no query; see `schemas.Found`.

    also: sentences to search as well. maybe, lacking: what may follow below a line, if the best
    come first and nothing else is searched.
    """
    asked = read(index, query)
    if not asked.keywords:
        nothing: Object = {"query": "", "keywords": [], "unknown": [], "switch": None}
        return {**_browsed(index, k, skip, sort), **nothing}
    lined = sort == "relevance" and not also
    results = index.search(
        asked,
        k,
        skip=skip,
        sort=sort,
        also=also,
        maybe=maybe and lined,
        lacking=lacking and lined,
    )
    understood = told(index, results.query)
    switch = with_all(understood)
    return {
        "query": str(understood),
        "keywords": _keywords(results.query, understood),
        "switch": switch
        and {"on": understood == switch[0], "all": str(switch[0]), "any": str(switch[1])},
        "total": results.total,
        "listed": results.listed,
        "unknown": [
            {"keyword": unknown.keyword, "nearest": _counts(unknown.nearest)}
            for unknown in results.unknown
        ],
        "hits": _hits(index, results),
    }


def _browsed(index: Index, k: int, skip: int, sort: Sort) -> Object:
    doc_ids, total = index.browse(k, skip=skip, sort=sort)
    places = index.places(doc_ids)
    hits = [
        Hit(rank, 0.0, doc_id, paths=places.get(doc_id, ()))
        for rank, doc_id in enumerate(doc_ids, skip + 1)
    ]
    return {"total": total, "listed": total, "hits": _hits(index, hits)}


def _keywords(query: Query, understood: Query) -> list[Object]:
    """The query part by part, each as a person would read it, and what remains without it."""
    parts = []
    for keyword, shown_as in zip(query.keywords, understood.keywords, strict=True):
        others = tuple(other for other in understood.keywords if other != shown_as)
        text, likeness = str(keyword), None
        if keyword.field == "like":
            likeness = keyword.text
            text = "not like" if keyword.sign == "-" else "like"
        parts.append(
            {
                "text": text,
                "like": likeness,
                "name": shown_as.text if likeness else None,
                "field": keyword.field,
                "value": shown_as.text,
                "sign": keyword.sign,
                "without": str(Query(others)) if others else None,
            }
        )
    return parts


def _hits(index: Index, hits: Sequence[Hit]) -> list[Object]:
    doc_ids = [hit.doc_id for hit in hits]
    names, favourites = index.relative_paths(doc_ids), index.favourites(doc_ids)
    return [_hit(hit, names[hit.doc_id], hit.doc_id in favourites) for hit in hits]


def _hit(hit: Hit, names: tuple[str, ...], favourite: bool) -> Object:
    return {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "doc_id": hit.doc_id,
        "name": _name(hit.doc_id, names, hit.paths),
        "has_picture": bool(hit.paths),
        "favourite": favourite,
        "words": list(hit.words),
        "evidence": [
            {**one.as_object(), "keyword": _readable(one.keyword)} for one in hit.evidence
        ],
        "missing": list(map(_readable, hit.missing)),
        "by": list(hit.by),
        "below": hit.below,
        "width": hit.width,
        "height": hit.height,
    }


def _readable(keyword: str) -> str:
    """A keyword as evidence names it, without its +; of `like:"DOC_ID"` the word like alone."""
    return "like" if keyword.startswith("like:") else keyword.removeprefix("+")


def refine(index: Index, query: str, change: Mapping[str, Sequence[str]]) -> Object:
    """A query after a round: keywords added or dropped, pictures more or less like which."""
    session = index.session(read(index, query))
    for doc_id in (*change["like"], *change["unlike"]):
        _place(index, doc_id)
    try:
        if change["add"]:
            session.add(*change["add"])
        for doc_id in change["like"]:
            session.like(doc_id)
        for doc_id in change["unlike"]:
            session.unlike(doc_id)
        if change["drop"]:
            session.drop(*change["drop"])
    except QueryError as error:
        raise NotFound(str(error)) from error
    return {"query": str(told(index, session.query))}


def suggestions(index: Index, query: str, n: int) -> Object:
    """The next keywords that tell the pictures found apart; see `schemas.Words`."""
    asked = read(index, query)
    return {"words": _counts(index.suggest(asked, n)) if asked.keywords else []}


def words(index: Index, query: str, n: int) -> Object:
    """The words of the best pictures found; see `schemas.Words`."""
    asked = read(index, query)
    return {"words": _counts(index.words(asked, n)) if asked.keywords else []}


def shelves(index: Index, here: bool) -> Object:
    """What there is to browse and filter by, with its query; see `schemas.Shelves`."""
    folders = [(shown(folder), count) for folder, count in index.folders().items()]
    today = f"{time.localtime().tm_mday} {calendar.month_name[time.localtime().tm_mon]}"
    on_this_day = f"date:{today}"
    return {
        "today": {"name": today, "count": index.total(on_this_day), "query": on_this_day},
        "months": _shelves("date", index.months().items(), quoted=False),
        "folders": _shelves("name", folders[:_MOST_FOLDERS]),
        "cameras": _shelves("camera", index.cameras().items() if here else ()),
        "kinds": _shelves("kind", index.kinds().items(), quoted=False),
        "favourites": index.total(f"{IS}:{FAVOURITE}"),
        "albums": _shelves(ALBUM, sorted(index.albums().items(), key=lambda one: key_of(one[0]))),
    }


def _shelves(field: str, counts: Iterable[tuple[str, int]], quoted: bool = True) -> list[Object]:
    sign = "+" if field == "name" else ""
    return [
        {"name": name, "count": count, "query": str(Keyword(name, sign, quoted, field))}
        for name, count in counts
    ]


def _counts(words: Iterable[Suggestion]) -> list[Object]:
    return [{"word": each.word, "count": each.count} for each in words]


def picture(
    index: Index, doc_id: str, query: str = "", here: bool = False, originals: bool = False
) -> Object:
    """All that is known of a picture, and why it matches a query; see `schemas.Picture`.

    here: for somebody at this machine: with full paths, and with what the file says of itself.
    originals: for somebody who may have the file.
    """
    hidden = _NOT_CAPTIONS if here else _NOT_CAPTIONS | _OF_THE_FILE
    known = _known(index, doc_id)
    asked = read(index, query)
    hit = index.explain(asked, doc_id) if asked.keywords else None
    names = index.relative_paths([doc_id])[doc_id]
    sized = next((row for row in known.captions if row.width and row.height), None)
    return {
        "doc_id": doc_id,
        "name": _name(doc_id, names, known.paths),
        "paths": [shown(path) for path in (known.paths if here else _relative(names))],
        "has_picture": bool(known.paths),
        "original": bool(known.paths) and originals,
        "width": sized and sized.width,
        "height": sized and sized.height,
        "favourite": (favourite := is_favourite(known.captions)),
        "albums": albums_in(known.captions),
        "hit": _hit(hit, names, favourite) if hit else None,
        "captions": [
            {
                "crop": row.crop,
                "box": _box(row.box),
                "text": row.text or "",
                "field": row.field,
                "caption_id": row.caption_id,
                "source": row.source,
                "captioner": " ".join(filter(None, row.captioner[:2])),
                "time": row.time / 1e6,
            }
            for row in known.captions
            if row.field not in hidden
        ],
        "denied": _denied(known),
    }


def image(index: Index, thumbnails: Thumbnails, doc_id: str, side: int) -> bytes:
    """A bounded JPEG copy of a picture of the index; from the first of its places that will do."""
    return _drawn(index, thumbnails, doc_id, side)[0]


def original(index: Index, thumbnails: Thumbnails, doc_id: str) -> str:
    """Where the file of a picture lies: of one that can be drawn, whatever an import says."""
    return _drawn(index, thumbnails, doc_id, SIDES[0])[1]


def content(path: str) -> bytes:
    """All of a file in object storage."""
    with open_file(path) as file:
        return file.read()


def _drawn(index: Index, thumbnails: Thumbnails, doc_id: str, side: int) -> tuple[bytes, str]:
    reason: Exception = ImageError("there is no file of it")
    for path in _place(index, doc_id):
        try:
            return thumbnails.get(path, side), path
        except ImageError as error:
            reason = error
    raise NotFound(f"no picture: {reason}")


def files(
    index: Index, thumbnails: Thumbnails, doc_ids: Sequence[str]
) -> tuple[list[tuple[str, str]], list[str]]:
    """(name, path) of the files of pictures, and in words those that have none."""
    names, found, missing = index.relative_paths(doc_ids), [], []
    for doc_id in dict.fromkeys(doc_ids):
        name = _name(doc_id, names.get(doc_id, ()), ())
        try:
            found.append((name, original(index, thumbnails, doc_id)))
        except NotFound as error:
            missing.append(f"{name}: {error}")
    return found, missing


def selection(index: Index, doc_ids: Sequence[str], query: str, here: bool) -> list[Object]:
    """Pictures as hits of a query, with their places; see `schemas.Selected`."""
    asked = read(index, query)
    names = index.relative_paths(doc_ids)
    places = {doc_id: _place(index, doc_id) for doc_id in doc_ids}
    favourites = index.favourites(doc_ids)
    selected = []
    for doc_id in dict.fromkeys(doc_ids):
        hit = index.explain(asked, doc_id) if asked.keywords else None
        known = hit or Hit(0, 0.0, doc_id, paths=places[doc_id])
        paths = places[doc_id] if here else _relative(names[doc_id])
        told_of = _hit(known, names[doc_id], doc_id in favourites)
        selected.append({**told_of, "paths": [shown(path) for path in paths]})
    return selected


def sheet(index: Index, thumbnails: Thumbnails, doc_ids: Sequence[str]) -> bytes:
    """A contact sheet of pictures, as JPEG."""
    from lexsearch.display.terminal import contact_sheet

    found, _ = files(index, thumbnails, doc_ids)
    if not found:
        raise NotFound("none of these pictures has a file")
    drawn = io.BytesIO()
    contact_sheet([(path, name) for name, path in found]).save(drawn, "JPEG", quality=88)
    return drawn.getvalue()


def edit(index: Index, wanted: CaptionEdit, here: bool, originals: bool) -> Object:
    """Correct a caption, or take a correction back; the picture as it is then."""
    known = _known(index, wanted.doc_id)
    if not any(row.crop == wanted.crop for row in known.captions):
        raise NotFound(f"nothing was said of a crop {wanted.crop!r} of this picture")
    text = wanted.text and wanted.text.strip()
    index.edit_caption(
        wanted.doc_id,
        text,
        crop=wanted.crop,
        field=wanted.field,
        caption_id=wanted.caption_id,
    )
    return picture(index, wanted.doc_id, wanted.q, here, originals)


def deny(index: Index, wanted: Denial, here: bool, originals: bool) -> Object:
    """Never say words of a picture, or allow them again; the picture as it is then."""
    denied = {text.casefold() for text in _denied(_known(index, wanted.doc_id))}
    for word in wanted.words if wanted.undo else ():
        if " ".join(word.split()).casefold() not in denied:
            raise NotFound(f"{word!r} was not denied of this picture")
    index.deny(wanted.doc_id, *wanted.words, undo=wanted.undo)
    return picture(index, wanted.doc_id, wanted.q, here, originals)


def favourite(index: Index, wanted: FavouriteChange) -> Object:
    """Mark pictures as favourites, or no more; see `schemas.Gathered`."""
    for doc_id in wanted.doc_ids:
        _place(index, doc_id)
    return {"changed": index.favourite(*wanted.doc_ids, undo=wanted.undo)}


def gather(index: Index, wanted: AlbumChange) -> Object:
    """Put pictures into an album, or take them out; see `schemas.Gathered`."""
    for doc_id in wanted.doc_ids:
        _place(index, doc_id)
    change = index.remove_from_album if wanted.undo else index.add_to_album
    return {"changed": change(wanted.album, *wanted.doc_ids)}


def copies(index: Index, groups: Sequence[Sequence[PictureCopy]]) -> list[list[Object]]:
    """Groups of copies as they are shown; see `schemas.Duplicates`."""
    names = index.relative_paths([copy.doc_id for group in groups for copy in group])
    return [
        [
            {
                "doc_id": copy.doc_id,
                "names": [*map(shown, _relative(names[copy.doc_id]))],
                "width": copy.size and copy.size[0],
                "height": copy.size and copy.size[1],
            }
            for copy in group
        ]
        for group in groups
    ]


def when_free(index: Index, change: Callable[[], Object]) -> Object:
    """Make a change; a moment later where another worker makes one, but not behind who indexes."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return change()
        except IndexLocked:
            if index.running() or time.monotonic() > until:
                raise
            time.sleep(0.02)


def feed(index: Index, feeder: Feeder, wanted: FeedingChange) -> Object:
    """Let it run, with one folder more perhaps, or pause; what goes on then."""
    if wanted.run:
        feeder.run(wanted.folder)
    else:
        feeder.pause()
    return state(index, True, True, feeder)


def state(index: Index, writable: bool, originals: bool, feeder: Feeder | None) -> Object:
    """What is in the index and what goes on; see `schemas.State`. feeder: of whoever may use it."""
    status, running = index.status(), index.running()
    now = time.time()
    return {
        "index": shown(status.path),
        "folders": [shown(folder) for folder in status.folders],
        "pictures": status.pictures,
        "imported": status.imported,
        "searchable": status.searchable,
        "waiting": status.waiting,
        "stages": [
            {
                "captioner": " ".join(filter(None, stage.captioner[:2])),
                "stage": stage.stage,
                "pictures": stage.pictures,
            }
            for stage in status.stages
        ],
        "failed": len(status.failures),
        "failures": [
            {"path": shown(failure.path), "reason": failure.reason}
            for failure in status.failures[:_SHOWN_FAILURES]
        ],
        "running": running
        and {**running.progress._asdict(), "seconds": round(now - running.started, 1)},
        "originals": originals,
        "writable": writable,
        "feeding": feeder and feeder.now()._asdict(),
    }


def _place(index: Index, doc_id: str) -> tuple[str, ...]:
    """The paths of a document, by its id alone: what was sent is never taken for a path."""
    places = index.places([doc_id])
    if doc_id not in places:
        raise NotFound(f"no picture of this index has the doc_id {doc_id}")
    return places[doc_id]


def _known(index: Index, doc_id: str) -> PictureInfo:
    _place(index, doc_id)
    known = index.describe(doc_id)
    if known.doc_id != doc_id:  # an imported doc_id that is also the path of another picture
        raise NotFound(f"the doc_id {doc_id} is also a path; rename one of them")
    return known


def _denied(known: PictureInfo) -> list[str]:
    return [row.text for row in known.captions if row.field == DENIED and row.text]


def _name(doc_id: str, relative: tuple[str, ...], paths: tuple[str, ...]) -> str:
    return shown(next(iter([*_relative(relative), *map(os.path.basename, paths)]), doc_id))


def _relative(names: Iterable[str]) -> list[str]:
    """Names below the folders that were indexed; of an imported full path its last part."""
    return [os.path.basename(name) if os.path.isabs(name) else name for name in names]


def _box(box: Box | None) -> list[int] | None:
    return [box.left, box.top, box.right, box.bottom] if box else None
