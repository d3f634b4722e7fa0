"""Dual encoders as baselines, and CLIPScore: tiny models with random weights, saved and loaded."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fakes import COLOURS, picture
from PIL import Image, ImageDraw
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AlignConfig,
    AlignModel,
    BertConfig,
    BertModel,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPSegConfig,
    CLIPSegModel,
    EfficientNetImageProcessorPil,
    GroupViTConfig,
    GroupViTModel,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
)

from lexsearch.cli import main
from lexsearch.errors import EvaluationError
from lexsearch.evaluation import analysis
from lexsearch.evaluation.baselines import DenseSource, DualEncoder
from lexsearch.evaluation.dataset import Dataset
from lexsearch.evaluation.enhanced import EnhancedSource
from lexsearch.language.enhancing import Enhancer
from lexsearch.language.recorded import Recorded

WORDS = ["<pad>", "<s>", "</s>", "<unk>", *COLOURS, "half", "big", "a"]
TEXT = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": len(WORDS),
    "max_position_embeddings": 12,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
VISION = {**{key: TEXT[key] for key in list(TEXT)[:4]}, "image_size": 32, "patch_size": 16}


def save_tokenizer(folder: Path) -> None:
    words = {word: place for place, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(words, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=12,
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)


def save_clip(folder: Path) -> None:
    config = CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=8)
    CLIPModel(config).save_pretrained(folder)
    save_processor(folder)


def save_processor(folder: Path) -> None:
    size, crop = {"shortest_edge": 32}, {"height": 32, "width": 32}
    CLIPImageProcessorPil(size=size, crop_size=crop).save_pretrained(folder)


def save_align(folder: Path) -> None:
    vision = {
        "image_size": 32,
        "hidden_dim": 16,
        "width_coefficient": 0.1,
        "depth_coefficient": 0.1,
        "kernel_sizes": [3],
        "in_channels": [8],
        "out_channels": [16],
        "strides": [2],
        "num_block_repeats": [1],
        "expand_ratios": [1],
    }
    text = {
        key: value for key, value in TEXT.items() if key not in ("bos_token_id", "eos_token_id")
    }
    AlignModel(
        AlignConfig(text_config=text, vision_config=vision, projection_dim=8)
    ).save_pretrained(folder)
    EfficientNetImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)


def save_siglip(folder: Path) -> None:
    SiglipModel(SiglipConfig(text_config=TEXT, vision_config=VISION)).save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)


def save_groupvit(folder: Path) -> None:
    vision = {
        **VISION,
        "depths": [1, 1],
        "num_group_tokens": [4, 0],
        "num_output_groups": [4, 4],
        "num_hidden_layers": 2,
    }
    config = GroupViTConfig(
        text_config=TEXT, vision_config=vision, projection_dim=8, projection_intermediate_dim=16
    )
    GroupViTModel(config).save_pretrained(folder)
    save_processor(folder)


def save_clipseg(folder: Path) -> None:
    config = CLIPSegConfig(text_config=TEXT, vision_config=VISION, projection_dim=8)
    CLIPSegModel(config).save_pretrained(folder)
    save_processor(folder)


SAVERS = {
    "clip": save_clip,
    "align": save_align,
    "siglip": save_siglip,
    "groupvit": save_groupvit,
    "clipseg": save_clipseg,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny models, each in a folder of its name, and pictures of all colours in images/."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    for name, save in SAVERS.items():
        save(folder / name)
        save_tokenizer(folder / name)
    for name, colour in COLOURS.items():
        picture(folder / "images" / "sub" / f"{name}.png", colour, (40, 64))
    return folder


@pytest.fixture
def dataset() -> Dataset:
    names = tuple(COLOURS)
    return Dataset("colours", names, {name: (name,) for name in names})


def silent(progress: Any) -> None:
    """For those who do not ask how far it is."""


@pytest.mark.parametrize("model", SAVERS)
def test_pictures_are_ranked_by_cosine_to_the_bare_query(
    folder: Path, dataset: Dataset, model: str
) -> None:
    source = DenseSource(str(folder / model), folder / "images", dataset, silent)
    assert source.names == set(COLOURS)
    assert not source.notes
    source.prepare(["red", "big blue half"], silent)
    ranked = source.rank("big blue half", None)
    assert ranked == source.rank("big blue half", 100)
    assert source.rank("big blue half", 3) == ranked[:3]
    assert [hit.score for hit in ranked] == sorted((hit.score for hit in ranked), reverse=True)
    vectors = one_by_one(folder / model, "big blue half", folder / "images" / "sub")
    for hit in ranked:
        assert hit.score == pytest.approx(vectors[hit.doc_id], abs=1e-5)


def one_by_one(model: Path, text: str, images: Path) -> dict[str, float]:
    """The cosines by transformers alone, without batches."""
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    loaded = AutoModel.from_pretrained(model).eval()
    padding = "max_length" if model.name == "siglip" else False
    tokens = AutoTokenizer.from_pretrained(model)(
        text, return_tensors="pt", padding=padding, max_length=12
    )
    processor = AutoImageProcessor.from_pretrained(model)
    with torch.no_grad():
        asked = loaded.get_text_features(**tokens).pooler_output[0]
        cosines = {}
        for file in images.iterdir():
            pixels = processor(images=Image.open(file), return_tensors="pt")
            seen = loaded.get_image_features(**pixels).pooler_output[0]
            cosines[file.stem] = torch.cosine_similarity(asked, seen, dim=0).item()
    return cosines


@pytest.mark.parametrize("fuse", ["sum", "vote", "rrf"])
def test_sentences_of_a_language_model_go_into_the_ranking(
    folder: Path, dataset: Dataset, tmp_path: Path, fuse: str
) -> None:
    row = {"query": "red", "batch": 0, "seed": 0, "model": "m", "prompt": 1}
    also = ["big blue half", "a yellow picture", "red and green"]
    file = tmp_path / "sentences.jsonl"
    file.write_text(json.dumps({**row, "sentences": also}))
    dense = DenseSource(str(folder / "clip"), folder / "images", dataset, silent)
    source = EnhancedSource(dense, Enhancer(None, batches=1, recorded=Recorded(file)), fuse)
    source.prepare(["red", "blue"], silent)
    assert source.not_enhanced == 1
    assert source.rank("blue", 5) == dense.rank("blue", 5)
    ranked = source.rank("red", 5)
    each = [dense.rank(text, None) for text in ("red", *also)]
    if fuse == "sum":
        [best, *_] = ranked
        scores = [{hit.doc_id: hit.score for hit in found}[best.doc_id] for found in each]
        assert best.score == pytest.approx(3 * scores[0] + sum(scores[1:]))
    assert len(ranked) == 5
    assert [hit.score for hit in ranked] == sorted((hit.score for hit in ranked), reverse=True)


def test_a_text_that_is_too_long_is_cut(folder: Path) -> None:
    encoder = DualEncoder(str(folder / "clip"))
    long, longer = encoder.encode_texts(["red " * 10, "red " * 50])
    assert np.allclose(long, longer, atol=1e-6)
    assert np.linalg.norm(long) == pytest.approx(1, abs=1e-5)


def test_missing_and_broken_pictures_are_noted(
    folder: Path, dataset: Dataset, tmp_path: Path
) -> None:
    picture(tmp_path / "red.png", "red")
    (tmp_path / "blue.png").write_text("not a picture")
    source = DenseSource(str(folder / "clip"), tmp_path, dataset, silent)
    assert source.names == {"red"}
    assert "7 of 8 pictures could not be used" in source.notes[0]
    with pytest.raises(EvaluationError, match="none of the 8 pictures of colours"):
        DenseSource(str(folder / "clip"), folder / "clip", dataset, silent)


def test_what_is_no_dual_encoder_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="cannot be loaded"):
        DualEncoder(str(tmp_path))
    sizes: dict[str, Any] = {key: TEXT[key] for key in list(TEXT)[:5]}
    config = BertConfig(**sizes)
    BertModel(config).save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    CLIPImageProcessorPil().save_pretrained(tmp_path)
    with pytest.raises(EvaluationError, match=r"BertModel\) does not encode pictures and texts"):
        DualEncoder(str(tmp_path))


def test_crops_are_halves_quarters_ninths_and_overlapped_ones() -> None:
    sets = analysis.crop_sets(120, 90)
    assert {name: len(crops) for name, crops in sets.items()} == {
        "1": 1,
        "2+1, columns": 3,
        "2+1, rows": 3,
        "4+1": 5,
        "9+1": 10,
        "17+1": 18,
        "40+1": 41,
    }
    assert {crop.name for crop in sets["2+1, rows"]} == {"top half", "bottom half", "whole"}


def test_clip_score_is_never_negative_and_weighs_by_two_and_a_half() -> None:
    images, texts = np.array([[1.0, 0.0], [0.6, 0.8]]), np.array([[1.0, 0.0], [-1.0, 0.0]])
    assert np.allclose(analysis.clip_score(images, texts), [[2.5, 0], [1.5, 0]])


def test_scores_of_crops_are_those_of_the_cut_pictures(folder: Path) -> None:
    encoder = DualEncoder(str(folder / "clip"))
    image = Image.new("RGB", (128, 96), "red")
    ImageDraw.Draw(image).rectangle((64, 0, 128, 96), fill="blue")
    labels = ["red", "blue half"]
    found = analysis.score_crops(encoder, image, labels)
    texts = encoder.encode_texts(labels)
    halves = [image, image.crop((0, 0, 64, 96)), image.crop((64, 0, 128, 96))]
    scores = 2.5 * np.maximum([[v @ t for t in texts] for v in encoder.encode_images(halves)], 0)
    assert found.mean["1"] == pytest.approx(scores[0].mean(), abs=1e-5)
    assert found.mean["2+1, columns"] == pytest.approx(scores.mean(), abs=1e-5)
    assert found.best["2+1, columns"] == pytest.approx(scores.max(axis=0).mean(), abs=1e-5)
    assert found.best["1"] <= found.best["17+1"] <= found.best["40+1"]


@pytest.fixture
def run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process, where torch is loaded: exit status, output, errors."""
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lexsearch", *arguments])
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
        return status, *capsys.readouterr()

    return run


