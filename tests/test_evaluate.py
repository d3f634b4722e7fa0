"""`lexsearch evaluate` and `lexsearch analyze`, as commands."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import ir_measures
import pytest
from conftest import Run, command_in
from fakes import FakeCaptioner, picture
from PIL import Image
from test_datasets import voc

import lexsearch
from lexsearch.cli import main

CAPTIONS = {
    "a": "a red bus and a dog",
    "b": "a bus, a bus, a bus",
    "c": "a dog sleeps",
    "d": "a teapot",
    "e": "nothing of note",
}
TOPICS = "t1\tbus\nt2\tdog, bus\nt3\tquasar\n"
QRELS = "t1 0 a 1\nt1 0 b 1\nt2 0 a 1\nt2 0 e 1\nt3 0 d 1\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluate")
    lines = [json.dumps({"doc_id": name, "text": text}) for name, text in CAPTIONS.items()]
    (folder / "captions.jsonl").write_text("\n".join(lines))
    (folder / "topics.tsv").write_text(TOPICS)
    (folder / "qrels.txt").write_text(QRELS)
    with lexsearch.open(folder / "indexes" / "default") as index:
        index.import_captions(lines)
    return folder


@pytest.fixture
def run(folder: Path, environment: dict[str, str]) -> Run:
    return command_in(folder, environment)


BY_HAND = ("--captions", "captions.jsonl", "--topics", "topics.tsv", "--qrels", "qrels.txt")


def measured(ended: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    assert ended.returncode == 0, ended.stderr
    return {row["task"]: row for row in map(json.loads, ended.stdout.splitlines())}


def test_captions_topics_and_qrels_give_measures_that_can_be_worked_out(run: Run) -> None:
    # t1: b a. t2: a b c. t3: nothing. Relevant: 2 + 2 + 1, of which a, b, a are found.
    found = measured(run("evaluate", *BY_HAND, "--json"))["topics"]
    assert (found["queries"], found["depth"], found["pictures"]) == (3, 5, 5)
    assert found["ranking"] == "what keywords mean"
    assert found["curve"] == [
        {"k": 1, "precision": pytest.approx(2 / 3), "recall": pytest.approx(2 / 5)},
        {"k": 2, "precision": pytest.approx(3 / 6), "recall": pytest.approx(3 / 5)},
        {"k": 4, "precision": pytest.approx(3 / 12), "recall": pytest.approx(3 / 5)},
        {"k": 5, "precision": pytest.approx(3 / 15), "recall": pytest.approx(3 / 5)},
    ]
    assert found["retrieved_curve"][-1]["precision"] == pytest.approx(3 / 5)
    assert found["measures"]["PR-AUC"] == pytest.approx(1 / 5 * (2 / 3 + 1 / 2) / 2)
    assert found["measures"]["mAP"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert found["measures"]["PR-AUC perfect"] == pytest.approx(2 / 5 * (1 + 5 / 6) / 2)


def test_an_index_gives_a_table(run: Run) -> None:
    ended = run("evaluate", "--topics", "topics.tsv", "--qrels", "qrels.txt")
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[0] == "5 pictures by what keywords mean"
    assert "PR-AUC    perfect  retrieved        mAP" in ended.stdout
    tables = [line.split() for line in ended.stdout.splitlines() if line.startswith("Topics")]
    assert tables == [
        ["Topics", "3", "0.117", "0.367", "0.175", "0.500"],
        ["Topics", "3", "0.500", "0.538", "0.444", "0.500", "0.467"],
        ["Topics", "3", "0.500", "0.100", "0.667", "0.100"],
    ]


def test_runs_csv_and_plots_are_written(run: Run, folder: Path) -> None:
    options = ("--trec", "out/runs", "--csv", "out.csv", "--plots", "out/plots")
    ended = run("evaluate", *BY_HAND, *options, "--mode", "paper")
    assert ended.returncode == 0, ended.stderr
    rows = list(ir_measures.read_trec_run(str(folder / "out" / "runs" / "topics.trec")))
    assert [(row.query_id, row.doc_id) for row in rows[:2]] == [("t1", "b"), ("t1", "a")]
    assert {row.query_id for row in rows} == {"t1", "t2"}
    with (folder / "out.csv").open() as file:
        values = {(r["query"], r["measure"]): float(r["value"]) for r in csv.DictReader(file)}
    assert values["all", "mAP"] == pytest.approx(0.5)
    assert values["t2", "AP"] == pytest.approx(0.5)
    assert values["t1", "R@1"] == pytest.approx(0.5)
    for name in ("topics.png", "topics-queries.png"):
        with Image.open(folder / "out" / "plots" / name) as image:
            assert image.format == "PNG"
            assert len(image.convert("RGB").getcolors(2**20) or ()) > 3


def test_a_run_compared_with_itself_is_equal_and_with_a_worse_one_better(
    run: Run, folder: Path
) -> None:
    run("evaluate", *BY_HAND, "--trec", "itself")
    same = measured(run("evaluate", *BY_HAND, "--json", "--compare", "itself"))["topics"]
    assert (same["comparison"]["equal"], same["comparison"]["p_t"]) == (3, 1.0)
    (folder / "worse.trec").write_text("t1 Q0 d 1 3 x\nt1 Q0 b 2 2 x\nt2 Q0 a 1 1 x\n")
    found = measured(run("evaluate", *BY_HAND, "--json", "--compare", "worse.trec"))["topics"]
    assert (found["comparison"]["better"], found["comparison"]["equal"]) == (1, 2)
    (folder / "other.trec").write_text("x Q0 d 1 3 x\n")
    ended = run("evaluate", *BY_HAND, "--compare", "other.trec")
    assert (ended.returncode, "is of other queries" in ended.stderr) == (4, True)


def test_pictures_of_an_index_are_known_by_their_file_names(run: Run, folder: Path) -> None:
    """VOC's test set, its pictures indexed from a folder; one is missing, one is a stranger."""
    voc(folder / "VOC2007")
    for name, colour in {"000001": "red", "000003": "blue", "999999": "green"}.items():
        picture(folder / "JPEGImages" / f"{name}.png", colour)
    with lexsearch.open(folder / "voc") as index:
        says = "car dining table person"
        index.add(folder / "JPEGImages", captioner=FakeCaptioner(says=says), crops="none")
    ended = run("evaluate", "--index", "voc", "--data", "VOC2007", "--difficult", "--json")
    found = measured(ended)
    assert found["keyword"]["queries"] == 4
    assert found["keyword"]["depth"] == 2, "the stranger is not of the data set"
    assert "1 of 3 pictures are not in the index" in ended.stderr
    assert "(the first: 000002)" in ended.stderr
    assert found["keyword"]["measures"]["R@5"] == pytest.approx(3 / 5)
    assert set(found) == {
        "keyword",
        "multi-keyword",
        "multi-keyword-exact",
        "multi-keyword-single",
    }


