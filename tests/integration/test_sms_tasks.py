"""The task registry of sms: registration, look-up, lists, deletion, and what is refused."""
import json
import os
import re
import uuid

import harness

TASKS = "/api/v1/tasks"
URI = "sms+file://0a0b0c0d"


def registration(**members):
    body = {"name": "hello-wasm", "priority": "normal", "endpoint": "", "version": "1.0.0", "capabilities": ["wasm"],
            "metadata": {}, "config": {}, "executable": {"type": "wasm", "uri": URI, "name": "hello.wasm", "args": [], "env": {}}}
    for name, value in members.items():
        if name == "executable":
            body["executable"].update(value)
        else:
            body[name] = value
    return body


class TasksCase(harness.SpearTestCase):
    def setUp(self):
        self.sms = self.start(harness.Sms())

    def post(self, body, headers=None):
        return self.sms.request("POST", TASKS, body, headers)

    def get(self, reference):
        return self.sms.request("GET", f"{TASKS}/{reference}")

    def list(self, query=""):
        body = self.sms.request("GET", TASKS + query).json()
        return [task["name"] for task in body["tasks"]], body["total_count"]

    def revision(self):
        node = {"ip_address": "127.0.0.1", "port": 1, "uuid": "00000000-0000-4000-8000-000000000001"}
        self.sms.request("POST", "/api/v1/nodes", node)
        return self.sms.request("POST", f"/api/v1/nodes/{node['uuid']}/heartbeat").json()["tasks_revision"]


class Register(TasksCase):
    def test_the_body_of_the_contract(self):
        answer = self.post(registration())
        self.assertEqual(answer.status, 200, answer)
        body = answer.json()
        self.assertEqual(set(body), {"success", "task_id", "message"})
        self.assertTrue(body["success"])
        uuid.UUID(body["task_id"])
        task = self.get(body["task_id"]).json()
        for name, value in registration().items():
            if name != "executable":
                self.assertEqual(task[name], value, name)
        for name, value in registration()["executable"].items():
            self.assertEqual(task["executable"][name], value, name)
        self.assertEqual((task["task_id"], task["status"]), (body["task_id"], "registered"))
        self.assertIsInstance(task["registered_at"], int)

    def test_a_file_that_is_not_here_is_mentioned(self):
        self.assertIn("0a0b0c0d is not stored here", self.post(registration()).json()["message"])
        file_id = self.sms.upload(b"x")
        answer = self.post(registration(executable={"uri": "sms+file://" + file_id})).json()
        self.assertNotIn("not stored", answer["message"])
        elsewhere = self.post(registration(executable={"uri": "sms+file://10.1.1.1:80/abc"})).json()
        self.assertNotIn("not stored", elsewhere["message"])

    def test_each_required_field_is_named(self):
        for name in ("name", "version", "executable"):
            body = registration()
            del body[name]
            self.assert_problem(self.post(body), 422, "UNPROCESSABLE", f'"{name}"')
        for name in ("type", "uri"):
            body = registration()
            del body["executable"][name]
            self.assert_problem(self.post(body), 422, "UNPROCESSABLE", f'"executable.{name}"')

    def test_mistyped_fields_are_named(self):
        for name, value in (("name", 5), ("version", None), ("priority", []), ("endpoint", {}), ("capabilities", "wasm"),
                            ("metadata", []), ("config", "x"), ("executable", "x")):
            body = registration()
            body[name] = value
            self.assert_problem(self.post(body), 422, "UNPROCESSABLE", f'"{name}"')
        for name, value in (("args", "x"), ("env", []), ("checksum_sha256", 1)):
            answer = self.post(registration(executable={name: value}))
            self.assert_problem(answer, 422, "UNPROCESSABLE", f'"executable.{name}"')

    def test_bad_values(self):
        for body, word in ((registration(name=""), "name"), (registration(name="a/b"), "name"),
                           (registration(name="x" * 256), "name"), (registration(name="a\nb"), "name"),
                           (registration(priority="asap"), "asap"),
                           (registration(executable={"checksum_sha256": "12"}), "checksum_sha256"),
                           (registration(executable={"type": "java"}), "java")):
            self.assert_problem(self.post(body), 422, "UNPROCESSABLE", word)
        for body, word in ((registration(executable={"uri": "http://x/y"}), "http://x/y"),
                           (registration(executable={"uri": "sms+file://"}), "sms+file://"),
                           (registration(config={"limit.time_ms": "soon"}), "limit.time_ms"),
                           (registration(config={"limit.nothing": "1"}), "limit.nothing")):
            self.assert_problem(self.post(body), 422, "INVALID_CONFIGURATION", word)

    def test_types_that_are_known_and_not_supported(self):
        for kind in ("binary", "script", "container", "process"):
            body = self.assert_problem(self.post(registration(executable={"type": kind})), 422, "NOT_SUPPORTED", kind)
            self.assertEqual(body["kind"], "NotSupported")

    def test_malformed_json_says_where(self):
        for text, offset in ((b'{"name": }', "9"), (b"", "empty"), (b'{"a":1} x', "8"), (b"\xff", "0")):
            answer = self.post(text, {"Content-Type": "application/json"})
            self.assertEqual(answer.status, 400, answer)
            self.assertIn(offset, answer.json()["detail"])

    def test_json_of_another_shape(self):
        for text in (b"[]", b"5", b"null", b'"x"'):
            self.assertEqual(self.post(text, {"Content-Type": "application/json"}).status, 422, text)

    def test_content_types(self):
        text = json.dumps(registration()).encode()
        self.assert_problem(self.post(text, {"Content-Type": "text/plain"}), 415, "UNSUPPORTED_MEDIA_TYPE", "text/plain")
        for good in ("application/json; charset=utf-8", "application/vnd.spear+json"):
            self.assertEqual(self.post(text, {"Content-Type": good}).status, 200, good)

    def test_too_large(self):
        body = registration(metadata={"x": "y" * (1024 * 1024)})
        self.assert_problem(self.post(body), 413, "PAYLOAD_TOO_LARGE")

    def test_a_name_may_come_again(self):
        first = self.post(registration(version="1")).json()["task_id"]
        second = self.post(registration(version="2")).json()["task_id"]
        self.assertEqual(self.get("hello-wasm").json()["task_id"], second)
        self.assertEqual(self.get(first).json()["version"], "1")
        self.sms.request("DELETE", f"{TASKS}/hello-wasm")
        self.assertEqual(self.get("hello-wasm").json()["task_id"], first)

    def test_concurrent_registrations(self):
        def register(thread):
            return [self.sms.register(f"task-{thread}-{n}", URI) for n in range(20)]

        ids = sum(harness.together(*[lambda thread=thread: register(thread) for thread in range(8)]), [])
        self.assertEqual(len(set(ids)), 160)
        self.assertEqual(self.list("?limit=1")[1], 160)


