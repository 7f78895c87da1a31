"""The audit log of sms: every change leaves a row with who, what and when, in the change's own transaction; it is bounded."""
import harness

AUDIT = "/api/v1/audit"


class Audit(harness.SpearTestCase):
    def setUp(self):
        self.sms = self.start(harness.Sms())

    def entries(self, query=""):
        return self.sms.request("GET", AUDIT + query).json()["entries"]

    def changes(self):
        """All of them as (actor, action, object_name, detail), oldest first."""
        return [(e["actor"], e["action"], e["object_name"], e["detail"]) for e in reversed(self.entries("?limit=1000"))]

    def test_each_change_and_nothing_else(self):
        sms = self.sms
        file = sms.upload(b"abc", "a.wasm")
        sms.close_up()
        admin_id = sms.token[6:22]
        sms.make_token("ci", "deploy")
        task = sms.register("t", "sms+file://" + file)
        node = sms.request("POST", "/api/v1/nodes", {"ip_address": "127.0.0.1", "port": 7}).json()["node_uuid"]
        sms.request("POST", f"/api/v1/nodes/{node}/heartbeat", {})
        sms.request("PUT", f"/api/v1/nodes/{node}", {"port": 8, "http_port": 8})
        self.assertEqual(sms.request("DELETE", f"/api/v1/files/{file}").status, 409)
        self.assertEqual(sms.request("DELETE", "/api/v1/tasks/none").status, 404)
        self.assertEqual(sms.request("POST", "/api/v1/tasks", {"name": "x"}).status, 422)
        self.assertEqual(sms.request("POST", "/api/v1/files", b"x", {"x-checksum-sha256": "0" * 64}).status, 422)
        self.assertEqual(harness.request(sms.address, "DELETE", f"/api/v1/files/{file}").status, 401)
        sms.request("DELETE", f"/api/v1/files/{file}?force=true")
        sms.request("DELETE", "/api/v1/tasks/t", {"reason": "no use"})
        sms.request("DELETE", f"/api/v1/nodes/{node}")
        sms.request("DELETE", "/api/v1/tokens/ci")
        digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        wanted = [("anonymous", "file.upload", "a.wasm", digest), ("anonymous", "token.create", "admin", "admin"),
                  ("admin", "token.create", "ci", "deploy"), ("admin", "task.register", "t", "sms+file://" + file),
                  ("admin", "node.register", "", "127.0.0.1 port 7"), ("admin", "node.update", "", "127.0.0.1 port 8"),
                  ("admin", "file.delete", "a.wasm", "forced"), ("admin", "task.delete", "t", "no use"),
                  ("admin", "node.delete", "", ""), ("admin", "token.revoke", "ci", "")]
        self.assertEqual(self.changes(), wanted)
        listed = self.entries()
        self.assertEqual([e["seq"] for e in listed], list(range(10, 0, -1)))
        self.assertEqual({e["token_id"] for e in listed}, {admin_id, ""})
        for e in listed:
            self.assertRegex(e["at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertRegex(e["address"], r"^127\.0\.0\.1:\d+$")
            self.assertEqual(e["result"], "done")
        self.assertEqual([e["object_id"] for e in listed if e["action"].startswith("task.")], [task, task])
        self.assertEqual({e["object_id"] for e in listed if e["action"].startswith("node.")}, {node})
        sms.process.kill()
        sms.process.wait()
        sms.start()
        self.assertEqual(self.entries(), listed)

    def test_pages(self):
        for i in range(5):
            self.sms.upload(b"x", f"f{i}")
        answer = self.sms.request("GET", AUDIT + "?limit=2&offset=1").json()
        self.assertEqual(([e["object_name"] for e in answer["entries"]], answer["total_count"]), (["f3", "f2"], 5))
        self.assert_problem(self.sms.request("GET", AUDIT + "?limit=0"), 422, "UNPROCESSABLE", '"limit"')

    def test_bounded(self):
        sms = self.start(harness.Sms("--audit-max-entries", "3"))
        for i in range(8):
            sms.upload(b"x", f"f{i}")
        answer = sms.request("GET", AUDIT).json()
        self.assertEqual(([e["object_name"] for e in answer["entries"]], answer["total_count"]), (["f7", "f6", "f5"], 3))
        self.assertIn("sms_audit_entries 3\n", sms.request("GET", "/metrics").text())


if __name__ == "__main__":
    harness.main()
