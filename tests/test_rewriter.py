"""A rewriter is trained, stopped, gone on with, and used: tiny models on an index in memory."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from conftest import REPOSITORY, open_in_memory
from fakes import COLOURS, picture
from scripted import scripted
from test_baselines import save_clip, save_tokenizer
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import lexsearch
from lexsearch.cli import cli
from lexsearch.errors import ModelError, RewritingError
from lexsearch.evaluation.baselines import DualEncoder
from lexsearch.language import LLM_MODEL, LLM_URL
from lexsearch.language.local import Local
from lexsearch.rewriting import Rewriter
from lexsearch.rewriting.pairs import Pair, Pairs, PairsFile, Rewrite, split_of
from lexsearch.rewriting.retriever import Asked, LexicalRetriever
from lexsearch.rewriting.rewriter import ABOUT
from lexsearch.rewriting.source import RewrittenSource
from lexsearch.rewriting.sources import lexical
from lexsearch.rewriting.training import trainer
from lexsearch.rewriting.training.policy import Policy
from lexsearch.rewriting.training.presets import PRESETS, Preset
from lexsearch.rewriting.training.trainer import LOG, Plan, said_by, train

THINGS = [f"thing{n}" for n in range(12)]
SECRET = {thing: f"zo{n}q" for n, thing in enumerate(THINGS)}
PLACES = ["room", "street", "garden", "kitchen", "beach"]
WORDS = ["<pad>", "</s>", "<unk>", "<sep>", "a", "in", "the", *PLACES, *THINGS, *SECRET.values()]
TEMPLATE = "{{ messages[0]['content'].split(': ', 1)[1] }} <sep>"


def save_model(folder: Path, template: str | None = TEMPLATE) -> Path:
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        chat_template=template,
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def nothing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in (LLM_URL, LLM_MODEL):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LEXSEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("lexsearch.chat._FIRST_PAUSE", 0.02)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lexsearch.Index]:
    with open_in_memory(tmp_path_factory.mktemp("indexes") / "index") as index:
        index.import_captions(
            json.dumps({"doc_id": f"{thing}-{place}", "text": f"a {thing} in the {place}"})
            for thing in THINGS
            for place in PLACES
        )
        yield index


@pytest.fixture(scope="module")
def retriever(index: lexsearch.Index) -> LexicalRetriever:
    return lexical(index, index.documents(), "paper")[0]


@pytest.fixture(scope="module")
def pairs(index: lexsearch.Index, retriever: LexicalRetriever) -> Pairs:
    """The secret word for a thing is the query; rewrites say it, another thing, or leave it."""
    rows = []
    chance = random.Random(0)
    for doc_id in index.documents():
        thing, place = doc_id.split("-")
        query = f"a {SECRET[thing]} in the {place}"
        said = [f"a {one} in the {place}" for one in (chance.choice(THINGS), thing)] + [query]
        verdicts = retriever.judge([Asked(query, doc_id, text) for text in said])
        rewrites = [
            Rewrite(text, verdict.rank, verdict.score, number)
            for number, (text, verdict) in enumerate(zip(said, verdicts, strict=True), 1)
        ]
        rows.append(
            Pair(
                query,
                doc_id,
                "high" if chance.random() < 0.3 else "low",
                verdicts[-1].rank,
                verdicts[-1].score,
                tuple(rewrites),
                f"a {thing} in the {place}",
                retriever.key,
                "test",
                1,
            )
        )
    return Pairs(rows, 0)


SMALL = Preset(
    replace(PRESETS["tiny"].sft, steps=60, batch=16, rate=5e-3, target="best"),
    replace(PRESETS["tiny"].pro, steps=6, batch=4),
    replace(PRESETS["tiny"].ppo, steps=6, batch=8),
    longest=10,
    at_once=8,
)


def log_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


# What a policy says


def test_log_probabilities_do_not_depend_on_padding(base: Path) -> None:
    policy = Policy(str(base), lora=0)
    queries = ["a zo1q in the room", "room", "a thing2 in the garden in the beach"]
    answers = [policy.answer(text) for text in ("a thing1", "beach beach beach beach", "room")]
    prompts = [policy.prompt(query) for query in queries]
    with torch.no_grad():
        together = policy.say(prompts, answers)
        for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            logits = policy.model(torch.tensor([prompt + answer])).logits[0].log_softmax(-1)
            for place, token in enumerate(answer):
                alone = logits[len(prompt) + place - 1, token].item()
                assert together.log_probs[row, place].item() == pytest.approx(alone, abs=1e-4)
            assert together.mask[row].sum() == len(answer)


def test_a_model_without_a_chat_template_is_asked_in_a_line(tmp_path: Path) -> None:
    policy = Policy(str(save_model(tmp_path / "plain", None)), lora=0)
    assert policy.tokenizer.decode(policy.prompt("a room")).endswith("a room")


# Training


@pytest.fixture(scope="module")
def trained(
    base: Path,
    pairs: Pairs,
    retriever: LexicalRetriever,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    out = tmp_path_factory.mktemp("trained") / "rewriter"
    torch.set_num_threads(1)
    train(Plan(str(base), out, preset=SMALL, every=3), pairs, retriever)
    return out


def test_three_stages_make_a_folder_of_transformers(trained: Path, pairs: Pairs) -> None:
    rows = log_of(trained)
    assert [row["stage"] for row in rows if row["step"] == 0] == ["sft", "pro", "ppo"]
    assert [row["step"] for row in rows if row["stage"] == "ppo"] == [0, 3, 6]
    for row in rows:
        assert all(value == value for value in row.values()), "no NaN"
        assert {"held_out_reward", "R@1", "R@5", "R@10"} <= row.keys()
    assert {"kl", "beta", "entropy", "reward"} <= rows[-1].keys()
    first, last = rows[0], [row for row in rows if row["stage"] == "sft"][-1]
    assert last["held_out_loss"] < first["held_out_loss"]
    assert last["held_out_reward"] > first["held_out_reward"]
    about = json.loads((trained / ABOUT).read_text())
    assert about["stages"] == ["sft", "pro", "ppo"]
    assert about["pairs"]["train"] == len(pairs.of("train"))
    assert about["held_out"]["ppo"] in rows
    assert not (trained / "work").exists()
    assert Local(str(trained)).ask([]) == []


def test_the_same_seed_gives_the_same_numbers_and_another_one_others(
    trained: Path, base: Path, pairs: Pairs, retriever: LexicalRetriever, tmp_path: Path
) -> None:
    train(Plan(str(base), tmp_path / "again", preset=SMALL, every=3), pairs, retriever)
    assert log_of(tmp_path / "again") == log_of(trained)
    train(Plan(str(base), tmp_path / "other", preset=SMALL, every=3, seed=1), pairs, retriever)
    assert log_of(tmp_path / "other") != log_of(trained)


@pytest.mark.parametrize("stage", ["sft", "pro", "ppo"])
def test_a_run_that_is_resumed_is_the_run_that_was_not_interrupted(
    trained: Path,
    base: Path,
    pairs: Pairs,
    retriever: LexicalRetriever,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
) -> None:
    """It ends in a step after a checkpoint, when a later line of the log is already written."""
    plan = Plan(str(base), tmp_path / "out", preset=SMALL, every=3)
    keep = trainer._Run._keep

    def dies(run: trainer._Run, state: dict) -> None:
        if (state["name"], state["step"]) == (stage, 6):
            raise KeyboardInterrupt
        keep(run, state)

    monkeypatch.setattr(trainer._Run, "_keep", dies)
    with pytest.raises(KeyboardInterrupt):
        train(plan, pairs, retriever)
    assert log_of(plan.out)[-1]["step"] == 6
    monkeypatch.setattr(trainer._Run, "_keep", keep)
    with pytest.raises(RewritingError, match="not empty; --resume"):
        train(plan, pairs, retriever)
    with pytest.raises(RewritingError, match="another seed"):
        train(replace(plan, seed=5), pairs, retriever, resume=True)
    with pytest.raises(RewritingError, match="no finished rewriter"):
        Rewriter(plan.out)
    train(plan, pairs, retriever, resume=True)
    assert log_of(plan.out) == log_of(trained)
    queries = pairs.of("test")
    said = [said_by(Policy(str(one), lora=0), queries, SMALL) for one in (plan.out, trained)]
    assert said[0] == said[1]


def test_the_paper_s_settings_run_unchanged_on_a_small_model(
    base: Path, pairs: Pairs, retriever: LexicalRetriever, tmp_path: Path
) -> None:
    about = train(Plan(str(base), tmp_path / "out", every=100), pairs, retriever)
    assert about["preset"]["sft"]["rate"] == 1e-5
    steps = [row["step"] for row in log_of(tmp_path / "out")]
    batches = -(-len(pairs.of("train")) // 32)
    assert steps[-1] == batches, "one epoch of PPO in batches of 32"


def test_adapters_are_merged_between_stages(
    base: Path, pairs: Pairs, retriever: LexicalRetriever, tmp_path: Path
) -> None:
    pytest.importorskip("peft")
    plan = Plan(str(base), tmp_path / "out", preset=replace(SMALL, lora=4), every=3)
    train(plan, pairs, retriever)
    assert not list(plan.out.glob("adapter*"))
    rows = log_of(plan.out)
    first = next(row for row in rows if row["stage"] == "ppo")
    last = [row for row in rows if row["stage"] == "pro"]
    best = max(last, key=lambda row: row["held_out_reward"])
    assert first["held_out_reward"] == pytest.approx(best["held_out_reward"], abs=1e-6)
    again = replace(plan, out=tmp_path / "again")
    train(again, pairs, retriever)
    assert log_of(again.out) == rows


def test_what_cannot_be_trained_is_told(
    base: Path, pairs: Pairs, retriever: LexicalRetriever, tmp_path: Path, trained: Path
) -> None:
    plan = Plan(str(base), tmp_path / "out", preset=SMALL)
    with pytest.raises(RewritingError, match="no pair to train on"):
        train(plan, Pairs([], 0), retriever)
    with pytest.raises(RewritingError, match="no stage 'dpo'"):
        train(replace(plan, stages=["dpo"]), pairs, retriever)
    with pytest.raises(RewritingError, match="in this order: sft,pro,ppo"):
        train(replace(plan, stages=["ppo", "sft"]), pairs, retriever)
    single = Pairs([replace(row, rewrites=row.rewrites[:1]) for row in pairs.rows], 0)
    with pytest.raises(RewritingError, match="no query has two rewrites"):
        train(plan, single, retriever)
    with pytest.raises(RewritingError, match="has a finished rewriter"):
        train(replace(plan, out=trained), pairs, retriever, resume=True)
    with pytest.raises(ModelError, match="cannot be loaded"):
        train(replace(plan, base=str(tmp_path / "no")), pairs, retriever)


KILLED = r"""
import os, sys, torch
torch.set_num_threads(1)
from click.testing import CliRunner
from lexsearch.cli import cli
from lexsearch.rewriting.training import presets, trainer
from test_rewriter import SMALL
presets.PRESETS["tiny"] = SMALL
kept = trainer._write_anew
def told(place, write):
    kept(place, write)
    os.write(1, b"kept\n")
