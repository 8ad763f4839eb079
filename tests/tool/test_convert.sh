#!/usr/bin/env bash
# Each format read back, by a reader that is not ours where there is one.
# shellcheck source=tests/tool/lib.sh
. "$(dirname "$0")/lib.sh"

"$mktrace" all.egrm <<'END'
set rip=0x401000 cpl=3 cr3=0x5000
w 0x1000 8 =0x1122334455667788
r 0x1008 4 =0xdeadbeef +2
w 0x1008 4 =0xdeadbef0 +0 locked
r 0x1ffc 8 =:0102030405060708 gpa2=0x9000 rip=0x401010
w 0x3000 32 =:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f rip=0x401014
r 0x4000 2 rip=0x401018                       # without data
w 0xffffffff81000ff8 8 =7 cpl=0 cause=exception vector=14 gpa=0x7ff8
w 0x6000 8 =0x63 cpl=0 cause=page-walk
w 0 1 =1 cpl=0 cr3=0x6000 rep gpa=0
mark hello "there"
event 32 0 0x401020
r 0x5000 1 =255 rip=0x401020
END
"$engram" print --json all.egrm >json
# The guests' traces give many rows, with every kind of packet.
"$root/build/dbt-host" trace=rw ring=64 out=paging.egrm "$guests/paging64.elf" turns=3 >/dev/null 2>&1
"$root/build/dbt-host" trace=rw ring=64 out=mix.egrm "$guests/mix.elf" n=1 parts=sort,matrix,text >/dev/null 2>&1
"$engram" verify paging.egrm >/dev/null && "$engram" verify mix.egrm >/dev/null
check "traces of guests"

# converts FORMAT OUTPUT FILE [OPTION]...
converts() {
    exits 0 "$engram" convert "$1" -o "$2" "${@:4}" "$3"
    check "convert $1 $3"
}
# ---- text ----
converts csv all.csv all.egrm
grep -q 'csv does not hold what stands between' err
check "what a format does not hold is said"
python "csv: every field, by Python's reader" '
import csv, json, sys
rows = list(csv.DictReader(open("all.csv")))
items = [json.loads(l) for l in open("json")]
assert len(rows) == len(items) == 10
for r, i in zip(rows, items):
    assert int(r["event"]) == i["event"] and int(r["icount"]) == i["icount"] and r["kind"] == i["kind"]
    assert int(r["size"]) == i["size"] and r["gva"] == i["gva"] and r["gpa"] == i["gpa"] and r["gpa2"] == i.get("gpa2", "")
    assert r["data"] == (i["data"] or "") and r["rip"] == i["rip"] and r["cr3"] == i["cr3"] and int(r["cpl"]) == i["cpl"]
    assert r["mode"] == i["mode"] and r["paging"] == "1" and r["cause"] == i["cause"] and r["vector"] == str(i.get("vector", ""))
    assert [f for f in ("mmio", "locked", "rep") if r[f] == "1"] == [f for f in i["flags"] if f != "crosses"]
'
"$engram" print --json --events all.egrm | cmp - <("$engram" convert jsonl --quiet all.egrm)
check "jsonl is print --json --events"
[ "$("$engram" convert jsonl --quiet mix.egrm | jq -c 'select(.event) | 1' | wc -l)" = "$("$engram" info --json mix.egrm | jq .accesses.count)" ]
check "jsonl: jq reads every line"
converts lackey lackey all.egrm --space gva
cat >expected <<'END'
 S 00001000,8
 M 00001008,4
 L 00001ffc,8
 S 00003000,32
 L 00004000,2
 S ffffffff81000ff8,8
 S 00006000,8
 S 00000000,1
 L 00005000,1
END
cmp expected lackey
check "lackey: loads, stores, and an instruction that does both"
converts din din all.egrm
printf '%s\n' '1 1000' '0 1008' '1 1008' '0 1ffc' '1 3000' '0 4000' '1 7ff8' '1 6000' '1 0' '0 5000' | cmp - din
check "din: guest-physical addresses"
[ "$("$engram" convert din --quiet --kind w --from 4 all.egrm | head -n 1)" = '1 3000' ]
check "filters, and standard output"

# ---- NumPy ----
converts npy all.npy all.egrm
converts npy mix.npy mix.egrm
python "npy: NumPy reads it" '
import json, numpy
a = numpy.load("all.npy", mmap_mode="r")
items = [json.loads(l) for l in open("json")]
assert len(a) == 10 and a.dtype.itemsize == 64
for r, i in zip(a, items):
    assert r["event"] == i["event"] and r["gva"] == int(i["gva"], 16) and r["gpa"] == int(i["gpa"], 16)
    assert r["rip"] == int(i["rip"], 16) and r["size"] == i["size"] and r["kind"] == (i["kind"] == "w") and r["cpl"] == i["cpl"]
    if i["data"]: assert int(r["data"]) == int.from_bytes(bytes.fromhex(i["data"])[:8], "little")
assert a["known"].tolist() == [7] * 5 + [3] + [7] * 4
m = numpy.load("mix.npy")
assert (numpy.diff(m["event"].astype("i8")) == 1).all() and (numpy.diff(m["icount"].astype("i8")) >= 0).all()
'

# ---- CTF ----
converts ctf ctf all.egrm
exits 0 babeltrace2 ctf && grep -c ' access: ' out | grep -qx 10 && grep -q 'mark: { source = 1, text = "hello \\"there\\"" }' out &&
    grep -q 'delivery: { vector = 32, type = 0' out && grep -q 'kind = ( "read" .*gpa2 = 0x9000, rip = 0x401010' out &&
    grep -q '"page_walk"' out && grep -q 'data_length = 32' out
