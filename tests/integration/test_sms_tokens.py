"""Bearer tokens of sms: who may do what, as a table over every route; their life; the addresses that may be served without them."""
import hashlib
import os
import re
import sqlite3
import subprocess
import time

import harness

TOKENS = "/api/v1/tokens"
SCOPES = ("read", "deploy", "invoke", "node", "admin")
FORM = r"^spear_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$"
# Every route with the scopes of which one suffices; admin is in none, as it has all.
READS, FETCHES = {"read", "deploy"}, {"read", "deploy", "node"}
ACCESS = {
    ("GET", "/metrics"): {"read"},
    ("POST", "/api/v1/files"): {"deploy"},
    ("GET", "/api/v1/files"): READS,
    ("GET", "/api/v1/files/x"): FETCHES,
    ("HEAD", "/api/v1/files/x"): FETCHES,
    ("GET", "/api/v1/files/x/meta"): READS,
    ("DELETE", "/api/v1/files/x"): {"deploy"},
    ("POST", "/api/v1/tasks"): {"deploy"},
    ("GET", "/api/v1/tasks"): READS,
    ("GET", "/api/v1/tasks/x"): FETCHES,
    ("DELETE", "/api/v1/tasks/x"): {"deploy"},
    ("POST", "/api/v1/tasks/x/invoke"): {"invoke"},
    ("GET", "/e/x"): {"invoke"},
    ("PATCH", "/e/x/y"): {"invoke"},
    ("POST", "/api/v1/nodes"): {"node"},
    ("GET", "/api/v1/nodes"): {"read"},
    ("GET", "/api/v1/nodes/x"): {"read", "node"},
    ("PUT", "/api/v1/nodes/x"): {"node"},
    ("DELETE", "/api/v1/nodes/x"): {"node"},
    ("POST", "/api/v1/nodes/x/heartbeat"): {"node"},
    ("PUT", "/api/v1/nodes/x/resource"): {"node"},
    ("GET", "/api/v1/nodes/x/resource"): {"read", "node"},
    ("POST", "/api/v1/placement/invocations/place"): {"invoke"},
    ("POST", TOKENS): set(),
    ("GET", TOKENS): set(),
    ("DELETE", TOKENS + "/x"): set(),
    ("POST", TOKENS + "/verify"): {"node"},
    ("GET", "/api/v1/audit"): set(),
}


def bearer(token):
    return {"Authorization": "Bearer " + token}


class TokenCase(harness.SpearTestCase):
    def setUp(self):
        self.sms = self.start(harness.Sms())

    def ask(self, method, path, headers=None, body=None):
        return harness.request(self.sms.address, method, path, body, headers)

    def assert_refused(self, answer, status, challenge, *words):
        self.assertEqual(answer.headers["WWW-Authenticate"], challenge, answer)
        code = {400: "INVALID_REQUEST", 401: "UNAUTHORIZED", 403: "FORBIDDEN"}[status]
        return self.assert_problem(answer, status, code, *words)

    def assert_unknown(self, token):
        self.assert_refused(self.ask("GET", "/api/v1/files", bearer(token)), 401, 'Bearer realm="spear", error="invalid_token"')

    def metric(self, name):
        return int(re.search(rf"^sms_{name} (\d+)$", self.sms.request("GET", "/metrics").text(), re.M)[1])


