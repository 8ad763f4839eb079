# Reads of instructions that fault ("r" in Bochs's list) are kept where the other list has them, and else left out.
#
#     awk -f settle.awk OTHER BOCHS
FNR == NR { other[$1, ++count[$1]] = $0; next }
{
    optional = sub(/ r /, " R ")
    if (optional && other[$1, at[$1] + 1] != $0) next
    at[$1]++
    print
}