trainer._write_anew = told
done = CliRunner().invoke(cli, sys.argv[1:], catch_exceptions=False)
print(done.output, flush=True)
sys.exit(done.exit_code)
"""


@pytest.mark.process
def test_whenever_training_is_killed_it_goes_on(
    base: Path, pairs: Pairs, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Killed after so many of its files were written."""
    with lexsearch.open(tmp_path / "index") as index:
        index.import_captions(
            json.dumps({"doc_id": f"{thing}-{place}", "text": f"a {thing} in the {place}"})
            for thing in THINGS
            for place in PLACES
        )
    file = PairsFile(tmp_path / "pairs.jsonl")
    file.write(pairs.rows)
    file.close()
    command = [
        *("rewrite", "train", "pairs.jsonl", "--base", str(base), "--preset", "tiny", "-q"),
        *("--every", "3", "--index", "index", "--out", "out"),
    ]

    def run(kill_after: int | None, *more: str) -> int:
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, *command, *more],
            cwd=tmp_path,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        written = 0
        for line in process.stdout:
            written += line.startswith("kept")
            if written == kill_after:
                process.send_signal(signal.SIGKILL)
                break
        _, problem = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), problem
        return process.returncode

    assert run(10) == -signal.SIGKILL  # in SFT
    assert run(16, "--resume") == -signal.SIGKILL  # later
    assert run(None, "--resume") == 0
    killed = log_of(tmp_path / "out")
    command[-1] = "whole"
    assert run(None) == 0
    assert killed == log_of(tmp_path / "whole")
    keys = [(row["stage"], row["step"]) for row in killed]
    assert len(set(keys)) == len(keys)
    assert (tmp_path / "whole" / "curves.png").exists()


