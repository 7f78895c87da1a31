"""Rows of peers that are on PATH: what answering the tiny guest's request costs with what a user would take otherwise."""
import os
import shutil
import statistics
import subprocess

import harness
from report import median, quantile, timed_ms

NODE_SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers", "server.mjs")


def command_lines(bench, module):
    """One process of an engine's command line per request."""
    bench.section("Peers")
    for name, command in (("wasmedge", ["wasmedge"]), ("wasmtime", ["wasmtime", "run"]), ("wasmer", ["wasmer", "run"])):
        if not shutil.which(name):
            print(f"  {name} is not on PATH", flush=True)
            continue
        times = [timed_ms(lambda: subprocess.run(command + [module], input=b"world", capture_output=True, check=True)) for _ in range(20)]
        bench.row(f"{name} command line, per request", statistics.median(times), "ms", quantile(times, 0.99))


def node_server(bench, spearlet, task, module):
    """Node.js with a new instance of the same module per request, all in one process."""
    if not shutil.which("node"):
        print("  node is not on PATH", flush=True)
        return
    with subprocess.Popen(["node", "--no-warnings", NODE_SERVER, module], stdout=subprocess.PIPE, text=True) as server:
        try:
            address = server.stdout.readline().strip()
            assert harness.request(address, "POST", "/", b"hello").body == b"hello"
            ours, theirs = bench.interleaved(lambda: bench.load(spearlet.address, f"/tasks/{task}/invoke", 64, "POST", 5),
                                             lambda: bench.load(address, "/", 64, "POST", 5))
        finally:
            server.terminate()
    bench.row("tiny guest, 64 connections", median(ours, "per_second"), "req/s", median(ours, "p99_us"), "Node.js, new instance per request",
              median(theirs, "per_second"), "ratio >= 1")
