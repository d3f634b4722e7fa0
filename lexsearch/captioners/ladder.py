"""Who could describe pictures on this machine, from the tagger that comes along up to 13B.

Nothing here downloads anything, and no server is asked but on this machine's own usual ports.
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from lexsearch.errors import CaptionerError

VIEWS = 18
"""Of a picture: the whole and 17 patches."""


class Rung(NamedTuple):
    """A captioner that can be had.

    model: on the hub; "" for what comes along. parameters, and bytes to download: about.
    tokens: of a view, to be read. needs_gpu: with a CPU alone it takes minutes a picture.
    own_code: it brings Python code, which is run only with --trust-remote-code.
    """

    name: str
    model: str
    parameters: float
    size: float
    licence: str
    good_at: str
    tokens: int = 0
    needs_gpu: bool = False
    own_code: bool = False


LADDER = (
    Rung("tagger", "", 0, 0, "Apache-2.0", "names of things, text; anywhere"),
    Rung(
        "florence-2-base", "florence-community/Florence-2-base-ft", 0.23e9, 0.5e9, "MIT",
        "a sentence or two, regions with boxes, text", 600,
    ),
    Rung(
        "smolvlm-256m", "HuggingFaceTB/SmolVLM-256M-Instruct", 0.26e9, 0.5e9, "Apache-2.0",
        "short sentences, on any CPU", 1200,
    ),
    Rung(
        "smolvlm-500m", "HuggingFaceTB/SmolVLM-500M-Instruct", 0.51e9, 1.0e9, "Apache-2.0",
        "sentences, fewer mistakes", 1200,
    ),
    Rung(
        "moondream", "vikhyatk/moondream2", 1.9e9, 3.9e9, "Apache-2.0",
        "sentences; with code of its own, which is not run unasked", 750, own_code=True,
    ),
    Rung(
        "llava-7b", "llava-hf/llava-1.5-7b-hf", 7.1e9, 14.1e9, "Llama 2",
        "several sentences a view", 620, needs_gpu=True,
    ),
    Rung(
        "llava-13b", "llava-hf/llava-1.5-13b-hf", 13.4e9, 26.7e9, "Llama 2",
        "the paper's: several sentences a view", 620, needs_gpu=True,
    ),
)  # fmt: skip

PORTS = {8000: "vLLM", 8080: "llama.cpp", 11434: "Ollama", 1234: "LM Studio", 30000: "SGLang"}
"""Where servers of this kind mostly listen."""

_PORT_SECONDS = 0.5
_ANSWER_TOKENS = 60
_TAGGER_SECONDS, _TAGGER_CORES = 2.0, 2  # as measured, see docs/captioners.md


class Here(NamedTuple):
    """What this machine can do. flops: of 32 bits a second; bandwidth: bytes a second."""

    cores: int
    flops: float
    bandwidth: float
    gpu: str = ""


class Found(NamedTuple):
    """A server on this machine, with the models that it lists."""

    url: str
    kind: str
    models: tuple[str, ...]


def rung(name: str) -> Rung:
    """The one of this name. Raises CaptionerError where there is none that can be fetched."""
    found = next((one for one in LADDER if one.name == name and one.model), None)
    if found is None:
        names = ", ".join(one.name for one in LADDER if one.model)
        raise CaptionerError(f"there is no captioner {name!r} to get; choose one of: {names}")
    return found


def seconds_a_picture(one: Rung, here: Here) -> float:
    """An estimate for this machine's CPU: reading a view is arithmetic, answering is memory."""
    if not one.model:
        return _TAGGER_SECONDS * _TAGGER_CORES / max(1, min(here.cores, VIEWS))
    reading = 2 * one.parameters * one.tokens / here.flops
    answering = _ANSWER_TOKENS * 4 * one.parameters / here.bandwidth
    return VIEWS * (reading + answering)


def measure() -> Here:
    """A trial of a tenth of a second: a product of matrices, and a copy of memory."""
    import numpy as np

    side, copied = 768, 2**25
    matrix = np.ones((side, side), dtype=np.float32)
    memory = np.ones(copied, dtype=np.uint8)
    product = _quickest(lambda: matrix @ matrix)
    copying = _quickest(memory.copy)
    return Here(os.cpu_count() or 1, 2 * side**3 / product, 2 * copied / copying, _gpu())


def _quickest(work: object) -> float:
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        work()  # type: ignore[operator]
        times.append(time.perf_counter() - begun)
    return max(min(times), 1e-9)


def _gpu() -> str:
    """The name of the first GPU; "" without one, or without torch."""
    try:
        import torch
    except ImportError:
        return ""
    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else ""


def servers() -> Iterator[Found]:
    """Servers that answer at the usual ports of this machine."""
    with ThreadPoolExecutor(len(PORTS)) as pool:
        for found in pool.map(_server, PORTS.items()):
            if found is not None:
                yield found


def _server(place: tuple[int, str]) -> Found | None:
    port, kind = place
    url = f"http://127.0.0.1:{port}/v1"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/models", timeout=_PORT_SECONDS) as answer:
            listed = json.loads(answer.read(2**20))["data"]
        return Found(url, kind, tuple(str(model["id"]) for model in listed))
    except (OSError, ValueError, KeyError, TypeError):
        return None
