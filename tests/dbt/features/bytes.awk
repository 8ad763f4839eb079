# Of lists of accesses with the behaviour's name in front (regions.awk): one line for each byte that is written. Images
# lie at 40000400H; what a CPU writes as MXCSR_MASK is its own.
function increment(hex, digit) {
    digit = index("0123456789abcdef", substr(hex, length(hex), 1))
    hex = substr(hex, 1, length(hex) - 1)
    return digit == 16 ? increment(hex == "" ? "0" : hex) "0" : hex substr("123456789abcdef", digit, 1)
}
$2 == "W" {
    at = $3
    for (i = 1; i < length($6); i += 2) {
        if (at !~ /^4000041[c-f]$/) print $1, at, substr($6, i, 2)
        at = increment(at)
    }
}
