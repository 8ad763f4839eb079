# An access list (bochs2list, engram print --format oracle) becomes one of what behaviours did, each line with the
# behaviour's name in front: what stands between the writes of `marker` (frame/frame.asm).
#
#     awk -v marker=ADDRESS -f regions.awk NAMES LIST
#
# NAMES: a behaviour's name a line, in order. A page-table entry that was read is no access; one that was written has
# no linear address in Bochs's list: the physical one stands in both places, as in a trace. Where there is no RAM nothing
# is recorded.
function nibble(c) { return index("0123456789abcdef", c) - 1 }
function low12(hex) {
    hex = "00" hex
    return 256 * nibble(substr(hex, length(hex) - 2, 1)) + 16 * nibble(substr(hex, length(hex) - 1, 1)) + \
        nibble(substr(hex, length(hex), 1))
}
# An access to two pages is two, as Bochs shows it.
function print_access(kind, gva, gpa, size, data, pages, first) {
    first = 4096 - low12(gva)
    if (split(gpa, pages, ",") == 1) {
        print now, kind, gva, gpa, size, data
        return
    }
    print now, kind, gva, pages[1], first, substr(data, 1, 2 * first)
    print now, kind, next_page(gva), pages[2], size - first, substr(data, 2 * first + 1)
}
function next_page(gva, digits) {
    if (gva ~ /^fffff...$/) return "0" # wraps: no behaviour crosses 4 GiB in 64-bit mode
    digits = substr(gva, 1, length(gva) - 3)
    return increment(digits) "000"
}
function increment(digits, last) {
    last = substr(digits, length(digits), 1)
    digits = substr(digits, 1, length(digits) - 1)
    return last == "f" ? increment(digits == "" ? "0" : digits) "0" : digits substr("123456789abcdef", nibble(last) + 1, 1)
}
FNR == NR { name[FNR - 1] = $1; next }
$1 == "PR" { next }
$1 == "PW" { $1 = "W"; $2 = $3 }
$1 == "W" && $2 == marker {
    inside = $5 != "ffffffff"
    now = name[16 * nibble(substr($5, 1, 1)) + nibble(substr($5, 2, 1)) + 4096 * nibble(substr($5, 3, 1)) + \
        256 * nibble(substr($5, 4, 1))]
    next
}
function is_ram(gpa) {
    sub(/,.*/, "", gpa)
    return length(gpa) < 5 || (length(gpa) == 5 && gpa < "a0000") || (length(gpa) > 5 && length(gpa) <= 8)
}
inside && is_ram($3) { print_access($1, $2, $3, $4, $5) }
