#!/bin/sh
# The main job end to end on real input: a C function is compiled, uploaded, registered and invoked, and each step's time
# is shown. Everything runs on free ports in a temporary directory; afterwards nothing is left.
#
# usage: tools/demo.sh [BUILD_FOLDER]        (make demo: after setup and build)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)
spear=$build/src/cli/spear
samples=$root/samples

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m'); else bold= dim= plain=; fi
title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
show() { printf '%s$ %s%s\n' "$dim" "$*" "$plain"; }
now_us() { echo $(($(date +%s%N) / 1000)); }
ms() { awk -v us="$1" 'BEGIN { printf "%.1f ms", us / 1000 }'; }
# timed LABEL COMMAND...: runs it and notes how long it took.
timed() {
    label=$1 status=0
    shift
    began=$(now_us)
    "$@" || status=$?
    note "$label" $(($(now_us) - began))
    return $status
}
note() { printf '  %-34s %12s\n' "$1" "$(ms "$2")" >>"$work/times"; }
die() {
    printf 'demo: %s\n' "$*" >&2
    [ ! -s "$work/up.log" ] || { echo "demo: the last lines of spear up:" >&2; tail -n 20 "$work/up.log" >&2; }
    exit 1
}
# below PID: the ids of all processes under it.
below() {
    for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
        echo "$child"
        below "$child"
    done
}

