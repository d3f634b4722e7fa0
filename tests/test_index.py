"""An index through the public door: files that come, go, move and change; captions that last."""

from __future__ import annotations

import json
import os
import shutil
import threading
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from fakes import FakeCaptioner, code_of, numbered_pictures, picture

import lexsearch
from lexsearch import Index
from lexsearch.errors import (
    CaptionerError,
    CaptionerUnavailable,
    EngineBroken,
    EngineError,
    IndexNotFound,
    IndexUnusable,
    LexsearchError,
    QueryError,
)
from lexsearch.indexing.scan import Report
from lexsearch.searching.searcher import Searcher


def found(index: Index, query: str, k: int = 100) -> list[str]:
    """Names of the files found."""
    hits = index.search(query, k)
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    return [Path(place).name for hit in hits for place in hit.paths]


def counts(report: Report) -> dict[str, int]:
    """What is not zero in a report."""
    names = ("added", "unchanged", "moved", "duplicates", "removed", "captioned")
    numbers = {name: getattr(report, name) for name in names}
    numbers["failed"] = len(report.failed)
    return {name: number for name, number in numbers.items() if number}


def saying(index: Index, name: str | Path, crop: str = "whole") -> list[str]:
    return [row.text or "" for row in index.describe(name).captions if row.crop == crop]


class TestAdding:
    def test_pictures_are_found_by_what_any_crop_shows(self, index, photos, captioner):
        picture(photos / "sea.png", "blue")
        picture(photos / "deep" / "er" / "meadow.png", "green")
        report = index.add(photos, captioner=captioner)
        assert counts(report) == {"added": 2, "captioned": 2}
        assert found(index, "blue") == ["sea.png"]
        assert found(index, "green top right ninth")[0] == "meadow.png"
        assert sorted(found(index, "blue, green")) == ["meadow.png", "sea.png"]
        assert found(index, "camel") == []
        assert len(captioner.captioned) == 2 * 18

    def test_a_hit_says_where_the_picture_is_and_which_words_matched(
        self, index, photos, captioner
    ):
        place = picture(photos / "sea.png", "blue")
        index.add(photos, captioner=captioner)
        (hit,) = index.search("Blue, quarters, camel")
        assert (hit.rank, hit.path, hit.paths) == (1, str(place), (str(place),))
        assert hit.score > 0
        assert hit.words == ("blue", "quarter")
        assert hit.missing == ("camel",)

    def test_whole_pictures_are_described_before_any_patch(self, index, photos, captioner):
        numbered_pictures(photos, 20)
        index.add(photos, captioner=captioner)
        crops = [crop for _, crop in captioner.captioned]
        assert crops[:20] == ["whole"] * 20
        assert "whole" not in crops[20:]

    def test_captioners_get_batches_of_the_size_they_like(self, index, photos):
        captioner = FakeCaptioner(batch_size=7)
        numbered_pictures(photos, 20)
        index.add(photos, captioner=captioner, crops="none")
        assert captioner.batches == [7, 7, 6]

    def test_batches_hold_views_of_several_pictures(self, index, photos):
        captioner = FakeCaptioner(batch_size=10)
        numbered_pictures(photos, 3)
        report = index.add(photos, captioner=captioner)
        assert counts(report) == {"added": 3, "captioned": 3}
        assert captioner.batches == [3, *[10] * 5, 1]
        for number in range(3):
            assert len(index.describe(photos / f"{number:04}.png").captions) == 18

    def test_a_view_that_fails_costs_itself_alone(self, index, photos):
        class Squeamish(FakeCaptioner):
            def caption(self, views):
                answers = super().caption(views)
                bad = [view.image.getpixel((0, 0)) == (1, 60, 120) for view in views]
                bad = [
                    b and view.crop.name == "top half" for b, view in zip(bad, views, strict=True)
                ]
                return [
                    CaptionerError("ugh") if b else a for b, a in zip(bad, answers, strict=True)
                ]

        numbered_pictures(photos, 3)
        captioner = Squeamish(batch_size=20)
        report = index.add(photos, captioner=captioner)
        assert report.failed == []
        assert [(Path(path).name, reason) for path, reason in report.undescribed] == [
            ("0001.png", "top half: ugh")
        ]
        assert len(captioner.captioned) == 3 * 18, "nothing was asked twice"
        crops = {n: len(index.describe(photos / f"{n:04}.png").captions) for n in range(3)}
        assert crops == {0: 18, 1: 17, 2: 18}
        other = FakeCaptioner()
        assert index.add(photos, captioner=other).undescribed == []
        assert [crop for _, crop in other.captioned] == ["top half"], "it alone is asked again"
        assert index.status().undescribed == ()

    def test_a_captioner_that_cannot_go_on_ends_the_run_and_the_next_goes_on(self, index, photos):
        class Mortal(FakeCaptioner):
            def caption(self, views):
                if len(self.batches) == 3:
                    raise CaptionerUnavailable("gone")
                return super().caption(views)

        numbered_pictures(photos, 10)
        with pytest.raises(CaptionerUnavailable, match="gone"):
            index.add(photos, captioner=Mortal(batch_size=2), crops="none")
        assert index.status().searchable == 6
        rest = FakeCaptioner()
        assert counts(index.add(photos, captioner=rest, crops="none"))["captioned"] == 4

    def test_views_are_prepared_on_other_threads(self, index, photos):
        class Preparing(FakeCaptioner):
            def prepare(self, view):
                assert threading.current_thread() is not threading.main_thread()
                return replace(view, prepared=view.crop.name)

            def caption(self, views):
                assert [view.prepared for view in views] == [view.crop.name for view in views]
                return super().caption(views)

        numbered_pictures(photos, 2)
        assert not index.add(photos, captioner=Preparing()).failed

    def test_progress_reaches_the_end_of_every_stage(self, index, photos, captioner):
        numbered_pictures(photos, 5)
        seen = {}
        index.add(photos, captioner=captioner, progress=lambda p: seen.update({p.stage: p}))
        assert seen["describing"][1:5] == (5 * 18, 5 * 18, "view", 0)

    def test_single_files_and_several_folders_can_be_added(self, index, tmp_path, captioner):
        one = picture(tmp_path / "a" / "one.png", "red")
        picture(tmp_path / "a" / "two.png", "green")
        picture(tmp_path / "b" / "three.png", "blue")
        assert counts(index.add(one, tmp_path / "b", captioner=captioner))["added"] == 2
        assert found(index, "whole") == ["one.png", "three.png"] or len(found(index, "whole")) == 2
        assert found(index, "green") == []

    def test_relative_paths_become_absolute(self, index, photos, captioner, monkeypatch):
        place = picture(photos / "sea.png", "blue")
        monkeypatch.chdir(photos.parent)
        index.add("photos", captioner=captioner)
        monkeypatch.chdir("/")
        assert index.search("blue")[0].path == str(place)

    def test_a_path_that_does_not_exist_is_an_error(self, index, tmp_path, captioner):
        with pytest.raises(LexsearchError, match="nowhere"):
            index.add(tmp_path / "nowhere", captioner=captioner)

    def test_an_unknown_scheme_is_an_error_that_names_the_others(self, index, photos, captioner):
        with pytest.raises(LexsearchError, match="fixed, overlapped"):
            index.add(photos, captioner=captioner, crops="diagonal")

    def test_an_empty_folder_is_nothing_to_worry_about(self, index, photos, captioner):
        assert counts(index.add(photos, captioner=captioner)) == {}
        assert index.search("blue") == []
        assert index.status().searchable == 0

    def test_a_picture_too_small_to_cut_is_described_whole_once(self, index, photos, captioner):
        picture(photos / "dot.png", "red", (1, 1))
        index.add(photos, captioner=captioner)
        assert counts(index.add(photos, captioner=captioner)) == {"unchanged": 1}
        assert [crop for _, crop in captioner.captioned] == ["whole"]
        assert found(index, "red") == ["dot.png"]

    def test_a_view_the_captioner_refuses_costs_no_other_picture(self, index, photos):
        captioner = FakeCaptioner(fails_on="white")
        picture(photos / "snow.png", "white")
        numbered_pictures(photos, 5)
        report = index.add(photos, captioner=captioner)
        assert [Path(failure.path).name for failure in report.undescribed] == ["snow.png"]
        assert "cannot look at anything white" in report.undescribed[0].reason
        assert (report.added, report.captioned, report.failed) == (6, 5, [])
        assert len(found(index, "whole")) == 5
        assert found(index, "name:snow") == ["snow.png"], "found by what is known of it"
        ((key, failure),) = index.status().undescribed
        assert (key, Path(failure.path).name) == (captioner.key, "snow.png")

    def test_an_undescribed_picture_is_tried_again_and_no_longer_listed(self, index, photos):
        picture(photos / "night.png", "black")
        index.add(photos, captioner=FakeCaptioner(fails_on="black"))
        report = index.add(photos, captioner=FakeCaptioner())
        assert counts(report) == {"unchanged": 1, "captioned": 1}
        assert index.status().undescribed == ()
        assert found(index, "black") == ["night.png"]

    def test_failures_do_not_falsify_the_counts(self, index, photos, captioner):
        picture(photos / "sea.png", "blue")
        for name in ("a.jpg", "b.jpg"):
            (photos / name).write_bytes(b"")
        for first in (True, False):
            report = index.add(photos, captioner=captioner)
            expected = {"added": 1, "captioned": 1} if first else {"unchanged": 1}
            assert counts(report) == {**expected, "failed": 2}


