"""A language model that a server runs: vLLM, llama.cpp, Ollama, LM Studio and others."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from lexsearch.chat import API_KEY, Chat, Options
from lexsearch.errors import ModelError, ModelUnavailable
from lexsearch.language import Ask, LanguageModel
from lexsearch.text.answers import answer_of

T = TypeVar("T")

_AT_ONCE = 16
_UNREACHED_SECONDS = 3.0  # somebody waits for pictures
_BULK_PATIENCE = 600.0


class Server(LanguageModel):
    """Asks a server, many questions at once.

    url: of the API. model: as the server calls it; None: the only one that it has, which it is
        asked for at the first question.
    patience: seconds for all the questions of one `ask`; those without an answer then have an
        error. None, for many questions that nobody waits for: 300 seconds for each, five attempts,
        and ten minutes for a server that loads or restarts.
    Raises ModelError when the URL is none.
    """

    def __init__(
        self, url: str, model: str | None = None, *, patience: float | None = None
    ) -> None:
        self._model = model
        self._patience = patience
        self._chat = Chat(
            url,
            key=os.environ.get(API_KEY, ""),
            at_once=_AT_ONCE,
            timeout=patience or 300.0,
            attempts=2 if patience else 5,
            patience=patience or _BULK_PATIENCE,
            unreached=_UNREACHED_SECONDS,
            options=Options("--llm", "--llm-model"),
        )
        self.note = str(self._chat.address)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def key(self) -> str:
        if self._model is None:
            self._model = self._run(self._named())
        return self._model

    async def _named(self) -> str:
        try:
            async with asyncio.timeout(self._patience):
                return await self._chat.only_model()
        except TimeoutError as error:
            raise self._slow() from error

    def ask(self, asked: Sequence[Ask]) -> list[str | ModelError]:
        try:
            model = self.key
        except ModelError as error:
            return [error for _ in asked]
        return self._run(self._all(asked, model))

    async def _all(self, asked: Sequence[Ask], model: str) -> list[str | ModelError]:
        asking = [asyncio.create_task(self._one(ask, model)) for ask in asked]
        try:
            if asking:
                await asyncio.wait(asking, timeout=self._patience)
        finally:
            for task in asking:
                task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        return [self._slow() if task.cancelled() else task.result() for task in asking]

    async def _one(self, ask: Ask, model: str) -> str | ModelError:
        seen = [{"type": "image_url", "image_url": {"url": url}} for url in ask.pictures]
        said: Any = [*seen, {"type": "text", "text": ask.user}] if seen else ask.user
        turns = [{"role": "user", "content": said}]
        if ask.system:
            turns.insert(0, {"role": "system", "content": ask.system})
        request = {
            "model": model,
            "messages": turns,
            "temperature": ask.temperature,
            "seed": ask.seed,
            "max_tokens": ask.max_tokens,
            "stream": False,
        }
        try:
            return answer_of(await self._chat.ask(request), [ask.user])
        except ModelError as error:
            return error

    def _slow(self) -> ModelUnavailable:
        waits_for = self._chat.waits_for
        return ModelUnavailable(
            f"{self.note} gave no answer within {self._patience:g} seconds"
            + (f" ({waits_for})" if waits_for else "")
        )

    def _run(self, asking: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(asking, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        if self._thread.is_alive():
            self._run(self._chat.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
