"""Rows of the invocation path: an isolated call of a tiny guest against GET /health of the same process, and payload sizes."""
from report import MIB, median

TINY = "tiny guest, fresh state, own process"


def rates(bench, spearlet, tasks):
    """`tasks`: the tiny guest as task 'shared' and 'strict'."""
    bench.section("Invocation, against the platform's own GET /health in the same round")
    for connections in (1, 16, 64):
        health, shared, strict = bench.interleaved(
            lambda: bench.load(spearlet.address, "/health", connections),
            lambda: bench.load(spearlet.address, f"/tasks/{tasks['shared']}/invoke", connections, "POST", 5),
            lambda: bench.load(spearlet.address, f"/tasks/{tasks['strict']}/invoke", connections, "POST", 5))
        base, many = median(health, "per_second"), connections == 64
        bench.row(f"GET /health, {connections} connections", base, "req/s", median(health, "p99_us"))
        for name, results, goal in (("", shared, "ratio >= 0.6"), (", isolation=strict", strict, "ratio >= 0.4")):
            bench.row(f"{TINY}{name}, {connections} connections", median(results, "per_second"), "req/s", median(results, "p99_us"),
                      "GET /health", base, goal if many else None)
        if connections == 1:
            added(bench, health, shared, "unpinned", "value <= 25 and p99 <= 80")


def added(bench, health, invoke, how, goal):
    bench.row(f"added latency of a call at 1 connection, {how}", median(invoke, "p50_us") - median(health, "p50_us"), "us",
              median(invoke, "p99_us") - median(health, "p99_us"), goal=goal)


def one_cpu(bench, pinned, task):
    """`pinned` has all its processes on CPU 0; the load generator goes there too."""
    health, invoke = bench.interleaved(lambda: bench.load(pinned.address, "/health", 1, cpu=0),
                                       lambda: bench.load(pinned.address, f"/tasks/{task}/invoke", 1, "POST", 5, cpu=0))
    added(bench, health, invoke, "all on one CPU", "value <= 15 and p99 <= 80")


def two_cpus(bench, free, pinned, free_task, pinned_task):
    """The same load, generators included, on one CPU and on two."""
    two, one = bench.interleaved(
        lambda: bench.load(free.address, f"/tasks/{free_task}/invoke", 64, "POST", 5, processes=2),
        lambda: bench.load(pinned.address, f"/tasks/{pinned_task}/invoke", 64, "POST", 5, cpu=0, processes=2))
    bench.row("tiny guest, 64 connections, 2 CPUs", median(two, "per_second"), "req/s", median(two, "p99_us"), "1 CPU",
              median(one, "per_second"), "ratio >= 1.8")


def hello(bench, spearlet, task):
    for connections in (1, 16, 64):
        result = bench.interleaved(lambda: bench.load(spearlet.address, f"/tasks/{task}/invoke", connections, "POST", 5))[0]
        bench.row(f"hello in C on WASI, fresh state, {connections} connections", median(result, "per_second"), "req/s", median(result, "p99_us"))


def payloads(bench, spearlet, task):
    bench.section("Payloads, there and back, 8 connections")
    for size in (1024, 65536, MIB):
        result = bench.interleaved(lambda: bench.load(spearlet.address, f"/tasks/{task}/invoke", 8, "POST", size))[0]
        rate = median(result, "per_second")
        bench.row(f"echo, {size // 1024} KiB each way", rate, "req/s", median(result, "p99_us"))
