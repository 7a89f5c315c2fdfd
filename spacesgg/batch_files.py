"""Requests as files in the OpenAI Batch format, which `vllm run-batch` reads too, and their results read back.

A request line is {"custom_id", "method": "POST", "url": "/v1/chat/completions", "body"}; its custom_id is the key
under which the journal files the reply, so results may come in any order, in any number of files, in any round.
"""

import contextlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson
from tqdm import tqdm

from spacesgg.atomic import atomic_open
from spacesgg.backends import Reply, Retryable
from spacesgg.batch import counted
from spacesgg.dialogue import Dialogue, Outcome, Question, Request
from spacesgg.errors import InputError
from spacesgg.journal import KEY_BYTES, DigestIndex
from spacesgg.openai_backend import ENDPOINT, error_message, error_text, parse_json, read_reply
from spacesgg.progress import Counts
from spacesgg.prompt import Prompt

# "The file can contain up to 50,000 requests, and can be up to 200 MB in size": OpenAI's reference of POST
# /v1/batches, input_file_id. Megabytes are taken as 10^6, the smaller reading.
MOST_REQUESTS = 50_000
MOST_BYTES = 200_000_000
NAME = "requests-{:05d}.jsonl"
NAME_RESULTS = "name the file that the Batch API, or vllm run-batch -o, made"


def write(
    requests: Iterable[Request],
    dialogue: Dialogue,
    body: Callable[[Prompt, int], dict[str, Any]],
    folder: Path,
    total: int | None = None,
    most_requests: int = MOST_REQUESTS,
    most_bytes: int = MOST_BYTES,
) -> tuple[list[Path], int]:
    """Write what the journal does not answer yet to requests-00001.jsonl, …; return the files and the requests.

    `body(prompt, seed)` is the backend's, so that a batch asks what a live run would. Raises InputError when the
    folder holds request files already: uploaded twice, they would be paid twice.
    """
    if any(folder.glob("requests-*.jsonl")):
        raise InputError(f"{folder}: holds request files already; name an empty folder for this round")
    files: list[Path] = []
    count, lines, size = 0, 0, 0  # of all files; of the file being written
    seen = DigestIndex()  # a prompt that stands twice in the input is written once: custom_id must be unique
    with contextlib.ExitStack() as current:
        for request in tqdm(requests, total=total, desc="requests", unit="prompt", disable=None):
            step = None if request.problem is not None else dialogue.next(request)
            if not isinstance(step, Question) or seen.get(step.key) >= 0:
                continue
            seen.put(step.key, 0)
            line = {
                "custom_id": step.key.hex(),
                "method": "POST",
                "url": ENDPOINT,
                "body": body(step.prompt, step.seed),
            }
            text = orjson.dumps(line) + b"\n"
            if len(text) > most_bytes:
                raise InputError(
                    f"{request.image}: its request of {len(text)} bytes is too large for a batch file"
                )
            if not files or lines >= most_requests or size + len(text) > most_bytes:
                current.close()  # the file before appears under its name
                files.append(folder / NAME.format(len(files) + 1))
                stream = current.enter_context(atomic_open(files[-1]))
                lines, size = 0, 0
            stream.write(text)
            lines, size, count = lines + 1, size + len(text), count + 1
    return files, count


class Results:
    """The result lines of batch files, found by custom_id; a success counts before a failure of the same."""

    def __init__(self, paths: list[Path]) -> None:
        """Index the files. Raises InputError when one cannot be read or holds something else."""
        self._paths = paths
        self._where = DigestIndex()  # (byte offset × number of files + file) × 2 + 1 for a success
        self.strangers = 0  # results of none of our requests; of those under a good custom_id `read` can tell
        for number, path in enumerate(paths):
            try:
                with path.open("rb") as stream:
                    self._index(number, stream)
            except OSError as error:
                raise InputError(f"{path}: cannot be read ({error.strerror}); {NAME_RESULTS}") from error
        self._streams = [path.open("rb") for path in paths]

    def _index(self, number: int, stream: Iterable[bytes]) -> None:
        offset = 0
        for count, line in enumerate(stream, start=1):
            if line.strip():
                try:
                    result = parse_json(line)
                    name = result["custom_id"]
                except (ValueError, KeyError, TypeError) as error:
                    raise InputError(
                        f"{self._paths[number]}, line {count}: found {_shown(line)}, expected a batch result, a "
                        f'JSON object with "custom_id"; {NAME_RESULTS}, whole and as it came'
                    ) from error
                if "body" in result and not ("response" in result or "error" in result):
                    # Taken for results, each would be an answer that failed, and stand in the journal as that.
                    raise InputError(
                        f"{self._paths[number]}, line {count}: found a request, as --write-batch writes them; "
                        f"expected a result; {NAME_RESULTS} of it"
                    )
                key = _key(name)
                good = isinstance(_read(result), Reply)
                if key is None:
                    self.strangers += 1
                elif good or self._where.get(key) < 0:
                    self._where.put(key, (offset * len(self._paths) + number) * 2 + good)
            offset += len(line)

    def get(self, key: bytes) -> Reply | str | None:
        """Return the reply to the request with this key, why it failed, or None when it is not in the files."""
        where = self._where.get(key)
        if where < 0:
            return None
        offset, number = divmod(where >> 1, len(self._paths))
        self._streams[number].seek(offset)
        return _read(parse_json(self._streams[number].readline()))

    def __contains__(self, key: bytes) -> bool:
        return self._where.get(key) >= 0

    def __len__(self) -> int:
        return len(self._where)

    def close(self) -> None:
        """Close the files."""
        for stream in self._streams:
            stream.close()


