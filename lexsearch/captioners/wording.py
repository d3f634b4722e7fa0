"""From what a model says of a view to its caption: words about the picture and nothing else.

A model may refuse, say that it sees no picture, repeat itself without end, and wrap what it has to
say in courtesies, lists and "The image shows". None of that describes a picture, and all of it
would be found by those who look for the words in it.
"""

# ruff: noqa: RUF001 (models write typographic quotes, and other scripts)

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from lexsearch.errors import CaptionerError, ViewRefused
from lexsearch.text.answers import answer_of


class NoSight(CaptionerError):
    """The model says that it gets no pictures, or cannot look at them."""


_PICTURE = r"(?:image|picture|photo|photograph|pic|visual|snapshot)s?"
_SORRY = (
    r"(?:i['’]?m (?:very |really |so )?sorry|i am (?:very )?sorry|sorry|i apologi[sz]e|apologies|"
    r"unfortunately|i regret|my apologies)"
)
_OF_ITSELF = re.compile(
    rf"\W*(?:{_SORRY}|i|we|as an?|it (?:seems|looks|appears)|no|please|could you"
    rf"|this (?:content|request|prompt)|thank you|"
    r"thanks|however|but|cannot|can['’]t|unable)\b",
    re.I,
)
"""How a sentence begins in which a model speaks of itself."""

_CANNOT = (
    r"(?:can(?:['’]t|not| not)|unable to|not able to|incapable of|not capable of|"
    r"(?:don['’]t|do not)[^.!?\n]{0,20} have (?:the )?(?:\w+ )?(?:ability|abilities|capability|"
    r"capabilities|access)|have no (?:way|access|ability))"
)
_NO_SIGHT = re.compile(
    rf"{_CANNOT}[^.!?\n]{{0,30}}\b(?:view|see|access|process|analy[sz]|open|look|interpret|perceiv|"
    rf"display|receiv|handl|visual)[^.!?\n]{{0,30}}"
    rf"\b(?:{_PICTURE}|visual content|attachments?|files?)\b(?! (?:clearly|in detail|well))"
    rf"|no (?:{_PICTURE}|attachment) (?:was|is|has been|were|appears|seems|attached|provided|given)"
    rf"|(?:don['’]t|do not|didn['’]t|did not) (?:actually |currently )?(?:see|have|receive|find) "
    rf"(?:any |an |the |your )?(?:attached |uploaded )?(?:{_PICTURE}|attachment)\b"
    rf"|(?:please|could you|can you)[^.!?\n]{{0,20}} (?:upload|provide|share|attach|send)"
    rf"(?: me)?(?: the| an| your| a)? ?(?:actual )?{_PICTURE}"
    rf"|(?:as|i['’]m|i am) an? (?:ai )?(?:text-based|text-only|text based)"
    rf"|^it (?:seems|looks|appears)(?: like| that)?(?: as if)?(?: the| your| no| an)? {_PICTURE}\\b"
    rf"[^.!?\n]{{0,30}}"
    rf"(?:\bnot\b|n['’]t|missing|failed)"
    rf"|(?:无法|不能|没有)(?:直接)?(?:查看|看到|访问|识别|收到)[^。]{{0,8}}(?:图片|图像|照片)",
    re.I,
)
_REFUSAL = re.compile(
    rf"\b(?:i|we)\b(?:['’]m| am)? ?(?:can(?:['’]t|not| not)|won['’]t|will not|unable to|"
    rf"not able to|must decline|have to decline|decline to|refuse to|"
    rf"do(?:n['’]t| not) feel comfortable|not comfortable|not going to|not allowed to)"
    rf"[^.!?\n]{{0,30}}\b(?:assist|help|describ|identif|comment|provid|fulfil|comply|discuss|"
    rf"generat|creat|continue|engage|do that|answer|caption|process|support|recogni[sz]|"
    rf"respond|complete|participate|determine)"
    rf"|^{_SORRY}\b[^.!?\n]{{0,20}}[.!]*$"
    rf"|\bviolates?\b[^.!?\n]{{0,30}}\b(?:polic|guideline)"
    rf"|^(?:抱歉|对不起|很抱歉)|^申し訳(?:ありません|ございません)"
    rf"|^(?:es tut mir leid|entschuldigung)\b"
    rf"|^(?:je suis désolée?|désolée?)\b|^lo siento\b|^mi dispiace\b|^desculpe\b|^извините\b",
    re.I,
)
_LEAST_WORDS = 4
"""A description that is left after a refusal has so many words at least."""

