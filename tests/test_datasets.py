"""Data sets in exactly their official formats, oddities included."""

from __future__ import annotations

import json
import struct
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexsearch.engines import ScoredDoc
from lexsearch.errors import EvaluationError
from lexsearch.evaluation import tasks
from lexsearch.evaluation.dataset import Dataset
from lexsearch.evaluation.datasets import open_dataset
from lexsearch.evaluation.trec import read_qrels, read_run, read_topics, write_run
from lexsearch.records import Keyword, Query


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# MS-COCO

INSTANCES = {
    "info": {"description": "COCO 2017 Dataset", "year": 2017},
    "licenses": [{"url": "http://creativecommons.org/", "id": 4, "name": "Attribution License"}],
    "images": [
        {"license": 4, "file_name": f"{number:012}.jpg", "height": 427, "width": 640, "id": number}
        for number in (139, 285, 632)
    ],
    "annotations": [
        {
            "segmentation": [[1.0, 1.0, 2.0, 1.0, 2.0, 2.0]],
            "area": 702.1,
            "iscrowd": 0,
            "image_id": 139,
            "bbox": [236.98, 142.51, 24.7, 69.5],
            "category_id": 64,
            "id": 26547,
        },
        {
            "segmentation": {"counts": [272, 2, 4], "size": [427, 640]},
            "area": 3.0,
            "iscrowd": 1,
            "image_id": 139,
            "bbox": [1.0, 2.0, 3.0, 4.0],
            "category_id": 1,
            "id": 900100000139,
        },
        {
            "image_id": 285,
            "category_id": 23,
            "iscrowd": 0,
            "area": 1,
            "bbox": [0, 0, 1, 1],
            "id": 3,
        },
        {
            "image_id": 285,
            "category_id": 23,
            "iscrowd": 0,
            "area": 1,
            "bbox": [0, 0, 1, 1],
            "id": 4,
        },
    ],
    "categories": [
        {"supercategory": "person", "id": 1, "name": "person"},
        {"supercategory": "animal", "id": 23, "name": "bear"},
        {"supercategory": "furniture", "id": 64, "name": "potted plant"},
    ],
}
CAPTIONS = {
    "info": INSTANCES["info"],
    "licenses": INSTANCES["licenses"],
    "images": INSTANCES["images"],
    "annotations": [
        {"image_id": 139, "id": 2, "caption": "A woman in a room."},
        {"image_id": 285, "id": 7, "caption": "A big brown bear.\n"},
        {"image_id": 139, "id": 9, "caption": "A room with  plants"},
        {"image_id": 632, "id": 10, "caption": "A bedroom"},
    ],
}


def coco(folder: Path) -> Path:
    write(folder / "instances_val2017.json", json.dumps(INSTANCES))
    write(folder / "captions_val2017.json", json.dumps(CAPTIONS))
    return folder


@pytest.mark.parametrize("as_folder", [True, False])
def test_coco_joins_labels_and_captions(tmp_path: Path, as_folder: bool) -> None:
    folder = coco(tmp_path / "annotations")
    paths = [tmp_path] if as_folder else sorted(folder.iterdir())
    found = open_dataset(paths)
    assert found.name == "coco"
    assert found.images == ("000000000139", "000000000285")
    assert found.labels["000000000139"] == ("person", "potted plant"), "a crowd is a label too"
    assert found.labels["000000000285"] == ("bear",)
    assert found.captions["000000000139"] == ("A woman in a room.", "A room with plants")
    assert found.files["000000000285"] == "000000000285.jpg"
    assert found.notes == ("1 pictures without labels are left out (the first: 000000000632)",)


def test_coco_captions_alone_keep_every_picture(tmp_path: Path) -> None:
    found = open_dataset([coco(tmp_path) / "captions_val2017.json"])
    assert len(found.images) == 3
    assert not found.labels


def test_coco_labels_of_pictures_that_are_not_listed_are_told(tmp_path: Path) -> None:
    stray = {"image_id": 777, "category_id": 1, "iscrowd": 0, "id": 1}
    content = {**INSTANCES, "annotations": [*INSTANCES["annotations"], stray]}
    found = open_dataset([write(tmp_path / "i.json", json.dumps(content))])
    assert len(found.images) == 2
    assert "1 annotations are of pictures that it does not list (the first: 777)" in found.notes[0]


