"""From requests to a training file by way of a model: a live run, batch files, or a dry run, and the summary.

Whatever way the replies come, they stand in the journal, and the output is written from it in the input's order.
"""

import argparse
import collections
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
from tqdm import tqdm

from spacesgg import batch_files, options, text_input, training_record
from spacesgg.atomic import atomic_open
from spacesgg.backends import Backend, Reply
from spacesgg.batch import counted, errors_path
from spacesgg.bulk import TYPICAL_REPLY_TOKENS, Bulk
from spacesgg.dialogue import Check, Dialogue, Outcome, Question, Request, outcomes
from spacesgg.errors import InputError
from spacesgg.journal import Journal, journal_path
from spacesgg.openai_backend import OpenAIBackend, request_body
from spacesgg.progress import Counts, Progress
from spacesgg.prompt import Prompt
from spacesgg.rate_limits import RateLimits, estimate_tokens
from spacesgg.transformers_backend import DEFAULT_MAX_TOKENS, TransformersBackend

CONCURRENCY = 64
BATCH_SIZE = 16  # prompts of a thousand tokens at once, which a model of 7 billion parameters fits beside in 24 GB
DRY_PROMPTS = 2  # printed whole: enough to see one that differs from the first
REASONS_LISTED = 12
INTERRUPTED = 130  # the shell's status of a command that Ctrl-C ended


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that concern models to the command line."""
    reply = parser.add_argument_group("how the model answers").add_argument
    reply(
        "--temperature",
        type=options.not_negative,
        help="Higher draws more varied words; not given, the model's own.",
    )
    reply(
        "--max-tokens",
        type=options.at_least_one,
        help="Longest reply in tokens; one that is cut is asked again. Not given, the server's own, and "
        f"{DEFAULT_MAX_TOKENS} with transformers.",
    )
    reply(
        "--attempts",
        type=options.at_least_one,
        default=3,
        help="How often a prompt is asked before its faulty reply is given up, its faults named each time "
        "(default: %(default)s).",
    )
    send = parser.add_argument_group("how requests are sent").add_argument
    send(
        "--concurrency",
        type=options.at_least_one,
        help="Requests in flight at once, more is faster; with transformers, prompts in a batch. Not given, "
        f"{CONCURRENCY}, and {BATCH_SIZE} with transformers.",
    )
    send(
        "--requests-per-minute",
        type=options.at_least_one,
        help="Never send more, as your account's limit says.",
    )
    send("--tokens-per-minute", type=options.at_least_one, help="The same for tokens, asked and answered.")
    send(
        "--timeout",
        type=options.positive,
        default=120.0,
        help="Seconds after which a request is sent again (default: %(default)g).",
    )
    send("--price-in", type=options.not_negative, help="Price of a million tokens asked; the cost is then shown.")
    send("--price-out", type=options.not_negative, help="Price of a million tokens answered.")
    group = parser.add_argument_group("instead of asking now, one of")
    files = group.add_mutually_exclusive_group().add_argument
    files("--dry-run", action="store_true", help="Print the first prompts and the size of the run; ask nothing.")
    files(
        "--write-batch",
        type=options.folder,
        metavar="FOLDER",
        help="Write what is to be asked as OpenAI Batch files.",
    )
    files(
        "--read-batch",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="Take the result files of a batch, in any order; asks nothing itself.",
    )


def parameters(args: argparse.Namespace) -> dict[str, Any]:
    """Return what changes a model's replies, as the journal's keys hold it."""
    return {"temperature": args.temperature, "max_tokens": args.max_tokens}


def _at_once(args: argparse.Namespace) -> int:
    return args.concurrency or (BATCH_SIZE if args.backend == "transformers" else CONCURRENCY)


def make_backend(args: argparse.Namespace) -> Backend:
    """Return the backend that the flags name, ready to be asked. Raises InputError when it cannot serve."""
    if args.backend == "transformers":
        return TransformersBackend(args.model, args.temperature, args.max_tokens, batch_size=_at_once(args))
    return OpenAIBackend(
        args.model,
        args.base_url,
        args.temperature,
        args.max_tokens,
        args.timeout,
        _at_once(args),
    )


def run(
    args: argparse.Namespace,
    requests: Callable[[], Iterator[Request]],
    total: int | None,
    record: Callable[[Request, Reply], dict[str, Any]],
    check: Check | None,
) -> int:
    """Answer every request by the model that `args` names and write the training file; return the exit status.

    requests  begins the input anew at each call: it is read once to ask and once to write
    record    makes the training record of an accepted reply
    check     see spacesgg/dialogue.py
    Raises InputError when nothing can be done: a wrong key, model or file.
    """
    if args.dry_run:
        return _dry_run(args, requests(), total, check)
    # Loaded before the journal is opened: a wrong flag leaves nothing behind.
    backend = None if args.write_batch or args.read_batch else make_backend(args)
    progress = Progress(total, args.price_in, args.price_out, shown=backend is not None)
    job = None
    with Journal(journal_path(args.output_file)) as journal:
        dialogue = Dialogue(journal, args.model, parameters(args), check, args.attempts, args.seed)
        if args.write_batch:
            return _write_batch(args, requests(), total, dialogue)
        if args.read_batch:
            counts, results = batch_files.read(requests(), dialogue, args.read_batch, total)
            if not counts.replies and not counts.from_journal and counts.failed == counts.unmade:
                raise InputError(
                    f"{args.read_batch[0]}: none of its {len(results)} results is of these prompts; use the same "
                    "annotation file, prompts, model and flags as with --write-batch"
                )
        else:
            limits = RateLimits(args.requests_per_minute, args.tokens_per_minute)
            job = Bulk(dialogue, backend, _at_once(args), limits, progress)
            counts = job.run(requests())
            if job.stopped and not counts.replies:
                raise InputError(f"{job.stopped} (nothing was answered; what the journal holds is kept)")
        with _output_left(job):
            reasons, listed, kept = _write_output(args.output_file, requests(), dialogue, record, job, counts)
    _summary(args.output_file, counts, progress, reasons, listed, kept, job)
    if args.read_batch:
        batch_files.say_what_is_left(counts, results)
    if kept:
        say_kept(args.output_file)
    if job and job.interrupted:
        return INTERRUPTED
    return 1 if listed or kept or counts.unfinished or (job and job.stopped) else 0


def say_kept(output: Path) -> None:
    """Say that the file of an earlier run was not replaced by one without records."""
    print(f"llm_based_query.py: no record was made; {output} is as it was before", file=sys.stderr)


@contextlib.contextmanager
def _output_left(job: Bulk | None) -> Iterator[None]:
    """Say after a Ctrl-C that the output is being written; one that comes now leaves the old output in place."""
    again = " again" if job and job.interrupted else ""
    if again:
        print("\ninterrupted: writing what has been accepted", file=sys.stderr, flush=True)
    try:
        yield
    except KeyboardInterrupt as error:
        print(f"interrupted{again}: the output was not written; every reply is in the journal", file=sys.stderr)
        sys.exit(128 + (error.args[0] if error.args else signal.SIGINT))


def _write_output(
    output: Path,
    requests: Iterator[Request],
    dialogue: Dialogue,
    record: Callable[[Request, Reply], dict[str, Any]],
    job: Bulk | None,
    counts: Counts,
) -> tuple[collections.Counter, int, bool]:
    """Write the accepted replies as records and the others with their reasons.

    Returns the reasons by kind, how many prompts and objects are listed, and whether an earlier output was kept
    for want of any record.

    A line of the errors file is the image's whole entry with "reason", so that the file is itself an annotation
    file: `--anno-file OUTPUT.errors.jsonl` asks those again. What an accepted text leaves out has its own line.
    """
    reasons: collections.Counter = collections.Counter()
    listed = 0
    cut_short = bool(job and (job.interrupted or job.stopped))
    with training_record.writer(output) as write, atomic_open(errors_path(output)) as errors:
        for request, outcome in outcomes(requests, dialogue, only_journal=cut_short):
            faults = outcome.faults if isinstance(outcome, Outcome) else [outcome]
            if not faults:
                try:
                    write(record(request, outcome.reply))
                    for line in text_input.left_out(request.image, request.entry or {}, request.function):
                        errors.write(orjson.dumps(line) + b"\n")
                        listed += 1
                        reasons["an object that is malformed"] += 1
                except InputError as error:  # what the check let through, and LLaVA's loader would not
                    faults = [str(error)]
                    counts.accepted -= 1
                    counts.rejected += 1
            if outcome is not None and faults:
                line = {"image": request.image, "prompt_function": request.function, "reason": "; ".join(faults)}
                if isinstance(outcome, Outcome):
                    line |= {"attempts": outcome.attempts, "reply": outcome.reply.text}
                errors.write(orjson.dumps({**(request.entry or {}), **line}) + b"\n")
                listed += 1
                for kind in set(map(training_record.kind, faults)):
                    if kind in reasons or len(reasons) < 1000:
                        reasons[kind] += 1
    if not listed:
        errors_path(output).unlink(missing_ok=True)  # a stale list from an earlier run would mislead
    return reasons, listed, write.kept


def _write_batch(
    args: argparse.Namespace, requests: Iterator[Request], total: int | None, dialogue: Dialogue
) -> int:
    def body(prompt: Prompt, seed: int) -> dict[str, Any]:
        return request_body(args.model, prompt, seed, args.temperature, args.max_tokens)

    files, count = batch_files.write(requests, dialogue, body, args.write_batch, total)
    if not count:
        print("llm_based_query: nothing is left to be asked; no batch file written")
        return 0
    where, each = (f"{len(files)} files, {files[0]} and so on", "each") if len(files) > 1 else (files[0], "it")
    print(
        f"llm_based_query: {counted(count, 'request')} written to {where}; upload {each} to the Batch API, or run "
        f"{each} with: vllm run-batch -i {files[0]} -o results.jsonl --model {args.model}; then run this command "
        "with --read-batch RESULTS instead of --write-batch"
    )
    return 0


def _dry_run(args: argparse.Namespace, requests: Iterator[Request], total: int | None, check: Check | None) -> int:
    """Print the first prompts and what the whole run would ask; nothing is sent or written."""
    path = journal_path(args.output_file)
    asked = problems = tokens = 0
    with contextlib.ExitStack() as stack:
        dialogue = None
        if path.exists():
            journal = stack.enter_context(Journal(path))
            dialogue = Dialogue(journal, args.model, parameters(args), check, args.attempts, args.seed)
        for request in tqdm(requests, total=total, desc="prompts", unit="prompt", disable=None):
            if request.problem is not None:
                problems += 1
                continue
            step = dialogue.next(request) if dialogue else None
            if isinstance(step, Outcome):
                continue
            prompt = step.prompt if isinstance(step, Question) else request.prompt
            if asked < DRY_PROMPTS:
                print(f"===== {request.image} ({request.function})")
                for message in prompt.messages:
                    print(f"--- {message['role']}\n{message['content']}")
            asked += 1
            tokens += estimate_tokens(prompt.messages)
    out = asked * min(args.max_tokens or TYPICAL_REPLY_TOKENS, TYPICAL_REPLY_TOKENS)
    said = f"{counted(asked, 'request')}, about {tokens} tokens in and {out} out"
    if args.price_in or args.price_out:
        cost = (tokens * (args.price_in or 0) + out * (args.price_out or 0)) / 1e6
        said += f", cost about {cost:.2f}"
    said += f", before retries; images without a prompt: {problems}"
    print(f"llm_based_query: would send {said}; nothing was asked")
    return 0


def _summary(
    output: Path,
    counts: Counts,
    progress: Progress,
    reasons: collections.Counter,
    listed: int,
    kept: bool,
    job: Bulk | None,
) -> None:
    progress.counts = counts
    said = f"{counted(counts.prompts, 'prompt')}: {counts.accepted} accepted, {counts.rejected} rejected"
    said += f", {counts.failed} failed"
    if counts.unfinished:
        said += f", {counts.unfinished} unfinished"
    said += f"; {counts.from_journal} answered before, {counted(counts.requests, 'request')} sent"
    if counts.retried:
        said += f" ({counts.retried} of them again)"
    said += f", {counts.tokens_in} tokens in and {counts.tokens_out} out"
    if progress.prices:
        said += f", cost {progress.cost():.2f}"
    said += "" if kept else f"; written to {output}"
    print(f"llm_based_query: {said}" + (f", see {errors_path(output)}" if listed else ""))
    for kind, number in reasons.most_common(REASONS_LISTED):
        print(f"  {number} × {kind}")
    if job and job.stopped:
        print(f"llm_based_query.py: stopped: {job.stopped}", file=sys.stderr)
    if job and (job.interrupted or job.stopped):
        print("run the same command again to go on: nothing that was answered is asked twice", file=sys.stderr)
