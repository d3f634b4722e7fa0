"""Pairs by challenge and response: a language model rewrites what the search did not understand.

MGQRe, Sec. 3.1 and A.1. The paper's prompts are in a picture; these are our own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from lexsearch.errors import ModelError
from lexsearch.language import Ask, LanguageModel
from lexsearch.language.asking import ask_all
from lexsearch.language.remembered import Remembered
from lexsearch.records import Progress
from lexsearch.rewriting.filters import MOST_NEW, fault, new_words
from lexsearch.rewriting.pairs import Pair, PairsFile, Rewrite
from lexsearch.rewriting.prompts import PROMPT, blurring, rewrite_in, searching, seen, task
from lexsearch.rewriting.retriever import Asked, Retriever, Verdict
from lexsearch.rewriting.similarity import Similarity

Strategy = Literal["challenge", "feedback", "direct"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

LOW, HIGH = 10, 3
"""A query is of low quality when its picture is not in the first 10, of high when it is in the
first 3.
"""
_SHOWN_WRONG = 3
_SHOWN_CAPTIONS, _SHOWN_WORDS = 5, 60
_AT_ONCE = 64  # queries
_TEMPERATURE = 0.7
_SIMILAR, _SIMILAR_BLURRED = 0.5, 0.6


class Query(NamedTuple):
    """What was typed, and the picture that it is about."""

    text: str
    doc_id: str


class Gallery(ABC):
    """What a model may be shown of pictures."""

    @abstractmethod
    def captions(self, doc_id: str) -> Sequence[str]:
        """What is said of a picture; nothing of one that is not there."""

    def picture(self, doc_id: str) -> str | None:
        """A picture as data URL, for models that see; None where words are to do."""
        return None


class Captions(Gallery):
    """Captions that are at hand, by doc_id."""

    def __init__(self, known: Mapping[str, Sequence[str]]) -> None:
        self._known = known

    def captions(self, doc_id: str) -> Sequence[str]:
        return self._known.get(doc_id, ())


class Settings(NamedTuple):
    """strategy: "challenge" shows wrong pictures and what was tried, "feedback" what was tried,
    "direct" the right picture alone (MGQRe, Table 2). rounds: tries for a query. wanted: accepted
    rewrites that are enough.
    """

    strategy: Strategy = "challenge"
    rounds: int = 10
    wanted: int = 5


@dataclass
class Made:
    """What became of the queries of a run.

    low, high, middling: by how early their picture was found; middling ones make no pairs.
    pairs, rewrites: that were written. in_vain: queries for which nothing was accepted.
    unanswered: queries that the model failed at, which another run asks again.
    left_out: rewrites by why they were none.
    """

    low: int = 0
    high: int = 0
    middling: int = 0
    pairs: int = 0
    rewrites: int = 0
    new_words: int = 0
    in_vain: int = 0
    unanswered: int = 0
    known: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass
class _Work:
    """A query that is being rewritten."""

    query: Query
    verdict: Verdict
    captions: Sequence[str]
    wrong: Sequence[str]
    accepted: list[Rewrite] = field(default_factory=list)
    tried: list[tuple[str, int | None]] = field(default_factory=list)
    error: ModelError | None = None


class PairMaker:
    """Makes pairs of queries with a retriever and a language model.

    similarity: None looks at no meaning. remembered: answers that were given before. fresh: ask
        anew.
    """

    def __init__(
        self,
        retriever: Retriever,
        model: LanguageModel,
        gallery: Gallery,
        settings: Settings = Settings(),  # noqa: B008 (a tuple)
        *,
        similarity: Similarity | None = None,
        remembered: Remembered | None = None,
        fresh: bool = False,
    ) -> None:
        self._retriever = retriever
        self._model = model
        self._gallery = gallery
        self._settings = settings
        self._similarity = similarity
        self._remembered = remembered
        self._fresh = fresh
        self._made = Made()

    def make(
        self,
        queries: Sequence[Query],
        file: PairsFile,
        progress: Callable[[Progress], None] = lambda progress: None,
    ) -> Made:
        """Write a line for each query of low or high quality, as soon as it is done. Those that the
        file knows are left alone.

        Raises ModelUnavailable where the model answers no more; what is written is kept.
        """
        made = self._made = Made()
        missing = [query for query in dict.fromkeys(queries) if query not in file.known]
        made.known = len(queries) - len(missing)
        for start in range(0, len(missing), _AT_ONCE):
            progress(Progress("pairs", start, len(missing), "query", made.unanswered))
            low, high = self._told_apart(missing[start : start + _AT_ONCE])
            for pair in (*self._improved(low), *self._blurred(high)):
                file.write([pair])
                made.pairs += bool(pair.rewrites)
                made.in_vain += not pair.rewrites
                made.rewrites += len(pair.rewrites)
                made.new_words += sum(rewrite.new_words for rewrite in pair.rewrites)
        return made

    def _told_apart(self, queries: Sequence[Query]) -> tuple[list[_Work], list[_Work]]:
        """Queries of low and of high quality."""
        verdicts = self._retriever.judge([Asked(one.text, one.doc_id, one.text) for one in queries])
        low, high = [], []
        for query, verdict in zip(queries, verdicts, strict=True):
            rank = verdict.rank
            if rank is not None and HIGH < rank <= LOW:
                self._made.middling += 1
                continue
            captions = _shortened(self._gallery.captions(query.doc_id))
            if rank is not None and rank <= HIGH:
                high.append(_Work(query, verdict, captions, ()))
            else:
                found = self._retriever.rank(query.text, _SHOWN_WRONG + 1)
                wrong = [one for one in found if one != query.doc_id][:_SHOWN_WRONG]
                low.append(_Work(query, verdict, captions, wrong))
        self._made.low += len(low)
        self._made.high += len(high)
        return low, high

    def _improved(self, works: Sequence[_Work]) -> Iterator[Pair]:
        """Rounds, of all queries that have too few rewrites at once."""
        settings = self._settings
        for number in range(1, settings.rounds + 1):
            left = [
                work for work in works if not work.error and len(work.accepted) < settings.wanted
            ]
            if not left:
                break
            answers = self._asked([self._question(work, number) for work in left])
            for work, answer in zip(left, answers, strict=True):
                if isinstance(answer, ModelError):
                    work.error = answer
                else:
                    self._tried(work, rewrite_in(answer), number)
        for work in works:
            if work.error and not work.accepted:
                self._made.unanswered += 1
            else:
                yield self._pair(work, work.query.text, work.verdict, work.accepted)

    def _question(self, work: _Work, number: int) -> Ask:
        settings, gallery = self._settings, self._gallery
        wrong = work.wrong if settings.strategy == "challenge" else ()
        tried = work.tried if settings.strategy != "direct" else ()
        shown = [gallery.picture(doc_id) for doc_id in (work.query.doc_id, *wrong)]
        pictures = tuple(url for url in shown if url)
        right = "the first photo" if pictures else seen(work.captions)
        others = [
            f"photo {place}" if pictures else seen(_shortened(gallery.captions(doc_id)))
            for place, doc_id in enumerate(wrong, 2)
        ]
        text = searching(work.query.text, right, others, tried)
        return Ask(task(work.query.text), text, _TEMPERATURE, number, 400, pictures)

    def _tried(self, work: _Work, text: str, number: int) -> None:
        """Test a rewrite, and keep it where it finds more."""
        query, doc_id = work.query
        why = fault(text, query, {said.casefold() for said, _ in work.tried})
        if why:
            self._made.left_out[why] += 1
            return
        [verdict] = self._retriever.judge([Asked(query, doc_id, text)])
        work.tried.append((text, verdict.rank))
        added = new_words(text, query, work.captions)
        similarity = self._alike(query, text)
        if added > MOST_NEW:
            self._made.left_out["copies the captions"] += 1
        elif similarity is not None and similarity < _SIMILAR:
            self._made.left_out["another meaning"] += 1
        elif verdict.score <= work.verdict.score:
            self._made.left_out["finds no more"] += 1
        else:
            rewrite = Rewrite(text, verdict.rank, verdict.score, number, similarity, added)
            work.accepted.append(rewrite)

    def _blurred(self, works: Sequence[_Work]) -> Iterator[Pair]:
        """One query that finds less, for each that finds its picture."""
        asked = [Ask("", blurring(work.query.text), _TEMPERATURE, 1, 100) for work in works]
        for work, answer in zip(works, self._asked(asked), strict=True):
            query, doc_id = work.query
            if isinstance(answer, ModelError):
                self._made.unanswered += 1
                continue
            text = answer.strip().strip("\"'")
            [verdict] = self._retriever.judge([Asked(query, doc_id, text)])
            similarity = self._alike(query, text)
            why = fault(text, query, ())
            if not why and similarity is not None and similarity < _SIMILAR_BLURRED:
                why = "another meaning"
            if not why and verdict.score >= work.verdict.score:
                why = "finds no less"
            if why:
                self._made.left_out[why] += 1
                yield self._pair(work, query, work.verdict, ())
            else:
                itself = Rewrite(query, work.verdict.rank, work.verdict.score, 1, similarity)
                yield self._pair(work, text, verdict, (itself,))

    def _pair(self, work: _Work, query: str, verdict: Verdict, rewrites: Sequence[Rewrite]) -> Pair:
        rank = work.verdict.rank
        return Pair(
            query,
            work.query.doc_id,
            "high" if rank is not None and rank <= HIGH else "low",
            verdict.rank,
            verdict.score,
            tuple(rewrites),
            work.query.text,
            self._retriever.key,
            self._model.key,
            PROMPT,
        )

    def _alike(self, query: str, text: str) -> float | None:
        return self._similarity.between(query, [text])[0] if self._similarity else None

    def _asked(self, questions: Sequence[Ask]) -> list[str | ModelError]:
        return ask_all(
            self._model,
            questions,
            lambda answer: True,
            remembered=self._remembered,
            fresh=self._fresh,
        )


def _shortened(captions: Sequence[str]) -> list[str]:
    """As many as a model is to read: five, of 60 words together."""
    room, kept = _SHOWN_WORDS, []
    for caption in list(dict.fromkeys(captions))[:_SHOWN_CAPTIONS]:
        words = caption.split()[:room]
        room -= len(words)
        if words:
            kept.append(" ".join(words))
    return kept
