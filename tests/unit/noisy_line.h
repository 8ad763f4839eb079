/*
 * The receiver of the host's command on a line that flips and drops bytes in both directions, with the real
 * sender (hv/trace/dump.c) at its other end. The clock is the line's: a byte takes 1/11520 s, and so does an
 * idle look at the line.
 */
#ifndef ENGRAM_TESTS_NOISY_LINE_H
#define ENGRAM_TESTS_NOISY_LINE_H

#include "traced.h"

#include "recv/receiver.h"
#include "trace/crc32c.h"
#include "trace/dump.h"

#define BYTES_PER_SECOND 11520u
#define BACK_BYTES 65536u

static struct {
    uint64_t seed;
    unsigned damage; /* of a million bytes, each way: half flipped, half dropped */
    uint64_t steps;  /* of the clock */
    uint64_t bytes_sent;
    uint64_t cut_after; /* the line to the receiver is dead after so many bytes; 0: never */
    uint64_t tick_step;
    uint8_t back[BACK_BYTES]; /* from the receiver to the sender */
    uint32_t back_in, back_out;
} line;

static uint8_t *received;
static size_t received_room;
static char console[4096];
static size_t console_bytes;
static struct ranges resume;
static unsigned starts;
static struct receiver receiver;

static inline uint64_t line_random(void)
{
    line.seed ^= line.seed << 13;
    line.seed ^= line.seed >> 7;
    line.seed ^= line.seed << 17;
    return line.seed >> 11;
}

/* What becomes of a byte: -1 when it is dropped. */
static inline int through(uint8_t byte)
{
    uint64_t r = line_random() % 2000000;
    if (r < line.damage)
        return -1;
    if (r < 2 * line.damage)
        return byte ^ (1 << line_random() % 8);
    return byte;
}

static inline uint64_t line_ms(void)
{
    return line.steps * 1000 / BYTES_PER_SECOND;
}

static inline void step(void)
{
    line.steps++;
    if (line.steps >= line.tick_step) {
        line.tick_step = line.steps + BYTES_PER_SECOND / 50;
        receiver_tick(&receiver, line_ms());
    }
}

static inline void line_put(uint8_t byte)
{
    int got = through(byte);
    line.bytes_sent++;
    step();
    if (got < 0 || (line.cut_after && line.bytes_sent > line.cut_after))
        return;
    byte = (uint8_t)got;
    receiver_feed(&receiver, &byte, 1, line_ms());
}

static inline int line_get(void)
{
    if (line.back_out == line.back_in || (line.cut_after && line.bytes_sent > line.cut_after))
        return -1;
    return line.back[line.back_out++ % BACK_BYTES];
}

static inline uint64_t line_seconds(void)
{
    step();
    return line_ms() / 1000;
}

static inline bool on_start(void *ctx, const struct dump_facts *dump, struct ranges *have)
{
    (void)ctx;
    starts++;
    if (!dump)
        return true;
    assert_int_equal(dump->run, TRACED_RUN);
    assert_true(dump->length <= received_room);
    for (size_t i = 0; i < resume.count; i++)
        assert_true(ranges_add(have, resume.spans[i].start, resume.spans[i].end));
    return true;
}

static inline bool on_write(void *ctx, uint64_t offset, const uint8_t *bytes, size_t n)
{
    (void)ctx;
    assert_true(offset + n <= received_room);
    memcpy(received + offset, bytes, n);
    return true;
}

static inline int64_t on_read(void *ctx, uint64_t offset, void *to, size_t n)
{
    (void)ctx;
    memcpy(to, received + offset, n);
    return (int64_t)n;
}

static inline void on_text(void *ctx, const uint8_t *bytes, size_t n)
{
    (void)ctx;
    n = n < sizeof(console) - console_bytes ? n : sizeof(console) - console_bytes;
    memcpy(console + console_bytes, bytes, n);
    console_bytes += n;
}

static inline void on_send(void *ctx, const uint8_t *bytes, size_t n)
{
    (void)ctx;
    for (size_t i = 0; i < n; i++) {
        int got = through(bytes[i]);
        if (got >= 0)
            line.back[line.back_in++ % BACK_BYTES] = (uint8_t)got;
    }
}

static inline void set_up(bool two_way, unsigned damage, uint64_t seed)
{
    const struct receiver_io io = {.start = on_start,
                                   .write_at = on_write,
                                   .read_at = on_read,
                                   .text = on_text,
                                   .send = two_way ? on_send : NULL};
    memset(&line, 0, sizeof(line));
    line.seed = seed * 2654435761u + 1;
    line.damage = damage;
    console_bytes = 0;
    starts = 0;
    received_room = 8u << 20;
    free(received);
    received = calloc(1, received_room);
    assert_non_null(received);
    receiver_init(&receiver, &io, received_room);
}

static inline enum dump_end send_dump(void)
{
    static const struct dump_line to = {.put = line_put, .get = line_get, .seconds = line_seconds};
    static const struct dump_options options = {
        .compress = true, .wait_seconds = 10, .frame_payload = FRAME_PAYLOAD_FIRST};
    return dump_send(&traced_ring, traced_meta, (uint32_t)strlen(traced_meta), TRACED_RUN, &to, &options);
}

#endif
