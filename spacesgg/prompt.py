"""What a prompt function returns: the messages for a model, and how the same thing is written without one."""

import random
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from spacesgg.errors import InputError

# How a reply is read (spacesgg/training_record.py):
#   description   the whole reply is one answer
#   questions     "Q: …" and "A: …" lines, in pairs; each pair stands on its own
#   conversation  the same lines, read as one exchange in which later turns build on earlier ones
FORMS = ("description", "questions", "conversation")


class Prompt(NamedTuple):
    """One request about one image.

    messages  OpenAI chat messages [{"role": "system" | "user" | "assistant", "content": str}, …]
    form      one of FORMS: how the reply is read
    offline   writes the reply without a model, in the form a model would; None where nothing but a model can
    pairs     number of question-answer pairs asked for; 0 where it does not apply
    view      "front", or the side ("left", "right", "back") that the text is told from
    """

    messages: list[dict[str, str]]
    form: str
    offline: Callable[[random.Random], str] | None = None
    pairs: int = 0
    view: str = "front"


def check_prompt(prompt: Any, asked: bool = True) -> None:
    """Raise InputError where `prompt`, whatever a prompt function returned, is not a Prompt as described above.

    `asked` says that its messages go to a model, which needs at least one.
    """
    if not isinstance(prompt, Prompt):
        raise InputError(f"a Prompt is expected, not {type(prompt).__name__}")
    messages = prompt.messages
    if not isinstance(messages, list) or (asked and not messages):
        raise InputError(f"its messages are {messages!r:.60}, a list of them is expected")
    for message in messages:
        parts = [message.get(name) for name in ("role", "content")] if isinstance(message, dict) else [None]
        if not all(isinstance(part, str) for part in parts):
            raise InputError(f'a message is {{"role": text, "content": text}}, not {message!r:.60}')
    try:
        orjson.dumps(messages)
    except TypeError as error:  # a lone surrogate, or further fields that JSON does not know
        raise InputError(f"its messages cannot be sent as JSON ({error})") from error
    if prompt.form not in FORMS:
        raise InputError(f"its form is {prompt.form!r:.40}, one of {', '.join(FORMS)} is expected")
    if prompt.offline is not None and not callable(prompt.offline):
        raise InputError(f"its offline writer is {prompt.offline!r:.40}, a function or None is expected")
    if not isinstance(prompt.pairs, int) or prompt.pairs < 0:
        raise InputError(f"its number of pairs is {prompt.pairs!r:.40}, a whole number is expected")
