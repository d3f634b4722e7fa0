"""What all commands share: options, exit statuses, progress, and how things are printed."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

import click

from lexsearch.errors import LexsearchError, StorageError
from lexsearch.images.filesystem import is_remote

if TYPE_CHECKING:
    from lexsearch.records import Progress, Results

NOTHING_FOUND, SOME_FAILED, NOT_DONE, STOPPED = 1, 3, 4, 130
_SHOWN_FAILURES = 20
_SECONDS_BETWEEN_LINES = 10.0
_RATE_SECONDS = 300.0  # so far back goes what a rate is taken from


def examples(*commands: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {command}" for command in commands)


_DEFAULT_INDEX = os.path.join("indexes", "default")


def _found_above(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    """The default index of this folder, or else of the nearest one above that has one, which is
    told.
    """
    source = ctx.get_parameter_source(parameter.name or "")
    if source is not click.core.ParameterSource.DEFAULT or os.path.exists(value):
        return value
    for folder in Path.cwd().parents:
        if (folder / value / "index.json").is_file():
            say(f"index: {folder / value}")
            return str(folder / value)
    return value


index_option = click.option(
    "--index",
    "path",
    envvar="LEXSEARCH_INDEX",
    callback=_found_above,
    default=_DEFAULT_INDEX,
    show_default=True,
    metavar="DIR",
    help="The index to use (environment: LEXSEARCH_INDEX); to search, also an address "
    "opensearch+https://HOST:9200/NAME.",
)


def search_once(path: str, text: str, mode: str = "best") -> None:
    """Before the one search of a command: Java starts, and opens the index, on a thread while
    Python loads its own part.
    """
    from lexsearch.engines import expect_one_search
    from lexsearch.storage.settings import index_folder, read_settings

    folder = index_folder(path)
    address = ""
    with suppress(LexsearchError):  # of which the search will tell
        address = read_settings(folder).text_index(folder)
    expect_one_search(address, text, mode)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one line each.")
mode_option = click.option(
    "--mode",
    type=click.Choice(["best", "paper"]),
    default="best",
    show_default=True,
    help="What keywords mean, or BM25 over a bag of words as in the paper.",
)
fuse_option = click.option(
    "--fuse",
    type=click.Choice(["sum", "vote", "rrf", "only"]),
    default="sum",
    show_default=True,
    help="How several sentences make one list: by scores, votes or places; only: the rewrite of "
    "--rewrite in place of the query.",
)
weight_option = click.option(
    "--weight",
    type=click.FloatRange(0, 1000, min_open=True),
    help="What is typed counts so much, every other sentence 1  [default: 3; in a vote 1].",
)
existing = click.Path(path_type=Path, exists=True)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress, only failures.")


@contextmanager
def progress_bar(quiet: bool, price: float | None = None) -> Iterator[Callable[[Progress], None]]:
    """A bar a stage, with rate and time left; where no terminal is, a line now and then.

    price: of 1,000 of what the stages that cost something count (views).
    """
    if quiet:
        yield lambda progress: None
    elif sys.stderr.isatty():
        with _progress_bars(_ProgressLines(price)) as show:
            yield show
    else:
        yield _ProgressLines(price).now_and_then


@contextmanager
def _progress_bars(lines: _ProgressLines) -> Iterator[Callable[[Progress], None]]:
    from tqdm import tqdm

    bar: Any = None
    before: Progress | None = None

    def show(progress: Progress) -> None:
        nonlocal bar, before
        if note := lines.note(progress):
            tqdm.write(note, file=sys.stderr)
        if not before or before.stage != progress.stage or progress.done < before.done:
            if bar is not None:
                bar.close()
            # What is to be read keeps its place, and the bar takes the rest of the line.
            form = "{percentage:3.0f}%|{bar}| {desc}" if progress.total else "{desc}"
            options = {"total": 1.0, "bar_format": form, "miniters": 0, "dynamic_ncols": True}
            bar = tqdm(desc=lines.line(progress), **options)
        before = progress
        bar.set_description_str(lines.line(progress), refresh=False)
        share = progress.share
        if share is None:
            share = progress.done / progress.total if progress.total else 0.0
        bar.update(share - bar.n)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


class _ProgressLines:
    """Progress in words; it remembers how fast each stage was of late."""

    def __init__(self, price: float | None) -> None:
        self._price = price
        self._lately: dict[str, deque[tuple[float, int]]] = {}
        self._said_at = time.monotonic()
        self._noted = ""

    def now_and_then(self, progress: Progress) -> None:
        """Say it, if the last time is long ago."""
        if note := self.note(progress):
            say(note)
        is_new = progress.stage not in self._lately
        line = self.line(progress)
        if not is_new and time.monotonic() - self._said_at >= _SECONDS_BETWEEN_LINES:
            self._said_at = time.monotonic()
            say(line)

    def note(self, progress: Progress) -> str:
        """What is to be said now and once, "" for nothing; before the first question with what all
        of them will cost.
        """
        if not progress.note or progress.note == self._noted:
            return ""
        self._noted = progress.note
        cost = "" if progress.done else _cost(progress, self._price).removeprefix("0.00 of ")
        return f"{progress.note}, for {cost}" if cost else progress.note

    def line(self, progress: Progress) -> str:
        """How far it is, and how fast of late."""
        now = time.monotonic()
        steps = self._lately.setdefault(progress.stage, deque())
        if steps and progress.done < steps[-1][1]:  # begun anew
            steps.clear()
        if not steps or now - steps[-1][0] >= 1:
            steps.append((now, progress.done))
        while len(steps) > 1 and now - steps[1][0] > _RATE_SECONDS:
            steps.popleft()
        seconds, done = now - steps[0][0], progress.done - steps[0][1]
        rate, left = done / seconds if seconds else 0.0, progress.left
        if left is None and progress.total and rate:
            left = (progress.total - progress.done) / rate
        parts = [f"{progress.done:,}{f' of {progress.total:,}' if progress.total else ''}"]
        if rate or seconds:
            parts.append(f"{rate:.1f} a second")
        if left is not None and progress.done != progress.total:
            parts.append(f"{duration(left)} left")
        if progress.failed:
            parts.append(f"{progress.failed:,} failed")
        if cost := _cost(progress, self._price):
            parts.append(f"cost {cost}")
        return f"{progress.stage}: {', '.join(parts)}"


@contextmanager
def writing_to(place: Path | None) -> Iterator[None]:
    """Errors of writing as one sentence."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{error.filename or place} could not be written: {error.strerror}"
        ) from error


