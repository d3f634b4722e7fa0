"""Whom an error of a server is about, how long it asks to wait, and the way to it."""

from __future__ import annotations

import email.utils
import time

import pytest

from lexsearch.chat.address import Address, find_proxy, open_client
from lexsearch.chat.completions import Answer, NoAnswer, Refusal, read_completion
from lexsearch.chat.faults import Blame, Complaint, parameter, read, whose
from lexsearch.chat.pace import Pace
from lexsearch.chat.waits import seconds_to_wait
from lexsearch.errors import ModelError

ERRORS = [
    # OpenAI
    (400, '{"error": {"message": "Your request was rejected as a result of our safety system.", '
     '"code": "content_policy_violation"}}', Blame.REFUSED),
    (400, '{"error": {"message": "Invalid content type. image_url is only supported by certain '
     'models.", "type": "invalid_request_error"}}', Blame.SIGHT),
    (429, '{"error": {"message": "You exceeded your current quota, please check your plan and '
     'billing details.", "type": "insufficient_quota", "code": "insufficient_quota"}}',
     Blame.ACCOUNT),
    (429, '{"error": {"message": "Rate limit reached for gpt-4o in organization org-x on tokens '
     'per min (TPM): Limit 30000, Used 29000. Please try again in 2.5s.", '
     '"code": "rate_limit_exceeded"}}', Blame.BUSY),
    (401, '{"error": {"message": "Incorrect API key provided: sk-x"}}', Blame.ACCOUNT),
    (404, '{"error": {"message": "The model `gpt-9` does not exist or you do not have access to '
     'it.", "code": "model_not_found"}}', Blame.ADDRESS),
    (400, '{"error": {"message": "You uploaded an unsupported image. Please make sure your image '
     'is valid.", "code": "image_parse_error"}}', Blame.VIEW),
    # Azure
    (400, '{"error": {"code": "content_filter", "message": "The response was filtered due to the '
     'prompt triggering Azure OpenAI\'s content management policy.", "param": "prompt"}}',
     Blame.REFUSED),
    (404, '{"error": {"code": "DeploymentNotFound", "message": "The API deployment for this '
     'resource does not exist."}}', Blame.ADDRESS),
    # OpenRouter
    (403, '{"error": {"code": 403, "message": "Your chosen model requires moderation and your '
     'input was flagged", "metadata": {"reasons": ["sexual"]}}}', Blame.REFUSED),
    (402, '{"error": {"code": 402, "message": "Insufficient credits."}}', Blame.ACCOUNT),
    (404, '{"error": {"message": "No endpoints found that support image input", "code": 404}}',
     Blame.SIGHT),
    (502, '{"error": {"message": "Provider returned error", "code": 502}}', Blame.FAULT),
    # vLLM
    (400, '{"object": "error", "message": "/models/x is not a multimodal model", "code": 400}',
     Blame.SIGHT),
    (400, '{"object": "error", "message": "At most 0 image(s) may be provided in one request."}',
     Blame.SIGHT),
    (500, '{"object": "error", "message": "height:26 and width:26 must be larger than factor:28"}',
     Blame.VIEW),
    (400, '{"object": "error", "message": "This model\'s maximum context length is 512 tokens. '
     'However, you requested 800 tokens (544 in the messages, 256 in the completion)."}',
     Blame.CONTEXT),
    # llama.cpp, llama-swap, Ollama, LM Studio
    (503, '{"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}',
     Blame.LOADING),
    (500, '{"error": {"code": 500, "message": "image input is not supported - hint: if this is '
     'unexpected, you may need to provide the mmproj"}}', Blame.SIGHT),
    (400, '{"error": {"message": "the request exceeds the available context size (4096 tokens)", '
     '"type": "exceed_context_size_error"}}', Blame.CONTEXT),
    (400, '{"error": {"message": "Failed to load image or audio file"}}', Blame.VIEW),
    (404, '{"error": {"message": "model \'llava\' not found, try pulling it first"}}',
     Blame.ADDRESS),
    (400, '{"error": {"message": "this model does not support image input (ref: b8)"}}',
     Blame.SIGHT),
    (500, '{"error": {"message": "this model is missing data required for image input"}}',
     Blame.SIGHT),
    (503, '{"error": "server busy, please try again.  maximum pending requests exceeded"}',
     Blame.BUSY),
    (500, '{"error": {"message": "model requires more system memory (9.1 GiB) than is available '
     '(5.0 GiB)"}}', Blame.MEMORY),
    (500, '{"error": {"message": "llama runner process has terminated: exit status 2"}}',
     Blame.FAULT),
    (404, '{"error": {"message": "No models loaded. Please load a model in the developer page"}}',
     Blame.ADDRESS),
    # TGI and Hugging Face
    (429, '{"error": "Model is overloaded", "error_type": "overloaded"}', Blame.BUSY),
    (503, '{"error": "Model x is currently loading", "estimated_time": 20.0}', Blame.LOADING),
    # Gemini and gateways in front of it
    (429, '[{"error": {"code": 429, "message": "You exceeded your current quota, please check '
     'your plan and billing details. Please retry in 41.2s.", "status": "RESOURCE_EXHAUSTED"}}]',
     Blame.BUSY),
    (400, '[{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", '
     '"status": "INVALID_ARGUMENT"}}]', Blame.ACCOUNT),
    (400, '[{"error": {"code": 400, "message": "Unable to process input image."}}]', Blame.VIEW),
    # Anthropic and gateways in front of it
    (400, '{"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit '
     'balance is too low to access the API."}}', Blame.ACCOUNT),
    (529, '{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}',
     Blame.BUSY),
    (400, '{"type": "error", "error": {"type": "invalid_request_error", "message": "Could not '
     'process image"}}', Blame.VIEW),
    (400, '{"error": {"message": "Output blocked by content filtering policy"}}', Blame.REFUSED),
    # DeepSeek, DashScope, LiteLLM, proxies
    (400, '{"error": {"message": "Failed to deserialize the JSON body into the target type: '
     'messages[0]: unknown variant `image_url`, expected `text` at line 1"}}', Blame.SIGHT),
    (402, '{"error": {"message": "Insufficient Balance"}}', Blame.ACCOUNT),
    (400, '{"error": {"code": "data_inspection_failed", "message": "Input data may contain '
     'inappropriate content."}}', Blame.REFUSED),
    (400, '{"error": {"message": "litellm.ContentPolicyViolationError: the prompt was filtered '
     'by the content policy"}}', Blame.REFUSED),
    (422, '{"detail": [{"loc": ["body", "messages", 0, "content"], "msg": "Input should be a '
     'valid string"}]}', Blame.SIGHT),
    (413, "<html><head><title>413 Request Entity Too Large</title></head></html>", Blame.VIEW),
    (503, "no healthy upstream", Blame.BUSY),
    (504, "<html>Gateway Time-out</html>", Blame.FAULT),
    (407, "Proxy Authentication Required", Blame.ACCOUNT),
    (400, '{"error": {"message": "alas"}}', Blame.UNCLEAR),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "blame"), ERRORS)
