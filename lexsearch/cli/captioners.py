"""Commands about who describes pictures: what can be had here, and getting it."""

from __future__ import annotations

import json

import click

from lexsearch.cli.terminal import examples, json_option, say


@click.group(
    invoke_without_command=True,
    epilog=examples("lexsearch captioners", "lexsearch captioners get florence-2-base"),
)
@json_option
@click.pass_context
def captioners(context: click.Context, as_json: bool) -> None:
    """Show who could describe pictures on this machine, and get one.

    Servers are looked for at the usual ports of this machine alone. Nothing is downloaded but by
    `get`.
    """
    if context.invoked_subcommand is not None:
        return
    from lexsearch.captioners import ladder
    from lexsearch.captioners.mllm.weights import is_cached

    here = ladder.measure()
    rows = []
    for one in ladder.LADDER:
        is_here = not one.model or is_cached(one.model)
        rows.append(
            {
                "name": one.name,
                "here": is_here,
                "model": one.model or None,
                "download_bytes": int(one.size),
                "licence": one.licence,
                "seconds_a_picture": round(ladder.seconds_a_picture(one, here), 1),
                "estimated": True,
                "needs_gpu": one.needs_gpu,
                "good_at": one.good_at,
                "command": _command(one, is_here),
            }
        )
    found = list(ladder.servers())
    if as_json:
        click.echo(json.dumps({"captioners": rows, "servers": [one._asdict() for one in found]}))
        return
    click.echo(f"{'':17}{'here':5} {'download':>9}  {'licence':11} {'a picture':>10}  good at")
    for one, row in zip(ladder.LADDER, rows, strict=True):
        size = f"{one.size / 1e9:.1f} GB" if one.model else "-"
        click.echo(
            f"{row['name']:17}{'yes' if row['here'] else 'no':5} {size:>9}  {row['licence']:11} "
            f"{_time(row, here.gpu):>10}  {row['good_at']}"
        )
        click.echo(f"{'':17}{row['command']}")
    for server in found:
        click.echo(f"a server ({server.kind}?) answers at {server.url}: {', '.join(server.models)}")
        model = f" --model {server.models[0]}" if len(server.models) > 1 else ""
        click.echo(f"{'':17}lexsearch index FOLDER --captioner server --url {server.url}{model}")
    click.echo(
        "Sizes are about. Times (~) are estimates for this machine's CPU, from a short trial of "
        "its speed" + (f"; on its GPU ({here.gpu}) models are faster." if here.gpu else ".")
    )


@captioners.command(name="get", epilog=examples("lexsearch captioners get smolvlm-256m"))
@click.argument("name")
def get(name: str) -> None:
    """Fetch a model from the Hugging Face hub.

    Its size is said first. Where it is cut off, the same command goes on from there; all files are
    compared with their checksums.
    """
    from lexsearch.captioners import hub, ladder
    from lexsearch.errors import CaptionerError
    from lexsearch.extras import require

    one = ladder.rung(name)
    require("mllm", "the captioner mllm", CaptionerError)
    download = hub.plan(one.model)
    say(
        f"{one.model}: {download.size / 1e9:.3g} GB in {len(download.files)} files, "
        f"licence {one.licence}"
    )
    hub.check_room(download)
    folder = hub.fetch(download)
    click.echo(f"{one.name} is there, whole, in {folder}")
    click.echo(f"lexsearch index FOLDER --captioner mllm --model {one.model}")


def _command(one: object, is_here: bool) -> str:
    from lexsearch.captioners.ladder import Rung

    assert isinstance(one, Rung)
    if not one.model:
        return "lexsearch index FOLDER --captioner tagger"
    if not is_here:
        return f"lexsearch captioners get {one.name}"
    trust = " --trust-remote-code" if one.own_code else ""
    return f"lexsearch index FOLDER --captioner mllm --model {one.model}{trust}"


def _time(row: dict[str, object], gpu: str) -> str:
    seconds = float(str(row["seconds_a_picture"]))
    if row["needs_gpu"] and not gpu:
        return "needs GPU"
    return f"~{seconds:.0f} s" if seconds < 120 else f"~{seconds / 60:.0f} min"
