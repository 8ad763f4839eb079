# What the tables of peers.awk and mix.awk share. Lines: round, work, peer, rounds of the work, nanoseconds.
BEGIN {
    FS = "\t"
    name["native"] = "native"
    name["qemu"] = "QEMU plain"
    name["plugin-w"] = "QEMU rec. w"
    name["plugin-rw"] = "QEMU rec. rw"
    name["dbt"] = "DBT untraced"
    name["dbt-w"] = "DBT rec. w"
    name["dbt-rw"] = "DBT rec. rw"
}
/^#/ { next }
{
    # PEER32 is the same with the other emulator: no column of its own.
    if (!($3 in seen_peer) && $3 !~ /32$/) { seen_peer[$3]; peer[++peers] = $3 }
    if (!($2 in seen_work)) { seen_work[$2]; work[++works] = $2 }
    k = ++count[$2, $3]
    value[$2, $3, k] = $5 / $4
}
# Nanoseconds of one round of work `w` by peer `p`.
function better(w, p,    a, b) {
    a = median(w, p)
    if (!((w, p "32") in count)) return a
    b = median(w, p "32")
    return a < b ? a : b
}
function median(w, p,    n, i, j, x, v) {
    n = count[w, p]
    for (i = 1; i <= n; i++) v[i] = value[w, p, i]
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j - 1] > v[j]; j--) { x = v[j]; v[j] = v[j - 1]; v[j - 1] = x }
    return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}
function rounds() { return count[work[1], peer[1]] }
# The columns of all peers but the first: relative to native and to plain QEMU. The medians also to the file `medians`.
function put_heading(    i) {
    for (i = 2; i <= peers; i++) printf " %14s", name[peer[i]]
    printf "\n"
}
function put_ratios(w,    i, m, native, plain) {
    native = better(w, "native")
    plain = better(w, "qemu")
    for (i = 1; i <= peers; i++) {
        m = better(w, peer[i])
        if (i > 1) printf " %7.1f / %4.2f", m / native, m / plain
        printf "\t%.3f", m >medians
    }
    printf "\n"
    printf "\n" >medians
}
function put_medians_heading(first,    i) {
    printf "#%s", first >medians
    for (i = 1; i <= peers; i++) printf "\t%s", peer[i] >medians
    printf "\n" >medians
}