class Access(TokenCase):
    def test_the_table_has_every_route(self):
        with open(os.path.join(harness.REPOSITORY, "src", "sms", "routes.c"), encoding="utf-8") as file:
            routes = re.findall(r'\{"([A-Z]+|\*)", "([^"]+)", \w+, \w', file.read())
        patterns = {method: set() for method, _ in routes}
        for method, path in routes:
            patterns[method].add(path)
        covered = set()
        for method, path in ACCESS:
            for known in routes:
                pattern = re.sub(r"\{\w+\.\.\.\}", ".*", re.sub(r"\{\w+\}", "[^/]+", known[1]))
                if known[0] in (method, "*", "GET" if method == "HEAD" else None) and re.fullmatch(pattern, path):
                    covered.add(known)
        self.assertEqual(set(routes) - covered, {("GET", "/health")})

    def test_each_route_without_and_with_each_scope(self):
        self.sms.close_up()
        tokens = {scope: self.sms.make_token(scope + "-only", scope) for scope in SCOPES}
        for (method, path), scopes in ACCESS.items():
            body = {} if method in ("POST", "PUT") else None
            with self.subTest(method=method, path=path):
                answer = self.ask(method, path, None, body)
                self.assertEqual((answer.status, answer.headers["WWW-Authenticate"]), (401, 'Bearer realm="spear"'))
            for scope, token in tokens.items():
                with self.subTest(method=method, path=path, scope=scope):
                    answer = self.ask(method, path, bearer(token), body)
                    if scope in scopes | {"admin"}:
                        self.assertNotIn(answer.status, (401, 403), answer)
                        self.assertIsNone(answer.headers["WWW-Authenticate"])
                        continue
                    needed = next((one for one in SCOPES if one in scopes), "admin")
                    self.assertEqual(answer.status, 403, answer)
                    self.assertEqual(answer.headers["WWW-Authenticate"],
                                     f'Bearer realm="spear", error="insufficient_scope", scope="{needed}"')
                    if method != "HEAD":
                        self.assert_problem(answer, 403, "FORBIDDEN", scope + "-only", needed)
        self.assertEqual(self.ask("GET", "/health").status, 200)
        self.assertEqual(self.ask("HEAD", "/health", bearer("nonsense")).status, 200)

    def test_what_is_no_token(self):
        admin = self.sms.close_up()
        self.assert_unknown(admin[:-1])
        self.assert_unknown(admin[:-1] + ("A" if admin[-1] != "A" else "B"))
        self.assert_unknown("spear_0123456789abcdef_" + "A" * 43)
        self.assert_unknown("x")
        none = 'Bearer realm="spear"'
        for value in ("Basic YTpi", "", "Bearerx y", admin):
            self.assert_refused(self.ask("GET", "/api/v1/files", {"Authorization": value}), 401, none, "wants a token")
        malformed = 'Bearer realm="spear", error="invalid_request"'
        for value in ("Bearer", "Bearer a b", 'Bearer "x"', "Bearer =", "Bearer " + "x" * 600):
            self.assert_refused(self.ask("GET", "/api/v1/files", {"Authorization": value}), 400, malformed)
        with self.sms.raw() as raw:
            raw.send(f"GET /api/v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin}\r\nAuthorization: Bearer {admin}\r\n\r\n")
            self.assert_refused(raw.response(), 400, malformed, "more than one")
        self.assertEqual(self.ask("GET", "/api/v1/files", {"authorization": f"bEARER  {admin} "}).status, 200)
        self.assertEqual(self.ask("GET", "/api/v1/files?access_token=" + admin).status, 401)
        self.assertGreater(self.metric("auth_unauthorized_total"), 5)

    def test_refusals_are_logged_but_do_not_fill_the_log(self):
        admin = self.sms.close_up()
        for _ in range(200):
            self.ask("GET", "/api/v1/files", bearer("spear_0123456789abcdef_" + "B" * 43))
        self.assertEqual(self.metric("auth_unauthorized_total"), 200)
        lines = [line for line in self.sms.log().splitlines() if "access refused" in line]
        self.assertTrue(0 < len(lines) < 200, len(lines))
        for text in (admin, "B" * 43):
            self.assertNotIn(text, self.sms.log())

    def test_a_body_that_is_refused_is_not_read(self):
        self.sms.close_up()
        with self.sms.raw() as raw:
            raw.head("POST", "/api/v1/files", {"Content-Length": 10 ** 7, "Expect": "100-continue"})
            self.assertEqual(raw.response("POST").status, 401)


