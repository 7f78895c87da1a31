"""The file service of sms: uploads, downloads, lists, deletion, and what is refused."""
import base64
import hashlib
import os
import uuid

import harness

FILES = "/api/v1/files"
MIB = 1024 * 1024


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def content_digest(content):
    return "sha-256=:" + base64.b64encode(hashlib.sha256(content).digest()).decode() + ":"


class FilesCase(harness.SpearTestCase):
    def setUp(self):
        self.sms = self.start(harness.Sms(*self.flags()))

    def flags(self):
        return ()

    def post(self, content, headers=None, query=""):
        return self.sms.request("POST", FILES + query, content, headers)

    def blobs(self):
        """The digests of the contents on disk."""
        found = []
        for folder, _, names in os.walk(os.path.join(self.sms.data_dir, "blobs")):
            found += [name for name in names if name.startswith(os.path.basename(folder))]
        return sorted(found)

    def temporaries(self):
        return os.listdir(os.path.join(self.sms.data_dir, "tmp"))

    def total(self, query=""):
        return self.sms.request("GET", FILES + query).json()["total_count"]

    def assert_nothing_kept(self):
        harness.wait_until(lambda: not self.temporaries(), what="the removal of temporary files")
        self.assertEqual(self.blobs(), [])
        self.assertEqual(self.total(), 0)


