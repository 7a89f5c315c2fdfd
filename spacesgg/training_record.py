"""Replies made into records of a LLaVA training file (FORMATS.md §4), and what its loader stumbles over."""

import codecs
import contextlib
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import orjson

from spacesgg.atomic import atomic_open
from spacesgg.errors import InputError
from spacesgg.faulty_json import wrong_encoding

IMAGE = "<image>"
# The loader cuts a record at 2,048 tokens, of which the picture takes 576 and the system message some 60.
TEXT_TOKENS = 2048 - 576 - 60
# The separators of the loader's templates: a text with one of them makes it ignore the whole record.
FORBIDDEN = (" ASSISTANT:", "</s>", IMAGE)
DESCRIPTION_REQUESTS = (
    "Describe this scene layer by layer, from near to far.",
    "What is in this picture, going from the foreground to the background?",
    "Walk me through the image from front to back.",
    "Give me a description of the scene that follows its depth.",
    "How is this scene laid out in depth?",
    "Describe what you see, starting with what is nearest.",
    "Take me through the scene, closest things first.",
    "Can you describe the layout of this place, layer by layer?",
    "Tell me what stands in the foreground, and then what lies farther back.",
    "Please describe the image by depth and say where things are.",
    "What would someone need to know to picture the depth of this scene?",
    "Sort what is visible here by how far away it is, and describe it.",
    "I cannot see the image. How are the things in it arranged from near to far?",
    "Describe the spatial layout of this image.",
    "Go through the layers of this scene one after the other.",
    "Which things are up front here, and which are at the back?",
)
# "Q:", "**Q1:**", "2. Question:", "- A:"; no more than the marker is taken, for a tag may follow it.
_TURN = re.compile(
    r"^[\s\d.)#*_-]*(Q|A|Question|Answer|User|Human|Assistant)[ *_]*\d*[.)*_ ]*[:：][\s*_]*", re.IGNORECASE
)
HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")
_ASKED = ("q", "question", "user", "human")


