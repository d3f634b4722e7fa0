"""The measures, against slow plain counts and against ir-measures."""

from __future__ import annotations

from fractions import Fraction

import ir_measures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexsearch.errors import EvaluationError
from lexsearch.evaluation import measures, standard
from lexsearch.evaluation.measures import Judged, Point, judge
from lexsearch.evaluation.significance import compare

SIZE = 12
DOCS = [f"d{number}" for number in range(SIZE)]
Query = tuple[list[str], set[str]]

rankings = st.lists(st.sampled_from(DOCS), unique=True)
relevant = st.sets(st.sampled_from(DOCS), min_size=1)
queries = st.lists(st.tuples(rankings, relevant), min_size=1, max_size=6)


def judged(pairs: list[Query]) -> list[Judged]:
    return [judge(ranking, right, len(right)) for ranking, right in pairs]


def hits(ranking: list[str], right: set[str], k: int) -> int:
    return len([doc_id for doc_id in ranking[:k] if doc_id in right])


@given(queries)
def test_precision_and_recall_are_equations_5_and_6(pairs: list[Query]) -> None:
    points = measures.curve(judged(pairs), SIZE)
    assert [point.k for point in points] == [1, 2, 4, 8, 12]
    for point in points:
        found = sum(hits(ranking, right, point.k) for ranking, right in pairs)
        assert point.precision == pytest.approx(found / (len(pairs) * point.k))
        assert point.recall == pytest.approx(found / sum(len(right) for _, right in pairs))
        assert point.precision == pytest.approx(measures.precision(judged(pairs), point.k))
        assert point.recall == pytest.approx(measures.recall(judged(pairs), point.k))


@given(queries)
def test_the_retrieved_variant_divides_by_what_was_retrieved(pairs: list[Query]) -> None:
    plain = measures.curve(judged(pairs), SIZE)
    for point, other in zip(measures.retrieved_curve(judged(pairs), SIZE), plain, strict=True):
        found = sum(hits(ranking, right, point.k) for ranking, right in pairs)
        retrieved = sum(len(ranking[: point.k]) for ranking, _ in pairs)
        assert point.precision == pytest.approx(found / retrieved if retrieved else 0)
        assert point.recall == other.recall
        assert point.precision >= other.precision - 1e-12


@given(queries)
def test_the_area_is_the_sum_of_trapezoids(pairs: list[Query]) -> None:
    total = Fraction(0)
    positives = sum(len(right) for _, right in pairs)
    last = None
    for k in (1, 2, 4, 8, 12):
        found = sum(hits(ranking, right, k) for ranking, right in pairs)
        here = Fraction(found, positives), Fraction(found, len(pairs) * k)
        if last is not None:
            total += (here[0] - last[0]) * (here[1] + last[1]) / 2
        last = here
    assert measures.pr_auc(judged(pairs), SIZE) == pytest.approx(float(total))


@given(queries)
def test_nothing_beats_the_perfect_ranking(pairs: list[Query]) -> None:
    best = measures.perfect(judged(pairs))
    ours = measures.curve(judged(pairs), SIZE)
    for point, limit in zip(ours, measures.curve(best, SIZE), strict=True):
        assert point.precision <= limit.precision + 1e-12
        assert point.recall <= limit.recall + 1e-12
    perfect_rankings = [(sorted(DOCS, key=lambda d: d not in right), right) for _, right in pairs]
    assert measures.curve(judged(perfect_rankings), SIZE) == measures.curve(best, SIZE)


@given(st.integers(1, 10_000))
def test_depths_double_up_to_the_number_of_documents(size: int) -> None:
    ks = measures.depths(size)
    assert ks[-1] == size
    assert list(ks[:-1]) == [2**power for power in range(len(ks) - 1)]
    assert len(ks) == 1 or ks[-1] <= 2 * ks[-2]


@given(queries)
def test_recall_and_precision_of_one_query_equal_ir_measures(pairs: list[Query]) -> None:
    for ranking, right in pairs:
        qrels = {"q": dict.fromkeys(right, 1)}
        run = {"q": {doc_id: -float(place) for place, doc_id in enumerate(ranking)}}
        names = [ir_measures.P @ 4, ir_measures.R @ 4]
        values = ir_measures.calc_aggregate(names, qrels, run)
        one = judged([(ranking, right)])
        assert measures.precision(one, 4) == pytest.approx(values[names[0]])
        assert measures.recall(one, 4) == pytest.approx(values[names[1]])


