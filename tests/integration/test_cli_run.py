"""spear run: stdin, arguments, environment, output and exit code are the guest's; nothing is left behind, ever."""
import json
import os
import signal
import subprocess
import time
import unittest

import cli_tool
import harness
from cli_tool import spear


class RunTestCase(cli_tool.CliTestCase):
    def setUp(self):
        super().setUp()
        self.scratch = os.path.join(self.directory, "tmp")
        os.mkdir(self.scratch)

    def spear_run(self, *arguments, stdin=b"", env=None):
        result = spear("run", *arguments, stdin=stdin, env={"TMPDIR": self.scratch} | (env or {}))
        self.assert_nothing_left()
        return result

    def assert_nothing_left(self):
        self.assertEqual(os.listdir(self.scratch), [])
        self.assertEqual(self.processes(), [])

    def processes(self):
        """Every process that was started with our temporary directory in its environment."""
        mark = b"TMPDIR=" + self.scratch.encode() + b"\0"
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit() and cli_tool.is_alive(int(name)):
                try:
                    with open(f"/proc/{name}/environ", "rb") as file:
                        if mark in file.read() + b"\0":
                            found.append(int(name))
                except OSError:
                    continue
        return found


class WithoutEngine(RunTestCase):
    def test_boot_failure_shows_why_and_leaves_nothing(self):
        module = self.file("m.wasm", b"\0asm\1\0\0\0")
        result = self.spear_run(module, env={"TMPDIR": os.path.join(self.directory, "missing")})
        self.assertEqual(result.code, 1, result)
        self.assertIn("TMPDIR", result.err)

    def test_refused_registration_leaves_nothing(self):
        module = self.file("m.wasm", b"\0asm\1\0\0\0")
        result = self.spear_run("--config", "limit.payload_bytes=1", module,
                                *["x" * 100_000 for _ in range(12)])
        self.assertNotEqual(result.code, 0)
        self.assertIn("spear: error: ", result.err)

    @unittest.skipIf(harness.is_built("spear-worker"), "this build runs guests")
    def test_says_not_supported(self):
        result = self.spear_run(self.file("m.wasm", b"\0asm\1\0\0\0"))
        self.assertEqual(result.code, 1, result)
        self.assertIn("NotSupported", result.err)
        self.assertIn("wasmedge", result.err)


