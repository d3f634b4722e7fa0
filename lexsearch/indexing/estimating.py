"""How far describing is, and how long it will take: told from the first moment on.

What a view takes is not the same in every stage, nor on every day. The captioner says what to
expect; how long the views of the last minutes took, against that, says what is to come.
"""

from __future__ import annotations

import math
import time
from typing import NamedTuple

from lexsearch.records import WHOLE

_TRUST = 10.0  # seconds of work that the expectation counts as
_MEMORY = 300.0  # seconds after which what was counts a third


class Pace(NamedTuple):
    """What a view is expected to take, in seconds: of a whole picture, and of a patch; 0 where
    nobody knows.
    """

    whole: float = 0.0
    patch: float = 0.0

    def of(self, stage: str) -> float:
        """Of a view of this stage; where nobody knows, all are alike."""
        return (self.whole if stage == WHOLE else self.patch) if any(self) else 1.0


class Estimate:
    """Of describing so many views. left(), share(): seconds to come, part that is done, by now."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._done = self._total = 0.0  # seconds, as expected
        self._expected = self._took = _TRUST if any(pace) else 0.0
        self._since = time.monotonic()

    def expect(self, stage: str, views: int) -> None:
        """There are so many views more to describe, or fewer."""
        self._total += views * self._pace.of(stage)

    def done(self, stage: str, views: int) -> None:
        """So many views were described."""
        now = time.monotonic()
        seconds, self._since = now - self._since, now
        expected = views * self._pace.of(stage)
        kept = math.exp(-seconds / _MEMORY)
        self._took = kept * self._took + seconds
        self._expected = kept * self._expected + expected
        self._done += expected

    def left(self) -> float | None:
        """Seconds; None where nothing tells."""
        if not self._expected:
            return None
        return max(0.0, self._total - self._done) * self._took / self._expected

    def share(self) -> float:
        """From 0 to 1, by time and not by views."""
        return min(1.0, self._done / self._total) if self._total > 0 else 1.0
