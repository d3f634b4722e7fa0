"""Pictures that are there more than once: the same bytes, and copies of other sizes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run, Serve, open_in_memory
from fakes import FakeCaptioner, picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

import lexsearch
from lexsearch.images.copies import ALIKE, copies
from lexsearch.images.files import Picture, open_picture
from lexsearch.index import Index
from lexsearch.indexing import jobs
from lexsearch.storage.progress_file import writer_lock


@pytest.fixture
def index(memory_index: Index) -> Index:
    return memory_index


def scene(seed: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def save(place: Path, image: Image.Image, **options: Any) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    image.save(place, **options)
    return place


def names(index: Index, look: bool = True) -> list[list[str]]:
    return [
        [Path(path).name for copy in group for path in copy.paths]
        for group in index.duplicates(look=look)
    ]


def test_copies_are_found_and_others_are_not(index: Index, photos: Path) -> None:
    original = scene(1)
    save(photos / "large.png", original)
    save(photos / "half.jpg", original.resize((320, 240)), quality=80)
    save(photos / "poor.jpg", original, quality=20)
    save(photos / "bright.png", ImageEnhance.Brightness(original).enhance(1.1))
    save(photos / "turned.png", original.transpose(Image.Transpose.ROTATE_90))
    save(photos / "stretched.png", original.resize((640, 300)))
    for seed in range(2, 12):
        save(photos / f"other{seed}.png", scene(seed))
    for colour in ("red", "blue"):
        picture(photos / f"{colour}.png", colour)  # of one grey each: nothing to compare
    save(photos / "same.png", scene(2))
    index.add(photos, captioner=FakeCaptioner(), crops="none")
    [[best, *others], exact] = names(index)
    assert best in ("large.png", "poor.jpg", "bright.png")
    assert {best, *others} == {"large.png", "half.jpg", "poor.jpg", "bright.png"}
    assert others[-1] == "half.jpg"
    assert exact == ["other2.png", "same.png"]
    assert index.duplicates()[0][0].size == (640, 480)


def test_pictures_described_long_ago_are_opened_once(
    index: Index, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(photos / "a.png", scene(1))
    save(photos / "b.png", scene(1).resize((320, 240)))
    save(photos / "gone.png", scene(2))
    before = jobs.known_by_likeness
    monkeypatch.setattr(jobs, "known_by_likeness", lambda doc_id, text: before(doc_id, ""))
    index.add(photos, captioner=FakeCaptioner(), crops="none")
    monkeypatch.undo()
    (photos / "gone.png").unlink()
    assert names(index, look=False) == []
    assert names(index) == [["a.png", "b.png"]]
    opened: list[str] = []

    def noted(path: str, side: int) -> Picture:
        opened.append(Path(path).name)
        return open_picture(path, side)

    monkeypatch.setattr("lexsearch.indexing.comparing.open_picture", noted)
    assert names(index) == [["a.png", "b.png"]]
    assert opened == ["gone.png"]


def test_who_else_writes_is_not_waited_for(index: Index, photos: Path) -> None:
    save(photos / "a.png", scene(1))
    shutil.copy(photos / "a.png", photos / "b.png")
    index.add(photos, captioner=FakeCaptioner(), crops="none")
    with writer_lock(index.path):
        assert names(index) == [["a.png", "b.png"]]


def test_what_is_gone_is_no_copy(index: Index, photos: Path) -> None:
    save(photos / "a.png", scene(1))
    save(photos / "b.png", scene(1).resize((320, 240)))
    index.add(photos, captioner=FakeCaptioner(), crops="none")
    index.remove(photos / "b.png")
    assert names(index) == []


@given(st.lists(st.integers(0, 6), max_size=14))
def test_every_picture_is_in_one_group_at_most(seeds: list[int]) -> None:
    lines = {
        f"{number}": f"{100 + number}x{100 + number} 10x10 x {grey(seed).hex()}"
        for number, seed in enumerate(seeds)
    }
    groups = copies({name: [f"/{name}"] for name in lines}, lines)
    members = [copy.doc_id for group in groups for copy in group]
    assert len(members) == len(set(members))
    for group in groups:
        assert len(group) > 1
        assert len({seeds[int(copy.doc_id)] for copy in group}) == 1
        assert group[0].size == max(copy.size or (0, 0) for copy in group)
    assert len(members) == sum(seeds.count(seed) for seed in set(seeds) if seeds.count(seed) > 1)


def grey(seed: int) -> bytes:
    return np.asarray(scene(seed, (16, 16)).convert("L")).tobytes()


def test_photos_are_no_copies_of_one_another(shared_data: Path) -> None:
    """The figures beside ALIKE."""
    files = sorted(shared_data.glob("**/*.jpg"))
    lines = {str(file): open_picture(str(file), 320).likeness for file in files}
    assert copies({name: [name] for name in lines}, lines) == []
    assert ALIKE > 0.9


def test_the_command(lexsearch_command: Run, photos: Path, tmp_path: Path) -> None:
    with open_in_memory(tmp_path / "index") as index:
        save(photos / "a.png", scene(1))
        index.add(photos, captioner=FakeCaptioner(), crops="none")
        none = lexsearch_command("duplicates", "--index", index.path)
        assert (none.returncode, none.stdout) == (1, "")
        assert none.stderr == "no picture is there twice\n"
        save(photos / "small" / "b.png", scene(1).resize((320, 240)))
        index.add(photos, captioner=FakeCaptioner(), crops="none")
        found = lexsearch_command("duplicates", "--index", index.path)
        assert found.stdout == "    640x480  photos/a.png\n    320x240  photos/small/b.png\n\n"
        [group] = lexsearch_command(
            "duplicates", "--index", index.path, "--json"
        ).stdout.splitlines()
        assert [(copy["size"], len(copy["paths"])) for copy in json.loads(group)] == [
            ([640, 480], 1),
            ([320, 240], 1),
        ]


def test_the_page_of_groups(photos: Path, tmp_path: Path, serve: Serve) -> None:
    for seed in range(3):
        save(photos / f"{seed}.png", scene(seed))
        save(photos / "small" / f"{seed}.png", scene(seed).resize((320, 240)))
    shutil.copy(photos / "0.png", photos / "again.png")
    with lexsearch.open(tmp_path / "index") as index:
        index.add(photos, captioner=FakeCaptioner(), crops="none")
    with serve(tmp_path / "index") as server:
        first = server.get("/api/duplicates", k=2).json()
        assert (first["total"], len(first["groups"]), first["next"]) == (3, 2, 2)
        assert first["groups"][0] == [
            {**first["groups"][0][0], "names": ["0.png", "again.png"], "width": 640, "height": 480},
            {**first["groups"][0][1], "names": ["small/0.png"], "width": 320, "height": 240},
        ]
        last = server.get("/api/duplicates", k=2, skip=2).json()
        assert (len(last["groups"]), last["next"]) == (1, None)
