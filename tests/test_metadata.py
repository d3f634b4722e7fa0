"""What files say of themselves: read, kept, and found."""

import struct
from pathlib import Path

import pytest
from fakes import FakeCaptioner
from PIL import ExifTags, Image

import lexsearch
from lexsearch.images import metadata

XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:City="Lisboa">
 <dc:title><rdf:Alt><rdf:li xml:lang="x-default">Carnival</rdf:li></rdf:Alt></dc:title>
 <dc:subject><rdf:Bag><rdf:li>parade</rdf:li><rdf:li>drums</rdf:li></rdf:Bag></dc:subject>
 </rdf:Description></rdf:RDF></x:xmpmeta>"""


def photo(place: Path, *, xmp: str = "", iptc: bytes = b"", **exif: object) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (64, 48), "blue")
    tags = image.getexif()
    for name, value in exif.items():
        tag = ExifTags.Base[name]
        (tags.get_ifd(ExifTags.IFD.Exif) if name == "DateTimeOriginal" else tags)[tag] = value
    options = {"xmp": xmp.encode()} if xmp else {}
    image.save(place, exif=tags, **options)
    if iptc:
        resource = b"8BIM\x04\x04\x00\x00" + struct.pack(">I", len(iptc)) + iptc
        segment = b"Photoshop 3.0\x00" + resource + b"\x00" * (len(iptc) % 2)
        content = place.read_bytes()
        marker = b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment
        place.write_bytes(content[:2] + marker + content[2:])
    return place


def said(text: str, record: int) -> bytes:
    data = text.encode()
    return b"\x1c\x02" + bytes([record]) + struct.pack(">H", len(data)) + data


def test_exif_xmp_and_iptc_are_read(tmp_path: Path) -> None:
    place = photo(
        tmp_path / "a.jpg",
        xmp=XMP,
        iptc=said("Belém", 90) + said("festa", 25) + said("rua", 25),
        ImageDescription="OLYMPUS DIGITAL CAMERA",
        XPKeywords="samba;feathers\0".encode("utf-16-le"),
        DateTimeOriginal="2023:07:14 10:00:00",
    )
    rows = metadata.read(str(place))
    assert ("date", "2023-07-14") in rows
    texts = [text for field, text in rows if field == "about"]
    assert set(texts) == {
        "samba, feathers", "Carnival", "parade", "drums", "Lisboa", "Belém", "festa", "rua",
    }  # fmt: skip


@pytest.mark.parametrize("date", ["0000:00:00 00:00:00", "    :  :     :  :  ", "yesterday"])
def test_a_camera_without_a_clock_has_no_date(tmp_path: Path, date: str) -> None:
    assert metadata.read(str(photo(tmp_path / "a.jpg", DateTimeOriginal=date))) == []


def test_damaged_metadata_refuse_no_picture(tmp_path: Path) -> None:
    place = photo(tmp_path / "photos" / "a.jpg", ImageDescription="x" * 300)
    content = bytearray(place.read_bytes())
    content[30:60] = b"\xff" * 30  # in the middle of EXIF's table
    place.write_bytes(bytes(content))
    with lexsearch.open(tmp_path / "index") as index:
        report = index.add(tmp_path / "photos", captioner=FakeCaptioner(), crops="none")
    assert (report.added, report.failed) == (1, [])
    assert metadata.read(str(tmp_path / "nowhere.jpg")) == []


def test_files_are_found_by_what_they_say_and_are_called(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    rome = photo(
        photos / "2023RomeTrip" / "IMG_0001-Colosseum.jpg",
        xmp=XMP,
        DateTimeOriginal="2023:07:14 10:00:00",
    )
    photo(photos / "b.jpg", DateTimeOriginal="2022:01:02 10:00:00")
    with lexsearch.open(tmp_path / "index") as index:
        index.add(photos, captioner=FakeCaptioner(), crops="none")
        for query in ("colosseum", "name:rome trip", "about:lisboa", "carnival", "date:2023-07"):
            [hit] = index.search(query)
            assert hit.path == str(rome), query
            assert hit.evidence[0].crops == ()
        assert len(index.search("date:202")) == 2
        assert index.search("about:rome") == index.search("text:rome") == []
        assert [hit.path for hit in index.search("blue, -date:2022")] == [str(rome)]
        assert index.search("colosseum", mode="paper") == []

        moved = rome.rename(photos / "forum.jpg")
        index.add(photos, captioner=FakeCaptioner(), crops="none")
        assert index.search("colosseum") == []
        assert index.search("forum")[0].path == str(moved)


def test_a_caption_outranks_a_name(tmp_path: Path) -> None:
    photo(tmp_path / "photos" / "zebra.jpg")
    with lexsearch.open(tmp_path / "index") as index:
        index.add(tmp_path / "photos", captioner=FakeCaptioner(), crops="none")
        index.import_captions(['{"doc_id": "said", "text": "a zebra"}'])
        assert [hit.doc_id == "said" for hit in index.search("zebra")] == [True, False]
