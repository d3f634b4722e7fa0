"""The captioner contract, and how to open one by name.

A captioner turns views (a crop and its pixels) into words. It knows nothing of files,
stores or engines; whoever calls it decodes ahead on threads, batches and keeps the results.
"""

from __future__ import annotations

import importlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

from lexsearch.errors import CaptionerError, CaptionerUnavailable
from lexsearch.extras import missing
from lexsearch.records import CaptionerKey, CaptionText, View

T = TypeVar("T")
Answer = list[CaptionText] | CaptionerError
"""What came of one view: its words, none where nothing is seen, or why this view has none."""


class CaptionerSpec(NamedTuple):
    """How to open a captioner, here or in another process; it can be pickled.

    name, options: as `open_captioner` takes them.
    """

    name: str
    options: Mapping[str, object] = {}


class Waiting(NamedTuple):
    """No answer came for a while; a moment to keep the answers before.

    reason: why, for a person, where the captioner knows: "the server is loading its model".
    """

    reason: str = ""


class Captioner(ABC):
    """Turns views into words.

    key: name, version and prompt; captions with another key are made anew.
    view_side: the longest side, in pixels, of the views it can make use of.
    batch_size: how many views it likes to see at once, of as many pictures as that takes.
        It may change from one batch to the next. So many views, times a few, are cut ahead.
    joint: whether it judges the views of a picture together. Patches then come as a single view
        of the whole with its `patches`; each text says which crop it is about, and what is said of
        the whole replaces what was said before.
    pace: about how many seconds a picture with its 17 patches takes, whole_pace: the whole alone; 0
        where nobody knows.
    note: what a person should know of the choices that it made by itself; one line, or "".
    spec: how `open_captioner` opened it; None for one that was made otherwise.
    """

    key: CaptionerKey
    view_side: int
    batch_size: int = 1
    joint: bool = False
    pace: float = 0.0
    whole_pace: float = 0.0
    note: str = ""
    spec: CaptionerSpec | None = None

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
    def caption(self, views: Sequence[View]) -> list[Answer]:
        """The answer to each view, in the order of `views`: words, an empty list where it sees
        nothing, or the error where this one view cannot be captioned (ViewRefused where asking
        again would be in vain).

        Raises CaptionerError when it cannot tell which view is to blame; `describe` then halves
        the batch until only the view at fault fails. Raises CaptionerUnavailable when it cannot
        go on at all.
        """

    def describe(self, views: Iterable[tuple[T, View]]) -> Iterator[tuple[T, Answer] | Waiting]:
        """Answers as they come: each view's own tag with what came of it, in any order.

        views: a tag (whatever tells the caller which view it is) and a view each, taken only when
        there is room for one more. Waiting for the next one may take as long as cutting it does.

        Whoever calls this keeps answers for good between two items, so that an answer has to be
        handed over as soon as it is there, and `Waiting` once a second or so while none comes;
        where nothing can be handed over for long (a batch on a GPU), before that begins.
        An error of one view is its answer. Raises CaptionerUnavailable when it cannot go on at
        all, and lets KeyboardInterrupt pass, but only after it has handed over every answer that
        is there already.

        As it stands here it asks `caption` batch by batch. A captioner that gets its answers one
        by one (a server) overrides it.
        """
        coming = iter(views)
        while batch := list(islice(coming, max(1, self.batch_size))):
            yield from self._describe(batch)
            yield Waiting()

    def _describe(self, batch: Sequence[tuple[T, View]]) -> Iterator[tuple[T, Answer]]:
        """Answers to a batch; where it fails as a whole, to its halves, down to a single view."""
        try:
            answers = self.caption([view for _, view in batch])
        except CaptionerUnavailable:
            raise
        except CaptionerError as error:
            if len(batch) == 1:
                yield batch[0][0], error
                return
        else:
            yield from zip((tag for tag, _ in batch), answers, strict=True)
            return
        half = len(batch) // 2
        yield from self._describe(batch[:half])
        yield from self._describe(batch[half:])

    def close(self) -> None:  # noqa: B027 (most have nothing to free)
        """Free what it holds (a model, connections)."""


_CAPTIONERS = {
    "tagger": "lexsearch.captioners.tagger:Tagger",
    "mllm": "lexsearch.captioners.mllm:Mllm",
    "server": "lexsearch.captioners.server:Server",
}


MARK = "#"
"""Begins the part of a server's version that tells models of one name apart."""


def does_for(earlier: CaptionerKey, key: CaptionerKey) -> bool:
    """Whether captions by one captioner do in place of another's until describing anew is asked
    for: those of an earlier tagger, whose versions begin with a number, and of another model that
    has the same name.
    """
    if earlier.name == key.name == "server":
        return earlier != key and earlier.prompt == key.prompt and _name(earlier) == _name(key)
    if not earlier.name == key.name == "tagger":
        return False
    before, now = (one.version.partition(":")[0] for one in (earlier, key))
    return before.isdecimal() and now.isdecimal() and int(before) < int(now)


def is_outdated(earlier: CaptionerKey, key: CaptionerKey) -> bool:
    """Whether it does (see `does_for`), and is known to be another one."""
    is_told = earlier.name != "server" or all(f" {MARK}" in one.version for one in (earlier, key))
    return is_told and does_for(earlier, key)


def _name(server: CaptionerKey) -> str:
    return server.version.partition(f" {MARK}")[0]


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
    captioner.spec = CaptionerSpec(name, options)
    return captioner


def _automatic() -> str:
    from lexsearch.captioners.mllm import DEFAULT_MODEL
    from lexsearch.captioners.mllm.weights import is_cached

    if missing("mllm", "mllm") or not is_cached(DEFAULT_MODEL):
        return "tagger"
    import torch

    return "mllm" if torch.cuda.is_available() else "tagger"