_CLAUSE = re.compile(r".+?(?:[.!?。！？]+(?=\s|$)|[。！？]|\n|$|[,;](?= (?:but|however)\b))", re.S)
"""A sentence, or its part before a "but"."""

_SENTENCE = re.compile(
    r"[^.!?。！？\n]+(?:[.!?。！？]+(?=\s|$|[\"'”’)])|[。！？]|\n|$|[.!?]+)", re.M
)


def caption_of(said: str, asked: Sequence[str] = ()) -> str:
    """The words about the picture; "" where there are none.

    asked: the questions that it answers.
    Raises NoSight where the model says that it sees no pictures, ViewRefused where it will not
    describe this one, and CaptionerError where it thought and did not answer.
    """
    text = answer_of(said, asked)
    if not text and said.strip() and re.search(r"think|channel|reason|thought", said, re.I):
        raise CaptionerError(
            "all the tokens went into thinking, which should be turned off where the model runs"
        )
    text = _described(text)
    lines = (_plain(line) for line in _from_json(text).split("\n"))
    return _once(_unlooped("\n".join(filter(None, lines))))


def _described(text: str) -> str:
    """The text without a refusal at its head; raises where nothing else is in it."""
    rest = text
    reason: type[CaptionerError] | None = None
    for sentence in _CLAUSE.findall(text)[:6]:
        found = _unwilling(sentence)
        if found is None and (reason is None or not _OFFER.search(sentence)):
            break
        reason = reason or found
        rest = rest.partition(sentence)[2]
    if reason is None:
        return text
    rest = re.sub(
        r"^\W*(?:however|but|nevertheless|that said|instead)\b[ ,]*", "", rest, flags=re.I
    )
    if len(rest.split()) >= _LEAST_WORDS and not _OFFER.search(rest[:200]):
        return rest.strip()
    quoted = " ".join(text.split())[:120]
    if reason is NoSight:
        raise NoSight(f"the model says that it sees no picture ({quoted!r})")
    raise ViewRefused(f"the model will not describe it ({quoted!r})")


def _unwilling(sentence: str) -> type[CaptionerError] | None:
    """The error that a sentence stands for; None for one about the picture."""
    sentence = sentence.strip()
    if sentence.isascii() and not _OF_ITSELF.match(sentence):
        return None
    if _NO_SIGHT.search(sentence):
        return NoSight
    return ViewRefused if _REFUSAL.search(sentence) else None


_TURNING = re.compile(r"^\W*(?:however|but|nevertheless|that said|instead)\b[ ,]*", re.I)
_OFFER = re.compile(
    r"\b(?:if you|let me know|feel free|would you like|i(?:['’]d| would) be happy|i can help|"
    r"can i help|please (?:provide|describe|share|upload|let)|i(?:['’]m| am) here to|"
    r"is there anything|happy to help|don['’]t hesitate|i hope (?:this|these|that)|"
    r"(?:do )?you(?:['’]d| would)? (?:like|need|want) (?:me|more|any)|need (?:more|any) )",
    re.I,
)
_INTRODUCTION = re.compile(
    r"^(?:(?:sure|certainly|of course|okay|ok|absolutely|great|alright|yes)\b[^\w\n]*)?"
    r"(?:(?:here|below|the following)(?:['’]s| is| are)?\b[^:\n]{0,100}"
    r"(?:captions?|descriptions?|tags?|features?|image|picture|photo|list)[^:\n]{0,80}:"
    r"|(?:the )?(?:following )?(?:\w+ ){0,3}(?:captions?|descriptions?|tags?)"
    r"(?: (?:for|of|that|describing|are)[^:\n]{0,60})?:(?=\s|$)"
    r"|(?:sure|certainly|of course|okay|ok|absolutely|great|alright)[!.,]+(?=\s|$))\s*",
    re.I,
)
_LABEL = re.compile(
    r"^(?:caption|description|title|tags?|keywords?|summary|alt[ -]text|answer|output|response|"
    r"image|photo|picture|option)\s*(?:#?\d+)?\s*(?:[:：]\s*|$)",
    re.I,
)
_MARK = re.compile(r"^\s*(?:[-*•–—·▪◦‣>+]+\s+|#{1,6}\s+|\(?\d{1,3}[.)]\s+|[a-h][.)]\s+)")
_THE_IMAGE_SHOWS = re.compile(
    rf"(?:(?<=[.!?:] )|^)(?:overall, )?(?:(?:the|this|that|an?) (?:\w+ )??{_PICTURE}"
    r"(?: (?:itself|here|above|provided|given))? "
    r"(?:also |clearly |mainly |primarily |simply |prominently )?"
    r"(?:shows?|depicts?|features?|displays?|captures?|contains?|presents?|portrays?|showcases?|"
    r"illustrates?|includes?|is of|appears to (?:show|be of|depict)|seems to (?:show|depict)|"
    r"you(?:['’]ve)? (?:sent|provided|uploaded|shared) (?:shows?|depicts?|features?))(?: that)?"
    rf"|in (?:the|this|that) {_PICTURE},?"
    r"(?: (?:we|you|one|i) (?:can |are able to )?(?:see|observe)| there (?:is|are))?,?"
    rf"|(?:we|you|i) (?:can )?see (?:an? )?{_PICTURE} of) ",
    re.I,
)
_ANY_CASE = re.compile(r"\*\*|__|`{1,3}|(?<!\w)[*_]|[*_](?!\w)|(?<!\w)#(?=\w)")


