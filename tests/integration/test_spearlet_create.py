"""Every row of the contract's create_instance table that HTTP can reach, through POST /functions/execute.

The rows about what is missing in an embedder's own calls (no artifact snapshot, no SpearletConfig) are the runtime's tests.
Without the engine everything up to the module's first bytes is checked all the same.
"""
import hashlib
import struct
import unittest

import harness
import spearlet_tool
from spearlet_tool import FileService, closed_address, needs_engine, needs_guests

EMPTY_MODULE = b"\0asm\1\0\0\0"
FETCH_QUICKLY = ("--fetch-backoff", "1ms", "--fetch-total-timeout", "500ms", "--fetch-connect-timeout", "500ms")


def reset(connection):
    connection.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER


def truncate(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + EMPTY_MODULE)


def stay_silent(connection):
    connection.recv(1)


def server_error(connection):
    connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")


class Locations(spearlet_tool.SpearletTestCase):
    def test_host_that_is_not_allowed(self):
        task = self.sms.register("elsewhere", "sms+file://files.example:81/some-id")
        self.execute_error(task, "InvalidConfiguration", "files.example:81", "allowed_sms_hosts")

    def test_missing_file(self):
        task = self.sms.register("missing", "sms+file://no-such-file")
        result = self.execute_error(task, "RuntimeError", "/api/v1/files/no-such-file", "404")
        self.assertEqual((result["status"], result["exit_code"], result["instance_id"]), ("failed", None, None))

    def test_uri_that_sms_should_have_refused(self):
        answer = self.sms.request("POST", "/api/v1/tasks",
                                  {"name": "bad", "version": "1", "executable": {"type": "wasm", "uri": "http://x/y"}})
        self.assert_problem(answer, 422, "INVALID_CONFIGURATION", "sms+file://")

    def test_named_host_that_is_sms_itself(self):
        file_id = self.sms.upload(EMPTY_MODULE)
        task = self.sms.register("named", f"sms+file://{self.sms.address}/{file_id}")
        result = self.execute(task)
        self.assertNotEqual(result["error"]["code"], "InvalidConfiguration" if not spearlet_tool.HAS_ENGINE else "")


class Downloads(harness.SpearTestCase):
    """A file service of its own for each way to fail."""

    def failure(self, address, *words, tries=3):
        sms = self.start(harness.Sms())
        spearlet = self.start(harness.Spearlet(sms, "--allowed-sms-hosts", address, "--fetch-tries-max", str(tries),
                                               *FETCH_QUICKLY))
        task = sms.register("far", f"sms+file://{address}/module")
        answer = spearlet.request("POST", "/functions/execute", {"task_id": task}).json()
        self.assertEqual(answer["error"]["code"], "RuntimeError", answer)
        for word in (f"http://{address}/api/v1/files/module", *words):
            self.assertIn(word, answer["error"]["message"])
        return answer

    def misbehave(self, behave, *words, connections=3, **options):
        service = FileService(behave)
        self.addCleanup(service.close)
        self.failure(service.address, *words, **options)
        self.assertEqual(service.connections, connections)

    def test_refused_connection(self):
        self.failure(closed_address(), "3 tries")

    def test_reset(self):
        self.misbehave(reset, "3 tries")

    def test_truncated_body(self):
        self.misbehave(truncate, "3 tries")

    def test_timeout(self):
        self.misbehave(stay_silent, "2 tries", connections=2, tries=2)

    def test_server_error(self):
        self.misbehave(server_error, "500")


class Bytes(spearlet_tool.SpearletTestCase):
    def test_checksum(self):
        wrong = hashlib.sha256(b"another").hexdigest()
        content = EMPTY_MODULE + b"\0\1\0"
        task = self.sms.deploy(content, "sum", executable={"checksum_sha256": wrong})
        self.execute_error(task, "InvalidConfiguration", wrong, hashlib.sha256(content).hexdigest())

    def test_no_magic(self):
        for name, content, seen in (("empty", b"", ""), ("text", b"#!/bin/sh\n", "23 21 2f 62"), ("short", b"\0as", "")):
            task = self.sms.deploy(content, name)
            result = self.execute_error(task, "InvalidConfiguration", "missing WASM magic header")
            self.assertIn(seen, result["error"]["message"])

    def test_every_request_hears_of_a_broken_module(self):
        task = self.sms.deploy(b"nothing of use", "broken")
        errors = harness.together(*[lambda: self.execute(task)["error"]["code"]] * 8)
        self.assertEqual(set(errors), {"InvalidConfiguration"})
        answer = self.invoke(task)
        self.assert_problem(answer, 500, "INVALID_CONFIGURATION", "magic")
        self.assertEqual(answer.json()["kind"], "InvalidConfiguration")
        self.assertEqual(self.instances(), [])
        self.assertGreaterEqual(self.stats()["runtime"]["instances_failed"], 2)

    @unittest.skipIf(spearlet_tool.HAS_ENGINE, "this build has the engine")
    def test_without_the_engine(self):
        task = self.sms.deploy(EMPTY_MODULE, "plain")
        result = self.execute_error(task, "NotSupported", "wasmedge")
        self.assertIsNotNone(result["instance_id"])  # it was created and started
        answer = self.invoke(task)
        self.assert_problem(answer, 501, "NOT_SUPPORTED", "wasmedge")
        self.assertEqual([i["state"] for i in self.instances()], ["ready"] * len(self.instances()))


class SmallModules(spearlet_tool.SpearletTestCase):
    options = ("--max-module-size", "1000")

    def test_too_large(self):
        task = self.sms.deploy(EMPTY_MODULE + b"x" * 5000, "large")
        self.execute_error(task, "InvalidConfiguration", "1000")


@needs_engine
@needs_guests("bad_import.wasm", "bad_body.wasm", "big_memory.wasm", "bad_type.wasm", "bad_spear.wasm", "component.wasm")
class Modules(spearlet_tool.SpearletTestCase):
    def test_malformed_and_unusable(self):
        cut = spearlet_tool.module_bytes("names.wasm")[:-5]
        for name, guest, words in (
                ("cut", cut, ["offset"]), ("body", "bad_body.wasm", []), ("import", "bad_import.wasm", ["import"]),
                ("type", "bad_type.wasm", ["import"]), ("spear", "bad_spear.wasm", ["spear"]),
                ("memory", "big_memory.wasm", ["memory"]), ("component", "component.wasm", [])):
            with self.subTest(name):
                task = self.deploy(guest, name)
                self.execute_error(task, "InvalidConfiguration", *words)
        self.assertEqual(self.instances(), [])

    def test_the_next_request_tries_again(self):
        file_id = self.sms.upload(spearlet_tool.module_bytes("names.wasm"))
        task = self.sms.register("later", f"sms+file://{file_id}")
        self.sms.request("DELETE", f"/api/v1/files/{file_id}?force=true")
        self.execute_error(task, "RuntimeError", "404")
        other = self.sms.register("other", "sms+file://" + self.sms.upload(spearlet_tool.module_bytes("names.wasm")))
        self.assertEqual(self.execute_ok(other, function_name="value", params=[])["results"], [4])


if __name__ == "__main__":
    harness.main()
