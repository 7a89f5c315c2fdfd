"""Annotated scenes to training data: descriptions, questions and conversations that LLaVA trains on.

In:   an annotation file with "levels", "order_list" and "views" (annotations.json or .jsonl)
Out:  LLaVA's training file, a JSON list or .jsonl of {"id", "image", "conversations", "source"}
Run:  python llm_based_query.py --anno-file annotations.json --prompt-function create_layer_prompt \\
          --output-file layer_description.json

A prompt function of prompts.py, or of your own file, says what is asked about each scene. The offline writer
("template") answers from the geometry, without network or model; it serves wherever no endpoint is named. A
model's replies stand in OUTPUT.journal.jsonl the moment they come: the same command goes on where it was cut.
What cannot be written about is named with its reason in OUTPUT.errors.jsonl, an annotation file itself.
"""

import argparse
import asyncio
import functools
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacesgg import interrupts

if __name__ == "__main__":
    interrupts.during_imports("llm_based_query.py")

from spacesgg import (
    batch,
    image_paths,
    llm_run,
    options,
    outputs,
    prompt_file,
    reply_check,
    text_input,
    training_record,
    unused_flags,
)
from spacesgg.atomic import refuse_as_output
from spacesgg.backends import Permanent, Reply, Template
from spacesgg.dialogue import Request
from spacesgg.errors import InputError
from spacesgg.journal import journal_path
from spacesgg.prompt import Prompt
from spacesgg.prompt_file import PROMPT_FAULT
from spacesgg.scene import Scene

OFFLINE_NOTICE = "no endpoint is named: the texts are the offline writer's, made from the geometry by no model"


def make_request(item: tuple[str, dict[str, Any]], args: argparse.Namespace) -> Request:
    """Return what is asked about one annotation entry. Raises InputError saying why nothing can be."""
    image, entry = item
    scene = Scene.from_entry(image, entry)
    asked = args.backend != "template"
    prompt = prompt_file.call(args.prompt_file, args.prompt_function, scene, dice(args, image, "prompt"), asked)
    return Request(record_id(image, args), image, args.prompt_function, prompt, scene, entry=entry)


def make_requests(args: argparse.Namespace) -> Iterator[Request]:
    """Yield what is asked about every entry, and why where nothing can be.

    Raises InputError when the prompt function fails for everything.
    """
    watch = prompt_file.FaultWatch(args.prompt_file, args.prompt_function)
    for item in text_input.read(args):
        (image, entry), request, reason = batch.attempt(functools.partial(make_request, args=args), item)
        watch.see(reason)
        yield request or Request("", image, args.prompt_function, None, None, reason, entry)


def make_record(request: Request, reply: Reply, args: argparse.Namespace, source: str) -> dict[str, Any]:
    """Return the training record of a reply. Raises InputError saying why it cannot be one."""
    place = image_paths.relocate(request.image, args.dataset_base, args.data_prefix)
    wording = dice(args, request.image, "request")
    text = reply.text if args.check == "off" else reply_check.snap(request.context, reply.text)
    record = training_record.make(request.id, place, text, request.prompt.form, source, wording)
    if args.check == "report":
        found = reply_check.check_reply(request.context, request.prompt, text, reply.finish_reason).faults
        record |= {"faults": [str(fault) for fault in found]} if found else {}
    return record


def check_form(context: Any, prompt: Prompt, reply: Reply) -> list[str]:
    """Return what keeps a reply from becoming a training record, or that it was cut or is short of pairs."""
    if reply.finish_reason == "length":
        return ["the answer is cut off by the token limit"]
    try:
        record = training_record.make("", "", reply.text, prompt.form, "", random.Random(0))
    except InputError as error:
        return [str(error)]
    pairs = len(record["conversations"]) // 2
    if pairs < prompt.pairs:
        return [f"fewer question-answer pairs than asked for: {pairs} of {prompt.pairs}"]
    return []


