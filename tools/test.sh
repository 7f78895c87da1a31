#!/bin/sh
# Runs every test suite: on the plain build, under AddressSanitizer and UndefinedBehaviorSanitizer, and on a build without the engine; then each
# fuzzer for a moment.
# The closing line is "N passed, N failed".
#
# usage: tools/test.sh [plain|asan|noengine|fuzz|tsan]...     (default: all but tsan, which builds sms and spearlet with ThreadSanitizer)
set -u
cd "$(dirname "$0")/.." || exit 1

wanted=${*:-plain asan noengine fuzz}
jobs=$(nproc)
folders=
status=0

# configure FOLDER OPTION...: sets the folder up once, or brings its options up to date.
configure() {
    folder=$1
    shift
    if [ -f "$folder/build.ninja" ]; then meson configure "$folder" "$@"; else meson setup "$folder" "$@"; fi
}

# The engine is wanted wherever it can be had; without it `auto` builds the rest and says so.
for kind in $wanted; do
    targets= suites=
    unset SPEAR_TEST_WORKER
    case $kind in
    plain) folder=build-test options="-Dwasmedge=auto" ;;
    asan) folder=build-asan options="-Dwasmedge=auto -Db_sanitize=address,undefined -Db_lundef=false" ;;
    noengine) folder=build-noengine options="-Dwasmedge=disabled" ;;
    fuzz)
        folder=build-fuzz options="-Dwasmedge=auto -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false"
        targets=fuzzers
        suites="--suite fuzz"
        export CC=clang CXX=clang++
        ;;
    tsan)
        # A worker limits its memory to less than this sanitizer reserves: the plain build's serves.
        folder=build-tsan options="-Dwasmedge=auto -Db_sanitize=thread -Db_lundef=false"
        suites="test_sms_files test_sms_life test_sms_tasks test_sms_relay test_spearlet_invoke test_spearlet_pool test_spearlet_faults test_spearlet_executions test_streaming test_http_bodies"
        if ! configure build-test -Dwasmedge=auto >build-test.log 2>&1 || ! ninja -C build-test -j "$jobs" >>build-test.log 2>&1; then
            tail -n 60 build-test.log
            exit 1
        fi
        SPEAR_TEST_WORKER=$(pwd)/build-test/src/worker/spear-worker
        export SPEAR_TEST_WORKER
        ;;
    *)
        echo "tools/test.sh: unknown build '$kind'; there are plain, asan, noengine, fuzz and tsan" >&2
        exit 2
        ;;
    esac
    # shellcheck disable=SC2086
    if ! configure $folder $options >"$folder.log" 2>&1 || ! ninja -C $folder -j "$jobs" $targets >>"$folder.log" 2>&1; then
        tail -n 60 "$folder.log"
        echo "tools/test.sh: the $kind build failed; its whole output is in $folder.log" >&2
        echo "0 passed, 1 failed"
        exit 1
    fi
    echo "== $kind"
    # shellcheck disable=SC2086
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TSAN_OPTIONS=second_deadlock_stack=1 ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=0 \
        meson test -C $folder --no-rebuild --print-errorlogs --num-processes "$jobs" $suites || status=1
    unset CC CXX
    folders="$folders $folder"
done

# shellcheck disable=SC2086
python3 tools/count_tests.py $folders || status=1
exit $status
