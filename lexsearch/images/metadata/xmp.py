"""XMP: titles, keywords with all above them, names of people, place and dates."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring
from PIL import Image

from lexsearch.images.metadata.statements import Statement

_ABOUT = (
    *("title", "description", "subject", "Headline", "caption", "keywords", "UserComment"),
    *("Location", "Sublocation", "City", "State", "ProvinceState", "Country", "CountryName"),
    *("PersonInImage", "Event", "CatalogSets"),
)
_PATHS = {"hierarchicalSubject": "|", "TagsList": "/", "LastKeywordXMP": "/"}
"""Keywords with the broader ones before them, as Lightroom, digiKam and Windows write them."""
_PEOPLE = "PersonDisplayName"  # Windows
_REGIONS, _NAME = "RegionList", "Name"  # Metadata Working Group
_TAKEN = ("DateTimeOriginal", "DateCreated", "DateTimeDigitized", "CreateDate")
_KNOWN = frozenset((*_ABOUT, *_PATHS, *_TAKEN, _PEOPLE))
_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PACKET = re.compile(rb"<(?P<tag>(?:\w+:)?(?:xmpmeta|xapmeta|RDF))\b.*</(?P=tag)\s*>", re.DOTALL)


def read(image: Image.Image) -> Iterator[Statement]:
    """What the XMP packet in the picture says."""
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if packet:
        yield from parse(packet.encode() if isinstance(packet, str) else packet)


def parse(packet: bytes) -> Iterator[Statement]:
    """What XMP says; raises ParseError where it is no XML. Padding around it is usual."""
    packet = _utf8(packet)
    match = _PACKET.search(packet)
    root = fromstring(match[0] if match else packet.strip(b"\0 \r\n\t"))
    for name, text in _properties(root, "", False):
        if name in _PATHS:
            text = text.replace(_PATHS[name], ", ")
        yield Statement(text, "taken" if name in _TAKEN else "about")


def _utf8(packet: bytes) -> bytes:
    """It may be UTF-16 or UTF-32 as well, with a byte order mark or without."""
    for mark, encoding in _ENCODINGS:
        text = packet.removeprefix(mark)
        if text.startswith("<".encode(encoding)):
            return text.decode(encoding, "ignore").encode("utf-8", "replace")
    return packet


def _properties(element: Element, within: str, regions: bool) -> Iterator[tuple[str, str]]:
    """(name, text) of the known properties: attributes, elements, and lists in elements."""
    name = _local(element.tag)
    regions = regions or name == _REGIONS
    within = name if _is_known(name, regions) else within
    for key, value in element.attrib.items():
        if _is_known(_local(key), regions):
            yield _local(key), value
    if within and element.text and element.text.strip():
        yield within, element.text
    for child in element:
        yield from _properties(child, within, regions)


def _is_known(name: str, regions: bool) -> bool:
    return name in _KNOWN or (regions and name == _NAME)


def _local(name: str) -> str:
    return str(name).rpartition("}")[2]
