"""What the tagger says of photos, how often it is right, and how long it takes: one table.

    benchmarks/bench_tagger.py                       # coco-photos, coco-boxes of the test data
    benchmarks/bench_tagger.py --cache indexes/looks --before ../lexsearch-before

Everything is measured on photos that the numbers were not fitted on: the probabilities of things
are fitted on the other set (tools/make_fusion.py), and scene words were learnt from other pictures
(tools/make_scenes.py). Rows:

- precision and recall of all that a picture is said to show of MS-COCO's 80 names;
- people's captions of the 100 coco-photos as queries for their own photo (R@5, R@10, of BM25 and of
  an everyday search; the captions of the whole and of the 17 patches as the document);
- scene words: right where one of five people says the word of the photo, a lower bound;
- several ("people", "dogs") of things: right where annotators drew more than one box;
- the box shown (`benchmarks/bench_regions.py` has more of that);
- time for a photo with its 17 patches, beside the code of another checkout (--before), photos
  of this code and of that one in turn.

About four minutes on 2 cores; --cache keeps what the networks say.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from bench_regions import drawn, inside
from common import REPOSITORY, data_folder, say, table

import lexsearch
from lexsearch.captioners.tagger.fusing import LIKELY, THINGS, Fusion, likely_things
from lexsearch.captioners.tagger.naming import said_of
from lexsearch.captioners.tagger.scenes import told_by

sys.path.insert(0, str(REPOSITORY / "tools"))
from make_fusion import Photo, fit, labels_of, look_at
from make_scenes import read_captions

PHOTOS, BOXES = "coco-photos", "coco-boxes"
TIMED = """
import sys, time
from pathlib import Path
try:
    from lexsearch.images import crops; from lexsearch.images.files import open_picture
except ImportError:
    from lexsearch import crops; from lexsearch.images import open_picture
from lexsearch.captioners import open_captioner
from dataclasses import replace
tagger = open_captioner("tagger"); tagger.load()
def views(file):
    picture = open_picture(str(file), 1920); size = picture.width, picture.height
    return [picture.view(c, 640) for c in (*crops.whole(*size), *crops.fixed(*size))]
files = sorted(Path(sys.argv[1]).iterdir())
def describe(some):
    if getattr(tagger, "joint", False):
        wholes = [(whole, *patches) for whole, *patches in map(views, some)]
        tagger.caption([whole for whole, *_ in wholes])
        tagger.caption([replace(whole, patches=tuple(patches)) for whole, *patches in wholes])
    else:
        for file in some:
            tagger.caption(views(file))