def test_feedback_and_captions_of_a_data_set(run: Run, folder: Path) -> None:
    images = [{"id": n, "file_name": f"{name}.jpg"} for n, name in enumerate("abc")]
    labels = [(0, 1), (0, 2), (1, 1), (2, 2)]
    instances = {
        "images": images,
        "annotations": [{"image_id": i, "category_id": c, "iscrowd": 0} for i, c in labels],
        "categories": [{"id": 1, "name": "bus"}, {"id": 2, "name": "dog"}],
    }
    texts = ["something", "a bus, a bus", "a dog sleeps"]
    captions = {
        "images": images,
        "annotations": [{"image_id": n, "caption": text} for n, text in enumerate(texts)],
    }
    (folder / "instances.json").write_text(json.dumps(instances))
    (folder / "captions.json").write_text(json.dumps(captions))
    data = ("--data", "instances.json", "--data", "captions.json")
    found = measured(run("evaluate", *data, "--json", "--plots", "feedback"))
    assert found["caption"]["measures"]["R@1"] == pytest.approx(2 / 3)
    recalls = [found[f"feedback-{n}"]["measures"]["R@1"] for n in range(3)]
    # "something, bus" finds b first, which says bus three times.
    assert recalls == pytest.approx([2 / 3, 2 / 3, 1])
    assert (folder / "feedback" / "feedback.png").exists()
    table = run("evaluate", *data, "--task", "caption", "--task", "feedback").stdout
    assert "MRR" in table
    assert "PR-AUC" not in table


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ((), 2, "give either --topics and --qrels, or --data"),
        (("--topics", "topics.tsv"), 2, "go together"),
        (("--data", "no-such.json"), 2, "does not exist"),
        (("--data", "topics.tsv"), 4, "is not of a data set that is known"),
        (("--topics", "topics.tsv", "--qrels", "topics.tsv"), 4, "line 1: not query_id 0 doc_id"),
        (("--topics", "topics.tsv", "--qrels", "other-qrels.txt"), 4, "none of the 3 topics"),
        (("--topics", "topics.tsv", "--qrels", "other-docs.txt"), 4, "none of the 1 pictures"),
        ((*BY_HAND[2:], "--captions", "topics.tsv"), 4, "there is no caption in the file"),
        ((*BY_HAND[2:], "--index", "nowhere"), 4, "there is no index"),
        (("--dense", "x", *BY_HAND[2:]), 2, "--dense needs"),
        ((*BY_HAND, "--task", "keyword"), 2, "--task is for --data"),
    ],
)
def test_what_does_not_fit_is_told(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    status: int,
    message: str,
) -> None:
    (folder / "other-qrels.txt").write_text("q9 0 a 1\n")
    (folder / "other-docs.txt").write_text("t1 0 999 1\n")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["lexsearch", "evaluate", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == status
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_run_with_ties_gives_every_tool_the_numbers_that_were_printed(
    run: Run, tmp_path: Path
) -> None:
    lines = [json.dumps({"doc_id": f"p{n:02}", "text": "a bus"}) for n in range(12)]
    (tmp_path / "ties.jsonl").write_text("\n".join(lines))
    (tmp_path / "t.tsv").write_text("q 1\tbus\n")
    (tmp_path / "q.txt").write_text("q%201 0 p00 1\nq%201 0 p07 1\n")
    options = ("--topics", tmp_path / "t.tsv", "--qrels", tmp_path / "q.txt", "--json")
    found = measured(
        run("evaluate", "--captions", tmp_path / "ties.jsonl", *options, "--trec", tmp_path / "r")
    )["topics"]["measures"]
    written = ir_measures.read_trec_run(str(tmp_path / "r" / "topics.trec"))
    qrels = list(ir_measures.read_trec_qrels(str(tmp_path / "q.txt")))
    again = ir_measures.calc_aggregate([ir_measures.AP, ir_measures.RR], qrels, written)
    assert again[ir_measures.AP] == pytest.approx(found["mAP"])
    assert again[ir_measures.RR] == pytest.approx(found["RR"])


def test_the_list_of_an_everyday_search_is_measured(run: Run) -> None:
    best = measured(run("evaluate", *BY_HAND, "--json", "--match", "best"))["topics"]["measures"]
    # t1: b a, both right. t2: a, b or c, one of two right ones. t3: nothing.
    assert best["list recall"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert best["list precision"] == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert best["P10"] == pytest.approx((1 + 1 / 2 + 0) / 3)


def test_a_run_that_does_not_fit_is_refused_or_counted(run: Run, folder: Path) -> None:
    (folder / "otherwise.trec").write_text("t1 Q0 val/a.jpg 1 2 x\nt1 Q0 b 2 1 x\n")
    ended = run("evaluate", *BY_HAND, "--compare", "otherwise.trec")
    assert "no ranking for 1 of 3 queries" in ended.stderr
    assert "not searched here" not in ended.stderr
    (folder / "strange.trec").write_text("t1 Q0 zz 1 2 x\nt1 Q0 a 2 1 x\nt1 Q0 a 3 0 x\n")
    ended = run("evaluate", *BY_HAND, "--compare", "strange.trec")
    assert "1 documents that are not searched here" in ended.stderr
    assert "twice for one query" in ended.stderr
    assert "too few to tell luck from skill" in ended.stderr
    (folder / "foreign.trec").write_text("t1 Q0 zz 1 2 x\n")
    ended = run("evaluate", *BY_HAND, "--compare", "foreign.trec")
    assert (ended.returncode, "is of other documents" in ended.stderr) == (4, True)


def test_imported_captions_are_known_by_path_and_file_name(run: Run, tmp_path: Path) -> None:
    rows = [
        {"doc_id": "001.jpg", "text": "a dog"},
        {"doc_id": "x2", "path": "/photos/cam 1/002.jpg", "text": "a cat"},
    ]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "t.tsv").write_text("1\tdog\n2\tcat\n")
    (tmp_path / "q.txt").write_text("1 0 001 1\n2 0 cam%201/002.jpg 1\n")
    options = ("--topics", tmp_path / "t.tsv", "--qrels", tmp_path / "q.txt", "--json")
    ended = run("evaluate", "--captions", tmp_path / "c.jsonl", *options)
    assert measured(ended)["topics"]["measures"]["mAP"] == pytest.approx(1)
    assert "not in the index" not in ended.stderr


def test_query_and_evaluate_read_topics_alike(run: Run, folder: Path) -> None:
    (folder / "odd.tsv").write_bytes("\ufeffq1\tbus\nno tab\nq2\t,\nq3\tdog\n".encode())
    ended = run("query", "--topics", "odd.tsv", "--trec")
    assert ended.returncode == 3
    assert {line.split()[0] for line in ended.stdout.splitlines()} == {"q1", "q3"}
    assert "line 2: not id TAB text" in ended.stderr
    assert "line 3: the topic 'q2' has no text" in ended.stderr
    (folder / "blocks.txt").write_text("<top><num>7</num><title>bus</title></top>")
    ended = run("query", "--topics", "blocks.txt", "--trec")
    assert (ended.returncode, ended.stdout.split()[0]) == (0, "7")
    (folder / "twice.tsv").write_text("q\tbus\nq\tdog\n")
    assert run("query", "--topics", "twice.tsv", "--trec").returncode == 4
    (folder / "latin.tsv").write_bytes("q\tcafé\n".encode("latin-1"))
    ended = run("query", "--topics", "latin.tsv", "--trec")
    assert (ended.returncode, "not a text file in UTF-8" in ended.stderr) == (4, True)
    ended = run("query", "--topics", "-", "--trec", input="q\tbus\n")
    assert ended.stdout.startswith("q Q0 ")


def test_results_that_cannot_be_written_are_one_sentence(run: Run, folder: Path) -> None:
    (folder / "a-file").write_text("")
    for option in (("--trec", "a-file"), ("--plots", "a-file/x"), ("--csv", "a-file/x.csv")):
        ended = run("evaluate", *BY_HAND, *option)
        assert ended.returncode == 4, option
        assert "could not be written" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_plots_of_other_scripts_are_drawn_without_warnings(run: Run, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text('{"doc_id": "a", "text": "東京タワー"}\n')
    (tmp_path / "t.tsv").write_text("東京\t東京\nกรุงเทพ\tx\n")
    (tmp_path / "q.txt").write_text("東京 0 a 1\nกรุงเทพ 0 a 1\n")
    options = ("--topics", tmp_path / "t.tsv", "--qrels", tmp_path / "q.txt")
    ended = run(
        "evaluate", "--captions", tmp_path / "c.jsonl", *options, "--plots", tmp_path / "p", "-q"
    )
    assert ended.returncode == 0
    assert "Warning" not in ended.stderr
    assert ended.stderr.count("no font on this machine") <= 1


def test_topics_that_are_not_judged_are_noted(run: Run, folder: Path) -> None:
    (folder / "some.txt").write_text("t1 0 a 1\nq9 0 a 1\n")
    ended = run("evaluate", "--topics", "topics.tsv", "--qrels", "some.txt")
    assert "2 topics without a relevant document are left out (the first: t2)" in ended.stderr
    assert "1 judged queries have no topic (one is q9)" in ended.stderr


def test_only_captions_in_effect_are_read(folder: Path) -> None:
    with lexsearch.open(folder / "corrected") as index:
        index.import_captions(['{"doc_id": "x", "text": "cat", "caption_id": "1"}'])
        index.import_captions(['{"doc_id": "y", "text": "cow"}'])
        index.edit_caption("x", "a corrected dog", caption_id="1")
        index.remove("y")
        assert [document[:2] for document in index.contents()] == [("x", "a corrected dog")]
        assert index.documents() == ["x"]
        assert [hit.doc_id for hit in index.rank("dog", 5)] == ["x"]


def test_words_are_counted_and_drawn(run: Run, folder: Path) -> None:
    ended = run("analyze", "words", "--json", "--plot", "words.png")
    assert ended.returncode == 0, ended.stderr
    assert list(json.loads(ended.stdout).items())[:2] == [("bus", 4), ("dog", 2)]
    assert Image.open(folder / "words.png").size[0] > 1000
    one = run("analyze", "words", "c")
    assert [line.split() for line in one.stdout.splitlines()] == [["1", "dog"], ["1", "sleeps"]]
    assert "not in the index" in run("analyze", "words", "zzz").stderr


# The figures of the house plan, on real captions


@pytest.mark.parametrize(
    ("name", "captions", "precision", "area"),
    [
        ("coco-mllm", "", 0.743, 0.507),
        ("coco-val2017", "human/", 0.588, None),
        ("coco-val2017", "vinvl/", 0.464, None),
    ],
)
def test_plain_bm25_gives_the_known_figures(
    shared_data: Path, run: Run, name: str, captions: str, precision: float, area: float | None
) -> None:
    data = shared_data / name
    lines = (data / "captions.jsonl").read_text().splitlines(keepends=True)
    chosen = [line for line in lines if json.loads(line)["caption_id"].startswith(captions)]
    known = ("--topics", data / "topics.tsv", "--qrels", data / "qrels.txt")
    ended = run(
        "evaluate", "--captions", "-", *known, "--json", "--mode", "paper", input="".join(chosen)
    )
    values = measured(ended)["topics"]["measures"]
    assert values["mAP"] == pytest.approx(precision, abs=0.01)
    if area:
        assert values["PR-AUC"] == pytest.approx(area, abs=0.01)
    if name == "coco-val2017":
        assert values["PR-AUC perfect"] == pytest.approx(0.714, abs=0.001)
