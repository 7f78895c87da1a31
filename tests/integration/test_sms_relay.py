"""What sms does between a client and a node, with a node of the test's own making.

The real path, with a spearlet behind it, is tested in the suites of spearlet; here are the nodes that misbehave, the
header fields, streaming, and what a deletion tells the nodes.
"""
import http.server
import os
import select
import socket
import threading
import time

import harness

MIB = 1024 * 1024


class FakeNode:
    """Accepts connections and gives each request to `handler(request, connection)` on a thread."""

    def __init__(self, handler):
        self.handler = handler
        self.requests = []
        node = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                node.requests.append(self)
                node.handler(self)

            do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

            def body(self):
                if self.headers.get("Transfer-Encoding") == "chunked":
                    parts = []
                    while size := int(self.rfile.readline(), 16):
                        parts.append(self.rfile.read(size))
                        self.rfile.readline()
                    self.rfile.readline()
                    return b"".join(parts)
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

            def reply(self, status, body, **headers):
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # the other side may go at any time

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def echo(request):
    request.reply(200, request.body(), Content_Type="text/x-echo")


def refused_port():
    """A port that nobody listens on, kept from others while the test runs."""
    keeper = socket.socket()
    keeper.bind(("127.0.0.1", 0))
    return keeper


class RelayCase(harness.SpearTestCase):
    def setUp(self):
        self.sms = self.start(harness.Sms())
        self.task_id = self.sms.register("task", "sms+file://abc", config={"limit.payload_bytes": str(64 * MIB)})

    def node(self, handler):
        node = FakeNode(handler)
        self.addCleanup(node.close)
        self.register(node.port)
        return node

    def register(self, port):
        answer = self.sms.request("POST", "/api/v1/nodes", {"ip_address": "127.0.0.1", "port": port})
        self.assertEqual(answer.status, 200)
        return answer.json()["node_uuid"]

    def invoke(self, body=b"", headers=None, task="task", query=""):
        return self.sms.request("POST", f"/api/v1/tasks/{task}/invoke{query}", body, headers)

    def relays_running(self):
        for line in self.sms.request("GET", "/metrics").text().splitlines():
            if line.startswith("sms_relays_running "):
                return int(line.split()[1])
        return None