class Life(TokenCase):
    def create(self, name="a", scopes=("admin",), **members):
        return self.sms.request("POST", TOKENS, {"name": name, "scopes": list(scopes), **members})

    def test_open_until_there_is_one(self):
        self.assertEqual(self.ask("GET", "/api/v1/files").status, 200)
        self.assertEqual(self.ask("GET", TOKENS, bearer("nonsense")).json(), {"tokens": [], "total_count": 0})
        for scopes in (["read"], ["deploy", "invoke", "node"]):
            self.assert_problem(self.create(scopes=scopes), 409, "CONFLICT", "first token", "admin")
        answer = self.create()
        self.assertEqual((answer.status, answer.headers["Cache-Control"]), (200, "no-store"))
        made = answer.json()
        self.assertRegex(made["token"], FORM)
        self.assertEqual((made["name"], made["scopes"], made["expires_at"], made["success"]), ("a", ["admin"], None, True))
        self.assertIn(made["id"], made["token"])
        self.assertEqual(self.ask("GET", "/api/v1/files").status, 401)
        self.assertEqual(self.ask("GET", "/api/v1/files", bearer(made["token"])).status, 200)

    def test_bodies(self):
        for body, word in (({"scopes": ["admin"]}, '"name"'), ({"name": "a"}, '"scopes"'), ({"name": "a", "scopes": []}, '"scopes"'),
                           ({"name": "a", "scopes": "admin"}, '"scopes"'), ({"name": "a", "scopes": [1]}, '"scopes"'),
                           ({"name": "a", "scopes": ["root"]}, '"root"'), ({"name": "a b", "scopes": ["admin"]}, '"a b"'),
                           ({"name": "x" * 65, "scopes": ["admin"]}, "64"), ({"name": "anonymous", "scopes": ["admin"]}, "anonymous"),
                           ({"name": "a", "scopes": ["admin"], "expires_in_s": 0}, '"expires_in_s"'),
                           ({"name": "a", "scopes": ["admin"], "expires_in_s": "1"}, '"expires_in_s"')):
            with self.subTest(body):
                self.assert_problem(self.sms.request("POST", TOKENS, body), 422, "UNPROCESSABLE", word)
        self.assertEqual(self.ask("GET", TOKENS).json()["total_count"], 0)

    def test_lists_survive_a_restart_and_hold_no_secret(self):
        admin = self.sms.close_up()
        deploy = self.sms.make_token("ci", "invoke", "deploy", expires_in_s=3600)
        self.assert_problem(self.create("ci"), 409, "CONFLICT", '"ci"')
        self.assertEqual(self.ask("GET", "/api/v1/tasks", bearer(deploy)).status, 200)
        listed = harness.wait_until(lambda: (t := self.sms.request("GET", TOKENS).json()["tokens"])[1]["last_used_at"] and t,
                                    what="the use written down")
        self.sms.restart()
        again = self.sms.request("GET", TOKENS)
        self.assertEqual(again.json(), {"tokens": listed, "total_count": 2})
        self.assertEqual([(t["name"], t["scopes"]) for t in listed], [("admin", ["admin"]), ("ci", ["deploy", "invoke"])])
        self.assertEqual(listed[1]["expires_at"] - listed[1]["created_at"], 3600)
        self.assertEqual(self.ask("GET", "/api/v1/tasks", bearer(deploy)).status, 200)
        self.assertEqual(self.ask("GET", "/api/v1/tasks").status, 401)
        self.assertEqual(self.sms.request("GET", TOKENS + "?limit=1&offset=1").json()["tokens"], listed[1:])
        self.sms.stop()
        for root, _, names in os.walk(self.sms.data_dir):
            for name in names:
                with open(os.path.join(root, name), "rb") as file:
                    content = file.read()
                for token in (admin, deploy):
                    self.assertNotIn(token[-43:].encode(), content, name)

    def test_revoked_by_name_or_id(self):
        self.sms.close_up()
        for by in ("name", "id"):
            made = self.create("ci", ("read",)).json()
            self.assertEqual(self.ask("GET", "/api/v1/tasks", bearer(made["token"])).status, 200)
            self.assertTrue(self.sms.request("DELETE", f"{TOKENS}/{made[by]}").json()["success"])
            self.assert_unknown(made["token"])
            self.assert_problem(self.sms.request("DELETE", f"{TOKENS}/{made[by]}"), 404, "NOT_FOUND", made[by])
        self.sms.restart()
        self.assert_unknown(made["token"])

    def test_the_last_admin_stays(self):
        self.sms.close_up()
        self.create("short", expires_in_s=1)
        listed = lambda: {t["name"]: t for t in self.sms.request("GET", TOKENS).json()["tokens"]}
        self.sms.make_token("ci", "read")
        other = self.create("other").json()
        self.assertEqual(self.sms.request("DELETE", TOKENS + "/admin").status, 200)
        self.sms.token = other["token"]
        harness.wait_until(lambda: listed()["short"]["expires_at"] < time.time(), what="the end of the short one")
        self.assert_problem(self.sms.request("DELETE", TOKENS + "/other"), 409, "CONFLICT", '"other"', "only one")
        self.assertEqual(self.sms.request("DELETE", TOKENS + "/short").status, 200)

    def test_expiry(self):
        self.sms.close_up()
        token = self.sms.make_token("short", "read", expires_in_s=2)
        self.assertEqual(self.ask("GET", "/api/v1/tasks", bearer(token)).status, 200)
        harness.wait_until(lambda: self.ask("GET", "/api/v1/tasks", bearer(token)).status == 401, what="the token's end")
        self.assert_unknown(token)
        self.sms.restart()
        self.assert_unknown(token)

    def test_verification(self):
        self.sms.close_up()
        node = self.sms.make_token("node", "node")
        shown = self.sms.make_token("shown", "read", "invoke", expires_in_s=1000)
        verify = lambda digest: self.ask("POST", TOKENS + "/verify", bearer(node), {"sha256": digest})
        body = verify(hashlib.sha256(shown.encode()).hexdigest()).json()
        self.assertEqual((body["active"], body["name"], body["scopes"]), (True, "shown", ["read", "invoke"]))
        self.assertIn(body["id"], shown)
        self.assertGreater(body["expires_at"], 0)
        self.assertEqual(verify("0" * 64).json(), {"active": False})
        self.assert_problem(verify("x"), 422, "UNPROCESSABLE", "sha256")

    def test_the_number_of_tokens_is_bounded(self):
        self.sms.close_up()
        self.sms.stop()
        with sqlite3.connect(os.path.join(self.sms.data_dir, "sms.db")) as db:
            db.executemany("INSERT INTO tokens VALUES(?, ?, 'read', ?, 1, ?, 0)",
                           ((f"{i:016x}", f"n{i}", f"{i:064x}", 2 if i == 7 else 0) for i in range(9999)))
        db.close()
        self.sms.start()
        self.assertEqual(self.create("one", ("read",)).status, 200)  # in the place of the one that has expired
        self.assert_problem(self.create("two", ("read",)), 503, "RESOURCE_EXHAUSTED", "10000")
        self.assertEqual(self.metric("tokens"), 10000)
        self.assertEqual(self.sms.request("DELETE", TOKENS + "/n8").status, 200)
        self.assertEqual(self.create("two", ("read",)).status, 200)


