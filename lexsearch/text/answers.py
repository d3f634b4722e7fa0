"""What a language model answered, without what is no part of its answer.

Servers with a wrong chat template, and models that know no end, send more than the answer:
tokens that end a turn, the question once more, a conversation that the model plays with itself,
and what it thought before it answered.
"""

# ruff: noqa: RUF001 (models write typographic quotes, and other scripts)

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence

_LONGEST = 20_000  # characters; beyond that a model only repeats itself

_LINE_ENDS = re.compile("\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]|<br ?/?>")
_ESCAPE_CODES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_JOINERS = "\u200c\u200d"  # of Persian words and of emoji
_ZERO_WIDTH_SPACE = "\u200b"  # between the words of Thai or Khmer


def storable(text: str) -> str:
    """The text as it can be stored: white space of every kind separates words, and there are no
    lone surrogates, control characters or terminal's codes in it; of 20,000 characters at most.
    """
    text = text[: 4 * _LONGEST].encode("utf-8", "ignore").decode("utf-8")
    text = _ESCAPE_CODES.sub("", html.unescape(text))
    if "\n" not in text:  # escaped twice on the way
        text = text.replace("\\r\\n", "\n").replace("\\n", "\n")
    text = "".join(map(_stored, _LINE_ENDS.sub("\n", text)))
    lines = (" ".join(line.split(" ")) for line in text.split("\n"))
    return "\n".join(re.sub(" {2,}", " ", line).strip() for line in lines).strip()[:_LONGEST]


def _stored(character: str) -> str:
    if character == "\n" or character in _JOINERS:
        return character
    if character == _ZERO_WIDTH_SPACE or character.isspace():
        return " "
    if unicodedata.category(character)[0] == "Z":
        return " "
    return character if character.isprintable() else ""


_THOUGHTS = (
    (
        r"<(?:think|thinking|thoughts?|reasoning|reason|seed:think|analysis)>",
        r"</(?:think|thinking|thoughts?|reasoning|reason|seed:think|analysis)>",
    ),
    (r"\[THINK\]", r"\[/THINK\]"),
    (r"◁think▷", r"◁/think▷"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"<unused94>", r"<unused95>"),
)
"""How models set apart what they think: opening and closing."""

_HARMONY = re.compile(r"<\|channel\|>\s*(\w+)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_ANSWER = re.compile(r"<answer>(.*?)(?:</answer>|$)", re.S | re.I)

_TURN = re.compile(
    r"<\|im_start\|>[ \n]*(?P<chatml>\w+)"
    r"|<\|start_header_id\|>\s*(?P<llama>\w+)\s*<\|end_header_id\|>"
    r"|<\|header_start\|>\s*(?P<llama4>\w+)\s*<\|header_end\|>"
    r"|<start_of_turn>\s*(?P<gemma>\w+)"
    r"|<\|start\|>\s*(?P<harmony>\w+)"
    r"|<[|｜](?P<phi>user|assistant|system|User|Assistant)[|｜]>"
    r"|(?P<mistral>\[/?INST\])"
    r"|(?:(?<=\s)|^)(?P<vicuna>USER|ASSISTANT|SYSTEM|HUMAN):"
    r"|(?<=[.?!] )(?P<inline>Answer|Assistant):"
    r"|^[#* ]*(?P<plain>User|Human|Assistant|System|Question|Answer|AI|Bot)[* ]*:",
    re.M,
)
"""Where a turn begins, and whose it is."""

_END_OF_TURN = re.compile(
    r"<\|(?:im_end|eot_id|eom_id|eot|end|return|endoftext|end_of_text|end_of_turn|eos|stop|"
    r"END_OF_TURN_TOKEN|endofassistant|im_sep_end)\|>"
    r"|<｜end▁of▁sentence｜>|<end_of_turn>|<end_of_utterance>|<eos>|</s>|<EOT>|\[EOS\]"
)
_TOKEN = re.compile(
    r"<\|[^|<>\n]{1,40}\|>|<｜[^｜<>\n]{1,40}｜>|</?s>|<(?:pad|unk|bos|eos|mask|image|img|video)>"
    r"|</(?:image|img)>|<image_soft_token>|<(?:start|end)_of_(?:image|turn|utterance)>"
    r"|<fake_token_around_image>|<global-img>|<row_\d+_col_\d+>|<unused\d+>|<loc_?\d+>"
    r"|\[/?INST\]|<</?SYS>>|\[IMG(?:_BREAK|_END)?\]|</?answer>",
)
"""Tokens that are for the machine alone."""


def answer_of(text: str, asked: Sequence[str] = ()) -> str:
    """The answer within what a model sent; "" where it holds thoughts alone.

    asked: the questions, which some servers send back in front of the answer.
    """
    text = _without_thoughts(text)
    if (answer := _ANSWER.search(text)) and answer[1].strip():
        text = answer[1]
    return storable(_TOKEN.sub(" ", _first_answer(text, asked)))


def _without_thoughts(text: str) -> str:
    channels = list(_HARMONY.finditer(text))
    if channels:
        said = {found[1].lower(): text[found.end() :] for found in channels}
        if "final" not in said and not text[: channels[0].start()].strip():
            return ""
        text = said.get("final", text[: channels[0].start()])
    for opening, closing in _THOUGHTS:
        text = re.sub(f"{opening}.*?{closing}", "", text, flags=re.S | re.I)
        text = re.split(closing, text, flags=re.I)[-1]  # opened by the template, unseen
        text = re.split(f"{opening}", text, flags=re.I)[0]  # and never closed
    return text


def _first_answer(text: str, asked: Sequence[str]) -> str:
    """What is said first by no one else: a turn of the user ends it."""
    begun = 0
    role = "assistant"
    for turn in [*_TURN.finditer(text), None]:
        part = _unasked(text[begun : turn.start() if turn else len(text)], asked)
        if role in ("assistant", "model", "gpt", "ai", "bot", "answer", "[/inst]") and part:
            return part
        if turn is not None:
            begun = turn.end()
            role = next(name for name in turn.groupdict().values() if name).lower()
    return ""


def _unasked(part: str, asked: Sequence[str]) -> str:
    """A turn without its ends, and without the question where it begins with that."""
    pieces = [piece.strip() for piece in _END_OF_TURN.split(part)]
    spoken = next((piece for piece in pieces if _TOKEN.sub("", piece).strip()), "")
    for question in asked:
        bare = _TOKEN.sub(" ", spoken).strip()
        if bare.lower().startswith(question.lower()):
            spoken = bare[len(question) :].strip()
    return spoken
