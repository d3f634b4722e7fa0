"""The command that makes short queries of captions, to measure with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lexsearch.cli.enhancing import asked_model, llm_options
from lexsearch.cli.terminal import (
    examples,
    existing,
    progress_bar,
    quiet_option,
    say,
    writing_to,
)

if TYPE_CHECKING:
    from lexsearch.evaluation.corpora import Corpus

_KINDS = ("caption", "tag", "phrase", "triple", "fragment")


@click.command(
    epilog=examples(
        "lexsearch corpus captions_val2017.json --out cfq",
        "lexsearch corpus dataset_flickr30k.json --entities Flickr30kEntities --out cfq \\\n"
        "      --kind phrase --kind triple --sample 100",
        "lexsearch evaluate --topics cfq/triple.tsv --qrels cfq/triple.qrels",
    )
)
@click.argument("data", nargs=-1, required=True, type=existing)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where to write KIND.tsv (topics), KIND.qrels and corpus.json.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(_KINDS),
    help="Which queries to make; may be repeated. Without it, all, tags if a model is named.",
)
@click.option("--split", default="test", show_default=True, help="Of Karpathy's files.")
@click.option(
    "--entities",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="Take phrases from Flickr30k Entities.",
)
@click.option("--sample", type=click.IntRange(min=1), help="Draw so many queries of each kind.")
@click.option("--seed", default=0, show_default=True, help="Which ones are drawn.")
@llm_options
@quiet_option
def corpus(
    data: tuple[Path, ...],
    out: Path,
    kinds: tuple[str, ...],
    split: str,
    entities: Path | None,
    sample: int | None,
    seed: int,
    llm: str | None,
    llm_model: str | None,
    fresh: bool,
    quiet: bool,
) -> None:
    """Make short queries of a data set's captions, with the pictures that are right for each.

    DATA is what lexsearch evaluate --data reads. Phrases, triples ("man holding phone") and
    fragments (several triples of one caption) are told by a parser; tags ("pleasant afternoon")
    are asked of a language model, which is sent the captions. Another run writes the same.
    """
    from lexsearch.errors import EvaluationError
    from lexsearch.evaluation import corpora, parsing
    from lexsearch.evaluation.datasets import open_dataset
    from lexsearch.extras import require
    from lexsearch.language import is_named

    require("corpora", "lexsearch corpus", EvaluationError)
    wanted = kinds or tuple(kind for kind in _KINDS if kind != "tag" or is_named(llm))
    dataset = open_dataset(data, split=split)
    if not any(dataset.captions.values()):
        raise EvaluationError(
            f"{dataset.name} as given has no captions; name the file that has them"
        )
    about: dict[str, Any] = {
        "data": [path.name for path in data],
        "captions": sum(map(len, dataset.captions.values())),
        "pictures": len(dataset.captions),
        "parser": parsing.version(),
    }
    found: dict[str, Corpus] = {}
    with progress_bar(quiet) as progress:
        if set(wanted) - {"tag"}:
            found |= corpora.of_captions(dataset.captions, progress, entities=entities)
        if "tag" in wanted:
            found["tag"], about["tagged by"] = _tags(
                dataset.captions, progress, llm, llm_model, fresh
            )
    if sample:
        found = {kind: corpora.sample(one, sample, seed) for kind, one in found.items()}
        about |= {"sample": sample, "seed": seed}
    chosen = {kind: found[kind] for kind in _KINDS if kind in wanted}
    with writing_to(out):
        corpora.write(out, chosen, about)
    for kind, one in chosen.items():
        click.echo(f"{len(one):9,}  {kind}")
    for note in dataset.notes:
        say(f"note: {note}")


def _tags(
    captions: Mapping[str, Sequence[str]],
    progress: Callable[[Any], None],
    llm: str | None,
    llm_model: str | None,
    fresh: bool,
) -> tuple[Corpus, str]:
    from lexsearch.errors import ModelError
    from lexsearch.evaluation import corpora
    from lexsearch.language.asking import ask_all

    with asked_model(llm, llm_model) as (model, remembered):
        questions = corpora.tag_questions(captions)
        answers = ask_all(
            model,
            questions,
            lambda answer: bool(corpora.tags_of(answer)),
            remembered=remembered,
            fresh=fresh,
            progress=progress,
        )
        name = model.key
    lost = [one for one in answers if isinstance(one, ModelError)]
    if lost:
        say(f"note: {len(lost):,} pictures have no tags (the first: {lost[0]})")
    return corpora.of_tags(list(captions), answers), name
