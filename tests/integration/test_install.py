#!/usr/bin/env python3
"""What `make install` puts in place is whole: the programs run from there and find each other, and a program of somebody else's
builds against libspear-runtime with pkg-config alone and runs a guest."""
import os
import shutil
import subprocess
import tempfile
import unittest

import harness

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "embedder.c")


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix="spear-install-")
        environment = dict(os.environ, DESTDIR=cls.root)
        run("meson", "install", "-C", harness.BUILD_DIR, "--no-rebuild", "--quiet", env=environment)
        cls.prefix = os.path.join(cls.root, "usr/local")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    def installed(self, path):
        full = os.path.join(self.prefix, path)
        self.assertTrue(os.path.exists(full), f"{path} is not installed")
        return full

    def test_programs_and_manuals_are_there(self):
        for path in ("bin/spear", "bin/sms", "bin/spearlet", "share/man/man1/spear.1", "include/spear/runtime/runtime.h"):
            self.installed(path)
        for name in ("spear", "sms", "spearlet"):
            self.assertIn("0.1.0", run(self.installed(f"bin/{name}"), "version" if name == "spear" else "--version"))

    @unittest.skipIf(harness.is_sanitized(), "a sanitizer's runtime is not part of the .pc file")
    def test_an_embedder_builds_and_runs(self):
        pc = next(os.path.join(folder, "spear-runtime.pc") for folder, _, names in os.walk(self.prefix) if "spear-runtime.pc" in names)
        environment = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(pc), PKG_CONFIG_SYSROOT_DIR=self.root)
        flags = [run("pkg-config", *which, "spear-runtime", env=environment).split() for which in (["--cflags"], ["--libs"])]
        # Only our own files lie below the folder of this test; the system's do not.
        flags = [[f if os.path.exists(f[2:]) or not f[2:].startswith(self.root) else f[:2] + f[2 + len(self.root):] for f in part] for part in flags]
        program = os.path.join(self.root, "embedder")
        run("cc", "-std=c17", "-D_GNU_SOURCE", SOURCE, *flags[0], "-o", program, *flags[1])
        if not harness.is_built("spear-worker"):
            return
        worker = self.installed("libexec/spear/spear-worker")
        data = os.path.join(self.root, "data")
        os.mkdir(data)
        out = run(program, harness.sample("hello.wasm"), worker, data, "embedded text")
        self.assertIn("EMBEDDED TEXT", out)

    @unittest.skipUnless(harness.is_built("spear-worker"), "this build has no engine")
    def test_installed_programs_find_each_other(self):
        # The libexec folder is compiled in as /usr/local/...; beside the programs they are found wherever the tree was moved to.
        out = run(self.installed("bin/spear"), "run", harness.sample("hello.wasm"), input="moved")
        self.assertIn("MOVED", out)


if __name__ == "__main__":
    unittest.main()
