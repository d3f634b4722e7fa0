"""Real OpenSearch nodes on this machine, each in a Java process of its own.

The jars are fetched from Maven Central once (opensearch/pom.xml pins them, 46 MB), and kept in the
user's cache with the one class that starts a node without an installation.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import platformdirs

_SOURCES = Path(__file__).parent / "opensearch"
_LOGGING = """status = error
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
appender.file.type = File
appender.file.name = file
appender.file.fileName = {home}/node.log
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = [%d{{ISO8601}}][%-5p][%c{{1}}] %m%n
"""


class NodesUnavailable(Exception):
    """Maven, a JDK or the artifacts are missing; the message says which."""


def class_path() -> str:
    """What a node runs from, fetched and compiled where that has not been done."""
    for program in ("mvn", "javac"):
        if shutil.which(program) is None:
            raise NodesUnavailable(f"no {program}, to fetch and start an OpenSearch node")
    files = sorted(_SOURCES.iterdir())
    digest = hashlib.blake2b(b"".join(file.read_bytes() for file in files), digest_size=6)
    cache = os.environ.get("LEXSEARCH_CACHE") or platformdirs.user_cache_path("lexsearch")
    made = Path(cache) / f"opensearch-node-{digest.hexdigest()}"
    if not made.is_dir():
        part = made.with_name(f"{made.name}.{os.getpid()}")
        shutil.copytree(_SOURCES, part)
        command = ["mvn", "-q", "-B", "compile", "dependency:copy-dependencies"]
        done = subprocess.run(command, cwd=part, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(part)
            raise NodesUnavailable(f"Maven did not get an OpenSearch node: {done.stdout[-2000:]}")
        try:
            part.rename(made)
        except OSError:  # another process was faster
            shutil.rmtree(part)
    return f"{made}/target/classes:{made}/target/dependency/*"


class Nodes:
    """Several nodes that are one cluster, in a folder of their own.

    java: options of their Java; the usual ones start sooner, and compile less.
    """

    def __init__(
        self, home: Path, count: int = 1, java: tuple[str, ...] = ("-XX:TieredStopAtLevel=1",)
    ) -> None:
        self._class_path = class_path()
        self._home, self._java = home, java
        self.names = [f"n{number + 1}" for number in range(count)]
        ports = iter(free_ports(2 * count))
        self.http = {name: next(ports) for name in self.names}
        self._transport = {name: next(ports) for name in self.names}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def hosts(self) -> str:
        """All of them, as an address has them."""
        return ",".join(f"127.0.0.1:{port}" for port in self.http.values())

    def start(self, *names: str) -> None:
        """Start nodes, all where none is named; returns before they answer."""
        for name in names or self.names:
            home = self._home / name
            (home / "config").mkdir(parents=True, exist_ok=True)
            (home / "log4j2.properties").write_text(_LOGGING.format(home=home))
            command = [
                *("java", "-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", *self._java),
                *(
                    f"-Dlog4j2.configurationFile={home}/log4j2.properties",
                    f"-Djava.io.tmpdir={home}",
                ),
                *("-cp", self._class_path, "Main"),
                *(f"{key}={value}" for key, value in self._settings(name).items()),
            ]
            with (home / "output.txt").open("ab") as output:
                self.processes[name] = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=output, stderr=output
                )

    def _settings(self, name: str) -> dict[str, object]:
        home = self._home / name
        seeds = ",".join(f"127.0.0.1:{port}" for port in self._transport.values())
        return {
            "path.home": home,
            "path.data": home / "data",
            "path.logs": home / "logs",
            "cluster.name": "lexsearch-test",
            "node.name": name,
            "network.host": "127.0.0.1",
            "http.port": self.http[name],
            "transport.port": self._transport[name],
            "discovery.seed_hosts": seeds,
            "cluster.initial_cluster_manager_nodes": ",".join(self.names),
            "node.processors": 2,
            "cluster.routing.allocation.disk.threshold_enabled": "false",
        }

    def wait(self, name: str | None = None, count: int | None = None, limit: float = 180) -> None:
        """Until a node says that so many are there."""
        name, count = name or self.names[0], count or len(self.names)
        until = time.monotonic() + limit
        while time.monotonic() < until:
            if self.processes[name].poll() is not None:
                break
            try:
                if self.get(name, "/_cluster/health")["number_of_nodes"] >= count:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        log = (self._home / name / "output.txt").read_text()[-2000:]
        raise NodesUnavailable(f"no OpenSearch node came up: {log}")

    def get(self, name: str, path: str) -> Any:
        """What a node answers, as JSON."""
        address = f"http://127.0.0.1:{self.http[name]}{path}"
        with urllib.request.urlopen(address, timeout=5) as found:
            return json.load(found)

    def kill(self, name: str) -> None:
        """As a power cut does."""
        os.kill(self.processes[name].pid, signal.SIGKILL)
        self.processes[name].wait()

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None and process.stdin:
                process.stdin.close()  # a node ends with its input
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def free_ports(count: int) -> list[int]:
    opened = [socket.socket() for _ in range(count)]
    for one in opened:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in opened]
    for one in opened:
        one.close()
    return ports