for tool in clang curl awk; do command -v $tool >/dev/null 2>&1 || { echo "demo: $tool is missing; make setup installs it" >&2; exit 1; }; done
[ -x "$spear" ] || { echo "demo: $spear is not built; run make" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/spear-demo-XXXXXX")
up=
finish() {
    [ -z "$up" ] || kill "$up" 2>/dev/null || true
    [ -z "$up" ] || wait "$up" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

title "1. A function in C becomes a module"
compile() { clang --target=wasm32-wasi -O2 -o "$work/hello.wasm" "$samples/hello.c"; }
show "clang --target=wasm32-wasi -O2 -o hello.wasm samples/hello.c"
timed "compile hello.c" compile
printf 'hello.wasm: %s bytes, sha256 %s\n' "$(wc -c <"$work/hello.wasm")" "$(sha256sum "$work/hello.wasm" | cut -c 1-16)…"

title "2. SPEAR starts: sms and one spearlet, on free ports"
show "spear up --data-dir $work/data --http-addr 127.0.0.1:0 --spearlet-http-addr 127.0.0.1:0"
mkfifo "$work/up.out"
began=$(now_us)
"$spear" up --data-dir "$work/data" --http-addr 127.0.0.1:0 --spearlet-http-addr 127.0.0.1:0 >"$work/up.out" 2>"$work/up.log" &
up=$!
sms= spearlet= ready=
exec 3<"$work/up.out"
while [ -z "$ready" ] && read -r line <&3; do
    printf '%s\n' "$line"
    case $line in
    sms*http://*) sms=${line##*http://} ;;
    spearlet*http://*) spearlet=${line##*http://} ;;
    ready*) ready=yes ;;
    esac
done
[ -n "$ready" ] || die "spear up ended before it was ready"
note "start sms and spearlet" $(($(now_us) - began))
export SPEAR_SMS_ADDR="$sms"

title "3. Upload"
show "spear files put hello.wasm"
began=$(now_us)
file_id=$("$spear" files put -q "$work/hello.wasm") || die "the upload failed"
note "upload" $(($(now_us) - began))
printf 'sms+file://%s\n' "$file_id"

title "4. Registration"
body='{"name":"hello-wasm","version":"1.0.0","capabilities":["wasm"],"executable":{"type":"wasm","uri":"sms+file://'$file_id'","name":"hello.wasm","args":["demo"],"env":{"GREETING":"Welcome"}}}'
show "curl -d '$body' http://$sms/api/v1/tasks"
began=$(now_us)
curl -sS --fail-with-body -H 'Content-Type: application/json' -d "$body" "http://$sms/api/v1/tasks" || die "the registration failed"
note "register" $(($(now_us) - began))
echo

title "5. Invocation"
url=http://$sms/api/v1/tasks/hello-wasm/invoke
show "echo 'some text to shout' | curl --data-binary @- $url"
answer=$(echo 'some text to shout' | curl -sS -o "$work/answer" -w '%{http_code} %{time_total}' --data-binary @- "$url") || die "the invocation failed"
cat "$work/answer"
status=${answer% *} first=${answer#* }
if [ "$status" = 501 ]; then
    echo
    title "This build runs no guests: it was made without the feature wasmedge, and said so (NotSupported)."
    engine=no
elif [ "$status" = 200 ]; then
    grep -q 'Welcome, demo!' "$work/answer" && grep -q 'SOME TEXT TO SHOUT' "$work/answer" || die "the guest's output is not what it should be"
    engine=yes
    note "first invocation (fetch, check, start, run)" "$(awk -v s="$first" 'BEGIN { printf "%d", s * 1e6 }')"
else
    die "the invocation was answered $status"
fi

if [ $engine = yes ]; then
    i=0
    while [ $i -lt 20 ]; do
        echo "call $i" | curl -sS -o /dev/null -w '%{time_total}\n' --data-binary @- "$url" >>"$work/next"
        i=$((i + 1))
    done
    note "next invocation, p50 of 20" "$(sort -n "$work/next" | awk 'NR == 10 { printf "%d", $1 * 1e6 }')"
    show "spear invoke hello-wasm --data 'from the command line' --log"
    "$spear" invoke hello-wasm --data 'from the command line' --log || die "spear invoke failed"
    echo

    title "6. JSON, typed calls, exit codes, traps"
    clang --target=wasm32-wasi -O2 -I "$root/sdk/c" -o "$work/http_json.wasm" "$samples/http_json.c"
    clang --target=wasm32-wasi -O2 -nostdlib -Wl,--no-entry -o "$work/add.wasm" "$samples/add.c"
    for name in exit3 trap; do clang --target=wasm32-wasi -O2 -o "$work/$name.wasm" "$samples/$name.c"; done
    for name in http_json add exit3 trap; do "$spear" deploy -q "$work/$name.wasm" --name $name >/dev/null || die "deploying $name failed"; done
    show "spear invoke http_json --data '{\"a\":1}'"
    "$spear" invoke http_json --data '{"a":1}' || die "http_json failed"
    show "spear invoke add --function add --params '[2, 3]'"
    sum=$("$spear" invoke add --function add --params '[2, 3]') || die "add failed"
    echo "$sum"
    [ "$sum" = '[5]' ] || die "2 + 3 gave $sum"
    show "spear invoke exit3"
    code=0
    "$spear" invoke exit3 || code=$?
    echo "exit code $code"
    [ $code = 3 ] || die "exit3 gave $code"
    show "spear invoke trap"
    code=0
    "$spear" invoke trap || code=$?
    echo "exit code $code"
    [ $code != 0 ] || die "the trap gave 0"

    title "7. Without any server: spear run"
    show "echo 'all in one' | spear run hello.wasm reader"
    run() { echo 'all in one' | "$spear" run "$work/hello.wasm" reader; }
    timed "spear run, from nothing to nothing" run || die "spear run failed"
fi

title "8. Stop"
show "kill -TERM $up"
processes=$(below "$up")
began=$(now_us)
kill -TERM "$up"
code=0
wait "$up" || code=$?
up=
note "stop" $(($(now_us) - began))
[ $code = 0 ] || die "spear up ended with $code"
for process in $processes; do
    [ ! -d "/proc/$process" ] || die "process $process is still there"
done
curl -s -o /dev/null "http://$spearlet/health" && die "something still serves $spearlet"
echo "all $(echo "$processes" | wc -w) processes are gone; the temporary directory goes with this script"

title "Times"
cat "$work/times"
