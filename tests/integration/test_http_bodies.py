"""Tests of net/http_server beyond single requests: bodies both ways with backpressure and bounded memory, files,
100-continue, timeouts, aborts, the ceiling of connections, drain. Raw forms and order are in test_http_server.py.
"""
import hashlib
import os
import resource
import select
import signal
import socket
import time

import harness
from http_test import BIG, TestServer, Wire, get, post

CHUNKED = "Transfer-Encoding: chunked"


def post_head(path, *fields):
    return f"POST {path} HTTP/1.1\r\nHost: a\r\n" + "".join(field + "\r\n" for field in fields) + "\r\n"


class BodiesCase(harness.SpearTestCase):
    def serve(self, *arguments, **options):
        return self.start(TestServer(*arguments, **options))

    def wire(self, server, **options):
        wire = Wire(server.address, **options)
        self.addCleanup(wire.close)
        return wire

    def counts(self, server):
        """The server's own counters; `requests_total` without the requests that asked for them."""
        self.asked = getattr(self, "asked", 0) + 1
        counts = server.request("GET", "/counts").json()
        counts["requests_total"] -= self.asked
        return counts

    def wait_count(self, server, name, value):
        harness.wait_until(lambda: self.counts(server)[name] == value, what=f"{name} == {value}")

    def assert_small(self, server, before_kib, allowed_kib):
        if not server.is_sanitized():
            self.assertLess(server.rss_kib() - before_kib, allowed_kib)


