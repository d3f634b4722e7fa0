"""Every number that the ranking is made with, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RankingWeights:
    """The numbers of docs/how-it-ranks.md. An ablation is `replace(weights, neighbours=0)`.

    How a document is scored:

    k1, b: BM25's, for keywords.
    agreement: of one caption, as a frequency: 0.5 is as if k1 were twice as much.
    tier: what a keyword that matches counts by itself.
    share: of one more, that how well the keywords match may add; below 1.
    doubtful: of a tier, shared among the keywords, for one that few patches of a picture say alone,
        or a sentence without its rarest telling word.
    rarest: a sentence of so many telling words at most is about the rarest of them.
    root: whether the square root of how well each matches is added, or that itself.
    apart: other words that may stand between those of a keyword (a traffic control light).
    neighbours: of two words of a sentence found side by side.
    meaning: of a sentence's words by their meaning, beside BM25 over their stems.
    sentence_words: of a sentence, that are looked at in pairs.

    What a keyword stands for:

    text, about, name: of words read in the picture, told by its file, in its file's name.
    date: of a date without its field: 2019, July 2019.
    whole: times as much for a sentence that stands so in one of these.
    common, few: a word that a larger share of all documents has, and more than so many, finds
        none by itself where a phrase gives way to its words.
    joined: of taillight for tail light.
    head, part: hints for a keyword of several words: its last word, each of the others.
    likely: other words find a thing only if they are this likely to mean it.
    early: how often and how early captions name it.
    excluded: other words exclude only if they are this likely to mean it.
    names: other names of each word of a sentence, at most.
    feedback, shared: best documents whose words tell what goes with a keyword, and how many of
        them must share a word.
    related, related_words: of the words that go with a keyword together, and how many.
    near, nearer, hinting, near_hints: of a word that has to do with a keyword, where all are
        ranked: times how near it is to the power of `nearer`, from `hinting` on; so many words.
    alike, near_words: of words that find by themselves where that is asked for: how near they are
        at least, and how many.
    like_words, like, unlike: words that tell a picture from others; the share of them that a
        similar picture must have, and one that is excluded.

    saturation: of evidence, as k1.
    """

    k1: float = 2.0
    b: float = 0.4
    agreement: float = 0.5
    tier: float = 1.0
    share: float = 0.25
    doubtful: float = 0.5
    rarest: int = 4
    root: bool = True
    apart: int = 1
    neighbours: float = 0.1
    meaning: float = 0.3
    sentence_words: int = 64

    text: float = 0.5
    about: float = 0.5
    name: float = 0.3
    date: float = 0.5
    whole: float = 4.0
    common: float = 1 / 3
    few: int = 10
    joined: float = 0.95
    head: float = 0.1
    part: float = 0.01
    likely: float = 0.25
    early: float = 0.1
    excluded: float = 0.25
    names: int = 50
    feedback: int = 30
    shared: int = 3
    related: float = 0.3
    related_words: int = 30
    near: float = 0.1
    nearer: int = 4
    hinting: float = 0.4
    near_hints: int = 30
    alike: float = 0.6
    near_words: int = 10
    like_words: int = 20
    like: float = 0.3
    unlike: float = 0.5

    saturation: float = 2.0


WEIGHTS = RankingWeights()
"""The ranking as it is."""
