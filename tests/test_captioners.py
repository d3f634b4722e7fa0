"""The captioner contract: answers as they come, and a batch that fails costs one view alone."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence

import pytest
from PIL import Image

from lexsearch.captioners import Answer, Captioner, CaptionerSpec, Waiting, open_captioner
from lexsearch.errors import CaptionerError, CaptionerUnavailable
from lexsearch.records import Box, CaptionerKey, CaptionText, Crop, View


class Reader(Captioner):
    """Says the name of a view's crop. A batch with "bad" fails; "gone" ends everything."""

    key = CaptionerKey("reader")
    view_side = 8
    batch_size = 4

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def caption(self, views: Sequence[View]) -> list[Answer]:
        names = [view.crop.name for view in views]
        self.asked.append(names)
        if "gone" in names:
            raise CaptionerUnavailable("the model is gone")
        if "bad" in names:
            raise CaptionerError("one of them is bad")
        return [[CaptionText(name)] for name in names]


def views(*names: str) -> Iterator[tuple[int, View]]:
    for number, name in enumerate(names):
        yield number, View(Crop(name, Box(0, 0, 8, 8)), Image.new("RGB", (8, 8)))


def test_answers_carry_the_tags_of_their_views() -> None:
    items = list(Reader().describe(views("a", "b", "c", "d", "e")))
    words = [item for item in items if not isinstance(item, Waiting)]
    assert words == [(number, [CaptionText(text)]) for number, text in enumerate("abcde")]
    assert [place for place, item in enumerate(items) if isinstance(item, Waiting)] == [4, 6]


def test_a_batch_that_fails_costs_the_view_at_fault_alone() -> None:
    captioner = Reader()
    answers = {
        item[0]: item[1]
        for item in captioner.describe(views("a", "bad", "c", "d"))
        if not isinstance(item, Waiting)
    }
    assert isinstance(answers.pop(1), CaptionerError)
    assert answers == {0: [CaptionText("a")], 2: [CaptionText("c")], 3: [CaptionText("d")]}
    assert captioner.asked[0] == ["a", "bad", "c", "d"]


def test_answers_before_the_end_are_handed_over() -> None:
    describing = Reader().describe(views("a", "b", "c", "d", "gone"))
    given: list[object] = []
    with pytest.raises(CaptionerUnavailable):
        given.extend(describing)  # what came before the error stays
    assert len(given) == 5


def test_views_are_taken_only_when_there_is_room() -> None:
    taken = []

    def coming() -> Iterator[tuple[int, View]]:
        for pair in views(*"abcdefgh"):
            taken.append(pair[0])
            yield pair

    next(Reader().describe(coming()))
    assert taken == [0, 1, 2, 3]


def test_an_opened_captioner_says_how_it_was_opened() -> None:
    spec = open_captioner("tagger").spec
    assert spec == CaptionerSpec("tagger", {})
    assert pickle.loads(pickle.dumps(spec)) == spec
