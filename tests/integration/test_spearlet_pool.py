"""Instances: how many there are, who waits and for how long, and that nobody gets another's answer."""
import hashlib
import re
import time

import harness
import spearlet_tool
from spearlet_tool import HAS_ENGINE, needs_engine, needs_guests

SANITIZED = harness.is_sanitized("spearlet")


@needs_engine
@needs_guests("hello.wasm", "sleep.wasm", "echo.wasm", "spin.wasm", "counter.wasm", "table_set.wasm")
class Pool(spearlet_tool.SpearletTestCase):
    def shout(self, task, text):
        answer = self.invoke(task, text)
        self.assertEqual(answer.status, 200, answer)
        return answer

    def test_one_instance_for_all_loops(self):
        task = self.deploy("hello.wasm", config={"scale.max": "1"})
        used = {self.shout(task, b"x").headers["x-instance-id"] for _ in range(8)}  # connections go to the loops in turn
        self.assertEqual(len(used), 1)
        self.assertEqual([i["loop"] for i in self.instances()], [0])
        self.assertEqual(self.instances()[0]["invocations"], 8)

    def states(self):
        """Invocations so far by where the guest's state came from."""
        found = re.findall(r'^spearlet_invocation_states_total\{from="(\w+)"\} (\d+)$', self.spearlet.request("GET", "/metrics").text(), re.M)
        return {source: int(count) for source, count in found}

    def call(self, task, function):
        self.assertTrue(self.execute(task, function_name=function)["success"])

    def check_states(self, invoke, **wanted):
        before = self.states()
        for _ in range(6):
            invoke()
        after = self.states()
        self.assertEqual({source: after[source] - before[source] for source in after if after[source] != before[source]}, wanted)

    def test_where_states_come_from(self):
        fixed = {"scale.max": "1", "aot": "off"}
        hello = self.deploy("hello.wasm", "hello-states", config=fixed)
        self.check_states(lambda: self.shout(hello, b"x"), new=1, new_ahead=1, reset=4)
        table = self.deploy("table_set.wasm", "table-states", config=fixed)
        self.check_states(lambda: self.call(table, "swap"), new=1, new_ahead=5)
        kept = self.deploy("counter.wasm", "kept-states", config=fixed | {"instance.reuse": "true"})
        self.check_states(lambda: self.call(kept, "next"), new=1, kept=5)

    def test_one_at_a_time_in_order(self):
        task = self.deploy("sleep.wasm", config={"scale.max": "1"})
        self.shout(task, b"1")
        begun = time.monotonic()
        harness.together(*[lambda: self.shout(task, b"100")] * 5)
        self.assertGreaterEqual(time.monotonic() - begun, 0.5)
        self.assertEqual(len(self.instances()), 1)

    def test_scale_is_divided(self):
        task = self.deploy("sleep.wasm", config={"scale.max": "3"})
        harness.together(*[lambda: self.shout(task, b"300")] * 12)
        loops = sorted(i["loop"] for i in self.instances())
        self.assertLessEqual(len(loops), 3)
        self.assertLessEqual(loops.count(0), 2)
        self.assertLessEqual(loops.count(1), 1)

    def test_a_free_instance_of_another_loop_is_used(self):
        task = self.deploy("sleep.wasm", config={"scale.max": "2"})
        connections = [self.spearlet.raw() for _ in range(6)]  # dealt to the loops in turn
        for first, second in ((0, 2), (1, 3), (0, 1)):
            for index in (first, second):
                connections[index].head("POST", f"/tasks/{task}/invoke", {"Content-Length": 3})
                connections[index].send("700")
            self.wait_running(2)
            for index in (first, second):
                self.assertEqual(connections[index].response("POST").body, b"slept 700\n")
        for connection in connections:
            connection.close()

    def test_full_queue(self):
        task = self.deploy("spin.wasm", config={"scale.max": "1", "queue.max": "2"})
        callers = harness.Together([lambda i=i: self.execute(task, timeout_ms=20000, execution_id=f"e{i}") for i in range(3)])
        self.wait_running()
        harness.wait_until(lambda: self.stats()["executions"]["waiting"] == 2)
        answer = self.invoke(task)
        self.assert_problem(answer, 503, "RESOURCE_EXHAUSTED", "queue.max", "2")
        self.assertEqual(answer.headers["Retry-After"], "1")
        for members in ({}, {"mode": "async"}):
            answer = self.spearlet.request("POST", "/functions/execute", {"task_id": task, "execution_id": "more", **members})
            self.assert_problem(answer, 503, "RESOURCE_EXHAUSTED", "queue.max")
        self.assert_problem(self.spearlet.request("GET", "/functions/executions/more"), 404, "EXECUTION_NOT_FOUND")
        known = [e for e in ("e0", "e1", "e2")
                 if self.spearlet.request("POST", f"/functions/executions/{e}/cancel").status == 200]
        self.assertGreaterEqual(len(known), 1)
        for execution in self.spearlet.request("GET", f"/tasks/{task}/executions").json()["executions"]:
            self.spearlet.request("POST", f"/functions/executions/{execution['execution_id']}/cancel")
        callers.join()
        counts = self.stats()["executions"]
        self.assertEqual((counts["rejected"], counts["waiting"], counts["running"]), (3, 0, 0))

    def test_no_queue_at_all(self):
        task = self.deploy("sleep.wasm", config={"scale.max": "1", "queue.max": "0"})
        self.shout(task, b"1")  # who causes a start does not wait in the queue
        first = harness.Together([lambda: self.shout(task, b"500")])
        self.wait_running()
        self.assert_problem(self.invoke(task, b"1"), 503, "RESOURCE_EXHAUSTED", "queue.max")
        first.join()
        self.shout(task, b"1")

    def test_fresh_instance(self):
        task = self.deploy("counter.wasm", config={"scale.max": "1", "instance.reuse": "true"})
        call = lambda **members: self.execute_ok(task, function_name="next", params=[], **members)
        kept = call()["instance_id"]
        fresh = call(force_new_instance=True)
        self.assertNotEqual(fresh["instance_id"], kept)
        self.assertEqual(fresh["results"], [101])
        self.wait_instances(0)  # it is stopped afterwards, and the idle one had to make room
        others = [call(force_new_instance=True)["instance_id"] for _ in range(3)]
        self.assertEqual(len(set(others)), 3)
        results = harness.together(*[lambda: call(force_new_instance=n % 2 == 0) for n in range(10)])
        self.assertEqual(len(results), 10)

    def test_idle_instances_stop(self):
        task = self.deploy("hello.wasm", config={"scale.idle_ms": "300"})
        self.shout(task, b"x")
        self.wait_instances(0)
        self.assertEqual(len(self.spearlet.children()), 1)  # the zygote
        at_once = self.deploy("hello.wasm", "at-once", config={"scale.idle_ms": "0"})
        self.shout(at_once, b"x")
        self.wait_instances(0)

    def test_minimum_is_kept(self):
        task = self.deploy("hello.wasm", config={"scale.idle_ms": "100", "scale.min": "2", "scale.max": "4"})
        self.shout(task, b"x")
        self.wait_instances(2, "ready")
        harness.together(*[lambda: self.shout(task, b"x")] * 16)
        kept = {i["instance_id"] for i in self.wait_instances(2)}
        harness.wait_until(lambda: all(i["idle_ms"] > 400 for i in self.instances()), what="instances idle beyond their time")
        self.assertEqual({i["instance_id"] for i in self.instances()}, kept)

    def test_many_at_once(self):
        """64 callers of one task, then of 16: every answer is its caller's."""
        def calls(tasks, caller):
            for turn in range(10):
                text = hashlib.sha256(f"{caller} {turn}".encode()).hexdigest().encode() * (1 + caller * 7 % 50)
                answer = self.invoke(tasks[(caller + turn) % len(tasks)], text)
                self.assertEqual((answer.status, answer.body), (200, text))
        one = [self.deploy("echo.wasm", "one")]
        many = [self.deploy("echo.wasm", f"task-{n}") for n in range(16)]
        for tasks in (one, many):
            harness.together(*[lambda caller=caller, tasks=tasks: calls(tasks, caller) for caller in range(64)])
        counts = self.stats()
        self.assertEqual((counts["executions"]["completed"], counts["executions"]["failed"]), (1280, 0))
        self.assertEqual(counts["http"]["payload_bytes_held"], 0)
        self.assertEqual(counts["runtime"]["modules_prepared"], 1)  # the same bytes
        self.assertEqual(counts["runtime"]["downloads"], counts["runtime"]["artifact_misses"])
        if not SANITIZED:
            self.assertLess(self.spearlet.rss_peak_kib(), 100 * 1024)

    def test_memory_is_bounded(self):
        task = self.deploy("echo.wasm", config={"scale.max": "2"})
        content = b"0123456789abcdef" * (1 << 16)
        def calls():
            for _ in range(4):
                self.assertEqual(self.shout(task, content).body, content)
        harness.together(*[calls] * 16)
        if not SANITIZED:
            self.assertLess(self.spearlet.rss_peak_kib(), 200 * 1024)