def check_claims(scene: Scene, prompt: Prompt, reply: Reply) -> list[str]:
    """Return what is wrong with a reply: its form, or else everything that it says against the geometry."""
    found = check_form(scene, prompt, reply)
    return found or [
        str(fault) for fault in reply_check.check_reply(scene, prompt, reply.text, reply.finish_reason).faults
    ]


def write_offline(item: tuple[str, dict[str, Any]], args: argparse.Namespace) -> dict[str, Any]:
    """Return the training record of one annotation entry, written without a model."""
    request = make_request(item, args)
    backend = Template()
    rng = dice(args, request.image, "reply")
    try:
        reply = asyncio.run(backend.ask(request.prompt, rng.getrandbits(31)))
    except InputError:
        raise
    except Permanent as error:
        raise InputError(error.reason) from error
    except (Exception, SystemExit) as error:
        raise InputError(f"{PROMPT_FAULT}: its offline writer: {type(error).__name__}: {error}") from error
    if not isinstance(reply.text, str):
        raise InputError(f"{PROMPT_FAULT}: its offline writer returned {type(reply.text).__name__}, not a text")
    return make_record(request, reply, args, backend.name)


def dice(args: argparse.Namespace, image: str, purpose: str) -> random.Random:
    """Return a generator for one image and purpose, so that no result depends on the order of the work."""
    return random.Random(f"{args.seed}/{image}/{args.prompt_function}/{purpose}")


def record_id(image: str, args: argparse.Namespace) -> str:
    """Return a record's id: image path without its suffix, and prompt function."""
    place = image_paths.relocate(image, args.dataset_base, "")
    return f"{place.removesuffix(Path(place).suffix).lstrip('/')}_{args.prompt_function}"


