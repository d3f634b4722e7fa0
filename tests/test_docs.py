"""Every example in README.md and docs/ is run, and prints what the page says that it prints.

In the pages: a `console` block holds commands after "$ " and what they print; a `python` block
is a program, and a `text` block right after it is what it prints; a block after a line
`<!-- file: NAME -->` is a file that later examples read. Other blocks are only read by people.
All run one after another in one folder, where photos/ has three pictures. Dates, times, sizes,
hashes and numbers with a decimal point may differ.

After a change that is meant, write the pages anew:  LEXSEARCH_WRITE_DOCS=1 bin/test -k docs
"""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from click import Group
from click.testing import CliRunner

from lexsearch.cli import cli

ROOT = Path(__file__).parent.parent
PAGES = [
    "README.md",
    *(f"docs/{name}.md" for name in ("using", "searching", "evaluating", "language", "apps")),
]
PHOTOS = {
    "cat.png": ("skimage", "chelsea.png"),
    "coffee.png": ("skimage", "coffee.png"),
    "dog.jpg": ("foolbox", "imagenet_00_243.jpg"),
}
HOME = "/home/ada"
BLOCK = re.compile(
    r"(?:^<!-- file: (?P<file>\S+) -->\n)?^```(?P<kind>\w+)\n(?P<body>.*?)^```\n", re.M | re.S
)
WRITING = bool(os.environ.get("LEXSEARCH_WRITE_DOCS"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_photos(tmp_path_factory.mktemp("docs"))


def folder_of_photos(folder: Path) -> Path:
    (folder / "photos").mkdir()
    for name, (package, file) in PHOTOS.items():
        found = importlib.util.find_spec(package)
        if found is None or not found.submodule_search_locations:
            pytest.skip(f"{package} is not installed")
        shutil.copy(
            Path(found.submodule_search_locations[0], "data", file), folder / "photos" / name
        )
    return folder


PROGRESS = re.compile(r"\r|, \d+\.\d a second(,|$)")  # told where something takes long


def run(command: list[str], folder: Path) -> str:
    """What a command prints, without progress bars."""
    changed = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "80",
        "TZ": "UTC",
        "PYTHONIOENCODING": "utf-8",
    }
    kept = {name: value for name, value in os.environ.items() if name != "LEXSEARCH_INDEX"}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**kept, **changed},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
        check=False,
    )
    lines = done.stderr.decode().split("\n")
    errors = "".join(f"{line}\n" for line in lines if line and not PROGRESS.search(line))
    printed = errors + done.stdout.decode()
    return printed.replace(os.path.realpath(folder), HOME).replace(str(folder), HOME)


def run_console(body: str, folder: Path) -> str:
    """The block as it should be: each command followed by what it prints."""
    parts = []
    for command in re.findall(r"^\$ (.*(?:\n> .*)*)", body, re.M):
        script = command.replace("\n> ", "\n")
        parts.append(f"$ {command}\n{run(['bash', '-c', script], folder)}")
    return "".join(parts)


MASKS = {
    "HASH": r"\b[0-9a-f]{12,32}\b",
    "DAY": r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?",
    "TIME": r"\b\d\d:\d\d(?::\d\d)?\b",
    "SIZE": r"\b\d[\d,]*(?:\.\d+)? (?:bytes|kB|MB|GB)\b",
    "DURATION": r"\b\d[\d,]*(?:\.\d+)? (?:ms|s|min|h|(?:second|minute|hour|day)s?)\b",
    "NUMBER": r"\d+\.\d+",
}


def masked(text: str) -> str:
    """Without what may differ from one day, run or machine to the next."""
    for name, pattern in MASKS.items():
        text = re.sub(pattern, name, text)
    return re.sub(r"[ \t]+", " ", text).strip()


@pytest.mark.parametrize("page", PAGES)
def test_examples_print_what_the_page_says(page: str, folder: Path) -> None:
    run_examples(page, folder)


