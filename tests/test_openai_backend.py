import asyncio
import time

import pytest
from llm_server import FAULTS, Server

from spacesgg.backends import Permanent, Reply, Retryable
from spacesgg.errors import InputError
from spacesgg.openai_backend import OpenAIBackend, error_text, parse_json, read_reply, retry_after_s
from spacesgg.prompt import Prompt

PROMPT = Prompt([{"role": "user", "content": "what is near?"}], "description")


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-the-test")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def ask(server, prompts=1, **options):
    async def run():
        backend = OpenAIBackend("m", server.url, **{"timeout": 0.4, **options})
        try:
            return [await backend.ask(PROMPT, 7) for _ in range(prompts)][-1]
        finally:
            await backend.close()

    return asyncio.run(run())


def test_a_reply_with_its_tokens_and_the_parameters_sent():
    with Server(reply=lambda body: ("cut", "length")).running() as server:
        assert ask(server, temperature=0.3, max_tokens=9) == Reply("cut", 100, 20, "length")
    body = server.bodies[0]
    assert (body["model"], body["temperature"], body["max_tokens"], body["seed"]) == ("m", 0.3, 9, 7)
    assert body["messages"] == PROMPT.messages


def test_what_is_not_given_is_left_to_the_server():
    with Server().running() as server:
        ask(server)
    assert set(server.bodies[0]) == {"model", "messages", "seed"}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_that_may_pass_are_retryable_and_sent_once(fault):
    with Server(fault=lambda body, tries: fault, drip_s=0.05).running() as server:
        began = time.monotonic()
        with pytest.raises(Retryable) as caught:
            ask(server)
        assert time.monotonic() - began < 3
    assert len(server.times) == 1  # the client's own retries are off
    assert "\n" not in caught.value.reason and "sk-secret" not in caught.value.reason
    wanted = {"429 seconds": (0.9, 1.1), "503 seconds": (0.9, 1.1), "429 date": (0.0, 1.6)}.get(fault)
    if wanted is None:
        assert caught.value.retry_after is None
    else:
        assert wanted[0] <= caught.value.retry_after <= wanted[1]


@pytest.mark.parametrize(
    ("fault", "stops"),
    [("400", False), ("403", False), ("422", False), ("401", True), ("404", True), ("quota", True)],
)
def test_permanent_errors_and_those_that_stop_the_run(fault, stops):
    with Server(fault=lambda body, tries: fault).running() as server, pytest.raises(Permanent) as caught:
        ask(server)
    assert caught.value.stops_run is stops
    assert "sk-secret" not in caught.value.reason


def test_nobody_listens():
    server = Server()
    with server.running():
        pass
    with pytest.raises(Retryable, match=r"connection failed .* is the server at 127\.0\.0\.1:\d+ up"):
        ask(server)


def test_a_model_that_knows_only_the_new_name_of_the_token_limit():
    with Server(fault=lambda body, tries: "400" if "max_tokens" in body else None).running() as server:
        server.param = "max_tokens"
        ask(server, prompts=2, max_tokens=50)
    assert [body.get("max_completion_tokens") for body in server.bodies] == [None, 50, 50]


def test_a_very_long_reply_comes_whole():
    with Server(reply=lambda body: "long " * 1_000_000).running() as server:
        assert len(ask(server, timeout=20).text) == 5_000_000


def test_keys_come_from_the_environment_only(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(InputError, match="OPENAI_API_KEY is not set"):
        OpenAIBackend("m")
    with Server().running() as server:
        assert ask(server).text.startswith("reply")  # a server of one's own needs no key
    monkeypatch.setenv("OPENAI_API_KEY", "sk two\nlines")
    with pytest.raises(InputError, match="OPENAI_API_KEY") as caught:
        OpenAIBackend("m")
    assert "two" not in str(caught.value)


@pytest.mark.parametrize("address", ["http://[bad", "localhost:8000", "http://host:port/v1"])
def test_an_address_that_is_none(address):
    with pytest.raises(InputError, match="--base-url"):
        OpenAIBackend("m", address)


def test_an_address_that_is_none_is_shown_by_where_it_came_from_and_without_its_password(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:pass/word@host:port/v1")
    with pytest.raises(InputError, match=r"^OPENAI_BASE_URL http://\*\*\*@host:port/v1: expected"):
        OpenAIBackend("m")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "20"}, 20), ({"retry-after-ms": "1500"}, 1.5), ({"retry-after": "soon"}, None), ({}, None)]
    + [({"retry-after": odd}, None) for odd in ("-5", "Wed, 99 Foo 99999 99:99:99 GMT", "1 Jan 0", "\u00b2")],
)
def test_retry_after(headers, seconds):
    assert retry_after_s(headers) == seconds


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "one "}, {"type": "text", "text": "two"}], "one two"),
        (["one", {"type": "image"}], "one"),
        ("a\0b", "ab"),
    ],
)
@pytest.mark.parametrize("tokens", [None, "many", -3, float("nan"), [1], True])
def test_odd_answers_are_read_as_far_as_they_can_be(content, text, tokens):
    body = {"choices": [{"message": {"content": content}}], "usage": {"prompt_tokens": tokens}}
    assert read_reply(body) == Reply(text, 0, 0, "stop")


def test_half_a_character_is_left_out():
    body = parse_json(b'{"choices": [{"message": {"content": "a \\ud83d"}}]}')
    assert read_reply(body).text == "a "


@pytest.mark.parametrize(
    "content", ["key sk-secret-of-the-test.", [{"type": "text", "text": "sk-secret-of-the-test"}]]
)
@pytest.mark.parametrize("field", ["content", "refusal"])
def test_a_reply_that_repeats_the_key_is_kept_without_it(content, field):
    reply = read_reply({"choices": [{"message": {field: content}}]})
    assert "sk-secret" not in reply.text and "***" in reply.text


@pytest.mark.parametrize("key", ["none", "EMPTY", "anything", "placeholder"])
def test_a_stand_in_for_a_key_is_a_word_like_others(monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    assert (
        read_reply({"choices": [{"message": {"content": f"There is {key} here."}}]}).text
        == f"There is {key} here."
    )


def test_the_address_of_the_environment_is_used_unless_it_is_empty(monkeypatch):
    for address, host in (("", "api.openai.com"), (" ", "api.openai.com"), ("http://localhost:1/v1", "localhost")):
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        assert OpenAIBackend("m", concurrency=1)._clients[0].base_url.host == host


@pytest.mark.parametrize(
    "error", ["overloaded", ["overloaded"], {"detail": "overloaded"}, [{"message": "overloaded"}]]
)
def test_an_error_in_place_of_an_answer_is_shown(error):
    with pytest.raises(Retryable, match="is an error: overloaded"):
        read_reply({"error": error})


def test_the_key_is_taken_out_before_a_reason_is_cut():
    for before in range(280, 310):
        assert "sk-s" not in error_text("x" * before + "sk-secret-of-the-test")