describe(files[:2])
for line in sys.stdin:
    some = files[2:2 + int(line)]
    start, busy = time.perf_counter(), time.process_time(); describe(some)
    spent = time.perf_counter() - start, time.process_time() - busy
    print(*(seconds / len(some) for seconds in spent), flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the sets")
    parser.add_argument("--cache", type=Path, help="folder for what the networks say")
    parser.add_argument("--before", type=Path, help="a checkout whose tagger is timed beside")
    parser.add_argument("--rounds", type=int, default=3, help="of timing (default: 3)")
    parser.add_argument("--photos", type=int, default=10, help="in a round (default: 10)")
    options = parser.parse_args()
    data = data_folder(options.data)
    for name in (PHOTOS, BOXES):
        if not (data / name).is_dir():
            sys.exit(f"bench-tagger: there is no {data / name}; --data says where it is")
    photos = {name: look_at(data / name, options.cache) for name in (PHOTOS, BOXES)}
    labels = {
        name: labels_of(data / name, [photo.doc_id for photo in photos[name]]) for name in photos
    }
    fitted = {
        name: fit(photos[other], labels[other])
        for name, other in ((PHOTOS, BOXES), (BOXES, PHOTOS))
    }
    rows = [*named(photos, labels, fitted)]
    rows += found(data, photos[PHOTOS], fitted[PHOTOS])
    rows += scenes(data, photos[PHOTOS], fitted[PHOTOS])
    rows += several(data, photos[BOXES], fitted[BOXES])
    rows += shown(data, photos[BOXES], fitted[BOXES])
    if options.before:
        rows += timed(data / PHOTOS / "images", options.before, options.rounds, options.photos)
    table(("what", "on", "measured"), rows)


def named(
    photos: Mapping[str, Sequence[Photo]],
    labels: Mapping[str, np.ndarray],
    fitted: Mapping[str, Mapping[str, Fusion]],
) -> Iterator[tuple[str, str, str]]:
    for name, of_set in photos.items():
        for what, views in (("18 views", slice(None)), ("the whole alone", slice(1))):
            chances = [likely_things(photo.looks[views], fitted[name]) for photo in of_set]
            said = np.array(chances) >= LIKELY
            right = (said & labels[name]).sum()
            figures = f"{right / said.sum():.3f} / {right / labels[name].sum():.3f}"
            yield f"things, precision / recall, {what}", name, figures


def found(
    data: Path, photos: Sequence[Photo], fusions: Mapping[str, Fusion]
) -> Iterator[tuple[str, str, str]]:
    """People's captions as queries."""
    known = {photo.doc_id for photo in photos}
    asked = []
    with (data / "coco-val2017" / "captions.jsonl").open() as lines:
        for row in map(json.loads, lines):
            if row["doc_id"] in known and row["caption_id"].startswith("human/"):
                asked.append((row["doc_id"], row["text"]))
    with tempfile.TemporaryDirectory() as scratch, lexsearch.open(Path(scratch)) as index:
        index.import_captions(rows_of(photos, fusions))
        for mode in ("paper", "best"):
            ranks = []
            for doc_id, text in asked:
                hits = [hit.doc_id for hit in index.rank(text, 100, mode=mode, match="best")]
                ranks.append(hits.index(doc_id) if doc_id in hits else 100)
            recalls = (f"{np.mean(np.array(ranks) < k):.3f}" for k in (1, 5, 10))
            what = f"{len(asked)} human captions, R@1 / R@5 / R@10, --mode {mode}"
            yield what, PHOTOS, " / ".join(recalls)


def rows_of(photos: Sequence[Photo], fusions: Mapping[str, Fusion]) -> Iterator[str]:
    """The tagger's captions as lines to import."""
    for photo in photos:
        for number, said in enumerate(said_of(photo.looks, photo.words, fusions)):
            if said.crop is not None and said.text:
                row = {
                    "doc_id": photo.doc_id,
                    "crop": said.crop.name,
                    "field": said.field,
                    "caption_id": str(number) if said.field == "seen" else "",
                    "text": said.text,
                    "box": list(said.box or said.crop.box),
                    "width": photo.size[0],
                    "height": photo.size[1],
                }
                yield json.dumps(row)


def scenes(
    data: Path, photos: Sequence[Photo], fusions: Mapping[str, Fusion]
) -> Iterator[tuple[str, str, str]]:
    people = read_captions(data / "coco-val2017" / "captions.jsonl")
    told = [
        people[photo.doc_id][scene.word] > 0
        for photo in photos
        for scene in told_by(likely_things(photo.looks, fusions))
    ]
    yield "scene words, precision (lower bound)", PHOTOS, f"{np.mean(told):.3f} of {len(told)}"


def several(
    data: Path, photos: Sequence[Photo], fusions: Mapping[str, Fusion]
) -> Iterator[tuple[str, str, str]]:
    boxes = drawn(data / BOXES / "instances.json")
    plural = re.compile(r"people|buses|\b(?!skis|scissors)\w+s\b|knives|sheep|mice")
    right = []
    for photo in photos:
        first = said_of(photo.looks[:18], (), fusions)[0].text.partition(";")[0]
        for part in re.split(", | and ", first):
            if part and not re.match("an? |skis|scissors|broccoli", part) and plural.search(part):
                name = next(thing for thing in THINGS if part.startswith(stem(thing)))
                right.append(len(boxes.get((f"{photo.doc_id}.jpg", name), ())) > 1)
    yield "several of a thing, precision", BOXES, f"{np.mean(right):.3f} of {len(right)}"


def stem(thing: str) -> str:
    return {"person": "people", "knife": "kni", "mouse": "computer mice"}.get(thing, thing)


def shown(
    data: Path, photos: Sequence[Photo], fusions: Mapping[str, Fusion]
) -> Iterator[tuple[str, str, str]]:
    known = {photo.doc_id for photo in photos}
    points = []
    with tempfile.TemporaryDirectory() as scratch, lexsearch.open(Path(scratch)) as index:
        index.import_captions(rows_of(photos, fusions))
        for (file, label), true in drawn(data / BOXES / "instances.json").items():
            if Path(file).stem in known:
                hit = index.explain(label, Path(file).stem)
                if hit and hit.evidence[0].box:
                    points.append(inside(hit.evidence[0].box, true))
    yield "the box shown points at the thing", BOXES, f"{np.mean(points):.3f} of {len(points)}"


def timed(photos: Path, before: Path, rounds: int, a_round: int) -> Iterator[tuple[str, str, str]]:
    """Photos by each code in turn, each in a process of its own."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", TIMED, photos.resolve()],
            cwd=place,  # which Python looks in first
            env={**os.environ, "PYTHONPATH": str(place.resolve())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for place in (before, REPOSITORY)
    ]
    seconds: list[list[list[float]]] = [[], []]
    for number in range(rounds):
        say(f"timing, round {number + 1} of {rounds}")
        for process, times in zip(running, seconds, strict=True):
            assert process.stdin
            assert process.stdout
            process.stdin.write(f"{a_round}\n")
            process.stdin.flush()
            times.append([float(figure) for figure in process.stdout.readline().split()])
    for process in running:
        process.communicate()
    for place, what in enumerate(("time", "processor time")):
        old, new = (statistics.median(times[place] for times in code) for code in seconds)
        figures = f"{1000 * new:.0f} ms, before {1000 * old:.0f} ms: {new / old:.2f}"
        yield f"a photo with its patches, {what}", f"{os.cpu_count()} cores", figures


if __name__ == "__main__":
    main()