class Streams(BodiesCase):
    def test_echo_both_framings(self):
        wire = self.wire(self.serve())
        data = os.urandom(BIG)

        def send_length():
            wire.send(post_head("/echo", f"Content-Length: {len(data)}"))
            wire.send(data)

        def send_chunks():
            wire.send(post_head("/echo", CHUNKED))
            for start in range(0, len(data), 70000):
                part = data[start:start + 70000]
                wire.send(b"%x;ext=1\r\n%s\r\n" % (len(part), part))
            wire.send("0\r\nTrailer: x\r\n\r\n")

        for send in (send_length, send_chunks):
            _, answer = harness.together(send, wire.answer)
            self.assertEqual(answer.header("transfer-encoding"), b"chunked")
            self.assertEqual(hashlib.sha256(answer.body).digest(), hashlib.sha256(data).digest())

    def test_stream_with_and_without_length(self):
        wire = self.wire(self.serve())
        for query in ("", "&length=1"):
            for size in (0, 1, 8192, BIG):
                wire.send(get(f"/stream?bytes={size}{query}"))
                self.assertEqual(len(wire.answer().body), size)

    def test_client_that_does_not_read(self):
        """The server holds back: memory stays small, and the stream is whole once the client reads."""
        server = self.serve()
        self.wire(server).send(get("/stream?bytes=1000000"))
        before = server.rss_kib()
        wires = [self.wire(server, receive_bytes=4096) for _ in range(20)]
        for wire in wires:
            wire.send(get("/stream?bytes=50000000"))
        for wire in wires:
            self.assertEqual(wire.head()[0], 200)
        self.assertEqual(server.request("GET", "/static").body, b"hello\n")
        self.assert_small(server, before, 20 * 700 + 4096)
        total = 0
        wire = wires[0]
        while True:
            size = int(wire.line(), 16)
            if size == 0:
                break
            total += len(wire.exactly(size))
            wire.exactly(2)
        self.assertEqual(total, 50000000)

    def test_echo_to_a_client_that_does_not_read(self):
        """Backpressure goes through the handler: what is not taken is not read either."""
        server = self.serve()
        before = server.rss_kib()
        wire = self.wire(server, receive_bytes=4096, timeout_s=1)
        wire.send(post_head("/echo", "Content-Length: 200000000"))
        sent = 0
        try:
            while sent < 200000000:
                sent += wire.socket.send(b"x" * 65536)
        except TimeoutError:
            pass
        self.assertLess(sent, 50_000_000)
        self.assert_small(server, before, 4096)

    def test_sink_that_pauses(self):
        """A paused sink: the client cannot send on, memory stays small, everything arrives in the end."""
        server = self.serve()
        wire = self.wire(server)
        before = server.rss_kib()
        size = 30_000_000
        wire.send(post_head("/sink?pause=500&once=1", f"Content-Length: {size}"))
        wire.socket.settimeout(0.2)
        sent = 0
        try:
            while sent < size:
                sent += wire.socket.send(b"x" * min(65536, size - sent))
        except TimeoutError:
            pass
        self.assertLess(sent, size)
        self.assert_small(server, before, 4096)
        wire.socket.settimeout(60)
        wire.send(b"x" * (size - sent))
        self.assertEqual(wire.answer().body, b"%d\n" % size)

    def test_sink_that_pauses_at_every_chunk(self):
        wire = self.wire(self.serve())
        for fields in (("Content-Length: 200000",), (CHUNKED,)):
            wire.send(post_head("/sink?pause=1", *fields))
            body = "x" * 200000
            wire.send(body if CHUNKED not in fields else "186a0\r\n" + body[:100000] + "\r\n186a0\r\n" + body[:100000]
                      + "\r\n0\r\n\r\n")
            self.assertEqual(wire.answer().body, b"200000\n")

    def test_body_asked_for_later(self):
        wire = self.wire(self.serve())
        wire.send(post("/sink?later=50", "x" * 1000) + post("/sink?later=50", "") + get("/static"))
        self.assertEqual([wire.answer().body for _ in range(3)], [b"1000\n", b"0\n", b"hello\n"])

    def test_a_lot_of_pipelined_bytes_are_not_read_ahead(self):
        server = self.serve()
        wire = self.wire(server, timeout_s=1)
        before = server.rss_kib()
        wire.send(get("/hold"))
        sent = 0
        try:
            while sent < 100_000_000:
                sent += wire.socket.send((get("/static") * 1000).encode())
        except TimeoutError:
            pass
        self.assertLess(sent, 50_000_000)
        self.assert_small(server, before, 4096)
        server.request("GET", "/release")
        wire.socket.settimeout(60)
        self.assertEqual([wire.answer().body, wire.answer().body], [b"released\n", b"hello\n"])

    def test_collect(self):
        server = self.serve()
        wire = self.wire(server)
        for size in (0, 1, 1000, 100000):
            wire.send(post("/collect?max=100000", "x" * size))
            self.assertEqual(len(wire.answer().body), size)
        wire.send(post_head("/collect?max=3", CHUNKED) + "3\r\nabc\r\n0\r\n\r\n")
        self.assertEqual(wire.answer().body, b"abc")

    def test_collect_too_large(self):
        server = self.serve()
        for request in (post_head("/collect?max=1000", "Content-Length: 200000000"),
                        post("/collect?max=1000", "x" * 1001),
                        post_head("/collect?max=1000", CHUNKED) + "3e9\r\n" + "x" * 1001):
            wire = self.wire(server)
            wire.send(request)
            answer = wire.answer()
            self.assertEqual((answer.status, answer.json()["error"]), (413, "PAYLOAD_TOO_LARGE"))

    def test_too_large_while_the_client_keeps_sending(self):
        """Refused at the head; what follows is dropped for a while so that the client sees why."""
        server = self.serve()
        wire = self.wire(server)
        wire.send(post_head("/sink?max=10", "Content-Length: 200000000"))
        try:
            wire.send(b"x" * 900_000)
        except (BrokenPipeError, ConnectionResetError):
            self.fail("reset before the answer was read")
        answer = wire.answer()
        self.assertEqual((answer.status, answer.header("connection")), (413, b"close"))
        self.assertEqual(wire.rest(), b"")

    def test_far_too_large_in_chunks(self):
        """A client that writes everything before it reads finds its answer all the same."""
        wire = self.wire(self.serve())
        wire.send(post_head("/sink?max=10", CHUNKED))
        part = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        for _ in range(12):
            wire.send(part)
        wire.send("0\r\n\r\n")
        answer = wire.answer()
        self.assertEqual((answer.status, answer.header("connection")), (413, b"close"))
        self.assertEqual(wire.rest(), b"")

    def test_what_is_dropped_has_an_end(self):
        server = self.serve()
        wire = self.wire(server)
        wire.send(post_head("/sink?max=10", CHUNKED))
        part = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        with self.assertRaises((BrokenPipeError, ConnectionResetError)):
            for _ in range(1000):
                wire.send(part)
        self.wait_count(server, "connections_open", 1)

    def test_answer_before_the_body_is_whole(self):
        wire = self.wire(self.serve())
        wire.send(post("/half", "x" * 50000) + get("/static"))
        self.assertEqual([wire.answer().body, wire.answer().body], [b"enough\n", b"hello\n"])
        wire.send(post_head("/half", CHUNKED) + "5\r\nhello\r\n")
        answer = wire.answer()
        self.assertEqual((answer.body, answer.header("connection")), (b"enough\n", b"close"))

    def test_stream_cut_by_the_handler(self):
        server = self.serve()
        for query in ("bytes=100000&cut=1", "bytes=100000&length=1&short=5"):
            wire = self.wire(server)
            wire.send(get("/stream?" + query))
            with self.assertRaises((EOFError, ConnectionResetError)):
                wire.answer()
        wire = self.wire(server)
        wire.send("GET /stream?bytes=100000&cut=1 HTTP/1.0\r\n\r\n")
        with self.assertRaises((EOFError, ConnectionResetError)):  # anything but a proper end
            wire.rest()


