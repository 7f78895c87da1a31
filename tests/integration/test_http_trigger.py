"""ANY /e/{endpoint}[/…] on sms, on the real path: which task answers, what a CGI program is told, and what it may answer."""
import sqlite3
import os

import harness
import spearlet_tool
from spearlet_tool import needs_engine, needs_guests

CGI = {"http.cgi": "true"}


class TriggerTestCase(spearlet_tool.SpearletTestCase):
    def setUp(self):
        super().setUp()
        self.wait_registered()

    def ask(self, path, method="GET", body=None, headers=None):
        return self.sms.request(method, "/e/" + path, body, headers)

    def env(self, path, method="GET", body=None, headers=None):
        answer = self.ask(path, method, body, headers)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()["env"]


@needs_engine
@needs_guests("dump.wasm", "echo.wasm", "exit3.wasm", "trap.wasm")
class Trigger(TriggerTestCase):
    def test_the_longest_endpoint_answers(self):
        shop = self.deploy("dump.wasm", "shop", endpoint="shop")
        orders = self.deploy("dump.wasm", "orders", endpoint="shop/orders")
        for path, task, info in (("shop", shop, ""), ("shop/", shop, "/"), ("shop/order", shop, "/order"),
                                 ("shop/ordersX", shop, "/ordersX"), ("shop/orders", orders, ""),
                                 ("shop/orders/7/items", orders, "/7/items"), ("shop//orders", shop, "//orders"),
                                 ("sh%6fp/orders/%41b%20c", orders, "/Ab c"), ("shop%2forders", None, None),
                                 ("shop/orders%2f7", shop, "/orders/7"), ("shop/../shop", shop, "/../shop"),
                                 ("sho", None, None), ("", None, None), ("Shop", None, None), ("/shop", None, None)):
            with self.subTest(path=path):
                if task is None:
                    self.assert_problem(self.ask(path), 404, "TASK_NOT_FOUND", "endpoint")
                    continue
                env = self.env(path)
                self.assertEqual((env["SPEAR_TASK_ID"], env["PATH_INFO"]), (task, info))

    def test_the_newest_registration_answers(self):
        old = self.deploy("dump.wasm", "one", endpoint="a")
        new = self.deploy("dump.wasm", "two", endpoint="a")
        self.assertEqual(self.env("a")["SPEAR_TASK_ID"], new)
        self.assertEqual(self.sms.request("DELETE", "/api/v1/tasks/" + new).status, 200)
        self.assertEqual(self.env("a")["SPEAR_TASK_ID"], old)
        self.assertEqual(self.sms.request("DELETE", "/api/v1/tasks/" + old).status, 200)
        self.assert_problem(self.ask("a"), 404, "TASK_NOT_FOUND")

    def test_tasks_without_endpoint_are_not_reached(self):
        self.deploy("dump.wasm", "plain")
        self.assert_problem(self.ask("plain"), 404, "TASK_NOT_FOUND")
        self.assert_problem(self.ask(""), 404, "TASK_NOT_FOUND")

    def test_endpoints_of_an_older_database(self):
        self.deploy("dump.wasm", "one", endpoint="old/one")
        self.sms.keep_address = True
        self.sms.stop()
        with sqlite3.connect(os.path.join(self.sms.data_dir, "sms.db")) as db:
            db.executescript("DROP INDEX tasks_endpoint; ALTER TABLE tasks DROP COLUMN endpoint; ALTER TABLE tasks DROP COLUMN public;"
                             "ALTER TABLE nodes DROP COLUMN owner; ALTER TABLE nodes DROP COLUMN relay_token;"
                             "DROP TABLE tokens; DROP TABLE audit; PRAGMA user_version=1;")
        db.close()
        self.sms.address_wanted = self.sms.address
        self.sms.start()
        self.wait_registered()
        self.assertEqual(self.env("old/one/x")["PATH_INFO"], "/x")

    def test_meta_variables(self):
        self.deploy("dump.wasm", "vars", endpoint="a/vars")
        answer = self.ask("a/vars/x%20y?q=1&r=%20", "POST", b"12345",
                          {"Content-Type": "text/x", "X-Own": "v", "Authorization": "secret", "Proxy": "evil", "Host": "shop.example:8443",
                           "X-Forwarded-Host": "forged", "X-Forwarded-For": "203.0.113.9"})
        body = answer.json()
        env = body["env"]
        self.assertEqual(body["stdin_bytes"], 5)
        expected = {
            "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "POST", "SCRIPT_NAME": "/e/a/vars", "PATH_INFO": "/x y",
            "QUERY_STRING": "q=1&r=%20", "CONTENT_TYPE": "text/x", "CONTENT_LENGTH": "5", "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_HOST": "127.0.0.1", "SERVER_NAME": "shop.example", "SERVER_PORT": "8443", "SERVER_PROTOCOL": "HTTP/1.1",
            "REQUEST_URI": "/e/a/vars/x%20y?q=1&r=%20", "HTTP_X_OWN": "v", "HTTP_HOST": "shop.example:8443",
            "HTTP_X_FORWARDED_FOR": "203.0.113.9, 127.0.0.1", "HTTP_X_FORWARDED_HOST": "shop.example:8443",
        }
        self.assertEqual({name: env.get(name) for name in expected}, expected)
        self.assertRegex(env["SERVER_SOFTWARE"], r"^SPEAR/\d")
        for name in ("AUTH_TYPE", "PATH_TRANSLATED", "REMOTE_USER", "HTTP_PROXY", "HTTP_AUTHORIZATION", "HTTP_CONTENT_LENGTH"):
            self.assertNotIn(name, env)

    def test_methods(self):
        self.deploy("dump.wasm", "vars", endpoint="v")
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            env = self.env("v", method)
            self.assertEqual(env["REQUEST_METHOD"], method)
            self.assertEqual(env["QUERY_STRING"], "")
            self.assertNotIn("CONTENT_LENGTH", env)
        head = self.ask("v", "HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertGreater(int(head.headers["Content-Length"]), 100)
        for method in ("PUT", "DELETE"):
            self.assertEqual(self.env("v", method, b"abc")["CONTENT_LENGTH"], "3")

    def test_authorization_when_the_task_wants_it(self):
        self.deploy("dump.wasm", "auth", endpoint="auth", config={"http.authorization": "true"})
        env = self.env("auth", headers={"Authorization": "Bearer x", "Proxy-Authorization": "secret", "Proxy": "evil"})
        self.assertEqual(env["HTTP_AUTHORIZATION"], "Bearer x")
        self.assertNotIn("HTTP_PROXY_AUTHORIZATION", env)
        self.assertNotIn("HTTP_PROXY", env)

    def test_a_client_chooses_neither_function_nor_deadline(self):
        self.deploy("echo.wasm", "echo", endpoint="echo")
        answer = self.ask("echo", "POST", b"abc", {"x-function": "nope", "x-timeout-ms": "oops", "Prefer": "respond-async",
                                                   "x-params": "{"})
        self.assertEqual((answer.status, answer.body), (200, b"abc"))

    def test_large_bodies_both_ways(self):
        self.deploy("echo.wasm", "echo", endpoint="echo")
        content = bytes(i * 11 % 251 for i in range(65536)) * 32
        self.assertEqual(self.ask("echo", "POST", content).body, content)
        self.assertEqual(self.ask("echo", "PUT", iter([content[:77], content[77:]])).body, content)

    def test_failures_are_problems(self):
        self.deploy("exit3.wasm", "exit3", endpoint="exit3", config=CGI)
        self.deploy("trap.wasm", "trap", endpoint="trap", config=CGI)
        self.assertEqual(self.assert_problem(self.ask("exit3"), 500, "RUNTIME_ERROR")["exit_code"], 3)
        self.assert_problem(self.ask("trap"), 500, "RUNTIME_ERROR")

    def test_directly_at_the_node(self):
        self.deploy("dump.wasm", "none")
        env = self.spearlet.request("GET", "/tasks/none/http/a%2Fb?c").json()["env"]
        self.assertEqual((env["SCRIPT_NAME"], env["PATH_INFO"], env["QUERY_STRING"]), ("/tasks/none/http", "/a/b", "c"))
        self.assertEqual(env["REMOTE_ADDR"], "127.0.0.1")
        host, port = harness.split_address(self.spearlet.address)
        self.assertEqual((env["SERVER_NAME"], env["SERVER_PORT"]), (host, str(port)))
        self.assertEqual(self.spearlet.request("GET", "/tasks/none/http").json()["env"]["PATH_INFO"], "")
        self.assert_problem(self.spearlet.request("GET", "/tasks/none/http/%00"), 400, "INVALID_REQUEST")
        self.assert_problem(self.spearlet.request("GET", "/tasks/nobody/http/x"), 404, "TASK_NOT_FOUND")


@needs_engine
@needs_guests("echo.wasm", "cgi.wasm")
class CgiAnswers(TriggerTestCase):
    """The guest echoes the request's body, so that the test writes its answers."""

    def setUp(self):
        super().setUp()
        self.deploy("echo.wasm", "echo", endpoint="echo", config={"http.content_type": "text/x-default", **CGI})

    def answer(self, text):
        return self.ask("echo", "POST", text)

    def test_both_ways_and_directly(self):
        text = b"Status: 418 I'm a teapot\r\nContent-Type: text/plain\r\nX-Own: 1\r\nX-Own: 2\r\n\r\nshort"
        for answer in (self.answer(text), self.sms.request("POST", "/api/v1/tasks/echo/invoke", text),
                       self.invoke("echo", text), self.spearlet.request("PUT", "/tasks/echo/http/x", text)):
            self.assertEqual((answer.status, answer.body), (418, b"short"))
            self.assertEqual(answer.headers["Content-Type"], "text/plain")
            self.assertEqual(answer.headers.get_all("X-Own"), ["1", "2"])
            self.assertEqual(answer.headers["Content-Length"], "5")
            self.assertIn("x-execution-id", answer.headers)

    def test_defaults(self):
        answer = self.answer(b"Status: 200\n\nx")
        self.assertEqual((answer.status, answer.body, answer.headers["Content-Type"]), (200, b"x", "text/x-default"))
        answer = self.answer(b"Content-Type: a/b\n\n")
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_redirects(self):
        answer = self.answer(b"Location: http://example.org/there?x=1\n\n")
        self.assertEqual((answer.status, answer.headers["Location"]), (302, "http://example.org/there?x=1"))
        answer = self.answer(b"Location: /e/other\nStatus: 303 See Other\n\n")
        self.assertEqual((answer.status, answer.headers["Location"]), (303, "/e/other"))

    def test_no_content(self):
        answer = self.answer(b"Status: 204 No Content\n\n")
        self.assertEqual((answer.status, answer.body), (204, b""))

    def test_fields_that_are_not_the_guests(self):
        answer = self.answer(b"Content-Type: a/b\nConnection: close\nTransfer-Encoding: chunked\nx-execution-id: forged\n"
                             b"X-Instance-Id: forged\nContent-Length: 3\n\nabc")
        self.assertEqual((answer.status, answer.body), (200, b"abc"))
        self.assertNotIn("Transfer-Encoding", answer.headers)
        self.assertEqual(len(answer.headers.get_all("x-execution-id")), 1)
        self.assertNotEqual(answer.headers["x-execution-id"], "forged")
        self.assertNotEqual(answer.headers.get("x-instance-id"), "forged")

    def test_refused(self):
        for text, word in ((b"", "nothing"), (b"hello", "ends before the empty line"), (b"hello\n\n", "line 1"),
                           (b"X: 1\n\nbody", "Content-Type"), (b"Content-Type: a/b\nX Y: 1\n\n", "line 2"),
                           (b"Content-Type: a/b\nX: a\rInjected: 1\n\n", "control character"),
                           (b"Content-Type: a/b\nX: a\0b\n\n", "control character"),
                           (b"Content-Type: a/b\n folded: 1\n\n", "no field name"), (b"Status: 1000\n\n", "three digits"),
                           (b"Status: 101\n\n", "three digits"), (b"Status: 200\nContent-Length: 5\n\nabc", "Content-Length"),
                           (b"Content-Type: a/b\n" + b"X: 1\n" * 64 + b"\n", "64"), (b"X: " + b"a" * 40000 + b"\n\n", "32768")):
            with self.subTest(text=text[:40]):
                self.assert_problem(self.answer(text), 502, "BAD_GATEWAY", word)

    def test_raw_output_without_the_key(self):
        self.deploy("echo.wasm", "plain", endpoint="plain")
        text = b"Status: 404\n\nbody"
        answer = self.ask("plain", "POST", text)
        self.assertEqual((answer.status, answer.body), (200, text))

    def test_the_sample(self):
        self.deploy("cgi.wasm", "cgi", endpoint="pages/cgi", config=CGI)
        page = self.ask("pages/cgi/a/%3Cb%3E?x=1&y")
        self.assertEqual((page.status, page.body), (200, b"<h1>/a/&lt;b></h1>\n<p>x=1&amp;y</p>\n"))
        self.assertEqual(page.headers["Cache-Control"], "no-store")
        home = self.ask("pages/cgi/home")
        self.assertEqual((home.status, home.headers["Location"]), (302, "/e/pages/cgi/"))
        refused = self.ask("pages/cgi", "POST", b"x")
        self.assertEqual((refused.status, refused.headers["Allow"], refused.body), (405, "GET", b"GET only\n"))


if __name__ == "__main__":
    harness.main()
