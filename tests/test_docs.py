"""Every example in README.md and docs/ is run, and prints what the page says that it prints.

In the pages: a `console` block holds commands after "$ " and what they print; a `python` block
is a program, and a `text` block right after it is what it prints; a block after a line
`<!-- file: NAME -->` is a file that later examples read. Other blocks are only read by people.
All run one after another in one folder, where photos/ has three pictures. Numbers with a
decimal point, sizes, times and hashes may differ.

After a change that is meant, write the pages anew:  LEXSEARCH_WRITE_DOCS=1 bin/test -k docs
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click import Group
from click.testing import CliRunner

from lexsearch.cli import cli

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", "docs/using.md", "docs/searching.md", "docs/evaluating.md"]
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
    folder = tmp_path_factory.mktemp("docs")
    (folder / "photos").mkdir()
    for name, (package, file) in PHOTOS.items():
        found = importlib.util.find_spec(package)
        if found is None or not found.submodule_search_locations:
            pytest.skip(f"{package} is not installed")
        shutil.copy(
            Path(found.submodule_search_locations[0], "data", file), folder / "photos" / name
        )
    return folder


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
    errors = "".join(f"{line}\n" for line in lines if line and "\r" not in line)
    printed = errors + done.stdout.decode()
    return printed.replace(os.path.realpath(folder), HOME).replace(str(folder), HOME)


def run_console(body: str, folder: Path) -> str:
    """The block as it should be: each command followed by what it prints."""
    parts = []
    for command in re.findall(r"^\$ (.*(?:\n> .*)*)", body, re.M):
        script = command.replace("\n> ", "\n")
        parts.append(f"$ {command}\n{run(['bash', '-c', script], folder)}")
    return "".join(parts)


def masked(text: str) -> str:
    """Without what may differ from one run or machine to the next."""
    text = re.sub(r"\b[0-9a-f]{12,32}\b", "HASH", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ][\d:.+Z]+", "TIME", text)
    text = re.sub(r"\d+\.\d+", "NUMBER", text)
    text = re.sub(r"\d+ kB", "SIZE", text)
    text = re.sub(r"^.* a second, .* left\n", "", text, flags=re.M)  # a slow machine's progress
    return re.sub(r"[ \t]+", " ", text).strip()


@pytest.mark.parametrize("page", PAGES)
def test_examples_print_what_the_page_says(page: str, folder: Path) -> None:
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
        below = command.commands[name]
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


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CHANGELOG.md",
        *sorted(f"docs/{file.name}" for file in (ROOT / "docs").glob("*.md")),
    ],
)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [*re.findall(r"\]\(([^)#\s]+)", text), *re.findall(r'src="([^"]+)"', text)]
    for link in links:
        if "://" not in link:
            assert ((ROOT / page).parent / link).exists(), link
