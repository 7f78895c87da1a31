"""POST /functions/execute: the fields, what is refused, entries, typed calls, ends of every kind, limits."""
import base64
import json
import time

import harness
import spearlet_tool
from spearlet_tool import needs_engine, needs_guests, output_of


class Requests(spearlet_tool.SpearletTestCase):
    """What is wrong with a request is said before any guest is touched."""

    options = ("--max-request-bytes", "64KiB")

    def test_wrong_bodies(self):
        post = lambda body, **headers: self.spearlet.request("POST", "/functions/execute", body, headers)
        self.assert_problem(post(b"{", **{"Content-Type": "application/json"}), 400, "SERIALIZATION", "offset")
        self.assert_problem(post(b"", **{"Content-Type": "application/json"}), 400, "SERIALIZATION")
        self.assert_problem(post(b"[]", **{"Content-Type": "application/json"}), 422, "UNPROCESSABLE", "object")
        self.assert_problem(post(b"{}", **{"Content-Type": "text/plain"}), 415, "UNSUPPORTED_MEDIA_TYPE", "text/plain")
        large = json.dumps({"task_id": "x" * 70000}).encode()
        self.assert_problem(post(large, **{"Content-Type": "application/json"}), 413, "PAYLOAD_TOO_LARGE",
                            "max-request-bytes")
        pieces = iter([large[:1000], large[1000:]])
        self.assert_problem(post(pieces, **{"Content-Type": "application/json"}), 413, "PAYLOAD_TOO_LARGE")

    def test_wrong_fields(self):
        self.refused({}, 422, "UNPROCESSABLE", '"task_id" is required')
        for field, value, words in (
                ("task_id", 5, ["string"]), ("function_name", [], ["string"]), ("mode", "stream", ["sync", "async", "stream"]),
                ("mode", 1, ["string"]), ("timeout_ms", "5", []), ("timeout_ms", 0, []), ("timeout_ms", 10**12, []),
                ("timeout_ms", 1.5, []), ("invocation_id", "a b", ["a b"]), ("execution_id", "", []),
                ("execution_id", "x" * 129, ["128"]), ("execution_id", "../etc", []), ("session_id", 1, ["string"]),
                ("force_new_instance", "yes", []), ("headers", [], ["object"]), ("environment", "A=b", ["object"]),
                ("metadata", 3, ["object"]), ("params", {}, ["array"]), ("input", 1, ["string"]),
                ("input_base64", 1, ["string"]), ("input_content_type", 1, ["string"]), ("include_log", 0, [])):
            with self.subTest(field=field, value=value):
                self.refused({"task_id": "any", field: value}, 422, "UNPROCESSABLE", f'"{field}"', *words)
        self.refused({"task_id": "any", "input": "a", "input_base64": "YQ=="}, 422, "UNPROCESSABLE", "exclude")

    def test_wrong_values_for_a_task(self):
        task = self.sms.deploy(b"\0asm\1\0\0\0", "there", config={"limit.payload_bytes": "10"})
        self.refused({"task_id": task, "input_base64": "YQ="}, 400, "INVALID_REQUEST", "input_base64")
        self.refused({"task_id": task, "input_base64": "Y!=="}, 400, "INVALID_REQUEST", "offset")
        self.refused({"task_id": task, "environment": {"A=B": "c"}}, 422, "UNPROCESSABLE", "A=B")
        self.refused({"task_id": task, "environment": {"": "c"}}, 422, "UNPROCESSABLE", "environment")
        self.refused({"task_id": task, "environment": {"A": "x\0y"}}, 422, "UNPROCESSABLE", "NUL")
        self.refused({"task_id": task, "environment": {"A": 1}}, 422, "UNPROCESSABLE", "environment.A")
        self.refused({"task_id": task, "headers": {"A": None}}, 422, "UNPROCESSABLE", "headers.A")
        self.refused({"task_id": task, "environment": {f"V{i}": "" for i in range(1100)}}, 400, "INVALID_REQUEST", "1024")
        self.refused({"task_id": task, "input": "x" * 11}, 413, "PAYLOAD_TOO_LARGE", "11", "10")
        eleven = base64.b64encode(b"x" * 11).decode()
        self.refused({"task_id": task, "input_base64": eleven}, 413, "PAYLOAD_TOO_LARGE", "10")
        self.assertEqual(self.stats()["http"]["payload_bytes_held"], 0)

    def test_unknown_task(self):
        for key in ("nowhere", "b1c7a5f0-0000-4000-8000-000000000000", "with space", "ünïcode", "n" * 300, ""):
            with self.subTest(key):
                self.refused({"task_id": key}, 404, "TASK_NOT_FOUND", key[:100])

    def test_unknown_paths_and_methods(self):
        self.assert_problem(self.spearlet.request("GET", "/nothing"), 404, "NOT_FOUND")
        answer = self.spearlet.request("GET", "/functions/execute")
        self.assert_problem(answer, 405, "METHOD_NOT_ALLOWED")
        self.assertEqual(answer.headers["Allow"], "POST")