def _shown(line: bytes) -> str:
    """Return the beginning of a line for a message."""
    return f"{line.strip().decode(errors='replace')!r:.60}"


def _key(custom_id: Any) -> bytes | None:
    try:
        key = bytes.fromhex(custom_id)
    except (ValueError, TypeError):
        return None
    return key if len(key) == KEY_BYTES else None


def _read(result: dict[str, Any]) -> Reply | str:
    """Return the reply in a result line, or why it holds none."""
    response = result.get("response") if isinstance(result.get("response"), dict) else {}
    status = response.get("status_code", 200)
    body = response.get("body")
    error = result.get("error") or (body.get("error") if isinstance(body, dict) else None)
    if error or status != 200:
        told = "" if status == 200 else f"HTTP {status}: "  # a request that was never sent has none either
        return error_text(f"batch: {told}{error_message(error or body)}")
    try:
        return read_reply(body)
    except Retryable as error:
        return f"batch: {error.reason}"


def read(
    requests: Iterable[Request], dialogue: Dialogue, paths: list[Path], total: int | None = None
) -> tuple[Counts, Results]:
    """Put the results into the journal as if they had been asked live, failures too; return what became of all.

    A request without a result, or one whose faulty reply may be asked again, stays unfinished: the next
    --write-batch, or a live run, asks it.
    """
    results = Results(paths)
    results.strangers += len(results)
    counts = Counts()
    for request in tqdm(requests, total=total, desc="results", unit="prompt", disable=None):
        if request.problem is not None:
            counts.add_unmade()
            continue
        counts.prompts += 1
        results.strangers -= sum(key in results for key in dialogue.keys(request))
        step = dialogue.next(request)
        if isinstance(step, Outcome):
            counts.from_journal += 1
        else:
            step = _follow(request, step, dialogue, results, counts)
        if isinstance(step, Outcome):
            counts.rejected += bool(step.faults)
            counts.accepted += not step.faults
    results.close()
    return counts, results


def say_what_is_left(counts: Counts, results: Results) -> None:
    """Tell of results that belong to other prompts, and of prompts that need a further round."""
    if results.strangers > 0:
        print(
            f"llm_based_query.py: passed over {counted(results.strangers, 'result')} of other prompts than these "
            "(another annotation file, prompt, model or flag than with --write-batch)",
            file=sys.stderr,
        )
    if counts.unfinished:
        print(
            f"llm_based_query.py: {counted(counts.unfinished, 'prompt')} without a result, or with a faulty one "
            "to ask again: --write-batch with another folder writes what is left",
            file=sys.stderr,
        )


def _follow(
    request: Request, step: Question, dialogue: Dialogue, results: Results, counts: Counts
) -> Question | Outcome | None:
    """Take the results of one request, attempt by attempt; return where that leads, None when it failed."""
    asked = False
    while isinstance(step, Question):
        found = results.get(step.key)
        if found is None:
            counts.unfinished += 1
            return step
        counts.asked += not asked
        asked = True
        counts.requests += 1
        if isinstance(found, str):
            dialogue.journal.add_failure(step.key, found)
            counts.failed += 1
            return None
        counts.replies += 1
        counts.tokens_in += found.tokens_in
        counts.tokens_out += found.tokens_out
        dialogue.add(request, step, found)
        step = dialogue.next(request)
    counts.answered += 1
    return step
