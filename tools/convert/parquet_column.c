/* Pages and chunks. Numbers are those of parquet.thrift. */
#include "convert/parquet_column.h"
#include "convert/parquet_encode.h"

#include <stdlib.h>
#include <zstd.h>

#define ZSTD_LEVEL 1
#define DICTIONARY_MAX 32768u

enum { TYPE_BOOLEAN = 0, TYPE_INT32 = 1, TYPE_INT64 = 2, TYPE_BYTE_ARRAY = 6 };
enum { CONVERTED_UTF8 = 0, CONVERTED_UINT_8 = 11, CONVERTED_UINT_64 = 14 };
enum { ENCODING_PLAIN = 0, ENCODING_RLE = 3, ENCODING_DELTA_BINARY_PACKED = 5, ENCODING_RLE_DICTIONARY = 8 };
enum { PAGE_DATA = 0, PAGE_DICTIONARY = 2 };
enum { CODEC_ZSTD = 6 };

void parquet_column_init(struct parquet_column *c, const struct parquet_shape *shape)
{
    *c = (struct parquet_column){.shape = shape};
    c->values = need(PARQUET_PAGE_ROWS * sizeof(*c->values));
    c->present = need(PARQUET_PAGE_ROWS * sizeof(*c->present));
    table_init(&c->dictionary, sizeof(uint32_t));
}

void parquet_column_free(struct parquet_column *c)
{
    free(c->values);
    free(c->present);
    free(c->bytes.bytes);
    free(c->chunk.bytes);
    free(c->dictionary_values.bytes);
    table_free(&c->dictionary);
}

void parquet_column_add(struct parquet_column *c, const uint64_t *value)
{
    c->present[c->rows++] = value != NULL;
    if (value)
        c->values[c->count++] = *value;
}

void parquet_column_add_bytes(struct parquet_column *c, const uint8_t *bytes, size_t n)
{
    c->present[c->rows++] = bytes != NULL;
    if (!bytes)
        return;
    bytes_le(&c->bytes, n, 4);
    bytes_put(&c->bytes, bytes, n);
    c->count++;
}

/* ---- pages --------------------------------------------------------------------------- */

static bool is_wide(const struct parquet_column *c)
{
    return c->shape->kind == PARQUET_COUNTER || c->shape->kind == PARQUET_NUMBER;
}

static void note_limits(struct parquet_column *c)
{
    for (size_t i = 0; i < c->count && is_wide(c); i++) {
        uint64_t n = c->values[i];
        c->least = !c->any || n < c->least ? n : c->least;
        c->most = !c->any || n > c->most ? n : c->most;
        c->any = true;
    }
}

/* The page's numbers as indices into the dictionary, which grows. False: it would grow too large. */
static bool to_indices(struct parquet_column *c, uint32_t *indices)
{
    for (size_t i = 0; i < c->count; i++) {
        uint32_t *index = table_get(&c->dictionary, c->values[i]);
        if (!*index) {
            if (c->dictionary.count > DICTIONARY_MAX)
                return false;
            bytes_le(&c->dictionary_values, c->values[i], is_wide(c) ? 8 : 4);
            *index = (uint32_t)c->dictionary.count;
        }
        indices[i] = *index - 1;
    }
    return true;
}

static void put_indices(struct bytes_out *out, const uint32_t *indices, size_t count, uint64_t most)
{
    unsigned width = parquet_width(most);
    bytes_u8(out, (uint8_t)width);
    parquet_hybrid(out, indices, count, width);
}

static void put_plain(struct parquet_column *c, struct bytes_out *out)
{
    for (size_t i = 0; i < c->count; i++)
        bytes_le(out, c->values[i], is_wide(c) ? 8 : 4);
}

static void put_bits(struct parquet_column *c, struct bytes_out *out)
{
    for (size_t i = 0; i < c->count; i += 8) {
        uint8_t byte = 0;
        for (size_t k = i; k < c->count && k < i + 8; k++)
            byte |= (uint8_t)((c->values[k] != 0) << (k - i));
        bytes_u8(out, byte);
    }
}