class Upload(FilesCase):
    def test_answer_and_bytes(self):
        content = os.urandom(100000)
        answer = self.post(content, {"x-file-name": "hello.wasm", "Content-Type": "application/wasm"})
        self.assertEqual(answer.status, 200)
        body = answer.json()
        file_id = body["id"]
        self.assertEqual(str(uuid.UUID(file_id)), file_id)
        self.assertEqual(body, {"success": True, "id": file_id, "name": "hello.wasm", "uri": "sms+file://" + file_id,
                                "len": len(content), "checksum_sha256": sha256(content)})
        got = self.sms.request("GET", f"{FILES}/{file_id}")
        self.assertEqual((got.status, got.body), (200, content))
        self.assertEqual(got.headers["Content-Type"], "application/wasm")

    def test_empty_file(self):
        file_id = self.sms.upload(b"", "empty")
        got = self.sms.request("GET", f"{FILES}/{file_id}")
        self.assertEqual((got.status, got.body, got.headers["Content-Length"]), (200, b"", "0"))
        self.assertEqual(self.sms.request("GET", f"{FILES}/{file_id}", headers={"Range": "bytes=0-"}).status, 416)

    def test_sizes_around_the_buffers(self):
        for size in (1, 65535, 65536, 65537, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 512 * 1024, 3 * MIB + 7):
            content = os.urandom(size)
            answer = self.post(content).json()
            self.assertEqual(answer["checksum_sha256"], sha256(content), size)
            self.assertEqual(self.sms.request("GET", f"{FILES}/{answer['id']}").body, content, size)

    def test_chunked(self):
        parts = [os.urandom(70000) for _ in range(20)]
        answer = self.post(iter(parts))
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json()["checksum_sha256"], sha256(b"".join(parts)))

    def test_name_defaults_to_the_id(self):
        body = self.post(b"x").json()
        self.assertEqual(body["name"], body["id"])

    def test_names(self):
        good = {"a b": "a%20b", "50% off": "50% off", "grüße": "gr%C3%BC%C3%9Fe", "x" * 255: "x" * 255}
        for name, sent in good.items():
            self.assertEqual(self.post(b"x", {"x-file-name": sent}).json()["name"], name)
        for sent in ("a/b", "a%2Fb", "a%00b", "a%0Ab", "x" * 256, "%FF%FE", ""):
            self.assert_problem(self.post(b"x", {"x-file-name": sent}), 400, "INVALID_REQUEST", "x-file-name")

    def test_content_types(self):
        for sent in ("text/plain; charset=utf-8", 'a/b; c="d;e"'):
            file_id = self.sms.upload(b"x", headers={"Content-Type": sent})
            self.assertEqual(self.sms.request("GET", f"{FILES}/{file_id}").headers["Content-Type"], sent)
        for sent in ("text", "/", "a/b/c", "text/plain; x", "a/" + "b" * 200):
            self.assert_problem(self.post(b"x", {"Content-Type": sent}), 400, "INVALID_REQUEST", "Content-Type")

    def test_forms_and_coded_bodies_are_refused(self):
        form = self.post(b"--x--", {"Content-Type": "multipart/form-data; boundary=x"})
        self.assert_problem(form, 415, "UNSUPPORTED_MEDIA_TYPE", "--data-binary")
        coded = self.post(b"x", {"Content-Encoding": "gzip"})
        self.assert_problem(coded, 415, "UNSUPPORTED_MEDIA_TYPE", "gzip")
        self.assert_nothing_kept()

    def test_digests_that_match(self):
        content = b"content"
        for headers, query in (({"x-checksum-sha256": sha256(content)}, ""),
                               ({"x-checksum-sha256": sha256(content).upper()}, ""),
                               ({}, "?checksum_sha256=" + sha256(content)),
                               ({"Content-Digest": content_digest(content)}, ""),
                               ({"Content-Digest": "md5=:AAAA:, " + content_digest(content)}, ""),
                               ({"x-checksum-sha256": sha256(content), "Content-Digest": content_digest(content)},
                                "?checksum_sha256=" + sha256(content))):
            self.assertEqual(self.post(content, headers, query).status, 200, (headers, query))

    def test_digests_that_differ_leave_nothing(self):
        content, other = b"content", b"other"
        for headers, query in (({"x-checksum-sha256": sha256(other)}, ""),
                               ({}, "?checksum_sha256=" + sha256(other)),
                               ({"Content-Digest": content_digest(other)}, ""),
                               ({"x-checksum-sha256": sha256(content), "Content-Digest": content_digest(other)}, "")):
            answer = self.post(content, headers, query)
            self.assert_problem(answer, 422, "CHECKSUM_MISMATCH", sha256(content), sha256(other))
        self.assert_nothing_kept()

    def test_digests_that_are_malformed(self):
        for headers, query in (({"x-checksum-sha256": "abc"}, ""), ({"x-checksum-sha256": "g" * 64}, ""),
                               ({"x-checksum-sha256": ""}, ""), ({}, "?checksum_sha256=12"),
                               ({"Content-Digest": "sha-256=:abc:"}, ""), ({"Content-Digest": "sha-256=abc"}, "")):
            self.assert_problem(self.post(b"x", headers, query), 400, "INVALID_REQUEST")
        self.assert_nothing_kept()


class UploadLimit(FilesCase):
    def flags(self):
        return ("--max-upload-bytes", "1MiB")

    def test_at_the_limit(self):
        self.assertEqual(self.post(b"x" * MIB).status, 200)

    def test_announced_too_large(self):
        self.assert_problem(self.post(b"x" * (MIB + 1)), 413, "PAYLOAD_TOO_LARGE", str(MIB + 1), str(MIB))
        self.assert_nothing_kept()

    def test_200_mb_are_refused_without_reading_them(self):
        with self.sms.raw() as connection:
            connection.head("POST", FILES, {"Content-Length": 200 * MIB})
            self.assert_problem(connection.response(), 413, "PAYLOAD_TOO_LARGE")
            sent = 0
            try:  # the server reads a little of what still comes, then closes
                while sent < 200 * MIB:
                    connection.send(b"x" * 65536)
                    sent += 65536
            except OSError:
                pass
            self.assertLess(sent, 20 * MIB)
        self.assert_nothing_kept()

    def test_expect_continue_is_not_answered_with_100(self):
        with self.sms.raw() as connection:
            connection.head("POST", FILES, {"Content-Length": 200 * MIB, "Expect": "100-continue"})
            first = connection.socket.recv(65536)
            self.assertTrue(first.startswith(b"HTTP/1.1 413 "), first)

    def test_chunked_that_becomes_too_large(self):
        with self.sms.raw() as connection:
            connection.head("POST", FILES, {"Transfer-Encoding": "chunked"})
            try:
                for _ in range(64):
                    connection.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            except OSError:
                pass
            self.assert_problem(connection.response(), 413, "PAYLOAD_TOO_LARGE", "max-upload-bytes")
        self.assert_nothing_kept()


