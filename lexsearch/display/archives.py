"""Picture files as one ZIP archive, made while it is sent."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence

from lexsearch.images.filesystem import is_remote, open_file

_CHUNK = 1 << 20  # bytes read at once
MISSING = "not in this archive.txt"


class _Outbox:
    """What an archive is written to; a reader takes what has come so far."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def zipped(files: Iterable[tuple[str, str]], missing: Sequence[str] = ()) -> Iterator[bytes]:
    """The bytes of an archive of (name, path) of files, part after part.

    Pictures are compressed already, so they are stored as they are. Of two with one name the later
    gets a number. Files that cannot be read are named, with the reason, in a text at its end,
    behind the lines of `missing`.
    """
    outbox, names, failed = _Outbox(), set[str](), [*missing]
    with zipfile.ZipFile(outbox, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for name, path in files:
            try:
                file, entry = open_file(path), _entry(path, _other(name, names))
            except OSError as error:
                failed.append(f"{name}: {error.strerror or error}")
                continue
            with file, archive.open(entry, "w", force_zip64=True) as packed:
                while part := file.read(_CHUNK):
                    packed.write(part)
                    yield outbox.take()
        if failed:
            archive.writestr(_other(MISSING, names), "\n".join([*failed, ""]))
    yield outbox.take()


def _entry(path: str, name: str) -> zipfile.ZipInfo:
    if is_remote(path):
        return zipfile.ZipInfo(name)
    return zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)


def _other(name: str, names: set[str]) -> str:
    """The name, or one like it that is not among the names; then it is."""
    stem, ending = os.path.splitext(name)
    number, found = 2, name
    while found in names:
        number, found = number + 1, f"{stem} ({number}){ending}"
    names.add(found)
    return found
