/* Runs, packed bits, differences. */
#include "convert/parquet_encode.h"

#define GROUP 8u    /* numbers that are packed together */
#define RUN_MIN 16u /* equal numbers that are worth a run */
#define BLOCK 128u  /* differences in a block */
#define MINIBLOCK 32u

/* `count` numbers of `width` bits, least significant bit first; count * width is a multiple of 8. */
static void pack(struct bytes_out *out, const uint64_t *numbers, size_t count, unsigned width)
{
    uint8_t *p = bytes_room(out, count * width / 8 + 16);
    size_t bit = 0;
    memset(p, 0, count * width / 8 + 1);
    for (size_t i = 0; i < count && width; i++, bit += width) {
        unsigned shift = bit % 8;
        unsigned __int128 n = (unsigned __int128)numbers[i] << shift;
        uint8_t *at = p + bit / 8;
        for (unsigned k = 0; k < (shift + width + 7) / 8; k++, n >>= 8)
            at[k] = k ? (uint8_t)n : at[k] | (uint8_t)n;
    }
    out->count += count * width / 8;
}

static size_t equal_from(const uint32_t *numbers, size_t count)
{
    size_t n = 1;
    while (n < count && numbers[n] == numbers[0])
        n++;
    return n;
}

static void put_packed(struct bytes_out *out, const uint32_t *numbers, size_t count, unsigned width)
{
    uint64_t group[GROUP];
    size_t groups = (count + GROUP - 1) / GROUP;
    if (groups == 0)
        return;
    bytes_varint(out, groups << 1 | 1);
    for (size_t i = 0; i < groups; i++) {
        for (unsigned k = 0; k < GROUP; k++)
            group[k] = i * GROUP + k < count ? numbers[i * GROUP + k] : 0;
        pack(out, group, GROUP, width);
    }
}

void parquet_hybrid(struct bytes_out *out, const uint32_t *numbers, size_t count, unsigned width)
{
    size_t literal = 0, at = 0; /* [literal, at) waits to be packed: whole groups, but for the end */
    while (at < count) {
        size_t n = equal_from(numbers + at, count - at);
        if (n >= RUN_MIN) {
            size_t rest = (at - literal) % GROUP; /* of a run its head fills the last group up */
            size_t fill = rest ? GROUP - rest : 0;
            put_packed(out, numbers + literal, at + fill - literal, width);
            bytes_varint(out, (n - fill) << 1);
            bytes_le(out, numbers[at], (width + 7) / 8);
            literal = at += n;
        } else {
            at += n;
        }
    }
    put_packed(out, numbers + literal, count - literal, width);
}

static uint64_t smallest(const uint64_t *deltas, size_t count)
{
    int64_t least = (int64_t)deltas[0];
    for (size_t i = 1; i < count; i++)
        least = (int64_t)deltas[i] < least ? (int64_t)deltas[i] : least;
    return (uint64_t)least;
}

static void put_block(struct bytes_out *out, uint64_t *deltas, size_t count)
{
    uint64_t least = smallest(deltas, count);
    uint8_t width[BLOCK / MINIBLOCK] = {0};
    bytes_zigzag(out, (int64_t)least);
    for (size_t i = 0; i < BLOCK; i++) {
        deltas[i] = i < count ? deltas[i] - least : 0;
        unsigned w = parquet_width(deltas[i]);
        width[i / MINIBLOCK] = w > width[i / MINIBLOCK] ? (uint8_t)w : width[i / MINIBLOCK];
    }
    bytes_put(out, width, sizeof(width));
    for (size_t i = 0; i < BLOCK / MINIBLOCK && i * MINIBLOCK < count; i++)
        pack(out, deltas + i * MINIBLOCK, MINIBLOCK, width[i]);
}

void parquet_delta(struct bytes_out *out, const uint64_t *numbers, size_t count)
{
    uint64_t deltas[BLOCK];
    bytes_varint(out, BLOCK);
    bytes_varint(out, BLOCK / MINIBLOCK);
    bytes_varint(out, count);
    bytes_zigzag(out, count ? (int64_t)numbers[0] : 0);
    for (size_t at = 1; at < count;) {
        size_t n = 0;
        for (; n < BLOCK && at < count; n++, at++)
            deltas[n] = numbers[at] - numbers[at - 1];
        put_block(out, deltas, n);
    }
}
