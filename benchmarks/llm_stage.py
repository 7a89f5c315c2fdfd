"""The LLM stage under load: throughput, memory, kill -9, and a million prompts, against a server on loopback.

python benchmarks/llm_stage.py                    # everything, about ten minutes and 2 GB of temporary files
python benchmarks/llm_stage.py --throughput       # 20,000 requests, 64 in flight, a server that takes 0.5 s
python benchmarks/llm_stage.py --kill             # kill -9 at 50 random moments
python benchmarks/llm_stage.py --start            # a file of 1,000,000 prompts; a journal of 1,000,000 replies

Each starts llm_based_query.py as a user would; the server is tests/llm_server.py, in a process of its own.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import orjson

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from spacesgg.journal import journal_path  # noqa: E402

SERVER_DELAY_S = 0.5
CONCURRENCY = 64
TARGET_SHARE = 0.95  # of CONCURRENCY / SERVER_DELAY_S requests a second
START_WITHIN_S = 30.0
# Growth over a run that is no growth with its length: allocator's slack and the journal's 24 bytes a reply.
FLAT_MB = 24.0


def write_annotations(path: Path, count: int) -> None:
    """Write `count` entries of four objects in two layers, with relations from the camera and from one side."""
    names = ("mug", "lamp", "table", "window")
    keys = [f"[[{100 * n}, {50 * n}, {100 * n + 90}, {50 * n + 80}]]" for n in range(1, 5)]
    pairs = [(a, b) for i, a in enumerate(keys) for b in keys[i + 1 :]]
    entry = {
        "width": 640,
        "height": 480,
        **{key: [name, [1.0, 2.0, 3.0, 4.0], None, [1.0, 2.0]] for key, name in zip(keys, names, strict=True)},
        "levels": [keys[:2], keys[2:]],
        "order_list": {f"{a}>{b}": [-1, 0, -1] for a, b in pairs},
        "views": {"left": {"levels": [keys], "order_list": {f"{a}>{b}": [-1, 0, 1] for a, b in pairs}}},
    }
    rest = orjson.dumps(entry)[1:]
    with path.open("wb") as stream:
        for number in range(count):
            caption = b'"caption_annotation":"Picture %d: a mug and a lamp on a table by the window.",' % number
            stream.write(b'{"image":"train2017/%012d.jpg",' % number + caption + rest + b"\n")


@contextlib.contextmanager
def served(delay: float, log: Path) -> Iterator[str]:
    """Run the server in its own process; give its address. The log gets "time name" for each request."""
    command = [sys.executable, str(ROOT / "tests" / "llm_server.py"), "--delay", str(delay), "--log", str(log)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def start_client(anno_file: Path, output: Path, url: str, *flags: str) -> subprocess.Popen:
    """Start the stage, in a session of its own, its messages in OUTPUT.log."""
    command = [sys.executable, str(ROOT / "llm_based_query.py"), "--anno-file", str(anno_file)]
    command += ["--output-file", str(output), "--prompt-function", "create_layer_prompt", "--model", "m"]
    # The server answers every prompt alike, which the check of what replies state would refuse.
    command += [
        "--backend",
        "openai",
        "--base-url",
        url,
        "--concurrency",
        str(CONCURRENCY),
        "--check",
        "off",
        *flags,
    ]
    with output.with_name(output.name + ".log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def memory_mb(process: subprocess.Popen) -> float:
    """Return the resident memory of a process, 0 when it has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0.0)


def arrivals(log: Path) -> list[tuple[float, str]]:
    """Return (monotonic seconds, name of the prompt) of every request that reached the server."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [(float(line.split()[0]), line.split()[1]) for line in lines]


def replies(output: Path) -> list[str]:
    """Return the names of the prompts whose replies stand whole in the journal."""
    path = journal_path(output)
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [line["reply"].split()[-1] for line in map(orjson.loads, lines) if "reply" in line]


def row(what: str, value: str, wanted: str, good: bool) -> bool:
    """Print one line of the table."""
    print(f"| {what:<58} | {value:<32} | {wanted:<22} | {'yes' if good else 'NO':<3} |", flush=True)
    return good


def throughput(folder: Path, count: int) -> bool:
    """Measure requests a second at the server, and the client's memory as the run goes on."""
    anno_file, output, log = folder / "t.jsonl", folder / "t-out.jsonl", folder / "t.log"
    write_annotations(anno_file, count)
    memory: list[tuple[int, float]] = []
    with served(SERVER_DELAY_S, log) as url:
        client = start_client(anno_file, output, url)
        while client.poll() is None:
            time.sleep(1)
            if log.exists():
                memory.append((log.stat().st_size, memory_mb(client)))
    times = [moment for moment, _ in arrivals(log)]
    rate = len(times) / (times[-1] + SERVER_DELAY_S - times[0])
    most = CONCURRENCY / SERVER_DELAY_S
    what = f"requests a second, {CONCURRENCY} in flight, {SERVER_DELAY_S} s each"
    good = row(
        what, f"{rate:.1f} = {rate / most:.1%}", f"≥ {TARGET_SHARE:.0%} of {most:g}", rate >= TARGET_SHARE * most
    )
    good &= row(
        "exit status; requests sent", f"{client.returncode}; {len(times)}", f"0; {count}", len(times) == count
    )
    # Lines of the log are of one length: its size says how many requests had been sent.
    size = log.stat().st_size
    running = [(done, mb) for done, mb in memory if size * 0.05 <= done < size and mb]
    early, late = running[0][1], running[-1][1]
    what = f"client's memory after {count // 20:,} and {count:,} requests"
    return good & row(what, f"{early:.0f} MB, {late:.0f} MB", f"+ {FLAT_MB:g} MB at most", late - early <= FLAT_MB)


