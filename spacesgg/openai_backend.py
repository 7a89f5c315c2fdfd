"""Prompts to OpenAI or any server that speaks its chat completions (vLLM, SGLang, Ollama, llama.cpp, …)."""

import asyncio
import email.utils
import json
import math
import os
import re
import time
import urllib.parse
from collections.abc import Mapping
from typing import Any

import orjson

from spacesgg.backends import Permanent, Reply, Retryable
from spacesgg.errors import InputError
from spacesgg.prompt import Prompt

OFFICIAL_URL = "https://api.openai.com/v1"
ENDPOINT = "/v1/chat/completions"  # as batch files name it
# Statuses below 500 after which the same request may succeed; every 5xx is one too.
RETRYABLE_STATUSES = frozenset((408, 409, 425, 429))
# Statuses that will be the same for every prompt of the run: a wrong key; no such model or path. (403 is not one:
# some gateways answer it to a single prompt that their moderation dislikes.)
STOPPING_STATUSES = frozenset((401, 404))
# 429 is also what OpenAI answers when the account has no money left, which waiting does not mend.
STOPPING_CODES = frozenset(("insufficient_quota", "billing_hard_limit_reached", "account_deactivated"))
CONNECT_TIMEOUT_S = 10.0
CONNECTIONS_PER_POOL = 8
REASON_CHARACTERS = 300
SHORTEST_KEY, LONGER_THAN_WORDS = 8, 16  # characters of a key that is a secret, and of one though it has no digit


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` (seconds or an HTTP date) asks to wait, None when it does not say."""
    value = headers.get("retry-after-ms")
    if value is not None and re.fullmatch(r"\d+(\.\d+)?", value.strip()):
        return float(value) / 1000
    value = (headers.get("retry-after") or "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    try:
        date = email.utils.parsedate_tz(value)
        return max(0.0, email.utils.mktime_tz(date) - time.time()) if date else None
    except (ValueError, OverflowError, IndexError, TypeError):  # a date that no calendar has
        return None


def api_key(base_url: str) -> str:
    """Return the key from OPENAI_API_KEY; a server of one's own needs none. Raises InputError."""
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not key and base_url.rstrip("/") != OFFICIAL_URL:
        return "none"
    if not key:
        raise InputError(
            "OPENAI_API_KEY is not set: export the key of your account, or name your own server with --base-url"
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise InputError("OPENAI_API_KEY holds spaces or characters that no key has: export the key alone")
    return key


def _is_address(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # brackets that do not match, a port that is no number
        return False


def request_body(
    model: str, prompt: Prompt, seed: int | None, temperature: float | None, max_tokens: int | None
) -> dict[str, Any]:
    """Return the body of a chat completion request; what is None is left to the server's default."""
    body: dict[str, Any] = {"model": model, "messages": prompt.messages}
    options = {"temperature": temperature, "max_tokens": max_tokens, "seed": seed}
    return body | {name: value for name, value in options.items() if value is not None}


def parse_json(text: bytes) -> Any:
    """Return what JSON text says, also where it escapes half a character. Raises ValueError."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)  # slower, and takes "\\ud83d" alone, at which some servers cut a reply


def error_message(error: Any) -> str:
    """Return what an error says, in whatever form a server puts it: an object, a list of them, or a text."""
    if isinstance(error, list) and error:
        error = error[0]
    if isinstance(error, dict):
        error = error.get("message") or error.get("error") or error.get("detail") or error.get("code") or error
    return error if isinstance(error, str) else repr(error)


def without_key(text: str) -> str:
    """Return a reply's text without the key, which journals and training files must not hold.

    Servers of one's own are given stand-ins like "none" or "anything", which are words of replies, too, and stay.
    """
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    is_word = len(key) < SHORTEST_KEY or (len(key) < LONGER_THAN_WORDS and not any(map(str.isdigit, key)))
    return text if is_word else text.replace(key, "***")


def error_text(text: str) -> str:
    """Return a reason on one line, short, and without the key, which some servers repeat in their errors."""
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if key:
        text = text.replace(key, "***")  # before it is cut: half a key is a secret too
    return " ".join(text.split())[:REASON_CHARACTERS]


def _text(content: Any) -> Any:
    """Return the text of a message's content, which some servers send in parts, without what no file may hold."""
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        content = "".join(part for part in parts if isinstance(part, str))
    if isinstance(content, str):
        content = without_key(re.sub("[\0\ud800-\udfff]", "", content))
    return content


def _tokens(count: Any) -> int:
    """Return a number of tokens, 0 where the server says something else."""
    good = isinstance(count, int | float) and not isinstance(count, bool) and 0 <= count < 1e12
    return int(count) if good else 0


def read_reply(body: Any) -> Reply:
    """Return the reply in the body of a chat completion response. Raises Retryable when it holds none."""
    if isinstance(body, dict) and body.get("error") and not body.get("choices"):
        raise Retryable(error_text(f"the server's answer is an error: {error_message(body['error'])}"))
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Retryable("the server's answer holds no choices")
    message = choices[0].get("message")
    if not isinstance(message, dict):
        raise Retryable("the server's answer holds no message")
    text = _text(message.get("content")) or _text(message.get("refusal")) or ""
    if not isinstance(text, str):
        raise Retryable("the server's answer holds no text")
    usage = body.get("usage") if isinstance(body.get("usage"), dict) else {}
    return Reply(
        text,
        _tokens(usage.get("prompt_tokens")),
        _tokens(usage.get("completion_tokens")),
        _text(str(choices[0].get("finish_reason") or "stop")),
    )


class OpenAIBackend:
    """Asks a server through the official asynchronous client. Its own retries are off: the bulk runner's count."""

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        timeout: float = 120.0,
        concurrency: int = 64,
    ) -> None:
        """`timeout` in seconds, for one request from sending to its last byte."""
        import httpx2  # the client's own HTTP library; both take a second to import
        import openai

        self.name = model
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.timeout = timeout
        named_by = "--base-url" if base_url else "OPENAI_BASE_URL"
        base_url = base_url or os.environ.get("OPENAI_BASE_URL", "").strip() or OFFICIAL_URL
        self._key = api_key(base_url)
        self._openai = openai
        self._renamed: dict[str, str] = {}
        if not _is_address(base_url):
            shown = re.sub("^(.*?//)?.*@", r"\1***@", base_url)  # a password is for no log
            raise InputError(f"{named_by} {shown}: expected an address like http://localhost:8000/v1")
        self._host = urllib.parse.urlsplit(base_url).netloc.rpartition("@")[2]  # without a password
        # For each request the client's connection pool looks at every connection it has, so many small pools cost
        # much less than one of 64: with `_post`, they halve the processor time of a request (7.5 ms to 3.4 ms).
        certificates = httpx2.create_ssl_context()
        self._clients = [
            openai.AsyncOpenAI(
                api_key=self._key,
                base_url=base_url,
                max_retries=0,
                http_client=openai.DefaultAsyncHttpxClient(
                    verify=certificates,
                    limits=httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
                    timeout=httpx2.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT_S)),
                ),
            )
            for _ in range(math.ceil(concurrency / CONNECTIONS_PER_POOL))
        ]
        self._in_flight = [0] * len(self._clients)
        self._response = httpx2.Response

    @property
    def parameters(self) -> dict[str, Any]:
        """What changes the replies besides the model: a change of these asks anew."""
        return {"temperature": self.temperature, "max_tokens": self.max_tokens}

    def body(self, prompt: Prompt, seed: int | None) -> dict[str, Any]:
        """Return the request's body, as sent live and as written to batch files."""
        body = request_body(self.name, prompt, seed, self.temperature, self.max_tokens)
        return {
            self._renamed.get(name, name): value for name, value in body.items() if self._renamed.get(name) != ""
        }

    async def ask(self, prompt: Prompt, seed: int) -> Reply:
        """Return the model's reply. Raises Retryable or Permanent."""
        openai = self._openai
        try:
            # The client's time-out is for each read; a server that drips bytes must not hold a slot for ever.
            response = await asyncio.wait_for(self._create(self.body(prompt, seed)), self.timeout)
        except (openai.APITimeoutError, asyncio.TimeoutError) as error:
            raise Retryable(f"no answer within {self.timeout:g} s") from error
        except openai.APIStatusError as error:
            raise self._refused(error) from error
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            told = f"connection failed ({type(cause).__name__}: {cause}); is the server at {self._host} up?"
            raise Retryable(error_text(told)) from error
        except openai.APIError as error:
            raise Retryable(error_text(f"the answer cannot be read ({error.message})")) from error
        except Exception as error:
            raise Permanent(error_text(f"unexpected {type(error).__name__}: {error}")) from error
        try:
            body = parse_json(response.content)
        except (ValueError, RecursionError) as error:
            start = error_text(response.text)[:80]
            raise Retryable(f"the answer is not JSON, or was cut: {start}") from error
        return read_reply(body)

    async def _create(self, body: dict[str, Any]) -> Any:
        """Return the HTTP response, by the client that has the fewest requests in flight."""
        number = self._in_flight.index(min(self._in_flight))
        self._in_flight[number] += 1
        try:
            return await self._post(number, body)
        except self._openai.BadRequestError as error:
            # OpenAI's reasoning models know only the newer name of the token limit; some servers know no seed.
            change = {"max_tokens": "max_completion_tokens", "seed": ""}.get(str(error.param))
            if change is None or error.param not in body:
                raise
            self._renamed[error.param] = change
            value = body.pop(error.param)
            return await self._post(number, {**body, change: value} if change else body)
        finally:
            self._in_flight[number] -= 1

    async def _post(self, number: int, body: dict[str, Any]) -> Any:
        # `chat.completions.create` would check each field of the body and of the answer against its types, which
        # takes longer than all the rest; the body is our own, and `read_reply` checks the answer.
        return await self._clients[number].post("/chat/completions", body=body, cast_to=self._response)

    def _refused(self, error: Any) -> Exception:
        status, code = error.status_code, str(error.code)
        body = error.body if error.body else error.response.text
        reason = error_text(f"HTTP {status}: {error_message(body) if body else error.message}")
        if code in STOPPING_CODES or status in STOPPING_STATUSES:
            return Permanent(reason, stops_run=True)
        if status in RETRYABLE_STATUSES or status >= 500:
            return Retryable(reason, retry_after_s(error.response.headers))
        return Permanent(reason)

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            await client.close()