class Nodes(TokenCase):
    NODES = "/api/v1/nodes"

    def register(self, token, **members):
        return self.ask("POST", self.NODES, bearer(token), {"ip_address": "127.0.0.1", "port": 1, **members})

    def test_a_node_acts_as_itself_only(self):
        self.sms.close_up()
        one, two = self.sms.make_token("one", "node"), self.sms.make_token("two", "node")
        uuid = self.register(one).json()["node_uuid"]
        path = f"{self.NODES}/{uuid}"
        for method, way, body in (("POST", "/heartbeat", {}), ("PUT", "", {"port": 9}), ("PUT", "/resource", {"a": 1}),
                                  ("GET", "", None), ("GET", "/resource", None), ("DELETE", "", None)):
            answer = self.ask(method, path + way, bearer(two), body)
            self.assert_problem(answer, 403, "FORBIDDEN", "another token", "two")
        self.assert_problem(self.register(two, uuid=uuid), 403, "FORBIDDEN", "another token")
        for method, way, body in (("POST", "/heartbeat", {}), ("PUT", "", {"port": 9}), ("PUT", "/resource", {"a": 1}),
                                  ("GET", "", None), ("GET", "/resource", None)):
            self.assertEqual(self.ask(method, path + way, bearer(one), body).status, 200)
        self.assertEqual(self.register(one, uuid=uuid).status, 200)
        self.sms.restart()
        self.assert_problem(self.register(two, uuid=uuid), 403, "FORBIDDEN", "another token")
        self.assertEqual(self.sms.request("PUT", path, {"port": 8}).status, 200)  # the admin
        self.assertEqual(self.ask("POST", path + "/heartbeat", bearer(one), {}).status, 200)
        # A new token takes the place of one that is gone.
        self.sms.request("DELETE", TOKENS + "/one")
        self.assertEqual(self.register(two, uuid=uuid).status, 200)
        self.assertEqual(self.ask("DELETE", path, bearer(two)).status, 200)

    def test_what_a_node_wants_to_be_shown_is_not_given_out(self):
        self.sms.close_up()
        secret = "s" * 43
        uuid = self.register(self.sms.token, relay_token=secret).json()["node_uuid"]
        self.assert_problem(self.register(self.sms.token, relay_token="short"), 422, "UNPROCESSABLE", "relay_token")
        for path in (self.NODES, f"{self.NODES}/{uuid}", f"{self.NODES}/{uuid}/resource", "/api/v1/audit"):
            self.assertNotIn(secret, self.sms.request("GET", path).text())
        self.assertNotIn(secret, self.sms.log())