def test_whom_an_error_is_about(status: int, body: str, blame: Blame) -> None:
    complaint = read(status, {}, body.encode())
    assert whose(complaint) is blame
    assert parameter(complaint, ["max_tokens", "temperature", "stream"]) is None
    assert complaint.message
    assert "<" not in complaint.message


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"error": {"message": "Unsupported value", "param": "temperature"}}', "temperature"),
        ('{"error": {"message": "Unrecognized request argument supplied: max_completion_tokens"}}',
         "max_completion_tokens"),
        ('{"detail": [{"loc": ["body", "temperature"], "msg": "extra fields not permitted"}]}',
         "temperature"),
        ('{"error": {"message": "`temperature` must be strictly positive"}}', "temperature"),
        ('{"error": {"message": "Invalid JSON received. Unknown name \\"stream\\""}}', None),
        ('{"error": {"message": "litellm.UnsupportedParamsError: gpt-5 models don\'t support '
         'temperature=0. Only temperature=1 is supported"}}', "temperature"),
    ],
)  # fmt: skip
def test_the_parameter_that_is_not_taken(body: str, name: str | None) -> None:
    sent = ["max_completion_tokens", "temperature", "stream"]
    assert parameter(read(400, {}, body.encode()), sent) == name


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "7"}, "try again in 20s", 7),
        ({"retry-after-ms": "1500"}, "", 1.5),
        ({"retry-after": email.utils.formatdate(time.time() + 3000, usegmt=True)}, "", 3000),
        ({"x-ratelimit-reset-requests": "1m0s", "x-ratelimit-remaining-requests": "0",
          "x-ratelimit-reset-tokens": "6m0s"}, "", 60),
        ({"x-ratelimit-reset": str(int((time.time() + 3000) * 1000))}, "", 3000),
        ({}, "Please retry in 41.2s", 41.2),
        ({}, "Please try again in 7m12s.", 432),
        ({}, "Please retry after 2 seconds.", 2),
        ({}, "Please wait 1 minute before", 60),
        ({}, '"retryDelay": "41s"', 41),
        ({}, '{"estimated_time": 20.0}', 20),
        ({}, "Limit 10 requests, used 9", 0),
        ({"retry-after": "soon"}, "", 0),
        ({"retry-after": "nan"}, "", 0),
    ],
)  # fmt: skip
def test_how_long_to_wait(headers: dict[str, str], body: str, seconds: float) -> None:
    assert seconds_to_wait(headers, body) == pytest.approx(seconds, rel=0.1)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"choices": [{"message": {"content": "a dog"}, "finish_reason": "stop"}]}', Answer),
        (b'{"choices": [{"message": {"content": "a d"}, "finish_reason": "length"}]}', Answer),
        (b'data: {"choices":[{"delta":{"content":"a bear"}}]}\n\ndata: [DONE]\n\n', Answer),
        (b'data: {"choices":[{"delta":{"content":"a be"}}]}\n\n', NoAnswer),
        (b'{"choices": [{"message": {"content": "a d"}, "finish_reason": "error"}]}', NoAnswer),
        (b'{"choices": [{"message": {"role": "assistant"}, "finish_reason": '
         b'"content_filter: PROHIBITED_CONTENT"}]}', Refusal),
        (b'{"choices": [{"message": {"content": ""}, "finish_reason": "SAFETY"}]}', Refusal),
        (b'{"error": "model requires more system memory"}', Complaint),
        (b'{"choices": [{"message": {"content": "", "reasoning_content": "hm"}}]}', NoAnswer),
        (b"<html>hello</html>", NoAnswer),
    ],
)  # fmt: skip
def test_what_comes_with_status_200(body: bytes, kind: type) -> None:
    assert isinstance(read_completion(body), kind)