def _cost(progress: Progress, price: float | None) -> str:
    if price is None or progress.unit != "view" or not progress.total:
        return ""
    return f"{price * progress.done / 1000:.2f} of {price * progress.total / 1000:.2f}"


def duration(seconds: float) -> str:
    """As a person says it: 90 s, 25 min, 3 h 20 min."""
    if seconds < 600:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def list_failures(lines: list[str]) -> None:
    for line in lines[:_SHOWN_FAILURES]:
        say(f"  {line}")
    if len(lines) > _SHOWN_FAILURES:
        say(f"  and {len(lines) - _SHOWN_FAILURES} more: lexsearch status lists all")


def near(path: str) -> str:
    """A path as a person in this folder would write it."""
    here = os.getcwd()
    return os.path.relpath(path, here) if path.startswith(here + os.sep) else path


def printable(path: str) -> str:
    """A path on one line, whatever bytes are in it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)


def link(text: str, path: str) -> str:
    """The text as a link to a file, in terminals that show such links (OSC 8).

    The terminal is known by the environment alone; FORCE_HYPERLINK (1 or 0) overrules the guess.
    """
    if not sys.stdout.isatty() or not _shows_links(os.environ) or is_remote(path):
        return text
    address = f"file://{quote(platform.node())}{quote(os.fsencode(path))}"
    return f"\033]8;;{address}\033\\{text}\033]8;;\033\\"


def _shows_links(environment: Mapping[str, str]) -> bool:
    if forced := environment.get("FORCE_HYPERLINK"):
        return forced != "0"
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if "TMUX" in environment or term.startswith(("screen", "tmux", "dumb", "linux")):
        return False
    vte = environment.get("VTE_VERSION", "0")
    return (
        program in ("iTerm.app", "WezTerm", "vscode", "ghostty", "mintty", "Hyper")
        or term.startswith(("xterm-kitty", "xterm-ghostty", "alacritty", "foot", "contour"))
        or any(name in environment for name in ("WT_SESSION", "KONSOLE_VERSION"))
        or (vte.isdigit() and int(vte) >= 5000)
    )


def say_unknown(results: Results) -> None:
    """Name the keywords that no picture has, and words near them that some have."""
    for keyword, nearest in results.unknown:
        known = ", ".join(f"{near.word} ({near.count:,})" for near in nearest)
        say(f"no picture has {keyword!r}{f'; did you mean {known}?' if known else ''}")


def say(message: str) -> None:
    click.echo(message, err=True)


def stop(message: str) -> NoReturn:
    say(f"\n{message}")
    sys.exit(STOPPED)