def _plain(line: str) -> str:
    """One line without marks of a list, markdown, courtesies and phrases that say nothing."""
    line = _ANY_CASE.sub("", _MARK.sub("", line))
    line = _LABEL.sub("", _INTRODUCTION.sub("", _MARK.sub("", line).strip()))
    sentences = [sentence for sentence in _SENTENCE.findall(line) if not _is_courtesy(sentence)]
    line = _THE_IMAGE_SHOWS.sub("", "".join(sentences).strip())
    if len(line) > 1 and line[0] in "\"'“‘«" and line[-1] in "\"'”’»":
        line = line[1:-1]
    return line.strip()


def _is_courtesy(sentence: str) -> bool:
    return bool(_OFFER.search(sentence)) and not re.search(r"\bsign|\btext|\bread", sentence, re.I)


def _from_json(text: str) -> str:
    """The strings in it, where the answer is JSON: captions and tags."""
    fenced = re.search(r"```(?:\w+)?\s*\n(.*?)(?:```|$)", text, re.S)
    inside = (fenced[1] if fenced else text).strip()
    if inside[:1] not in ("{", "["):
        return text.replace("```", "")
    try:
        return "\n".join(_strings(json.loads(inside)))
    except (ValueError, RecursionError):
        strings = re.findall(r'"((?:[^"\\]|\\.)*)(?:"(\s*:)?|$)', inside)  # cut off
        return "\n".join(string for string, is_name in strings if not is_name) or text


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        short = [part for part in value if isinstance(part, str)]
        if short and len(short) == len(value) and max(map(len, short)) < 40:
            yield ", ".join(short)
        else:
            for part in value:
                yield from _strings(part)


_LONGEST_LOOP = 60  # words
_REPEATS = 3


def _unlooped(text: str) -> str:
    """The text, each phrase that is said three times or more in a row said once."""
    words = re.findall(r"\S+\s*", text)
    kept: list[str] = []
    at = 0
    bare = [re.sub(r"^\d+[.)]$|[^\w]+$", "", word.strip()).lower() for word in words]
    while at < len(words):
        length, times = _loop(bare, at)
        kept += words[at : at + length]
        at += length * times
        # What is left of a last round, cut off by the limit of tokens, goes as well.
        left, phrase = bare[at : at + length], bare[at - length : at]
        is_end = times > 1 and at + len(left) == len(words)
        if is_end and " ".join(phrase).startswith(" ".join(left)):
            break
    return "".join(kept).rstrip()


def _loop(words: Sequence[str], at: int) -> tuple[int, int]:
    """How many words from `at` on are a phrase, and how often it is said in a row."""
    for length in range(1, min(_LONGEST_LOOP, (len(words) - at) // _REPEATS) + 1):
        phrase = words[at : at + length]
        times = 1
        while words[at + times * length : at + (times + 1) * length] == phrase:
            times += 1
        if times >= (_REPEATS if length > 1 else _REPEATS + 1):
            return length, times
    return 1, 1


def _once(text: str) -> str:
    """Each line once."""
    lines = {re.sub(r"\W+", " ", line).strip().lower(): line for line in reversed(text.split("\n"))}
    return "\n".join(line for line in reversed(lines.values()) if line)
