"""Files and folders that are left out: junk by default, and what people exclude, as git does.

Rules are those of `.gitignore`, read by pathspec; `.lexsearchignore` in a folder holds for it and
all below it, and deeper rules overrule shallower ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from pathspec import GitIgnoreSpec

from lexsearch.images.filesystem import open_file

IGNORE_FILE = ".lexsearchignore"
NO_MEDIA = ".nomedia"
"""An empty file of this name says that the folder is of no interest, as on Android."""

JUNK = "junk (thumbnails, deleted files)"
EXCLUDED = "excluded"
REMOVED = "removed before"

_JUNK = GitIgnoreSpec.from_lines(
    (
        *("@eaDir/", r"\#recycle/", r"\#snapshot/", "@Recycle/", "@Recently-Snapshot/"),  # NAS
        *("$RECYCLE.BIN/", "RECYCLER/", "System Volume Information/", "lost+found/"),
        *("__MACOSX/", "node_modules/", ".thumbnails/", "*.lrdata/"),
        *("Thumbs/", "thumbs/"),
        *(
            f"**/*.{library}/{folder}/"
            for library in ("photoslibrary", "aplibrary", "migratedphotolibrary", "photolibrary")
            for folder in (
                *("resources", "database", "private", "internal", "external", "scopes"),
                *("Thumbnails", "Previews", "Data", "Data.noindex"),
            )
        ),
    )
)


@dataclass(frozen=True)
class _Rules:
    folder: str
    spec: GitIgnoreSpec
    kind: str

    def decide(self, path: str) -> bool | None:
        return self.spec.check_file(os.path.relpath(path, self.folder)).include


@dataclass(frozen=True)
class Ignoring:
    """What is left out below a folder.

    removed: paths that a person has taken out of the index.
    """

    rules: tuple[_Rules, ...] = ()
    removed: frozenset[str] = frozenset()

    @classmethod
    def below(
        cls, folder: str, patterns: Iterable[str] = (), removed: Iterable[str] = ()
    ) -> Ignoring:
        """With junk and with the patterns left out, which count from `folder`."""
        excluded = GitIgnoreSpec.from_lines(patterns)
        rules = (_Rules(folder, _JUNK, JUNK), _Rules(folder, excluded, EXCLUDED))
        return cls(rules, frozenset(removed))

    def entering(self, folder: str, names: Iterable[str]) -> Ignoring:
        """With the rules of the folder's own file added, if it has one."""
        if IGNORE_FILE not in names:
            return self
        try:
            with open_file(os.path.join(folder, IGNORE_FILE)) as file:
                lines = file.read().decode("utf-8-sig").splitlines()
            spec = GitIgnoreSpec.from_lines(lines)
        except (OSError, ValueError):
            return self
        return Ignoring((*self.rules, _Rules(folder, spec, EXCLUDED)), self.removed)

    def kind(self, path: str, *, is_folder: bool) -> str | None:
        """Why a file or folder is left out; None when it is not."""
        if path in self.removed:
            return REMOVED
        found = None
        for rules in self.rules:
            decision = rules.decide(path)
            if decision is None and is_folder:
                decision = rules.spec.check_file(os.path.relpath(path, rules.folder) + "/").include
            if decision is not None:
                found = rules.kind if decision else None
        return found