class CutOff(FilesCase):
    def test_at_several_points(self):
        content = os.urandom(2 * MIB)
        for sent in (0, 1, 1000, 65536, 300 * 1024, MIB, 2 * MIB - 1):
            for end in ("close", "reset"):
                connection = self.sms.raw()
                connection.head("POST", FILES, {"Content-Length": len(content)})
                connection.send(content[:sent])
                getattr(connection, end)()
        self.wait_for_end_of_uploads()
        self.assert_nothing_kept()

    def wait_for_end_of_uploads(self):
        harness.wait_until(lambda: "sms_uploads_running 0" in self.sms.request("GET", "/metrics").text(),
                           what="the end of all uploads")

    def test_chunked_without_its_end(self):
        for rest in (b"", b"5\r\nab", b"5\r\nabcde\r\n", b"5\r\nabcde\r\n0\r\n"):
            with self.sms.raw() as connection:
                connection.head("POST", FILES, {"Transfer-Encoding": "chunked"})
                connection.send(rest)
                connection.socket.shutdown(1)
                self.assertNotIn(b" 200 ", connection.read_all())
        self.wait_for_end_of_uploads()
        self.assert_nothing_kept()

    def test_malformed_chunk(self):
        with self.sms.raw() as connection:
            connection.head("POST", FILES, {"Transfer-Encoding": "chunked"})
            connection.send(b"5\r\nabcde\r\nzz\r\n")
            self.assertEqual(connection.response().status, 400)
        self.wait_for_end_of_uploads()
        self.assert_nothing_kept()

    def test_half_closed_after_the_whole_body(self):
        with self.sms.raw() as connection:
            connection.head("POST", FILES, {"Content-Length": 5})
            connection.send(b"whole")
            connection.socket.shutdown(1)
            self.assertEqual(connection.response().status, 200)
        self.assertEqual(self.total(), 1)


