"""The command line: what is printed, and the exit status."""

from __future__ import annotations

import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import pytest
from click.testing import CliRunner
from conftest import Run, command_in
from fakes import COLOURS, FakeCaptioner, picture
from PIL import Image

import lexsearch
from lexsearch.cli import cli
from lexsearch.cli.terminal import progress_bar
from lexsearch.records import Progress


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos/ and an index of them at the default place."""
    folder = tmp_path_factory.mktemp("cli")
    picture(folder / "photos" / "red.png", "red")
    picture(folder / "photos" / "sub" / "two words & ü.png", "blue")
    picture(folder / "photos" / "new\nline.png", "green")
    (folder / "photos" / "bad.jpg").write_text("not a picture")
    with lexsearch.open(folder / "indexes" / "default") as index:
        index.add(folder / "photos", captioner=FakeCaptioner())
        index.import_captions(['{"doc_id": "doc 1", "text": "a purple zebra"}'])
    return folder


@pytest.fixture
def run(folder: Path, environment: dict[str, str]) -> Run:
    return command_in(folder, environment)


def test_a_query_prints_rank_score_path_and_the_words_that_matched(run: Run) -> None:
    ended = run("query", "red, left half")
    assert ended.returncode == 0
    first, words = ended.stdout.splitlines()[:2]
    assert re.fullmatch(r" +1 +\d+\.\d+ +photos/red\.png", first)
    assert set(words.strip().split(", ")) == {"red", "left half"}
    assert "\x1b" not in ended.stdout


def test_words_need_no_quotes(run: Run) -> None:
    assert run("query", "red,", "left", "half").stdout == run("query", "red, left half").stdout


def test_json_is_one_object_a_hit(run: Run, folder: Path) -> None:
    [hit] = map(json.loads, run("query", "blue", "--json").stdout.splitlines())
    place = str(folder / "photos" / "sub" / "two words & ü.png")
    assert list(hit)[:6] == ["rank", "score", "doc_id", "path", "paths", "words"]
    assert (hit["missing"], hit["width"], hit["height"]) == ([], 64, 48)
    [why] = hit["evidence"]
    assert (why["keyword"], why["words"], why["share"]) == ("blue", ["blue"], 1.0)
    assert why["crops"][:2] == ["whole", "left half"]
    assert (hit["rank"], hit["path"], hit["paths"], hit["words"]) == (1, place, [place], ["blue"])
    [imported] = map(json.loads, run("query", "zebra", "--json").stdout.splitlines())
    assert (imported["doc_id"], imported["path"], imported["paths"]) == ("doc 1", None, [])


def test_paths_go_into_other_programs(run: Run, folder: Path) -> None:
    lines = run("query", "blue", "--paths").stdout
    assert lines == f"{folder}/photos/sub/two words & ü.png\n"
    assert run("query", "green", "-0").stdout == f"{folder}/photos/new\nline.png\0"


def test_an_odd_name_takes_one_line_on_a_terminal(run: Run) -> None:
    assert r"photos/new\nline.png" in run("query", "green").stdout


def test_k_bounds_the_hits(run: Run) -> None:
    assert len(run("query", "whole", "--json", "-k", 2).stdout.splitlines()) == 2
    assert run("query", "whole", "-k", 0).returncode == 2


@pytest.mark.parametrize("form", [[], ["--json"], ["--paths"], ["-0"]])
def test_nothing_found_is_exit_status_1(run: Run, form: list[str]) -> None:
    ended = run("query", "unicorn", *form)
    assert (ended.returncode, ended.stdout) == (1, "")


@pytest.mark.parametrize("typed", [("dog", "-person"), ("dog", "-kitten")])
def test_words_with_signs_go_in_quotes(run: Run, typed: tuple[str, str]) -> None:
    ended = run("query", *typed)
    assert ended.returncode == 2
    assert f"lexsearch query '{' '.join(typed)}'" in ended.stderr


def test_what_means_nothing_in_a_query_is_told(run: Run) -> None:
    assert "there is no field foo:" in run("query", "red, foo:bar").stderr
    ended = run("query", "red, date:2023-13")
    assert (ended.returncode, ended.stdout) == (2, "") or "is no date" in ended.stderr


def test_a_run_of_many_queries(run: Run, folder: Path) -> None:
    (folder / "topics.tsv").write_text("q1\tblue\nq2\tzebra\nq3\tunicorn\n\nq4\twhole half\n")
    ended = run("query", "--topics", "topics.tsv", "--trec", "-k", 3)
    rows = [line.split(" ") for line in ended.stdout.splitlines()]
    assert all(len(row) == 6 and row[1] == "Q0" and row[5] == "lexsearch" for row in rows)
    assert [row[:4] for row in rows if row[3] == "1"][:2] == [
        ["q1", "Q0", "sub/two%20words%20%26%20%C3%BC.png", "1"],
        ["q2", "Q0", "doc%201", "1"],
    ]
    last = [row for row in rows if row[0] == "q4"]
    assert [row[3] for row in last] == ["1", "2", "3"]
    assert {unquote(row[2]) for row in last} == {
        "red.png",
        "new\nline.png",
        "sub/two words & ü.png",
    }
    scores = [float(row[4]) for row in last]
    assert scores == sorted(scores, reverse=True)


def test_topics_or_words_but_not_both(run: Run) -> None:
    assert run("query").returncode == 2
    assert run("query", "red", "--topics", "topics.tsv").returncode == 2


def test_the_files_of_the_hits_as_an_archive(run: Run, folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "hits.zip"
    ran = run("query", "whole", "--zip", packed)
    assert (ran.returncode, "wrote" in ran.stderr) == (0, True)
    with zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert set(names) == {"red.png", "sub/two words & ü.png", "new\nline.png"}
        assert all(archive.read(name) == (folder / "photos" / name).read_bytes() for name in names)


def test_a_contact_sheet(run: Run, tmp_path: Path) -> None:
    assert run("query", "whole", "--sheet", tmp_path / "sheet.png").returncode == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(1 << 24)}
    assert COLOURS["red"] in colours


def test_show_tells_every_crop_its_words_and_by_whom(run: Run) -> None:
    shown = run("show", "photos/red.png").stdout
    assert "left half" in shown
    assert "red left half xff0000" in shown
    assert "fake 1" in shown
    rows = [
        json.loads(line) for line in run("show", "photos/red.png", "--json").stdout.splitlines()
    ]
    assert len(rows) == 18
    assert rows[0]["box"] == [0, 0, 64, 48]
    assert run("show", "photos/unknown.png").returncode == 4


def test_status_tells_what_is_there_and_what_failed(run: Run) -> None:
    shown = run("status").stdout
    assert "bad.jpg: not a picture" in shown
    assert re.search(r"pictures +3 in 3 files", shown)
    status = json.loads(run("status", "--json").stdout)
    assert (status["pictures"], status["imported"], status["searchable"]) == (3, 1, 4)
    assert [failure["reason"] for failure in status["failures"]] == ["not a picture, or damaged"]


@pytest.mark.parametrize("command", ["query red", "show red.png", "status", "remove x", "reindex"])
def test_a_missing_index_is_said_with_the_next_step(run: Run, tmp_path: Path, command: str) -> None:
    ended = run(*command.split(), "--index", tmp_path / "nowhere")
    assert ended.returncode == 4
    assert "lexsearch index FOLDER" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_empty_index_is_said_with_the_next_step(run: Run, tmp_path: Path) -> None:
    with lexsearch.open(tmp_path / "index") as index:
        index.import_captions([])
    ended = run("query", "red", "--index", tmp_path / "index")
    assert ended.returncode == 1
    assert "lexsearch index FOLDER" in ended.stderr


def test_the_environment_names_the_index(
    run: Run, tmp_path: Path, environment: dict[str, str], folder: Path
) -> None:
    elsewhere = {**environment, "LEXSEARCH_INDEX": str(folder / "indexes" / "default")}
    assert run("query", "red", cwd=tmp_path, env=elsewhere).returncode == 0


def test_a_closed_pipe_is_no_error(run: Run, folder: Path, environment: dict[str, str]) -> None:
    command = f"{sys.executable} -m lexsearch.cli export - | head -n 1"
    ended = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, text=True, capture_output=True
    )
    assert len(ended.stdout.splitlines()) == 1
    assert "Traceback" not in ended.stderr


def test_indexing_counts_and_names_what_failed(
    lexsearch_command: Run, photos: Path, tmp_path: Path
) -> None:
    picture(photos / "a.png")
    (photos / "b.jpg").write_bytes(b"")
    ended = lexsearch_command("index", photos)
    assert ended.returncode == 3
    assert ended.stdout == "1 added, 1 captioned, 1 failed\n"
    assert "b.jpg: the file is empty" in ended.stderr
    assert "captioner: fake" in ended.stderr
    (photos / "b.jpg").unlink()
    again = lexsearch_command("index", photos, "-q", "--json")
    assert again.returncode == 0
    assert json.loads(again.stdout)["unchanged"] == 1
    assert again.stderr == ""
    assert lexsearch_command("index", photos / "nowhere").returncode == 4


def test_hostile_files_cost_no_good_one(lexsearch_command: Run, photos: Path) -> None:
    """Every kind of bad file in one folder."""
    good = Image.linear_gradient("L").convert("RGB")
    good.save(photos / 'it\'s "good".jpg')
    good.rotate(90).save(photos / "new\nline 😀.jpg")
    good.convert("CMYK").save(photos / "cmyk.jpg")
    Image.new("RGB", (1, 1)).save(photos / "dot.png")
    Image.new("RGB", (5000, 2)).save(photos / "line.png")
    with open(os.fsencode(photos) + b"/\xff.jpg", "wb") as file:
        file.write((photos / "cmyk.jpg").read_bytes() + b"\0")
    Image.new("1", (20_000, 20_000)).save(photos / "huge.png")
    (photos / "zero.jpg").write_bytes(b"")
    (photos / "text.jpg").write_text("hello")
    (photos / "cut.jpg").write_bytes((photos / "cmyk.jpg").read_bytes()[:-1000])
    (photos / "sub").mkdir()
    (photos / "sub" / "loop").symlink_to("..")
    (photos / "gone.jpg").symlink_to("nowhere.jpg")
    ended = lexsearch_command("index", photos)
    assert ended.returncode == 3
    assert ended.stdout.startswith("6 added")
    assert ended.stdout.endswith("5 failed\n")
    for name, reason in {
        "huge.png": "--max-pixels",
        "zero.jpg": "empty",
        "text.jpg": "not a picture",
        "cut.jpg": "cut short",
        "gone.jpg": "link",
    }.items():
        assert re.search(f"{name}: .*{reason}", ended.stderr)
    run = lexsearch_command("query", "whole", "--trec", "-k", 100).stdout
    names = {line.split(" ")[2] for line in run.splitlines()}
    assert len(names) == 6
    assert {"dot.png", "new%0Aline%20%F0%9F%98%80.jpg", "%FF.jpg"} <= names


def test_captions_are_corrected_and_brought_back(lexsearch_command: Run, photos: Path) -> None:
    picture(photos / "a.png")
    lexsearch_command("index", photos)
    place = photos / "a.png"
    assert lexsearch_command("caption", "edit", place, "--text", "my dog Bella").returncode == 0
    assert lexsearch_command("query", "bella").returncode == 0
    assert "red whole" in lexsearch_command("caption", "revert", place).stdout
    assert lexsearch_command("query", "bella").returncode == 1
    assert lexsearch_command("caption", "edit", place, "--crop", "x", "--text", "y").returncode == 4


def test_captions_leave_and_come(lexsearch_command: Run, photos: Path, tmp_path: Path) -> None:
    picture(photos / "a.png")
    lexsearch_command("index", photos)
    assert "18 captions" in lexsearch_command("export", tmp_path / "c.jsonl").stderr
    came = lexsearch_command("import", tmp_path / "c.jsonl", "--index", tmp_path / "other")
    assert came.stdout == "18 added, 0 unchanged, 0 corrected, 0 failed\n"
    (tmp_path / "bad.jsonl").write_text('{"doc_id": "1"}\n')
    failed = lexsearch_command("import", tmp_path / "bad.jsonl")
    assert failed.returncode == 3
    assert "line 1: 'text' is missing" in failed.stderr


def test_pictures_are_taken_out_of_the_results(lexsearch_command: Run, photos: Path) -> None:
    picture(photos / "a.png")
    lexsearch_command("index", photos)
    assert lexsearch_command("remove", photos).stdout == "1 removed\n"
    assert lexsearch_command("query", "red").returncode == 1
    assert lexsearch_command("remove", photos).returncode == 1


def test_reindexing_with_other_parameters(lexsearch_command: Run, photos: Path) -> None:
    picture(photos / "a.png")
    lexsearch_command("index", photos)
    assert "1 pictures" in lexsearch_command("reindex", "--k1", "1.2").stdout
    assert "k1 1.2" in lexsearch_command("status").stdout


def every_command() -> list[list[str]]:
    names = []
    with cli.make_context("lexsearch", ["status"]) as context:
        for name in cli.list_commands(context):
            inner = getattr(cli.get_command(context, name), "commands", {})
            names += [[name, deeper] for deeper in inner] or [[name]]
    return names


@pytest.mark.parametrize("command", [[], *every_command()], ids=" ".join)
def test_help_has_an_example(run: Run, command: list[str]) -> None:
    ended = run(*command, "--help")
    assert ended.returncode == 0
    assert f"lexsearch {' '.join(command)}".strip() in ended.stdout.split("Examples:")[1]


@pytest.mark.parametrize(("arguments", "allowed"), [(["--help"], ""), (["query", "red"], "jnius")])
def test_no_command_loads_what_it_does_not_need(
    folder: Path, environment: dict[str, str], arguments: list[str], allowed: str
) -> None:
    heavy = "torch transformers pyarrow PIL jnius cv2 onnxruntime rapidocr pyserini"
    program = f"""
