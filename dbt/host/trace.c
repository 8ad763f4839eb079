/* The ring of a hosted run, and the trace file that it becomes. */
#include "dbt/host/host.h"

#include "trace/dump_file.h"
#include "trace/hook.h"
#include "trace/ring.h"
#include "x86/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define META_BYTES 8192
#define COPY_BYTES 65536
#define GUARD_BYTES 65536u
#define LOWEST 0x10000000u /* address */

static struct ring ring;
static struct dictionary dictionary;
static void *dictionary_memory;
static uint64_t dictionary_size;
static bool recording, ended, has_ring;
static unsigned matched;
static uint64_t discarded, tsc_start, tsc_end, run_id;

/* The ring's memory is there twice: in one piece, and slot by slot with a guard behind each, as the engine
 * writes it. Slot 0 is not the ring's: what is written there is lost. */
static uint8_t *slots;

static uint64_t tsc(void)
{
    return rdtsc();
}

static void *map_shared(void *at, uint64_t bytes, int fd, uint64_t offset)
{
    void *p = mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE | (at ? MAP_FIXED : 0), fd,
                   (off_t)offset);
    if (p == MAP_FAILED)
        host_fail("no memory for the ring");
    return p;
}

/* Address space; below 4 GiB where the filter has ranges (dbt/record.h). */
static uint8_t *reserve(uint64_t bytes)
{
    const bool low = filter_has_ranges(&host_options.filter);
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (low ? MAP_FIXED_NOREPLACE : 0);
    uint64_t at = low ? LOWEST : 0;
    do {
        void *p = mmap((void *)(uintptr_t)at, bytes, PROT_NONE, flags, -1, 0);
        if (p != MAP_FAILED)
            return p;
        at += GUARD_BYTES << 8;
    } while (low && at + bytes <= 1ull << 32);
    host_fail("no address space for the ring%s", low ? ": with ranges it has to be below 4 GiB" : "");
}

static void map_ring(uint64_t bytes, uint32_t segment)
{
    const uint64_t count = bytes / segment;
    int fd = memfd_create("ring", 0);
    if (fd < 0 || ftruncate(fd, (off_t)(bytes + segment)))
        host_fail("ring of %llu bytes: no memory", (unsigned long long)bytes);
    slots = reserve((count + 1) * (segment + GUARD_BYTES) + GUARD_BYTES);
    slots += -(uintptr_t)slots % GUARD_BYTES;
    uint8_t *memory = map_shared(NULL, bytes, fd, segment);
    for (uint64_t i = 0; i <= count; i++)
        map_shared(slots + i * (segment + GUARD_BYTES), segment, fd, i * segment);
    close(fd);
    ring_init(&ring, memory, bytes, segment, host_options.wrap ? RING_WRAP : RING_STOP, run_id);
}