# Use


def test_it_says_queries_and_keeps_what_was_marked(trained: Path) -> None:
    rewriter = Rewriter(trained)
    [one, two, three] = rewriter.rewrite(["a zo3q in the room", '-dog, "bus"', "a zo3q, -thing5"])
    assert one.text
    assert one.together.also == (one.text,)
    assert str(one.together.keywords[0].text) == "a zo3q in the room"
    assert one.alone.keywords[0].text == one.text
    assert "nothing to rewrite" in two.note
    assert [word.sign for word in three.alone.keywords][-1:] == ["-"]
    assert three.alone.keywords[-1].text == "thing5"


def test_a_batch_says_what_single_questions_say(trained: Path, pairs: Pairs) -> None:
    queries = [pair.query for pair in pairs.rows[:20]]
    rewriter = Rewriter(trained)
    together = [one.text for one in rewriter.rewrite(queries)]
    assert together == [rewriter.rewrite([query])[0].text for query in queries]


@pytest.mark.parametrize(
    ("answer", "searched", "note"),
    [
        ("a brown dog", "a brown dog", ""),
        ("a canine beast", "", ""),
        ("the of a", "", "no telling word"),
        ("word " * 41, "", "something long"),
        ("one two three four five six seven eight", "", "something long"),
    ],
)
def test_what_is_of_no_use_is_not_searched(answer: str, searched: str, note: str) -> None:
    from lexsearch.language import open_language_model

    with scripted(answer) as server:
        model = open_language_model(server.url)
        [one] = Rewriter(model).rewrite(["a canine beast"])
        model.close()
        assert [turn["role"] for turn in server.requests[0]["messages"]] == ["user"]
    assert one.text == searched
    assert note in one.note
    assert (one.together == one.query) == (not searched)


