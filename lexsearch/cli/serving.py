"""The command that serves the page."""

from __future__ import annotations

import ipaddress

import click

from lexsearch.cli.terminal import examples, index_option, say
from lexsearch.errors import LexsearchError
from lexsearch.extras import require


@click.command(
    epilog=examples(
        "lexsearch serve",
        "lexsearch serve --open",
        "LEXSEARCH_PASSWORD=secret lexsearch serve --host 0.0.0.0 --allow-host nas.local",
    )
)
@index_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--allow-host",
    "names",
    multiple=True,
    metavar="NAME",
    help="A name that this machine is called by, such as nas.local; may be given again.",
)
@click.option(
    "--password",
    envvar="LEXSEARCH_PASSWORD",
    metavar="WORD",
    help="Ask everybody for it; better given in LEXSEARCH_PASSWORD, which others do not see.",
)
@click.option(
    "--token",
    envvar="LEXSEARCH_TOKEN",
    metavar="WORD",
    help="For programs that correct captions (environment: LEXSEARCH_TOKEN).",
)
@click.option(
    "--read-only/--allow-changes",
    "read_only",
    default=None,
    help="Whether captions can be corrected in the page; by default not where a network can see "
    "it without a password.",
)
@click.option(
    "--originals",
    is_flag=True,
    help="Let everybody who sees the page download the picture files, with what they say of where "
    "and when they were taken; by default only this machine's own browser can.",
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Processes that share the work, each with Java and memory of its own: as many as cores "
    "where many people search.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open the page in your browser.")
def serve(
    path: str,
    host: str,
    port: int,
    names: tuple[str, ...],
    password: str | None,
    token: str | None,
    read_only: bool | None,
    originals: bool,
    workers: int,
    open_browser: bool,
) -> None:
    """Show the pictures on a web page.

    The page is for this machine alone unless --host says otherwise. Beside it there is a JSON
    API, described at /api/openapi.json. Stop it with Ctrl-C.
    """
    from lexsearch.index import Index
    from lexsearch.web.server import listen, serve_until_stopped

    with Index(path, create=False) as index:
        socket = listen(host, port)
        address = _address(host, socket.getsockname()[1])
        say(f"{path} is at {address} (Ctrl-C stops)")
        open_to_all = not _is_local(host) and not password
        if read_only is None:
            read_only = open_to_all
        if open_to_all:
            changes = "not change captions (--allow-changes)" if read_only else "change captions"
            say(
                f"Everybody in your network can see these pictures, and can {changes}; "
                "--password asks for a word."
            )
        if open_browser:
            click.launch(address)
        serve_until_stopped(
            index,
            socket,
            workers,
            hosts=["localhost", host, *names],
            password=password,
            token=token,
            read_only=read_only,
            originals=originals,
        )


@click.command(epilog=examples("lexsearch mcp --index indexes/photos"))
@index_option
def mcp(path: str) -> None:
    """Let an assistant search the pictures, over the Model Context Protocol.

    Not typed by people: an assistant that speaks the protocol starts it, and talks to it over
    standard input and output. It can search, read captions and see pictures, and change nothing.
    """
    require("mcp", "lexsearch mcp", LexsearchError)
    from lexsearch.index import Index
    from lexsearch.web.assistant import assistant

    with Index(path, create=False) as index:
        assistant(index).run()


def _address(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
