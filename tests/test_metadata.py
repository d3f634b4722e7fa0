"""What files say of themselves: read, kept, and found."""

import json
import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from defusedxml.common import DefusedXmlException
from fakes import FakeCaptioner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin

import lexsearch
from lexsearch.images import metadata
from lexsearch.images.metadata import dates, places, sidecars, xmp
from lexsearch.images.metadata.statements import decoded

XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:City="Lisboa">
 <dc:title><rdf:Alt><rdf:li xml:lang="x-default">Carnival</rdf:li></rdf:Alt></dc:title>
 <dc:subject><rdf:Bag><rdf:li>parade</rdf:li><rdf:li>drums</rdf:li></rdf:Bag></dc:subject>
 </rdf:Description></rdf:RDF></x:xmpmeta>"""


IN_EXIF = ("DateTimeOriginal", "UserComment")


def photo(place: Path, *, xmp: str = "", iptc: bytes = b"", **exif: object) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (64, 48), "blue")
    tags = image.getexif()
    for name, value in exif.items():
        tag = ExifTags.Base[name]
        (tags.get_ifd(ExifTags.IFD.Exif) if name in IN_EXIF else tags)[tag] = value
    options: dict[str, Any] = {"xmp": xmp.encode()} if xmp else {}
    image.save(place, exif=tags, **options)
    if iptc:
        resource = b"8BIM\x04\x04\x00\x00" + struct.pack(">I", len(iptc)) + iptc
        segment = b"Photoshop 3.0\x00" + resource + b"\x00" * (len(iptc) % 2)
        content = place.read_bytes()
        marker = b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment
        place.write_bytes(content[:2] + marker + content[2:])
    return place


def said(text: str, record: int, encoding: str = "utf-8") -> bytes:
    data = text.encode(encoding)
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
        assert len(index.search("date:2020..2029")) == 2
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


def packet(properties: str, attributes: str = "") -> str:
    return f"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
 xmlns:digiKam="http://www.digikam.org/ns/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
 xmlns:MP="http://ns.microsoft.com/photo/1.2/"
 xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
 xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/">
<rdf:Description rdf:about="" {attributes}>{properties}</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


def about(place: Path) -> set[str]:
    return {text for field, text in metadata.read(str(place)) if field == "about"}


def date_of(place: Path) -> str | None:
    return dict(metadata.read(str(place))).get("date")


@pytest.mark.parametrize("text", ["Zürich", "площадь", "東京", "Łódź"])
def test_utf8_in_exif_is_read_as_such(tmp_path: Path, text: str) -> None:
    place = tmp_path / "a.jpg"
    photo(place, ImageDescription="x" * len(text.encode()))
    place.write_bytes(place.read_bytes().replace(b"x" * len(text.encode()), text.encode()))
    assert about(place) == {text}


def test_iptc_without_the_mark_for_utf8_is_latin(tmp_path: Path) -> None:
    iptc = said("Heinrichshütte", 120, "latin-1") + said("Glühofen", 25)
    assert about(photo(tmp_path / "a.jpg", iptc=iptc)) == {"Heinrichshütte", "Glühofen"}


@pytest.mark.parametrize(
    ("mark", "encoding", "text"),
    [
        (b"\x1b%G", "utf-8", "Łódź"),
        (b"\x1b%G", "latin-1", "Glühofen"),  # a mark that is wrong
        (b"\x1b-A", "latin-1", "Glühofen"),
        (b"\x1b-A", "utf-8", "Glühofen"),  # and here
        (b"\x1b.A", "latin-1", "Glühofen"),
        (b"\x1b-B", "iso8859-2", "Łódź"),
        (b"\x1b-L", "iso8859-5", "Москва"),
        (b"\x1b-F", "iso8859-7", "Αθήνα"),
        (b"\x1b/b", "iso8859-15", "50 € Œuvre"),
        (b"\x1b%/L", "utf-16-be", "Zürich 2019"),
        (b"\x1b%/F", "utf-32-be", "Zürich"),
        (b"\x1b$B", "iso2022_jp", "東京"),
        (b"\x1b$)B", "euc_jp", "東京"),
        (b"\x1b$)A", "gb2312", "北京"),
        (b"\x1b$)C", "euc_kr", "서울"),
        (b"\x1b$)C", "latin-1", "Glühofen"),  # no text of the encoding that is told
        (b"\xff\x00", "latin-1", "Glühofen"),
    ],
)
def test_iptc_is_read_in_the_encoding_that_it_tells(
    tmp_path: Path, mark: bytes, encoding: str, text: str
) -> None:
    told = b"\x1c\x01\x5a" + struct.pack(">H", len(mark)) + mark
    iptc = told + said(text, 120, encoding)
    assert about(photo(tmp_path / "a.jpg", iptc=iptc)) == {text}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("declared", [True, False])
def test_xmp_is_read_in_every_encoding_that_it_may_have(
    tmp_path: Path, encoding: str, declared: bool
) -> None:
    declaration = '<?xml version="1.0" encoding="UTF-16"?>\n' if declared else ""
    coded = (declaration + XMP.replace("Carnival", "Карнавал 😀") + "   ").encode(encoding)
    assert {said.text for said in xmp.parse(coded)} >= {"Карнавал 😀", "Lisboa", "parade"}
    place = photo(tmp_path / "a.jpg")
    place.with_suffix(".xmp").write_bytes(coded)
    assert about(place) >= {"Карнавал 😀", "Lisboa", "parade", "drums"}


@pytest.mark.parametrize(
    "broken",
    [
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF",
        packet("<nowhere:title>x</nowhere:title>"),
        packet("").replace("<rdf:Description", "<rdf:Descr"),
        "",
        "\0\0\0",
    ],
)
def test_a_damaged_block_costs_no_other(tmp_path: Path, broken: str) -> None:
    iptc = said("windmill", 120)
    place = photo(tmp_path / "a.jpg", xmp=broken, iptc=iptc, ImageDescription="lighthouse")
    assert about(place) == {"lighthouse", "windmill"}


def test_a_cut_table_of_exif_costs_no_other(tmp_path: Path) -> None:
    place = photo(tmp_path / "a.jpg", xmp=XMP, UserComment=b"ASCII\0\0\0in the garden")
    content = place.read_bytes()
    place.write_bytes(content.replace(b"MM\0*", b"XX\0*").replace(b"II*\0", b"XX*\0"))
    assert "Carnival" in about(place)


@pytest.mark.parametrize(
    ("comment", "text"),
    [
        (b"ASCII\0\0\0Oma im Garten\0", {"Oma im Garten"}),
        (b"UNICODE\0" + "Zo\u00eb at sea".encode("utf-16-le"), {"Zo\u00eb at sea"}),
        (b"UNICODE\0" + "Zo\u00eb at sea".encode("utf-16-be"), {"Zo\u00eb at sea"}),
        (b"JIS\0\0\0\0\0" + "\u5bcc\u58eb\u5c71".encode("iso2022_jp"), {"\u5bcc\u58eb\u5c71"}),
        (b"\0" * 8 + "Caf\u00e9".encode(), {"Caf\u00e9"}),
        (b"ASCII\0\0\0" + b"\0" * 40, set()),
        (b'ASCII\0\0\0{"raw": 1}', set()),
        (b"\1\2\3", set()),
    ],
)
def test_the_comment_of_a_person_is_read(tmp_path: Path, comment: bytes, text: set[str]) -> None:
    assert about(photo(tmp_path / "a.jpg", UserComment=comment)) == text


def test_the_camera_is_found_by_its_name(tmp_path: Path) -> None:
    camera = photo(tmp_path / "a.jpg", Make="NIKON CORPORATION\0", Model="NIKON D80")
    assert about(camera) == {"NIKON D80"}
    assert about(photo(tmp_path / "b.jpg", Make="SONY", Model="DSC-W80")) == {"SONY DSC-W80"}
    phone = photo(tmp_path / "c.jpg", Make="Apple", Model="iPhone 12")
    assert about(phone) == {"iPhone 12"}  # nobody who asks for an apple wants it


FACES = """<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag>
<rdf:li><rdf:Description mwg-rs:Name="Mathilda" mwg-rs:Type="Face"/></rdf:li>
<rdf:li rdf:parseType="Resource"><mwg-rs:Name>Bruno</mwg-rs:Name></rdf:li>
</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>
<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag><rdf:li
 MPReg:Rectangle="0, 0, 1, 1" MPReg:PersonDisplayName="Ingrid"/></rdf:Bag></MPRI:Regions>