class Addresses(harness.SpearTestCase):
    """`sms` and `spearlet` without tokens serve this machine alone."""

    def run_once(self, name, *arguments):
        directory = self.temporary_dir()
        return subprocess.run([harness.program(name), "--data-dir", os.path.join(directory, "data"), *arguments], cwd=directory,
                              env={"HOME": directory, "PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60)

    def test_other_addresses_are_refused(self):
        programs = ["sms"] + ["spearlet"] * harness.is_built("spearlet")
        for name in programs:
            for address in ("0.0.0.0:0", "[::]:0", "localhost:0", "192.0.2.1:0"):
                with self.subTest(name=name, address=address):
                    done = self.run_once(name, "--http-addr", address)
                    self.assertEqual(done.returncode, 2, done)
                    for word in (address, "127.0.0.1", "token", "--insecure"):
                        self.assertIn(word, done.stderr)

    def test_insecure(self):
        sms = harness.Sms("--insecure")
        sms.address_wanted = "0.0.0.0:0"
        self.start(sms)
        self.assertIn("open to everybody", sms.log())
        self.assertEqual(harness.request("127.0.0.1:" + sms.address.rpartition(":")[2], "GET", "/api/v1/files").status, 200)

    def test_a_token_made_offline_opens_other_addresses(self):
        sms = harness.Sms()
        sms.address_wanted = "0.0.0.0:0"
        make = lambda name: subprocess.run([harness.program("sms"), "--data-dir", sms.data_dir, "--create-admin-token", name],
                                           env={"HOME": sms.directory}, capture_output=True, text=True, timeout=60)
        made = make("first")
        self.assertEqual((made.returncode, made.stderr), (0, ""), made)
        self.assertRegex(made.stdout.strip(), FORM)
        again = make("first")
        self.assertEqual((again.returncode, again.stdout), (5, ""), again)
        self.assertIn('"first"', again.stderr)
        bad = make("a b")
        self.assertEqual((bad.returncode, bad.stdout), (2, ""), bad)
        self.start(sms)
        running = make("second")
        self.assertEqual((running.returncode, running.stdout), (5, ""))
        self.assertIn(str(sms.process.pid), running.stderr)
        sms.address = "127.0.0.1:" + sms.address.rpartition(":")[2]
        self.assertEqual(sms.request("GET", "/api/v1/files").status, 401)
        sms.token = made.stdout.strip()
        entry = sms.request("GET", "/api/v1/audit").json()["entries"][0]
        self.assertEqual((entry["actor"], entry["action"], entry["object_name"]), ("offline", "token.create", "first"))


if __name__ == "__main__":
    harness.main()
