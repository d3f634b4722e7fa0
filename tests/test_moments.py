"""A search keeps the index of the moment at which it began, whatever is written meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import open_in_memory
from fakes import FakeCaptioner, picture

import lexsearch
from lexsearch.engines import Engine
from lexsearch.engines.lucene import LuceneEngine
from lexsearch.engines.memory import MemoryEngine
from lexsearch.searching.folder import FolderSnapshot
from lexsearch.storage.catalog import Catalog

ENGINES: dict[str, tuple[Callable[[Path], lexsearch.Index], type[Engine]]] = {
    "memory": (open_in_memory, MemoryEngine),
    "lucene": (lexsearch.open, LuceneEngine),
}
STEPS = {
    "before the engine is asked": ("engine", "search"),
    "before passages are read": ("engine", "stored"),
    "before the catalog is asked": ("snapshot", "paths"),
}


@pytest.fixture(params=ENGINES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[lexsearch.Index, Any]]:
    """An index, and the class of its engine."""
    opening, engine = ENGINES[request.param]
    with opening(tmp_path / "index") as index:
        yield index, engine


def interrupt(
    patch: pytest.MonkeyPatch, owner: type, name: str, change: Callable[[], object]
) -> list[str]:
    """Make a change once, just before a method runs. What it gives has the name when it has run."""
    method, done = getattr(owner, name), list[str]()

    def interrupted(self: object, *arguments: object) -> object:
        if not done:
            done.append(name)
            change()
        return method(self, *arguments)

    patch.setattr(owner, name, interrupted)
    return done


@pytest.mark.parametrize("step", STEPS)
def test_what_is_committed_between_two_steps_of_a_search_is_for_the_next_one(
    opened: tuple[lexsearch.Index, Any],
    step: str,
    photos: Path,
    captioner: FakeCaptioner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index, engine = opened
    for name, colour in (("a", (255, 0, 0)), ("b", (250, 0, 0)), ("c", (245, 0, 0))):
        picture(photos / f"{name}.png", colour)
    index.add(photos, captioner=captioner)
    before, state = index.search("red"), index.state()
    assert {Path(str(hit.path)).name for hit in before} == {"a.png", "b.png", "c.png"}

    def change() -> None:
        """One picture is removed, one moves, one says something else, a fourth comes."""
        with lexsearch.open(index.path) as other:
            other.remove(photos / "a.png")
            (photos / "b.png").rename(photos / "moved.png")
            picture(photos / "d.png", (240, 0, 0))
            other.add(photos, captioner=captioner)
            other.edit_caption(photos / "c.png", "a parrot")

    owner, name = STEPS[step]
    done = interrupt(monkeypatch, engine if owner == "engine" else FolderSnapshot, name, change)
    during = index.search("red")
    assert done
    assert list(during) == list(before)
    assert during.total == before.total == 3
    after = index.search("red")
    assert {Path(str(hit.path)).name for hit in after} == {"c.png", "d.png", "moved.png"}
    [hit] = index.search("parrot")
    assert (hit.path, hit.words) == (str(photos / "c.png"), ("parrot",))
    assert index.state() != state


def test_a_question_to_the_catalog_sees_one_moment(
    memory_index: lexsearch.Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = memory_index
    index.import_captions([json.dumps({"doc_id": "a", "path": "/a.png", "text": "a cat"})])

    def change() -> None:
        with lexsearch.open(index.path) as other:
            other.remove("a")

    interrupt(monkeypatch, FolderSnapshot, "paths", change)
    assert index.places(["a"]) == {"a": ("/a.png",)}
    assert index.places(["a"]) == {}


def test_a_text_index_that_is_newer_than_the_catalog_is_not_mixed_with_it(
    memory_index: lexsearch.Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer ends between the first look at the catalog and the opening of the text index."""
    index = memory_index
    index.import_captions([json.dumps({"doc_id": "a", "text": "a cat"})])
    index.search("cat")

    def change() -> None:
        with lexsearch.open(index.path) as other:
            other.import_captions([json.dumps({"doc_id": "b", "path": "/b.png", "text": "a cat"})])

    done = interrupt(monkeypatch, FolderSnapshot, "_open_text", change)
    assert [(hit.doc_id, hit.path) for hit in index.search("cat")] == [("a", None), ("b", "/b.png")]
    assert done


def test_a_writer_does_not_wait_for_who_reads(memory_index: lexsearch.Index) -> None:
    index = memory_index
    index.import_captions([json.dumps({"doc_id": name, "text": name}) for name in ("a", "b")])
    contents = index.contents()
    assert next(contents).doc_id == "a"
    index.remove("b")
    assert index.documents() == ["a"]
    assert [document.doc_id for document in contents] == ["b"]
    with closing(Catalog(index.path / "catalog.sqlite", write=True)) as catalog:
        assert catalog.listed() == ["a"]
