"""Flags of llm_based_query.py that were given and have no effect, told in one line rather than passed over."""

import argparse
import sys

# Flags that say how another backend asks.
UNUSED = {
    "template": (
        "model",
        "base_url",
        "check",
        "temperature",
        "max_tokens",
        "attempts",
        "concurrency",
        "requests_per_minute",
        "tokens_per_minute",
        "timeout",
        "price_in",
        "price_out",
    ),
    "openai": ("workers",),
    "transformers": ("workers", "base_url", "timeout"),
}
UNUSED_BY_BATCHES = (
    "workers",
    "base_url",
    "concurrency",
    "requests_per_minute",
    "tokens_per_minute",
    "timeout",
)


def changed(parser: argparse.ArgumentParser, args: argparse.Namespace) -> set[str]:
    """Return the names of the options that are not as they are where no flag is given."""
    return {name for name, value in vars(args).items() if value != parser.get_default(name)}


def tell(args: argparse.Namespace) -> None:
    """Print which of the flags given (`args.changed`) the backend, or the batch in its place, has no use for."""
    batched = "--write-batch" if args.write_batch else "--read-batch" if args.read_batch else None
    names = [name for name in (UNUSED_BY_BATCHES if batched else UNUSED[args.backend]) if name in args.changed]
    if names:
        flags = ", ".join("--" + name.replace("_", "-") for name in names)
        who = batched or ("the offline writer" if args.backend == "template" else f"the backend {args.backend}")
        print(f"llm_based_query.py: {who} has no use for {flags}", file=sys.stderr)
