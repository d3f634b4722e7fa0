"""How people ask: "show me pictures of a dog" asks for a dog. Pure."""

from __future__ import annotations

import re

_GRAMMAR = """
    about above across against along among around behind below beneath beside besides between
    beyond down during from front inside near next off onto out outside over past through
    toward towards under underneath up upon via within without he her hers him his i it its me
    my our ours she their theirs them they us we who whose which you your am are be been being
    can could did do does doing had has have having is was were will would all any both each
    every few more most much other same several some such than then there this those very
    while also just so too what where when how
"""
GRAMMAR = frozenset(_GRAMMAR.split())
"""Words that a sentence needs, and that tell nothing of a picture; beside Lucene's stop words."""

_MEDIUM = r"(?:photo(?:graph)?|picture|pic|image|img|snapshot|snap|shot|screenshot|photography)s?"
_WHICH = r"(?:(?:all|any|some|the|this|that|these|those|my|our|your|a|an|every|more)\s+)*"
_PLEASE = r"(?:please\s+|pls\s+|hey\s+|hi\s+|ok\s+)*"
_VERB = (
    r"(?:(?:can|could|would|will)\s+you\s+(?:please\s+)?)?"
    r"(?:(?:show|list|display)(?=\s+(?:all|any|some|the|my|every|more|photo|pic|image))|"
    r"show\s+(?:me|us)|find(?:\s+me)?|search\s+for|look(?:ing)?\s+for|(?:give|get)\s+me)"
)
_WISH = (
    r"(?:i\s+(?:want|need|wish)|i(?:\s+woul|')d\s+like|i(?:\s+am|'m)\s+looking\s+for)"
    r"(?:\s+to\s+(?:see|find|look\s+at))?"
)
_QUESTION = (
    r"(?:are|is)\s+there|do\s+(?:i|we|you)\s+have|have\s+(?:i|we|you)(?:\s+got)?|"
    r"(?:which|what)(?=\s+(?:photo|pic|image|snap|shot))|where\s+(?:is|are)"
)
_SHOWS = (
    r"of|with|showing|containing|about|featuring|depicting|"
    r"(?:that|which)\s+(?:shows?|contains?|ha(?:s|ve)|features?|depicts?)|"
    r"(?:shows?|contains?|features?|depicts?|displays?|captures?|ha(?:s|ve))|where|in\s+which"
)
_BEFORE = re.compile(
    rf"{_PLEASE}(?:(?:{_VERB}|{_WISH}|{_QUESTION})\s+)?{_WHICH}"
    rf"(?:{_MEDIUM}\s+(?:{_SHOWS})\s+(?:there\s+(?:is|are)\s+)?{_WHICH})?",
    re.IGNORECASE,
)
_ASKS = re.compile(rf"{_PLEASE}(?:{_VERB}|{_WISH}|{_QUESTION})\s|{_MEDIUM}\s", re.IGNORECASE)
_BEHIND = re.compile(rf"\s+{_MEDIUM}(?:\s+(?:please|pls))?$|\s+(?:please|pls)$", re.IGNORECASE)
_ONLY = re.compile(rf"(?:{_WHICH.replace('s+', 's*')}|{_MEDIUM}|of|in|on|the|with)", re.IGNORECASE)


def asked_for(text: str) -> str:
    """What is asked for, without the words around it that ask, if any is left.

    >>> asked_for("show me all pictures of a dog please")
    'dog'
    >>> asked_for("dog photos"), asked_for("picture frame"), asked_for("photo")
    ('dog', 'picture frame', 'photo')
    """
    bare = text.rstrip(" ?!.")
    rest = _BEHIND.sub("", bare)
    if (before := _BEFORE.match(rest)) and _ASKS.search(before[0]):
        rest = rest[before.end() :]
    if not rest.strip() or _ONLY.fullmatch(rest.strip()):
        return text
    return asked_for(rest.strip()) if rest != bare else text