class Look(TasksCase):
    def test_names_with_special_characters(self):
        for name, path in (("a b", "a%20b"), ("grüße", "gr%C3%BC%C3%9Fe"), ("50%", "50%25"), ("a.b", "a.b")):
            self.sms.register(name, URI)
            self.assertEqual(self.get(path).json()["name"], name)

    def test_missing(self):
        for reference in ("nothing", str(uuid.uuid4())):
            self.assert_problem(self.get(reference), 404, "TASK_NOT_FOUND", reference)
            self.assert_problem(self.sms.request("DELETE", f"{TASKS}/{reference}"), 404, "TASK_NOT_FOUND", reference)
            invoked = self.sms.request("POST", f"{TASKS}/{reference}/invoke", b"")
            body = self.assert_problem(invoked, 404, "TASK_NOT_FOUND", reference)
            self.assertEqual(body["kind"], "TaskNotFound")

    def test_bad_escape(self):
        self.assertEqual(self.get("%zz").status, 400)


class List(TasksCase):
    def test_order_and_pages(self):
        names = [f"t{n}" for n in range(9)]
        for name in names:
            self.sms.register(name, URI)
        self.assertEqual(self.list(), (names, 9))
        self.assertEqual(self.list("?limit=4&offset=3"), (names[3:7], 9))
        self.assertEqual(self.list("?offset=9"), ([], 9))
        task = self.sms.request("GET", TASKS).json()["tasks"][0]
        self.assertEqual(task["executable"]["uri"], URI)

    def test_filters(self):
        self.sms.register("low", URI, priority="low")
        self.sms.register("High-1", URI, priority="high", node_uuid="n1")
        self.sms.register("high-2", URI, priority="high")
        self.assertEqual(self.list("?priority=high"), (["High-1", "high-2"], 2))
        self.assertEqual(self.list("?priority=high&limit=1"), (["High-1"], 2))
        self.assertEqual(self.list("?node_uuid=n1"), (["High-1"], 1))
        self.assertEqual(self.list("?q=HIGH"), (["High-1", "high-2"], 2))
        self.assertEqual(self.list("?q=%25"), ([], 0))
        self.assertEqual(self.list("?status=registered")[1], 3)
        self.assertEqual(self.list("?status=active")[1], 0)
        self.assertEqual(self.list("?priority=low&q=high"), ([], 0))

    def test_bad_filters(self):
        for query in ("priority=asap", "status=gone", "limit=0", "limit=1001", "offset=x"):
            name = query.split("=")[0]
            self.assert_problem(self.sms.request("GET", f"{TASKS}?{query}"), 422, "UNPROCESSABLE", f'"{name}"')

    def test_a_page_has_a_ceiling_and_the_next_goes_on(self):
        for n in range(12):
            self.sms.register(f"big-{n}", URI, metadata={"x": "y" * 900000})
        seen = []
        while len(seen) < 12:
            names, total = self.list(f"?offset={len(seen)}")
            self.assertEqual(total, 12)
            self.assertTrue(0 < len(names) < 12)
            seen += names
        self.assertEqual(seen, [f"big-{n}" for n in range(12)])