class TestAddingAgain:
    @pytest.fixture(autouse=True)
    def one_picture(self, index, photos, captioner):
        self.place = picture(photos / "sea.png", "blue")
        index.add(photos, captioner=captioner)
        captioner.captioned.clear()

    def test_nothing_new_is_described_again(self, index, photos, captioner):
        assert counts(index.add(photos, captioner=captioner)) == {"unchanged": 1}
        assert captioner.captioned == []

    def test_a_touched_file_is_not_described_again(self, index, photos, captioner):
        os.utime(self.place, (1, 1))
        assert counts(index.add(photos, captioner=captioner)) == {"unchanged": 1}
        assert counts(index.add(photos, captioner=captioner)) == {"unchanged": 1}
        assert captioner.captioned == []

    @pytest.mark.parametrize("target", ["zoo.png", "another.png", "deep/er/sea.png"])
    def test_a_moved_file_is_found_at_its_new_place_only(self, index, photos, captioner, target):
        (photos / target).parent.mkdir(parents=True, exist_ok=True)
        self.place.rename(photos / target)
        assert counts(index.add(photos, captioner=captioner)) == {"moved": 1}
        assert captioner.captioned == []
        assert index.search("blue")[0].paths == (str(photos / target),)

    def test_a_copy_is_described_once_and_found_under_both_paths(self, index, photos, captioner):
        shutil.copy(self.place, photos / "copy.png")
        assert counts(index.add(photos, captioner=captioner)) == {"unchanged": 1, "duplicates": 1}
        assert captioner.captioned == []
        (hit,) = index.search("blue")
        assert hit.paths == (str(photos / "copy.png"), str(self.place))

    def test_a_copy_outlives_the_original(self, index, photos, captioner):
        shutil.copy(self.place, photos / "copy.png")
        index.add(photos, captioner=captioner)
        self.place.unlink()
        assert counts(index.add(photos, captioner=captioner)) == {"unchanged": 1, "removed": 1}
        assert found(index, "blue") == ["copy.png"]

    def test_a_vanished_file_leaves_the_results(self, index, photos, captioner):
        self.place.unlink()
        (photos / "notes.txt").touch()  # or the folder might be a drive that is not there
        assert counts(index.add(photos, captioner=captioner)) == {"removed": 1}
        assert found(index, "blue") == []

    def test_a_file_that_came_back_is_not_described_again(self, index, photos, captioner):
        kept = self.place.read_bytes()
        (photos / "notes.txt").touch()
        self.place.unlink()
        index.add(photos, captioner=captioner)
        self.place.write_bytes(kept)
        assert counts(index.add(photos, captioner=captioner)) == {"added": 1}
        assert captioner.captioned == []
        assert found(index, "blue") == ["sea.png"]

    def test_new_content_under_an_old_name_replaces_it(self, index, photos, captioner):
        picture(self.place, "red", (80, 60))
        assert counts(index.add(photos, captioner=captioner)) == {"added": 1, "captioned": 1}
        assert found(index, "blue") == []
        assert found(index, "red") == ["sea.png"]

    def test_two_files_that_swap_their_names_are_both_found(self, index, photos, captioner):
        other = picture(photos / "fire.png", "red", (96, 96))
        index.add(photos, captioner=captioner)
        captioner.captioned.clear()
        self.place.rename(photos / "aside")
        other.rename(self.place)
        (photos / "aside").rename(other)
        assert counts(index.add(photos, captioner=captioner)) == {"moved": 2}
        assert captioner.captioned == []
        assert found(index, "blue") == ["fire.png"]
        assert found(index, "red") == ["sea.png"]

    def test_adding_one_folder_does_not_touch_the_files_of_another(
        self, index, tmp_path, captioner
    ):
        picture(tmp_path / "photos2" / "fire.png", "red")
        self.place.unlink()
        index.add(tmp_path / "photos2", captioner=captioner)
        assert sorted(found(index, "whole")) == ["fire.png", "sea.png"]

    def test_what_a_folder_that_cannot_be_read_holds_stays(self, index, photos, captioner):
        if os.geteuid() == 0:
            pytest.skip("root may read every folder")
        photos.chmod(0)
        try:
            report = index.add(photos, captioner=captioner)
        finally:
            photos.chmod(0o755)
        assert [failure.reason for failure in report.failed] == ["permission denied"]
        assert found(index, "blue") == ["sea.png"]

    def test_the_same_folder_by_another_spelling_is_the_same(self, index, photos, captioner):
        spelling = photos / ".." / "photos" / "."
        assert counts(index.add(f"{spelling}/", captioner=captioner)) == {"unchanged": 1}


