"""Write the lexicon from WordNet: word forms, and what else a word for a thing may be called.

    tools/make_lexicon.py /usr/share/wordnet /usr/share/dict/american-english-large

The arguments are a folder with WordNet's files (Debian: wordnet-base) and a list of words that
people know (Debian: wamerican-large), used only to leave the others out: Latin names, words long
gone. Words that WordNet calls offensive are left out too. Into lexsearch/text/lexicon/ go

irregular.txt: word forms that KStem alone does not bring together, the later sources winning:
    irregular verb forms, but none that is a noun in its own right ("saw"), since captions speak
    of things; regular plurals of nouns that KStem leaves apart from their singular, because it
    knows both as words ("traffic lights", "glasses", "knives"); British spellings, where
    WordNet has the American one as a synonym; irregular plurals, and a few forms by hand.

kinds.tsv: for each word for a thing, its synonyms and kinds, each with the probability that
    this is what is meant, and the next broader words. A line is: the terms that the analyzer
    makes of the word; tab; alternatives, each `=` (synonym), `<` (kind) or `>` (broader), the
    weight in hundredths, and the word. Only senses of things that can be seen count; how likely
    a sense is, is told by how often WordNet's authors met it in the texts that they tagged.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent.parent / "lexsearch" / "text" / "lexicon"
FORMS, KINDS = FOLDER / "irregular.txt", FOLDER / "kinds.tsv"
HEADER = """\
# {}; made by tools/make_lexicon.py from WordNet 3.0.
# See WORDNET-LICENSE.txt.
"""
BY_HAND = {
    "people": "person",
    "women": "woman",
    "tvs": "tv",
    "skis": "ski",
    "skier": "skier",
    "skiers": "skier",
    "doughnut": "donut",
    "doughnuts": "donut",
    "donuts": "donut",
    "grey": "gray",
    "greys": "gray",
    "greyish": "grayish",
    "tyre": "tire",
    "tyres": "tire",
}
ABSTRACT = re.compile("(ness|itis|osis|asis|ism|ity)$")  # nobody photographs two of them
NOT_PLURALS = {"does", "news", "glas"}
NOT_BRITISH = {"amour", "four", "outre", "timbre", "titre", "tour", "velour"}  # other words
BRITISH = (  # an ending, and what Americans write
    ("our", "or"),
    ("ourite", "orite"),
    ("oured", "ored"),
    ("ourful", "orful"),
    ("tre", "ter"),
    ("bre", "ber"),
    ("ogue", "og"),
    ("elled", "eled"),
    ("elling", "eling"),
    ("eller", "eler"),
    ("ellery", "elry"),
)

# WordNet's files of nouns whose senses can be seen: acts, animals, artifacts, parts of bodies,
# events, food, groups, places, natural objects, persons, phenomena, plants, substances.
SEEN = {3, 4, 5, 6, 8, 11, 13, 14, 15, 17, 18, 19, 20, 27}
LEAST_SENSE = 0.2  # of a word's senses that can be seen, those at least so likely
LEAST_WEIGHT = 0.1
DECAY = 0.85  # a step further down from a thing to its kinds
BROADER = 0.1
HALVES = 0.95
UNSEEN = 0.25  # how much senses of a noun that cannot be seen count against the others
NOT_NOUN = 0.5
OFFENSIVE = re.compile("offensive|disparag|derogat|slur|obscene|contempt")
SLURS = {  # that WordNet does not call so
    *("bastard", "bitch", "coon", "cretin", "cripple", "cunt", "dyke", "fag", "faggot", "gook"),
    *("half-breed", "harlot", "hussy", "moron", "motherfucker", "mulatto", "negress", "negro"),
    *("octoroon", "redneck", "redskin", "retard", "slut", "squaw", "wetback", "whore"),
}
GENERAL = 400  # a word with more kinds than this says nothing as a broader word
MOST = 250  # alternatives of a word, the best known first
PARTS_OF_SPEECH = {"noun": "1", "verb": "2", "adj": "3", "adv": "4"}


class Synset(NamedTuple):
    """Words that mean the same, and the synsets of the kinds of it, and of what it is a kind."""

    file: int
    words: tuple[str, ...]
    kinds: tuple[str, ...]
    broader: tuple[str, ...]


def read_exceptions(file: Path) -> dict[str, str]:
    pairs = (line.split()[:2] for line in file.read_text().splitlines())
    return {form: lemma for form, lemma in pairs if re.fullmatch("[a-z]+", form)}


def read_lemmas(file: Path, *, met: bool = False) -> set[str]:
    """WordNet's words; `met`: those that its authors met in the texts that they tagged."""
    entries = (line.split() for line in file.read_text().splitlines() if line[0] != " ")
    words = (entry[0] for entry in entries if not met or int(entry[5 + int(entry[3])]))
    return {word for word in words if re.fullmatch("[a-z]{3,}", word) and not ABSTRACT.search(word)}