class Relay(RelayCase):
    def test_by_name_and_by_id(self):
        node = self.node(echo)
        for task in ("task", self.task_id):
            answer = self.invoke(b"payload", task=task)
            self.assertEqual((answer.status, answer.body), (200, b"payload"))
            self.assertEqual(answer.headers["Content-Type"], "text/x-echo")
            self.assertEqual(answer.headers["x-node-http-addr"], f"127.0.0.1:{node.port}")
        self.assertEqual({request.path for request in node.requests}, {f"/tasks/{self.task_id}/invoke"})

    def test_request_fields(self):
        node = self.node(echo)
        self.invoke(b"x", {"x-function": "main", "Content-Type": "text/plain", "Connection": "x-private, keep-alive",
                           "x-private": "secret", "Keep-Alive": "5", "TE": "trailers", "Upgrade": "h2c",
                           "Proxy-Connection": "keep-alive", "X-Forwarded-For": "10.0.0.1", "Via": "1.0 before",
                           "Cookie": "a=b"}, query="?a=1&b=%20")
        request = node.requests[0]
        self.assertEqual(request.path, f"/tasks/{self.task_id}/invoke?a=1&b=%20")
        for name, value in (("x-function", "main"), ("Content-Type", "text/plain"), ("Cookie", "a=b"),
                            ("X-Forwarded-For", "10.0.0.1, 127.0.0.1"), ("Via", "1.0 before, 1.1 sms"),
                            ("Host", f"127.0.0.1:{node.port}"), ("Content-Length", "1")):
            self.assertEqual(request.headers.get_all(name), [value], name)
        for name in ("x-private", "Keep-Alive", "TE", "Upgrade", "Proxy-Connection", "Transfer-Encoding"):
            self.assertIsNone(request.headers.get(name), name)

    def test_nothing_is_made_up(self):
        node = self.node(echo)
        self.invoke(b"")
        self.invoke(b"x" * 100000)
        for request in node.requests:
            self.assertLessEqual({name.lower() for name in request.headers},
                                 {"host", "content-length", "accept-encoding", "expect", "x-forwarded-for", "via"})

    def test_answer_fields(self):
        def handler(request):
            request.body()
            request.reply(200, b"", X_Execution_Id="e1", Connection="x-hop", X_Hop="1", Keep_Alive="5",
                          Server_Timing="run;dur=1", X_Node_Http_Addr="evil:1")
        self.node(handler)
        answer = self.invoke()
        self.assertEqual((answer.headers["x-execution-id"], answer.headers["Server-Timing"]), ("e1", "run;dur=1"))
        self.assertIn("1.1 sms", answer.headers["Via"])
        self.assertEqual(len(answer.headers.get_all("x-node-http-addr")), 1)
        for name in ("x-hop", "Keep-Alive"):
            self.assertIsNone(answer.headers.get(name))

    def test_statuses_come_through(self):
        def handler(request):
            status = int(request.body())
            request.reply(status, b"" if status in (204, 304) else b"body", Content_Type="application/problem+json")
        self.node(handler)
        for status in (200, 202, 204, 304, 400, 404, 413, 422, 500, 503, 504):
            answer = self.invoke(str(status).encode())
            self.assertEqual((answer.status, answer.body), (status, b"" if status in (204, 304) else b"body"))

    def test_sizes_both_ways(self):
        self.node(echo)
        for size in (0, 1, 65535, 65536, 65537, 200000, 5 * MIB):
            content = os.urandom(size)
            self.assertEqual(self.invoke(content).body, content, size)
            self.assertEqual(self.invoke(iter([content])).body, content, size)

    def test_many_at_once_are_not_mixed_up(self):
        self.node(echo)
        self.node(echo)

        def calls(thread):
            for n in range(10):
                content = b"%d-%d-" % (thread, n) * (1 + n * 3000)
                answer = self.invoke(content)
                if answer.body != content:
                    raise AssertionError(f"mixed up: {answer}")

        harness.together(*[lambda thread=thread: calls(thread) for thread in range(16)])
        self.assertEqual(self.relays_running(), 0)

    def test_streams_before_the_end(self):
        """The node answers byte for byte while the request is still being sent."""
        def handler(request):
            request.send_response_only(200)
            request.send_header("Transfer-Encoding", "chunked")
            request.end_headers()
            while size := int(request.rfile.readline(), 16):
                part = request.rfile.read(size)
                request.rfile.readline()
                request.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            request.wfile.write(b"0\r\n\r\n")
        self.node(handler)
        with self.sms.raw() as connection:
            connection.head("POST", "/api/v1/tasks/task/invoke", {"Transfer-Encoding": "chunked"})
            seen = b""
            for part in (b"first", b"second", b"third"):
                connection.send(b"%x\r\n%s\r\n" % (len(part), part))
                while part not in seen:
                    seen += connection.socket.recv(65536)
            connection.send(b"0\r\n\r\n")
            while not seen.endswith(b"0\r\n\r\n"):
                seen += connection.socket.recv(65536)

    def test_payload_limit(self):
        node = self.node(echo)
        self.sms.register("small", "sms+file://abc", config={"limit.payload_bytes": "1000"})
        self.assertEqual(self.invoke(b"x" * 1000, task="small").status, 200)
        self.assert_problem(self.invoke(b"x" * 1001, task="small"), 413, "PAYLOAD_TOO_LARGE", "limit.payload_bytes", "1000")
        before = len(node.requests)
        answer = self.invoke(iter([b"x" * 600, b"y" * 600]), task="small")
        self.assert_problem(answer, 413, "PAYLOAD_TOO_LARGE", "limit.payload_bytes")
        self.assertLessEqual(len(node.requests), before + 1)

    def test_slow_client_holds_the_node_back(self):
        """A node that sends 256 MiB to a client that does not read is stopped by TCP, not by our memory."""
        sent = []

        def handler(request):
            request.body()
            request.send_response_only(200)
            request.send_header("Content-Length", str(256 * MIB))
            request.end_headers()
            part = b"x" * MIB
            for _ in range(256):
                request.wfile.write(part)
                sent.append(len(part))
        self.node(handler)
        with self.sms.raw() as connection:
            connection.head("POST", "/api/v1/tasks/task/invoke", {"Content-Length": 0})
            before = -1
            while before != len(sent) or not sent:  # until it stands still
                before = len(sent)
                select.select([], [], [], 0.5)
            self.assertLess(len(sent), 128)
            if not harness.is_sanitized():
                self.assertLess(self.sms.rss_peak_kib(), 64 * 1024)
        harness.wait_until(lambda: self.relays_running() == 0)


