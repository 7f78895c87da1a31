#!/usr/bin/env python3
"""Runs one fuzzer for a moment from its committed corpus, which stays as it is; a finding's input is printed.

usage: run.py PROGRAM CORPUS [SECONDS, 2 unless said otherwise]
"""
import os
import pathlib
import subprocess
import sys
import tempfile

program, corpus = sys.argv[1:3]
seconds = sys.argv[3] if len(sys.argv) > 3 else "2"
with tempfile.TemporaryDirectory(prefix="spear-fuzz-") as folder:
    grown = pathlib.Path(folder, "grown")
    grown.mkdir()
    options = [f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2048", "-max_len=8192", "-verbosity=0", "-print_final_stats=1"]
    done = subprocess.run([os.path.abspath(program), *options, f"-artifact_prefix={folder}/", str(grown), corpus], check=False)
    for finding in sorted(pathlib.Path(folder).glob("*-*")):
        print(f"{finding.name}: {finding.read_bytes()!r}")
sys.exit(done.returncode)
