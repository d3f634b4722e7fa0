"""What a terminal shows beside text: links to files, and the system's viewer."""

from __future__ import annotations

import base64
import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run
from fakes import FakeCaptioner, picture
from PIL import Image

import lexsearch


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return picture(tmp_path / "photos" / "a red one.png", "red")


@pytest.fixture
def filled(place: Path, tmp_path: Path) -> Path:
    with lexsearch.open(tmp_path / "index") as index:
        index.add(place, captioner=FakeCaptioner())
    return tmp_path / "index"


def in_a_terminal(command: list[str], environment: dict[str, str]) -> bytes:
    """What a command prints when its output is a terminal."""
    ours, its = pty.openpty()
    process = subprocess.Popen(command, env=environment, stdout=its, stderr=its)
    os.close(its)
    printed = b""
    try:
        while part := os.read(ours, 65536):
            printed += part
    except OSError:  # how a terminal says that the other end is closed
        pass
    finally:
        os.close(ours)
        assert process.wait(timeout=60) == 0
    return printed


@pytest.mark.parametrize("shows_links", ["1", "0"])
def test_paths_are_links_in_terminals_that_show_them(
    filled: Path, place: Path, environment: dict[str, str], shows_links: str
) -> None:
    command = [sys.executable, "-m", "lexsearch.cli", "query", "red", "--index", str(filled)]
    changed = {"FORCE_HYPERLINK": shows_links, "TERM": "xterm", "LEXSEARCH_THUMBNAILS": "none"}
    printed = in_a_terminal(command, {**environment, **changed})
    assert b"a red one.png" in printed
    address = str(place).replace(" ", "%20").encode()
    start = b"\033]8;;file://"
    assert (start in printed and address + b"\033\\" in printed) == (shows_links == "1")


@pytest.mark.parametrize(
    ("says", "shown"),
    [
        ("xterm-kitty on", True),
        ("xterm-ghostty all", True),
        ("xterm-kitty off", False),
        ("xterm-256color on", False),
        ("xterm-kitty", False),  # of a tmux that knows no such option
    ],
)
def test_pictures_are_seen_within_tmux_where_it_passes_them_on(
    filled: Path, tmp_path: Path, environment: dict[str, str], says: str, shown: bool
) -> None:
    tmux = tmp_path / "bin" / "tmux"
    tmux.parent.mkdir()
    tmux.write_text(f"#!/bin/sh\necho '{says}'\n")
    tmux.chmod(0o755)
    changed = {"TMUX": "/tmp/tmux-0/default,1,0", "TERM": "tmux-256color"}
    changed["PATH"] = f"{tmux.parent}{os.pathsep}{environment['PATH']}"
    command = [sys.executable, "-m", "lexsearch.cli", "query", "red", "--index", str(filled)]
    printed = in_a_terminal(command, {**environment, **changed}).decode()
    sent = re.findall(r"\x1bPtmux;\x1b\x1b_G(.*?)\x1b\x1b\\\x1b\\", printed)
    assert bool(sent) == shown
    if not shown:
        return
    number = int(re.findall(r"i=(\d+)", sent[0])[0])
    columns, rows = map(int, re.findall(r"c=(\d+),r=(\d+)", sent[0])[0])
    image = Image.open(io.BytesIO(base64.b64decode("".join(one.partition(";")[2] for one in sent))))
    assert image.width * 48 == image.height * 64
    lines = [line for line in printed.splitlines() if "\U0010eeee" in line]
    assert len(lines) == rows
    colour = f"\033[38;2;{number >> 16};{number >> 8 & 255};{number & 255}m"
    assert all(line.count("\U0010eeee") == columns and colour in line for line in lines)


def test_a_pipe_gets_plain_paths(filled: Path, lexsearch_command: Run, environment) -> None:
    forced = {**environment, "FORCE_HYPERLINK": "1"}
    done = lexsearch_command("query", "red", "--index", filled, env=forced)
    assert "\033" not in done.stdout


def test_hits_are_opened_in_the_viewer(
    filled: Path, place: Path, tmp_path: Path, lexsearch_command: Run, environment
) -> None:
    viewer = tmp_path / "bin" / "xdg-open"
    viewer.parent.mkdir()
    viewer.write_text(f'#!/bin/sh\necho "$1" >> "{tmp_path}/opened"\n')
    viewer.chmod(0o755)
    changed = {**environment, "PATH": f"{viewer.parent}{os.pathsep}{environment['PATH']}"}
    done = lexsearch_command("query", "red", "--open", "--index", filled, env=changed)
    assert done.returncode == 0, done.stderr
    deadline = 50
    while not (tmp_path / "opened").exists() and deadline:
        deadline -= 1
        subprocess.run(["sleep", "0.1"], check=True)
    assert (tmp_path / "opened").read_text() == f"{place}\n"


def test_a_missing_viewer_is_named(
    filled: Path, tmp_path: Path, lexsearch_command: Run, environment
) -> None:
    changed = {**environment, "PATH": str(tmp_path)}
    done = lexsearch_command("query", "red", "--open", "--index", filled, env=changed)
    assert done.returncode == 4
    assert "xdg-open" in done.stderr
