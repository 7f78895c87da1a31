"""Bearer tokens at a node: who may do what there, what it does while sms is away, and what a guest gets to see of it."""
import os
import re

import harness
import spearlet_tool
from spearlet_tool import needs_engine, needs_guests

SCOPES = ("read", "deploy", "invoke", "node", "admin")
ACCESS = {
    ("GET", "/status"): {"read"},
    ("GET", "/metrics"): {"read"},
    ("GET", "/monitoring/stats"): {"read"},
    ("POST", "/functions/execute"): {"invoke"},
    ("GET", "/functions/executions/x"): {"read", "invoke"},
    ("POST", "/functions/executions/x/cancel"): {"invoke"},
    ("GET", "/tasks"): {"read"},
    ("GET", "/tasks/x"): {"read"},
    ("DELETE", "/tasks/x"): set(),
    ("GET", "/tasks/x/executions"): {"read"},
    ("POST", "/tasks/x/invoke"): {"invoke"},
    ("GET", "/tasks/x/http"): {"invoke"},
    ("PUT", "/tasks/x/http/y"): {"invoke"},
    ("GET", "/instances"): {"read"},
}


def bearer(token):
    return {"Authorization": "Bearer " + token}


class NodeCase(spearlet_tool.SpearletTestCase):
    """An sms with tokens and a node with one of its own."""

    options = ("--token-cache-time", "100ms")

    def setUp(self):
        self.sms = self.start(harness.Sms())
        self.sms.close_up()
        self.token_file = os.path.join(self.temporary_dir(), "token")
        self.write_token(self.sms.make_token("node", "node"))
        self.spearlet = self.start(harness.Spearlet(self.sms, "--heartbeat-interval", "200ms", "--token-file", self.token_file,
                                                    *self.options))
        self.spearlet.token = self.sms.token
        self.wait_registered()

    def write_token(self, text, mode=0o600):
        with open(self.token_file, "w", encoding="ascii") as file:
            file.write(text + "\n")
        os.chmod(self.token_file, mode)

    def ask(self, method, path, headers=None, body=None):
        return harness.request(self.spearlet.address, method, path, body, headers)

    def metric(self, name):
        return int(re.search(rf"^spearlet_{name} (\d+)$", self.spearlet.request("GET", "/metrics").text(), re.M)[1])

    def env(self, answer):
        self.assertEqual(answer.status, 200, answer)
        return answer.json()["env"]


class Access(NodeCase):
    options = ()

    def test_the_table_has_every_route(self):
        with open(os.path.join(harness.REPOSITORY, "src", "spearlet", "http_api.c"), encoding="utf-8") as file:
            routes = re.findall(r'\{"([A-Z]+|\*)", "([^"]+)", \w+, \w', file.read())
        covered = set()
        for method, path in ACCESS:
            for known in routes:
                pattern = re.sub(r"\{\w+\.\.\.\}", ".*", re.sub(r"\{\w+\}", "[^/]+", known[1]))
                if known[0] in (method, "*") and re.fullmatch(pattern, path):
                    covered.add(known)
        self.assertEqual(set(routes) - covered, {("GET", "/health")})

    def test_each_route_without_and_with_each_scope(self):
        tokens = {scope: self.sms.make_token(scope + "-only", scope) for scope in SCOPES}
        unknown = "spear_0123456789abcdef_" + "A" * 43
        for (method, path), scopes in ACCESS.items():
            body = {} if method in ("POST", "PUT") else None
            for headers, challenge in ((None, 'Bearer realm="spear"'), (bearer(unknown), 'Bearer realm="spear", error="invalid_token"'),
                                       ({"X-Spear-Relay": "A" * 43}, 'Bearer realm="spear"')):
                with self.subTest(method=method, path=path, challenge=challenge):
                    answer = self.ask(method, path, headers, body)
                    self.assert_problem(answer, 401, "UNAUTHORIZED")
                    self.assertEqual(answer.headers["WWW-Authenticate"], challenge)
            for scope, token in tokens.items():
                with self.subTest(method=method, path=path, scope=scope):
                    answer = self.ask(method, path, bearer(token), body)
                    if scope in scopes | {"admin"}:
                        self.assertNotIn(answer.status, (401, 403, 503), answer)
                        continue
                    needed = next((one for one in SCOPES if one in scopes), "admin")
                    self.assert_problem(answer, 403, "FORBIDDEN", scope + "-only", needed)
                    self.assertEqual(answer.headers["WWW-Authenticate"],
                                     f'Bearer realm="spear", error="insufficient_scope", scope="{needed}"')
        self.assertEqual(self.ask("GET", "/health").status, 200)
        # Each token was asked about once, all else was known; and what is refused is counted.
        self.assertLessEqual(self.metric("token_questions_total"), 8 + len(ACCESS))
        self.assertGreater(self.metric("auth_forbidden_total"), 20)
        for token in tokens.values():
            self.assertNotIn(token, self.spearlet.log())

    def test_malformed(self):
        for value in ("Bearer", "Bearer a b", "Bearer " + "x" * 600):
            self.assert_problem(self.ask("GET", "/tasks", {"Authorization": value}), 400, "INVALID_REQUEST")


