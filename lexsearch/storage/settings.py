"""index.json: what an index remembers of how it was made, with the format's version.

A format of before is read as it is and written anew with the next change; a later one is refused.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lexsearch.engines import Ranking, is_cluster
from lexsearch.errors import (
    IndexNotFound,
    IndexReadOnly,
    IndexUnusable,
    LexsearchError,
    StorageError,
)
from lexsearch.records import CaptionerKey

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """BM25's parameters, the captioner last used, and where the text index is.

    engine: the address of an index on a cluster; "": in the index's own folder.
    id: by which a cluster's index knows the folder that fills it; "" where none ever did.
    """

    ranking: Ranking = field(default_factory=Ranking)
    captioner: CaptionerKey | None = None
    engine: str = ""
    id: str = ""

    def text_index(self, folder: Path) -> str:
        """The address of the text index of the index in `folder`, for its engine."""
        return self.engine or str(folder / "lucene")


def index_folder(path: str | os.PathLike[str]) -> Path:
    """The folder of the index that a person names."""
    return Path(path).expanduser().absolute()


def engine_address(text: str) -> str:
    """Where a text index is to be, as the settings have it. text: the address of an index on a
    cluster, or "embedded". Raises LexsearchError for what is neither.
    """
    if text == "embedded":
        return ""
    if not is_cluster(text):
        raise LexsearchError(
            f"{text} is no engine; write embedded, or an address opensearch+https://HOST:9200/NAME"
        )
    return text


def settings_file(folder: Path) -> Path:
    """Where the settings of the index in `folder` are; only an index has this file."""
    return folder / "index.json"


def catalog_file(folder: Path) -> Path:
    """Where the catalog of the index in `folder` is (see lexsearch.storage.catalog)."""
    return folder / "catalog.sqlite"


def lexicon_file(folder: Path) -> Path:
    """Where the words of one's own for the index in `folder` are, if there are any."""
    return folder / "lexicon.toml"


def read_settings(folder: Path) -> Settings:
    """Raises IndexNotFound where there is no index, IndexUnusable for settings that are damaged
    or of a later lexsearch.
    """
    file = settings_file(folder)
    try:
        stored = json.loads(file.read_bytes())
        if stored["format"] > FORMAT:
            raise IndexUnusable(
                f"{folder} was made by a later version of lexsearch (format {stored['format']}); "
                "upgrade lexsearch to use it"
            )
        captioner = stored.get("captioner")
        return Settings(
            Ranking(float(stored["ranking"]["k1"]), float(stored["ranking"]["b"])),
            CaptionerKey(**captioner) if captioner else None,
            str(stored.get("engine", "")),
            str(stored.get("id", "")),
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        raise IndexNotFound(
            f"there is no index at {folder}; make one with: lexsearch index FOLDER"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IndexUnusable(f"{file} cannot be read: {error}") from error


def new_id() -> str:
    return secrets.token_hex(8)


def is_index(folder: Path) -> bool:
    """Whether there is an index; IndexNotFound for a folder of something else."""
    if settings_file(folder).exists():
        return True
    half_made = settings_file(folder).with_suffix(".part").name  # by one that was killed
    if folder.is_dir() and any(file.name != half_made for file in folder.iterdir()):
        raise IndexNotFound(f"{folder} is a folder, but not a lexsearch index")
    return False


def make_index(folder: Path) -> None:
    """Make an index that holds nothing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IndexReadOnly(f"{folder} could not be made: {error.strerror}") from error
    write_settings(folder, Settings())


def write_settings(folder: Path, settings: Settings) -> None:
    """For the only writer, and for whoever makes an index. Raises StorageError."""
    captioner = settings.captioner
    stored = {
        "format": FORMAT,
        "ranking": asdict(settings.ranking),
        "captioner": captioner._asdict() if captioner else None,
        **{name: value for name in ("engine", "id") if (value := getattr(settings, name))},
    }
    file = settings_file(folder)
    part = file.with_suffix(".part")
    try:
        with part.open("w") as opened:
            opened.write(json.dumps(stored, indent=2) + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(part, file)
    except OSError as error:
        raise StorageError(f"{file} could not be written: {error.strerror}") from error
