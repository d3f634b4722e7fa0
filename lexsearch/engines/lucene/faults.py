"""What Java throws, as lexsearch's errors: by what helps. Unknown exceptions pass as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lexsearch.engines.lucene import jvm as _jvm
from lexsearch.errors import (
    EngineBroken,
    EngineOutdated,
    EngineUnavailable,
    IndexLocked,
    IndexReadOnly,
    LexsearchError,
    QueryTooLarge,
    StorageError,
)

_REBUILD = "`lexsearch reindex` rebuilds it from the captions"
_BROKEN = (EngineBroken, f"the text index {{folder}} is missing or broken ({{reason}}); {_REBUILD}")
_OUTDATED = (
    EngineOutdated,
    f"the text index {{folder}} is of another version of Lucene ({{reason}}); {_REBUILD}",
)
_OTHER = (
    EngineOutdated,
    "the text index {folder} was made by another version of lexsearch; "
    "`lexsearch reindex` makes it anew from the captions",
)
_LARGE = (QueryTooLarge, "the query asks for too many words ({reason}); ask for fewer")
_BUSY = (
    EngineUnavailable,
    "the text index {folder} could not be read just now ({reason}); try again",
)
_FULL = (StorageError, "the disk is full: {folder} could not be written")

_MEANINGS: dict[str, tuple[type[LexsearchError], str]] = {
    "org.apache.lucene.index.IndexNotFoundException": _BROKEN,
    "org.apache.lucene.index.CorruptIndexException": _BROKEN,
    "org.apache.lucene.index.IndexFormatTooOldException": _OUTDATED,
    "org.apache.lucene.index.IndexFormatTooNewException": _OUTDATED,
    "lexsearch.OutdatedLayout": _OTHER,
    "java.io.EOFException": _BROKEN,
    "java.io.FileNotFoundException": _BROKEN,
    "java.nio.file.NoSuchFileException": _BROKEN,
    "org.apache.lucene.search.IndexSearcher$TooManyClauses": _LARGE,
    "org.apache.lucene.search.IndexSearcher$TooManyNestedClauses": _LARGE,
    "org.apache.lucene.store.LockObtainFailedException": (
        IndexLocked,
        "another process is writing to {folder}; wait for it to end (searching goes on)",
    ),
    "java.nio.file.AccessDeniedException": (
        IndexReadOnly,
        "{folder} may not be read or written to ({reason}); check its permissions",
    ),
    "java.lang.OutOfMemoryError": (
        EngineUnavailable,
        "Java has no memory left ({reason}); close other programs, or ask for fewer hits",
    ),
    "org.apache.lucene.store.AlreadyClosedException": _BUSY,
    "java.nio.file.FileSystemException": _BUSY,
    "java.io.IOException": _BUSY,
}


@contextmanager
def translated(folder: Path | None) -> Iterator[None]:
    """Translate what Java throws about the index in a folder."""
    jnius = _jvm.start()
    try:
        yield
    except jnius.JavaException as error:
        reason = str(error.innermessage or error.classname)
        told = (reason, *(error.stacktrace or ()))
        full = any("No space left" in line for line in told)
        meaning = _FULL if full else _MEANINGS.get(str(error.classname))
        if meaning is None:
            raise
        kind, message = meaning
        raise kind(message.format(folder=folder, reason=reason)) from error
