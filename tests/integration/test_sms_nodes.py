"""Nodes and placement: registration, heartbeat, resource, and where an invocation may go."""
import uuid

import harness

NODES = "/api/v1/nodes"
PLACE = "/api/v1/placement/invocations/place"


class NodesCase(harness.SpearTestCase):
    timeout = "90s"

    def setUp(self):
        self.sms = self.start(harness.Sms("--heartbeat-timeout", self.timeout))

    def register(self, **members):
        body = {"ip_address": "127.0.0.1", "port": 9000}
        body.update(members)
        answer = self.sms.request("POST", NODES, body)
        self.assertEqual(answer.status, 200, answer)
        self.assertTrue(answer.json()["success"])
        return answer.json()["node_uuid"]

    def node(self, node_uuid):
        answer = self.sms.request("GET", f"{NODES}/{node_uuid}")
        self.assertEqual(answer.status, 200, answer)
        self.assertTrue(answer.json()["success"])
        return answer.json()["node"]

    def heartbeat(self, node_uuid, body=None):
        return self.sms.request("POST", f"{NODES}/{node_uuid}/heartbeat", body)


class Register(NodesCase):
    def test_members(self):
        node_uuid = self.register(http_port=9001, metadata={"zone": "a", "n": 5})
        uuid.UUID(node_uuid)
        node = self.node(node_uuid)
        for name in ("last_heartbeat", "registered_at"):
            self.assertIsInstance(node.pop(name), int)
        self.assertEqual(node, {"uuid": node_uuid, "ip_address": "127.0.0.1", "port": 9000, "http_port": 9001,
                                "status": "online", "metadata": {"zone": "a", "n": 5}})

    def test_defaults(self):
        node = self.node(self.register(ip_address="::1"))
        self.assertEqual((node["http_port"], node["metadata"], node["ip_address"]), (9000, {}, "::1"))

    def test_a_node_may_keep_its_uuid(self):
        mine = str(uuid.uuid4())
        self.assertEqual(self.register(uuid=mine), mine)
        self.assertEqual(self.register(uuid=mine.upper(), port=9005), mine)
        listed = self.sms.request("GET", NODES).json()
        self.assertEqual((listed["total_count"], listed["nodes"][0]["port"]), (1, 9005))

    def test_what_is_refused(self):
        for body, field in (({"port": 1}, "ip_address"), ({"ip_address": "127.0.0.1"}, "port"),
                            ({"ip_address": "localhost", "port": 1}, "ip_address"),
                            ({"ip_address": "1.2.3", "port": 1}, "ip_address"),
                            ({"ip_address": "", "port": 1}, "ip_address"), ({"ip_address": 5, "port": 1}, "ip_address"),
                            ({"ip_address": "127.0.0.1", "port": 0}, "port"),
                            ({"ip_address": "127.0.0.1", "port": 65536}, "port"),
                            ({"ip_address": "127.0.0.1", "port": "80"}, "port"),
                            ({"ip_address": "127.0.0.1", "port": 1, "http_port": -1}, "http_port"),
                            ({"ip_address": "127.0.0.1", "port": 1, "metadata": []}, "metadata"),
                            ({"ip_address": "127.0.0.1", "port": 1, "metadata": {"x": "y" * 70000}}, "metadata"),
                            ({"ip_address": "127.0.0.1", "port": 1, "uuid": "me"}, "uuid")):
            self.assert_problem(self.sms.request("POST", NODES, body), 422, "UNPROCESSABLE", f'"{field}"')
        self.assertEqual(self.sms.request("GET", NODES).json(), {"nodes": [], "total_count": 0})


