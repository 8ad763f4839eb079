# The thesis's figure 5.1 with today's engines: time against the share of writing instructions.
# gnuplot -e "data='medians.tsv'; output='performance.svg'" plot.gp
set terminal svg size 760,560 font "sans,12" background "white"
set output output
set xlabel "writing instructions [%]"
set ylabel "time relative to native"
set logscale y
set ytics (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)
set yrange [0.9:*]
set grid
set key below
columns = int(system("head -n 1 ".data." | wc -w"))
titles = "native 'QEMU, plain' 'QEMU, recording writes' 'QEMU, recording reads and writes' 'Engram DBT, untraced' 'Engram DBT, recording writes' 'Engram DBT, recording reads and writes'"
# Table 5.2 of the thesis: t = 48. Its KVM-based tracing, at 1582, is far above.
$thesis << EOD
9.505 39
EOD
plot for [i = 3:columns] data using 2:(column(i) / $3) with linespoints linewidth 2 pointtype i title word(titles, i - 2), \
    $thesis using 1:2 with points pointtype 2 pointsize 1.5 linecolor "black" title "thesis (2017): QSimu, hook only"
