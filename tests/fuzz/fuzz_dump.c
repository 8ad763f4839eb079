/*
 * libFuzzer: the sender of a dump, with any bytes coming in on its line. Whatever is asked for, what goes out
 * is frames, their data are the file's, and it comes to an end.
 */
#include "recv/frames.h"
#include "trace/bytes.h"
#include "trace/crc32c.h"
#include "trace/dump.h"
#include "trace/dump_file.h"
#include "trace/hook.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            abort();                                                                                         \
    } while (0)

#define INPUT_MAX 2048u /* a request of 34 bytes may ask for the whole file twice */
#define RUN 0xaau
#define WAIT_SECONDS 2u

static const char meta[] = "format=1\nrun=00000000000000aa\nengine=vmx\nguest=fuzz\nevents=40\nend=done\n";
static uint8_t memory[RING_BYTES_MIN] __attribute__((aligned(64)));
static struct ring ring;
static uint8_t *file;
static uint64_t file_bytes;

static struct frame_parser parser;
static uint8_t *in;
static size_t in_bytes, in_at;
static unsigned puts_a_byte; /* bytes that go out for one that comes in */
static uint64_t calls, seconds_now;
static bool text_sent;

static uint64_t ticks(void)
{
    return 5;
}

static void on_frame(void *ctx, const struct frame *f)
{
    (void)ctx;
    switch (f->type) {
    case FRAME_BEGIN:
        CHECK(f->bytes == FRAME_BEGIN_BYTES && load64(f->payload) == file_bytes);
        break;
    case FRAME_END:
        CHECK(f->bytes == FRAME_END_BYTES && load64(f->payload) == file_bytes);
        break;
    case FRAME_DATA:
        CHECK(f->bytes && f->offset <= file_bytes && f->bytes <= file_bytes - f->offset);
        CHECK(memcmp(f->payload, file + f->offset, f->bytes) == 0);
        break;
    case FRAME_TEXT:
        CHECK(f->bytes == 5 && memcmp(f->payload, "text\n", 5) == 0);
        break;
    default:
        abort();
    }
}

static void on_text(void *ctx, const uint8_t *bytes, size_t n)
{
    (void)ctx;
    (void)bytes;
    CHECK(n == 0);
}

static void put(uint8_t byte)
{
    calls++;
    frames_feed(&parser, &byte, 1);
}

static int get(void)
{
    if (in_at == in_bytes || (puts_a_byte && calls++ % puts_a_byte))
        return -1;
    return in[in_at++];
}

/* A second every so often, and always again while nothing happens. */
static uint64_t seconds(void)
{
    return seconds_now++ / 16;
}

static void progress(uint64_t sent, uint64_t total)
{
    CHECK(sent <= total && total == file_bytes);
    if (!text_sent)
        CHECK(dump_text("text\n", 5));
    text_sent = true;
}

/* The right CRC behind all that could be a frame: otherwise none would ever be taken. */
static void repair(void)
{
    for (size_t at = 0; at + FRAME_HEADER_BYTES + FRAME_CRC_BYTES <= in_bytes; at++) {
        size_t bytes = load16(in + at + 2), covered = FRAME_HEADER_BYTES - 1 + bytes;
        if (in[at] != FRAME_START || covered + 1 + FRAME_CRC_BYTES > in_bytes - at)
            continue;
        store32(in + at + 1 + covered, crc32c(in + at + 1, covered));
        at += covered + FRAME_CRC_BYTES;
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const struct hook_clock clock = {.tsc = ticks};
    static struct dump_file whole;
    (void)argc;
    (void)argv;
    ring_init(&ring, memory, sizeof(memory), RING_SEGMENT_BYTES, RING_WRAP, RUN);
    hook_init(&ring, &clock);
    for (unsigned i = 0; i < 40; i++) {
        struct access a = {.rip = 0x1000 + i * 3,
                           .gva = 0x2000 + i * 65,
                           .gpa = 0x2000 + i * 65,
                           .kind = ACCESS_WRITE,
                           .context = 0x1f,
                           .size = 8,
                           .has_data = true};
        memset(a.data, (int)i, sizeof(a.data));
        hook_access(&a);
    }
    hook_stop("done");
    dump_file_make(&whole, &ring, meta, sizeof(meta) - 1, false, NULL);
    file_bytes = whole.bytes;
    file = malloc(file_bytes);
    CHECK(file);
    dump_file_read(&whole, 0, file, file_bytes);
    return 0;
}

/* First byte: bit 0 repair the CRCs; second: how slowly the rest comes in; third: length of a frame of the
 * first pass. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dump_line line = {put, get, seconds};

    if (size < 3 || size > INPUT_MAX)
        return 0;
    in_bytes = size - 3;
    in = malloc(in_bytes + 1);
    if (!in)
        return 0;
    memcpy(in, data + 3, in_bytes);
    if (data[0] & 1)
        repair();
    parser = (struct frame_parser){.frame = on_frame, .text = on_text};
    in_at = 0;
    puts_a_byte = data[1];
    calls = seconds_now = 0;
    text_sent = false;
    const struct dump_options options = {
        .wait_seconds = WAIT_SECONDS, .frame_payload = data[2] * 5u, .progress = progress};
    dump_send(&ring, meta, sizeof(meta) - 1, RUN, &line, &options);
    CHECK(!dump_text("none", 4));
    frames_flush(&parser);
    CHECK(parser.rejected == 0);
    free(in);
    return 0;
}