class TestRemoving:
    def test_a_file_or_folder_leaves_the_results_and_comes_back_for_free(
        self, index, photos, captioner
    ):
        picture(photos / "old" / "a.png", "red")
        picture(photos / "old" / "b.png", "orange")
        sea = picture(photos / "sea.png", "blue")
        index.add(photos, captioner=captioner)
        assert index.remove(photos / "old") == 2
        assert found(index, "whole") == ["sea.png"]
        assert index.remove(sea) == 1
        assert found(index, "whole") == []
        captioner.captioned.clear()
        assert counts(index.add(photos, captioner=captioner)) == {}  # until asked for
        assert counts(index.add(photos / "old", sea, captioner=captioner)) == {"added": 3}
        assert len(found(index, "whole")) == 3
        index.remove(photos)
        (photos / "old" / "c.txt").touch()
        assert counts(index.add(photos / "old", captioner=captioner)) == {"added": 2}
        again = index.add(photos, captioner=captioner, include_removed=True)
        assert counts(again) == {"added": 1, "unchanged": 2}
        assert captioner.captioned == []

    def test_a_folder_whose_name_begins_alike_stays(self, index, photos, captioner):
        picture(photos / "old" / "a.png", "red")
        picture(photos / "old-but-good" / "b.png", "orange")
        index.add(photos, captioner=captioner)
        index.remove(photos / "old")
        assert found(index, "whole") == ["b.png"]

    def test_an_imported_document_is_removed_by_its_id(self, index):
        index.import_captions(['{"doc_id": "7", "text": "a camel"}'])
        assert index.remove("7") == 1
        assert index.search("camel") == []
        assert index.remove("7") == 0

    def test_what_is_not_there_cannot_be_removed(self, index, tmp_path):
        assert index.remove(tmp_path / "nowhere") == 0


