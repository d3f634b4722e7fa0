"""Sentences from language models: servers that do as they should, and all that can go wrong."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from scripted import GOOD, Said, scripted

import lexsearch
from lexsearch.chat import API_KEY
from lexsearch.cli import cli
from lexsearch.errors import ModelError, ModelUnavailable
from lexsearch.language import LLM_MODEL, LLM_URL, Ask, LanguageModel, open_language_model
from lexsearch.language.enhancing import Enhancer, free_part, sentences_of
from lexsearch.language.recorded import Recorded
from lexsearch.language.remembered import Remembered
from lexsearch.text.queries import parse

KEY = "sk-do-not-tell-456"
QUERY = "family gathering"


@pytest.fixture(autouse=True)
def nothing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (LLM_URL, LLM_MODEL, API_KEY):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LEXSEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("lexsearch.chat._FIRST_PAUSE", 0.02)


class Talker(LanguageModel):
    """A model of one's own that always says the same."""

    note = key = "talker"

    def __init__(self, answer: str = GOOD) -> None:
        self.answer = answer
        self.asked: list[Ask] = []

    def ask(self, asked: Sequence[Ask]) -> list[str | ModelError]:
        self.asked += asked
        return [self.answer] * len(asked)


@pytest.fixture
def remembered(tmp_path: Path) -> Iterator[Remembered]:
    answers = Remembered(tmp_path / "answers.sqlite")
    yield answers
    answers.close()


# What is asked


def test_three_batches_are_asked_with_seeds_and_the_words_alone() -> None:
    with scripted() as server:
        model = open_language_model(server.url)
        enhanced = Enhancer(model).enhance('family gathering, -dog, "old barn", name:rome, +child')
        model.close()
    assert sorted(asked["seed"] for asked in server.requests) == [0, 1, 2]
    assert {asked["model"] for asked in server.requests} == {"talker"}
    for asked in server.requests:
        sent = json.dumps(asked)
        assert "photos for: family gathering\\n" in sent
        assert not any(word in sent for word in ("dog", "barn", "rome"))
    assert len(enhanced.batches) == 3
    assert len(enhanced.sentences) == 30
    assert (
        enhanced.query.keywords
        == parse('family gathering, -dog, "old barn", name:rome, +child').keywords
    )
    assert enhanced.note == ""
    assert (enhanced.weight("sum"), enhanced.weight("vote"), enhanced.weight("sum", 1)) == (9, 3, 3)


def test_a_query_without_plain_words_is_not_sent() -> None:
    model = Talker()
    enhanced = Enhancer(model).enhance('-dog, "bus"')
    assert (enhanced.sentences, model.asked) == ((), [])
    assert "nothing to enhance" in enhanced.note


def test_a_model_is_named_by_option_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=f"--llm .*{LLM_URL}"):
        open_language_model()
    with scripted() as server:
        monkeypatch.setenv(LLM_URL, server.url)
        monkeypatch.setenv(LLM_MODEL, "other")
        model = open_language_model()
        assert model.key == "other"
        assert model.ask([Ask("be brief", "hello")]) == [GOOD]
        model.close()
        assert server.requests[0]["model"] == "other"
    with pytest.raises(ModelError, match="not an address"):
        open_language_model("http://")


# What comes back


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("a dog\na cat", ["a dog", "a cat"]),
        ("1. a dog\n2) a cat\n- a cow\n* a hen", ["a dog", "a cat", "a cow", "a hen"]),
        ('"a dog."\n“a cat”', ["a dog", "a cat"]),
        ("table, plates; glasses", ["table plates glasses"]),
        ("Here are ten lines:\nSure! I can.\na dog", ["a dog"]),
        ("I'm sorry, but I cannot help with that.", []),
        ("As an AI I see nothing", []),
        ("```\na dog\n```", ["a dog"]),
        ("Photos:\na dog\nA dog.\nA DOG", ["a dog"]),
        ("family gathering\nFamily, gathering", []),
        ("see https://example.com/dogs\nwww.dogs.example", []),
        ("...\n\n", []),
        ('["a dog, asleep", "a cat", 7]', ["a dog asleep", "a cat"]),
        ('{"sentences": 1}', []),
        ("一家人在花园里\nмы дома", []),
        (" ".join(["dog"] * 41), []),
        ("a dog\n" * 200, ["a dog"]),
        ("\n".join(f"dog number {n}" for n in range(200)), [f"dog number {n}" for n in range(10)]),
    ],
)  # fmt: skip
def test_whatever_a_model_says_becomes_sentences(answer: str, expected: list[str]) -> None:
    assert sentences_of(answer, QUERY, 10) == expected


