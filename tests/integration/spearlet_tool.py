"""What the suites of spearlet have in common: an sms and a spearlet for each test, tasks made of guests, fake file services."""
import base64
import socket
import threading
import unittest

import harness

HAS_ENGINE = harness.is_built("spear-worker")
needs_engine = unittest.skipUnless(HAS_ENGINE, "this build has no engine")
HELLO = "hello.wasm"
ANSWER_S = 60


def needs_guests(*names):
    """Skips unless these guests were compiled."""
    missing = [name for name in names if harness.sample(name) is None]
    return unittest.skipIf(missing, f"guests not built: {missing}")


def module_bytes(name):
    with open(harness.sample(name), "rb") as file:
        return file.read()


class SpearletTestCase(harness.SpearTestCase):
    options = ()

    def setUp(self):
        self.sms = self.start(harness.Sms())
        self.spearlet = self.start(harness.Spearlet(self.sms, "--heartbeat-interval", "200ms", *self.options))

    def wait_registered(self, spearlet=None):
        spearlet = spearlet or self.spearlet
        return harness.wait_until(lambda: spearlet.request("GET", "/status").json()["sms"]["registered"],
                                  what="the registration")

    def deploy(self, guest, name=None, **members):
        """Registers a task of a guest (or of module bytes) and gives its id."""
        if isinstance(guest, bytes):
            return self.sms.deploy(guest, name, **members)
        return self.sms.deploy(module_bytes(guest), name or guest.removesuffix(".wasm"), **members)

    def execute(self, task, spearlet=None, **members):
        """The JSON of an execution that was let in."""
        answer = (spearlet or self.spearlet).request("POST", "/functions/execute", {"task_id": task, **members})
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def execute_ok(self, task, **members):
        result = self.execute(task, **members)
        self.assertTrue(result["success"], result)
        self.assertEqual((result["status"], result["exit_code"], result["error"]), ("completed", 0, None))
        return result

    def execute_error(self, task, code, *words, **members):
        """An execution that fails with that kind, whose message has each word."""
        result = self.execute(task, **members)
        self.assertFalse(result["success"], result)
        self.assertEqual(result["error"]["code"], code, result)
        for word in words:
            self.assertIn(word, result["error"]["message"])
        return result

    def refused(self, body, status, code, *words):
        """A request that is itself wrong."""
        answer = self.spearlet.request("POST", "/functions/execute", body)
        return self.assert_problem(answer, status, code, *words)

    def invoke(self, task, body=b"", headers=None, query="", spearlet=None):
        return (spearlet or self.spearlet).request("POST", f"/tasks/{task}/invoke{query}", body, headers)

    def instances(self, spearlet=None):
        return (spearlet or self.spearlet).request("GET", "/instances").json()["instances"]

    def wait_instances(self, count, state=None, timeout_s=20):
        """The instances, once there are that many (in that state)."""
        def look():
            found = [i for i in self.instances() if state in (None, i["state"])]
            return found or True if len(found) == count else None
        return harness.wait_until(look, timeout_s, f"{count} instances {state or ''}")

    def wait_running(self, count=1):
        return self.wait_instances(count, "running")

    def stats(self):
        return self.spearlet.request("GET", "/monitoring/stats").json()


def output_of(result):
    return base64.b64decode(result["output_base64"])


class FileService:
    """A file service that misbehaves: every connection is read up to the blank line and given to `behave(socket)`."""

    def __init__(self, behave):
        self.behave = behave
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        data = b""
        try:
            while b"\r\n\r\n" not in data:
                part = connection.recv(65536)
                if not part:
                    return
                data += part
            self.behave(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def closed_address():
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return "127.0.0.1:%d" % listener.getsockname()[1]
