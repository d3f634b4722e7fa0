"""Multimodal language models, by a real LLaVA that is tiny and knows nothing."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from conftest import Run
from fakes import picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from random_llava import SIDE, save_tiny_llava, save_tiny_llava_next

import lexsearch
from lexsearch.captioners import open_captioner
from lexsearch.captioners.mllm import Mllm
from lexsearch.captioners.mllm.framing import FILL, LEAST_SIDE, MAX_RATIO, frame
from lexsearch.captioners.mllm.weights import Weights, choose_precision, find_weights, is_cached
from lexsearch.captioners.prompts import FOLLOW_UP, PROMPTS
from lexsearch.errors import CaptionerError, CaptionerUnavailable
from lexsearch.records import WHOLE, Box, CaptionerKey, Crop, View

SIZES = [(56, 40), (30, 56), (56, 56), (20, 12), (56, 1), (1, 56), (1, 1)]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llava(tmp_path_factory.mktemp("models") / "tiny-llava")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny(model: Path) -> Iterator[Callable[..., Mllm]]:
    """Make captioners of the tiny model, closed after the test."""
    made: list[Mllm] = []

    def make(**options: object) -> Mllm:
        captioner = open_captioner("mllm", **{"model": str(model), "max_new_tokens": 10, **options})
        assert isinstance(captioner, Mllm)
        made.append(captioner)
        return captioner

    yield make
    for captioner in made:
        captioner.close()


def view(number: int, size: tuple[int, int] = (SIDE, 40)) -> View:
    """A view in two colours that no other number has."""
    colours = random.Random(number)
    image = Image.new("RGB", size, tuple(colours.choices(range(256), k=3)))
    corner = (0, 0, size[0] // 2 + 1, size[1] // 2 + 1)
    image.paste(tuple(colours.choices(range(256), k=3)), corner)
    return View(Crop(WHOLE, Box(0, 0, *size)), image)


def views() -> list[View]:
    return [view(number, size) for number, size in enumerate(SIZES)]


def texts(captioner: Mllm, given: list[View]) -> list[str]:
    answers = captioner.caption(given)
    assert not any(isinstance(answer, CaptionerError) for answer in answers)
    return ["".join(words.text for words in answer) for answer in answers]


class TestCaptions:
    def test_depend_on_the_picture_alone_and_are_the_same_again(self, tiny) -> None:
        once = texts(tiny(), views())
        assert len(set(once)) == len(SIZES)
        assert all(once)
        assert texts(tiny(), views()) == once

    @pytest.mark.parametrize("size", [1, 2, 3, 5, 16])
    def test_of_a_batch_are_those_of_one_by_one(self, tiny, size: int) -> None:
        one_by_one = tiny(batch_size=1)
        alone = [texts(one_by_one, [one])[0] for one in views()]
        assert texts(tiny(batch_size=size), views()) == alone

    def test_prepared_ahead_are_the_same(self, tiny) -> None:
        captioner = tiny()
        captioner.load()
        ahead = [captioner.prepare(one) for one in views()]
        assert texts(captioner, ahead) == texts(captioner, views())

    def test_with_a_static_cache_are_the_same(self, tiny) -> None:
        captioner = tiny(batch_size=3)
        expected = texts(captioner, views())
        captioner._engine.static = True
        assert texts(captioner, views()) == expected
        assert texts(captioner, views()[:3]) == expected[:3]
        cache = captioner._engine._cache
        assert texts(captioner, views()[3:6]) == expected[3:6]
        assert captioner._engine._cache is cache, "kept from batch to batch"
        assert texts(captioner, views()[:1]) == expected[:1]
        assert captioner._engine._cache is not cache, "another batch size, another cache"

    def test_on_two_devices_are_the_same(self, tiny) -> None:
        two = tiny(devices=["cpu", "cpu"], batch_size=2)
        assert texts(two, views()) == texts(tiny(), views())
        assert two.batch_size == 4

    def test_end_after_so_many_tokens(self, tiny) -> None:
        assert max(len(text.split()) for text in texts(tiny(max_new_tokens=3), views())) == 3

    def test_follow_up_adds_to_the_first_answer(self, tiny) -> None:
        first = texts(tiny(), views())
        both = texts(tiny(follow_up=True), views())
        assert [text.split("\n")[0] for text in both] == first
        assert any("\n" in text for text in both)
        assert texts(tiny(follow_up=True, batch_size=1), views()) == both

    def test_follow_up_is_asked_after_the_first_answer(self, tiny, monkeypatch) -> None:
        captioner = tiny(follow_up=True)
        captioner.load()
        asked = []
        process = captioner._processor.__class__.__call__

        def spy(self, **more):
            asked.extend(more["text"])
            return process(self, **more)

        monkeypatch.setattr(captioner._processor.__class__, "__call__", spy)
        (text,) = texts(captioner, [view(1)])
        first, second = asked
        assert first == f"USER: <image>\n{PROMPTS['captions']} ASSISTANT:"
        answer = text.split("\n")[0]
        assert second == (
            f"USER: <image>\n{PROMPTS['captions']} ASSISTANT: {answer} USER: {FOLLOW_UP} ASSISTANT:"
        )

    def test_another_prompt_says_other_things(self, tiny) -> None:
        assert texts(tiny(prompt="tags"), views()) != texts(tiny(), views())


class TestOtherModels:
    @pytest.mark.parametrize("framing", ["pad", "processor"])
    def test_that_take_views_of_several_shapes(self, tiny, tmp_path: Path, framing: str) -> None:
        options: dict[str, Any] = {"framing": framing}
        options["model"] = str(save_tiny_llava_next(tmp_path / "next"))
        options |= {"follow_up": True, "max_new_tokens": 5}
        given = [*views(), view(8, (200, 100)), view(9, (400, 60))]
        together = tiny(batch_size=4, **options)
        alone = tiny(batch_size=1, **options)
        assert texts(together, given) == [texts(alone, [one])[0] for one in given]
        assert together.batch_size == 16, "several batches at once, so that like can join like"


class TestPixels:
    """How much of a view reaches the model."""

    def seen(self, captioner: Mllm, image: Image.Image) -> float:
        """The share of the view's pixels, by a white view that something else surrounds."""
        captioner.load()
        ready = captioner.prepare(View(Crop(WHOLE, Box(0, 0, *image.size)), image)).prepared
        pixels = ready.inputs["pixel_values"]
        assert pixels.shape == (1, 3, SIDE, SIDE)
        return float((pixels > 1.0).all(1).float().mean())

    def marked(self, width: int, height: int, share: float) -> Image.Image:
        """Black, and white as far as the middle `share` of the width."""
        image = Image.new("RGB", (width, height))
        side = round(width * share)
        image.paste((255, 255, 255), ((width - side) // 2, 0, (width + side) // 2, height))
        return image

    @pytest.mark.parametrize(
        ("width", "height", "share"), [(336, 224, 2 / 3), (168, 224, 3 / 4), (336, 112, 1 / 3)]
    )
    def test_padding_shows_all_and_the_processor_cuts(
        self, tiny, width: int, height: int, share: float
    ) -> None:
        # Shares of a photo of 3:2, of its left half and of its upper half.
        white = Image.new("RGB", (width, height), (255, 255, 255))
        area = min(width, height) / max(width, height)  # of the square, that is not padding
        assert self.seen(tiny(framing="pad"), white) == pytest.approx(area, abs=0.04)
        cut = tiny(framing="processor")
        assert self.seen(cut, white) == 1.0
        if width > height:
            assert self.seen(cut, self.marked(width, height, share)) == pytest.approx(1, abs=0.04)
            assert self.seen(cut, self.marked(width, height, share / 2)) == pytest.approx(
                0.5, abs=0.04
            )

    def test_the_processor_alone_is_left_to_cut(self, tiny, model: Path) -> None:
        from transformers import AutoProcessor

        captioner = tiny(framing="processor")
        captioner.load()
        image = view(1, (100, 70)).image
        plain = AutoProcessor.from_pretrained(model, backend="pil")(images=image, text="<image>")
        ours = captioner.prepare(View(Crop(WHOLE, Box(0, 0, 100, 70)), image)).prepared
        assert (ours.inputs["pixel_values"][0].numpy() == plain["pixel_values"][0]).all()

    @given(st.integers(56, 400), st.integers(56, 400), st.sampled_from(["pad", "processor"]))
    def test_framing_keeps_the_view_in_the_middle(self, width, height, framing) -> None:
        image = Image.new("RGB", (width, height), (255, 255, 255))
        framed = frame(image, framing)
        limit = 1 if framing == "pad" else MAX_RATIO
        assert max(framed.size) <= limit * min(framed.size)
        assert max(framed.size) == max(width, height)
        left, top = (framed.width - width) // 2, (framed.height - height) // 2
        inside = framed.crop((left, top, left + width, top + height))
        assert inside.tobytes() == image.tobytes()
        if framed.size != image.size:
            assert framed.getpixel((framed.width - 1, framed.height - 1)) == FILL

    @given(st.integers(1, 400), st.integers(1, 55), st.sampled_from(["pad", "processor"]))
    def test_small_views_are_enlarged_to_what_models_take(self, long, short, framing) -> None:
        framed = frame(Image.new("RGB", (long, short)), framing)
        assert min(framed.size) >= LEAST_SIDE
        limit = 1 if framing == "pad" else MAX_RATIO
        assert max(framed.size) <= limit * (min(framed.size) + 1)

    @pytest.mark.parametrize("framing", ["pad", "processor"])
    def test_a_line_of_pixels_costs_no_more_than_another_view(self, tiny, framing: str) -> None:
        captioner = tiny(framing=framing)
        captioner.load()
        process = captioner._processor.image_processor
        largest = []
        resize = process.resize

        def spy(image, size, **more):
            resized = resize(image, size, **more)
            largest.append(resized.size)
            return resized

        process.resize = spy
        side = captioner.view_side
        assert texts(captioner, [view(1, (side, 1)), view(2, (1, side))])
        assert max(largest) <= 3 * MAX_RATIO * SIDE**2


class TestMemory:
    def starve(self, captioner: Mllm, most: int, error: Exception | None = None) -> list[int]:
        """Let the model run out of memory with more than `most` views; the batches it gets."""
        import torch

        error = error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        captioner.load()
        engine = captioner._engine
        generate, sizes = engine.model.generate, []

        def failing(**inputs):
            sizes.append(len(inputs["input_ids"]))
            if sizes[-1] > most:
                raise error
            return generate(**inputs)

        engine.model.generate = failing
        return sizes

    def test_a_batch_that_does_not_fit_is_halved_and_done(self, tiny, caplog) -> None:
        expected = texts(tiny(), views())
        captioner = tiny(batch_size=7)
        sizes = self.starve(captioner, most=2)
        assert texts(captioner, views()) == expected
        assert sizes == [7, 3, 1, 1, 1, 1, 1, 1, 1]
        assert captioner.batch_size == 1, "whoever fills batches is told"
        assert "out of memory with 7 views at once; going on with 3" in caplog.text

    @pytest.mark.parametrize(
        "words",
        [
            "[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
            "CUDA error: out of memory",
        ],
    )
    def test_memory_that_ran_out_by_another_name(self, tiny, words: str) -> None:
        captioner = tiny(batch_size=4)
        sizes = self.starve(captioner, 2, RuntimeError(words))
        assert texts(captioner, views()[:3])
        assert sizes == [3, 1, 1, 1]

    def test_a_view_that_does_not_fit_at_all_fails_alone(self, tiny) -> None:
        captioner = tiny(batch_size=2)
        self.starve(captioner, most=0)
        answers = captioner.caption(views()[:3])
        assert [type(answer) for answer in answers] == [CaptionerError] * 3
        assert "not enough memory" in str(answers[0])

    def test_a_gpu_that_fails_ends_the_run(self, tiny, index, photos: Path) -> None:
        picture(photos / "a.png")
        captioner = tiny()
        captioner.load()

        def failing(**inputs):
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

        captioner._engine.model.generate = failing
        with pytest.raises(CaptionerUnavailable, match="the GPU failed"):
            index.add(photos, captioner=captioner)
        assert index.status().pictures == 1
        assert not index.status().failures

    @pytest.mark.parametrize(
        ("free", "precision"), [(141, "bf16"), (24, "int8"), (16, "nf4"), (12, "nf4")]
    )
    def test_precision_of_llava_13b_by_free_gigabytes(self, free: int, precision: str) -> None:
        llava = Weights(Path(), "llava-1.5-13b", "", 13_350_000_000, 12_690_000_000)
        chosen = choose_precision(llava, free * 10**9, ("bf16", "int8", "nf4"), "a GPU")
        assert chosen == precision

    def test_weights_at_each_precision(self) -> None:
        llava = Weights(Path(), "llava-1.5-13b", "", 13_350_000_000, 12_690_000_000)
        gigabytes = {p: llava.bytes_at(p) / 1e9 for p in ("bf16", "int8", "nf4")}
        assert gigabytes == pytest.approx({"bf16": 26.7, "int8": 14.0, "nf4": 8.5}, abs=0.05)

    def test_too_little_memory_is_said(self) -> None:
        llava = Weights(Path(), "llava-1.5-13b", "", 13_350_000_000, 12_690_000_000)
        with pytest.raises(CaptionerError, match=r"needs 11\.3 GB even at nf4, and 8\.0 GB are fr"):
            choose_precision(llava, 8 * 10**9, ("bf16", "int8", "nf4"), "a GPU")


class TestPrecision:
    @pytest.mark.parametrize("precision", ["int8", "nf4"])
    def test_the_language_model_alone_is_quantised(self, tiny, precision: str) -> None:
        captioner = tiny(precision=precision)
        said = texts(captioner, views())
        assert any(said)
        assert texts(tiny(precision=precision), views()) == said
        modules = dict(captioner._engine.model.named_modules())
        quantised = {
            name for name, module in modules.items() if "bitsandbytes" in type(module).__module__
        }
        linear = {
            name
            for name, module in modules.items()
            if name.startswith("model.language_model.layers.") and name.endswith("_proj")
        }
        assert quantised == linear
        assert len(linear) == 2 * 7

    def test_weights_are_counted_as_they_are(self, tiny, model: Path) -> None:
        captioner = tiny()
        captioner.load()
        loaded = dict(captioner._engine.model.named_parameters())
        linear = sum(
            weights.numel()
            for name, weights in loaded.items()
            if "language_model.layers" in name and weights.dim() == 2
        )
        found = find_weights(str(model))
        assert found.parameters == sum(weights.numel() for weights in loaded.values())
        assert found.linear == linear

    def test_attention_is_the_quick_one(self, tiny) -> None:
        captioner = tiny()
        captioner.load()
        config = captioner._engine.model.config
        assert config.text_config._attn_implementation == "sdpa"
        assert config.vision_config._attn_implementation == "sdpa"

    def test_bf16(self, tiny) -> None:
        import torch

        captioner = tiny(precision="bf16")
        assert any(texts(captioner, views()))
        assert captioner._engine.model.dtype is torch.bfloat16


class TestKey:
    def test_changes_with_every_setting_that_changes_the_text(
        self, tiny, model: Path, tmp_path: Path
    ) -> None:
        other = save_tiny_llava(tmp_path / "tiny-llava", seed=2)
        keys = [
            tiny(**options).key
            for options in (
                {},
                {"model": str(other)},
                {"prompt": "tags"},
                {"prompt": "What is this?"},
                {"follow_up": True},
                {"precision": "bf16"},
                {"precision": "int8"},
                {"precision": "nf4"},
                {"framing": "processor"},
                {"max_new_tokens": 11},
            )
        ]
        assert len(set(keys)) == len(keys)
        assert tiny().key == keys[0]
        assert keys[0].prompt == PROMPTS["captions"]
        assert keys[0].name == "mllm"

    def test_does_not_change_with_the_place_or_the_batch(
        self, tiny, model: Path, tmp_path: Path
    ) -> None:
        moved = tmp_path / "elsewhere" / model.name
        shutil.copytree(model, moved)
        assert tiny(model=str(moved)).key == tiny(batch_size=9).key == tiny().key

    def test_a_changed_vocabulary_is_another_model(self, tiny, model: Path, tmp_path: Path) -> None:
        changed = tmp_path / model.name
        shutil.copytree(model, changed)
        template = changed / "chat_template.jinja"
        template.write_text(template.read_text() + " ")
        assert tiny(model=str(changed)).key != tiny().key


class TestErrors:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"precision": "int3"}, "no precision 'int3'"),
            ({"framing": "stretch"}, "no framing 'stretch'"),
            ({"prompt": " "}, "the prompt is empty"),
        ],
    )
    def test_wrong_options(self, tiny, options: dict[str, str], message: str) -> None:
        with pytest.raises(CaptionerError, match=message):
            tiny(**options)

    @pytest.mark.parametrize("name", ["llava-hf/llava-1.5-13b-hf", "no such: model", "x@y"])
    def test_a_model_that_was_not_fetched(self, name: str, tmp_path, monkeypatch) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
        assert not is_cached(name)
        with pytest.raises(CaptionerError, match="Run: hf download"):
            Mllm(name)

    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            (lambda folder: (folder / "config.json").unlink(), "holds no model"),
            (lambda folder: (folder / "model.safetensors").unlink(), "not complete"),
            (lambda folder: (folder / "model.safetensors").write_bytes(b"{"), "damaged"),
            (lambda folder: (folder / "config.json").write_text("{"), "does not load"),
            (lambda folder: (folder / "processor_config.json").unlink(), "does not"),
            (lambda folder: (folder / "tokenizer.json").unlink(), "does not load"),
        ],
    )
    def test_a_damaged_model(self, model: Path, tmp_path: Path, damage, message: str) -> None:
        folder = tmp_path / "damaged"
        shutil.copytree(model, folder)
        damage(folder)
        with pytest.raises(CaptionerError, match=message):
            Mllm(str(folder)).load()

    def test_weights_cut_short(self, model: Path, tmp_path: Path) -> None:
        folder = tmp_path / "short"
        shutil.copytree(model, folder)
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1000])
        with pytest.raises(CaptionerError, match="does not load"):
            Mllm(str(folder)).load()


