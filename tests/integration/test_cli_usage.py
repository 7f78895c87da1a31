"""spear without any server: help, mistakes in the command line, local checks of a module, exit codes."""
import json
import os
import socket

import cli_tool
import harness
from cli_tool import spear

CORE_HEAD = b"\0asm\1\0\0\0"
COMMANDS = ("run", "up", "deploy", "invoke", "files ls", "files put", "files get", "files rm", "tasks ls", "tasks get",
            "tasks rm", "nodes ls", "nodes get", "nodes rm", "version", "help")


class Help(cli_tool.CliTestCase):
    def test_overview_names_every_command(self):
        result = self.assert_ok(spear("--help"))
        for name in COMMANDS:
            self.assertIn(f"  {name} ", result.out)
        self.assertEqual(spear("help").out, result.out)
        self.assertEqual(result.stderr, b"")

    def test_every_command_has_help(self):
        for name in COMMANDS:
            result = self.assert_ok(spear(*name.split(), "--help"))
            self.assertIn(f"usage: spear {name}", result.out)
            self.assertIn("--sms-addr", result.out)
            self.assertEqual(spear("help", *name.split()).out, result.out)

    def test_group_help(self):
        for result in (spear("files", "--help"), spear("help", "files")):
            self.assertIn("files put", self.assert_ok(result).out)

    def test_no_command_is_a_mistake(self):
        result = spear()
        self.assertEqual((result.code, result.stdout), (2, b""))
        self.assertIn("usage: spear", result.err)

    def test_version(self):
        self.assertRegex(self.assert_ok(spear("version")).out, r"^spear \d+\.\d+\.\d+\n$")
        self.assertEqual(spear("--version").out, spear("version").out)
        self.assertRegex(spear("version", "--json").json()["version"], r"^\d")


class Mistakes(cli_tool.CliTestCase):
    def test_unknown_command_suggests(self):
        self.assert_fails(spear("invok", "x"), 2, 'unknown command "invok"', "did you mean: spear invoke")
        self.assert_fails(spear("files", "lss"), 2, "did you mean: spear files ls")
        self.assertNotIn("did you mean", self.assert_fails(spear("xylophone"), 2).err)
        self.assert_fails(spear("tasks"), 2, "needs one of: ls, get, rm")

    def test_unknown_flag_suggests(self):
        self.assert_fails(spear("deploy", "--nmae", "x"), 2, "--nmae", "did you mean --name?", "hint: spear help deploy")
        self.assert_fails(spear("--jsn", "files", "ls"), 2, "did you mean --json?")
        self.assert_fails(spear("files", "ls", "-x"), 2, "unknown flag -x")

    def test_values_of_flags(self):
        self.assert_fails(spear("deploy", "a.wasm", "--name"), 2, "--name needs a value")
        self.assert_fails(spear("files", "ls", "--all=yes"), 2, "--all takes no value")
        self.assert_fails(spear("files", "ls", "--limit", "many"), 2, "--limit many", "1 to 1000")
        self.assert_fails(spear("invoke", "x", "--timeout", "soon"), 2, "--timeout soon", "500ms")
        self.assert_fails(spear("invoke", "x", "--timeout", "25h"), 2, "--timeout 25h", "24h")
        self.assert_fails(spear("run", "--limit", "-3", "x.wasm"), 2, "--limit -3")
        self.assert_fails(spear("up", "--nodes", "0"), 2, "--nodes 0")
        self.assert_fails(spear("up", "--http-addr", "nowhere"), 2, "--http-addr nowhere", "HOST:PORT")

    def test_arguments(self):
        self.assert_fails(spear("deploy"), 2, "needs MODULE")
        self.assert_fails(spear("tasks", "get", "a", "b"), 2, '"b" is one argument too many')
        self.assert_fails(spear("files", "rm"), 2, "needs ID")

    def test_sms_address(self):
        self.assert_fails(spear("files", "ls", "--sms-addr", "http://127.0.0.1:8080"), 2, "without http://")
        self.assert_fails(spear("files", "ls", sms="here"), 2, "sms address here")

    def test_task_flags_are_checked_here(self):
        module = self.file("a.wasm", CORE_HEAD)
        self.assert_fails(spear("deploy", module, "--env", "NOVALUE"), 2, "--env NOVALUE", "KEY=VALUE")
        self.assert_fails(spear("deploy", module, "--config", "limit.time_ms=soon"), 2, "limit.time_ms", "soon")
        self.assert_fails(spear("run", "--config", "limit.nothing=1", module), 2, "limit.nothing")
        self.assert_fails(spear("invoke", "x", "--header", "nocolon"), 2, "--header nocolon")
        self.assert_fails(spear("invoke", "x", "--function", "f", "--params", "[1"), 2, "--params [1")
        self.assert_fails(spear("invoke", "x", "--function", "f", "--params", "1"), 2, "JSON array")
        self.assert_fails(spear("invoke", "x", "--params", "[]"), 2, "--function")
        self.assert_fails(spear("invoke", "x", "--data", "a", "--data-file", "b"), 2, "exclude each other")

    def test_errors_as_json(self):
        result = spear("files", "lss", "--json")
        self.assertEqual((result.code, result.stdout), (2, b""))
        error = json.loads(result.stderr)["error"]
        self.assertEqual(set(error), {"code", "message", "hint"})
        self.assertEqual(error["code"], "INVALID_CONFIGURATION")
        error = json.loads(spear("deploy", "--json", "/missing.wasm").stderr)["error"]
        self.assertEqual(error["code"], "FILE_NOT_FOUND")


