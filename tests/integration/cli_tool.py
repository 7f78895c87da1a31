"""Runs `spear` for the tests: with pipes, or on a terminal of its own (a pty). Used by test_cli_*.py."""
import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import time

import harness

TIMEOUT_S = 60


class Result:
    """What a finished `spear` left: bytes of stdout and stderr (on a pty both are in stdout), exit code."""

    def __init__(self, code, stdout, stderr=b""):
        self.code = code
        self.stdout = stdout
        self.stderr = stderr

    @property
    def out(self):
        return self.stdout.decode("utf-8", "replace")

    @property
    def err(self):
        return self.stderr.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.stdout)

    def __repr__(self):
        return f"<exit {self.code}\nstdout: {self.stdout[-2000:]!r}\nstderr: {self.stderr[-4000:]!r}>"


def environment(sms=None, **more):
    """Ours, without what steers SPEAR; `sms` is an Sms, an address or None."""
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(("SMS_", "SPEARLET_", "SPEAR_", "NOTIFY_SOCKET", "NO_COLOR"))}
    env["TERM"] = "xterm"
    env["SPEARLET_COMPILE_JOBS"] = "0"  # as in harness.Daemon
    address = getattr(sms, "address", sms)
    if address:
        env["SPEAR_SMS_ADDR"] = address
    env.update({name: str(value) for name, value in more.items()})
    return env


def command(arguments):
    return [harness.program("spear"), *map(str, arguments)]


def spear(*arguments, sms=None, stdin=b"", env=None, cwd=None, timeout_s=TIMEOUT_S):
    """Runs it to its end. stdin None is no input at all (/dev/null)."""
    done = subprocess.run(command(arguments), input=stdin, capture_output=True, cwd=cwd, timeout=timeout_s,
                          env=environment(sms, **(env or {})))
    return Result(done.returncode, done.stdout, done.stderr)


def start(*arguments, sms=None, env=None, cwd=None, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
          stderr=subprocess.PIPE):
    """Starts it and gives the Popen."""
    return subprocess.Popen(command(arguments), stdin=stdin, stdout=stdout, stderr=stderr, cwd=cwd,
                            env=environment(sms, **(env or {})), preexec_fn=harness.die_with_parent)


class Terminal:
    """`spear` on a pseudo-terminal of `columns` columns."""

    def __init__(self, *arguments, sms=None, env=None, cwd=None, columns=100):
        self.output = b""
        env = environment(sms, **(env or {}))
        words = command(arguments)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                if cwd:
                    os.chdir(cwd)
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
                harness.die_with_parent()
                os.execve(words[0], words, env)
            finally:
                os._exit(127)

    def read_until(self, text, timeout_s=TIMEOUT_S):
        """Reads until the output holds `text` (bytes), or to the end when it is None."""
        deadline = time.monotonic() + timeout_s
        while text is None or text not in self.output:
            ready, _, _ = select.select([self.fd], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                raise AssertionError(f"{text!r} did not come within {timeout_s} s: {self.output[-3000:]!r}")
            try:
                part = os.read(self.fd, 65536)
            except OSError:  # the other side is closed
                part = b""
            if not part:
                if text is None:
                    break
                raise AssertionError(f"ended without {text!r}: {self.output[-3000:]!r}")
            self.output += part
        return self.output

    def type(self, data):
        os.write(self.fd, data)

    def finish(self, timeout_s=TIMEOUT_S):
        self.read_until(None, timeout_s)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return Result(os.waitstatus_to_exitcode(status), self.output)


def on_terminal(*arguments, **options):
    return Terminal(*arguments, **options).finish()


def wait_gone(pids, timeout_s=10):
    """Waits until none of the processes is there any more (zombies count as gone)."""
    def gone():
        return not [pid for pid in pids if is_alive(pid)]
    harness.wait_until(gone, timeout_s, f"the end of processes {pids}")


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill(process, number=signal.SIGKILL):
    if process.poll() is None:
        process.send_signal(number)
    return process.wait(TIMEOUT_S)


class CliTestCase(harness.SpearTestCase):
    """Adds what the tests of the command line ask again and again."""

    def setUp(self):
        self.directory = self.temporary_dir()

    def closed_address(self):
        """An address that refuses connections until the test ends: bound, but nobody listens."""
        held = socket.socket()
        self.addCleanup(held.close)
        held.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{held.getsockname()[1]}"

    def file(self, name, content):
        path = os.path.join(self.directory, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def assert_ok(self, result):
        self.assertEqual(result.code, 0, result)
        for mark in harness.SANITIZER_MARKS:
            self.assertNotIn(mark, result.err)
        return result

    def assert_fails(self, result, code, *words):
        """Exit code, nothing on stdout, one error line with each word, and a hint."""
        self.assertEqual(result.code, code, result)
        self.assertEqual(result.stdout, b"", result)
        self.assertIn("spear: error: ", result.err)
        self.assertIn("\nhint: ", result.err, result)
        for word in words:
            self.assertIn(word, result.err)
        for mark in harness.SANITIZER_MARKS:
            self.assertNotIn(mark, result.err)
        return result


def can_run_guests():
    return harness.is_built("spear-worker") and harness.sample("hello.wasm") is not None
