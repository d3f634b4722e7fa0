"""Captioning on a Ray cluster: two machines on this one, killed like real ones."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import REPOSITORY, TESTS, Run
from fakes import code_of, numbered_pictures, picture, shared_log
from nodes import free_ports
from test_faults import start

import lexsearch
from lexsearch.captioners import CaptionerSpec
from lexsearch.errors import CaptionerUnavailable
from lexsearch.images.pillow import MAX_PIXELS
from lexsearch.indexing.ray import Describer, RayRunner
from lexsearch.records import Progress

pytest.importorskip("ray")
pytestmark = pytest.mark.process

PICTURES, VIEWS = 24, 18
OPEN = {"RAY_AUTH_MODE": "disabled"}  # else each machine would want a token from the home folder

ADD = """
import json, sys, lexsearch, lexsearch.indexing.keeping, lexsearch.indexing.ray as ray
from fakes import shared_log
from lexsearch.captioners import CaptionerSpec
lexsearch.indexing.keeping.KEEP_SECONDS = 0.2
ray._FEWEST = 4
index, photos, log = sys.argv[1:]
spec = CaptionerSpec("FakeCaptioner", {"log": shared_log(log), "batch_size": 2, "delay": 0.02})
with ray.RayRunner() as runner, lexsearch.open(index) as index:
    tell = lambda progress: print(json.dumps(progress), flush=True)
    index.add(photos, captioner=spec, runner=runner, progress=tell)