import sys, lexsearch.cli
sys.argv = ["lexsearch", *{arguments}]
try:
    lexsearch.cli.main()
except SystemExit:
    pass
print("loaded:", *[name for name in {heavy.split()} if name in sys.modules])
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, text=True, capture_output=True
    )
    assert ended.stdout.splitlines()[-1] == f"loaded: {allowed}".rstrip()


TIMES = [
    *((0.0, 0, None), (60.0, 0, None), (120.0, 20, None), (180.0, 30, 7.0)),
    *((240.0, 0, None), (300.0, 10, None)),  # begun anew
]
"""Seconds, what is done by then, and seconds left."""


def test_progress_is_told_even_where_nothing_is_done_for_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0  # seconds
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with progress_bar(quiet=False) as show:
        for now, done, left in TIMES:  # noqa: B007 (the clock)
            show(Progress("captioning", done, 40, "picture", left=left))
    assert capsys.readouterr().err.splitlines() == [
        "captioning: 0 of 40, 0.0 a second",
        "captioning: 20 of 40, 0.2 a second, 120 s left",
        "captioning: 30 of 40, 0.2 a second, 7 s left",
        "captioning: 0 of 40",
        "captioning: 10 of 40, 0.2 a second, 180 s left",
    ]


def test_the_bar_fits_a_narrow_terminal(environment: dict[str, str], tmp_path: Path) -> None:
    """Sixty columns; the time that is left is told before anything is done."""
    program = """
from lexsearch.cli.terminal import progress_bar
from lexsearch.records import Progress
with progress_bar(quiet=False) as show:
    show(Progress("describing", 0, 1800, "view", share=0.0, left=150.0))
    show(Progress("describing", 612, 1800, "view", share=0.5, left=80.0))
    show(Progress("describing", 1800, 1800, "view", share=1.0, left=0.0))
"""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    command = [sys.executable, "-c", program]
    subprocess.run(command, env={**environment, "TQDM_MININTERVAL": "0"}, stderr=slave, check=True)
    os.close(slave)
    shown = b""
    with suppress(OSError):  # the end of a terminal
        while part := os.read(master, 65536):
            shown += part
    os.close(master)
    lines = [line for line in re.split(r"[\r\n]+", shown.decode()) if line.strip()]
    assert max(map(len, lines)) <= 60
    assert lines[0].startswith("  0%|")
    assert lines[0].endswith("| describing: 0 of 1,800, 150 s left")
    assert lines[-1].startswith("100%|█████")
    assert "describing: 1,800 of 1,800" in lines[-1]


