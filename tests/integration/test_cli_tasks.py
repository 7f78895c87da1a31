"""spear deploy, spear tasks and spear nodes against a real sms; no guest runs here."""
import hashlib
import json

import cli_tool
import harness
from cli_tool import on_terminal, spear

MODULE = b"\0asm\1\0\0\0"


class SmsTestCase(cli_tool.CliTestCase):
    def setUp(self):
        super().setUp()
        self.sms = self.start(harness.Sms())
        self.module = self.file("hello.wasm", MODULE)

    def spear(self, *arguments, **options):
        return spear(*arguments, sms=self.sms, **options)

    def deploy(self, name, *flags, module=None):
        return self.assert_ok(self.spear("deploy", module or self.module, "--name", name, "--json", *flags)).json()

    def task(self, name):
        return self.sms.request("GET", f"/api/v1/tasks/{name}").json()


class Deploy(SmsTestCase):
    def test_says_how_to_call_it(self):
        result = self.assert_ok(self.spear("deploy", self.module, "--name", "hello"))
        task = self.task("hello")
        for word in (task["task_id"], task["executable"]["uri"], "spear invoke hello",
                     f"http://{self.sms.address}/api/v1/tasks/hello/invoke"):
            self.assertIn(word, result.out)
        self.assertEqual(result.stderr, b"")

    def test_registration_holds_everything(self):
        made = self.deploy("all", "--version", "2.1.0", "--arg", "one", "--arg=--two", "--env", "A=1", "-eB=x=y", "--env",
                           "A=2", "-c", "limit.time_ms=5000", "--config", "mine.note=free text", "--endpoint", "api/all",
                           "--priority", "high")
        task = self.task("all")
        self.assertEqual(made["task_id"], task["task_id"])
        self.assertEqual((task["version"], task["priority"], task["endpoint"]), ("2.1.0", "high", "api/all"))
        self.assertEqual(task["executable"]["args"], ["one", "--two"])
        self.assertEqual(task["executable"]["env"], {"A": "2", "B": "x=y"})
        self.assertEqual(task["config"], {"limit.time_ms": "5000", "mine.note": "free text"})
        self.assertEqual(task["executable"]["checksum_sha256"], hashlib.sha256(MODULE).hexdigest())
        self.assertEqual(task["executable"]["name"], "hello.wasm")

    def test_name_comes_from_the_file(self):
        self.assert_ok(self.spear("deploy", self.module))
        self.assertEqual(self.task("hello")["name"], "hello")
        self.assertEqual(self.assert_ok(self.spear("deploy", self.module, "-q")).out.strip(), self.task("hello")["task_id"])

    def test_takes_the_place_of_the_older(self):
        first = self.deploy("hello")
        other = self.deploy("hello-too")
        newer = self.file("newer.wasm", MODULE + b"\0\2\1x")
        second = self.deploy("hello", module=newer)
        self.assertEqual(second["replaced"], [first["task_id"]])
        self.assertEqual(self.task("hello")["task_id"], second["task_id"])
        self.assertEqual(self.sms.request("GET", f"/api/v1/tasks/{first['task_id']}").status, 404)
        self.assertEqual(self.sms.request("GET", f"/api/v1/files/{first['file_id']}").status, 404)
        self.assertEqual(self.sms.request("GET", f"/api/v1/files/{other['file_id']}").status, 200)
        self.assertEqual(self.task("hello-too")["task_id"], other["task_id"])

    def test_keeps_a_file_that_another_task_names(self):
        first = self.deploy("hello")
        self.sms.register("friend", first["uri"])
        self.deploy("hello")
        self.assertEqual(self.sms.request("GET", f"/api/v1/files/{first['file_id']}").status, 200)

    def test_keep_old(self):
        first = self.deploy("hello")
        second = self.deploy("hello", "--keep-old")
        self.assertEqual(second["replaced"], [])
        self.assertEqual(self.sms.request("GET", f"/api/v1/tasks/{first['task_id']}").status, 200)
        self.assertEqual(self.task("hello")["task_id"], second["task_id"])

    def test_refused_registration_leaves_no_file(self):
        self.assertNotEqual(self.spear("deploy", self.module, "--name", "a/b").code, 0)
        self.assertNotEqual(self.spear("deploy", self.module, "--name", "x", "--priority", "huge").code, 0)
        self.assertEqual(self.spear("files", "ls", "-q").out, "")
        self.assertEqual(self.spear("tasks", "ls", "-q").out, "")

    def test_refusal_is_a_mistake_in_the_command_line(self):
        for flags, word in ((("--priority", "huge"), "--priority huge"), (("--name", "a/b"), '"name"'),
                            (("--endpoint", "a//b"), '"endpoint"')):
            self.assert_fails(self.spear("deploy", self.module, *flags), 2, word, "spear help deploy")

    def test_progress_on_a_terminal(self):
        big = self.file("big.wasm", MODULE + b"\0\x80\x80\x80\x01" + bytes(2 * 1024 * 1024))
        result = self.assert_ok(on_terminal("deploy", big, sms=self.sms))
        self.assertIn("upload big.wasm", result.out)
        self.assertIn("deployed", result.out)


