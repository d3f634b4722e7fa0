"""Lucene's jars come along, and Java's archive of classes is made anew after an upgrade."""

from __future__ import annotations

import hashlib
import runpy
import zipfile
from pathlib import Path

import pytest
from conftest import Run

import lexsearch
from lexsearch.engines.lucene import jvm

TOOLS = Path(__file__).parents[1] / "tools"
MAKER, BUILDER = TOOLS / "fetch_lucene.py", TOOLS / "build_helper.py"


def test_the_jars_are_the_release_unmodified_with_licence_and_notice() -> None:
    wanted = runpy.run_path(str(MAKER))
    jars = [jar for jar in jvm._jars() if jar.name.startswith("lucene-")]
    assert {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in jars} == {
        f"{name}-{wanted['VERSION']}.jar": digest for name, digest in wanted["SHA256"].items()
    }
    for jar in jars:
        with zipfile.ZipFile(jar) as opened:
            for name in ("LICENSE.txt", "NOTICE.txt"):
                assert opened.read(f"META-INF/{name}") == jar.with_name(name).read_bytes()


@pytest.mark.process
def test_the_part_in_java_is_built_from_its_sources(tmp_path: Path) -> None:
    builder = runpy.run_path(str(BUILDER))
    compiler = builder["javac"]()
    if compiler is None:
        pytest.skip("no javac of JDK 17")
    builder["build"](compiler, tmp_path / "built.jar")
    digests = {
        hashlib.sha256(jar.read_bytes()).hexdigest()
        for jar in (tmp_path / "built.jar", builder["JAR"])
    }
    assert len(digests) == 1, "run python tools/build_helper.py"


def test_an_upgrade_replaces_the_archive_of_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, java = tmp_path / "cache", tmp_path / "java"
    java.mkdir()
    (java / "release").write_text('JAVA_VERSION="21"')
    monkeypatch.setenv("LEXSEARCH_CACHE", str(cache))
    monkeypatch.setattr(jvm, "_make_archive", lambda java, jars, archive: archive.touch())

    first = jvm._archive(java, jvm._jars())
    assert first == jvm._archive(java, jvm._jars())
    for stranger in ("thumbnails", "lucene-of-another-kind.jsa"):
        (cache / stranger).touch()
    (cache / "lucene-0123456789abcdef.jar").touch()  # as versions before made it
    monkeypatch.setattr(jvm, "__version__", "next")
    second = jvm._archive(java, jvm._jars())

    assert first
    assert second
    assert first != second
    there = {file.name for file in cache.iterdir()}
    assert there == {second.name, "thumbnails", "lucene-of-another-kind.jsa"}


def test_without_a_cache_java_starts_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "release").touch()
    (tmp_path / "a file").touch()
    monkeypatch.setenv("LEXSEARCH_CACHE", str(tmp_path / "a file" / "cache"))
    assert jvm._archive(tmp_path, jvm._jars()) is None


_FOUND = "len(lexsearch.open(sys.argv[1]).search('dog'))"


@pytest.fixture
def dogs(tmp_path: Path) -> Path:
    with lexsearch.open(tmp_path / "index") as index:
        index.import_captions(['{"doc_id": "a", "text": "a dog"}'])
        index.search("dog")
    return tmp_path / "index"


@pytest.mark.process
def test_no_thread_of_javas_is_left_for_threads_that_ended(run_python: Run, dogs: Path) -> None:
    program = """
import sys, threading, lexsearch
index = lexsearch.open(sys.argv[1])
index.search("dog")
from jnius import autoclass
Thread = autoclass("java.lang.Thread")
before = Thread.activeCount()
for _ in range(20):
    one = threading.Thread(target=index.search, args=("dog",))
    one.start()
    one.join()
print(Thread.activeCount() - before)
"""
    ended = run_python(program, dogs)
    assert (ended.stdout, ended.stderr) == ("0\n", "")


@pytest.mark.process
def test_what_an_application_told_java_counts(run_python: Run, dogs: Path) -> None:
    program = f"""
import sys, jnius_config
jnius_config.add_classpath("/opt/mine.jar")
jnius_config.add_options("-Xmx300m")
import lexsearch
print({_FOUND})
from jnius import autoclass
print("/opt/mine.jar" in autoclass("java.lang.System").getProperty("java.class.path"))
print(autoclass("java.lang.Runtime").getRuntime().maxMemory() >> 20 <= 300)
"""
    assert run_python(program, dogs).stdout.split() == ["1", "True", "True"]


@pytest.mark.process
@pytest.mark.parametrize(("megabytes", "said"), [(1200, "1"), (250, "does not start within")])
def test_where_memory_is_limited_java_starts_with_less_or_an_error_is_raised(
    run_python: Run, dogs: Path, megabytes: int, said: str
) -> None:
    program = f"""
import resource, sys, lexsearch
limit = {megabytes} << 20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    print({_FOUND})
except lexsearch.LexsearchError as error:
    print(error)
"""
    ended = run_python(program, dogs)
    assert ended.returncode == 0, ended.stderr
    assert said in ended.stdout
