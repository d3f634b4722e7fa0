"""Commands that gather pictures: favourites and albums."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from lexsearch.cli.terminal import examples, index_option, json_option, printable
from lexsearch.records import Keyword, Query

if TYPE_CHECKING:
    from lexsearch.index import Index

_PICTURES = click.argument("names", nargs=-1, required=True, metavar="PICTURE...")


@click.command(
    epilog=examples(
        "lexsearch favourite dog.jpg cat.jpg",
        "lexsearch favourite dog.jpg --undo",
        "lexsearch query is:favourite",
    )
)
@_PICTURES
@click.option("--undo", is_flag=True, help="They are favourites no more.")
@index_option
def favourite(names: tuple[str, ...], undo: bool, path: str) -> None:
    """Mark pictures as favourites, which is:favourite finds."""
    from lexsearch.engines import expect_one_search
    from lexsearch.index import Index

    expect_one_search()
    with Index(path, create=False) as index:
        changed = index.favourite(*names, undo=undo)
        total = index.total("is:favourite")
    click.echo(f"{changed} {'taken back' if undo else 'marked'}, {total:,} favourites")


@click.group()
def album() -> None:
    """Keep pictures in albums, which album:NAME finds."""


@album.command(
    epilog=examples(
        "lexsearch album add lisbon tram.jpg bridge.jpg",
        "lexsearch query 'bridge, name:lisbon' --paths -0 | xargs -0 lexsearch album add lisbon",
    )
)
@click.argument("name", metavar="ALBUM")
@_PICTURES
@index_option
def add(name: str, names: tuple[str, ...], path: str) -> None:
    """Put pictures into an album, a new one or one that is there.

    A picture stays in it wherever its file goes, and takes it along in an export.
    """
    from lexsearch.engines import expect_one_search
    from lexsearch.index import Index

    expect_one_search()
    with Index(path, create=False) as index:
        _say(index, name, f"{index.add_to_album(name, *names):,} added")


@album.command(
    epilog=examples(
        "lexsearch album remove lisbon dog.jpg",
        "lexsearch query album:lisbon --paths -0 -k 9999 | xargs -0 lexsearch album remove lisbon",
    )
)
@click.argument("name", metavar="ALBUM")
@_PICTURES
@index_option
def remove(name: str, names: tuple[str, ...], path: str) -> None:
    """Take pictures out of an album; one without pictures is gone."""
    from lexsearch.engines import expect_one_search
    from lexsearch.index import Index

    expect_one_search()
    with Index(path, create=False) as index:
        _say(index, name, f"{index.remove_from_album(name, *names):,} removed")


def _say(index: Index, name: str, change: str) -> None:
    total = index.total(Query((Keyword(name, quoted=True, field="album"),)))
    click.echo(f"{printable(name)}: {change}, {total:,} in it")


@album.command(name="list", epilog=examples("lexsearch album list"))
@index_option
@json_option
def list_albums(path: str, as_json: bool) -> None:
    """List the albums, with how many pictures are in each."""
    from lexsearch.index import Index

    with Index(path, create=False) as index:
        albums = index.albums()
    if as_json:
        click.echo(json.dumps(albums))
        return
    for name, count in albums.items():
        click.echo(f"{count:>7,}  {printable(name)}")