class Life(NodeCase):
    def test_revoked_after_the_cache_time(self):
        token = self.sms.make_token("ci", "read")
        self.assertEqual(self.ask("GET", "/tasks", bearer(token)).status, 200)
        self.sms.request("DELETE", "/api/v1/tokens/ci")
        harness.wait_until(lambda: self.ask("GET", "/tasks", bearer(token)).status == 401, what="the revocation")

    def test_expired(self):
        token = self.sms.make_token("short", "read", expires_in_s=5)
        self.assertEqual(self.ask("GET", "/tasks", bearer(token)).status, 200)
        harness.wait_until(lambda: self.ask("GET", "/tasks", bearer(token)).status == 401, what="the token's end")

    def test_while_sms_is_away_what_is_known_counts(self):
        known, other = self.sms.make_token("known", "read"), self.sms.make_token("other", "read")
        self.assertEqual(self.ask("GET", "/tasks", bearer(known)).status, 200)
        self.sms.kill()
        for _ in range(3):
            self.assertEqual(self.ask("GET", "/tasks", bearer(known)).status, 200)
        answer = self.ask("GET", "/tasks", bearer(other))
        self.assert_problem(answer, 503, "UNAVAILABLE", "cannot be checked")
        self.assertEqual(answer.headers["Retry-After"], "1")
        self.assertEqual(self.ask("GET", "/tasks").status, 401)

    def test_not_for_ever(self):
        spearlet = self.start(harness.Spearlet(self.sms, "--token-file", self.token_file, "--token-cache-time", "50ms",
                                               "--token-cache-stale", "1s"))
        token = self.sms.make_token("known", "read")
        ask = lambda: harness.request(spearlet.address, "GET", "/tasks", None, bearer(token)).status
        self.assertEqual(ask(), 200)
        self.sms.kill()
        harness.wait_until(lambda: ask() == 503, what="the end of what was known")

    def test_a_node_whose_own_token_is_gone(self):
        self.sms.request("DELETE", "/api/v1/tokens/node")
        token = self.sms.make_token("ci", "read")
        self.assert_problem(self.ask("GET", "/tasks", bearer(token)), 503, "UNAVAILABLE", "401", "token-file")

    def test_a_node_without_a_token_is_told(self):
        spearlet = self.start(harness.Spearlet(self.sms))
        harness.wait_until(lambda: "--token-file" in spearlet.log(), what="the hint")
        self.assertFalse(spearlet.request("GET", "/status").json()["sms"]["registered"])

    def test_token_files(self):
        def fails(*words):
            spearlet = harness.Spearlet(self.sms, "--token-file", self.token_file)
            self.addCleanup(spearlet.remove)
            with self.assertRaises(AssertionError) as caught:
                spearlet.start()
            for word in words:
                self.assertIn(word, str(caught.exception))
            self.assertNotIn(self.sms.token, str(caught.exception))
        self.write_token(self.sms.token, 0o644)
        fails("0644", "chmod 600", self.token_file)
        self.write_token("secret")
        fails("no token of SPEAR")
        self.write_token("")
        fails("empty")
        os.unlink(self.token_file)
        fails("No such file")