@unittest.skipUnless(cli_tool.can_run_guests(), "this build runs no guests, or has no samples")
class Run(RunTestCase):
    def sample(self, name):
        return harness.sample(name + ".wasm")

    def test_closed_stdin_is_empty(self):
        script = '"$0" run "$1" <&-'
        done = subprocess.run(["sh", "-c", script, harness.program("spear"), harness.sample("hello.wasm")],
                              capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, b"Hello, world!\n"), done.stderr)

    def test_stdin_to_stdout(self):
        result = self.assert_ok(self.spear_run(self.sample("hello"), stdin=b"some text\n"))
        self.assertEqual(result.stdout, b"Hello, world!\nSOME TEXT\n")
        self.assertEqual(result.err, "hello: 10 bytes of payload, 1 arguments\n")

    def test_binary_is_exact(self):
        payload = os.urandom(2_000_000)
        expected = b"Hello, world!\n" + bytes(b - 32 if 97 <= b <= 122 else b for b in payload)
        self.assertEqual(self.assert_ok(self.spear_run(self.sample("hello"), stdin=payload)).stdout, expected)

    def test_arguments_belong_to_the_guest(self):
        result = self.assert_ok(self.spear_run(self.sample("hello"), "--json", "--", "-q", "--help"))
        self.assertEqual(result.stdout, b"Hello, --json!\n")
        self.assertIn("5 arguments", result.err)
        result = self.assert_ok(self.spear_run("--", self.sample("hello"), "last"))
        self.assertEqual(result.stdout, b"Hello, last!\n")

    def test_environment(self):
        self.assertEqual(self.spear_run("--env", "GREETING=Moin", self.sample("hello")).stdout, b"Moin, world!\n")
        self.assertEqual(self.spear_run(self.sample("hello"), env={"GREETING": "leak"}).stdout, b"Hello, world!\n")

    def test_settings_of_the_user_do_not_count(self):
        home = os.path.join(self.directory, "home")
        for folder in (".sms", ".spear"):
            os.makedirs(os.path.join(home, folder))
            with open(os.path.join(home, folder, "config.toml"), "w", encoding="ascii") as file:
                file.write("this is no toml =")
        result = self.spear_run(self.sample("hello"), env={"HOME": home, "SMS_MAX_UPLOAD_BYTES": "1",
                                                           "SPEARLET_DATA_DIR": "/nowhere", "SMS_LOG_LEVEL": "loud"})
        self.assertEqual(self.assert_ok(result).stdout, b"Hello, world!\n")

    def test_exit_code(self):
        result = self.spear_run(self.sample("exit3"))
        self.assertEqual((result.code, result.stdout, result.stderr), (3, b"leaving with 3\n", b"exit3: as asked\n"))

    def test_trap(self):
        result = self.spear_run(self.sample("trap"))
        self.assertEqual((result.code, result.stdout), (1, b"about to trap\n"))
        self.assertIn("spear: error: RuntimeError: ", result.err)
        self.assertIn("unreachable", result.err)

    def test_typed_call(self):
        result = self.assert_ok(self.spear_run("--function", "add", "--params", "[40, 2]", self.sample("add")))
        self.assertEqual(result.out, "[42]\n")

    def test_wrong_export_lists_them(self):
        result = self.spear_run(self.sample("add"))
        self.assertEqual(result.code, 1, result)
        for word in ("InvalidRequest", "mulf64", "hint: ", "--function"):
            self.assertIn(word, result.err)

    def test_broken_module(self):
        with open(self.sample("hello"), "rb") as file:
            module = self.file("half.wasm", file.read()[:1000])
        result = self.spear_run(module)
        self.assertEqual(result.code, 2, result)
        self.assertIn("InvalidConfiguration", result.err)
        self.assertIn("hint: ", result.err)

    def test_payload_limit(self):
        result = self.spear_run("--limit", "1000", self.sample("hello"), stdin=b"x" * 1001)
        self.assertEqual(result.code, 1, result)
        self.assertIn("more than 1000 bytes", result.err)
        payload = b"x" * (17 * 1024 * 1024)
        result = self.spear_run("--limit", "32MiB", "--config", "limit.output_bytes=33554432", self.sample("hello"),
                                stdin=payload)
        self.assertEqual(len(self.assert_ok(result).stdout), len(payload) + 14)

    @unittest.skipUnless(harness.sample("flood.wasm"), "needs a guest that writes much")
    def test_much_output_and_log(self):
        result = self.assert_ok(self.spear_run(harness.sample("flood.wasm"), "3000000", "1000"))
        self.assertEqual((len(result.stdout), len(result.stderr)), (3_000_000, 1000))
        result = self.assert_ok(self.spear_run(harness.sample("flood.wasm"), "10", "2000000"))
        self.assertEqual(result.stdout, b"x" * 10)
        self.assertGreaterEqual(len(result.stderr), 1_000_000)
        self.assertRegex(result.err[-200:], r"(?m)warning: .*limit\.log_bytes")
        result = self.spear_run("--config", "limit.output_bytes=1000", harness.sample("flood.wasm"))
        self.assertEqual(result.code, 1, result)
        for word in ("ResourceExhausted", "limit.output_bytes", "hint: "):
            self.assertIn(word, result.err)

    def test_json(self):
        result = self.assert_ok(self.spear_run("--json", self.sample("hello")))
        self.assertEqual(result.json()["status"], "completed")
        result = self.spear_run("--json", self.sample("exit3"))
        self.assertEqual((result.code, result.json()["exit_code"]), (3, 3))
        self.assertIn("message", json.loads(result.stderr)["error"])

    def test_reader_that_leaves(self):
        process = cli_tool.start("run", self.sample("hello"), env={"TMPDIR": self.scratch}, stdin=subprocess.PIPE)
        process.stdin.write(b"x" * 1_000_000)
        process.stdin.close()
        process.stdout.read(1)
        process.stdout.close()
        self.assertEqual(process.wait(cli_tool.TIMEOUT_S), 141)
        process.stderr.close()
        self.assert_nothing_left()

    def test_terminal_is_not_read(self):
        result = cli_tool.on_terminal("run", self.sample("hello"), env={"TMPDIR": self.scratch})
        self.assertEqual(self.assert_ok(result).out.splitlines()[0], "Hello, world!")
        self.assert_nothing_left()

    def test_is_quick(self):
        if harness.is_sanitized("spear"):
            self.skipTest("a build with sanitizers is slow")
        self.spear_run(self.sample("hello"))
        times = []
        for _ in range(3):
            began = time.monotonic()
            self.spear_run(self.sample("hello"))
            times.append(time.monotonic() - began)
        self.assertLess(min(times), 2)


