"""The seam between prompts and whatever answers them: a backend is one class with `name` and `ask`."""

import random
from typing import NamedTuple, Protocol

from spacesgg.prompt import Prompt


class Reply(NamedTuple):
    """What came back for one prompt; tokens as the backend counted them, 0 where it does not count.

    finish_reason is the OpenAI API's: "stop" for a whole reply, "length" for one cut by the token limit.
    """

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    finish_reason: str = "stop"


class Retryable(Exception):
    """The same prompt may be answered later; `retry_after` in seconds where the backend said when."""

    def __init__(self, reason: str, retry_after: float | None = None):
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class Permanent(Exception):
    """This prompt, or with `stops_run` every prompt, will never be answered; asking again is in vain."""

    def __init__(self, reason: str, stops_run: bool = False):
        super().__init__(reason)
        self.reason = reason
        self.stops_run = stops_run


class Backend(Protocol):
    """Answers prompts. `name` is what a record's `source` says: the model's name, or "template"."""

    name: str

    async def ask(self, prompt: Prompt, seed: int) -> Reply:
        """Return the reply to one prompt. Raises Retryable or Permanent."""
        ...


class Template:
    """The offline writer: no network, no model; the same prompt and seed give the same text."""

    name = "template"

    async def ask(self, prompt: Prompt, seed: int) -> Reply:
        """Return the text that the prompt's own writer makes from the geometry."""
        if prompt.offline is None:
            raise Permanent("this prompt has no offline writer; name a model with --model or --base-url")
        return Reply(prompt.offline(random.Random(seed)))
