"""Requests and tokens a minute, kept from this side, so that the server need not refuse."""

import asyncio
import math
import time
from typing import Any

# Tokens are estimated before a request is sent and corrected by what the server counted: English text has about
# four bytes a token in the tokenizers in use, and a chat template adds a few tokens a message.
BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
# How much of a minute's allowance may be spent at once after a pause.
BURST_S = 1.0


def estimate_tokens(messages: list[dict[str, Any]]) -> int:
    """Return about how many tokens the messages are."""
    return sum(
        math.ceil(len(message["content"].encode()) / BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE for message in messages
    )


class Pace:
    """A bucket that fills by `per_minute` a minute and holds one second's worth; a cost larger than that is let
    through when its turn comes and what follows waits until it is paid off.
    """

    def __init__(self, per_minute: float) -> None:
        self.per_minute = per_minute
        self._free_at = -math.inf  # when everything reserved so far is paid off

    def reserve(self, cost: float, now: float) -> float:
        """Take `cost` and return the time at which it may be spent."""
        start = max(now, self._free_at)
        self._free_at = max(self._free_at, now - BURST_S) + cost * 60 / self.per_minute
        return start

    def correct(self, difference: float) -> None:
        """Charge (or give back, when negative) what an estimate was wrong by."""
        self._free_at += difference * 60 / self.per_minute


class RateLimits:
    """Lets requests go when both limits allow it, in the order they asked."""

    def __init__(self, requests_per_minute: float | None = None, tokens_per_minute: float | None = None) -> None:
        self.requests_per_minute = requests_per_minute
        self.tokens_per_minute = tokens_per_minute
        self._requests = Pace(requests_per_minute) if requests_per_minute else None
        self._tokens = Pace(tokens_per_minute) if tokens_per_minute else None
        self._paused_until = -math.inf

    def refusal(self, tokens: int) -> str | None:
        """Say why a request of so many tokens can never be sent under the limit, None when it can."""
        if self.tokens_per_minute and tokens > self.tokens_per_minute:
            return (
                f"the request needs about {tokens} tokens, more than a whole minute of --tokens-per-minute "
                f"{self.tokens_per_minute:g} allows: not sent"
            )
        return None

    async def acquire(self, tokens: int) -> None:
        """Return when a request of about so many tokens may be sent."""
        while True:
            now = time.monotonic()
            start = max(now, self._paused_until)
            if self._requests:
                start = max(start, self._requests.reserve(1, start))
            if self._tokens:
                start = max(start, self._tokens.reserve(tokens, start))
            if start > now:
                await asyncio.sleep(start - now)
            if time.monotonic() >= self._paused_until:
                return
            # The server asked for a pause while this one waited: its turn comes again after the pause.

    def correct(self, estimated: int, actual: int) -> None:
        """Replace the estimate of a request by the tokens that the server counted."""
        if self._tokens:
            self._tokens.correct(actual - estimated)

    def pause(self, seconds: float) -> None:
        """Send nothing for so long, as the server asked by Retry-After."""
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)
