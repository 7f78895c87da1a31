"""spear token and spear audit; how the command line shows a token, and what it says when it has none or the wrong one."""
import os
import re

import cli_tool
import harness

FORM = r"^spear_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$"


class TokenCase(cli_tool.CliTestCase):
    def setUp(self):
        super().setUp()
        self.sms = self.start(harness.Sms())

    def spear(self, *arguments, token=None, **options):
        env = {"SPEAR_TOKEN": token} if token else {}
        return cli_tool.spear(*arguments, sms=self.sms, env={**env, **options.pop("env", {})}, **options)

    def create(self, *arguments, token=None):
        result = self.assert_ok(self.spear("token", "create", *arguments, token=token))
        self.assertRegex(result.out.rstrip("\n"), FORM)
        return result.out.strip()

    def token_file(self, token, mode=0o600):
        path = self.file("token", token.encode() + b"\n")
        os.chmod(path, mode)
        return path


class Token(TokenCase):
    def test_made_listed_revoked(self):
        self.assertIn("nobody is asked", self.assert_ok(self.spear("token", "list")).err)
        self.assert_fails(self.spear("token", "create", "ci", "--scope", "deploy"), 5, "first token", "admin")
        result = self.assert_ok(self.spear("token", "create", "me@home", "--scope", "admin"))
        admin = result.out.strip()
        self.assertIn("only time", result.err)
        self.assertIn("from now on", result.err)
        self.assertNotIn(admin, result.err)
        self.create("ci", "-s", "deploy,invoke", "--scope", "read", "--expires", "30d", token=admin)
        made = self.assert_ok(self.spear("--json", "token", "create", "j", "--scope", "read", "--expires", "2h", token=admin)).json()
        self.assertEqual((made["scopes"], made["expires_at"] - made["created_at"]), (["read"], 7200))
        listed = self.assert_ok(self.spear("token", "list", token=admin)).out
        lines = listed.splitlines()
        self.assertRegex(lines[0], "NAME +SCOPES +AGE +USED +EXPIRES +ID")
        self.assertRegex(lines[1], "^me@home +admin .* never ")
        self.assertRegex(lines[2], "^ci +read,deploy,invoke .* (29|30) d")
        self.assertNotIn(admin[-43:], listed)
        ids = self.assert_ok(self.spear("-q", "token", "list", token=admin)).out.split()
        self.assertEqual(len(ids), 3)
        self.assertEqual(self.assert_ok(self.spear("--json", "token", "list", "--limit", "1", token=admin)).json()["total_count"], 3)
        self.assertIn("removed ci", self.assert_ok(self.spear("token", "revoke", "ci", ids[2], token=admin)).out)
        self.assert_fails(self.spear("token", "revoke", "ci", token=admin), 4, '"ci"')
        self.assert_fails(self.spear("token", "revoke", "me@home", token=admin), 5, "only one", "spear token create")

    def test_mistakes(self):
        for arguments, word in ((("create", "a"), "--scope"), (("create", "a", "--scope", "root"), '"root"'),
                                (("create", "--scope", "admin"), "NAME"), (("create", "a", "--scope", "admin", "--expires", "soon"), "30d"),
                                (("create", "a", "--scope", "admin", "--expires", "1500ms"), "whole seconds"), (("revoke",), "NAME|ID"),
                                ((), "create, list, revoke"), (("creat",), "spear token create"), (("list", "--filter", "x"), "--filter")):
            with self.subTest(arguments):
                self.assert_fails(self.spear("token", *arguments), 2, word)
        self.assert_fails(self.spear("token", "create", "a b", "--scope", "admin"), 2, '"a b"')

    def test_each_way_to_give_one(self):
        admin = self.create("admin", "--scope", "admin")
        path = self.token_file(admin)
        self.assert_ok(self.spear("files", "ls", "--token", admin))
        self.assert_ok(self.spear("--token-file", path, "files", "ls"))
        self.assert_ok(self.spear("files", "ls", env={"SPEAR_TOKEN_FILE": path}))
        self.assert_ok(self.spear("files", "ls", token=admin, env={"SPEAR_TOKEN_FILE": "/nonexistent"}))
        self.assert_ok(self.spear("files", "ls", "--token-file", path, token="spear_wrong"))
        for result in (self.spear("files", "ls", "--token-file", self.token_file(admin, 0o644)),
                       self.spear("files", "ls", "--token-file", "/nonexistent"), self.spear("files", "ls", token="hidden"),
                       self.spear("files", "ls", "--token", "hidden"), self.spear("--json", "files", "ls", "--token", "hidden")):
            self.assertEqual((result.code, result.stdout), (2, b""), result)
            for text in ("hidden", admin):
                self.assertNotIn(text, result.err)
        self.assertIn("chmod 600", self.spear("files", "ls", "--token-file", path).err)

    def test_without_and_with_the_wrong_one(self):
        admin = self.create("admin", "--scope", "admin")
        reader = self.create("reader", "--scope", "read", token=admin)
        module = self.file("a.wasm", b"\0asm\1\0\0\0")
        for arguments in (("files", "ls"), ("tasks", "ls"), ("nodes", "ls"), ("token", "list"), ("audit",), ("files", "put", module),
                          ("deploy", module), ("invoke", "x"), ("tasks", "rm", "x"), ("files", "get", "x")):
            with self.subTest(arguments):
                self.assert_fails(self.spear(*arguments), 77, "wants a token", "--token-file", "SPEAR_TOKEN")
        unknown = "spear_0123456789abcdef_" + "A" * 43
        result = self.assert_fails(self.spear("files", "ls", token=unknown), 77, "not known", "another token")
        self.assertNotIn(unknown, result.err)
        self.assert_ok(self.spear("files", "ls", token=reader))
        self.assert_fails(self.spear("files", "put", module, token=reader), 77, "scope deploy", "spear token create")
        error = self.spear("--json", "token", "list", token=reader)
        self.assertEqual(error.code, 77)
        self.assertIn('"FORBIDDEN"', error.err.replace("Forbidden", "FORBIDDEN"))

    def test_audit(self):
        admin = self.create("admin", "--scope", "admin")
        self.spear("files", "put", self.file("a.txt", b"abc"), token=admin)
        lines = self.assert_ok(self.spear("audit", token=admin)).out.splitlines()
        self.assertRegex(lines[0], "AT +WHO +FROM +WHAT +NAME +ID")
        self.assertRegex(lines[1], r"admin +127\.0\.0\.1:\d+ +file\.upload +a\.txt +[0-9a-f-]{36}$")
        self.assertRegex(lines[2], r"anonymous +127\.0\.0\.1:\d+ +token\.create +admin +[0-9a-f]{16}$")
        page = self.assert_ok(self.spear("--json", "audit", "--limit", "1", "--offset", "1", token=admin)).json()
        self.assertEqual([e["action"] for e in page["entries"]], ["token.create"])


