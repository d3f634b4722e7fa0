"""What models are asked about queries. The papers give no wording; this is our own."""

from __future__ import annotations

from collections.abc import Sequence

PROMPT = 1
"""Goes up with every change of what is asked."""


def rewriting(query: str) -> str:
    """What a rewriter is asked, in training and in use: the turn of a user, without a system's."""
    return f"Say this photo search in words that are easy to see: {query}"


def blurring(query: str) -> str:
    return (
        "Say this photo search so that it is harder to understand: replace plain names of things, "
        "actions or qualities by vague, rare or abstract ones. Keep grammar and meaning. Answer "
        f"with the search alone: {query}"
    )


_TASK = (
    "You improve searches for photos. A search engine that matches words of descriptions found "
    "wrong photos. Find out which of the words it did not understand and say the search again, so "
    "that it finds the right one. Keep the meaning, add nothing that the search does not ask for, "
    "use words for what can be seen, at most {most} words."
)
ANSWER = "SEARCH:"
"""What the line of an answer begins with that has the rewrite."""


def task(query: str) -> str:
    """What the model that makes pairs is told to be."""
    return _TASK.format(most=len(query.split()) + 5)


def seen(captions: Sequence[str]) -> str:
    """What a model that sees no pictures is told of one."""
    return "; ".join(captions) or "(not described)"


def searching(
    query: str, right: str, wrong: Sequence[str], tried: Sequence[tuple[str, int | None]]
) -> str:
    """The question for one rewrite.

    right, wrong: what is told of the photo wanted, and of those found instead. tried: texts with
    the places to which they brought the right one.
    """
    lines = [f"Search: {query}", f"The right photo: {right}"]
    if wrong:
        lines.append("Found instead:")
        lines += [f"{number}. {one}" for number, one in enumerate(wrong, 1)]
    if tried:
        places = "; ".join(f'"{text}" came to {_place(rank)}' for text, rank in tried)
        lines.append(f"Tried already: {places}")
    if wrong:
        lines.append(
            "First say what tells the right photo from the wrong ones, then which words were not "
            "understood."
        )
    lines.append(f"End with one line: {ANSWER} and the new search.")
    return "\n".join(lines)


def _place(rank: int | None) -> str:
    return f"place {rank}" if rank else "no place"


def rewrite_in(answer: str) -> str:
    """The rewrite in an answer to `searching`: its last line of that kind; "" without one."""
    lines = [line.strip(" *\"'`") for line in answer.splitlines()]
    said = [line for line in lines if line.upper().startswith(ANSWER)]
    return said[-1][len(ANSWER) :].strip(" *\"'`.") if said else ""
