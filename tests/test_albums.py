"""Favourites and albums: portable captions of their own kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Run, open_in_memory
from fakes import FakeCaptioner, picture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lexsearch
from lexsearch.engines.fields import CHAINS
from lexsearch.engines.lucene.analysis import ANALYZER
from lexsearch.errors import LexsearchError
from lexsearch.records import Keyword, Query
from lexsearch.text.analysis import SimpleAnalyzer
from lexsearch.text.queries import parse

NASTY = (
    "<img src=x onerror=alert(1)>",
    "\u202eevil\u2066",
    'a "quoted", one',
    "-dog +cat",
    "été\0x",
    "x" * 200,
)


@pytest.fixture
def index(memory_index: lexsearch.Index) -> lexsearch.Index:
    return memory_index


@pytest.fixture
def dogs(index: lexsearch.Index, photos: Path) -> list[Path]:
    places = [picture(photos / f"dog{n}.png", colour) for n, colour in enumerate(("red", "blue"))]
    index.add(photos, captioner=FakeCaptioner(says="a dog"))
    index.import_captions([json.dumps({"doc_id": "cat", "text": "a cat"})])
    return places


def names(index: lexsearch.Index, query: str | Query) -> list[str]:
    return sorted(Path(hit.path or hit.doc_id).name for hit in index.search(query))


def test_albums_are_sets_that_are_searched_by_their_whole_name(
    index: lexsearch.Index, dogs: list[Path]
) -> None:
    assert index.add_to_album("Lisbon", dogs[0], "cat") == 2
    assert index.add_to_album("lisbon 2023", dogs[1]) == 1
    assert index.add_to_album(" LISBON ", dogs[0], dogs[1]) == 1  # the one that is there
    assert index.albums() == {"Lisbon": 3, "lisbon 2023": 1}
    assert names(index, "album:lisbon") == ["cat", "dog0.png", "dog1.png"]
    assert names(index, 'album:"Lisbon 2023"') == ["dog1.png"]
    assert names(index, "dog album:lisbon") == ["dog0.png", "dog1.png"]
    assert names(index, "album:lisbon, cat") == ["cat"]
    assert names(index, "dog, album:lis") == []  # it must be there, sign or no sign
    assert names(index, "dog -album:lisbon") == []
    assert names(index, "lisbon") == []  # the name of an album says nothing of a picture
    [hit] = index.search('dog, album:"lisbon 2023"')
    assert [one.words for one in hit.evidence] == [("dog",), ("lisbon 2023",)]
    assert index.remove_from_album("Lisbon", *dogs) == 2
    assert index.remove_from_album("lisbon", "cat", dogs[0]) == 1
    assert index.albums() == {"lisbon 2023": 1}
    with pytest.raises(LexsearchError, match="no album 'lisbon'; there are: lisbon 2023"):
        index.remove_from_album("lisbon", "cat")
    with pytest.raises(LexsearchError, match="not in the index"):
        index.add_to_album("lisbon", "cat", "nowhere.png")
    assert index.albums() == {"lisbon 2023": 1}


def test_favourites_are_marked_found_and_taken_back(
    index: lexsearch.Index, dogs: list[Path]
) -> None:
    assert index.favourite(*dogs) == 2
    assert index.favourite(dogs[0]) == 0
    assert names(index, "is:favourite") == ["dog0.png", "dog1.png"]
    assert names(index, "is:favorites cat") == []
    assert names(index, "cat -is:favourite") == ["cat"]
    doc_ids = index.documents()
    assert index.favourites(doc_ids) == {index.describe(dog).doc_id for dog in dogs}
    assert index.favourite(dogs[0], "cat", undo=True) == 1
    assert names(index, "is:favourite") == ["dog1.png"]
    assert parse("this is: a dog").keywords == (Keyword("this is: a dog"),)


def test_they_outlive_indexing_again_moves_and_changes_of_the_file(
    index: lexsearch.Index, dogs: list[Path], photos: Path
) -> None:
    index.favourite(dogs[0])
    index.add_to_album("lisbon", dogs[0])
    index.reindex()
    moved = photos / "2023" / "best.png"
    moved.parent.mkdir()
    dogs[0].rename(moved)
    index.add(photos, captioner=FakeCaptioner("other", says="a wolf"), again=True)
    assert names(index, "album:lisbon, is:favourite") == ["best.png"]
    moved.unlink()
    index.add(photos, captioner=FakeCaptioner())
    assert index.albums() == {}


def test_they_go_along_with_an_export_and_can_be_changed_there(
    index: lexsearch.Index, dogs: list[Path], tmp_path: Path
) -> None:
    index.favourite(dogs[0])
    index.add_to_album("lisbon", dogs[0], "cat")
    lines = [*index.export_captions()]
    written = json.dumps({"doc_id": "cat", "text": "Kittens", "field": "album"})
    with open_in_memory(tmp_path / "elsewhere") as other:
        assert not other.import_captions([*lines, written]).failed
        assert other.albums() == {"Kittens": 1, "lisbon": 2}
        assert names(other, "is:favourite") == ["dog0.png"]
        assert other.remove_from_album("kittens", "cat") == 1
        assert other.remove_from_album("lisbon", "cat") == 1
        assert other.albums() == {"lisbon": 1}
        assert other.add_to_album("kittens", "cat") == 1
        assert names(other, "album:kittens") == ["cat"]


@pytest.mark.parametrize("name", NASTY)
def test_any_name_of_an_album_can_be_asked_for(
    index: lexsearch.Index, dogs: list[Path], name: str
) -> None:
    index.add_to_album(name, dogs[0])
    [(kept, count)] = index.albums().items()
    assert count == 1
    asked = Query((Keyword(kept, quoted=True, field="album"),))
    assert names(index, asked) == names(index, str(asked)) == ["dog0.png"]


@pytest.mark.parametrize("name", ["", " \u202e ", "?!", "x" * 10_000])
def test_what_is_no_name_of_an_album_is_told(
    index: lexsearch.Index, dogs: list[Path], name: str
) -> None:
    with pytest.raises(LexsearchError, match="the name of an album"):
        index.add_to_album(name, dogs[0])


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.text(max_size=40)))
def test_engines_agree_on_what_is_compared_as_a_whole(rows: list[str]) -> None:
    from lexsearch.engines.fields import texts_of
    from lexsearch.records import Document, Passage

    document = Document("x", "", tuple(Passage(row, "album") for row in rows))
    text = texts_of(document, SimpleAnalyzer())["album"]
    chain = CHAINS["album"]
    assert SimpleAnalyzer().analyze([text], chain) == ANALYZER.analyze([text], chain)


def test_the_commands_say_what_they_did(
    index: lexsearch.Index, dogs: list[Path], photos: Path, tmp_path: Path, lexsearch_command: Run
) -> None:
    place = tmp_path / "index-of-commands"
    lexsearch_command("index", photos, "--index", place, "--crops", "none", check=True)

    def said(*arguments: object) -> str:
        done = lexsearch_command(*arguments, "--index", place)
        return str(done.stdout or done.stderr).strip()

    assert said("album", "add", "lisbon", *dogs) == "lisbon: 2 added, 2 in it"
    assert said("album", "remove", "lisbon", dogs[0]) == "lisbon: 1 removed, 1 in it"
    assert said("album", "list") == "1  lisbon"
    assert said("favourite", dogs[0]) == "1 marked, 1 favourites"
    assert "dog0.png" in said("query", "is:favourite")
    assert "in the album" in said("show", dogs[1])
    assert "there is no album 'x'; there are: lisbon" in said("album", "remove", "x", dogs[0])