@unittest.skipUnless(cli_tool.can_run_guests() and harness.sample("spin.wasm"), "needs a guest that never ends")
class Endless(RunTestCase):
    def begin(self, *flags):
        """Starts a guest that never ends and waits until a worker runs it."""
        process = cli_tool.start("run", *flags, harness.sample("spin.wasm"), env={"TMPDIR": self.scratch},
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        harness.wait_until(lambda: self.busy_workers(), 60, "a guest that runs")
        return process

    def busy_workers(self):
        found = []
        for pid in self.processes():
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                    name, _, rest = file.read().partition("(")[2].rpartition(")")
            except OSError:
                continue
            if name.startswith("spear-worker") and int(rest.split()[11]) > 3:  # utime, in ticks
                found.append(pid)
        return found

    def finish(self, process):
        _, err = process.communicate(timeout=cli_tool.TIMEOUT_S)
        harness.wait_until(lambda: not self.processes() and not os.listdir(self.scratch), 20, "nothing left")
        return process.returncode, err.decode()

    def test_timeout(self):
        result = self.spear_run("--timeout", "300ms", harness.sample("spin.wasm"))
        self.assertEqual(result.code, 124, result)
        self.assertIn("ExecutionTimeout", result.err)
        self.assertIn("--timeout", result.err)

    def test_ctrl_c(self):
        process = self.begin()
        process.send_signal(signal.SIGINT)
        code, err = self.finish(process)
        self.assertEqual(code, 130)
        self.assertIn("interrupted", err)

    def test_ctrl_c_on_a_terminal(self):
        terminal = cli_tool.Terminal("run", harness.sample("spin.wasm"), env={"TMPDIR": self.scratch})
        harness.wait_until(lambda: self.busy_workers(), 60, "a guest that runs")
        terminal.type(b"\x03")
        self.assertEqual(terminal.finish().code, 130)
        self.assert_nothing_left()

    def test_signals_end_it_at_once(self):
        limit_s = 15 if harness.is_sanitized("spear") else 3
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            process = self.begin()
            began = time.monotonic()
            process.send_signal(number)
            process.wait(cli_tool.TIMEOUT_S)
            self.assertLess(time.monotonic() - began, limit_s, number)
            self.assertEqual(self.finish(process)[0], 128 + number)

    def test_kill_9(self):
        process = self.begin()
        process.kill()
        self.assertEqual(self.finish(process)[0], -9)

    def test_kill_9_while_starting(self):
        for wait_s in (0, 0.005, 0.02, 0.05):
            process = cli_tool.start("run", harness.sample("spin.wasm"), env={"TMPDIR": self.scratch},
                                     stdout=subprocess.DEVNULL)
            try:
                process.wait(wait_s)
            except subprocess.TimeoutExpired:
                pass
            process.kill()
            self.finish(process)


if __name__ == "__main__":
    harness.main()