void trace_init(struct dbt *d)
{
    struct host_options *o = &host_options;
    struct hook_clock clock = {.tsc = tsc, .has_icount = true};
    if (!o->record)
        return;
    uint64_t bytes = align_down(o->ring_bytes, RING_SEGMENT_BYTES);
    if (bytes < RING_BYTES_MIN)
        host_fail("ring of %llu bytes: too small", (unsigned long long)bytes);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    run_id = (uint64_t)now.tv_sec << 32 ^ (uint64_t)now.tv_nsec ^ rdtsc();
    map_ring(bytes, ring_raw_segment_bytes(bytes));
    dictionary_size = dictionary_bytes(bytes);
    dictionary_memory =
        mmap(NULL, dictionary_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (dictionary_memory == MAP_FAILED)
        host_fail("no memory for the dictionary");
    dictionary_init(&dictionary, dictionary_memory, dictionary_size);
    d->recorder.blocks_max = dictionary.block_max;
    d->recorder.accesses_max = dictionary.access_max;
    hook_init(&ring, &clock);
    hook_set_filter(&o->filter);
    hook_raw_dictionary(&dictionary);
    has_ring = true;
}

const struct dictionary *trace_dictionary(void)
{
    return &dictionary;
}

/* ---- segments ---- */

static struct chunk_header *open_segment;

static void give_segment(struct dbt *d)
{
    uint64_t slot = 0;
    if (!host_options.discard && hook_raw_open(&open_segment, 1))
        slot = 1 + (uint64_t)((uint8_t *)open_segment - ring.memory) / ring.segment_bytes;
    else
        open_segment = NULL;
    uint8_t *start = slots + slot * (ring.segment_bytes + GUARD_BYTES);
    d->recorder.start = start + sizeof(struct chunk_header);
    d->recorder.end = start + ring.segment_bytes;
}

static void take_segment(const struct raw_use *used)
{
    if (host_options.discard)
        discarded += used->bytes;
    else if (open_segment)
        hook_raw_close(used, 1);
    else
        hook_raw_lost(used->events);
}

void trace_next_segment(struct dbt *d, const struct raw_use *used)
{
    recorder_hand_over(d);
    host_save_vectors();
    if (used)
        take_segment(used);
    give_segment(d);
    host_restore_vectors();
}

void trace_end_segments(struct dbt *d, const struct raw_use *used)
{
    recorder_hand_over(d);
    host_save_vectors();
    take_segment(used);
    host_restore_vectors();
}

void trace_define(struct dbt *d)
{
    const struct recorder *r = &d->recorder;
    host_save_vectors();
    if (!dictionary_add_accesses(&dictionary, r->access, r->staged_accesses) ||
        !dictionary_add_blocks(&dictionary, r->block, r->staged_blocks))
        host_fail("the dictionary refuses a block: an error of the engine");
    host_restore_vectors();
}

void trace_new_dictionary(struct dbt *d)
{
    (void)d;
    host_save_vectors();
    hook_pack(&dictionary, NULL);
    host_restore_vectors();
    dictionary_init(&dictionary, dictionary_memory, dictionary_size);
}

/* ---- start and end ---- */

void trace_start(struct dbt *d)
{
    if (recording || ended || !has_ring)
        return;
    recording = true;
    prove_begin(d);
    tsc_start = rdtsc();
    dbt_set_recording(d, host_options.record, &host_options.filter);
}

void trace_stop(struct dbt *d, const char *why)
{
    if (!recording)
        return;
    recording = false;
    ended = true;
    tsc_end = rdtsc();
    dbt_set_recording(d, 0, NULL);
    prove_end();
    (void)why;
}

/* Looks for the text that switches recording. */
void trace_console_byte(struct dbt *d, uint8_t byte)
{
    const char *text = recording ? host_options.stop : host_options.start;
    if (!text || ended)
        return;
    matched = (uint8_t)text[matched] == byte ? matched + 1 : (uint8_t)text[0] == byte;
    if (text[matched])
        return;
    matched = 0;
    if (recording)
        trace_stop(d, "the guest printed the stop= text");
    else
        trace_start(d);
}

static size_t meta_text(struct dbt *d, char *text, size_t size, const char *guest, const char *end)
{
    int n = snprintf(
        text, size,
        "format=%d\nrun=%016llx\nengine=dbt\nengine.reason=hosted\ncpu=host\nguest=%s\noptions=\n"
        "trace=%s%s\nwalk_reads=%d\nicount=1\nevents=%llu\nlost=%llu\nfiltered=%llu\nsegments=%llu\nfirst_"
        "sequence=%llu\n"
        "ring.mode=%s\nring.bytes=%llu\nsegment.bytes=%u\ntsc.hz=0\ntsc.start=%llu\ntsc.end=%llu\nend=%s\n"
        "counter.damaged_segments=%llu\n",
        TRACE_VERSION, (unsigned long long)run_id, guest, host_options.record & RECORD_READS ? "r" : "",
        host_options.record & RECORD_WRITES ? "w" : "", (host_options.record & RECORD_WALK_READS) != 0,
        (unsigned long long)hook_events(), (unsigned long long)hook_lost(),
        (unsigned long long)hook_filtered_total(), (unsigned long long)ring_count(&ring),
        (unsigned long long)ring_first_sequence(&ring), host_options.wrap ? "wrap" : "stop",
        (unsigned long long)host_options.ring_bytes, ring.segment_bytes, (unsigned long long)tsc_start,
        (unsigned long long)tsc_end, end, (unsigned long long)hook_damaged());
    size_t length = (size_t)n + prove_meta(text + n, size - (size_t)n);
    return length + dbt_counters_text(d, text + length, size - length);
}

bool trace_write(struct dbt *d, const char *guest, const char *end)
{
    static struct dump_file file;
    static char meta[META_BYTES];
    static uint8_t copy[COPY_BYTES];

    if (!has_ring)
        return true;
    trace_stop(d, end);
    prove_report();
    if (!host_options.output)
        return true;
    hook_pack(&dictionary, NULL);
    hook_stop(end);
    FILE *f = fopen(host_options.output, "wb");
    if (!f)
        return false;
    size_t n = meta_text(d, meta, sizeof(meta), guest, end);
    dump_file_make(&file, &ring, meta, (uint32_t)n, true, NULL);
    uint64_t more_bytes;
    const void *more = prove_chunks(&more_bytes);
    dump_file_add(&file, more, more_bytes);
    bool ok = true;
    for (uint64_t at_byte = 0; at_byte < file.bytes && ok; at_byte += sizeof(copy)) {
        uint64_t part = file.bytes - at_byte < sizeof(copy) ? file.bytes - at_byte : sizeof(copy);
        dump_file_read(&file, at_byte, copy, part);
        ok = fwrite(copy, 1, part, f) == part;
    }
    return fclose(f) == 0 && ok;
}
