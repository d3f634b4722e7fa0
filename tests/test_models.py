"""Models of other architectures than LLaVA's: real ones, tiny, of random weights."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from random_models import MODELS, save_random

from lexsearch.captioners.mllm import Mllm
from lexsearch.captioners.mllm.kinds import Kind, asked_of, told
from lexsearch.errors import CaptionerError
from lexsearch.records import WHOLE, Box, Crop, View

SIZES = [(56, 40), (30, 56), (90, 90), (20, 12), (112, 60)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def view(number: int, size: tuple[int, int], crop: str = WHOLE) -> View:
    image = Image.new("RGB", size, (number * 40 % 256, 60, 120))
    image.paste((200, number * 20 % 256, 9), (0, 0, size[0] // 2, size[1] // 2 + 1))
    return View(Crop(crop, Box(0, 0, *size)), image)


@pytest.mark.parametrize("name", MODELS)
def test_batches_say_what_is_said_one_by_one(name: str, models: Path) -> None:
    captioner = Mllm(str(save_random(name, models)), max_new_tokens=6, precision="fp32")
    views = [view(number, size) for number, size in enumerate(SIZES)]
    alone = [captioner.caption([one])[0] for one in views]
    assert captioner.caption(views) == alone
    assert not [answer for answer in alone if isinstance(answer, CaptionerError)]
    assert any(alone)
    captioner.close()


def test_blip_keeps_the_first_word_that_it_says(models: Path) -> None:
    folder = models / "blip"
    if not folder.exists():
        save_random("blip", models)
    for prompt in ("captions", "a dog"):
        captioner = Mllm(str(folder), max_new_tokens=6, precision="fp32", prompt=prompt)
        captioner.load()
        prepared = captioner.prepare(view(1, (56, 40)))
        engine = captioner._engine
        ids = prepared.prepared.inputs["input_ids"]
        output = engine.model.generate(
            **prepared.prepared.inputs, generation_config=engine.settings
        )[0]
        new = engine._tokenizer.decode(output[ids.shape[1] - 1 :], skip_special_tokens=True)
        [answer] = captioner.caption([prepared])
        assert not isinstance(answer, CaptionerError)
        assert answer[0].text.split() == new.split()
        captioner.close()


def test_florence_describes_without_being_told_how_long_a_picture_is(tmp_path: Path) -> None:
    folder = save_random("florence2", tmp_path)
    for file in folder.glob("*.json"):
        file.write_text(re.sub(r'"image_seq_length": 5,?', "", file.read_text()))
    captioner = Mllm(str(folder), max_new_tokens=6, precision="fp32")
    [answer] = captioner.caption([view(1, (56, 40))])
    assert not isinstance(answer, CaptionerError)
    captioner.close()


def test_captioning_models_are_asked_in_their_own_way() -> None:
    sentence = ("Please describe.",)
    assert Kind("blip").questions("captions", sentence) == ("",)
    assert Kind("blip").questions("a dog that", sentence) == sentence
    assert Kind("paligemma").questions("tags", sentence) == ("describe en",)
    assert Kind("instructblip").questions("captions", sentence) == sentence
    assert Kind("llava").questions("captions", sentence) == sentence
    florence = Kind("florence2")
    tasks = florence.questions("captions", sentence)
    assert len(tasks) == 3
    assert asked_of(florence, tasks, view(1, (9, 9))) == tasks
    assert asked_of(florence, tasks, view(1, (9, 9), "left half")) == tasks[:1]


def test_regions_of_florence_are_kept_as_boxes() -> None:
    tasks = Kind("florence2").questions("captions", ())
    answers = [
        "A dog in a park.",
        "dog<loc_0><loc_250><loc_499><loc_749>tree<loc_500><loc_250><loc_999><loc_749>",
        "EXIT",
    ]
    # A view of 200 x 100 of a crop twice as large, padded to a square of 200.
    crop = Crop("right half", Box(1000, 0, 1400, 200))
    seen = View(crop, Image.new("RGB", (200, 100)))
    texts = told(tasks, answers, Image.new("RGB", (200, 200)), seen)
    assert [(entry.text, entry.field) for entry in texts] == [
        ("A dog in a park.\ndog, tree", "caption"),
        ("EXIT", "text"),
        ("dog", "seen"),
        ("tree", "seen"),
    ]
    rights = (Box(1000, 0, 1200, 200), Box(1200, 0, 1400, 200))
    for found, right in zip((texts[2].box, texts[3].box), rights, strict=True):
        assert found is not None
        assert all(abs(a - b) <= 2 for a, b in zip(found, right, strict=True))


@pytest.mark.parametrize("model_type", ["moondream1", "own"])
def test_code_of_a_repository_is_not_run_unasked(
    model_type: str, models: Path, tmp_path: Path
) -> None:
    source = models / "blip"
    if not source.exists():
        save_random("blip", models)
    folder = tmp_path / "own"
    folder.mkdir()
    shutil.copy(source / "model.safetensors", folder)
    (folder / "config.json").write_text(
        json.dumps({"model_type": model_type, "auto_map": {"AutoConfig": "own.C"}})
    )
    (folder / "own.py").write_text("raise SystemExit('this was run')\nclass C: pass\n")
    with pytest.raises(CaptionerError, match="--trust-remote-code") as refused:
        Mllm(str(folder))
    assert model_type in str(refused.value)
    assert "Python code" in str(refused.value)