def turns(reply: str) -> list[tuple[str, str]]:
    """Return the question-answer pairs of a reply in "Q: …" / "A: …" lines.

    Numbered and bold markers, blank lines and answers that run over several lines are read too. Raises
    InputError when questions and answers do not take turns.
    """
    found: list[list[str]] = []
    for line in reply.strip().splitlines():
        marker = _TURN.match(line)
        if marker:
            found.append(["human" if marker[1].lower() in _ASKED else "gpt", line[marker.end() :].strip(" *")])
        elif found and line.strip():
            found[-1][1] = f"{found[-1][1]} {line.strip()}".strip()
    roles = [role for role, _ in found]
    if not found or roles != ["human", "gpt"] * (len(found) // 2):
        raise InputError(
            f'the reply is not in question-answer pairs: expected lines "Q: …", "A: …", found {reply.strip():.80}'
        )
    return [(found[i][1], found[i + 1][1]) for i in range(0, len(found), 2)]


def make(identifier: str, image: str, reply: str, form: str, source: str, rng: random.Random) -> dict[str, Any]:
    """Return the record of a reply. Raises InputError saying why the reply cannot be one."""
    if form == "description":
        pairs = [(rng.choice(DESCRIPTION_REQUESTS), " ".join(reply.split()))]
    elif form in ("questions", "conversation"):
        pairs = turns(reply)
    else:
        raise InputError(f'a prompt\'s form is "description", "questions" or "conversation", not {form!r}')
    conversations = []
    for number, (question, answer) in enumerate(pairs):
        first = f"{IMAGE}\n" if number == 0 else ""
        conversations += [{"from": "human", "value": first + question}, {"from": "gpt", "value": answer}]
    record = {"id": identifier, "image": image, "conversations": conversations, "source": source}
    problems = faults(record)
    if problems:
        raise InputError("; ".join(problems))
    return record


def estimate_tokens(text: str) -> int:
    """Return about how many LLaMA tokens `text` is: each digit is one, and so is the space before a number."""
    return round(sum(1 + len(m[0]) // 7 for m in re.finditer(r" (?=\d)|\d|[^\W\d]+|[^\w\s]+", text)))


def kind(fault: str) -> str:
    """Return what a fault has in common with others: the words before its colon, without boxes and numbers."""
    if fault.startswith("batch: "):
        return "batch: " + kind(fault.removeprefix("batch: "))
    if fault.startswith("HTTP"):  # the one number that says what kind it is
        return " ".join(fault.split()[:2]).rstrip(":")
    words = re.sub(r"\[\[.*?\]\]|\b\d[\d.,]*\b(?! times)", "…", fault)
    told = words.partition(":")[0][:80]
    return told + ")" * (told.count("(") - told.count(")"))


def faults(record: dict[str, Any]) -> list[str]:
    """Return what LLaVA's loader would crash on, drop or read wrongly in a record with an image."""
    found = [f"its {name} is not text" for name in ("id", "image") if not isinstance(record.get(name, ""), str)]
    if "id" not in record:
        found.append("it has no id")
    conversations = record.get("conversations")
    if not isinstance(conversations, list) or not all(isinstance(turn, dict) for turn in conversations):
        return [*found, "its turns are not a list of objects"]
    if [turn.get("from") for turn in conversations] != ["human", "gpt"] * (len(conversations) // 2):
        found.append("the turns do not alternate from human to gpt")
    if not conversations:
        found.append("there is no turn")
    if not all(isinstance(turn.get("value", ""), str) for turn in conversations):
        return [*found, "the value of a turn is not text"]
    values = [turn.get("value", "") for turn in conversations]
    if not values or not values[0].startswith(f"{IMAGE}\n"):
        found.append(f"the first turn does not start with {IMAGE}")
    bodies = [value.removeprefix(f"{IMAGE}\n") if i == 0 else value for i, value in enumerate(values)]
    if any(not body.strip() for body in bodies):
        found.append("a turn is empty")
    if any(HALF_A_CHARACTER.search(value) for value in values):
        found.append("a turn holds half a character (a lone surrogate), which no file can")
    found += [f"a turn contains {word!r}" for word in FORBIDDEN if any(word in body for body in bodies)]
    tokens = sum(estimate_tokens(body) + 8 for body in bodies)
    if tokens > TEXT_TOKENS:
        found.append(f"the text is too long: about {tokens} tokens, LLaVA's loader cuts after {TEXT_TOKENS}")
    return found


class Output:
    """A training file being written: call it with each record."""

    def __init__(self, stream: IO[bytes], lines: bool) -> None:
        self.count = 0
        self.kept = False  # at the end: there was no record, so the file that stood there stays
        self._stream = stream
        self._lines = lines

    def __call__(self, record: dict[str, Any]) -> None:
        """Append a record. Raises InputError where JSON cannot hold it."""
        try:
            text = orjson.dumps(record)
        except TypeError as error:  # a lone surrogate in a text
            raise InputError(f"the record cannot be written as JSON ({error})") from error
        before = b"" if self._lines else (b",\n" if self.count else b"[\n")
        self._stream.write(before + text + (b"\n" if self._lines else b""))
        self.count += 1


def _holds_something(path: Path) -> bool:
    """Say whether a file stands there that is more than an empty list."""
    if not path.exists():
        return False
    with path.open("rb") as stream:
        return stream.read(16).strip() not in (b"", b"[]")


class _NoRecord(Exception):
    """Leaves what stands at the output in place."""


@contextlib.contextmanager
def writer(path: Path) -> Iterator[Output]:
    """Give what appends records to the training file at `path`, a JSON list or .jsonl.

    Without any record, a file that stands there already is not replaced: `kept` then says so.
    """
    lines = path.suffix.lower() == ".jsonl"
    with contextlib.suppress(_NoRecord), atomic_open(path) as stream:
        output = Output(stream, lines)
        yield output
        if not output.count and _holds_something(path):
            output.kept = True
            raise _NoRecord
        if not lines:
            stream.write(b"\n]\n" if output.count else b"[]\n")


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a training file, a JSON list or .jsonl, good or not (`faults` tells).

    Raises InputError when it is neither.
    """
    content = b""
    try:
        if path.suffix.lower() == ".jsonl":
            with path.open("rb") as stream:
                for number, line in enumerate(stream, start=1):
                    if line.strip():
                        yield _record(_line(line, path, number), f"{path}, line {number}")
            return
        content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
        whole = orjson.loads(content)
    except (OSError, orjson.JSONDecodeError) as error:
        why = wrong_encoding(error, content) or error
        raise InputError(f"{path}: cannot be read as a training file ({why})") from error
    del content
    if not isinstance(whole, list):
        raise InputError(f"{path}: expected a JSON list of training records")
    for number, record in enumerate(whole, start=1):
        yield _record(record, f"{path}, record {number}")


def _line(line: bytes, path: Path, number: int) -> Any:
    try:
        return orjson.loads(line.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError as error:
        why = wrong_encoding(error, line) or error
        raise InputError(f"{path}, line {number}: cannot be read as JSON ({why})") from error


def _record(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f'{where}: expected a record with its turns under "conversations", found {value!r:.80}')
    return value
