"""One door to a language model: a server that speaks OpenAI's chat completions, or local weights.

Nothing is contacted or loaded unless a model is named, by an option or by the environment.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from lexsearch.errors import ModelError

LLM_URL, LLM_MODEL = "LEXSEARCH_LLM_URL", "LEXSEARCH_LLM_MODEL"
"""The environment variables that name a server (or local weights), and a model of it."""


class Ask(NamedTuple):
    """One question. system: what the model is to be, "" where it is not told. seed: another one
    gives another answer. pictures: that go before the question, as data URLs.
    """

    system: str
    user: str
    temperature: float = 0.0
    seed: int = 0
    max_tokens: int = 400
    pictures: tuple[str, ...] = ()


class LanguageModel(ABC):
    """Answers questions in words.

    note: where it is, for people.
    """

    note: str

    @property
    @abstractmethod
    def key(self) -> str:
        """What makes two answers comparable: the model's name. Raises ModelError where it cannot
        be told.
        """

    @abstractmethod
    def ask(self, asked: Sequence[Ask]) -> list[str | ModelError]:
        """An answer for each question, or why there is none; without what the model thought."""

    def close(self) -> None:  # noqa: B027
        """Release what it holds."""


def is_named(name: str | None) -> bool:
    """Whether a model is named, by an option or by the environment."""
    return bool(name or os.environ.get(LLM_URL))


def open_language_model(
    name: str | None = None, model: str | None = None, *, patience: float | None = None
) -> LanguageModel:
    """The model that is named: an address that begins with http, a folder, or "smollm2".

    name, model: None takes LEXSEARCH_LLM_URL and LEXSEARCH_LLM_MODEL. model: as a server calls it;
    None: the only one it has. patience: see `lexsearch.language.server.Server`.
    Raises ModelError when none is named, or it cannot be used.
    """
    name = name or os.environ.get(LLM_URL)
    model = model or os.environ.get(LLM_MODEL) or None
    if not name:
        raise ModelError(
            "no language model is named: give --llm http://localhost:11434/v1, a folder or "
            f"smollm2, or set {LLM_URL}"
        )
    if name.startswith(("http://", "https://")):
        from lexsearch.language.server import Server

        return Server(name, model, patience=patience)
    from lexsearch.language.local import Local

    return Local(name)
