"""A server that speaks OpenAI's chat completions describes the views: vLLM, SGLang, llama.cpp,
Ollama, LM Studio, `transformers serve` and others, on this machine or another.

The server batches, so that many requests are under way at once. Views are sent small and square,
for two reasons: what a server does with pictures on its side is often what it is slowest at, and
it would cut wide ones (see `framing`). Small ones are enlarged, since many models refuse them.

The key for a server that wants one comes from the environment alone, LEXSEARCH_API_KEY, and goes
nowhere but into the requests.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import threading
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from PIL import Image

from lexsearch.captioners import MARK, Answer, Captioner, Waiting
from lexsearch.captioners.mllm.framing import FILL, check_framing, frame
from lexsearch.captioners.prompts import MAX_NEW_TOKENS, questions, resolve_prompt
from lexsearch.captioners.wording import NoSight, caption_of
from lexsearch.chat import API_KEY, PATIENCE, Chat, Turn
from lexsearch.chat.fleet import Fleet
from lexsearch.errors import (
    CaptionerError,
    CaptionerUnavailable,
    ModelError,
    ModelRefused,
    ModelUnavailable,
    ViewRefused,
)
from lexsearch.images.urls import data_url
from lexsearch.records import CaptionerKey, CaptionText, View
from lexsearch.text.answers import answer_of

T = TypeVar("T")

_REVISION = 1
"""Goes up with every change here that changes what is said of a picture."""

_SIDE = 448
"""Width and height, in pixels, of what is sent: enough for the encoders of LLaVA-1.5 (336) and
InternVL (448); for those that take any size (Qwen-VL), 256 tokens' worth."""

_AT_ONCE = 16
_BLIND_IN_A_ROW = 3
"""A model that says so often, of its first views, that it sees no picture, takes none."""

_TELLING = frozenset(
    ("root", "meta", "digest", "revision", "quantization", "canonical_slug", "hugging_face_id")
)
"""What servers list of a model that is another for another one of its name."""

_TICK = 1.0  # seconds without an answer, after which whoever waits is told

log = logging.getLogger("lexsearch")


class Server(Captioner):
    """Describes views with a model that a server runs.

    url: of the API, "http://localhost:8000/v1"; several, of servers that run the same model, share
        the work. model: as the server calls it; None: the only one that it has.
    prompt, follow_up, framing: see `Mllm`.
    batch_size: requests to a server at once, at most; fewer where it has no time for so many.
    timeout: seconds for one answer. attempts: how often a view is asked about before it is given
        up, while others get answers. patience: seconds to wait for a server that loads, restarts
        or is busy.

    Raises CaptionerError when the URL is none, or the model cannot be told.
    """

    def __init__(
        self,
        url: str | Sequence[str] | None = None,
        model: str | None = None,
        *,
        prompt: str = "captions",
        follow_up: bool = False,
        framing: str = "pad",
        max_new_tokens: int = MAX_NEW_TOKENS,
        batch_size: int | None = None,
        timeout: float = 300.0,
        attempts: int = 5,
        patience: float = PATIENCE,
    ) -> None:
        check_framing(framing)
        self._questions = questions(resolve_prompt(prompt), follow_up)
        self._framing = framing
        at_once = batch_size or _AT_ONCE
        self._settings: dict[str, Any] = {
            "max_tokens": max_new_tokens,
            "temperature": 0,
            "stream": False,
        }
        probe: dict[str, Any] = {}
        urls = [url] if url is None or isinstance(url, str) else [*dict.fromkeys(url)]
        with _translated():
            chats = [
                Chat(
                    one,
                    key=os.environ.get(API_KEY, ""),
                    at_once=at_once,
                    timeout=timeout,
                    attempts=attempts,
                    patience=patience,
                    probe=probe,
                )
                for one in urls
            ]
        self._chat = Fleet(chats, probe)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self._model = model or self._run(self._chat.only_model())
            told = self._run(self._chat.told_of(self._model))
        except BaseException:
            self.close()
            raise
        self._settings = {"model": self._model, **self._settings}
        probe.update(self._settings, messages=[_turn(self._questions[0], _plain_picture())])
        self._described = self._blind = 0
        version = f"{_REVISION}:{self._model} {framing} {_SIDE} greedy-{max_new_tokens}"
        if mark := self._only_mark(told):
            version += f" {MARK}{mark}"
        self.key = CaptionerKey("server", version, "\n".join(self._questions))
        self.note = f"{self._chat}, at most {at_once} requests at once"
        if len(self._chat) > 1:
            self.note += " to each"
        self.view_side = _SIDE
        self.batch_size = self._at_once = at_once * len(self._chat)

    def _only_mark(self, told: Iterable[dict[str, Any]]) -> str:
        """Of the model, as all servers tell it that tell anything."""
        marks = {_mark(model) for model in told} - {""}
        if len(marks) > 1:
            raise CaptionerError(
                f"{self._chat} run different models under the name {self._model}; give the "
                "addresses of those that run the same"
            )
        return next(iter(marks), "")

    def load(self) -> None:
        """See that the model takes pictures, where the server tells."""
        try:
            listed = self._run(self._chat.models())
        except CaptionerUnavailable:
            raise
        except CaptionerError:
            return  # many a gateway lists nothing
        mine = next((model for model in listed if model.get("id") == self._model), {})
        if _takes_pictures(mine) is False:
            raise CaptionerError(
                f"{self._model} takes no pictures, says {self._chat}; choose a model that "
                "does (--model)"
            )

    def prepare(self, view: View) -> View:
        """The view as a data URL."""
        return View(view.crop, view.image, data_url(frame(view.image, self._framing)))

    def caption(self, views: Sequence[View]) -> list[Answer]:
        """What the model says of each view: one caption, with all the answers, a line each."""
        items = self.describe(enumerate(views))
        answers = dict(item for item in items if not isinstance(item, Waiting))
        return [answers[number] for number in range(len(views))]

    def describe(self, views: Iterable[tuple[T, View]]) -> Iterator[tuple[T, Answer] | Waiting]:
        """See `Captioner.describe`: each answer is handed over as it comes."""
        coming = iter(views)
        done: SimpleQueue[tuple[T, Future[Answer]]] = SimpleQueue()
        under_way: set[Future[Answer]] = set()
        is_more = True
        try:
            while is_more or under_way:
                if is_more and len(under_way) < self._at_once:
                    for tag, view in coming:
                        under_way.add(self._begin(tag, view, done))
                        break
                    else:
                        is_more = False
                        continue
                has_room = is_more and len(under_way) < self._at_once
                try:
                    tag, answered = done.get(timeout=0 if has_room else _TICK)
                except Empty:
                    if not has_room:
                        yield Waiting(self._chat.waits_for)
                    continue
                under_way.discard(answered)
                yield tag, answered.result()
        except (CaptionerUnavailable, KeyboardInterrupt):
            while not done.empty():
                tag, answered = done.get()
                if not answered.cancelled() and answered.exception() is None:
                    yield tag, answered.result()
            raise
        finally:
            for asked in under_way:
                asked.cancel()

    def close(self) -> None:
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _end(self) -> None:
        asking = asyncio.all_tasks() - {asyncio.current_task()}
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await self._chat.close()

    def _run(self, asking: Coroutine[Any, Any, T]) -> T:
        """What comes of it; says what it waits for, where that takes long."""
        with _translated():
            return self._awaited(asking)

    def _awaited(self, asking: Coroutine[Any, Any, T]) -> T:
        result = asyncio.run_coroutine_threadsafe(asking, self._loop)
        said = ""
        while True:
            try:
                return result.result(timeout=_TICK)
            except TimeoutError:
                if result.done():
                    raise
                if self._chat.waits_for and self._chat.waits_for != said:
                    said = self._chat.waits_for
                    log.warning("waiting for the server: %s", said)
            except KeyboardInterrupt:
                result.cancel()
                raise

    def _begin(
        self, tag: T, view: View, done: SimpleQueue[tuple[T, Future[Answer]]]
    ) -> Future[Answer]:
        url = view.prepared or self.prepare(view).prepared
        answered = asyncio.run_coroutine_threadsafe(self._one(url), self._loop)
        answered.add_done_callback(lambda future: done.put((tag, future)))
        return answered

    async def _one(self, url: str) -> Answer:
        """A view's words; its error where only this view is to blame."""
        turns: list[Turn] = []
        captions = []
        try:
            for number, question in enumerate(self._questions):
                turns.append(_turn(question, None if number else url))
                with _translated():
                    said = await self._chat.ask({**self._settings, "messages": turns})
                captions.append(caption_of(said, self._questions))
                turns.append({"role": "assistant", "content": answer_of(said, self._questions)})
        except CaptionerUnavailable:
            raise
        except NoSight as error:
            self._blind += 1
            if not self._described and self._blind >= _BLIND_IN_A_ROW:
                raise CaptionerUnavailable(
                    f"{self._model}: {error}; choose a model that takes pictures (--model), and, "
                    "with llama.cpp, start it with --mmproj"
                ) from error
            return error
        except CaptionerError as error:
            return error
        self._described += 1
        text = "\n".join(filter(None, captions))
        return [CaptionText(text)] if text else []


