"""The first pictures of a list in the order that a language model gives them, by their captions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from lexsearch.errors import ModelError
from lexsearch.language import LanguageModel
from lexsearch.language.asking import ask_all
from lexsearch.language.enhancing import free_part
from lexsearch.language.judging import order_of, question
from lexsearch.language.remembered import Remembered
from lexsearch.records import Results
from lexsearch.text.words import words_of

if TYPE_CHECKING:
    from lexsearch.index import Index

_READ = ("caption", "text")


class Reranked(NamedTuple):
    """Results in another order, or as they were, and then why."""

    results: Results
    note: str = ""


def rerank(
    index: Index,
    results: Results,
    model: LanguageModel,
    first: int = 20,
    *,
    remembered: Remembered | None = None,
    fresh: bool = False,
) -> Reranked:
    """The same hits, the first of them in the order that the model gives them.

    The model is sent the query's plain words and the captions of these pictures, 40 words each,
    those with words that were found first. What it answers is an order or nothing: no hit is lost
    or added, whatever captions say. `Hit.before` is the rank that a hit had.
    """
    search = free_part(results.query)
    hits = results[:first]
    if not search or len(hits) < 2:
        return Reranked(results, "there is nothing to order by: no plain words were typed")
    asked = question(search, [described(index, hit.doc_id, hit.words) for hit in hits])
    try:
        [answer] = ask_all(
            model,
            [asked],
            lambda said: order_of(said, len(hits)) is not None,
            remembered=remembered,
            fresh=fresh,
        )
    except ModelError as error:
        answer = error
    if isinstance(answer, ModelError):
        return Reranked(results, str(answer))
    order = order_of(answer, len(hits)) or range(len(hits))
    moved = [
        replace(results[place], rank=now.rank, before=results[place].rank)
        for place, now in zip(order, hits, strict=True)
    ]
    again = Results(
        [*moved, *results[first:]],
        query=results.query,
        total=results.total,
        unknown=results.unknown,
    )
    return Reranked(again)


def described(index: Index, doc_id: str, words: Iterable[str] = ()) -> str:
    """What captions in effect say of a picture, those with most of these words first, each once."""
    captions = [row.text for row in index.describe(doc_id).captions if row.field in _READ]
    return "; ".join(_first_those_with(list(dict.fromkeys(filter(None, captions))), words))


def _first_those_with(texts: Sequence[str], words: Iterable[str]) -> list[str]:
    wanted = {word for text in words for word in words_of(text)}
    return sorted(texts, key=lambda text: -len(wanted & set(words_of(text))))
