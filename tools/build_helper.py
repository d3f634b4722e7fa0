"""Compile the Java part of the Lucene engine into the package.

    python tools/build_helper.py [JAR]

Needs the javac of a JDK 17. The same sources give the same bytes: names are sorted, times are
fixed, and nothing is compressed, as that differs from one machine to another. The SHA-256 is
printed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

LUCENE = Path(__file__).parents[1] / "lexsearch" / "engines" / "lucene"
SOURCES, JARS = LUCENE / "java", LUCENE / "jars"
JAR = JARS / "lexsearch.jar"
RELEASE = "17"
_OPTIONS = (
    *("--release", RELEASE, "-encoding", "UTF-8", "-g:none", "-Xlint:all", "-Werror"),
    "-XDstringConcat=inline",  # the other way takes Java milliseconds at each start
)
_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a ZIP archive can tell


def javac() -> str | None:
    """The compiler, where it is the right one."""
    found = shutil.which("javac")
    if found is None:
        return None
    told = subprocess.run([found, "-version"], capture_output=True, text=True, check=True)
    return found if f"{told.stdout}{told.stderr}".startswith(f"javac {RELEASE}.") else None


def build(compiler: str, jar: Path) -> None:
    """Compile the sources into a jar."""
    sources = sorted(str(file.relative_to(SOURCES)) for file in SOURCES.rglob("*.java"))
    lucene = os.pathsep.join(sorted(str(file) for file in JARS.glob("lucene-*.jar")))
    with tempfile.TemporaryDirectory() as scratch:
        command = [compiler, *_OPTIONS, "-cp", lucene, "-d", scratch, *sources]
        subprocess.run(command, check=True, cwd=SOURCES)
        with zipfile.ZipFile(jar, "w") as packed:
            for file in sorted(Path(scratch).rglob("*.class")):
                entry = zipfile.ZipInfo(file.relative_to(scratch).as_posix(), _TIME)
                entry.create_system = 3  # whatever the system is
                entry.external_attr = 0o644 << 16
                packed.writestr(entry, file.read_bytes())


def main(jar: Path = JAR) -> None:
    """Build, and tell the digest."""
    compiler = javac()
    if compiler is None:
        sys.exit(f"This needs javac {RELEASE} (Debian: apt install openjdk-{RELEASE}-jdk-headless)")
    build(compiler, jar)
    print(hashlib.sha256(jar.read_bytes()).hexdigest(), jar)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
