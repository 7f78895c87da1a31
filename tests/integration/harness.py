"""Drives the real programs from the integration tests; Python's standard library only.

It starts a daemon on a free port with a data directory of its own, waits until it says READY=1 (the protocol of
sd_notify(3)), talks HTTP to it, looks at it through /proc, stops it, and shows its log when a test fails. It knows no
routes: what an answer must hold is said in the tests. Next step: `SpearTestCase` at the end, then test_sms_files.py.

    class Uploads(harness.SpearTestCase):
        def test_upload(self):
            sms = self.start(harness.Sms())
            answer = sms.request("POST", "/api/v1/files", b"bytes", {"x-file-name": "a"})
            self.assertEqual(answer.status, 200)

    if __name__ == "__main__":
        harness.main()

The programs are looked for in $SPEAR_BUILD_DIR (default: the folder build/ of the checkout); $SPEAR_TEST_WORKER is another spear-worker than that
build's, for sanitizers that cannot live in a worker.
"""
import ctypes
import http.client
import io
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD_DIR = os.path.abspath(os.environ.get("SPEAR_BUILD_DIR") or os.path.join(REPOSITORY, "build"))
FOLDERS = {"sms": "sms", "spearlet": "spearlet", "spear-worker": "worker", "spear": "cli"}
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60
SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:", "assertion failed")


def program(name):
    """The path of a program of the build; raises when it was not built."""
    path = os.path.join(BUILD_DIR, "src", FOLDERS.get(name, name), name)
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} is not built; set SPEAR_BUILD_DIR to the build folder")
    return path


def is_built(name):
    return os.path.exists(os.path.join(BUILD_DIR, "src", FOLDERS.get(name, name), name))


def is_sanitized(name="sms"):
    """True when the program was built with AddressSanitizer: memory bounds and timings mean nothing then."""
    with open(program(name), "rb") as file:
        return b"__asan_init" in file.read()


def sample(name):
    """The path of a compiled sample module ("hello.wasm"), or None when samples are not built."""
    for folder in ("samples", os.path.join("tests", "guests")):
        path = os.path.join(BUILD_DIR, folder, name)
        if os.path.exists(path):
            return path
    return None


LIBC = ctypes.CDLL(None)  # loaded before any fork


def die_with_parent():
    """Runs in the child before exec: a test run that is killed leaves no daemon behind.

    The kernel watches the thread that forked, so daemons are started from the main thread.
    """
    LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def free_port():
    """A port that nobody listens on just now, for a peer that cannot be told to choose one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_until(condition, timeout_s=20, what="the condition"):
    """Polls a fact of the outside world (a file, /proc, an answer) until it is true; returns its value."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout_s} s")
        select.select([], [], [], 0.01)


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # case-insensitive get(), as http.client gives it
        self.body = body

    def json(self):
        return json.loads(self.body)

    def text(self):
        return self.body.decode("utf-8", "replace")

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


