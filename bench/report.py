"""Rows of the benches: a table on stdout, BUILD/bench.json at the end; and the two ways of measuring, the load generator and a stop watch.

A row: name, value, unit, p99, peer, ratio, goal, met. The figure of a row is the median of its rounds; a goal is text such as
"ratio >= 0.6" or "value <= 25".
"""
import json
import operator
import os
import statistics
import subprocess
import time

MIB = 1024 * 1024
COMPARE = {"<=": operator.le, ">=": operator.ge}


class Bench:
    def __init__(self, build, seconds, rounds):
        self.build, self.seconds, self.rounds, self.rows = build, seconds, rounds, []
        self.load_program = os.path.join(build, "bench", "load")

    def file(self, *path):
        return os.path.join(self.build, *path)

    def read(self, *path):
        with open(self.file(*path), "rb") as file:
            return file.read()

    # ---- rows

    def section(self, title):
        print(f"\n{title}", flush=True)

    def row(self, name, value, unit, p99=None, peer=None, peer_value=None, goal=None):
        """`peer_value`: the peer's figure in the same unit; the ratio is ours to theirs."""
        ratio = value / peer_value if peer_value else None
        row = {"name": name, "value": round(value, 3), "unit": unit, "p99": None if p99 is None else round(p99, 3), "peer": peer,
               "ratio": None if ratio is None else round(ratio, 3), "goal": goal, "met": met(row_values(value, p99, ratio), goal)}
        self.rows.append(row)
        beside = f"{ratio:7.2f} x {peer}" if ratio is not None else ""
        judged = "" if goal is None else f"{'met' if row['met'] else 'NOT MET':8} ({goal})"
        p99_text = "" if p99 is None else f"p99 {p99:10.1f}"
        print(f"  {name:58} {value:12.1f} {unit:6} {p99_text:14} {beside:28} {judged}".rstrip(), flush=True)

    def write(self):
        path = self.file("bench.json")
        with open(path, "w", encoding="utf-8") as out:
            json.dump(self.rows, out, indent=1)
            out.write("\n")
        goals = [row for row in self.rows if row["goal"]]
        print(f"\n{sum(row['met'] for row in goals)} of {len(goals)} goals met; written: {path}")

    # ---- measuring

    def load(self, address, path, connections=1, method="GET", body=0, seconds=None, requests=None, unique=False, headers="",
             status="2", cpu=None, processes=1):
        """One run of the load generator (or several at once, their rates added up): per_second, p50_us, p99_us."""
        command = [self.load_program, "-m", method, "-c", str(connections // processes), "-b", str(body), "-s", str(seconds or self.seconds),
                   "-h", headers, "-e", status] + (["-u"] if unique else []) + (["-n", str(requests)] if requests else []) + [address, path]
        if cpu is not None:
            command = ["taskset", "-c", str(cpu)] + command
        running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)]
        results = [json.loads(process.communicate(timeout=120)[0]) for process in running]
        for result in results:
            if result["other"] or result["broken"] or not result["ok"]:
                raise RuntimeError(f"{' '.join(command)}: {result}")
        return {"per_second": sum(r["per_second"] for r in results), "p50_us": max(r["p50_us"] for r in results),
                "p99_us": max(r["p99_us"] for r in results), "max_us": max(r["max_us"] for r in results)}

    def interleaved(self, *runs):
        """Each run once per round, because a shared machine's speed drifts; a list of results per run."""
        results = [[] for _ in runs]
        for _ in range(self.rounds):
            for index, run in enumerate(runs):
                results[index].append(run())
        return results


def row_values(value, p99, ratio):
    return {"value": value, "p99": p99, "ratio": ratio}


def met(values, goal):
    if goal is None:
        return None
    for part in goal.split(" and "):
        name, sign, bound = part.split()
        if values[name] is None or not COMPARE[sign](values[name], float(bound)):
            return False
    return True


def median(results, key):
    return statistics.median(r[key] for r in results)


def timed_ms(function):
    start = time.perf_counter()
    function()
    return (time.perf_counter() - start) * 1e3


def quantile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]
