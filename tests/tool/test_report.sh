#!/usr/bin/env bash
# The report: its data, that it needs nothing besides itself, and, in headless Chromium, that it draws and zooms.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

awk 'BEGIN {
    print "mark BOOT </script><b onclick=x>"
    for (i = 0; i < 5000; i++) {
        if (i % 100 == 0) print "event 32 0 4096"
        printf "%s %d 8 =%d rip=%d cpl=%d cr3=%d\n", i % 3 ? "w" : "r", 65536 + i * 7919 % 25000 * 8, i % 5, 4096 + i % 40, i % 4 ? 3 : 0, 20480
    }
}' | "$mktrace" slots=64 trace.egrm
printf '0000000000001000 T start\n0000000000001010 T "<middle>"\n' >symbols

exits 0 "$engram" report --json --symbols symbols trace.egrm
check "report --json"
says "counts" '[1667,3333,50]' '[.reads,.writes,.deliveries]'
says "over time: nothing is lost" '[1667,3333]' \
    '.timeline | [(.kernel_reads + .user_reads | add), (.kernel_writes + .user_writes | add)]'
says "where: nothing is lost" 5000 '[.heatmap[].cells | range(0; length; 3) as $i | .[$i + 1] + .[$i + 2]] | add | . - ([0] | add)'
says "marks" '"BOOT </script><b onclick=x>"' '.timeline.marks[0].text'
says "the analyses" '["cache","reuse","sharing","silent-stores","top","workingset"]' \
    '. as $d | ["cache","reuse","sharing","silent-stores","top","workingset"] | map(select($d[.]))'
cp out expected
exits 0 "$engram" report -o page.html --symbols symbols trace.egrm
check "report -o"
sed -n 's|^<script id="data" type="application/json">\(.*\)|\1|p' page.html | jq -cS . >got
jq -cS . expected | cmp - got
check "the page holds the same data"
! grep -qE '(src|href)=|https?:|@import|url\(' page.html
check "it names nothing outside itself"
[ "$(grep -o '</script' page.html | wc -l)" = 2 ]
check "no text of the trace ends a script"
exits 2 "$engram" report && exits 2 "$engram" report --level 1 trace.egrm && exits 1 "$engram" report -o /nonexistent/x trace.egrm &&
    exits 1 "$engram" report nothing
check "errors"
head -c 2000 trace.egrm >cut.egrm
exits 1 "$engram" report -o cut.html cut.egrm && grep -q "file ends after" cut.html
check "a damaged trace: the page says what is missing"
"$mktrace" empty.egrm </dev/null
exits 0 "$engram" report -o empty.html empty.egrm
check "a trace without accesses"

browser=$(command -v chromium || command -v chromium-browser)
if [ -z "$browser" ]; then
    echo "no chromium: the page was not drawn"
    finish
fi
# browse PAGE SCRIPT: the page with a script that sets `result`, which comes out
browse() {
    local before='<script>window.errors = []; onerror = m => { errors.push(m); };</script>'
    sed "s|<head>|<head>$before|; s|</body>|<script>setTimeout(() => { let result; $2; document.title = 'result:' + [result, ...errors].join(';'); }, 300)</script></body>|" \
        "$1" >browsed.html
    timeout 60 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" --virtual-time-budget=3000 --window-size=1320,2400 --dump-dom \
        "file://$work/browsed.html" 2>browser.log | sed -n 's|.*<title>result:\(.*\)</title>.*|\1|p'
}
# shows NAME EXPECTED PAGE SCRIPT
shows() {
    local got
    got=$(browse "$3" "$4")
    [ "$got" = "$2" ] || echo "expected '$2', got '$got'" >err
    [ "$got" = "$2" ]
    check "$1"
}
ink="const ink = id => { const c = document.getElementById(id); return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((v, i) => i % 4 === 3 \&\& v).length > 500; }"
shows "every chart is drawn, without an error" 'true,true,true,true' page.html \
    "$ink; result = ['timeline', 'heatmap', 'workingset', 'reuse'].map(ink)"
shows "tables" '5k,16,2' page.html \
    "result = [document.querySelector('.tile b').textContent, document.querySelectorAll('#code tbody tr').length, document.querySelectorAll('#symbols tbody tr').length]"
drag="const c = document.getElementById('timeline'), b = c.getBoundingClientRect(), p = (type, x) => c.dispatchEvent(new PointerEvent(type, {clientX: b.left + x, clientY: b.top + 50, button: 0, pointerId: 1})); c.setPointerCapture = () => {}"
shows "dragging zooms" 'true' page.html \
    "$drag; p('pointerdown', 300); p('pointermove', 500); p('pointerup', 500); result = /zoomed 5/.test(document.getElementById('span').textContent)"
shows "a double click goes back" 'instructions 0 to 5,000' page.html \
    "$drag; p('pointerdown', 300); p('pointermove', 500); p('pointerup', 500); c.dispatchEvent(new MouseEvent('dblclick')); result = document.getElementById('span').textContent"
shows "a tip" 'true' page.html \
    "$drag; p('pointermove', 500); result = /reads, .* writes/.test(document.getElementById('tip').textContent)"
shows "dark" 'dark' page.html "const s = document.getElementById('scheme'); s.click(); result = document.documentElement.dataset.scheme"
shows "what is missing is shown" 'true' cut.html "result = document.querySelectorAll('#warnings li').length > 0"
shows "an empty trace is drawn" 'none' empty.html "result = document.querySelector('#code .empty').textContent"
finish
