"""How each stage is trained: MGQRe's settings, and those for small models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Target = Literal["best", "first"]


@dataclass(frozen=True, slots=True)
class Supervised:
    """Learning to say the best rewrite (Sec. 3.2).

    target: of a query's rewrites the best, or the one that was said first.
    same: the share of queries that find their picture already, which are to stay as they are. It
        is not in the paper; without, a rewriter can only do them harm.
    patience: end after so many looks at the held-out loss without a better one; 0 goes on.
    """

    rate: float = 1e-5
    batch: int = 32
    epochs: int = 10
    steps: int | None = None
    target: Target = "best"
    same: float = 0.15
    patience: int = 0


@dataclass(frozen=True, slots=True)
class Ranked:
    """Learning the order of rewrites (Sec. 3.3). length: of a list, the best ones of a query."""

    rate: float = 5e-7
    batch: int = 16
    epochs: int = 5
    steps: int | None = None
    length: int = 5
    sft_weight: float = 0.05


@dataclass(frozen=True, slots=True)
class Reinforced:
    """Learning from what its own rewrites find (Sec. 3.4).

    rate, value_rate: of the policy, and of the head that foresees rewards. passes: over each
    batch, in `parts` parts. beta, target: of the KL term, in nats a sequence. detached: rewards
    are foreseen from what the policy has, which does not learn from that.
    """

    rate: float = 5e-6
    batch: int = 32
    epochs: int = 1
    steps: int | None = None
    value_rate: float = 1e-4
    value_weight: float = 0.1
    passes: int = 4
    parts: int = 2
    clip: float = 0.2
    discount: float = 1.0
    smoothing: float = 0.95
    beta: float = 0.1
    target: float = 6.0
    detached: bool = False


@dataclass(frozen=True, slots=True)
class Preset:
    """All of it.

    epochs count where `steps` is None. lora: the rank of adapters on all linear layers; 0 trains
    all weights. longest: tokens of a rewrite. at_once: sequences that go through the model
    together, whatever a batch is. half: 16-bit weights where there is a GPU.
    """

    sft: Supervised = field(default_factory=Supervised)
    pro: Ranked = field(default_factory=Ranked)
    ppo: Reinforced = field(default_factory=Reinforced)
    lora: int = 0
    longest: int = 32
    at_once: int = 16
    half: bool = False


PRESETS: Mapping[str, Preset] = {
    # MGQRe, Sec. 4.1.3, for Llama2-7B-chat
    "paper": Preset(half=True),
    # SmolLM2-135M on a CPU
    "small": Preset(
        Supervised(rate=5e-4, batch=16, epochs=3, patience=2),
        Ranked(rate=1e-4, batch=8, epochs=2),
        Reinforced(rate=5e-5, value_rate=1e-3, detached=True),
        lora=16,
    ),
    # a model of under a million weights that knows nothing at the beginning
    "tiny": Preset(
        Supervised(rate=2e-3, batch=64, steps=900, target="first"),
        Ranked(rate=2e-4, batch=16, steps=190),
        Reinforced(
            rate=5e-5, value_rate=1e-3, batch=128, steps=180, beta=0.3, target=3.0, detached=True
        ),
        longest=24,
        at_once=128,
    ),
}
