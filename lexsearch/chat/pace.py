"""How many questions a server bears at once, found by asking: more while it answers in good time,
half as many after a time-out or a "too many requests" (AIMD: Chiu & Jain 1989).
"""

from __future__ import annotations

import asyncio
import time


class Pace:
    """Lets `limit` questions, of `most`, be under way; for one event loop.

    Used as a context manager around each question.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self._under_way = 0
        self._changed = asyncio.Condition()
        self._slowed_at = float("-inf")

    async def __aenter__(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._under_way < int(self.limit))
            self._under_way += 1

    async def __aexit__(self, *_: object) -> None:
        async with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    @property
    def is_slowest(self) -> bool:
        """Whether one question is asked at a time."""
        return int(self.limit) == 1

    def answered(self, seconds: float, timeout: float) -> None:
        """An answer came; one more may be asked at once, where that cannot take too long."""
        if seconds < timeout / 2:
            self.limit = min(float(self.most), self.limit + 1 / self.limit)

    def overwhelmed(self, asked: float) -> None:
        """The server had no time for what was asked then (monotonic). Questions that were asked
        together count once.
        """
        if asked >= self._slowed_at:
            self.limit = max(1.0, self.limit / 2)
            self._slowed_at = time.monotonic()
