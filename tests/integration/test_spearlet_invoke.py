"""POST /tasks/{task}/invoke: body in, body out, header fields to the guest, failures as problems, the same through sms."""
import json

import harness
import spearlet_tool
from spearlet_tool import needs_engine, needs_guests

MIB = 1 << 20


@needs_engine
@needs_guests("hello.wasm", "echo.wasm", "dump.wasm", "add.wasm", "exit3.wasm", "trap.wasm", "sleep.wasm")
class Invoke(spearlet_tool.SpearletTestCase):
    def test_answer(self):
        task = self.deploy("hello.wasm", config={"http.content_type": "text/plain; charset=utf-8"})
        for key in (task, "hello"):
            answer = self.invoke(key, b"abc")
            self.assertEqual((answer.status, answer.body), (200, b"Hello, world!\nABC"))
            self.assertEqual(answer.headers["Content-Type"], "text/plain; charset=utf-8")
            self.assertRegex(answer.headers["Server-Timing"], r"^queue;dur=\d+\.\d+, start;dur=\d+\.\d+, "
                             r"instantiate;dur=\d+\.\d+, run;dur=\d+\.\d+, code;desc=interpreter$")
            record = self.spearlet.request("GET", "/functions/executions/" + answer.headers["x-execution-id"]).json()
            self.assertEqual((record["status"], record["instance_id"]), ("completed", answer.headers["x-instance-id"]))

    def test_default_content_type_and_empty_output(self):
        self.deploy("echo.wasm")
        answer = self.invoke("echo")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.headers["Content-Type"], "application/octet-stream")

    def test_bodies(self):
        self.deploy("echo.wasm", config={"limit.payload_bytes": str(2 * MIB), "limit.output_bytes": str(2 * MIB)})
        content = bytes(i * 7 % 256 for i in range(65536)) * 32
        self.assertEqual(self.invoke("echo", content).body, content)
        self.assertEqual(self.invoke("echo", iter([content[:10], content[10:]])).body, content)
        self.assert_problem(self.invoke("echo", content + b"x"), 413, "PAYLOAD_TOO_LARGE", "limit.payload_bytes", "2097152")
        self.assert_problem(self.invoke("echo", iter([content, b"x"])), 413, "PAYLOAD_TOO_LARGE")
        with self.spearlet.raw() as raw:  # announced, refused, and never sent
            raw.head("POST", "/tasks/echo/invoke", {"Content-Length": 200 * MIB, "Expect": "100-continue"})
            self.assertEqual(raw.response("POST").status, 413)
        with self.spearlet.raw() as raw:  # cut off in the middle
            raw.head("POST", "/tasks/echo/invoke", {"Content-Length": 1000})
            raw.send(b"x" * 10)
        harness.wait_until(lambda: self.stats()["http"]["payload_bytes_held"] == 0)
        self.assertEqual(self.invoke("echo", b"still here").body, b"still here")

    def test_environment(self):
        task = self.deploy("dump.wasm", executable={"env": {"HTTP_ACCEPT": "task", "PLAIN": "kept"}})
        with self.spearlet.raw() as raw:
            raw.send("POST /tasks/dump/invoke?a=1&b=%20x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Type: text/x\r\n"
                     "Accept: one\r\nX-Many: 1\r\nx-many: 2\r\nCookie: a=1\r\nCookie: b=2\r\nProxy: evil\r\n"
                     "Authorization: secret\r\nProxy-Authorization: secret\r\nX_Under: hidden\r\nTE: trailers\r\n"
                     "Connection: keep-alive\r\nX-Empty:\r\n\r\nabc")
            answer = raw.response("POST")
        env = answer.json()["env"]
        ids = {name: env.pop(name) for name in ("SPEAR_TASK_ID", "SPEAR_EXECUTION_ID", "SPEAR_INVOCATION_ID")}
        self.assertEqual((ids["SPEAR_TASK_ID"], ids["SPEAR_EXECUTION_ID"]), (task, answer.headers["x-execution-id"]))
        self.assertEqual(env, {
            "PLAIN": "kept", "REQUEST_METHOD": "POST", "QUERY_STRING": "a=1&b=%20x", "CONTENT_TYPE": "text/x",
            "CONTENT_LENGTH": "3", "HTTP_HOST": "h", "HTTP_ACCEPT": "one", "HTTP_X_MANY": "1, 2", "HTTP_COOKIE": "a=1; b=2",
            "HTTP_X_EMPTY": ""})

    def test_typed_calls(self):
        self.deploy("add.wasm")
        answer = self.invoke("add", headers={"x-function": "add", "x-params": "[2, 3]"})
        self.assertEqual((answer.status, answer.headers["Content-Type"], answer.json()), (200, "application/json", [5]))
        answer = self.invoke("add", headers={"x-function": "add", "x-params": "[2]"})
        self.assert_problem(answer, 400, "INVALID_REQUEST", "add")
        self.assertEqual(answer.json()["kind"], "InvalidRequest")

    def test_wrong_header_fields(self):
        self.deploy("hello.wasm")
        for headers, word in (({"x-params": "{}"}, "array"), ({"x-params": "[1"}, "x-params"), ({"x-timeout-ms": "0"}, "0"),
                              ({"x-timeout-ms": "1s"}, "1s"), ({"x-timeout-ms": "-1"}, "-1"),
                              ({"x-function": "f" * 2000}, "x-function")):
            self.assert_problem(self.invoke("hello", headers=headers), 400, "INVALID_REQUEST", word)
        self.assert_problem(self.invoke("nothing"), 404, "TASK_NOT_FOUND", "nothing")
        self.assert_problem(self.invoke("n" * 400), 404, "TASK_NOT_FOUND")
        self.assert_problem(self.spearlet.request("GET", "/tasks/hello/invoke"), 405, "METHOD_NOT_ALLOWED")

    def test_failures(self):
        self.deploy("exit3.wasm")
        answer = self.invoke("exit3")
        body = self.assert_problem(answer, 500, "RUNTIME_ERROR", "3")
        self.assertEqual((body["kind"], body["exit_code"], body["execution_id"]),
                         ("RuntimeError", 3, answer.headers["x-execution-id"]))
        self.deploy("trap.wasm")
        body = self.assert_problem(self.invoke("trap"), 500, "RUNTIME_ERROR", "unreachable")
        self.assertIsNone(body["exit_code"])
        record = self.spearlet.request("GET", f"/functions/executions/{body['execution_id']}?include_output=true").json()
        self.assertEqual((record["output"], record["error"]["code"]), ("about to trap\n", "RuntimeError"))

    def test_async_preference(self):
        self.deploy("sleep.wasm")
        answer = self.invoke("sleep", b"50", {"Prefer": "wait=10, respond-async"})
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(answer.headers["Preference-Applied"], "respond-async")
        body = answer.json()
        self.assertEqual((body["success"], body["status"]), (True, "pending"))
        self.assertEqual(answer.headers["Location"], "/functions/executions/" + body["execution_id"])
        path = answer.headers["Location"] + "?include_output=true"
        record = harness.wait_until(lambda: (lambda r: r if r["status"] == "completed" else None)(
            self.spearlet.request("GET", path).json()))
        self.assertEqual(record["output"], "slept 50\n")
        self.wait_registered()
        relayed = self.sms.request("POST", "/api/v1/tasks/sleep/invoke", b"50", {"Prefer": "respond-async"})
        self.assertEqual((relayed.status, relayed.headers["Location"]),
                         (202, f"http://{self.spearlet.address}/functions/executions/{relayed.json()['execution_id']}"))

    def test_client_that_goes_away(self):
        self.deploy("sleep.wasm", config={"scale.max": "1"})
        with self.spearlet.raw() as raw:
            raw.head("POST", "/tasks/sleep/invoke", {"Content-Length": 3})
            raw.send(b"400")
            self.wait_running()
            raw.reset()
        executions = lambda: self.spearlet.request("GET", "/tasks/sleep/executions").json()["executions"]
        harness.wait_until(lambda: executions()[0]["status"] == "completed")
        self.assertEqual(self.invoke("sleep", b"1").body, b"slept 1\n")
        self.assertEqual(self.stats()["http"]["payload_bytes_held"], 0)

    def test_pipelined(self):
        self.deploy("echo.wasm")
        with self.spearlet.raw() as raw:
            for word in (b"one", b"two", b"three"):
                raw.head("POST", "/tasks/echo/invoke", {"Content-Length": len(word)})
                raw.send(word)
            self.assertEqual([raw.response("POST").body for _ in range(3)], [b"one", b"two", b"three"])

    def test_through_sms(self):
        self.deploy("echo.wasm")
        self.deploy("dump.wasm")
        self.deploy("exit3.wasm")
        self.wait_registered()
        relay = lambda task, body=b"", headers=None, query="": self.sms.request(
            "POST", f"/api/v1/tasks/{task}/invoke{query}", body, headers)
        content = b"0123456789" * 300000
        self.assertEqual(relay("echo", content).body, content)
        self.assertEqual(relay("echo", iter([content, b"!"])).body, content + b"!")
        seen = json.loads(relay("dump", b"", {"x-one": "1"}, "?q=2").body)
        self.assertEqual((seen["env"]["HTTP_X_ONE"], seen["env"]["QUERY_STRING"]), ("1", "q=2"))
        answer = relay("exit3")
        self.assertEqual(self.assert_problem(answer, 500, "RUNTIME_ERROR")["exit_code"], 3)
        self.assertTrue(answer.headers["x-execution-id"])


class Budget(spearlet_tool.SpearletTestCase):
    options = ("--payload-memory-max", "1MiB")

    def test_bodies_at_hand_are_bounded(self):
        self.sms.deploy(b"\0asm\1\0\0\0", "any")
        self.invoke("any")
        holders = [self.spearlet.raw() for _ in range(2)]
        for raw in holders:
            raw.head("POST", "/tasks/any/invoke", {"Content-Length": 600000})
            raw.send(b"x" * 500000)
        harness.wait_until(lambda: self.stats()["http"]["payload_bytes_held"] == 1000000)
        answer = self.invoke("any", b"y" * 100000)
        self.assert_problem(answer, 503, "RESOURCE_EXHAUSTED", "payload-memory-max")
        self.assertEqual(answer.headers["Retry-After"], "1")
        for raw in holders:
            raw.close()
        harness.wait_until(lambda: self.stats()["http"]["payload_bytes_held"] == 0)
        self.assertNotEqual(self.invoke("any", b"y" * 100000).status, 503)


if __name__ == "__main__":
    harness.main()
