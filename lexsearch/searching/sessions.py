"""A search that goes on in rounds (Sec. 3.3 of the paper): look, add a keyword, look again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from lexsearch.errors import QueryError
from lexsearch.records import Keyword, Query, Results, Suggestion
from lexsearch.searching.snapshot import understood
from lexsearch.text.queries import parse

if TYPE_CHECKING:
    from lexsearch.index import Index


class Round(NamedTuple):
    """A query as it stood, and how many pictures matched it."""

    query: str
    total: int


class Session:
    """Rounds of one search. Each method that changes the query gives the session itself."""

    def __init__(self, index: Index, query: str | Query) -> None:
        self._index = index
        self._queries = [understood(query)]
        self._totals: dict[Query, int] = {}
        self._answered: set[str] = set()
        self._suggested: set[str] = set()

    @property
    def query(self) -> Query:
        """The query as it stands."""
        return self._queries[-1]

    @property
    def rounds(self) -> tuple[Round, ...]:
        """All queries so far, the first one first, without those taken back."""
        return tuple(Round(str(query), self._total(query)) for query in self._queries)

    def _total(self, query: Query) -> int:
        if query not in self._totals:
            self._totals[query] = self._index.total(query, "all")
        return self._totals[query]

    def add(self, *keywords: str) -> Session:
        """Also look for keywords, in the query language: "cup", "-person". A word that was
        suggested must be there: it narrows what was found.
        """
        more = [keyword for text in keywords for keyword in parse(text).keywords]
        more = [replace(one, sign="+") if str(one) in self._suggested else one for one in more]
        return self._go_on([*self.query.keywords, *more])

    def drop(self, *keywords: str) -> Session:
        """Look for keywords no more; QueryError for one that is not in the query."""
        gone = {keyword for text in keywords for keyword in parse(text).keywords}
        if unknown := gone - set(self.query.keywords):
            raise QueryError(f"the query has no keyword {min(map(str, unknown))!r}: {self.query}")
        return self._go_on([word for word in self.query.keywords if word not in gone])

    def undo(self) -> Session:
        """Take the last change back; QueryError when there is none."""
        if len(self._queries) == 1:
            raise QueryError("there is no round to take back")
        self._queries.pop()
        return self

    def like(self, name: str) -> Session:
        """More like this picture (a path or a doc_id), by its captions."""
        return self._go_on([*self.query.keywords, Keyword(name, quoted=True, field="like")])

    def unlike(self, name: str) -> Session:
        """None that is much like this picture."""
        alike = Keyword(name, quoted=True, field="like")
        kept = [word for word in self.query.keywords if word != alike]
        return self._go_on([*kept, replace(alike, sign="-")])

    def _go_on(self, keywords: list[Keyword]) -> Session:
        if not keywords:
            raise QueryError("a query needs at least one keyword")
        query = replace(self.query, keywords=tuple(dict.fromkeys(keywords)))
        self._total(query)  # a picture that is not there is told before it is a round
        self._queries.append(query)
        return self

    def search(self, k: int = 10) -> Results:
        """The k best pictures of this round; below a line, what lacks a word that must be there."""
        return self._index.search(self.query, k, lacking=True)

    def suggest(self, n: int = 8, k: int = 50) -> list[Suggestion]:
        """Next keywords: words that split the k best pictures best, each with how many pictures it
        leaves when it is added.
        """
        found = self._index.suggest(self.query, n, k)
        self._suggested = {one.word for one in found}
        return found

    def question(self) -> str | None:
        """What to ask next: the word that splits the best pictures best, of those that were not
        asked about before. None where there is no more to ask.
        """
        words = (one.word for one in self.suggest(len(self._answered) + 1))
        return next((word for word in words if word not in self._answered), None)

    def answer(self, word: str, is_there: bool | None) -> bool:
        """Take an answer to a question; whether the query is another one now.

        What is there becomes a keyword. What is not, or what nobody knows, only is asked no more:
        captions do not say all that is in a picture.
        """
        self._answered.add(word)
        if is_there:
            self.add(word)
        return bool(is_there)
