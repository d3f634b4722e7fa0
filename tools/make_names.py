"""Write names.tsv of the lexicon: what names.toml says, by what the analyzer makes of each word.

    python tools/make_names.py

A line is as in kinds.tsv (see make_lexicon.py). A search looks words up there: to make terms of all
of them would take a first one longer than all else.
"""

from __future__ import annotations

from lexsearch.engines.lucene.analysis import ANALYZER
from lexsearch.text.lexicon import NAMES, NAMES_BY_HAND, Alternative, by_key, read_names

HEADER = "# Names that people give to things; made by tools/make_names.py from names.toml.\n"
SIGNS = {"synonym": "=", "kind": "<"}


def lines() -> list[str]:
    """In order of bytes."""
    keyed = by_key(read_names(NAMES_BY_HAND), ANALYZER.terms)
    keys = sorted(keyed, key=str.encode)
    return ["\t".join([key, *map(written, keyed[key])]) + "\n" for key in keys]


def written(one: Alternative) -> str:
    return f"{SIGNS[one.relation]}{one.weight * 100:.0f} {one.text}"


def main() -> None:
    """Write the file."""
    NAMES.write_text(HEADER + "".join(lines()), encoding="utf-8")


if __name__ == "__main__":
    main()
