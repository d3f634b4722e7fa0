"""One index out of several that describe parts of the same pictures (`lexsearch index --shard`)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from lexsearch.errors import LexsearchError
from lexsearch.records import Caption, Progress, ProgressCallback
from lexsearch.storage.captions import CaptionStore
from lexsearch.storage.settings import catalog_file, read_settings
from lexsearch.storage.writer import Writer, writing

_CHUNK = 2000  # documents whose captions are kept at once


class Merged(NamedTuple):
    """Captions that are new here, and documents that came with the other indexes."""

    captions: int
    documents: int


def merge(
    folder: Path,
    others: Iterable[str | os.PathLike[str]],
    progress: ProgressCallback,
    *,
    create: bool = False,
) -> Merged:
    """Take into the index in `folder` what other indexes hold: captions, files, failures, what was
    left out. They stay as they are; to do it again takes only what is new.

    Raises IndexNotFound for a folder that is no index, IndexLocked where one is being written to.
    """
    sources = [Path(other).expanduser().absolute() for other in others]
    for source in sources:
        read_settings(source)
    with writing(folder, create=create) as writer:
        for source in sources:
            if source.samefile(folder):
                raise LexsearchError(
                    f"{source} is not merged into itself; name another with --index"
                )
        taken = [_take(writer, source, progress) for source in sources]
        writer.sync(progress)
        writer.tidy()
    return Merged(*map(sum, zip(*taken, strict=True)))


def _take(writer: Writer, folder: Path, progress: ProgressCallback) -> tuple[int, int]:
    with writing(folder) as theirs:  # nobody changes it meanwhile, and nothing is half done
        if writer.settings.captioner is None:
            writer.change_settings(replace(writer.settings, captioner=theirs.settings.captioner))
        captions = documents = 0
        for part in _parts(theirs.store):
            new = _new(writer, part)
            writer.keep(new)
            captions += len(new)
            documents += len(part)
            stage = f"taking captions of {folder.name}"
            progress(Progress(stage, documents, None, "picture"))
        writer.catalog.absorb(catalog_file(folder))
    return captions, documents


def _parts(store: CaptionStore) -> Iterator[dict[str, list[Caption]]]:
    everything = store.scan()
    while part := dict(islice(everything, _CHUNK)):
        yield part


def _new(writer: Writer, part: dict[str, list[Caption]]) -> list[Caption]:
    """The captions that are not here already."""
    known = writer.catalog.known(list(part))
    here = dict(writer.store.scan(known)) if known else {}
    return [row for doc_id, rows in part.items() for row in rows if row not in here.get(doc_id, ())]