@needs_engine
@needs_guests("hello.wasm", "sleep.wasm")
class Ceiling(spearlet_tool.SpearletTestCase):
    options = ("--instances-max", "2", "--threads", "1")

    def test_the_idlest_makes_room(self):
        tasks = [self.deploy("hello.wasm", f"t{n}") for n in range(5)]
        for task in tasks:
            self.assertEqual(self.invoke(task).status, 200)
            self.assertLessEqual(len([i for i in self.instances() if i["state"] != "stopping"]), 2)
        self.wait_instances(2)

    def test_the_queue_is_bounded_all_the_same(self):
        task = self.deploy("sleep.wasm", config={"scale.max": "8", "queue.max": "3"})
        callers = harness.Together([lambda: self.invoke(task, b"700")] * 8)
        answers = callers.join()
        self.assertEqual(sorted(a.status for a in answers), [200] * 5 + [503] * 3)  # two ran, three waited


class Looked(spearlet_tool.SpearletTestCase):
    def test_concurrent_look_ups_are_one(self):
        task = self.sms.deploy(b"no module", "shared")
        harness.together(*[lambda: self.execute(task)] * 16)
        self.assertEqual(self.stats()["tasks"], 1)
        self.assertLessEqual(self.stats()["runtime"]["downloads"], 16)

    def test_instances_without_the_engine_too(self):
        task = self.sms.deploy(b"\0asm\1\0\0\0", "bare", config={"scale.max": "2"})
        harness.together(*[lambda: self.execute(task)] * 16)
        self.assertLessEqual(len(self.instances()), 2)
        counts = self.stats()["executions"]
        self.assertEqual((counts["failed"], counts["running"], counts["waiting"]), (16, 0, 0))
        self.assertEqual(HAS_ENGINE, self.spearlet.request("GET", "/status").json()["engine"] == "wasmedge")


if __name__ == "__main__":
    harness.main()