@given(st.text(), st.text())
def test_reading_an_answer_never_fails(answer: str, query: str) -> None:
    found = sentences_of(answer, query, 5)
    assert len(found) <= 5
    assert not any("," in text or "\n" in text for text in found)


def test_what_a_model_thinks_is_not_searched() -> None:
    with scripted(f"<think>what may\nthey mean</think>{GOOD}<|im_end|>") as server:
        model = open_language_model(server.url)
        sentences = Enhancer(model, batches=1).enhance(QUERY).sentences
        model.close()
    assert len(sentences) == 10
    assert not any("mean" in text or "<" in text for text in sentences)


def test_signs_and_fields_of_an_answer_are_words(tmp_path: Path) -> None:
    enhanced = Enhancer(Talker("people -dog\nlike:/etc/passwd\n+cake"), batches=1).enhance(QUERY)
    assert enhanced.query.keywords == parse(QUERY).keywords
    assert enhanced.sentences == ("people -dog", "like:/etc/passwd", "+cake")


def test_too_few_lines_are_asked_for_once_more() -> None:
    with scripted(lambda asked, before: GOOD if asked["seed"] >= 100 else "a dog") as server:
        model = open_language_model(server.url)
        enhanced = Enhancer(model).enhance(QUERY)
        model.close()
    assert sorted(asked["seed"] for asked in server.requests) == [0, 1, 2, 100, 101, 102]
    assert len(enhanced.sentences) == 30


# What goes wrong


@pytest.mark.parametrize("answer", ["I cannot help with that.", "...", "Спасибо", "\n\n- \n"])
def test_batches_without_a_sentence_are_lost(answer: str) -> None:
    enhanced = Enhancer(Talker(answer)).enhance(QUERY)
    assert (enhanced.sentences, enhanced.batches) == ((), ())
    assert enhanced.note == "the model gave no sentence"


def test_the_batches_that_came_are_used() -> None:
    with scripted(lambda asked, before: 30.0 if asked["seed"] == 2 else GOOD) as server:
        model = open_language_model(server.url, patience=1.0)
        begun = time.monotonic()
        enhanced = Enhancer(model).enhance(QUERY)
        model.close()
    assert time.monotonic() - begun < 20
    assert (len(enhanced.batches), enhanced.weight("vote")) == (2, 2)


def test_patience_ends() -> None:
    with scripted(30.0) as server:
        model = open_language_model(server.url, patience=0.5)
        enhanced = Enhancer(model).enhance(QUERY)
        model.close()
    assert enhanced.sentences == ()
    assert "no answer within 0.5 seconds" in enhanced.note


@pytest.mark.parametrize(("status", "said"), [(401, "LEXSEARCH_API_KEY"), (404, "--llm-model")])
def test_a_wrong_key_or_model_is_told_without_the_key(
    status: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(API_KEY, KEY)
    with scripted(status) as server:
        model = open_language_model(server.url, "talker", patience=5.0)
        [error] = model.ask([Ask("", "hello")])
        model.close()
    assert isinstance(error, ModelUnavailable)
    assert said in str(error)
    assert KEY not in str(error)
    assert any(KEY in str(headers) for headers in server.headers)


def test_a_server_that_is_not_there_is_told_soon() -> None:
    with scripted() as server:
        url = server.url
    model = open_language_model(url, patience=20.0)
    begun = time.monotonic()
    [error] = model.ask([Ask("", "hello")])
    model.close()
    assert time.monotonic() - begun < 15
    assert isinstance(error, ModelUnavailable)
    assert "is the server running?" in str(error)


@pytest.mark.parametrize("wrong", [429, 500, 503, b"<html>", b'{"choices": []}', b"\xff\x00"])
def test_what_passes_is_asked_again(wrong: int | bytes) -> None:
    with scripted(lambda asked, before: GOOD if before else wrong) as server:
        model = open_language_model(server.url, "talker", patience=20.0)
        assert model.ask([Ask("", "hello")]) == [GOOD]
        model.close()


# What is remembered and recorded


def test_answers_are_remembered_without_key_and_address(
    remembered: Remembered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(API_KEY, KEY)
    with scripted() as server:
        model = open_language_model(server.url)
        first = Enhancer(model, remembered=remembered).enhance(QUERY)
        second = Enhancer(model, remembered=remembered).enhance(QUERY)
        assert second == first
        assert len(server.requests) == 3
        Enhancer(model, remembered=remembered, fresh=True).enhance(QUERY)
        assert len(server.requests) == 6
        Enhancer(model, remembered=remembered, temperature=0.2).enhance(QUERY)
        assert len(server.requests) == 9
        model.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("answers.sqlite*"))
    assert b"grandparents" in kept
    assert KEY.encode() not in kept
    assert str(server.server_port).encode() not in kept


def test_what_says_nothing_is_not_remembered(remembered: Remembered) -> None:
    refusing = Talker("I'm sorry")
    Enhancer(refusing, remembered=remembered).enhance(QUERY)
    asked = len(refusing.asked)
    Enhancer(refusing, remembered=remembered).enhance(QUERY)
    assert len(refusing.asked) == 2 * asked


def test_the_longest_unused_answers_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lexsearch.language.remembered._MOST_ROWS", 20)
    monkeypatch.setattr("lexsearch.language.remembered._TIDY_EVERY", 1)
    answers = Remembered(tmp_path / "few.sqlite")
    for number in range(50):
        answers.put("talker", Ask("", str(number)), "said")
    answers.close()
    with sqlite3.connect(tmp_path / "few.sqlite") as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM answers")
    assert 0 < count <= 20


def test_a_cache_that_cannot_be_used_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "broken.sqlite").write_bytes(b"this is no database" * 100)
    answers = Remembered(tmp_path / "broken.sqlite")
    assert Enhancer(Talker(), remembered=answers).enhance(QUERY).sentences


