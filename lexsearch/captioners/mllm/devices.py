"""A model on each of several devices, each in a process of its own.

One process can keep one GPU busy, but not several: Python runs one thread at a time. Inputs go
to the processes in equal shares, a batch each, and the answers come back in order.
"""

from __future__ import annotations

import multiprocessing
import signal
import warnings
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from lexsearch.captioners.mllm.runner import Inputs, ModelRunner, Plan, load_runner
from lexsearch.errors import CaptionerError, CaptionerUnavailable

_engine: ModelRunner | None = None  # of this process, where it is one of a device


class Devices:
    """Engines on several devices, used like a single one. Raises CaptionerError."""

    def __init__(self, plan: Plan, devices: Sequence[str], probe: Inputs) -> None:
        # A process that was forked could not use CUDA.
        context = multiprocessing.get_context("spawn")
        self._pools = [
            ProcessPoolExecutor(1, mp_context=context, initializer=_begin) for _ in devices
        ]
        try:
            loading = [
                pool.submit(_load, plan, device, _packed(probe))
                for pool, device in zip(self._pools, devices, strict=True)
            ]
            self._sizes = [self._result(future) for future in loading]
        except BaseException:
            self.close()
            raise

    @property
    def batch_size(self) -> int:
        return sum(self._sizes)

    def ask(self, inputs: Sequence[Inputs]) -> list[str | CaptionerError]:
        """See `ModelRunner.ask`."""
        # Every n-th: views of one picture, which are alike in length, spread over the devices.
        count = len(self._pools)
        asked = [
            pool.submit(_ask, [_packed(one) for one in inputs[at::count]])
            for at, pool in enumerate(self._pools)
            if inputs[at::count]
        ]
        answers: list[str | CaptionerError] = [""] * len(inputs)
        for at, future in enumerate(asked):
            answers[at::count], self._sizes[at] = self._result(future)
        return answers

    def close(self) -> None:
        for pool in self._pools:
            pool.shutdown(wait=True, cancel_futures=True)

    def _result(self, future: Future[Any]) -> Any:
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise CaptionerUnavailable(
                "the process of a GPU died, perhaps for want of main memory; what is described "
                "so far is kept: run it again"
            ) from error


def _begin() -> None:
    """Ctrl-C is for the process that has this one: this one is ended by it in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")


def _load(plan: Plan, device: str, probe: Inputs) -> int:
    global _engine
    _engine = load_runner(plan, device, _unpacked(probe))
    return _engine.batch_size


def _ask(inputs: Sequence[Inputs]) -> tuple[list[str | CaptionerError], int]:
    assert _engine is not None
    return _engine.ask([_unpacked(one) for one in inputs]), _engine.batch_size


def _packed(inputs: Inputs) -> Inputs:
    """As arrays: each tensor that goes to another process would keep a file open."""
    return {name: tensor.numpy() for name, tensor in inputs.items()}


def _unpacked(inputs: Inputs) -> Inputs:
    import torch

    return {name: torch.from_numpy(array) for name, array in inputs.items()}
