"""spear up: starts, says where it serves, passes logs on, stops in order, and ends when a part ends."""
import json
import os
import re
import signal
import socket
import subprocess

import cli_tool
import harness

ANYWHERE = ("--http-addr", "127.0.0.1:0", "--spearlet-http-addr", "127.0.0.1:0")


class Up(cli_tool.CliTestCase):
    def begin(self, *flags, addresses=ANYWHERE):
        """Starts it and reads until it is ready; gives the process and the part lines."""
        process = cli_tool.start("up", "--data-dir", os.path.join(self.directory, "data"), *addresses, *flags,
                                 cwd=self.directory, stderr=open(os.path.join(self.directory, "log"), "wb"))
        self.addCleanup(self.end, process)
        lines = []
        while not lines or not lines[-1].startswith(("ready", '{"ready"')):
            line = process.stdout.readline().decode()
            if not line:
                raise AssertionError(f"spear up ended with {process.wait()}: {lines}\n{self.log()}")
            lines.append(line.rstrip("\n"))
        return process, lines

    def end(self, process):
        cli_tool.kill(process)
        process.stdout.close()

    def log(self):
        with open(os.path.join(self.directory, "log"), "rb") as file:
            return file.read().decode("utf-8", "replace")

    def stop(self, process, number=signal.SIGTERM):
        children = harness.descendants(process.pid)
        process.send_signal(number)
        code = process.wait(cli_tool.TIMEOUT_S)
        cli_tool.wait_gone(children, 5)
        for mark in harness.SANITIZER_MARKS:
            self.assertNotIn(mark, self.log())
        return code

    def addresses(self, lines):
        return dict(re.match(r"(\S+) +serves http://(\S+)$", line).groups() for line in lines[:-1])

    def test_serves_and_stops(self):
        process, lines = self.begin()
        addresses = self.addresses(lines)
        self.assertEqual(list(addresses), ["sms", "spearlet"])
        self.assertIn("spear deploy", lines[-1])
        self.assertIn(addresses["sms"], lines[-1])
        for address in addresses.values():
            self.assertEqual(harness.request(address, "GET", "/health").status, 200)
        nodes = cli_tool.spear("nodes", "ls", "--json", sms=addresses["sms"]).json()["nodes"]
        self.assertEqual([node["status"] for node in nodes], ["online"])
        self.assertEqual(sorted(os.listdir(os.path.join(self.directory, "data"))), ["sms", "spearlet"])
        self.assertEqual(self.stop(process), 0)
        self.assertRegex(self.log(), r"(?m)^sms +\| [0-9:.]+ INFO +")
        self.assertRegex(self.log(), r"(?m)^spearlet +\| [0-9:.]+ INFO +")
        self.assertNotIn("\x1b", self.log())

    def test_two_nodes(self):
        process, lines = self.begin("--nodes", "2")
        addresses = self.addresses(lines)
        self.assertEqual(list(addresses), ["sms", "spearlet", "spearlet-2"])
        self.assertEqual(len(set(addresses.values())), 3)
        nodes = cli_tool.spear("nodes", "ls", "--json", sms=addresses["sms"]).json()["nodes"]
        self.assertEqual(len({node["uuid"] for node in nodes if node["status"] == "online"}), 2)
        self.assertEqual(sorted(os.listdir(os.path.join(self.directory, "data"))), ["sms", "spearlet", "spearlet-2"])
        self.assertEqual(self.stop(process), 0)

    def test_further_nodes_take_the_ports_behind(self):
        first = self.free_ports(2)
        process, lines = self.begin("--nodes", "2", addresses=("--http-addr", "127.0.0.1:0", "--spearlet-http-addr",
                                                                f"127.0.0.1:{first}"))
        addresses = self.addresses(lines)
        self.assertEqual((addresses["spearlet"], addresses["spearlet-2"]),
                         (f"127.0.0.1:{first}", f"127.0.0.1:{first + 1}"))
        self.assertEqual(self.stop(process), 0)

    def free_ports(self, count):
        for start in range(20011, 30000, 7):
            sockets = []
            try:
                for port in range(start, start + count):
                    sockets.append(socket.socket())
                    sockets[-1].bind(("127.0.0.1", port))
                return start
            except OSError:
                continue
            finally:
                for one in sockets:
                    one.close()
        raise AssertionError("no free ports")

    def test_data_stays(self):
        process, lines = self.begin()
        module = self.file("m.wasm", b"\0asm\1\0\0\0")
        self.assert_ok(cli_tool.spear("deploy", module, "--name", "stays", sms=self.addresses(lines)["sms"]))
        self.assertEqual(self.stop(process), 0)
        process, lines = self.begin()
        self.assert_ok(cli_tool.spear("tasks", "get", "stays", sms=self.addresses(lines)["sms"]))
        self.assertEqual(self.stop(process, signal.SIGINT), 0)

    def test_as_json(self):
        process, lines = self.begin("--json")
        parts = [json.loads(line) for line in lines]
        self.assertEqual([part.get("part") for part in parts], ["sms", "spearlet", None])
        self.assertEqual(set(harness.descendants(process.pid)) >= {part["pid"] for part in parts[:-1]}, True)
        self.assertEqual(self.stop(process), 0)
        for line in self.log().splitlines():
            self.assertIn("level", json.loads(line))

    def test_quiet(self):
        process, lines = self.begin("--quiet", "--json")
        self.assertEqual(self.stop(process), 0)
        self.assertNotIn('"info"', self.log())

    def test_ctrl_c_on_a_terminal(self):
        terminal = cli_tool.Terminal("up", "--data-dir", os.path.join(self.directory, "data"), *ANYWHERE)
        terminal.read_until(b"Ctrl-C stops all")
        self.assertIn(b"\x1b[1msms", terminal.output)
        children = harness.descendants(terminal.pid)
        self.assertGreaterEqual(len(children), 2)
        terminal.type(b"\x03")
        result = terminal.finish()
        self.assertEqual(result.code, 0, result)
        self.assertIn("stopping", result.out)
        cli_tool.wait_gone(children, 5)

    def test_port_is_taken(self):
        for flag in ("--http-addr", "--spearlet-http-addr"):
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                taken.listen()
                address = f"127.0.0.1:{taken.getsockname()[1]}"
                flags = dict(zip(ANYWHERE[::2], ANYWHERE[1::2])) | {flag: address}
                result = cli_tool.spear("up", "--data-dir", os.path.join(self.directory, "d"),
                                        *[word for pair in flags.items() for word in pair])
            part = "sms" if flag == "--http-addr" else "spearlet"
            self.assertEqual(result.code, 1, result)
            self.assertIn(f"spear: error: {part} ended with exit code", result.err)
            self.assertIn(address, result.err)
            self.assertIn("hint: is it running already?", result.err)
            self.assertNotIn("ready", result.out)

    def test_data_directory_is_in_use(self):
        process, _ = self.begin()
        result = cli_tool.spear("up", "--data-dir", os.path.join(self.directory, "data"), *ANYWHERE)
        self.assertEqual(result.code, 1, result)
        self.assertIn("in use by another process", result.err)
        self.assertEqual(self.stop(process), 0)

    def test_a_part_that_dies_ends_everything(self):
        for index, name in enumerate(("sms", "spearlet")):
            process, lines = self.begin("--json")
            children = harness.descendants(process.pid)
            os.kill(json.loads(lines[index])["pid"], signal.SIGKILL)
            self.assertEqual(process.wait(cli_tool.TIMEOUT_S), 1)
            cli_tool.wait_gone(children, 5)
            self.assertIn(f"{name} ended by itself with signal 9", self.log())

    def test_kill_9_leaves_nothing(self):
        process, _ = self.begin("--nodes", "2")
        children = harness.descendants(process.pid)
        self.assertGreaterEqual(len(children), 3)
        process.kill()
        process.wait(cli_tool.TIMEOUT_S)
        cli_tool.wait_gone(children, 10)

    def test_tells_who_started_it(self):
        notify = harness.NotifySocket(self.directory)
        process = cli_tool.start("up", "--data-dir", os.path.join(self.directory, "data"), *ANYWHERE,
                                 env={"NOTIFY_SOCKET": notify.path}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        fields = notify.wait_ready(process, cli_tool.TIMEOUT_S)
        notify.close()
        self.assertEqual(harness.request(fields["X_SPEAR_HTTP_ADDR"], "GET", "/health").status, 200)
        process.terminate()
        self.assertEqual(process.wait(cli_tool.TIMEOUT_S), 0)

    def test_stopped_while_starting(self):
        for wait_s in (0, 0.01, 0.03, 0.06):
            process = cli_tool.start("up", "--data-dir", os.path.join(self.directory, "data"), *ANYWHERE,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(wait_s)
            except subprocess.TimeoutExpired:
                pass
            children = harness.descendants(process.pid)
            process.terminate()
            self.assertIn(process.wait(cli_tool.TIMEOUT_S), (0, -signal.SIGTERM))
            cli_tool.wait_gone(children, 10)


if __name__ == "__main__":
    harness.main()
