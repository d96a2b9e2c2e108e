"""Measure how fast segments go through a server, by how many requests may be under way.

The server is one of this script, in a process of its own: it answers every request after a fixed
time, as many at once as are asked, so that with n requests under way the ideal is n answers in that
time. Each limit on the requests under way is measured twice in every round: the translator alone,
and with the durable mark that a run writes into its journal before each request. Connections are
opened, and the adaptive limit grows, inside the times.

    python benchmarks/endpoint.py --segments 2000 --milliseconds 200 --rounds 3

Prints one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from routelmt_cli.run.journal import Journal
from routelmt_cli.run.tiers import LARGE
from routelmt_cli.translators.card import ModelCard, load_card
from routelmt_cli.translators.endpoint import EndpointTranslator
from routelmt_cli.translators.protocol import Request

CARD = """\
name = "bench"
backend = "openai"
[endpoint]
url = "http://127.0.0.1:{port}/v1"
model = "bench"
[price]
usd_per_million_tokens = {{ input = 0, output = 0 }}
[decoding]
parallel_sequences = {parallel}
[prompt]
kind = "chat"
template = "Translate from {{source_language}} into {{target_language}}: {{source}}"
"""
CHOICE = {"message": {"role": "assistant", "content": "Das ist ein Satz."}, "finish_reason": "stop"}
USAGE = {"prompt_tokens": 30, "completion_tokens": 6, "total_tokens": 36}
CONTENT = json.dumps({"choices": [CHOICE], "usage": USAGE}).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(CONTENT), CONTENT)
WAVE = 4096


def serve(port: Connection, seconds: float) -> None:
    """Answer every request after some seconds; tell the port first."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
                await asyncio.sleep(seconds)
                writer.write(ANSWER)
                await writer.drain()

    async def forever() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


def measure(card: ModelCard, sources: list[str], folder: Path | None) -> float:
    """Return the seconds that all sources take; with a folder, every request is marked there."""
    with EndpointTranslator(card, "en", "de", with_logprobs=False) as translator:
        requests: Iterable[Request] = [Request(i, source) for i, source in enumerate(sources)]
        if folder is not None:
            requests = marked(folder, len(sources), requests)
        start = time.perf_counter()
        outcomes = sum(len(commit) for commit in translator.translate(requests))
        seconds = time.perf_counter() - start
    if outcomes != len(sources):
        raise SystemExit(f"{outcomes} outcomes for {len(sources)} sources")
    return seconds


def marked(folder: Path, items: int, requests: Iterable[Request]) -> Iterator[Request]:
    """Mark every request in a journal before it is sent."""
    with (
        tempfile.TemporaryDirectory(dir=folder) as own,
        Journal(Path(own) / "journal.sqlite") as journal,
    ):
        for first in range(0, items, WAVE):
            wave = np.arange(first, min(items, first + WAVE))
            journal.reserve(LARGE, wave, np.zeros(len(wave), np.int64), budget_nanousd=0)
        for request in requests:
            journal.mark_sent(LARGE, request.item)
            yield request


def main() -> None:
    """Run the rounds and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--segments", type=int, default=2000)
    parser.add_argument("--milliseconds", type=float, default=200.0, help="of an answer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parallel", type=int, nargs="+", default=[8, 64, 256])
    parser.add_argument("--folder", type=Path, default=Path(), help="where the journal is")
    options = parser.parse_args()
    seconds = options.milliseconds / 1000
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs, seconds), daemon=True)
    server.start()
    port = ours.recv()
    sources = [f"This is sentence number {n}, and no other." for n in range(options.segments)]
    times: dict[tuple[int, bool], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for parallel in options.parallel:
                path = Path(folder) / "card.toml"
                path.write_text(CARD.format(port=port, parallel=parallel), "utf-8")
                for with_marks in (False, True):
                    taken = measure(
                        load_card(path), sources, options.folder if with_marks else None
                    )
                    times.setdefault((parallel, with_marks), []).append(taken)
    server.terminate()
    medians = {key: statistics.median(value) for key, value in times.items()}
    figures = {
        str(parallel): {
            "segments_per_second": round(options.segments / medians[parallel, False], 1),
            "of_ideal": round(options.segments * seconds / parallel / medians[parallel, False], 3),
            "marked_over_unmarked": round(
                statistics.median(
                    one / other
                    for one, other in zip(
                        times[parallel, True], times[parallel, False], strict=True
                    )
                ),
                3,
            ),
        }
        for parallel in options.parallel
    }
    print(
        json.dumps(
            {
                "benchmark": "endpoint",
                "segments": options.segments,
                "milliseconds": options.milliseconds,
                "rounds": options.rounds,
                "parallel": figures,
            }
        )
    )


if __name__ == "__main__":
    main()
