"""Outcomes as pictures: precision-recall curves, of a task and of its queries (Fig. 6 and 8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lexsearch.errors import EvaluationError
from lexsearch.evaluation.fonts import Fonts, drawing_in
from lexsearch.evaluation.measures import Point
from lexsearch.evaluation.report import finds_one
from lexsearch.evaluation.runner import Outcome
from lexsearch.extras import require

_FEEDBACK = "feedback-"
_MOST_QUERIES = 200  # beyond, single curves cannot be told apart
_NAMED = 5  # of the best and of the worst queries


def new_figure(width: float = 6.4, height: float = 4.8) -> Any:
    """An empty figure that needs no screen; EvaluationError when matplotlib is missing."""
    require("evaluate", "a plot", EvaluationError)
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def texts_of(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What stands in the plots of these outcomes, to find fonts for it."""
    for outcome in outcomes:
        yield outcome.task.title
        yield from outcome.standard


def draw(outcomes: Sequence[Outcome], folder: Path, fonts: Fonts) -> list[Path]:
    """Write the plots as PNG files, and name each.

    <task>.png has the curve over all queries and that of the perfect ranking, <task>-queries.png
    the curve of each query, feedback.png recall by number of keywords and the curves before and
    after.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with drawing_in(fonts):
        return list(_draw_each(outcomes, folder))


def _draw_each(outcomes: Sequence[Outcome], folder: Path) -> Iterator[Path]:
    feedback = [outcome for outcome in outcomes if outcome.task.name.startswith(_FEEDBACK)]
    for outcome in outcomes:
        if outcome in feedback:
            continue
        yield _save(_draw_task(outcome), folder / f"{outcome.task.name}.png")
        if len(outcome.judged) <= _MOST_QUERIES and not finds_one(outcome):
            yield _save(_draw_queries(outcome), folder / f"{outcome.task.name}-queries.png")
    if feedback:
        yield _save(_draw_feedback(feedback), folder / "feedback.png")


def _save(figure: Any, file: Path) -> Path:
    figure.savefig(file, dpi=150)
    return file


def _draw_task(outcome: Outcome) -> Any:
    figure = new_figure()
    axes = _curve_axes(figure.subplots(), outcome.task.title)
    values = outcome.values()
    _plot(axes, outcome.curve(), f"this ranking ({values['PR-AUC']:.3f})", "o-")
    _plot(
        axes,
        outcome.retrieved_curve(),
        f"of retrieved only ({values['PR-AUC retrieved']:.3f})",
        "s:",
    )
    if not finds_one(outcome):
        perfect = f"perfect ranking ({values['PR-AUC perfect']:.3f})"
        _plot(axes, outcome.perfect_curve(), perfect, "--", color="grey")
    axes.legend(title="PR-AUC")
    return figure


def _draw_queries(outcome: Outcome) -> Any:
    figure = new_figure(8.0)
    axes = _curve_axes(figure.subplots(), f"{outcome.task.title}, each query")
    curves = outcome.query_curves()
    ordered = sorted(curves, key=lambda query_id: -outcome.standard[query_id]["AP"])
    named = {*ordered[:_NAMED], *ordered[-_NAMED:]}
    for query_id in ordered:
        if query_id in named:
            label = f"{query_id} (AP {outcome.standard[query_id]['AP']:.2f})"
            _plot(axes, curves[query_id], label, "-")
        else:
            _plot(axes, curves[query_id], "_", "-", color="lightgrey", zorder=1, linewidth=0.8)
    axes.legend(title="best and worst", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _draw_feedback(outcomes: Sequence[Outcome]) -> Any:
    figure = new_figure(11.0)
    left, right = figure.subplots(1, 2)
    for k in (1, 5, 10):
        left.plot([outcome.values()[f"R@{k}"] for outcome in outcomes], "o-", label=f"R@{k}")
    left.set(
        title="A caption, then keywords", xlabel="keywords added", ylabel="recall", ylim=(0, 1)
    )
    left.grid(alpha=0.3)
    left.legend()
    _curve_axes(right, "Before and after")
    _plot(right, outcomes[0].curve(), "caption alone", "o-")
    _plot(right, outcomes[-1].curve(), "with all keywords", "s-")
    right.legend()
    return figure


def _curve_axes(axes: Any, title: str) -> Any:
    axes.set(title=title, xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    return axes


def _plot(axes: Any, points: Sequence[Point], label: str, style: str, **look: Any) -> None:
    recalls = [point.recall for point in points]
    axes.plot(recalls, [p.precision for p in points], style, markersize=4, label=label, **look)
