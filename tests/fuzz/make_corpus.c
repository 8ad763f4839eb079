/*
 * Writes the first inputs for the fuzzers: small traces from the real writer, the
 * bytes of their dumps, and raw segments. make_corpus DIR fills DIR/trace, DIR/analyse,
 * DIR/convert, DIR/recv and DIR/raw.
 */
#include "trace/dump.h"
#include "trace/dump_file.h"
#include "trace/hook.h"
#include "trace/raw.h"
#include "trace/ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t memory[RING_BYTES_MIN] __attribute__((aligned(64)));
static struct ring ring;
static const char *folder;
static FILE *out;
static uint64_t seconds_now;

static const char meta[] =
    "format=1\nrun=00000000000000aa\nengine=vmx\nguest=corpus\ntrace=rw\nevents=60\nlost=0\n"
    "segments=1\nfirst_sequence=0\nfirst_event=0\ntsc.hz=1000\ntsc.start=1\ntsc.end=9\n"
    "counter.exit.hlt=3\ncounter.hv_ticks=100\nend=done\n";

static uint64_t ticks(void)
{
    return 5;
}

static FILE *create(const char *kind, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s/%s", folder, kind, name);
    FILE *f = fopen(path, "wb");
    if (!f) {
        perror(path);
        exit(1);
    }
    return f;
}

/* A few accesses of every kind, with an interrupt, marks and a filter between them. */
static void record(bool icount, unsigned events)
{
    const struct hook_clock clock = {.tsc = ticks, .has_icount = icount};
    static const uint8_t sizes[] = {1, 2, 4, 8, 3, 16, 32, 64, 10};
    ring_init(&ring, memory, sizeof(memory), RING_SEGMENT_BYTES, RING_WRAP, 0xaa);
    hook_init(&ring, &clock);
    for (unsigned i = 0; i < events; i++) {
        struct access a = {.rip = 0x1000 + i % 11 * 3,
                           .gva = 0x2000 + i % 7 * 64 + i,
                           .cr3 = i / 20 * 0x1000u,
                           .icount = i * 2,
                           .kind = i % 3 != 0,
                           .cause = (uint8_t)(i % 11 % 6),
                           .context = 0x1f,
                           .size = sizes[i % 11 % sizeof(sizes)],
                           .has_data = i % 11 != 5};
        memset(a.data, (int)(i / 2), sizeof(a.data));
        a.gpa = a.gva + 0x100000;
        if ((a.gva & 4095) + a.size > 4096) {
            a.flags = ACCESS_CROSSES;
            a.gpa2 = 0x7000;
        }
        hook_access(&a);
        if (i % 17 == 0)
            hook_event(&(struct hook_event){.rip = 0x1000, .vector = 14, .type = 3, .has_error_code = true});
        if (i % 19 == 0)
            hook_mark(MARK_CONSOLE, "hello", 5);
        if (i % 23 == 0)
            hook_filtered(2);
    }
    hook_stop("done");
}

/* Behind bytes that tell the fuzzer what to do with it. */
static void write_copy(const char *kind, const char *name, const uint8_t *how, size_t how_bytes,
                       const uint8_t *bytes, size_t n)
{
    FILE *f = create(kind, name);
    fwrite(how, 1, how_bytes, f);
    fwrite(bytes, 1, n, f);
    fclose(f);
}

static void write_trace(const char *name, uint8_t how, bool compress)
{
    struct dump_file file;
    dump_file_make(&file, &ring, meta, sizeof(meta) - 1, compress, NULL);
    uint8_t *bytes = malloc(file.bytes);
    if (!bytes)
        exit(1);
    dump_file_read(&file, 0, bytes, file.bytes);
    write_copy("trace", name, &how, 1, bytes, file.bytes);
    /* One for each analysis and each format, by their order in fuzz_analyse.c and fuzz_convert.c. */
    for (uint8_t i = 0; i < 10 && !compress; i++) {
        char numbered[64];
        snprintf(numbered, sizeof(numbered), "%s-%u", name, i);
        write_copy("analyse", numbered, (const uint8_t[]){i, 0x20}, 2, bytes, file.bytes);
        write_copy("convert", numbered, (const uint8_t[]){(uint8_t)(2 * i + (how & 1))}, 1, bytes,
                   file.bytes);
    }
    free(bytes);
}