def test_masks_hide_the_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What prints dates is run today, and with the clock set forward."""
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not libraries:
        pytest.skip("libfaketime is not installed")
    script = """
        rm -rf index
        echo '{"doc_id": "dog", "text": "a dog"}' | lexsearch import - --index index
        lexsearch show dog --index index
        lexsearch export - --index index
        date +%F
    """
    today = run(["bash", "-c", script], tmp_path)
    for name, value in {
        "LD_PRELOAD": str(libraries[0]),
        "FAKETIME": "+500d",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # Java waits by it
    }.items():
        monkeypatch.setenv(name, value)
    later = run(["bash", "-c", script], tmp_path)
    assert date.fromisoformat(later.split()[-1]) > date.today() + timedelta(400)
    assert "a dog" in later
    assert masked(later) == masked(today)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("by hand, 2026-11-21", "by hand, 2031-01-02"),
        ("2026-11-21T12:24:16.237790+00:00", "2031-01-02T03:04:05+00:00"),
        ("at 12:24", "at 03:04:05"),
        ("15 kB of captions", "1,234 kB of captions"),
        ("15 kB of captions", "1.2 MB of captions"),
        ("in 3 s", "in 2 min"),
        ("score 1.25", "score 0.5"),
    ],
)
def test_masks_hide_what_differs_from_run_to_run(one: str, other: str) -> None:
    assert masked(one) == masked(other)


def test_masks_hide_nothing_else() -> None:
    text = "3 pictures in 3 files, 17 patches, date:2023, query 2008_000001, k 10"
    assert masked(text) == text


def run_examples(page: str, folder: Path) -> None:
    """Run a page's examples in order, and compare what they print, or write it (WRITING)."""
    text = (ROOT / page).read_text(encoding="utf-8")
    written, end = [], 0
    blocks = list(BLOCK.finditer(text))
    printed = None  # by the program before a text block
    for block in blocks:
        body = block["body"]
        if block["file"]:
            (folder / block["file"]).write_text(body, encoding="utf-8")
        elif block["kind"] == "console":
            body = run_console(body, folder)
        elif (
            block["kind"] == "text"
            and printed is not None
            and not text[end : block.start()].strip()
        ):
            body = printed
        printed = None
        if block["kind"] == "python" and not block["file"]:
            printed = run([sys.executable, "-c", body], folder)
            assert "Traceback" not in printed, f"{body}\n{printed}"
        if not WRITING:
            assert masked(block["body"]) == masked(body)
        written += [text[end : block.start("body")], body, text[block.end("body") : block.end()]]
        end = block.end()
    if WRITING:
        (ROOT / page).write_text("".join([*written, text[end:]]), encoding="utf-8")


def helps(command: Group, names: tuple[str, ...] = ()) -> str:
    """What --help says of every command, as a page."""
    parts = []
    for name in command.list_commands(None):  # type: ignore[arg-type]
        below = command.get_command(None, name)  # type: ignore[arg-type]
        path = (*names, name)
        if isinstance(below, Group):
            parts.append(helps(below, path))
            continue
        result = CliRunner().invoke(
            cli, [*path, "--help"], prog_name="lexsearch", terminal_width=96
        )
        assert result.exit_code == 0
        parts.append(f"## lexsearch {' '.join(path)}\n\n```text\n{result.output}```\n")
    return "\n".join(parts)


def test_the_page_of_commands_is_what_help_says() -> None:
    page = ROOT / "docs" / "commands.md"
    head = "# Commands\n\nWhat `lexsearch COMMAND --help` says.\n\n"
    if WRITING:
        page.write_text(head + helps(cli), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == head + helps(cli)


def test_the_reference_is_what_docstrings_say() -> None:
    page = ROOT / "docs" / "api.md"
    made = runpy.run_path(str(ROOT / "tools" / "make_reference.py"))["reference"]()
    if WRITING:
        page.write_text(made, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == made


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        *sorted(f"docs/{file.name}" for file in (ROOT / "docs").glob("*.md")),
    ],
)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [*re.findall(r"\]\(([^)#\s]+)", text), *re.findall(r'src="([^"]+)"', text)]
    for link in links:
        if "://" not in link:
            assert ((ROOT / page).parent / link).exists(), link
