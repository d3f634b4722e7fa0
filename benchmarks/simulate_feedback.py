"""How many rounds a person needs to a picture: with suggested keywords, and with labels at random.

    benchmarks/simulate_feedback.py
    benchmarks/simulate_feedback.py --targets 500 --data DIR

Made-up people look for pictures of coco-val2017. Each begins with the first caption that somebody
wrote of the picture; the other four captions are the documents. Round by round one keyword is
added, until the picture is among the first ten. One person adds what is suggested, the first word
that is in any caption of the picture (knowing what it looks like); the second is asked, and says
yes where any caption has the word, which is then added; the third is the same, and what gets a no
must not be there either; the fourth adds one of the picture's COCO labels at random. None adds the
same twice, and who has nothing left to add, or says no twelve times in a round, gives up.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import lexsearch
from lexsearch.evaluation.tasks import sentence
from lexsearch.records import Query
from lexsearch.searching.sessions import Session
from lexsearch.text.words import words_of

REPOSITORY = Path(__file__).resolve().parent.parent
_MOST_ROUNDS, _FIRST = 5, 10
_MOST_QUESTIONS = 12  # in a round, as many as are suggested


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = os.environ.get("LEXSEARCH_SHARED_DATA") or REPOSITORY.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=shared, help="folder of the sets")
    parser.add_argument("--targets", type=int, default=300, help="pictures looked for")
    options = parser.parse_args()
    folder = Path(options.data) / "coco-val2017"
    if not folder.is_dir():
        sys.exit(f"simulate-feedback: there is no {folder}; --data says where the test data is")
    captions, labels = read(folder)
    targets = random.Random(1).sample(sorted(labels), options.targets)
    with tempfile.TemporaryDirectory() as scratch, lexsearch.open(scratch + "/index") as index:
        index.import_captions(
            json.dumps({"doc_id": doc_id, "caption_id": str(number), "text": text})
            for doc_id, texts in captions.items()
            for number, text in enumerate(texts[1:])
        )
        print(f"{len(targets)} pictures among {len(captions):,}: found among the first {_FIRST}")
        print("| after rounds    | " + " | ".join(map(str, range(_MOST_ROUNDS + 1))) + " |")
        print("| --------------- |" + " --: |" * (_MOST_ROUNDS + 1))
        for name, person in PEOPLE.items():
            chance = random.Random(2)
            rounds = []
            for target in targets:
                known = [*captions[target]], sorted(labels[target])
                session = index.session(Query((sentence(captions[target][0]),)))
                rounds.append(look(session, target, person(session, *known, chance)))
            found = [sum(one <= number for one in rounds) for number in range(_MOST_ROUNDS + 1)]
            print(f"| {name:15} | " + " | ".join(f"{n / len(targets):.3f}" for n in found) + " |")


def read(folder: Path) -> tuple[dict[str, list[str]], dict[str, set[str]]]:
    """For each picture what people wrote of it, and its labels."""
    captions: dict[str, list[str]] = defaultdict(list)
    for line in (folder / "captions.jsonl").open():
        row = json.loads(line)
        if row["caption_id"].startswith("human/"):
            captions[row["doc_id"]].append(row["text"])
    topics = dict(line.rstrip("\n").split("\t") for line in (folder / "topics.tsv").open())
    labels: dict[str, set[str]] = defaultdict(set)
    for line in (folder / "qrels.txt").open():
        query_id, _, doc_id, relevance = line.split()
        if int(relevance) > 0:
            labels[doc_id].add(topics[query_id])
    return captions, labels


Person = Callable[[Session, list[str], list[str], random.Random], Iterator[str]]


def suggested(
    session: Session, captions: list[str], labels: list[str], chance: random.Random
) -> Iterator[str]:
    known = {word for text in captions for word in words_of(text)}
    while True:
        fitting = [one.word for one in session.suggest(12) if one.word in known]
        if not fitting:
            return
        yield fitting[0]


def asked(
    session: Session, captions: list[str], labels: list[str], chance: random.Random
) -> Iterator[str]:
    return _asked(session, captions, strict=False)


def asked_strictly(
    session: Session, captions: list[str], labels: list[str], chance: random.Random
) -> Iterator[str]:
    return _asked(session, captions, strict=True)


def _asked(session: Session, captions: list[str], *, strict: bool) -> Iterator[str]:
    known = {word for text in captions for word in words_of(text)}
    noes = 0
    while noes < _MOST_QUESTIONS and (word := session.question()) is not None:
        session.answer(word, None)  # `look` adds it
        if word in known:
            noes = 0
            yield word
        else:
            noes += 1
            if strict:
                session.add(f"-{word}")


def at_random(
    session: Session, captions: list[str], labels: list[str], chance: random.Random
) -> Iterator[str]:
    yield from chance.sample(labels, len(labels))


PEOPLE: dict[str, Person] = {
    "suggested words": suggested,
    "asked": asked,
    "asked, no is no": asked_strictly,
    "labels at random": at_random,
}


def look(session: Session, target: str, keywords: Iterator[str]) -> int:
    """In which round the picture is among the first; far beyond the last one if never."""
    for number in range(_MOST_ROUNDS + 1):
        if target in {hit.doc_id for hit in session.search(_FIRST)}:
            return number
        keyword = next(keywords, None)
        if keyword is None:
            break
        session.add(keyword)
    return sys.maxsize


if __name__ == "__main__":
    main()