def test_real_coco_boxes_are_their_qrels(shared_data: Path) -> None:
    folder = shared_data / "coco-boxes"
    found = open_dataset([folder / "instances.json"])
    assert len(found.images) == 80
    [task] = tasks.keyword(found)
    assert {row.query_id: row.relevant for row in task.questions} == read_qrels(
        folder / "qrels.txt"
    )
    assert {(row.query_id, str(row.query)) for row in task.questions} == set(
        read_topics(folder / "topics.tsv")
    )


def test_pictures_of_one_file_name_in_two_folders_stay_two(tmp_path: Path) -> None:
    files = ["cam1/0001.jpg", "cam2\\0001.jpg", "cam1/0002.jpg"]
    content = {
        "images": [{"id": number, "file_name": file} for number, file in enumerate(files)],
        "categories": [{"id": 1, "name": "zebra"}, {"id": 2, "name": "giraffe"}],
        "annotations": [
            {"image_id": 0, "category_id": 1},
            {"image_id": 1, "category_id": 2},
            {"image_id": 2, "category_id": 2},
        ],
    }
    text = json.dumps(content).replace("\\", "\\")
    found = open_dataset([write(tmp_path / "instances_x.json", text)])
    assert found.images == ("cam1/0001.jpg", "cam2/0001.jpg", "0002")
    assert found.labels["cam1/0001.jpg"] == ("zebra",)
    assert found.labels["cam2/0001.jpg"] == ("giraffe",)


def test_coco_captions_that_are_null_are_left_out_and_counted(tmp_path: Path) -> None:
    content = {
        "images": [{"id": 1, "file_name": "1.jpg"}, {"id": 2, "file_name": "2.jpg"}],
        "annotations": [
            {"image_id": 1, "caption": None},
            {"image_id": 1, "caption": "a dog"},
            {"image_id": 2, "caption": "  "},
        ],
    }
    found = open_dataset([write(tmp_path / "captions.json", json.dumps(content))])
    assert (found.captions["1"], found.captions["2"]) == (("a dog",), ())
    assert "2 captions are empty and left out" in found.notes[0]


def test_a_folder_with_the_files_of_one_split_will_do(tmp_path: Path) -> None:
    for year in ("val2014", "train2014"):
        content = {"images": [{"id": 1, "file_name": f"{year}.jpg"}], "annotations": []}
        file = tmp_path / "annotations" / f"instances_{year}.json"
        write(file, json.dumps(content))
        if year == "val2014":
            assert open_dataset([tmp_path]).images == ("val2014",)
    with pytest.raises(EvaluationError, match=r"several splits \(train2014, val2014\)"):
        open_dataset([tmp_path])


# Flickr30k


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("results_20130124.token", "1.jpg#0\ta dog .\n1.jpg#1\ta cat .\n2.jpg#0\t\n"),
        (
            "results.csv",
            "image_name| comment_number| comment\n1.jpg| 0| a dog .\n1.jpg| 1   a cat .\n"
            "2.jpg| 0| \n",
        ),
        ("captions.txt", 'image,caption\n1.jpg,a dog .\n1.jpg,"a cat ."\n2.jpg,\n'),
    ],
)
def test_flickr30k_as_it_is_distributed(tmp_path: Path, name: str, text: str) -> None:
    file = write(tmp_path / name, text)
    for place in (file, tmp_path) if name.startswith("results") else (file,):
        found = open_dataset([place])
        assert found.images == ("1", "2")
        assert found.captions == {"1": ("a dog .", "a cat ."), "2": ()}
        assert "1 captions are empty" in found.notes[0]


def test_other_tables_are_told_by_line(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="not of a data set that is known"):
        open_dataset([write(tmp_path / "a.csv", "id;text\n1;dog\n")])
    with pytest.raises(EvaluationError, match=r"line 2: not NAME\.jpg#0 TAB caption"):
        open_dataset([write(tmp_path / "a.token", "1.jpg#0\tdog\nnothing\n")])


# Karpathy