def choose_backend(args: argparse.Namespace) -> str:
    """Return the name of the backend that answers. Raises InputError when it lacks what it needs."""
    environment = any(os.environ.get(name, "").strip() for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY"))
    named = "openai" if args.base_url or args.model or environment else "template"
    name = args.backend or named
    files = "--write-batch" if args.write_batch else "--read-batch" if args.read_batch else None
    if files and (name == "template" or not args.model):
        raise InputError(f"{files} needs --model, the name of the model that answers, and not --backend template")
    if name != "template" and not args.model:
        raise InputError(f"the backend {name} needs --model, the name of the model that answers")
    return name


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options; wrong usage exits with status 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    what = parser.add_argument_group("what is asked, and where it goes").add_argument
    what(
        "--anno-file", type=options.input_file, required=True, help="Annotation file, .json or (streamed) .jsonl."
    )
    what("--prompt-function", required=True, help="Name of the function that makes the prompt from a scene.")
    what(
        "--output-file",
        type=options.output_file,
        required=True,
        help="Training file to write; .jsonl writes one record a line.",
    )
    what("--prompt-file", type=Path, help="Python file with prompt functions of your own, instead of prompts.py.")
    what("--description-file", type=Path, help="Output of create_layer_prompt, told to the model as context.")
    what("--limit", type=options.at_least_one, help="Stop after so many images of the annotation file.")
    what(
        "--shuffle",
        action="store_true",
        help="Take the images in a random order, that of --seed; with --limit a random sample of them.",
    )
    what(
        "--seed",
        type=options.seed,
        default=0,
        help="Another number gives other wordings and other choices (default: %(default)s).",
    )
    what(
        "--workers",
        type=options.at_least_one,
        default=1,
        help="Scenes the offline writer writes about at once; results are the same (default: %(default)s).",
    )
    paths = parser.add_argument_group("image paths, as LLaVA's --image_folder wants them").add_argument
    paths(
        "--dataset-base",
        default="",
        help="Start of the annotation's image paths that records leave out. A path that does not start with it "
        "stays whole; that is told in a line and is no failure, for no image is opened here.",
    )
    paths("--data-prefix", default="", help="What records put in front of the image paths instead.")
    writer = parser.add_argument_group("who answers").add_argument
    writer(
        "--backend",
        choices=("template", "openai", "transformers"),
        help="template is the offline writer, transformers a model on this machine; without this, an endpoint "
        "named by --model or --base-url, or by OPENAI_BASE_URL or OPENAI_API_KEY in the environment, answers, and "
        "the offline writer where none is named. An empty variable names none.",
    )
    writer(
        "--model",
        type=options.text,
        help="Name of the model that answers; with transformers, also its folder.",
    )
    writer(
        "--base-url",
        type=options.text,
        help="Address of an OpenAI-compatible server, such as http://localhost:8000/v1. Not given, that of "
        "OPENAI_BASE_URL, and OpenAI's own where that is not set or empty.",
    )
    writer(
        "--check",
        choices=("strict", "report", "off"),
        default="strict",
        help="What becomes of a model's reply whose tags, boxes or spatial claims the geometry contradicts: "
        "strict asks again with the faults named and leaves out what stays wrong, report keeps it and lists its "
        'faults in the record under "faults", off keeps it as it is. With each of them a reply that is cut off, '
        "that LLaVA cannot read or that is short of pairs is asked again, and left out if it stays so "
        "(default: %(default)s).",
    )
    llm_run.add_arguments(parser)
    args = parser.parse_args(arguments)
    args.changed = unused_flags.changed(parser, args)
    for path in filter(None, (args.anno_file, args.prompt_file, args.description_file)):
        if path.exists() and not path.is_file():
            parser.error(f"{path}: is a folder, a pipe or a device, and this stage reads a file more than once")
        if not path.is_file():
            parser.error(f"{path}: no such file")
    return args


def write_all_offline(args: argparse.Namespace) -> int:
    """Write every record without a model; return the exit status."""
    failures, watch = batch.Failures(), prompt_file.FaultWatch(args.prompt_file, args.prompt_function)
    work = functools.partial(write_offline, args=args)
    with training_record.writer(args.output_file) as write:
        for (image, entry), record, reason in batch.run(work, text_input.read(args), args.workers, None, "texts"):
            watch.see(reason)
            if reason is not None:
                line = {"image": image, "prompt_function": args.prompt_function, "reason": reason}
                failures.append({**entry, **line})
                continue
            write(record)
            failures.extend(text_input.left_out(image, entry, args.prompt_function))
    status = batch.finish("llm_based_query", write.count, failures, args.output_file, write.kept)
    if write.kept:
        llm_run.say_kept(args.output_file)
    return 1 if write.kept else status


def main(arguments: list[str] | None = None) -> int:
    """Run the stage; return 0 when every entry has its record, 1 when some failed, 2 for wrong input."""
    args = parse_args(arguments)
    try:
        output = args.output_file
        outputs.check_file(output)
        for written in (output, batch.errors_path(output), journal_path(output)):
            refuse_as_output(
                written, args.anno_file, args.description_file, args.prompt_file, *(args.read_batch or ())
            )
        prompt_file.load(args.prompt_file, args.prompt_function)
        named, args.backend = args.backend, choose_backend(args)
        if not args.dry_run:  # which counts what a model would be asked, whoever answers
            unused_flags.tell(args)
        if args.backend != "template" or args.dry_run:
            record = functools.partial(make_record, args=args, source=args.model)
            check = check_claims if args.check == "strict" else check_form
            return llm_run.run(args, lambda: make_requests(args), text_input.count(args), record, check)
        notice = OFFLINE_NOTICE if named is None else None
        if notice:
            print(f"llm_based_query: {notice}", flush=True)
        status = write_all_offline(args)
        if notice:
            print(f"llm_based_query: {notice}", flush=True)
        return status
    except InputError as error:
        print(f"llm_based_query.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(interrupts.run_main("llm_based_query.py", main))
