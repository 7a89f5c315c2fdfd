import asyncio
import multiprocessing
import os
import random
import signal
import time

import orjson
import pytest
from llm_server import FAULTS, Server, first_try_goes_wrong, name_of

from spacesgg import bulk
from spacesgg.backends import Permanent, Reply, Retryable
from spacesgg.bulk import Bulk
from spacesgg.dialogue import Dialogue, Request, outcomes
from spacesgg.journal import Journal
from spacesgg.openai_backend import OpenAIBackend
from spacesgg.progress import Progress
from spacesgg.prompt import Prompt
from spacesgg.rate_limits import RateLimits, estimate_tokens


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def requests(count, text="tell about"):
    for number in range(count):
        prompt = Prompt([{"role": "user", "content": f"{text} {number}"}], "description")
        yield Request(str(number), f"image{number}.jpg", "describe", prompt, context=number)


def run(path, server, count=30, items=None, check=None, attempts=3, seed=0, model="m", limits=None, **options):
    """One whole run, as the script does it; returns the counts, the Bulk and what each prompt became."""
    timeout = options.pop("timeout", 20)
    temperature = options.pop("temperature", None)
    with Journal(path) as journal:
        backend = OpenAIBackend(model, server.url, timeout=timeout, temperature=temperature)
        dialogue = Dialogue(journal, model, backend.parameters, check, attempts, seed)
        job = Bulk(dialogue, backend, limits=limits, **{"concurrency": 8, "first_wait_s": 0.02, **options})
        items = items or (lambda: requests(count))
        job.run(items())
        became = [
            (request.id, outcome.reply.text if hasattr(outcome, "reply") else outcome)
            for request, outcome in outcomes(items(), dialogue)
        ]
    assert job.counts.add_up(), job.counts
    return job.counts, job, became


def test_replies_in_the_order_of_the_input_and_nothing_asked_twice(tmp_path):
    with Server().running() as server:
        counts, _, became = run(tmp_path / "j", server)
        assert (counts.prompts, counts.accepted, counts.requests) == (30, 30, 30)
        assert [name for name, _ in became] == [str(n) for n in range(30)]
        for request, (_, text) in zip(requests(30), became, strict=True):
            assert text == f"reply to {name_of(request.prompt.messages)}"
        again, _, same = run(tmp_path / "j", server)
    assert same == became
    assert (again.from_journal, again.requests, again.accepted) == (30, 0, 30)
    assert set(server.tries.values()) == {1}
    assert server.most_in_flight <= 8


@pytest.mark.parametrize("change", [{"model": "other"}, {"seed": 1}, {"temperature": 0.5}])
def test_a_changed_model_or_parameter_asks_anew(tmp_path, change):
    with Server().running() as server:
        run(tmp_path / "j", server, count=5)
        counts, _, _ = run(tmp_path / "j", server, count=5, **change)
    assert counts.requests == 5


def test_a_changed_prompt_asks_only_what_it_changed(tmp_path):
    def changed():
        for request in requests(10):
            if request.id in "37":
                request = request._replace(prompt=Prompt([{"role": "user", "content": "new"}], "description"))
            yield request

    with Server().running() as server:
        run(tmp_path / "j", server, count=10)
        counts, _, _ = run(tmp_path / "j", server, items=changed)
    assert (counts.requests, counts.from_journal) == (2, 8)


def test_the_misbehaving_server_in_the_end_answers_everything(tmp_path):
    with Server(fault=first_try_goes_wrong, drip_s=0.1).running() as server:
        counts, _, became = run(tmp_path / "j", server, count=60, concurrency=60, timeout=1)
        kinds = {first_try_goes_wrong({"messages": r.prompt.messages}, 1) for r in requests(60)}
    assert len(kinds) > len(FAULTS) * 0.8
    assert (counts.accepted, counts.failed) == (60, 0) and counts.retried >= 60
    assert all(
        text == f"reply to {name_of(r.prompt.messages)}" for r, (_, text) in zip(requests(60), became, strict=True)
    )


