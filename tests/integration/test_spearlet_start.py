"""How spearlet starts: settings and their errors, the data directory, the worker program, the node's identity."""
import json
import os
import shutil
import subprocess
import unittest

import harness
from spearlet_tool import closed_address, needs_engine


def run(*arguments, **env):
    """Runs spearlet to an end that it comes to by itself."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("SPEARLET_")}
    return subprocess.run([harness.program("spearlet"), *arguments], capture_output=True, text=True, timeout=60,
                          env={**settings, "HOME": "/nonexistent", **env})


class Settings(harness.SpearTestCase):
    def refused(self, words, *arguments, **env):
        done = run(*arguments, **env)
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(done.stdout, "")
        for word in words:
            self.assertIn(word, done.stderr)

    def test_help_and_version(self):
        text = run("--help").stdout
        for option in ("--node-name", "--http-addr", "--sms-http-addr", "--data-dir", "--log-level", "--log-format",
                       "--allowed-sms-hosts", "--heartbeat-interval", "--advertise-addr", "--worker-path", "--stop-grace"):
            self.assertIn(option, text)
        self.assertRegex(run("--version").stdout, r"^spearlet \d+\.\d+\.\d+\n$")

    def test_precedence(self):
        path = os.path.join(self.temporary_dir(), "config.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('node_name = "from-file"\nhttp_addr = "127.0.0.1:1"\ndata_dir = "/from/file"\n')
        text = run("--print-config", "--config", path, "--data-dir", "/from/flag", SPEARLET_HTTP_ADDR="127.0.0.1:2").stdout
        for line in ('node_name = "from-file"', 'http_addr = "127.0.0.1:2"', 'data_dir = "/from/flag"',
                     'sms_http_addr = "127.0.0.1:8080"'):
            self.assertIn(line, text)

    def test_bad_values(self):
        self.refused(["--http-addr", "nonsense"], "--http-addr", "nonsense")
        self.refused(["--sms-http-addr", "127.0.0.1:0", "port"], "--sms-http-addr", "127.0.0.1:0")
        self.refused(["SPEARLET_THREADS", "many"], SPEARLET_THREADS="many")
        self.refused(["--no-such-thing"], "--no-such-thing")
        self.refused(["positional"], "positional")
        path = os.path.join(self.temporary_dir(), "config.toml")
        for text, words in (('nonsense = 1', ["nonsense"]), ('threads = "x"', ["threads"]),
                            ('allowed_sms_hosts = "a:1,foo"', ["allowed-sms-hosts", "foo"]),
                            ('sms_http_addr = "127.0.0.1:0"', ["sms-http-addr", "127.0.0.1:0"])):
            with open(path, "w", encoding="utf-8") as file:
                file.write("# a comment\n" + text + "\n")
            self.refused([path + ":2", *words], "--config", path)
            self.refused([path + ":2", *words], "--config", path, "--print-config")

    @needs_engine
    def test_worker_program(self):
        self.refused(["--worker-path", "/nonexistent/worker"], "--worker-path", "/nonexistent/worker")
        alone = os.path.join(self.temporary_dir(), "spearlet")
        shutil.copy(harness.program("spearlet"), alone)
        done = subprocess.run([alone, "--data-dir", self.temporary_dir(), "--http-addr", "127.0.0.1:0"], capture_output=True,
                              text=True, timeout=60, env={"PATH": "/nonexistent", "HOME": "/nonexistent"})
        if os.path.exists("/usr/local/libexec/spear/spear-worker"):
            self.skipTest("SPEAR is installed here")
        self.assertEqual(done.returncode, 2, done)
        for word in ("spear-worker", "libexec", "PATH", "--worker-path"):
            self.assertIn(word, done.stderr)

    def test_address_in_use(self):
        spearlet = self.start(harness.Spearlet(closed_address()))
        done = run("--http-addr", spearlet.address, "--data-dir", self.temporary_dir())
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(spearlet.address, done.stderr)


class Data(harness.SpearTestCase):
    def test_directory_belongs_to_one(self):
        spearlet = self.start(harness.Spearlet(closed_address()))
        done = run("--http-addr", "127.0.0.1:0", "--data-dir", spearlet.data_dir)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(str(spearlet.process.pid), done.stderr)
        self.assertIn(spearlet.data_dir, done.stderr)

    def test_directory_that_cannot_be(self):
        done = run("--http-addr", "127.0.0.1:0", "--data-dir", "/proc/nothing/here")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/proc/nothing", done.stderr)

    def test_identity_that_cannot_be_read(self):
        directory = self.temporary_dir()
        os.mkdir(os.path.join(directory, "node.json"))
        done = run("--http-addr", "127.0.0.1:0", "--data-dir", directory)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("node.json", done.stderr)

    def test_identity(self):
        sms = self.start(harness.Sms())
        spearlet = self.start(harness.Spearlet(sms))
        registered = lambda: spearlet.request("GET", "/status").json()["sms"]["registered"]
        harness.wait_until(registered)
        uuid = spearlet.request("GET", "/status").json()["node_uuid"]
        path = os.path.join(spearlet.data_dir, "node.json")
        harness.wait_until(lambda: os.path.exists(path))
        with open(path, encoding="utf-8") as file:
            self.assertEqual(json.load(file), {"uuid": uuid})
        spearlet.restart()
        harness.wait_until(registered)
        self.assertEqual(spearlet.request("GET", "/status").json()["node_uuid"], uuid)
        spearlet.stop()
        with open(path, "w", encoding="utf-8") as file:
            file.write("{ nonsense")
        spearlet.start()
        harness.wait_until(registered)
        nodes = sms.request("GET", "/api/v1/nodes").json()["nodes"]
        self.assertIn(spearlet.request("GET", "/status").json()["node_uuid"], [n["uuid"] for n in nodes])

    def test_advertised_address(self):
        sms = self.start(harness.Sms())
        for arguments, wanted, node in ((("--insecure",), "127.0.0.1:80", "0.0.0.0:0"),
                                        (("--advertise-addr", "127.0.0.7:81"), "127.0.0.7:81", None)):
            spearlet = harness.Spearlet(sms, *arguments)
            spearlet.address_wanted = node or spearlet.address_wanted
            self.start(spearlet)
            address = "127.0.0.1:" + spearlet.address.rpartition(":")[2]
            harness.wait_until(lambda: harness.request(address, "GET", "/status").json()["sms"]["registered"])
            uuid = harness.request(address, "GET", "/status").json()["node_uuid"]
            shown = sms.request("GET", f"/api/v1/nodes/{uuid}").json()["node"]
            self.assertEqual(shown["ip_address"], wanted.split(":")[0])
            self.assertEqual(shown["http_port"], int(address.split(":")[1]) if node else 81)

    def test_ipv6(self):
        if not os.path.exists("/proc/net/if_inet6"):
            self.skipTest("no IPv6 here")
        sms = self.start(harness.Sms())
        spearlet = harness.Spearlet(sms)
        spearlet.address_wanted = "[::1]:0"
        try:
            self.start(spearlet)
        except AssertionError:
            self.skipTest("no IPv6 loopback here")
        harness.wait_until(lambda: spearlet.request("GET", "/status").json()["sms"]["registered"])
        task = sms.deploy(b"no module", "any")
        answer = sms.request("POST", f"/api/v1/tasks/{task}/invoke", b"")
        self.assert_problem(answer, 500, "INVALID_CONFIGURATION", "magic")


if __name__ == "__main__":
    unittest.util._MAX_LENGTH = 4000
    harness.main()
