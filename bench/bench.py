#!/usr/bin/env python3
"""The benches: starts the real programs on loopback, bounded in time, and prints medians, p99 and ratios.

Every peer runs in the same run as we do, interleaved round by round, because a shared machine's speed drifts; the figure of a
row is the median of its rounds. Rows also go to BUILD/bench.json: name, value, unit, p99, peer, ratio, goal, met.
usage: bench.py BUILD_FOLDER [--seconds S] [--rounds N]
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))

MIB = 1024 * 1024


class Bench:
    def __init__(self, build, seconds, rounds):
        self.build, self.seconds, self.rounds, self.rows = build, seconds, rounds, []
        self.load_program = os.path.join(build, "bench", "load")

    def row(self, name, value, unit, p99=None, peer=None, ratio=None, goal=None):
        met = None if goal is None else goal(ratio if ratio is not None else value)
        self.rows.append({"name": name, "value": value, "unit": unit, "p99": p99, "peer": peer, "ratio": ratio, "met": met})
        print(f"{name:52} {value:12.1f} {unit:6} {'' if p99 is None else f'p99 {p99:9.1f}':14}"
              f" {'' if ratio is None else f'{ratio:6.2f} x {peer}'} {'' if met is None else ('met' if met else 'NOT MET')}", flush=True)

    def load(self, address, path, connections=1, method="GET", body=0, seconds=None):
        command = [self.load_program, "-m", method, "-c", str(connections), "-b", str(body), "-s", str(seconds or self.seconds), address, path]
        result = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=90).stdout)
        if result["other"] or result["broken"] or not result["ok"]:
            raise RuntimeError(f"{' '.join(command)}: {result}")
        return result

    def interleaved(self, *runs):
        """Each run once per round; a list of results per run."""
        results = [[] for _ in runs]
        for _ in range(self.rounds):
            for index, run in enumerate(runs):
                results[index].append(run())
        return results


def median(results, key):
    return statistics.median(r[key] for r in results)


def timed_ms(function):
    start = time.perf_counter()
    function()
    return (time.perf_counter() - start) * 1e3


def quantile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def invocations(bench, spearlet, task):
    """Invoke against GET /health of the same process: what an isolated call costs above the request that brings it."""
    path = f"/tasks/{task}/invoke"
    for connections in (1, 16, 64):
        health, invoke = bench.interleaved(
            lambda: bench.load(spearlet.address, "/health", connections),
            lambda: bench.load(spearlet.address, path, connections, "POST", 5))
        rate, base = median(invoke, "per_second"), median(health, "per_second")
        bench.row(f"GET /health, {connections} connections", base, "req/s", median(health, "p99_us"))
        bench.row(f"invoke hello, {connections} connections", rate, "req/s", median(invoke, "p99_us"), "GET /health", rate / base)
        if connections == 1:
            bench.row("invoke hello, added latency p50", median(invoke, "p50_us") - median(health, "p50_us"), "us")


def payloads(bench, spearlet, task):
    for size in (1024, 65536, MIB):
        result = bench.interleaved(lambda: bench.load(spearlet.address, f"/tasks/{task}/invoke", 8, "POST", size))[0]
        bench.row(f"invoke echo, {size // 1024} KiB each way, 8 connections", median(result, "per_second"), "req/s", median(result, "p99_us"))


def engine_command_line(bench, sample):
    """What a user without a platform does: one process of the engine's command line per request."""
    if not shutil.which("wasmedge"):
        return
    times = [timed_ms(lambda: subprocess.run(["wasmedge", sample], input=b"world", capture_output=True, check=True)) for _ in range(20)]
    bench.row("wasmedge command line, per request", statistics.median(times), "ms", quantile(times, 0.99))


def deployments(bench, sms, spearlet, module):
    """From an upload to the first answer through sms, and from zero instances with the module known."""
    times, cold = [], []
    for number in range(20):
        content = module + custom_section(b"%04d" % number)  # new content, the same code

        def first():
            sms.deploy(content, f"first-{number}")
            answer = sms.request("POST", f"/api/v1/tasks/first-{number}/invoke", b"x")
            assert answer.status == 200, answer
        times.append(timed_ms(first))
        task = sms.deploy(content, f"cold-{number}")
        cold.append(timed_ms(lambda: spearlet.request("POST", f"/tasks/{task}/invoke", b"x")))
    bench.row("upload, register, first answer (hello)", statistics.median(times), "ms", quantile(times, 0.99))
    bench.row("first answer of a task, module cached", statistics.median(cold), "ms", quantile(cold, 0.99))


def custom_section(content):
    name = b"bench"
    body = bytes([len(name)]) + name + content
    return bytes([0, len(body)]) + body


def deadlines(bench, sms, spearlet, spin):
    task = sms.deploy(spin, "spin", config={"limit.time_ms": "100"})
    spearlet.request("POST", f"/tasks/{task}/invoke", b"")
    over = [timed_ms(lambda: spearlet.request("POST", f"/tasks/{task}/invoke", b"")) - 100 for _ in range(20)]
    bench.row("deadline overrun of an endless loop", statistics.median(over), "ms", quantile(over, 0.99))


def files(bench, sms, folder):
    """Upload and download of 4 MiB, against nginx where it is installed."""
    content = os.urandom(4 * MIB)
    up = [timed_ms(lambda: sms.upload(os.urandom(16) + content)) for _ in range(15)]
    bench.row("upload 4 MiB (durable)", statistics.median(up), "ms", quantile(up, 0.99))
    file_id = sms.upload(content)
    down = bench.load(sms.address, f"/api/v1/files/{file_id}", 1)
    bench.row("download 4 MiB", 1e6 / down["p50_us"] * 4, "MiB/s", down["p99_us"])


def tiny_rate(bench, sms):
    result = bench.interleaved(lambda: bench.load(sms.address, "/health", 64))[0]
    bench.row("sms GET /health, 64 connections", median(result, "per_second"), "req/s", median(result, "p99_us"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    os.environ["SPEAR_BUILD_DIR"] = build
    import harness

    bench = Bench(build, arguments.seconds, arguments.rounds)
    with tempfile.TemporaryDirectory() as folder:
        sms = harness.Sms()
        sms.start()
        spearlet = harness.Spearlet(sms)
        spearlet.start()
        try:
            tiny_rate(bench, sms)
            files(bench, sms, folder)
            if harness.is_built("spear-worker"):
                guests = os.path.join(build, "tests", "guests")
                hello = os.path.join(build, "samples", "hello.wasm")
                module = open(hello, "rb").read()
                harness.wait_until(lambda: spearlet.request("GET", "/status").json()["sms"]["registered"], what="registration")
                task = sms.deploy(module, "hello")
                echo = sms.deploy(open(os.path.join(guests, "echo.wasm"), "rb").read(), "echo")
                invocations(bench, spearlet, task)
                payloads(bench, spearlet, echo)
                deployments(bench, sms, spearlet, module)
                deadlines(bench, sms, spearlet, open(os.path.join(guests, "spin.wasm"), "rb").read())
                engine_command_line(bench, hello)
        finally:
            for daemon in (spearlet, sms):
                daemon.stop()
                daemon.remove()
    with open(os.path.join(build, "bench.json"), "w") as out:
        json.dump(bench.rows, out, indent=1)
    print(f"written: {os.path.join(arguments.build, 'bench.json')}")


if __name__ == "__main__":
    main()
