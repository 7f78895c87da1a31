"""Records of executions, asynchronous ones, cancelling; the routes that only look."""
import re
import unittest

import harness
import spearlet_tool
from spearlet_tool import needs_engine, needs_guests, output_of


class Looks(spearlet_tool.SpearletTestCase):
    def test_health_and_status(self):
        body = self.spearlet.request("GET", "/health").json()
        self.assertEqual((body["status"], body["service"]), ("healthy", "spearlet"))
        self.assertRegex(body["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.wait_registered()
        status = self.spearlet.request("GET", "/status").json()
        self.assertEqual((status["node_name"], status["http_addr"]), ("test-node", self.spearlet.address))
        self.assertEqual(status["sms"], {"address": self.sms.address, "registered": True, "last_error": None})
        self.assertEqual(status["engine"], "wasmedge" if spearlet_tool.HAS_ENGINE else "none")
        nodes = self.sms.request("GET", "/api/v1/nodes").json()["nodes"]
        self.assertEqual([n["uuid"] for n in nodes], [status["node_uuid"]])
        self.assertEqual(nodes[0]["metadata"]["node_name"], "test-node")
        self.assertEqual(f"{nodes[0]['ip_address']}:{nodes[0]['http_port']}", self.spearlet.address)

    def test_metrics(self):
        text = self.spearlet.request("GET", "/metrics").text()
        described, typed = set(), {}
        for line in text.splitlines():
            if line.startswith("# HELP "):
                name = line.split()[2]
                self.assertNotIn(name, described)
                described.add(name)
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split()
                self.assertIn(kind, ("counter", "gauge", "histogram"))
                typed[name] = kind
            else:
                match = re.fullmatch(r'([a-z_]+)(\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? [0-9.+e-]+', line)
                self.assertTrue(match, line)
                base = re.sub(r"_(bucket|sum|count)$", "", match[1]) if match[1] not in typed else match[1]
                self.assertIn(base, typed, line)
                self.assertEqual(typed[base] == "counter", base.endswith("_total"), line)
        self.assertEqual(described, set(typed))
        self.assertIn("spearlet_executions_total{status=\"completed\"} 0", text)

    def test_unknown_executions(self):
        for method, path in (("GET", "/functions/executions/x"), ("POST", "/functions/executions/x/cancel")):
            self.assert_problem(self.spearlet.request(method, path), 404, "EXECUTION_NOT_FOUND", '"x"')
        self.assert_problem(self.spearlet.request("GET", "/tasks/x"), 404, "TASK_NOT_FOUND")
        self.assert_problem(self.spearlet.request("GET", "/tasks/x/executions"), 404, "TASK_NOT_FOUND")
        self.assertEqual(self.spearlet.request("DELETE", "/tasks/x").json()["success"], True)

    def test_tasks(self):
        self.assertEqual(self.spearlet.request("GET", "/tasks").json(), {"tasks": [], "total_count": 0})
        task = self.sms.deploy(b"\0asm\1\0\0\0", "known", config={"scale.max": "3"})
        body = self.spearlet.request("GET", "/tasks/known").json()
        self.assertEqual((body["task_id"], body["config"]), (task, {"scale.max": "3"}))
        self.assertEqual([t["task_id"] for t in self.spearlet.request("GET", "/tasks").json()["tasks"]], [task])
        self.assertEqual(self.spearlet.request("GET", f"/tasks/{task}/executions").json(), {"executions": [], "total_count": 0})

    def test_failed_executions_have_records(self):
        task = self.sms.deploy(b"no module", "broken")
        failed = self.execute_error(task, "InvalidConfiguration")
        record = self.spearlet.request("GET", "/functions/executions/" + failed["execution_id"]).json()
        self.assertEqual((record["status"], record["error"], record["started_at"]), ("failed", failed["error"], None))
        shown = self.spearlet.request("GET", "/tasks/broken/executions").json()["executions"]
        self.assertEqual([e["execution_id"] for e in shown], [failed["execution_id"]])


@needs_engine
@needs_guests("hello.wasm", "sleep.wasm", "spin.wasm", "flood.wasm")
class Records(spearlet_tool.SpearletTestCase):
    def record(self, execution_id, output=True):
        answer = self.spearlet.request("GET", f"/functions/executions/{execution_id}?include_output={str(output).lower()}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def wait_status(self, execution_id, status):
        return harness.wait_until(lambda: (lambda r: r if r["status"] == status else None)(self.record(execution_id)),
                                  what=f"{execution_id} {status}")

    def begin(self, task, **members):
        answer = self.spearlet.request("POST", "/functions/execute", {"task_id": task, "mode": "async", **members})
        self.assertEqual(answer.status, 202, answer)
        body = answer.json()
        self.assertEqual(answer.headers["Location"], "/functions/executions/" + body["execution_id"])
        self.assertEqual(set(body), {"success", "invocation_id", "execution_id", "status"})
        return body["execution_id"]

    def test_sync_record(self):
        done = self.execute_ok(self.deploy("hello.wasm"), input="abc")
        record = self.record(done["execution_id"])
        self.assertEqual(output_of(record), output_of(done))
        self.assertIn("3 bytes of payload", record["log"])
        for member in ("started_at", "completed_at", "duration_us", "instance_id", "task_id", "status", "exit_code"):
            self.assertEqual(record[member], done[member])
        self.assertNotIn("output_base64", self.record(done["execution_id"], output=False))

    def test_long_outputs(self):
        task = self.deploy("flood.wasm", executable={"args": ["100000"]})
        record = self.record(self.execute_ok(task)["execution_id"])  # of a synchronous one too long to be kept
        self.assertEqual((record["output_base64"], record["output_omitted"]), (None, True))
        whole = self.wait_status(self.begin(task), "completed")  # an asynchronous one is kept whole
        self.assertEqual(output_of(whole), b"x" * 100000)

    def test_async_and_cancel(self):
        task = self.deploy("spin.wasm", config={"scale.max": "1"})
        running = self.begin(task, execution_id="the-running-one")
        self.assertEqual(running, "the-running-one")
        self.wait_running()
        self.wait_status(running, "running")
        waiting = self.begin(task)
        self.assertEqual(self.record(waiting)["status"], "pending")
        for execution in (waiting, running):
            answer = self.spearlet.request("POST", f"/functions/executions/{execution}/cancel")
            self.assertEqual((answer.status, answer.json()), (200, {"success": True}))
            record = self.wait_status(execution, "terminated")
            self.assertEqual((record["error"]["code"], record["success"]), ("ExecutionTerminated", False))
        answer = self.spearlet.request("POST", f"/functions/executions/{running}/cancel")
        self.assert_problem(answer, 409, "CONFLICT", running)
        self.wait_instances(0)

    def test_cancel_tells_the_caller(self):
        task = self.deploy("spin.wasm", config={"scale.max": "2"})
        callers = harness.Together([lambda: self.execute(task, execution_id="one"),
                                    lambda: self.invoke(task, headers={"x-timeout-ms": "20000"})])
        self.wait_running(2)
        for shown in self.spearlet.request("GET", f"/tasks/{task}/executions").json()["executions"]:
            self.spearlet.request("POST", f"/functions/executions/{shown['execution_id']}/cancel")
        result, answer = callers.join()
        self.assertEqual((result["error"]["code"], result["status"]), ("ExecutionTerminated", "terminated"))
        self.assert_problem(answer, 500, "EXECUTION_TERMINATED")

    def test_async_failures(self):
        task = self.deploy("spin.wasm", config={"limit.time_ms": "100"})
        record = self.wait_status(self.begin(task), "timeout")
        self.assertEqual(record["error"]["code"], "ExecutionTimeout")
        broken = self.sms.deploy(b"nothing", "broken")
        self.assertEqual(self.wait_status(self.begin(broken), "failed")["error"]["code"], "InvalidConfiguration")
        self.refused({"task_id": "nobody", "mode": "async"}, 404, "TASK_NOT_FOUND")

    def test_list(self):
        task = self.deploy("hello.wasm")
        ids = [self.execute_ok(task)["execution_id"] for _ in range(5)]
        path = f"/tasks/{task}/executions"
        self.assertEqual([e["execution_id"] for e in self.spearlet.request("GET", path).json()["executions"]], ids[::-1])
        self.assertEqual(len(self.spearlet.request("GET", path + "?limit=2").json()["executions"]), 2)

    def test_counters(self):
        task = self.deploy("hello.wasm")
        self.execute_ok(task)
        self.execute_error(task, "InvalidRequest", function_name="absent")
        text = self.spearlet.request("GET", "/metrics").text()
        for line in ('spearlet_executions_total{status="completed"} 1', 'spearlet_executions_total{status="failed"} 1',
                     "spearlet_execution_duration_seconds_count 2", "spearlet_modules_prepared_total 1"):
            self.assertIn(line + "\n", text)


@needs_engine
@needs_guests("hello.wasm", "flood.wasm")
class Bounds(spearlet_tool.SpearletTestCase):
    options = ("--executions-max", "10", "--executions-max-bytes", "100KiB")

    def test_oldest_go_first(self):
        task = self.deploy("hello.wasm")
        ids = [self.execute_ok(task)["execution_id"] for _ in range(15)]
        found = [self.spearlet.request("GET", f"/functions/executions/{i}").status for i in ids]
        self.assertEqual(found, [404] * 5 + [200] * 10)
        flood = self.deploy("flood.wasm", executable={"args": ["40000"]})
        for _ in range(3):
            last = self.execute_ok(flood)["execution_id"]
        counts = self.stats()["executions"]
        self.assertLessEqual(counts["record_bytes"], 100 * 1024)
        self.assertLess(counts["records"], 10)
        self.assertEqual(self.spearlet.request("GET", f"/functions/executions/{last}").status, 200)


if __name__ == "__main__":
    unittest.util._MAX_LENGTH = 4000
    harness.main()
