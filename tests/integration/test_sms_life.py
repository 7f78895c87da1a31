"""The life of sms: settings, start, restart with everything it acknowledged, drain, the end."""
import os
import signal
import subprocess
import threading

import harness

FILES = "/api/v1/files"


class Settings(harness.SpearTestCase):
    def run_sms(self, *arguments, env=None):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SMS_")}
        clean["HOME"] = self.temporary_dir()
        clean.update(env or {})
        return subprocess.run([harness.program("sms"), *arguments], env=clean, capture_output=True, text=True, timeout=60,
                              check=False)

    def test_version_and_help(self):
        done = self.run_sms("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^sms \d+\.\d+\.\d+\n$")
        done = self.run_sms("--help")
        self.assertEqual(done.returncode, 0)
        for flag in ("--config", "--http-addr", "--data-dir", "--max-upload-bytes", "--heartbeat-timeout", "--log-level",
                     "--log-format", "--print-config"):
            self.assertIn(flag, done.stdout)

    def test_precedence(self):
        path = os.path.join(self.temporary_dir(), "config.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('http_addr = "127.0.0.1:1"\ndata_dir = "/from/file"\nheartbeat_timeout = "5s"\n')
        done = self.run_sms("--config", path, "--http-addr", "127.0.0.1:3", "--print-config",
                            env={"SMS_HTTP_ADDR": "127.0.0.1:2", "SMS_DATA_DIR": "/from/env"})
        self.assertEqual(done.returncode, 0, done.stderr)
        for text in ("127.0.0.1:3", "/from/env", "5s", "67108864"):
            self.assertIn(text, done.stdout)

    def test_bad_settings(self):
        for arguments, words in ((("--no-such",), ("no-such",)), (("--max-upload-bytes", "many"), ("max-upload-bytes", "many")),
                                 (("--http-addr", "nowhere"), ("http-addr", "nowhere")),
                                 (("--log-level", "loud"), ("log-level", "loud")), (("stray",), ("stray",))):
            done = self.run_sms(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            for word in words:
                self.assertIn(word, done.stderr)

    def test_bad_file(self):
        path = os.path.join(self.temporary_dir(), "config.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('http_addr = "127.0.0.1:0"\nhttp_adr = "x"\n')
        done = self.run_sms("--config", path)
        self.assertEqual(done.returncode, 2)
        for word in (path, "2", "http_adr"):
            self.assertIn(word, done.stderr)


class Start(harness.SpearTestCase):
    def test_address_in_use(self):
        first = self.start(harness.Sms())
        second = harness.Sms()
        self.addCleanup(second.remove)
        second.address_wanted = first.address
        with self.assertRaisesRegex(AssertionError, first.address):
            second.start()

    def test_data_directory_in_use(self):
        first = self.start(harness.Sms())
        second = harness.Sms(data_dir=first.data_dir)
        self.addCleanup(second.remove)
        with self.assertRaisesRegex(AssertionError, "data"):
            second.start()
        self.assertEqual(first.request("GET", "/health").status, 200)

    def test_database_that_is_none(self):
        broken = harness.Sms()
        self.addCleanup(broken.remove)
        os.makedirs(broken.data_dir)
        with open(os.path.join(broken.data_dir, "sms.db"), "wb") as file:
            file.write(b"this is no database, whatever its name says" * 100)
        with self.assertRaisesRegex(AssertionError, "sms.db"):
            broken.start()

    def test_leftovers_are_swept(self):
        sms = self.start(harness.Sms())
        kept = sms.upload(b"kept")
        sms.stop()
        stray = "ab" + "0" * 62
        with open(os.path.join(sms.data_dir, "blobs", "ab", stray), "wb") as file:
            file.write(b"no record")
        with open(os.path.join(sms.data_dir, "tmp", "half"), "wb") as file:
            file.write(b"half")
        sms.start()
        self.assertFalse(os.path.exists(os.path.join(sms.data_dir, "blobs", "ab", stray)))
        self.assertEqual(os.listdir(os.path.join(sms.data_dir, "tmp")), [])
        self.assertIn("count=1", sms.log())
        self.assertEqual(sms.request("GET", f"{FILES}/{kept}").body, b"kept")


class Restart(harness.SpearTestCase):
    def test_everything_acknowledged_is_there(self):
        for how in ("stop", "kill"):
            sms = self.start(harness.Sms())
            contents = {sms.upload(os.urandom(1000 * n), f"f{n}"): n for n in range(10)}
            bytes_before = {file_id: sms.request("GET", f"{FILES}/{file_id}").body for file_id in contents}
            tasks = [sms.register(f"t{n}", "sms+file://" + file_id) for n, file_id in enumerate(contents)]
            lists = [sms.request("GET", path).json() for path in (FILES, "/api/v1/tasks")]
            getattr(sms, how)()
            sms.start()
            self.assertEqual([sms.request("GET", path).json() for path in (FILES, "/api/v1/tasks")], lists)
            for file_id, content in bytes_before.items():
                self.assertEqual(sms.request("GET", f"{FILES}/{file_id}").body, content)
            for task_id in tasks:
                self.assertEqual(sms.request("GET", f"/api/v1/tasks/{task_id}").status, 200)


class Drain(harness.SpearTestCase):
    def slow_upload(self, sms, size=1000):
        connection = sms.raw()
        self.addCleanup(connection.close)
        connection.head("POST", FILES, {"Content-Length": size})
        connection.send(b"x" * (size // 2))
        harness.wait_until(lambda: "sms_uploads_running 1" in sms.request("GET", "/metrics").text())
        return connection

    def test_running_requests_end_and_new_ones_get_503(self):
        sms = self.start(harness.Sms())
        idle = sms.raw()
        self.addCleanup(idle.close)
        idle.head("GET", "/health", {})
        self.assertEqual(idle.response().status, 200)
        upload = self.slow_upload(sms)
        sms.signal(signal.SIGTERM)
        harness.wait_until(lambda: "draining" in sms.log())
        self.assertEqual(idle.read_all(), b"", "an idle connection is closed")
        refused = sms.request("GET", "/health")
        self.assert_problem(refused, 503, "UNAVAILABLE")
        self.assertEqual(refused.headers.get("Retry-After"), "1")
        upload.send(b"y" * 500)
        answer = upload.response()
        self.assertEqual(answer.status, 200)
        self.assertEqual(sms.wait(), 0)
        sms.start()
        self.assertEqual(sms.request("GET", f"{FILES}/{answer.json()['id']}").body, b"x" * 500 + b"y" * 500)

    def test_grace_ends(self):
        sms = self.start(harness.Sms("--drain-timeout", "300ms"))
        upload = self.slow_upload(sms)
        sms.signal(signal.SIGTERM)
        self.assertEqual(sms.wait(), 0)
        self.assertNotIn(b" 200 ", upload.read_all())
        self.assertEqual(os.listdir(os.path.join(sms.data_dir, "tmp")), [])

    def test_second_signal_ends_at_once(self):
        sms = self.start(harness.Sms())
        self.slow_upload(sms)
        sms.signal(signal.SIGINT)
        harness.wait_until(lambda: "draining" in sms.log())
        sms.signal(signal.SIGINT)
        self.assertEqual(sms.wait(), 128 + signal.SIGINT)

    def test_drain_under_load_answers_every_request(self):
        sms = self.start(harness.Sms())
        stop = threading.Event()
        stored = []

        def load():
            while not stop.is_set():
                try:
                    answer = sms.request("POST", FILES, os.urandom(3000))
                except (ConnectionError, OSError):
                    return
                if answer.status == 200:
                    stored.append(answer.json()["id"])
                elif answer.status != 503:
                    raise AssertionError(answer)

        workers = harness.Together([load] * 8)
        harness.wait_until(lambda: len(stored) > 100)
        sms.signal(signal.SIGTERM)
        self.assertEqual(sms.wait(), 0)
        stop.set()
        workers.join()
        sms.start()
        self.assertEqual(sms.request("GET", FILES + "?limit=1").json()["total_count"], len(stored))


if __name__ == "__main__":
    harness.main()
