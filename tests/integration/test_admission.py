"""Who is let in when there is more to do than a node can: bounded queues, turns between tasks, requests that would come too late."""
import threading

import harness
import spearlet_tool
from spearlet_tool import needs_engine, needs_guests


@needs_engine
@needs_guests("hello.wasm", "sleep.wasm", "spin.wasm", "echo.wasm")
class Admission(spearlet_tool.SpearletTestCase):
    def counts(self):
        return self.stats()["executions"]

    def wait_waiting(self, count):
        harness.wait_until(lambda: self.counts()["waiting"] == count, what=f"{count} waiting requests")

    def cancel_all(self, task):
        for shown in self.spearlet.request("GET", f"/tasks/{task}/executions?limit=1000").json()["executions"]:
            if shown["completed_at"] is None:
                self.spearlet.request("POST", f"/functions/executions/{shown['execution_id']}/cancel")

    def hold(self, task, count):
        """Requests that end when they are cancelled; once they run or wait."""
        before = self.counts()
        callers = harness.Together([lambda: self.execute(task)] * count)
        wanted = before["running"] + before["waiting"] + count
        harness.wait_until(lambda: self.counts()["running"] + self.counts()["waiting"] == wanted)
        return callers

    def release(self, task, callers):
        self.cancel_all(task)
        for result in callers.join():
            self.assertEqual(result["error"]["code"], "ExecutionTerminated")


class Turns(Admission):
    options = ("--instances-max", "2")

    def test_waits_for_a_place(self):
        """A node that has all its instances lets a task without one wait; what is idle makes room."""
        busy, other = self.deploy("spin.wasm", config={"scale.max": "2"}), self.deploy("hello.wasm")
        callers = self.hold(busy, 2)
        waiting = harness.Together([lambda: self.invoke(other)])
        self.wait_waiting(1)
        self.release(busy, callers)
        self.assertEqual(waiting.join()[0].status, 200)
        third = self.deploy("echo.wasm")
        self.assertEqual(self.invoke(third, b"x").body, b"x")
        self.assertLessEqual(len([i for i in self.instances() if i["state"] == "ready"]), 2)

    def test_deadline_while_it_waits_for_a_place(self):
        busy, other = self.deploy("spin.wasm", config={"scale.max": "2"}), self.deploy("hello.wasm")
        callers = self.hold(busy, 2)
        self.execute_error(other, "ExecutionTimeout", "timeout_ms (120 ms)", "waited", timeout_ms=120)
        self.execute_error(other, "ExecutionTimeout", "timeout_ms (120 ms)", "waited", timeout_ms=120, force_new_instance=True)
        self.release(busy, callers)
        self.execute_ok(other)
        self.execute_ok(other, force_new_instance=True)

    def test_a_flood_starves_nobody(self):
        """One task has a hundred requests waiting all the time; every request of the others is served meanwhile."""
        flooding = self.deploy("sleep.wasm", config={"scale.max": "8"})
        others = [self.deploy("hello.wasm"), self.deploy("echo.wasm")]
        begin = {"task_id": flooding, "input": "20", "mode": "async"}
        over = threading.Event()

        def flood():
            while not over.is_set():
                for _ in range(max(100 - self.counts()["waiting"], 0)):
                    self.assertEqual(self.spearlet.request("POST", "/functions/execute", begin).status, 202)

        floods = harness.Together([flood])
        try:
            harness.wait_until(lambda: self.counts()["waiting"] > 50)
            served = harness.together(*[lambda task=task: [self.invoke(task, b"x").status for _ in range(4)]
                                        for task in others for _ in range(2)])
            flooded = self.counts()
        finally:
            over.set()
            floods.join()
        self.assertEqual(served, [[200] * 4] * 4)
        self.assertGreater(flooded["waiting"], 0)
        self.wait_registered()
        self.sms.request("DELETE", f"/api/v1/tasks/{flooding}")
        harness.wait_until(lambda: all(self.counts()[name] == 0 for name in ("running", "waiting", "queued")))
        self.assertEqual(self.counts()["rejected"], 0)

    def test_minimums_do_not_push_each_other_out(self):
        for name in ("a", "b"):
            self.deploy("hello.wasm", name, config={"scale.min": "2", "scale.max": "2"})
            self.assertEqual(self.invoke(name).status, 200)
        self.wait_instances(2, "ready")
        started = self.stats()["runtime"]["workers_started"]
        for _ in range(3):
            self.assertEqual(self.invoke("b").status, 200)
        self.assertLessEqual(self.stats()["runtime"]["workers_started"], started + 3)


