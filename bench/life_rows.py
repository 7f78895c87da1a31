"""Rows of an instance's life: cold starts, deployment, a killed worker, deadlines, and what idle workers and tasks cost in memory."""
import os
import signal
import statistics
import time

import harness
from report import quantile, timed_ms

IDLE_WORKERS, TASKS, BUSY = 100, 10000, 100


def custom_section(content):
    """Makes a module's bytes new without changing its code."""
    name = b"bench"
    body = bytes([len(name)]) + name + content
    return bytes([0, len(body)]) + body


def cold(bench, sms, spearlet, module):
    """A task without an instance, its module known to the node: time of the first answer on an open connection."""
    bench.section("Starts and ends")
    file_id, times = sms.upload(module), []
    warm = sms.register("cold-first", "sms+file://" + file_id, config={"aot": "before-ready"})
    spearlet.request("POST", f"/tasks/{warm}/invoke", b"x")
    for number in range(60):
        task = sms.register(f"cold-{number}", "sms+file://" + file_id)
        spearlet.request("GET", f"/tasks/{task}")
        times.append(bench.load(spearlet.address, f"/tasks/{task}/invoke", 1, "POST", 5, requests=1)["p50_us"] / 1e3)
        sms.request("DELETE", f"/api/v1/tasks/{task}")
    bench.row("cold from zero, module cached", statistics.median(times), "ms", quantile(times, 0.99), goal="value <= 1.5 and p99 <= 4")


def deployments(bench, sms, module, name, goal=None):
    times = []
    for number in range(15):
        content = module + custom_section(os.urandom(8))

        def first():
            task = sms.deploy(content, f"deployed-{number}")
            answer = sms.request("POST", f"/api/v1/tasks/{task}/invoke", b"x")
            assert answer.status == 200, answer
            return task
        times.append(timed_ms(first))
        sms.request("DELETE", f"/api/v1/tasks/deployed-{number}")
    bench.row(f"upload, register, first answer: {name}", statistics.median(times), "ms", quantile(times, 0.99), goal=goal)


def instances_of(spearlet, task):
    return [i for i in spearlet.request("GET", "/instances").json()["instances"] if i["task_id"] == task and i["state"] == "ready"]


def killed(bench, sms, spearlet, module):
    """kill -9 of a task's only worker, which is idle: until another is ready, as the node's own list shows it."""
    task, times = sms.deploy(module, "killed", config={"scale.min": "1", "scale.max": "1"}), []
    spearlet.request("POST", f"/tasks/{task}/invoke", b"x")
    for _ in range(20):
        harness.wait_until(lambda: instances_of(spearlet, task))
        spearlet.request("POST", f"/tasks/{task}/invoke", b"x")  # a worker that never answered would count as a crash
        pid = instances_of(spearlet, task)[0]["pid"]
        os.kill(pid, signal.SIGKILL)
        start = time.perf_counter()
        while not any(i["pid"] != pid for i in instances_of(spearlet, task)):
            pass
        times.append((time.perf_counter() - start) * 1e3)
    bench.row("killed worker replaced (seen by polling)", statistics.median(times), "ms", quantile(times, 0.99), goal="value <= 5")
    sms.request("DELETE", f"/api/v1/tasks/{task}")


def deadlines(bench, sms, spearlet, spin):
    task, limit_ms = sms.deploy(spin, "spin", config={"limit.time_ms": "100", "aot": "before-ready"}), 100
    bench.load(spearlet.address, f"/tasks/{task}/invoke", 1, "POST", 0, seconds=10, requests=1, status="504")
    over = [bench.load(spearlet.address, f"/tasks/{task}/invoke", 1, "POST", 0, seconds=10, requests=1, status="504")["p50_us"] / 1e3 - limit_ms
            for _ in range(50)]
    bench.row("deadline overrun of an endless loop", statistics.median(over), "ms", quantile(over, 0.99), goal="p99 <= 3")


# ---- memory

def pss_kib(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("Pss:")), 0)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0


def idle_workers(bench, sms, spearlet, module):
    bench.section("Memory")
    task = sms.deploy(module, "idle", config={"scale.min": str(IDLE_WORKERS), "scale.max": str(IDLE_WORKERS)})
    spearlet.request("POST", f"/tasks/{task}/invoke", b"x")
    harness.wait_until(lambda: len(instances_of(spearlet, task)) == IDLE_WORKERS, timeout_s=60)
    total = sum(pss_kib(i["pid"]) for i in instances_of(spearlet, task))
    bench.row(f"PSS of an idle worker, {IDLE_WORKERS} of them", total / IDLE_WORKERS / 1024, "MiB", goal="value <= 0.3")
    sms.request("DELETE", f"/api/v1/tasks/{task}")


def many_tasks(bench, sms, spearlet, module):
    """10,000 tasks registered, 100 of them with a worker: all processes together."""
    file_id = sms.upload(module)
    for number in range(TASKS):
        sms.register(f"many-{number}", "sms+file://" + file_id, config={"scale.max": "1"})
    for number in range(BUSY):
        answer = spearlet.request("POST", f"/tasks/many-{number}/invoke", b"x")
        assert answer.status == 200, answer
    pids = [sms.process.pid, spearlet.process.pid] + spearlet.children()
    bench.row(f"PSS of all processes, {TASKS} tasks, {BUSY} busy", sum(pss_kib(pid) for pid in pids) / 1024, "MiB", goal="value <= 600")
