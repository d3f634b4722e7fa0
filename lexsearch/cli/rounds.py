"""`lexsearch query -i`: a search that goes on in rounds."""

from __future__ import annotations

from collections.abc import Callable

import click

from lexsearch.cli.terminal import say, say_unknown
from lexsearch.errors import LexsearchError, QueryError
from lexsearch.records import Results
from lexsearch.searching.sessions import Session

_HELP = """\
y, n, -    to a question: it is in the picture, it is not, or who knows
words      look for them too: cup  or  -person  or  "fire hydrant"
drop WORDS look for them no more
like N     more like hit N; unlike N: none like it
undo       take the last round back
quit       stop (also Ctrl-D)"""

_ANSWERS = {"y": True, "yes": True, "n": False, "no": False, "-": None}


def go_on(session: Session, k: int, show: Callable[[Results], None], *, asks: bool = False) -> None:
    """Show the hits of a session, ask how to go on, and so forth until the end of input.

    asks: questions, whether the thing is in the picture that splits the best hits best.
    """
    while True:
        results = session.search(k)
        show(results)
        *before, last = rounds = session.rounds
        narrowed = "".join(f"{one.total:,} > " for one in before[-3:])
        say(f"round {len(rounds)}: {last.query}: {narrowed}{last.total:,} have it all")
        say_unknown(results)
        if not asks and (suggestions := session.suggest()):
            say("try: " + ", ".join(f"{one.word} ({one.count})" for one in suggestions))
        while True:
            question = session.question() if asks else None
            if question is not None:
                say(f"Is {question!r} in it? [y/n/-]")
            try:
                typed = click.prompt(
                    ">", prompt_suffix=" ", default="", show_default=False, err=True
                )
            except click.Abort:
                say("")
                return
            if typed.strip() in ("quit", "exit", "q"):
                return
            if question is not None and typed.strip().lower() in _ANSWERS:
                if session.answer(question, _ANSWERS[typed.strip().lower()]):
                    break
            elif _step(session, results, typed.strip()):
                break


def _step(session: Session, results: Results, typed: str) -> bool:
    """Do what is typed; False when it could not be done, and another try is due."""
    command, _, rest = typed.partition(" ")
    try:
        if command == "undo":
            session.undo()
        elif command == "drop":
            session.drop(*rest.split(","))
        elif command in ("like", "unlike") and rest.isdecimal():
            if not 1 <= int(rest) <= len(results):
                raise QueryError(f"there is no hit {rest}")
            hit = results[int(rest) - 1]
            (session.like if command == "like" else session.unlike)(hit.doc_id)
        elif command in ("", "help", "?"):
            say(_HELP)
            return False
        else:
            session.add(typed)
    except LexsearchError as error:
        say(f"{error}")
        return False
    return True
