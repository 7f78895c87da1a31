#!/usr/bin/env python3
"""The benches: starts the real programs on loopback, bounded in time, and prints medians, p99 and ratios.

Every peer runs in the same run as we do, interleaved round by round. Rows also go to BUILD/bench.json (report.py says how).
usage: bench.py BUILD_FOLDER [--seconds S] [--rounds N] [--only SECTION,...]
"""
import argparse
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [HERE, os.path.join(os.path.dirname(HERE), "tests", "integration")]
SECTIONS = ("invoke", "life", "memory", "files", "compute", "peers")


class Cluster:
    """An sms and a spearlet that is registered with it; with `cpu`, all their processes on that one."""

    def __init__(self, *spearlet_arguments, cpu=None):
        import harness
        self.sms, self.cpu = harness.Sms(), cpu
        self.spearlet = harness.Spearlet(self.sms, *spearlet_arguments, env={"SPEARLET_COMPILE_JOBS": "1"})  # off in tests

    def __enter__(self):
        import harness
        before = os.sched_getaffinity(0)
        try:
            if self.cpu is not None:
                os.sched_setaffinity(0, {self.cpu})
            self.sms.start()
            self.spearlet.start()
        finally:
            os.sched_setaffinity(0, before)
        harness.wait_until(lambda: self.spearlet.request("GET", "/status").json()["sms"]["registered"], what="registration")
        return self

    def __exit__(self, *_):
        for daemon in (self.spearlet, self.sms):
            daemon.remove()

    def deploy(self, module, name, **config):
        """A task that is warm, and native code where the node makes it."""
        task = self.sms.deploy(module, name, config={"aot": "before-ready", **config})
        answer = self.spearlet.request("POST", f"/tasks/{task}/invoke", b"hello")
        assert answer.status == 200, answer
        return task


def invoke(bench):
    import invoke_rows
    tiny, hello = bench.read("bench", "tiny.wasm"), bench.read("samples", "hello.wasm")
    echo = bench.read("tests", "guests", "echo.wasm")
    with Cluster() as free:
        tasks = {"shared": free.deploy(tiny, "tiny"), "strict": free.deploy(tiny, "strict", isolation="strict")}
        invoke_rows.rates(bench, free.spearlet, tasks)
        with Cluster(cpu=0) as pinned:
            pinned_task = pinned.deploy(tiny, "tiny")
            invoke_rows.one_cpu(bench, pinned.spearlet, pinned_task)
            invoke_rows.two_cpus(bench, free.spearlet, pinned.spearlet, tasks["shared"], pinned_task)
        invoke_rows.hello(bench, free.spearlet, free.deploy(hello, "hello"))
        invoke_rows.payloads(bench, free.spearlet, free.deploy(echo, "echo"))


def life(bench):
    import life_rows
    with Cluster() as cluster:
        hello = bench.read("samples", "hello.wasm")
        life_rows.cold(bench, cluster.sms, cluster.spearlet, hello)
        life_rows.deployments(bench, cluster.sms, hello, "hello (30 KB)")
        life_rows.deployments(bench, cluster.sms, bench.read("bench", "big.wasm"), "700 KB of code", "value <= 60")
        life_rows.killed(bench, cluster.sms, cluster.spearlet, hello)
        life_rows.deadlines(bench, cluster.sms, cluster.spearlet, bench.read("tests", "guests", "spin.wasm"))


def memory(bench):
    import life_rows
    hello = bench.read("samples", "hello.wasm")
    with Cluster("--instances-max", "256") as cluster:
        life_rows.idle_workers(bench, cluster.sms, cluster.spearlet, hello)
        life_rows.many_tasks(bench, cluster.sms, cluster.spearlet, hello)


def files(bench):
    import file_rows
    with Cluster() as cluster, tempfile.TemporaryDirectory() as folder:
        if not shutil.which("nginx"):
            print("\nnginx is not on PATH: its rows are left out", flush=True)
            file_rows.files(bench, cluster.sms, None)
            return
        with file_rows.Nginx(folder) as nginx:
            file_rows.files(bench, cluster.sms, nginx)
            file_rows.static_answer(bench, cluster.sms, nginx)


def compute(bench):
    import compute_rows
    with Cluster() as cluster:
        compute_rows.compute(bench, cluster.sms, cluster.spearlet, bench.read("bench", "kernels.wasm"))


def peers(bench):
    import peer_rows
    module = bench.file("bench", "tiny.wasm")
    with Cluster() as cluster:
        peer_rows.command_lines(bench, module)
        peer_rows.node_server(bench, cluster.spearlet, cluster.deploy(bench.read("bench", "tiny.wasm"), "tiny"), module)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one round of load (default: 1)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts (default: 3)")
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"of {', '.join(SECTIONS)}")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    if unknown := [name for name in wanted if name not in SECTIONS]:
        parser.error(f"--only {unknown[0]}: the sections are {', '.join(SECTIONS)}")
    build = os.path.abspath(arguments.build)
    os.environ["SPEAR_BUILD_DIR"] = build
    import harness
    from report import Bench

    if not harness.is_built("spear-worker") or not os.path.exists(os.path.join(build, "bench", "tiny.wasm")):
        wanted = ["files"]
        print("without the engine or a compiler for guests only the file service is measured")
    bench = Bench(build, arguments.seconds, arguments.rounds)
    for name in wanted:
        globals()[name](bench)
    bench.write()


if __name__ == "__main__":
    main()