class Change(NodesCase):
    def test_put_changes_what_it_names(self):
        node_uuid = self.register(http_port=9001, metadata={"a": 1})
        answer = self.sms.request("PUT", f"{NODES}/{node_uuid}", {"port": 9100})
        self.assertEqual((answer.status, answer.json()["success"]), (200, True))
        node = self.node(node_uuid)
        self.assertEqual((node["port"], node["http_port"], node["metadata"]), (9100, 9001, {"a": 1}))
        self.sms.request("PUT", f"{NODES}/{node_uuid}", {"metadata": {"b": 2}, "ip_address": "10.0.0.1"})
        node = self.node(node_uuid)
        self.assertEqual((node["port"], node["ip_address"], node["metadata"]), (9100, "10.0.0.1", {"b": 2}))
        self.assert_problem(self.sms.request("PUT", f"{NODES}/{node_uuid}", {"port": 0}), 422, "UNPROCESSABLE", "port")

    def test_delete(self):
        node_uuid = self.register()
        self.assertEqual(self.sms.request("DELETE", f"{NODES}/{node_uuid}").status, 200)
        self.assertEqual(self.sms.request("GET", NODES).json()["total_count"], 0)

    def test_unknown_nodes(self):
        for name in (str(uuid.uuid4()), "nothing"):
            for method, path, body in (("GET", "", None), ("PUT", "", {}), ("DELETE", "", None),
                                       ("POST", "/heartbeat", None), ("PUT", "/resource", {}), ("GET", "/resource", None)):
                answer = self.sms.request(method, f"{NODES}/{name}{path}", body)
                self.assert_problem(answer, 404, "NODE_NOT_FOUND", name)

    def test_resource(self):
        node_uuid = self.register()
        path = f"{NODES}/{node_uuid}/resource"
        self.assertEqual(self.sms.request("GET", path).json(), {"success": True, "resource": {}})
        resource = {"cpu_usage": 0.5, "gpus": ["a"], "deep": {"er": None}}
        self.assertEqual(self.sms.request("PUT", path, resource).json(), {"success": True, "resource": resource})
        self.assertEqual(self.sms.request("GET", path).json()["resource"], resource)
        self.assertEqual(self.sms.request("PUT", path, []).status, 422)
        self.assertEqual(self.sms.request("PUT", path, {"x": "y" * 70000}).status, 413)
        self.assertEqual(self.sms.request("GET", path).json()["resource"], resource)

    def test_restart_keeps_nodes(self):
        node_uuid = self.register(metadata={"a": 1})
        self.sms.request("PUT", f"{NODES}/{node_uuid}/resource", {"cpu": 1})
        before = self.node(node_uuid)
        self.sms.restart()
        self.assertEqual(self.node(node_uuid), before)
        self.assertEqual(self.sms.request("GET", f"{NODES}/{node_uuid}/resource").json()["resource"], {"cpu": 1})

    def test_concurrent_updates_are_not_lost(self):
        node_uuid = self.register()

        def update(member, values):
            for value in values:
                self.sms.request("PUT", f"{NODES}/{node_uuid}", {member: value})

        harness.together(lambda: update("port", range(1000, 1030)), lambda: update("http_port", range(2000, 2030)),
                         lambda: update("metadata", [{"n": n} for n in range(30)]))
        node = self.node(node_uuid)
        self.assertEqual((node["port"], node["http_port"], node["metadata"]), (1029, 2029, {"n": 29}))


class Heartbeat(NodesCase):
    timeout = "500ms"

    def status(self, node_uuid):
        return self.node(node_uuid)["status"]

    def test_silence_is_offline_and_a_heartbeat_is_online(self):
        node_uuid = self.register()
        self.assertEqual(self.status(node_uuid), "online")
        harness.wait_until(lambda: self.status(node_uuid) == "offline")
        self.assertIn("sms_nodes_online 0\n", self.sms.request("GET", "/metrics").text())
        for body in (None, {}, {"health_info": {"x": 1}, "running": 2, "queued": 1}):
            answer = self.heartbeat(node_uuid, body)
            self.assertEqual((answer.status, answer.json()["success"]), (200, True))
            self.assertIsInstance(answer.json()["tasks_revision"], int)
            self.assertEqual(self.status(node_uuid), "online")

    def test_bad_load(self):
        self.assert_problem(self.heartbeat(self.register(), {"running": "x"}), 422, "UNPROCESSABLE", "running")


class Placement(NodesCase):
    def place(self, **members):
        body = {"request_id": "r", "task_id": "task"}
        body.update(members)
        return self.sms.request("POST", PLACE, body)

    def uuids(self, **members):
        return [candidate["node_uuid"] for candidate in self.place(**members).json()["candidates"]]

    def setUp(self):
        super().setUp()
        self.task_id = self.sms.register("task", "sms+file://abc")

    def test_no_node(self):
        body = self.place().json()
        uuid.UUID(body["decision_id"])
        self.assertEqual(body["candidates"], [])

    def test_members(self):
        node_uuid = self.register(http_port=9001)
        candidate = self.place(task_id=self.task_id).json()["candidates"][0]
        self.assertEqual((candidate["node_uuid"], candidate["ip_address"], candidate["port"]), (node_uuid, "127.0.0.1", 9000))
        self.assertTrue(0 < candidate["score"] <= 1)

    def test_how_many(self):
        for port in range(9000, 9005):
            self.register(port=port)
        self.assertEqual(len(self.uuids()), 3)
        for wanted, given in ((1, 1), (5, 5), (16, 5)):
            self.assertEqual(len(set(self.uuids(max_candidates=wanted))), given)
        for bad in (0, -1, 17, "x"):
            self.assert_problem(self.place(max_candidates=bad), 422, "UNPROCESSABLE", "max_candidates")

    def test_load_and_turns(self):
        busy, idle, other = (self.register(port=port) for port in (9000, 9001, 9002))
        self.heartbeat(busy, {"running": 7})
        for _ in range(4):
            self.assertEqual(self.uuids()[2], busy)
        firsts = {self.uuids()[0] for _ in range(6)}
        self.assertEqual(firsts, {idle, other})

    def test_two_registrations_of_one_address_are_one_candidate(self):
        self.register(port=9000)
        self.register(port=9000)
        self.assertEqual(len(self.uuids()), 1)

    def test_what_is_refused(self):
        self.assert_problem(self.place(task_id="nothing"), 404, "TASK_NOT_FOUND", "nothing")
        for name in ("request_id", "task_id"):
            self.assert_problem(self.place(**{name: None}), 422, "UNPROCESSABLE", f'"{name}"')


if __name__ == "__main__":
    harness.main()
