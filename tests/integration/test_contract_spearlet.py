"""The contract of spearlet as tables, on the real path: routes, members of answers, and one outcome seen three ways.

An execution that fails is 200 with `error.code` from /functions/execute, a problem with that kind from the raw route of
the node, and the same problem when sms relays it. Details are in test_spearlet_*.py.
"""
import unittest

import harness
import spearlet_tool
from spearlet_tool import HAS_ENGINE, module_bytes, needs_engine, needs_guests, output_of
from test_contract_sms import check_methods

ROUTES = {
    "/health": {"GET"},
    "/status": {"GET"},
    "/metrics": {"GET"},
    "/functions/execute": {"POST"},
    "/functions/executions/x": {"GET"},
    "/functions/executions/x/cancel": {"POST"},
    "/tasks": {"GET"},
    "/tasks/x": {"GET", "DELETE"},
    "/tasks/x/invoke": {"POST"},
    "/tasks/x/executions": {"GET"},
    "/instances": {"GET"},
    "/monitoring/stats": {"GET"},
}
ANSWER = {"success", "invocation_id", "execution_id", "instance_id", "status", "exit_code", "output_base64", "error", "started_at",
          "completed_at", "duration_us"}
STATUS_OF_KIND = {"RuntimeError": 500, "InvalidConfiguration": 500, "ResourceExhausted": 500, "ExecutionTerminated": 500,
                  "ExecutionTimeout": 504, "InvalidRequest": 400, "NotSupported": 501}
STATE_OF_KIND = {"ExecutionTimeout": "timeout", "ExecutionTerminated": "terminated"}


def code_of(kind):
    """RuntimeError: RUNTIME_ERROR."""
    return "".join("_" + letter if letter.isupper() else letter.upper() for letter in kind).lstrip("_")


class ContractCase(spearlet_tool.SpearletTestCase):
    def setUp(self):
        super().setUp()
        self.wait_registered()

    def assert_fails_three_ways(self, task, kind, *words, exit_code=None, headers=None, **members):
        """The outcome by /functions/execute, by the node's raw route and through sms; each says the words."""
        result = self.execute_error(task, kind, *words, **members)
        self.assertEqual(ANSWER - set(result), set(), result)
        self.assertEqual((result["exit_code"], result["status"]), (exit_code, STATE_OF_KIND.get(kind, "failed")))
        self.assertIsNotNone(result["completed_at"])
        raw = self.invoke(task, b"", headers)
        relayed = self.sms.request("POST", f"/api/v1/tasks/{task}/invoke", b"", headers)
        for answer in (raw, relayed):
            body = self.assert_problem(answer, STATUS_OF_KIND[kind], code_of(kind), *words)
            self.assertEqual((body["kind"], body["exit_code"]), (kind, exit_code))
            self.assertEqual(body["execution_id"], answer.headers["x-execution-id"])
            self.assertIn("dur=", answer.headers["Server-Timing"])
        return result


class Routes(ContractCase):
    def test_each_route_takes_its_methods_and_names_them(self):
        check_methods(self, self.spearlet, ROUTES)

    def test_what_is_no_route(self):
        for path in ("/", "/functions", "/functions/execute/", "/tasks/", "/tasks/x/y", "/api/v1/tasks", "/Health"):
            with self.subTest(path):
                self.assert_problem(self.spearlet.request("GET", path), 404, "NOT_FOUND", path)

    def test_unknown_task(self):
        self.refused({"task_id": "nowhere"}, 404, "TASK_NOT_FOUND", '"nowhere"')
        self.assert_problem(self.invoke("nowhere"), 404, "TASK_NOT_FOUND", '"nowhere"')
        self.assert_problem(self.sms.request("POST", "/api/v1/tasks/nowhere/invoke", b""), 404, "TASK_NOT_FOUND", '"nowhere"')


