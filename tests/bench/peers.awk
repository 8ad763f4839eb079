# build/bench/peers.tsv to a table of ratios, and to one of the thesis's form; the medians also to the file `medians`: t,
# share of writing instructions in percent, then nanoseconds per outer turn of each peer. With -f medians.awk before it.
function put_row(label, seconds, slowdown) {
    printf "  %-34s %12.1f %10s\n", label, seconds, slowdown == 1 ? "-" : sprintf("%.1f", slowdown)
}
END {
    print "Time per outer turn, relative to native / to plain QEMU (medians of " rounds() " interleaved rounds)"
    printf "  %3s %7s %10s", "t", "writes", "native ns"
    put_heading()
    put_medians_heading("t\tshare")
    for (j = 1; j <= works; j++) {
        t = work[j]
        printf "  %3d %6.1f%% %10.1f", t, t / 5.05, better(t, "native")
        printf "%d\t%.3f", t, t / 5.05 >medians
        put_ratios(t)
    }

    print "\nIn the form of the thesis's table 5.2: t = 48, u = 100, 100 million outer turns"
    printf "  %-34s %12s %10s\n", "execution mode", "seconds", "slowdown"
    for (i = 1; i <= peers; i++) put_row(name[peer[i]], better(48, peer[i]) / 10, better(48, peer[i]) / better(48, "native"))
    put_row("thesis: native (KVM)", 6, 1)
    put_row("thesis: QSimu, hook only", 234, 39)
    put_row("thesis: KVM-based, hook only", 9501, 1582.5)
}
