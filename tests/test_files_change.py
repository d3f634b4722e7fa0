"""What people do to their files: rate, turn, edit, replace, move, unplug, throw away."""

import io
import json
import shutil
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from fakes import FakeCaptioner
from PIL import ExifTags, Image

import lexsearch
from lexsearch.errors import ImageError, LexsearchError
from lexsearch.images.files import open_picture
from lexsearch.images.likeness import relation
from lexsearch.index import Index
from lexsearch.indexing.scan import Report


def scene(seed: int = 0) -> Image.Image:
    """A picture with light and dark places of its own."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC)


def save(place: Path, image: Image.Image, **options: Any) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    image.save(place, **options)
    return place


def rate(place: Path) -> None:
    """As a photo manager writes a rating: a segment more, and the same picture."""
    content = place.read_bytes()
    packet = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    segment = b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet
    place.write_bytes(content[:2] + segment + content[2:])


def turn(place: Path, orientation: int) -> None:
    """Write EXIF's orientation into a JPEG without touching the picture."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    content = place.read_bytes()
    place.write_bytes(
        content[:2] + b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data + content[2:]
    )


@pytest.fixture
def index(tmp_path: Path):
    with lexsearch.open(tmp_path / "index") as opened:
        yield opened


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return tmp_path / "photos"


def add(index: Index, *paths: Path, crops: str = "none", **options: object) -> Report:
    return index.add(*paths, captioner=FakeCaptioner(), crops=crops, **options)  # type: ignore[arg-type]


def found(index: Index, query: str) -> list[str]:
    return [str(hit.path) for hit in index.search(query)]


class TestChangedFiles:
    def test_a_rating_loses_nothing_and_costs_nothing(self, index: Index, photos: Path) -> None:
        place = save(photos / "a.jpg", scene())
        add(index, photos, crops="fixed")
        index.edit_caption(place, "Mika the cat")
        index.edit_caption(place, "her basket", crop="left half")
        rate(place)
        report = add(index, photos, crops="fixed")
        assert (report.captioned, report.notes) == (0, [])
        assert found(index, "mika") == found(index, "basket") == [str(place)]
        assert len(index.describe(place).captions) == 18
        assert sum("Mika" in line for line in index.export_captions()) == 1

    def test_a_rotation_moves_corrections_along(self, index: Index, photos: Path) -> None:
        place = save(photos / "a.jpg", scene())
        add(index, photos, crops="fixed")
        index.edit_caption(place, "Mika the cat")
        index.edit_caption(place, "her basket", crop="left half")
        turn(place, 6)  # a quarter to the right: what was left is on top
        report = add(index, photos, crops="fixed")
        assert report.captioned == 1  # upright, it is another sight
        human = {row.crop: row for row in index.describe(place).captions if row.source == "human"}
        assert {crop: row.text for crop, row in human.items()} == {
            "whole": "Mika the cat",
            "top half": "her basket",
        }
        assert human["top half"].box == (0, 0, 120, 80)

    def test_an_edited_picture_keeps_what_people_said(self, index: Index, photos: Path) -> None:
        place = save(photos / "a.jpg", scene())
        add(index, photos)
        index.edit_caption(place, "Mika the cat")
        save(place, scene().point(lambda value: min(255, int(value * 1.3))).convert("L"))
        report = add(index, photos)
        assert (report.captioned, report.notes) == (1, [])
        assert found(index, "mika") == [str(place)]

    def test_another_picture_gets_nothing_and_the_report_says_so(
        self, index: Index, photos: Path
    ) -> None:
        place = save(photos / "a.jpg", scene(1))
        add(index, photos)
        index.edit_caption(place, "Mika the cat")
        kept = place.read_bytes()
        save(place, scene(2))
        report = add(index, photos)
        assert found(index, "mika") == []
        assert str(place) in report.notes[0]
        assert "1 correction of the one before stays" in report.notes[0]
        place.write_bytes(kept)
        add(index, photos)
        assert found(index, "mika") == [str(place)]

    def test_what_cannot_be_compared_keeps_what_people_said_with_a_word(
        self, index: Index, photos: Path
    ) -> None:
        place = save(photos / "a.jpg", scene(1))
        whole = place.read_bytes()
        add(index, photos)
        index.edit_caption(place, "Mika the cat")
        place.write_bytes(whole[:200])  # an editor that was killed
        (note,) = add(index, photos).notes
        assert note == (
            f"{place} has changed, and nothing tells whether it shows the same: 1 correction stays "
            "with it"
        )
        assert found(index, "mika") == [str(place)]
        save(place, scene(1), quality=60)
        assert "nothing tells" in add(index, photos).notes[0]
        assert found(index, "mika") == [str(place)]

    def test_a_likeness_knows_turned_pictures_from_others(self, tmp_path: Path) -> None:
        first = open_picture(str(save(tmp_path / "a.png", scene(1)))).likeness
        turned = scene(1).transpose(Image.Transpose.ROTATE_90)
        other = open_picture(str(save(tmp_path / "b.png", turned))).likeness
        related = relation(first, other)
        assert related is not None
        assert not related.same
        assert related.turn == Image.Transpose.ROTATE_90
        assert (
            relation(first, open_picture(str(save(tmp_path / "c.png", scene(3)))).likeness) is None
        )
        flat = open_picture(str(save(tmp_path / "d.png", Image.new("RGB", (40, 30))))).likeness
        assert relation(first, flat) is None
        assert relation(flat, flat) is not None