@pytest.mark.parametrize(
    ("url", "base", "models"),
    [
        ("http://h/v1", "http://h/v1", "http://h/v1/models"),
        ("http://h/v1/chat/completions/", "http://h/v1", "http://h/v1/models"),
        ("http://h/v1?api-version=X", "http://h/v1?api-version=X",
         "http://h/v1/models?api-version=X"),
        ("http://h/openai/deployments/gpt-4o/chat/completions?api-version=2024-08-01-preview",
         "http://h/openai/deployments/gpt-4o?api-version=2024-08-01-preview",
         "http://h/openai/deployments/gpt-4o/models?api-version=2024-08-01-preview"),
        ("http://[::1]:8000/v1/", "http://[::1]:8000/v1", "http://[::1]:8000/v1/models"),
        ("http://h:8080", "http://h:8080", "http://h:8080/models"),
    ],
)  # fmt: skip
def test_addresses_keep_their_query(url: str, base: str, models: str) -> None:
    assert str(Address(url)) == base
    assert Address(url).of("/models") == models
    assert str(Address(base)) == base


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name.upper()}_PROXY", raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("url", "variable", "value", "said"),
    [
        ("http://h/v1", "ALL_PROXY", "socks5://127.0.0.1:1", "pip install socksio"),
        ("https://h/v1", "HTTPS_PROXY", "socks://127.0.0.1:1", "no kind of proxy"),
        ("https://h/v1", "HTTPS_PROXY", "http://127.0.0.1:nought", "no proxy that can be used"),
        ("https://h/v1", "SSL_CERT_FILE", "/no/such/file", "no certificates can be read"),
        ("https://h/v1", "REQUESTS_CA_BUNDLE", "/etc/hostname", "no certificates can be read"),
        ("http://h/v1", "http_proxy", "http://ada:pw@127.0.0.1:1", "the key would go unencrypted"),
    ],
)
def test_an_environment_in_the_way_is_a_sentence(
    clean: pytest.MonkeyPatch, url: str, variable: str, value: str, said: str
) -> None:
    clean.setenv(variable, value)
    clean.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=variable) as error:
        open_client(Address(url), "sk-key")
    assert said in str(error.value)
    assert "pw" not in str(error.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "a.localhost"])
def test_this_machine_is_asked_directly(clean: pytest.MonkeyPatch, host: str) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        clean.setenv(name, "socks://nowhere:1")
    assert open_client(Address(f"http://{host}:1/v1"), "sk-key")[1] == ""


@pytest.mark.parametrize(
    ("exceptions", "host", "is_excepted"),
    [
        ("::1,[::1]", "[::1]", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        (".example.org", "a.example.org", True),
        ("example.org", "a.example.org", True),
        ("example.org", "badexample.org", False),
        ("example.org:8000", "example.org", True),
        ("a, *", "anywhere", True),
        ("", "anywhere", False),
    ],
)
def test_no_proxy(clean: pytest.MonkeyPatch, exceptions: str, host: str, is_excepted: bool) -> None:
    clean.setenv("http_proxy", "http://p:1")
    clean.setenv("no_proxy", exceptions)
    assert (find_proxy(Address(f"http://{host}/v1")) is None) == is_excepted


def test_the_key_goes_through_a_proxy_when_asked_to(clean: pytest.MonkeyPatch) -> None:
    clean.setenv("http_proxy", "http://ada:pw@p:1")
    clean.setenv("LEXSEARCH_KEY_THROUGH_PROXY", "1")
    _, way = open_client(Address("http://h/v1"), "sk-key")
    assert way == "through the proxy http://p:1 (http_proxy)"


def test_an_azure_key_goes_into_its_own_header() -> None:
    headers = Address("https://x.openai.azure.com/openai/v1").key_headers("sk-key")
    assert headers["api-key"] == "sk-key"
    assert "api-key" not in Address("https://h/v1").key_headers("sk-key")
    assert Address("https://h/v1").key_headers("") == {}


def test_the_pace_halves_once_for_what_was_asked_together_and_grows_again() -> None:
    pace = Pace(16)
    asked = time.monotonic()
    for _ in range(16):
        pace.overwhelmed(asked)
    assert pace.limit == 8
    for _ in range(1000):
        pace.answered(1.0, timeout=300.0)
    assert pace.limit == 16
    slow = Pace(16)
    slow.overwhelmed(time.monotonic())
    for _ in range(1000):
        slow.answered(200.0, timeout=300.0)
    assert slow.limit == 8, "answers that take more than half the time are no reason for more"
