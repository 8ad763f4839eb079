/* libFuzzer: the receiver on any bytes of a line, in pieces and with silences in between. */
#include "recv/receiver.h"
#include "trace/crc32c.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_BYTES (1u << 18)
static uint8_t file[FILE_BYTES];

static bool on_start(void *ctx, const struct dump_facts *dump, struct ranges *have)
{
    (void)ctx;
    if (dump && (dump->length > FILE_BYTES || dump->first_event > dump->end_event))
        abort();
    /* Some runs were begun before. */
    return !dump || !(dump->run & 1) || dump->length < 64 || ranges_add(have, 16, 48);
}

static bool on_write(void *ctx, uint64_t offset, const uint8_t *bytes, size_t n)
{
    (void)ctx;
    if (offset > FILE_BYTES || n > FILE_BYTES - offset)
        abort();
    memcpy(file + offset, bytes, n);
    return true;
}

static int64_t on_read(void *ctx, uint64_t offset, void *to, size_t n)
{
    (void)ctx;
    if (offset > FILE_BYTES || n > FILE_BYTES - offset)
        abort();
    memcpy(to, file + offset, n);
    return (int64_t)n;
}

static void on_text(void *ctx, const uint8_t *bytes, size_t n)
{
    volatile uint8_t *sum = ctx;
    for (size_t i = 0; i < n; i++)
        *sum = (uint8_t)(*sum + bytes[i]);
}

static void on_send(void *ctx, const uint8_t *bytes, size_t n)
{
    on_text(ctx, bytes, n);
    if (n > FRAME_BYTES_MAX || n < FRAME_HEADER_BYTES + FRAME_CRC_BYTES)
        abort();
}

/* Puts the right CRC behind everything that could be a frame; else no frame would ever be seen. */
static void repair(uint8_t *line, size_t n)
{
    for (size_t at = 0; at < n; at++) {
        if (line[at] != FRAME_START || n - at < FRAME_HEADER_BYTES + FRAME_CRC_BYTES)
            continue;
        size_t bytes = line[at + 2] | (size_t)line[at + 3] << 8;
        if (bytes > FRAME_PAYLOAD_MAX || n - at < FRAME_HEADER_BYTES + bytes + FRAME_CRC_BYTES)
            continue;
        uint32_t crc = crc32c(line + at + 1, FRAME_HEADER_BYTES - 1 + bytes);
        memcpy(line + at + FRAME_HEADER_BYTES + bytes, &crc, sizeof(crc));
        at += FRAME_HEADER_BYTES + bytes + FRAME_CRC_BYTES - 1;
    }
}

static void check_ranges(const struct receiver *r)
{
    uint64_t total = 0;
    for (size_t i = 0; i < r->have.count; i++) {
        const struct span *s = &r->have.spans[i];
        if (s->start >= s->end || (i && s->start <= r->have.spans[i - 1].end))
            abort();
        total += s->end - s->start;
    }
    if (total != r->have.total || (r->known && total > r->dump.length))
        abort();
}

/* First byte: bit 0 two-way, bit 1 repair the CRCs; second: length of the pieces; third: milliseconds between
 * them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    size_t n = size - 3, piece = data[1] ? data[1] : n + 1;
    uint8_t *line = malloc(n + 1), sum = 0;
    if (!line)
        return 0;
    memcpy(line, data + 3, n);
    if (data[0] & 2)
        repair(line, n);
    const struct receiver_io io = {.ctx = &sum,
                                   .start = on_start,
                                   .write_at = on_write,
                                   .read_at = on_read,
                                   .text = on_text,
                                   .send = data[0] & 1 ? on_send : NULL};
    static struct receiver r;
    receiver_init(&r, &io, FILE_BYTES);
    uint64_t now = 0;
    for (size_t at = 0; at < n; at += piece) {
        receiver_feed(&r, line + at, n - at < piece ? n - at : piece, now);
        check_ranges(&r);
        now += data[2];
        receiver_tick(&r, now);
    }
    for (unsigned i = 0; i < 20; i++)
        receiver_tick(&r, now += 100);
    receiver_finish(&r);
    check_ranges(&r);
    receiver_free(&r);
    free(line);
    return 0;
}
