"""What was said about each prompt, by the journal, and what is to be said next.

A request is asked up to `attempts` times. A reply with faults goes back to the model with the faults named; the
first reply without faults is the request's outcome. All of it is read from the journal, so that a run that starts
again, a batch file written for what is missing, and the writing of the output see the same thing.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from spacesgg.backends import Reply
from spacesgg.journal import DigestIndex, Journal, digest
from spacesgg.prompt import Prompt

# Reasoning models think aloud before the answer, and servers without a reasoning parser pass it on.
# Some chat templates open the thinking themselves, so that the reply holds only its end.
_THINKING = re.compile(r"^.*?</think>\s*", re.DOTALL)
# What nobody sees, and would split the words that the check reads: colours of a terminal, control characters but
# those that break lines, soft hyphens, spaces of no width, marks of direction and of byte order. (The joiners
# U+200C and U+200D stay: some scripts are spelled with them.)
_INVISIBLE = re.compile(
    "\x1b\\[[\\d;]*m|[\0-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f"
    "\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]"
)
# Of a faulty reply the model is shown so much, more than a record can hold: the whole of one that ran into the
# token limit would leave no room for another answer, and the server would refuse the request.
QUOTED_CHARACTERS = 8_000


class Request(NamedTuple):
    """One prompt about one image.

    context  handed to the check untouched: the image's facts
    problem  why no prompt could be made for the image (then `prompt` is None); such a request is listed, not asked
    entry    the image's annotation entry, written to the list of what failed
    """

    id: str
    image: str
    function: str
    prompt: Prompt | None
    context: Any = None
    problem: str | None = None
    entry: dict[str, Any] | None = None


Check = Callable[[Any, Prompt, Reply], list[str]]


class Question(NamedTuple):
    """What is to be asked next about a request."""

    key: bytes
    attempt: int
    prompt: Prompt
    seed: int


class Outcome(NamedTuple):
    """What a request became: the reply, accepted when it has no faults."""

    reply: Reply
    faults: list[str]
    attempts: int


def correction(faults: list[str]) -> str:
    """Return the message that asks for the reply again, its faults named."""
    listed = "\n".join(f"- {fault}" for fault in faults)
    return (
        "Your answer cannot be used, because:\n"
        f"{listed}\n"
        "Write the whole answer again, in the same form, without these faults. Write only the answer."
    )


def quoted(text: str) -> str:
    """Return a faulty reply as the model is shown it: not too long, and not empty, which some servers refuse."""
    cut = text if len(text) <= QUOTED_CHARACTERS else f"{text[:QUOTED_CHARACTERS]} …"
    return cut if cut.strip() else "(no answer)"


def readable(reply: Reply) -> Reply:
    """Return the reply without the reasoning some models put before it, and without what nobody can see."""
    return reply._replace(text=_INVISIBLE.sub("", _THINKING.sub("", reply.text)))


class Dialogue:
    """What has been said about each request, by the journal, and what is to be asked next.

    check       (context, prompt, reply) → faults, none when the reply is good; None accepts every reply
    attempts    how often a request is asked before its reply is given up
    parameters  whatever changes the replies besides the messages and the model
    """

    def __init__(
        self,
        journal: Journal,
        model: str,
        parameters: dict[str, Any],
        check: Check | None = None,
        attempts: int = 3,
        seed: int = 0,
    ) -> None:
        self.journal = journal
        self.model = model
        self.parameters = {**parameters, "seed": seed}
        self.run = digest(model, self.parameters).hex()
        self.check = check
        self.attempts = attempts

    def base(self, request: Request) -> bytes:
        """Return the digest of all that is asked first about the request."""
        return digest(request.image, request.function, request.prompt.messages, self.model, self.parameters)

    def keys(self, request: Request) -> list[bytes]:
        """Return the journal keys of all attempts."""
        base = self.base(request).hex()
        return [digest(base, attempt) for attempt in range(self.attempts)]

    def next(self, request: Request) -> Question | Outcome:
        """Return what to ask, or what the journal says the request has become."""
        prompt = request.prompt
        reply, faults = Reply(""), []
        for attempt, key in enumerate(self.keys(request)):
            line = self.journal.reply(key)
            if line is None:
                # The key is as good as random, and the same however the run was cut or ordered.
                return Question(key, attempt, prompt, int.from_bytes(key[:4], "big") >> 1)
            usage = line["usage"]
            reply = readable(Reply(line["reply"], usage["in"], usage["out"], line["finish_reason"]))
            faults = [] if self.journal.is_accepted(key) else self._faults(request, reply)
            if not faults:
                self.journal.accept(key)
            # A reply that was good enough when it was paid for is not paid for twice because the check changed.
            if not faults or line["verdict"]["accepted"]:
                return Outcome(reply, faults, attempt + 1)
            prompt = prompt._replace(
                messages=[
                    *prompt.messages,
                    {"role": "assistant", "content": quoted(reply.text)},
                    {"role": "user", "content": correction(faults)},
                ]
            )
        return Outcome(reply, faults, self.attempts)

    def add(self, request: Request, question: Question, reply: Reply) -> None:
        """Check a reply that has arrived and write it down with its verdict."""
        faults = self._faults(request, readable(reply))
        self.journal.add_reply(
            question.key,
            self.run,
            {
                "id": request.id,
                "image": request.image,
                "function": request.function,
                "attempt": question.attempt,
                "prompt": digest(question.prompt.messages).hex(),
                "model": self.model,
                "parameters": self.parameters,
                "reply": reply.text,
                "finish_reason": reply.finish_reason,
                "usage": {"in": reply.tokens_in, "out": reply.tokens_out},
                "verdict": {"accepted": not faults, "faults": faults},
            },
        )
        if not faults:
            self.journal.accept(question.key)

    def _faults(self, request: Request, reply: Reply) -> list[str]:
        if self.check is None:
            return []
        try:
            return list(self.check(request.context, request.prompt, reply))
        except Exception as error:  # the reply is paid for: it is kept and listed, and the run goes on
            return [f"the check itself failed: {type(error).__name__}: {error}"]


def outcomes(
    requests: Iterable[Request], dialogue: Dialogue, only_journal: bool = False
) -> Iterator[tuple[Request, Outcome | str | None]]:
    """Yield what each request became, in their order: an Outcome, why it failed, or None when it is unfinished.

    With `only_journal` it ends when every reply of this model and parameters, and every failure, has been met:
    after a run was stopped early, a million prompts that were never asked need not be walked over.
    """
    journal = dialogue.journal
    left = journal.count(dialogue.run) + journal.count_failures() if only_journal else -1
    met = DigestIndex()  # a prompt that stands twice in the input has its replies once in the journal
    for request in requests:
        if left == 0:
            return
        if request.problem is not None:
            yield request, request.problem
            continue
        step = dialogue.next(request)
        settled = isinstance(step, Outcome)
        failure = None if settled else journal.failure(step.key)
        base = dialogue.base(request)
        if only_journal and met.get(base) < 0:
            met.put(base, 0)
            left -= step.attempts if settled else step.attempt + (failure is not None)
        yield request, step if settled else failure
