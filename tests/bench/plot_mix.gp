# A real program's mix and its parts: time relative to native, a bar for each peer.
# gnuplot -e "data='mix.medians.tsv'; output='mix.svg'" plot_mix.gp
set terminal svg size 760,420 font "sans,12" background "white"
set output output
set ylabel "time relative to native"
set logscale y
set ytics (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300)
set yrange [1:*]
set grid ytics
set key below
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.8 border
columns = int(system("head -n 1 ".data." | wc -w"))
titles = "native 'QEMU, plain' 'QEMU, recording writes' 'QEMU, recording reads and writes' 'Engram DBT, untraced' 'Engram DBT, recording writes' 'Engram DBT, recording reads and writes'"
plot for [i = 3:columns] data using (column(i) / $2):xtic(1) title word(titles, i - 1)
