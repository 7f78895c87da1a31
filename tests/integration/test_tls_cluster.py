"""Mutual TLS between sms and a node, and the command line over https: deploying, fetching, relaying, streaming, and what is refused."""
import os
import shutil
import subprocess
import tempfile

import harness
import pki
import ssl


class Cluster(harness.SpearTestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="spear-test-")
        cls.addClassCleanup(shutil.rmtree, cls.directory, True)
        cls.ours, cls.other = pki.Authority(cls.directory, "ours"), pki.Authority(cls.directory, "other")
        cls.sms_pair, cls.node_pair, cls.user_pair = (cls.ours.issue(name) for name in ("sms", "node", "user"))

    def files(self, prefix, pair, ca=None):
        flags = [f"--{prefix}tls-cert", pair[0], f"--{prefix}tls-key", pair[1]]
        return flags + ([f"--{prefix}tls-ca" if prefix else "--tls-client-ca", ca] if ca else [])

    def start_sms(self, *flags):
        return self.start(harness.Sms(*self.files("", self.sms_pair, self.ours.pem),
                                      *self.files("node-", self.sms_pair, self.ours.pem), *flags))

    def start_node(self, sms, pair=None, ca=None, **options):
        pair = pair or self.node_pair
        return self.start(harness.Spearlet(sms, *self.files("", pair, self.ours.pem),
                                           *self.files("sms-", pair, ca or self.ours.pem), **options))

    def context(self):
        context = ssl.create_default_context(cafile=self.ours.pem)
        context.load_cert_chain(*self.user_pair)
        return context

    def ask(self, daemon, method, path, body=None, headers=None):
        return harness.request(daemon.address, method, path, body, headers, context=self.context())

    def wait_log(self, daemon, *words):
        harness.wait_until(lambda: all(word in daemon.log() for word in words), what=f"{words} in the log")

    def wait_node(self, sms):
        harness.wait_until(lambda: self.ask(sms, "GET", "/api/v1/nodes").json()["total_count"] == 1)

    def deploy(self, sms, module, name, **config):
        with open(harness.sample(module), "rb") as file:
            uri = self.ask(sms, "POST", "/api/v1/files", file.read()).json()["uri"]
        body = {"name": name, "version": "1.0.0", "executable": {"type": "wasm", "uri": uri, "name": module},
                "config": {key.replace("_", "."): value for key, value in config.items()}}
        self.assertEqual(self.ask(sms, "POST", "/api/v1/tasks", body).status, 200)

    def test_mutual_tls(self):
        sms = self.start_sms()
        node = self.start_node(sms)
        self.wait_node(sms)
        listed = self.ask(sms, "GET", "/api/v1/nodes").json()["nodes"][0]
        self.assertEqual(listed["metadata"]["http_scheme"], "https")
        self.deploy(sms, "echo.wasm", "echo")
        data = os.urandom(1_000_000)
        for where, path in ((sms, "/api/v1/tasks/echo/invoke"), (node, "/tasks/echo/invoke")):
            answer = self.ask(where, "POST", path, data, {"Content-Type": "application/octet-stream"})
            self.assertEqual((answer.status, answer.body), (200, data))
        later = self.ask(sms, "POST", "/api/v1/tasks/echo/invoke", b"x", {"Prefer": "respond-async"})
        self.assertTrue(later.headers["Location"].startswith("https://" + node.address), later.headers["Location"])

    def test_command_line(self):
        sms = self.start_sms()
        self.start_node(sms)
        self.wait_node(sms)
        tls = {"SPEAR_CA": self.ours.pem, "SPEAR_CERT": self.user_pair[0], "SPEAR_KEY": self.user_pair[1]}
        done = self.spear(sms, "deploy", harness.sample("echo.wasm"), "--name", "echo", **tls)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"https://" + sms.address.encode(), done.stdout)
        done = self.spear(sms, "invoke", "echo", "--data", "over TLS", **tls)
        self.assertEqual((done.returncode, done.stdout), (0, b"over TLS"), done.stderr)
        done = self.spear(sms, "tasks", "ls", "--ca", self.other.pem, **tls)
        self.assertIn(b"its certificate is not accepted", done.stderr)
        done = self.spear(sms, "tasks", "ls", SPEAR_CA=self.ours.pem)
        self.assertIn(b"demands a client certificate", done.stderr)
        done = self.spear(sms, "tasks", "ls")
        self.assertIn(b"its certificate is not accepted", done.stderr)
        done = self.spear(sms, "tasks", "ls", "--cert", self.user_pair[0])
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"--key is missing", done.stderr)
        done = self.spear(sms, "tasks", "ls", "--ca", "/no/such/file")
        self.assertIn(b"/no/such/file", done.stderr)

    def spear(self, sms, *arguments, **environment):
        env = {name: value for name, value in os.environ.items() if not name.startswith("SPEAR_") or name == "SPEAR_BUILD_DIR"}
        env.update(environment, SPEAR_SMS_ADDR="https://" + sms.address, HOME=self.directory)
        return subprocess.run([harness.program("spear"), *arguments], env=env, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=60, check=False)

    def test_refused_certificates(self):
        """Each with a sentence where the operator looks: the log of the side that was refused, or of the one that refuses."""
        sms = self.start_sms()
        wrong_ca = self.start_node(sms, ca=self.other.pem, node_name="wrong-ca")
        self.wait_log(wrong_ca, "its certificate is not accepted", "unable to get local issuer certificate")
        none = self.start(harness.Spearlet(sms, "--sms-tls-ca", self.ours.pem, *self.files("", self.node_pair), node_name="none"))
        self.wait_log(none, "it demands a client certificate, and none was given")
        late = self.start_node(sms, pair=self.ours.issue("late", days=-1), node_name="late")
        self.wait_log(late, "the client certificate that was given has expired")
        stranger = self.start_node(sms, pair=self.other.issue("stranger"), node_name="stranger")
        self.wait_log(stranger, "it does not trust the authority of the client certificate")
        self.assertEqual(self.ask(sms, "GET", "/api/v1/nodes").json()["total_count"], 0)

    def test_expired_server(self):
        pair = self.ours.issue("old", days=-1)
        sms = self.start(harness.Sms(*self.files("", pair)))
        node = self.start(harness.Spearlet(sms, "--sms-tls-ca", self.ours.pem))
        self.wait_log(sms, "has expired")
        self.wait_log(node, "its certificate is not accepted", "certificate has expired")

    def test_one_side_alone(self):
        """A node and a sms that do not agree about TLS find out at the registration, in words."""
        secure = self.start_sms()
        plain_node = self.start(harness.Spearlet(secure, *self.files("sms-", self.node_pair, self.ours.pem)))
        self.wait_log(plain_node, "start spearlet with --tls-cert FILE and --tls-key FILE")
        plain = self.start(harness.Sms())
        secure_node = self.start(harness.Spearlet(plain, *self.files("", self.node_pair)))
        self.wait_log(secure_node, "start sms with --node-tls-ca FILE")
        lost = self.start(harness.Spearlet(plain, "--sms-tls-ca", self.ours.pem))
        self.wait_log(lost, "it does not speak TLS")
        shouting = self.start(harness.Spearlet(secure))
        self.wait_log(shouting, "status 400")

    def test_a_node_with_another_name(self):
        """sms checks the address that a node registered; what it cannot check it does not talk to."""
        sms = self.start_sms()
        pair = self.ours.issue("elsewhere", addresses="IP:192.0.2.1")
        self.start_node(sms, pair=pair)
        self.wait_node(sms)
        self.deploy(sms, "echo.wasm", "echo")
        answer = self.ask(sms, "POST", "/api/v1/tasks/echo/invoke", b"x")
        self.assert_problem(answer, 503, "UNAVAILABLE", "its certificate is not accepted")

    def test_streams(self):
        sms = self.start_sms()
        self.start_node(sms)
        self.wait_node(sms)
        self.deploy(sms, "echo.wasm", "echo", http_stream="true")
        data = os.urandom(3_000_000)
        answer = self.ask(sms, "POST", "/api/v1/tasks/echo/invoke", data)
        self.assertEqual((answer.status, answer.headers["Transfer-Encoding"], answer.body), (200, "chunked", data))


if __name__ == "__main__":
    harness.main()
