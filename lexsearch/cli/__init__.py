"""The command line: thin commands over `Index`. The only package that prints or exits.

Exit status: 0 all went well; 1 nothing was found; 2 wrong usage; 3 done, but some files or
lines failed; 4 it could not be done; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

import click

from lexsearch._version import __version__
from lexsearch.cli.terminal import NOT_DONE, examples, say, stop
from lexsearch.errors import LexsearchError

_COMMANDS = {
    "index": "indexing:index_command",
    "query": "searching:query",
    "enhance": "enhancing:enhance",
    "enrich": "enhancing:enrich",
    "rewrite": "rewriting:rewrite",
    "show": "searching:show",
    "serve": "serving:serve",
    "mcp": "serving:mcp",
    "status": "indexing:status",
    "duplicates": "indexing:duplicates",
    "remove": "indexing:remove",
    "merge": "indexing:merge",
    "captioners": "captioners:captioners",
    "caption": "captions:caption",
    "album": "albums:album",
    "favourite": "albums:favourite",
    "export": "captions:export_command",
    "import": "captions:import_command",
    "reindex": "indexing:reindex",
    "evaluate": "evaluating:evaluate",
    "corpus": "corpora:corpus",
    "analyze": "analyzing:analyze",
}
"""Where each is, in the order of a person's first day, not of the alphabet. Only the one that runs
is loaded.
"""
_OTHER_NAMES = {
    **dict.fromkeys(("search", "find", "grep", "ask"), "query"),
    **dict.fromkeys(("add", "scan", "update", "build"), "index"),
    **dict.fromkeys(("delete", "rm"), "remove"),
    **dict.fromkeys(("web", "server", "ui"), "serve"),
    **dict.fromkeys(("info", "view"), "show"),
    **dict.fromkeys(("favorite", "star", "like"), "favourite"),
    "albums": "album list",
}
"""What people who know other tools type."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"lexsearch.cli.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and (meant := _OTHER_NAMES.get(args[0])):
            raise click.UsageError(f"there is no command {args[0]!r}: lexsearch {meant} does it")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples("lexsearch index ./photos", "lexsearch query 'bus, traffic light'"),
)
@click.version_option(__version__, prog_name="lexsearch")
def cli() -> None:
    """Search your pictures by words.

    Every picture is described in words, whole and in patches, and the words are searched: so
    each hit can say why it is one.
    """
    try:
        os.getcwd()
    except FileNotFoundError:  # Java would not even start
        raise LexsearchError("the folder that you are in is gone; cd to another one") from None


def main() -> None:
    """Run the command line; every expected error becomes one line and an exit status."""
    logging.basicConfig(format="lexsearch: %(message)s", level=logging.WARNING)
    unread = _prepare_output()
    try:
        cli(standalone_mode=False)
        sys.stdout.flush()
        if unread.getvalue():
            raise OSError(errno.EBADF, "it is closed")
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        stop("stopped")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except LexsearchError as error:
        say(f"lexsearch: {error}")
        sys.exit(NOT_DONE)
    except OSError as error:
        _give_up(f"lexsearch: {error.filename or 'output'}: {error.strerror or error}")
    except Exception:  # a mistake of lexsearch's own; 1 would say that nothing was found
        traceback.print_exc()
        _give_up("lexsearch: this is a mistake in lexsearch; please report it")


def _prepare_output() -> io.BytesIO:
    """Any text can be printed wherever output goes. Returns what gathers that of a closed one."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # or the next file that is opened would be taken for standard output
            os.open(os.devnull, os.O_RDWR)
    unread = io.BytesIO()
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(unread, "utf-8", "backslashreplace")
    elif isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
    return unread


def _give_up(message: str) -> NoReturn:
    """Exit without another try to write what could not be written."""
    with suppress(OSError):
        say(message)
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(NOT_DONE)
