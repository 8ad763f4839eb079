#include "trace/frame.h"

#include "trace/bytes.h"
#include "trace/crc32c.h"

/* What comes in meanwhile has a FIFO of 16 bytes (16550) to wait in; to look costs as much as to send. */
#define LOOK_EVERY 8u

static void put_bytes(const struct frame_line *line, const uint8_t *bytes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        line->put(bytes[i]);
        if (i % LOOK_EVERY == 0)
            line->between();
    }
}

void frame_send(const struct frame_line *line, enum frame_type type, uint64_t offset, const void *payload,
                uint32_t bytes)
{
    uint8_t head[FRAME_HEADER_BYTES] = {FRAME_START, (uint8_t)type};
    uint8_t tail[FRAME_CRC_BYTES];

    store16(head + 2, (uint16_t)bytes);
    store64(head + 4, offset);
    store32(tail, crc32c_more(crc32c(head + 1, FRAME_HEADER_BYTES - 1), payload, bytes));
    put_bytes(line, head, sizeof(head));
    put_bytes(line, payload, bytes);
    put_bytes(line, tail, sizeof(tail));
}