def read_synsets(file: Path) -> dict[str, Synset]:
    synsets = {}
    for line in file.read_text().splitlines():
        if line[0] == " ":
            continue
        data, _, gloss = line.partition("|")
        entry = data.split()
        count = int(entry[3], 16)
        words = tuple(word.replace("_", " ") for word in entry[4 : 4 + 2 * count : 2])
        if OFFENSIVE.search(gloss):
            words = ()
        words = tuple(word for word in words if word.lower() not in SLURS)
        pointers = entry[5 + 2 * count :]
        related = defaultdict(list)
        parts = (pointers[start::4] for start in range(3))
        for symbol, target, part in zip(*parts, strict=False):
            if part == "n":
                related[symbol].append(target)
        synsets[entry[0]] = Synset(int(entry[1]), words, tuple(related["~"]), tuple(related["@"]))
    return synsets


def read_senses(folder: Path) -> dict[str, dict[str, float]]:
    """For each word, how often each of its senses is meant: by synset, "" if not a noun."""
    counts = {}
    for line in (folder / "cntlist.rev").read_text().splitlines():
        key, number, count = line.split()
        lemma, _, rest = key.partition("%")
        part = rest[0].replace("5", "3")
        counts[lemma, part, int(number)] = int(count)
    senses: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for name, part in PARTS_OF_SPEECH.items():
        for line in (folder / f"index.{name}").read_text().splitlines():
            if line[0] == " ":
                continue
            entry = line.split()
            synsets = entry[6 + int(entry[3]) :]
            for rank, synset in enumerate(synsets, 1):
                weight = counts.get((entry[0], part, rank), 0) + 1 / rank**2
                word = entry[0].replace("_", " ")
                senses[word][synset if name == "noun" else ""] += weight
    return senses


def plural(noun: str) -> str:
    if re.search("(s|x|z|ch|sh)$", noun):
        return noun + "es"
    return re.sub("y$", "ies", noun) if re.search("[^aeiou]y$", noun) else noun + "s"


def regular_plurals(nouns: set[str]) -> dict[str, str]:
    """Plurals that the analyzer, as yet without this list, keeps apart from the singular.

    A form that is the plural of two nouns ("vases") is left to the one that is met already.
    """
    apart, met = {}, set(NOT_PLURALS)
    for noun in sorted(nouns):
        many, one = terms_of(plural(noun)), terms_of(noun)
        if many == one:
            met.add(plural(noun))
        elif len(one) == 1:
            apart[plural(noun)] = one[0]
    return {form: noun for form, noun in apart.items() if form not in met}


def british(folder: Path) -> dict[str, str]:
    """British spellings, with their plurals, to the terms of the American ones."""
    words = set().union(*(read_lemmas(folder / f"index.{part}") for part in PARTS_OF_SPEECH))
    found = {}
    for word in words:
        for ours, theirs in BRITISH:
            american = word.removesuffix(ours) + theirs
            if word.endswith(ours) and american in words and word not in NOT_BRITISH:
                for one, other in ((word, american), (plural(word), plural(american))):
                    found[one] = terms_of(other)[0]
    return found


def write_forms(folder: Path) -> None:
    FORMS.write_text(HEADER.format("Word forms and what they are forms of"))
    nouns = read_lemmas(folder / "index.noun")
    verbs = read_lemmas(folder / "index.verb", met=True)
    irregular = read_exceptions(folder / "verb.exc").items()
    forms = {form: lemma for form, lemma in irregular if form not in nouns and lemma in verbs}
    forms |= regular_plurals(read_lemmas(folder / "index.noun", met=True))
    forms |= british(folder) | read_exceptions(folder / "noun.exc") | BY_HAND
    lines = (f"{form}\t{forms[form]}\n" for form in sorted(forms))
    FORMS.write_text(FORMS.read_text() + "".join(lines))


