"""Fetch Lucene's release jars from Maven Central into the package, and check them.

    python tools/fetch_lucene.py

Needs Maven (mvn). The jars are the Apache project's own, unmodified; their licence and notice are
put beside them. A jar with another SHA-256 than the one below is refused.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

VERSION = "9.9.1"
SHA256 = {
    "lucene-core": "9f44696c6985875ab01ce29bd994ac0f275a5d3624b2bcbcd447786f0062ce76",
    "lucene-analysis-common": "b25800d416ab405c8fd8b7c52d96c1bd69613052d3e76ec0250b856fe812c288",
}
JARS = Path(__file__).parents[1] / "lexsearch" / "engines" / "lucene" / "jars"


def fetch(artifact: str, folder: Path) -> Path:
    """Have Maven copy a jar into a folder."""
    wanted = f"-Dartifact=org.apache.lucene:{artifact}:{VERSION}"
    command = ["mvn", "-q", "-B", "dependency:copy", wanted, f"-DoutputDirectory={folder}"]
    subprocess.run(command, check=True)
    return folder / f"{artifact}-{VERSION}.jar"


def check(jar: Path, artifact: str) -> None:
    """Refuse a jar that is not the one expected."""
    found = hashlib.sha256(jar.read_bytes()).hexdigest()
    if found != SHA256[artifact]:
        sys.exit(f"{jar.name} has SHA-256 {found}, and should have {SHA256[artifact]}")


def main() -> None:
    """Replace what lies in the package's folder of jars."""
    if shutil.which("mvn") is None:
        sys.exit("This needs Maven (on Debian: apt install maven)")
    with tempfile.TemporaryDirectory() as scratch:
        jars = {artifact: fetch(artifact, Path(scratch)) for artifact in SHA256}
        for artifact, jar in jars.items():
            check(jar, artifact)
        JARS.mkdir(exist_ok=True)
        for old in JARS.glob("lucene-*.jar"):
            old.unlink()
        for jar in jars.values():
            shutil.copy(jar, JARS)
            print(JARS / jar.name)
        with zipfile.ZipFile(jars["lucene-core"]) as core:
            for name in ("LICENSE.txt", "NOTICE.txt"):
                (JARS / name).write_bytes(core.read(f"META-INF/{name}"))


if __name__ == "__main__":
    main()
