/*
 * Stands in for Engram on a line: records pseudo-random accesses with the real
 * writer and sends the dump on standard output, listening on standard input.
 *
 *   sender [events=N] [slots=N] [damage=PER_100000] [wait=SECONDS] [seed=N] [file=PATH] [cut=BYTES] [drain=1]
 *
 * damage: share of bytes flipped or dropped, both ways. file: where to write the
 * file as it should arrive. cut: the line breaks after so many bytes. drain: the ring is sent while it fills.
 */
#include "trace/drain.h"
#include "trace/dump.h"
#include "trace/dump_file.h"
#include "trace/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RUN UINT64_C(0xfeedc0de00000001)
#define SLOTS_MAX 64u

static uint8_t memory[(SLOTS_MAX + 1) * RING_SEGMENT_BYTES] __attribute__((aligned(64)));
static struct ring ring;
static uint64_t seed = 1, damage, sent, cut;
static uint8_t out[512];
static size_t out_bytes;

/* The data are the same whatever the line does. */
static uint64_t next_number(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 11;
}

static int through(uint8_t byte)
{
    uint64_t r = next_number(&seed) % 200000;
    if (r < damage)
        return -1;
    return r < 2 * damage ? byte ^ (1 << next_number(&seed) % 8) : byte;
}

static void flush_out(void)
{
    for (size_t at = 0; at < out_bytes;) {
        ssize_t n = write(STDOUT_FILENO, out + at, out_bytes - at);
        if (n < 0 && errno == EAGAIN) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
            continue;
        }
        if (n <= 0)
            exit(3);
        at += (size_t)n;
    }
    out_bytes = 0;
}

static void put(uint8_t byte)
{
    int got = through(byte);
    if (cut && ++sent > cut) {
        flush_out();
        exit(4);
    }
    if (got < 0)
        return;
    out[out_bytes++] = (uint8_t)got;
    if (out_bytes == sizeof(out))
        flush_out();
}

static int get(void)
{
    static uint8_t in[512];
    static ssize_t have, at;
    if (at == have) {
        at = 0;
        have = read(STDIN_FILENO, in, sizeof(in));
        if (have <= 0) {
            have = 0;
            return -1;
        }
    }
    return through(in[at++]); /* a dropped byte looks as if none had come */
}

static uint64_t seconds(void)
{
    struct timespec t;
    flush_out();
    nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec;
}

static uint64_t ticks(void)
{
    static uint64_t now = 5000;
    return now += 50;
}

static void between(void) {}
static const struct frame_line to_line = {put, between};
static struct drain drain;
static bool drains;

static bool send_more(struct ring *r)
{
    (void)r;
    return drain_step(&drain);
}

static uint32_t write_meta(char *meta, size_t size, uint64_t slots, const char *end)
{
    uint64_t first, end_event;
    ring_events(&ring, &first, &end_event);
    uint64_t first_sequence = drains ? 0 : ring_first_sequence(&ring);
    int n = snprintf(
        meta, size,
        "format=1\nrun=%016" PRIx64
        "\nengine=vmx\nengine.reason=it is there\ncpu=none\nguest=sender\noptions=\n"
        "trace=w\nicount=1\nevents=%" PRIu64 "\nlost=0\nfiltered=0\nsegments=%" PRIu64
        "\nfirst_sequence=%" PRIu64 "\nfirst_event=%" PRIu64 "\nring.mode=%s\nring.bytes=%" PRIu64
        "\nsegment.bytes=%u\ntsc.hz=1000000\ntsc.start=5000\n"
        "tsc.end=2005000\nend=%s\ncounter.exit.ept_violation=%" PRIu64 "\ncounter.hv_ticks=123456\n",
        RUN, hook_events(), ring_first_sequence(&ring) + ring_count(&ring) - first_sequence, first_sequence,
        first, drains ? "drain" : "wrap", slots * RING_SEGMENT_BYTES, RING_SEGMENT_BYTES, end, hook_events());
    return (uint32_t)n;
}

