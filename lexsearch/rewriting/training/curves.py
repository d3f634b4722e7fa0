"""The curves of a training as a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lexsearch.evaluation.plots import new_figure

_PANELS = (
    ("loss", ("loss", "held_out_loss")),
    ("reward", ("reward", "held_out_reward")),
    ("recall of held-out queries", ("R@1", "R@5", "R@10")),
    ("from the reference", ("kl", "beta", "entropy")),
)


def draw(log: Path, file: Path) -> None:
    """Write a PNG of what a `training.jsonl` has: stages one after another, from left to right."""
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    places = _places(rows)
    figure = new_figure(12.0, 3.4)
    for axes, (title, names) in zip(figure.subplots(1, len(_PANELS)), _PANELS, strict=True):
        for name in names:
            points = [
                (place, row[name]) for place, row in zip(places, rows, strict=True) if name in row
            ]
            if points:
                axes.plot(*zip(*points, strict=True), "o-", markersize=3, label=name)
        for place, row in zip(places, rows, strict=True):
            if row["step"] == 0:
                axes.axvline(place, color="lightgrey", zorder=0)
                axes.annotate(row["stage"], (place, 1.0), xycoords=("data", "axes fraction"))
        axes.set(xlabel="steps")
        axes.set_title(title, pad=14)
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[1]:
            axes.legend()
    figure.savefig(file, dpi=150)


def _places(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Steps since the beginning of the first stage."""
    places, before = [], 0
    for last, row in zip([None, *rows], rows, strict=False):
        if last is not None and last["stage"] != row["stage"]:
            before += last["step"]
        places.append(before + row["step"])
    return places