class Tasks(SmsTestCase):
    def test_ls(self):
        self.assertIn("no tasks", self.assert_ok(self.spear("tasks", "ls")).err)
        for name in ("one", "two"):
            self.deploy(name)
        table = self.assert_ok(self.spear("tasks", "ls")).out.splitlines()
        self.assertEqual(table[0].split(), ["NAME", "VERSION", "STATUS", "PRIORITY", "ENDPOINT", "AGE", "ID"])
        self.assertEqual({line.split()[0] for line in table[1:]}, {"one", "two"})
        self.assertEqual(set(self.spear("tasks", "ls", "-q").out.split()),
                         {self.task("one")["task_id"], self.task("two")["task_id"]})
        self.assertEqual(self.spear("tasks", "ls", "--json").json()["total_count"], 2)
        self.assertEqual(len(self.spear("tasks", "ls", "-q", "--filter", "two").out.split()), 1)

    def test_get(self):
        self.deploy("one", "--env", "KEY=value", "--config", "limit.time_ms=77")
        result = self.assert_ok(self.spear("tasks", "get", "one"))
        for word in ("one", self.task("one")["task_id"], "KEY=value", "limit.time_ms=77", "sms+file://"):
            self.assertIn(word, result.out)
        self.assertEqual(self.spear("tasks", "get", self.task("one")["task_id"], "--json").json(), {**self.task("one"), "nodes": []})

    def test_rm(self):
        for name in ("one", "two", "three"):
            self.deploy(name)
        self.assertEqual(self.assert_ok(self.spear("tasks", "rm", "one", self.task("two")["task_id"])).code, 0)
        self.assertEqual(self.spear("tasks", "ls", "-q").out.strip(), self.task("three")["task_id"])
        self.assertTrue(self.spear("tasks", "rm", "three", "--json").json()["success"])

    def test_mistakes(self):
        self.assert_fails(self.spear("tasks", "get", "nothing"), 4, '"nothing"', "spear tasks ls")
        self.assert_fails(self.spear("tasks", "rm", "nothing"), 4, '"nothing"')
        self.assert_fails(self.spear("tasks", "ls", "--limit", "x"), 2, "--limit x")
        self.assert_fails(self.spear("invoke", "nothing"), 4, "TaskNotFound", '"nothing"')
        self.assert_fails(self.spear("invoke", "nothing", "--function", "f"), 4, "TaskNotFound")
        error = json.loads(self.spear("tasks", "get", "nothing", "--json").stderr)["error"]
        self.assertEqual(error["code"], "TASK_NOT_FOUND")

    def test_names_with_blanks_and_unicode(self):
        name = "gr\u00fc\u00df dich?&=%"
        self.deploy(name)
        self.assertIn(name, self.assert_ok(self.spear("tasks", "get", name)).out)
        self.deploy(name)
        self.assert_ok(self.spear("tasks", "rm", name))
        self.assertEqual(self.spear("tasks", "ls", "-q").out, "")

    def test_no_node_is_there(self):
        self.deploy("lonely")
        self.assert_fails(self.spear("invoke", "lonely"), 69, "spear nodes ls")
        self.assert_fails(self.spear("invoke", "lonely", "--function", "f"), 69, "spear nodes ls")


class Nodes(SmsTestCase):
    def register(self, port):
        body = {"ip_address": "127.0.0.1", "port": port, "http_port": port, "metadata": {"zone": "here"}}
        self.assertLess(self.sms.request("POST", "/api/v1/nodes", body).status, 300)

    def test_ls_get_rm(self):
        self.assertIn("no nodes", self.assert_ok(self.spear("nodes", "ls")).err)
        self.register(4001)
        self.register(4002)
        table = self.assert_ok(self.spear("nodes", "ls")).out
        self.assertIn("127.0.0.1:4001", table)
        self.assertIn("online", table)
        ids = self.spear("nodes", "ls", "-q").out.split()
        self.assertEqual(len(ids), 2)
        self.assertEqual(len(self.spear("nodes", "ls", "--json").json()["nodes"]), 2)
        result = self.assert_ok(self.spear("nodes", "get", ids[0]))
        self.assertIn(ids[0], result.out)
        self.assertIn("zone=here", result.out)
        self.assert_ok(self.spear("nodes", "rm", ids[0]))
        self.assertEqual(self.spear("nodes", "ls", "-q").out.split(), [ids[1]])

    def test_mistakes(self):
        self.assert_fails(self.spear("nodes", "get", "nobody"), 4, "spear nodes ls")
        self.assert_fails(self.spear("nodes", "rm", "nobody"), 4)
        self.assert_fails(self.spear("nodes", "ls", "--offset", "x"), 2, "--offset x")


if __name__ == "__main__":
    harness.main()
