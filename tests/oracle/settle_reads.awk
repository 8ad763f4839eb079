# Of `engram print`: the accesses without their numbers and instruction counts, and without the reads of instructions
# that fault, which the engines need not have: those right before an event at the same RIP. The input comes backwards
# (tac), and so does the output.
{
    rip = ""
    for (i = 1; i < NF; i++) {
        if ($i == "rip") rip = $(i + 1)
        if ($i == "icount") $(i + 1) = "-"
    }
    program = / instruction( |$)/
    if (program && $2 == "r" && rip == event) next
    event = program ? "" : rip
    $1 = ""
    print
}