@given(queries)
def test_standard_measures_equal_those_of_ir_measures(pairs: list[Query]) -> None:
    names = {name: ir_measures.parse_measure(name) for name in standard.TREC_EVAL}
    for ranking, right in pairs:
        relevant = {doc_id: 1 + place % 3 for place, doc_id in enumerate(sorted(right))}
        run = {"q": {doc_id: -float(place) for place, doc_id in enumerate(ranking)}}
        values = ir_measures.calc_aggregate(list(names.values()), {"q": relevant}, run)
        found = standard.measure(ranking, relevant)
        for name, measure in names.items():
            assert found[name] == pytest.approx(values[measure], abs=1e-9), name


def test_a_list_as_people_see_it() -> None:
    found = standard.measure(["a", "x", "b"], {"a": 1, "b": 1, "c": 1, "d": 1})
    assert [found[name] for name in standard.LIST] == pytest.approx([2 / 4, 2 / 3, 2 / 4, 4 / 7])
    nothing = standard.measure([], {"a": 1})
    assert [nothing[name] for name in standard.LIST] == [0, 0, 0, 0]


def test_a_curve_worked_out_by_hand() -> None:
    two = [Judged(2, 4, (1, 3)), Judged(1, 2, (2,))]
    assert measures.curve(two, 4) == (
        Point(1, 1 / 2, 1 / 3),
        Point(2, 2 / 4, 2 / 3),
        Point(4, 3 / 8, 3 / 3),
    )
    assert measures.pr_auc(two, 4) == pytest.approx(1 / 3 * 1 / 2 + 1 / 3 * (1 / 2 + 3 / 8) / 2)
    assert measures.retrieved_curve(two, 4)[-1] == Point(4, 3 / 6, 1)


def test_multi_recall_is_capped_and_as_printed() -> None:
    ranking = ["a", "x", "b", *(f"y{number}" for number in range(20))]
    three = standard.measure(ranking, {"a": 1, "b": 1, "z": 1})
    assert (three["MR@1"], three["MR@5"], three["MR@10"]) == (1, 2 / 3, 2 / 3)
    assert (three["MR@10 printed"], three["hit@10"]) == (2 / 10, 1)
    many = standard.measure(ranking, {"a": 1, **{f"z{number}": 1 for number in range(19)}})
    assert (many["MR@10"], many["MR@10 printed"]) == (1 / 10, 1 / 20)
    assert standard.measure(["x"], {"a": 1})["hit@10"] == 0


@given(rankings, st.sampled_from(DOCS))
def test_with_one_right_picture_multi_recall_is_recall(ranking: list[str], right: str) -> None:
    values = standard.measure(ranking, {right: 1})
    for k in (1, 5, 10):
        assert values[f"MR@{k}"] == measures.recall(judged([(ranking, {right})]), k)
    assert values["hit@10"] == values["MR@10"]


def test_without_relevant_documents_there_is_nothing_to_measure() -> None:
    with pytest.raises(ValueError, match="nothing to measure"):
        measures.curve([Judged(0, 3, ())], 3)


@pytest.mark.slow
def test_a_difference_in_every_query_is_significant_and_noise_is_not() -> None:
    run = {f"q{place}": place / 40 for place in range(40)}
    better = {
        query_id: value + 0.1 + place % 3 / 100
        for place, (query_id, value) in enumerate(run.items())
    }
    found = compare(better, run)
    assert (found.better, found.worse, found.equal) == (40, 0, 0)
    assert found.p_t < 0.001
    assert found.p_randomisation < 0.001
    noisy = {
        query_id: value + (-1) ** place / 10 for place, (query_id, value) in enumerate(run.items())
    }
    found = compare(noisy, run)
    assert found.p_t > 0.9
    assert found.p_randomisation > 0.9
    assert compare(run, run)[3:] == (0, 0, 40, 1.0, 1.0)


def test_the_randomisation_test_is_exact_for_few_queries() -> None:
    found = compare({"a": 1.0, "b": 2.0, "c": 4.0}, {"a": 0.0, "b": 0.0, "c": 0.0})
    assert found.p_randomisation == pytest.approx(2 / 8)


def test_runs_over_different_queries_are_not_compared() -> None:
    with pytest.raises(EvaluationError, match="differ in 1 queries"):
        compare({"a": 1.0, "b": 1.0}, {"a": 1.0})
    with pytest.raises(EvaluationError, match="two queries"):
        compare({"a": 1.0}, {"a": 1.0})