class Trouble(RelayCase):
    def test_no_node(self):
        answer = self.invoke(b"x")
        self.assert_problem(answer, 503, "UNAVAILABLE", "spearlet")
        self.assertIn("Retry-After", answer.headers)

    def test_refused_connections_move_on(self):
        for _ in range(3):
            keeper = refused_port()
            self.addCleanup(keeper.close)
            self.register(keeper.getsockname()[1])
        node = self.node(echo)
        for size in (0, 10, 200000):
            content = os.urandom(size)
            answer = self.invoke(content)
            self.assertEqual((answer.status, answer.body), (200, content), answer)
            self.assertEqual(answer.headers["x-node-http-addr"], f"127.0.0.1:{node.port}")

    def test_all_refuse(self):
        keeper = refused_port()
        self.addCleanup(keeper.close)
        port = keeper.getsockname()[1]
        self.register(port)
        answer = self.invoke(b"x")
        self.assert_problem(answer, 503, "UNAVAILABLE", f"127.0.0.1:{port}")
        self.assertIn("Retry-After", answer.headers)

    def test_node_breaks_off_before_its_answer(self):
        node = self.node(lambda request: request.connection.shutdown(2))
        for body in (b"", b"x", b"x" * 200000):
            self.assert_problem(self.invoke(body), 502, "BAD_GATEWAY", f"127.0.0.1:{node.port}")
        self.assertEqual(len(node.requests), 3, "a request that may have been received is not repeated")

    def test_node_breaks_off_in_its_answer(self):
        def handler(request):
            request.body()
            request.send_response_only(200)
            request.send_header("Content-Length", "1000")
            request.end_headers()
            request.wfile.write(b"x" * 100)
            request.wfile.flush()
            request.connection.shutdown(2)
        self.node(handler)
        with self.sms.raw() as connection:
            connection.head("POST", "/api/v1/tasks/task/invoke", {"Content-Length": 0})
            text = connection.read_all()
        self.assertIn(b" 200 ", text)
        self.assertLess(len(text.partition(b"\r\n\r\n")[2]), 1000)
        harness.wait_until(lambda: "broken off" in self.sms.log())

    def test_node_talks_nonsense(self):
        def handler(request):
            request.wfile.write(b"no http at all\r\n\r\n")
            request.wfile.flush()
            request.connection.shutdown(2)
        self.node(handler)
        self.assert_problem(self.invoke(b"x"), 502, "BAD_GATEWAY")

    def test_early_answer_to_a_large_body(self):
        def handler(request):
            request.reply(413, b"too large", Connection="close")
            request.close_connection = True
        self.node(handler)
        for _ in range(5):
            answer = self.invoke(os.urandom(8 * MIB))
            self.assertIn(answer.status, (413, 502), answer)
        harness.wait_until(lambda: self.relays_running() == 0)

    def test_client_goes_in_mid_call(self):
        started, ended = threading.Event(), threading.Event()

        def handler(request):
            request.body()
            started.set()
            request.connection.settimeout(30)
            try:
                hung_up = request.connection.recv(1) == b""
            except ConnectionResetError:
                hung_up = True
            if hung_up:
                ended.set()
        self.node(handler)
        connection = self.sms.raw()
        connection.head("POST", "/api/v1/tasks/task/invoke", {"Content-Length": 1})
        connection.send(b"x")
        self.assertTrue(started.wait(30))
        connection.reset()
        self.assertTrue(ended.wait(30), "the call to the node was not cancelled")
        harness.wait_until(lambda: self.relays_running() == 0)

    def test_client_goes_in_mid_body(self):
        self.node(echo)
        for length, sent in ((1000, 10), (10 * MIB, 0), (10 * MIB, 3 * MIB)):
            for end in ("close", "reset"):
                connection = self.sms.raw()
                connection.head("POST", "/api/v1/tasks/task/invoke", {"Content-Length": length})
                connection.send(b"x" * sent)
                getattr(connection, end)()
        harness.wait_until(lambda: self.relays_running() == 0)
        self.assertEqual(self.invoke(b"well").body, b"well")

    def test_node_that_never_answers_is_given_up(self):
        release = threading.Event()
        self.addCleanup(release.set)
        self.node(lambda request: release.wait(60))
        self.sms.register("quick", "sms+file://abc", config={"limit.time_ms": "1"})
        began = time.monotonic()
        self.assert_problem(self.invoke(b"x", task="quick"), 504, "EXECUTION_TIMEOUT", "limit.time_ms")
        self.assertLess(time.monotonic() - began, 20)

    def test_drain_lets_a_relay_end(self):
        started, release = threading.Event(), threading.Event()

        def handler(request):
            body = request.body()
            started.set()
            release.wait(60)
            request.reply(200, body)
        self.node(handler)
        call = harness.Together([lambda: self.invoke(b"late")])
        self.assertTrue(started.wait(30))
        self.sms.signal(15)
        harness.wait_until(lambda: "draining" in self.sms.log())
        release.set()
        self.assertEqual(call.join()[0].body, b"late")
        self.assertEqual(self.sms.wait(), 0)


class Deletion(RelayCase):
    def test_online_nodes_are_told(self):
        nodes = [self.node(lambda request: request.reply(200, b"")) for _ in range(2)]
        self.assertEqual(self.sms.request("DELETE", "/api/v1/tasks/task").status, 200)
        for node in nodes:
            harness.wait_until(lambda node=node: node.requests)
            self.assertEqual((node.requests[0].command, node.requests[0].path), ("DELETE", f"/tasks/{self.task_id}"))

    def test_a_node_that_hangs_costs_nothing(self):
        release = threading.Event()
        self.addCleanup(release.set)
        self.node(lambda request: release.wait(60))
        began = time.monotonic()
        self.assertEqual(self.sms.request("DELETE", "/api/v1/tasks/task").status, 200)
        self.assertLess(time.monotonic() - began, 5)


if __name__ == "__main__":
    harness.main()