def request(address, method, path, body=None, headers=None, timeout_s=60, context=None):
    """One request on a connection of its own. A dict or list as body is sent as JSON; an iterator is sent chunked.

    With an ssl.SSLContext it goes over TLS.
    """
    headers = dict(headers or {})
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    host, port = split_address(address)
    if context is None:
        connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    else:
        connection = http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
    try:
        try:
            connection.request(method, path, body=body, headers=headers)
        except (BrokenPipeError, ConnectionResetError):
            if connection.sock is None:
                raise
            # The server has answered before it had the whole body, and closed.
        answer = connection.getresponse()
        return Response(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def split_address(address):
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


class SharedReader(io.BufferedReader):
    """One read buffer for all answers of a connection. HTTPResponse would make one each, and what that had read of the next
    pipelined answer would be lost with it."""

    def makefile(self, _mode):
        return self

    def close(self):
        """HTTPResponse closes its reader at the end of an answer; this one ends with its connection."""


class RawConnection:
    """A socket for what an HTTP library would never send, or never stop sending."""

    def __init__(self, address, timeout_s=30):
        self.socket = socket.create_connection(split_address(address), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = SharedReader(socket.SocketIO(self.socket, "r"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def head(self, method, path, headers):
        """Sends a request line and fields (Host is added); the body is the caller's."""
        lines = [f"{method} {path} HTTP/1.1", "Host: test"] + [f"{name}: {value}" for name, value in headers.items()]
        self.send("\r\n".join(lines) + "\r\n\r\n")

    def response(self, method="GET"):
        answer = http.client.HTTPResponse(self.reader, method=method)
        answer.begin()
        return Response(answer.status, answer.headers, answer.read())

    def read_all(self):
        """What comes until the other side closes; a reset counts as a close."""
        parts = []
        try:
            while True:
                part = self.reader.read1(65536)
                if not part:
                    break
                parts.append(part)
        except ConnectionResetError:
            pass
        return b"".join(parts)

    def reset(self):
        """Closes with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()

    def close(self):
        self.socket.close()


class NotifySocket:
    """Our end of $NOTIFY_SOCKET."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "notify")
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)

    def wait_ready(self, process, timeout_s):
        """The fields of the READY=1 message; raises when the process ends or the time does."""
        pidfd = os.pidfd_open(process.pid)
        deadline = time.monotonic() + timeout_s
        try:
            while True:
                left = deadline - time.monotonic()
                ready, _, _ = select.select([self.socket, pidfd], [], [], max(left, 0))
                if self.socket in ready:
                    text = self.socket.recv(65536).decode()
                    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
                    if fields.get("READY") == "1":
                        return fields
                elif pidfd in ready:
                    raise AssertionError(f"the program ended with {process.wait()} before it was ready")
                elif left <= 0:
                    raise AssertionError(f"the program was not ready within {timeout_s} s")
        finally:
            os.close(pidfd)

    def close(self):
        self.socket.close()


class Daemon:
    """A program that serves until it is told to stop."""

    name = None

    def __init__(self, *arguments, data_dir=None, env=None):
        self.directory = tempfile.mkdtemp(prefix="spear-test-")
        self.data_dir = data_dir or os.path.join(self.directory, "data")
        self.arguments = list(arguments)
        self.env = dict(env or {})
        self.log_path = os.path.join(self.directory, "log")
        self.process = None
        self.address = None
        self.address_wanted = "127.0.0.1:0"
        self.keep_address = False  # restart on the same port
        self.last_log = ""
        self.token = None  # shown with every request, unless that has an Authorization of its own

    def command(self):
        return [program(self.name), "--http-addr", self.address_wanted, "--data-dir", self.data_dir] + self.arguments

    def start(self, timeout_s=START_TIMEOUT_S):
        notify = NotifySocket(self.directory)
        env = {name: value for name, value in os.environ.items() if not name.startswith(("SMS_", "SPEARLET_"))}
        # Compiling is tested where it is the subject; elsewhere it would only take processor time from the tests.
        env.update(NOTIFY_SOCKET=notify.path, HOME=self.directory, SPEARLET_COMPILE_JOBS="0")
        if "SPEAR_TEST_WORKER" in os.environ:
            env["SPEARLET_WORKER_PATH"] = os.environ["SPEAR_TEST_WORKER"]
        env.update(self.env)
        try:
            with open(self.log_path, "ab") as log:
                self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                env=env, cwd=self.directory, preexec_fn=die_with_parent)
            try:
                fields = notify.wait_ready(self.process, timeout_s)
            except AssertionError as error:
                self.kill()
                raise AssertionError(f"{self.name}: {error}\n{self.log()}") from None
        finally:
            notify.close()
        self.address = fields["X_SPEAR_HTTP_ADDR"]
        if self.keep_address:
            self.address_wanted = self.address
        return self

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def wait(self, timeout_s=STOP_TIMEOUT_S):
        return self.process.wait(timeout_s)

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, timeout_s=STOP_TIMEOUT_S):
        """Asks it to end (SIGTERM), gives its exit code; SIGKILL and an error when it does not."""
        if not self.is_running():
            return self.process.returncode if self.process else 0
        self.signal(signal.SIGTERM)
        try:
            return self.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {timeout_s} s of SIGTERM\n{self.log()}") from None

    def kill(self):
        if self.is_running():
            self.process.kill()
        if self.process:
            self.process.wait()

    def restart(self):
        self.stop()
        return self.start()

    def remove(self):
        """Ends it and removes its directory; the log stays in `last_log`."""
        try:
            self.stop()
        finally:
            self.last_log = self.log()
            shutil.rmtree(self.directory, ignore_errors=True)

    def log(self):
        try:
            with open(self.log_path, "rb") as file:
                return file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return self.last_log

    # ---- HTTP
    def request(self, method, path, body=None, headers=None, timeout_s=60):
        if self.token:
            headers = {"Authorization": "Bearer " + self.token, **(headers or {})}
        return request(self.address, method, path, body, headers, timeout_s)

    def raw(self, timeout_s=30):
        return RawConnection(self.address, timeout_s)

    # ---- /proc
    def status_kib(self, field):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise KeyError(field)

    def rss_kib(self):
        return self.status_kib("VmRSS")

    def rss_peak_kib(self):
        return self.status_kib("VmHWM")

    def fds(self):
        """The targets of its open descriptors."""
        folder = f"/proc/{self.process.pid}/fd"
        targets = []
        for name in os.listdir(folder):
            try:
                targets.append(os.readlink(os.path.join(folder, name)))
            except FileNotFoundError:
                continue
        return targets

    def children(self):
        return descendants(self.process.pid)


def descendants(pid):
    """The ids of all processes below pid, zombies left out."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields[0] != "Z":
                parents.setdefault(int(fields[1]), []).append(int(name))
    found, waiting = [], [pid]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


class Sms(Daemon):
    name = "sms"

    def upload(self, content, name=None, headers=None):
        """Uploads and gives the file's id; raises when it is refused."""
        headers = dict(headers or {})
        if name is not None:
            headers["x-file-name"] = name
        headers.setdefault("Content-Type", "application/octet-stream")
        answer = self.request("POST", "/api/v1/files", content, headers)
        if answer.status != 200:
            raise AssertionError(f"upload: {answer}")
        return answer.json()["id"]

    def make_token(self, name, *scopes, **members):
        """Makes a token and gives its text; the first one has to be an admin's."""
        answer = self.request("POST", "/api/v1/tokens", {"name": name, "scopes": list(scopes), **members})
        if answer.status != 200:
            raise AssertionError(f"token: {answer}")
        return answer.json()["token"]

    def close_up(self):
        """Makes the first token, an admin's, and shows it from now on."""
        self.token = self.make_token("admin", "admin")
        return self.token

    def register(self, name, uri, **members):
        """Registers a wasm task and gives its id; members override the body's (executable's are merged)."""
        executable = {"type": "wasm", "uri": uri, "name": name}
        executable.update(members.pop("executable", {}))
        body = {"name": name, "version": "1.0.0", "executable": executable}
        body.update(members)
        answer = self.request("POST", "/api/v1/tasks", body)
        if answer.status != 200:
            raise AssertionError(f"register: {answer}")
        return answer.json()["task_id"]

    def deploy(self, module, name, **members):
        """Uploads module bytes (or the file at a path) and registers a task for them; gives the task's id."""
        if isinstance(module, str):
            with open(module, "rb") as file:
                module = file.read()
        return self.register(name, "sms+file://" + self.upload(module, name + ".wasm"), **members)


class Spearlet(Daemon):
    name = "spearlet"

    def __init__(self, sms, *arguments, node_name=None, **options):
        """`sms` is an Sms, an address, or None (the default address stands)."""
        super().__init__(*arguments, **options)
        self.sms = sms
        self.node_name = node_name or "test-node"

    def command(self):
        command = super().command() + ["--node-name", self.node_name]
        address = getattr(self.sms, "address", self.sms)
        return command + (["--sms-http-addr", address] if address else [])


class Together:
    """Runs functions at the same time and hands on the first exception."""

    def __init__(self, functions):
        self.results = [None] * len(functions)
        self.errors = []
        self.threads = [threading.Thread(target=self.run, args=(index, function), daemon=True)
                        for index, function in enumerate(functions)]
        for thread in self.threads:
            thread.start()

    def run(self, index, function):
        try:
            self.results[index] = function()
        except BaseException as error:  # handed on by join
            self.errors.append(error)

    def is_running(self):
        return any(thread.is_alive() for thread in self.threads)

    def join(self, timeout_s=120):
        deadline = time.monotonic() + timeout_s
        for thread in self.threads:
            thread.join(max(deadline - time.monotonic(), 0))
            if thread.is_alive():
                raise AssertionError(f"still running after {timeout_s} s")
        if self.errors:
            raise self.errors[0]
        return self.results


def together(*functions, timeout_s=120):
    """The results of all functions, run in threads at the same time."""
    return Together(functions).join(timeout_s)


class SpearTestCase(unittest.TestCase):
    """Stops what a test started, checks that it ended well and that no sanitizer spoke; shows logs on failure."""

    maxDiff = None

    def run(self, result=None):
        self.daemons = []
        before = len(result.failures) + len(result.errors) if result is not None else 0
        outcome = super().run(result)
        if result is not None and len(result.failures) + len(result.errors) > before:
            for daemon in self.daemons:
                text = (daemon.log() or daemon.last_log)[-20000:]
                sys.stderr.write(f"--- log of {daemon.name} in {self.id()}\n{text}\n")
        return outcome

    def start(self, daemon):
        """Starts a daemon that is stopped after the test, in reverse order."""
        self.daemons.append(daemon)
        self.addCleanup(self.finish, daemon)
        return daemon.start()

    def finish(self, daemon):
        was_running = daemon.is_running()
        daemon.remove()
        for mark in SANITIZER_MARKS:
            self.assertNotIn(mark, daemon.last_log)
        if was_running:
            self.assertEqual(daemon.process.returncode, 0, f"{daemon.name} ended badly")

    def temporary_dir(self):
        directory = tempfile.mkdtemp(prefix="spear-test-")
        self.addCleanup(shutil.rmtree, directory, True)
        return directory

    def assert_problem(self, answer, status, code, *words):
        """An RFC 9457 answer with that status and `error`, whose text holds each word."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers.get("Content-Type", "").split(";")[0], "application/problem+json", answer)
        body = answer.json()
        self.assertEqual(body["status"], status)
        self.assertEqual(body["error"], code, body)
        for member in ("type", "title", "detail", "message"):
            self.assertIsInstance(body[member], str, body)
        for word in words:
            self.assertIn(word, body["detail"])
        return body


def main(module="__main__"):
    """Runs the module's tests: silent when all pass, skipped ones named, everything shown otherwise."""
    output = io.StringIO()
    names = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    loader = unittest.defaultTestLoader
    target = sys.modules[module]
    suite = loader.loadTestsFromNames(names, target) if names else loader.loadTestsFromModule(target)
    verbose = "-v" in sys.argv
    result = unittest.TextTestRunner(stream=sys.stderr if verbose else output, verbosity=2 if verbose else 1).run(suite)
    for test, reason in result.skipped:
        print(f"skipped: {test.id()}: {reason}")
    if not result.wasSuccessful():
        sys.stderr.write(output.getvalue())
    sys.exit(0 if result.wasSuccessful() else 1)
