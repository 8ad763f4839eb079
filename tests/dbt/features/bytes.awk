# Of lists of accesses with the behaviour's name in front (regions.awk): one line for each byte that is written.
function increment(hex, digit) {
    digit = index("0123456789abcdef", substr(hex, length(hex), 1))
    hex = substr(hex, 1, length(hex) - 1)
    return digit == 16 ? increment(hex == "" ? "0" : hex) "0" : hex substr("123456789abcdef", digit, 1)
}
$2 == "W" {
    at = $4
    for (i = 1; i < length($6); i += 2) {
        print $1, at, substr($6, i, 2)
        at = increment(at)
    }
}
