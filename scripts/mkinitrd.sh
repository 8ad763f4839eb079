#!/usr/bin/env bash
# Packs the Linux guest's root file system, an initramfs:
#
#   mkinitrd.sh OUT INIT BUSYBOX [PROGRAM=PLACE...]
#
# INIT is its first process; a PROGRAM of the host's file system lies at PLACE in the guest's. The same input gives the
# same archive.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"

[ $# -ge 3 ] || die "usage: mkinitrd.sh OUT INIT BUSYBOX [PROGRAM=PLACE...]"
out=$1 init=$2 busybox=$3
shift 3
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{bin,dev,proc,sys,tmp}
install -m 755 "$init" "$tree/init"
install -m 755 "$busybox" "$tree/bin/busybox"
for program in "$@"; do install -D -m 755 "${program%%=*}" "$tree/${program#*=}"; done
chmod -R u=rwX,go=rX "$tree"
find "$tree" -exec touch -h -d @1700000000 {} +
(cd "$tree" && find . | LC_ALL=C sort | cpio --quiet -o -H newc --reproducible --owner=0:0) >"$out.new"
mv "$out.new" "$out"
