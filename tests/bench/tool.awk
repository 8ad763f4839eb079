# The table of build/bench/tool.tsv: command, seconds (user and system), KiB, events.
BEGIN { FS = "\t" }
NR == 1 { wc = $2 > 0 ? $2 : .01 }
NR == 2 { zstd = $2 > 0 ? $2 : .01 }
{ name[NR] = $1; seconds[NR] = $2 > 0 ? $2 : .01; memory[NR] = $3; events = $4 }
END {
    printf "The host command on %d events of guest/mix: CPU time, and the most memory\n", events
    printf "  %-28s %9s %12s %8s %8s %9s\n", "", "seconds", "events/s", "wc -c", "zstd -d", "memory"
    for (i = 1; i <= NR; i++)
        printf "  %-28s %9.2f %10.1f M %7.1fx %7.1fx %5.1f MiB\n", name[i], seconds[i], events / seconds[i] / 1e6,
            seconds[i] / wc, seconds[i] / zstd, memory[i] / 1024
}