@needs_engine
@needs_guests("dump.wasm", "echo.wasm", "spin.wasm")
class Guests(NodeCase):
    def test_sms_shows_its_proof_when_it_asks_the_nodes(self):
        task = self.deploy("echo.wasm")
        self.assertEqual(self.spearlet.request("POST", f"/tasks/{task}/invoke", b"x").status, 200)
        node, = self.sms.request("GET", f"/api/v1/tasks/{task}?nodes=true").json()["nodes"]
        self.assertEqual(node["health"]["status"], "healthy", node)

    def relayed(self, path, token=None, headers=None, method="POST", body=b""):
        return harness.request(self.sms.address, method, path, body, {**(headers or {}), **(bearer(token) if token else {})})

    def test_relayed_without_the_callers_token(self):
        invoke = self.sms.make_token("caller", "invoke")
        task = self.deploy("dump.wasm", "dump", endpoint="dump", config={"http.authorization": "true"})
        questions = self.metric("token_questions_total")
        for path in ("/api/v1/tasks/dump/invoke", "/e/dump"):
            answer = self.relayed(path, invoke, {"X-Spear-Relay": "forged", "X-Spear-Caller": "forged"})
            for name, value in self.env(answer).items():
                self.assertNotIn("spear_", value, name)
                self.assertFalse(name.startswith("HTTP_X_SPEAR") or name == "HTTP_AUTHORIZATION", name)
            self.assert_problem(self.relayed(path), 401, "UNAUTHORIZED")
            self.assert_problem(self.relayed(path, self.sms.make_token("n" + path[-4:].strip("/"), "read")), 403, "FORBIDDEN")
        # Only the metrics above asked; what is relayed needs no question.
        self.assertLessEqual(self.metric("token_questions_total") - questions, 1)
        # Asked directly it is the same.
        for path in (f"/tasks/{task}/invoke", f"/tasks/{task}/http"):
            env = self.env(self.ask("POST", path, bearer(invoke), b""))
            self.assertNotIn("HTTP_AUTHORIZATION", env)
        body = {"task_id": task, "headers": {"Authorization": "Bearer " + invoke, "X-Other": "kept"}}
        answer = self.ask("POST", "/functions/execute", bearer(invoke), body)
        self.assertNotIn(invoke, answer.text())
        self.assertIn("HTTP_X_OTHER", answer.json()["output"])

    def test_an_invoke_token_sees_what_it_made(self):
        mine, others, reader = (self.sms.make_token(name, scope) for name, scope in
                                (("mine", "invoke"), ("others", "invoke"), ("reader", "read")))
        task = self.deploy("echo.wasm")
        made = [self.relayed("/api/v1/tasks/echo/invoke", mine, body=b"x").headers["x-execution-id"],
                self.ask("POST", f"/tasks/{task}/invoke", bearer(mine), b"x").headers["x-execution-id"],
                self.ask("POST", "/functions/execute", bearer(mine), {"task_id": task}).json()["execution_id"]]
        for execution in made:
            path = f"/functions/executions/{execution}"
            for token in (mine, reader, self.sms.token):
                self.assertEqual(self.ask("GET", path, bearer(token)).json()["execution_id"], execution)
            self.assert_problem(self.ask("GET", path, bearer(others)), 403, "FORBIDDEN", "another one's", "read")
        spin = self.deploy("spin.wasm")
        begun = self.ask("POST", "/functions/execute", bearer(mine), {"task_id": spin, "mode": "async"}).json()["execution_id"]
        cancel = lambda token: self.ask("POST", f"/functions/executions/{begun}/cancel", bearer(token))
        self.assert_problem(cancel(others), 403, "FORBIDDEN", "another one's")
        self.assert_problem(cancel(reader), 403, "FORBIDDEN")
        self.assertEqual(cancel(mine).status, 200)

    def test_public_endpoints(self):
        public = {"http.public": "true"}
        task = self.deploy("dump.wasm", "open", endpoint="open", config={**public, "http.authorization": "true"})
        self.deploy("dump.wasm", "quiet", endpoint="open/quiet", config=public)
        self.deploy("dump.wasm", "closed", endpoint="open/closed")
        own = {"Authorization": "Basic YTpi"}
        self.assertEqual(self.env(self.relayed("/e/open/x", headers=own))["HTTP_AUTHORIZATION"], "Basic YTpi")
        self.assertNotIn("HTTP_AUTHORIZATION", self.env(self.relayed("/e/open")))
        self.assertNotIn("HTTP_AUTHORIZATION", self.env(self.relayed("/e/open/quiet", headers=own)))
        # A token of ours never comes there, also where somebody shows one without need, or an old one.
        for token in (self.sms.token, "spear_0123456789abcdef_" + "A" * 43):
            self.assertNotIn("HTTP_AUTHORIZATION", self.env(self.relayed("/e/open", token)))
            self.assertNotIn("HTTP_AUTHORIZATION", self.env(self.ask("GET", f"/tasks/{task}/http", bearer(token))))
        for path in ("/e/open/closed", "/e/none"):
            self.assert_problem(self.relayed(path, headers=own), 401, "UNAUTHORIZED")
        self.assert_problem(self.relayed("/e/none", self.sms.token), 404, "TASK_NOT_FOUND")
        self.assertEqual(self.env(self.ask("GET", f"/tasks/{task}/http", own))["HTTP_AUTHORIZATION"], "Basic YTpi")
        for path in (f"/tasks/{task}/invoke", "/tasks/closed/http", "/tasks/none/http"):
            self.assert_problem(self.ask("POST", path, own, b""), 401, "UNAUTHORIZED")
        self.assert_problem(self.relayed("/api/v1/tasks/open/invoke"), 401, "UNAUTHORIZED")
        self.sms.keep_address, self.sms.address_wanted = True, self.sms.address
        self.sms.restart()
        self.wait_registered()
        self.assertEqual(self.relayed("/e/open").status, 200)

    def test_a_deleted_task_is_gone_from_the_node_at_once(self):
        task = self.deploy("echo.wasm", config={"scale.min": "1"})
        self.assertEqual(self.invoke(task, b"x").status, 200)
        self.sms.request("DELETE", "/api/v1/tasks/" + task)
        self.wait_instances(0)

    def test_the_node_goes_on_after_both_were_restarted(self):
        self.deploy("echo.wasm")
        self.spearlet.restart()
        self.wait_registered()
        answer = harness.wait_until(lambda: (a := self.relayed("/api/v1/tasks/echo/invoke", self.sms.token, body=b"x")).status == 200
                                    and a, what="an answer by the restarted node")
        self.assertEqual(answer.body, b"x")


if __name__ == "__main__":
    harness.main()
