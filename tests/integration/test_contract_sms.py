"""The contract of sms as one table: every route, its methods, its members, and what each refuses. Details are in test_sms_*.py."""
import base64
import hashlib
import json
import os
import re
import uuid

import harness

FILES, TASKS, NODES = "/api/v1/files", "/api/v1/tasks", "/api/v1/nodes"
PLACE = "/api/v1/placement/invocations/place"
ROUTES = {
    "/health": {"GET"},
    FILES: {"GET", "POST"},
    FILES + "/x": {"GET", "DELETE"},
    FILES + "/x/meta": {"GET"},
    TASKS: {"GET", "POST"},
    TASKS + "/x": {"GET", "DELETE"},
    TASKS + "/x/invoke": {"POST"},
    NODES: {"GET", "POST"},
    NODES + "/x": {"GET", "PUT", "DELETE"},
    NODES + "/x/heartbeat": {"POST"},
    NODES + "/x/resource": {"GET", "PUT"},
    PLACE: {"POST"},
}
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
# What is read as JSON, with a body that is right but for the path's "x".
JSON_ROUTES = (("POST", TASKS), ("DELETE", TASKS + "/{task}"), ("POST", NODES), ("PUT", NODES + "/{node}"),
               ("POST", NODES + "/{node}/heartbeat"), ("PUT", NODES + "/{node}/resource"), ("POST", PLACE))
CONTENT = b"some bytes"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
DIGEST_FIELD = "sha-256=:%s:" % base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()


class ContractCase(harness.SpearTestCase):
    def setUp(self):
        self.sms = self.start(harness.Sms())

    def ask(self, method, path, body=None, headers=None):
        return self.sms.request(method, path, body, headers)

    def ask_ok(self, method, path, body=None, headers=None):
        answer = self.ask(method, path, body, headers)
        self.assertEqual(answer.status, 200, f"{method} {path}: {answer}")
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        return answer.json()

    def register_node(self, port=1):
        return self.ask_ok("POST", NODES, {"ip_address": "127.0.0.1", "port": port})["node_uuid"]


def check_methods(test, daemon, routes):
    """Each route takes its methods (HEAD with GET), and answers every other one with 405 and the list of them."""
    for path, methods in routes.items():
        allowed = methods | ({"HEAD"} if "GET" in methods else set())
        for method in METHODS:
            with test.subTest(path=path, method=method):
                answer = daemon.request(method, path, {} if method in ("POST", "PUT") else None)
                if method in allowed:
                    test.assertNotEqual(answer.status, 405)
                    continue
                test.assertEqual(answer.status, 405)
                test.assertEqual(set(re.split(r",\s*", answer.headers["Allow"])), allowed)
                if method != "HEAD":
                    test.assert_problem(answer, 405, "METHOD_NOT_ALLOWED", method, path)


class Methods(ContractCase):
    def test_each_route_takes_its_methods_and_names_them(self):
        check_methods(self, self.sms, ROUTES)

    def test_what_is_no_route(self):
        for path in ("/", "/api/v1", "/api/v1/", FILES + "/", FILES + "/x/y", TASKS + "/x/invoke/", "/health/", "/HEALTH",
                     "//health", "/../health", "/api/v2/files"):
            with self.subTest(path):
                self.assert_problem(self.ask("GET", path), 404, "NOT_FOUND", path)
                self.assert_problem(self.ask("POST", path, b""), 404, "NOT_FOUND", path)

    def test_head_is_get_without_the_body(self):
        file, node = self.sms.upload(CONTENT, "a"), self.register_node()
        self.sms.register("t", "sms+file://" + file)
        for path in (FILES, f"{FILES}/{file}", f"{FILES}/{file}/meta", TASKS, f"{TASKS}/t", NODES, f"{NODES}/{node}",
                     f"{NODES}/{node}/resource", FILES + "/nope", TASKS + "/nope", "/nope"):
            with self.subTest(path):
                with self.sms.raw() as raw:
                    raw.head("GET", path, {})
                    got = raw.response()
                    raw.head("HEAD", path, {"Connection": "close"})
                    head = raw.response("HEAD")
                    self.assertEqual(raw.read_all(), b"")
                self.assertEqual(head.status, got.status)
                for name in ("Content-Length", "Content-Type", "ETag", "Repr-Digest", "Accept-Ranges"):
                    self.assertEqual(head.headers.get(name), got.headers.get(name), name)
                self.assertEqual(int(got.headers["Content-Length"]), len(got.body))