def test_what_fails_for_good_is_named_and_asked_again_by_the_next_run(tmp_path):
    def fault(body, tries):
        return {"3": "500", "5": "400"}.get(body["messages"][0]["content"].split()[-1])

    with Server(fault=fault).running() as server:
        counts, job, became = run(tmp_path / "j", server, count=8, tries=2)
        assert (counts.accepted, counts.failed, counts.retried) == (6, 2, 1)
        assert job.stopped is None
        assert "HTTP 500" in became[3][1] and "2 times" in became[3][1]
        assert "HTTP 400" in became[5][1]
        server.fault = None
        counts, _, became = run(tmp_path / "j", server, count=8)
    assert (counts.requests, counts.accepted, counts.failed) == (2, 8, 0)


@pytest.mark.parametrize("fault", ["401", "404", "quota"])
def test_a_wrong_key_or_model_stops_the_run_at_once(tmp_path, fault):
    with Server(fault=lambda body, tries: fault).running() as server:
        counts, job, _ = run(tmp_path / "j", server, count=500)
    assert job.stopped.startswith("HTTP 4") and "\n" not in job.stopped
    assert len(server.times) <= 8 and counts.prompts <= 9


def test_a_server_that_refuses_everything_stops_the_run(tmp_path):
    with Server(fault=lambda body, tries: "400").running() as server:
        _, job, _ = run(tmp_path / "j", server, count=500)
    assert f"{bulk.FAILURES_THAT_STOP} prompts in a row failed" in job.stopped
    assert len(server.times) < 40


def test_the_same_prompt_twice_is_paid_for_once(tmp_path):
    with Server(delay=0.05).running() as server:
        counts, _, became = run(tmp_path / "j", server, items=lambda: [*requests(3), *requests(3)])
    assert len(server.times) == 3 and counts.accepted == 6
    assert became[:3] == became[3:]


def complains(context, prompt, reply):
    return [] if "good" in reply.text else ["it says nothing", "it is short"]


def test_a_faulty_reply_is_asked_again_with_its_faults_named(tmp_path):
    def reply(body):
        return "good" if len(body["messages"]) == 3 else "bad"

    with Server(reply=reply).running() as server:
        counts, _, became = run(tmp_path / "j", server, count=4, check=complains)
    assert (counts.accepted, counts.requests) == (4, 8)
    assert {text for _, text in became} == {"good"}
    first, second, third = max(server.bodies, key=lambda body: len(body["messages"]))["messages"]
    assert second == {"role": "assistant", "content": "bad"}
    assert third["role"] == "user" and "it says nothing" in third["content"] and "it is short" in third["content"]
    assert len({body["seed"] for body in server.bodies}) == 8  # a second attempt is not the first one over again


def test_what_stays_faulty_is_rejected_and_not_asked_by_the_next_run(tmp_path):
    with Server(reply=lambda body: "bad").running() as server:
        counts, _, _ = run(tmp_path / "j", server, count=4, check=complains, attempts=2)
        assert (counts.rejected, counts.accepted, counts.requests) == (4, 0, 8)
        counts, _, _ = run(tmp_path / "j", server, count=4, check=complains, attempts=2)
        assert (counts.rejected, counts.requests) == (4, 0)
        counts, _, _ = run(tmp_path / "j", server, count=4, check=complains, attempts=3)
        assert (counts.rejected, counts.requests) == (4, 4)  # one attempt more is one request more


def test_a_changed_check_reads_the_old_replies_and_asks_nothing(tmp_path):
    with Server(reply=lambda body: "bad").running() as server:
        run(tmp_path / "j", server, count=4, check=complains, attempts=2)
        counts, _, _ = run(tmp_path / "j", server, count=4)  # a laxer one
        assert (counts.accepted, counts.requests) == (4, 0)
        run(tmp_path / "k", server, count=4)
        counts, _, _ = run(tmp_path / "k", server, count=4, check=complains)  # a stricter one
    assert (counts.rejected, counts.requests) == (4, 0)


