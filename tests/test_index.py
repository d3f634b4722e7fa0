"""What happens to an index as folders change: at the Python door."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import FakeCaptioner, picture
from PIL import Image

import lexsearch
from lexsearch.errors import (
    CaptionerError,
    IndexNotFound,
    IndexUnusable,
    LexsearchError,
    QueryError,
)
from lexsearch.records import Progress


def found(index: lexsearch.Index, text: str) -> list[str]:
    """Names of the files found, all places of each."""
    return [os.path.basename(path) for hit in index.search(text, 100) for path in hit.paths]


def counts(report: object) -> dict[str, int]:
    names = ("added", "unchanged", "moved", "duplicates", "removed", "captioned")
    values = {name: getattr(report, name) for name in names}
    return {name: value for name, value in values.items() if value}


def test_pictures_are_described_whole_and_in_patches_and_found(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    picture(photos / "a.png", "red")
    picture(photos / "sub" / "b.png", "blue")
    report = index.add(photos, captioner=captioner)
    assert counts(report) == {"added": 2, "captioned": 4}
    assert report.failed == []
    [hit] = index.search("red")
    assert (hit.rank, hit.path, hit.words) == (1, str(photos / "a.png"), ("red",))
    assert hit.score > 0
    assert found(index, "left half, blue")[0] == "b.png"
    assert len(captioner.captioned) == 36


def test_all_whole_pictures_come_before_any_patch(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    for name in "abc":
        picture(photos / f"{name}.png", (ord(name), 0, 0))
    index.add(photos, captioner=captioner)
    assert [crop for _, crop in captioner.captioned].index("left half") == 3


def test_a_second_run_changes_nothing_and_captions_nothing(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    picture(photos / "a.png")
    index.add(photos, captioner=captioner)
    again = FakeCaptioner()
    assert counts(index.add(photos, captioner=again)) == {"unchanged": 1}
    assert again.captioned == []


def test_one_content_at_two_places_is_captioned_once_and_found_at_both(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    picture(photos / "a.png")
    shutil.copy(photos / "a.png", photos / "copy.png")
    index.add(photos, captioner=captioner)
    assert len(captioner.captioned) == 18
    assert found(index, "red") == ["a.png", "copy.png"]
    shutil.copy(photos / "a.png", photos / "later.png")
    assert counts(index.add(photos, captioner=captioner)) == {"unchanged": 2, "duplicates": 1}
    assert found(index, "red") == ["a.png", "copy.png", "later.png"]
    (photos / "a.png").unlink()
    assert counts(index.add(photos, captioner=captioner)) == {"unchanged": 2, "removed": 1}
    assert found(index, "red") == ["copy.png", "later.png"]
    assert len(captioner.captioned) == 18


def test_moved_touched_and_vanished_files(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    for name, colour in {"moved": "red", "touched": "green", "gone": "blue"}.items():
        picture(photos / f"{name}.png", colour)
    index.add(photos, captioner=captioner)
    (photos / "new").mkdir()
    (photos / "moved.png").rename(photos / "new" / "place.png")
    os.utime(photos / "touched.png", (1, 1))
    (photos / "gone.png").unlink()
    again = FakeCaptioner()
    report = index.add(photos, captioner=again)
    assert counts(report) == {"moved": 1, "unchanged": 1, "removed": 1}
    assert again.captioned == []
    assert (found(index, "red"), found(index, "green"), found(index, "blue")) == (
        ["place.png"],
        ["touched.png"],
        [],
    )
    assert index.status().searchable == 2


def test_a_picture_with_new_content_is_a_new_picture(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    picture(photos / "a.png", "red")
    index.add(photos, captioner=captioner)
    picture(photos / "a.png", "blue", (80, 80))
    assert index.add(photos, captioner=captioner).added == 1
    assert (found(index, "red"), found(index, "blue")) == ([], ["a.png"])


def test_what_vanished_and_came_back_needs_no_captioning(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner, tmp_path: Path
) -> None:
    picture(photos / "a.png")
    index.add(photos, captioner=captioner)
    (photos / "a.png").rename(tmp_path / "away.png")
    index.add(photos, captioner=captioner)
    assert found(index, "red") == []
    (tmp_path / "away.png").rename(photos / "a.png")
    again = FakeCaptioner()
    assert counts(index.add(photos, captioner=again)) == {"added": 1}
    assert again.captioned == []
    assert found(index, "red") == ["a.png"]


def test_other_folders_are_left_alone(
    index: lexsearch.Index, tmp_path: Path, captioner: FakeCaptioner
) -> None:
    picture(tmp_path / "one" / "a.png", "red")
    picture(tmp_path / "one-and-a-half" / "c.png", "green")
    picture(tmp_path / "two" / "b.png", "blue")
    index.add(tmp_path / "one", tmp_path / "one-and-a-half", tmp_path / "two", captioner=captioner)
    shutil.rmtree(tmp_path / "two")
    (tmp_path / "one" / "a.png").unlink()
    index.add(tmp_path / "one", captioner=captioner)
    assert (found(index, "red"), found(index, "blue"), found(index, "green")) == (
        [],
        ["b.png"],
        ["c.png"],
    )


def test_removing_a_folder_from_the_results(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    picture(photos / "old" / "a.png", "red")
    picture(photos / "older.png", "blue")
    index.add(photos, captioner=captioner)
    assert index.remove(photos / "old") == 1
    assert (found(index, "red"), found(index, "blue")) == ([], ["older.png"])
    assert index.remove(photos / "nowhere") == 0
    again = FakeCaptioner()
    index.add(photos, captioner=again)
    assert found(index, "red") == ["a.png"]
    assert again.captioned == []


def test_another_captioner_captions_what_it_lacks_and_takes_over(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    picture(photos / "a.png", "red")
    index.add(photos, captioner=captioner)
    other = FakeCaptioner("other", says="zebra")
    index.add(photos, captioner=other)
    assert len(other.captioned) == 18
    assert found(index, "zebra") == ["a.png"]
    picture(photos / "b.png", "blue")
    other = FakeCaptioner("other", says="zebra")
    index.add(photos, captioner=other)
    assert {colour for colour, _ in other.captioned} == {"x0000ff"}
    back = FakeCaptioner()
    index.add(photos, captioner=back)
    assert {colour for colour, _ in back.captioned} == {"x0000ff"}
    assert found(index, "zebra") == []


def test_another_prompt_is_another_captioner(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    picture(photos / "a.png")
    index.add(photos, captioner=captioner)
    prompted = FakeCaptioner(prompt="Tell me more.")
    index.add(photos, captioner=prompted)
    assert len(prompted.captioned) == 18


def test_more_patches_are_captioned_without_doing_the_first_again(
    index: lexsearch.Index, photos: Path
) -> None:
    picture(photos / "a.png", size=(200, 200))
    done = []
    for crops in ("none", "fixed", "overlapped", "fixed"):
        captioner = FakeCaptioner()
        index.add(photos, captioner=captioner, crops=crops)
        done.append(len(captioner.captioned))
    assert done == [1, 17, 23, 0]


def test_a_picture_too_small_for_patches_is_done_with_the_whole(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    picture(photos / "a.png", size=(1, 1))
    index.add(photos, captioner=captioner)
    index.add(photos, captioner=captioner)
    assert captioner.captioned == [("xff0000", "whole")]
    assert found(index, "red") == ["a.png"]


def test_a_correction_outlives_everything(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    picture(photos / "a.png", "red")
    index.add(photos, captioner=captioner)
    index.edit_caption(photos / "a.png", "my dog Bella")
    index.edit_caption(photos / "a.png", "her tail", crop="left half")
    assert found(index, "Bella tail") == ["a.png"]
    index.reindex()
    index.add(photos, captioner=FakeCaptioner("other"))
    (photos / "a.png").rename(photos / "b.png")
    index.add(photos, captioner=FakeCaptioner("other"))
    assert found(index, "Bella") == ["b.png"]
    texts = {row.crop: row.text for row in index.known(photos / "b.png").captions}
    assert (texts["whole"], texts["left half"]) == ("my dog Bella", "her tail")
    assert texts["right half"] == "red right half xff0000"
    index.edit_caption(photos / "b.png", None)
    assert found(index, "Bella") == []
    assert found(index, "whole") == ["b.png"]


def test_a_correction_of_what_is_not_there_is_refused(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    picture(photos / "a.png")
    index.add(photos, captioner=captioner)
    with pytest.raises(LexsearchError, match="left half"):
        index.edit_caption(photos / "a.png", "x", crop="left corner")
    with pytest.raises(LexsearchError, match="not in the index"):
        index.edit_caption(photos / "b.png", "x")


def test_captions_go_to_another_machine_and_need_no_captioner_there(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner, tmp_path: Path
) -> None:
    picture(photos / "a.png", "red")
    picture(photos / "b.png", "blue")
    index.add(photos, captioner=captioner)
    index.edit_caption(photos / "a.png", "my dog Bella")
    with lexsearch.open(tmp_path / "other") as other:
        other.import_captions(index.export_captions())
        assert len(other.search("Bella")) == 1
        shutil.copytree(photos, tmp_path / "their photos")
        idle = FakeCaptioner()
        other.add(tmp_path / "their photos", captioner=idle)
        assert idle.captioned == []
        [hit] = other.search("Bella")
        assert hit.path == str(tmp_path / "their photos" / "a.png")
        (tmp_path / "their photos" / "a.png").unlink()
        other.add(tmp_path / "their photos", captioner=idle)
        assert other.search("Bella") == []


def test_a_captioner_that_fails_on_one_picture_costs_no_other(
    index: lexsearch.Index, photos: Path
) -> None:
    for name in ("red", "blue", "green"):
        picture(photos / f"{name}.png", name)
    report = index.add(photos, captioner=FakeCaptioner(fails_on="blue"))
    [failure] = report.failed
    assert failure.path == str(photos / "blue.png")
    assert "cannot look at anything blue" in failure.reason
    assert report.added == 2
    assert sorted(found(index, "whole")) == ["green.png", "red.png"]
    assert index.status().failures == (failure,)
    report = index.add(photos, captioner=FakeCaptioner())
    assert (report.added, report.failed, index.status().failures) == (1, [], ())
    assert found(index, "blue") == ["blue.png"]


def test_an_unreadable_picture_replaces_a_good_one(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    picture(photos / "a.png", "red")
    index.add(photos, captioner=captioner)
    (photos / "a.png").write_text("no longer a picture")
    report = index.add(photos, captioner=captioner)
    assert [os.path.basename(failure.path) for failure in report.failed] == ["a.png"]
    assert found(index, "red") == []


def test_a_folder_that_cannot_be_looked_into_keeps_its_pictures(
    index: lexsearch.Index,
    photos: Path,
    captioner: FakeCaptioner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture(photos / "away" / "a.png", "red")
    index.add(photos, captioner=captioner)
    scandir = os.scandir

    def fail(folder: str) -> object:
        if str(folder).endswith("away"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", fail)
    report = index.add(photos, captioner=captioner)
    assert [failure.reason for failure in report.failed] == ["permission denied"]
    assert found(index, "red") == ["a.png"]


def test_progress_is_told_by_stage(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    for name in ("red", "blue"):
        picture(photos / f"{name}.png", name)
    told: list[Progress] = []
    index.add(photos, captioner=captioner, progress=told.append)
    done = {step.stage: (step.done, step.total) for step in told}
    assert done["captioning pictures"] == done["captioning patches"] == (2, 2)


def test_another_process_sees_what_was_added(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    picture(photos / "a.png", "red")
    index.add(photos, captioner=captioner)
    with lexsearch.open(index.path, create=False) as reader:
        assert found(reader, "red, blue") == ["a.png"]
        picture(photos / "b.png", "blue")
        index.add(photos, captioner=captioner)
        assert sorted(found(reader, "red, blue")) == ["a.png", "b.png"]
        index.reindex()
        assert sorted(found(reader, "red, blue")) == ["a.png", "b.png"]


def test_the_papers_ranking_can_be_chosen(index: lexsearch.Index) -> None:
    index.import_captions(['{"doc_id": "1", "text": "buses"}', '{"doc_id": "2", "text": "a bus"}'])
    assert len(index.search("bus")) == 2
    assert index.reindex(analyzer="porter", k1=1.2, b=0.75) == 2
    assert [hit.doc_id for hit in index.search("bus")] == ["2"]
    with lexsearch.open(index.path) as again:
        ranking = again.settings.ranking
        assert (ranking.analyzer, ranking.k1, ranking.b) == ("porter", 1.2, 0.75)
        assert [hit.doc_id for hit in again.search("bus")] == ["2"]
    with pytest.raises(LexsearchError, match="english"):
        index.reindex(analyzer="klingon")


def test_an_empty_index_finds_nothing(index: lexsearch.Index) -> None:
    assert index.search("bus") == []
    assert index.status().searchable == 0
    with pytest.raises(QueryError):
        index.search(" , ")


def test_what_is_not_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexNotFound, match="lexsearch index"):
        lexsearch.open(tmp_path / "nowhere", create=False)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(IndexNotFound, match="not a lexsearch index"):
        lexsearch.open(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "index.json").write_text("{")
    with pytest.raises(IndexUnusable, match=r"index\.json"):
        lexsearch.open(tmp_path / "broken")
    (tmp_path / "broken" / "index.json").write_text('{"format": 99}')
    with pytest.raises(IndexUnusable, match="another version"):
        lexsearch.open(tmp_path / "broken")


def test_wrong_names_are_refused_before_anything_is_done(
    index: lexsearch.Index, photos: Path, captioner: FakeCaptioner
) -> None:
    with pytest.raises(LexsearchError, match="no file or folder"):
        index.add(photos / "nowhere", captioner=captioner)
    with pytest.raises(LexsearchError, match="overlapped"):
        index.add(photos, captioner=captioner, crops="triangles")
    with pytest.raises(CaptionerError, match="tagger"):
        index.add(photos, captioner="oracle")


def test_views_are_upright_and_of_the_size_asked_for(index: lexsearch.Index, photos: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (3000, 2000), "red").save(photos / "a.jpg", exif=exif)
    sizes = []

    class Watching(FakeCaptioner):
        view_side = 128

        def caption(self, views):  # type: ignore[no-untyped-def]
            sizes.extend((view.crop.name, view.image.size) for view in views)
            return super().caption(views)

    index.add(photos, captioner=Watching())
    assert dict(sizes)["whole"] == (85, 128)
    assert max(max(size) for _, size in sizes) == 128
    boxes = {row.crop: row.box for row in index.known(photos / "a.jpg").captions}
    assert boxes["bottom half"] == (0, 1500, 2000, 3000)


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = "torch transformers pyarrow PIL jnius cv2 onnxruntime rapidocr click tqdm sqlite3"
    program = f"import sys, lexsearch; print(*[m for m in {heavy.split()} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ended.stdout.strip(), ended.returncode) == ("", 0)
    assert set(lexsearch.__all__) == {"Hit", "Index", "LexsearchError", "Query", "open"}
    assert all(hasattr(lexsearch, name) for name in lexsearch.__all__)