class Queues(Admission):
    options = ("--instances-max", "1", "--queue-max", "8", "--threads", "1")

    def test_the_node_s_queue(self):
        """A task takes no more places than it leaves free, so that there is always one for another."""
        first, second = self.deploy("spin.wasm", "first"), self.deploy("spin.wasm", "second")
        callers = self.hold(first, 1)
        held = self.hold(first, 4)
        answer = self.invoke(first)
        self.assert_problem(answer, 503, "RESOURCE_EXHAUSTED", "queue-max = 8", "4 of them by this task")
        self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
        other = self.hold(second, 2)
        self.assert_problem(self.invoke(second), 503, "RESOURCE_EXHAUSTED", "queue-max = 8", "6 are taken", "2 of them by this task")
        metrics = self.spearlet.request("GET", "/metrics").text()
        self.assertIn("\nspearlet_requests_queued 6\n", metrics)
        self.cancel_all(second)
        other.join()
        self.cancel_all(first)
        callers.join()
        held.join()
        self.assertEqual((self.counts()["queued"], self.counts()["waiting"], self.counts()["rejected"]), (0, 0, 2))


class Late(Admission):
    options = ("--threads", "1")

    def sleepers(self, ms):
        """A task with one instance, and eight requests that each took so long."""
        task = self.deploy("sleep.wasm", config={"scale.max": "1"})
        for _ in range(8):
            self.execute_ok(task, input=str(ms))
        return task

    def test_shed_at_admission(self):
        task = self.sleepers(120)
        caller = harness.Together([lambda: self.execute_ok(task, input="1500")])
        self.wait_running()
        answer = self.invoke(task, b"1", {"x-timeout-ms": "100"})
        self.assert_problem(answer, 503, "RESOURCE_EXHAUSTED", "would be late", "x-timeout-ms (100 ms)", "the fastest of the last 8")
        self.assertEqual(answer.headers["Retry-After"], "1")
        caller.join()
        self.execute_ok(task, input="1", timeout_ms=20000)
        self.assertEqual(self.counts()["shed"], 1)
        self.assertIn('\nspearlet_requests_shed_total{at="admission"} 1\n', self.spearlet.request("GET", "/metrics").text())

    def test_shed_when_its_turn_comes(self):
        task = self.sleepers(250)

        def once():
            caller = harness.Together([lambda: self.execute(task, input="400")])
            self.wait_running()
            result = self.execute(task, input="1", timeout_ms=500)
            caller.join()
            return None if result["success"] else result["error"]

        # Whether less than 250 ms are left when its turn comes is a matter of time; mostly it is so.
        error = harness.wait_until(once, timeout_s=60)
        self.assertEqual(error["code"], "ExecutionTimeout")
        self.assertIn("timeout_ms (500 ms)", error["message"])
        self.assertIn("not begun", error["message"])


class Bodies(Admission):
    options = ("--payload-memory-max", "1MiB")

    def test_one_that_could_never_be_held(self):
        task = self.deploy("echo.wasm")
        large = b"x" * (2 << 20)
        self.assert_problem(self.invoke(task, large), 413, "PAYLOAD_TOO_LARGE", "payload-memory-max", "1048576", "2097152")
        self.assert_problem(self.invoke(task, iter([large])), 413, "PAYLOAD_TOO_LARGE", "payload-memory-max", "1048576")
        self.refused({"task_id": task, "input": "x" * (2 << 20)}, 413, "PAYLOAD_TOO_LARGE", "payload-memory-max")
        self.refused({"task_id": task, "input": "x" * 700000}, 413, "PAYLOAD_TOO_LARGE", "payload-memory-max")
        self.assertEqual(self.invoke(task, b"x" * (1 << 19)).status, 200)
        self.assertEqual(self.stats()["http"]["payload_bytes_held"], 0)

    def test_size_is_named(self):
        task = self.deploy("echo.wasm", config={"limit.payload_bytes": "10"})
        self.assert_problem(self.invoke(task, b"x" * 11), 413, "PAYLOAD_TOO_LARGE", "11 bytes", "limit.payload_bytes = 10")


class Queries(Admission):
    def test_values_that_make_no_sense(self):
        task = self.deploy("hello.wasm")
        ids = [self.execute_ok(task)["execution_id"] for _ in range(3)]
        get = lambda path: self.spearlet.request("GET", path)
        for value in ("maybe", "", "TRUE"):
            self.assert_problem(get(f"/functions/executions/{ids[0]}?include_output={value}"), 422, "UNPROCESSABLE", "include_output")
        for value in ("true", "1", "false", "0"):
            self.assertEqual(get(f"/functions/executions/{ids[0]}?include_output={value}").status, 200)
        self.assert_problem(get(f"/tasks/{task}/executions?limit=some"), 422, "UNPROCESSABLE", "limit", "some")
        shown = get(f"/tasks/{task}/executions?limit=2").json()
        self.assertEqual((len(shown["executions"]), shown["total_count"]), (2, 3))


if __name__ == "__main__":
    harness.main()