class TestCorrections:
    @pytest.fixture(autouse=True)
    def corrected(self, index, photos, captioner):
        self.place = picture(photos / "sea.png", "blue")
        index.add(photos, captioner=captioner)
        index.edit_caption(self.place, "Bella the dog", crop="left half")

    def test_it_is_found_instead_of_the_captioners_words(self, index):
        assert found(index, "Bella") == ["sea.png"]
        assert saying(index, self.place, "left half") == ["Bella the dog"]

    def test_it_outlives_adding_reindexing_and_another_captioner(self, index, photos, captioner):
        index.add(photos, captioner=captioner)
        index.reindex()
        index.add(photos, captioner=FakeCaptioner("other", says="camel"))
        assert found(index, "Bella") == ["sea.png"]
        assert saying(index, self.place, "left half") == ["Bella the dog"]
        assert "camel" in saying(index, self.place, "right half")[0]

    def test_it_outlives_moving_the_file(self, index, photos, captioner):
        self.place.rename(photos / "lake.png")
        index.add(photos, captioner=captioner)
        assert found(index, "Bella") == ["lake.png"]

    def test_reverting_brings_the_captioners_words_back(self, index):
        index.edit_caption(self.place, None, crop="left half")
        assert found(index, "Bella") == []
        assert saying(index, self.place, "left half")[0].startswith("blue left half")

    def test_the_last_of_several_corrections_counts(self, index):
        for text in ("a cat", "a camel"):
            index.edit_caption(self.place, text, crop="left half")
        assert saying(index, self.place, "left half") == ["a camel"]
        assert found(index, "cat") == found(index, "Bella") == []

    @pytest.mark.parametrize("field", ["seen", "name", "nonsense"])
    def test_a_field_that_nobody_can_correct_is_an_error_that_names_the_others(self, index, field):
        with pytest.raises(LexsearchError, match="caption, text, about, date"):
            index.edit_caption(self.place, "a dog", field=field)

    def test_it_counts_though_the_clock_was_put_back(self, index, monkeypatch):
        monkeypatch.setattr("time.time_ns", lambda: 0)
        index.edit_caption(self.place, "a camel", crop="left half")
        assert found(index, "camel") == ["sea.png"]

    def test_many_corrections_are_kept_in_few_files(self, index):
        for number in range(40):
            index.edit_caption(self.place, f"camel number {number}", crop="left half")
        assert len(list((index.path / "captions").glob("*.parquet"))) < 20
        assert saying(index, self.place, "left half") == ["camel number 39"]

    def test_an_unknown_crop_is_an_error_that_names_the_others(self, index):
        with pytest.raises(LexsearchError, match="whole, left half, right half"):
            index.edit_caption(self.place, "a dog", crop="nose")

    def test_a_picture_is_known_by_path_by_id_and_by_content(self, index, tmp_path):
        known = index.describe(self.place)
        assert known == index.describe(known.doc_id)
        elsewhere = tmp_path / "elsewhere.png"
        shutil.copy(self.place, elsewhere)
        assert index.describe(elsewhere) == known
        with pytest.raises(LexsearchError, match=r"nowhere\.png"):
            index.describe(tmp_path / "nowhere.png")


class TestCorrectionsOfImports:
    """Captions that came with ids of their own are replaced like a captioner's."""

    @pytest.fixture(autouse=True)
    def imported(self, index):
        rows = [{"doc_id": "p", "text": text} for text in ("a cat", "a camel on a chair")]
        rows.append({"doc_id": "p", "text": "MEOW", "field": "text"})
        rows.append({"doc_id": "q", "text": "a bridge"})
        index.import_captions(map(json.dumps, rows))

    def test_a_correction_replaces_them_all_and_not_the_words_read(self, index):
        index.edit_caption("p", "a dog")
        assert [len(index.search(word)) for word in ("dog", "cat", "camel", "meow")] == [
            1,
            0,
            0,
            1,
        ]
        index.reindex()
        assert [len(index.search(word)) for word in ("dog", "cat", "camel", "meow")] == [
            1,
            0,
            0,
            1,
        ]

    def test_an_empty_one_takes_them_away(self, index):
        index.edit_caption("p", "")
        assert [len(index.search(word)) for word in ("cat", "camel", "meow")] == [0, 0, 1]

    def test_reverting_brings_them_back(self, index):
        index.edit_caption("p", "a dog")
        index.edit_caption("p", None)
        assert [len(index.search(word)) for word in ("dog", "cat", "camel")] == [0, 1, 1]

    def test_one_can_be_corrected_alone(self, index):
        (one,) = [row for row in index.describe("p").captions if row.text == "a cat"]
        index.edit_caption("p", "a dog", caption_id=one.caption_id)
        assert [len(index.search(word)) for word in ("dog", "cat", "camel")] == [1, 0, 1]

    def test_a_correction_can_be_carried_elsewhere(self, index, tmp_path):
        index.edit_caption("p", "a dog")
        with lexsearch.open(tmp_path / "other") as other:
            assert not other.import_captions(index.export_captions()).failed
            assert [len(other.search(word)) for word in ("dog", "cat", "camel")] == [1, 0, 0]


class TestCaptioners:
    def test_another_prompt_describes_anew_and_replaces(self, index, photos):
        picture(photos / "sea.png", "blue")
        index.add(photos, captioner=FakeCaptioner(says="camel"))
        index.add(photos, captioner=FakeCaptioner(prompt="in detail", says="zebra"))
        assert found(index, "zebra") == ["sea.png"]
        assert found(index, "camel") == []

    def test_going_back_to_a_captioner_costs_nothing(self, index, photos, captioner):
        picture(photos / "sea.png", "blue")
        index.add(photos, captioner=captioner)
        index.add(photos, captioner=FakeCaptioner("other"))
        captioner.captioned.clear()
        picture(photos / "fire.png", "red")
        index.add(photos, captioner=captioner)
        assert {crop for code, crop in captioner.captioned if code == "x0000ff"} == set()
        assert len(captioner.captioned) == 18

    def test_an_index_speaks_with_the_words_of_its_current_captioner(self, index, photos):
        place = picture(photos / "sea.png", "blue")
        one, two = FakeCaptioner("one", says="camel"), FakeCaptioner("two", says="zebra")
        for captioner in (one, two, one):
            index.add(photos, captioner=captioner)
        assert "camel" in saying(index, place)[0]
        index.reindex()
        assert found(index, "camel") == ["sea.png"]
        assert found(index, "zebra") == []

    def test_from_fixed_to_overlapped_only_the_23_more_are_described(
        self, index, photos, captioner
    ):
        picture(photos / "sea.png", "blue", (128, 128))
        for scheme, more in (("none", 1), ("fixed", 17), ("overlapped", 23), ("fixed", 0)):
            captioner.captioned.clear()
            index.add(photos, captioner=captioner, crops=scheme)
            assert len(captioner.captioned) == more
        assert len(index.describe(photos / "sea.png").captions) == 41

    def test_status_tells_what_is_missing(self, index, photos, captioner):
        numbered_pictures(photos, 3)
        index.add(photos, captioner=captioner, crops="none")
        numbered_pictures(photos, 4)
        index.add(photos / "0003.png", captioner=captioner)
        stages = {stage.stage: stage.pictures for stage in index.status().stages}
        assert stages == {"whole": 4, "fixed": 1}