def karpathy(file: Path) -> Path:
    splits = ["train", "restval", "val", "test"]
    content = {
        "images": [
            {
                "sentids": [0, 1],
                "imgid": number,
                "filename": f"{1000 + number}.jpg",
                "split": split,
                "sentences": [
                    {"tokens": ["a", split], "raw": f"A {split}.", "imgid": number, "sentid": 0},
                    {"tokens": [], "raw": " ", "imgid": number, "sentid": 1},
                ],
                **({"filepath": "val2014", "cocoid": number} if number else {}),
            }
            for number, split in enumerate(splits)
        ],
        "dataset": "flickr30k",
    }
    return write(file, json.dumps(content))


def test_karpathys_splits(tmp_path: Path) -> None:
    file = karpathy(tmp_path / "dataset_flickr30k.json")
    found = open_dataset([file])
    assert (found.name, found.images, found.captions) == (
        "flickr30k",
        ("1003",),
        {"1003": ("A test.",)},
    )
    assert found.files == {"1003": "val2014/1003.jpg"}
    assert open_dataset([file], split="train+restval").images == ("1000", "1001")
    with pytest.raises(EvaluationError, match=r"no split dev; it has: train \(1\), restval \(1\)"):
        open_dataset([file], split="dev")


# PASCAL VOC

OBJECT = """
    <object>
        <name>{name}</name>
        <pose>Left</pose>
        <truncated>0</truncated>
        <difficult>{difficult}</difficult>
        <bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>
    </object>"""
ANNOTATION = """<annotation>
    <folder>VOC2007</folder>
    <filename>{name}.jpg</filename>
    <source><database>The VOC2007 Database</database><image>flickr</image></source>
    <owner><name>?</name></owner>
    <size><width>500</width><height>333</height><depth>3</depth></size>
    <segmented>0</segmented>{objects}
</annotation>
"""


def voc(folder: Path) -> Path:
    pictures = {
        "000001": [("diningtable", 0), ("person", 0), ("person", 1)],
        "000002": [("car", 1), ("tvmonitor", 0)],
        "000003": [("car", 1)],
        "000005": [("chair", 0)],
    }
    for name, objects in pictures.items():
        text = "".join(OBJECT.format(name=kind, difficult=flag) for kind, flag in objects)
        write(folder / "Annotations" / f"{name}.xml", ANNOTATION.format(name=name, objects=text))
    sets = folder / "ImageSets" / "Main"
    write(sets / "test.txt", "000001\n000002\n000003\n")
    write(sets / "trainval.txt", "000005\n")
    write(sets / "car_test.txt", "000001 -1\n000002  0\n000003  0\n")
    return folder


def test_voc_leaves_difficult_objects_out_unless_asked(tmp_path: Path) -> None:
    folder = voc(tmp_path / "VOC2007")
    found = open_dataset([folder])
    assert found.images == ("000001", "000002")
    assert found.labels == {"000001": ("dining table", "person"), "000002": ("tv monitor",)}
    assert "1 pictures without labels" in found.notes[0]
    hard = open_dataset([folder], difficult=True)
    assert hard.labels["000002"] == ("car", "tv monitor")
    assert hard.labels["000003"] == ("car",)
    assert open_dataset([folder], split="trainval").images == ("000005",)


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [("latin-1", "ISO-8859-1"), ("utf-16", "UTF-16"), ("gb2312", "GB2312"), ("utf-8-sig", "utf-8")],
)
def test_voc_is_read_in_the_encoding_that_it_declares(
    tmp_path: Path, encoding: str, declared: str
) -> None:
    folder = voc(tmp_path)
    name = (folder / "ImageSets" / "Main" / "test.txt").read_text().split()[0]
    place = {"latin-1": "Gemälde", "gb2312": "北京"}.get(encoding, "Zürich")
    text = (
        f'<?xml version="1.0" encoding="{declared}"?><annotation xmlns="urn:x"><object>'
        f"<name>Dog of {place}</name><difficult>Unspecified</difficult></object></annotation>"
    )
    (folder / "Annotations" / f"{name}.xml").write_bytes(text.encode(encoding))
    assert open_dataset([folder]).labels[name] == (f"Dog of {place}",)


