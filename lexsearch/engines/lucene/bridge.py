"""The way into Java: the static methods of our own class (java/lexsearch/Bridge.java), bytes in and
bytes out. Any number of threads call them side by side, and Python goes on meanwhile.
"""

from __future__ import annotations

import os
import threading
from functools import cache
from pathlib import Path
from typing import Any

from lexsearch.engines.lucene import jvm as _jvm
from lexsearch.engines.lucene.faults import translated
from lexsearch.text.analysis import FORMS

_CLASS = "lexsearch/Bridge"
_STRING = "Ljava/lang/String;"
_METHODS = {
    "forms": f"({_STRING})V",
    "analyze": f"({_STRING}[B)[B",
    "check": f"({_STRING}{_STRING})V",
    "open": f"({_STRING}{_STRING})I",
    "isCurrent": "(I)Z",
    **dict.fromkeys(("reopen", "documents"), "(I)I"),
    **dict.fromkeys(("search", "frequencies", "similar", "stored"), "(I[B)[B"),
    "openWriter": "([B)I",
    **dict.fromkeys(("add", "delete"), "(I[B)V"),
    **dict.fromkeys(("close", "deleteAll", "commit", "join", "rollback", "closeWriter"), "(I)V"),
}


_loading = threading.Lock()


def load() -> Any:
    """The class."""
    with _loading:
        return _declared()


@cache
def _declared() -> Any:
    """It is declared here, as reflecting on it would take milliseconds."""
    jnius = _jvm.start()
    members: dict[str, Any] = {"__javaclass__": _CLASS, "__javaconstructor__": []}
    members |= {name: jnius.JavaStaticMethod(signature) for name, signature in _METHODS.items()}
    declared = jnius.MetaJavaClass(_CLASS, (jnius.JavaClass,), members)
    declared.forms(str(FORMS))
    return declared


class _Attached:
    """Lets go of a thread of Java's when the thread of Python's that it stands for ends: Java would
    keep one for each thread that ever called it.
    """

    def __init__(self) -> None:
        self._process = os.getpid()

    def __del__(self) -> None:
        if self._process == os.getpid():  # a forked child has no Java
            _jvm.start().detach()


_this_thread = threading.local()


def call(folder: Path | None, name: str, *arguments: Any) -> Any:
    """Call a method about the index in a folder; what Java throws is translated."""
    if threading.current_thread() is not threading.main_thread():
        _this_thread.attached = getattr(_this_thread, "attached", None) or _Attached()
    with translated(folder):
        return getattr(load(), name)(*arguments, pass_by_reference=False)


def ask(folder: Path | None, name: str, *arguments: Any) -> bytes:
    """Call a method that gives bytes."""
    return bytes(call(folder, name, *arguments).tostring())
