#!/usr/bin/env python3
"""Runs folders of WASI tests through a real sms and spearlet, over HTTP: upload, register, execute, compare.

A test is NAME.wasm with NAME.json beside it, in the format of the public WebAssembly/wasi-testsuite (its doc/specification.md):

    args       list     arguments after the program's name                                  default []
    env        object   the environment                                                     default {}
    dirs       list     folders beside the test that the guest is given, by the same name   default []
    exit_code  number   what the program ends with                                          default 0
    stdout     text     exactly what it writes there                                        default: not looked at
    stderr     text     the same                                                            default: not looked at

Without NAME.json the defaults hold. A directory becomes a volume of its own, filled with a copy: config `wasi.dir.<name>` = `<volume>:rw`.
What cannot be judged is skipped, with the reason. SPEAR adds three variables of its own (SPEAR_TASK_ID, ...) to every environment, so
a test that counts variables does not pass here.

usage: run.py [--specs FOLDER] [--skip NAME=REASON]... [--build FOLDER] [--native] FOLDER...
       --specs: where descriptions and directories are when they are not beside the modules
       --native: each module is compiled first; without it the interpreter runs it
exit code: 0 all passed or skipped, 1 a test failed, 2 nothing was found
"""
import argparse
import base64
import json
import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

FIELDS = {"args": [], "env": {}, "dirs": [], "exit_code": 0, "stdout": None, "stderr": None}
IGNORED_FIELDS = {"wasi_functions"}  # says what is tested, not how
EXECUTE_TIMEOUT_S = 120
NATIVE = {"aot": "before-ready", "limit.time_ms": str(EXECUTE_TIMEOUT_S * 1000)}


class Skipped(Exception):
    """The test cannot be judged here; the text says why."""


class Failed(Exception):
    """The test was run and differs; the text says how."""


class Suite:
    """A running sms and spearlet, and the tests that go through them."""

    def __init__(self, harness, specs, native):
        self.harness = harness
        self.specs = specs
        self.native = native
        self.count = 0
        self.sms = harness.Sms("--max-upload-bytes", str(100 << 20)).start()
        self.spearlet = harness.Spearlet(self.sms, "--compile-jobs", "1" if native else "0").start()

    def close(self):
        for daemon in (self.spearlet, self.sms):
            daemon.remove()

    def beside(self, module, name):
        """The path of a description or directory that belongs to a module, or None."""
        for folder in [module.parent] + ([self.specs] if self.specs else []):
            if (folder / name).exists():
                return folder / name
        return None

    def read_spec(self, module):
        path = self.beside(module, module.stem + ".json")
        spec = json.loads(path.read_text(encoding="utf-8")) if path else {}
        unknown = sorted(set(spec) - set(FIELDS) - IGNORED_FIELDS)
        if unknown:
            raise Skipped(f"the description has fields that this runner does not know: {', '.join(unknown)}")
        return {**FIELDS, **spec}

    def make_volumes(self, module, directories):
        """The task's config that grants copies of these directories."""
        config = dict(NATIVE) if self.native else {}
        for number, name in enumerate(directories):
            source = self.beside(module, name)
            if source is None:
                raise Skipped(f"its directory {name} is not there")
            volume = f"test-{self.count}-{number}"
            shutil.copytree(source, os.path.join(self.spearlet.data_dir, "volumes", volume), symlinks=True)
            config[f"wasi.dir.{name}"] = f"{volume}:rw"
        return config

    def deploy(self, module, spec):
        self.count += 1
        name = f"test-{self.count}"
        config = self.make_volumes(module, spec["dirs"])
        uri = "sms+file://" + self.sms.upload(module.read_bytes(), module.name)
        executable = {"type": "wasm", "uri": uri, "name": module.name, "args": spec["args"], "env": spec["env"]}
        answer = self.sms.request("POST", "/api/v1/tasks", {"name": name, "version": "1", "executable": executable, "config": config})
        if answer.status == 422 and spec["dirs"]:
            raise Skipped("directories cannot be granted: " + answer.json()["detail"])
        if answer.status != 200:
            raise Failed(f"the task was refused: {answer.text()}")
        return name

    def execute(self, name):
        """exit code, stdout, stderr"""
        answer = self.spearlet.request("POST", "/functions/execute", {"task_id": name}, timeout_s=EXECUTE_TIMEOUT_S)
        if answer.status != 200:
            raise Failed(f"execute answered {answer.status}: {answer.text()}")
        result = answer.json()
        if result["exit_code"] is None or result["exit_code"] < 0:
            raise Failed("it did not come to its end: " + json.dumps(result["error"]))
        record = self.spearlet.request("GET", f"/functions/executions/{result['execution_id']}?include_output=true").json()
        return result["exit_code"], base64.b64decode(result["output_base64"]), log_bytes(record)

    def run(self, module):
        spec = self.read_spec(module)
        task = self.deploy(module, spec)
        exit_code, stdout, stderr = self.execute(task)
        faults = []
        code = self.spearlet.request("GET", f"/tasks/{task}").json()["code"]
        if code["state"] != ("native" if self.native else "interpreter"):
            faults.append(f"it ran on {code}")
        if exit_code != spec["exit_code"]:
            faults.append(f"exit code {exit_code}, wanted {spec['exit_code']}")
        for name, found in (("stdout", stdout), ("stderr", stderr)):
            if spec[name] is not None and found != spec[name].encode():
                faults.append(f"{name} {found!r}, wanted {spec[name].encode()!r}")
        if faults:
            raise Failed("; ".join(faults) + (f"; stderr: {stderr!r}" if spec["stderr"] is None and stderr else ""))


def log_bytes(record):
    """What the guest wrote to stderr, out of an execution's record."""
    if record.get("log_base64") is not None:
        return base64.b64decode(record["log_base64"])
    return (record.get("log") or "").encode()


def report(suite, modules, skips):
    counts = {"pass": 0, "fail": 0, "skip": 0}
    for module in modules:
        word, reason = "pass", None
        try:
            if module.stem in skips:
                raise Skipped(skips[module.stem])
            suite.run(module)
        except Skipped as error:
            word, reason = "skip", error
        except (Failed, AssertionError, OSError, ValueError) as error:
            word, reason = "fail", error
        counts[word] += 1
        print(f"{word}  {module.stem}" + (f": {reason}" if reason else ""), flush=True)
    print("{pass} passed, {fail} failed, {skip} skipped".format(**counts))
    return 1 if counts["fail"] else 0


def main():
    parser = argparse.ArgumentParser(description="Runs WASI tests of the wasi-testsuite format through sms and spearlet.")
    parser.add_argument("--specs", type=pathlib.Path, help="folder of descriptions and directories")
    parser.add_argument("--skip", action="append", default=[], metavar="NAME=REASON")
    parser.add_argument("--build", help="build folder (default: $SPEAR_BUILD_DIR, else build/)")
    parser.add_argument("--native", action="store_true", help="compile each module first")
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    if options.build:
        os.environ["SPEAR_BUILD_DIR"] = options.build
    import harness  # reads SPEAR_BUILD_DIR when it is loaded
    modules = sorted(module for folder in options.folders for module in folder.glob("*.wasm"))
    if not modules:
        print(f"no .wasm in {', '.join(map(str, options.folders))}", file=sys.stderr)
        return 2
    suite = Suite(harness, options.specs, options.native)
    try:
        return report(suite, modules, dict(skip.partition("=")[::2] for skip in options.skip))
    finally:
        suite.close()


if __name__ == "__main__":
    sys.exit(main())