class Bodies(ContractCase):
    def paths(self):
        task, node = self.sms.register("t", "sms+file://x"), self.register_node()
        return [(method, path.format(task=task, node=node)) for method, path in JSON_ROUTES]

    def test_what_is_no_json_object(self):
        json_type = {"Content-Type": "application/json"}
        for method, path in self.paths():
            with self.subTest(method=method, path=path):
                for body, offset in ((b'{"a":', 5), (b'{"a":1}}', 7), (b"{'a':1}", 1), (b'{"a":"\xff"}', 6), (b"[" * 50000, 50000)):
                    self.assert_problem(self.ask(method, path, body, json_type), 400, "SERIALIZATION", f"offset {offset}")
                for body in (b"[]", b'"text"', b"null", b"1"):
                    self.assert_problem(self.ask(method, path, body, json_type), 422, "UNPROCESSABLE", "object")
                for content_type in ("text/plain", "application/x-www-form-urlencoded", "text/json"):
                    self.assert_problem(self.ask(method, path, b"{}", {"Content-Type": content_type}), 415,
                                        "UNSUPPORTED_MEDIA_TYPE", content_type)

    def test_json_with_parameters_and_suffixes(self):
        for content_type in ("application/json; charset=utf-8", "APPLICATION/JSON"):
            answer = self.ask("POST", PLACE, b"{}", {"Content-Type": content_type})
            self.assert_problem(answer, 422, "UNPROCESSABLE", '"request_id"')

    def test_a_missing_member_is_named(self):
        task = {"name": "a", "version": "1", "executable": {"type": "wasm", "uri": "sms+file://x"}}
        for path, body, members in ((TASKS, task, ("name", "version", "executable")),
                                    (NODES, {"ip_address": "::1", "port": 1}, ("ip_address", "port")),
                                    (PLACE, {"request_id": "r", "task_id": "t"}, ("request_id", "task_id"))):
            for member in members:
                with self.subTest(path=path, member=member):
                    less = {name: value for name, value in body.items() if name != member}
                    self.assert_problem(self.ask("POST", path, less), 422, "UNPROCESSABLE", f'"{member}"')
                    self.assert_problem(self.ask("POST", path, {**body, member: True}), 422, "UNPROCESSABLE", f'"{member}"')


