"""lexsearch mcp: an assistant finds and sees pictures, asked by the protocol's own client."""

from __future__ import annotations

import asyncio
import base64
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeCaptioner, picture
from PIL import Image

import lexsearch

mcp = pytest.importorskip("mcp")
pytestmark = [pytest.mark.java, pytest.mark.process]


def test_an_assistant_searches_reads_and_sees(tmp_path: Path, environment: dict[str, str]) -> None:
    place = picture(tmp_path / "photos" / "red.png", "red", (2000, 1000))
    with lexsearch.open(tmp_path / "index") as index:
        index.add(tmp_path / "photos", captioner=FakeCaptioner())
    command = ["-m", "lexsearch.cli", "mcp", "--index", str(tmp_path / "index")]
    started = mcp.StdioServerParameters(command=sys.executable, args=command, env=environment)

    async def talk() -> None:
        async with mcp.Client(mcp.stdio_client(started)) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert tools == {"search_pictures", "describe_picture", "see_picture"}

            async def call(name: str, **given: Any) -> Any:
                return await client.call_tool(name, given)

            found = (await call("search_pictures", query="red, zebra")).structured_content
            [hit] = found["pictures"]
            assert (hit["path"], hit["words"], hit["lacks"]) == (str(place), ["red"], ["zebra"])
            assert list(found["unknown"]) == ["zebra"]
            known = (await call("describe_picture", doc_id=hit["doc_id"])).structured_content
            assert known["captions"][0]["text"].startswith("red whole")
            [seen] = (await call("see_picture", doc_id=hit["doc_id"])).content
            assert Image.open(io.BytesIO(base64.b64decode(seen.data))).size == (1024, 512)
            for wrong in ("/etc/passwd", "nothing", str(place)):
                assert (await call("see_picture", doc_id=wrong)).is_error
                assert (await call("describe_picture", doc_id=wrong)).is_error
            assert (await call("search_pictures", query="")).is_error

    asyncio.run(asyncio.wait_for(talk(), 60))
