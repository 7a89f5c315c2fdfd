"""Many prompts to one backend: concurrency, limits, retries, second attempts, and every reply in the journal.

Each prompt ends in one of four ways:

    accepted    the check finds nothing wrong with a reply
    rejected    `attempts` replies, each with faults
    failed      no reply after all tries, one that can never be sent, or no prompt could be made
    unfinished  the run was stopped before (it is asked by the next run)

Prompts come from an iterator, a few at a time, and what they became stands in the journal, so memory does not
grow with their number.
"""

import asyncio
import contextlib
import random
import signal
from collections.abc import Iterable, Iterator

from spacesgg.backends import Backend, Permanent, Reply, Retryable
from spacesgg.dialogue import Dialogue, Outcome, Question, Request
from spacesgg.errors import InputError
from spacesgg.progress import Counts, Progress
from spacesgg.rate_limits import RateLimits, estimate_tokens

TRIES = 8  # of one request; with the waits below about a minute on average, four at most
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
LONGEST_RETRY_AFTER_S = 300.0  # a server that asks for more is asked again after five minutes
# So many prompts in a row that failed for good, and none answered between: the server is down or refuses all.
FAILURES_THAT_STOP = 20
TYPICAL_REPLY_TOKENS = 500  # until replies have been seen


class _Stopped(Exception):
    """The whole run is to end; `Bulk.stopped` says why."""


class Bulk:
    """One run over many requests; see `run`."""

    def __init__(
        self,
        dialogue: Dialogue,
        backend: Backend,
        concurrency: int = 64,
        limits: RateLimits | None = None,
        progress: Progress | None = None,
        tries: int = TRIES,
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        self.dialogue = dialogue
        self.backend = backend
        self.concurrency = concurrency
        self.limits = limits or RateLimits()
        self.progress = progress or Progress()
        self.counts = self.progress.counts
        self.tries = tries
        self.first_wait_s = first_wait_s
        self.interrupted = False
        self.stopped: str | None = None  # why the run was ended before its end
        self._busy: dict[bytes, asyncio.Future] = {}
        self._failures_in_a_row = 0

    def run(self, requests: Iterable[Request]) -> Counts:
        """Ask what the journal does not answer; return when all is settled, interrupted or stopped."""
        try:
            asyncio.run(self._run(iter(requests)))
        finally:
            self.progress.close()
        return self.counts

    async def _run(self, requests: Iterator[Request]) -> None:
        workers = [asyncio.create_task(self._work(requests)) for _ in range(self.concurrency)]

        def interrupt() -> None:
            self.interrupted = True
            release()  # a second Ctrl-C ends the process the ordinary way
            for worker in workers:
                worker.cancel()

        def release() -> None:
            while handled:
                number, before = handled.popitem()
                loop.remove_signal_handler(number)  # which sets the system's handler, not the one there was
                signal.signal(number, before)

        loop = asyncio.get_running_loop()
        handled = {}
        for number in (signal.SIGINT, signal.SIGTERM):  # the second is how a cluster ends a job
            # Windows, or not in the main thread: there, Ctrl-C raises KeyboardInterrupt
            with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
                before = signal.getsignal(number) or signal.SIG_DFL
                loop.add_signal_handler(number, interrupt)
                handled[number] = before
        try:
            done, pending = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
            for worker in pending:
                worker.cancel()
            results = await asyncio.gather(*done, *pending, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception) and not isinstance(result, _Stopped):
                    raise result
        finally:
            release()
            close = getattr(self.backend, "close", None)
            if close is not None:
                await close()

    async def _work(self, requests: Iterator[Request]) -> None:
        for number, request in enumerate(requests):
            if request.problem is not None:
                self.counts.add_unmade()
                continue
            self.counts.prompts += 1
            try:
                await self._settle(request)
            except asyncio.CancelledError:
                self.counts.unfinished += 1
                raise
            finally:
                self.progress.show()
            if self.stopped or self.interrupted:
                raise _Stopped
            if number % 100 == 0:
                await asyncio.sleep(0)  # walking over what is in the journal must not starve the others

    async def _settle(self, request: Request) -> None:
        base = self.dialogue.base(request)
        while base in self._busy:  # the same prompt twice in the input is paid for once
            await asyncio.wait([self._busy[base]])
        step = self.dialogue.next(request)
        if isinstance(step, Outcome):
            self.counts.from_journal += 1
            self._count(step)
            return
        self.counts.asked += 1
        self._busy[base] = asyncio.get_running_loop().create_future()
        try:
            while isinstance(step, Question):
                try:
                    reply = await self._ask(step)
                except Permanent as error:
                    self.dialogue.journal.add_failure(step.key, error.reason)
                    self.counts.failed += 1
                    self._failed(error)
                    return
                self._failures_in_a_row = 0
                self.dialogue.add(request, step, reply)
                step = self.dialogue.next(request)
            self.counts.answered += 1
            self._count(step)
        finally:
            self._busy.pop(base).set_result(None)

    def _count(self, outcome: Outcome) -> None:
        if outcome.faults:
            self.counts.rejected += 1
        else:
            self.counts.accepted += 1

    def _failed(self, error: Permanent) -> None:
        self._failures_in_a_row += 1
        if error.stops_run:
            self.stopped = error.reason
        elif self._failures_in_a_row >= FAILURES_THAT_STOP:
            self.stopped = f"{FAILURES_THAT_STOP} prompts in a row failed, the last one by: {error.reason}"

    async def _ask(self, question: Question) -> Reply:
        """Return the reply to one question. Raises Permanent when there is none after all tries."""
        counts = self.counts
        expected = estimate_tokens(question.prompt.messages)
        most = getattr(self.backend, "max_tokens", None)
        refusal = self.limits.refusal(expected + (most or 0))
        if refusal:
            raise Permanent(refusal)
        usual = counts.tokens_out / counts.replies if counts.replies else TYPICAL_REPLY_TOKENS
        expected += int(min(usual, most) if most else usual)
        jitter = random.Random(question.seed)
        for left in reversed(range(self.tries)):
            await self.limits.acquire(expected)
            if self.stopped or self.interrupted:
                # Before Python 3.12, asyncio.wait_for drops a cancellation that comes together with the reply.
                raise asyncio.CancelledError
            counts.requests += 1
            try:
                reply = await self.backend.ask(question.prompt, question.seed)
            except Retryable as error:
                if not left:
                    tries = f", {self.tries} times" if self.tries > 1 else ""
                    raise Permanent(f"{error.reason}{tries}") from error
                counts.retried += 1
                self.progress.show()
                await asyncio.sleep(self._wait_s(error, self.tries - 1 - left, jitter))
            except (Permanent, InputError):
                raise
            except Exception as error:  # one prompt fails, named, and the run goes on
                raise Permanent(f"unexpected {type(error).__name__}: {error}") from error
            else:
                counts.replies += 1
                counts.tokens_in += reply.tokens_in
                counts.tokens_out += reply.tokens_out
                if reply.tokens_in:
                    self.limits.correct(expected, reply.tokens_in + reply.tokens_out)
                return reply
        raise AssertionError("the last try returns or raises")

    def _wait_s(self, error: Retryable, tries: int, jitter: random.Random) -> float:
        """Return the seconds to wait: what the server asked for, else exponential back-off with full jitter."""
        most = min(LONGEST_WAIT_S, self.first_wait_s * 2**tries)
        if error.retry_after is None:
            return jitter.uniform(0, most)
        asked = min(error.retry_after, LONGEST_RETRY_AFTER_S)
        self.limits.pause(asked)
        return asked + jitter.uniform(0, self.first_wait_s)  # not all at the same instant