class TestFolders:
    def test_a_renamed_folder_is_known_again(self, index: Index, tmp_path: Path) -> None:
        old, new = tmp_path / "2023", tmp_path / "Photos-2023"
        save(old / "a.jpg", scene(1))
        save(old / "b.jpg", scene(2))
        add(index, old)
        old.rename(new)
        report = add(index, new)
        assert (report.moved, report.duplicates, report.removed) == (2, 0, 0)
        assert report.notes == [f"folder {old} is gone; its 2 pictures are in {new}"]
        assert index.status().folders == (str(new),)
        assert all(hit.paths == (hit.path,) for hit in index.search("whole"))

    def test_a_living_place_comes_first(self, index: Index, tmp_path: Path) -> None:
        first = save(tmp_path / "a" / "x.jpg", scene())
        second = tmp_path / "b" / "x.jpg"
        second.parent.mkdir()
        shutil.copy(first, second)
        add(index, tmp_path / "a", tmp_path / "b")
        assert index.search("whole")[0].path == str(first)
        first.unlink()
        assert index.search("whole")[0].path == str(second)

    @pytest.mark.parametrize("mount_point", [True, False])
    def test_a_drive_that_is_not_there_empties_nothing(
        self, index: Index, tmp_path: Path, mount_point: bool
    ) -> None:
        usb, ssd = tmp_path / "mnt" / "usb", tmp_path / "mnt" / "ssd"
        save(usb / "a.jpg", scene(1))
        save(ssd / "b.jpg", scene(2))
        add(index, usb, ssd)
        usb.rename(tmp_path / "away")
        if mount_point:
            usb.mkdir()
        save(ssd / "c.jpg", scene(3))
        report = add(index, usb, ssd)
        assert (report.added, report.removed, report.failed) == (1, 0, [])
        assert "its 1 picture is still found" in report.notes[0]
        assert f"lexsearch remove {usb}" in report.notes[0]
        assert len(index.search("whole")) == 3
        assert index.status().away == (str(usb),)
        assert index.remove(usb) == 1
        assert index.status().away == ()

    def test_a_search_and_status_say_once_which_folder_is_not_there(
        self, index: Index, tmp_path: Path, lexsearch_command: Run
    ) -> None:
        usb, ssd = tmp_path / "usb", tmp_path / "ssd"
        for number in range(3):
            save(usb / f"{number}.jpg", scene(number))
        save(ssd / "b.jpg", scene(5))
        add(index, usb, ssd)
        index.import_captions(['{"doc_id": "x", "path": "/gone/x.jpg", "text": "the whole"}'])
        usb.rename(tmp_path / "away")
        said = lexsearch_command("query", "whole", "--index", index.path)
        assert said.returncode == 0
        assert said.stderr == f"{usb} is not there just now; it has 3 of these pictures\n"
        status = lexsearch_command("status", "--index", index.path).stdout
        assert f"{usb} (not there just now)\n" in status
        assert f"{ssd}\n" in status

    def test_one_missing_folder_does_not_stop_the_others(
        self, index: Index, photos: Path, tmp_path: Path
    ) -> None:
        save(photos / "a.jpg", scene())
        report = add(index, tmp_path / "nowhere", photos)
        assert report.added == 1
        assert [failure.path for failure in report.failed] == [str(tmp_path / "nowhere")]
        with pytest.raises(LexsearchError, match="no file or folder"):
            add(index, tmp_path / "nowhere")


