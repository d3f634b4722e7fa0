"""Stages one after another, with looks at held-out queries, checkpoints, and a folder at the end.

While it is trained, `<out>/work` has the model of each finished stage and a checkpoint of the one
that is running; each is written under another name and renamed. `training.jsonl` has a line for
each look. At the end <out> is an ordinary folder of transformers, and `rewriter.json` is written
last: a folder without it is not finished.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch

from lexsearch._version import __version__
from lexsearch.errors import RewritingError
from lexsearch.records import Progress
from lexsearch.rewriting.pairs import Pair, Pairs
from lexsearch.rewriting.prompts import PROMPT
from lexsearch.rewriting.retriever import Asked, Retriever
from lexsearch.rewriting.rewriter import ABOUT
from lexsearch.rewriting.training.policy import Policy
from lexsearch.rewriting.training.presets import PRESETS, Preset
from lexsearch.rewriting.training.stages import (
    STAGES,
    RankedStage,
    ReinforcedStage,
    Stage,
    SupervisedStage,
    parts,
)

LOG = "training.jsonl"
_WORK = "work"
_CHECKPOINT = "checkpoint.pt"
_LOOKS = 6  # at held-out queries in a stage, but for one at its beginning
_HELD_OUT = 300  # queries
_DEPTHS = (1, 5, 10)


@dataclass(frozen=True)
class Plan:
    """What is to be trained.

    base: a folder, a fetched name or "smollm2". every: steps between two looks; None for six looks
    a stage. held_out: so many queries are looked at.
    """

    base: str
    out: Path
    stages: Sequence[str] = STAGES
    preset: Preset = field(default_factory=lambda: PRESETS["paper"])
    seed: int = 0
    every: int | None = None
    held_out: int = _HELD_OUT


class _Look(NamedTuple):
    """At held-out queries. score: what the best checkpoint has most of; without any, the last."""

    score: float
    values: Mapping[str, float]


def train(
    plan: Plan,
    pairs: Pairs,
    retriever: Retriever,
    progress: Callable[[Progress], None] = lambda progress: None,
    *,
    resume: bool = False,
) -> dict[str, Any]:
    """Train a rewriter, and return what its `rewriter.json` says.

    resume: go on where another run was stopped, or begin where there was none.
    Raises RewritingError where there is nothing to train on or the folder is another's, ModelError
    when the base cannot be loaded, and StorageError's cousin OSError when the disk is full.
    """
    _check(plan, pairs, resume)
    return _Run(plan, pairs, retriever, progress).go()


def _check(plan: Plan, pairs: Pairs, resume: bool) -> None:
    if unknown := [name for name in plan.stages if name not in STAGES]:
        raise RewritingError(f"there is no stage {unknown[0]!r}; choose of {', '.join(STAGES)}")
    if list(plan.stages) != [name for name in STAGES if name in plan.stages] or not plan.stages:
        raise RewritingError(f"stages come once each, in this order: {','.join(STAGES)}")
    train = pairs.of("train")
    if not train:
        raise RewritingError("there is no pair to train on; first run: lexsearch rewrite pairs")
    if "pro" in plan.stages and not any(len(pair.rewrites) > 1 for pair in train):
        raise RewritingError(
            "no query has two rewrites, which the stage pro puts in order; leave it out "
            "(--stages sft,ppo), or make pairs with --wanted 5"
        )
    if (plan.out / ABOUT).exists():
        raise RewritingError(f"{plan.out} has a finished rewriter; name another folder")
    if plan.out.exists() and any(plan.out.iterdir()) and not resume:
        raise RewritingError(f"{plan.out} is not empty; --resume goes on with what is there")


class _Run:
    def __init__(
        self,
        plan: Plan,
        pairs: Pairs,
        retriever: Retriever,
        progress: Callable[[Progress], None],
    ) -> None:
        self._plan = plan
        self._retriever = retriever
        self._progress = progress
        self._train = pairs.of("train")
        self._held_out = pairs.of("val")[: plan.held_out]
        self._work = plan.out / _WORK
        self._work.mkdir(parents=True, exist_ok=True)
        self._log = plan.out / LOG
        self._figures: dict[str, Mapping[str, float]] = {}
        self._base_known()

    def _base_known(self) -> None:
        """What the run was begun with. Another plan in its place would mix two runs."""
        said = {
            "base": self._plan.base,
            "stages": list(self._plan.stages),
            "seed": self._plan.seed,
            "every": self._plan.every,
            "retriever": self._retriever.key,
            "preset": asdict(self._plan.preset),
            "pairs": len(self._train),
        }
        file = self._work / "plan.json"
        if file.exists():
            before = json.loads(file.read_text(encoding="utf-8"))
            changed = [name for name in said if before.get(name) != said[name]]
            if changed:
                raise RewritingError(
                    f"{self._plan.out} was begun with another {', '.join(changed)}; go on with "
                    "the same options and pairs, or name another folder"
                )
        else:
            text = json.dumps(said)
            _write_anew(file, lambda place: place.write_text(text, encoding="utf-8"))

    def go(self) -> dict[str, Any]:
        place = self._plan.base
        for name in self._plan.stages:
            done = self._work / name
            if not done.exists():
                torch.manual_seed(self._plan.seed)  # of new adapters
                policy = Policy(place, lora=self._plan.preset.lora, half=self._plan.preset.half)
                self._stage(self._opened(name, policy), policy)
                _write_anew(done, policy.save)
                (self._work / _CHECKPOINT).unlink(missing_ok=True)
                del policy
            place = str(done)
        return self._finish(Path(place))

    def _opened(self, name: str, policy: Policy) -> Stage:
        preset, seed = self._plan.preset, self._plan.seed
        if name == "sft":
            return SupervisedStage(policy, preset, self._train, self._held_out, seed)
        if name == "pro":
            return RankedStage(policy, preset, self._train, seed)
        return ReinforcedStage(policy, preset, self._train, self._retriever, seed)

    def _stage(self, stage: Stage, policy: Policy) -> None:
        """Run it to its end, or on from its checkpoint; the policy is then its best one."""
        every = self._plan.every or max(1, -(-stage.steps // _LOOKS))
        start, best, best_state, worse = 0, -1e9, policy.state(), 0
        if (kept := self._checkpoint(stage.name)) is not None:
            start, best, worse, best_state = (
                kept["step"],
                kept["best"],
                kept["worse"],
                kept["best_state"],
            )
            policy.load(kept["policy"])
            stage.load(kept["stage"])
        self._forget_after(stage.name, start if kept is not None else -1)
        gathered: list[Mapping[str, float]] = []
        patience = self._plan.preset.sft.patience if stage.name == "sft" else 0
        lowest = kept["lowest"] if kept is not None else float("inf")
        for step in range(start, stage.steps + 1):
            last = step == stage.steps
            if (last or step % every == 0) and (kept is None or step > start):
                look = self._look(stage, policy, step)
                self._write(stage.name, step, gathered, look)
                gathered = []
                if look.score > best:
                    best, best_state = look.score, policy.state()
                loss = look.values.get("held_out_loss", 0.0)
                worse = 0 if loss < lowest else worse + 1
                lowest = min(lowest, loss)
                last = last or (patience > 0 and worse >= patience)
                self._keep(
                    {
                        "name": stage.name,
                        "step": step if not last else stage.steps,
                        "best": best,
                        "best_state": best_state,
                        "worse": worse,
                        "lowest": lowest,
                        "policy": policy.state(),
                        "stage": stage.state(),
                    }
                )
            if last:
                break
            self._progress(Progress(stage.name, step, stage.steps, "step"))
            torch.manual_seed(_seed_of(self._plan.seed, stage.name, step))
            gathered.append(stage.step(step))
        policy.load(best_state)

    def _look(self, stage: Stage, policy: Policy, step: int) -> _Look:
        values = dict(stage.held_out())
        if not self._held_out:
            return _Look(float(step), values)
        found = said_by(policy, self._held_out, self._plan.preset)
        values |= look_at(self._held_out, found, self._retriever)
        return _Look(values["held_out_reward"], values)

    def _write(
        self, name: str, step: int, gathered: Sequence[Mapping[str, float]], look: _Look
    ) -> None:
        """A line of the log: means of what the steps since the last one were like, and the look."""
        names = dict.fromkeys(key for values in gathered for key in values)
        means = {key: sum(values[key] for values in gathered) / len(gathered) for key in names}
        row = {"stage": name, "step": step, **means, **look.values}
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _forget_after(self, name: str, step: int) -> None:
        """Lines of the log that a killed run wrote after its last checkpoint."""
        if not self._log.exists():
            return
        done = STAGES.index(name)
        rows = [row for line in self._log.read_text("utf-8").splitlines() if (row := _row(line))]
        kept = [
            row
            for row in rows
            if STAGES.index(row["stage"]) < done or (row["stage"] == name and row["step"] <= step)
        ]
        text = "".join(json.dumps(row) + "\n" for row in kept)
        _write_anew(self._log, lambda file: file.write_text(text, encoding="utf-8"))

    def _keep(self, state: Mapping[str, Any]) -> None:
        _write_anew(self._work / _CHECKPOINT, lambda file: torch.save(state, file))

    def _checkpoint(self, name: str) -> dict[str, Any] | None:
        file = self._work / _CHECKPOINT
        if not file.exists():
            return None
        kept: dict[str, Any] = torch.load(file, weights_only=True)
        return kept if kept["name"] == name else None

    def _finish(self, last: Path) -> dict[str, Any]:
        out, plan = self._plan.out, self._plan
        for file in last.iterdir():
            os.replace(file, out / file.name) if not file.is_dir() else shutil.move(file, out)
        rows = [json.loads(line) for line in self._log.read_text("utf-8").splitlines()]
        about = {
            "base": plan.base,
            "retriever": self._retriever.key,
            "prompt": PROMPT,
            "stages": list(plan.stages),
            "seed": plan.seed,
            "preset": asdict(plan.preset),
            "pairs": {"train": len(self._train), "held_out": len(self._held_out)},
            "held_out": {name: _best(rows, name) for name in plan.stages},
            "versions": _versions(),
        }
        text = json.dumps(about, indent=1)
        _write_anew(out / ABOUT, lambda file: file.write_text(text, encoding="utf-8"))
        shutil.rmtree(self._work)
        return about


def said_by(policy: Policy, pairs: Sequence[Pair], preset: Preset) -> list[str]:
    """What a policy makes of each query, the likeliest token each time."""
    prompts = [policy.prompt(pair.query) for pair in pairs]
    return [
        policy.text(answer)
        for part in parts(prompts, max(preset.at_once, 32))
        for answer in policy.sample(part, preset.longest, greedy=True)
    ]


def look_at(pairs: Sequence[Pair], said: Sequence[str], retriever: Retriever) -> dict[str, float]:
    """The mean reward of rewrites, and which share finds its picture how early."""
    asked = [Asked(pair.query, pair.doc_id, text) for pair, text in zip(pairs, said, strict=True)]
    ranks = [verdict.rank for verdict in retriever.judge(asked)]
    found = {
        f"R@{depth}": sum(rank is not None and rank <= depth for rank in ranks) / len(ranks)
        for depth in _DEPTHS
    }
    return {"held_out_reward": sum(retriever.rewards(asked)) / len(asked), **found}


def _row(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:  # cut off
        return None
    return row if isinstance(row, dict) else None


def _best(rows: Sequence[Mapping[str, Any]], stage: str) -> Mapping[str, Any]:
    """The look at which a stage's best checkpoint was made."""
    looks = [row for row in rows if row["stage"] == stage]
    score = "held_out_reward" if "held_out_reward" in looks[0] else "step"
    return max(looks, key=lambda row: row[score])


def _write_anew(place: Path, write: Callable[[Path], Any]) -> None:
    """Write it under another name, and rename it: it is whole, or it is not there."""
    other = place.with_name(f"{place.name}.tmp")
    if other.is_dir():
        shutil.rmtree(other)
    write(other)
    os.replace(other, place)


def _seed_of(seed: int, name: str, step: int) -> int:
    return (seed * len(STAGES) + STAGES.index(name)) * 1_000_003 + step


def _versions() -> dict[str, str]:
    import transformers

    return {
        "lexsearch": __version__,
        "torch": str(torch.__version__),
        "transformers": str(transformers.__version__),
    }
