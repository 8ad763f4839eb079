#!/usr/bin/env bash
# Runs Bochs 3.0, the system's or the fetched one: bochs.sh ARGS...
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$("$here/fetch.sh" bochs | tail -n 1)
if [ "$root" = / ]; then exec bochs "$@"; fi
lib=$root/usr/lib/x86_64-linux-gnu
export LTDL_LIBRARY_PATH=$lib/bochs/plugins BXSHARE=$root/usr/share/bochs
exec "$lib/ld-linux-x86-64.so.2" --library-path "$lib:/usr/lib/x86_64-linux-gnu" \
    "$root/usr/bin/bochs-bin" "$@"