class Refusals(ContractCase):
    """create_instance: refused before anything runs, with or without the engine."""

    def deploy_bytes(self, content, name, **members):
        return self.sms.deploy(content, name, **members)

    def test_no_module(self):
        magic = "missing WASM magic header"
        self.assert_fails_three_ways(self.deploy_bytes(b"GIF89a\0\0", "gif"), "InvalidConfiguration", magic, "47 49 46 38")
        self.assert_fails_three_ways(self.deploy_bytes(b"", "empty"), "InvalidConfiguration", magic)

    def test_no_file(self):
        missing = "11111111-1111-1111-1111-111111111111"
        task = self.sms.register("missing", "sms+file://" + missing)
        self.assert_fails_three_ways(task, "RuntimeError", f"{self.sms.address}/api/v1/files/{missing}", "404")
        task = self.sms.register("foreign", "sms+file://127.0.0.1:9/abc")
        self.assert_fails_three_ways(task, "InvalidConfiguration", "127.0.0.1:9", "allowed_sms_hosts")

    def test_other_bytes(self):
        content = b"\0asm\1\0\0\0"
        task = self.deploy_bytes(content, "other", executable={"checksum_sha256": "0" * 64})
        self.assert_fails_three_ways(task, "InvalidConfiguration", "0" * 64, "93a44bbb96c751218e4c00d479e4c143")

    def test_the_log_says_it_too(self):
        task = self.deploy_bytes(b"GIF89a\0\0", "logged")
        execution = self.execute(task)["execution_id"]
        harness.wait_until(lambda: execution in self.spearlet.log() and "missing WASM magic" in self.spearlet.log(), what="the log line")

    @unittest.skipIf(HAS_ENGINE, "for a build without the engine")
    def test_not_supported(self):
        task = self.deploy_bytes(b"\0asm\1\0\0\0", "fine")
        self.assert_fails_three_ways(task, "NotSupported", "wasmedge")
        self.assertEqual(self.instances()[0]["state"], "ready")

    @needs_engine
    @needs_guests("bad_body.wasm", "bad_import.wasm", "bad_type.wasm", "big_memory.wasm")
    def test_broken_modules(self):
        for guest, words in (("bad_body.wasm", ["offset"]), ("bad_import.wasm", ["unknown import", "emscripten_notify_memory_growth"]),
                             ("bad_type.wasm", ["fd_write", "(i32, i32, i32, i32) -> (i32)"]),
                             ("big_memory.wasm", ["200 MiB", "limit.memory_bytes 128 MiB"])):
            with self.subTest(guest):
                self.assert_fails_three_ways(self.deploy(guest), "InvalidConfiguration", *words)
        self.assertEqual(self.instances(), [])


@needs_engine
@needs_guests("hello.wasm", "exit3.wasm", "trap.wasm", "spin.wasm", "flood.wasm", "recurse.wasm", "add.wasm", "echo.wasm")
class Outcomes(ContractCase):
    def test_success(self):
        task = self.deploy("hello.wasm")
        result = self.execute_ok(task, input="abc")
        self.assertEqual(ANSWER - set(result), set())
        self.assertEqual((output_of(result), result["output"]), (b"Hello, world!\nABC", "Hello, world!\nABC"))
        for answer in (self.invoke(task, b"abc"), self.sms.request("POST", f"/api/v1/tasks/{task}/invoke", b"abc"),
                       self.sms.request("POST", "/api/v1/tasks/hello/invoke", b"abc")):
            self.assertEqual((answer.status, answer.body), (200, b"Hello, world!\nABC"))
            self.assertIn("dur=", answer.headers["Server-Timing"])
            record = self.spearlet.request("GET", f"/functions/executions/{answer.headers['x-execution-id']}?include_output=true").json()
            self.assertEqual((record["status"], output_of(record)), ("completed", answer.body))

    def test_guests_that_fail(self):
        self.assert_fails_three_ways(self.deploy("exit3.wasm"), "RuntimeError", "code 3", exit_code=3)
        self.assert_fails_three_ways(self.deploy("trap.wasm"), "RuntimeError", "trap", "unreachable")
        if not harness.is_sanitized("spear-worker"):  # a sanitizer takes the fault for its own
            self.assert_fails_three_ways(self.deploy("recurse.wasm"), "RuntimeError", "call stack exhausted")

    def test_limits(self):
        task = self.deploy("flood.wasm", config={"limit.output_bytes": "1000"})
        result = self.assert_fails_three_ways(task, "ResourceExhausted", "limit.output_bytes", "1000")
        self.assertLessEqual(len(output_of(result)), 1000)
        self.assert_fails_three_ways(self.deploy("spin.wasm", config={"limit.time_ms": "150"}), "ExecutionTimeout", "limit.time_ms", "150")
        self.assert_fails_three_ways(self.deploy("spin.wasm", "requested"), "ExecutionTimeout", headers={"x-timeout-ms": "100"},
                                     timeout_ms=100)
        task = self.deploy("echo.wasm", config={"limit.payload_bytes": "10"})
        self.refused({"task_id": task, "input": "x" * 11}, 413, "PAYLOAD_TOO_LARGE", "limit.payload_bytes", "10")
        self.assert_problem(self.invoke(task, b"x" * 11), 413, "PAYLOAD_TOO_LARGE", "limit.payload_bytes", "10")
        self.assert_problem(self.sms.request("POST", f"/api/v1/tasks/{task}/invoke", b"x" * 11), 413, "PAYLOAD_TOO_LARGE",
                            "limit.payload_bytes", "10")

    def test_entries(self):
        task = self.deploy("add.wasm")
        self.assertEqual(self.execute_ok(task, function_name="add", params=[2, 3])["results"], [5])
        exports = ("exports:", "add(i32, i32) -> (i32)", "addi64(i64, i64) -> (i64)")
        for members, headers in (({"function_name": "nope"}, {"x-function": "nope"}), ({}, {}),
                                 ({"function_name": "add"}, {"x-function": "add"})):
            with self.subTest(members):
                self.assert_fails_three_ways(task, "InvalidRequest", *exports, headers=headers, **members)
        echo = self.deploy("echo.wasm")
        for name in ("", "__spear_default_entry__", "_start"):
            self.assertEqual(self.execute_ok(echo, function_name=name, input="x")["output"], "x")

    def test_later_variables_win(self):
        if not harness.sample("dump.wasm"):
            self.skipTest("dump.wasm is not built")
        task = self.deploy("dump.wasm", executable={"env": {"A": "task", "B": "task"}})
        result = self.execute_ok(task, environment={"B": "request", "SPEAR_TASK_ID": "forged"}, execution_id="e-1", invocation_id="i-1")
        text = result["output"]
        for entry in ('"A":"task"', '"B":"request"', f'"SPEAR_TASK_ID":"{task}"', '"SPEAR_EXECUTION_ID":"e-1"', '"SPEAR_INVOCATION_ID":"i-1"'):
            self.assertIn(entry, text)
        for entry in ('"B":"task"', "forged"):
            self.assertNotIn(entry, text)
        self.assertEqual((result["execution_id"], result["invocation_id"]), ("e-1", "i-1"))


