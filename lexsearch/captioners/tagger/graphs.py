"""Convolutional networks from plain arrays, as ONNX models in memory, run by onnxruntime.

A model is made anew whenever the tagger starts, which takes under half a second: no file of 90 MB
lies in a cache, to be torn, outdated or without room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lexsearch.captioners.tagger.messages import declare
from lexsearch.errors import CaptionerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

_EPSILON = 1e-3  # in the batch norms of both networks
_IR_VERSION, _OPSET = 8, 13
_FLOAT, _INT64 = 1, 7  # ONNX's numbers for types of tensors,
_A_NUMBER, _A_STRING, _NUMBERS = 2, 3, 7  # and of attributes


def fold(
    weights: Array, scale: Array, shift: Array, mean: Array, variance: Array
) -> tuple[Array, Array]:
    """A convolution and the batch norm after it as one convolution: (weights, bias).

    weights: output channels x input channels x height x width; the others one value a channel.
    """
    factor = scale / np.sqrt(variance + np.float32(_EPSILON))
    return weights * factor[:, None, None, None], shift - mean * factor


class Graph:
    """A network in the making. Values go by name; the picture (1 x 3 x side x side) is "x"."""

    def __init__(self, side: int) -> None:
        kinds = _declare()
        self._model = kinds["Model"](ir_version=_IR_VERSION)
        self._model.opset.add(version=_OPSET)
        self._graph = self._model.graph
        self._graph.name = "network"
        self._named = 0
        picture = self._graph.input.add(name="x").type.tensor
        picture.kind = _FLOAT
        for size in (1, 3, side, side):
            picture.shape.sizes.add(size=size)
        self._clip = self.constant(np.float32(0)), self.constant(np.float32(6))

    def conv(
        self, x: str, weights: Array, bias: Array, *, stride: int = 1, relu6: bool = True
    ) -> str:
        """A convolution, padded as TensorFlow does: more at right and bottom.

        weights: as in `fold`; with one input channel, each channel has a filter of its own.
        """
        y = self.node(
            "Conv",
            x,
            self.constant(weights),
            self.constant(bias),
            auto_pad="SAME_UPPER",
            strides=[stride, stride],
            group=weights.shape[0] if weights.shape[1] == 1 else 1,
        )
        return self.node("Clip", y, *self._clip) if relu6 else y

    def node(self, kind: str, *inputs: str, **attributes: int | str | Sequence[int]) -> str:
        """An operator of ONNX with one output."""
        output = self._name()
        node = self._graph.node.add(kind=kind, input=inputs, output=[output])
        for name, value in attributes.items():
            if isinstance(value, int):
                node.attribute.add(name=name, kind=_A_NUMBER, number=value)
            elif isinstance(value, str):
                node.attribute.add(name=name, kind=_A_STRING, string=value.encode())
            else:
                node.attribute.add(name=name, kind=_NUMBERS, numbers=value)
        return output

    def constant(self, values: NDArray[Any] | np.generic) -> str:
        """32-bit floats or 64-bit integers."""
        name = self._name()
        kind = _FLOAT if values.dtype == np.float32 else _INT64
        self._graph.constant.add(
            name=name, sizes=values.shape, kind=kind, raw=values.tobytes(order="C")
        )
        return name

    def session(self, *outputs: str) -> Any:
        """An onnxruntime session that computes these values.

        It runs on one thread, since pictures are looked at side by side.
        """
        for name in outputs:
            self._graph.output.add(name=name).type.tensor.kind = _FLOAT
        try:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            options.log_severity_level = 3
            return onnxruntime.InferenceSession(
                self._model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise CaptionerError(
                f"the tagger does not start ({error}); "
                "run: pip install --force-reinstall onnxruntime"
            ) from error

    def _name(self) -> str:
        self._named += 1
        return f"v{self._named}"


def _declare() -> dict[str, Any]:
    return declare(
        "onnx",
        {
            "Model": {"ir_version": (1, "int64"), "graph": (7, "Graph"), "opset": (8, "Opset*")},
            "Opset": {"version": (2, "int64")},
            "Graph": {
                "node": (1, "Node*"),
                "name": (2, "string"),
                "constant": (5, "Tensor*"),
                "input": (11, "Value*"),
                "output": (12, "Value*"),
            },
            "Node": {
                "input": (1, "string*"),
                "output": (2, "string*"),
                "kind": (4, "string"),
                "attribute": (5, "Attribute*"),
            },
            "Attribute": {
                "name": (1, "string"),
                "number": (3, "int64"),
                "string": (4, "bytes"),
                "numbers": (8, "int64*"),
                "kind": (20, "int64"),
            },
            "Tensor": {
                "sizes": (1, "int64*"),
                "kind": (2, "int64"),
                "name": (8, "string"),
                "raw": (9, "bytes"),
            },
            "Value": {"name": (1, "string"), "type": (2, "Type")},
            "Type": {"tensor": (1, "TensorType")},
            "TensorType": {"kind": (1, "int64"), "shape": (2, "Shape")},
            "Shape": {"sizes": (1, "Size*")},
            "Size": {"size": (1, "int64")},
        },
    )
