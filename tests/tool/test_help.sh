#!/usr/bin/env bash
# What tells of the command agrees with it: --help, the man page, completion; colours only on a terminal.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

man_page=$root/docs/engram.1
sed 's/\\-/-/g; s/\\fI//g; s/\\fR//g' "$man_page" >man
commands=$("$engram" --help | sed -n 's/^  \([a-z]*\)  *.*/\1/p')
analyses=$("$engram" analyse --help | sed -n 's/^  \([a-z][a-z-]*\)  *.*/\1/p')
formats=$("$engram" convert --help | sed -n 's/^  \([a-z][a-z0-9]*\)  *.*/\1/p')
[ "$(wc -w <<<"$commands $analyses $formats")" -ge 29 ]
check "commands, analyses and formats are listed"

for name in $commands $analyses $formats; do
    grep -qw -- "$name" man
    check "the man page tells of $name"
done
for about in $(for c in $commands; do echo "$c"; done) $(for a in $analyses; do echo "analyse:$a"; done); do
    # shellcheck disable=SC2086
    "$engram" ${about/:/ } --help >help || { false; check "$about --help"; continue; }
    for option in $(grep -oE -- '--[a-z][a-z0-9-]*' help | sort -u); do
        grep -qE -- "$option\b" man
        check "the man page tells of $option ($about)"
    done
    awk 'length > 121' help | cmp -s /dev/null -
    check "no line of the help of $about is too long"
done
if command -v groff >/dev/null; then
    groff -man -Tutf8 -ww -z "$man_page" 2>&1 | cmp -s /dev/null -
    check "groff finds nothing wrong with it"
fi

# complete WORD...: what completion offers for the last word
complete_words() {
    bash -c '. "$1/tools/engram.bash"; PATH=$1/build:$PATH; COMP_WORDS=("${@:2}"); COMP_CWORD=$(($# - 2)); _engram; echo "${COMPREPLY[@]}"' _ "$root" "$@"
}
offers() {
    local got
    got=$(complete_words "${@:2}" 2>&1)
    [ "$got" = "$1" ] || echo "expected '$1', got '$got'" >err
    [ "$got" = "$1" ]
    check "completion of: ${*:2}"
}
offers 'recv report' engram re
offers 'double-fetch' engram analyse dou
offers 'parquet' engram convert par
offers '--save --space --svg --symbols' engram analyse top --s
offers '--kind' engram print --k
offers 'user' engram print --cpl u
: >trace.egrm
offers 'trace.egrm' engram info tra

"$mktrace" trace.egrm <<<'w 0x1000 4 =1'
# Words in colour on a terminal, which `script` is.
on_terminal() { TERM=${TERM_HERE-xterm} script -qec "$1" /dev/null </dev/null | grep -c $'\033\\['; }
if command -v script >/dev/null; then
    [ "$(on_terminal "$engram verify trace.egrm")" -gt 0 ]
    check "colours on a terminal"
    [ "$(NO_COLOR=1 on_terminal "$engram verify trace.egrm")" = 0 ] && [ "$(TERM_HERE=dumb on_terminal "$engram verify trace.egrm")" = 0 ]
    check "none with NO_COLOR or TERM=dumb"
fi
! "$engram" verify trace.egrm | grep -q $'\033' && ! "$engram" print trace.egrm | grep -q $'\033' && ! "$engram" info trace.egrm | grep -q $'\033'
check "none elsewhere"
finish