@pytest.fixture
def run(index: lexsearch.Index, tmp_path: Path) -> Callable[..., Result]:
    held = [doc_id for doc_id in index.documents() if split_of(doc_id) == "train"][:10]
    queries = [f"a {SECRET[one.split('-')[0]]} in the {one.split('-')[1]}" for one in held]
    rows = [f"{number}\t{query}\n" for number, query in enumerate(queries)]
    (tmp_path / "topics.tsv").write_text("".join(rows))
    (tmp_path / "qrels.txt").write_text("".join(f"{n} 0 {one} 1\n" for n, one in enumerate(held)))

    def run(*arguments: object) -> Result:
        given = [str(one).replace("TMP", str(tmp_path)) for one in arguments]
        return CliRunner().invoke(cli, given, env={"LEXSEARCH_INDEX": index.name})

    return run


def test_the_commands_use_it(run: Callable[..., Result], trained: Path) -> None:
    said = run("rewrite", "say", "a zo3q in the room", "--with", trained)
    assert said.exit_code == 0, said.output
    [text] = said.stdout.splitlines()
    found = run("query", "a zo3q in the room", "--rewrite", trained)
    assert found.exit_code == 0
    assert f"rewritten: {text}" in found.output
    alone = run("query", "a zo3q in the room", "--rewrite", trained, "--fuse", "only", "--json")
    plain = run("query", text, "--json")
    assert alone.stdout == plain.stdout
    asked = ("evaluate", "--topics", "TMP/topics.tsv", "--qrels", "TMP/qrels.txt", "-q", "--json")
    rows = {}
    for name, more in {
        "typed": (),
        "together": ("--rewrite", trained),
        "alone": ("--rewrite", trained, "--fuse", "only"),
    }.items():
        done = run(*asked, "--mode", "paper", *more)
        assert done.exit_code == 0, done.output
        rows[name] = json.loads(done.stdout.splitlines()[0])
    assert rows["together"]["not_rewritten"] == 0
    assert rows["alone"]["measures"]["RR"] > rows["typed"]["measures"]["RR"]
    other = run(*asked, "--rewrite", trained)
    assert "learned from another search" in other.output


