"""Dense baselines: a dual encoder of transformers ranks pictures by cosine similarity.

The paper's are CLIP (openai/clip-vit-large-patch14-336) and ALIGN (kakaobrain/align-base). The
query is encoded as it is, without a prompt template ("a photo of ..."), as the paper does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from lexsearch.engines import ScoredDoc
from lexsearch.errors import EvaluationError, ImageError
from lexsearch.evaluation.dataset import Dataset, names_of
from lexsearch.evaluation.sources import Source
from lexsearch.extras import require
from lexsearch.images.files import ImageFile, find, open_picture
from lexsearch.records import Progress, ProgressCallback, Query

_BATCH = 32
_MOST_TOKENS = 512  # of models whose configuration sets no limit


class DualEncoder:
    """Any model of transformers that maps pictures and texts into one space."""

    def __init__(self, model: str) -> None:
        """Load a model from its folder, or by its name from the cache of the Hugging Face hub, onto
        the GPU if there is one. Nothing is downloaded.

        Raises EvaluationError when it cannot be loaded or is not a dual encoder.
        """
        require("mllm", "a dual encoder", EvaluationError)
        import torch
        from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

        image_processor: Any = AutoImageProcessor
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=True)
            self._processor = image_processor.from_pretrained(model, local_files_only=True)
            loaded = AutoModel.from_pretrained(model, dtype=torch.float32, local_files_only=True)
        except (OSError, ValueError, ImportError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise EvaluationError(
                f"the model {model} cannot be loaded ({reason}); name a folder with model, "
                f"tokenizer and image processor, or fetch a model first: hf download {model}"
            ) from error
        if not (hasattr(loaded, "get_image_features") and hasattr(loaded, "get_text_features")):
            raise EvaluationError(
                f"{model} ({type(loaded).__name__}) does not encode pictures and texts apart, as "
                "CLIP, ALIGN and SigLIP do"
            )
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = loaded.to(self._device).eval()
        text = getattr(loaded.config, "text_config", loaded.config)
        limit = getattr(text, "max_position_embeddings", _MOST_TOKENS)
        self._tokens = min(limit, self._tokenizer.model_max_length)
        # SigLIP was trained on texts that fill the whole length.
        self._padding = "max_length" if "siglip" in str(loaded.config.model_type) else True

    def encode_texts(self, texts: Sequence[str]) -> Any:
        """(n, d) float32 array of unit vectors; of a text that is too long, the beginning."""

        def encode(batch: list[str]) -> Any:
            tokens = self._tokenizer(
                batch,
                padding=self._padding,
                truncation=True,
                max_length=self._tokens,
                return_tensors="pt",
            )
            return self._model.get_text_features(**tokens.to(self._device))

        return self._encode(texts, encode)

    def encode_images(self, images: Iterable[Image.Image]) -> Any:
        """(n, d) float32 array of unit vectors, of RGB pictures of any size."""

        def encode(batch: list[Image.Image]) -> Any:
            pixels = self._processor(images=batch, return_tensors="pt")
            return self._model.get_image_features(**pixels.to(self._device))

        return self._encode(images, encode)

    def _encode(self, items: Iterable[Any], encode: Callable[[list[Any]], Any]) -> Any:
        import numpy as np
        import torch

        parts = []
        for batch in _batches(items):
            with torch.inference_mode():
                output = encode(batch)
                # transformers 5 returns an object, 4 the vectors themselves
                vectors = output if torch.is_tensor(output) else output.pooler_output
                unit = torch.nn.functional.normalize(vectors.float(), dim=-1)
            parts.append(unit.cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


class DenseSource(Source):
    """The pictures of a data set, ranked by cosine similarity to the text; all are retrieved.

    folder: where the pictures lie, in whatever folders below it.
    Pictures that are missing or unreadable are noted, and count as never found.
    Raises EvaluationError when none can be used.
    """

    def __init__(
        self, model: str, folder: Path, dataset: Dataset, progress: ProgressCallback
    ) -> None:
        import numpy as np

        files = find_files(folder, dataset.images)
        failed = {name: "there is no such file" for name in dataset.images if name not in files}
        self._encoder = DualEncoder(model)
        self.ranking = f"cosine similarity, {model}"
        names: list[str] = []

        def pictures() -> Iterator[Image.Image]:
            for done, (name, file) in enumerate(files.items()):
                progress(Progress("encoding", done, len(files), "picture", len(failed)))
                try:
                    image = open_picture(file).image
                except ImageError as error:
                    failed[name] = str(error)
                    continue
                names.append(name)
                yield image

        self._vectors = self._encoder.encode_images(pictures())
        if not names:
            raise EvaluationError(
                f"none of the {len(dataset.images)} pictures of {dataset.name} could be used from "
                f"{folder}; it should hold files such as "
                f"{dataset.files.get(dataset.images[0], dataset.images[0])}"
            )
        order = np.argsort(np.array(names))  # so that equal scores are in order of name
        self._names = [names[place] for place in order]
        self._vectors = self._vectors[order]
        self._texts: dict[str, Any] = {}
        self.names = frozenset(names)
        if failed:
            first, reason = next(iter(failed.items()))
            self.notes = (
                f"{len(failed)} of {len(dataset.images)} pictures could not be used, and count as "
                f"never found (the first: {first}: {reason})",
            )

    def prepare(self, queries: Sequence[str | Query], progress: ProgressCallback) -> None:
        """Encode all texts in batches."""
        texts = list(dict.fromkeys(map(text_of, queries)))
        for start in range(0, len(texts), 1024):
            progress(Progress("encoding texts", start, len(texts), "query"))
            part = texts[start : start + 1024]
            self._texts.update(zip(part, self._encoder.encode_texts(part), strict=True))

    def rank(self, query: str | Query, depth: int | None) -> list[ScoredDoc]:
        """The best `depth` pictures, or all, by cosine similarity."""
        import numpy as np

        text = text_of(query)
        if text not in self._texts:
            self.prepare([text], lambda progress: None)
        scores = self._vectors @ self._texts[text]
        best = np.argsort(-scores, kind="stable")[:depth]
        return [ScoredDoc(self._names[place], float(scores[place])) for place in best]

    def places(self, asked: Sequence[tuple[str, str]]) -> list[tuple[float, int | None]]:
        """Of each (text, picture) the cosine and the picture's place, equals before it; 0 and None
        for a picture that is not searched.
        """
        self.prepare([text for text, _ in asked if text not in self._texts], lambda progress: None)
        places = {name: place for place, name in enumerate(self._names)}
        found: list[tuple[float, int | None]] = []
        for text, name in asked:
            if name not in places:
                found.append((0.0, None))
                continue
            scores = self._vectors @ self._texts[text]
            own = scores[places[name]]
            found.append((float(own), int((scores >= own).sum())))
        return found


def text_of(query: str | Query) -> str:
    """What is encoded of a query: as typed, or all of its words."""
    return query if isinstance(query, str) else query.text


def find_files(folder: Path, names: Sequence[str]) -> Mapping[str, str]:
    """The picture files, in a folder and below it, of those names that have one, in order."""
    wanted = set(names)
    found: dict[str, str] = {}
    for file in find(os.fspath(folder)):
        if isinstance(file, ImageFile):
            for name in wanted.intersection(names_of(file.path)):
                found.setdefault(name, file.path)
    return {name: found[name] for name in names if name in found}