def kill(folder: Path, count: int, kills: int) -> bool:
    """Kill the client at random moments until the run is through; compare with a run that was left alone."""
    rng = random.Random(0)
    anno_file, log = folder / "k.jsonl", folder / "k.log"
    write_annotations(anno_file, count)
    done = twice = rounds = different = torn = 0
    with served(0.1, log) as url:
        uncut = folder / "uncut.jsonl"
        began = time.monotonic()
        start_client(anno_file, uncut, url).wait()
        whole = time.monotonic() - began
        while done < kills:
            rounds += 1
            output, finished, seen = folder / f"cut{rounds}.jsonl", set(), len(arrivals(log))
            while True:
                client = start_client(anno_file, output, url)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    # Any moment of a run: start, asking, writing the output.
                    client.wait(rng.uniform(0, whole) if done < kills else None)
                client.kill()
                client.wait()
                since = arrivals(log)[seen:]
                twice += sum(name in finished for _, name in since)
                seen += len(since)
                finished = set(replies(output))
                if client.returncode != -signal.SIGKILL:
                    break
                done += 1
                journal = journal_path(output)
                torn += (
                    journal.exists() and not journal.read_bytes().endswith(b"\n") and journal.stat().st_size > 0
                )
            different += output.read_bytes() != uncut.read_bytes()
    good = row(
        f"kill -9 at {done} random moments, {rounds} runs of {count:,}",
        f"{different} outputs differ",
        "0",
        not different,
    )
    row("journals whose last line was torn by a kill", str(torn), "any", True)
    return good & row("finished requests sent again", str(twice), "0", twice == 0)


def start(folder: Path, count: int, watch_s: float) -> bool:
    """Time from the command to its first request, and memory while it runs, with and without a long journal."""
    anno_file = folder / "s.jsonl"
    write_annotations(anno_file, count)
    good = True
    for journal in (False, True):
        output, log = folder / f"s{journal}.jsonl", folder / f"s{journal}.log"
        if journal:
            fields = {
                "id": "x" * 40,
                "image": "y" * 30,
                "reply": "z" * 800,
                "verdict": {"accepted": True, "faults": []},
            }
            rest = b'",' + orjson.dumps(fields)[1:] + b"\n"
            with journal_path(output).open("wb") as stream:
                stream.writelines(b'{"key":"' + os.urandom(16).hex().encode() + rest for _ in range(count))
        with served(SERVER_DELAY_S, log) as url:
            began = time.monotonic()
            client = start_client(anno_file, output, url)
            while not (log.exists() and log.stat().st_size) and client.poll() is None:
                time.sleep(0.05)
            took = time.monotonic() - began
            time.sleep(min(10, watch_s / 4))
            early = memory_mb(client)
            time.sleep(watch_s)
            late, sent = memory_mb(client), len(arrivals(log))
            client.send_signal(signal.SIGINT)
            stopped = time.monotonic()
            client.wait()
            stopped = time.monotonic() - stopped
        what = f"{count:,} prompts" + (f", journal of {count:,} replies" if journal else "")
        good &= row(
            f"{what}: first request after", f"{took:.1f} s", f"≤ {START_WITHIN_S:g} s", took <= START_WITHIN_S
        )
        value = f"{early:.0f} MB, {late:.0f} MB"
        what = f"its memory, early and {watch_s:g} s ({sent:,} requests) later"
        good &= row(what, value, f"+ {FLAT_MB:g} MB at most", late > 0 and late - early <= FLAT_MB)
        row(
            "Ctrl-C: output written, status",
            f"{stopped:.1f} s, {client.returncode}",
            "130",
            client.returncode == 130,
        )
    return good


def main() -> int:
    """Run the measurements asked for (all, when none is); return 0 when every target is reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("throughput", "kill", "start"):
        parser.add_argument(f"--{name}", action="store_true", help=f"Measure only this: {name}.")
    parser.add_argument("--requests", type=int, default=20_000, help="Requests of --throughput.")
    parser.add_argument("--kills", type=int, default=50, help="Moments of --kill.")
    parser.add_argument("--kill-prompts", type=int, default=3_000, help="Prompts of each run of --kill.")
    parser.add_argument("--prompts", type=int, default=1_000_000, help="Prompts of --start.")
    parser.add_argument("--watch", type=float, default=60.0, help="Seconds for which --start watches the memory.")
    args = parser.parse_args()
    everything = not (args.throughput or args.kill or args.start)
    print(f"| {'measured':<58} | {'value':<32} | {'wanted':<22} | ok  |")
    print(f"| {'-' * 58} | {'-' * 32} | {'-' * 22} | --- |")
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.throughput or everything:
            good &= throughput(folder, args.requests)
        if args.kill or everything:
            good &= kill(folder, args.kill_prompts, args.kills)
        if args.start or everything:
            good &= start(folder, args.prompts, args.watch)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
