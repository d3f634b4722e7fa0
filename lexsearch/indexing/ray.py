"""Captioning on a Ray cluster: each machine describes as `lexsearch index` does on one.

A describer is a process on one of the machines, with all the GPUs of that machine where a model
runs in it. It decodes ahead on threads and keeps its model from one stage to the next. Again and
again it is handed jobs and asked for outcomes, so that these are here about a second after they
were made. A picture's outcomes are passed on together; what a describer had in hand when it ended
goes to others. Machines may come and go.

All machines see the pictures under the same paths, and have the same lexsearch installed.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self

from lexsearch.captioners import CaptionerSpec, Waiting, open_captioner
from lexsearch.errors import CaptionerUnavailable, ImageError, LexsearchError
from lexsearch.extras import require
from lexsearch.images.filesystem import exists
from lexsearch.indexing.jobs import Job, Outcome, failed
from lexsearch.indexing.local import LocalRunner

_TICK = 1.0  # seconds that one answer is waited for
_LOOK = 2.0  # seconds between two looks at which machines there are
_FEWEST = 16  # jobs that are handed over at once, at least
_BATCHES = 2  # that come to a lot
_LOTS = 2  # in the hands of a describer
_MOST_DEATHS = 3  # of describers of one machine, or over one picture
_SIGACTION = 256  # bytes, more than C's `struct sigaction` has anywhere
_WITH_GPUS = ("mllm",)  # captioners that run on GPUs of their machine

log = logging.getLogger("lexsearch")


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes over what happens at faults of memory, and takes its own away at the end. Java in
    this process lives by such faults, and would die of the next one.
    """
    if os.name == "nt":  # has no such signals
        yield
        return
    libc = ctypes.CDLL(None)
    faults = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
    kept = {number: ctypes.create_string_buffer(_SIGACTION) for number in faults}
    for number, action in kept.items():
        libc.sigaction(number, None, action)
    try:
        yield
    finally:
        for number, action in kept.items():
            libc.sigaction(number, action, None)


class RayRunner:
    """Runs jobs on the machines of a Ray cluster; a context manager.

    address: "ray://HOST:10001", a cluster elsewhere; "": that of RAY_ADDRESS, or which this
        machine belongs to, or else this machine alone.
    Raises LexsearchError where Ray is not installed, or the cluster cannot be used.
    """

    def __init__(self, address: str = "") -> None:
        self._address = address
        self._is_ours = False
        self._machines: dict[str, _Machine] = {}
        self._described_by: tuple[CaptionerSpec, int] | None = None
        self._looked = float("-inf")
        self._deaths: Counter[str] = Counter()  # of describers, by machine
        self._unfit: dict[str, str] = {}  # machine: why

    def __enter__(self) -> Self:
        require("ray", "describing on a Ray cluster", LexsearchError)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # lexsearch tells nobody anything
        import ray

        if not ray.is_initialized():
            try:
                with _signals_kept():
                    ray.init(
                        self._address or None, log_to_driver=False, logging_level=logging.ERROR
                    )
            except (OSError, RuntimeError, ValueError) as error:
                raise LexsearchError(
                    f"the Ray cluster {self._address or 'of this machine'} cannot be used "
                    f"({error}); is it running, with the same Python and Ray as here?"
                ) from error
            self._is_ours = True
            # What Ray has to say of machines that die would be printed among results.
            ray._private.worker._worker_logs_enabled = False
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._dismiss_all()
        if self._is_ours:
            import ray

            with _signals_kept():
                ray.shutdown()
            ray._private.worker._worker_logs_enabled = True

    def run(
        self, jobs: Iterable[Job], spec: CaptionerSpec, max_pixels: int
    ) -> Generator[Outcome | Waiting, None, None]:
        """See `lexsearch.indexing.jobs.Runner`."""
        import ray

        if self._described_by != (spec, max_pixels):
            self._dismiss_all()
            self._described_by = (spec, max_pixels)
        work = _Work(jobs)
        while work.has_more() or any(machine.in_hand for machine in self._machines.values()):
            self._look_for_machines(spec, max_pixels)
            for machine in self._machines.values():
                machine.hand(work)
            calls = {one.call: one for one in self._machines.values() if one.call is not None}
            if not calls:
                time.sleep(_TICK)
            answered = ray.wait([*calls], timeout=_TICK)[0] if calls else []
            for call in answered:
                yield from self._answer(calls[call], work)
            yield Waiting("" if any(one.lot for one in self._machines.values()) else self._why())

    def _answer(self, machine: _Machine, work: _Work) -> Iterator[Outcome]:
        """What a describer says; where it says no more, its jobs go back."""
        import ray

        try:
            yield from machine.answer()
        except ray.exceptions.RayTaskError as error:
            reason = self._unfit[machine.node] = _last_line(error.cause)
            log.warning("%s describes nothing: %s", machine.name, reason)
            self._dismiss(machine)
            yield from work.take_back(machine.in_hand)
        except ray.exceptions.RayError as error:  # its machine is gone, or its process
            self._deaths[machine.node] += len(machine.in_hand) != 1  # else the picture's fault
            if self._deaths[machine.node] >= _MOST_DEATHS:
                self._unfit[machine.node] = _last_line(error)
            self._dismiss(machine)
            yield from work.take_back(machine.in_hand, died=True)

    def _look_for_machines(self, spec: CaptionerSpec, max_pixels: int) -> None:
        """Begin on machines that are new. Raises CaptionerUnavailable where none is of any use."""
        import ray

        if time.monotonic() - self._looked < _LOOK:
            return
        self._looked = time.monotonic()
        nodes = {
            one["NodeID"]: one
            for one in ray.nodes()
            if one["Alive"] and one["Resources"].get("CPU", 0) >= 1
        }
        if nodes and nodes.keys() <= self._unfit.keys():
            raise CaptionerUnavailable(
                f"no machine of the Ray cluster can describe; the last one says: {self._why()}"
            )
        for node in nodes.keys() - self._machines.keys() - self._unfit.keys():
            gpus = nodes[node]["Resources"].get("GPU", 0) if spec.name in _WITH_GPUS else 0
            name = nodes[node]["NodeName"]
            self._machines[node] = _Machine(node, name, _begin(node, gpus, spec, max_pixels))

    def _why(self) -> str:
        return next(reversed(self._unfit.values()), "waiting for a machine of the Ray cluster")

    def _dismiss(self, machine: _Machine) -> None:
        import ray

        del self._machines[machine.node]
        ray.kill(machine.describer)

    def _dismiss_all(self) -> None:
        for machine in [*self._machines.values()]:
            self._dismiss(machine)
        self._looked = float("-inf")
        self._unfit.clear()
        self._deaths.clear()