def test_recorded_sentences_need_no_model(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    recorded = Recorded(file, recording=True)
    first = Enhancer(Talker(), recorded=recorded).enhance_all([QUERY, "a dog", "-cat"])
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(row["query"], row["batch"]) for row in rows] == [
        *((QUERY, batch) for batch in range(3)),
        *(("a dog", batch) for batch in range(3)),
    ]
    assert {(row["model"], row["prompt"]) for row in rows} == {("talker", 1)}
    with file.open("a") as more:
        more.write('{"query": "half a li\nno JSON\n[]\n')
    again = Recorded(file)
    assert again.wrong == 3
    assert Enhancer(None, recorded=again).enhance_all([QUERY, "a dog", "-cat"]) == first
    unknown = Enhancer(None, recorded=again).enhance("a cow")
    assert (unknown.sentences, "no sentences of it were recorded" in unknown.note) == ((), True)
    talker = Talker()
    Enhancer(talker, recorded=Recorded(file, recording=True)).enhance(QUERY)
    assert talker.asked == [], "what was recorded is not asked again"
    with pytest.raises(ModelError, match="cannot be read"):
        Recorded(tmp_path / "none.jsonl")


def test_only_plain_words_are_free() -> None:
    query = parse('red bus, -dog, +cat, text:exit, "x", old town')
    assert free_part(query) == "red bus, old town"


# The commands, and evaluation


@pytest.fixture
def indexed(tmp_path: Path) -> Path:
    """An index in which the words typed find one picture, and the sentences of GOOD others."""
    captions = {
        "family": "a family gathering",
        "cake": "a birthday cake with candles",
        "table": "people eat at a long table",
        "car": "a red car",
    }
    with lexsearch.open(tmp_path / "index") as index:
        rows = [json.dumps({"doc_id": name, "text": text}) for name, text in captions.items()]
        index.import_captions(rows)
    return tmp_path / "index"


@pytest.fixture
def query(indexed: Path) -> Callable[..., Result]:
    """`lexsearch query`, in this process."""

    def run(*options: str) -> Result:
        command = ["query", QUERY, "--index", str(indexed), *options]
        return CliRunner().invoke(cli, command)

    return run


def test_an_enhanced_search_finds_more(query: Callable[..., Result]) -> None:
    plain = query()
    assert "cake" not in plain.stdout
    with scripted() as server:
        found = query("--enhance", "--llm", server.url)
    assert found.exit_code == 0
    assert found.stdout.index("family") < found.stdout.index("cake")
    assert "by: a birthday cake with candles" in found.stdout
    assert "searched with 30 sentences more" in found.stderr


def fails_to_connect() -> str:
    with scripted() as server:
        return server.url


