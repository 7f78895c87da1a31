"""Rows of compute: ten kernels, the same C through the platform, as native code of gcc -O2, and in Node.js where it is installed."""
import json
import math
import os
import shutil
import statistics
import subprocess

SIZES = {"fibonacci": 36, "sieve": 12000000, "matrix": 400, "bodies": 1500000, "mandelbrot": 700, "permutations": 10, "digest": 400000,
         "sorting": 2000000, "table": 700000, "edit_distance": 8000}
PEER_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers", "kernel.mjs")


def printed(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout)


def through_the_platform(spearlet, task, kernel, size):
    answer = spearlet.request("POST", "/functions/execute", {"task_id": task, "function_name": kernel, "params": [size]}).json()
    assert answer["success"], answer
    return {"checksum": answer["results"][0], "us": answer["timing_us"]["run"]}


def compute(bench, sms, spearlet, module):
    bench.section("Compute, time of one call")
    task = sms.deploy(module, "kernels", config={"aot": "before-ready", "limit.memory_bytes": str(256 << 20), "limit.time_ms": "300000"})
    against_native, against_node = [], []
    for kernel, size in SIZES.items():
        runs = [lambda: through_the_platform(spearlet, task, kernel, size), lambda: printed([bench.file("bench", "kernels"), kernel, str(size)])]
        if shutil.which("node"):
            runs.append(lambda: printed(["node", "--no-warnings", PEER_SCRIPT, bench.file("bench", "kernels.wasm"), kernel, str(size)]))
        results = bench.interleaved(*runs)
        assert len({r["checksum"] for result in results for r in result}) == 1, results
        ours, native, *node = [statistics.median(r["us"] for r in result) for result in results]
        bench.row(kernel, ours / 1e3, "ms", peer="native gcc -O2", peer_value=native / 1e3)
        against_native.append(native / ours)
        against_node += [theirs / ours for theirs in node]
    bench.row("speed against native gcc -O2, geometric mean of ten", geometric_mean(against_native), "x", goal="value >= 0.9")
    if against_node:
        bench.row("speed against Node.js (V8), geometric mean of ten", geometric_mean(against_node), "x")


def geometric_mean(values):
    return math.exp(sum(math.log(v) for v in values) / len(values))
