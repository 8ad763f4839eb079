#!/usr/bin/env bash
# Runs tests, two at a time:
#
#     run.sh [GROUP | FILE]...        JOBS=2
#
# A group is a folder of tests/: its test_*.sh, and for `unit` and `fuzz` the
# programs made of it. All groups by default. One line per test, the output of those
# that fail, and at the end exactly "N passed, N failed", with ", N skipped"
# where some were. Exit code 0 if none failed; a test skips itself with 77.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1

build=${BUILD:-build}
shopt -s nullglob extglob
tests=()
[ $# -gt 0 ] || set -- unit tool dbt fuzz oracle boot fault
for what in "$@"; do
    case $what in
    unit) tests+=("$build"/tests/test_!(*.*)) ;;
    fuzz) tests+=("$build"/fuzz/fuzz_!(*.*)) ;;
    */*) tests+=("$what") ;;
    *) tests+=(tests/"$what"/test_*.sh) ;;
    esac
done
[ ${#tests[@]} -gt 0 ] || { echo "run.sh: there is no test in: $*" >&2; exit 1; }
results=$build/run-tests/results
rm -rf "$results" "$build"/run-tests/oracle-*
mkdir -p "$results"

# A test bounds its machines itself; this bounds the test.
run_one() {
    local test=$1 name command started code=0 log
    case $test in
    *.sh) name=$(basename "$(dirname "$test")")/$(basename "$test" .sh) command=("./$test") ;;
    */fuzz/*) name=fuzz/$(basename "$test") command=(tests/fuzz/run.sh "$test") ;;
    *) name=unit/$(basename "$test") command=("./$test") ;;
    esac
    log=$2/${name//\//-}
    started=$SECONDS
    timeout --kill-after=10 600 "${command[@]}" >"$log.log" 2>&1 || code=$?
    [ "$code" != 124 ] || echo "  FAILED: still running after 600 seconds" >>"$log.log"
    if [ "$code" = 0 ]; then
        echo passed >"$log.result"
        printf 'ok    %-44s %4d s  %s\n' "$name" $((SECONDS - started)) "$(tail -n 1 "$log.log")"
    elif [ "$code" = 77 ]; then
        echo skipped >"$log.result"
        printf 'skip  %-44s %4d s  %s\n' "$name" $((SECONDS - started)) "$(tail -n 1 "$log.log")"
    else
        echo failed >"$log.result"
        printf 'FAIL  %-44s %4d s  exit code %s\n%s\n' "$name" $((SECONDS - started)) "$code" \
            "$(tail -n 60 "$log.log")"
    fi
}
export -f run_one

printf '%s\0' "${tests[@]}" | xargs -0 -P "${JOBS:-2}" -I{} bash -c 'run_one "$1" "$2"' _ {} "$results"

# A test that left no result has failed.
count() { cat "$results"/*.result 2>/dev/null | grep -c "^$1\$"; }
passed=$(count passed) skipped=$(count skipped)
failed=$((${#tests[@]} - passed - skipped))
printf '%d passed, %d failed' "$passed" "$failed"
if [ "$skipped" -gt 0 ]; then printf ', %d skipped' "$skipped"; fi
printf '\n'
[ "$failed" = 0 ]