</MP:RegionInfo>"""
KEYWORDS = """<lr:hierarchicalSubject><rdf:Bag><rdf:li>Places|Norway|Bergen</rdf:li></rdf:Bag>
</lr:hierarchicalSubject><digiKam:TagsList><rdf:Seq><rdf:li>Animals/Dog</rdf:li></rdf:Seq>
</digiKam:TagsList>"""


def test_faces_and_keywords_with_the_broader_ones_are_read(tmp_path: Path) -> None:
    assert about(photo(tmp_path / "a.jpg", xmp=packet(FACES))) == {"Mathilda", "Bruno", "Ingrid"}
    keywords = photo(tmp_path / "b.jpg", xmp=packet(KEYWORDS))
    assert about(keywords) == {"Places, Norway, Bergen", "Animals, Dog"}


def test_dates_are_read_wherever_they_stand(tmp_path: Path) -> None:
    xmp = packet("<xmp:CreateDate>2017-03-04T10:00:00+02:00</xmp:CreateDate>")
    assert date_of(photo(tmp_path / "a.jpg", xmp=xmp)) == "2017-03-04"
    attribute = packet("", 'photoshop:DateCreated="2016-05-06"')
    assert date_of(photo(tmp_path / "b.jpg", xmp=attribute)) == "2016-05-06"
    assert date_of(photo(tmp_path / "c.jpg", iptc=said("20160203", 55))) == "2016-02-03"
    second = photo(tmp_path / "d.jpg", xmp=xmp, DateTimeOriginal="2018:00:00 00:00:00")
    assert date_of(second) == "2017-03-04"
    edited = photo(tmp_path / "IMG-20190714-WA0001.jpg", DateTime="2022:01:02 00:00:00")
    assert date_of(edited) == "2019-07-14"
    assert date_of(photo(tmp_path / "e.jpg", DateTime="2022:01:02 00:00:00")) == "2022-01-02"


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("IMG-20190714-WA0001.jpg", "2019-07-14"),
        ("2019-07-14 12.00.00.jpg", "2019-07-14"),
        ("Screenshot_20190714-120000_Chrome.png", "2019-07-14"),
        ("PXL_20190714_120000123.jpg", "2019-07-14"),
        ("20190714120000.jpg", "2019-07-14"),
        ("WhatsApp Image 2019-07-14 at 12.00.00.jpeg", "2019-07-14"),
        ("FB_IMG_1563105600000.jpg", "2019-07-14"),
        ("2019.07.14.jpg", "2019-07-14"),
        ("20191314.jpg", None),
        ("IMG_2034.jpg", None),
        ("120190714.jpg", None),
        ("2019-0714.jpg", None),
        ("000000397133.jpg", None),
        ("20190230.jpg", None),
    ],
)
def test_a_date_in_a_name(name: str, date: str | None) -> None:
    assert dates.in_name(name) == date


def test_png_says_it_in_chunks(tmp_path: Path) -> None:
    place = tmp_path / "a.png"
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("Title", "Quarterly chart")
    chunks.add_itxt("Description", "Umsätze")
    chunks.add_text("parameters", "a red fox\nNegative prompt: cat\nSteps: 20")
    chunks.add_text("Creation Time", "2014:05:06 07:08:09")
    chunks.add_text("workflow", "{}")
    chunks.add_text("Software", "gnome-screenshot")
    Image.new("RGB", (40, 30)).save(place, pnginfo=chunks)
    assert about(place) == {"Quarterly chart", "Umsätze", "a red fox"}
    assert date_of(place) == "2014-05-06"


class TestBeside:
    def test_a_file_of_a_photo_manager(self, tmp_path: Path) -> None:
        place = photo(tmp_path / "u.jpg")
        (tmp_path / "u.jpg.xmp").write_text(packet(KEYWORDS))
        (tmp_path / "u.xmp").write_text(packet("<dc:title>Zeppelin</dc:title>"))
        assert about(place) == {"Places, Norway, Bergen", "Animals, Dog", "Zeppelin"}

    @pytest.mark.parametrize(
        ("picture", "beside"),
        [
            ("w.jpg", "w.jpg.json"),
            ("w.jpg", "w.jpg.supplemental-metadata.json"),
            ("w(1).jpg", "w.jpg(1).json"),
            ("w(1).jpg", "w.jpg.supplemental-metadata(1).json"),
            ("w-edited.jpg", "w.jpg.json"),
            (f"{'w' * 40}.jpg", f"{'w' * 40}.jpg.s.json"),
            (f"{'w' * 60}.jpg", f"{'w' * 46}.json"),
        ],
    )
    def test_takeout(self, tmp_path: Path, picture: str, beside: str) -> None:
        told = {
            "title": "w.jpg",
            "description": "xylophone",
            "people": [{"name": "Mika"}],
            "photoTakenTime": {"timestamp": "1563105600"},
        }
        (tmp_path / beside).write_text(json.dumps(told))
        place = photo(tmp_path / picture)
        assert about(place) == {"xylophone", "Mika"}
        assert date_of(place) == "2019-07-14"

    def test_a_caption(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("a man with a tuba")
        (tmp_path / "b.txt").write_text("0 0.5 0.5 0.25 0.125\n1 0.1 0.2 0.3 4e-1\n")
        assert about(photo(tmp_path / "a.jpg")) == {"a man with a tuba"}
        assert about(photo(tmp_path / "b.jpg")) == set()  # boxes of a training set

    def test_what_is_damaged_or_of_something_else_says_nothing(self, tmp_path: Path) -> None:
        place = photo(tmp_path / "a.jpg")
        (tmp_path / "a.jpg.json").write_text("[" * 100_000)
        (tmp_path / "a.json").write_text('{"shapes": [{"label": "cat"}], "imageData": "AAAA"}')
        (tmp_path / "a.xmp").write_bytes(b"\xff\xfe<")
        (tmp_path / "a.txt").mkdir()
        assert metadata.read(str(place)) == []

    def test_it_is_read_again_when_it_changes(self, tmp_path: Path) -> None:
        photo(tmp_path / "photos" / "a.jpg")
        beside = tmp_path / "photos" / "a.txt"
        captioner = FakeCaptioner()
        with lexsearch.open(tmp_path / "index") as index:
            for text in ("tuba", "trumpet\n", None, "harp"):
                beside.unlink(missing_ok=True)
                if text is not None:
                    beside.write_text(text)
                index.add(tmp_path / "photos", captioner=captioner, crops="none")
                found = {word for word in ("tuba", "trumpet", "harp") if index.search(word)}
                assert found == ({text.strip()} if text else set())
        assert len(captioner.batches) == 1  # and nothing is described again


def test_an_older_index_learns_what_is_read_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = tmp_path / "photos"
    photo(photos / "a.jpg", xmp=packet(FACES))
    photo(photos / "b.jpg")
    captioner = FakeCaptioner()
    with lexsearch.open(tmp_path / "index") as index:
        with monkeypatch.context() as older:
            older.setattr(metadata, "KEY", metadata.KEY._replace(version="1"))
            older.setattr(metadata, "read", lambda path: [("about", "wrong")])
            index.add(photos, captioner=captioner, crops="none")
        assert len(index.search("wrong")) == 2
        index.add(photos, captioner=captioner, crops="none")
        assert index.search("wrong") == []
        assert len(index.search("mathilda")) == 1
        shards = len(os.listdir(tmp_path / "index" / "captions"))
        index.add(photos, captioner=captioner, crops="none")
        assert len(os.listdir(tmp_path / "index" / "captions")) == shards  # read once
    assert len(captioner.batches) == 1


def test_a_place_on_earth_has_a_name(tmp_path: Path) -> None:
    pytest.importorskip("reverse_geocode")
    place = tmp_path / "a.jpg"
    tags = Image.Exif()
    tags.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (60, 23, 0), 3: "E", 4: (5, 19, 12)})
    Image.new("RGB", (40, 30)).save(place, exif=tags)
    assert about(place) == {"Bergen, Vestland, Norway"}
    assert places.name_of(0.1, -30) == ""  # the middle of the ocean
    assert places.name_of(0, 0) == ""  # a camera without a fix
    assert places.name_of(91, 400) == ""


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_readers_of_bytes_never_fail_otherwise_than_they_say(content: bytes) -> None:

    assert isinstance(decoded(content), str)
    with suppress(DefusedXmlException, SyntaxError, ValueError):
        list(xmp.parse(content))


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_name_may_be_asked(name: str) -> None:
    found = dates.in_name(name)
    assert found is None or len(found) == 10
    assert all("/" in name or "/" not in each for each in sidecars.names(name))


SPOILABLE = {"jpg": "jpeg", "png": "png", "webp": "webp", "tif": "tiff"}


@pytest.mark.parametrize("ending", SPOILABLE)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_spoiled_metadata_never_raise(
    tmp_path_factory: pytest.TempPathFactory, ending: str, data: st.DataObject
) -> None:
    """Any bytes in place of any others of a picture's head."""
    place = tmp_path_factory.mktemp("spoiled") / f"a.{ending}"
    tags = Image.Exif()
    tags[ExifTags.Base.ImageDescription] = "lighthouse"
    tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"ASCII\0\0\0garden"
    tags.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (60, 23, 0), 3: "E", 4: (5, 19, 12)})
    options = {} if ending == "png" else {"xmp": packet(FACES).encode()}
    Image.new("RGB", (8, 8)).save(place, SPOILABLE[ending], exif=tags, **options)
    content = bytearray(place.read_bytes())
    start = data.draw(st.integers(0, len(content) - 1))
    spoiled = data.draw(st.binary(max_size=40))
    place.write_bytes(bytes(content[:start]) + spoiled + bytes(content[start + len(spoiled) :]))
    rows = metadata.read(str(place))
    assert all(field in ("about", "date") and text for field, text in rows)