# Keywords, rounds and boxes


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a picture, and an index with captions of its crops and of two more."""
    folder = tmp_path_factory.mktemp("rooms")
    place = picture(folder / "room.png", "white", (400, 300))
    size = {"path": str(place), "width": 400, "height": 300, "doc_id": "room"}
    rows = [
        {"crop": "whole", "text": "a dog and a sofa", **size},
        {"crop": "left half", "text": "a dog", **size},
        {"crop": "top left quarter", "text": "a puppy", **size},
        {"crop": "bottom right quarter", "text": "a couch", **size},
        {"doc_id": "kennel", "text": "a dog with a ball"},
        {"doc_id": "shop", "text": "couches and a cup"},
    ]
    with lexsearch.open(folder / "indexes" / "default") as index:
        assert not index.import_captions(map(json.dumps, rows)).failed
    return folder


@pytest.fixture
def ask(rooms: Path, environment: dict[str, str]) -> Run:
    return command_in(rooms, environment)


def test_explain_says_which_crops_said_what_and_where(ask: Run) -> None:
    ended = ask("query", "dog, couch", "--explain")
    assert ended.returncode == 0
    room, kennel = ended.stdout.split("\n  2  ")
    kennel = kennel.split("\n  3  ")[0]
    assert re.search(r"dog \(\d+%\): dog, puppy\n +said of whole, left half, top left", room)
    assert "most likely at x 0-200, y 0-150" in room
    assert "no couch" not in room
    assert "no couch" in kennel or "no dog" in kennel
    assert "most likely" not in kennel


def test_the_shape_of_evidence_as_json(ask: Run) -> None:
    first, second, third = map(json.loads, ask("query", "dog, couch", "--json").stdout.splitlines())
    assert (first["doc_id"], first["missing"]) == ("room", [])
    dog, couch = first["evidence"]
    assert list(dog) == ["keyword", "words", "crops", "share", "box", "doubtful"]
    assert (dog["keyword"], dog["words"]) == ("dog", ["dog", "puppy"])
    assert dog["crops"] == ["whole", "left half", "top left quarter"]
    assert dog["box"] == [0, 0, 200, 150]
    assert dog["share"] + couch["share"] == pytest.approx(1, abs=1e-3)
    assert {second["doc_id"]: second["missing"], third["doc_id"]: third["missing"]} == {
        "kennel": ["couch"],
        "shop": ["dog"],
    }
    assert second["evidence"][0]["box"] is None


def test_all_and_any(ask: Run) -> None:
    assert ask("query", "dog, couch", "--all", "--json").stdout.count("\n") == 1
    ended = ask("query", "ball, cup", "--all")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "without --all, 2 have some of it" in ended.stderr
    best, widest = (ask("query", "ball", "--json", *how).stdout for how in ([], ["--any"]))
    assert best.count("\n") == 1
    assert best in widest


def test_a_keyword_that_nobody_has_is_named_with_the_nearest(ask: Run) -> None:
    ended = ask("query", "kup")
    assert ended.returncode == 1
    assert "no picture has 'kup'; did you mean cup (1)?" in ended.stderr


def test_maybe_is_told_by_a_line(ask: Run) -> None:
    ended = ask("query", "sofa, cat", "--maybe")
    assert ended.returncode == 0, ended.stderr
    above, _, below = ended.stdout.partition("-- none of it, but words near to it --")
    assert "room" in above
    assert "dog; no sofa; no cat" in below
    rows = map(json.loads, ask("query", "cat", "--maybe", "--json").stdout.splitlines())
    assert {(row["below"], *row["missing"]) for row in rows} == {("near", "cat")}
    assert ask("query", "dog", "--maybe", "--all").returncode == 2


def test_a_search_in_rounds(ask: Run) -> None:
    typed = "+couch\nundo\nundo\ndrop spoon\nlike 9\nlike 0\nlike:nowhere\nunlike 1\nquit\n"
    ended = ask("query", "dog", "-i", input=typed)
    assert ended.returncode == 0, ended.stderr
    said = ended.stderr
    rounds = re.findall(r"round (\d+): (.*?): .*?(\d+) have it all", said)
    assert [(number, total) for number, _, total in rounds] == [
        ("1", "2"),
        ("2", "1"),
        ("1", "2"),
        ("2", "1"),
    ]
    assert [query for _, query, _ in rounds[:3]] == ["dog", "dog, +couch", "dog"]
    assert "2 > 1 have it all" in said
    for reason in ("no round to take back", "'spoon'", "no hit 9", "no hit 0", "nowhere is not"):
        assert reason in said
    assert "Traceback" not in said


def test_rounds_end_with_the_input(ask: Run) -> None:
    assert ask("query", "dog", "-i", input="cup").returncode == 0
    assert ask("query", "dog", "-i", input="").returncode == 0


def test_show_draws_a_box_for_each_keyword(ask: Run, rooms: Path) -> None:
    ended = ask("show", "room", "--query", "dog, couch, unicorn", "--output", "drawn.png")
    assert ended.returncode == 0, ended.stderr
    assert "no unicorn" in ended.stdout
    with Image.open(rooms / "drawn.png") as image:
        assert image.size == (400, 300)
        colours = {
            image.getpixel((x, y))
            for x, y in [(100, 149), (100, 148), (300, 299), (300, 298), (300, 297), (300, 296)]
        }
    assert len(colours - {(255, 255, 255)}) >= 2
    ended = ask("show", "room", "--query", "dog", "--json", "--output", "one.jpg")
    assert json.loads(ended.stdout)["evidence"][0]["box"] == [0, 0, 200, 150]
    assert (rooms / "one.jpg").exists()


def test_show_says_when_the_picture_has_none_of_it(ask: Run, rooms: Path) -> None:
    ended = ask("show", "room", "--query", "unicorn", "--output", "none.png")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "unicorn" in ended.stderr
    assert not (rooms / "none.png").exists()
    ended = ask("show", "kennel", "--query", "dog", "--output", "none.png")
    assert ended.returncode == 0
    assert "kennel" in ended.stderr
    assert not (rooms / "none.png").exists()


@pytest.mark.parametrize("output", ["noextension", "what.xyz", "no/such/folder/a.png", "."])
def test_a_picture_that_cannot_be_written_is_one_line(ask: Run, output: str) -> None:
    for command in (
        ["show", "room", "--query", "dog", "--output", output],
        ["query", "dog", "--sheet", output],
    ):
        ended = ask(*command)
        assert ended.returncode not in (0, 1)
        assert "Traceback" not in ended.stderr
        assert output in ended.stderr


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        (["search", "dog"], "lexsearch query does it"),
        (["rm", "a.jpg"], "lexsearch remove does it"),
        (["query", "dog", "-person"], "lexsearch query 'dog -person'"),
        (["query", "dog", "-kitten"], "lexsearch query 'dog -kitten'"),
        (["query", "-dog", "cat"], "lexsearch query -- '-dog cat'"),
    ],
)
def test_what_people_type_first_is_told_in_the_words_of_lexsearch(
    typed: list[str], advice: str
) -> None:
    ended = CliRunner().invoke(cli, typed)
    assert ended.exit_code == 2
    assert advice in ended.output
