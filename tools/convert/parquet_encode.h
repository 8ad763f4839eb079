/* Encodings of Parquet's pages (its Encodings.md). */
#ifndef ENGRAM_PARQUET_ENCODE_H
#define ENGRAM_PARQUET_ENCODE_H

#include "convert/bytes_out.h"

/* RLE / bit-packing hybrid of numbers that take `width` bits, without length or width before it. */
void parquet_hybrid(struct bytes_out *out, const uint32_t *numbers, size_t count, unsigned width);

/* DELTA_BINARY_PACKED. */
void parquet_delta(struct bytes_out *out, const uint64_t *numbers, size_t count);

/* Bits that a number up to this takes. */
static inline unsigned parquet_width(uint64_t most)
{
    return most ? 64 - (unsigned)__builtin_clzll(most) : 0;
}

#endif
