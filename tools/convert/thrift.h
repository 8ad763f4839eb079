/* Thrift's compact protocol, as far as Parquet's headers take it: a struct's fields in ascending order. */
#ifndef ENGRAM_THRIFT_H
#define ENGRAM_THRIFT_H

#include "convert/bytes_out.h"

#define THRIFT_DEPTH 8u

struct thrift {
    struct bytes_out *out;
    unsigned depth;
    int16_t field[THRIFT_DEPTH]; /* the field before, in each struct that is open */
};

enum thrift_type {
    THRIFT_TRUE = 1,
    THRIFT_FALSE = 2,
    THRIFT_I32 = 5,
    THRIFT_I64 = 6,
    THRIFT_BINARY = 8,
    THRIFT_LIST = 9,
    THRIFT_STRUCT = 12
};

static inline void thrift_field(struct thrift *t, int16_t id, enum thrift_type type)
{
    int16_t step = (int16_t)(id - t->field[t->depth]);
    if (step > 0 && step < 16) {
        bytes_u8(t->out, (uint8_t)(step << 4 | (int)type));
    } else {
        bytes_u8(t->out, (uint8_t)type);
        bytes_zigzag(t->out, id);
    }
    t->field[t->depth] = id;
}

static inline void thrift_integer(struct thrift *t, int16_t id, enum thrift_type type, int64_t n)
{
    thrift_field(t, id, type);
    bytes_zigzag(t->out, n);
}

static inline void thrift_bytes(struct thrift *t, const void *bytes, size_t n)
{
    bytes_varint(t->out, n);
    bytes_put(t->out, bytes, n);
}

static inline void thrift_text(struct thrift *t, int16_t id, const char *text)
{
    thrift_field(t, id, THRIFT_BINARY);
    thrift_bytes(t, text, strlen(text));
}

static inline void thrift_list(struct thrift *t, int16_t id, enum thrift_type type, size_t count)
{
    thrift_field(t, id, THRIFT_LIST);
    if (count < 15) {
        bytes_u8(t->out, (uint8_t)(count << 4 | type));
    } else {
        bytes_u8(t->out, 0xf0 | (uint8_t)type);
        bytes_varint(t->out, count);
    }
}

/* A struct that is an element of a list, or the whole. */
static inline void thrift_begin(struct thrift *t)
{
    t->field[++t->depth] = 0;
}

static inline void thrift_begin_field(struct thrift *t, int16_t id)
{
    thrift_field(t, id, THRIFT_STRUCT);
    thrift_begin(t);
}

static inline void thrift_end(struct thrift *t)
{
    bytes_u8(t->out, 0);
    t->depth--;
}

#endif