class Files(BodiesCase):
    def setUp(self):
        self.path = os.path.join(self.temporary_dir(), "file")
        self.content = os.urandom(BIG)
        with open(self.path, "wb") as file:
            file.write(self.content)

    def test_parts(self):
        wire = self.wire(self.serve("--file", self.path))
        parts = [(0, BIG), (0, 1), (1, 0), (BIG - 1, 1), (12345, 65536), (12345, 65537), (100, 2_000_000)]
        for offset, length in parts:
            wire.send(get(f"/file?offset={offset}&length={length}") + get("/static"))
            answer = wire.answer()
            self.assertEqual(answer.header("content-length"), b"%d" % length)
            self.assertTrue(answer.body == self.content[offset:offset + length])
            self.assertEqual(wire.answer().body, b"hello\n")
        wire.send("HEAD /file HTTP/1.1\r\nHost: a\r\n\r\n" + get("/static"))
        self.assertEqual(wire.answer(head=True).header("content-length"), b"%d" % BIG)
        self.assertEqual(wire.answer().body, b"hello\n")

    def test_slow_reader_and_memory(self):
        server = self.serve("--file", self.path)
        os.truncate(self.path, 100_000_000)
        before = server.rss_kib()
        wire = self.wire(server, receive_bytes=4096)
        wire.send(get("/file"))
        self.assertEqual(wire.head()[0], 200)
        self.assertEqual(wire.exactly(BIG), self.content)
        self.assert_small(server, before, 2048)
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.assertEqual(wire.exactly(100_000_000 - BIG).count(0), 100_000_000 - BIG)

    def test_file_shorter_than_promised(self):
        server = self.serve("--file", self.path)
        wire = self.wire(server)
        wire.send(get(f"/file?length={BIG + 1000}"))
        with self.assertRaises((EOFError, ConnectionResetError)):
            wire.answer()

    def test_descriptors_are_closed(self):
        server = self.serve("--file", self.path)
        os.truncate(self.path, 100_000_000)
        wires = [self.wire(server, receive_bytes=4096) for _ in range(8)]
        for wire in wires:
            wire.send(get("/file"))
            wire.head()
        for wire in wires:
            wire.reset()
        harness.wait_until(lambda: not any(target == self.path for target in server.fds()), what="file closed")
        self.wait_count(server, "connections_open", 1)


class Continue(BodiesCase):
    def test_100_when_the_body_is_wanted(self):
        wire = self.wire(self.serve())
        for path in ("/echo", "/sink", "/collect", "/sink?later=50"):
            wire.send(post_head(path, "Content-Length: 5", "Expect: 100-Continue"))
            self.assertEqual(wire.head(), (100, []))
            if path == "/echo":  # it begins its answer at once
                self.assertEqual(wire.head()[0], 200)
                wire.send("hello")
                self.assertEqual(wire.chunks(), b"hello")
                continue
            wire.send("hello")
            self.assertEqual(wire.answer(interim=True).status, 200)

    def test_no_100_when_it_is_not(self):
        server = self.serve()
        for path, status in (("/nothing", 404), ("/collect?max=4", 413), ("/ignore", 200)):
            wire = self.wire(server)
            wire.send(post_head(path, "Content-Length: 5", "Expect: 100-continue"))
            answer = wire.answer(interim=True)
            self.assertEqual((answer.status, answer.header("connection")), (status, b"close"))
            self.assertEqual(wire.rest(), b"")

    def test_without_body_and_in_http10(self):
        wire = self.wire(self.serve())
        wire.send(get("/static", "Expect: 100-continue"))
        self.assertEqual(wire.answer(interim=True).status, 200)
        wire.send("POST /sink HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello")
        self.assertEqual(wire.answer(interim=True).body, b"5\n")


