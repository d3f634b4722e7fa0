"""Whom an error of a server is about: one picture, the request, the account, or the server.

Servers of the same protocol differ in which status they send for what, so that a status alone
tells little: 403 is a wrong key or a flagged picture, 400 a parameter, a picture or an account
without credit, 429 a moment's haste or a bill that was not paid, and 500 anything. So status, code,
type and message are read together, by the table below, whose first row that fits counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from enum import Enum, auto
from typing import Any, NamedTuple

from lexsearch.chat.waits import seconds_to_wait
from lexsearch.text.answers import storable

_LONGEST_TEXT = 4000
_LONGEST_MESSAGE = 300


class Blame(Enum):
    """Whom an error is about.

    VIEW: this picture, that is too large, too small or none. REFUSED: this picture, that is
    flagged. SIGHT: the model, that takes no pictures. CONTEXT: the length of what is asked.
    PARAMETER: one that the server does not take. ACCOUNT: the key, its rights or its credit.
    ADDRESS: the address, or the model's name. MEMORY: a machine that is too small. LOADING, BUSY:
    the server, that asks for patience. FAULT: the server; it may pass. UNCLEAR: it does not say.
    """

    VIEW = auto()
    REFUSED = auto()
    SIGHT = auto()
    CONTEXT = auto()
    PARAMETER = auto()
    ACCOUNT = auto()
    ADDRESS = auto()
    MEMORY = auto()
    LOADING = auto()
    BUSY = auto()
    FAULT = auto()
    UNCLEAR = auto()


class Complaint(NamedTuple):
    """What a server says of an error.

    message: for people; one line. text: all that it says, for the table. param: the parameter
    that it names. wait: the seconds that it asks to wait, or 0.
    """

    status: int
    message: str
    text: str
    param: str = ""
    wait: float = 0.0


class _Row(NamedTuple):
    """blame, where the text matches `says` and the status begins with one of `statuses`."""

    blame: Blame
    says: str
    statuses: tuple[str, ...] = ("",)


_TABLE = [
    _Row(  # OpenAI, Azure, DeepSeek, OpenRouter, vLLM, llama.cpp, Ollama, LM Studio, Groq, Bedrock
        Blame.SIGHT,
        r"(?:do(?:es)? not|doesn'?t|don'?t|cannot|can ?not|not) (?:currently )?"
        r"(?:support|accept|allow|handle|take)(?:ed|s)?(?: the| any)? "
        r"?(?:'|\"|`)?(?:image|vision|visual|multi-?modal|picture)"
        r"|(?:image|vision|multi-?modal|image_url|picture)[^.]{0,30} (?:input|content|modality|"
        r"support)?s?[^.]{0,20}\b(?:is|are) (?:not|only) (?:currently )?(?:supported|enabled|"
        r"available|allowed|accepted)"
        r"|support(?:s|ing)? image input|is not a (?:multi-?modal|vision)|not a vision|"
        r"text-only|only supports? text|only text (?:content|input|is)|must be text\b"
        r"|unknown variant [`'\"]?image_url|at most 0 image"
        r"|may be provided in one (?:prompt|request)"
        r"|missing data required for image input|mmproj|unexpected item type in content"
        r"|content[^.]{0,60}(?:must be|should be|expected|valid) (?:a "
        r"|of type )?(?:valid )?str(?:ing)?\b"
        r"|invalid type: sequence, expected a string"
        r"|non-?vision|no (?:vision|image)[- ](?:capable|support)|lacks? (?:vision|image)",
    ),
    _Row(  # the same gateways, DashScope, Zhipu, Gemini, Anthropic, Bedrock, xAI, LiteLLM
        Blame.REFUSED,
        r"content_?filter|content[ _]policy|content management policy|responsibleai"
        r"|content filtering|flagged|moderation|safety (?:system|filter|setting|reason|policy)"
        r"|\bimage_safety\b|\"?(?:block_?reason|finish_?reason)\"?[^a-z]{1,4}(?:safety|recitation|"
        r"prohibited|blocklist|spii|image)|prohibited_content|data_?inspection"
        r"|inappropriate content"
        r"|guardrail|sensitive content|usage (?:guideline|polic)|unsafe|harmful|nsfw"
        r"|violat\w+ [^.]{0,40}(?:polic|guideline|terms)|不安全|敏感内容",
        ("2", "400", "403", "406", "422", "424", "451", "500"),
    ),
    _Row(
        Blame.ACCOUNT,
        r"invalid_?api_?key|api[ _-]?key (?:not valid|is invalid|expired|not found|is missing)|"
        r"api_key_invalid|incorrect api key|invalid (?:api[ _-]?key|authentication|token"
        r"|x-api-key)|"
        r"no (?:auth|api key)|unauthori[sz]ed|authentication_?error"
        r"|insufficient[_ ](?:quota|balance|"
        r"credit|funds)|credit balance|out of credits?|requires? more credits|billing"
        r"|payment required"
        r"|arrearage|account (?:is )?(?:not active|deactivated|suspended|disabled)|good standing"
        r"|(?:key|spend(?:ing)?|budget)[ _](?:limit|has been)[^.]{0,15}exceeded|budget_exceeded"
        r"|location is not supported|unsupported_country|organization must be verified|limit: 0\b"
        r"|permission[_ ]denied|access denied",
        ("400", "401", "402", "403", "429"),
    ),
    _Row(
        Blame.CONTEXT,
        r"context[ _](?:size|length|window)|exceed_context|maximum (?:model|context|input) length"
        r"|max_model_len|(?:prompt|input|request)[^.]{0,40}(?:is )?too long"
        r"|too many (?:input )?tokens"
        r"|longer than the maximum|inputs? tokens? \+ ",
        ("2", "400", "413", "422", "500"),
    ),
    _Row(
        Blame.MEMORY,
        r"requires more system memory|not enough (?:system |gpu |video )?memory to load"
        r"|insufficient (?:system |gpu )?(?:memory|resources) (?:to load|for)",
    ),
    _Row(
        Blame.LOADING,
        r"loading|is (?:being|not yet) (?:loaded|ready|started)|warming up|starting up|not ready",
        ("2", "500", "502", "503", "504", "425", "409"),
    ),
    _Row(
        Blame.ADDRESS,
        r"model[^.]{0,80}(?:not found|does ?n[o']t exist|not exist|is unknown|not available|"
        r"not loaded|has not been)|no models? (?:is |are )?loaded|unknown model|invalid model|"
        r"model_not_found|no such model|deployment[^.]{0,40}(?:not exist|not found)|try pulling"
        r"|no endpoints found|not a valid model",
        ("2", "400", "404", "422", "500"),
    ),
    _Row(
        Blame.BUSY,
        r"overloaded|too many requests|rate[ _-]?limit|resource_?exhausted|server busy|"
        r"max(?:imum)? pending|capacity|try again later|throttl|no (?:free )?slots?"
        r"|queue (?:is )?full"
        r"|exceeded your current quota|quota exceeded|no healthy upstream"
        r"|no available (?:server|worker)",
        ("2", "400", "403", "429", "500", "502", "503", "504", "52"),
    ),
    _Row(
        Blame.VIEW,
        r"(?:image|picture|height|width|aspect|pixel|media)[^.]{0,80}(?:too (?:large"
        r"|small|big)|exceed|"
        r"must be|larger than|smaller than|at least|invalid|corrupt|unsupported|could not|cannot|"
        r"fail|not valid|truncated|unable)"
        r"|(?:invalid|unsupported|cannot|could not|failed to|unable to|error)[^.]{0,60}"
        r"(?:image|picture|base64|jpeg|media)|image_(?:too|parse|invalid)|invalid_image"
        r"|payload too large",
        ("2", "400", "413", "415", "422", "500"),
    ),
    _Row(Blame.ACCOUNT, "", ("401", "402", "403", "407")),
    _Row(Blame.ADDRESS, "", ("3", "404", "405", "410")),
    _Row(Blame.VIEW, "", ("413", "415")),
    _Row(Blame.REFUSED, "", ("451",)),
    _Row(Blame.BUSY, "", ("429", "503", "529")),
    _Row(Blame.FAULT, "", ("408", "409", "425", "5", "2")),
    _Row(Blame.UNCLEAR, ""),
]
_COMPILED = [(row.blame, re.compile(row.says, re.I), row.statuses) for row in _TABLE]

_NOT_TAKEN = re.compile(
    r"support|unknown|unrecogni[sz]ed|extra|not (?:allowed|permitted|valid)|invalid|must|"
    r"only|deprecated|forbidden|unexpected|cannot|too (?:large|small)|range|instead|additional",
    re.I,
)
_OF_PARAMETERS = {400, 404, 422, 500, 501}


def whose(complaint: Complaint) -> Blame:
    """Whom it is about."""
    return next(
        blame
        for blame, says, statuses in _COMPILED
        if str(complaint.status).startswith(statuses)
        and says.search(complaint.text)
        and not (blame is Blame.ACCOUNT and complaint.status == 429 and _passes(complaint))
    )


def _passes(complaint: Complaint) -> bool:
    """Whether a 429 is one of haste, although it speaks of plans and bills as well (Gemini)."""
    final = re.search(r"insufficient_quota|limit: 0\b|billing_(?:hard|not)", complaint.text)
    return bool(complaint.wait) and not final


def parameter(complaint: Complaint, sent: Collection[str]) -> str | None:
    """The parameter, of those sent, that the server does not take; None where it is not that."""
    if complaint.status not in _OF_PARAMETERS:
        return None
    if complaint.param.split(".")[0] in sent:
        return complaint.param.split(".")[0]
    if not _NOT_TAKEN.search(complaint.text):
        return None
    found = (
        (match.start(), name)
        for name in sent
        if (match := re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", complaint.message))
        and ("_" in name or name == "temperature" or f"'{name}'" in complaint.message)
    )
    return min(found, default=(0, None))[1]


def read(status: int, headers: Mapping[str, str], body: bytes) -> Complaint:
    """What a server says, in JSON of several shapes or as text."""
    text = body[: 64 * 2**10].decode("utf-8", "replace")
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    return complaint_of(found if found is not None else _bare(text), status, headers)


def complaint_of(found: Any, status: int, headers: Mapping[str, str] | None = None) -> Complaint:
    """The same, of an error as JSON holds it: an object, a list or a string."""
    whole = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    message, inner = _message(found)
    text = f"{message} {whole}"[:_LONGEST_TEXT]
    code = inner.get("code")
    if status < 400 and isinstance(code, int) and 400 <= code < 600:
        status = code
    return Complaint(
        status,
        " ".join(storable(message).split())[:_LONGEST_MESSAGE],
        text,
        str(inner.get("param") or ""),
        seconds_to_wait(headers or {}, whole),
    )


def _message(found: Any) -> tuple[str, dict[str, Any]]:
    """The message within an error, and the object that holds it."""
    inner: dict[str, Any] = {}
    for _ in range(8):
        if isinstance(found, list):
            if found and isinstance(found[0], dict) and "msg" in found[0]:  # pydantic's
                parts = (
                    f"{'.'.join(map(str, part.get('loc', ())))}: {part.get('msg')}"
                    for part in found
                    if isinstance(part, dict)
                )
                return "; ".join(parts), inner
            found = found[0] if found else ""
        elif isinstance(found, dict):
            inner = found
            names = ("error", "errors", "message", "detail", "error_message", "msg", "title")
            name = next((name for name in names if found.get(name)), None)
            if name is None:
                return json.dumps(found, ensure_ascii=False), inner
            found = found[name]
        else:
            break
    return str(found), inner


def _bare(text: str) -> str:
    """Text of a page of HTML without its marks."""
    if "<" not in text:
        return text
    return re.sub(r"(?s)<(script|style).*?</\1>|<[^>]*>", " ", text)