def test_wrong_usage_and_missing_folders_are_told(
    run: Callable[..., Result], trained: Path, tmp_path: Path
) -> None:
    done = run("query", "a zo3q", "--fuse", "only")
    assert done.exit_code == 2
    assert "--rewrite" in done.output
    assert run("query", "a zo3q", "--rewrite", trained, "--enhance").exit_code == 2
    done = run("query", "a zo3q", "--rewrite", "TMP/nowhere")
    assert isinstance(done.exception, RewritingError)
    assert "lexsearch rewrite train" in str(done.exception)
    done = run("query", "a zo3q", "--rewrite", "llm")
    assert done.exit_code == 2


def test_a_server_that_is_gone_leaves_the_search_as_typed(run: Callable[..., Result]) -> None:
    plain = run("query", "thing3")
    gone = ("--rewrite", "llm", "--llm", "http://127.0.0.1:9/v1", "--llm-model", "m")
    found = run("query", "thing3", *gone, "--patience", "5")
    assert found.stdout == plain.stdout
    assert "note: not rewritten" in found.output
    done = run(*("evaluate", "--topics", "TMP/topics.tsv", "--qrels", "TMP/qrels.txt", "-q"), *gone)
    assert done.exception is not None, "figures of the plain search would pass for others"


def test_rankings_are_those_of_the_parts(trained: Path, index: lexsearch.Index) -> None:
    _, source = lexical(index, index.documents(), "paper")
    query = "a zo3q in the room"
    rewriter = Rewriter(trained)
    [one] = rewriter.rewrite([query])
    alone = RewrittenSource(source, rewriter, "only")
    assert alone.rank(query, 10) == source.rank(one.alone, 10)
    both = RewrittenSource(source, rewriter, "sum")
    expected = index.rank(query, 60, mode="paper", also=[one.text], weight=1.0)
    assert both.rank(query, 60) == expected


@pytest.mark.process
def test_a_dual_encoder_is_fine_tuned_on_captions_of_which_some_are_rewritten(
    trained: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """The benchmark's script, on a tiny random CLIP."""
    images = []
    for number, (name, colour) in enumerate(COLOURS.items()):
        picture(tmp_path / "images" / f"{name}.png", colour)
        images.append({"filename": f"{name}.png", "split": "train", "imgid": number})
        images[-1]["sentences"] = [{"raw": f"a {name}"}, {"raw": "a big half"}]
    (tmp_path / "data.json").write_text(json.dumps({"dataset": "colours", "images": images}))
    torch.manual_seed(0)
    save_clip(tmp_path / "clip")
    save_tokenizer(tmp_path / "clip")
    command = [
        *(sys.executable, REPOSITORY / "benchmarks" / "finetune_clip.py", "--model", "clip"),
        *("--data", "data.json", "--images", "images", "--rewriter", trained, "--out", "tuned"),
        *("--epochs", "2", "--batch", "8", "--warmup", "2", "--rate", "1e-3"),
    ]
    done = subprocess.run(
        list(map(str, command)), cwd=tmp_path, env=environment, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert "of 4" in done.stdout
    before, after = (DualEncoder(str(tmp_path / name)) for name in ("clip", "tuned"))
    assert abs(before.encode_texts(["a red"]) - after.encode_texts(["a red"])).max() > 1e-6
