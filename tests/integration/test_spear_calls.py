"""The request and response functions of module spear, whole and streamed, directly and through sms."""
import http.client

import harness
import spearlet_tool
from spearlet_tool import needs_engine, needs_guests

HEADERS = {"X-Own": "value", "Content-Type": "text/x", "x-empty": "", "Authorization": "secret"}
WAYS = ({}, {"http.stream": "true"}, {"http.cgi": "true"}, {"http.cgi": "true", "http.stream": "true"})


@needs_engine
@needs_guests("calls.wasm", "stream.wasm")
class Calls(spearlet_tool.SpearletTestCase):
    def setUp(self):
        super().setUp()
        self.wait_registered()

    def calls(self, how, config, name):
        self.deploy("calls.wasm", name, endpoint="at/" + name, config=config, executable={"args": [how]})

    def ways(self, how):
        for index, config in enumerate(WAYS):
            with self.subTest(config=config):
                name = f"{how}-{index}"
                self.calls(how, config, name)
                yield name

    def test_everything(self):
        for name in self.ways("all"):
            answer = self.invoke(name, b"x" * 100000, HEADERS)
            self.assertEqual((answer.status, answer.body), (201, b"by call, by stdout"), answer)
            self.assertEqual(answer.headers["Content-Type"], "text/x-calls")
            self.assertEqual(answer.headers.get_all("X-Own"), ["1", "2"])

    def test_limits(self):
        for name in self.ways("limits"):
            answer = self.sms.request("POST", f"/api/v1/tasks/{name}/invoke")
            self.assertEqual((answer.status, answer.body, len(answer.headers.get_all("X-Many"))), (200, b"60", 60), answer)

    def test_a_status_alone(self):
        for name in self.ways("only-status"):
            answer = self.sms.request("GET", "/e/at/" + name)
            self.assertEqual((answer.status, answer.body), (204, b""), answer)

    def test_too_late(self):
        self.calls("late", {}, "late")
        answer = self.invoke("late")
        self.assertEqual((answer.status, answer.body), (200, b"x"))

    def test_a_failure_is_still_the_failures_answer(self):
        for name in self.ways("fails"):
            self.assertEqual(self.assert_problem(self.invoke(name), 500, "RUNTIME_ERROR")["exit_code"], 7)

    def test_streamed_before_the_end(self):
        self.calls("waits", {"http.stream": "true"}, "waits")
        connection = http.client.HTTPConnection(*harness.split_address(self.sms.address), timeout=60)
        self.addCleanup(connection.close)
        connection.request("GET", "/e/at/waits")
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.readline()), (202, b"begun\n"))
        record = self.spearlet.request("GET", "/functions/executions/" + answer.headers["x-execution-id"]).json()
        self.assertEqual(record["status"], "running")

    def test_the_sample(self):
        self.deploy("stream.wasm", "countdown", endpoint="countdown")
        events = b"id: 1\ndata: 3\n\nid: 2\ndata: 2\n\nid: 3\ndata: 1\n\n"
        for headers in ({"Accept": "text/event-stream"}, {}):
            answer = self.sms.request("POST", "/e/countdown", b"3", {"x-pace-ms": "1", **headers})
            self.assertEqual((answer.status, answer.headers["Content-Type"], answer.body), (200, "text/event-stream", events))
            self.assertEqual("Content-Length" in answer.headers, not headers)
        answer = self.sms.request("POST", "/e/countdown", b"x")
        self.assertEqual((answer.status, answer.body), (400, b"a number from 1 to 1000, please\n"))


if __name__ == "__main__":
    harness.main()
