"""An index as tools for an assistant, over the Model Context Protocol: search, look, see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Image
from pydantic import Field

from lexsearch._version import __version__
from lexsearch.images.jpeg import small_jpeg
from lexsearch.web import service
from lexsearch.web.asking import NotFound, shown

if TYPE_CHECKING:
    from lexsearch.index import Index

_SIDE = 1024  # pixels: enough to see, few enough to send
_INSTRUCTIONS = (
    "Searches this person's pictures by the words of their captions. Keywords stand between "
    "commas: bus, traffic light. +word must be there, -word must not; date:2023-07 and "
    "name:holiday look there alone. A hit says which words matched and which keywords it lacks. "
    "Captions come from a machine and may be wrong: see a picture before you rely on them."
)
Query = Annotated[str, Field(max_length=2000)]
Count = Annotated[int, Field(ge=1, le=100)]


def assistant(index: Index) -> MCPServer:
    """The server of an index; it only reads."""
    server: MCPServer = MCPServer("lexsearch", version=__version__, instructions=_INSTRUCTIONS)

    @server.tool()
    def search_pictures(query: Query, k: Count = 10) -> dict[str, Any]:
        """The best pictures for a query, with their paths, the words that matched, and the keywords
        that each lacks; whether only one or two of its parts say so, which is doubtful; how many
        match in all; and what is near a word that no picture has.
        """
        results = index.search(query, k)
        unknown = ((one.keyword, one.nearest) for one in results.unknown)
        return {
            "total": results.total,
            "unknown": {keyword: [one.word for one in nearest] for keyword, nearest in unknown},
            "pictures": [
                {
                    "doc_id": hit.doc_id,
                    "path": hit.path and shown(hit.path),
                    "words": list(hit.words),
                    "lacks": list(hit.missing),
                    "doubtful": hit.below == "perhaps",
                }
                for hit in results
            ],
        }

    @server.tool()
    def describe_picture(doc_id: str) -> dict[str, Any]:
        """All that was said of a picture, part by part, and what its file says of itself."""
        known = service.picture(index, doc_id, here=True)
        captions = [
            {name: row[name] for name in ("crop", "field", "text")} for row in known["captions"]
        ]
        return {"paths": known["paths"], "captions": captions, "never_said": known["denied"]}

    @server.tool()
    def see_picture(doc_id: str) -> Image:
        """The picture itself, as a small JPEG."""
        paths = index.places([doc_id]).get(doc_id, ())
        if not paths:
            raise NotFound(f"no picture of this index has the doc_id {doc_id}")
        return Image(data=small_jpeg(paths[0], _SIDE), format="jpeg")

    return server
