# build/bench/mix.tsv to a table of ratios; `shares` is build/bench/shares.tsv; the medians also to the file `medians`:
# part, then nanoseconds per round of each peer. With -f medians.awk before it.
END {
    while ((getline line <shares) > 0) {
        split(line, field, "\t")
        writes[field[1]] = field[2]
        reads[field[1]] = field[3]
    }
    print "Time per round of the mix and of its parts, relative to native / to plain QEMU (medians of " rounds() \
        " interleaved rounds); writes and reads per 100 instructions"
    printf "  %-6s %6s %6s %10s", "part", "writes", "reads", "native us"
    put_heading()
    put_medians_heading("part")
    for (j = 1; j <= works; j++) {
        w = work[j]
        printf "  %-6s %6.1f %6.1f %10.1f", w, writes[w], reads[w], better(w, "native") / 1000
        printf "%s", w >medians
        put_ratios(w)
    }
}
