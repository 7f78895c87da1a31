"""Output that reaches the client while the guest writes it: through sms and directly, to slow clients and to none."""
import http.client
import os
import socket

import harness
import spearlet_tool
from spearlet_tool import needs_engine, needs_guests

MIB = 1 << 20
BIG = 100 * 1000 * 1000
STREAM = {"http.stream": "true"}


class Stream:
    """An answer that is read piece by piece."""

    def __init__(self, address, method, path, headers=None, receive_bytes=None, body=None):
        self.connection = http.client.HTTPConnection(*harness.split_address(address), timeout=60)
        if receive_bytes:
            self.connection.sock = socket.socket()
            self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            self.connection.sock.settimeout(60)
            self.connection.sock.connect(harness.split_address(address))
        self.connection.request(method, path, body=body, headers=headers or {})
        self.answer = self.connection.getresponse()
        self.status, self.headers = self.answer.status, self.answer.headers
        self.id = self.headers.get("x-execution-id")

    def line(self):
        return self.answer.readline()

    def rest(self):
        """Everything to the end; raises IncompleteRead when it is cut."""
        return self.answer.read()

    def close(self):
        self.answer.close()
        self.connection.close()


def big_bytes():
    block = [bytes([ord("a") + i % 26]) * 65536 for i in range(-(-BIG // 65536))]
    return b"".join(block)[:BIG]


@needs_engine
@needs_guests("trickle.wasm", "echo.wasm", "sleep.wasm", "start_traps.wasm", "add.wasm", "dump.wasm")
class Streaming(spearlet_tool.SpearletTestCase):
    def setUp(self):
        super().setUp()
        self.wait_registered()

    def guest(self, *arguments, name="s", config=STREAM, **members):
        return self.deploy("trickle.wasm", name, endpoint="at/" + name, config=dict(config),
                           executable={"args": [str(one) for one in arguments]}, **members)

    def open(self, way="direct", name="s", headers=None, method="POST", **options):
        address, path = {"direct": (self.spearlet.address, f"/tasks/{name}/invoke"),
                         "relayed": (self.sms.address, f"/api/v1/tasks/{name}/invoke"),
                         "trigger": (self.sms.address, f"/e/at/{name}")}[way]
        stream = Stream(address, method, path, headers, **options)
        self.addCleanup(stream.close)
        return stream

    def record(self, stream):
        return self.spearlet.request("GET", "/functions/executions/" + stream.id).json()

    def wait_status(self, stream, status):
        harness.wait_until(lambda: self.record(stream)["status"] == status, what=f"an execution that is {status}")

    def worker_of(self, stream):
        return next(one["pid"] for one in self.instances() if one["instance_id"] == stream.headers["x-instance-id"])

    def wait_blocked(self, pid):
        """Until the process has used no processor time for 50 looks."""
        seen = []

        def look():
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
            seen.append((fields[0], fields[11], fields[12]))
            return len(seen) > 50 and fields[0] == "S" and len(set(seen[-50:])) == 1
        harness.wait_until(look, what="a guest that waits")

    # ---- while it is written

    def test_a_line_comes_before_the_guest_goes_on(self):
        """The guest writes one line and then waits for ever: who has the line did not wait for the end."""
        for way in ("direct", "relayed", "trigger"):
            with self.subTest(way=way):
                self.guest("wait", name="wait-" + way)
                stream = self.open(way, "wait-" + way)
                self.assertEqual((stream.status, stream.line()), (200, b"begun\n"))
                self.assertEqual(stream.headers["Transfer-Encoding"], "chunked")
                self.assertEqual(self.record(stream)["status"], "running")
                self.assertEqual(self.spearlet.request("POST", f"/functions/executions/{stream.id}/cancel").status, 200)
                self.assertRaises(http.client.IncompleteRead, stream.rest)
                self.wait_status(stream, "terminated")

    def test_lines(self):
        self.guest("lines", 20, 5)
        for way in ("direct", "relayed", "trigger"):
            stream = self.open(way)
            for i in range(20):
                self.assertEqual(stream.line(), b"line %d\n" % i)
            self.assertEqual(stream.rest(), b"")
            self.wait_status(stream, "completed")
            self.assertNotIn("output_base64", {k for k, v in self.record(stream).items() if v})

    def test_who_wants_a_stream(self):
        self.guest("lines", 2, 0, name="plain", config={"http.content_type": "text/plain"})
        for headers, chunked, kind in (({}, False, "text/plain"), ({"x-stream": "true"}, True, "text/plain"),
                                       ({"x-stream": "false"}, False, "text/plain"), ({"Accept": "text/html, */*"}, False, "text/plain"),
                                       ({"Accept": "text/html, text/event-stream;q=0.9"}, True, "text/event-stream")):
            with self.subTest(headers=headers):
                stream = self.open("relayed", "plain", headers)
                self.assertEqual(stream.headers.get("Transfer-Encoding") == "chunked", chunked)
                self.assertEqual(stream.headers["Content-Type"], kind)
                self.assertEqual(stream.headers.get("Cache-Control"), "no-store" if "event" in kind else None)
                self.assertEqual(stream.rest(), b"line 0\nline 1\n")

    def test_events(self):
        self.guest("wait", config={})
        stream = self.open("trigger", headers={"Accept": "text/event-stream"}, method="GET")
        self.assertEqual((stream.headers["Content-Type"], stream.line()), ("text/event-stream", b"begun\n"))
        self.assertEqual(self.record(stream)["status"], "running")

    def test_methods_and_versions(self):
        self.guest("lines", 3, 1)
        head = self.open("trigger", method="HEAD")
        self.assertEqual((head.status, head.rest()), (200, b""))
        with self.spearlet.raw() as raw:
            raw.send("POST /tasks/s/invoke HTTP/1.0\r\n\r\n")
            answer = raw.read_all()
        self.assertTrue(answer.endswith(b"\r\n\r\nline 0\nline 1\nline 2\n"), answer)
        answer = self.invoke("s", headers={"Prefer": "respond-async"})
        self.assertEqual(answer.status, 202)

    def test_nothing_and_typed(self):
        self.deploy("echo.wasm", config=STREAM)
        self.deploy("add.wasm", config=STREAM)
        answer = self.invoke("echo")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(self.invoke("echo", b"abc").body, b"abc")
        answer = self.invoke("add", headers={"x-function": "add", "x-params": "[1,2]"})
        self.assertEqual((answer.status, answer.json(), answer.headers["Content-Type"]), (200, [3], "application/json"))

    # ---- header fields of the guest

    def test_cgi(self):
        self.guest("cgi", 3, 1, config={"http.cgi": "true", **STREAM})
        for way in ("direct", "trigger"):
            stream = self.open(way)
            self.assertEqual((stream.status, stream.headers["X-Own"], stream.headers["Content-Type"]), (203, "yes", "text/x-own"))
            self.assertEqual(stream.rest(), b"line -1\nline 0\nline 1\nline 2\n")

    def test_bad_cgi_ends_the_guest(self):
        self.guest("badcgi", config={"http.cgi": "true", **STREAM})
        for way in ("direct", "trigger"):
            answer = harness.request(self.sms.address if way == "trigger" else self.spearlet.address, "POST",
                                     "/e/at/s" if way == "trigger" else "/tasks/s/invoke")
            self.assert_problem(answer, 502, "BAD_GATEWAY", "line 1", "no fields")
        self.wait_instances(0)

    def test_cgi_that_ends_too_early_or_is_too_long(self):
        self.deploy("echo.wasm", "cgi", config={"http.cgi": "true", **STREAM})
        self.assert_problem(self.invoke("cgi", b""), 502, "BAD_GATEWAY", "nothing")
        self.assert_problem(self.invoke("cgi", b"Status: 200\n"), 502, "BAD_GATEWAY", "ends before the empty line")
        self.assert_problem(self.invoke("cgi", b"X: " + b"a" * MIB), 502, "BAD_GATEWAY", "32768")
        answer = self.invoke("cgi", b"Status: 201\nContent-Length: 3\n\nabc")
        self.assertEqual((answer.status, answer.body, answer.headers["Content-Length"]), (201, b"abc", "3"))
        for body in (b"Status: 200\nContent-Length: 3\n\nab", b"Status: 200\nContent-Length: 3\n\nabcd"):
            with self.spearlet.raw() as raw:
                raw.head("POST", "/tasks/cgi/invoke", {"Content-Length": len(body)})
                raw.send(body)
                answer = raw.read_all()  # the connection is cut
            self.assertFalse(answer.endswith(b"\nabc"), answer)

    # ---- failures

    def test_a_failure_before_the_first_byte_is_a_problem(self):
        self.deploy("start_traps.wasm", "traps", config=STREAM)
        self.assert_problem(self.invoke("traps"), 500, "RUNTIME_ERROR", "unreachable")
        self.deploy("dump.wasm", config=STREAM)
        self.assert_problem(self.invoke("dump", headers={"x-function": "nope"}), 400, "INVALID_REQUEST")

    def test_a_failure_after_it_cuts_the_answer(self):
        for how in ("trap", "exit"):
            self.guest(how, name=how)
            for way in ("direct", "relayed"):
                stream = self.open(way, how)
                self.assertEqual(stream.line(), b"begun\n")
                self.assertRaises(http.client.IncompleteRead, stream.rest)
                self.wait_status(stream, "failed")

    def test_the_deadline_cuts_the_answer(self):
        self.guest("wait", config={"limit.time_ms": "300", **STREAM})
        stream = self.open("relayed")
        self.assertEqual(stream.line(), b"begun\n")
        self.assertRaises(http.client.IncompleteRead, stream.rest)
        self.wait_status(stream, "timeout")

    def test_a_worker_that_is_killed_cuts_the_answer(self):
        self.guest("wait")
        stream = self.open()
        self.assertEqual(stream.line(), b"begun\n")
        os.kill(self.worker_of(stream), 9)
        self.assertRaises(http.client.IncompleteRead, stream.rest)
        self.wait_status(stream, "failed")

    # ---- limits

    def test_the_output_limit_is_a_window(self):
        for limit in ("1", "1000", "65537"):
            self.guest("bytes", 20000 if limit == "1" else 300000, name="w" + limit, config={"limit.output_bytes": limit, **STREAM})
            stream = self.open(name="w" + limit)
            self.assertEqual(stream.rest(), big_bytes()[:20000 if limit == "1" else 300000])
        self.guest("bytes", 1, name="none", config={"limit.output_bytes": "0", **STREAM})
        self.assert_problem(self.invoke("none"), 500, "RESOURCE_EXHAUSTED", "limit.output_bytes")

    def test_many_tiny_writes(self):
        self.guest("tiny", 20000)
        self.assertEqual(self.open().rest(), bytes(ord("a") + i % 26 for i in range(20000)))

    # ---- slow clients, and none

    def test_a_slow_client_holds_the_guest_and_no_memory(self):
        self.guest("bytes", BIG, config={"limit.time_ms": "120000", **STREAM})
        for way in ("direct", "trigger"):
            with self.subTest(way=way):
                before = [one.rss_kib() for one in (self.sms, self.spearlet)]
                stream = self.open(way, receive_bytes=65536)
                first = stream.answer.read(10)
                self.wait_blocked(self.worker_of(stream))
                self.assertEqual(self.record(stream)["status"], "running")
                rest = stream.rest()
                self.assertTrue(first + rest == big_bytes())
                self.wait_status(stream, "completed")
                if not harness.is_sanitized():
                    for daemon, kib in zip((self.sms, self.spearlet), before):
                        self.assertLess(daemon.rss_peak_kib(), kib + 16 * 1024, daemon.name)

    def test_a_client_that_goes_ends_the_guest(self):
        self.guest("wait", name="quiet")
        self.guest("bytes", 100 * BIG, name="loud")
        for way in ("direct", "relayed", "trigger"):
            for name in ("quiet", "loud"):
                with self.subTest(way=way, name=name):
                    stream = self.open(way, name)
                    stream.answer.read(6)
                    pid = self.worker_of(stream)
                    stream.close()
                    self.wait_status(stream, "terminated")
                    harness.wait_until(lambda: not os.path.exists(f"/proc/{pid}"), what="the worker's end")

    def test_a_client_that_went_while_nothing_was_sent(self):
        self.deploy("sleep.wasm", "sleep", config=STREAM)
        connection = http.client.HTTPConnection(*harness.split_address(self.spearlet.address))
        connection.request("POST", "/tasks/sleep/invoke", body=b"600000")
        self.wait_running()
        connection.close()
        # An instance that had not taken the request yet is idle, one that had is gone.
        harness.wait_until(lambda: self.stats()["executions"]["running"] == 0 and all(i["state"] == "ready" for i in self.instances()))

    def test_a_task_deleted_in_mid_stream(self):
        """Its instance is told to stop while the guest waits for room: it stops after the invocation."""
        task = self.guest("bytes", 10 * MIB)
        stream = self.open(receive_bytes=65536)
        first = stream.answer.read(10)
        pid = self.worker_of(stream)
        self.wait_blocked(pid)
        self.assertEqual(self.spearlet.request("DELETE", "/tasks/" + task).status, 200)
        self.assertTrue(first + stream.rest() == big_bytes()[:10 * MIB])
        harness.wait_until(lambda: not os.path.exists(f"/proc/{pid}"), what="the worker's end")

    def test_many_at_once(self):
        self.guest("bytes", 2 * MIB, config={"scale.max": "4", "limit.time_ms": "60000", **STREAM})
        expected = big_bytes()[:2 * MIB]
        results = harness.together(*[lambda: Stream(self.sms.address, "GET", "/e/at/s").rest() == expected] * 24)
        self.assertTrue(all(results))

    def test_nothing_is_left(self):
        self.guest("lines", 3, 0)
        for _ in range(3):
            self.open().rest()
        fds = len(self.spearlet.fds())
        for _ in range(50):
            Stream(self.spearlet.address, "POST", "/tasks/s/invoke").close()
        harness.wait_until(lambda: self.stats()["executions"]["running"] == 0 if "executions" in self.stats() else True)
        harness.wait_until(lambda: len(self.spearlet.fds()) <= fds + 8, what="few descriptors")


if __name__ == "__main__":
    harness.main()
