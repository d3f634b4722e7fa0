"""MGQRe's objectives beside loops that follow the formulas word by word."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lexsearch.rewriting.training.losses import (
    MOST_DIFFERENCE,
    AdaptiveKL,
    advantages_of,
    policy_loss,
    pro_loss,
    ranking_loss,
    sft_loss,
    value_loss,
    whitened,
)

floats = st.floats(-4, 0)
lists = st.integers(2, 5).flatmap(
    lambda k: st.tuples(
        st.lists(floats, min_size=k, max_size=k),
        st.lists(st.floats(-20, 20), min_size=k, max_size=k),
    )
)


def tensor(values: Sequence) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def naive_ranking(scores: Sequence[float], rewards: Sequence[float]) -> float:
    """Eq. 3 with differences in place of 1/T, clipped."""
    total = 0.0
    for j in range(len(scores) - 1):
        apart = [min(max(rewards[j] - rewards[i], 0), MOST_DIFFERENCE) for i in range(len(scores))]
        most = max(apart[j + 1 :])
        top = math.exp(scores[j] * most)
        rest = sum(math.exp(scores[i] * apart[i]) for i in range(j + 1, len(scores)))
        total -= math.log(top / (top + rest))
    return total


@given(lists)
def test_the_ranking_loss_is_the_formula(drawn: tuple[list[float], list[float]]) -> None:
    scores, rewards = drawn[0], sorted(drawn[1], reverse=True)
    found = ranking_loss(tensor(scores), tensor(rewards)).item()
    assert found == pytest.approx(naive_ranking(scores, rewards), abs=1e-6)


@given(lists)
def test_gradients_are_finite_whatever_the_rewards(drawn: tuple[list[float], list[float]]) -> None:
    scores = tensor(drawn[0]).requires_grad_()
    loss = ranking_loss(scores, tensor(sorted(drawn[1], reverse=True)))
    [gradient] = torch.autograd.grad(loss, scores)
    assert torch.isfinite(gradient).all()


def test_equal_rewards_bring_no_gradient() -> None:
    scores = tensor([-1.0, -2.0, -0.5]).requires_grad_()
    [gradient] = torch.autograd.grad(ranking_loss(scores, tensor([3.0, 3.0, 3.0])), scores)
    assert gradient.tolist() == [0.0, 0.0, 0.0]


def test_two_rewrites_are_bradley_and_terry_with_a_temperature() -> None:
    loss = ranking_loss(tensor([-1.0, -3.0]), tensor([2.0, 0.5])).item()
    assert loss == pytest.approx(-math.log(1 / (1 + math.exp(1.5 * (-3.0 + 1.0)))))


def test_the_better_rewrite_becomes_likelier() -> None:
    scores = tensor([-2.0, -1.0]).requires_grad_()
    [gradient] = torch.autograd.grad(ranking_loss(scores, tensor([2.0, 0.0])), scores)
    assert gradient[0] < 0 < gradient[1]


def test_pro_adds_the_sum_of_the_best_rewrite() -> None:
    log_probs = tensor([[-1.0, -2.0, 0.0], [-1.0, -1.0, -4.0], [-3.0, 0.0, 0.0], [-1.0, 0, 0]])
    mask = tensor([[1, 1, 0], [1, 1, 1], [1, 0, 0], [1, 0, 0]])
    rewards = tensor([5.0, 4.0, 1.0, 0.5])
    found = pro_loss(log_probs, mask, rewards, [2, 2], 0.05).item()
    first = naive_ranking([-1.5, -2.0], [5, 4]) + 0.05 * 3.0
    second = naive_ranking([-3.0, -1.0], [1, 0.5]) + 0.05 * 3.0
    assert found == pytest.approx((first + second) / 2)
    three = pro_loss(log_probs[:3], mask[:3], rewards[:3], [3], 1.0).item()
    assert three == pytest.approx(naive_ranking([-1.5, -2, -3], [5, 4, 1]) + 4 * 3.0)


def test_sft_is_the_mean_over_tokens_then_over_texts() -> None:
    log_probs = tensor([[-1.0, -3.0], [-4.0, -9.0]])
    assert sft_loss(log_probs, tensor([[1, 1], [1, 0]])).item() == pytest.approx(3.0)


@given(st.integers(1, 6), st.floats(0.5, 1.0), st.floats(0.0, 1.0), st.integers(0, 2**31 - 1))
def test_advantages_are_sums_of_errors(
    length: int, discount: float, smoothing: float, seed: int
) -> None:
    numbers = np.random.default_rng(seed)
    rewards, values = numbers.normal(size=(2, 1, 6))
    mask = np.array([[1.0] * length + [0.0] * (6 - length)])
    found = advantages_of(
        torch.tensor(rewards), torch.tensor(values), torch.tensor(mask), discount, smoothing
    )
    following = [*values[0][1:length], 0.0]
    errors = [rewards[0][t] + discount * following[t] - values[0][t] for t in range(length)]
    for start in range(length):
        expected = sum(
            (discount * smoothing) ** (t - start) * errors[t] for t in range(start, length)
        )
        assert found[0, start].item() == pytest.approx(expected)
    assert not found[0, length:].any()


def test_whitened_values_have_mean_0_and_variance_1_inside_the_mask() -> None:
    mask = tensor([[1, 1, 1], [1, 0, 0]])
    found = whitened(tensor([[1.0, 2.0, 3.0], [10.0, 99.0, 99.0]]), mask)
    inside = found[mask.bool()]
    assert inside.mean().item() == pytest.approx(0, abs=1e-6)
    assert inside.var(unbiased=False).item() == pytest.approx(1, abs=1e-6)
    assert found[1, 1:].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected"),
    [(1.0, 2.0, -2.0), (1.5, 2.0, -2.4), (1.5, -2.0, 3.0), (0.5, 2.0, -1.0), (0.5, -2.0, 1.6)],
)
def test_a_policy_gains_nothing_beyond_the_clip(
    ratio: float, advantage: float, expected: float
) -> None:
    one = tensor([[1.0]])
    loss = policy_loss(tensor([[math.log(ratio)]]), 0 * one, advantage * one, one, 0.2)
    assert loss.item() == pytest.approx(expected)


def test_values_are_clipped_the_pessimistic_way() -> None:
    one = tensor([[1.0]])
    assert value_loss(one, 0 * one, 2 * one, one, 0.2).item() == pytest.approx(0.5 * 1.8**2)
    assert value_loss(-one, 0 * one, 2 * one, one, 0.2).item() == pytest.approx(0.5 * 9)


def test_the_weight_of_kl_follows_its_target() -> None:
    weight = AdaptiveKL(0.1, 6.0)
    assert weight.after(6.0, 32).beta == pytest.approx(0.1)
    assert weight.after(60.0, 32).beta == pytest.approx(0.1 * (1 + 0.2 * 32 / 10_000))
    assert weight.after(0.0, 32).beta == pytest.approx(0.1 * (1 - 0.2 * 32 / 10_000))
    assert weight.after(6.6, 100).beta == pytest.approx(0.1 * (1 + 0.1 * 100 / 10_000))
