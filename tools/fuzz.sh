#!/bin/sh
# Runs every fuzzer for a time, each from its committed corpus; a finding ends with its input's path and exit code 1.
# usage: tools/fuzz.sh [SECONDS_EACH]      (default 60)
set -u
cd "$(dirname "$0")/.." || exit 1
seconds=${1:-60}
folder=build-fuzz
status=0

[ -f $folder/build.ninja ] || CC=clang CXX=clang++ meson setup $folder -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false -Dwasmedge=auto >$folder.log 2>&1 ||
    { tail -n 30 $folder.log; exit 1; }
ninja -C $folder fuzzers >>$folder.log 2>&1 || { tail -n 30 $folder.log; exit 1; }
for program in "$folder"/tests/fuzz/fuzz_*; do
    [ -x "$program" ] && [ -f "$program" ] || continue
    name=$(basename "$program")
    grown="$folder/corpus/$name"
    mkdir -p "$grown"
    seeds=tests/fuzz/corpus/${name#fuzz_}
    [ -d "$seeds" ] || seeds=
    echo "== $name"
    # shellcheck disable=SC2086
    "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -verbosity=0 -print_final_stats=1 \
        -artifact_prefix="$folder/$name-" "$grown" $seeds 2>&1 | tail -n 12 | grep -E "number_of_executed|ERROR|Test unit|SUMMARY|ASSERT|assert"
    for finding in "$folder/$name"-crash-* "$folder/$name"-oom-* "$folder/$name"-timeout-* "$folder/$name"-leak-*; do
        [ -e "$finding" ] && echo "finding: $finding" && status=1
    done
done
[ $status = 0 ] && echo "fuzz: no findings"
exit $status
