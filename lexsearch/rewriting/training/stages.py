"""The three stages of MGQRe: supervised fine-tuning, preference ranking, reinforcement learning.

A stage does one step at a time, and all of a step follows from the seed, the stage and the step's
number, so that a run that goes on from a checkpoint is the run that was not interrupted.
"""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lexsearch.rewriting.pairs import Pair
from lexsearch.rewriting.retriever import SCALE, Asked, Retriever
from lexsearch.rewriting.training.losses import (
    AdaptiveKL,
    advantages_of,
    mean_of,
    policy_loss,
    pro_loss,
    sft_loss,
    value_loss,
    whitened,
)
from lexsearch.rewriting.training.policy import Policy, Tokens
from lexsearch.rewriting.training.presets import Preset, Ranked, Supervised

STAGES = ("sft", "pro", "ppo")
_LARGEST_GRADIENT = 1.0

Values = Mapping[str, float]


class Example(NamedTuple):
    """What a model is asked and is to say, as tokens."""

    prompt: Tokens
    answer: Tokens


class Stage(ABC):
    """A stage that takes `steps` steps."""

    name: str
    steps: int

    def __init__(self, policy: Policy, at_once: int, rate: float) -> None:
        self.policy = policy
        self.at_once = at_once
        self.optimizer = torch.optim.AdamW(policy.trained(), lr=rate, weight_decay=0.0)

    @abstractmethod
    def step(self, number: int) -> Values:
        """Learn from one batch; what it was like."""

    def held_out(self) -> Values:
        """What is to be told of held-out pairs, beside what their rewrites find."""
        return {}

    def state(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])

    def update(self, losses: Iterator[Tensor]) -> float:
        """One step of the optimizer by the sum of losses, each of a part of the batch."""
        self.optimizer.zero_grad()
        total = 0.0
        for loss in losses:
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.item()
        learning = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        torch.nn.utils.clip_grad_norm_(learning, _LARGEST_GRADIENT)
        self.optimizer.step()
        return total


class SupervisedStage(Stage):
    """Eq. 1: say the best rewrite of each query."""

    name = "sft"

    def __init__(
        self,
        policy: Policy,
        preset: Preset,
        train: Sequence[Pair],
        held_out: Sequence[Pair],
        seed: int,
    ) -> None:
        settings = preset.sft
        super().__init__(policy, preset.at_once, settings.rate)
        self._batch = settings.batch
        self._examples = _supervised(policy, settings, train, seed)
        self._held_out = _supervised(policy, settings, held_out, seed)
        self._order = Order(len(self._examples), settings.batch, self.name, seed)
        self.steps = settings.steps or settings.epochs * self._order.each

    def step(self, number: int) -> Values:
        batch = [self._examples[place] for place in self._order.batch(number)]
        return {"loss": self.update(self._losses(batch))}

    def _losses(self, batch: Sequence[Example]) -> Iterator[Tensor]:
        for part in parts(batch, self.at_once):
            said = self.policy.say(*zip(*part, strict=True))
            yield sft_loss(said.log_probs, said.mask) * len(part) / len(batch)

    @torch.no_grad()
    def held_out(self) -> Values:
        if not self._held_out:
            return {}
        losses = self._losses(self._held_out)
        return {"held_out_loss": sum(loss.item() for loss in losses)}


def _supervised(
    policy: Policy, settings: Supervised, pairs: Sequence[Pair], seed: int
) -> list[Example]:
    """A query and what is to be said for it; and queries that are to stay as they are."""
    texts = []
    for pair in pairs:
        chosen = pair.rewrites[0]
        if settings.target == "best":
            chosen = max(pair.rewrites, key=lambda rewrite: rewrite.score)
        texts.append((pair.query, chosen.text))
    good = [(pair.typed, pair.typed) for pair in pairs if pair.origin == "high"]
    random.Random(f"{seed} same").shuffle(good)
    share = settings.same / (1 - settings.same)
    texts += good[: math.ceil(share * len(texts))]
    return [Example(policy.prompt(query), policy.answer(text)) for query, text in texts]