def _begin(node: str, gpus: float, spec: CaptionerSpec, max_pixels: int) -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node, soft=False)
    options = {"num_cpus": 1, "num_gpus": gpus, "scheduling_strategy": there}
    return ray.remote(**options)(Describer).remote(spec, max_pixels)


class _Machine:
    """One of the cluster's machines, and what its describer has in hand: jobs, with those of their
    outcomes that are here.

    lot: how many jobs it is handed at once; 0 until it is ready.
    """

    def __init__(self, node: str, name: str, describer: Any) -> None:
        self.node, self.name, self.describer = node, name, describer
        self.in_hand: dict[Job, list[Outcome]] = {}
        self.lot = 0
        self.call: Any = describer.begin.remote()

    def hand(self, work: _Work) -> None:
        """Ask for outcomes, with more jobs where there is room."""
        if self.call is not None:
            return
        jobs = work.take(self.lot, is_idle=not self.in_hand) if self._has_room() else []
        self.in_hand |= {job: [] for job in jobs}
        if self.in_hand:
            seen = next((job.path for job in jobs if exists(job.path)), None)
            self.call = self.describer.exchange.remote(jobs, seen)

    def _has_room(self) -> bool:
        return len(self.in_hand) <= (_LOTS - 1) * self.lot

    def answer(self) -> Iterator[Outcome]:
        """The outcomes of pictures that are done."""
        import ray

        call, self.call = self.call, None
        said = ray.get(call)
        if not self.lot:
            self.lot = max(_FEWEST, said)
            return
        for outcome in said:
            come = self.in_hand[outcome.job]
            come.append(outcome)
            if len(come) >= outcome.views:
                del self.in_hand[outcome.job]
                yield from come


class _Work:
    """The jobs that nobody has in hand.

    Those over which a describer ended are handed out one by one, each to a describer that has no
    other, so that a picture which ends its process is found out.
    """

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs = iter(jobs)
        self._back: deque[Job] = deque()
        self._suspects: deque[Job] = deque()
        self._deaths: Counter[Job] = Counter()

    def has_more(self) -> bool:
        if not self._back and not self._suspects:
            self._back += self._next(1)
        return bool(self._back or self._suspects)

    def take(self, count: int, *, is_idle: bool) -> list[Job]:
        if self._suspects and is_idle:
            return [self._suspects.popleft()]
        taken = [self._back.popleft() for _ in range(min(count, len(self._back)))]
        return taken + self._next(count - len(taken))

    def _next(self, count: int) -> list[Job]:
        return list(islice(self._jobs, count))

    def take_back(self, jobs: Iterable[Job], *, died: bool = False) -> Iterator[Outcome]:
        """Jobs of a describer that is no more; outcomes of those that are given up."""
        for job in jobs:
            self._deaths[job] += died
            if self._deaths[job] >= _MOST_DEATHS:
                yield failed(job, ImageError("describing it ends the process, each time"))
            elif died:
                self._suspects.append(job)
            else:
                self._back.append(job)


class Describer:
    """On its own machine: describes on a thread what it is handed."""

    def __init__(self, spec: CaptionerSpec, max_pixels: int) -> None:
        self._spec, self._max_pixels = spec, max_pixels
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._outcomes: SimpleQueue[Outcome] = SimpleQueue()
        self._ended: Exception | None = None

    def begin(self) -> int:
        """Open the captioner and load its model. How many pictures make some batches of it."""
        captioner = open_captioner(self._spec.name, **self._spec.options)
        captioner.load()
        runner = LocalRunner(captioner)
        threading.Thread(target=self._work, args=[runner], daemon=True).start()
        return _BATCHES * captioner.batch_size

    def exchange(self, jobs: list[Job], seen: str | None) -> list[Outcome]:
        """Take jobs, and give the outcomes that are there, or come within a moment.

        seen: a file that is there for the one who asks.
        """
        if seen is not None and not exists(seen):
            raise CaptionerUnavailable(f"{seen} is not there on this machine; share its folder")
        for job in jobs:
            self._jobs.put(job)
        try:
            outcomes = [self._outcomes.get(timeout=_TICK)]
        except Empty:
            if self._ended is not None:
                raise self._ended from None
            return []
        while not self._outcomes.empty():
            outcomes.append(self._outcomes.get())
        return outcomes

    def _work(self, runner: LocalRunner) -> None:
        try:
            while True:
                jobs = [self._jobs.get()]
                while not self._jobs.empty():
                    jobs.append(self._jobs.get())
                for item in runner.run(jobs, self._spec, self._max_pixels):
                    if isinstance(item, Outcome):
                        self._outcomes.put(item)
        except Exception as error:  # told to the one who asks next
            self._ended = error


def _last_line(error: object) -> str:
    """The end of what Ray tells of an error, which begins with where it happened."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
