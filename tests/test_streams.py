"""Exit statuses and streams: 1 means that nothing was found, and only that."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytestmark = pytest.mark.process


def run(command: str, folder: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    script = command.replace("lexsearch ", f"{sys.executable} -m lexsearch.cli ")
    environment = {**os.environ, "LEXSEARCH_INDEX": str(folder / "index"), **env}
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, timeout=120
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("streams")
    (place / "captions.jsonl").write_text('{"doc_id": "a", "text": "a cat in 東京"}\n')
    assert run("lexsearch import captions.jsonl", place).returncode == 0
    return place


@pytest.mark.parametrize(
    "command",
    [
        "lexsearch query cat > /dev/full",
        "lexsearch query cat --json > /dev/full",
        "mkdir gone; cd gone; rmdir ../gone; lexsearch index .",
        "mkdir gone; cd gone; rmdir ../gone; lexsearch query cat",
        "lexsearch query cat >&-",
        "lexsearch query cat -0 >&-",
        "lexsearch export - <&- >&-",
        "mkdir -p d; lexsearch export d",
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_status_4(command: str, folder: Path) -> None:
    done = run(command, folder)
    assert done.returncode == 4, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"lexsearch: " in done.stderr


def test_any_output_takes_any_text(folder: Path) -> None:
    assert run("lexsearch query 東京 --json", folder, PYTHONIOENCODING="latin-1").returncode == 0
    assert run("lexsearch query cat 2>&-", folder).returncode == 0
    assert run("lexsearch query zebra >&- 2>&- <&-", folder).returncode == 1


def test_export_writes_to_a_pipe_and_through_a_link(folder: Path) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    assert run("lexsearch export pipe", folder).returncode == 0
    reader.join(20)
    assert "a cat" in got[0]
    assert pipe.is_fifo()
    (folder / "real.jsonl").touch()
    (folder / "link.jsonl").symlink_to("real.jsonl")
    assert run("lexsearch export link.jsonl; lexsearch export /dev/null", folder).returncode == 0
    assert (folder / "link.jsonl").is_symlink()
    assert "a cat" in (folder / "real.jsonl").read_text()
    assert Path("/dev/null").is_char_device()


def test_the_default_index_is_found_from_below_and_told(folder: Path) -> None:
    deep = folder / "a" / "b"
    deep.mkdir(parents=True)
    script = (
        "unset LEXSEARCH_INDEX; lexsearch import captions.jsonl; cd a/b; "
        "lexsearch query cat && ! ls indexes"
    )
    done = run(script, folder)
    assert done.returncode == 0, done.stderr
    assert f"index: {folder / 'indexes' / 'default'}".encode() in done.stderr


def test_a_wrong_path_makes_no_index(folder: Path) -> None:
    done = run("lexsearch index nowhere --index fresh", folder)
    assert (done.returncode, (folder / "fresh").exists()) == (4, False)
