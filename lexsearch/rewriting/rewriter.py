"""A rewriter in use: a search said in words that the index understands (MGQRe, Sec. 3.5)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from lexsearch.errors import ModelError, RewritingError
from lexsearch.language import Ask, LanguageModel, open_language_model
from lexsearch.language.asking import ask_all
from lexsearch.language.enhancing import free_part
from lexsearch.language.remembered import Remembered
from lexsearch.records import Keyword, Query
from lexsearch.rewriting.prompts import rewriting
from lexsearch.text.analysis import STOP_WORDS
from lexsearch.text.asking import GRAMMAR
from lexsearch.text.queries import parse
from lexsearch.text.words import words_of

ABOUT = "rewriter.json"
"""The file of a rewriter's folder that says what it is; written last."""
_MOST_TOKENS = 60
_MOST_WORDS = 40


class Rewritten(NamedTuple):
    """A query and what the rewriter says for its plain words.

    text: "" where they stay as typed. note: why, then; "" where the rewriter has it so.
    """

    query: Query
    text: str
    note: str = ""

    @property
    def together(self) -> Query:
        """Query and rewrite, to be searched at once (weight 1)."""
        return replace(self.query, also=(self.text,)) if self.text else self.query

    @property
    def alone(self) -> Query:
        """The rewrite in place of the plain words, as in the paper; signs, quotes and fields hold.

        Commas of a rewrite are no signs.
        """
        if not self.text:
            return self.query
        held = [word for word in self.query.keywords if word.sign or word.quoted or word.field]
        return Query((Keyword(self.text), *held), self.query.notes)


class Rewriter:
    """Says searches as its training taught it, the likeliest word each time.

    model: the folder that `lexsearch rewrite train` made; or any language model, untrained, which
        is asked the same (the paper's "LLMsRewrite").
    remembered: what was said before; it is looked at before the model is loaded. fresh: ask anew.
    Raises RewritingError for a folder that is no finished rewriter.
    """

    def __init__(
        self,
        model: str | Path | LanguageModel,
        *,
        remembered: Remembered | None = None,
        fresh: bool = False,
    ) -> None:
        self._remembered = remembered
        self._fresh = fresh
        self.about: dict[str, Any] = {}
        if isinstance(model, LanguageModel):
            self._model = model
        else:
            self.about, key = _about(Path(model))
            self._model = _Loaded(Path(model), key)

    @property
    def retriever(self) -> str:
        """The key of the search that it learned from; "" of an untrained one."""
        return str(self.about.get("retriever", ""))

    def rewrite(self, queries: Sequence[str | Query]) -> list[Rewritten]:
        """What each query becomes; itself, with a note, where the model says nothing of use.

        Raises ModelUnavailable where a server answers no more, QueryError for an empty query.
        """
        parsed = [parse(query) if isinstance(query, str) else query for query in queries]
        texts = [free_part(query) for query in parsed]
        wanted = list(dict.fromkeys(filter(None, texts)))
        questions = [Ask("", rewriting(text), max_tokens=_MOST_TOKENS) for text in wanted]
        answers = ask_all(
            self._model,
            questions,
            lambda answer: True,
            remembered=self._remembered,
            fresh=self._fresh,
        )
        said = dict(zip(wanted, answers, strict=True))
        return [
            _rewritten(query, text, said.get(text, ""))
            for query, text in zip(parsed, texts, strict=True)
        ]

    def close(self) -> None:
        self._model.close()


def _rewritten(query: Query, typed: str, answer: str | ModelError) -> Rewritten:
    if not typed:
        return Rewritten(query, "", "there is nothing to rewrite: no plain words were typed")
    if isinstance(answer, ModelError):
        return Rewritten(query, "", str(answer))
    text = " ".join(answer.split())
    if words_of(text) == words_of(typed):
        return Rewritten(query, "")
    fault = _fault(text, typed)
    return Rewritten(query, "" if fault else text, fault)


def _fault(text: str, typed: str) -> str:
    """Why what a model said is not searched for."""
    words, before = words_of(text), words_of(typed)
    telling = {word for word in words if word not in GRAMMAR | STOP_WORDS}
    if not telling:
        return "the rewriter said no telling word"
    if len(words) > _MOST_WORDS or (len(words) > 2 * len(before) and not telling & {*before}):
        return "the rewriter said something long that is not about the search"
    return ""


class _Loaded(LanguageModel):
    """The model of a folder, loaded when it is first asked."""

    def __init__(self, folder: Path, key: str) -> None:
        self.note = str(folder)
        self._key = key
        self._local: LanguageModel | None = None

    @property
    def key(self) -> str:
        return self._key

    def ask(self, asked: Sequence[Ask]) -> list[str | ModelError]:
        if self._local is None:
            self._local = open_language_model(self.note)
        return self._local.ask(asked)

    def close(self) -> None:
        if self._local is not None:
            self._local.close()


def _about(folder: Path) -> tuple[dict[str, Any], str]:
    """What a folder says of itself, and a key that another training changes."""
    try:
        content = (folder / ABOUT).read_bytes()
        about = json.loads(content)
    except OSError as error:
        raise RewritingError(
            f"{folder} is no finished rewriter (no {ABOUT}); make one, or go on with one that was "
            f"stopped: lexsearch rewrite train PAIRS --out {folder} --resume"
        ) from error
    except ValueError as error:
        raise RewritingError(f"{folder / ABOUT} is damaged; train the rewriter anew") from error
    if not isinstance(about, dict):
        raise RewritingError(f"{folder / ABOUT} is damaged; train the rewriter anew")
    return about, f"{folder.name}@{blake2b(content, digest_size=8).hexdigest()}"