def test_the_commands(folder: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    files = [f"{name}.png" for name in COLOURS]
    instances = {
        "images": [{"id": place, "file_name": file} for place, file in enumerate(files)],
        "annotations": [{"image_id": place, "category_id": place} for place in range(len(files))],
        "categories": [{"id": place, "name": name} for place, name in enumerate(COLOURS)],
    }
    (folder / "instances.json").write_text(json.dumps(instances))
    options = ("--data", "instances.json", "--images", "images", "--dense", "clip", "--json")
    status, out, errors = run("evaluate", *options, "--task", "keyword")
    assert status == 0, errors
    found = json.loads(out)
    assert (found["queries"], found["depth"]) == (8, 8)
    assert found["curve"][-1]["recall"] == 1.0, "a dense ranking holds every picture"

    (folder / "images" / "broken.png").write_text("no picture")
    scored = ("analyze", "clipscore", "images", "--model", "clip")
    status, out, errors = run(*scored, "--label", "red", "--plot", "fig3.png")
    assert status == 3
    assert "broken.png: not a picture" in errors
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["8", "pictures", "mean", "best"]
    assert rows[1][0] == "1"
    assert rows[1][1] == rows[1][2]
    assert Image.open(folder / "fig3.png").format == "PNG"
    status, out, errors = run(*scored, "--data", "instances.json", "--json", "--per-picture")
    assert (status, len(out.splitlines())) == (0, 9)
