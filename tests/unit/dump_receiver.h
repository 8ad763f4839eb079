/*
 * A receiver of dumps and a line to it, in memory: the line loses and spoils bytes, the receiver asks again.
 * Written from docs/format.md; shares only the CRC with the sender.
 */
#ifndef ENGRAM_TESTS_RECEIVER_H
#define ENGRAM_TESTS_RECEIVER_H

#include "unit.h"

#include "trace/crc32c.h"
#include "trace/dump.h"

#define FILE_MAX (4u << 20)

static struct receiver {
    /* how the test sets it up */
    bool answers;         /* two-way */
    unsigned noise;       /* bytes in 10000 that are dropped or changed, each way */
    uint16_t ask_payload; /* of REQUEST */
    bool eager;           /* asks at BEGIN already */
    /* the line */
    uint8_t back[1 << 16]; /* to the sender */
    size_t back_in, back_out;
    uint64_t ticks, seed;
    /* what came */
    uint8_t frame[2048];
    size_t frame_have;
    uint8_t file[FILE_MAX], have[FILE_MAX];
    uint64_t length, run, first_event, end_event, data_bytes;
    uint32_t crc, longest;
    unsigned begins, ends, requests, bad;
    bool whole;
    char text[4096];
    size_t text_bytes;
} rx;

static inline uint64_t rx_random(void)
{
    rx.seed ^= rx.seed << 13;
    rx.seed ^= rx.seed >> 7;
    rx.seed ^= rx.seed << 17;
    return rx.seed;
}

/* True when the byte gets through, changed perhaps. */
static inline bool rx_line(uint8_t *byte)
{
    if (rx_random() % 10000 >= rx.noise)
        return true;
    if (rx_random() % 2)
        return false;
    *byte ^= (uint8_t)(1 << rx_random() % 8);
    return true;
}

static inline uint64_t rx_le(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static inline void rx_send_raw(const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = ((const uint8_t *)bytes)[i];
        if (rx_line(&byte))
            rx.back[rx.back_in++ % sizeof(rx.back)] = byte;
    }
}

static inline void rx_send_frame(uint8_t type, const uint8_t *payload, uint16_t n)
{
    uint8_t frame[2048] = {0xf7, type, (uint8_t)n, (uint8_t)(n >> 8)};
    memcpy(frame + 12, payload, n);
    uint32_t crc = crc32c(frame + 1, 11u + n);
    for (int i = 0; i < 4; i++)
        frame[12 + n + i] = (uint8_t)(crc >> 8 * i);
    rx_send_raw(frame, 16u + n);
}

static inline void rx_put_le(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

/* Asks for missing parts, now one, now up to eight, or says that there are none. */
static inline void rx_answer(void)
{
    uint8_t payload[2 + 8 * 16] = {(uint8_t)rx.ask_payload, (uint8_t)(rx.ask_payload >> 8)};
    unsigned parts = 0, most = 1 + rx.requests % 8;
    for (uint64_t i = 0; i < rx.length && parts < most; i++) {
        uint64_t start = i;
        while (i < rx.length && !rx.have[i])
            i++;
        if (i > start) {
            rx_put_le(payload + 2 + parts * 16, start);
            rx_put_le(payload + 10 + parts * 16, i - start);
            parts++;
        }
    }
    rx.whole = parts == 0;
    rx.requests += parts > 0;
    rx_send_frame(parts ? 0x41 : 0x42, payload, parts ? (uint16_t)(2 + parts * 16) : 0);
}

static inline void rx_frame(void)
{
    const uint8_t *payload = rx.frame + 12;
    uint64_t n = rx_le(rx.frame + 2, 2), offset = rx_le(rx.frame + 4, 8);

    switch (rx.frame[1]) {
    case 1:
    case 3:
        assert_int_equal(n, rx.frame[1] == 1 ? 32 : 36);
        rx.length = rx_le(payload, 8);
        rx.run = rx_le(payload + 8, 8);
        rx.first_event = rx_le(payload + 16, 8);
        rx.end_event = rx_le(payload + 24, 8);
        assert_true(rx.length <= FILE_MAX);
        if (rx.frame[1] == 1) {
            rx.begins++;
        } else {
            rx.ends++;
            rx.crc = (uint32_t)rx_le(payload + 32, 4);
        }
        if (rx.answers && (rx.frame[1] == 3 || rx.eager))
            rx_answer();
        break;
    case 2:
        assert_true(n > 0 && offset + n <= rx.length);
        memcpy(rx.file + offset, payload, n);
        memset(rx.have + offset, 1, n);
        rx.data_bytes += n;
        if (n > rx.longest)
            rx.longest = (uint32_t)n;
        if (rx.eager && rx.answers && !memchr(rx.have, 0, rx.length))
            rx_answer();
        break;
    case 4:
        assert_true(rx.text_bytes + n < sizeof(rx.text));
        memcpy(rx.text + rx.text_bytes, payload, n);
        rx.text_bytes += n;
        break;
    default:
        fail_msg("frame type %02x", rx.frame[1]);
    }
}

static inline void rx_put(uint8_t byte)
{
    rx.ticks++;
    if (!rx_line(&byte))
        return;
    rx.frame[rx.frame_have++] = byte;
    for (;;) {
        size_t drop = 1;
        if (!rx.frame_have)
            return;
        if (rx.frame[0] == 0xf7) {
            if (rx.frame_have < 12)
                return;
            uint64_t n = rx_le(rx.frame + 2, 2);
            if (n <= 1024) {
                if (rx.frame_have < 16 + n)
                    return;
                if (rx_le(rx.frame + 12 + n, 4) == crc32c(rx.frame + 1, 11 + n)) {
                    rx_frame();
                    drop = 16 + n;
                }
            }
        }
        rx.bad += drop == 1;
        rx.frame_have -= drop;
        memmove(rx.frame, rx.frame + drop, rx.frame_have);
    }
}

static inline int rx_get(void)
{
    rx.ticks++;
    if (rx.back_out == rx.back_in)
        return -1;
    return rx.back[rx.back_out++ % sizeof(rx.back)];
}

static inline uint64_t rx_seconds(void)
{
    return ++rx.ticks / 20000;
}

static const struct dump_line rx_line_functions = {rx_put, rx_get, rx_seconds};

static inline void rx_reset(bool answers, unsigned noise)
{
    memset(&rx, 0, sizeof(rx));
    rx.answers = answers;
    rx.noise = noise;
    rx.ask_payload = 64;
    rx.seed = 123456789;
}

#endif