FAILURES: dict[str, tuple[Callable[[], Said], str]] = {
    "a refused connection": (fails_to_connect, "is the server running?"),
    "a wrong key": (lambda: 401, "LEXSEARCH_API_KEY"),
    "a wrong model": (lambda: 404, "--llm-model"),
    "a wrong address": (lambda: "http://", "not an address"),
    "no such folder": (lambda: "no/such/model", "cannot be loaded"),
    "no answer in time": (lambda: 30.0, "no answer within 0.5 seconds"),
    "a refusal": (lambda: "I'm sorry, but no.", "the model gave no sentence"),
    "an empty answer": (lambda: b'{"choices": []}', "asked 2 times"),
    "garbage": (lambda: b"<html>\xff", "asked 2 times"),
    "a wrong language": (lambda: "一家人", "the model gave no sentence"),
    "too many requests": (lambda: 429, "429"),
    "a server's fault": (lambda: 500, "500"),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("output", [(), ("--json",)], ids=["text", "json"])
def test_where_no_sentence_comes_the_search_is_the_plain_one(
    failure: str, output: tuple[str, ...], query: Callable[..., Result]
) -> None:
    made, reason = FAILURES[failure]
    wrong = made()
    patience = ("--patience", "0.5" if isinstance(wrong, float) else "2")
    plain = query(*output)
    if isinstance(wrong, str) and ("://" in wrong or "/" in wrong):
        found = query("--enhance", "--llm", wrong, *patience, *output)
    else:
        with scripted(wrong) as server:
            found = query("--enhance", "--llm", server.url, *patience, *output)
    assert (found.exit_code, found.stdout) == (plain.exit_code, plain.stdout)
    assert "note: not enhanced: " in found.stderr
    assert reason in found.stderr or "no answer within" in found.stderr
    assert "searched for the words as typed" in found.stderr


def test_without_a_model_enhancing_is_wrong_usage(query: Callable[..., Result]) -> None:
    found = query("--enhance")
    assert found.exit_code == 2
    assert LLM_URL in found.stderr


def test_the_command_shows_sentences_and_searches_nothing(tmp_path: Path) -> None:
    with scripted() as server:
        command = ["enhance", QUERY, "--llm", server.url, "--batches", "1"]
        shown = CliRunner().invoke(cli, command)
        as_json = CliRunner().invoke(cli, [*command, "--json"])
        assert len(server.requests) == 1, "the second is remembered"
    assert shown.stdout.splitlines()[0] == "people eat at a long table in the garden"
    assert len(json.loads(as_json.stdout)["batches"][0]) == 10
    with scripted("I cannot") as server:
        none = CliRunner().invoke(cli, ["enhance", "a cow", "--llm", server.url])
    assert none.exit_code == 1
    assert "were not enhanced" in none.stderr


@pytest.fixture
def trial(tmp_path: Path) -> list[str]:
    """Options of `lexsearch evaluate` for two queries over a few captions."""
    captions = {
        "family": "a family gathering",
        "cake": "a birthday cake with candles",
        "dog": "a dog sleeps",
    }
    rows = [json.dumps({"doc_id": name, "text": text}) for name, text in captions.items()]
    (tmp_path / "captions.jsonl").write_text("\n".join(rows))
    (tmp_path / "topics.tsv").write_text("1\tfamily gathering\n2\tdog\n")
    (tmp_path / "qrels.txt").write_text("1 0 cake 1\n2 0 dog 1\n")
    files = {"captions": "captions.jsonl", "topics": "topics.tsv", "qrels": "qrels.txt"}
    options = [word for name, file in files.items() for word in (f"--{name}", tmp_path / file)]
    return ["evaluate", *map(str, options), "--json", "--quiet"]


@pytest.mark.parametrize("fuse", ["sum", "vote", "rrf"])
def test_an_enhanced_evaluation_runs_again_with_the_server_off(
    trial: list[str], tmp_path: Path, fuse: str
) -> None:
    plain = json.loads(CliRunner().invoke(cli, trial).stdout)
    answers = ["--enhance", "--fuse", fuse, "--answers", str(tmp_path / "said.jsonl")]

    def says(asked: dict, before: int) -> str:
        return GOOD if "family" in asked["messages"][1]["content"] else "I'm sorry"

    with scripted(says) as server:
        first = CliRunner().invoke(cli, [*trial, *answers, "--record", "--llm", server.url])
    again = CliRunner().invoke(cli, [*trial, *answers])
    assert first.exit_code == 0, first.stderr
    found = json.loads(first.stdout)
    assert found["not_enhanced"] == 1
    assert found["measures"]["RR"] > plain["measures"]["RR"]
    assert json.loads(again.stdout) == found
    assert "1 of 2 queries were not enhanced" in again.stderr


@pytest.mark.parametrize("status", [401, 404])
def test_an_evaluation_never_falls_back_unnoticed(trial: list[str], status: int) -> None:
    with scripted(status) as server:
        done = CliRunner().invoke(cli, [*trial, "--enhance", "--llm", server.url])
    assert isinstance(done.exception, ModelUnavailable)
    done = CliRunner().invoke(cli, [*trial, "--enhance"])
    assert done.exit_code == 2
