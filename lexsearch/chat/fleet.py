"""Several servers that run the same model: each question goes to the one that has fewest.

Questions that a failing server has are asked elsewhere, and nobody asks it more until it answers a
plain one, the probe. A server that is waited for in vain is left out for good.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from lexsearch.chat import Chat, Request
from lexsearch.errors import ModelError, ModelUnavailable

T = TypeVar("T")

_GLANCE = 0.1  # seconds between two looks at whether the server that is asked fails

log = logging.getLogger("lexsearch")


class Fleet:
    """Chats that are asked as one; a single one, too. Everything runs in one event loop.

    probe: see `Chat`.
    """

    def __init__(self, chats: Sequence[Chat], probe: Request) -> None:
        self._chats = [*chats]
        self._probe = probe
        self._open: Counter[Chat] = Counter()  # questions
        self._recovering: dict[Chat, asyncio.Task[None]] = {}

    def __str__(self) -> str:
        return ", ".join(str(chat.address) for chat in self._chats)

    def __len__(self) -> int:
        return len(self._chats)

    @property
    def waits_for(self) -> str:
        """Why no answer comes, for people; "" while answers come from any server."""
        return "" if self._well() else next(chat.waits_for for chat in self._chats)

    async def close(self) -> None:
        for task in self._recovering.values():
            task.cancel()
        await asyncio.gather(*(chat.close() for chat in self._chats))

    async def only_model(self) -> str:
        """See `Chat.only_model`. Raises ModelError where the servers run different ones."""
        names = [await self._first(chat, chat.only_model()) for chat in [*self._chats]]
        found = {name for name in names if name is not None}
        if len(found) != 1:
            raise ModelError(
                f"the servers run different models ({', '.join(sorted(found))}); name the one "
                "that all of them have"
            )
        return found.pop()

    async def told_of(self, model: str) -> list[dict[str, Any]]:
        """What each server says of a model, see `Chat.told_of`."""
        return [await chat.told_of(model) for chat in self._chats]

    async def models(self) -> list[dict[str, Any]]:
        """What the first server that says anything says of its models."""
        for chat in [*self._chats]:
            listed = await self._first(chat, chat.models())
            if listed is not None:
                return listed
        raise AssertionError("the last one answers or raises")

    async def _first(self, chat: Chat, asking: Coroutine[Any, Any, T]) -> T | None:
        """An answer before all others; None where the server is left out, as it never comes."""
        try:
            return await asking
        except ModelUnavailable as error:
            self._leave_out(chat, error)
            return None

    async def ask(self, request: Request) -> str:
        """See `Chat.ask`. A question that fails everywhere is judged where it was asked last."""
        moves = len(self._chats) - 1
        while True:
            chat = self._least_busy()
            self._open[chat] += 1
            asking = asyncio.ensure_future(chat.ask(request))
            try:
                while not (await asyncio.wait({asking}, timeout=_GLANCE))[0]:
                    if moves > 0 and chat.is_failing and self._well():
                        moves -= 1
                        self._wait_for(chat)
                        break
                else:
                    return asking.result()
            except ModelUnavailable as error:
                self._leave_out(chat, error)
            finally:
                asking.cancel()
                self._open[chat] -= 1

    def _least_busy(self) -> Chat:
        return min(self._well() or self._chats, key=lambda chat: self._open[chat])

    def _well(self) -> list[Chat]:
        """Those that answer, as far as anybody knows."""
        return [
            chat for chat in self._chats if not chat.is_failing and chat not in self._recovering
        ]

    def _wait_for(self, chat: Chat) -> None:
        """Ask a server that fails a plain question until it answers."""
        if chat not in self._recovering:
            log.warning("%s; its questions go to the other servers", chat.waits_for)
            self._recovering[chat] = asyncio.ensure_future(self._recover(chat))

    async def _recover(self, chat: Chat) -> None:
        try:
            await chat.ask(self._probe)
        except ModelUnavailable as error:
            if chat in self._chats and len(self._chats) > 1:
                self._leave_out(chat, error)
        except ModelError:
            pass  # it answers, after all
        self._recovering.pop(chat, None)

    def _leave_out(self, chat: Chat, error: ModelUnavailable) -> None:
        """Ask it nothing more. Raises the error where it is the last one."""
        if chat in self._chats:
            if len(self._chats) == 1:
                raise error
            self._chats.remove(chat)
            log.warning("%s It is left out, and %d go on.", error, len(self._chats))
