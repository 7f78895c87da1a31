"""Rows of the file service: 4 MiB up and down, against nginx where it is installed."""
import os
import shutil
import signal
import subprocess

import harness
from report import MIB, median

NGINX = """
daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; client_max_body_size 64m;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=1024; root {folder}/www;
        location /up/ {{ dav_methods PUT; create_full_put_path on; }}
        location = /health {{ return 200 "{{}}"; }}
    }}
}}
"""


class Nginx:
    """nginx as an unprivileged peer in a folder of ours; None when it is not installed."""

    def __init__(self, folder):
        self.folder, self.process = folder, None
        port = harness.free_port()
        self.address = f"127.0.0.1:{port}"
        os.chmod(folder, 0o755)
        os.makedirs(os.path.join(folder, "www", "up"))
        os.chmod(os.path.join(folder, "www", "up"), 0o777)
        with open(os.path.join(folder, "www", "file"), "wb") as file:
            file.write(os.urandom(4 * MIB))
        with open(os.path.join(folder, "nginx.conf"), "w", encoding="ascii") as file:
            file.write(NGINX.format(folder=folder, port=port))

    def __enter__(self):
        self.process = subprocess.Popen([shutil.which("nginx"), "-c", os.path.join(self.folder, "nginx.conf")], stdin=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        harness.wait_until(self.answers, what="nginx")
        return self

    def answers(self):
        try:
            return harness.request(self.address, "GET", "/health").status == 200
        except OSError:
            return False

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


def files(bench, sms, nginx):
    bench.section("Files of 4 MiB, one connection")
    file_id = sms.upload(os.urandom(4 * MIB))
    ours_up = lambda: bench.load(sms.address, "/api/v1/files", 1, "POST", 4 * MIB, unique=True)
    ours_down = lambda: bench.load(sms.address, f"/api/v1/files/{file_id}", 1)
    if not nginx:
        up, down = bench.interleaved(ours_up, ours_down)
        theirs_up = theirs_down = None
    else:
        up, down, theirs_up, theirs_down = bench.interleaved(
            ours_up, ours_down, lambda: bench.load(nginx.address, "/up/file", 1, "PUT", 4 * MIB, unique=True),
            lambda: bench.load(nginx.address, "/file", 1))
    for name, ours, theirs in (("upload (digest computed, on disk before the answer)", up, theirs_up), ("download", down, theirs_down)):
        peer = median(theirs, "p50_us") / 1e3 if theirs else None
        bench.row(name, median(ours, "p50_us") / 1e3, "ms", median(ours, "p99_us") / 1e3, "nginx" if peer else None, peer,
                  "ratio <= 1.1" if peer else None)


def static_answer(bench, sms, nginx):
    if not nginx:
        return
    ours, theirs = bench.interleaved(lambda: bench.load(sms.address, "/health", 64), lambda: bench.load(nginx.address, "/health", 64))
    bench.row("sms GET /health, 64 connections", median(ours, "per_second"), "req/s", median(ours, "p99_us"), "nginx return 200",
              median(theirs, "per_second"))
