#!/usr/bin/env python3
"""Modules of every common toolchain, from upload to answer: what each compiler makes runs here as it is.

A module that was not built is a skipped test that says which compiler is missing. The whole way is sms, spearlet, worker, engine.
"""
import json
import os
import unittest

import harness

ESBUILD_TIME_MS = 300_000  # on the interpreter; about 2.5 s a transform on one free core


def built(name, compiler):
    """The path of a module of the build; skips the test, with the reason, when there is none."""
    path = harness.sample(name)
    if path:
        return path
    raise unittest.SkipTest(f"{name} was not built: {compiler} is missing, or lacks what it needs (docs/sdk.md)")


def fetched(name, stamp):
    """The same for what npm brings, whose stamp has the reason."""
    note = harness.sample(stamp)
    if note is None:
        raise unittest.SkipTest(f"{name} was not built: node or npm is missing")
    with open(note, encoding="utf-8") as file:
        text = file.read().strip()
    if text != "built":
        raise unittest.SkipTest(f"{name}: {text}")
    return built(name, "npm")


class Node(harness.SpearTestCase):
    def setUp(self):
        self.sms = self.start(harness.Sms())
        self.spearlet = self.start(harness.Spearlet(self.sms))

    def deploy(self, path, **members):
        name = os.path.basename(path).removesuffix(".wasm")
        self.sms.deploy(path, name, **members)
        return name

    def invoke(self, name, payload=b"", **options):
        return self.spearlet.request("POST", f"/tasks/{name}/invoke", payload, **options)

    def output(self, name, payload=b"", **options):
        answer = self.invoke(name, payload, **options)
        self.assertEqual(answer.status, 200, answer.text())
        return answer.text()

    def execute(self, name, **members):
        answer = self.spearlet.request("POST", "/functions/execute", {"task_id": name, **members})
        self.assertEqual(answer.status, 200, answer.text())
        return answer.json()

    def assert_logged(self, name, payload, line):
        execution = self.execute(name, input=payload)
        self.assertTrue(execution["success"], execution)
        record = self.spearlet.request("GET", f"/functions/executions/{execution['execution_id']}?include_output=true").text()
        self.assertIn(line, record)


class Languages(Node):
    def test_c(self):
        name = self.deploy(built("hello.wasm", "clang"), executable={"args": ["C"], "env": {"GREETING": "Servus"}})
        self.assertEqual(self.output(name, b"payload"), "Servus, C!\nPAYLOAD")

    def test_cplusplus(self):
        name = self.deploy(built("word_count.wasm", "clang++ with libc++ for wasm32"))
        self.assertEqual(self.output(name, b"To be, or not to be:\nthat is the question"),
                         '{"be":2,"to":2,"is":1,"not":1,"or":1,"question":1,"that":1,"the":1}\n')
        self.assertEqual(self.output(name), "{}\n")
        self.assert_logged(name, "a b a", "[INFO] words: 2")

    def test_rust(self):
        name = self.deploy(built("csv_to_json.wasm", "rustc with a wasm32 WASI target"))
        table = 'name,saying\nAda,"Hi"\nGrace,\ta\u00e4\n'.encode()
        self.assertEqual(json.loads(self.output(name, table)),
                         [{"name": "Ada", "saying": '"Hi"'}, {"name": "Grace", "saying": "\ta\u00e4"}])
        self.assert_logged(name, "a\n1\n2\n", "[INFO] 2 rows")
        answer = self.invoke(name, b"a\n1,2\n")
        self.assertEqual((answer.status, answer.json()["exit_code"]), (500, 2), answer.text())

    def test_rust_arguments(self):
        name = self.deploy(built("csv_to_json.wasm", "rustc with a wasm32 WASI target"), executable={"args": [";"]})
        self.assertEqual(self.output(name, b"a;b\n1;2"), '[{"a":"1","b":"2"}]\n')

    def test_go(self):
        name = self.deploy(built("pretty_json.wasm", "go 1.21 or newer"))
        self.assertEqual(self.output(name, b'{"b":[1,{"c":null}],"a":"x"}'),
                         '{\n  "a": "x",\n  "b": [\n    1,\n    {\n      "c": null\n    }\n  ]\n}\n')
        self.assert_logged(name, "[1]", "[INFO] 3 bytes in, 7 bytes out")
        answer = self.invoke(name, b"{")
        self.assertEqual((answer.status, answer.json()["exit_code"]), (500, 2), answer.text())

    def test_assemblyscript(self):
        name = self.deploy(fetched("greet.wasm", "assemblyscript.stamp"))
        self.assertEqual(self.output(name, "Z\u00fcrich\n".encode()), "Hello, Z\u00fcrich!\n")
        self.assertEqual(self.output(name), "Hello, nobody!\n")
        long = "\u00e9" * 50_000  # more than one block, and characters across its borders
        self.assertEqual(self.output(name, ("a" + long).encode()), f"Hello, a{long}!\n")
        self.assertEqual(self.execute(name, function_name="fibonacci", params=[50])["results"], [12586269025])


class Esbuild(Node):
    """A program of 20 MB from npm, written in Go: TypeScript on stdin, JavaScript on stdout."""

    TYPESCRIPT = b"enum Color { Red = 1, Green }\nconst wanted: Color = Color.Green;\nexport default <T>(x: T): T => x ?? wanted as any;\n"

    def setUp(self):
        self.module = fetched("esbuild.wasm", "esbuild.stamp")
        super().setUp()
        self.config = {"limit.time_ms": str(ESBUILD_TIME_MS)}
        if harness.is_sanitized("spear-worker"):  # whose own memory for such a module is beyond the default
            self.config["limit.memory_bytes"] = str(2 << 30)

    def test_typescript_to_javascript(self):
        name = self.deploy(self.module, config=self.config, executable={"args": ["--loader=ts"]})
        for _ in range(2):  # the second one meets the loaded module
            script = self.output(name, self.TYPESCRIPT, timeout_s=ESBUILD_TIME_MS / 1000)
            self.assertIn('Color2[Color2["Green"] = 2] = "Green"', script)
            self.assertIn("(x) => x ?? wanted", script)
            self.assertNotIn(": Color", script)

    def test_errors_are_the_guests(self):
        name = self.deploy(self.module, config=self.config, executable={"args": ["--loader=ts"]})
        answer = self.invoke(name, b"const = 1", timeout_s=ESBUILD_TIME_MS / 1000)
        self.assertEqual((answer.status, answer.json()["exit_code"]), (500, 1), answer.text())


if __name__ == "__main__":
    harness.main()