def test_a_check_that_breaks_loses_no_reply(tmp_path):
    def broken(context, prompt, reply):
        raise KeyError("box")

    with Server().running() as server:
        counts, _, _ = run(tmp_path / "j", server, count=2, check=broken, attempts=1)
        assert (counts.rejected, counts.requests) == (2, 2)
        counts, _, _ = run(tmp_path / "j", server, count=2)
    assert (counts.accepted, counts.requests) == (2, 0)


@pytest.mark.parametrize("opened", ["<think>", ""])
def test_the_check_sees_the_answer_without_the_thinking_and_knows_the_cut(tmp_path, opened):
    seen = []

    def check(context, prompt, reply):
        seen.append((context, prompt.form, reply.text, reply.finish_reason))
        return []

    with Server(reply=lambda body: (f"{opened}\nhm\n</think>\n\ntext", "length")).running() as server:
        _, _, became = run(tmp_path / "j", server, count=1, check=check)
    assert seen == [(0, "description", "text", "length")]
    assert became == [("0", "text")]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("the lamp is le\u200bft\u00ad of\u202e it\ufeff", "the lamp is left of it"),
        ("\x1b[1;31mred\x1b[0m\x07 text\x7f", "red text"),
        ("Q: a\r\nA: b\tc", "Q: a\r\nA: b\tc"),
        (
            "\u0645\u06cc\u200c\u0632 \U0001f468\u200d\U0001f467",
            "\u0645\u06cc\u200c\u0632 \U0001f468\u200d\U0001f467",
        ),
    ],
)
def test_what_nobody_can_see_neither_hides_words_from_the_check_nor_reaches_the_output(tmp_path, text, seen):
    checked = []
    with Server(reply=lambda body: text).running() as server:
        _, _, became = run(
            tmp_path / "j", server, count=1, check=lambda *given: checked.append(given[2].text) or []
        )
    assert (checked, became) == ([seen], [("0", seen)])


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "(no answer)"), (" \n", "(no answer)"), ("on and " * 5000, "on and " * 1142 + "on and …")],
)
def test_a_reply_that_is_empty_or_without_end_is_asked_again_in_a_request_that_fits(tmp_path, text, told):
    with Server(reply=lambda body: text).running() as server:
        run(tmp_path / "j", server, count=1, check=lambda *_: ["of no use"], attempts=3)
    sizes = [len(body["messages"]) for body in server.bodies]
    assert sizes == [1, 3, 5]
    assert {m["content"] for m in server.bodies[2]["messages"] if m["role"] == "assistant"} == {told}


def test_requests_a_minute(tmp_path):
    with Server().running() as server:
        run(tmp_path / "j", server, count=25, limits=RateLimits(requests_per_minute=600))
    gaps = server.times[-1] - server.times[0]
    assert gaps >= 1.2  # 25 at 10 a second, a second's worth of them at once
    assert gaps < 5


def test_tokens_a_minute_corrected_by_what_the_server_counted(tmp_path):
    with Server().running() as server:  # 120 tokens each, however short they look
        run(tmp_path / "j", server, count=12, concurrency=1, limits=RateLimits(tokens_per_minute=120 * 60 * 5))
    assert server.times[-1] - server.times[0] >= 1.0  # 12 at 5 a second, less a second's worth and the last


def test_a_request_larger_than_the_limit_is_refused_not_waited_for(tmp_path):
    def one_long():
        yield from requests(3)
        yield next(requests(1, "word " * 100_000))._replace(id="long")

    with Server().running() as server:
        began = time.monotonic()
        limits = RateLimits(tokens_per_minute=100_000)
        counts, _, became = run(tmp_path / "j", server, items=one_long, limits=limits)
        assert time.monotonic() - began < 20
    assert (counts.accepted, counts.failed, len(server.times)) == (3, 1, 3)
    assert "--tokens-per-minute" in became[-1][1]