check "ctf: babeltrace2 reads it"
converts ctf paging.ctf paging.egrm
exits 0 babeltrace2 paging.ctf && [ "$(grep -c ' access: ' out)" = "$("$engram" info --json paging.egrm | jq .accesses.count)" ] &&
    sed -n 's/.* access: { number = [0-9]*, kind = ( "\(.\).*size = \([0-9]*\), gva = 0x\([0-9A-F]*\),.*rip = 0x\([0-9A-F]*\).*/\1 \2 \3 \4/p' out |
    tr A-F a-f >got &&
    "$engram" print --json paging.egrm | jq -r '[.kind, .size, .gva[2:], .rip[2:]] | join(" ")' | cmp - got
check "ctf: every access of a guest"

# ---- gem5 ----
converts gem5 packets all.egrm
python "gem5: protoc reads every message" '
import subprocess, sys
data = open("packets", "rb").read()
assert data[:4] == b"gem5"
at, messages = 4, []
while at < len(data):
    n = shift = 0
    while True:
        byte = data[at]; at += 1
        n |= (byte & 127) << shift; shift += 7
        if byte < 128: break
    messages.append(data[at:at + n]); at += n
def decode(kind, message):
    text = subprocess.run(["protoc", "--decode", kind, "-I", sys.argv[1], sys.argv[1] + "/packet.proto"], input=message,
                          stdout=subprocess.PIPE, check=True).stdout.decode()
    return dict(line.split(": ") for line in text.splitlines())
assert decode("PacketHeader", messages[0]) == {"obj_id": "\"engram\"", "ver": "0", "tick_freq": "1000000000000"}
packets = [decode("Packet", m) for m in messages[1:]]
assert [int(p["addr"]) for p in packets] == [0x1000, 0x1008, 0x1008, 0x1ffc, 0x9000, 0x3000, 0x4000, 0x7ff8, 0x6000, 0, 0x5000]
assert [int(p["cmd"]) for p in packets] == [4, 1, 4, 1, 1, 4, 1, 4, 4, 4, 1]
assert [int(p["size"]) for p in packets] == [8, 4, 4, 4, 4, 32, 2, 8, 8, 1, 1]
assert [int(p["tick"]) for p in packets] == [0, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9] and int(packets[3]["pc"]) == 0x401010
' "$root/tests/tool"

# ---- ChampSim, drmemtrace: by their documented layouts ----
converts champsim champsim all.egrm --space gva
python "champsim: input_instr" '
import struct
data = open("champsim", "rb").read()
r = [struct.unpack("<QBB2s4s2Q4Q", data[i:i + 64]) for i in range(0, len(data), 64)]
assert len(data) % 64 == 0 and len(r) == 7
assert r[0][0] == 0x401000 and r[0][5:7] == (0x1000, 0) and r[0][7:] == (0, 0, 0, 0)
assert r[1][5:7] == (0x1008, 0) and r[1][7] == 0x1008, "one instruction reads and writes"
assert r[2][0] == 0x401010 and r[2][7] == 0x1ffc and r[5][5] == 0xffffffff81000ff8
'
grep -q '2 accesses are left out' err || "$engram" convert champsim all.egrm 2>&1 >/dev/null | grep -q '2 accesses are left out'
check "champsim: a page walk and address 0 are left out, and said so"
converts drmemtrace drm all.egrm --space gva
python "drmemtrace: trace_entry_t" '
import struct
data = open("drm", "rb").read()
r = [struct.unpack("<HHQ", data[i:i + 12]) for i in range(0, len(data), 12)]
assert len(data) % 12 == 0
assert r[:7] == [(25, 0, 4), (22, 0, 1), (24, 0, 1), (28, 12, 4), (28, 9, 0x1c0), (28, 10, 64), (28, 18, 4096)]
assert r[7:11] == [(10, 0, 0x401000), (1, 8, 0x1000), (0, 4, 0x1008), (1, 4, 0x1008)]
assert r[11:13] == [(10, 0, 0x401010), (0, 8, 0x1ffc)] and r[-2:] == [(23, 0, 1), (26, 0, 0)]
assert [e[2] for e in r if e[0] < 2] == [0x1000, 0x1008, 0x1008, 0x1ffc, 0x3000, 0x4000, 0xffffffff81000ff8, 0x6000, 0, 0x5000]
'

# ---- errors ----
for arguments in "" "nonsense all.egrm" "npy all.egrm" "ctf all.egrm" "csv" "csv --kind x all.egrm" "csv --space x all.egrm"; do
    # shellcheck disable=SC2086
    exits 2 "$engram" convert $arguments && [ -s err ] && [ ! -s out ]
    check "usage error: convert $arguments"
done
exits 1 "$engram" convert csv -o /nonexistent/x all.egrm && grep -q /nonexistent/x err
check "an output that cannot be written"
exits 1 "$engram" convert csv -o /dev/full mix.egrm && grep -q 'No space left' err
check "a full disk"
head -c $(($(stat -c %s mix.egrm) / 2)) mix.egrm >cut.egrm
exits 1 "$engram" convert csv -o cut.csv cut.egrm && [ "$(wc -l <cut.csv)" -gt 100 ]
check "of a damaged trace all that is sound is converted"
exits 0 "$engram" convert --help && grep -q '^  parquet' out
check "convert --help"
finish
