"""The objectives of MGQRe (Sec. 3.2-3.4), as functions of log-probabilities.

Shapes: n sequences of at most t tokens. `mask` is 1 where a token is part of an answer. Where the
paper's formulas leave something open, the function says what is done here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

MOST_DIFFERENCE = 5.0
"""Rewards differ by no more than this in the ranking loss."""


def mean_of(values: Tensor, mask: Tensor) -> Tensor:
    """The mean of the values where the mask is 1."""
    return (values * mask).sum() / mask.sum().clamp(min=1)


def per_token(log_probs: Tensor, mask: Tensor) -> Tensor:
    """(n,): the mean log-probability of a token, of each (n, t) sequence."""
    return (log_probs * mask).sum(-1) / mask.sum(-1).clamp(min=1)


def sft_loss(log_probs: Tensor, mask: Tensor) -> Tensor:
    """-1/|y| sum_t log pi(y_t | y_<t, x), the mean over sequences (Eq. 1).

    log_probs, mask: (n, t).
    """
    return -per_token(log_probs, mask).mean()


def ranking_loss(scores: Tensor, rewards: Tensor) -> Tensor:
    """The ranking part of PRO for one list, best first (Eq. 3).

    scores: (k,), mean log-probability of a token of each rewrite. rewards: (k,).
    The paper's temperature T_j^i = 1 / (r_j - r_i) is infinite where two rewards are equal; like
    PRO's own code this multiplies by the difference, so that equals bring no gradient. Differences
    are clipped to [0, 5].
    """
    differences = (rewards.unsqueeze(1) - rewards.unsqueeze(0)).clamp(0, MOST_DIFFERENCE)
    total = scores.new_zeros(())
    for best in range(len(scores) - 1):
        against = differences[best, best + 1 :]
        ours = scores[best] * against.max()
        theirs = scores[best + 1 :] * against
        total = total + torch.logsumexp(torch.cat([ours.unsqueeze(0), theirs]), 0) - ours
    return total


def pro_loss(
    log_probs: Tensor, mask: Tensor, rewards: Tensor, lengths: Sequence[int], sft_weight: float
) -> Tensor:
    """PRO over lists of rewrites, the mean over lists.

    log_probs, mask: (n, t), the rewrites of all lists one after another, each list best first.
    rewards: (n,). lengths: of the lists, 2 at least, n in sum.
    sft_weight: of -sum_t log pi(y_1) times (k - 1)^2, a term of PRO's own code that MGQRe does not
        print; without it a model unlearns to copy.
    """
    scores = per_token(log_probs, mask)
    sums = (log_probs * mask).sum(-1)
    losses = []
    start = 0
    for length in lengths:
        part = slice(start, start + length)
        best = -sums[start] * sft_weight * (length - 1) ** 2
        losses.append(ranking_loss(scores[part], rewards[part]) + best)
        start += length
    return torch.stack(losses).mean()


def advantages_of(
    rewards: Tensor, values: Tensor, mask: Tensor, discount: float, smoothing: float
) -> Tensor:
    """Generalised advantage estimates (n, t) of rewards and values (n, t); 0 outside the mask."""
    advantages = torch.zeros_like(rewards)
    later = rewards.new_zeros(len(rewards))
    following = rewards.new_zeros(len(rewards))
    for step in reversed(range(rewards.shape[1])):
        inside = mask[:, step]
        error = rewards[:, step] + discount * following - values[:, step]
        later = inside * (error + discount * smoothing * later)
        following = inside * values[:, step]
        advantages[:, step] = later
    return advantages


def whitened(values: Tensor, mask: Tensor) -> Tensor:
    """With mean 0 and variance 1 inside the mask, and 0 outside."""
    mean = mean_of(values, mask)
    variance = mean_of((values - mean) ** 2, mask)
    return (values - mean) * torch.rsqrt(variance + 1e-8) * mask


def policy_loss(
    log_probs: Tensor, before: Tensor, advantages: Tensor, mask: Tensor, clip: float
) -> Tensor:
    """PPO's clipped objective over the tokens of (n, t)."""
    ratio = torch.exp(log_probs - before)
    clipped = ratio.clamp(1 - clip, 1 + clip)
    return mean_of(torch.maximum(-advantages * ratio, -advantages * clipped), mask)


def value_loss(
    values: Tensor, before: Tensor, returns: Tensor, mask: Tensor, clip: float
) -> Tensor:
    """Half the squared error of values (n, t), which move by `clip` at most."""
    near = before + (values - before).clamp(-clip, clip)
    return 0.5 * mean_of(torch.maximum((values - returns) ** 2, (near - returns) ** 2), mask)


class AdaptiveKL(NamedTuple):
    """The weight of the KL term, which keeps a policy near the one it began as (Ziegler et al.).

    target: nats a sequence. horizon: in sequences.
    """

    beta: float
    target: float
    horizon: float = 10_000.0

    def after(self, kl: float, sequences: int) -> AdaptiveKL:
        """The next weight, after a batch of so many sequences with this mean KL."""
        error = min(max(kl / self.target - 1, -0.2), 0.2)
        return self._replace(beta=self.beta * (1 + error * sequences / self.horizon))