class TestReindexing:
    def test_the_ranking_is_remembered(self, index):
        index.import_captions(['{"doc_id": "1", "text": "bus bus"}', '{"doc_id":"2","text":"a"}'])
        before = index.search("bus", mode="paper")[0].score
        index.reindex(k1=2.0, b=0.0)
        after = index.search("bus", mode="paper")[0].score
        assert after != before
        assert lexsearch.open(index.path).search("bus", mode="paper")[0].score == after

    @pytest.mark.parametrize(
        ("said", "asked"),
        [("two buses", "bus"), ("a bus", "buses"), ("three men", "man"), ("a child", "children")],
    )
    def test_word_forms_meet(self, index, said, asked):
        index.import_captions([json.dumps({"doc_id": "1", "text": said})])
        (hit,) = index.search(asked)
        assert hit.words == (said.split()[-1],)


class TestDamage:
    """Whatever breaks but the captions is made anew from them; broken captions are named."""

    @pytest.fixture(autouse=True)
    def ten_pictures(self, index, photos, captioner):
        numbered_pictures(photos, 10)
        index.add(photos, captioner=captioner)
        index.close()
        captioner.captioned.clear()

    def all_found(self, index: Index) -> bool:
        return all(found(index, code_of(n)) == [f"{n:04}.png"] for n in range(10))

    def test_a_missing_text_index_is_said_by_a_search_and_rebuilt_by_reindex(self, index):
        shutil.rmtree(index.path / "lucene")
        with pytest.raises(EngineBroken, match="lexsearch reindex"):
            index.search("whole")
        assert index.reindex() == 10
        assert self.all_found(index)

    def test_a_missing_text_index_is_rebuilt_by_the_next_add(self, index, photos, captioner):
        shutil.rmtree(index.path / "lucene")
        index.add(photos, captioner=captioner)
        assert captioner.captioned == []
        assert self.all_found(index)

    @pytest.mark.parametrize("damage", ["overwritten", "truncated", "empty"])
    @pytest.mark.parametrize("pattern", ["segments_*", "*.cf*", "*.si"])
    @pytest.mark.parametrize("first", ["search", "add"])
    def test_a_broken_text_index_is_rebuilt_by_a_writer_alone(
        self, index, photos, captioner, caplog, pattern, damage, first
    ):
        numbered_pictures(photos, 11)
        for file in (index.path / "lucene").glob(pattern):
            data = file.read_bytes()
            file.write_bytes(
                {"overwritten": b"?" * len(data), "truncated": data[: len(data) // 2]}.get(
                    damage, b""
                )
            )
        if first == "add":
            index.add(photos, captioner=captioner)
            assert len(captioner.captioned) == 18
            assert found(index, code_of(10)) == ["0010.png"]
            assert "lucene" in caplog.text
        else:
            with pytest.raises(EngineError, match="lexsearch reindex"):
                index.search("whole")
            index.reindex()
        assert self.all_found(index)

    def test_a_lost_catalog_is_made_anew_without_describing_anything(
        self, index, photos, captioner
    ):
        (index.path / "catalog.sqlite").unlink()
        assert len(index.search("whole")) == 0  # nobody knows where the pictures are
        index.add(photos, captioner=captioner)
        assert captioner.captioned == []
        assert self.all_found(index)

    def test_a_broken_catalog_is_named_with_what_to_do(self, index, photos, captioner):
        (index.path / "catalog.sqlite").write_bytes(b"?" * 10_000)
        with pytest.raises(IndexUnusable, match=r"catalog\.sqlite is damaged.*lexsearch index"):
            index.search("whole")
        with pytest.raises(IndexUnusable, match=r"catalog\.sqlite is damaged"):
            index.add(photos, captioner=captioner)
        (index.path / "catalog.sqlite").unlink()
        index.add(photos, captioner=captioner)
        assert captioner.captioned == []
        assert self.all_found(index)

    def test_broken_settings_are_named(self, index):
        (index.path / "index.json").write_text("{")
        with pytest.raises(IndexUnusable, match=r"index\.json"):
            lexsearch.open(index.path)

    def test_an_index_of_another_format_is_refused(self, index):
        settings = json.loads((index.path / "index.json").read_text())
        (index.path / "index.json").write_text(json.dumps({**settings, "format": 99}))
        with pytest.raises(IndexUnusable, match="later version"):
            lexsearch.open(index.path)

    def damage_shard(self, index: Index, how: str) -> Path:
        """Break the shard with the patches of the ten pictures."""
        shard = max((index.path / "captions").glob("*.parquet"))
        data = bytearray(shard.read_bytes())
        if how == "truncated":
            del data[len(data) // 2 :]
        elif how == "empty":
            data.clear()
        else:
            middle = len(data) // 3
            data[middle : middle + 64] = bytes(byte ^ 0xFF for byte in data[middle : middle + 64])
        shard.write_bytes(data)
        return shard

    @pytest.mark.parametrize("how", ["truncated", "empty"])
    def test_what_a_cut_captions_file_held_is_described_again(
        self, index, photos, captioner, caplog, how
    ):
        shard = self.damage_shard(index, how)
        assert self.all_found(index)  # the text index is still whole
        index.add(photos, captioner=captioner)
        assert shard.stem in caplog.text
        assert shard.with_suffix(".broken").exists()
        assert len(captioner.captioned) == 10 * 17
        assert "whole" not in {crop for _, crop in captioner.captioned}
        assert found(index, "quarter")
        assert self.all_found(index)

    def test_flipped_bytes_are_noticed_named_and_described_again(
        self, index, photos, captioner, caplog
    ):
        shard = self.damage_shard(index, "flipped")
        with pytest.raises(LexsearchError, match=shard.name):
            list(index.export_captions())
        index.reindex()
        assert shard.stem in caplog.text
        assert self.all_found(index)  # by the whole pictures' captions
        assert found(index, "quarter") == []
        index.add(photos, captioner=captioner)
        assert len(captioner.captioned) == 10 * 17
        assert len(found(index, "quarter")) == 10


class TestTransfer:
    def test_an_export_makes_the_same_index_elsewhere_without_describing(
        self, index, photos, captioner, tmp_path
    ):
        numbered_pictures(photos, 5)
        picture(photos / "dot.png", "red", (1, 1))
        index.add(photos, captioner=captioner)
        index.edit_caption(photos / "0001.png", "Bella the dog")
        captioner.captioned.clear()
        exported = list(index.export_captions())
        shutil.copytree(photos, tmp_path / "other machine")
        with lexsearch.open(tmp_path / "other index") as other:
            outcome = other.import_captions(exported)
            assert (outcome.added, outcome.failed) == (len(exported), [])
            assert found(other, "Bella") == ["0001.png"]
            report = other.add(tmp_path / "other machine", captioner=captioner)
            assert captioner.captioned == []
            assert len(report.failed) == 0
            (hit,) = other.search("Bella")
            assert hit.path == str(tmp_path / "other machine" / "0001.png")
            here = {
                line.replace(str(tmp_path / "other machine"), str(photos))
                for line in other.export_captions()
            }
        assert here == set(exported)

    def test_a_part_of_a_stage_is_no_stage(self, index, photos, captioner, tmp_path):
        place = picture(photos / "sea.png", "blue")
        index.add(photos, captioner=captioner)
        lines = [line for line in index.export_captions() if '"top half"' not in line]
        with lexsearch.open(tmp_path / "other") as other:
            other.import_captions(lines)
            captioner.captioned.clear()
            other.add(photos, captioner=captioner)
            assert len(captioner.captioned) == 1, "what is there is not asked again"
            assert len(saying(other, place, "top half")) == 1

    def test_captions_of_a_path_join_the_picture_that_lies_there(self, index, photos, captioner):
        place = picture(photos / "sea.png", "blue")
        index.add(photos, captioner=captioner)
        index.import_captions([json.dumps({"doc_id": "1", "path": str(place), "text": "Mika"})])
        (hit,) = index.search("Mika, blue", match="all")
        assert hit.paths == (str(place),)
        assert index.status().imported == 0

    def test_captions_of_a_path_join_the_picture_that_is_indexed_there_later(
        self, index, photos, captioner, monkeypatch
    ):
        place = picture(photos / "sea.png", "blue")
        monkeypatch.chdir(photos)
        rows = [{"doc_id": "1", "path": "sea.png", "text": "Mika"}, {"doc_id": "1", "text": "cat"}]
        index.import_captions(map(json.dumps, rows))
        monkeypatch.chdir("/")
        index.add(photos, captioner=captioner)
        (hit,) = index.search("Mika, cat, blue", match="all")
        assert hit.paths == (str(place),)
        index.reindex()
        assert len(index.search("Mika")) == 1

    def test_an_export_of_what_lay_at_a_path_before_is_not_of_what_lies_there_now(
        self, index, photos, captioner
    ):
        place = picture(photos / "sea.png", "blue")
        index.add(photos, captioner=captioner)
        exported = list(index.export_captions())
        picture(place, "red", (80, 60))
        index.add(photos, captioner=captioner)
        index.import_captions(exported)
        assert not {"blue", "purple"} & {saying(index, place)[0].split()[0]}

    def test_importing_the_same_again_changes_nothing(self, index, photos, captioner):
        numbered_pictures(photos, 3)
        index.add(photos, captioner=captioner)
        exported = list(index.export_captions())
        outcome = index.import_captions(exported)
        assert (outcome.added, outcome.unchanged, outcome.corrected) == (0, len(exported), 0)
        assert list(index.export_captions()) == exported

    def test_an_edited_export_is_a_correction_that_lasts(self, index, photos, captioner):
        place = picture(photos / "sea.png", "blue")
        index.add(photos, captioner=captioner)
        lines = [
            line.replace("blue left half", "Bella the dog") for line in index.export_captions()
        ]
        outcome = index.import_captions(lines)
        assert (outcome.added, outcome.corrected) == (0, 1)
        index.add(photos, captioner=FakeCaptioner("other"))
        assert saying(index, place, "left half")[0].startswith("Bella the dog")
        assert found(index, "Bella") == ["sea.png"]

    def test_captions_without_pictures_are_found_by_their_doc_id(self, index):
        outcome = index.import_captions(
            [
                '{"doc_id": "1", "text": "a camel", "path": "desert/1.jpg"}',
                '{"doc_id": "2", "text": "a zebra", "captioner": "someone", "crop": "nose"}',
                "",
                '{"doc_id": 3, "text": "a quokka", "caption_id": "human/0"}',
                '{"doc_id": 3, "text": "smiles", "caption_id": "human/1"}',
            ]
        )
        assert (outcome.added, outcome.failed) == (4, [])
        (camel,), (zebra,), (quokka,) = map(index.search, ("camel", "zebra", "quokka, smile"))
        assert (camel.doc_id, camel.path) == ("1", "desert/1.jpg")
        assert (zebra.doc_id, zebra.path, zebra.paths) == ("2", None, ())
        assert (quokka.doc_id, quokka.words) == ("3", ("quokka", "smiles"))
        status = index.status()
        assert (status.imported, status.pictures, status.searchable) == (3, 0, 3)

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("camel", "not JSON"),
            ("[" * 100_000, "not JSON"),
            ("[1]", "not a JSON object"),
            ('{"doc_id": "1"}', "'text' is missing"),
            ('{"text": "camel"}', "'doc_id' is missing"),
            ('{"doc_id": "", "text": "camel"}', "'doc_id' is empty"),
            ('{"doc_id": "1", "text": ["camel"]}', "'text' is not a string"),
            ('{"doc_id": "1", "text": "camel", "field": "x"}', "'field'"),
            ('{"doc_id": "1", "text": "camel", "box": [1, 2]}', "'box'"),
            ('{"doc_id": "1", "text": "camel", "box": [1, 2, 3, -4]}', "'box'"),
            ('{"doc_id": "1", "text": "camel", "width": "wide"}', "'width'"),
            ('{"doc_id": "1", "text": "camel", "time": "noon"}', "'time'"),
        ],
    )
    def test_a_line_that_is_no_caption_is_named_and_costs_no_other(self, index, line, reason):
        outcome = index.import_captions(['{"doc_id": "0", "text": "a zebra"}', line])
        ((number, said),) = outcome.failed
        assert number == 2
        assert reason in said
        assert len(index.search("zebra")) == 1

    @pytest.mark.parametrize("name", ["\0", "\ud83d", "a,b]c[", "\u202eabc", "🐫", " ", "\n"])
    def test_any_doc_id_can_be_imported_and_found(self, index, name):
        index.import_captions([json.dumps({"doc_id": name, "text": "a camel"})])
        (hit,) = index.search("camel")
        assert hit.doc_id == name.encode("utf-8", "replace").decode().replace("\0", " ")
        assert hit.words == ("camel",)

    def test_captions_of_a_picture_in_a_folder_are_added_to_its_own(self, index, photos, captioner):
        place = picture(photos / "sea.png", "blue")
        index.add(photos, captioner=captioner)
        doc_id = index.describe(place).doc_id
        index.import_captions([json.dumps({"doc_id": doc_id, "text": "a camel"})])
        assert index.search("camel")[0].path == str(place)
        place.unlink()
        (photos / "notes.txt").touch()
        index.add(photos, captioner=captioner)
        assert index.search("camel") == []

    def test_real_captions_index_and_search_like_any_other(self, index, shared_data):
        with (shared_data / "coco-mllm" / "captions.jsonl").open() as lines:
            rows = list(islice(lines, 3000))
        outcome = index.import_captions(rows)
        assert (outcome.added, outcome.failed) == (3000, [])
        documents = {json.loads(row)["doc_id"] for row in rows}
        assert index.status().searchable == len(documents)
        hits = index.search("umbrella, dog", k=1000)
        umbrellas = {
            row["doc_id"]
            for row in map(json.loads, rows)
            if {"umbrella", "umbrellas", "dog", "dogs"} & set(row["text"].lower().split())
        }
        assert umbrellas <= {hit.doc_id for hit in hits}
        assert all(hit.words for hit in hits)


