"""What else a thing may be called: synonyms, kinds, and the next broader words.

Three layers: kinds.tsv, made from WordNet by tools/make_lexicon.py; names.tsv, made by
tools/make_names.py from names.toml, which is by hand, for names that people give to things in data
sets and shops; and a lexicon.toml of one's own:

    [same]          # words for the same thing, both ways
    couch = ["chesterfield"]
    [kinds]         # names of people, places, products; jargon
    person = ["Anna", "Ben"]
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from lexsearch.errors import LexsearchError

_FOLDER = Path(__file__).parent
NAMES_BY_HAND, NAMES, KINDS = (_FOLDER / name for name in ("names.toml", "names.tsv", "kinds.tsv"))

# Keys of words whose kinds in WordNet say nothing of a picture: what counts, holds or stands for
# anything ("a group of people" is no traffic).
NO_KINDS = frozenset(
    (
        *("group", "thing", "set", "piece", "part", "object", "item", "collection", "bunch", "lot"),
        *("pair", "couple", "number", "amount", "kind", "type", "sort", "series", "variety", "row"),
        *("unit", "bit", "system", "structure", "form", "style", "side", "top", "bottom", "end"),
        *("area", "place", "scene", "view", "way", "line"),
    )
)
NOT_KINDS = frozenset(["mouse"])
"""Words that are no kinds in what is said of pictures: a mouse lies on a desk."""
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
        self._read = read_names(own) if own is not None and own.exists() else {}

    @cached_property
    def _own(self) -> dict[str, list[Alternative]]:
        """One's own words by key."""
        return by_key(self._read, self.terms)

    def _key(self, text: str) -> str:
        return " ".join(self.terms([text])[text])

    def alternatives(self, text: str) -> list[Alternative]:
        """What else `text` may be called, the likeliest first; one's own words before others."""
        key = self._key(text)
        found: dict[str, Alternative] = {}
        for row in (*self._own.get(key, ()), *_look_up(NAMES, key)):
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
        return [
            row
            for row in _look_up(KINDS, key)
            if row.relation != "kind" or (key not in NO_KINDS and row.text not in NOT_KINDS)
        ]


def by_key(
    names: Mapping[str, Sequence[Alternative]], terms: Terms
) -> dict[str, list[Alternative]]:
    """Alternatives of words, by what `terms` makes of the words."""
    found: dict[str, list[Alternative]] = {}
    keys = terms(names)
    for word, alternatives in names.items():
        if key := " ".join(keys[word]):
            found.setdefault(key, []).extend(alternatives)
    return found


def read_names(file: Path) -> dict[str, list[Alternative]]:
    """Names in a TOML file, by the word that they are names for; LexsearchError tells what a
    lexicon looks like.
    """
    import tomllib

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


def _look_up(file: Path, key: str) -> list[Alternative]:
    """The alternatives in a .tsv, found by bisection: its lines are in order of bytes."""
    data, wanted = _mapped(file), key.encode()
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
def _mapped(file: Path) -> mmap.mmap:
    with file.open("rb") as opened:
        return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
