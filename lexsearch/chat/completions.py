"""What a server sent with status 200: an answer, half of one, or an error after all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from lexsearch.chat.faults import Complaint, complaint_of


class Answer(NamedTuple):
    """What the model said, word for word. cut: it ended at the limit of tokens."""

    text: str
    cut: bool = False


class Refusal(NamedTuple):
    """The model, or what stands in front of it, would not answer; and why."""

    reason: str


class NoAnswer(NamedTuple):
    """There is none in it; and why. is_final: asking again would give the same."""

    reason: str
    is_final: bool = False


_FILTERED = re.compile(
    r"content_?filter|safety|prohibited|recitation|blocklist|spii|refusal|guardrail", re.I
)
_BROKEN_OFF = re.compile(r"error|abort|cancel|interrupt|malformed|unknown|insufficient", re.I)


def read_completion(body: bytes) -> Answer | Refusal | NoAnswer | Complaint:
    """A chat completion, also one that comes as a stream of events."""
    text = body.decode("utf-8", "replace")
    try:
        found = _of_stream(text) if text.lstrip().startswith(("data:", ":", "event:")) else None
        return _read(found if found is not None else json.loads(text))
    except RecursionError:
        return NoAnswer("the server sends no chat completion")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        named = f"{type(error).__name__}: {error}"
        return NoAnswer(f"the server sends no chat completion ({named})")


def _read(found: Any) -> Answer | Refusal | NoAnswer | Complaint:
    if isinstance(found, dict) and not found.get("choices"):
        if error := found.get("error") or found.get("detail") or found.get("promptFeedback"):
            return complaint_of({"error": error}, 200)
        if found.get("object") == "error":
            return complaint_of(found, 200)
    choice = found["choices"][0]
    message = choice.get("message") or choice.get("delta") or {}
    if error := choice.get("error") or found.get("error") or message.get("error"):
        return complaint_of({"error": error}, 200)
    content = _text(message.get("content"))
    ended = str(choice.get("finish_reason") or choice.get("native_finish_reason") or "")
    if message.get("refusal") and not (content or "").strip():
        return Refusal(str(message["refusal"]))
    if _FILTERED.search(ended):
        return Refusal(f"finish_reason {ended}")
    if _BROKEN_OFF.search(ended):
        return NoAnswer(f"the answer broke off (finish_reason {ended})")
    if content is None or not content.strip():
        thought = message.get("reasoning_content") or message.get("reasoning")
        if thought or ended == "length":
            return NoAnswer(
                "all the tokens went into thinking, which should be turned off where the model "
                "runs",
                is_final=True,
            )
        if content is None and "message" not in choice and "delta" not in choice:
            raise TypeError("there is no text in it")
        return NoAnswer("the answer is empty")
    return Answer(content, ended in ("length", "max_tokens"))


def _text(content: Any) -> str | None:
    """The text of a message: a string, or parts of which some are text."""
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise TypeError("there is no text in it")
    texts = [part if isinstance(part, str) else _part(part) for part in content]
    return "".join(texts)


def _part(part: dict[str, Any]) -> str:
    if part.get("type") in ("thinking", "reasoning", "redacted_thinking"):
        return ""
    text = part.get("text")
    return text if isinstance(text, str) else ""


def _of_stream(text: str) -> dict[str, Any]:
    """One completion of a stream's events, which some servers send unasked."""
    said: list[str] = []
    choice: dict[str, Any] = {}
    for event in _events(text):
        if event.get("error"):
            return event
        choice = (event.get("choices") or [choice])[0]
        said.append(
            _text((choice.get("delta") or choice.get("message") or {}).get("content")) or ""
        )
    if not choice.get("finish_reason") and "[DONE]" not in text[-200:]:
        choice = {"finish_reason": "error: the stream ended early"}
    return {"choices": [{**choice, "message": {"content": "".join(said)}}]}


def _events(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        data = line.partition("data:")[2].strip() if line.startswith("data:") else ""
        if data and data != "[DONE]":
            yield json.loads(data)