class Members(ContractCase):
    def assert_members(self, body, *names):
        self.assertEqual(set(names) - set(body), set(), body)

    def test_files(self):
        stored = []
        for headers, query in (({"x-checksum-sha256": DIGEST}, ""), ({}, "?checksum_sha256=" + DIGEST),
                               ({"Content-Digest": DIGEST_FIELD}, ""), ({"x-checksum-sha256": DIGEST.upper()}, "")):
            answer = self.ask_ok("POST", FILES + query, CONTENT, {"x-file-name": "a%20b.txt", "Content-Type": "text/plain", **headers})
            self.assert_members(answer, "success", "id", "name", "uri", "len", "checksum_sha256")
            self.assertEqual((answer["success"], answer["name"], answer["len"]), (True, "a b.txt", len(CONTENT)))
            self.assertEqual((answer["uri"], answer["checksum_sha256"]), ("sms+file://" + answer["id"], DIGEST))
            uuid.UUID(answer["id"])
            stored.append(answer["id"])
        listed = self.ask_ok("GET", FILES)
        self.assertEqual([file["id"] for file in listed["files"]], stored[::-1])
        self.assertEqual(listed["total_count"], len(stored))
        for file in listed["files"]:
            self.assert_members(file, "id", "name", "len", "modified_at", "checksum_sha256")
        one = self.ask_ok("GET", f"{FILES}?q={stored[0][:13]}&limit=1")
        self.assertEqual(([file["id"] for file in one["files"]], one["total_count"]), ([stored[0]], 1))
        meta = self.ask_ok("GET", f"{FILES}/{stored[0]}/meta")
        self.assert_members(meta, "found", "id", "len", "name", "content_type", "created_at", "checksum_sha256")
        self.assertEqual((meta["found"], meta["content_type"]), (True, "text/plain"))
        self.assertEqual(self.ask_ok("GET", FILES + "/nope/meta"), {"found": False})
        answer = self.ask("GET", f"{FILES}/{stored[0]}")
        self.assertEqual((answer.body, answer.headers["Content-Type"]), (CONTENT, "text/plain"))
        self.assertEqual((answer.headers["ETag"], answer.headers["Repr-Digest"]), (f'"{DIGEST}"', DIGEST_FIELD))
        self.assertIs(self.ask_ok("DELETE", f"{FILES}/{stored[0]}")["success"], True)
        self.assert_problem(self.ask("DELETE", f"{FILES}/{stored[0]}"), 404, "FILE_NOT_FOUND", stored[0])

    def test_tasks(self):
        file = self.sms.upload(CONTENT, "hello.wasm")
        uri = "sms+file://" + file
        # As the contract writes it, but for the file's id and digest.
        body = {"name": "hello-wasm", "priority": "normal", "endpoint": "", "version": "1.0.0", "capabilities": ["wasm"], "metadata": {},
                "config": {}, "executable": {"type": "wasm", "uri": uri, "name": "hello.wasm", "checksum_sha256": DIGEST, "args": [], "env": {}}}
        answer = self.ask_ok("POST", TASKS, body)
        self.assert_members(answer, "success", "task_id", "message")
        for reference in (answer["task_id"], "hello-wasm"):
            task = self.ask_ok("GET", f"{TASKS}/{reference}")
            self.assertEqual({name: task[name] for name in body}, body)
            self.assertEqual(task["task_id"], answer["task_id"])
        listed = self.ask_ok("GET", f"{TASKS}?status=registered&priority=normal&q=hello&limit=1&offset=0")
        self.assertEqual(([task["task_id"] for task in listed["tasks"]], listed["total_count"]), ([answer["task_id"]], 1))
        self.assert_problem(self.ask("DELETE", f"{FILES}/{file}"), 409, "CONFLICT", "hello-wasm", "force=true")
        self.assertIs(self.ask_ok("DELETE", f"{TASKS}/hello-wasm", {"reason": "no use"})["success"], True)
        self.assert_problem(self.ask("DELETE", f"{TASKS}/hello-wasm"), 404, "TASK_NOT_FOUND", "hello-wasm")
        self.ask_ok("DELETE", f"{FILES}/{file}")

    def test_nodes_and_placement(self):
        node = self.register_node(65535)
        for reference in (self.ask_ok("GET", f"{NODES}/{node}")["node"], self.ask_ok("GET", NODES)["nodes"][0]):
            self.assert_members(reference, "uuid", "ip_address", "port", "http_port", "status", "last_heartbeat", "registered_at", "metadata")
            self.assertEqual((reference["uuid"], reference["status"], reference["http_port"]), (node, "online", 65535))
        task = self.sms.register("t", "sms+file://x")
        for reference in (task, "t"):
            placed = self.ask_ok("POST", PLACE, {"request_id": "r", "task_id": reference})
            uuid.UUID(placed["decision_id"])
            self.assert_members(placed["candidates"][0], "node_uuid", "ip_address", "port", "score")
            self.assertEqual([candidate["node_uuid"] for candidate in placed["candidates"]], [node])
        self.assertIs(self.ask_ok("DELETE", f"{NODES}/{node}")["success"], True)
        self.assertEqual(self.ask_ok("POST", PLACE, {"request_id": "r", "task_id": task})["candidates"], [])
        self.assertEqual(self.ask("POST", f"{TASKS}/t/invoke", b"").headers["Retry-After"], "1")

    def test_health(self):
        body = self.ask_ok("GET", "/health")
        self.assertEqual((body["status"], body["service"]), ("healthy", "sms"))
        self.assertRegex(body["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")

    def test_names_of_types_and_config_families(self):
        register = lambda **members: self.ask("POST", TASKS, {"name": "a", "version": "1", **members})
        for kind in ("binary", "script", "container", "process"):
            body = self.assert_problem(register(executable={"type": kind, "uri": "sms+file://x"}), 422, "NOT_SUPPORTED", kind)
            self.assertEqual(body["kind"], "NotSupported")
        wasm = {"type": "wasm", "uri": "sms+file://x"}
        for key in ("limit.x", "scale.x", "queue.x", "instance.x", "wasi.x", "http.x"):
            self.assert_problem(register(executable=wasm, config={key: "1"}), 422, "INVALID_CONFIGURATION", f'"{key}"')
        for key, value in (("limit.memory_bytes", "0"), ("limit.time_ms", "-1"), ("limit.output_bytes", "1 MiB"), ("limit.log_bytes", ""),
                           ("limit.payload_bytes", "99999999999999999999"), ("scale.min", "x"), ("scale.max", "1e3"), ("scale.idle_ms", "1.5"),
                           ("queue.max", "-0"), ("isolation", "none"), ("aot", "yes"), ("instance.reuse", "1")):
            with self.subTest(key):
                self.assert_problem(register(executable=wasm, config={key: value}), 422, "INVALID_CONFIGURATION", f'"{key}"', f'"{value}"')
        self.assertEqual(register(executable=wasm, config={"mine.key": "any", "other": ""}).status, 200)
        self.assertEqual(self.ask_ok("GET", f"{TASKS}/a")["config"], {"mine.key": "any", "other": ""})

    def test_endpoints_hold_slashes(self):
        for endpoint in ("", "a", "a/b/c", "/a/b"):
            task = self.sms.register("t", "sms+file://x", endpoint=endpoint)
            self.assertEqual(self.ask_ok("GET", f"{TASKS}/{task}")["endpoint"], endpoint.lstrip("/"))
            self.ask_ok("DELETE", f"{TASKS}/{task}")

    def test_one_form_of_uris(self):
        for given, kept in (("smsfile://x", "sms+file://x"), ("smsfile://127.0.0.1:1/x", "sms+file://127.0.0.1:1/x"),
                            ("SMS+FILE://x", "sms+file://x")):
            task = self.sms.register("t", given)
            self.assertEqual(self.ask_ok("GET", f"{TASKS}/{task}")["executable"]["uri"], kept)
        uris = [task["executable"]["uri"] for task in self.ask_ok("GET", TASKS)["tasks"]]
        self.assertEqual({uri.partition(":")[0] for uri in uris}, {"sms+file"})


class ClosedDescriptors(harness.SpearTestCase):
    class Sms(harness.Sms):
        def command(self):
            return ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"] + super().command()

    def test_no_file_of_sms_takes_their_numbers(self):
        sms = self.start(self.Sms())
        file = sms.upload(CONTENT)
        self.assertEqual(sms.request("GET", f"{FILES}/{file}").body, CONTENT)
        for number in range(3):
            self.assertEqual(os.readlink(f"/proc/{sms.process.pid}/fd/{number}"), "/dev/null")


def split_answers(data):
    """Status and body of each of the answers that came one behind the other."""
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
        yield int(head.split()[1]), data[:length]
        data = data[length:]


class OneConnection(ContractCase):
    def test_requests_of_every_kind_in_order(self):
        """Uploads, refusals and downloads, all sent before the first answer is read."""
        file = self.sms.upload(CONTENT)
        upload = f"POST {FILES} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(CONTENT)}\r\n\r\n".encode() + CONTENT
        chunked = f"POST {FILES} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + b"a\r\n" + CONTENT + b"\r\n0\r\n\r\n"
        get = lambda path: f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        last = f"GET {FILES} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
        with self.sms.raw() as raw:
            raw.send(get("/health") + upload + get("/nope") + chunked + get(f"{FILES}/{file}") + get(FILES + "/nope") + last)
            answers = list(split_answers(raw.read_all()))
        self.assertEqual([status for status, _ in answers], [200, 200, 404, 200, 200, 404, 200])
        self.assertEqual(answers[4][1], CONTENT)
        self.assertEqual(json.loads(answers[6][1])["total_count"], 3)


if __name__ == "__main__":
    harness.main()
