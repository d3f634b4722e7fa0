"""Models from the Hugging Face hub, fetched when a person asks for one: all of it, and undamaged.

The hub's own client begins a file anew in each process, and looks at sizes alone; so files that
were cut off are gone on with here, and each is compared with the checksum that the hub has for it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from lexsearch.errors import CaptionerError

_LEFT_OUT = ("*.onnx", "onnx/*", "*.gguf", "*.msgpack", "*.h5", "*.ot", "*.pth", "original/*")
_ROOM = 200_000_000  # bytes to stay free


class Download(NamedTuple):
    """What is to be fetched. files: name, size in bytes, and checksum (sha256, or git's own)."""

    model: str
    revision: str
    files: tuple[tuple[str, int, str], ...]

    @property
    def size(self) -> int:
        return sum(size for _, size, _ in self.files)


def plan(model: str) -> Download:
    """What a model consists of, as the hub tells. Raises CaptionerError where it does not."""
    from fnmatch import fnmatch

    from huggingface_hub import HfApi

    try:
        info: Any = HfApi().model_info(model, files_metadata=True, timeout=30)
    except Exception as error:  # the hub's own tree of errors, and those of connections
        raise _translated(model, error) from error
    names = {file.rfilename for file in info.siblings}
    doubled = any(name.endswith(".safetensors") for name in names)
    files = []
    for file in info.siblings:
        name = file.rfilename
        if any(fnmatch(name, pattern) for pattern in _LEFT_OUT):
            continue
        if doubled and name.endswith((".bin", ".bin.index.json")):
            continue
        checksum = file.lfs.sha256 if file.lfs else (file.blob_id or "")
        files.append((name, int(file.size or 0), checksum))
    return Download(model, str(info.sha), tuple(files))


def check_room(download: Download) -> None:
    """Raise CaptionerError where the disk has no room for what is still missing."""
    from huggingface_hub import constants, try_to_load_from_cache

    missing = sum(
        size
        for name, size, _ in download.files
        if not isinstance(
            try_to_load_from_cache(download.model, name, revision=download.revision), str
        )
    )
    place = Path(constants.HF_HUB_CACHE)
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if missing + _ROOM > free:
        raise CaptionerError(
            f"{download.model} needs {missing / 1e9:.1f} GB more, and {free / 1e9:.1f} GB are free "
            f"at {constants.HF_HUB_CACHE}; make room, or name another place with HF_HOME"
        )


def fetch(download: Download) -> Path:
    """Fetch what is missing, and compare all of it with its checksums.

    Raises CaptionerError where that fails; what came is kept, and the next time goes on from there.
    """
    from huggingface_hub import constants

    place = Path(constants.HF_HUB_CACHE, "models--" + download.model.replace("/", "--"))
    folder = place / "snapshots" / download.revision
    damaged = []
    for name, size, checksum in download.files:
        file, part = folder / name, place / "blobs" / f"{checksum}.part"
        if _is_whole(file, checksum):
            continue
        try:
            _fetch_file(download, name, size, part)
            if not _is_whole(part, checksum):
                damaged.append(name)
                part.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            part.replace(file)
        except Exception as error:  # the hub's own tree of errors, those of connections and disks
            raise _translated(download.model, error) from error
    if damaged:
        raise CaptionerError(
            f"{download.model} arrived damaged ({', '.join(damaged)}), and those files are gone "
            "again; run the same command once more"
        )
    _mark(download)
    return folder


def _fetch_file(download: Download, name: str, size: int, part: Path) -> None:
    """Fetch what is missing of one file."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as content:
        done = content.tell()
        if done < size or not size:
            http_get(
                hf_hub_url(download.model, name, revision=download.revision),
                content,
                resume_size=done,
                expected_size=size or None,
                headers=build_hf_headers(),
                displayed_filename=name,
            )


def _mark(download: Download) -> None:
    """Let "main" mean this revision in the cache, as it does after any other download."""
    from huggingface_hub import constants

    refs = Path(constants.HF_HUB_CACHE, "models--" + download.model.replace("/", "--"), "refs")
    refs.mkdir(parents=True, exist_ok=True)
    (refs / "main").write_text(download.revision, encoding="utf-8")


def _is_whole(file: Path, checksum: str) -> bool:
    """Whether a file has the checksum: sha256, or, of 40 digits, git's."""
    if not file.is_file():
        return False
    digest = hashlib.sha256()
    if len(checksum) == 40:
        digest = hashlib.sha1(f"blob {file.stat().st_size}\0".encode(), usedforsecurity=False)
    with file.open("rb") as content:
        while part := content.read(2**20):
            digest.update(part)
    return not checksum or digest.hexdigest() == checksum


def _translated(model: str, error: Exception) -> CaptionerError:
    """What went wrong with the hub, in a sentence."""
    name = type(error).__name__
    said = next(iter(str(error).strip().splitlines()), "")[:200]
    host = os.environ.get("HF_ENDPOINT", "the Hugging Face hub")
    if isinstance(error, OSError) and error.errno == 28:
        return CaptionerError(
            f"the disk is full; what came of {model} is kept: make room and run it again"
        )
    if "Gated" in name:
        return CaptionerError(
            f"{model} is given to those alone who accepted its licence: do so on its page at the "
            "hub, and set HF_TOKEN"
        )
    if "NotFound" in name:
        return CaptionerError(f"{host} has no model {model} ({said})")
    if "Offline" in name:
        return CaptionerError("HF_HUB_OFFLINE is set; unset it to fetch a model")
    return CaptionerError(
        f"{host} did not give all of {model} ({name}: {said}); what came is kept: run the same "
        "command again, and it goes on from there"
    )
