"""What the tests of net/ share: starting the test server, and a wire that reads answers byte-exactly.

With SPEAR_HTTP_TLS=1 in the environment the same tests run over TLS.
"""
import atexit
import json
import os
import shutil
import socket
import ssl
import tempfile

import harness
import pki

BIG = 3_000_000
OVER_TLS = os.environ.get("SPEAR_HTTP_TLS") == "1"


class Tls:
    """One authority, one certificate and a client's context for all tests of a run."""

    def __init__(self):
        directory = tempfile.mkdtemp(prefix="spear-test-")
        atexit.register(shutil.rmtree, directory, True)
        authority = pki.Authority(directory, "authority")
        self.cert, self.key = authority.issue("server")
        self.context = ssl.create_default_context(cafile=authority.pem)


TLS = Tls() if OVER_TLS else None


class TestServer(harness.Daemon):
    """tests/integration/http_test_server.c; its options shorten the timeouts."""

    name = "http-test-server"
    __test__ = False

    def command(self):
        path = os.path.join(harness.BUILD_DIR, "tests", "integration", self.name)
        if not os.path.exists(path):
            raise FileNotFoundError(f"{path} is not built; set SPEAR_BUILD_DIR to the build folder")
        tls = ["--tls-cert", TLS.cert, "--tls-key", TLS.key] if TLS else []
        return [path, "--http-addr", self.address_wanted, *tls] + self.arguments

    def request(self, method, path, body=None, headers=None, timeout_s=60):
        return harness.request(self.address, method, path, body, headers, timeout_s, TLS.context if TLS else None)

    def is_sanitized(self):
        with open(self.command()[0], "rb") as file:
            content = file.read()
        return b"__asan_init" in content or b"__tsan_init" in content


class Answer:
    def __init__(self, status, fields, body):
        self.status = status
        self.fields = fields
        self.body = body

    def header(self, name):
        """The value of the only field of that name, or None."""
        values = [value for field, value in self.fields if field.lower() == name.encode()]
        if len(values) > 1:
            raise AssertionError(f"{name} is there {len(values)} times")
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.fields} {self.body[:200]!r}>"


class Wire:
    """A connection; answers are read one after the other and nothing is read past them."""

    def __init__(self, address, timeout_s=60, receive_bytes=None, source=None):
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(timeout_s)
        if source:  # another address of this machine, such as 127.0.0.2
            self.socket.bind((source, 0))
        self.socket.connect(harness.split_address(address))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if TLS:
            self.socket = TLS.context.wrap_socket(self.socket, server_hostname="localhost", suppress_ragged_eofs=False)
        self.buffer = b""

    def send(self, data):
        try:
            self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        except ssl.SSLEOFError:
            raise BrokenPipeError("the other side has closed") from None

    def receive(self):
        """The next bytes, b"" at the end; an end without TLS's farewell is an EOFError: something was cut off."""
        try:
            return self.socket.recv(1 << 16)
        except ssl.SSLEOFError:
            raise EOFError(f"cut off behind {self.buffer!r}") from None

    def more(self):
        part = self.receive()
        self.buffer += part
        return bool(part)

    def line(self):
        while b"\r\n" not in self.buffer:
            if not self.more():
                raise EOFError(f"the connection ended in {self.buffer!r}")
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def exactly(self, n):
        parts, have = [self.buffer], len(self.buffer)
        while have < n:
            part = self.receive()
            if not part:
                raise EOFError(f"the connection ended {n - have} bytes early")
            parts.append(part)
            have += len(part)
        data = b"".join(parts)
        self.buffer = data[n:]
        return data[:n]

    def chunks(self):
        parts = []
        while True:
            size = int(self.line(), 16)
            if size == 0:
                break
            parts.append(self.exactly(size))
            if self.exactly(2) != b"\r\n":
                raise AssertionError("a chunk is longer than its size")
        while self.line():
            pass
        return b"".join(parts)

    def head(self):
        status = int(self.line().split(b" ")[1])
        fields = []
        while True:
            line = self.line()
            if not line:
                return status, fields
            name, _, value = line.partition(b": ")
            fields.append((name, value))

    def answer(self, head=False, interim=False):
        status, fields = self.head()
        while status == 100 and not interim:
            status, fields = self.head()
        answer = Answer(status, fields, b"")
        if head or status in (100, 204, 304):
            return answer
        length = answer.header("content-length")
        if answer.header("transfer-encoding") == b"chunked":
            if length is not None:
                raise AssertionError("both framings")
            answer.body = self.chunks()
        elif length is not None:
            answer.body = self.exactly(int(length))
        else:
            answer.body = self.rest()
        return answer

    def rest(self):
        """What comes until the server closes."""
        while self.more():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def half_close(self):
        socket.socket.shutdown(self.socket, socket.SHUT_WR)  # an SSLSocket's own ends its reading, too

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()

    def close(self):
        self.socket.close()


def get(path, *fields):
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n" + "".join(field + "\r\n" for field in fields) + "\r\n"


def post(path, body, *fields):
    return (f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n"
            + "".join(field + "\r\n" for field in fields) + "\r\n" + body)
