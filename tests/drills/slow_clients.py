"""A thousand slow clients on sms and on spearlet at once: heads and bodies that trickle, answers that nobody reads.

While they are there the memory of both programs stays below a ceiling for each client, and others are served; then their timeouts
end them all, and no descriptor, upload or temporary file is left. The programs start with a low soft limit of descriptors, which
they must raise themselves.
usage: slow_clients.py [CLIENTS]
"""
import os
import resource
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import harness  # noqa: E402

TIMEOUT_S = 12  # of the servers; long enough to look at all clients while they are there
CLIENT_KIB_MAX = 64  # resident, of each; measured: 12, and 47 where malloc touches all that it gives (MALLOC_PERTURB_)
BASE_KIB = 24 * 1024  # for what serving itself costs: buffers of the other clients, the allocator's slack
FILE_BYTES = 8 * 1024 * 1024
OUTPUT_BYTES = 1024 * 1024  # of a guest whose answer nobody reads; the kernel takes what fits into the socket
TRICKLE_S = 0.5


class Herd:
    """Slow clients of one server, a third of each kind, kept going by one thread."""

    def __init__(self, address, count, drip_path, read_path):
        self.address, self.over = harness.split_address(address), False
        self.drip_path, self.read_path = drip_path, read_path
        self.sockets = []
        for number in range(count):
            self.sockets.append(self.open(number))
        self.thread = threading.Thread(target=self.trickle, daemon=True)
        self.thread.start()

    def open(self, number):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        connection.connect(self.address)
        kind = number % 3
        if kind == 0:
            head = "GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: "
        elif kind == 1:
            head = f"POST {self.drip_path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + "x" * 200
        else:
            head = f"{self.read_path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(head.encode())
        connection.setblocking(False)
        return None if kind == 2 else connection, connection

    def trickle(self):
        while not self.over:
            for writer, _ in self.sockets:
                if writer:
                    try:
                        writer.send(b"a")
                    except OSError:
                        pass
            time.sleep(TRICKLE_S)

    def close(self):
        self.over = True
        self.thread.join()
        for _, connection in self.sockets:
            connection.close()


def metric(daemon, name):
    for line in daemon.request("GET", "/metrics").text().splitlines():
        if line.startswith(name + " "):
            return int(float(line.split()[1]))
    raise KeyError(name)


def serve_others(sms, spearlet, seconds):
    """What an ordinary client asks, again and again; the slowest answer in seconds."""
    slowest, until, rounds = 0.0, time.monotonic() + seconds, 0
    while time.monotonic() < until:
        for daemon, method, path, body in ((sms, "GET", "/health", None), (spearlet, "GET", "/health", None),
                                           (sms, "POST", "/api/v1/files", b"x" * 100_000),
                                           (spearlet, "POST", "/tasks/echo/invoke", b"hello"),
                                           (sms, "POST", "/api/v1/tasks/echo/invoke", b"hello")):
            started = time.monotonic()
            answer = daemon.request(method, path, body)
            slowest = max(slowest, time.monotonic() - started)
            if answer.status != 200:
                raise AssertionError(f"{method} {path} with slow clients about: {answer}")
        rounds += 1
    return slowest, rounds


def start(daemon):
    """With a soft limit of 256 descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        return daemon.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def check_memory(daemon, before_kib, clients, unread_kib=0):
    grown = daemon.rss_peak_kib() - before_kib
    print(f"{daemon.name}: {clients} slow clients, {grown} KiB more at the peak, {grown / clients:.1f} KiB for each", flush=True)
    if not harness.is_sanitized(daemon.name) and grown > BASE_KIB + clients * CLIENT_KIB_MAX + unread_kib:
        raise AssertionError(f"{daemon.name} grew by {grown} KiB for {clients} slow clients")


def all_gone(daemon, name):
    """Only the connection that asks, and what sms and its node keep open to each other."""
    return metric(daemon, name) <= 4


def drill(clients, sms, spearlet):
    sms.deploy(harness.sample("echo.wasm"), "echo")
    sms.deploy(harness.sample("flood.wasm"), "flood", executable={"args": [str(OUTPUT_BYTES)]})
    file_id = sms.upload(os.urandom(FILE_BYTES))
    serve_others(sms, spearlet, 0.5)
    fds = len(sms.fds())
    before = sms.rss_peak_kib(), spearlet.rss_peak_kib()
    herds = [Herd(sms.address, clients, "/api/v1/files", f"GET /api/v1/files/{file_id}"),
             Herd(spearlet.address, clients, "/tasks/echo/invoke", "POST /tasks/flood/invoke")]
    try:
        slowest, rounds = serve_others(sms, spearlet, 4)
        print(f"meanwhile {rounds} rounds of other requests, the slowest answer took {slowest * 1000:.0f} ms", flush=True)
        open_now = metric(sms, "sms_http_connections_open"), metric(spearlet, "spearlet_http_connections")
        if min(open_now) < clients // 2:
            raise AssertionError(f"the clients are not there: {open_now}")
        check_memory(sms, before[0], clients)
        check_memory(spearlet, before[1], clients, clients // 3 * OUTPUT_BYTES // 1024)
        harness.wait_until(lambda: all_gone(sms, "sms_http_connections_open"), 120, "the end of sms's slow clients")
        harness.wait_until(lambda: all_gone(spearlet, "spearlet_http_connections"), 120,
                           "the end of spearlet's slow clients")
    finally:
        for herd in herds:
            herd.close()
    harness.wait_until(lambda: len(sms.fds()) <= fds + 8, 60, "descriptors given back")
    harness.wait_until(lambda: metric(sms, "sms_uploads_running") == 0, 30, "the end of uploads")
    left = os.listdir(os.path.join(sms.data_dir, "tmp")) if os.path.isdir(os.path.join(sms.data_dir, "tmp")) else []
    if left:
        raise AssertionError(f"temporary files are left: {left}")


def main():
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * clients + 1000:
        print(f"this machine allows {hard} descriptors: {clients} slow clients do not fit")
        return 77
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard < 65536 else 65536, hard))
    limits = [f"--{name}-timeout={TIMEOUT_S}s" for name in ("header", "body", "write", "idle")]
    sms = harness.Sms(*limits)
    spearlet = None
    try:
        start(sms)
        spearlet = harness.Spearlet(sms, *limits)
        start(spearlet)
        harness.wait_until(lambda: spearlet.request("GET", "/status").json()["sms"]["registered"])
        drill(clients, sms, spearlet)
    except BaseException:
        for daemon in (sms, spearlet):
            if daemon:
                sys.stderr.write(f"--- log of {daemon.name}\n{daemon.log()[-5000:]}\n")
        raise
    finally:
        for daemon in (spearlet, sms):
            if daemon:
                daemon.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