class RankedStage(Stage):
    """Eq. 3: of each query's rewrites the better ones are the likelier ones."""

    name = "pro"

    def __init__(self, policy: Policy, preset: Preset, train: Sequence[Pair], seed: int) -> None:
        settings = preset.pro
        super().__init__(policy, preset.at_once, settings.rate)
        self._weight = settings.sft_weight
        self._lists = list(_ranked(policy, settings, train))
        self._order = Order(len(self._lists), settings.batch, self.name, seed)
        self.steps = settings.steps or settings.epochs * self._order.each
        self._each = max(1, preset.at_once // settings.length)

    def step(self, number: int) -> Values:
        batch = [self._lists[place] for place in self._order.batch(number)]
        return {"loss": self.update(self._losses(batch))}

    def _losses(self, batch: Sequence[RankedList]) -> Iterator[Tensor]:
        for part in parts(batch, self._each):
            prompts = [one.prompt for one in part for _ in one.answers]
            said = self.policy.say(prompts, [answer for one in part for answer in one.answers])
            rewards = torch.tensor(
                [reward for one in part for reward in one.rewards], device=self.policy.device
            )
            lengths = [len(one.answers) for one in part]
            loss = pro_loss(said.log_probs, said.mask, rewards, lengths, self._weight)
            yield loss * len(part) / len(batch)


class RankedList(NamedTuple):
    """A query's rewrites, best first, and 20 times their scores."""

    prompt: Tokens
    answers: list[Tokens]
    rewards: list[float]


def _ranked(policy: Policy, settings: Ranked, pairs: Sequence[Pair]) -> Iterator[RankedList]:
    """The best rewrites of each query that has two or more."""
    for pair in pairs:
        best = sorted(pair.rewrites, key=lambda rewrite: -rewrite.score)[: settings.length]
        if len(best) > 1:
            answers = [policy.answer(rewrite.text) for rewrite in best]
            rewards = [SCALE * rewrite.score for rewrite in best]
            yield RankedList(policy.prompt(pair.query), answers, rewards)


class Rollout(NamedTuple):
    """What a policy said for a batch, and what that earned.

    All of (n, t); rewards less the KL term, with the task's at the last token.
    """

    prompts: list[Tokens]
    answers: list[Tokens]
    log_probs: Tensor
    values: Tensor
    mask: Tensor
    rewards: Tensor


class ReinforcedStage(Stage):
    """Eq. 5 by PPO: earn rewards without leaving the policy that PRO made too far behind."""

    name = "ppo"

    def __init__(
        self,
        policy: Policy,
        preset: Preset,
        train: Sequence[Pair],
        retriever: Retriever,
        seed: int,
    ) -> None:
        settings = self._settings = preset.ppo
        super().__init__(policy, preset.at_once, settings.rate)
        policy.keep_reference()
        self._pairs = train
        self._retriever = retriever
        self._longest = preset.longest
        self._seed = seed
        self._order = Order(len(train), settings.batch, self.name, seed)
        self.steps = settings.steps or settings.epochs * self._order.each
        self._kl = AdaptiveKL(settings.beta, settings.target)
        self._value = torch.nn.Linear(policy.width, 1, device=policy.device)
        torch.nn.init.zeros_(self._value.weight)
        torch.nn.init.zeros_(self._value.bias)
        group = {"params": list(self._value.parameters()), "lr": settings.value_rate}
        self.optimizer.add_param_group(group)

    def state(self) -> dict[str, Any]:
        return {**super().state(), "value": self._value.state_dict(), "beta": self._kl.beta}

    def load(self, state: dict[str, Any]) -> None:
        super().load(state)
        self._value.load_state_dict(state["value"])
        self._kl = self._kl._replace(beta=state["beta"])

    def step(self, number: int) -> Values:
        settings = self._settings
        batch = [self._pairs[place] for place in self._order.batch(number)]
        prompts = [self.policy.prompt(pair.query) for pair in batch]
        answers = [
            answer
            for part in parts(prompts, self.at_once)
            for answer in self.policy.sample(part, self._longest, greedy=False)
        ]
        earned = self._earned(batch, answers)
        rollout, kl = self._rollout(prompts, answers, earned)
        advantages = advantages_of(
            rollout.rewards, rollout.values, rollout.mask, settings.discount, settings.smoothing
        )
        returns = advantages + rollout.values
        advantages = whitened(advantages, rollout.mask)
        chance = random.Random(f"{self._seed} {self.name} {number}")
        losses = []
        for _ in range(settings.passes):
            places = list(range(len(batch)))
            chance.shuffle(places)
            for chosen in parts(places, math.ceil(len(batch) / settings.parts)):
                losses.append(self.update(self._losses(rollout, advantages, returns, chosen)))
        beta = self._kl.beta
        self._kl = self._kl.after(kl, len(batch))
        return {
            "loss": sum(losses) / len(losses),
            "reward": sum(earned) / len(earned),
            "kl": kl,
            "beta": beta,
            "entropy": -mean_of(rollout.log_probs, rollout.mask).item(),
            "tokens": rollout.mask.sum().item(),
        }

    def _earned(self, batch: Sequence[Pair], answers: Sequence[Tokens]) -> list[float]:
        """What each rewrite earns (Eq. 4); one that comes to no end, nothing."""
        asked = [
            Asked(pair.query, pair.doc_id, self.policy.text(answer))
            for pair, answer in zip(batch, answers, strict=True)
        ]
        rewards = self._retriever.rewards(asked)
        each = zip(rewards, answers, strict=True)
        return [reward if self.policy.ends(answer) else min(reward, 0.0) for reward, answer in each]

    @torch.no_grad()
    def _rollout(
        self, prompts: list[Tokens], answers: list[Tokens], earned: Sequence[float]
    ) -> tuple[Rollout, float]:
        """And how far, in nats a sequence, the policy is from its reference."""
        most = max(map(len, answers))
        kept: list[list[Tensor]] = [[], [], [], []]
        for part in parts(list(zip(prompts, answers, strict=True)), self.at_once):
            said = self.policy.say(*zip(*part, strict=True))
            with self.policy.reference() as reference:
                before = reference.say(*zip(*part, strict=True)).log_probs
            value = self._value(said.hidden).squeeze(-1) * said.mask
            room = (0, most - said.mask.shape[1])
            for tensors, found in zip(
                kept, (said.log_probs, before, value, said.mask), strict=True
            ):
                tensors.append(torch.nn.functional.pad(found, room))
        log_probs, reference_log_probs, values, mask = map(torch.cat, kept)
        apart = (log_probs - reference_log_probs) * mask
        rewards = -self._kl.beta * apart
        last = mask.sum(-1).long() - 1
        rewards[torch.arange(len(last)), last] += torch.tensor(earned, device=rewards.device)
        rollout = Rollout(prompts, answers, log_probs, values, mask, rewards)
        return rollout, apart.sum(-1).mean().item()

    def _losses(
        self, rollout: Rollout, advantages: Tensor, returns: Tensor, chosen: Sequence[int]
    ) -> Iterator[Tensor]:
        settings = self._settings
        tokens = rollout.mask[chosen].sum().item()
        for part in parts(chosen, self.at_once):
            said = self.policy.say(
                [rollout.prompts[place] for place in part],
                [rollout.answers[place] for place in part],
            )
            width = said.mask.shape[1]
            before, old_values, advantage, target = (
                whole[part][:, :width]
                for whole in (rollout.log_probs, rollout.values, advantages, returns)
            )
            hidden = said.hidden.detach() if settings.detached else said.hidden
            value = self._value(hidden).squeeze(-1)
            better = policy_loss(said.log_probs, before, advantage, said.mask, settings.clip)
            foreseen = value_loss(value, old_values, target, said.mask, settings.clip)
            share = said.mask.sum().item() / tokens
            yield (better + settings.value_weight * foreseen) * share


class Order:
    """Batches of `size` of `count` things, each once an epoch, in an order that the seed makes."""

    def __init__(self, count: int, size: int, name: str, seed: int) -> None:
        self._count, self._size = count, size
        self._key = f"{seed} {name}"
        self.each = math.ceil(count / size)

    def batch(self, number: int) -> list[int]:
        epoch, part = divmod(number, self.each)
        places = list(range(self._count))
        random.Random(f"{self._key} {epoch}").shuffle(places)
        return places[part * self._size : (part + 1) * self._size]


def parts(items: Sequence[Any], size: int) -> Iterator[Any]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
