"""Tests net/ through the test server: raw sockets for what no library would send, one small program that does as told.

Every form that http_server.h says is refused has its bytes here, and so has every ceiling, timeout and guarantee about
order, backpressure and drain. The client (net/http_client) is tested in test_http_client.py, through the same program.
"""
import os
import random
import socket

import harness
from http_test import BIG, TestServer, Wire, get, post

PROBLEM = b"application/problem+json"


class ServerCase(harness.SpearTestCase):
    def serve(self, *arguments, **options):
        return self.start(TestServer(*arguments, **options))

    def wire(self, server, **options):
        wire = Wire(server.address, **options)
        self.addCleanup(wire.close)
        return wire

    def counts(self, server):
        return server.request("GET", "/counts").json()


class Basics(ServerCase):
    def test_keep_alive(self):
        wire = self.wire(self.serve())
        for _ in range(50):
            wire.send(get("/static"))
            answer = wire.answer()
            self.assertEqual((answer.status, answer.body), (200, b"hello\n"))
            self.assertIsNone(answer.header("connection"))
        self.assertRegex(answer.header("date"), rb"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")

    def test_connection_close(self):
        wire = self.wire(self.serve())
        wire.send(get("/static", "Connection: close"))
        answer = wire.answer()
        self.assertEqual(answer.header("connection"), b"close")
        self.assertEqual(wire.rest(), b"")

    def test_http10(self):
        server = self.serve()
        wire = self.wire(server)
        wire.send("GET /static HTTP/1.0\r\n\r\n")
        answer = wire.answer()
        self.assertEqual((answer.status, answer.header("connection"), wire.rest()), (200, b"close", b""))
        wire = self.wire(server)
        for _ in range(3):
            wire.send("GET /static HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            answer = wire.answer()
            self.assertEqual((answer.header("connection"), answer.body), (b"keep-alive", b"hello\n"))

    def test_http10_stream_ends_with_the_connection(self):
        wire = self.wire(self.serve())
        wire.send("GET /stream?bytes=100000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        head, _, body = wire.rest().partition(b"\r\n\r\n")
        self.assertNotIn(b"chunked", head)
        self.assertIn(b"Connection: close", head)
        self.assertEqual(len(body), 100000)

    def test_head(self):
        wire = self.wire(self.serve())
        wire.send("HEAD /static HTTP/1.1\r\nHost: a\r\n\r\n" + get("/static"))
        head = wire.answer(head=True)
        self.assertEqual((head.status, head.header("content-length")), (200, b"6"))
        self.assertEqual(wire.answer().body, b"hello\n")
        wire.send("HEAD /stream?bytes=10 HTTP/1.1\r\nHost: a\r\n\r\n" + get("/static"))
        self.assertEqual(wire.answer(head=True).header("transfer-encoding"), b"chunked")
        self.assertEqual(wire.answer().body, b"hello\n")

    def test_answers_without_body(self):
        wire = self.wire(self.serve())
        for code in (204, 304):
            wire.send(get(f"/status?code={code}") + get("/static"))
            answer = wire.answer(head=True)
            self.assertEqual((answer.status, answer.header("content-length")), (code, None))
            self.assertEqual(wire.answer().body, b"hello\n")

    def test_targets(self):
        wire = self.wire(self.serve())
        wire.send(get("/inspect?a=1&v=x%20y+z"))
        body = wire.answer().body
        self.assertIn(b"path=/inspect\nquery=a=1&v=x%20y+z\nv=x y z\n", body)
        wire.send("GET http://example.com/inspect?b HTTP/1.1\r\nHost: example.com\r\n\r\n")
        self.assertIn(b"path=/inspect\nquery=b\n", wire.answer().body)
        wire.send("GET http://example.com HTTP/1.1\r\nHost: example.com\r\n\r\n")
        self.assertEqual(wire.answer().status, 404)
        wire.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(wire.answer().status, 404)

    def test_header_values_are_trimmed_and_upgrade_is_ordinary(self):
        wire = self.wire(self.serve())
        wire.send("GET /inspect HTTP/1.1\r\nHost:a\r\nX-A:  b c \t \r\nX-Empty:\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\n\r\n" + get("/static"))
        body = wire.answer().body
        self.assertIn(b"\nX-A: b c\nX-Empty: \n", body)
        self.assertEqual(wire.answer().body, b"hello\n")

    def test_empty_line_before_a_request(self):
        wire = self.wire(self.serve())
        wire.send("\r\n" + get("/static") + "\r\n" + get("/static"))
        self.assertEqual([wire.answer().status, wire.answer().status], [200, 200])

    def test_counts(self):
        server = self.serve()
        before = self.counts(server)
        wire = self.wire(server)
        wire.send(get("/static"))
        wire.answer()
        wire.send("nonsense\r\n\r\n")
        wire.rest()
        after = self.counts(server)
        self.assertEqual(after["requests_total"] - before["requests_total"], 2)
        self.assertEqual(after["refused_total"] - before["refused_total"], 1)


class Router(ServerCase):
    def test_precedence_and_parameters(self):
        server = self.serve()
        self.assertIn("name=\n", server.request("GET", "/inspect/literal").text())
        self.assertIn("name=other\n", server.request("GET", "/inspect/other").text())
        self.assertIn("name=literal\n", server.request("PUT", "/inspect/literal").text())
        self.assertIn("name=a/b c\n", server.request("GET", "/inspect/a%2Fb%20c").text())
        self.assertIn("name=x/y/\n", server.request("GET", "/rest/x/y/").text())
        self.assertIn("name=\n", server.request("GET", "/rest/").text())
        self.assertIn("path=/in%73pect\n", server.request("GET", "/in%73pect").text())

    def test_not_found(self):
        server = self.serve()
        for path in ("/", "/nothing", "/inspect/", "/inspect/a/b", "/static/", "//static", "/rest"):
            self.assert_problem(server.request("GET", path), 404, "NOT_FOUND", path)

    def test_method_not_allowed(self):
        server = self.serve()
        answer = server.request("DELETE", "/inspect/literal")
        self.assert_problem(answer, 405, "METHOD_NOT_ALLOWED", "DELETE")
        self.assertEqual(sorted(answer.headers["Allow"].split(", ")), ["GET", "HEAD", "PUT"])

    def test_bad_escapes(self):
        server = self.serve()
        for path in ("/inspect/%", "/inspect/%4", "/inspect/%zz", "/inspect/%00", "/%2"):
            self.assert_problem(server.request("GET", path), 400, "INVALID_REQUEST", "escape")

    def test_json(self):
        server = self.serve()
        self.assertEqual(server.request("POST", "/json", {"name": "x"}).json(), {"name": "x"})
        typed = {"Content-Type": "text/plain"}
        self.assert_problem(server.request("POST", "/json", b"{}", typed), 415, "UNSUPPORTED_MEDIA_TYPE", "text/plain")
        self.assertEqual(server.request("POST", "/json", b"{}").status, 200)
        vendor = {"Content-Type": "application/vnd.x+json; charset=utf-8"}
        self.assertEqual(server.request("POST", "/json", b"{}", vendor).status, 200)
        self.assert_problem(server.request("POST", "/json", b"{"), 400, "SERIALIZATION")
        self.assert_problem(server.request("POST", "/json", b"[]"), 422, "UNPROCESSABLE")
        self.assert_problem(server.request("POST", "/json", b'{"name":1}'), 422, "UNPROCESSABLE", "name")
        self.assert_problem(server.request("POST", "/json", b""), 400, "SERIALIZATION")
        self.assertEqual(server.request("POST", "/json?optional=1", b"").json(), {"name": "(none)"})
        self.assert_problem(server.request("POST", "/json", b" " * 5000), 413, "PAYLOAD_TOO_LARGE", "4096")


class Refused(ServerCase):
    """Raw requests that never reach a handler. The connection closes, and the client sees the answer."""

    @classmethod
    def cases(cls):
        chunked = "POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        post_head = "POST /sink HTTP/1.1\r\nHost: a\r\n"
        return {
            "two Content-Length": (400, post_head + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
            "two unlike Content-Length": (400, post_head + "Content-Length: 0\r\nContent-Length: 3\r\n\r\nabc"),
            "a list as Content-Length": (400, post_head + "Content-Length: 3, 3\r\n\r\nabc"),
            "signed Content-Length": (400, post_head + "Content-Length: +3\r\n\r\nabc"),
            "negative Content-Length": (400, post_head + "Content-Length: -3\r\n\r\nabc"),
            "empty Content-Length": (400, post_head + "Content-Length:\r\n\r\nabc"),
            "hexadecimal Content-Length": (400, post_head + "Content-Length: 0x3\r\n\r\nabc"),
            "overflowing Content-Length": (400, post_head + "Content-Length: 18446744073709551617\r\n\r\n"),
            "Content-Length above 2^63": (400, post_head + "Content-Length: 9223372036854775808\r\n\r\n"),
            "two Host": (400, "GET /static HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
            "no Host": (400, "GET /static HTTP/1.1\r\n\r\n"),
            "Host with a blank": (400, "GET /static HTTP/1.1\r\nHost: a b\r\n\r\n"),
            "Host with a path": (400, "GET /static HTTP/1.1\r\nHost: a/b\r\n\r\n"),
            "Host with user": (400, "GET /static HTTP/1.1\r\nHost: u@a\r\n\r\n"),
            "length, then coding": (400, post_head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            "coding, then length": (400, post_head + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"),
            "gzip": (400, post_head + "Transfer-Encoding: gzip\r\n\r\nabc"),
            "gzip, chunked": (400, post_head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
            "chunked, gzip": (400, post_head + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
            "chunked twice": (400, post_head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            "xchunked": (400, post_head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
            "identity": (400, post_head + "Transfer-Encoding: identity\r\n\r\n"),
            "empty coding": (400, post_head + "Transfer-Encoding:\r\n\r\n"),
            "chunked in HTTP/1.0": (400, "POST /sink HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            "chunk size not hexadecimal": (400, chunked + "g\r\nabc\r\n0\r\n\r\n"),
            "chunk size empty": (400, chunked + "\r\nabc\r\n0\r\n\r\n"),
            "chunk size signed": (400, chunked + "+3\r\nabc\r\n0\r\n\r\n"),
            "chunk size negative": (400, chunked + "-3\r\nabc\r\n0\r\n\r\n"),
            "chunk size with 0x": (400, chunked + "0x3\r\nabc\r\n0\r\n\r\n"),
            "chunk size too big": (400, chunked + "fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
            "chunk size with a blank": (400, chunked + "3 \r\nabc\r\n0\r\n\r\n"),
            "chunk size ended by LF": (400, chunked + "3\nabc\r\n0\r\n\r\n"),
            "chunk size ended by CR": (400, chunked + "3\rabc\r\n0\r\n\r\n"),
            "chunk longer than its size": (400, chunked + "3\r\nabcd\r\n0\r\n\r\n"),
            "chunk ended by LF": (400, chunked + "3\r\nabc\n0\r\n\r\n"),
            "chunk extension with a control": (400, chunked + "3;a\x01\r\nabc\r\n0\r\n\r\n"),
            "chunk extension with LF": (400, chunked + "3;a\nabc\r\n0\r\n\r\n"),
            "endless chunk extensions": (400, chunked + "3;a=" + "b" * 17000 + "\r\nabc\r\n0\r\n\r\n"),
            "many chunk extensions": (400, chunked + ("1;a=" + "b" * 100 + "\r\nx\r\n") * 200),
            "endless zeros before a chunk size": (400, chunked + "0" * 80000),
            "Content-Length as a trailer": (400, chunked + "0\r\nContent-Length: 3\r\n\r\n"),
            "folded trailer": (400, chunked + "0\r\nA: b\r\n c\r\n\r\n"),
            "endless trailers": (431, chunked + "0\r\n" + "a: b\r\n" * 7000),
            "folding": (400, "GET /static HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n"),
            "folding by a tab": (400, "GET /static HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\tc\r\n\r\n"),
            "folding of the first line": (400, "GET /static HTTP/1.1\r\n Host: a\r\n\r\n"),
            "folding of nothing": (400, "GET /static HTTP/1.1\r\nHost: a\r\nX-A:\r\n b\r\n\r\n"),
            "NUL in a value": (400, "GET /static HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n"),
            "NUL in a name": (400, "GET /static HTTP/1.1\r\nHost: a\r\nX\0A: b\r\n\r\n"),
            "NUL in the target": (400, "GET /sta\0tic HTTP/1.1\r\nHost: a\r\n\r\n"),
            "a control in a value": (400, "GET /static HTTP/1.1\r\nHost: a\r\nX-A: b\x01\r\n\r\n"),
            "DEL in a value": (400, "GET /static HTTP/1.1\r\nHost: a\r\nX-A: b\x7f\r\n\r\n"),
            "LF after the request line": (400, "GET /static HTTP/1.1\nHost: a\r\n\r\n"),
            "LF after a field": (400, "GET /static HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n"),
            "LF as the end": (400, "GET /static HTTP/1.1\r\nHost: a\r\n\n"),
            "LF before the request": (400, "\nGET /static HTTP/1.1\r\nHost: a\r\n\r\n"),
            "CR in a value": (400, "GET /static HTTP/1.1\r\nHost: a\r\nX-A: b\rc\r\n\r\n"),
            "CR before the request": (400, "\rGET /static HTTP/1.1\r\nHost: a\r\n\r\n"),
            "endless empty lines": (400, "\r\n" * 100),
            "a blank before the colon": (400, "GET /static HTTP/1.1\r\nHost : a\r\n\r\n"),
            "a tab before the colon": (400, "GET /static HTTP/1.1\r\nHost\t: a\r\n\r\n"),
            "no colon": (400, "GET /static HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n"),
            "no name": (400, "GET /static HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
            "a relative target": (400, "GET static HTTP/1.1\r\nHost: a\r\n\r\n"),
            "a target of another scheme": (400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
            "a URL without host": (400, "GET http:///static HTTP/1.1\r\nHost: a\r\n\r\n"),
            "* with GET": (400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
            "a fragment": (400, "GET /static#a HTTP/1.1\r\nHost: a\r\n\r\n"),
            "a byte above ASCII in the target": (400, "GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n"),
            "a tab in the target": (400, "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n"),
            "CONNECT": (400, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"),
            "HTTP/0.9": (505, "GET /static\r\n"),
            "HTTP/1.2": (505, "GET /static HTTP/1.2\r\nHost: a\r\n\r\n"),
            "HTTP/2.0": (505, "GET /static HTTP/2.0\r\nHost: a\r\n\r\n"),
            "HTTP/3.0": (505, "GET /static HTTP/3.0\r\nHost: a\r\n\r\n"),
            "the preface of HTTP/2": (505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            "a blank after the version": (400, "GET /static HTTP/1.1 \r\nHost: a\r\n\r\n"),
            "two blanks before the target": (400, "GET  /static HTTP/1.1\r\nHost: a\r\n\r\n"),
            "two blanks after the target": (400, "GET /static  HTTP/1.1\r\nHost: a\r\n\r\n"),
            "many blanks": (400, "GET" + " " * 70000 + "/static HTTP/1.1\r\nHost: a\r\n\r\n"),
            "another protocol": (400, "GET /static HTTQ/1.1\r\nHost: a\r\n\r\n"),
            "ICE": (501, "SOURCE /static ICE/1.0\r\nHost: a\r\n\r\n"),
            "RTSP": (501, "DESCRIBE /static RTSP/1.0\r\nHost: a\r\n\r\n"),
            "an unknown method": (501, "FROBNICATE /static HTTP/1.1\r\nHost: a\r\n\r\n"),
            "a method in small letters": (501, "get /static HTTP/1.1\r\nHost: a\r\n\r\n"),
            "TLS": (400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
            "nonsense": (400, "{}\r\n\r\n"),
            "an unknown expectation": (417, post_head + "Content-Length: 3\r\nExpect: 200-ok\r\n\r\nabc"),
            "a long target": (414, "GET /" + "a" * 8192 + " HTTP/1.1\r\nHost: a\r\n\r\n"),
            "an endless target": (414, "GET /" + "a" * 300000),
            "a large field": (431, "GET /static HTTP/1.1\r\nHost: a\r\nX-A: " + "b" * 33000 + "\r\n\r\n"),
            "an endless field": (431, "GET /static HTTP/1.1\r\nHost: a\r\nX-A: " + "b" * 300000),
            "an endless name": (431, "GET /static HTTP/1.1\r\nHost: a\r\n" + "b" * 300000),
            "endless blanks": (431, "GET /static HTTP/1.1\r\nHost: a\r\nX-A:" + " " * 300000),
            "many small fields": (431, "GET /static HTTP/1.1\r\nHost: a\r\n" + "a: b\r\n" * 100 + "\r\n"),
        }

    def refuse(self, server, status, request, step=None):
        wire = self.wire(server)
        data = request.encode("latin-1")
        try:
            for start in range(0, len(data), step or len(data)):
                wire.send(data[start:start + (step or len(data))])
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all was sent
        answer = wire.answer()
        self.assertEqual((answer.status, answer.header("content-type")), (status, PROBLEM))
        self.assertEqual(answer.header("connection"), b"close")
        self.assertEqual(answer.json()["status"], status)
        self.assertEqual(wire.rest(), b"", "nothing after the refusal")

    def test_refused(self):
        server = self.serve()
        for name, (status, request) in self.cases().items():
            with self.subTest(name):
                self.refuse(server, status, request)
        self.assertEqual(server.request("GET", "/static").body, b"hello\n")

    def test_refused_byte_by_byte(self):
        server = self.serve()
        for name, (status, request) in self.cases().items():
            if len(request) < 500:
                with self.subTest(name):
                    self.refuse(server, status, request, step=1)

    def test_refused_behind_a_good_request(self):
        server = self.serve()
        for name in ("two Content-Length", "NUL in a value", "HTTP/0.9", "a long target", "TLS"):
            with self.subTest(name):
                status, request = self.cases()[name]
                wire = self.wire(server)
                wire.send(get("/static").encode() + request.encode("latin-1"))
                self.assertEqual(wire.answer().status, 200)
                self.assertEqual(wire.answer().status, status)
                self.assertEqual(wire.rest(), b"")

    def test_just_within_the_ceilings(self):
        wire = self.wire(self.serve())
        wire.send("GET /" + "a" * 8191 + " HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(wire.answer().status, 404)
        wire.send("GET /static HTTP/1.1\r\nHost: a\r\n" + "a: b\r\n" * 99 + "\r\n")
        self.assertEqual(wire.answer().status, 200)
        wire.send("GET /static HTTP/1.1\r\nHost: a\r\nX-A: " + "b" * 32700 + "\r\n\r\n")
        self.assertEqual(wire.answer().status, 200)
        wire.send("POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3;a=" + "b" * 16000 + "\r\nabc\r\n0\r\nX: y\r\n\r\n")
        self.assertEqual(wire.answer().body, b"3\n")

    def test_a_request_cut_off_in_its_head(self):
        server = self.serve()
        wire = self.wire(server)
        wire.send("GET /static HTTP/1.1\r\nHos")
        wire.half_close()
        self.assertEqual(wire.rest(), b"")

    def test_urgent_data(self):
        server = self.serve()
        wire = self.wire(server)
        wire.socket.send(b"GET", socket.MSG_OOB)
        wire.send(" /static HTTP/1.1\r\n")
        self.assertEqual(server.request("GET", "/static").status, 200)


class Mutated(ServerCase):
    """Good and refused requests with bytes changed, doubled, dropped: the server answers or closes, and lives on."""

    def mutate(self, chance, data):
        data = bytearray(data)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(data))
            kind = chance.randrange(4)
            if kind == 0:
                data[at] = chance.choice(b"\0\r\n :;,/%0a\x7f\xff" + bytes([chance.randrange(256)]))
            elif kind == 1:
                del data[at:at + chance.randrange(1, 5)]
            elif kind == 2:
                data[at:at] = data[at:at + chance.randrange(1, 40)]
            else:
                data[at:at] = chance.choice((b"\r\n", b"\n", b"\0", b" ", b"Host: b\r\n", b"Content-Length: 1\r\n", b"0\r\n\r\n"))
            if not data:
                break
        return bytes(data)

    def test_mutated(self):
        server = self.serve("--header-timeout", "5s", "--body-timeout", "5s", "--idle-timeout", "5s")
        seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
        chance = random.Random(seed)
        seeds = [request.encode("latin-1") for _, request in Refused.cases().values() if len(request) < 2000]
        seeds += [get("/inspect?v=%41", "X-A: b").encode(), post("/echo", "hello").encode(),
                  post("/json", '{"name":"x"}', "Content-Type: application/json").encode(),
                  Order.chunked("/sink", ["abc", "defg"]).encode(), post("/collect?max=3", "abcd").encode()]
        for _ in range(1500):
            wire = Wire(server.address)
            try:
                wire.send(self.mutate(chance, chance.choice(seeds)))
                wire.half_close()
                answer = wire.rest()
            except EOFError:  # over TLS: an answer was begun when the request turned out wrong, and is cut off
                answer = wire.buffer
            except (ConnectionResetError, BrokenPipeError):
                answer = b""
            finally:
                wire.close()
            self.assertRegex(answer, rb"\A(HTTP/1\.1 \d{3} |\Z)", f"SEED={seed}")
        self.assertEqual(server.request("GET", "/static").body, b"hello\n")


class Order(ServerCase):
    def test_pipelined(self):
        wire = self.wire(self.serve())
        wire.send("".join(get(f"/inspect/{n}") for n in range(1000)))
        for n in range(1000):
            self.assertIn(b"name=%d\n" % n, wire.answer().body)

    def test_pipelined_behind_a_slow_one(self):
        wire = self.wire(self.serve())
        wire.send(get("/delay?ms=100") + get("/static") + post("/echo", "abc") + get("/delay?ms=20") + get("/inspect/z"))
        bodies = [wire.answer().body for _ in range(5)]
        self.assertEqual(bodies[:4], [b"late\n", b"hello\n", b"abc", b"late\n"])
        self.assertIn(b"name=z\n", bodies[4])

    def test_pipelined_with_large_answers(self):
        wire = self.wire(self.serve())
        wire.send(get(f"/large?bytes={BIG}") * 5 + get("/static"))
        for _ in range(5):
            self.assertEqual(len(wire.answer().body), BIG)
        self.assertEqual(wire.answer().body, b"hello\n")

    def test_byte_by_byte(self):
        wire = self.wire(self.serve())
        data = get("/inspect/a", "X-A: b") + post("/echo", "hello world") + Order.chunked("/echo", ["abc", "", "defg"])
        for byte in data.encode():
            wire.send(bytes([byte]))
        self.assertIn(b"name=a\n", wire.answer().body)
        self.assertEqual(wire.answer().body, b"hello world")
        self.assertEqual(wire.answer().body, b"abcdefg")

    @staticmethod
    def chunked(path, chunks):
        body = "".join(f"{len(chunk):x}\r\n{chunk}\r\n" for chunk in chunks if chunk)
        return f"POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n"

    def random_request(self, chance):
        """A request and the body of its answer."""
        body = "".join(chance.choices("abcdefgh\r\n", k=chance.choice((0, 1, 10, 1000, 20000))))
        kind = chance.randrange(6)
        if kind == 0:
            return get("/static"), b"hello\n"
        if kind == 1:
            return get(f"/delay?ms={chance.randrange(3)}"), b"late\n"
        if kind == 2:
            return post("/echo", body), body.encode()
        if kind == 3:
            return post("/collect", body), body.encode()
        if kind == 4:
            return post("/ignore", body), b"hello\n"
        cuts = sorted(chance.choices(range(len(body) + 1), k=5))
        chunks = [body[a:b] for a, b in zip([0] + cuts, cuts + [len(body)])]
        return self.chunked(f"/sink?pause={chance.randrange(2)}", chunks), b"%d\n" % len(body)

    def test_random_splits(self):
        server = self.serve()
        seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
        for turn in range(20):
            chance = random.Random(seed + turn)
            requests = [self.random_request(chance) for _ in range(40)]
            data = "".join(request for request, _ in requests).encode()
            wire = self.wire(server)

            def send(chance=chance, data=data, wire=wire):
                position = 0
                while position < len(data):
                    step = chance.choice((1, 2, 3, 17, 200, 4096, 70000))
                    wire.send(data[position:position + step])
                    position += step

            def receive(requests=requests, wire=wire):
                for number, (_, body) in enumerate(requests):
                    answer = wire.answer()
                    self.assertEqual((answer.status, answer.body), (200, body), f"SEED={seed + turn} answer {number}")

            harness.together(send, receive)
            wire.close()

    def test_half_closed(self):
        server = self.serve()
        wire = self.wire(server)
        wire.send(get("/delay?ms=100") + get("/static") + post("/echo", "abc"))
        wire.half_close()
        self.assertEqual([wire.answer().body for _ in range(3)], [b"late\n", b"hello\n", b"abc"])
        self.assertEqual(wire.rest(), b"")
        self.assertEqual(self.counts(server)["aborts"], 0)

    def test_bodies_that_nobody_reads(self):
        server = self.serve()
        wire = self.wire(server)
        wire.send(post("/ignore", "x" * 1000) + get("/static"))
        self.assertEqual([wire.answer().body, wire.answer().body], [b"hello\n", b"hello\n"])
        wire.send(post("/nothing", "x" * 60000) + get("/static"))
        self.assertEqual([wire.answer().status, wire.answer().status], [404, 200])
        wire.send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n" + "x" * 500000)
        answer = wire.answer()
        self.assertEqual((answer.status, answer.header("connection")), (200, b"close"))
        self.assertEqual(wire.rest(), b"")


if __name__ == "__main__":
    harness.main()
