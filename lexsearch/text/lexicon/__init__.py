"""What else a thing may be called: synonyms, kinds, and the next broader words.

Three layers: kinds.tsv, made from WordNet by tools/make_lexicon.py; names.toml, by hand, for names
that people give to things in data sets and shops; and a lexicon.toml of one's own:

    [same]          # words for the same thing, both ways
    couch = ["chesterfield"]
    [kinds]         # names of people, places, products; jargon
    person = ["Anna", "Ben"]
"""

from __future__ import annotations

import mmap
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from lexsearch.errors import LexsearchError

_FOLDER = Path(__file__).parent
_RELATIONS = {"=": "synonym", "<": "kind", ">": "broader"}


Terms = Callable[[Collection[str]], Mapping[str, Sequence[str]]]
"""For each of some texts its words as they are compared."""


class Alternative(NamedTuple):
    """Another word for a thing.

    relation: "synonym", "kind" (a puppy is a dog) or "broader" (a dog is an animal).
    weight: from 0 to 1, how likely it is that this thing is meant by it.
    """

    text: str
    relation: str
    weight: float

    def names(self, likely: float) -> bool:
        """Whether the thing itself is mostly meant by it: not by a broader word, nor by a name that
        mostly means something else.
        """
        return self.relation != "broader" and self.weight >= likely


class Lexicon:
    """Alternatives by word. Words meet when `terms` makes the same of them."""

    def __init__(self, terms: Terms, own: Path | None = None) -> None:
        self.terms = terms
        self._layers = [_read(_FOLDER / "names.toml")]
        if own is not None and own.exists():
            self._layers.insert(0, _read(own))  # one's own words first

    @cached_property
    def _named(self) -> dict[str, list[Alternative]]:
        """What the layers say, by key."""
        named: dict[str, list[Alternative]] = {}
        for layer in self._layers:
            terms = self.terms(layer)
            for word, alternatives in layer.items():
                if key := " ".join(terms[word]):
                    named.setdefault(key, []).extend(alternatives)
        return named

    def _key(self, text: str) -> str:
        return " ".join(self.terms([text])[text])

    def alternatives(self, text: str) -> list[Alternative]:
        """What else `text` may be called, the likeliest first; one's own words before others."""
        key = self._key(text)
        found: dict[str, Alternative] = {}
        for row in self._named.get(key, ()):
            found.setdefault(row.text, row)
        for row in [*found.values()]:  # a tv monitor is called what a tv is called
            if row.relation == "synonym":
                others = self._known(self._key(row.text))
                terms = self.terms([other.text for other in others])
                for other in others:
                    if " ".join(terms[other.text]) != key:
                        found.setdefault(other.text, other)
        for row in self._known(key):
            found.setdefault(row.text, row)
        return list(found.values())

    def _known(self, key: str) -> list[Alternative]:
        """What kinds.tsv says, but for kinds that say nothing of a picture."""
        abstract, elsewhere = self._without
        return [
            row
            for row in _look_up(key)
            if row.relation != "kind" or (key not in abstract and row.text not in elsewhere)
        ]

    @cached_property
    def _without(self) -> tuple[frozenset[str], frozenset[str]]:
        """(keys of words that bring in no kinds, words that are no kinds)."""
        stored = tomllib.loads((_FOLDER / "names.toml").read_text("utf-8"))["without"]
        keys = frozenset(map(self._key, stored["kinds"]))
        return keys, frozenset(stored["other"])


def _read(file: Path) -> dict[str, list[Alternative]]:
    try:
        stored = tomllib.loads(file.read_text("utf-8"))
        rows: dict[str, list[Alternative]] = {}
        for word, others in stored.get("same", {}).items():
            group = [word, *_words(others)]
            for one in group:
                same = [Alternative(other, "synonym", 1.0) for other in group if other != one]
                rows.setdefault(one, []).extend(same)
        for word, others in stored.get("kinds", {}).items():
            kinds = [Alternative(other, "kind", 1.0) for other in _words(others)]
            rows.setdefault(word, []).extend(kinds)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise LexsearchError(
            f'{file} is not a lexicon ({error}); it looks like: [same]\\ncouch = ["sofa"]'
        ) from error
    return rows


def _words(listed: object) -> list[str]:
    if not isinstance(listed, list) or not all(isinstance(word, str) for word in listed):
        raise ValueError(f"{listed!r} is not a list of words")
    return listed


def _look_up(key: str) -> list[Alternative]:
    """The alternatives in kinds.tsv, found by bisection: its lines are in order of bytes."""
    data, wanted = _open_kinds(), key.encode()
    low, high = 0, len(data)
    while low < high:
        start = data.rfind(b"\n", 0, (low + high) // 2) + 1
        end = data.find(b"\n", start)
        word, _, rest = data[start:end].partition(b"\t")
        if word == wanted:
            return list(_parse(rest.decode()))
        if word < wanted:
            low = end + 1
        else:
            high = start
    return []


def _parse(line: str) -> Iterator[Alternative]:
    for entry in line.split("\t"):
        weight, _, word = entry[1:].partition(" ")
        yield Alternative(word, _RELATIONS[entry[0]], int(weight) / 100)


@cache
def _open_kinds() -> mmap.mmap:
    with open(_FOLDER / "kinds.tsv", "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