@needs_engine
@needs_guests("counter.wasm", "echo.wasm")
class State(ContractCase):
    def next(self, task):
        return self.execute_ok(task, function_name="next")["results"]

    def test_first_state_each_time_or_kept(self):
        fresh = self.deploy("counter.wasm", "fresh")
        kept = self.deploy("counter.wasm", "kept", config={"instance.reuse": "true", "scale.max": "1"})
        self.assertEqual([self.next(fresh) for _ in range(3)], [[101]] * 3)
        self.assertEqual([self.next(kept) for _ in range(3)], [[101], [102], [103]])

    def test_both_schemes_and_an_explicit_gateway(self):
        file = self.sms.upload(module_bytes("echo.wasm"))
        for number, uri in enumerate((f"sms+file://{file}", f"smsfile://{file}", f"sms+file://{self.sms.address}/{file}")):
            task = self.sms.register(f"echo-{number}", uri, executable={"name": "echo"})
            self.assertEqual(self.invoke(task, b"x").body, b"x", uri)
            self.assertRegex(self.spearlet.request("GET", f"/tasks/{task}").json()["executable"]["uri"], r"^sms\+file://")

    def test_what_is_known_is_served_by_id_and_name_without_sms(self):
        task = self.deploy("echo.wasm")
        self.assertEqual(self.sms.request("POST", f"/api/v1/tasks/{task}/invoke", b"x").body, b"x")
        self.sms.kill()
        harness.wait_until(lambda: not self.spearlet.request("GET", "/status").json()["sms"]["registered"], what="the end of sms")
        for reference in (task, "echo"):
            self.assertEqual(self.execute_ok(reference, input="y")["output"], "y")

    def test_async(self):
        task = self.deploy("echo.wasm")
        answer = self.spearlet.request("POST", "/functions/execute", {"task_id": task, "mode": "async", "input": "later"})
        self.assertEqual(answer.status, 202)
        body = answer.json()
        self.assertEqual(answer.headers["Location"], "/functions/executions/" + body["execution_id"])
        self.assertIn(body["status"], ("pending", "running"))
        location = answer.headers["Location"] + "?include_output=true"
        done = harness.wait_until(lambda: (r := self.spearlet.request("GET", location).json())["completed_at"] and r, what="the end")
        self.assertEqual((done["status"], output_of(done)), ("completed", b"later"))


if __name__ == "__main__":
    harness.main()