static void record(uint64_t events, uint64_t slots)
{
    static const struct hook_clock clock = {.tsc = ticks, .has_icount = true};
    static char meta[1024];
    ring_init(&ring, memory, (slots + 1) * RING_SEGMENT_BYTES, RING_SEGMENT_BYTES,
              drains ? RING_DRAIN : RING_WRAP, RUN);
    hook_init(&ring, &clock);
    ring.make_room = send_more;
    if (drains)
        drain_begin(&drain, &ring, &to_line, meta, write_meta(meta, sizeof(meta), slots, "the run goes on"));
    uint64_t data_seed = 12345;
    for (uint64_t i = 0; i < events; i++) {
        struct access a = {.rip = 0x100000 + i % 13 * 4,
                           .gva = 0x400000 + (i * 4 & 0xffff),
                           .cr3 = 0x1000,
                           .icount = i * 5,
                           .kind = ACCESS_WRITE,
                           .context = 0x1c,
                           .size = 4,
                           .has_data = 1};
        uint32_t value = (uint32_t)next_number(&data_seed);
        a.gpa = a.gva - 0x300000;
        memcpy(a.data, &value, 4);
        hook_access(&a);
        if (i == 10)
            hook_mark(MARK_HYPERCALL, "ten \033[31mred", 12);
    }
    hook_stop("all sent");
}

static void write_file(const char *path, const char *meta)
{
    struct dump_file file;
    static uint8_t piece[4096];
    FILE *f = fopen(path, "wb");
    if (!f)
        exit(5);
    dump_file_make(&file, &ring, meta, (uint32_t)strlen(meta), true, NULL);
    for (uint64_t at = 0; at < file.bytes; at += sizeof(piece)) {
        uint64_t n = file.bytes - at < sizeof(piece) ? file.bytes - at : sizeof(piece);
        dump_file_read(&file, at, piece, n);
        fwrite(piece, 1, n, f);
    }
    fclose(f);
}

int main(int argc, char **argv)
{
    uint64_t events = 20000, slots = 60, wait = 5;
    const char *path = NULL;
    static char meta[1024];
    for (int i = 1; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        uint64_t n = value ? strtoull(value + 1, NULL, 10) : 0;
        if (value && strncmp(argv[i], "events=", 7) == 0)
            events = n;
        else if (value && strncmp(argv[i], "slots=", 6) == 0 && n >= 3 && n <= SLOTS_MAX)
            slots = n;
        else if (value && strncmp(argv[i], "damage=", 7) == 0)
            damage = n;
        else if (value && strncmp(argv[i], "wait=", 5) == 0)
            wait = n;
        else if (value && strncmp(argv[i], "seed=", 5) == 0)
            seed = n * 2654435761u + 1;
        else if (value && strncmp(argv[i], "cut=", 4) == 0)
            cut = n;
        else if (value && strncmp(argv[i], "drain=", 6) == 0)
            drains = n;
        else if (value && strncmp(argv[i], "file=", 5) == 0)
            path = value + 1;
        else
            return 2;
    }
    fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    record(events, slots);
    uint32_t meta_bytes = write_meta(meta, sizeof(meta), slots, "all sent");
    if (path)
        write_file(path, meta);
    static const struct dump_line line = {put, get, seconds};
    const struct dump_options options = {.drained = drains ? &drain : NULL,
                                         .compress = true,
                                         .wait_seconds = (uint32_t)wait,
                                         .frame_payload = FRAME_PAYLOAD_FIRST};
    static const char before[] = "guest says hello\r\n";
    uint64_t keep = damage;
    damage = 0;
    for (const char *p = before; *p; p++)
        put((uint8_t)*p);
    damage = keep;
    enum dump_end end = dump_send(&ring, meta, meta_bytes, RUN, &line, &options);
    flush_out();
    return end == DUMP_DONE ? 0 : 1;
}
