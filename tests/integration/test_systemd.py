#!/usr/bin/env python3
"""What systemd and the daemons expect of each other: units that hold together and fence in, a socket that is passed, a watchdog that is fed
while every loop is alive."""
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import harness

WATCHDOG_US = 200_000
QUIET_S = 1.0  # five times the watchdog's time
EXPOSURE_MAX = 4.0  # of 10; systemd calls up to 5 "OK"

# Becomes the program with a socket of some kind on descriptor 3, as a service manager would start it.
LAUNCHER = """
import os, socket, sys
kind, count, command = sys.argv[1], sys.argv[2], sys.argv[3:]
if kind == "file":
    fd = os.open("/dev/null", os.O_RDONLY)
elif kind == "unix":
    made = socket.socket(socket.AF_UNIX); made.bind(""); made.listen()
elif kind == "datagrams":
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); made.bind(("127.0.0.1", 0))
else:
    made = socket.socket(socket.AF_INET6 if kind == "v6" else socket.AF_INET)
    made.bind(("::1" if kind == "v6" else "127.0.0.1", 0))
    if kind != "deaf":
        made.listen()
if kind != "file":
    fd = made.detach()
if fd != 3:
    os.dup2(fd, 3)
    os.close(fd)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID="1" if kind == "other" else str(os.getpid()), LISTEN_FDS=count)
os.execv(command[0], command)
"""


class Activated:
    """Mixed into a daemon: started with a socket."""

    kind = "v4"

    def command(self):
        return [sys.executable, "-c", LAUNCHER, self.kind, "1"] + super().command()


class ActivatedSms(Activated, harness.Sms):
    pass


class ActivatedSpearlet(Activated, harness.Spearlet):
    pass


class Activation(harness.SpearTestCase):
    def test_sms_serves_the_socket_it_is_given(self):
        sms = ActivatedSms()
        sms.address_wanted = "192.0.2.1:1"  # cannot be bound: the socket stands in for it
        self.start(sms)
        self.assertEqual(sms.request("GET", "/health").status, 200)
        self.assertNotIn("192.0.2.1", sms.log())

    @unittest.skipUnless(os.path.exists("/proc/net/if_inet6") and open("/proc/net/if_inet6", encoding="ascii").read(), "no IPv6 here")
    def test_ipv6(self):
        sms = ActivatedSms()
        sms.kind = "v6"
        self.start(sms)
        self.assertTrue(sms.address.startswith("[::1]:"), sms.address)
        self.assertEqual(sms.request("GET", "/health").status, 200)

    def test_no_child_inherits_it(self):
        spearlet = self.start(ActivatedSpearlet(self.start(harness.Sms())))
        self.assertEqual(spearlet.request("GET", "/health").status, 200)
        listener = os.readlink(f"/proc/{spearlet.process.pid}/fd/3")
        self.assertTrue(listener.startswith("socket:"), listener)
        for child in spearlet.children():
            targets = [os.readlink(f"/proc/{child}/fd/{fd}") for fd in os.listdir(f"/proc/{child}/fd")]
            self.assertNotIn(listener, targets)
            with open(f"/proc/{child}/environ", "rb") as file:
                self.assertNotIn(b"LISTEN_", file.read())

    def test_a_socket_for_another_process_is_left_alone(self):
        sms = ActivatedSms()
        sms.kind = "other"
        self.start(sms)
        self.assertEqual(sms.request("GET", "/health").status, 200)

    def test_what_is_no_such_socket_is_refused(self):
        cases = (("unix", "1", "a Unix socket"), ("datagrams", "1", "for datagrams"), ("deaf", "1", "not listening"),
                 ("file", "1", "no socket"), ("v4", "2", "passes 2 sockets"))
        for name in ("sms", "spearlet"):
            for kind, count, words in cases:
                with self.subTest(program=name, kind=kind):
                    folder = self.temporary_dir()
                    command = [sys.executable, "-c", LAUNCHER, kind, count, harness.program(name), "--data-dir", folder]
                    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=folder)
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertIn(words, done.stderr)
                    self.assertIn("LISTEN_FDS", done.stderr)