"""


class Machines:
    """A head that describes nothing, and machines with one CPU each."""

    def __init__(self, folder: str) -> None:
        path = os.pathsep.join((str(REPOSITORY), str(TESTS)))
        self._environment = {
            **os.environ,
            "RAY_TMPDIR": folder,
            "PYTHONPATH": path,
            "PYTHONUNBUFFERED": "1",
            **OPEN,
        }
        [port] = free_ports(1)
        self.address = f"127.0.0.1:{port}"
        head = ("--head", f"--port={port}", "--num-cpus=0")
        self._head = self._start(*head, "--include-dashboard=false")
        self.nodes: list[subprocess.Popen[bytes]] = []

    def _start(self, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *options]
        usual = ("--node-ip-address=127.0.0.1", "--object-store-memory=80000000")
        command += [*usual, "--disable-usage-stats"]
        node = subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE)
        while b"runtime started" not in (line := node.stdout.readline()):
            assert line, "the machine ended"
        return node

    def add(self) -> None:
        self.nodes.append(self._start(f"--address={self.address}", "--num-cpus=1"))

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        """With all that runs on it, as a power cut does."""
        parent = psutil.Process(node.pid)
        for process in (parent, *parent.children(recursive=True)):
            process.kill()
        node.wait()

    def stop(self) -> None:
        for node in (*self.nodes, self._head):
            if node.poll() is None:
                self.kill(node)


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    folder = tempfile.mkdtemp(prefix="ray-")  # short: Ray's sockets lie in it
    started = Machines(folder)
    started.add()
    started.add()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", started.address)
        for name, value in OPEN.items():
            patch.setenv(name, value)
        yield started
    started.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def runner(machines: Machines) -> Iterator[RayRunner]:
    with RayRunner() as runner:
        yield runner


def described(log: Path) -> Counter[str]:
    return Counter(log.read_text().splitlines())


def kept(index: lexsearch.Index) -> Counter[tuple[str, str]]:
    """How often each view of each picture has been kept, as (colour, crop)."""
    rows = [json.loads(line) for line in index.export_captions()]
    words = [(row["text"], row["crop"]) for row in rows if row["field"] == "caption"]
    return Counter((text.split()[-1], crop) for text, crop in words)


def test_a_machine_and_then_the_driver_are_killed_and_nothing_is_lost_or_kept_twice(
    machines: Machines, tmp_path: Path, environment: dict[str, str]
) -> None:
    photos, log, folder = tmp_path / "photos", tmp_path / "log", tmp_path / "index"
    photos.mkdir()
    numbered_pictures(photos, PICTURES)
    environment = {**environment, "RAY_ADDRESS": machines.address, **OPEN}
    told: list[list[Progress]] = []

    def drive(until: int) -> Any:
        """Run the driver until so many views are done; all its output is progress."""
        driver = start(ADD, environment, folder, photos, log)
        told.append([])
        return driver, go_on(driver, until)

    def go_on(driver: Any, until: int) -> int:
        for line in driver.stdout:
            told[-1].append(Progress(*json.loads(line)))
            if told[-1][-1].stage == "describing" and told[-1][-1].done >= until:
                break
        return told[-1][-1].done if told[-1] else 0

    driver, _ = drive(60)
    machines.kill(machines.nodes[0])
    assert go_on(driver, 200) >= 200, driver.communicate()
    driver.kill()
    driver.communicate()
    with lexsearch.open(folder) as index:
        before, asked = kept(index), described(log)
        assert sum(before.values()) >= 60
    machines.add()
    driver, done = drive(10**9)
    assert driver.wait() == 0, driver.stderr.read()
    with lexsearch.open(folder) as index:
        after = kept(index)
        assert len(after) == PICTURES * VIEWS
        assert set(after.values()) == {1}
        assert index.status().waiting == 0
        assert len(index.search(code_of(PICTURES - 1), 10)) == 1
        assert not index.status().undescribed
    again = {row for row, count in described(log).items() if count > asked[row]}
    assert not again & {"\t".join(view) for view in before}, "what was kept is not asked again"
    for lines in told:
        rows = [row for row in lines if row.stage == "describing"]
        assert [row.done for row in rows] == sorted(row.done for row in rows)
        assert all(row.done <= (row.total or 0) for row in rows)
    assert done == told[-1][-1].total == PICTURES * VIEWS - sum(before.values())


def test_a_picture_that_ends_its_process_is_named_and_the_others_go_on(
    index: lexsearch.Index, photos: Path, runner: RayRunner, tmp_path: Path
) -> None:
    numbered_pictures(photos, 5)
    bad = picture(photos / "bad.png", "red")
    spec = CaptionerSpec("Ending", {"log": shared_log(str(tmp_path / "log"))})
    report = index.add(photos, captioner=spec, runner=runner)
    assert [failure.path for failure in report.failed] == [str(bad)]
    assert "ends the process" in report.failed[0].reason
    assert report.captioned == len(index) == 5


def test_a_captioner_that_no_machine_can_open_ends_the_run_with_the_reason(
    index: lexsearch.Index, photos: Path, runner: RayRunner, tmp_path: Path
) -> None:
    numbered_pictures(photos, 2)
    spec = CaptionerSpec("Unloadable", {"log": shared_log(str(tmp_path / "log"))})
    with pytest.raises(CaptionerUnavailable, match="there is no model on this machine"):
        index.add(photos, captioner=spec, runner=runner)


def test_java_in_this_process_outlives_the_cluster(machines: Machines) -> None:
    """It answers faults of memory itself, that are part of how it runs."""

    def handlers() -> list[bytes]:
        libc, action = ctypes.CDLL(None), ctypes.create_string_buffer(256)
        return [
            (libc.sigaction(number, None, action), action.raw[:8])[1]
            for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
        ]

    before = handlers()
    with RayRunner():
        assert handlers() == before
    assert handlers() == before


def test_a_machine_that_does_not_see_the_pictures_says_so(tmp_path: Path) -> None:
    spec = CaptionerSpec("FakeCaptioner", {"log": shared_log(str(tmp_path / "log"))})
    describer = Describer(spec, MAX_PIXELS)
    describer.begin()
    with pytest.raises(CaptionerUnavailable, match=r"photos/a\.jpg is not there"):
        describer.exchange([], "/nowhere/photos/a.jpg")


def test_the_command_names_the_runners(lexsearch_command: Run, photos: Path) -> None:
    picture(photos / "a.png")
    refused = lexsearch_command("index", photos, "--runner", "slurm")
    assert refused.returncode not in (0, 1)
    assert "ray://HOST:10001" in refused.stderr