class TestCommand:
    def test_index_with_a_model(
        self, model: Path, photos: Path, tmp_path: Path, lexsearch_command: Run
    ) -> None:
        for number, size in enumerate([(64, 48), (300, 2)]):
            view(number, size).image.save(photos / f"{number}.png")
        (photos / "bad.png").write_bytes(b"nothing")
        index = tmp_path / "index"
        command = ["index", photos, "--index", index, "--captioner", "mllm", "--model", model]
        ended = lexsearch_command(*command, "--precision", "fp32", "--prompt", "tags")
        assert ended.returncode == 3, ended.stderr
        assert "2 added, 2 captioned, 1 failed" in ended.stdout
        assert "captioner: mllm (1:tiny-llava@" in ended.stderr
        assert "fp32 on cpu: " in ended.stderr
        rows = [row for file in index.glob("captions/*") for row in pq.read_table(file).to_pylist()]
        rows = [row for row in rows if row["field"] == "caption"]
        assert {row["prompt"] for row in rows} == {PROMPTS["tags"]}
        assert len(rows) == 2 + 17  # of a line there are no patches
        with lexsearch.open(index) as opened:
            word = next(row["text"] for row in rows if row["text"]).split()[0]
            assert opened.search(word)
        again = lexsearch_command(*command, "--precision", "fp32", "--prompt", "tags", "--json")
        assert json.loads(again.stdout)["captioned"] == 0

    def test_auto_is_the_tagger_without_a_gpu(self) -> None:
        assert isinstance(open_captioner("auto").key, CaptionerKey)
        assert open_captioner("auto").key.name == "tagger"