class Watchdog(harness.SpearTestCase):
    def begin(self, daemon, **environment):
        """Starts it with a notify socket of ours that stays."""
        self.addCleanup(daemon.remove)
        notify = harness.NotifySocket(daemon.directory)
        self.addCleanup(notify.close)
        env = dict(os.environ, NOTIFY_SOCKET=notify.path, HOME=daemon.directory, WATCHDOG_USEC=str(WATCHDOG_US), **environment)
        with open(daemon.log_path, "ab") as log:
            daemon.process = subprocess.Popen(daemon.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                                              cwd=daemon.directory, preexec_fn=harness.die_with_parent)
        notify.wait_ready(daemon.process, harness.START_TIMEOUT_S)
        return notify.socket

    def feeding(self, notify, timeout_s):
        readable, _, _ = select.select([notify], [], [], timeout_s)
        return notify.recv(4096) if readable else None

    def follow(self, daemon):
        notify = self.begin(daemon)
        for _ in range(3):
            self.assertEqual(self.feeding(notify, harness.START_TIMEOUT_S), b"WATCHDOG=1\n")
        daemon.signal(signal.SIGSTOP)
        harness.wait_until(lambda: self.state_of(daemon) == "T", what="the stop")
        while self.feeding(notify, 0):
            pass
        self.assertIsNone(self.feeding(notify, QUIET_S))
        daemon.signal(signal.SIGCONT)
        self.assertEqual(self.feeding(notify, harness.START_TIMEOUT_S), b"WATCHDOG=1\n")
        self.assertEqual(daemon.stop(), 0)

    def state_of(self, daemon):
        with open(f"/proc/{daemon.process.pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0]

    def test_sms(self):
        self.follow(harness.Sms())

    def test_spearlet(self):
        self.follow(harness.Spearlet(self.start(harness.Sms())))

    def test_a_watchdog_of_another_process_is_not_fed(self):
        self.assertIsNone(self.feeding(self.begin(harness.Sms(), WATCHDOG_PID="1"), QUIET_S))


class Units(unittest.TestCase):
    """The files as they are installed."""

    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix="spear-units-")
        subprocess.run(["meson", "install", "-C", harness.BUILD_DIR, "--no-rebuild", "--quiet"], check=True, timeout=120,
                       capture_output=True, env=dict(os.environ, DESTDIR=cls.root))
        cls.folder = os.path.join(cls.root, "usr/local/lib/systemd/system")
        os.mkdir(os.path.join(cls.root, "bin"))
        shutil.copy(shutil.which("true"), os.path.join(cls.root, "bin/kill"))  # the units name it; systemd only looks

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    def read(self, name):
        """Section -> key -> values; each line has to be a comment, a section or an assignment."""
        sections, current = {}, None
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            for line in file.read().splitlines():
                if re.fullmatch(r"\[[A-Z][a-z]+\]", line):
                    current = sections.setdefault(line[1:-1], {})
                elif line and not line.startswith("#"):
                    key, equals, value = line.partition("=")
                    self.assertTrue(equals and re.fullmatch(r"[A-Z][A-Za-z]+", key), f"{name}: {line}")
                    current.setdefault(key, []).append(value)
        return sections

    def test_services(self):
        for name in ("sms", "spearlet"):
            service = self.read(name + ".service")["Service"]
            program = service["ExecStart"][0]
            self.assertTrue(os.path.exists(self.root + program), program)
            self.assertEqual(service["Type"], ["notify"])
            self.assertEqual(service["StateDirectory"], [name])
            self.assertEqual(service["Environment"], [f"{name.upper()}_DATA_DIR=%S/{name}"])
            for key in ("WatchdogSec", "User", "NoNewPrivileges", "CapabilityBoundingSet", "ProtectSystem", "SystemCallFilter"):
                self.assertIn(key, service)
            with open(os.path.join(self.root, "usr/local/lib/sysusers.d/spear.conf"), encoding="utf-8") as file:
                self.assertIn(f"u {service['User'][0]} ", file.read())
        self.assertEqual(self.read("spearlet.service")["Service"]["Delegate"], ["yes"])

    def test_sockets_listen_where_the_programs_would(self):
        for name in ("sms", "spearlet"):
            listen = self.read(name + ".socket")["Socket"]["ListenStream"]
            usage = subprocess.run([harness.program(name), "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
            self.assertEqual(len(listen), 1)
            self.assertIn(listen[0], usage)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze here: units were only parsed")
    def test_systemd_takes_them(self):
        units = sorted(os.listdir(self.folder))
        done = subprocess.run(["systemd-analyze", "verify", f"--root={self.root}", "--man=no", "--recursive-errors=no", *units],
                              capture_output=True, text=True, timeout=120, check=False, cwd=self.folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for name in ("sms", "spearlet"):
            done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={int(EXPOSURE_MAX * 10)}",
                                   f"{name}.service"], capture_output=True, text=True, timeout=120, check=False, cwd=self.folder)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    harness.main()