/* The values in the encoding that suits them: which it was. */
static int put_values(struct parquet_column *c, struct bytes_out *out, uint32_t *scratch)
{
    switch (c->shape->kind) {
    case PARQUET_COUNTER:
        parquet_delta(out, c->values, c->count);
        return ENCODING_DELTA_BINARY_PACKED;
    case PARQUET_BOOL:
        put_bits(c, out);
        return ENCODING_PLAIN;
    case PARQUET_BYTES:
        bytes_put(out, c->bytes.bytes, c->bytes.count);
        return ENCODING_PLAIN;
    case PARQUET_NAME:
        for (size_t i = 0; i < c->count; i++)
            scratch[i] = (uint32_t)c->values[i];
        put_indices(out, scratch, c->count, PARQUET_NAMES_MAX - 1);
        return ENCODING_RLE_DICTIONARY;
    default:
        break;
    }
    if (!c->dictionary_full && to_indices(c, scratch)) {
        put_indices(out, scratch, c->count, c->dictionary.count ? c->dictionary.count - 1 : 0);
        return ENCODING_RLE_DICTIONARY;
    }
    c->dictionary_full = true;
    put_plain(c, out);
    return ENCODING_PLAIN;
}

/* A page's header and its compressed body, behind what is in `out`. */
static void put_page(struct parquet_column *c, struct bytes_out *out, int type, size_t values, int encoding,
                     const struct bytes_out *body)
{
    size_t most = ZSTD_compressBound(body->count);
    uint8_t *packed = need(most);
    size_t n = ZSTD_compress(packed, most, body->bytes, body->count, ZSTD_LEVEL), before = out->count;
    struct thrift t = {.out = out};
    thrift_begin(&t);
    thrift_integer(&t, 1, THRIFT_I32, type);
    thrift_integer(&t, 2, THRIFT_I32, (int64_t)body->count);
    thrift_integer(&t, 3, THRIFT_I32, (int64_t)n);
    thrift_begin_field(&t, type == PAGE_DATA ? 5 : 7);
    thrift_integer(&t, 1, THRIFT_I32, (int64_t)values);
    thrift_integer(&t, 2, THRIFT_I32, encoding);
    if (type == PAGE_DATA) {
        thrift_integer(&t, 3, THRIFT_I32, ENCODING_RLE);
        thrift_integer(&t, 4, THRIFT_I32, ENCODING_RLE);
    }
    thrift_end(&t);
    thrift_end(&t);
    c->uncompressed += out->count - before + body->count;
    bytes_put(out, packed, n);
    c->encodings[encoding] = true;
    free(packed);
}

void parquet_column_end_page(struct parquet_column *c)
{
    struct bytes_out body = {0};
    uint32_t *scratch = need(PARQUET_PAGE_ROWS * sizeof(*scratch));
    if (c->rows == 0) {
        free(scratch);
        return;
    }
    note_limits(c);
    if (c->shape->optional) {
        struct bytes_out levels = {0};
        parquet_hybrid(&levels, c->present, c->rows, 1);
        bytes_le(&body, levels.count, 4);
        bytes_put(&body, levels.bytes, levels.count);
        free(levels.bytes);
    }
    int encoding = put_values(c, &body, scratch);
    put_page(c, &c->chunk, PAGE_DATA, c->rows, encoding, &body);
    c->chunk_rows += c->rows;
    c->rows = c->count = c->bytes.count = 0;
    free(body.bytes);
    free(scratch);
}

/* ---- chunks ------------------------------------------------------------------------------ */

static int physical_type(const struct parquet_shape *s)
{
    switch (s->kind) {
    case PARQUET_COUNTER:
    case PARQUET_NUMBER:
        return TYPE_INT64;
    case PARQUET_SMALL:
        return TYPE_INT32;
    case PARQUET_BOOL:
        return TYPE_BOOLEAN;
    default:
        return TYPE_BYTE_ARRAY;
    }
}

static void put_dictionary(struct parquet_column *c, struct bytes_out *out)
{
    struct bytes_out names = {0};
    if (c->shape->kind == PARQUET_NAME) {
        for (unsigned i = 0; i < PARQUET_NAMES_MAX; i++) {
            bytes_le(&names, strlen(c->shape->names[i]), 4);
            bytes_put(&names, c->shape->names[i], strlen(c->shape->names[i]));
        }
        put_page(c, out, PAGE_DICTIONARY, PARQUET_NAMES_MAX, ENCODING_PLAIN, &names);
    } else {
        size_t count = c->dictionary_values.count / (is_wide(c) ? 8 : 4);
        put_page(c, out, PAGE_DICTIONARY, count, ENCODING_PLAIN, &c->dictionary_values);
    }
    free(names.bytes);
}

