"""The limits of a task while its guest runs: each is met, named with its value, and costs nobody else anything."""
import os

import harness
import spearlet_tool
from spearlet_tool import needs_engine, needs_guests, output_of

DEADLINE_MS = 1500 if harness.is_sanitized("spearlet") else 400


@needs_engine
@needs_guests("strain.wasm", "sleep.wasm", "trickle.wasm")
class Limits(spearlet_tool.SpearletTestCase):
    def strain(self, *arguments, name=None, **config):
        """A task that strains one limit."""
        executable = {"args": [str(argument) for argument in arguments]}
        config = {key.replace("_", ".", 1): str(value) for key, value in config.items()}
        return self.deploy("strain.wasm", name or f"strain-{arguments[0]}", executable=executable, config=config)

    def record(self, execution_id):
        path = f"/functions/executions/{execution_id}?include_output=true"
        return self.spearlet.request("GET", path).json()


class Deadlines(Limits):
    def test_always_work(self):
        """Whatever the guest does: its worker is killed, the caller told, what it wrote is kept, and the next one is served."""
        for how in ("loop", "host", "fill", "poll"):
            with self.subTest(how):
                task = self.strain(how, limit_time_ms=DEADLINE_MS, scale_max=1, scale_min=1)
                result = self.execute_error(task, "ExecutionTimeout", f"limit.time_ms ({DEADLINE_MS} ms)", include_log=True)
                self.assertEqual((result["status"], result["exit_code"]), ("timeout", None))
                self.assertEqual((output_of(result), result["log"]), (b"begun\n", "its log\n"))
                self.assertGreater(result["timing_us"]["run"], 0)
                record = self.record(result["execution_id"])
                self.assertEqual((output_of(record), record["log"]), (b"begun\n", "its log\n"))
                ready = [i for i in self.wait_instances(1, "ready") if i["task_id"] == task]
                self.assertNotIn(result["instance_id"], [i["instance_id"] for i in ready])  # a fresh one
                self.sms.request("DELETE", f"/api/v1/tasks/{task}")
                self.wait_instances(0)

    def test_recursion(self):
        """An endless recursion ends by the stack, or by the deadline if that is sooner."""
        task = self.strain("recurse", limit_time_ms=20000)
        result = self.execute(task)
        self.assertFalse(result["success"])
        self.assertIn(result["error"]["code"], ("RuntimeError", "ExecutionTimeout"))

    def test_who_waits_is_served_afterwards(self):
        task = self.strain("loop", limit_time_ms=20000, scale_max=1)
        first = harness.Together([lambda: self.execute(task, timeout_ms=DEADLINE_MS)])
        self.wait_running()
        second = self.execute(task, timeout_ms=10 * DEADLINE_MS, include_log=True)
        self.assertEqual(second["log"], "its log\n")  # it ran, in another worker
        self.assertNotEqual(first.join()[0]["instance_id"], second["instance_id"])

    def test_output_that_nobody_reads(self):
        task = self.deploy("trickle.wasm", executable={"args": ["bytes", str(64 << 20)]},
                           config={"limit.time_ms": str(DEADLINE_MS), "http.stream": "true"})
        with self.spearlet.raw() as raw:
            raw.head("POST", f"/tasks/{task}/invoke", {"Content-Length": 0})
            path = f"/tasks/{task}/executions"
            last = lambda: self.spearlet.request("GET", path).json()["executions"]
            harness.wait_until(lambda: last() and last()[0]["status"] == "timeout")
            self.assertEqual(last()[0]["error"]["code"], "ExecutionTimeout")

    def test_cancelled(self):
        task = self.strain("poll")
        caller = harness.Together([lambda: self.execute(task, execution_id="x", include_log=True)])
        self.wait_running()
        log = lambda: self.spearlet.request("POST", "/functions/executions/x/cancel")
        self.assertEqual(log().status, 200)
        result = caller.join()[0]
        self.assertEqual(result["error"]["code"], "ExecutionTerminated")
        self.assertIn(result["log"], ("", "its log\n"))  # it may have been killed before it began


    def test_shorter_one_is_named(self):
        task = self.strain("loop", limit_time_ms=20000)
        self.execute_error(task, "ExecutionTimeout", "timeout_ms (150 ms)", timeout_ms=150)
        answer = self.invoke(task, headers={"x-timeout-ms": "160"})
        self.assert_problem(answer, 504, "EXECUTION_TIMEOUT", "x-timeout-ms (160 ms)")
        self.assertNotIn(b"limit.time_ms", answer.body)
        short = self.strain("loop", name="short", limit_time_ms=170)
        self.execute_error(short, "ExecutionTimeout", "limit.time_ms (170 ms)", timeout_ms=50000)

    def test_waiting_counts(self):
        task = self.strain("loop", limit_time_ms=20000, scale_max=1)
        first = harness.Together([lambda: self.execute(task, timeout_ms=19000, execution_id="first")])
        self.wait_running()
        self.execute_error(task, "ExecutionTimeout", "timeout_ms (180 ms)", "waited", timeout_ms=180)
        self.assertEqual(self.spearlet.request("POST", "/functions/executions/first/cancel").status, 200)
        first.join()


class Processor(Limits):
    def test_cpu_time(self):
        for how in ("loop", "host"):
            task = self.strain(how, limit_cpu_ms=100)
            result = self.execute_error(task, "ResourceExhausted", "limit.cpu_ms (100 ms)", include_log=True)
            self.assertEqual((result["status"], result["log"]), ("failed", "its log\n"))
            self.assert_problem(self.invoke(task), 500, "RESOURCE_EXHAUSTED", "limit.cpu_ms (100 ms)")

    def test_sleep_costs_none(self):
        """Each invocation has the whole limit, and only what it computes counts."""
        limit_ms = 3000 if harness.is_sanitized("spearlet") else 300
        task = self.deploy("sleep.wasm", config={"limit.cpu_ms": str(limit_ms), "scale.max": "1"})
        self.execute_ok(task, input=str(2 * limit_ms))
        worker = self.strain("cpu", limit_ms // 2, limit_cpu_ms=limit_ms, scale_max=1)
        used = {self.execute_ok(worker)["instance_id"] for _ in range(4)}
        self.assertEqual(len(used), 1)


class Files(Limits):
    def test_open_files(self):
        folder = os.path.join(self.spearlet.data_dir, "volumes", "some")
        os.makedirs(folder)
        with open(os.path.join(folder, "a"), "w", encoding="ascii"):
            pass
        grant = {"wasi.dir./data": "some"}
        for limit, opened in (({}, "64 EMFILE"), ({"limit.open_files": "3"}, "3 EMFILE"), ({"limit.open_files": "200"}, "100 none")):
            task = self.deploy("strain.wasm", f"open{len(opened)}{opened[0]}", executable={"args": ["open", "/data/a", "100"]},
                               config={**grant, **limit})
            self.assertEqual(self.execute_ok(task)["output"], f"begun\n{opened}\n")


if __name__ == "__main__":
    harness.main()
