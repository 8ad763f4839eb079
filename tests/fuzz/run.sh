#!/usr/bin/env bash
# One fuzz target for FUZZ_SECONDS (30), from the corpus that is kept:
#
#     run.sh build/fuzz/fuzz_NAME
#
# What it finds grows build/fuzz/corpus/NAME; an input that crashes it is left
# as build/fuzz/NAME-crash-….
set -euo pipefail
target=$1 name=${1##*/fuzz_}
here=$(cd "$(dirname "$0")" && pwd)
folder=$(dirname "$target")
mkdir -p "$folder/corpus/$name"
"$target" -max_total_time="${FUZZ_SECONDS:-30}" -max_len=16384 -timeout=10 -error_exitcode=1 -artifact_prefix="$folder/$name-" \
    "$folder/corpus/$name" "$here/corpus/$name" 2>&1
