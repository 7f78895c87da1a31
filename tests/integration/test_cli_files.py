"""spear files against a real sms: upload, list, download, remove; on pipes and on a terminal."""
import hashlib
import json
import os
import signal
import stat
import subprocess

import cli_tool
import harness
from cli_tool import on_terminal, spear


class Files(cli_tool.CliTestCase):
    def setUp(self):
        super().setUp()
        self.sms = self.start(harness.Sms())

    def spear(self, *arguments, **options):
        return spear(*arguments, sms=self.sms, **options)

    def put(self, name, content):
        """Uploads and gives the id."""
        return self.assert_ok(self.spear("files", "put", "-q", self.file(name, content))).out.strip()

    # ---- put
    def test_put_tells_what_is_stored(self):
        content = os.urandom(100_000)
        path = self.file("data.bin", content)
        result = self.assert_ok(self.spear("files", "put", path, "--json"))
        self.assertEqual(result.stderr, b"")
        stored = result.json()
        self.assertEqual(stored["len"], len(content))
        self.assertEqual(stored["checksum_sha256"], hashlib.sha256(content).hexdigest())
        self.assertEqual(stored["uri"], "sms+file://" + stored["id"])
        self.assertIn("data.bin, 97.7 KiB", self.assert_ok(self.spear("files", "put", path)).out)
        self.assertRegex(self.assert_ok(self.spear("files", "put", "-q", path)).out, r"^[0-9a-f-]{36}\n$")

    def test_put_several_and_stdin(self):
        paths = [self.file(name, name.encode()) for name in ("a", "b", "c")]
        self.assertEqual(len(self.assert_ok(self.spear("files", "put", "-q", *paths)).out.split()), 3)
        identity = self.assert_ok(self.spear("files", "put", "-", "--name", "from-stdin.txt", "-q", stdin=b"piped"))
        meta = self.spear("files", "get", identity.out.strip(), "--meta", "--json").json()
        self.assertEqual((meta["name"], meta["len"], meta["content_type"]),
                         ("from-stdin.txt", 5, "text/plain; charset=utf-8"))
        self.assertEqual(self.spear("files", "get", "from-stdin.txt").stdout, b"piped")

    def test_put_types_and_names(self):
        meta = lambda identity: self.spear("files", "get", identity, "--meta", "--json").json()
        self.assertEqual(meta(self.put("m.wasm", b"\0asm\1\0\0\0"))["content_type"], "application/wasm")
        path = self.file("plain", b"x")
        identity = self.spear("files", "put", path, "-q", "--name", "other", "--content-type", "image/x-y").out.strip()
        self.assertEqual((meta(identity)["name"], meta(identity)["content_type"]), ("other", "image/x-y"))

    def test_put_empty_file(self):
        self.assertEqual(self.spear("files", "get", self.put("empty", b"")).stdout, b"")

    def test_put_mistakes(self):
        self.assert_fails(self.spear("files", "put"), 2, "needs FILE")
        self.assert_fails(self.spear("files", "put", os.path.join(self.directory, "missing")), 4, "missing", "current directory")
        self.assert_fails(self.spear("files", "put", self.directory), 2, "is a directory", "regular file")
        self.assert_fails(self.spear("files", "put", "a", "b", "--name", "c"), 2, "--name names one file")

    def test_put_too_large(self):
        small = self.start(harness.Sms("--max-upload-bytes", "1000"))
        result = spear("files", "put", self.file("big", b"x" * 100_000), sms=small)
        self.assertEqual(result.code, 1, result)
        self.assertIn("--max-upload-bytes", result.err)

    def test_put_shows_progress_on_a_terminal_only(self):
        path = self.file("progress.bin", os.urandom(3_000_000))
        result = self.assert_ok(on_terminal("files", "put", path, sms=self.sms))
        self.assertIn("upload progress.bin", result.out)
        self.assertIn("100 %", result.out)
        self.assertIn("2.9 MiB of 2.9 MiB", result.out)
        self.assertIn("\r\x1b[K", result.out)
        self.assertNotIn("100 %", on_terminal("files", "put", path, "-q", sms=self.sms).out)
        self.assertEqual(self.assert_ok(self.spear("files", "put", path)).stderr, b"")

    # ---- ls
    def test_ls(self):
        self.assertIn("no files", self.assert_ok(self.spear("files", "ls")).err)
        ids = [self.put(f"file-{i}", b"x" * i) for i in range(5)]
        table = self.assert_ok(self.spear("files", "ls")).out.splitlines()
        self.assertEqual(table[0].split(), ["NAME", "SIZE", "AGE", "SHA256", "ID"])
        self.assertEqual([line.split()[0] for line in table[1:]], [f"file-{i}" for i in (4, 3, 2, 1, 0)])
        self.assertEqual(len({line.index(identity) for line, identity in zip(table[1:], reversed(ids))}), 1, table)
        self.assertEqual(self.spear("files", "ls", "-q").out.split(), ids[::-1])
        answer = self.spear("files", "ls", "--json").json()
        self.assertEqual((answer["total_count"], [f["id"] for f in answer["files"]]), (5, ids[::-1]))

    def test_ls_pages(self):
        ids = [self.put(f"p{i}", b"") for i in range(7)][::-1]
        result = self.assert_ok(self.spear("files", "ls", "--limit", "3"))
        self.assertEqual(len(result.out.splitlines()), 4)
        self.assertIn("3 of 7", result.err)
        self.assertEqual(self.spear("files", "ls", "-q", "--limit", "3", "--offset", "5").out.split(), ids[5:])
        self.assertEqual(self.spear("files", "ls", "-q", "--limit", "2", "--all").out.split(), ids)
        answer = self.spear("files", "ls", "--json", "--limit", "2", "--all").json()
        self.assertEqual(([f["id"] for f in answer["files"]], answer["total_count"]), (ids, 7))
        self.assertEqual(self.spear("files", "ls", "-q", "--filter", "p3").out.split(), [ids[3]])
        self.assertIn("behind the last", self.spear("files", "ls", "--offset", "9").err)

    def test_ls_mistakes(self):
        self.assert_fails(self.spear("files", "ls", "--limit", "0"), 2, "--limit 0")
        self.assert_fails(self.spear("files", "ls", "--offset", "-1"), 2, "--offset -1")
        self.assert_fails(self.spear("files", "ls", "more"), 2, '"more"')

    def test_ls_fits_a_narrow_terminal(self):
        self.put("a-name-that-is-much-too-long-for-eighty-columns-" + "x" * 60, b"")
        result = self.assert_ok(on_terminal("files", "ls", sms=self.sms, columns=80))
        for line in result.out.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines():
            self.assertLessEqual(len(line), 80, line)
        self.assertIn("\u2026", result.out)
        self.assertIn("x" * 60, self.spear("files", "ls").out)

    # ---- get
    def test_get_is_exact(self):
        content = os.urandom(1_000_000)
        identity = self.put("exact.bin", content)
        self.assertEqual(self.assert_ok(self.spear("files", "get", identity)).stdout, content)
        self.assertEqual(self.assert_ok(self.spear("files", "get", "exact.bin")).stdout, content)
        target = os.path.join(self.directory, "out.bin")
        result = self.assert_ok(self.spear("files", "get", identity, "-o", target))
        self.assertEqual(result.stdout, b"")
        with open(target, "rb") as file:
            self.assertEqual(file.read(), content)

    def test_get_replaces_whole_files_only(self):
        identity = self.put("new", b"new content")
        target = self.file("target", b"old content")
        link = os.path.join(self.directory, "link")
        os.symlink(target, link)
        self.assert_ok(self.spear("files", "get", identity, "-o", link))
        self.assertTrue(os.path.islink(link))
        with open(target, "rb") as file:
            self.assertEqual(file.read(), b"new content")
        self.assert_ok(self.spear("files", "get", identity, "-o", "/dev/null"))
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))
        before = sorted(os.listdir(self.directory))
        self.assertEqual(self.spear("files", "get", "00000000-0000-4000-8000-000000000000", "-o", target).code, 4)
        with open(target, "rb") as file:
            self.assertEqual(file.read(), b"new content")
        self.assertEqual(sorted(os.listdir(self.directory)), before)

    def test_get_mistakes(self):
        self.assert_fails(self.spear("files", "get", "nothing"), 4, '"nothing"', "spear files ls")
        self.assert_fails(self.spear("files", "get", "00000000-0000-4000-8000-000000000000"), 4)
        for _ in range(2):
            self.put("twice", b"x")
        self.assert_fails(self.spear("files", "get", "twice"), 5, '2 files have the name "twice"', "by its id")
        result = self.spear("files", "get", self.put("one", b"x"), "-o", self.directory)
        self.assertEqual(result.code, 2, result)
        result = self.spear("files", "get", "one", "-o", os.path.join(self.directory, "no", "such", "place"))
        self.assertEqual(result.code, 1, result)
        self.assertIn("No such file", result.err)

    def test_get_on_a_terminal(self):
        text, binary = self.put("text", b"just text\n"), self.put("binary", b"\0asm\1\0\0\0" * 10)
        self.assertIn("just text", self.assert_ok(on_terminal("files", "get", text, sms=self.sms)).out)
        refused = on_terminal("files", "get", binary, sms=self.sms)
        self.assertEqual(refused.code, 1)
        self.assertIn("binary and stdout is a terminal", refused.out)
        self.assertNotIn(b"\0asm", refused.stdout)
        self.assertIn(b"\0asm", on_terminal("files", "get", binary, "-o", "-", sms=self.sms).stdout)
        target = os.path.join(self.directory, "to-file")
        self.assertIn("download binary", on_terminal("files", "get", "binary", "-o", target, sms=self.sms).out)

    def test_get_into_a_closed_pipe(self):
        identity = self.put("long", b"line\n" * 2_000_000)
        process = cli_tool.start("files", "get", identity, sms=self.sms)
        process.stdout.read(10)
        process.stdout.close()
        self.assertEqual(process.wait(cli_tool.TIMEOUT_S), 141)
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()

    def test_closed_stdout_is_no_error(self):
        identity = self.put("short", b"text\n")
        for words in (("files", "ls"), ("files", "ls", "--json"), ("files", "get", identity), ("version",), ("help", "run"),
                      ("files", "get", identity, "--meta"), ("files", "put", self.file("other", b"x"))):
            reader, writer = os.pipe()
            os.close(reader)
            process = cli_tool.start(*words, sms=self.sms, stdout=writer)
            os.close(writer)
            self.assertEqual((process.wait(cli_tool.TIMEOUT_S), process.stderr.read()), (141, b""), words)
            process.stderr.close()

    def test_full_disk_is_an_error(self):
        with open("/dev/full", "wb") as full:
            process = cli_tool.start("files", "get", self.put("short", b"text\n"), sms=self.sms, stdout=full)
            self.assertEqual(process.wait(cli_tool.TIMEOUT_S), 1)
            self.assertIn(b"No space left", process.stderr.read())
            process.stderr.close()

    def test_get_interrupted_leaves_nothing(self):
        identity = self.put("interrupted", os.urandom(50_000_000))
        target = os.path.join(self.directory, "half")
        before = sorted(os.listdir(self.directory))
        for number in (signal.SIGINT, signal.SIGKILL):
            process = cli_tool.start("files", "get", identity, "-o", target, sms=self.sms, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
            harness.wait_until(lambda: len(os.listdir(f"/proc/{process.pid}/fd")) > 5 or process.poll() is not None, 10)
            code = cli_tool.kill(process, number)
            if code != 0:
                self.assertIn(code, (130, -number))  # the latter before it listens to signals
                self.assertEqual(sorted(os.listdir(self.directory)), before)
            elif os.path.exists(target):
                os.unlink(target)

    # ---- rm
    def test_rm(self):
        ids = [self.put(f"r{i}", b"x") for i in range(3)]
        self.assertEqual(self.assert_ok(self.spear("files", "rm", *ids[:2])).out, f"removed {ids[0]}\nremoved {ids[1]}\n")
        self.assertEqual(self.spear("files", "ls", "-q").out.split(), [ids[2]])
        self.assertEqual(self.spear("files", "rm", ids[2], "--json").json(), {"success": True} | self.spear_message())

    def spear_message(self):
        """What else sms puts into the answer to a deletion."""
        identity = self.put("probe", b"x")
        answer = self.sms.request("DELETE", f"/api/v1/files/{identity}").json()
        return {key: value for key, value in answer.items() if key != "success" and identity not in str(value)}

    def test_rm_mistakes(self):
        kept = self.put("kept", b"x")
        result = self.spear("files", "rm", "00000000-0000-4000-8000-000000000000", kept)
        self.assertEqual(result.code, 4, result)
        self.assertIn(f"removed {kept}", result.out)
        identity = self.put("module.wasm", b"\0asm\1\0\0\0")
        self.sms.register("holder", "sms+file://" + identity)
        self.assert_fails(self.spear("files", "rm", identity), 5, "holder", "--force")
        self.assert_ok(self.spear("files", "rm", "--force", identity))
        error = json.loads(self.spear("files", "rm", identity, "--json").stderr)["error"]
        self.assertEqual(error["code"], "FILE_NOT_FOUND")

    def test_interrupted_upload_ends_at_once(self):
        process = cli_tool.start("files", "put", "-", sms=self.sms, stdin=subprocess.PIPE)
        process.stdin.write(b"x" * 100_000)
        process.stdin.flush()
        process.stdin.close()
        self.assertEqual(process.wait(cli_tool.TIMEOUT_S), 0)
        process.stdout.close()
        process.stderr.close()


if __name__ == "__main__":
    harness.main()
