# build/bench/peers.tsv to a table of ratios; the medians also to the file `medians`: t, share of writing
# instructions in percent, then nanoseconds per outer turn of each peer.
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
    if (!($2 in seen_t)) { seen_t[$2]; ts[++t_count] = $2 }
    k = ++count[$2, $3]
    value[$2, $3, k] = $5 / $4
}
function better(t, p,    a, b) {
    a = median(t, p)
    if (!((t, p "32") in count)) return a
    b = median(t, p "32")
    return a < b ? a : b
}
function median(t, p,    n, i, j, x, v) {
    n = count[t, p]
    for (i = 1; i <= n; i++) v[i] = value[t, p, i]
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j - 1] > v[j]; j--) { x = v[j]; v[j] = v[j - 1]; v[j - 1] = x }
    return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}
END {
    print "Time per outer turn, relative to native / to plain QEMU (medians of " count[ts[1], peer[1]] " interleaved rounds)"
    printf "  %3s %7s %10s", "t", "writes", "native ns"
    printf "#t\tshare" >medians
    for (i = 1; i <= peers; i++) {
        if (i > 1) printf " %14s", name[peer[i]]
        printf "\t%s", peer[i] >medians
    }
    printf "\n"
    printf "\n" >medians
    for (j = 1; j <= t_count; j++) {
        t = ts[j]
        printf "  %3d %6.1f%% %10.1f", t, t / 5.05, native = better(t, "native")
        printf "%d\t%.3f", t, t / 5.05 >medians
        plain = better(t, "qemu")
        for (i = 1; i <= peers; i++) {
            m = better(t, peer[i])
            if (i > 1) printf " %7.1f / %4.2f", m / native, m / plain
            printf "\t%.3f", m >medians
        }
        printf "\n"
        printf "\n" >medians
    }
}
