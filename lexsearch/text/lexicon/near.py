"""Near words: what has to do with what, by a table that tools/make_near_words.py made.

Not another name for a thing (that is the lexicon's): rain is near to an umbrella. The table is read
where it is first asked, and stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_FOLDER = Path(__file__).parent


class Near(NamedTuple):
    """A word that is near to another.

    text: as the analyzer has it. likeness: the cosine of their vectors, at most 1.
    """

    text: str
    likeness: float


class _Table(NamedTuple):
    """words: as the analyzer has them. vectors: a row of length 1 for each."""

    words: list[str]
    places: dict[str, int]
    vectors: npt.NDArray[np.float32]


def near_words(terms: Sequence[str], n: int) -> list[Near]:
    """The n words nearest to a word or phrase, the nearest first, and none of its own; of a phrase
    that the table lacks, those near to its last word; [] where it lacks that too.

    terms: as the analyzer has them.
    """
    table = _table()
    own = [table.places[term] for term in terms if term in table.places]
    asked = table.places.get(" ".join(terms), table.places.get("".join(terms[-1:])))
    if asked is None:
        return []
    likeness = table.vectors @ table.vectors[asked]
    likeness[[asked, *own]] = -1
    best = likeness.argpartition(-min(n, len(likeness)))[-n:]
    best = best[likeness[best].argsort(kind="stable")[::-1]]
    return [Near(table.words[one], float(likeness[one])) for one in best.tolist()]


@cache
def _table() -> _Table:
    import numpy as np

    words = (_FOLDER / "near.txt").read_text("utf-8").splitlines()
    vectors = np.load(_FOLDER / "near.npy").astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return _Table(words, {word: place for place, word in enumerate(words)}, vectors)
