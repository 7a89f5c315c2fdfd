"""What a prompt function returns: the messages for a model, and how the same thing is written without one."""

import random
from collections.abc import Callable
from typing import NamedTuple

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
