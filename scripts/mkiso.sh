#!/usr/bin/env bash
# Makes a bootable hybrid ISO (CD or USB stick, BIOS and UEFI):
#
#   mkiso.sh OUT.iso KERNEL.elf GRUB.cfg [MODULE-FILE[=NAME]...]
#
# The kernel lies at /boot/engram.elf, a module at /boot/NAME (its own name by
# default). ISO_FIRMWARE=bios leaves the UEFI half out, which is quicker; the
# tests do that.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"

[ $# -ge 3 ] || die "usage: mkiso.sh OUT.iso KERNEL.elf GRUB.cfg [MODULE-FILE[=NAME]...]"
out=$1 kernel=$2 config=$3
shift 3
for file in "$kernel" "$config"; do [ -r "$file" ] || die "mkiso: cannot read $file"; done
command -v grub-mkrescue >/dev/null || die "mkiso: grub-mkrescue is missing: install grub-common and xorriso"

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/boot/grub"
cp "$kernel" "$tree/boot/engram.elf"
cp "$config" "$tree/boot/grub/grub.cfg"
for module in "$@"; do
    file=${module%%=*} name=${module#*=}
    [ -r "$file" ] || die "mkiso: cannot read module $file"
    cp "$file" "$tree/boot/${name##*/}"
done

options=()
if [ "${ISO_FIRMWARE:-}" = bios ]; then
    [ -d /usr/lib/grub/i386-pc ] || die "mkiso: /usr/lib/grub/i386-pc is missing: install grub-pc-bin"
    # Only the modules that a multiboot entry needs: GRUB itself comes from one image.
    options=(-d /usr/lib/grub/i386-pc --install-modules="multiboot multiboot2 normal configfile cmostest"
        --locales= --themes= --fonts=)
fi
# A fixed date and identity, so that the same input gives the same image.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1700000000}
find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
log=$tree.log
if ! grub-mkrescue -o "$out" "${options[@]}" "$tree" -- -volid ENGRAM \
    -volume_date all_file_dates "=$SOURCE_DATE_EPOCH" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log" "$out"
    die "mkiso: grub-mkrescue could not make $out"
fi
rm -f "$log"
