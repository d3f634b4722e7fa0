"""The few protocol-buffer messages of ONNX and TensorFlow that the tagger's networks need.

onnxruntime brings the protobuf library along. Declaring the fields in use here costs a page; the
packages onnx and tensorflow, which declare them all, would cost a light install 60 MB and 2 GB.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FieldOf = Mapping[str, tuple[int, str]]


def declare(package: str, messages: Mapping[str, _FieldOf]) -> dict[str, Any]:
    """Message classes by name.

    messages: for each its fields: number, and type, which is a scalar's ("string", "bytes",
    "int64", "float") or another message's name; "*" after it for any number of them.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    scalars = {
        "string": kinds.TYPE_STRING,
        "bytes": kinds.TYPE_BYTES,
        "int64": kinds.TYPE_INT64,
        "float": kinds.TYPE_FLOAT,
    }
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto", package=package, syntax="proto2"
    )
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            many = kind.endswith("*")
            label = kinds.LABEL_REPEATED if many else kinds.LABEL_OPTIONAL
            kind = kind.rstrip("*")
            added = message.field.add(name=field, number=number, label=label)
            if kind in scalars:
                added.type = scalars[kind]
            else:
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".{package}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in messages
    }
