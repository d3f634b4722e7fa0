"""What the package promises by name, and how its objects feel in Python."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import FakeCaptioner, picture

import lexsearch
from lexsearch import Hit, Query, Results
from lexsearch.errors import ImageError


@pytest.mark.parametrize("name", ["lexsearch.errors", "lexsearch.records"])
def test_a_public_module_declares_what_it_defines(name: str) -> None:
    module = importlib.import_module(name)
    defined = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == name
    }
    assert defined <= set(module.__all__)
    assert all(hasattr(module, key) for key in module.__all__)


def test_the_package_shows_its_names_and_all_of_them_are_there() -> None:
    assert set(dir(lexsearch)) == set(lexsearch.__all__)
    errors = importlib.import_module("lexsearch.errors").__all__
    assert {*errors, "Hit", "Index", "Query", "Results", "open"} <= set(lexsearch.__all__)
    assert all(getattr(lexsearch, name) for name in lexsearch.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        lexsearch.nothing  # noqa: B018


@pytest.mark.process
def test_importing_it_is_light() -> None:
    program = "import sys, lexsearch; print(*{'PIL', 'pyarrow', 'click'} & sys.modules.keys())"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.strip()) == (0, "")


@pytest.mark.process
def test_python_m_lexsearch_is_the_command() -> None:
    command = [sys.executable, "-m", "lexsearch", "--version"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.stdout.startswith("lexsearch"), ran.stderr


@pytest.fixture
def filled(index: lexsearch.Index, photos: Path, captioner: FakeCaptioner) -> lexsearch.Index:
    for name in ("blue", "red", "green"):
        picture(photos / f"{name}.png", name, (300, 200))
    index.add(photos, captioner=captioner)
    index.import_captions(['{"doc_id": "7", "text": "a whole camel"}'])
    return index


def test_an_index_is_like_a_dictionary_by_doc_id(filled: lexsearch.Index, photos: Path) -> None:
    assert len(filled) == len(list(filled)) == 4
    known = filled.get(photos / "red.png")
    assert known is not None
    assert known.doc_id in list(filled)
    assert known.doc_id in filled
    assert str(photos / "red.png") in filled
    assert photos / "red.png" in filled
    assert "7" in filled
    assert "8" not in filled
    assert 7 not in filled
    assert filled.get("nowhere.png") is None
    filled.remove("7", photos / "red.png")
    assert len(filled) == 2
    assert "7" not in filled
    assert photos / "red.png" not in filled
    assert filled


def test_objects_say_what_they_are(filled: lexsearch.Index, photos: Path) -> None:
    assert repr(filled) == f"<lexsearch.Index {str(filled.path)!r}>"
    results = filled.search("red, camel", k=1)
    first, hit = repr(results).splitlines()
    assert first == "<Results: 1 of 2 for 'red, camel'>"
    assert hit == repr(results[0])
    assert (results[0].path and results[0].path in hit) or "7" in hit
    assert "; no " in hit


def test_a_slice_of_results_is_results(filled: lexsearch.Index) -> None:
    results = filled.search("whole")
    some = results[1:3]
    assert isinstance(some, Results)
    assert list(some) == list(results)[1:3]
    assert (some.query, some.total) == (results.query, results.total)
    assert isinstance(results[0], Hit)
    assert some._repr_html_().count("<figure") == 2


def test_a_hit_gives_its_picture(filled: lexsearch.Index, photos: Path) -> None:
    (hit,) = filled.search("red", k=1)
    assert hit.image().size == (300, 200)
    assert hit.image().getpixel((0, 0)) == (255, 0, 0)
    assert hit.thumbnail(60).size == (60, 40)
    (photos / "red.png").unlink()
    with pytest.raises(ImageError, match=r"red\.png"):
        hit.image()
    with pytest.raises(ImageError, match="without a picture"):
        Hit(1, 1.0, "7").thumbnail()
    assert Results(query=Query(())).total == 0