def test_retry_after_holds_back_everyone(tmp_path):
    def fault(body, tries):
        return "429 seconds" if len(server.times) == 1 else None

    with Server(fault=fault, delay=0.02).running() as server:
        run(tmp_path / "j", server, count=40, concurrency=2)
        pauses = [b - a for a, b in zip(server.times, server.times[1:], strict=False)]
    assert max(pauses) > 0.9


def test_back_off_grows_and_is_the_same_for_the_same_seed():
    job = Bulk(None, None, progress=Progress())
    waits = [[job._wait_s(Retryable("x"), n, random.Random(s)) for n in range(12)] for s in (1, 1, 2)]
    assert waits[0] == waits[1] != waits[2]
    spread = [[job._wait_s(Retryable("x"), n, random.Random(s)) for s in range(200)] for n in range(12)]
    assert all(0 <= wait <= bulk.FIRST_WAIT_S * 2**n for n, row in enumerate(spread) for wait in row)
    assert max(spread[11]) <= bulk.LONGEST_WAIT_S
    assert 10 < job._wait_s(Retryable("x", 10.0), 0, random.Random(0)) < 11


class Slow:
    """Answers after a moment; counts how many prompts are held at once."""

    name = "slow"

    async def ask(self, prompt, seed):
        await asyncio.sleep(0.001)
        return Reply("x", 10, 10)


def test_a_long_input_is_taken_a_few_at_a_time(tmp_path):
    taken = 0

    def many():
        nonlocal taken
        for request in requests(2000):
            taken += 1
            assert taken - job.counts.accepted <= 4 * 16
            yield request

    with Journal(tmp_path / "j") as journal:
        job = Bulk(Dialogue(journal, "slow", {}), Slow(), concurrency=16)
        counts = job.run(many())
    assert counts.accepted == 2000 and counts.add_up()


def test_cost_so_far_and_expected(tmp_path):
    with Journal(tmp_path / "j") as journal:
        progress = Progress(total=100, price_in=1_000.0, price_out=3_000.0)
        Bulk(Dialogue(journal, "slow", {}), Slow(), progress=progress).run(requests(50))
    assert progress.cost() == pytest.approx(50 * (10 * 1_000 + 10 * 3_000) / 1e6)
    assert progress.expected_cost() == pytest.approx(2 * progress.cost())
    assert "500 tokens in" in progress.text() and "of about 4.00" in progress.text()


def test_an_unknown_error_fails_one_prompt_only(tmp_path):
    class Odd(Slow):
        async def ask(self, prompt, seed):
            if prompt.messages[0]["content"].endswith(" 2"):
                raise ZeroDivisionError("odd")
            if prompt.messages[0]["content"].endswith(" 3"):
                raise Permanent("never")
            return Reply("x")

    with Journal(tmp_path / "j") as journal:
        dialogue = Dialogue(journal, "odd", {})
        counts = Bulk(dialogue, Odd()).run(requests(6))
        failed = [outcome for _, outcome in outcomes(requests(6), dialogue) if isinstance(outcome, str)]
    assert (counts.accepted, counts.failed) == (4, 2)
    assert failed == ["unexpected ZeroDivisionError: odd", "never"]


def test_a_stopped_run_lists_what_failed_before(tmp_path):
    class Failing(Slow):
        async def ask(self, prompt, seed):
            number = int(prompt.messages[0]["content"].split()[-1])
            if number == 3:
                raise Permanent("never")
            if number == 9:
                raise Permanent("no money", stops_run=True)
            return Reply("x")

    def items():  # every second one is there twice, and of one no prompt could be made
        for request in requests(100):
            yield request
            if int(request.id) % 2:
                yield request
        yield Request("", "bad.jpg", "describe", None, None, "no object")

    with Journal(tmp_path / "j") as journal:
        dialogue = Dialogue(journal, "m", {})
        job = Bulk(dialogue, Failing(), concurrency=1)
        job.run(items())
        found = list(outcomes(items(), dialogue, only_journal=True))
    assert job.stopped and job.counts.add_up()
    assert [outcome for _, outcome in found if isinstance(outcome, str)].count("never") == 2
    assert [r.id for r, outcome in found if outcome == "no money"] == ["9"]
    assert len(found) < 20


