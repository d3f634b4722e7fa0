"""Captioning as jobs in and outcomes out, wherever it runs.

    jobs -> Runner (threads here, other processes, other machines) -> outcomes -> Keeper

A runner opens a captioner by its spec and turns jobs into outcomes; it knows no store, catalog or
engine. What keeps outcomes (`lexsearch.indexing.keeping`) knows no runner. `cut` and
`outcomes_of` are what every runner does with one picture and with one answer.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from lexsearch.captioners import Answer, Captioner, CaptionerSpec, Waiting
from lexsearch.errors import CaptionerError, ImageError, ViewRefused
from lexsearch.images import filesystem, metadata
from lexsearch.images.crops import NAMES, SCHEMES, STAGES, stage_of
from lexsearch.images.files import Picture, open_picture
from lexsearch.records import LIKENESS, WHOLE, Caption, CaptionerKey, CaptionText, Crop, View


class Job(NamedTuple):
    """A picture to be described in one stage (see `lexsearch.images.crops.STAGES`).

    size, mtime_ns: of the file when it was identified, in bytes and nanoseconds since 1970.
    answered: crops of the stage that are not asked about, since they have been.
    """

    doc_id: str
    path: str
    stage: str
    size: int
    mtime_ns: int
    answered: frozenset[str] = frozenset()


class Outcome(NamedTuple):
    """What came of one view of a job; or of the whole job where nothing could be asked.

    views: how many views of the job are asked about, each with an outcome of its own. With 0
        there is this one outcome: the file cannot be used (error), or has none of the crops.
    crop: the view's. captions: what is to be kept, of the view and of the file itself.
    error: why this view has no captions. refused: asking again would be in vain.
    """

    job: Job
    views: int
    crop: str = ""
    captions: tuple[Caption, ...] = ()
    error: str | None = None
    refused: bool = False


class Runner(Protocol):
    """Describes pictures, here or elsewhere."""

    def run(
        self, jobs: Iterable[Job], spec: CaptionerSpec, max_pixels: int
    ) -> Generator[Outcome | Waiting, None, None]:
        """Outcomes as they come, in any order, of jobs that are taken as there is room for them.

        Whoever takes them keeps them between two items: an outcome is handed over as soon as it is
        there, and Waiting once a second or so while there is none.
        max_pixels: pictures with more pixels fail.
        Raises CaptionerUnavailable when no job can be done any more, after all outcomes that
        are there already.
        """


@dataclass(frozen=True, slots=True)
class Cut:
    """A job's decoded picture, cut into the views to ask about.

    width, height: in pixels, upright. known_by: the likeness to know the picture again by, which
        is kept with what is said of the whole, and without.
    """

    job: Job
    width: int
    height: int
    views: list[View]
    known_by: tuple[Caption, ...]


def most_views(job: Job) -> int:
    """How many views are asked about at most; a small picture has fewer."""
    return sum(stage_of(name) == job.stage for name in NAMES) - len(job.answered)


def cut(job: Job, captioner: Captioner, max_pixels: int) -> Cut:
    """Open a job's picture and cut it. Raises ImageError, and CaptionerError from `prepare`."""
    try:
        status = filesystem.stat(job.path)
        changed = (status.st_size, status.st_mtime_ns) != (job.size, job.mtime_ns)
    except OSError:
        changed = True
    if changed:
        raise ImageError("changed while it was being indexed; run `lexsearch index` again")
    side = captioner.view_side
    # A ninth is a third as wide as the picture.
    enough = side if job.stage == "whole" else 3 * side
    picture = open_picture(job.path, enough, max_pixels)
    crops = STAGES[job.stage](picture.width, picture.height)
    if captioner.joint and job.stage != "whole":
        views = _together(picture, job.stage, side) if crops else []
    else:
        views = [picture.view(crop, side) for crop in crops if crop.name not in job.answered]
    views = [captioner.prepare(view) for view in views]
    known_by = (known_by_likeness(job.doc_id, picture.likeness),) if job.stage == WHOLE else ()
    return Cut(job, picture.width, picture.height, views, known_by)


def outcomes_of(cut: Cut, view: View, answer: Answer, key: CaptionerKey) -> list[Outcome]:
    """What is to be kept of an answer to one of the views.

    Of a view with patches, an outcome for each patch of the stage; what is said of other crops goes
    with the first.
    """
    if not view.patches:
        return [_outcome(cut, len(cut.views), view.crop.name, [view.crop], answer, key)]
    names = [patch.crop.name for patch in view.patches]
    asked = [name for name in names if stage_of(name) == cut.job.stage]
    others = [view.crop, *(one.crop for one in view.patches if one.crop.name not in asked)]
    outcomes = []
    for patch in view.patches:
        if patch.crop.name in asked:
            crops, others = [*others, patch.crop], []
            outcomes.append(_outcome(cut, len(asked), patch.crop.name, crops, answer, key))
    return outcomes


def _outcome(
    cut: Cut, views: int, name: str, crops: Sequence[Crop], answer: Answer, key: CaptionerKey
) -> Outcome:
    """The outcome by which a view goes, with what the answer says of these crops.

    Texts without a crop are about the first one.
    """
    if isinstance(answer, CaptionerError):
        refused = isinstance(answer, ViewRefused)
        # A picture without words is still found by its name, and by what its file says.
        known_by = cut.known_by if name == WHOLE else ()
        return Outcome(cut.job, views, name, known_by, str(answer), refused)
    now = time.time_ns() // 1000
    captions = [
        Caption(
            cut.job.doc_id,
            crop.name,
            said.text,
            said.field,
            str(number) if said.field == "seen" else "",
            captioner=key,
            box=said.box or crop.box,
            width=cut.width,
            height=cut.height,
            time=now,
        )
        for crop in crops
        for number, said in enumerate(_about_crop(answer, crop, crops[0]) or [CaptionText("")])
    ]
    return Outcome(cut.job, views, name, (*captions, *cut.known_by))


def _about_crop(answer: Iterable[CaptionText], crop: Crop, usual: Crop) -> list[CaptionText]:
    return [said for said in answer if (said.crop or usual) == crop]


def _together(picture: Picture, stage: str, side: int) -> list[View]:
    """The whole picture with the patches of all stages up to this one."""
    whole, *patches = (
        picture.view(crop, side)
        for known in SCHEMES["overlapped"][: SCHEMES["overlapped"].index(stage) + 1]
        for crop in STAGES[known](picture.width, picture.height)
    )
    return [replace(whole, patches=tuple(patches))]


def failed(job: Job, error: Exception) -> Outcome:
    """The outcome of a job whose picture cannot be used."""
    return Outcome(job, 0, error=str(error))


def known_by_likeness(doc_id: str, text: str) -> Caption:
    """What is kept of a picture's likeness."""
    return Caption(
        doc_id,
        metadata.FILE,
        text,
        LIKENESS,
        captioner=metadata.KEY,
        time=time.time_ns() // 1000,
    )