@cli_tool.harness.unittest.skipUnless(cli_tool.can_run_guests(), "no engine or no guests")
class Cluster(TokenCase):
    def test_deploy_and_invoke_by_scope(self):
        admin = self.create("admin", "--scope", "admin")
        node = self.token_file(self.create("node", "--scope", "node", token=admin))
        spearlet = self.start(harness.Spearlet(self.sms, "--heartbeat-interval", "200ms", "--token-file", node))
        spearlet.token = admin
        harness.wait_until(lambda: spearlet.request("GET", "/status").json()["sms"]["registered"], what="the registration")
        ci, caller = (self.create(name, "--scope", name, token=admin) for name in ("deploy", "invoke"))
        self.assert_ok(self.spear("deploy", harness.sample("hello.wasm"), "--name", "hello", token=ci))
        self.assert_ok(self.spear("deploy", harness.sample("hello.wasm"), "--name", "hello", token=ci))
        result = self.assert_ok(self.spear("invoke", "hello", "--data", "abc", "--log", token=caller))
        self.assertEqual(result.out, "Hello, world!\nABC")
        record = self.assert_ok(self.spear("--json", "invoke", "hello", "--data", "abc", token=caller)).json()
        self.assertEqual(record["output"], "Hello, world!\nABC")
        self.assert_fails(self.spear("invoke", "hello", token=ci), 77, "scope invoke")
        self.assert_fails(self.spear("tasks", "rm", "hello", token=caller), 77, "scope deploy")

    def test_up_again_with_tokens(self):
        data = os.path.join(self.directory, "data")
        up = ("up", "--data-dir", data, "--http-addr", "127.0.0.1:0", "--spearlet-http-addr", "127.0.0.1:0")

        def start(env):
            terminal = cli_tool.Terminal(*up, env={"NO_COLOR": "1", **env})
            address = re.search(rb"sms +serves http://(\S+)", terminal.read_until(b"ready in"))[1].decode()
            return terminal, address

        def stop(terminal):
            terminal.type(b"\x03")
            self.assertEqual(terminal.finish().code, 0)

        terminal, address = start({})
        admin = self.assert_ok(cli_tool.spear("token", "create", "a", "--scope", "admin", sms=address)).out.strip()
        stop(terminal)
        env = {"SPEAR_TOKEN": admin, "SPEARLET_TOKEN_FILE": self.token_file(admin)}
        terminal, address = start(env)
        self.assert_ok(cli_tool.spear("deploy", harness.sample("hello.wasm"), "--name", "h", sms=address, env=env))
        self.assert_ok(cli_tool.spear("invoke", "h", sms=address, env=env))
        stop(terminal)
        self.assertNotIn(admin.encode(), terminal.output)
        refused = cli_tool.on_terminal(*up)
        self.assertEqual(refused.code, 1)
        self.assertIn("SPEAR_TOKEN", refused.out)

    def test_run_needs_no_token_and_shows_none(self):
        result = self.assert_ok(cli_tool.spear("run", harness.sample("hello.wasm"), env={"SPEAR_TOKEN": "spear_0123456789abcdef_" + "A" * 43}))
        self.assertEqual(result.out, "Hello, world!\n")


if __name__ == "__main__":
    harness.main()