class Timeouts(BodiesCase):
    def test_head(self):
        server = self.serve("--header-timeout", "200ms")
        wire = self.wire(server)
        wire.send("GET /static HTTP/1.1\r\n")
        answer = wire.answer()
        self.assertEqual((answer.status, answer.header("connection"), wire.rest()), (408, b"close", b""))
        wire = self.wire(server)
        started = time.monotonic()
        with self.assertRaises((BrokenPipeError, ConnectionResetError)):  # a byte now and then does not help
            while time.monotonic() < started + 20:
                wire.send("G")
                select.select([], [], [], 0.02)
        self.assertLess(time.monotonic() - started, 10)

    def test_idle(self):
        server = self.serve("--idle-timeout", "200ms")
        fresh, used = self.wire(server), self.wire(server)
        used.send(get("/static"))
        self.assertEqual(used.answer().status, 200)
        self.assertEqual((fresh.rest(), used.rest()), (b"", b""))

    def test_body(self):
        server = self.serve("--body-timeout", "200ms")
        for path in ("/sink", "/collect"):
            wire = self.wire(server)
            wire.send(post_head(path, "Content-Length: 5") + "abc")
            answer = wire.answer()
            self.assertEqual((answer.status, answer.header("connection"), wire.rest()), (408, b"close", b""))
        self.assertEqual(self.counts(server)["aborts"], 1)
        wire = self.wire(server)
        wire.send(post_head("/echo", "Content-Length: 5") + "abc")  # an answer that has begun is cut off
        with self.assertRaises((EOFError, ConnectionResetError)):
            wire.answer()

    def test_body_that_trickles(self):
        """A byte now and then keeps neither framing alive; a body that is fast enough may take longer than the timeout."""
        server = self.serve("--body-timeout", "500ms")
        wires = [self.wire(server) for _ in range(2)]
        for wire, framing in zip(wires, ("Content-Length: 100000", CHUNKED)):
            wire.send(post_head("/sink", framing))
        started = time.monotonic()
        for wire, part in zip(wires, (b"x", b"1\r\nx\r\n")):
            with self.assertRaises((BrokenPipeError, ConnectionResetError)):
                while time.monotonic() < started + 60:
                    wire.send(part)
                    select.select([], [], [], 0.02)
        self.assertLess(time.monotonic() - started, 30)
        steady = self.wire(server)
        steady.send(post_head("/sink", "Content-Length: 150000"))
        for _ in range(30):
            steady.send(b"x" * 5000)
            select.select([], [], [], 0.05)
        self.assertEqual(steady.answer().body, b"150000\n")

    def test_a_slow_handler_is_no_timeout(self):
        server = self.serve("--body-timeout", "100ms", "--idle-timeout", "100ms", "--header-timeout", "100ms",
                            "--write-timeout", "100ms")
        wire = self.wire(server)
        wire.send(get("/delay?ms=600") + post("/sink?later=300", "abc") + post("/sink?pause=300", "abc"))
        self.assertEqual([wire.answer().body for _ in range(3)], [b"late\n", b"3\n", b"3\n"])

    def test_write(self):
        server = self.serve("--write-timeout", "300ms")
        wires = [self.wire(server, receive_bytes=4096) for _ in range(3)]
        for wire, path in zip(wires, ("/stream?bytes=100000000", "/large?bytes=100000000", "/echo")):
            wire.send(get(path) if path != "/echo" else post_head("/echo", CHUNKED))
        wires[2].socket.settimeout(5)
        try:
            for _ in range(100000):
                wires[2].send("10000\r\n" + "x" * 65536 + "\r\n")
        except (TimeoutError, OSError):
            pass
        self.wait_count(server, "connections_open", 1)
        self.assertEqual(self.counts(server)["aborts"], 1)  # /large was answered, /echo hears of its body


