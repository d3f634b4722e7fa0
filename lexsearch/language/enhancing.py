"""A short search said at length by a language model: sentences to search with as well.

The method is that of "Flickr30K-CFQ" (Liu et al. 2024): several batches of sentences for each
query, which is itself part of every batch. The paper gives no prompts; these are our own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from lexsearch.errors import ModelError, ModelUnavailable, QueryError
from lexsearch.language import Ask, LanguageModel
from lexsearch.language.recorded import Recorded
from lexsearch.language.remembered import Remembered
from lexsearch.records import Progress, Query
from lexsearch.text.asking import GRAMMAR
from lexsearch.text.queries import parse
from lexsearch.text.words import words_of

PROMPT = 1
"""Goes up with every change of what is asked."""

_SYSTEM = (
    "You help people find photos. A search engine looks for words in descriptions of photos. "
    "Answer in English, one line each: no numbers, no quotation marks, no comments."
)
_ENOUGH = 3  # lines; with fewer, the model is asked once more
_OTHER_SEED = 100
_MOST_WORDS = 40
_AT_ONCE = 64  # queries, of many
_PREFACE = re.compile(
    r"(?:i[’']?m sorry|i am sorry|sorry|i can(?:no|[’'])t|i cannot|as an ai|as a language model|"  # noqa: RUF001
    r"here (?:are|is)|sure\b|certainly|of course|okay\b|below (?:are|is))",
    re.I,
)
_MARK = re.compile(r"^(?:[-*•–—]+|\(?\d{1,3}[.):]|[a-z][.)])\s+")  # noqa: RUF001
_QUOTES = "\"'“”‘’«»`*_ "  # noqa: RUF001


class Enhanced(NamedTuple):
    """A query with the sentences that were found for it.

    query: to be searched with; its `also` has all sentences. batches: the same by batch.
    note: why there are none or fewer than there might be; "" where all is well.
    """

    query: Query
    batches: tuple[tuple[str, ...], ...]
    note: str = ""

    @property
    def sentences(self) -> tuple[str, ...]:
        return self.query.also

    def weight(self, fuse: str, weight: float | None = None) -> float:
        """Of what was typed, which is part of every batch."""
        usual = 1.0 if fuse == "vote" else 3.0
        return max(len(self.batches), 1) * (usual if weight is None else weight)


class Enhancer:
    """Asks a language model for sentences.

    model: None takes recorded sentences alone. sentences: in a batch. batches: each is one request.
    remembered: answers that were given before. recorded: sentences from a file; both are looked at
        before the model is asked. fresh: ask anew, and remember that.
    """

    def __init__(
        self,
        model: LanguageModel | None,
        *,
        sentences: int = 10,
        batches: int = 3,
        temperature: float = 0.7,
        remembered: Remembered | None = None,
        recorded: Recorded | None = None,
        fresh: bool = False,
    ) -> None:
        self._model = model
        self._sentences = sentences
        self._batches = batches
        self._temperature = temperature
        self._remembered = remembered
        self._recorded = recorded
        self._fresh = fresh

    def enhance(self, query: str | Query) -> Enhanced:
        """The query with sentences; on its own, with a note, where there are none.

        Signs, quotes and fields are not sent, and hold for all sentences. Raises QueryError for an
        empty query.
        """
        [enhanced] = self._several([parse(query) if isinstance(query, str) else query])
        return enhanced

    def enhance_all(
        self,
        queries: Sequence[str | Query],
        progress: Callable[[Progress], None] = lambda progress: None,
    ) -> list[Enhanced]:
        """The same for many. What was answered is remembered, so that another run goes on.

        Raises ModelUnavailable where no further question will be answered.
        """
        enhanced: list[Enhanced] = []
        for start in range(0, len(queries), _AT_ONCE):
            progress(Progress("enhancing", start, len(queries), "query"))
            part = list(map(_parsed, queries[start : start + _AT_ONCE]))
            enhanced += self._several(part, in_bulk=True)
        return enhanced

    def _several(self, queries: Sequence[Query], *, in_bulk: bool = False) -> list[Enhanced]:
        """Raises ModelError where the model's name cannot be told, and, in bulk, where no further
        question will be answered: what is measured must not be the plain search unnoticed.
        """
        free = list(map(free_part, queries))
        wanted = [(text, batch) for text in dict.fromkeys(free) if text for batch in self._all()]
        found: dict[tuple[str, int], tuple[str, ...] | ModelError] = {}
        for text, batch in wanted:
            if (known := self._known(text, batch)) is not None:
                found[text, batch] = known
        missing = [key for key in wanted if key not in found]
        asked = self._asked(missing)
        gone = (said for said in asked.values() if isinstance(said, ModelUnavailable))
        if in_bulk and (error := next(gone, None)):
            raise error
        found |= asked
        return [self._made(query, text, found) for query, text in zip(queries, free, strict=True)]

    def _all(self) -> range:
        return range(self._batches)

    def _made(
        self,
        query: Query,
        text: str,
        found: dict[tuple[str, int], tuple[str, ...] | ModelError],
    ) -> Enhanced:
        if not text:
            return Enhanced(query, (), "there is nothing to enhance: no plain words were typed")
        each = [found[text, batch] for batch in self._all()]
        batches = tuple(said for said in each if not isinstance(said, ModelError) and said)
        note = ""
        if not batches:
            reason = next((said for said in each if isinstance(said, ModelError)), None)
            note = str(reason or "the model gave no sentence")
        also = tuple(sentence for batch in batches for sentence in batch)
        return Enhanced(replace(query, also=also), batches, note)

    def _known(self, text: str, batch: int) -> tuple[str, ...] | None:
        """What was recorded or answered before."""
        if self._recorded is not None:
            name = self._model.key if self._model is not None else None
            said = self._recorded.get(text, batch, PROMPT, name)
            if said is not None:
                return tuple(sentences_of("\n".join(said), text, self._sentences))
        if self._remembered is None or self._model is None or self._fresh:
            return None
        answer = self._remembered.get(self._model.key, self._question(text, batch))
        if answer is None:
            return None
        said = tuple(sentences_of(answer, text, self._sentences))
        self._record(text, batch, said)
        return said

    def _asked(
        self, wanted: Sequence[tuple[str, int]]
    ) -> dict[tuple[str, int], tuple[str, ...] | ModelError]:
        """What the model says now. One that says too little is asked once more."""
        if self._model is None:
            error = ModelError("no sentences of it were recorded, and no language model is named")
            return dict.fromkeys(wanted, error)
        found = self._answers(wanted, 0)
        again = [key for key, said in found.items() if len(_said(said)) < _ENOUGH]
        again = [key for key in again if not isinstance(found[key], ModelError)]
        for key, said in self._answers(again, _OTHER_SEED).items() if again else ():
            if len(_said(said)) > len(_said(found[key])):
                found[key] = said
        for (text, batch), said in found.items():
            if _said(said):
                self._record(text, batch, _said(said))
        return found

    def _answers(
        self, wanted: Sequence[tuple[str, int]], seed: int
    ) -> dict[tuple[str, int], tuple[str, ...] | ModelError]:
        assert self._model is not None
        asked = [self._question(text, batch + seed) for text, batch in wanted]
        found: dict[tuple[str, int], tuple[str, ...] | ModelError] = {}
        for key, answer in zip(wanted, self._model.ask(asked), strict=True):
            if isinstance(answer, ModelError):
                found[key] = answer
                continue
            said = found[key] = tuple(sentences_of(answer, key[0], self._sentences))
            if self._remembered is not None and len(said) >= min(_ENOUGH, self._sentences):
                first = self._question(*key)  # what the second answer is remembered for, too
                self._remembered.put(self._model.key, first, answer)
        return found

    def _question(self, text: str, seed: int) -> Ask:
        third = self._sentences // 3
        user = (
            f"Somebody searches photos for: {text}\n"
            f"Write {self._sentences} lines in this order.\n"
            f"{self._sentences - 2 * third} lines: each describes one photo that they may mean. "
            "Say only what can be seen: people, things, animals, places, actions, colours.\n"
            f"{third} lines: the search itself in simpler, more concrete words, nothing added.\n"
            f"{third} lines: three to six visible things each, with commas, of such a photo."
        )
        return Ask(_SYSTEM, user, self._temperature, seed, 60 * self._sentences)

    def _record(self, text: str, batch: int, said: Sequence[str]) -> None:
        if self._recorded is not None and self._model is not None:
            row = {"query": text, "batch": batch, "seed": batch, "model": self._model.key}
            self._recorded.put({**row, "prompt": PROMPT, "sentences": list(said)})


def free_part(query: Query) -> str:
    """What may be sent of a query: words without sign, quotes or field."""
    plain = (word for word in query.keywords if not (word.sign or word.quoted or word.field))
    return ", ".join(word.text for word in plain)


def sentences_of(answer: str, query: str, most: int) -> list[str]:
    """The sentences in what a model answered, whatever that is: at most so many, each once.

    Left out: numbers, marks and quotes around lines; prefaces and refusals; addresses; what is
    longer than 40 words, has no telling word, or is the query itself. Commas become spaces.
    """
    seen = {_bare(query)}
    found: list[str] = []
    for line in _lines(answer):
        line = _MARK.sub("", line.strip()).strip(_QUOTES)
        text = " ".join(re.sub(r"[,;]", " ", line).split()).rstrip(".")
        if not _is_sentence(line, text) or _bare(text) in seen:
            continue
        seen.add(_bare(text))
        found.append(text)
    return found[:most]


def _lines(answer: str) -> list[str]:
    """Lines, also where the model sent them as a list in JSON."""
    try:
        listed = json.loads(answer)
    except (ValueError, RecursionError):
        return answer.splitlines()
    if not isinstance(listed, list):
        return answer.splitlines()
    return [" ".join(one.split()) for one in listed if isinstance(one, str)]


def _is_sentence(line: str, text: str) -> bool:
    if line.endswith(":") or line.startswith("```") or _PREFACE.match(line):
        return False
    if "://" in line or "www." in line or "{" in line:
        return False
    words = words_of(text)
    return len(words) <= _MOST_WORDS and any(
        word not in GRAMMAR and word.isalpha() and word.isascii() for word in words
    )


def _bare(text: str) -> str:
    return " ".join(words_of(text)).casefold()


def _said(said: tuple[str, ...] | ModelError) -> tuple[str, ...]:
    return () if isinstance(said, ModelError) else said


def _parsed(query: str | Query) -> Query:
    if isinstance(query, Query):
        return query
    try:
        return parse(query)
    except QueryError:
        return Query(())