def test_voc_is_found_below_its_devkit(tmp_path: Path) -> None:
    voc(tmp_path / "VOC2007")
    assert len(open_dataset([tmp_path]).images) == 2


def test_voc_says_which_file_is_missing_or_damaged(tmp_path: Path) -> None:
    folder = voc(tmp_path / "VOC2007")
    with pytest.raises(EvaluationError, match="no image set 'val'; it has: test, trainval"):
        open_dataset([folder], split="val")
    write(folder / "Annotations" / "000002.xml", "<annotation><object>")
    with pytest.raises(EvaluationError, match=r"000002\.xml is damaged"):
        open_dataset([folder])
    (folder / "Annotations" / "000001.xml").unlink()
    with pytest.raises(EvaluationError, match=r"1 of the 3 pictures .* 000001\.xml"):
        open_dataset([folder])


# NUS-WIDE


def nus_wide(folder: Path, count: int = 6000) -> Path:
    """Concept n of 25 has every image whose number divides by n + 1: c00 is the commonest."""
    names = [f"actor\\{number:04}_{number * 7}.jpg" for number in range(count)]
    write(folder / "ImageList" / "Imagelist.txt", "".join(f"{name}\n" for name in names))
    for concept in range(25):
        flags = "".join(f"{int(number % (concept + 1) == 0)}\n" for number in range(count))
        write(folder / "Groundtruth" / "AllLabels" / f"Labels_c{concept:02}.txt", flags)
    return folder


def test_nus_wide_draws_2100_pictures_of_the_21_commonest_concepts(tmp_path: Path) -> None:
    folder = nus_wide(tmp_path)
    found = open_dataset([folder])
    assert len(found.images) == len(set(found.images)) == 2100
    assert {label for labels in found.labels.values() for label in labels} == {
        f"c{concept:02}" for concept in range(21)
    }
    for concept in range(21):
        having = [name for name, labels in found.labels.items() if f"c{concept:02}" in labels]
        assert len(having) >= 100
    assert all(int(name[:4]) % 3 == 0 for name, labels in found.labels.items() if "c02" in labels)
    assert found.files["0000_0"] == "actor/0000_0.jpg"
    assert open_dataset([folder]) == found, "the same pictures every time"


def test_nus_wide_takes_an_image_list(tmp_path: Path) -> None:
    folder = nus_wide(tmp_path)
    chosen = write(tmp_path / "mine.txt", "actor\\0006_42.jpg\r\nactor\\0001_7.jpg\r\n")
    found = open_dataset([folder], image_list=chosen)
    assert found.labels == {
        "0006_42": ("c00", "c01", "c02", "c05"),
        "0001_7": ("c00",),
    }
    strange = write(tmp_path / "strange.txt", "x.jpg\n")
    with pytest.raises(EvaluationError, match=r"1 of 1 pictures are not NUS-WIDE's"):
        open_dataset([folder], image_list=strange)


def test_nus_wide_files_must_fit_the_image_list(tmp_path: Path) -> None:
    folder = nus_wide(tmp_path)
    write(folder / "Groundtruth" / "AllLabels" / "Labels_c03.txt", "1\n0\n")
    with pytest.raises(EvaluationError, match=r"Labels_c03\.txt should have 6000 lines .* has 2"):
        open_dataset([folder])


# What is none of them


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON, or is cut off"),
        ("[]", "not of a data set that is known"),
        ('{"images": []}', "without annotations"),
        ('{"images": [{}], "annotations": []}', "looks like COCO's"),
        ('{"images": [], "annotations": []}', "no pictures in it"),
        ('{"images": [{"sentences": []}]}', "looks like COCO's or Karpathy's"),
    ],
)
def test_wrong_json_is_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message) as caught:
        open_dataset([write(tmp_path / "wrong.json", text)])
    assert "wrong.json" in str(caught.value)


def test_other_wrong_places_are_told(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="not the folder of a known data set"):
        open_dataset([tmp_path])
    binary = tmp_path / "picture.json"
    binary.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(EvaluationError, match="not a text file"):
        open_dataset([binary])
    with pytest.raises(EvaluationError, match="different data sets: coco and flickr30k"):
        open_dataset(
            [
                coco(tmp_path / "coco") / "instances_val2017.json",
                karpathy(tmp_path / "k.json"),
            ]
        )