/* Packets that the VMX engine's writer does not use. The fuzzer sets magic and CRCs right. */
static void write_packets(const char *name, bool icount)
{
    static const uint8_t without[] = {
        1,    26, 0,    0x1f, 0,    0x10, 0, 0, 0,    0,    0, 0, 7, 0,  0, 0,  0,    0, 0,
        0,    0,  0,    0,    0,    0,    0, 0, 0,                                 /* SYNC */
        6,    2,  0,    0x20,                                                      /* TLB_FILL */
        5,    15, 10,   0x80, 0x04, 3,    2, 0, 4,    1,    0, 8, 2, 9,  0, 2,  1, /* BLOCK */
        4,    7,  5,    0x80, 1,    1,    4, 4, 0,                                 /* SITE */
        9,    10, 5,    3,    0,    0x80, 4, 9, 8,    7,    6,                     /* RUN */
        9,    13, 5,    2,    3,    1,    1, 0, 0,    0,    2, 0, 0, 0,            /* RUN */
        0xc4, 10, 0xc4, 11,   0x90, 2,    3, 0, 0x80, 0x40, 7, 0, 0, 11, 1, 42, 0x7f, 1, 9,
    };
    static const uint8_t with[] = {
        1,    26, 1, 0x1f, 0,  0x10, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0,
        0,    0,  9, 0,    0,  0,    0, 0, 0, 0,       /* SYNC */
        6,    2,  0, 0x20,                             /* TLB_FILL */
        4,    7,  5, 0x80, 1,  1,    4, 4, 0,          /* SITE */
        9,    10, 5, 3,    0,  0x80, 4, 2, 9, 8, 7, 6, /* RUN */
        0xc6, 5,  1, 9,    13, 5,    2, 3, 1, 0, 1, 0, 0, 0, 2, 0, 0, 0,
    };
    const uint8_t *body = icount ? with : without;
    uint32_t bytes = icount ? sizeof(with) : sizeof(without);
    struct chunk_header h = {.version = TRACE_VERSION,
                             .type = CHUNK_SEGMENT,
                             .stored_bytes = bytes,
                             .body_bytes = bytes,
                             .event_count = icount ? 6 : 8};
    FILE *f = create("trace", name);
    fputc(1, f);
    fwrite(&h, sizeof(h), 1, f);
    fwrite(body, bytes, 1, f);
    fclose(f);
}

static void raw_part(const void *bytes, size_t n)
{
    fwrite(bytes, 1, n, out);
}
#define RAW(type, ...) raw_part(&(type){__VA_ARGS__}, sizeof(type))

/* For fuzz_raw: counts, the dictionary's entries, a body. */
static void write_raw_blocks(void)
{
    static const uint32_t record[] = {RAW_BLOCKS, 40000, 0x10804, 0x11223344, 0x5566};
    out = create("raw", "blocks");
    raw_part((const uint8_t[]){2, 1, 200, 0}, 4);
    RAW(struct raw_access, .address = 8, .data = 12, .address_bytes = 4, .size = 4);
    RAW(struct raw_access, .displacement = -4, .rip_offset = 6, .address = 8, .data = 16, .address_bytes = 4,
        .instruction = 2, .kind = ACCESS_WRITE, .size = 2);
    RAW(struct raw_block, .rip = 0x400000, .count = 2, .bytes = 20, .context = 0x18 | CONTEXT_PAGING,
        .instructions = 5);
    RAW(struct raw_preamble, .zero = 50000, .cr3 = 0x5000, .map_count = 1, .context = 0x18);
    RAW(struct raw_map, .id = RAW_MAP, .page = 0x10, .frame = 0x20);
    raw_part(record, sizeof(record));
    RAW(struct raw_number, .id = RAW_ICOUNT, .value = 60000);
    raw_part(record, sizeof(record));
    fclose(out);
}

static void write_raw_others(void)
{
    out = create("raw", "others");
    raw_part((const uint8_t[]){0, 0, 200, 0}, 4);
    RAW(struct raw_preamble, .context = 0x0c);
    RAW(struct raw_spelled, .id = RAW_ACCESS, .kind = ACCESS_WRITE, .cause = CAUSE_EXCEPTION, .vector = 14,
        .size = 4, .rip = 1, .gva = 2, .gpa = 3, .icount = 5);
    raw_part("abcd", 4);
    RAW(struct raw_number, .id = RAW_CR3, .value = 0x7000);
    RAW(struct raw_event, .id = RAW_EVENT, .vector = 14, .type = 3, .has_error_code = 1, .rip = 9, .tsc = 12);
    RAW(struct raw_number, .id = RAW_TIME, .value = 56);
    RAW(struct raw_mark, .id = RAW_MARK, .bytes = 5, .source = MARK_CONSOLE);
    raw_part("hello\0\0", 8);
    RAW(struct raw_run, .id = RAW_RUN, .count = 2, .size = 2, .what = RUN_HAS_B | RUN_B_WRITES,
        .gva = {1, 2});
    raw_part("aabb", 4);
    RAW(struct raw_run, .id = RAW_RUN, .count = 9, .size = 4, .what = RUN_ONE | RUN_A_WRITES | RUN_DESCENDS);
    raw_part("fill", 4);
    fclose(out);
}

static void put(uint8_t byte)
{
    fputc(byte, out);
}
static int get(void)
{
    return -1;
}
static uint64_t seconds(void)
{
    return seconds_now++;
}

static void write_line(const char *name, const uint8_t how[3], uint32_t payload)
{
    static const struct dump_line line = {put, get, seconds};
    const struct dump_options options = {.wait_seconds = 2, .frame_payload = payload};
    out = create("recv", name);
    fwrite(how, 1, 3, out);
    fputs("console text\n", out);
    dump_send(&ring, meta, sizeof(meta) - 1, 0xaa, &line, &options);
    fputs("and more\n", out);
    fclose(out);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_corpus DIR\n");
        return 2;
    }
    folder = argv[1];
    record(true, 60);
    write_trace("icount", 1, false);
    write_line("two-way", (const uint8_t[]){3, 50, 20}, 64);
    write_trace("slice", 0x11, true);
    record(false, 60);
    write_trace("compressed", 3, true);
    record(false, 7);
    write_trace("short", 5, false);
    write_packets("packets", false);
    write_packets("packets-icount", true);
    write_line("one-way", (const uint8_t[]){2, 0, 0}, 256);
    write_line("silences", (const uint8_t[]){3, 200, 255}, 16);
    write_raw_blocks();
    write_raw_others();
    return 0;
}
