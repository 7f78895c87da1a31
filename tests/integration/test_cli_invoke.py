"""spear invoke: payloads, headers, typed calls, exit codes and failures of guests, through sms, spearlet and a worker."""
import json
import os
import unittest

import cli_tool
import harness
from cli_tool import on_terminal, spear


@unittest.skipUnless(cli_tool.can_run_guests(), "this build runs no guests, or has no samples")
class Invoke(cli_tool.CliTestCase):
    def setUp(self):
        super().setUp()
        self.sms = self.start(harness.Sms())
        self.node = self.start(harness.Spearlet(self.sms))
        harness.wait_until(lambda: self.spear("nodes", "ls", "-q").out, what="a node")

    def spear(self, *arguments, **options):
        return spear(*arguments, sms=self.sms, **options)

    def deploy(self, name, *flags):
        self.assert_ok(self.spear("deploy", harness.sample(name + ".wasm"), *flags))

    def test_output_is_exact(self):
        self.deploy("hello")
        self.assertEqual(self.assert_ok(self.spear("invoke", "hello")).stdout, b"Hello, world!\n")
        self.assertEqual(self.spear("invoke", "hello", "--data", "abc").stdout, b"Hello, world!\nABC")
        payload = os.urandom(300_000)
        expected = b"Hello, world!\n" + bytes(b - 32 if 97 <= b <= 122 else b for b in payload)
        path = self.file("payload", payload)
        self.assertEqual(self.spear("invoke", "hello", "--data-file", path).stdout, expected)
        for flags in (("-f", "-"), ("-d", "-"), ("-d-",), ("--data=-",)):
            self.assertEqual(self.spear("invoke", "hello", *flags, stdin=payload).stdout, expected, flags)
        self.assertEqual(self.spear("invoke", "hello", "-d", "-", stdin=b"").stdout, b"Hello, world!\n")
        self.assertEqual(self.spear("invoke", "hello").stderr, b"")

    def test_by_id_with_arguments_and_environment(self):
        self.deploy("hello", "--arg", "you", "--env", "GREETING=Hi", "--name", "greeter")
        identity = self.spear("tasks", "ls", "-q").out.strip()
        self.assertEqual(self.spear("invoke", identity).stdout, b"Hi, you!\n")

    def test_log(self):
        self.deploy("hello")
        result = self.assert_ok(self.spear("invoke", "hello", "--data", "abc", "--log"))
        self.assertEqual(result.err, "hello: 3 bytes of payload, 1 arguments\n")

    def test_json_is_the_record(self):
        self.deploy("hello")
        record = self.assert_ok(self.spear("invoke", "hello", "--json", "--data", "abc")).json()
        self.assertEqual((record["success"], record["status"], record["exit_code"]), (True, "completed", 0))

    def test_terminal_gets_a_last_newline(self):
        self.deploy("hello")
        result = self.assert_ok(on_terminal("invoke", "hello", "--data", "abc", sms=self.sms))
        self.assertTrue(result.stdout.endswith(b"ABC\r\n"), result)

    def test_typed_call(self):
        self.deploy("add")
        self.assertEqual(self.assert_ok(self.spear("invoke", "add", "--function", "add", "--params", "[2, 3]")).out, "[5]\n")
        big = self.spear("invoke", "add", "--function", "addi64", "--params", '["9007199254740993",\n "1"]')
        self.assertEqual(json.loads(big.out)[0], "9007199254740994")
        self.assertEqual(self.assert_ok(self.spear("invoke", "add", "--function", "nothing")).code, 0)
        self.assertEqual(self.spear("invoke", "add", "--function", "add", "--params", "[1,2]", "--json").json()["results"],
                         [3])

    def test_typed_call_with_output(self):
        self.deploy("counter")
        result = self.assert_ok(self.spear("invoke", "counter", "--function", "add", "--params", "[5]"))
        self.assertEqual(result.out, "count is 105\n[105]\n")

    def test_typed_call_mistakes(self):
        self.deploy("add")
        result = self.spear("invoke", "add", "--function", "sub", "--params", "[1, 2]")
        self.assert_fails(result, 1, "InvalidRequest", "sub", "addi64", "choose an export with --function")
        self.assert_fails(self.spear("invoke", "add"), 1, "InvalidRequest", "choose an export with --function")
        result = self.spear("invoke", "add", "--function", "add", "--params", "[1]")
        self.assert_fails(result, 1, "InvalidRequest", "--params")

    def test_exit_code_output_and_log_of_a_failed_guest(self):
        self.deploy("exit3")
        result = self.spear("invoke", "exit3")
        self.assertEqual(result.code, 3, result)
        self.assertEqual(result.stdout, b"leaving with 3\n")
        self.assertIn("exit3: as asked\n", result.err)
        self.assertIn("spear: error: exit3 ended with exit code 3", result.err)

    def test_trap(self):
        self.deploy("trap")
        result = self.spear("invoke", "trap")
        self.assertEqual(result.code, 1, result)
        self.assertEqual(result.stdout, b"about to trap\n")
        self.assertIn("RuntimeError", result.err)
        self.assertIn("unreachable", result.err)

    def test_failure_as_json(self):
        self.deploy("exit3")
        result = self.spear("invoke", "exit3", "--json")
        self.assertEqual(result.code, 3)
        self.assertEqual(result.json()["exit_code"], 3)
        self.assertIn("error", json.loads(result.stderr))

    def test_payload_mistakes(self):
        self.deploy("hello")
        result = self.spear("invoke", "hello", "--data-file", os.path.join(self.directory, "missing"))
        self.assertEqual(result.code, 4, result)
        path = self.file("large", b"x" * 2000)
        self.assert_fails(self.spear("invoke", "hello", "-f", path, "--limit", "1000"), 1, "more than 1000", "--limit")
        self.deploy("hello", "--config", "limit.payload_bytes=100")
        result = self.spear("invoke", "hello", "-f", path)
        self.assertEqual(result.code, 1, result)
        self.assertIn("limit.payload_bytes", result.err)

    def test_reader_that_leaves(self):
        self.deploy("hello")
        process = cli_tool.start("invoke", "hello", "-f", self.file("payload", b"x" * 1_000_000), sms=self.sms)
        process.stdout.read(1)
        process.stdout.close()
        self.assertEqual((process.wait(cli_tool.TIMEOUT_S), process.stderr.read()), (141, b""))
        process.stderr.close()

    def test_header_reaches_the_guest(self):
        self.deploy("http_json")
        answer = self.assert_ok(self.spear("invoke", "http_json", "--data", "x", "-H", "Content-Type: text/x-mine"))
        self.assertEqual(json.loads(answer.out)["content_type"], "text/x-mine")

    def test_node_is_gone(self):
        self.deploy("hello")
        self.node.kill()
        result = self.spear("invoke", "hello")
        self.assertEqual(result.code, 69, result)
        self.assertIn("hint: ", result.err)


if __name__ == "__main__":
    harness.main()
