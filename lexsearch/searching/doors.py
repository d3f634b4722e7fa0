"""Methods of an index that pass a question on to a snapshot, or a change to a writer. They have the
name, the arguments and the words of what answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from lexsearch.searching.snapshot import Snapshot, Snapshots

if TYPE_CHECKING:
    from lexsearch.storage.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")


def asks(question: Callable[Concatenate[Snapshot, P], T]) -> Callable[Concatenate[Any, P], T]:
    """Ask the snapshot of now that `self._snapshots` takes."""

    @wraps(question, updated=())  # not that it is abstract there
    def ask(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        def asked(now: Snapshot) -> T:
            answer: T = getattr(now, question.__name__)(*args, **kwargs)
            return answer

        snapshots: Snapshots = self._snapshots
        return snapshots.ask(asked)

    return ask


def tells(
    question: Callable[Concatenate[Snapshot, P], Iterator[T]],
) -> Callable[Concatenate[Any, P], Iterator[T]]:
    """The same for a long answer, which is of one snapshot to its end."""

    @wraps(question, updated=())
    def tell(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        snapshots: Snapshots = self._snapshots
        with snapshots.now() as now:
            yield from getattr(now, question.__name__)(*args, **kwargs)

    return tell


def changes(change: Callable[Concatenate[Writer, P], T]) -> Callable[Concatenate[Any, P], T]:
    """Change an index that is there, in the folder `self.path`."""

    @wraps(change)
    def make(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        from lexsearch.storage.writer import writing  # loads Arrow, which a search does not need

        with writing(self.path) as writer:
            answer: T = change(writer, *args, **kwargs)
        return answer

    return make