# TREC


def test_topics_of_both_kinds(tmp_path: Path) -> None:
    lines = write(tmp_path / "t.tsv", "\ufeff1\tred dog\r\n\n2\ta, b\tc\n")
    assert [tuple(topic) for topic in read_topics(lines)] == [("1", "red dog"), ("2", "a, b\tc")]
    marked = write(
        tmp_path / "t.xml",
        "<top>\n<num> Number: 301\n<title> Foreign\n bus\n<desc> more\n</top>\n"
        "<top><num>302</num><title>cat</title></top>",
    )
    assert [tuple(topic) for topic in read_topics(marked)] == [
        ("301", "Foreign bus"),
        ("302", "cat"),
    ]


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (read_topics, "", "holds no topics"),
        (read_topics, "1\tdog\n2 cat\n", "line 2: not id TAB text"),
        (read_topics, "1\tdog\n2\t , \n", "line 2: the topic '2' has no text"),
        (read_topics, "1\tdog\n1\tcat\n", "'1' comes twice"),
        (read_topics, "<top><num>1</num></top>", "without <num>, or"),
        (read_qrels, "1 0 a\n", "line 1: not query_id 0 doc_id"),
        (read_qrels, "1 0 a x\n", "line 1: not query_id 0 doc_id"),
        (read_qrels, "1 0 a 0\n", "judges nothing as relevant"),
        (read_run, "1 Q0 a 1 high me\n", "line 1: not query_id Q0"),
        (read_run, "1 Q0 a 1 nan me\n", "line 1: the score nan is no number"),
        (read_run, "1 Q0 a 1 inf me\n", "line 1: the score inf is no number"),
        (read_run, "", "is an empty run"),
    ],
)
def test_wrong_trec_files_are_told(tmp_path: Path, read: object, text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message) as caught:
        read(write(tmp_path / "wrong.txt", text))  # type: ignore[operator]
    assert "wrong.txt" in str(caught.value)


@given(
    st.dictionaries(
        st.from_regex(r"[!-~é]{1,8}", fullmatch=True),
        st.lists(
            st.tuples(
                st.from_regex(r"[!-~ü]{1,8}", fullmatch=True), st.integers(0, 10**6).map(float)
            ),
            min_size=1,
            unique_by=lambda hit: hit[0],
        ),
        min_size=1,
    )
)
def test_a_run_is_read_as_it_was_written(run: dict[str, list[tuple[str, float]]]) -> None:
    ranked = {
        query_id: sorted((ScoredDoc(*hit) for hit in hits), key=lambda hit: -hit.score)
        for query_id, hits in run.items()
    }
    with TemporaryDirectory() as folder:
        text = "".join(write_run(query_id, hits) for query_id, hits in ranked.items())
        found = read_run(write(Path(folder) / "a.trec", text))
    assert found.doubles == 0
    assert {
        query_id: [hit.doc_id for hit in hits] for query_id, hits in found.rankings.items()
    } == {query_id: [hit.doc_id for hit in hits] for query_id, hits in ranked.items()}


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=40))
def test_written_scores_fall_strictly_in_32_bits_and_stay_near(scores: list[float]) -> None:
    ranking = [ScoredDoc(f"d{n}", score) for n, score in enumerate(sorted(scores, reverse=True))]
    written = [float(line.split()[4]) for line in write_run("q", ranking).splitlines()]
    as_float32 = [struct.unpack("<f", struct.pack("<f", score))[0] for score in written]
    assert all(a > b for a, b in pairwise(as_float32))
    for hit, score in zip(ranking, written, strict=True):
        assert score == pytest.approx(hit.score, rel=1e-5, abs=1e-30)


