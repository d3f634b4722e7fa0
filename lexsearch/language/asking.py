"""Many questions to a language model, each answered once: what was readable is remembered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lexsearch.errors import ModelError, ModelUnavailable
from lexsearch.language import Ask, LanguageModel
from lexsearch.language.remembered import Remembered
from lexsearch.records import Progress

_AT_ONCE = 64


def ask_all(
    model: LanguageModel,
    questions: Sequence[Ask],
    is_readable: Callable[[str], bool],
    *,
    remembered: Remembered | None = None,
    fresh: bool = False,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> list[str | ModelError]:
    """An answer for each question, or why there is none.

    is_readable: whether an answer is one; others become errors, and are asked anew the next time.
    fresh: ask anew what was answered before.
    Raises ModelUnavailable where no further question will be answered; what was answered until
    then is remembered, so that another call goes on.
    """
    answers: list[str | ModelError] = []
    for start in range(0, len(questions), _AT_ONCE):
        part = questions[start : start + _AT_ONCE]
        known = [
            remembered.get(model.key, one) if remembered and not fresh else None for one in part
        ]
        progress(Progress("asking", start, len(questions), "question"))
        missing = [one for one, answer in zip(part, known, strict=True) if answer is None]
        said = iter(model.ask(missing) if missing else ())
        failed = None
        for one, before in zip(part, known, strict=True):
            answer = next(said) if before is None else before
            if isinstance(answer, ModelUnavailable):
                failed = answer
            elif isinstance(answer, str) and not is_readable(answer):
                answer = ModelError(f"its answer is none: {answer[:60]!r}")
            elif isinstance(answer, str) and before is None and remembered:
                remembered.put(model.key, one, answer)
            answers.append(answer)
        if failed:
            raise failed
    return answers
