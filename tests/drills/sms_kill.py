#!/usr/bin/env python3
"""kill -9 of sms at random moments under a load of uploads, registrations and deletions.

usage: sms_kill.py [ROUNDS] [SEED]      (100 rounds; the seed is printed, so that a failure can be repeated)

After each restart everything that was acknowledged in the round must be there and whole, what was deleted must be gone,
and no temporary file may be left. At the end every file that sms lists, acknowledged or not, must match its digest, and
every content on disk must belong to a record.
"""
import hashlib
import http.client
import json
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import harness  # noqa: E402

WORKERS = 6
KILL_AFTER_S = (0.005, 0.25)


class Acknowledged:
    """What sms said yes to, and what it said was deleted."""

    def __init__(self):
        self.lock = threading.Lock()
        self.files = {}  # id: digest
        self.tasks = {}  # id: name
        self.deleted = set()


class Client:
    """One worker: a connection that is kept, and requests until the server dies."""

    def __init__(self, address, seed, acknowledged):
        self.connection = http.client.HTTPConnection(*harness.split_address(address), timeout=30)
        self.random = random.Random(seed)
        self.acknowledged = acknowledged
        self.seed = seed

    def ask(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def upload(self):
        size = self.random.choice((0, 10, 5000, 70000, 300000, 1500000))
        content = b"the same" if self.random.random() < 0.1 else self.random.randbytes(size)
        digest = hashlib.sha256(content).hexdigest()
        status, body = self.ask("POST", "/api/v1/files", content, {"x-checksum-sha256": digest})
        check(status == 200, f"upload: {status} {body}")
        with self.acknowledged.lock:
            self.acknowledged.files[body["id"]] = digest
        return body["id"]

    def register(self, file_id):
        name = f"task-{self.seed}-{self.random.random()}"
        task = {"name": name, "version": "1", "executable": {"type": "wasm", "uri": "sms+file://" + file_id}}
        status, body = self.ask("POST", "/api/v1/tasks", json.dumps(task), {"Content-Type": "application/json"})
        check(status == 200, f"register: {status} {body}")
        with self.acknowledged.lock:
            self.acknowledged.tasks[body["task_id"]] = name

    def delete(self, file_id):
        with self.acknowledged.lock:  # from now on it may be there or not
            del self.acknowledged.files[file_id]
        status, body = self.ask("DELETE", f"/api/v1/files/{file_id}")
        check(status == 200, f"delete: {status} {body}")
        with self.acknowledged.lock:
            self.acknowledged.deleted.add(file_id)

    def run(self):
        try:
            while True:
                file_id = self.upload()
                if self.random.random() < 0.5:
                    self.register(file_id)
                elif self.random.random() < 0.3:
                    self.delete(file_id)
        except (OSError, http.client.HTTPException):
            pass  # the kill
        finally:
            self.connection.close()


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def load_and_kill(sms, randomness):
    """One life of sms under load, ended by SIGKILL; what it acknowledged."""
    acknowledged = Acknowledged()
    workers = harness.Together([Client(sms.address, randomness.random(), acknowledged).run for _ in range(WORKERS)])
    time.sleep(randomness.uniform(*KILL_AFTER_S))  # the random moment
    sms.kill()
    workers.join()
    return acknowledged


def check_files(sms, files):
    connection = http.client.HTTPConnection(*harness.split_address(sms.address), timeout=30)
    for file_id, digest in files.items():
        connection.request("GET", f"/api/v1/files/{file_id}")
        answer = connection.getresponse()
        content = answer.read()
        check(answer.status == 200, f"file {file_id} was acknowledged and answers {answer.status}")
        check(hashlib.sha256(content).hexdigest() == digest, f"file {file_id} is not whole")
    connection.close()


def check_tasks(sms, tasks):
    connection = http.client.HTTPConnection(*harness.split_address(sms.address), timeout=30)
    for task_id, name in tasks.items():
        connection.request("GET", f"/api/v1/tasks/{task_id}")
        answer = connection.getresponse()
        body = json.loads(answer.read())
        check(answer.status == 200 and body["name"] == name, f"task {task_id} was acknowledged and answers {body}")
    connection.close()


def check_gone(sms, deleted):
    for file_id in deleted:
        status = sms.request("GET", f"/api/v1/files/{file_id}").status
        check(status == 404, f"file {file_id} was deleted and answers {status}")


def contents_on_disk(sms):
    found = set()
    for folder, _, names in os.walk(os.path.join(sms.data_dir, "blobs")):
        found.update(names)
    return found


def all_listed(sms):
    files = {}
    while True:
        page = sms.request("GET", f"/api/v1/files?limit=1000&offset={len(files)}").json()
        files.update({file["id"]: file["checksum_sha256"] for file in page["files"]})
        if len(files) >= page["total_count"]:
            return files


def drill(rounds, seed):
    randomness = random.Random(seed)
    total = Acknowledged()
    sms = harness.Sms("--log-level", "warn")
    try:
        sms.start()
        for number in range(rounds):
            acknowledged = load_and_kill(sms, randomness)
            sms.start()
            left = os.listdir(os.path.join(sms.data_dir, "tmp"))
            check(not left, f"round {number}: temporary files are left: {left}")
            check_files(sms, acknowledged.files)
            check_tasks(sms, acknowledged.tasks)
            check_gone(sms, acknowledged.deleted)
            total.files.update(acknowledged.files)
            total.tasks.update(acknowledged.tasks)
            total.deleted.update(acknowledged.deleted)
        listed = all_listed(sms)
        check_files(sms, listed)
        check(set(total.files) <= set(listed), "an acknowledged file is not listed")
        check_tasks(sms, total.tasks)
        check_gone(sms, total.deleted)
        check(contents_on_disk(sms) == set(listed.values()), "the contents on disk are not those of the records")
        check(sms.stop() == 0, "sms did not end well")
    except AssertionError:
        sys.stderr.write(sms.log())
        raise
    finally:
        sms.kill()
        sms.remove()
    return total


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    began = time.monotonic()
    print(f"{rounds} rounds, seed {seed}", flush=True)
    total = drill(rounds, seed)
    print(f"{rounds} kills in {time.monotonic() - began:.0f} s: {len(total.files)} files and {len(total.tasks)} tasks "
          f"acknowledged and whole, {len(total.deleted)} deletions kept")


if __name__ == "__main__":
    main()
