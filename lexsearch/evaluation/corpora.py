"""Short queries made of captions, with the pictures that are right for each.

The kinds are those of "Flickr30K-CFQ" (Liu et al. 2024, Sec. 3): captions, imagery tags ("pleasant
afternoon"), noun phrases, triples ("man holding phone") and fragments, which are several triples
of one caption. A picture is right for a query that one of its own captions says, and no other is:
what a caption does not mention is taken for not there, as in the paper.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from lexsearch.errors import ModelError
from lexsearch.evaluation import parsing
from lexsearch.evaluation.dataset import read_text
from lexsearch.evaluation.trec import in_run
from lexsearch.language import Ask
from lexsearch.records import Progress

KINDS = ("caption", "tag", "phrase", "triple", "fragment")
"""From the paper, in its order; tags are asked of a language model."""

Corpus = dict[str, list[str]]
"""Each query with the pictures that are right for it, in the data's order."""

_TRIPLES = 3  # in a fragment, at most
_TAGS, _PICTURES = 305, 5  # as many tags as the paper has; a tag is of five pictures at least
_TAGS_OF_ONE = 3
_ENTITY = re.compile(r"\[/EN#\d+(?:/\w+)+ ([^\]]*)\]")
_SIGNS = re.compile(r"[\s,;\"]+")
_SYSTEM = "You describe photos in few words. Answer in English, with nothing but what is asked."


def of_captions(
    captions: Mapping[str, Sequence[str]],
    progress: Callable[[Progress], None] = lambda progress: None,
    *,
    entities: Path | None = None,
) -> dict[str, Corpus]:
    """The corpora caption, phrase, triple and fragment.

    captions: of each picture, by its name. entities: the folder `Sentences` of Flickr30k Entities
        (or the one that holds it), whose phrases are then taken in place of the parse's.
    Raises EvaluationError where the extra `corpora` is missing.
    """
    rows = [(name, text) for name, texts in captions.items() for text in texts]
    found: dict[str, dict[str, dict[str, None]]] = {
        kind: {} for kind in ("caption", "phrase", "triple", "fragment")
    }

    def add(kind: str, name: str, texts: Iterable[str]) -> None:
        for text in texts:
            found[kind].setdefault(text, {})[name] = None

    for number, (doc, (name, text)) in enumerate(
        zip(parsing.parse(text for _, text in rows), rows, strict=True)
    ):
        if number % 500 == 0:
            progress(Progress("parsing", number, len(rows), "caption"))
        triples = list(map(" ".join, parsing.triples(doc)))
        add("caption", name, [_SIGNS.sub(" ", text).strip()])
        add("phrase", name, [] if entities else parsing.phrases(doc))
        add("triple", name, triples)
        add("fragment", name, [", ".join(triples[:_TRIPLES])] if len(triples) > 1 else [])
    for name in captions if entities else ():
        add("phrase", name, _entities(entities, name))  # type: ignore[arg-type]
    return {kind: _listed(corpus) for kind, corpus in found.items()}


def _listed(corpus: Mapping[str, Iterable[str]]) -> Corpus:
    return {text: list(names) for text, names in corpus.items() if text}


def _entities(folder: Path, name: str) -> Iterator[str]:
    """What Flickr30k Entities marks in the captions of a picture, in lower case."""
    inner = folder / "Sentences"
    file = (inner if inner.is_dir() else folder) / f"{name}.txt"
    for said in _ENTITY.findall(read_text(file)):
        yield " ".join(said.lower().split())


def tag_questions(captions: Mapping[str, Sequence[str]]) -> list[Ask]:
    """What a language model is asked of each picture: its moods or occasions."""
    user = (
        "These sentences describe one photo:\n{}\n"
        f"Write up to {_TAGS_OF_ONE} lines: each a mood or an occasion of this photo, in one to "
        'three words, such as "pleasant afternoon" or "family gathering".'
    )
    texts = map("\n".join, captions.values())
    return [Ask(_SYSTEM, user.format(text), max_tokens=60) for text in texts]


def tags_of(answer: str) -> list[str]:
    """The tags in an answer, whatever that is: in lower case, of one to three words each."""
    lines = (re.sub(r"^[\W\d_]+|\W+$", "", line).lower() for line in answer.splitlines())
    fit = (line for line in lines if re.fullmatch(r"[^\W\d_]+(?:[ '-][^\W\d_]+){0,2}", line))
    return list(dict.fromkeys(fit))[:_TAGS_OF_ONE]


def of_tags(names: Sequence[str], answers: Sequence[str | ModelError]) -> Corpus:
    """The 305 commonest tags that five pictures or more have, from what a model said of each.

    Tags whose words have the same dictionary forms are one, by the commonest of its spellings.
    """
    said = {
        name: tags_of(answer)
        for name, answer in zip(names, answers, strict=True)
        if isinstance(answer, str)
    }
    spelled = list(dict.fromkeys(chain(*said.values())))
    forms = dict(zip(spelled, map(parsing.lemmas, parsing.parse(spelled)), strict=True))
    merged: dict[str, dict[str, None]] = {}
    counts: dict[str, dict[str, int]] = {}
    for name, tags in said.items():
        for tag in tags:
            merged.setdefault(forms[tag], {})[name] = None
            spellings = counts.setdefault(forms[tag], {})
            spellings[tag] = spellings.get(tag, 0) + 1
    common = sorted(merged, key=lambda form: (-len(merged[form]), form))[:_TAGS]
    return {
        max(counts[form], key=counts[form].__getitem__): list(merged[form])
        for form in common
        if len(merged[form]) >= _PICTURES
    }


def sample(corpus: Corpus, count: int, seed: int) -> Corpus:
    """So many queries of a corpus, the same for a seed."""
    some = random.Random(seed).sample(sorted(corpus), min(count, len(corpus)))
    return {text: corpus[text] for text in sorted(some)}


def write(folder: Path, corpora: Mapping[str, Corpus], about: Mapping[str, object]) -> None:
    """Write <kind>.tsv (topics), <kind>.qrels, and corpus.json: counts, and `about`.

    The same corpora give the same bytes. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for kind, corpus in corpora.items():
        with (
            (folder / f"{kind}.tsv").open("w", encoding="utf-8") as topics,
            (folder / f"{kind}.qrels").open("w", encoding="utf-8") as qrels,
        ):
            for number, text in enumerate(sorted(corpus), 1):
                topics.write(f"{kind}-{number}\t{text}\n")
                qrels.writelines(f"{kind}-{number} 0 {in_run(name)} 1\n" for name in corpus[text])
    counted = {kind: _counts(corpus) for kind, corpus in corpora.items()}
    report = json.dumps({"queries": counted, **about}, indent=1, ensure_ascii=False)
    (folder / "corpus.json").write_text(report + "\n", encoding="utf-8")


def _counts(corpus: Corpus) -> dict[str, object]:
    words = sum(len(text.split()) for text in corpus)
    return {
        "count": len(corpus),
        "of several pictures": sum(len(names) > 1 for names in corpus.values()),
        "words each": round(words / len(corpus), 2) if corpus else 0,
    }
