/* One column of a Parquet file: values come together to pages, pages to the column's chunk in a row group. */
#ifndef ENGRAM_PARQUET_COLUMN_H
#define ENGRAM_PARQUET_COLUMN_H

#include "convert/bytes_out.h"
#include "convert/thrift.h"
#include "table.h"

#include <stdbool.h>

#define PARQUET_PAGE_ROWS 65536u
#define PARQUET_NAMES_MAX 8u

enum parquet_kind {
    PARQUET_COUNTER, /* 64 bits, ascending most of the time */
    PARQUET_NUMBER,  /* 64 bits */
    PARQUET_SMALL,   /* 8 bits */
    PARQUET_NAME,    /* one of a few texts, by its index */
    PARQUET_BOOL,
    PARQUET_BYTES,
};

struct parquet_shape {
    const char *name;
    enum parquet_kind kind;
    bool optional;
    const char *const *names; /* of PARQUET_NAME */
};

struct parquet_column {
    const struct parquet_shape *shape;
    /* The page under way. */
    uint64_t *values;       /* those that are there */
    uint32_t *present;      /* of each row, 0 or 1; for optional columns */
    struct bytes_out bytes; /* PARQUET_BYTES: lengths and contents */
    size_t rows, count;
    /* The chunk under way: finished pages, compressed. */
    struct bytes_out chunk;
    uint64_t chunk_rows, uncompressed;
    bool encodings[9];       /* that pages have used */
    struct table dictionary; /* number to its index + 1 */
    struct bytes_out dictionary_values;
    bool dictionary_full; /* there are too many different ones: the rest is plain */
    uint64_t least, most; /* of the chunk */
    bool any;
};

void parquet_column_init(struct parquet_column *c, const struct parquet_shape *shape);
void parquet_column_free(struct parquet_column *c);

/* Adds a row; NULL: it is null. */
void parquet_column_add(struct parquet_column *c, const uint64_t *value);
void parquet_column_add_bytes(struct parquet_column *c, const uint8_t *bytes, size_t n); /* NULL: null */

/* Ends the page under way. */
void parquet_column_end_page(struct parquet_column *c);

/*
 * Ends the chunk: its bytes, which are to be written at `offset` of the file, and its ColumnChunk for the
 * footer. The caller empties *out.
 */
void parquet_column_end_chunk(struct parquet_column *c, uint64_t offset, struct bytes_out *out,
                              struct thrift *t);

/* Its SchemaElement. */
void parquet_column_schema(const struct parquet_shape *shape, struct thrift *t);

#endif
