"""The captioner contract, and how to open one by name.

A captioner turns views (a crop and its pixels) into words. It knows nothing of files,
stores or engines; whoever calls it decodes ahead on threads, batches and keeps the results.
"""

from __future__ import annotations

import importlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence

from lexsearch.errors import CaptionerError
from lexsearch.records import CaptionerKey, CaptionText, View


class Captioner(ABC):
    """Turns views into words.

    key: name, version and prompt; captions with another key are made anew.
    view_side: the longest side, in pixels, of the views it can make use of.
    batch_size: how many views it likes to see at once, of as many pictures as that takes.
        It may change from one batch to the next.
    note: what a person should know of the choices that it made by itself; one line, or "".
    """

    key: CaptionerKey
    view_side: int
    batch_size: int = 1
    note: str = ""

    def load(self) -> None:  # noqa: B027
        """Get ready, where that takes long. Called before the first view is cut, and not at all
        when there is nothing to caption. Raises CaptionerError when it cannot.
        """

    def prepare(self, view: View) -> View:
        """Do what can be done with one view before its batch: called on the threads that decode
        pictures ahead, several at once, while `caption` is busy with an earlier batch.
        """
        return view

    @abstractmethod
    def caption(self, views: Sequence[View]) -> list[list[CaptionText] | CaptionerError]:
        """Words for each view, in the order of `views`; an empty list where it sees nothing,
        and in place of words the error, where this one view cannot be captioned.

        Raises CaptionerError when it cannot tell which view is to blame; the caller then tries
        the views of the batch one picture at a time, so that one bad picture costs no other.
        Raises CaptionerUnavailable when it cannot go on at all.
        """

    def close(self) -> None:  # noqa: B027 (most have nothing to free)
        """Free what it holds (a model, connections)."""


_CAPTIONERS = {
    "tagger": "lexsearch.captioners.tagger:Tagger",
    "mllm": "lexsearch.captioners.mllm:Mllm",
    "server": "lexsearch.captioners.server:Server",
}


def open_captioner(name: str = "auto", **options: object) -> Captioner:
    """A captioner by name: "tagger", "mllm", "server", or "auto".

    "auto" is mllm where its default model has been fetched and there is a GPU to run it on, and
    else the tagger: nothing is downloaded, and no server is looked for, unasked.
    options: those of the captioner's class.
    Raises CaptionerError when the name is unknown, an option is not one of that captioner's, or
    what it needs is not there.
    """
    if name == "auto":
        name = _automatic()
    if name not in _CAPTIONERS:
        raise CaptionerError(
            f"there is no captioner {name!r}; choose one of: auto, {', '.join(_CAPTIONERS)}"
        )
    module, _, attribute = _CAPTIONERS[name].partition(":")
    kind = getattr(importlib.import_module(module), attribute)
    foreign = options.keys() - inspect.signature(kind).parameters.keys()
    if foreign:
        raise CaptionerError(
            f"the captioner {name!r} has no option {', '.join(sorted(foreign))}; "
            "choose the captioner that it is for, mllm or server"
        )
    captioner: Captioner = kind(**options)
    return captioner


def _automatic() -> str:
    from lexsearch.captioners.mllm import DEFAULT_MODEL
    from lexsearch.captioners.mllm.weights import is_cached

    if not is_cached(DEFAULT_MODEL):
        return "tagger"
    import torch

    return "mllm" if torch.cuda.is_available() else "tagger"