@needs_engine
@needs_guests("hello.wasm", "dump.wasm", "echo.wasm")
class Answers(spearlet_tool.SpearletTestCase):
    def test_all_members(self):
        task = self.deploy("hello.wasm")
        result = self.execute_ok(task, input="abc", invocation_id="inv-1", execution_id="exec_1.A", include_log=True)
        self.assertEqual(result["output"], "Hello, world!\nABC")
        self.assertEqual(output_of(result), b"Hello, world!\nABC")
        self.assertEqual((result["invocation_id"], result["execution_id"]), ("inv-1", "exec_1.A"))
        self.assertEqual((result["task_id"], result["task_name"]), (task, "hello"))
        self.assertIn("3 bytes of payload", result["log"])
        self.assertRegex(result["started_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertLessEqual(result["started_at"], result["completed_at"])
        self.assertGreater(result["duration_us"], result["timing_us"]["run"])
        self.assertNotIn("results", result)
        again = self.execute_ok("hello", input="abc")
        self.assertNotIn("log", again)
        self.assertNotEqual(again["execution_id"], result["execution_id"])
        self.refused({"task_id": task, "execution_id": "exec_1.A"}, 409, "CONFLICT", "exec_1.A")

    def test_binary_output_has_no_text(self):
        task = self.deploy("echo.wasm")
        content = bytes(range(256)) * 300
        result = self.execute_ok(task, input_base64=base64.b64encode(content).decode())
        self.assertEqual(output_of(result), content)
        self.assertNotIn("output", result)
        self.assertEqual(output_of(self.execute_ok(task)), b"")
        self.assertEqual(self.execute_ok(task, input="grüße\0!")["output"], "grüße\0!")

    def test_arguments_and_environment(self):
        task = self.deploy("dump.wasm", executable={"name": "prog", "args": ["one", "", "drei 3"],
                                                    "env": {"A": "task", "B": "task", "HTTP_X_FROM": "task"}})
        result = self.execute_ok(task, execution_id="e1", invocation_id="i1", input="12345", input_content_type="text/x",
                                 environment={"A": "request", "C": "x=y", "SPEAR_TASK_ID": "forged"},
                                 headers={"X-From": "caller", "Proxy": "evil", "Authorization": "secret", "Cookie": "k=v"})
        seen = json.loads(result["output"])
        self.assertEqual(seen["args"], ["prog", "one", "", "drei 3"])
        self.assertEqual(seen["stdin_bytes"], 5)
        self.assertEqual(seen["env"], {
            "A": "request", "B": "task", "C": "x=y", "HTTP_X_FROM": "caller", "HTTP_COOKIE": "k=v", "CONTENT_TYPE": "text/x",
            "SPEAR_TASK_ID": task, "SPEAR_EXECUTION_ID": "e1", "SPEAR_INVOCATION_ID": "i1"})

    def test_name_is_the_program_when_it_has_none(self):
        task = self.deploy("dump.wasm", "nameless", executable={"name": ""})
        self.assertEqual(json.loads(self.execute_ok(task)["output"])["args"], ["nameless"])

    def test_large_payload(self):
        task = self.deploy("echo.wasm")
        content = b"0123456789abcdef" * (1 << 16)
        result = self.execute_ok(task, input_base64=base64.b64encode(content * 8).decode())
        self.assertEqual(len(output_of(result)), 8 << 20)
        self.assertEqual(output_of(result), content * 8)


@needs_engine
@needs_guests("add.wasm", "counter.wasm", "bare_main.wasm", "no_entry.wasm", "hello.wasm")
class Entries(spearlet_tool.SpearletTestCase):
    def results(self, task, function, params, **members):
        return self.execute_ok(task, function_name=function, params=params, **members).get("results")

    def test_default_entry(self):
        hello, main = self.deploy("hello.wasm"), self.deploy("bare_main.wasm")
        for name in ("", "__spear_default_entry__", "_start"):
            self.assertEqual(self.execute_ok(hello, function_name=name)["output"], "Hello, world!\n")
        self.execute_error(hello, "InvalidRequest", "nothing_like_it", "_start", function_name="nothing_like_it")
        self.assertEqual(self.execute(main)["exit_code"], 10)  # main's result is its exit code; argv[0] is the task's name
        given = self.deploy("bare_main.wasm", "given", executable={"name": "a", "args": ["b", "c"]})
        self.assertEqual(self.execute(given)["exit_code"], 31)
        self.execute_error(self.deploy("no_entry.wasm"), "InvalidRequest")

    def test_typed_calls(self):
        task = self.deploy("add.wasm")
        self.assertEqual(self.results(task, "add", [2, 3]), [5])
        self.assertEqual(self.results(task, "add", [-2147483648, 4294967295]), [2147483647])
        self.assertEqual(self.results(task, "addi64", ["9007199254740993", 1]), ["9007199254740994"])
        self.assertEqual(self.results(task, "mulf64", [1.5, -2]), [-3])
        self.assertEqual(self.results(task, "mulf64", ["Infinity", -1]), ["-Infinity"])
        self.assertEqual(self.results(task, "halff32", [3]), [1.5])
        self.assertIn(self.results(task, "nothing", []), ([], None))

    def test_calls_that_do_not_fit(self):
        task = self.deploy("add.wasm")
        for function, params in (("add", [1]), ("add", [1, 2, 3]), ("add", ["a", 2]), ("add", [1.5, 2]), ("add", [1 << 33, 0]),
                                 ("add", [None, 1]), ("addi64", ["x", 1]), ("missing", [])):
            with self.subTest(function=function, params=params):
                result = self.execute_error(task, "InvalidRequest", function_name=function, params=params)
                self.assertIn("add", result["error"]["message"])  # the exports are listed

    def test_reactor_starts_anew(self):
        task = self.deploy("counter.wasm", config={"scale.max": "1"})
        for _ in range(3):
            self.assertEqual(self.results(task, "next", []), [101])
        self.assertEqual(self.execute_ok(task, function_name="add", params=[5])["output"], "count is 105\n")
        kept = self.deploy("counter.wasm", "kept", config={"scale.max": "1", "instance.reuse": "true"})
        self.assertEqual([self.results(kept, "next", [])[0] for _ in range(3)], [101, 102, 103])


@needs_engine
@needs_guests("exit3.wasm", "trap.wasm", "recurse.wasm", "spin.wasm", "sleep.wasm", "flood.wasm", "hog.wasm", "lines.wasm")
class Ends(spearlet_tool.SpearletTestCase):
    def test_exit_code(self):
        result = self.execute_error(self.deploy("exit3.wasm"), "RuntimeError", "3", include_log=True)
        self.assertEqual((result["status"], result["exit_code"]), ("failed", 3))
        self.assertEqual((result["output"], result["log"]), ("leaving with 3\n", "exit3: as asked\n"))

    def test_traps(self):
        result = self.execute_error(self.deploy("trap.wasm"), "RuntimeError", "unreachable")
        self.assertEqual((result["status"], result["output"], result["exit_code"]), ("failed", "about to trap\n", None))
        add = self.deploy("add.wasm")
        self.execute_error(add, "RuntimeError", "divide", function_name="div", params=[1, 0])
        self.execute_ok(add, function_name="div", params=[8, 2])
        # A sanitizer takes the fault for one of the worker's own.
        self.execute_error(self.deploy("recurse.wasm"), "RuntimeError", "" if harness.is_sanitized("spear-worker") else "stack")

    def test_deadline(self):
        spin = self.deploy("spin.wasm", config={"limit.time_ms": "200"})
        for members in ({}, {"timeout_ms": 60000}):  # a caller cannot raise the task's limit
            begun = time.monotonic()
            result = self.execute_error(spin, "ExecutionTimeout", **members)
            self.assertLess(time.monotonic() - begun, 10)
            self.assertEqual(result["status"], "timeout")
        patient = self.deploy("spin.wasm", "patient")
        self.execute_error(patient, "ExecutionTimeout", timeout_ms=100)
        self.wait_instances(0)  # the killed workers are gone
        answer = self.invoke(patient, headers={"x-timeout-ms": "100"})
        self.assert_problem(answer, 504, "EXECUTION_TIMEOUT")

    def test_deadline_while_waiting(self):
        task = self.deploy("sleep.wasm", config={"scale.max": "1"})
        self.execute_ok(task, input="1")
        first = harness.Together([lambda: self.execute_ok(task, input="1500")])
        self.wait_running()
        result = self.execute_error(task, "ExecutionTimeout", "waited", input="1", timeout_ms=100)
        self.assertIsNone(result["instance_id"])
        self.assertIsNone(result["started_at"])
        first.join()

    def test_output_limit(self):
        task = self.deploy("flood.wasm", config={"limit.output_bytes": "100000"}, executable={"args": ["100001"]})
        self.execute_error(task, "ResourceExhausted", "limit.output_bytes", "100000")
        exact = self.deploy("flood.wasm", "exact", config={"limit.output_bytes": "100000"}, executable={"args": ["100000"]})
        self.assertEqual(len(output_of(self.execute_ok(exact))), 100000)
        answer = self.invoke(task)
        self.assert_problem(answer, 500, "RESOURCE_EXHAUSTED", "limit.output_bytes")  # the guest's fault, not the node's
        self.assertIsNone(answer.headers.get("Retry-After"))

    def test_log_limit(self):
        task = self.deploy("flood.wasm", config={"limit.log_bytes": "5000"}, executable={"args": ["0", "6000"]})
        result = self.execute_ok(task, include_log=True)
        self.assertTrue(result["log_truncated"])
        self.assertLessEqual(len(result["log"]), 5000)

    def test_memory_limit(self):
        task = self.deploy("hog.wasm", config={"limit.memory_bytes": str(32 << 20)})
        text = self.execute_ok(task)["output"]
        self.assertTrue(20 <= int(text.split()[0]) <= 32, text)

    def test_log_lines(self):
        task = self.deploy("lines.wasm", executable={"args": ["300"]})
        result = self.execute_ok(task, include_log=True)
        self.assertEqual(result["log"].count("line "), 300)
        log = harness.wait_until(lambda: self.spearlet.log() if "more lines" in self.spearlet.log() else None)
        self.assertIn("line 200", log)  # a chatty guest is cut off in the log, not in its record
        self.assertNotIn("line 201", log)


if __name__ == "__main__":
    harness.main()