class TestLeavingOut:
    def test_junk_stays_out(self, index: Index, photos: Path) -> None:
        save(photos / "cat.jpg", scene())
        for number, junk in enumerate(
            (
                *("@eaDir/cat.jpg/THUMB_M.jpg", "#recycle/x.jpg", "$RECYCLE.BIN/S-1/x.jpg"),
                *("lost+found/y.jpg", ".thumbnails/t.jpg", "deep/@eaDir/z.jpg"),
                *("My.photoslibrary/resources/derivatives/1.jpeg", "WhatsApp/private.jpg"),
            ),
            1,
        ):
            save(photos / junk, scene(number))
        (photos / "WhatsApp" / ".nomedia").touch()
        save(photos / "My.photoslibrary" / "originals" / "1.jpg", scene(20))
        report = add(index, photos)
        assert report.added == 2
        assert report.left_out == {"junk (thumbnails, deleted files)": 7}
        assert add(index, photos / "WhatsApp").added == 1  # asked for

    def test_rules_as_in_gitignore(self, index: Index, photos: Path) -> None:
        for number, name in enumerate(("a.jpg", "raw/b.jpg", "raw/keep.jpg", "x/c_edit.jpg")):
            save(photos / name, scene(number))
        (photos / ".lexsearchignore").write_text("# edits\n*_edit.jpg\nraw/*\n!raw/keep.jpg\n")
        report = add(index, photos)
        assert (report.added, report.left_out["excluded"]) == (2, 2)
        assert add(index, photos, exclude=["keep.*"]).left_out["excluded"] == 2  # the file decides
        (photos / ".lexsearchignore").unlink()
        report = add(index, photos)
        assert (report.added, report.removed, report.left_out["excluded"]) == (2, 1, 1)
        assert add(index, photos, exclude=["!keep.*"]).added == 1

    def test_what_is_left_out_is_counted_by_kind(
        self, index: Index, photos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from lexsearch.images import kinds

        monkeypatch.setattr(kinds, "has_raw", lambda: False)
        monkeypatch.setattr(kinds, "suffixes", lambda: frozenset((".jpg", ".png")))
        save(photos / "a.jpg", scene())
        for name in ("a.cr2", "b.NEF", "c.mp4", "d.jxl", "e.txt", "Makefile"):
            (photos / name).write_bytes(b"x")
        save(photos / "noending", scene(1), format="PNG")
        report = add(index, photos)
        assert report.added == 2
        assert sorted((kind.split(" (")[0], n) for kind, n in report.left_out.items()) == [
            ("JPEG XL", 1), ("RAW", 2), ("video", 1),
        ]  # fmt: skip


class TestOddPictures:
    def test_a_jpeg_that_lacks_its_end_is_taken(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        whole = save(tmp_path / "whole.jpg", scene().resize((800, 600)))
        cut = tmp_path / "cut.jpg"
        cut.write_bytes(whole.read_bytes()[:-2])
        assert open_picture(str(cut)).image.tobytes() == open_picture(str(whole)).image.tobytes()
        assert "lacks its last bytes" in caplog.text
        cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        with pytest.raises(ImageError, match="cut short"):
            open_picture(str(cut))

    @pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
    def test_numbers_that_are_none_hide_no_others(self, tmp_path: Path, odd: float) -> None:
        values = np.linspace(0, 1, 1200, dtype=np.float32).reshape(30, 40)
        values[3, 4] = odd
        place = save(tmp_path / "float.tif", Image.fromarray(values))
        opened = open_picture(str(place)).image.convert("L")
        assert opened.getextrema() == (0, 255)
        assert opened.getpixel((20, 15)) == pytest.approx(132, abs=2)
        everywhere = Image.fromarray(np.full((30, 40), odd, np.float32))
        open_picture(str(save(tmp_path / "all.tif", everywhere)))

    def test_libtiff_is_quiet(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        place = save(tmp_path / "a.tif", scene(), compression="jpeg")
        content = bytearray(place.read_bytes())
        content[600:700] = b"\xff" * 100
        place.write_bytes(content)
        with suppress(ImageError):
            open_picture(str(place))
        assert capfd.readouterr().err == ""

    @pytest.mark.slow
    def test_the_bound_on_pixels_holds_without_being_asked_for(self, tmp_path: Path) -> None:
        """180 million pixels: more than Pillow takes, and less than is refused."""
        file = io.BytesIO()
        Image.new("1", (18_000, 10_000)).save(file, "PNG")
        place = tmp_path / "wide.png"
        place.write_bytes(file.getvalue())
        assert open_picture(str(place), side=64).width == 18_000

    def test_a_stereo_picture_is_found(self, tmp_path: Path) -> None:
        from lexsearch.images.files import find

        place = tmp_path / "a.mpo"
        save(place, scene(), format="MPO", save_all=True, append_images=[scene(1)])
        assert [entry.path for entry in find(str(tmp_path))] == [str(place)]
        assert open_picture(str(place)).width == 160


def test_json_says_what_was_left_out(tmp_path: Path) -> None:
    report = Report()
    report.left_out["video"] += 1
    assert json.dumps(report.left_out) == '{"video": 1}'
