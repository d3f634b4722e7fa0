"""The command that serves the page."""

from __future__ import annotations

import ipaddress
from contextlib import ExitStack

import click

from lexsearch.cli.describing import captioner_options, chosen
from lexsearch.cli.enhancing import PATIENCE, opened_enhancer
from lexsearch.cli.terminal import examples, index_option, say
from lexsearch.errors import LexsearchError
from lexsearch.extras import require


@click.command(
    epilog=examples(
        "lexsearch serve",
        "lexsearch serve --open",
        "lexsearch serve --watch",
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
    "--key",
    "keys",
    multiple=True,
    envvar="LEXSEARCH_KEYS",
    metavar="WORD",
    help="For a program, which then needs neither password nor token; may be given again "
    "(environment: LEXSEARCH_KEYS, separated by spaces).",
)
@click.option(
    "--allow-origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Another site whose pages may use the API, such as https://photos.example.org; may be "
    "given again.",
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
@captioner_options
@click.option(
    "--watch",
    is_flag=True,
    help="Describe what is new in the index's folders, now and whenever something changes.",
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Processes that share the work, each with Java and memory of its own: as many as cores "
    "where many people search.",
)
@click.option(
    "--llm",
    metavar="URL|FOLDER",
    help="A language model that says searches in other words: their plain words are sent to it "
    "(docs/language.md). Only where it is named here.",
)
@click.option(
    "--llm-model",
    metavar="NAME",
    help="As the server calls it (environment: LEXSEARCH_LLM_MODEL).",
)
@click.option("--open", "open_browser", is_flag=True, help="Open the page in your browser.")
def serve(
    path: str,
    host: str,
    port: int,
    names: tuple[str, ...],
    password: str | None,
    token: str | None,
    keys: tuple[str, ...],
    origins: tuple[str, ...],
    read_only: bool | None,
    originals: bool,
    captioner: str,
    crops: str,
    watch: bool,
    workers: int,
    llm: str | None,
    llm_model: str | None,
    open_browser: bool,
    **options: object,
) -> None:
    """Show the pictures on a web page.

    The page is for this machine alone unless --host says otherwise. Beside it there is a JSON
    API, described at /api/openapi.json. Stop it with Ctrl-C.

    In your own browser on this machine, folders can be added, and are described by the captioner
    that is named here as for lexsearch index.
    """
    if llm and workers > 1:
        raise click.UsageError("--llm goes with one worker")
    from lexsearch.captioners import CaptionerSpec
    from lexsearch.index import Index
    from lexsearch.web import Feeder
    from lexsearch.web.server import listen, serve_until_stopped

    if watch and workers > 1:
        raise click.UsageError(
            "--watch is for one worker; beside several, run: lexsearch index FOLDER --watch"
        )
    with ExitStack() as stack:
        index = stack.enter_context(Index(path, create=False))
        enhancer = None
        if llm:
            opened = opened_enhancer(llm, llm_model, batches=1, fresh=False, patience=PATIENCE)
            enhancer = stack.enter_context(opened)
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
        feeder = None
        if workers == 1:
            spec = CaptionerSpec(captioner, chosen(options))
            feeder = Feeder(index, spec, crops=crops, watch=watch)
            if watch:
                feeder.run()
        if open_browser:
            click.launch(address)
        serve_until_stopped(
            index,
            socket,
            workers,
            feeder,
            hosts=["localhost", host, *names],
            password=password,
            token=token,
            keys=keys,
            origins=origins,
            read_only=read_only,
            originals=originals,
            enhancer=enhancer,
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