static void put_statistics(const struct parquet_column *c, struct thrift *t)
{
    uint8_t limit[8];
    if (!c->any)
        return;
    thrift_begin_field(t, 12);
    for (int16_t id = 5; id <= 6; id++) { /* max_value, min_value */
        uint64_t n = id == 5 ? c->most : c->least;
        for (unsigned i = 0; i < 8; i++)
            limit[i] = (uint8_t)(n >> 8 * i);
        thrift_field(t, id, THRIFT_BINARY);
        thrift_bytes(t, limit, sizeof(limit));
    }
    thrift_end(t);
}

static void put_metadata(const struct parquet_column *c, uint64_t offset, bool dictionary,
                         uint64_t dictionary_bytes, uint64_t bytes, struct thrift *t)
{
    size_t encodings = 0;
    thrift_begin(t);
    thrift_integer(t, 2, THRIFT_I64, (int64_t)offset);
    thrift_begin_field(t, 3);
    thrift_integer(t, 1, THRIFT_I32, physical_type(c->shape));
    for (unsigned i = 0; i < 9; i++)
        encodings += c->encodings[i] || i == ENCODING_RLE;
    thrift_list(t, 2, THRIFT_I32, encodings);
    for (unsigned i = 0; i < 9; i++)
        if (c->encodings[i] || i == ENCODING_RLE)
            bytes_zigzag(t->out, i);
    thrift_list(t, 3, THRIFT_BINARY, 1);
    thrift_bytes(t, c->shape->name, strlen(c->shape->name));
    thrift_integer(t, 4, THRIFT_I32, CODEC_ZSTD);
    thrift_integer(t, 5, THRIFT_I64, (int64_t)c->chunk_rows);
    thrift_integer(t, 6, THRIFT_I64, (int64_t)c->uncompressed);
    thrift_integer(t, 7, THRIFT_I64, (int64_t)bytes);
    thrift_integer(t, 9, THRIFT_I64, (int64_t)(offset + dictionary_bytes));
    if (dictionary)
        thrift_integer(t, 11, THRIFT_I64, (int64_t)offset);
    put_statistics(c, t);
    thrift_end(t);
    thrift_end(t);
}

void parquet_column_end_chunk(struct parquet_column *c, uint64_t offset, struct bytes_out *out,
                              struct thrift *t)
{
    parquet_column_end_page(c);
    size_t before = out->count;
    bool dictionary = c->encodings[ENCODING_RLE_DICTIONARY];
    if (dictionary)
        put_dictionary(c, out);
    uint64_t dictionary_bytes = out->count - before;
    bytes_put(out, c->chunk.bytes, c->chunk.count);
    put_metadata(c, offset, dictionary, dictionary_bytes, out->count - before, t);
    c->chunk.count = c->dictionary_values.count = 0;
    c->chunk_rows = c->uncompressed = 0;
    memset(c->encodings, 0, sizeof(c->encodings));
    table_clear(&c->dictionary);
    c->dictionary_full = c->any = false;
}

void parquet_column_schema(const struct parquet_shape *s, struct thrift *t)
{
    enum { REQUIRED = 0, OPTIONAL = 1 };
    thrift_begin(t);
    thrift_integer(t, 1, THRIFT_I32, physical_type(s));
    thrift_integer(t, 3, THRIFT_I32, s->optional ? OPTIONAL : REQUIRED);
    thrift_text(t, 4, s->name);
    if (s->kind == PARQUET_NAME)
        thrift_integer(t, 6, THRIFT_I32, CONVERTED_UTF8);
    else if (s->kind == PARQUET_SMALL)
        thrift_integer(t, 6, THRIFT_I32, CONVERTED_UINT_8);
    else if (physical_type(s) == TYPE_INT64)
        thrift_integer(t, 6, THRIFT_I32, CONVERTED_UINT_64);
    thrift_end(t);
}
