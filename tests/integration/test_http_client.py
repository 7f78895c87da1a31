"""Tests net/http_client through the test server's relay: streaming with backpressure, and everything the other side may
do wrong. The other side is a second test server, or a socket here that answers raw bytes.
"""
import os
import select
import socket
import threading
import time

import harness
from http_test import BIG, TestServer, Wire, get, post


class Upstream:
    """Listens and runs `serve(connection)` for each connection in a thread."""

    def __init__(self, serve):
        self.serve = serve
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.open = []
        self.connections = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(connection)
            threading.Thread(target=self.run, args=(connection,), daemon=True).start()

    def run(self, connection):
        try:
            self.serve(connection)
        except OSError:
            pass

    def close(self):
        self.socket.close()
        for connection in self.open:
            connection.close()


def read_head(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return data
        data += part
    return data


def raw(answer, reset=False):
    """Reads a request's head, answers these bytes, closes."""

    def serve(connection):
        read_head(connection)
        connection.sendall(answer)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.close()

    return serve


class ClientCase(harness.SpearTestCase):
    def upstream(self, serve):
        upstream = Upstream(serve)
        self.addCleanup(upstream.close)
        return upstream

    def relay(self, address, *arguments):
        return self.start(TestServer("--upstream", address, *arguments))

    def wire(self, server, **options):
        wire = Wire(server.address, **options)
        self.addCleanup(wire.close)
        return wire

    def assert_failure(self, answer, kind, *words):
        self.assertEqual(answer.status, 502, answer)
        self.assertTrue(answer.json()["detail"].startswith(kind + ": "), answer.json())
        for word in words:
            self.assertIn(word, answer.json()["detail"])


class Relaying(ClientCase):
    def setUp(self):
        self.server = self.start(TestServer())
        self.front = self.relay(self.server.address)

    def test_answers_and_reuse(self):
        wire = self.wire(self.front)
        for _ in range(100):
            wire.send(get("/proxy/static") + post("/proxy/echo", "abc"))
            self.assertEqual([wire.answer().body, wire.answer().body], [b"hello\n", b"abc"])
        self.assertEqual(self.front.request("GET", "/proxy/nothing").status, 404)
        self.assertLess(self.server.request("GET", "/counts").json()["connections_open"], 8)
        wire.send("HEAD /proxy/static HTTP/1.1\r\nHost: a\r\n\r\n" + get("/proxy/status?code=204"))
        self.assertEqual(wire.answer(head=True).header("content-length"), b"6")
        self.assertEqual(wire.answer().status, 204)

    def test_bodies(self):
        wire = self.wire(self.front)
        data = os.urandom(BIG)

        def with_length():
            wire.send(f"POST /proxy/echo HTTP/1.1\r\nHost: a\r\nContent-Length: {BIG}\r\n\r\n")
            wire.send(data)

        def chunked():
            wire.send("POST /proxy/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for start in range(0, BIG, 100000):
                wire.send(b"%x\r\n%s\r\n" % (len(data[start:start + 100000]), data[start:start + 100000]))
            wire.send("0\r\n\r\n")

        for send in (with_length, chunked):
            _, answer = harness.together(send, wire.answer)
            self.assertTrue(answer.body == data)
        for size in (0, 1, 1000, BIG):
            wire.send(get(f"/proxy/stream?bytes={size}") + get(f"/proxy/large?bytes={size}"))
            self.assertEqual([len(wire.answer().body), len(wire.answer().body)], [size, size])

    def test_many_at_once(self):
        def one(number):
            def run():
                wire = Wire(self.front.address)
                for turn in range(20):
                    body = f"{number}/{turn} " * 2000
                    wire.send(post("/proxy/echo", body))
                    self.assertEqual(wire.answer().body, body.encode())
                wire.close()
            return run

        harness.together(*[one(number) for number in range(16)])

    def test_backpressure_of_the_answer(self):
        wire = self.wire(self.front, receive_bytes=4096)
        before = self.front.rss_kib()
        wire.send(get("/proxy/stream?bytes=100000000&length=1"))
        self.assertEqual(wire.head()[0], 200)
        self.assertEqual(self.front.request("GET", "/static").status, 200)
        if not self.front.is_sanitized():
            self.assertLess(self.front.rss_kib() - before, 4096)
        self.assertEqual(len(wire.exactly(100000000)), 100000000)

    def test_backpressure_of_the_request(self):
        """The far sink pauses: the near client must stall, with little in the relay."""
        wire = self.wire(self.front)
        before = self.front.rss_kib()
        size = 60_000_000
        wire.send(f"POST /proxy/sink?pause=700&once=1 HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n")
        wire.socket.settimeout(0.3)
        sent = 0
        try:
            while sent < size:
                sent += wire.socket.send(b"x" * min(65536, size - sent))
        except TimeoutError:
            pass
        self.assertLess(sent, size)
        if not self.front.is_sanitized():
            self.assertLess(self.front.rss_kib() - before, 4096)
        wire.socket.settimeout(60)
        wire.send(b"x" * (size - sent))
        self.assertEqual(wire.answer().body, b"%d\n" % size)

    def test_client_that_goes(self):
        for path in ("/proxy/stream?bytes=100000000", "/proxy/hold"):
            wire = self.wire(self.front, receive_bytes=4096)
            wire.send(get(path))
            harness.wait_until(lambda: self.server.request("GET", "/counts").json()["connections_open"] > 1)
            wire.reset()
            harness.wait_until(lambda: self.front.request("GET", "/counts").json()["connections_open"] == 1)
        self.server.request("GET", "/release")

    def test_upload_refused_early(self):
        wire = self.wire(self.front)
        wire.send("POST /proxy/sink?max=10 HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n")
        wire.send("x" * 500000)
        self.assertEqual(wire.answer().status, 413)

    def test_broken_off_answers(self):
        for path in ("/proxy/stream?bytes=100000&cut=1", "/proxy/stream?bytes=100000&length=1&short=1"):
            wire = self.wire(self.front)
            wire.send(get(path))
            with self.assertRaises((EOFError, ConnectionResetError)):
                wire.answer()


class Failures(ClientCase):
    def answer_of(self, serve, *arguments, request=None):
        front = self.relay(self.upstream(serve).address, *arguments)
        return front.request("GET", "/proxy/x") if request is None else request(front)

    def test_refused(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            front = self.relay("127.0.0.1:%d" % taken.getsockname()[1])
            self.assert_failure(front.request("GET", "/proxy/x"), "connect", "/x", "GET")
            self.assert_failure(front.request("POST", "/proxy/x", b"abc"), "connect")

    def test_malformed_answers(self):
        for answer in (b"", b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\n",
                       b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
                       b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 0\r\n\r\n",
                       b"HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 0\r\n\r\n",
                       b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70000 + b"\r\nContent-Length: 0\r\n\r\n",
                       b"HTTP/1.1 200 OK\r\n" + b"A: bcdefgh\r\n" * 8000 + b"Content-Length: 0\r\n\r\n",
                       b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/2 200\r\n\r\n"):
            with self.subTest(answer[:50]):
                self.assert_failure(self.answer_of(raw(answer)), "broken")

    def test_interim_answers_are_skipped(self):
        answer = self.answer_of(raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                                    b"HTTP/1.1 201 Created\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok"))
        self.assertEqual((answer.status, answer.headers["X-A"], answer.headers["Link"], answer.body),
                         (201, "b", None, b"ok"))

    def test_trailers_and_redirects(self):
        answer = self.answer_of(raw(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nTransfer-Encoding: chunked\r\n"
                                    b"\r\n2\r\nok\r\n0\r\nX-Trailer: y\r\n\r\n"))
        self.assertEqual((answer.status, answer.headers["Location"], answer.headers["X-Trailer"], answer.body),
                         (302, "http://127.0.0.1:1/", None, b"ok"))

    def test_truncated_bodies(self):
        for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc",
                       b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                       b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"):
            for reset in (False, True):
                front = self.relay(self.upstream(raw(answer, reset)).address)
                with self.subTest((answer, reset)):
                    wire = self.wire(front)
                    wire.send(get("/proxy/x"))
                    try:
                        answer_seen = wire.answer()
                        self.assert_failure(answer_seen, "broken")  # a reset may overtake the head
                    except (EOFError, ConnectionResetError):
                        pass

    def test_total_timeout(self):
        started = time.monotonic()
        self.assert_failure(self.answer_of(lambda connection: read_head(connection), "--client-timeout", "300ms"),
                            "timeout")
        self.assertLess(time.monotonic() - started, 10)

    def test_idle_timeout(self):
        """Counts from the last byte: a slow answer passes, a silent one does not."""
        def trickle(connection):
            read_head(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
            for _ in range(20):
                select.select([], [], [], 0.05)
                connection.sendall(b"x")

        answer = self.answer_of(trickle, "--client-idle-timeout", "500ms")
        self.assertEqual((answer.status, answer.body), (200, b"x" * 20))

        def stall(connection):
            read_head(connection)
            connection.recv(1)

        self.assert_failure(self.answer_of(stall, "--client-idle-timeout", "300ms"), "timeout", "idle")

    def test_a_kept_connection_that_died(self):
        """A GET is repeated on a new connection. A POST that may have been acted on is not: it is `broken`."""
        served = []

        def serve(connection):
            while True:
                head = read_head(connection)
                if not head:
                    return
                served.append(head.split(b" ")[0])
                if len(served) in (2, 4):
                    connection.close()
                    return
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        upstream = self.upstream(serve)
        front = self.start(TestServer("--upstream", upstream.address, "--loops", "1"))
        self.assertEqual(front.request("GET", "/proxy/x").body, b"ok")
        self.assertEqual(front.request("GET", "/proxy/x").body, b"ok")  # the second one's connection closes
        self.assertEqual(served, [b"GET", b"GET", b"GET"])
        self.assert_failure(front.request("POST", "/proxy/x"), "broken")
        self.assertEqual(served, [b"GET", b"GET", b"GET", b"POST"])


if __name__ == "__main__":
    harness.main()
