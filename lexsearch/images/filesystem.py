"""Files in folders and in object storage, by one set of functions, after those of `os`.

What has a scheme ("s3://bucket/photos") is fsspec's, which each scheme's own package extends; all
else is the operating system's, addresses of the web as well: captions of strangers name no pages
that would be fetched. Credentials and end points are those of the package's usual chain.
"""

from __future__ import annotations

import datetime
import os
import re
import stat as kinds
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol, cast

from lexsearch.errors import LexsearchError
from lexsearch.extras import require

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_SCHEMES = ("s3", "gs", "gcs", "az", "abfs", "abfss", "oss", "memory")
_REMOTE = re.compile(rf"({'|'.join(_SCHEMES)})://[^/]")
_BLOCK = 8 << 20  # bytes read at once of a file that is read to its end
_PIECE = 256 << 10  # and of one of which only parts are wanted
_CHANGED = ("LastModified", "mtime", "updated", "last_modified", "created")


class Unreached(OSError):
    """Object storage does not say what is there; the message says why."""


class Status(Protocol):
    """What `os.stat` tells, as far as it is wanted here."""

    @property
    def st_mode(self) -> int: ...
    @property
    def st_size(self) -> int: ...
    @property
    def st_mtime_ns(self) -> int: ...
    @property
    def st_dev(self) -> int: ...
    @property
    def st_ino(self) -> int: ...


class Entry(Protocol):
    """One thing in a folder, as `os.DirEntry` tells of it."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...
    def stat(self) -> Status: ...
    def is_symlink(self) -> bool: ...


def is_remote(path: str | os.PathLike[str]) -> bool:
    """Whether it lies in object storage."""
    return _REMOTE.match(os.fspath(path)) is not None


def absolute(path: str | os.PathLike[str]) -> str:
    """As the catalog has it."""
    place = os.fspath(path)
    return place.rstrip("/") if is_remote(place) else os.path.abspath(place)


def exists(path: str) -> bool:
    """Whether there is something, be it a link that leads nowhere. Of storage that does not answer
    nobody knows, and whoever reads it is told why.
    """
    if not is_remote(path):
        return os.path.lexists(path)
    try:
        stat(path)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def is_folder(path: str) -> bool:
    """Whether it is a folder, or a beginning that names of objects share; see `exists`."""
    if not is_remote(path):
        return os.path.isdir(path)
    try:
        return kinds.S_ISDIR(stat(path).st_mode)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def stat(path: str) -> Status:
    """Raises OSError."""
    if not is_remote(path):
        return os.stat(path)
    with _asked(path) as (system, place):
        system.invalidate_cache(system._parent(place))
        return _status(system.info(place), path)


def scan(folder: str) -> list[Entry]:
    """What is in a folder, in order of name. Raises OSError."""
    if not is_remote(folder):
        with os.scandir(folder) as listing:
            return sorted(cast(Iterator[Entry], listing), key=lambda entry: entry.name)
    with _asked(folder) as (system, place):
        system.invalidate_cache(place)
        found = [_Object(f"{folder}/{name}", row) for name, row in _listed(system, place)]
    return sorted(found, key=lambda entry: entry.name)


def names_in(folder: str) -> frozenset[str] | None:
    """The names in a folder, perhaps as they were a moment ago; None where it is as quick to ask
    for one. Raises OSError.
    """
    if not is_remote(folder):
        return None
    with _asked(folder) as (system, place):
        return frozenset(name for name, _ in _listed(system, place))


def open_file(path: str, *, in_parts: bool = False) -> BinaryIO:
    """To be read. in_parts: of object storage fetch pieces as they are asked for, as for what a
    picture's first bytes say, and not the whole.

    Raises OSError.
    """
    if not is_remote(path):
        return open(path, "rb")
    with _asked(path) as (system, place):
        block = _PIECE if in_parts else _BLOCK
        return cast(BinaryIO, system.open(place, "rb", block_size=block, cache_type="readahead"))


class _Object:
    def __init__(self, path: str, row: dict[str, Any]) -> None:
        self.path = path
        self.name = path.rpartition("/")[2]
        self._row = row

    def stat(self) -> Status:
        return _status(self._row, self.path)

    def is_symlink(self) -> bool:
        return False


class _Status(NamedTuple):
    st_mode: int
    st_size: int
    st_mtime_ns: int
    st_ino: int
    st_dev: int = -1


def _status(row: dict[str, Any], path: str) -> Status:
    mode = kinds.S_IFDIR if row["type"] == "directory" else kinds.S_IFREG
    return _Status(mode, int(row.get("size") or 0), _changed(row), zlib.crc32(path.encode()))


def _changed(row: dict[str, Any]) -> int:
    """When an object was written, in nanoseconds since 1970; 0 where its storage does not say."""
    when = next((row[name] for name in _CHANGED if row.get(name)), 0)
    if isinstance(when, str):
        when = datetime.datetime.fromisoformat(when)
    if isinstance(when, datetime.datetime):
        when = when.timestamp()
    return int(float(when) * 1e9)


def _listed(system: AbstractFileSystem, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in system.ls(place, detail=True):
        name = row["name"].rstrip("/").rpartition("/")[2]
        if name and row["name"].strip("/") != place.strip("/"):
            yield name, row


@contextmanager
def _asked(path: str) -> Iterator[tuple[AbstractFileSystem, str]]:
    """The file system of a path, and the path as it knows it. Its failures become OSErrors."""
    require("remote", f"what lies at {path}", LexsearchError)
    try:
        from fsspec.core import url_to_fs

        yield url_to_fs(path)
    except ImportError as error:
        raise LexsearchError(f"{path} cannot be read here: {error}") from error
    except OSError:
        raise
    except Exception as error:  # each storage has exceptions of its own
        raise Unreached(f"{type(error).__name__}: {error}") from error