def test_an_image_without_a_prompt_counts_as_failed(tmp_path):
    with Journal(tmp_path / "j") as journal:
        items = [*requests(2), Request("", "bad.jpg", "describe", None, None, "no object")]
        counts = Bulk(Dialogue(journal, "m", {}), Slow()).run(items)
    assert (counts.prompts, counts.accepted, counts.failed) == (3, 2, 1) and counts.add_up()


def test_tokens_are_estimated_from_the_bytes():
    assert estimate_tokens([{"role": "user", "content": "x" * 400}]) == 104


def test_ctrl_c_drops_what_is_in_flight_and_keeps_what_was_accepted(tmp_path):
    def press(body, tries):
        if len(server.times) == 40:
            os.kill(os.getpid(), signal.SIGINT)

    with Server(delay=0.05, fault=press).running() as server:
        counts, job, became = run(tmp_path / "j", server, count=150)
        assert job.interrupted and 0 < counts.accepted < 150
        assert counts.unfinished <= 8
        with Journal(tmp_path / "j") as journal:
            dialogue = Dialogue(journal, "m", {"temperature": None, "max_tokens": None})
            kept = list(outcomes(requests(150), dialogue, only_journal=True))
            assert sum(outcome is not None for _, outcome in kept) == counts.accepted == len(journal)
            assert len(kept) < 150
        before = set(server.tries)
        rest, _, whole = run(tmp_path / "j", server, count=150, concurrency=64)
    assert rest.from_journal == counts.accepted and rest.accepted == 150
    assert len(before) >= counts.accepted
    assert all(text for _, text in whole)


def test_what_a_signal_did_before_it_does_again_when_all_is_asked(tmp_path):
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        ours = signal.getsignal(signal.SIGTERM)
        with Journal(tmp_path / "j") as journal:
            Bulk(Dialogue(journal, "m", {}), Slow()).run(requests(2))
        assert signal.getsignal(signal.SIGTERM) is ours
    finally:
        signal.signal(signal.SIGTERM, before)


def run_and_save(journal, url, output):
    """The process that is killed."""

    class There:
        pass

    There.url = url
    whole = output.with_suffix(".whole")
    whole.write_text(repr(run(journal, There, count=120)[2]))
    whole.rename(output)


def test_kill_9_loses_only_what_is_in_flight(tmp_path):
    context = multiprocessing.get_context("forkserver")  # imports once, so that each start is quick
    context.set_forkserver_preload(["test_bulk", "openai", "httpx2"])
    rng = random.Random(3)
    journal, output = tmp_path / "cut.journal", tmp_path / "cut"
    with Server(delay=0.05).running() as server:
        _, _, uncut = run(tmp_path / "uncut", server, count=120, concurrency=64)
        server.tries.clear()
        kills = 0
        while not output.exists():
            process = context.Process(target=run_and_save, args=(journal, server.url, output))
            process.start()
            began = len(server.times)
            if kills < 5:
                while len(server.times) == began and process.is_alive():
                    time.sleep(0.01)
                time.sleep(rng.uniform(0.0, 0.3))
                process.kill()
                process.join()
                kills += process.exitcode == -signal.SIGKILL
                lines = journal.read_bytes().split(b"\n")[:-1]
                finished = {orjson.loads(text)["image"] for text in lines if text.endswith(b"}")}
                for request in requests(120):
                    if request.image in finished:
                        server.tries[name_of(request.prompt.messages)] = -1000  # must not be asked again
            else:
                process.join()
                assert process.exitcode == 0
    assert kills == 5
    assert output.read_text() == repr(uncut)
    assert all(tries in range(1, 10) or tries == -1000 for tries in server.tries.values())
