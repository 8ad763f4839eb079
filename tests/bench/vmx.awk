# build/bench/vmx.tsv to a table.
BEGIN { FS = "\t" }
/^#/ { next }
function per(a, b) { return b ? sprintf("%.3g", a / b) : "-" }
function round(a, b) { return b ? sprintf("%d", a / b + 0.5) : "-" }
!header {
    header = 1
    print "Engram VMX, counted in Bochs: exits and hypervisor instructions per traced write"
    printf "  %-34s %9s %9s %12s | %9s %9s %9s\n", "guest", "writes", "exits", "instructions", "emulated", "step", "event"
    printf "  %-34s %9s %9s %12s | %9s\n", "", "", "per write", "per write", "instructions of one"
}
{
    sub(/ warmup=.*/, "", $2)
    printf "  %-34s %9d %9s %12s | %9s %9s %9s\n", substr($1 " " $2, 1, 34), $3, per($4, $3), round($8, $3), round($9, $5),
        round($10, $6), round($11, $7)
}
END { printf "  %-34s %9s %9s %12s\n", "thesis (KVM, hook only)", "", 2, "2424 cycles" }
