"""A server that speaks OpenAI's chat completions describes the views: vLLM, SGLang, llama.cpp,
Ollama, LM Studio, `transformers serve` and others, on this machine or another.

The server batches, so that many requests are under way at once. Views are sent small and square,
for two reasons: what a server does with pictures on its side is often what it is slowest at, and
it would cut wide ones (see `_framing`).

The key for a server that wants one comes from the environment alone, LEXSEARCH_API_KEY, and goes
nowhere but into the requests.
"""

from __future__ import annotations

import asyncio
import base64
import io
import os
from collections.abc import Sequence

from lexsearch.captioners import Answer, Captioner
from lexsearch.captioners.mllm.framing import check_framing, frame
from lexsearch.captioners.prompts import MAX_NEW_TOKENS, questions, resolve_prompt
from lexsearch.chat import Chat, Turn
from lexsearch.errors import CaptionerError, CaptionerUnavailable
from lexsearch.records import CaptionerKey, CaptionText, View

API_KEY = "LEXSEARCH_API_KEY"
"""The environment variable with the key."""

_REVISION = 1
"""Goes up with every change here that changes what is said of a picture."""

_SIDE = 448
"""Width and height, in pixels, of what is sent: enough for the encoders of LLaVA-1.5 (336) and
InternVL (448); for those that take any size (Qwen-VL), 256 tokens' worth."""

_JPEG_QUALITY = 90
_AT_ONCE = 16
_ROUNDS = 8
"""Requests in one batch, times those at once: so that the last of a batch, during which the
server has too little to do, are few."""


class Server(Captioner):
    """Describes views with a model that a server runs.

    url: of the API, "http://localhost:8000/v1". model: as the server calls it; None: the only
        one that it has. prompt, follow_up, framing: see `Mllm`.
    batch_size: requests at once. timeout: seconds for one answer.
    attempts: how often a view is asked about before it is given up.

    Raises CaptionerError when the URL is none, or the model cannot be told.
    """

    def __init__(
        self,
        url: str | None = None,
        model: str | None = None,
        *,
        prompt: str = "captions",
        follow_up: bool = False,
        framing: str = "pad",
        max_new_tokens: int = MAX_NEW_TOKENS,
        batch_size: int | None = None,
        timeout: float = 300.0,
        attempts: int = 5,
    ) -> None:
        check_framing(framing)
        self._questions = questions(resolve_prompt(prompt), follow_up)
        self._runner = asyncio.Runner()
        self._chat = Chat(
            url,
            key=os.environ.get(API_KEY, ""),
            at_once=batch_size or _AT_ONCE,
            timeout=timeout,
            attempts=attempts,
        )
        self._model = model or self._runner.run(self._chat.only_model())
        version = f"{_REVISION}:{self._model} {framing} {_SIDE} greedy-{max_new_tokens}"
        self.key = CaptionerKey("server", version, "\n".join(self._questions))
        self.note = f"{self._chat.url}, {batch_size or _AT_ONCE} requests at once"
        self.view_side = _SIDE
        self.batch_size = _ROUNDS * (batch_size or _AT_ONCE)
        self._framing = framing
        self._settings = {
            "model": self._model,
            "max_tokens": max_new_tokens,
            "temperature": 0,
            "stream": False,
        }

    def prepare(self, view: View) -> View:
        """The view as a data URL."""
        file = io.BytesIO()
        frame(view.image, self._framing).save(file, "JPEG", quality=_JPEG_QUALITY)
        url = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
        return View(view.crop, view.image, url)

    def caption(self, views: Sequence[View]) -> list[Answer]:
        """What the model says of each view: one caption, with all the answers, a line each."""
        urls = [view.prepared or self.prepare(view).prepared for view in views]
        return self._runner.run(self._all(urls))

    def close(self) -> None:
        self._runner.run(self._chat.close())
        self._runner.close()

    async def _all(self, urls: Sequence[str]) -> list[Answer]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(url)) for url in urls]
        except ExceptionGroup as errors:  # the first one cancelled the other requests
            raise errors.exceptions[0] from errors
        return [task.result() for task in tasks]

    async def _one(self, url: str) -> Answer:
        """A view's words; its error where only this view is to blame."""
        picture = {"type": "image_url", "image_url": {"url": url}}
        turns: list[Turn] = []
        answers = []
        try:
            for number, question in enumerate(self._questions):
                content = [*([] if number else [picture]), {"type": "text", "text": question}]
                turns.append({"role": "user", "content": content})
                answers.append(await self._chat.ask({**self._settings, "messages": turns}))
                turns.append({"role": "assistant", "content": answers[-1]})
        except CaptionerUnavailable:
            raise
        except CaptionerError as error:
            return error
        text = "\n".join(filter(None, answers))
        return [CaptionText(text)] if text else []