class Aborts(BodiesCase):
    def test_reset_while_waiting(self):
        server = self.serve()
        wires = [self.wire(server) for _ in range(10)]
        for wire in wires:
            wire.send(get("/hold"))
        self.wait_count(server, "held", 10)
        for wire in wires:
            wire.reset()
        self.wait_count(server, "aborts", 10)
        self.wait_count(server, "connections_open", 1)
        self.wait_count(server, "held", 0)

    def test_reset_after_half_close_and_behind_pipelined_bytes(self):
        server = self.serve()
        half, full = self.wire(server), self.wire(server, timeout_s=0.5)
        half.send(get("/hold"))
        half.half_close()
        full.send(get("/hold"))
        try:
            while True:
                full.socket.send(b"x" * 65536)
        except TimeoutError:
            pass
        self.wait_count(server, "held", 2)
        half.reset()
        full.reset()
        self.wait_count(server, "aborts", 2)

    def test_upload_cut_off(self):
        server = self.serve()
        wire = self.wire(server)
        wire.send(post_head("/sink", "Content-Length: 1000") + "x" * 10)
        wire.half_close()
        answer = wire.answer()
        self.assertEqual((answer.status, answer.header("connection"), wire.rest()), (400, b"close", b""))
        self.assertEqual(self.counts(server)["aborts"], 1)
        for request in (post_head("/sink", "Content-Length: 1000") + "x" * 10,
                        post_head("/sink", CHUNKED) + "5\r\nab", post_head("/collect", CHUNKED) + "5\r\nab",
                        post_head("/echo", CHUNKED) + "5\r\nab", post_head("/sink?pause=20", CHUNKED) + "5\r\nab"):
            before = self.counts(server)["requests_total"]
            wire = self.wire(server)
            wire.send(request)
            self.wait_count(server, "requests_total", before + 1)
            wire.reset()
        self.wait_count(server, "connections_open", 1)
        self.wait_count(server, "aborts", 4)  # the first one, and three of /sink

    def test_malformed_in_the_middle(self):
        server = self.serve()
        wire = self.wire(server)
        wire.send(post_head("/sink", CHUNKED) + "5\r\nhello\r\nnonsense\r\n")
        answer = wire.answer()
        self.assertEqual((answer.status, answer.header("connection"), wire.rest()), (400, b"close", b""))
        self.assertEqual(self.counts(server)["aborts"], 1)
        wire = self.wire(server)
        wire.send(post_head("/echo", CHUNKED) + "5\r\nhello\r\nnonsense\r\n")
        with self.assertRaises((EOFError, ConnectionResetError)):
            wire.answer()

    def test_reader_that_goes(self):
        server = self.serve()
        for path in ("/stream?bytes=100000000", "/stream?bytes=100000000&length=1", "/large?bytes=50000000"):
            wire = self.wire(server, receive_bytes=4096)
            wire.send(get(path))
            wire.head()
            wire.reset()
        self.wait_count(server, "aborts", 2)
        self.wait_count(server, "connections_open", 1)


