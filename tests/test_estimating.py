"""How long describing will still take: told at once, and put right as it goes."""

from __future__ import annotations

import pytest

from lexsearch.indexing.estimating import Estimate, Pace


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def describe(estimate: Estimate, clock: list[float], stage: str, views: int, each: float) -> None:
    for _ in range(views):
        clock[0] += each
        estimate.done(stage, 1)


def test_what_is_expected_is_told_first(clock: list[float]) -> None:
    estimate = Estimate(Pace(whole=1.0, patch=0.1))
    estimate.expect("whole", 100)
    estimate.expect("fixed", 1700)
    assert (estimate.left(), estimate.share()) == (270.0, 0.0)
    estimate.expect("fixed", -700)  # small pictures have fewer patches
    assert estimate.left() == 200.0


def test_a_slower_machine_is_noticed_and_patches_are_no_wholes(clock: list[float]) -> None:
    estimate = Estimate(Pace(whole=1.0, patch=0.1))
    estimate.expect("whole", 100)
    estimate.expect("fixed", 1000)
    describe(estimate, clock, "whole", 100, 3.0)
    assert estimate.left() == pytest.approx(300, rel=0.1)
    assert estimate.share() == pytest.approx(0.5)
    describe(estimate, clock, "fixed", 1000, 0.3)
    assert (estimate.left(), estimate.share()) == pytest.approx((0.0, 1.0), abs=1e-6)


def test_what_nobody_expected_is_learned(clock: list[float]) -> None:
    estimate = Estimate(Pace())
    estimate.expect("whole", 100)
    assert estimate.left() is None
    describe(estimate, clock, "whole", 50, 2.0)
    assert estimate.left() == pytest.approx(100)


def test_lately_counts_more_than_long_ago(clock: list[float]) -> None:
    estimate = Estimate(Pace())
    estimate.expect("whole", 10_000)
    describe(estimate, clock, "whole", 1000, 10.0)
    describe(estimate, clock, "whole", 4000, 1.0)  # another program has ended
    assert estimate.left() == pytest.approx(5000, rel=0.05)


def test_nothing_to_do_is_done(clock: list[float]) -> None:
    assert Estimate(Pace()).share() == 1.0