class LocalModule(cli_tool.CliTestCase):
    def both(self, path, code, *words):
        for command in ("deploy", "run"):
            self.assert_fails(spear(command, path, sms=self.closed_address()), code, *words)

    def test_missing_and_directory(self):
        self.both(os.path.join(self.directory, "missing.wasm"), 4, "missing.wasm", "No such file")
        self.both(self.directory, 2, "is a directory")

    def test_what_is_no_module(self):
        self.both(self.file("empty.wasm", b""), 2, "is empty")
        self.both(self.file("short.wasm", b"\0as"), 2, "missing WASM magic header", "00 61 73")
        self.both(self.file("text.wat", b"(module)\n"), 2, "WebAssembly text", "wat2wasm")
        self.both(self.file("native", b"\x7fELF\2\1\1\0\0\0"), 2, "ELF program", "wasm32-wasi")
        self.both(self.file("script.wasm", b"#!/bin/sh\n"), 2, "script")
        self.both(self.file("component.wasm", b"\0asm\x0d\0\1\0"), 2, "component", "core module")
        self.both(self.file("future.wasm", b"\0asm\x07\0\0\0"), 2, "version 7")
        self.both(self.file("other.wasm", b"\xff\xfe\0\1\2\3\4\5"), 2, "missing WASM magic header", "ff fe")

    def test_fifo_does_not_hang(self):
        path = os.path.join(self.directory, "fifo")
        os.mkfifo(path)
        self.both(path, 2, "not a regular file")

    def test_hostile_name_does_not_steer_the_terminal(self):
        result = spear("deploy", os.path.join(self.directory, "a\x1b[31m\nb"), sms=self.closed_address())
        self.assertEqual(result.code, 4)
        self.assertNotIn(b"\x1b", result.stderr)
        self.assertIn("a\\x1b[31m\\x0ab", result.err)


class Unreachable(cli_tool.CliTestCase):
    def setUp(self):
        super().setUp()
        self.address = self.closed_address()

    def test_every_command_says_so(self):
        module = self.file("a.wasm", CORE_HEAD)
        for words in (("files", "ls"), ("files", "put", module), ("files", "get", "x"), ("files", "rm", "x"),
                      ("tasks", "ls"), ("tasks", "get", "x"), ("tasks", "rm", "x"), ("nodes", "ls"),
                      ("nodes", "get", "x"), ("nodes", "rm", "x"), ("deploy", module), ("invoke", "x"),
                      ("invoke", "x", "--function", "f")):
            result = spear(*words, sms=self.address)
            self.assert_fails(result, 69, f"cannot reach sms at {self.address}", "spear up")

    def test_as_json(self):
        result = spear("files", "ls", "--json", "--sms-addr", self.address)
        self.assertEqual(result.code, 69)
        error = json.loads(result.stderr)["error"]
        self.assertEqual(error["code"], "UNAVAILABLE")
        self.assertIn("spear up", error["hint"])

    def test_flag_wins_over_environment(self):
        result = spear("files", "ls", "--sms-addr", self.address, sms=self.closed_address())
        self.assertIn(self.address, result.err)

    def test_not_sms_at_all(self):
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            process = cli_tool.start("files", "ls", sms=f"127.0.0.1:{server.getsockname()[1]}")
            connection, _ = server.accept()
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/html\r\n\r\nhello")
            _, err = process.communicate(timeout=cli_tool.TIMEOUT_S)
            connection.close()
        self.assertNotEqual(process.returncode, 0)
        self.assertIn(b"spear: error: ", err)


class Colours(cli_tool.CliTestCase):
    def test_only_on_a_terminal(self):
        self.assertNotIn(b"\x1b", spear("files", "ls", sms=self.closed_address()).stderr)
        self.assertIn(b"\x1b[31m", cli_tool.on_terminal("files", "ls", sms=self.closed_address()).stdout)

    def test_switched_off(self):
        self.assertNotIn(b"\x1b", cli_tool.on_terminal("files", "ls", "--no-color", sms=self.closed_address()).stdout)
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            self.assertNotIn(b"\x1b", cli_tool.on_terminal("files", "ls", sms=self.closed_address(), env=env).stdout)


if __name__ == "__main__":
    harness.main()