@pytest.mark.java
class TestOpening:
    def test_a_missing_index_is_made_by_the_first_change_and_not_by_a_search(self, tmp_path):
        with pytest.raises(IndexNotFound, match="lexsearch index"):
            lexsearch.open(tmp_path / "index", create=False)
        index = lexsearch.open(tmp_path / "index")
        for question in (lambda: index.search("dog"), index.status, index.documents):
            with pytest.raises(IndexNotFound, match="lexsearch index"):
                question()
        assert not (tmp_path / "index").exists()
        index.import_captions(['{"doc_id": "1", "text": "a dog"}'])
        assert len(index.search("dog")) == 1

    def test_a_wrong_path_or_captioner_makes_no_index(self, tmp_path):
        index = lexsearch.open(tmp_path / "index")
        for change in (
            lambda: index.add(tmp_path / "nowhere", captioner=FakeCaptioner()),
            lambda: index.add(tmp_path, captioner="nobody"),
        ):
            with pytest.raises(LexsearchError):
                change()
        assert not (tmp_path / "index").exists()

    @pytest.mark.parametrize("how", ["moved into place", "linked", "filled anew"])
    def test_an_index_in_place_of_the_open_one_is_opened(self, tmp_path, how):
        place = tmp_path / "index"
        for name, text in (("old", "a dog"), ("new", "a cat")):
            with lexsearch.open(tmp_path / name) as made:
                made.import_captions([json.dumps({"doc_id": name, "text": text})])
        place.symlink_to("old") if how == "linked" else shutil.copytree(tmp_path / "old", place)
        index = lexsearch.open(place)
        assert [hit.doc_id for hit in index.search("dog")] == ["old"]
        if how == "linked":
            place.unlink()
            place.symlink_to("new")
        elif how == "moved into place":
            place.rename(tmp_path / "aside")
            (tmp_path / "new").rename(place)
        else:
            shutil.rmtree(place)
            shutil.copytree(tmp_path / "new", place)
        assert [hit.doc_id for hit in index.search("cat")] == ["new"]
        assert index.search("dog") == []
        assert index.documents() == ["new"]
        shutil.rmtree(place.resolve())
        with pytest.raises(IndexNotFound):
            index.search("cat")

    def test_an_open_index_heeds_the_words_of_ones_own_from_the_next_search_on(self, index):
        index.import_captions(['{"doc_id": "1", "text": "Anna at the sea"}'])
        assert index.search("grandmother") == []
        own = index.path / "lexicon.toml"
        own.write_text('[kinds]\ngrandmother = ["Anna"]\n')
        assert [hit.doc_id for hit in index.search("grandmother")] == ["1"]
        own.unlink()
        assert index.search("grandmother") == []

    def test_searches_run_side_by_side_and_keep_what_they_began_with(self, index, monkeypatch):
        index.import_captions(['{"doc_id": "1", "text": "a dog"}'])
        why, begun, go_on = Searcher.why, threading.Event(), threading.Event()

        def slow(searcher, found):
            if threading.current_thread().name == "slow":
                begun.set()
                assert go_on.wait(30)
            return why(searcher, found)

        monkeypatch.setattr(Searcher, "why", slow)
        came = []
        thread = threading.Thread(
            target=lambda: came.append(index.search("dog")[0].doc_id), name="slow"
        )
        thread.start()
        assert begun.wait(30)
        assert len(index.search("dog")) == 1
        index.reindex(k1=2.0)
        index.close()
        assert len(index.search("dog")) == 1
        go_on.set()
        thread.join(30)
        assert came == ["1"]

    def test_many_threads_search_while_the_index_is_written_and_closed(self, index):
        index.import_captions(['{"doc_id": "0", "text": "a dog"}'])
        failed, done = [], threading.Event()

        def search():
            try:
                while not done.is_set():
                    assert index.search("dog")
                    assert index.describe("0").captions
                    index.status()
                    assert list(index.export_captions())
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=search) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(1, 30):
            index.import_captions([json.dumps({"doc_id": f"{number}", "text": "a dog"})])
            index.close()
        done.set()
        for thread in threads:
            thread.join(60)
        assert failed == []
        assert index.search("dog").total == 30

    def test_a_folder_of_something_else_is_left_alone(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("")
        with pytest.raises(IndexNotFound, match="not a lexsearch index"):
            lexsearch.open(tmp_path)
        assert os.listdir(tmp_path) == ["thesis.tex"]

    def test_one_that_was_killed_while_it_was_made_is_made_again(self, tmp_path, captioner, photos):
        (tmp_path / "index").mkdir()
        (tmp_path / "index" / "index.part").write_text("{")
        picture(photos / "sea.png", "blue")
        with lexsearch.open(tmp_path / "index") as index:
            index.add(photos, captioner=captioner)
            assert len(index) == 1

    @pytest.mark.parametrize("text", ["", " ", ",", " , ,"])
    def test_an_empty_query_is_an_error(self, index, text):
        index.import_captions([json.dumps({"doc_id": "1", "text": "a cat"})])
        with pytest.raises(QueryError, match="nothing to search for"):
            index.search(text)

    def test_a_closed_index_opens_again_by_itself(self, index, photos, captioner):
        picture(photos / "sea.png", "blue")
        index.add(photos, captioner=captioner)
        index.close()
        index.close()
        assert found(index, "blue") == ["sea.png"]

    def test_an_open_index_sees_what_another_has_written(self, index, photos, captioner):
        index.import_captions([])
        assert index.search("blue") == []
        picture(photos / "sea.png", "blue")
        with lexsearch.open(index.path) as other:
            other.add(photos, captioner=captioner)
        assert found(index, "blue") == ["sea.png"]
        with lexsearch.open(index.path) as other:
            other.remove(photos)
        assert found(index, "blue") == []

    @pytest.mark.parametrize("name", ["~/idx", "s3:idx", "file:idx", "a#b?c%25"])
    def test_a_path_means_one_thing(self, tmp_path, monkeypatch, name):
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.chdir(tmp_path)
        with lexsearch.open(name) as index:
            index.import_captions(['{"doc_id": "1", "text": "a dog"}'])
            index.edit_caption("1", "a cat")
            monkeypatch.chdir("/")
            assert [hit.doc_id for hit in index.search("cat")] == ["1"]
            index.import_captions(['{"doc_id": "2", "text": "a cat"}'])
        place = tmp_path / "home" / "idx" if name == "~/idx" else tmp_path / name
        assert index.path == place
        assert sorted(index.documents()) == ["1", "2"]
        assert not list(place.rglob("*.broken"))

    def test_settings_that_another_wrote_stay(self, index):
        index.import_captions(['{"doc_id": "1", "text": "bus bus"}'])
        with lexsearch.open(index.path) as other:
            other.reindex(k1=2.0)
        index.reindex(b=0.1)
        assert (index.settings.ranking.k1, index.settings.ranking.b) == (2.0, 0.1)

    def test_an_open_index_ranks_as_another_has_told(self, index):
        index.import_captions(['{"doc_id": "1", "text": "bus bus"}'])
        before = index.search("bus", mode="paper")[0].score
        with lexsearch.open(index.path) as other:
            other.reindex(k1=5.0)
        assert index.search("bus", mode="paper")[0].score < before
