# What the tests of the command share; sourced by tests/tool/test_*.sh. They run in a folder of their own and name
# the programs by $engram, $mktrace ...
# shellcheck shell=bash
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
root=$PWD
# shellcheck disable=SC2034 # for the tests
engram=$root/build/engram sender=$root/build/bin/sender mktrace=$root/build/bin/mktrace guests=$root/build/guest
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0

# check NAME: the status of the command before decides
check() {
    local status=$?
    if [ $status = 0 ]; then passed=$((passed + 1)); return; fi
    echo "FAIL  $1"
    sed 's/^/      /' err 2>/dev/null | tail -n 12
    failed=$((failed + 1))
}

# exits CODE COMMAND...: runs it with output to out and err, compares the exit code
exits() {
    local expected=$1 got
    shift
    "$@" >out 2>err
    got=$?
    [ $got = "$expected" ] || { echo "expected exit code $expected, got $got: $*" >>err; return 1; }
}

# says NAME EXPECTED JQ-FILTER: what the filter makes of the JSON in out
says() {
    local got
    got=$(jq -c "$3" out 2>&1)
    if [ "$got" = "$2" ]; then passed=$((passed + 1)); return; fi
    printf 'FAIL  %s\n      %s\n      expected: %s\n      got:      %s\n' "$1" "$3" "$2" "$got"
    failed=$((failed + 1))
}

# analyses NAME [OPTION]... FILE: the result as JSON in out; must succeed
analyses() {
    exits 0 "$engram" analyse "$1" --json "${@:2}"
    check "analyse $*"
}

# Debian's Python, which has Debian's packages, where another one stands before it in PATH.
for python in python3 /usr/bin/python3; do $python -c 'import numpy' 2>/dev/null && break; done
# python NAME SCRIPT [ARGUMENT]...: asserts
python() {
    "$python" -c "$2" "${@:3}" >out 2>err
    check "$1"
}

finish() {
    printf '%s checks passed, %s failed\n' "$passed" "$failed"
    [ "$failed" = 0 ]
    exit
}