class Limits(BodiesCase):
    def assert_told_to_go(self, wire):
        wire.send(get("/static"))
        answer = wire.answer()
        self.assertEqual((answer.status, answer.json()["error"], wire.rest()), (503, "UNAVAILABLE", b""))
        self.assertEqual(answer.header("connection"), b"close")
        return answer.json()["detail"]

    def served(self, server, **options):
        wire = self.wire(server, **options)
        wire.send(get("/static"))
        status = wire.answer().status
        wire.close()
        return status == 200

    def begin_upload(self, server, **options):
        wire = self.wire(server, **options)
        wire.send(post_head("/sink", "Content-Length: 5") + "abc")
        return wire

    def test_connections_max(self):
        server = self.serve("--connections-max", "5")
        wires = [self.begin_upload(server) for _ in range(5)]
        for _ in range(3):
            self.assert_told_to_go(self.wire(server))
        wires.pop().close()
        harness.wait_until(lambda: self.served(server))
        for wire in wires:
            wire.send("de")
            self.assertEqual(wire.answer().body, b"5\n")

    def test_idle_connections_make_room(self):
        """Those between requests for a while, and those that never sent one; a request under way stays."""
        server = self.serve("--connections-max", "6", "--loops", "1")
        busy = self.begin_upload(server)
        used, fresh = [self.wire(server) for _ in range(3)], [self.wire(server) for _ in range(2)]
        for wire in used:
            wire.send(get("/static"))
            self.assertEqual(wire.answer().status, 200)
        harness.wait_until(lambda: self.served(server))

        def all_hung_up():
            self.wire(server).send(get("/hold"))  # stays, once it finds room
            return all(select.select([wire.socket], [], [], 0)[0] for wire in used + fresh)

        harness.wait_until(all_hung_up)
        self.assertEqual([wire.rest() for wire in used + fresh], [b""] * 5)
        busy.send("de")
        self.assertEqual(busy.answer().body, b"5\n")

    def test_answers_that_nobody_reads(self):
        """Together they have a ceiling; who has been slow for longest makes room."""
        server = self.serve("--answers-max", "100MiB", "--loops", "1")
        before = server.rss_kib()
        slow = [self.wire(server, receive_bytes=4096) for _ in range(12)]
        for wire in slow:
            wire.send(get("/large?bytes=20000000"))
            try:
                self.assertEqual(wire.head()[0], 200)
            except ConnectionResetError:
                pass  # made room for one behind it already
        self.assert_small(server, before, 140_000)
        reader = self.wire(server)
        reader.send(get("/large?bytes=20000000"))
        self.assertEqual(len(reader.answer().body), 20000000)
        with self.assertRaises((EOFError, ConnectionResetError)):
            slow[0].exactly(20000000)

    def test_connections_per_client_max(self):
        server = self.serve("--connections-per-client-max", "3")
        wires = [self.begin_upload(server) for _ in range(3)]
        self.assertIn("from this address", self.assert_told_to_go(self.wire(server)))
        self.assertTrue(self.served(server, source="127.0.0.2"))
        crowd = [self.wire(server) for _ in range(40)]  # soon not even told so any more
        harness.wait_until(lambda: select.select([crowd[-1].socket], [], [], 0)[0])
        self.assertTrue(self.served(server, source="127.0.0.2"))
        for wire in crowd:
            wire.close()
        wires.pop().close()
        harness.wait_until(lambda: self.served(server))
        for wire in wires:
            wire.send("de")
            self.assertEqual(wire.answer().body, b"5\n")

    def test_without_descriptors(self):
        """It waits instead of spinning, and goes on when there are some again."""
        server = self.serve()
        limit = len(server.fds()) + 4
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
        wires = [self.wire(server) for _ in range(12)]
        for wire in wires:
            wire.send(get("/static"))
        self.assertEqual(wires[0].answer().status, 200)
        before_s, started_s = self.cpu_s(server), time.monotonic()
        harness.wait_until(lambda: time.monotonic() > started_s + 0.5)
        self.assertLess(self.cpu_s(server) - before_s, 0.25)
        for wire in wires:
            if wire is not wires[0]:
                self.assertEqual(wire.answer().status, 200)
            wire.close()

    def cpu_s(self, server):
        with open(f"/proc/{server.process.pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_many_idle_connections_cost_little(self):
        server = self.serve()
        before = server.rss_kib()
        wires = [self.wire(server) for _ in range(300)]
        for wire in wires:
            wire.send(get("/inspect", "X-A: " + "b" * 20000))
            wire.answer()
        harness.wait_until(lambda: server.is_sanitized() or server.rss_kib() - before < 300 * 8,
                           what="the memory of idle connections is given back")

    def test_bad_addresses(self):
        taken = self.serve()
        for address in (taken.address, "192.0.2.1:0"):
            server = TestServer()
            server.address_wanted = address
            with self.assertRaisesRegex(AssertionError, "cannot listen on " + address):
                server.start()
            server.remove()

    def test_ipv6(self):
        server = TestServer()
        server.address_wanted = "[::1]:0"
        try:
            self.start(server)
        except AssertionError:
            self.skipTest("no IPv6 here")
        self.assertRegex(server.address, r"^\[::1\]:\d+$")
        self.assertEqual(server.request("GET", "/static").status, 200)


class Drain(BodiesCase):
    def test_drain(self):
        """Running exchanges end, new ones get 503, idle connections close, the program ends."""
        server = self.serve("--grace", "20s")
        idle = [self.wire(server), self.wire(server)]  # one on each loop: when both are closed, both loops drain
        busy, half = self.wire(server), self.wire(server)
        for wire in (*idle, half):
            wire.send(get("/static"))
            wire.answer()
        busy.send(get("/hold"))
        half.send("GET /static HTTP/1.1\r\nHost: a\r\n")
        upload = self.wire(server)
        upload.send(post_head("/sink", "Content-Length: 10") + "abc")
        self.wait_count(server, "held", 1)
        fresh = self.wire(server)
        fresh.send(get("/static"))
        self.assertEqual(fresh.answer().status, 200)
        server.signal(signal.SIGTERM)
        self.assertEqual([wire.rest() for wire in idle], [b"", b""])
        late = self.wire(server)  # the listener stays open
        late.send(get("/static"))
        answer = late.answer()
        self.assertEqual((answer.status, answer.header("connection"), answer.json()["error"]),
                         (503, b"close", "UNAVAILABLE"))
        half.send("\r\n")
        self.assertEqual((half.answer().status, half.rest()), (503, b""))
        upload.send("defghij")
        answer = upload.answer()
        self.assertEqual((answer.body, answer.header("connection"), upload.rest()), (b"10\n", b"close", b""))
        self.assertTrue(server.is_running())
        busy.reset()
        self.assertEqual(server.wait(20), 0)

    def test_running_exchange_ends_first(self):
        server = self.serve("--grace", "20s")
        wire = self.wire(server)
        before = self.counts(server)["requests_total"]
        wire.send(get("/delay?ms=500") + get("/static"))
        self.wait_count(server, "requests_total", before + 1)
        server.signal(signal.SIGTERM)
        answer = wire.answer()
        self.assertEqual((answer.body, answer.header("connection")), (b"late\n", b"close"))
        self.assertEqual(wire.rest(), b"")
        self.assertEqual(server.wait(20), 0)

    def test_exchanges_without_client_are_waited_for(self):
        server = self.serve("--grace", "20s")
        wire = self.wire(server)
        wire.send(get("/delay?ms=600"))
        self.wait_count(server, "requests_total", 1)
        wire.reset()
        self.wait_count(server, "aborts", 1)
        started = time.monotonic()
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(20), 0)
        self.assertGreater(time.monotonic() - started, 0.1)

    def test_grace_is_over(self):
        server = self.serve("--grace", "200ms")
        wire = self.wire(server)
        wire.send(get("/stream?bytes=1000000000"))
        wire.head()
        started = time.monotonic()
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(20), 0)
        self.assertLess(time.monotonic() - started, 10)

    def test_drain_of_nothing_is_quick(self):
        for loops in ("1", "3"):
            server = self.serve("--grace", "20s", "--loops", loops)
            started = time.monotonic()
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait(20), 0)
            self.assertLess(time.monotonic() - started, 5)

    def test_drain_under_load(self):
        """Every request is answered with 200 or 503, or its connection closes before it; none is cut in its answer."""
        server = self.serve("--grace", "20s")
        outcomes = []

        def load():
            while True:
                try:
                    wire = Wire(server.address)
                except (ConnectionRefusedError, ConnectionResetError):
                    return
                try:
                    for _ in range(50):
                        try:
                            wire.send(get("/delay?ms=1"))
                            first = wire.more()
                        except (ConnectionResetError, BrokenPipeError):
                            first = False
                        if not first:
                            break
                        outcomes.append(wire.answer().status)
                        if outcomes[-1] == 503:
                            break
                finally:
                    wire.close()

        def stop():
            harness.wait_until(lambda: outcomes.count(200) > 200)
            server.signal(signal.SIGTERM)

        harness.together(*[load] * 8, stop)
        self.assertEqual(server.wait(20), 0)
        self.assertEqual(set(outcomes) - {200, 503}, set())


if __name__ == "__main__":
    harness.main()
