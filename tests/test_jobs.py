"""Jobs in, outcomes out: kept as they come, whatever runs them, fails or stops."""

from __future__ import annotations

import multiprocessing
import random
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from fakes import FakeCaptioner, code_of, numbered_pictures, picture

import lexsearch.captioners
from lexsearch import Index
from lexsearch.captioners import Answer, CaptionerSpec, Waiting, open_captioner
from lexsearch.errors import CaptionerError, CaptionerUnavailable, LexsearchError, ViewRefused
from lexsearch.images.pillow import pixel_bound
from lexsearch.indexing import keeping
from lexsearch.indexing.jobs import Job, Outcome, cut, failed, outcomes_of
from lexsearch.indexing.local import LocalRunner
from lexsearch.records import Progress, View


class Faulty(FakeCaptioner):
    """Fails on views of crops that are named; `refused` ones for good."""

    def __init__(self, *fails: str, refused: Sequence[str] = (), **options: object) -> None:
        super().__init__("faulty", **options)  # type: ignore[arg-type]
        self.fails = fails
        self.refused = refused

    def caption(self, views: Sequence[View]) -> list[Answer]:
        answers = super().caption(views)
        return [self._spoilt(view, answer) for view, answer in zip(views, answers, strict=True)]

    def _spoilt(self, view: View, answer: Answer) -> Answer:
        if view.crop.name in self.refused:
            return ViewRefused("flagged")
        return CaptionerError("busy") if view.crop.name in self.fails else answer


def crops_of(index: Index, place: Path) -> set[str]:
    return {row.crop for row in index.describe(place).captions if row.source == "model"}


# Another runner


def _work(jobs: list[Job], spec: CaptionerSpec, max_pixels: int, pipe) -> None:
    """In a process of its own: outcomes out of order, and now and then one that failed."""
    lexsearch.captioners._CAPTIONERS["fake"] = "fakes:FakeCaptioner"
    captioner = open_captioner(spec.name, **spec.options)
    dice = random.Random(7)
    dice.shuffle(jobs)
    outcomes: list[Outcome] = []
    with pixel_bound(max_pixels):
        for job in jobs:
            try:
                made = cut(job, captioner, max_pixels)
            except LexsearchError as error:
                outcomes.append(failed(job, error))
                continue
            if not made.views:
                outcomes.append(Outcome(job, 0))
            for view in made.views:
                answer: Answer = CaptionerError("lost on the way")
                if dice.random() < 0.9:
                    (answer,) = captioner.caption([view])
                outcomes += outcomes_of(made, view, answer, captioner.key)
    dice.shuffle(outcomes)
    for outcome in outcomes:
        pipe.send(outcome)
    pipe.send(None)


class ProcessRunner:
    """Runs jobs in another process."""

    def run(
        self, jobs: Iterable[Job], spec: CaptionerSpec, max_pixels: int
    ) -> Generator[Outcome | Waiting, None, None]:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_work, args=(list(jobs), spec, max_pixels, there))
        process.start()
        try:
            while True:
                if not here.poll(0.5):
                    yield Waiting("another process works")
                elif (outcome := here.recv()) is None:
                    return
                else:
                    yield outcome
        finally:
            process.join(20)


