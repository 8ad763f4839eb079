/* Records become accesses for the hook, the hook's ring a trace file. */
#include "dbt/host/host.h"

#include "trace/dump_file.h"
#include "trace/hook.h"
#include "trace/ring.h"
#include "x86/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define META_BYTES 8192
#define COPY_BYTES 65536

static struct ring ring;
static bool recording, ended, has_ring;
static unsigned matched;
static uint64_t discarded, tsc_start, tsc_end, run_id;

static uint64_t tsc(void)
{
    return rdtsc();
}

void trace_init(struct dbt *d)
{
    struct host_options *o = &host_options;
    struct hook_clock clock = {.tsc = tsc};
    (void)d;
    if (!o->reads && !o->writes)
        return;
    uint64_t bytes = align_down(o->ring_bytes, RING_SEGMENT_BYTES);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || bytes < RING_BYTES_MIN)
        host_fail("ring of %llu bytes: no memory, or too small", (unsigned long long)bytes);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    run_id = (uint64_t)now.tv_sec << 32 ^ (uint64_t)now.tv_nsec ^ rdtsc();
    ring_init(&ring, memory, bytes, o->wrap ? RING_WRAP : RING_STOP, run_id);
    hook_init(&ring, &clock);
    has_ring = true;
}

static void take(const struct access *a, void *context)
{
    (void)context;
    hook_access(a);
}

void trace_drain(struct dbt *d)
{
    if (host_options.discard) {
        discarded += d->record - (uint64_t)(uintptr_t)d->recorder.start;
        d->record = (uint64_t)(uintptr_t)d->recorder.start;
        d->counters.drains++;
        return;
    }
    host_save_vectors();
    recorder_drain(d, take, NULL);
    host_restore_vectors();
}

void trace_event(struct dbt *d, const struct hook_event *e)
{
    (void)d;
    host_save_vectors();
    hook_event(e);
    host_restore_vectors();
}

void trace_start(struct dbt *d)
{
    if (recording || ended || !has_ring)
        return;
    recording = true;
    tsc_start = rdtsc();
    dbt_set_recording(d, host_options.reads, host_options.writes);
}

void trace_stop(struct dbt *d, const char *why)
{
    if (!recording)
        return;
    trace_drain(d);
    recording = false;
    ended = true;
    tsc_end = rdtsc();
    dbt_set_recording(d, false, false);
    hook_stop(why);
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
        "trace=%s%s\nicount=0\nevents=%llu\nlost=%llu\nfiltered=0\nsegments=%llu\nfirst_sequence=%llu\n"
        "ring.mode=%s\nring.bytes=%llu\nsegment.bytes=%u\ntsc.hz=0\ntsc.start=%llu\ntsc.end=%llu\nend=%s\n",
        TRACE_VERSION, (unsigned long long)run_id, guest, host_options.reads ? "r" : "",
        host_options.writes ? "w" : "", (unsigned long long)hook_events(), (unsigned long long)hook_lost(),
        (unsigned long long)ring_count(&ring), (unsigned long long)ring_first_sequence(&ring),
        host_options.wrap ? "wrap" : "stop", (unsigned long long)host_options.ring_bytes, RING_SEGMENT_BYTES,
        (unsigned long long)tsc_start, (unsigned long long)tsc_end, end);
    return (size_t)n + dbt_counters_text(d, text + n, size - (size_t)n);
}

bool trace_write(struct dbt *d, const char *guest, const char *end)
{
    static struct dump_file file;
    static char meta[META_BYTES];
    static uint8_t copy[COPY_BYTES];

    trace_stop(d, end);
    if (!host_options.output || !has_ring)
        return true;
    FILE *f = fopen(host_options.output, "wb");
    if (!f)
        return false;
    size_t n = meta_text(d, meta, sizeof(meta), guest, end);
    dump_file_make(&file, &ring, meta, (uint32_t)n, true, NULL);
    bool ok = true;
    for (uint64_t at_byte = 0; at_byte < file.bytes && ok; at_byte += sizeof(copy)) {
        uint64_t part = file.bytes - at_byte < sizeof(copy) ? file.bytes - at_byte : sizeof(copy);
        dump_file_read(&file, at_byte, copy, part);
        ok = fwrite(copy, 1, part, f) == part;
    }
    return fclose(f) == 0 && ok;
}