class Delete(TasksCase):
    def test_by_id_and_by_name(self):
        task_id = self.sms.register("one", URI)
        self.sms.register("two", URI)
        answer = self.sms.request("DELETE", f"{TASKS}/{task_id}", {"reason": "a test"})
        self.assertEqual((answer.status, answer.json()["success"]), (200, True))
        self.assertIn("message", answer.json())
        self.assertIn("a test", self.sms.log())
        self.assertEqual(self.sms.request("DELETE", f"{TASKS}/two").status, 200)
        self.assertEqual(self.list(), ([], 0))

    def test_bad_bodies(self):
        self.sms.register("one", URI)
        self.assert_problem(self.sms.request("DELETE", f"{TASKS}/one", {"reason": 5}), 422, "UNPROCESSABLE", "reason")
        malformed = self.sms.request("DELETE", f"{TASKS}/one", b"{", {"Content-Type": "application/json"})
        self.assertEqual(malformed.status, 400)
        self.assertEqual(self.list()[1], 1)

    def test_the_revision_grows(self):
        first = self.revision()
        self.sms.register("one", URI)
        second = self.revision()
        self.sms.request("DELETE", f"{TASKS}/one")
        third = self.revision()
        self.assertTrue(first < second < third)
        self.sms.restart()
        self.assertEqual(self.revision(), third)


class Routes(TasksCase):
    def test_unknown_paths(self):
        for path in ("/", "/nothing", "/api/v1", "/api/v1/tasks/a/b", "/api/v1/files/a/nothing", "/api/v1/tasks/"):
            self.assert_problem(self.sms.request("GET", path), 404, "NOT_FOUND", path)

    def test_wrong_methods(self):
        for method, path, allowed in (("PUT", "/health", {"GET", "HEAD"}), ("PUT", "/api/v1/files", {"GET", "HEAD", "POST"}),
                                      ("POST", "/api/v1/files/x", {"GET", "HEAD", "DELETE"}),
                                      ("PATCH", "/api/v1/tasks", {"GET", "HEAD", "POST"}),
                                      ("GET", "/api/v1/tasks/x/invoke", {"POST"}),
                                      ("DELETE", "/api/v1/nodes", {"GET", "HEAD", "POST"}),
                                      ("GET", "/api/v1/placement/invocations/place", {"POST"})):
            answer = self.sms.request(method, path)
            self.assert_problem(answer, 405, "METHOD_NOT_ALLOWED")
            self.assertEqual(set(answer.headers["Allow"].split(", ")), allowed, path)

    def test_the_reference_lists_the_routes_of_the_source(self):
        def read(*path):
            with open(os.path.join(harness.REPOSITORY, *path), encoding="utf-8") as file:
                return file.read()

        source = set()
        for method, path in re.findall(r'\{"([A-Z]+|\*)", "([^"]+)", ', read("src", "sms", "routes.c")):
            source |= {(one, path) for one in (("GET", "PUT", "POST", "DELETE") if method == "*" else (method,))}
        documented, path = set(), None
        for line in read("docs", "openapi-sms.yaml").splitlines():
            found = re.match(r"  (/\S*):$|    (get|put|post|delete):$", line)
            if found and found.group(1):
                path = found.group(1)
            elif found:
                documented.add((found.group(2).upper(), path))
        self.assertEqual(documented, source)

    def test_health(self):
        body = self.sms.request("GET", "/health").json()
        self.assertEqual((body["status"], body["service"]), ("healthy", "sms"))
        self.assertRegex(body["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        head = self.sms.request("HEAD", "/health")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_metrics(self):
        self.sms.upload(b"x")
        self.sms.register("one", URI)
        answer = self.sms.request("GET", "/metrics")
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        for line in ("sms_files 1", "sms_tasks 1", "sms_nodes_online 0", "sms_uploads_total 1", "# TYPE sms_files gauge"):
            self.assertIn(line + "\n", answer.text())


if __name__ == "__main__":
    harness.main()