@contextmanager
def _translated() -> Iterator[None]:
    """Errors of the chat as those of a captioner."""
    try:
        yield
    except ModelUnavailable as error:
        raise CaptionerUnavailable(f"{error} What is described so far is kept.") from error
    except ModelRefused as error:
        raise ViewRefused(str(error)) from error
    except ModelError as error:
        raise CaptionerError(str(error)) from error


def _turn(question: str, url: str | None) -> Turn:
    picture = [{"type": "image_url", "image_url": {"url": url}}] if url else []
    return {"role": "user", "content": [*picture, {"type": "text", "text": question}]}


def _plain_picture() -> str:
    """A picture that nobody can have anything against."""
    image = Image.new("RGB", (_SIDE, _SIDE), FILL)
    image.paste((40, 90, 200), (0, 0, _SIDE, _SIDE // 2))
    return data_url(image)


def _mark(model: dict[str, Any]) -> str:
    """Eight digits that change when another model has the same name, as far as its server tells;
    "" where it does not.

    vLLM: root; llama.cpp: meta; OpenRouter: canonical_slug, hugging_face_id; Ollama: the time at
    which it was pulled, while others' `created` is that of their start.
    """
    names = _TELLING | ({"created"} if model.get("owned_by") == "library" else set())
    told = {name: model[name] for name in sorted(names) if model.get(name)}
    if not told:
        return ""
    return hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=4).hexdigest()


def _takes_pictures(model: dict[str, Any]) -> bool | None:
    """Whether a model takes pictures, as some servers say in their lists; None: not said.

    OpenRouter: architecture.input_modalities; llama.cpp and Ollama: capabilities, a list; Mistral:
    capabilities.vision; LM Studio: type.
    """
    architecture = model.get("architecture")
    modalities = architecture if isinstance(architecture, dict) else model
    kinds = modalities.get("input_modalities")
    if isinstance(kinds, list):
        return "image" in kinds
    able = model.get("capabilities")
    if isinstance(able, dict) and isinstance(able.get("vision"), bool):
        return bool(able["vision"])
    if isinstance(able, list) and "completion" in able:
        return bool({"vision", "multimodal"} & set(able))
    return {"vlm": True, "llm": False, "embeddings": False}.get(str(model.get("type")))
