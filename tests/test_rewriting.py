"""Pairs of queries and rewrites: how they are made, filtered, kept and split."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from math import log2
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import open_in_memory
from hypothesis import given
from hypothesis import strategies as st
from scripted import scripted

import lexsearch
from lexsearch.cli import cli
from lexsearch.errors import ModelError, ModelUnavailable
from lexsearch.language import LLM_MODEL, LLM_URL, Ask, LanguageModel
from lexsearch.rewriting.filters import fault, new_words
from lexsearch.rewriting.lexicon_pairs import Caption, pairs_of_captions
from lexsearch.rewriting.making import Captions, Made, PairMaker, Query, Settings
from lexsearch.rewriting.pairs import Pair, PairsFile, Rewrite, read_pairs, split_of
from lexsearch.rewriting.prompts import rewrite_in
from lexsearch.rewriting.retriever import Asked, LexicalRetriever, Retriever
from lexsearch.rewriting.sources import IndexGallery, lexical

CAPTIONS = {
    "lorry": "a red lorry waits at a kerb",
    "truck": "a red truck on a road",
    **{f"car{number}": f"a red car on road number {number}" for number in range(30)},
    "dog": "a brown dog on a sofa",
    "cat": "a brown cat on a sofa",
    "lamp": "a brown lamp on a sofa",
}


@pytest.fixture(autouse=True)
def nothing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (LLM_URL, LLM_MODEL):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LEXSEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("lexsearch.chat._FIRST_PAUSE", 0.02)


@pytest.fixture
def index(memory_index: lexsearch.Index) -> lexsearch.Index:
    memory_index.import_captions(
        json.dumps({"doc_id": name, "text": text}) for name, text in CAPTIONS.items()
    )
    return memory_index


@pytest.fixture
def retriever(index: lexsearch.Index) -> LexicalRetriever:
    return lexical(index, CAPTIONS, "paper")[0]


class Talker(LanguageModel):
    """Says what a test wants of each question."""

    note = key = "talker"

    def __init__(self, says: Callable[[Ask, int], str | ModelError]) -> None:
        self.says = says
        self.asked: list[Ask] = []

    def ask(self, asked: Sequence[Ask]) -> list[str | ModelError]:
        answers = []
        for one in asked:
            self.asked.append(one)
            answers.append(self.says(one, len(self.asked)))
        return answers


def makes(
    retriever: Retriever,
    tmp_path: Path,
    says: Callable[[Ask, int], str | ModelError],
    queries: Sequence[Query],
    settings: Settings = Settings(),  # noqa: B008 (a tuple)
) -> tuple[Made, list[Pair], list[Ask]]:
    """What became of queries, the lines of the file, and what was asked."""
    model = Talker(says)
    gallery = Captions({name: [text] for name, text in CAPTIONS.items()})
    file = PairsFile(tmp_path / "pairs.jsonl")
    try:
        made = PairMaker(retriever, model, gallery, settings).make(queries, file)
    finally:
        file.close()
    return made, read_pairs(tmp_path / "pairs.jsonl").rows, model.asked


# The search as a teacher


def test_a_score_is_one_over_the_logarithm_of_the_place(retriever: LexicalRetriever) -> None:
    first, shared, none = retriever.judge(
        [
            Asked("lorry", "lorry", "lorry"),
            Asked("sofa", "dog", "brown sofa"),
            Asked("sofa", "lorry", "sofa"),
        ]
    )
    assert (first.score, first.rank) == (1.0, 1)
    assert shared.rank == 3
    assert shared.score == pytest.approx(1 / log2(4))
    assert (none.score, none.rank) == (0.0, None)


def test_equal_scores_of_others_count_against(retriever: LexicalRetriever) -> None:
    [verdict] = retriever.judge([Asked("car", "car7", "car road")])
    assert verdict.rank == 30, "all thirty cars are said alike"


def test_the_longest_text_and_the_empty_one_win_nothing(retriever: LexicalRetriever) -> None:
    long = "lorry " * 7
    found = retriever.judge([Asked("lorry", "lorry", text) for text in ("", ",.", long)])
    assert {verdict.score for verdict in found} == {0.0}


def test_a_reward_is_twenty_times_what_is_won(retriever: LexicalRetriever) -> None:
    up, same, down = retriever.rewards(
        [
            Asked("a vehicle", "lorry", "a lorry"),
            Asked("a lorry", "lorry", "a lorry"),
            Asked("a lorry", "lorry", "a vehicle"),
        ]
    )
    assert (up, same, down) == (20.0, 0.0, -20.0)


# Challenge and response


LOW = Query("a conveyance", "lorry")


def test_rounds_end_when_enough_is_accepted(retriever: Retriever, tmp_path: Path) -> None:
    said = ["a lorry", "a red lorry", "lorry at kerb", "kerb lorry"]
    made, [pair], asked = makes(
        retriever,
        tmp_path,
        lambda ask, number: f"Reasons.\nSEARCH: {said[number - 1]}",
        [LOW],
        Settings(wanted=3),
    )
    assert len(asked) == 3
    assert (made.low, made.pairs, made.rewrites) == (1, 1, 3)
    assert [rewrite.text for rewrite in pair.rewrites] == said[:3]
    assert [rewrite.round for rewrite in pair.rewrites] == [1, 2, 3]
    assert (pair.origin, pair.rank, pair.score, pair.typed) == ("low", None, 0.0, "a conveyance")
    assert all(rewrite.score > pair.score for rewrite in pair.rewrites)


def test_ten_rounds_in_vain_are_the_end_and_are_remembered(
    retriever: Retriever, tmp_path: Path
) -> None:
    made, [pair], asked = makes(retriever, tmp_path, lambda ask, number: "I cannot.", [LOW])
    assert len(asked) == 10
    assert (made.in_vain, made.pairs, pair.rewrites) == (1, 0, ())
    made, rows, asked = makes(retriever, tmp_path, lambda ask, number: "no", [LOW])
    assert (asked, made.known, len(rows)) == ([], 1, 1)


@pytest.mark.parametrize(
    ("strategy", "sees_wrong", "sees_tries"),
    [("challenge", True, True), ("feedback", False, True), ("direct", False, False)],
)
def test_strategies_differ_in_what_the_model_is_told(
    retriever: Retriever, tmp_path: Path, strategy: str, sees_wrong: bool, sees_tries: bool
) -> None:
    query = Query("a red road", "lorry")
    _, _, asked = makes(
        retriever,
        tmp_path,
        lambda ask, number: "SEARCH: a green road",
        [query],
        Settings(strategy, rounds=3),  # type: ignore[arg-type]
    )
    assert len(asked) == 3, "the same budget for each"
    assert "a red lorry waits" in asked[0].user
    assert ("red car on road" in asked[0].user) == sees_wrong
    assert ("a green road" in asked[1].user) == sees_tries
    assert len({ask.seed for ask in asked}) == 3


def test_a_query_that_finds_its_picture_is_blurred(retriever: Retriever, tmp_path: Path) -> None:
    made, [pair], [ask] = makes(
        retriever, tmp_path, lambda ask, number: "a conveyance idles", [Query("a lorry", "lorry")]
    )
    assert ask.user.startswith("Say this photo search so that it is harder")
    assert (made.high, pair.origin, pair.split) == (1, "high", split_of("lorry"))
    assert (pair.query, pair.typed) == ("a conveyance idles", "a lorry")
    [itself] = pair.rewrites
    assert (itself.text, itself.rank, itself.score) == ("a lorry", 1, 1.0)
    assert pair.score < itself.score


def test_a_query_between_makes_no_pair(retriever: Retriever, tmp_path: Path) -> None:
    [verdict] = retriever.judge([Asked("x", "truck", "red road")])
    assert verdict.rank == 1
    cars = {f"car{n}": Query(f"car {n % 5}", f"car{n}") for n in range(30)}
    places = {
        name: retriever.judge([Asked(query.text, name, query.text)])[0].rank
        for name, query in cars.items()
    }
    between = [cars[name] for name, rank in places.items() if rank and 3 < rank <= 10]
    made, rows, asked = makes(retriever, tmp_path, lambda ask, number: "no", between)
    assert (made.middling, rows, asked) == (len(between), [], [])


def test_what_is_no_rewrite_is_left_out_and_counted(retriever: Retriever, tmp_path: Path) -> None:
    said = [
        "a conveyance",
        "the right photo of a lorry",
        "https://lorry",
        "грузовик lorry",
        "red lorry waits at kerb",
        "a bus",
        "a lorry",
        "A lorry",
    ]
    made, [pair], _ = makes(
        retriever,
        tmp_path,
        lambda ask, number: f"SEARCH: {said[number - 1]}" if number <= len(said) else "no idea",
        [LOW],
    )
    assert [rewrite.text for rewrite in pair.rewrites] == ["a lorry"]
    assert made.left_out == {
        "the query itself": 1,
        "talk": 2,
        "another alphabet": 1,
        "copies the captions": 1,
        "finds no more": 1,
        "said before": 1,
        "no words": 2,
    }


def test_a_model_that_fails_at_one_query_is_asked_again_the_next_time(
    retriever: Retriever, tmp_path: Path
) -> None:
    queries = [LOW, Query("a beast", "dog")]

    def fails(ask: Ask, number: int) -> str | ModelError:
        return ModelError("too slow") if "beast" in ask.user else "SEARCH: a lorry"

    made, rows, _ = makes(retriever, tmp_path, fails, queries, Settings(wanted=1))
    assert (made.unanswered, [row.doc_id for row in rows]) == (1, ["lorry"])
    made, rows, asked = makes(
        retriever, tmp_path, lambda ask, number: "SEARCH: a brown dog", queries, Settings(wanted=1)
    )
    assert (made.known, [row.doc_id for row in rows]) == (1, ["lorry", "dog"])
    assert len(asked) == 1


def test_a_model_that_is_gone_ends_the_run(retriever: Retriever, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        makes(retriever, tmp_path, lambda ask, number: ModelUnavailable("gone"), [LOW])
    assert read_pairs(tmp_path / "pairs.jsonl").rows == []


# Filters and the file


@given(st.text(max_size=200))
def test_any_text_is_judged(text: str) -> None:
    assert isinstance(fault(text, "a dog", {"a cat"}), str)
    assert new_words(text, text, [text]) == 0
    assert isinstance(rewrite_in(text), str)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("SEARCH: a dog", "a dog"),
        ("First.\nSEARCH: a cat\nsearch: a dog.", "a dog"),
        ("**SEARCH: a dog**", "a dog"),
        ('SEARCH: "a dog"', "a dog"),
        ("a dog", ""),
    ],
)
def test_the_last_line_that_says_so_is_the_rewrite(answer: str, expected: str) -> None:
    assert rewrite_in(answer) == expected


def test_no_picture_is_in_two_splits() -> None:
    splits = [split_of(f"{number:012d}") for number in range(2000)]
    assert splits == [split_of(f"{number:012d}") for number in range(2000)]
    shares = {name: splits.count(name) / 2000 for name in ("train", "val", "test")}
    assert shares == {
        "train": pytest.approx(0.8, abs=0.05),
        "val": pytest.approx(0.1, abs=0.05),
        "test": pytest.approx(0.1, abs=0.05),
    }


def pair(number: int) -> Pair:
    rewrite = Rewrite("a dog", 1, 1.0)
    return Pair(f"q{number}", "d", "low", None, 0.0, (rewrite,), f"q{number}", "r", "m", 1)


@given(cut=st.integers(1, 200))
def test_a_line_that_was_cut_off_is_written_again(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    file = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    lines = PairsFile(file)
    lines.write([pair(0), pair(1)])
    lines.close()
    whole = file.read_bytes()
    first, second = whole.splitlines(keepends=True)
    file.write_bytes(first + second[: min(cut, len(second) - 1)])
    lines = PairsFile(file)
    assert lines.known == {("q0", "d")}
    lines.write([pair(1)])
    lines.close()
    assert file.read_bytes() == whole


def test_lines_that_are_no_pairs_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    good = json.dumps(pair(0).as_object())
    file.write_text(f"{good}\nno\n{{}}\n[1]\n" + good.replace('"low"', '"odd"'))
    found = read_pairs(file)
    assert (len(found.rows), found.wrong) == (1, 4)


# Without a model


def test_captions_become_harder_by_the_lexicon(retriever: LexicalRetriever, tmp_path: Path) -> None:
    captions = [Caption(name, text) for name, text in CAPTIONS.items()]
    file = PairsFile(tmp_path / "pairs.jsonl")
    written, none = pairs_of_captions(captions, retriever, file)
    file.close()
    rows = read_pairs(tmp_path / "pairs.jsonl").rows
    assert written == len(rows) > 0
    assert written + none == len(captions)
    for row in rows:
        assert row.origin == "index"
        assert row.query != row.typed
        assert all(rewrite.score > row.score for rewrite in row.rewrites)
        assert row.typed in {rewrite.text for rewrite in row.rewrites}
    file = PairsFile(tmp_path / "pairs.jsonl")
    again, _ = pairs_of_captions(captions, retriever, file)
    file.close()
    assert again == 0


# The command


@pytest.fixture
def lexsearch_cli(index: lexsearch.Index, tmp_path: Path) -> Callable[..., Result]:
    (tmp_path / "topics.tsv").write_text("1\ta conveyance\n2\ta beast\n3\ta lorry\n")
    (tmp_path / "qrels.txt").write_text("1 0 lorry 1\n2 0 dog 1\n3 0 lorry 1\n")

    def run(*arguments: str) -> Result:
        given = [one.replace("TMP", str(tmp_path)) for one in arguments]
        return CliRunner().invoke(cli, [*given, "--index", index.name])

    return run


PAIRS = (
    *("rewrite", "pairs", "--topics", "TMP/topics.tsv", "--qrels", "TMP/qrels.txt", "-q"),
    *("--out", "TMP/pairs.jsonl", "--similarity", "none", "--wanted", "1"),
)


def improve(asked: dict, before: int) -> str:
    text = asked["messages"][-1]["content"]
    if "harder to understand" in text:
        return "a conveyance idles"
    return "SEARCH: a brown dog" if "beast" in text else "SEARCH: a red lorry"


def test_the_command_makes_pairs_and_goes_on(
    lexsearch_cli: Callable[..., Result], tmp_path: Path
) -> None:
    with scripted(improve) as server:
        done = lexsearch_cli(*PAIRS, "--llm", server.url)
        assert done.exit_code == 0, done.output
        assert "2 queries did not find" in done.output
        assert "3 pairs with 3 rewrites" in done.output
        asked = len(server.requests)
        done = lexsearch_cli(*PAIRS, "--llm", server.url)
        assert "3 were done before" in done.output
        assert len(server.requests) == asked, "nothing is asked twice"
    rows = read_pairs(tmp_path / "pairs.jsonl").rows
    assert sorted(row.typed for row in rows) == ["a beast", "a conveyance", "a lorry"]


def test_wrong_usage_is_told(lexsearch_cli: Callable[..., Result]) -> None:
    done = lexsearch_cli(*PAIRS)
    assert done.exit_code == 2
    assert "--llm" in done.output
    done = lexsearch_cli("rewrite", "pairs", "--out", "x.jsonl")
    assert done.exit_code == 2
    assert "--from-index" in done.output


def test_pairs_from_the_index_alone(lexsearch_cli: Callable[..., Result], tmp_path: Path) -> None:
    done = lexsearch_cli("rewrite", "pairs", "--from-index", "-q", "--out", "TMP/own.jsonl")
    assert done.exit_code == 0, done.output
    assert read_pairs(tmp_path / "own.jsonl").rows


def test_pictures_go_to_a_server_that_sees(tmp_path: Path, photos: Path) -> None:
    from fakes import FakeCaptioner, picture

    picture(photos / "red.png", "red")
    picture(photos / "blue.png", "blue")
    with open_in_memory(tmp_path / "seen") as index:
        index.add(photos, captioner=FakeCaptioner())
        names = index.relative_paths(index.documents())
        teacher, source = lexical(
            index, [path for paths in names.values() for path in paths], "paper"
        )
        gallery = IndexGallery(index, source, with_pictures=True)
        model = Talker(lambda ask, number: "SEARCH: red")
        file = PairsFile(tmp_path / "pairs.jsonl")
        queries = [Query("a scarlet thing", "red.png")]
        PairMaker(teacher, model, gallery, Settings(rounds=1)).make(queries, file)
        file.close()
    [ask] = model.asked
    assert ask.pictures
    assert all(url.startswith("data:image/jpeg;base64,") for url in ask.pictures)
    assert "The right photo: the first photo" in ask.user


KILLED = """
import sys
from click.testing import CliRunner
from lexsearch.cli import cli
print("begun", flush=True)
done = CliRunner().invoke(cli, sys.argv[1:], catch_exceptions=False)
print(done.output, flush=True)
"""


@pytest.mark.process
def test_whenever_it_is_killed_nothing_is_lost_or_twice(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """The server says when to kill: after so many questions."""
    with lexsearch.open(tmp_path / "index") as index:
        index.import_captions(
            json.dumps({"doc_id": f"d{n}", "text": f"thing{n} in a room"}) for n in range(200)
        )
    (tmp_path / "topics.tsv").write_text("".join(f"{n}\tmatter{n}\n" for n in range(200)))
    (tmp_path / "qrels.txt").write_text("".join(f"{n} 0 d{n} 1\n" for n in range(200)))
    command = [
        *("rewrite", "pairs", "--topics", "topics.tsv", "--qrels", "qrels.txt", "-q"),
        *("--out", "pairs.jsonl", "--similarity", "none", "--wanted", "1", "--index", "index"),
    ]

    def improve(asked: dict, before: int) -> str:
        number = asked["messages"][-1]["content"].split("matter")[1].split()[0]
        if before in (70, 140):
            processes[-1].send_signal(signal.SIGKILL)
        return f"SEARCH: thing{number}"

    processes: list[subprocess.Popen[str]] = []
    with scripted(improve) as server:
        for _ in range(3):
            process = subprocess.Popen(
                [sys.executable, "-c", KILLED, *command, "--llm", server.url],
                cwd=tmp_path,
                env={**environment, "LEXSEARCH_CACHE": os.environ["LEXSEARCH_CACHE"]},
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            processes.append(process)
            out, problem = process.communicate()
            assert process.returncode in (0, -signal.SIGKILL), out + problem
    assert [process.returncode for process in processes] == [-signal.SIGKILL, -signal.SIGKILL, 0]
    lines = (tmp_path / "pairs.jsonl").read_text().splitlines()
    rows = read_pairs(tmp_path / "pairs.jsonl")
    assert rows.wrong == 0
    assert sorted(row.doc_id for row in rows.rows) == sorted(f"d{n}" for n in range(200))
    assert len(lines) == 200
    assert {row.rewrites[0].text for row in rows.rows} == {f"thing{n}" for n in range(200)}
