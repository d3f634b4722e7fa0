"""A model's files on this machine: where they are, what identifies them, and what they weigh.

Nothing is downloaded here or later: a model is gigabytes, so fetching one is the user's decision.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lexsearch.errors import CaptionerError

PRECISIONS = ("fp32", "bf16", "int8", "nf4")

# Bytes a parameter: elsewhere, and in the language model's layers, all that is quantised.
# nf4 has half a byte, and four bytes of scale for each block of 64 (Dettmers et al. 2023).
_BYTES = {"fp32": (4, 4), "bf16": (2, 2), "int8": (2, 1), "nf4": (2, 0.5 + 4 / 64)}

_SLACK, _ROOM = 1.1, 2_000_000_000
"""What is needed beside the weights to caption a few views at once: a share, and bytes."""

_IDENTIFYING = {".json", ".jinja", ".model", ".txt", ".safetensors", ".bin"}
_SMALL = 32 * 2**20  # a file up to this many bytes is hashed from end to end
_SAMPLES, _SAMPLE = 16, 64 * 2**10

_LAYER = re.compile(r"\blayers\.\d+\.")
_SEEING = re.compile(r"vision|visual|image|encoder")


class Weights(NamedTuple):
    """A model's files.

    name: as people know it. revision: a commit, or a hash of the files.
    parameters: how many; linear: how many of them are weights of the language model's layers.
    """

    folder: Path
    name: str
    revision: str
    parameters: int
    linear: int

    def bytes_at(self, precision: str) -> int:
        """About how much memory the weights take."""
        elsewhere, linear = _BYTES[precision]
        return round(elsewhere * (self.parameters - self.linear) + linear * self.linear)


def find_weights(model: str) -> Weights:
    """A folder, or a model of the Hugging Face hub in its local cache: "NAME" or "NAME@REVISION".

    Raises CaptionerError, saying how to fetch it, when it is not there or incomplete.
    """
    if os.path.isdir(model):
        folder = Path(model).resolve()
        name, revision = folder.name, ""
    else:
        name, _, revision = model.partition("@")
        folder = _cached(name, revision)
        revision = folder.name[:12]  # the commit
    if not (folder / "config.json").is_file():
        raise CaptionerError(f"{folder} holds no model: there is no config.json in it")
    files = _weight_files(folder)
    if not files or not all(file.is_file() for file in files):
        raise CaptionerError(
            f"the weights of {model} are not complete in {folder}"
            + (f"; run: {_fetching(model)}" if revision else "")
        )
    parameters, linear = _count(files)
    return Weights(folder, name, revision or _fingerprint(folder), parameters, linear)


def choose_precision(weights: Weights, free: int, candidates: Sequence[str], where: str) -> str:
    """The first of the precisions at which the model fits into `free` bytes, with room to work.

    Raises CaptionerError when it fits at none; `where` names the memory in the message.
    """
    for precision in candidates:
        if weights.bytes_at(precision) * _SLACK + _ROOM <= free:
            return precision
    smallest = candidates[-1]
    raise CaptionerError(
        f"{weights.name} needs {weights.bytes_at(smallest) * _SLACK / 1e9 + _ROOM / 1e9:.1f} GB "
        f"even at {smallest}, and {free / 1e9:.1f} GB are free on {where}; end what else uses "
        f"it, choose a smaller model, or try all the same with the precision {smallest}"
    )


def is_cached(model: str) -> bool:
    """Whether a model of the hub lies in the local cache. Quick: nothing heavy is imported."""
    from huggingface_hub.constants import HF_HUB_CACHE

    snapshots = Path(HF_HUB_CACHE, "models--" + model.replace("/", "--"), "snapshots")
    return snapshots.is_dir() and any(snapshots.iterdir())


def _cached(name: str, revision: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision or None, local_files_only=True))
    except Exception as error:  # the hub's own tree of errors, and those of bad names
        raise CaptionerError(
            f"{name!r} is not a folder, and no model of that name has been fetched; models are "
            f"never fetched unasked, because of their size. Run: {_fetching(name, revision)}"
        ) from error


def _fetching(name: str, revision: str = "") -> str:
    name, _, given = name.partition("@")
    revision = revision or given
    return f"hf download {name}" + (f" --revision {revision}" if revision else "")


def _weight_files(folder: Path) -> list[Path]:
    for kind in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{kind}.index.json"
        if index.is_file():
            try:
                names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            except (ValueError, KeyError, AttributeError) as error:
                raise CaptionerError(f"{index} is damaged ({error})") from error
            return [folder / name for name in sorted(names)]
        if (folder / kind).is_file():
            return [folder / kind]
    return []


def _count(files: Sequence[Path]) -> tuple[int, int]:
    """Parameters in all, and in the language model's layers."""
    parameters = linear = 0
    for file in files:
        if file.suffix != ".safetensors":  # not readable without loading it: as if all 16 bit
            parameters += file.stat().st_size // 2
            continue
        for name, shape in _tensors(file):
            count = math.prod(shape)
            parameters += count
            if len(shape) == 2 and _LAYER.search(name) and not _SEEING.search(name):
                linear += count
    return parameters, linear


def _tensors(file: Path) -> Iterator[tuple[str, list[int]]]:
    """Names and shapes, from the head of a safetensors file."""
    try:
        with file.open("rb") as weights:
            length = int.from_bytes(weights.read(8), "little")
            if length > 100_000_000:
                raise ValueError("the head is too long")
            head = json.loads(weights.read(length))
        for name, tensor in head.items():
            if name != "__metadata__":
                yield name, tensor["shape"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CaptionerError(f"{file} is not a safetensors file, or damaged ({error})") from error


def _fingerprint(folder: Path) -> str:
    """12 hexadecimal digits that change with the model's settings, vocabulary and weights.

    Of large files only samples are read: hashing 27 GB would take a minute at every start.
    """
    digest = hashlib.blake2b(digest_size=6)
    for file in sorted(folder.iterdir()):
        if file.suffix not in _IDENTIFYING or not file.is_file():
            continue
        size = file.stat().st_size
        digest.update(f"{file.name}\0{size}\0".encode())
        with file.open("rb") as content:
            if size <= _SMALL:
                digest.update(content.read())
                continue
            for number in range(_SAMPLES):
                content.seek((size - _SAMPLE) * number // (_SAMPLES - 1))
                digest.update(content.read(_SAMPLE))
    return digest.hexdigest()