@pytest.mark.parametrize("space", [" ", "\t", "\u00a0", "\u3000", "\n"])
def test_white_space_in_ids_keeps_a_run_in_six_fields(tmp_path: Path, space: str) -> None:
    line = write_run(f"q{space}1%", [ScoredDoc(f"IMG{space}001", 1.0)])
    assert len(line.split()) == 6
    file = tmp_path / "a.trec"
    file.write_text(line, encoding="utf-8")
    ((query_id, [hit]),) = read_run(file).rankings.items()
    assert (unquote(query_id), unquote(hit.doc_id)) == (f"q{space}1%", f"IMG{space}001")


def test_a_document_that_comes_twice_counts_once_and_is_counted(tmp_path: Path) -> None:
    text = "q Q0 a 1 3 x\nq Q0 b 2 2 x\nq Q0 a 3 1 x\n"
    found = read_run(write(tmp_path / "a.trec", text))
    assert [hit.doc_id for hit in found.rankings["q"]] == ["a", "b"]
    assert found.doubles == 1


def test_qrels_keep_what_is_relevant_and_how_much(tmp_path: Path) -> None:
    file = write(tmp_path / "q", "1 0 a 2\n1 0 b 0\n2 0 c 1\n2 0 d -1\n")
    assert read_qrels(file) == {"1": {"a": 2}, "2": {"c": 1}}


# Tasks

TINY = Dataset(
    "tiny",
    ("a", "b", "c", "d"),
    {"a": ("car", "dog"), "b": ("car", "dog"), "c": ("car", "dog", "sky"), "d": ("car",)},
    {"a": ("first of a", "second of a"), "d": ("of d",)},
)


def relevant(task: tasks.Task) -> dict[str, set[str]]:
    return {row.query_id: set(row.relevant) for row in task.questions}


def test_keyword_asks_for_each_label() -> None:
    [task] = tasks.keyword(TINY)
    assert relevant(task) == {"car": set("abcd"), "dog": set("abc"), "sky": {"c"}}


def test_multi_keyword_has_three_readings() -> None:
    containing, exact, single = tasks.multi_keyword(TINY)
    assert [str(row.query) for row in containing.questions] == ["car, dog", "car, dog, sky", "car"]
    assert relevant(containing) == {
        "car+dog": set("abc"),
        "car+dog+sky": {"c"},
        "car": set("abcd"),
    }
    assert relevant(exact) == {"car+dog": set("ab"), "car+dog+sky": {"c"}, "car": {"d"}}
    assert relevant(single) == {name: {name} for name in "abcd"}


def test_captions_ask_for_their_picture() -> None:
    [task] = tasks.caption(TINY)
    assert relevant(task) == {"a/0": {"a"}, "a/1": {"a"}, "d/0": {"d"}}


def test_feedback_adds_one_label_after_the_other() -> None:
    texts = [[str(row.query) for row in task.questions] for task in tasks.feedback(TINY)]
    assert texts == [
        ["first of a", "of d"],
        ["first of a, car", "of d, car"],
        ["first of a, car, dog", "of d, car"],
    ]


def test_a_task_that_the_data_does_not_allow_is_told() -> None:
    bare = Dataset("bare", ("a",), captions={"a": ("text",)})
    assert [task.name for task in tasks.choose(bare, [])] == ["caption"]
    with pytest.raises(EvaluationError, match="feedback needs labels"):
        list(tasks.choose(bare, ["feedback"]))
    with pytest.raises(EvaluationError, match="nothing to measure"):
        list(tasks.choose(Dataset("empty", ("a",)), []))


def test_what_people_wrote_is_words_whatever_signs_it_holds() -> None:
    text = 'a clock that reads "10:45" -am, text:exit +more'
    odd = Dataset("odd", ("a",), {"a": ("-x", "date:2019")}, {"a": (text,)})
    [task] = tasks.caption(odd)
    assert task.questions[0].query == Query((Keyword(text),))
    [keyword] = tasks.keyword(odd)
    assert [row.query for row in keyword.questions] == [
        Query((Keyword("-x"),)),
        Query((Keyword("date:2019"),)),
    ]


def test_labels_that_differ_by_a_space_are_two_queries() -> None:
    near = Dataset("near", ("a", "b"), {"a": ("hot dog",), "b": ("hot_dog",)})
    [task] = tasks.keyword(near)
    assert relevant(task) == {"hot dog": {"a"}, "hot_dog": {"b"}}
