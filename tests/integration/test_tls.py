"""TLS of sms and of net/http_server: versions, what is no handshake, certificates of clients, reload, bad files.

That requests behave over TLS as without it is checked by the suites test_http_server and test_http_bodies, which run a second time
with SPEAR_HTTP_TLS=1. The cluster's own connections are in test_tls_cluster.py.
"""
import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import harness
import pki
from http_test import TestServer


class TlsCase(harness.SpearTestCase):
    @classmethod
    def setUpClass(cls):
        cls.pki_dir = os.path.join(harness.tempfile.mkdtemp(prefix="spear-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.pki_dir, True)
        cls.ours, cls.other = pki.Authority(cls.pki_dir, "ours"), pki.Authority(cls.pki_dir, "other")
        cls.cert, cls.key = cls.ours.issue("server")

    def flags(self, *more):
        return ["--tls-cert", self.cert, "--tls-key", self.key, *more]

    def context(self, identity=None):
        context = ssl.create_default_context(cafile=self.ours.pem)
        if identity:
            context.load_cert_chain(*identity)
        return context

    def connect(self, daemon, context=None, timeout_s=30):
        raw = socket.create_connection(harness.split_address(daemon.address), timeout_s)
        self.addCleanup(raw.close)
        wrapped = (context or self.context()).wrap_socket(raw, server_hostname="localhost")
        self.addCleanup(wrapped.close)
        return wrapped

    def get(self, daemon, context=None, path="/health"):
        return harness.request(daemon.address, "GET", path, context=context or self.context())

    def wait_log(self, daemon, *words):
        harness.wait_until(lambda: all(word in daemon.log() for word in words), what=f"{words} in the log")


def ask(connection, path="/health"):
    """One request on an open connection; the status."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            raise EOFError(data)
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = int([line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")][0].split(b":")[1])
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split()[1])


class Handshakes(TlsCase):
    def setUp(self):
        self.sms = self.start(harness.Sms(*self.flags("--header-timeout", "500ms")))

    def test_versions(self):
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            context = self.context()
            context.minimum_version = context.maximum_version = version
            connection = self.connect(self.sms, context)
            self.assertEqual((connection.version(), ask(connection)), (name, 200))
        done = subprocess.run(["openssl", "s_client", "-connect", self.sms.address, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        self.assertNotEqual(done.returncode, 0)

    def test_protocols(self):
        context = self.context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        self.assertEqual(self.connect(self.sms, context).selected_alpn_protocol(), "http/1.1")
        context.set_alpn_protocols(["h2"])
        with self.assertRaises(ssl.SSLError):
            self.connect(self.sms, context)
        self.assertIsNone(self.connect(self.sms).selected_alpn_protocol())

    def test_renegotiation_is_refused(self):
        process = subprocess.Popen(["openssl", "s_client", "-connect", self.sms.address, "-tls1_2", "-quiet", "-no_ign_eof"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = process.communicate(b"R\n", timeout=30)[0]
        self.assertIn(b"no renegotiation", output)
        self.assertEqual(self.get(self.sms).status, 200)

    def test_plain_http_is_told_so(self):
        for _ in range(5):
            with socket.create_connection(harness.split_address(self.sms.address), 30) as plain:
                plain.sendall(b"POST /api/v1/files HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000)
                answer = b""
                while part := plain.recv(65536):
                    answer += part
            self.assertIn(b"HTTP/1.1 400 ", answer)
            self.assertIn(b"use https://", answer)
        self.wait_log(self.sms, "plain HTTP came to a port that speaks TLS")
        self.assertLess(self.sms.log().count("plain HTTP came"), 5)  # at most one a second
        self.assertEqual(self.get(self.sms).status, 200)

    def test_no_handshake(self):
        """Garbage, cut short, byte by byte, nothing at all: the connection ends, others do not notice."""
        hello = self.client_hello()
        wires = []
        for data in (b"\x00" * 500, b"\x16\x03\x01\xff\xff" + b"\x00" * 70000, os.urandom(3000), hello[:40], hello[:3], b"",
                     hello[:50] + b"\xff" * 200):
            raw = socket.create_connection(harness.split_address(self.sms.address), 30)
            self.addCleanup(raw.close)
            try:
                raw.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass
            wires.append(raw)
        gone = socket.create_connection(harness.split_address(self.sms.address), 30)
        gone.sendall(hello[:100])
        gone.close()
        self.assertEqual(self.get(self.sms).status, 200)
        for raw in wires:
            try:
                while raw.recv(65536):
                    pass
            except ConnectionResetError:
                pass
        with socket.create_connection(harness.split_address(self.sms.address), 30) as slow:
            with self.assertRaises((BrokenPipeError, ConnectionResetError)):
                for byte in hello * 1000:
                    slow.sendall(bytes([byte]))
                    select.select([], [], [], 0.02)
        self.assertEqual(self.get(self.sms).status, 200)
        metrics = self.get(self.sms, path="/metrics").text()
        self.assertGreater(int(metrics.split("\nsms_http_tls_failed_total ")[1].split("\n")[0]), 2)

    def client_hello(self):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        with self.assertRaises(ssl.SSLWantReadError):
            client.do_handshake()
        return outgoing.read()

    def test_a_handshake_in_pieces(self):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        patient = self.start(harness.Sms(*self.flags()))
        with socket.create_connection(harness.split_address(patient.address), 30) as raw:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                try:
                    client.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    for byte in outgoing.read():
                        raw.sendall(bytes([byte]))
                    part = raw.recv(100)
                    self.assertNotEqual(part, b"", "closed in the handshake")
                    incoming.write(part)
            client.write(b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            for byte in outgoing.read():  # the end of the handshake and the request together
                raw.sendall(bytes([byte]))
            answer = b""
            while part := raw.recv(65536):
                incoming.write(part)
            incoming.write_eof()
            while part := client.read():  # ends with the farewell; without one it is an error
                answer += part
        self.assertIn(b"HTTP/1.1 200 OK", answer)

    def test_new_keys_while_in_use(self):
        """TLS 1.3 lets a client ask for new keys at any time; the command's K does."""
        process = subprocess.Popen(["openssl", "s_client", "-connect", self.sms.address, "-tls1_3", "-no_ign_eof"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = b""

        def wait_for(word, count):
            nonlocal output
            while output.count(word) < count:
                self.assertTrue(select.select([process.stdout], [], [], 30)[0], output)
                part = os.read(process.stdout.fileno(), 65536)
                self.assertTrue(part, output)
                output += part

        wait_for(b"Verify return code", 1)
        for count in (1, 2):
            process.stdin.write(b"K\n")  # a command only when it is read by itself
            process.stdin.flush()
            wait_for(b"KEYUPDATE", count)
        process.stdin.write(b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        process.stdin.flush()
        wait_for(b"healthy", 1)
        process.kill()
        process.communicate()
        self.assertEqual(self.get(self.sms).status, 200)


class Limits(TlsCase):
    def test_connections_per_client(self):
        server = self.start(TestServer(*self.flags("--connections-per-client-max", "2")))
        kept = [self.connect(server) for _ in range(2)]
        with self.assertRaises((ssl.SSLError, ConnectionResetError)):  # a refusal is not worth a handshake
            self.connect(server)
        self.assertEqual([ask(wire, "/static") for wire in kept], [200, 200])

    def test_half_made_handshakes_make_room(self):
        server = self.start(TestServer(*self.flags("--connections-max", "4", "--loops", "1")))
        for _ in range(4):
            raw = socket.create_connection(harness.split_address(server.address), 30)
            self.addCleanup(raw.close)
            raw.sendall(b"\x16\x03\x01")

        def served():
            try:
                return ask(self.connect(server), "/static") == 200
            except (ssl.SSLError, ConnectionResetError):
                return False

        harness.wait_until(served)


class Clients(TlsCase):
    def setUp(self):
        self.sms = self.start(harness.Sms(*self.flags("--tls-client-ca", self.ours.pem)))

    def refused(self, identity):
        """TLS 1.3 tells the client when its own part of the handshake is over: at its first read."""
        with self.assertRaises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
            ask(self.connect(self.sms, self.context(identity)))
        select.select([], [], [], 1.1)  # the log says at most one of these a second

    def test_certificates(self):
        self.assertEqual(self.get(self.sms, self.context(self.ours.issue("good"))).status, 200)
        self.refused(None)
        self.wait_log(self.sms, "the client sent no certificate, and tls-client-ca demands one")
        self.refused(self.ours.issue("late", days=-1))
        self.wait_log(self.sms, "the client's certificate is not accepted: certificate has expired")
        self.refused(self.other.issue("stranger"))
        self.wait_log(self.sms, "the client's certificate is not accepted: unable to get local issuer certificate")
        self.assertEqual(self.get(self.sms, self.context(self.ours.issue("again"))).status, 200)

    def test_resumption_keeps_the_demand(self):
        context = self.context(self.ours.issue("good"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        first = self.connect(self.sms, context)
        self.assertEqual(ask(first), 200)
        raw = socket.create_connection(harness.split_address(self.sms.address), 30)
        again = context.wrap_socket(raw, server_hostname="localhost", session=first.session)
        self.addCleanup(again.close)
        self.assertEqual(ask(again), 200)


class Reload(TlsCase):
    def setUp(self):
        directory = self.temporary_dir()
        self.cert, self.key = os.path.join(directory, "cert.pem"), os.path.join(directory, "key.pem")
        self.put(*self.ours.issue("first"))

    def put(self, cert, key):
        for source, target in ((cert, self.cert), (key, self.key)):
            shutil.copyfile(source, target + ".new")
            os.rename(target + ".new", target)

    def name(self, daemon):
        return dict(pair[0] for pair in self.connect(daemon).getpeercert()["subject"])["commonName"]

    def test_reload_under_load(self):
        sms = self.start(harness.Sms(*self.flags()))
        kept, over, failures, done = self.connect(sms), threading.Event(), [], []

        def load():
            while not over.is_set():
                try:
                    connection = self.context().wrap_socket(socket.create_connection(harness.split_address(sms.address), 30),
                                                            server_hostname="localhost")
                    done.append(ask(connection))
                    connection.close()
                except OSError as error:
                    failures.append(error)

        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for name in ("second", "third", "fourth"):
                self.put(*self.ours.issue(name))
                sms.signal(signal.SIGHUP)
                harness.wait_until(lambda: self.name(sms) == name, what=f"the {name} certificate")
        finally:
            over.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(len(done), 3)
        self.assertEqual(set(done), {200})
        self.assertEqual(ask(kept), 200)  # a connection from before goes on

    def test_bad_new_files_keep_the_old(self):
        sms = self.start(harness.Sms(*self.flags()))
        with open(self.cert, "w", encoding="ascii") as file:
            file.write("nonsense\n")
        sms.signal(signal.SIGHUP)
        self.wait_log(sms, "TLS not reloaded, the old files stay in use", self.cert, "a certificate in PEM form is wanted")
        self.assertEqual(self.name(sms), "first")
        self.put(self.ours.issue("second")[0], self.ours.issue("third")[1])
        sms.signal(signal.SIGHUP)
        self.wait_log(sms, "is not the key of the certificate in")
        self.assertEqual(self.name(sms), "first")
        self.put(*self.ours.issue("late", days=-1))
        sms.signal(signal.SIGHUP)
        self.wait_log(sms, "has expired")

    def test_without_tls(self):
        for daemon in (harness.Sms(), harness.Spearlet("127.0.0.1:1")):
            self.start(daemon)
            daemon.signal(signal.SIGHUP)
            self.wait_log(daemon, "nothing to reload")
            self.assertEqual(daemon.request("GET", "/health").status, 200)


class Settings(TlsCase):
    def refused(self, flags, *words):
        daemon = harness.Sms(*flags)
        self.addCleanup(daemon.remove)
        with self.assertRaises(AssertionError) as caught:
            daemon.start()
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_refused(self):
        encrypted = os.path.join(self.pki_dir, "encrypted.key")
        pki.openssl("pkey", "-in", self.key, "-aes128", "-passout", "pass:secret", "-out", encrypted)
        stranger = self.ours.issue("stranger")[1]
        cert, key = self.cert, self.key
        self.refused(["--tls-cert", cert], "tls-cert needs tls-key as well")
        self.refused(["--tls-key", key], "tls-key needs tls-cert as well")
        self.refused(["--tls-client-ca", cert], "tls-client-ca needs tls-cert and tls-key as well")
        self.refused(["--node-tls-cert", cert, "--node-tls-key", key], "node-tls-cert needs node-tls-ca as well")
        self.refused(["--tls-cert", "/no/such/file", "--tls-key", key], "/no/such/file")
        self.refused(["--tls-cert", key, "--tls-key", key], "a certificate in PEM form is wanted")
        self.refused(["--tls-cert", cert, "--tls-key", cert], "a private key in PEM form is wanted")
        self.refused(["--tls-cert", cert, "--tls-key", stranger], "is not the key of the certificate in")
        self.refused(["--tls-cert", cert, "--tls-key", encrypted], "the key has a passphrase")
        self.refused(self.flags("--tls-client-ca", self.key), "the certificate of an authority in PEM form is wanted")

    def test_an_empty_flag_takes_a_setting_back(self):
        sms = self.start(harness.Sms("--tls-cert", "", "--tls-key", "", env={"SMS_TLS_CERT": self.cert, "SMS_TLS_KEY": self.key}))
        self.assertEqual(sms.request("GET", "/health").status, 200)


if __name__ == "__main__":
    harness.main()
