"""Run llama.cpp's own server on prompts that come on standard input, and time it.

A child of ``throughput.py``, since the server is another build of llama.cpp, which must not share a
process with ours. It needs the package xllamacpp and nothing of routelmt. In: one JSON object with
``model``, ``prompts``, ``caps``, ``stop``, ``slots``, ``threads``, ``context_tokens``,
``extra_buffers``. Out: one JSON object with ``seconds`` and ``texts``. As many clients as slots
wait for answers at the same time; they call the server's handler, without HTTP between. The first
prompt is answered once before the clock starts, so that the shared prefix is in the prompt cache.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor


def main() -> None:
    """Serve the requests."""
    import xllamacpp

    asked = json.load(sys.stdin)
    params = xllamacpp.CommonParams()
    params.model.path = asked["model"]
    params.n_parallel = asked["slots"]
    params.n_ctx = asked["slots"] * asked["context_tokens"]
    params.kv_unified = True
    params.cache_prompt = True
    params.cont_batching = True
    params.n_batch = params.n_ubatch = 512
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = asked["threads"]
    params.no_extra_bufts = not asked["extra_buffers"]
    params.warmup = True
    server = xllamacpp.Server(params)

    def answer(prompt: str, cap: int) -> str:
        request = {
            "prompt": prompt,
            "n_predict": cap,
            "temperature": 0.0,
            "samplers": ["temperature"],
            "stop": asked["stop"],
            "cache_prompt": True,
        }
        return str(server.handle_completions(request)["choices"][0]["text"]).strip()

    answer(asked["prompts"][0], 1)
    with ThreadPoolExecutor(asked["slots"]) as clients:
        begun = time.perf_counter()
        texts = list(clients.map(answer, asked["prompts"], asked["caps"]))
        seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "texts": texts, "version": version()}))


def version() -> str:
    """Return the package's version."""
    from importlib.metadata import version as installed

    return installed("xllamacpp")


if __name__ == "__main__":
    main()
