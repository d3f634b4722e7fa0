"""What a language model is asked about a view: the prompts of Nakata et al. 2024 (Sec. 4)."""

from __future__ import annotations

from lexsearch.errors import CaptionerError

PROMPTS = {
    "captions": "Please generate multiple captions to describe the features of this image.",
    "tags": "Please describe the characteristics of this image with tags and captions.",
}
"""Prompts that go by a name; the first is the default."""

FOLLOW_UP = (
    "If there are any additional features of this image that are not expressed in the generated "
    "captions, please generate additional captions to explain them."
)

MAX_NEW_TOKENS = 256
"""An answer is cut after this many tokens. Several captions of a view take about 120."""


def resolve_prompt(prompt: str) -> str:
    """The prompt that goes by this name, or the text itself. Raises CaptionerError on none."""
    text = PROMPTS.get(prompt, prompt).strip()
    if not text:
        raise CaptionerError("the prompt is empty; leave it out to get the default one")
    return text


def questions(prompt: str, follow_up: bool) -> tuple[str, ...]:
    """What is asked in turn."""
    return (prompt, FOLLOW_UP) if follow_up else (prompt,)
