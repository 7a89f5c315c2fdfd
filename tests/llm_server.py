"""A chat completions server on loopback, good or misbehaving, for the tests and benchmarks.

python tests/llm_server.py --delay 0.5 --log served.log      # prints its base URL, runs until killed
"""

import argparse
import asyncio
import contextlib
import email.utils
import hashlib
import json
import threading
import time
from pathlib import Path

# What the misbehaving server does to the first try of a request, by the request's hash; later tries go well.
FAULTS = (
    "429",
    "429 seconds",
    "429 date",
    "500",
    "503 seconds",
    "408",
    "timeout",
    "reset",
    "reset in body",
    "drip",
    "truncated",
    "html",
    "no choices",
    "empty choices",
    "null message",
)


def name_of(messages):
    """The last user message's digest: what the reply says, so that a test sees which prompt it answers."""
    return hashlib.blake2b(json.dumps(messages).encode(), digest_size=8).hexdigest()


def echo(body):
    return f"reply to {name_of(body['messages'])}"


class Server:
    """`fault(body, tries)` names one of FAULTS or "400", "401", "404", None; `reply(body)` gives the text."""

    def __init__(self, delay=0.0, fault=None, reply=echo, log=None, drip_s=1.0):
        self.delay, self.fault, self.reply, self.drip_s = delay, fault, reply, drip_s
        self.log = open(log, "a", buffering=1) if log else None  # noqa: PTH123, SIM115
        self.tries = {}  # name of the messages → how often they were asked
        self.bodies = []  # kept only when `keep`
        self.keep = log is None
        self.times = []
        self.in_flight = self.most_in_flight = 0
        self.key = ""  # the last request's key: servers repeat it in their errors
        self.param = None  # the parameter that a 400 blames

    async def serve(self, port=0):
        self._server = await asyncio.start_server(self._client, "127.0.0.1", port, backlog=1024)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def _client(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))))
                self.key = headers.get("authorization", "").removeprefix("bearer ")
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                try:
                    if not await self._answer(body, writer):
                        break
                finally:
                    self.in_flight -= 1
        writer.close()

    async def _answer(self, body, writer):
        """Answer one request; False when the connection is not to be used again."""
        name = name_of(body["messages"])
        tries = self.tries[name] = self.tries.get(name, 0) + 1
        self.times.append(time.monotonic())
        if self.keep:
            self.bodies.append(body)
        if self.log:
            self.log.write(f"{time.monotonic():.6f} {name}\n")
        fault = self.fault(body, tries) if self.fault else None
        if self.delay:
            await asyncio.sleep(self.delay)
        text = self.reply(body)
        text, finish = text if isinstance(text, tuple) else (text, "stop")
        whole = {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        }
        status, extra, kind = 200, "", "application/json"
        if fault == "quota" or (fault or "")[:3].isdigit():
            status = 429 if fault == "quota" else int(fault[:3])
            if fault.endswith("seconds"):
                extra = "Retry-After: 1\r\n"
            if fault.endswith("date"):
                extra = f"Retry-After: {email.utils.formatdate(time.time() + 1.5, usegmt=True)}\r\n"
            code = "insufficient_quota" if fault == "quota" else "planned"
            message = f"planned\n{status} for {self.key}"
            whole = {"error": {"message": message, "code": code, "param": self.param, "type": "planned"}}
        elif fault == "timeout":
            await asyncio.sleep(30)
        elif fault == "reset":
            writer.transport.abort()
            return False
        elif fault == "no choices":
            whole = {"object": "chat.completion", "model": body["model"]}
        elif fault == "empty choices":
            whole["choices"] = []
        elif fault == "null message":
            whole["choices"][0]["message"] = None
        content = json.dumps(whole).encode()
        if fault == "truncated":
            content = content[: len(content) // 2]
        if fault == "html":
            content, kind = b"<html><body>Bad gateway</body></html>", "text/html"
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{extra}"
        head = f"{head}Content-Length: {len(content)}\r\n\r\n".encode()
        if fault == "reset in body":
            writer.write(head + content[:40])
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.transport.abort()
            return False
        if fault == "drip":
            for byte in range(len(head)):
                writer.write(head[byte : byte + 1])
                await asyncio.sleep(self.drip_s)
        writer.write(head + content)
        await writer.drain()
        return True

    @contextlib.contextmanager
    def running(self):
        """Serve in a thread of its own while the block runs."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        asyncio.run_coroutine_threadsafe(self.serve(), loop).result(10)
        try:
            yield self
        finally:

            async def stop():
                self._server.close()
                tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

            asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()


def first_try_goes_wrong(body, tries):
    """Every kind of fault, each on the first try of some requests."""
    return FAULTS[int(name_of(body["messages"]), 16) % len(FAULTS)] if tries == 1 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--log", type=Path, help="file that gets a line for each request, when it arrives")
    arguments = parser.parse_args()

    async def serve():
        server = Server(arguments.delay, log=arguments.log)
        server.keep = False
        await server.serve()
        print(server.url, flush=True)
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