class Download(FilesCase):
    def setUp(self):
        super().setUp()
        self.content = os.urandom(300000)
        self.file_id = self.sms.upload(self.content, "data", {"Content-Type": "application/wasm"})

    def get(self, headers=None, method="GET"):
        return self.sms.request(method, f"{FILES}/{self.file_id}", headers=headers)

    def test_fields(self):
        answer = self.get()
        self.assertEqual(answer.headers["ETag"], f'"{sha256(self.content)}"')
        self.assertEqual(answer.headers["Repr-Digest"], content_digest(self.content))
        self.assertEqual(answer.headers["Accept-Ranges"], "bytes")
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(answer.headers["Content-Security-Policy"], "sandbox")
        self.assertIn("GMT", answer.headers["Last-Modified"])

    def test_head(self):
        answer = self.get(method="HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.headers["Content-Length"], str(len(self.content)))
        self.assertEqual(answer.headers["ETag"], self.get().headers["ETag"])

    def test_ranges(self):
        size = len(self.content)
        for sent, first, last in (("bytes=0-0", 0, 0), ("bytes=0-99", 0, 99), ("bytes=100-", 100, size - 1),
                                  ("bytes=-5", size - 5, size - 1), (f"bytes={size - 1}-", size - 1, size - 1),
                                  ("bytes=0-99999999", 0, size - 1), ("bytes=-99999999", 0, size - 1)):
            answer = self.get({"Range": sent})
            self.assertEqual((answer.status, answer.body), (206, self.content[first:last + 1]), sent)
            self.assertEqual(answer.headers["Content-Range"], f"bytes {first}-{last}/{size}")
            self.assertEqual(answer.headers["Content-Type"], "application/wasm")

    def test_ranges_that_are_ignored(self):
        for sent in ("bytes=5-1", "bytes=", "bytes=a-b", "lines=0-1", "bytes=0-1,5-6", "bytes 0-1"):
            answer = self.get({"Range": sent})
            self.assertEqual((answer.status, answer.body), (200, self.content), sent)

    def test_ranges_outside(self):
        for sent in (f"bytes={len(self.content)}-", "bytes=999999999-", "bytes=-0"):
            answer = self.get({"Range": sent})
            self.assert_problem(answer, 416, "RANGE_NOT_SATISFIABLE", str(len(self.content)))
            self.assertEqual(answer.headers["Content-Range"], f"bytes */{len(self.content)}")

    def test_if_range(self):
        etag = self.get().headers["ETag"]
        self.assertEqual(self.get({"Range": "bytes=0-1", "If-Range": etag}).status, 206)
        self.assertEqual(self.get({"Range": "bytes=0-1", "If-Range": '"other"'}).status, 200)
        self.assertEqual(self.get({"Range": "bytes=0-1", "If-Range": "W/" + etag}).status, 200)

    def test_if_none_match(self):
        etag = self.get().headers["ETag"]
        for sent in (etag, "*", f'"other", {etag}', "W/" + etag):
            answer = self.get({"If-None-Match": sent})
            self.assertEqual((answer.status, answer.body, answer.headers["ETag"]), (304, b"", etag), sent)
        self.assertEqual(self.get({"If-None-Match": '"other"'}).status, 200)
        self.assertEqual(self.get({"If-None-Match": etag}, "HEAD").status, 304)

    def test_meta(self):
        body = self.sms.request("GET", f"{FILES}/{self.file_id}/meta").json()
        created = body.pop("created_at")
        self.assertIsInstance(created, int)
        self.assertEqual(body, {"found": True, "id": self.file_id, "len": len(self.content), "name": "data",
                                "content_type": "application/wasm", "checksum_sha256": sha256(self.content)})
        missing = self.sms.request("GET", f"{FILES}/{uuid.uuid4()}/meta")
        self.assertEqual((missing.status, missing.json()), (200, {"found": False}))

    def test_missing(self):
        for name in (str(uuid.uuid4()), "no-such-file", "..", "%2e%2e"):
            self.assertEqual(self.sms.request("GET", f"{FILES}/{name}").status, 404, name)
        self.assert_problem(self.sms.request("GET", f"{FILES}/nothing"), 404, "FILE_NOT_FOUND", "nothing")

    def test_content_that_was_lost(self):
        digest = sha256(self.content)
        os.unlink(os.path.join(self.sms.data_dir, "blobs", digest[:2], digest))
        self.assert_problem(self.get(), 500, "IO", digest)
        self.assertIn(digest, self.sms.log())

    def test_content_that_was_cut(self):
        digest = sha256(self.content)
        os.truncate(os.path.join(self.sms.data_dir, "blobs", digest[:2], digest), 5)
        self.assert_problem(self.get(), 500, "IO", digest)
        # An upload of the same content heals it.
        self.assertEqual(self.post(self.content).status, 200)
        self.assertEqual(self.get().body, self.content)


class List(FilesCase):
    def test_newest_first_in_pages(self):
        ids = [self.sms.upload(b"%d" % n, f"file-{n}") for n in range(7)]
        ids.reverse()
        body = self.sms.request("GET", FILES).json()
        self.assertEqual([file["id"] for file in body["files"]], ids)
        self.assertEqual(set(body["files"][0]), {"id", "name", "len", "modified_at", "checksum_sha256"})
        page = self.sms.request("GET", FILES + "?limit=3&offset=2").json()
        self.assertEqual(([file["id"] for file in page["files"]], page["total_count"]), (ids[2:5], 7))
        self.assertEqual(self.sms.request("GET", FILES + "?offset=99").json(), {"files": [], "total_count": 7})

    def test_filter(self):
        first = self.sms.upload(b"1", "Hello.wasm")
        self.sms.upload(b"2", "100%_sure")
        self.sms.upload(b"3", "other")
        for q, count in (("hello", 1), ("HELLO", 1), ("ello.w", 1), (first[:13], 1), (first.upper(), 1), ("%25", 1),
                         ("_", 1), ("%25_", 1), ("%", 1), ("*", 0), ("nothing", 0), ("", 3)):
            self.assertEqual(self.total("?q=" + q), count, q)

    def test_bad_pages(self):
        for query in ("limit=0", "limit=1001", "limit=x", "limit=-1", "limit=", "offset=-1", "offset=x", "limit=1.5",
                      "offset=99999999999999999999"):
            name = query.split("=")[0]
            self.assert_problem(self.sms.request("GET", f"{FILES}?{query}"), 422, "UNPROCESSABLE", f'"{name}"')


class Delete(FilesCase):
    def delete(self, file_id, query=""):
        return self.sms.request("DELETE", f"{FILES}/{file_id}{query}")

    def test_gone(self):
        file_id = self.sms.upload(b"x")
        self.assertTrue(self.delete(file_id).json()["success"])
        self.assertEqual(self.sms.request("GET", f"{FILES}/{file_id}").status, 404)
        self.assert_problem(self.delete(file_id), 404, "FILE_NOT_FOUND", file_id)
        self.assert_nothing_kept()

    def test_equal_content_is_stored_once_and_counted(self):
        first, second = self.sms.upload(b"same", "a"), self.sms.upload(b"same", "b")
        self.assertNotEqual(first, second)
        self.assertEqual(self.blobs(), [sha256(b"same")])
        self.delete(first)
        self.assertEqual(self.blobs(), [sha256(b"same")])
        self.assertEqual(self.sms.request("GET", f"{FILES}/{second}").body, b"same")
        self.delete(second)
        self.assert_nothing_kept()

    def test_refused_while_a_task_names_it(self):
        file_id = self.sms.upload(b"x")
        task_id = self.sms.register("user", "sms+file://" + file_id)
        self.assert_problem(self.delete(file_id), 409, "CONFLICT", "user", task_id, "force")
        self.assertEqual(self.delete(file_id, "?force=false").status, 409)
        self.assertEqual(self.sms.request("DELETE", "/api/v1/tasks/" + task_id).status, 200)
        self.assertEqual(self.delete(file_id).status, 200)

    def test_tasks_that_name_this_sms_by_its_address_count_and_others_do_not(self):
        file_id = self.sms.upload(b"x")
        self.sms.register("elsewhere", "sms+file://10.9.8.7:8080/" + file_id)
        self.assertEqual(self.delete(file_id).status, 200)
        file_id = self.sms.upload(b"x")
        here = self.sms.register("here", f"smsfile://{self.sms.address}/{file_id}")
        self.assertEqual(self.sms.request("GET", f"/api/v1/tasks/{here}").json()["executable"]["uri"],
                         f"sms+file://{self.sms.address}/{file_id}", "the alias is given back in the one form")
        self.assertEqual(self.delete(file_id).status, 409)

    def test_force(self):
        file_id = self.sms.upload(b"x")
        self.sms.register("user", "sms+file://" + file_id)
        self.assert_problem(self.delete(file_id, "?force=maybe"), 422, "UNPROCESSABLE", "force", "maybe")
        self.assertEqual(self.delete(file_id, "?force=true").status, 200)
        self.assert_nothing_kept()

    def test_uploads_and_deletions_of_one_content_at_once(self):
        content = os.urandom(100000)

        def churn():
            for _ in range(25):
                file_id = self.sms.upload(content)
                got = self.sms.request("GET", f"{FILES}/{file_id}")
                if got.body != content:
                    raise AssertionError(f"a stored file cannot be read: {got}")
                self.delete(file_id)

        keeper = self.sms.upload(content)
        harness.together(*[churn] * 8)
        self.assertEqual(self.sms.request("GET", f"{FILES}/{keeper}").body, content)
        self.delete(keeper)
        harness.together(*[churn] * 8)
        self.assert_nothing_kept()


class Bounds(FilesCase):
    def flags(self):
        return ("--uploads-max", "2")

    def test_uploads_at_the_same_time(self):
        running = []
        for _ in range(2):
            connection = self.sms.raw()
            self.addCleanup(connection.close)
            connection.head("POST", FILES, {"Content-Length": 20000})
            connection.send(b"x" * 19990)
            running.append(connection)
        harness.wait_until(lambda: "sms_uploads_placed 2" in self.sms.request("GET", "/metrics").text())
        refused = self.post(b"x")
        self.assert_problem(refused, 503, "RESOURCE_EXHAUSTED", "uploads-max")
        self.assertIn("Retry-After", refused.headers)
        for connection in running:
            connection.send(b"1234567890")
            self.assertEqual(connection.response().status, 200)
        self.assertEqual(self.post(b"x").status, 200)

    def test_uploads_that_trickle_take_no_place(self):
        slow = []
        for _ in range(5):
            connection = self.sms.raw()
            self.addCleanup(connection.close)
            connection.head("POST", FILES, {"Content-Length": 3})
            connection.send(b"a")
            slow.append(connection)
        harness.wait_until(lambda: "sms_uploads_running 5" in self.sms.request("GET", "/metrics").text())
        self.assertEqual(self.post(b"x").status, 200)
        for connection in slow:
            connection.send(b"bc")
            self.assertEqual(connection.response().status, 200)

    def test_resident_memory_during_a_64_mb_upload(self):
        if harness.is_sanitized():
            self.skipTest("a sanitizer's own memory is in the way")
        part = os.urandom(MIB)
        with self.sms.raw() as connection:
            connection.head("POST", FILES, {"Content-Length": 64 * MIB})
            for _ in range(64):
                connection.send(part)
            self.assertEqual(connection.response().status, 200)
        self.assertLess(self.sms.rss_peak_kib(), 64 * 1024)

    def test_descriptors_come_back(self):
        self.sms.request("GET", f"{FILES}/{self.sms.upload(b'warm up')}")
        before = len(self.sms.fds())
        for n in range(50):
            file_id = self.sms.upload(b"%d" % n)
            self.sms.request("GET", f"{FILES}/{file_id}")
        harness.wait_until(lambda: len(self.sms.fds()) <= before, what="the return of descriptors")


class FullDisk(harness.SpearTestCase):
    def test_507_and_nothing_left(self):
        directory = self.temporary_dir()
        if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=8m spear-test {directory} 2>/dev/null") != 0:
            self.skipTest("mounting a small file system is not permitted here")
        self.addCleanup(os.system, f"umount {directory}")
        sms = self.start(harness.Sms(data_dir=os.path.join(directory, "data")))
        kept = sms.upload(b"kept" * 1000)
        answer = sms.request("POST", FILES, os.urandom(16 * MIB))
        self.assert_problem(answer, 507, "INSUFFICIENT_STORAGE", "No space left")
        self.assertEqual(os.listdir(os.path.join(sms.data_dir, "tmp")), [])
        self.assertEqual(sms.request("GET", f"{FILES}/{kept}").body, b"kept" * 1000)
        self.assertEqual(sms.request("POST", FILES, os.urandom(MIB)).status, 200)


if __name__ == "__main__":
    harness.main()
