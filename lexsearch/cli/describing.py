"""The options that say who describes pictures, for every command that does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import click

_CAPTIONERS = ("auto", "tagger", "mllm", "server")
_OPTIONS = (
    click.option(
        "--captioner",
        type=click.Choice(_CAPTIONERS),
        default="auto",
        show_default=True,
        help="Who describes the pictures. tagger: small networks that come along, on any machine. "
        "mllm: a large model, on a GPU of this machine; nothing is downloaded, so fetch it first "
        "(hf download llava-hf/llava-1.5-13b-hf). server: a model that a server runs (vLLM, "
        "SGLang, llama.cpp, Ollama, ...). auto: mllm where a GPU is and that model has been "
        "fetched, else tagger.",
    ),
    click.option(
        "--model",
        metavar="NAME",
        help="mllm: a folder, or a fetched model as NAME or NAME@REVISION  [default: "
        "llava-hf/llava-1.5-13b-hf]. server: as the server calls it  [default: its only one].",
    ),
    click.option(
        "--url",
        multiple=True,
        metavar="URL",
        help="server: its address, such as http://localhost:8000/v1; several, each with --url, "
        "share the work. A key, where it wants one, is read from the environment: "
        "LEXSEARCH_API_KEY.",
    ),
    click.option(
        "--prompt",
        metavar="TEXT",
        help="mllm, server: what to ask about each view: captions, tags (both are the paper's), or "
        "a text of your own.  [default: captions]",
    ),
    click.option(
        "--follow-up",
        is_flag=True,
        default=None,
        help="mllm, server: ask then for what the answer left out; takes twice as long or longer.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["auto", "fp32", "bf16", "int8", "nf4"]),
        help="mllm: 32, 16, 8 or 4 bits a weight.  [default: auto, the best that fits into memory]",
    ),
    click.option(
        "--framing",
        type=click.Choice(["pad", "processor"]),
        help="mllm, server: pad views to a square, so that all is seen, or leave their shape to "
        "the model's processor, which may cut.  [default: pad]",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(min=1),
        help="mllm: views at once on each GPU  [default: what fits]. server: requests at once  "
        "[default: 16].",
    ),
    click.option(
        "--patience",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="server: how long to wait for one that loads, restarts or is busy.  [default: 600]",
    ),
    click.option(
        "--trust-remote-code",
        is_flag=True,
        default=None,
        help="mllm: run Python code that comes with the model, where transformers has none for it.",
    ),
    click.option(
        "--crops",
        type=click.Choice(["fixed", "overlapped", "none"]),
        default="fixed",
        show_default=True,
        help="Patches to describe beside the whole: 17 fixed, 40 overlapped, or none.",
    ),
)


def captioner_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options `captioner` and `crops`, and those of `open_captioner` by their names."""
    return reduce(lambda made, option: option(made), reversed(_OPTIONS), command)


def chosen(options: Mapping[str, object]) -> dict[str, object]:
    """Those of the options that were given, for `open_captioner`."""
    return {name: value for name, value in options.items() if value not in (None, ())}