class Lexicon:
    """WordNet's nouns by the terms that the analyzer makes of them."""

    def __init__(self, folder: Path, familiar: Set[str]) -> None:
        self.synsets = read_synsets(folder / "data.noun")
        words = {
            word: senses
            for word, senses in read_senses(folder).items()
            if familiar >= set(re.split("[ -]", word))
        }
        self.terms = {word: " ".join(terms_of(word)) for word in words}
        self.written = {self.terms[word]: word for word in sorted(words, key=self.often(words))}
        self.senses: dict[str, Counter[str]] = defaultdict(Counter)
        for word, senses in words.items():
            self.senses[self.terms[word]].update(
                {synset: weight * self.visible(synset) for synset, weight in senses.items()}
            )
        self.known = Counter({term: sum(counts.values()) for term, counts in self.senses.items()})

    def often(self, words: Mapping[str, Mapping[str, float]]) -> Callable[[str], float]:
        """How often WordNet's authors met a word, in any sense."""
        return lambda word: sum(words[word].values())

    def visible(self, synset: str) -> float:
        """How much a sense counts where things that can be seen are spoken of."""
        if not synset:
            return NOT_NOUN
        return 1.0 if self.synsets[synset].file in SEEN else UNSEEN

    def probability(self, term: str, synset: str) -> float:
        return self.senses[term][synset] / self.known[term]

    def seen(self, term: str) -> dict[str, float]:
        """The senses of a word that can be seen, with their probabilities among these."""
        senses = {
            synset: weight
            for synset, weight in self.senses[term].items()
            if synset and self.synsets[synset].file in SEEN
        }
        total = sum(senses.values())
        return {s: w / total for s, w in senses.items() if w / total >= LEAST_SENSE}

    def below(self, synset: str) -> dict[str, int]:
        """A synset and all its kinds, with how many steps down they are."""
        steps, waiting = {synset: 0}, [synset]
        for one in waiting:
            for kind in self.synsets[one].kinds:
                if kind not in steps:
                    steps[kind] = steps[one] + 1
                    waiting.append(kind)
        return steps

    def terms_of(self, synset: str) -> Iterator[str]:
        for word in self.synsets[synset].words:
            if term := self.terms.get(word.lower()):
                yield term

    def halves(self, term: str) -> Iterator[tuple[str, str]]:
        """The two words that some write it as: skate board, tail light."""
        for cut in range(3, len(term) - 2):
            first, rest = term[:cut], term[cut:]
            if self.seen(first) and self.seen(rest) and self.seen(term):
                yield first, rest

    def alternatives(self, term: str) -> list[tuple[str, float, str]]:
        """(relation, weight, word) of what a word may be called as well, the likeliest first."""
        found: dict[str, tuple[float, str]] = {}

        def add(other: str, relation: str, weight: float) -> None:
            if other != term and weight >= LEAST_WEIGHT and weight > found.get(other, (0.0,))[0]:
                found[other] = (weight, relation)

        for synset, likely in self.seen(term).items():
            for kind, steps in self.below(synset).items():
                for other in self.terms_of(kind):
                    weight = likely * self.probability(other, kind) * DECAY**steps
                    add(other, "<" if steps else "=", weight)
        for synset, likely in self.seen(term).items():
            for broader in self.synsets[synset].broader:
                if self.synsets[broader].file in SEEN and len(self.below(broader)) <= GENERAL:
                    for other in self.terms_of(broader):
                        if other not in found and likely * BROADER >= BROADER / 2:
                            found[other] = (BROADER * likely, ">")
        for first, rest in self.halves(term):
            found.setdefault(f"{first} {rest}", (HALVES, "="))
            self.written.setdefault(f"{first} {rest}", f"{first} {rest}")
        singles = {other for other in found if " " not in other and found[other][1] != ">"}
        singles.add(term)
        kept = {
            other: value
            for other, value in found.items()
            if " " not in other or not singles & set(other.split()) or " " in term
        }
        best = sorted(kept, key=lambda other: (-(self.known[other] * kept[other][0]), other))[:MOST]
        rows = [(kept[other][1], kept[other][0], self.written[other]) for other in best]
        return sorted(rows, key=lambda row: (row[0] == ">", -row[1], row[2]))


def terms_of(text: str) -> tuple[str, ...]:
    from lexsearch.engines.lucene.analysis import ANALYZER

    return ANALYZER.terms([text])[text]


def write_kinds(folder: Path, familiar: Set[str]) -> None:
    lexicon = Lexicon(folder, familiar)
    lines = []
    for term in sorted(set(lexicon.terms.values()) - {""}):
        alternatives = lexicon.alternatives(term)
        if any(sign != ">" for sign, _, _ in alternatives):
            said = (f"{sign}{weight * 100:.0f} {word}" for sign, weight, word in alternatives)
            lines.append("\t".join([term, *said]) + "\n")
    lines.sort(key=lambda line: line.partition("\t")[0].encode())
    KINDS.write_text(HEADER.format("Words for things, their synonyms and kinds") + "".join(lines))


def main(folder: Path, words: Path) -> None:
    from lexsearch.engines.lucene import analysis as _analysis
    from lexsearch.engines.lucene import bridge

    write_forms(folder)
    bridge.call(None, "forms", str(FORMS))  # from here on with the new ones
    _analysis.ANALYZER = _analysis.LuceneAnalyzer()
    write_kinds(folder, {word.lower() for word in words.read_text().split()})


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