def test_outcomes_of_another_process_are_kept_in_any_order(
    index: Index, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(lexsearch.captioners._CAPTIONERS, "fake", "fakes:FakeCaptioner")
    spec = CaptionerSpec("fake", {"prompt": "p"})
    places = numbered_pictures(photos, 6)
    picture(photos / "dot.png", "red", (1, 1))
    (photos / "bad.png").write_bytes(b"nothing")
    report = index.add(photos, captioner=spec, runner=ProcessRunner())
    assert [Path(failure.path).name for failure in report.failed] == ["bad.png"]
    assert report.failed_views > 0
    assert {failure.reason.rpartition(": ")[2] for failure in report.undescribed} == {
        "lost on the way"
    }
    for _ in range(20):
        if not index.add(photos, captioner=spec, runner=ProcessRunner()).failed_views:
            break
    assert index.status().undescribed == ()
    assert all(len(crops_of(index, place)) == 18 for place in places)
    assert len(index.search(code_of(3), 10)) == 1
    again = FakeCaptioner(prompt="p")
    index.add(photos, captioner=again)
    assert again.captioned == [], "nothing is left for the threads of this process"


def test_another_runner_needs_a_captioner_that_can_be_opened_elsewhere(index, photos) -> None:
    with pytest.raises(LexsearchError, match="name or spec"):
        index.add(photos, captioner=FakeCaptioner(), runner=ProcessRunner())


def test_words_under_another_key_end_the_run_and_are_not_kept(
    index: Index, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(lexsearch.captioners._CAPTIONERS, "fake", "fakes:FakeCaptioner")
    numbered_pictures(photos, 2)
    other = LocalRunner(FakeCaptioner(prompt="q"))
    with pytest.raises(CaptionerUnavailable, match="another machine describes as fake"):
        index.add(photos, captioner=CaptionerSpec("fake", {"prompt": "p"}), runner=other)
    assert not index.search(code_of(0))


# What fails, is refused, or is asked again


def test_a_captioner_that_fails_takes_nothing_out_of_search(index, photos, captioner) -> None:
    place = picture(photos / "sea.png", "blue")
    index.add(photos, captioner=captioner)
    index.edit_caption(place, "Mika the cat")
    report = index.add(photos, captioner=Faulty("whole"), crops="none")
    assert (report.failed, len(report.undescribed), report.failed_views) == ([], 1, 1)
    assert [hit.path for hit in index.search("Mika")] == [str(place)]
    assert [hit.path for hit in index.search("blue ninth")] == [str(place)]
    ((key, failure),) = index.status().undescribed
    assert (key.name, failure) == ("faulty", (str(place), "busy"))


def test_a_refused_picture_is_found_and_not_asked_about_until_told_to(index, photos) -> None:
    numbered_pictures(photos, 3)
    index.add(photos, captioner=Faulty(), crops="none")
    place = picture(photos / "beach.png", "blue")
    captioner = Faulty(refused=["whole"])
    report = index.add(photos, captioner=captioner)
    asked = [crop for code, crop in captioner.captioned if code == "x0000ff"]
    assert asked == ["whole"], "its patches are not paid for"
    assert "flagged" in report.undescribed[0].reason
    assert [hit.path for hit in index.search("name:beach")] == [str(place)]
    captioner.captioned.clear()
    report = index.add(photos, captioner=captioner)
    assert (captioner.captioned, report.failed_views, len(report.undescribed)) == ([], 0, 1)
    assert "--again" in report.undescribed[0].reason
    report = index.add(photos, captioner=Faulty(), again=True)
    assert report.undescribed == []
    assert len(crops_of(index, place)) == 18


def test_a_refused_patch_costs_itself_alone_and_once(index, photos) -> None:
    place = picture(photos / "sea.png", "blue")
    captioner = Faulty(refused=["left half"])
    for _ in range(2):
        index.add(photos, captioner=captioner)
    assert [crop for _, crop in captioner.captioned].count("left half") == 1
    assert len(crops_of(index, place)) == 17


def test_failures_at_the_head_of_a_folder_do_not_hide_the_rest(index, photos) -> None:
    class Ends(FakeCaptioner):
        """Gives up after three failures in a row, as a server's client may."""

        def caption(self, views: Sequence[View]) -> list[Answer]:
            if all(view.image.tobytes()[0] < 3 for view in views):
                self.failures = getattr(self, "failures", 0) + 1
                if self.failures == 3:
                    raise CaptionerUnavailable("three in a row")
                return [CaptionerError("too small") for _ in views]
            return super().caption(views)

    numbered_pictures(photos, 6)
    with pytest.raises(CaptionerUnavailable):
        index.add(photos, captioner=Ends(batch_size=1), crops="none")
    captioner = Ends(batch_size=1)
    with pytest.raises(CaptionerUnavailable):
        index.add(photos, captioner=captioner, crops="none")
    index.close()
    assert {code for code, _ in captioner.captioned} == {code_of(n) for n in (3, 4, 5)}


def test_again_replaces_words_when_the_new_ones_are_there(index, photos) -> None:
    numbered_pictures(photos, 4)
    index.add(photos, captioner=FakeCaptioner(says="heron"), crops="none")
    index.edit_caption(photos / "0003.png", "my boat")

    class Stops(FakeCaptioner):
        def caption(self, views: Sequence[View]) -> list[Answer]:
            if self.batches:
                raise CaptionerUnavailable("gone")
            return super().caption(views)

    with pytest.raises(CaptionerUnavailable):
        index.add(photos, captioner=Stops(says="bear", batch_size=1), crops="none", again=True)
    assert len(index.search("heron", 10)) == 2, "one is described anew, one is corrected by hand"
    assert len(index.search("bear", 10)) == 1
    report = index.add(photos, captioner=FakeCaptioner(says="bear"), crops="none")
    assert report.captioned == 3, "goes on where it stopped"
    assert (len(index.search("heron", 10)), len(index.search("bear", 10))) == (0, 3)
    assert len(index.search("boat", 10)) == 1


def test_again_of_one_picture_leaves_the_others_alone(index, photos) -> None:
    one, _ = numbered_pictures(photos, 2)
    index.add(photos, captioner=FakeCaptioner(says="heron"), crops="none")
    index.add(one, captioner=FakeCaptioner(says="bear"), crops="none", again=True)
    assert [hit.path for hit in index.search("bear")] == [str(one)]


def test_limit_describes_some_pictures_wholly_and_the_next_run_goes_on(index, photos) -> None:
    numbered_pictures(photos, 5)
    captioner = FakeCaptioner()
    assert index.add(photos, captioner=captioner, limit=2).captioned == 2
    assert len(captioner.captioned) == 2 * 18
    assert index.add(photos, captioner=captioner).captioned == 3
    assert len(captioner.captioned) == 5 * 18


def test_a_trial_of_describing_again_leaves_nothing_over_for_the_next_run(index, photos) -> None:
    numbered_pictures(photos, 4)
    captioner = FakeCaptioner()
    index.add(photos, captioner=captioner, crops="none")
    assert index.add(photos, captioner=captioner, crops="none", again=True, limit=1).captioned == 1
    assert index.add(photos, captioner=captioner, crops="none").captioned == 0


# Kept at once


def test_an_answer_is_searchable_before_its_neighbours_have_one(
    index, photos, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(keeping, "KEEP_SECONDS", 0.0)
    numbered_pictures(photos, 3)
    found: list[int] = []

    class OneByOne(FakeCaptioner):
        def describe(self, views: Iterable) -> Iterator:
            for tag, view in views:
                with lexsearch.open(tmp_path / "index") as other:
                    found.append(len(other.search("whole", 10)))
                yield tag, self.caption([view])[0]
                yield Waiting()

    index.add(photos, captioner=OneByOne(), crops="none")
    assert found == [0, 1, 2]


def test_progress_counts_views_over_both_passes(index, photos) -> None:
    numbered_pictures(photos, 2)
    picture(photos / "dot.png", "red", (1, 1))
    told: list[Progress] = []
    index.add(photos, captioner=Faulty("left half"), progress=told.append)
    told = [progress for progress in told if progress.stage == "describing"]
    assert told[0].note == "3 to describe, 54 views at most"
    assert [p.done for p in told] == sorted(p.done for p in told)
    assert told[-1][1:5] == (37, 37, "view", 2)
    shares = [p.share or 0.0 for p in told]
    assert shares == sorted(shares)
    assert (told[0].share, told[-1].share, told[-1].left) == (0.0, 1.0, 0.0)
    assert told[0].left is None


def test_the_time_left_is_told_before_anything_is_done(index, photos) -> None:
    class Known(FakeCaptioner):
        pace, whole_pace = 2.7, 1.0

    numbered_pictures(photos, 100)
    told: list[Progress] = []
    index.add(photos, captioner=Known(), progress=told.append)
    told = [progress for progress in told if progress.stage == "describing"]
    assert told[0].left == pytest.approx(270)
    whole = next(p for p in told if p.done == 100)
    assert whole.share == pytest.approx(100 / 270)


INTERRUPTED = """
import sys, time, lexsearch
from fakes import FakeCaptioner
class Slow(FakeCaptioner):
    def describe(self, views):
        given = 0
        for tag, view in views:
            yield tag, self.caption([view])[0]
            given += 1
            if given == 7:
                print("seven", flush=True)
                time.sleep(60)
try:
    lexsearch.open(sys.argv[1]).add(sys.argv[2], captioner=Slow(), crops="none")
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


def test_ctrl_c_keeps_every_answer(index, photos, tmp_path, environment) -> None:
    numbered_pictures(photos, 12)
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    process = subprocess.Popen(
        [sys.executable, "-c", heeding + INTERRUPTED, tmp_path / "index", photos],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == "seven\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "stopped\n"
    assert len(index.search("whole", 20)) == 7
