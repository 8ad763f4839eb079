/*
 * Apache Parquet: a row for each access, zstd-compressed, for DuckDB, pandas, Spark. Row groups are of a
 * million rows; what memory keeps is one of them, and for each some 2 KiB of footer.
 */
#include "command.h"
#include "convert/converter.h"
#include "convert/parquet_column.h"
#include "reader/cursor.h"

#include <stdlib.h>

#define MAGIC "PAR1"
#define GROUP_ROWS (1u << 20)

static const char *const kinds[PARQUET_NAMES_MAX] = {"r", "w", "", "", "", "", "", ""};
static const char *const modes[PARQUET_NAMES_MAX] = {"real", "16-bit", "32-bit", "64-bit", "", "", "", ""};
static const char *const causes[PARQUET_NAMES_MAX] = {"instruction", "exception",   "interrupt", "page-walk",
                                                      "descriptor",  "task-switch", "cause-6",   "cause-7"};

enum column {
    EVENT,
    ICOUNT,
    KIND,
    SIZE,
    GVA,
    GPA,
    GPA2,
    VALUE,
    DATA,
    RIP,
    CR3,
    CPL,
    MODE,
    PAGING,
    CAUSE,
    VECTOR,
    MMIO,
    LOCKED,
    REP,
    COLUMNS
};

static const struct parquet_shape shapes[COLUMNS] = {
    [EVENT] = {"event", PARQUET_COUNTER, false, NULL}, [ICOUNT] = {"icount", PARQUET_COUNTER, true, NULL},
    [KIND] = {"kind", PARQUET_NAME, false, kinds},     [SIZE] = {"size", PARQUET_SMALL, false, NULL},
    [GVA] = {"gva", PARQUET_NUMBER, false, NULL},      [GPA] = {"gpa", PARQUET_NUMBER, true, NULL},
    [GPA2] = {"gpa2", PARQUET_NUMBER, true, NULL},     [VALUE] = {"value", PARQUET_NUMBER, true, NULL},
    [DATA] = {"data", PARQUET_BYTES, true, NULL},      [RIP] = {"rip", PARQUET_NUMBER, false, NULL},
    [CR3] = {"cr3", PARQUET_NUMBER, false, NULL},      [CPL] = {"cpl", PARQUET_SMALL, false, NULL},
    [MODE] = {"mode", PARQUET_NAME, false, modes},     [PAGING] = {"paging", PARQUET_BOOL, false, NULL},
    [CAUSE] = {"cause", PARQUET_NAME, false, causes},  [VECTOR] = {"vector", PARQUET_SMALL, true, NULL},
    [MMIO] = {"mmio", PARQUET_BOOL, false, NULL},      [LOCKED] = {"locked", PARQUET_BOOL, false, NULL},
    [REP] = {"rep", PARQUET_BOOL, false, NULL},
};

struct parquet {
    struct parquet_column column[COLUMNS];
    uint64_t offset; /* in the file */
    uint64_t rows, group_rows;
    struct bytes_out groups; /* RowGroup elements of the footer */
    uint64_t group_count;
};

static bool put(struct parquet *p, struct conversion *c, const void *bytes, size_t n)
{
    p->offset += n;
    return convert_write(c, bytes, n);
}

static bool begin(void *state, struct conversion *c)
{
    struct parquet *p = state;
    for (unsigned i = 0; i < COLUMNS; i++)
        parquet_column_init(&p->column[i], &shapes[i]);
    return put(p, c, MAGIC, 4);
}

static bool end_group(struct parquet *p, struct conversion *c)
{
    struct thrift t = {.out = &p->groups};
    struct bytes_out chunk = {0};
    bool sound = true;
    uint64_t start = p->offset;
    if (p->group_rows == 0)
        return true;
    thrift_begin(&t);
    thrift_list(&t, 1, THRIFT_STRUCT, COLUMNS);
    for (unsigned i = 0; sound && i < COLUMNS; i++) {
        parquet_column_end_chunk(&p->column[i], p->offset, &chunk, &t);
        sound = put(p, c, chunk.bytes, chunk.count);
        chunk.count = 0;
    }
    thrift_integer(&t, 2, THRIFT_I64, (int64_t)(p->offset - start));
    thrift_integer(&t, 3, THRIFT_I64, (int64_t)p->group_rows);
    thrift_end(&t);
    free(chunk.bytes);
    p->group_count++;
    p->group_rows = 0;
    return sound;
}

static void add(struct parquet *p, enum column i, uint64_t n)
{
    parquet_column_add(&p->column[i], &n);
}

static void add_if(struct parquet *p, enum column i, bool there, uint64_t n)
{
    parquet_column_add(&p->column[i], there ? &n : NULL);
}

static bool on_access(void *state, struct conversion *c, const struct trace_item *item)
{
    struct parquet *p = state;
    const struct access *a = &item->access;
    bool narrow = a->has_data && a->size <= 8, wide = a->has_data && a->size > 8;
    add(p, EVENT, item->number);
    add_if(p, ICOUNT, item->icount_known, a->icount);
    add(p, KIND, a->kind);
    add(p, SIZE, a->size);
    add(p, GVA, a->gva);
    add_if(p, GPA, item->gpa_known, a->gpa);
    add_if(p, GPA2, item->gpa_known && (a->flags & ACCESS_CROSSES), a->gpa2);
    add_if(p, VALUE, narrow, narrow ? load_le(a->data, a->size) : 0);
    parquet_column_add_bytes(&p->column[DATA], wide ? a->data : NULL, a->size);
    add(p, RIP, a->rip);
    add(p, CR3, a->cr3);
    add(p, CPL, a->context & CONTEXT_CPL_MASK);
    add(p, MODE, a->context >> CONTEXT_MODE_SHIFT & 3);
    add(p, PAGING, a->context & CONTEXT_PAGING);
    add(p, CAUSE, a->cause & 7);
    add_if(p, VECTOR, a->cause == CAUSE_EXCEPTION || a->cause == CAUSE_INTERRUPT, a->vector);
    add(p, MMIO, a->flags & ACCESS_MMIO);
    add(p, LOCKED, a->flags & ACCESS_LOCKED);
    add(p, REP, a->flags & ACCESS_REP);
    p->rows++;
    if (++p->group_rows % PARQUET_PAGE_ROWS == 0)
        for (unsigned i = 0; i < COLUMNS; i++)
            parquet_column_end_page(&p->column[i]);
    return p->group_rows < GROUP_ROWS || end_group(p, c);
}

static void put_schema(struct thrift *t)
{
    thrift_list(t, 2, THRIFT_STRUCT, COLUMNS + 1);
    thrift_begin(t);
    thrift_text(t, 4, "access");
    thrift_integer(t, 5, THRIFT_I32, COLUMNS);
    thrift_end(t);
    for (unsigned i = 0; i < COLUMNS; i++)
        parquet_column_schema(&shapes[i], t);
}

/* META's text, so that a file says where it comes from. */
static void put_origin(const struct meta *meta, struct thrift *t)
{
    thrift_list(t, 5, THRIFT_STRUCT, meta->count);
    for (size_t i = 0; i < meta->count; i++) {
        char key[300];
        snprintf(key, sizeof(key), "engram.%s", meta->entries[i].key);
        thrift_begin(t);
        thrift_text(t, 1, key);
        thrift_text(t, 2, meta->entries[i].value);
        thrift_end(t);
    }
}

static bool end(void *state, struct conversion *c)
{
    struct parquet *p = state;
    struct bytes_out footer = {0};
    struct thrift t = {.out = &footer};
    if (!end_group(p, c))
        return false;
    thrift_begin(&t);
    thrift_integer(&t, 1, THRIFT_I32, 2);
    put_schema(&t);
    thrift_integer(&t, 3, THRIFT_I64, (int64_t)p->rows);
    thrift_list(&t, 4, THRIFT_STRUCT, p->group_count);
    bytes_put(&footer, p->groups.bytes, p->groups.count);
    if (c->meta && c->meta->count)
        put_origin(c->meta, &t);
    thrift_text(&t, 6, "engram");
    thrift_list(&t, 7, THRIFT_STRUCT, COLUMNS); /* column_orders: the type's own, which min and max follow */
    for (unsigned i = 0; i < COLUMNS; i++) {
        thrift_begin(&t);
        thrift_begin_field(&t, 1);
        thrift_end(&t);
        thrift_end(&t);
    }
    thrift_end(&t);
    bytes_le(&footer, footer.count, 4);
    bytes_put(&footer, MAGIC, 4);
    bool sound = footer.count <= INT32_MAX
                     ? put(p, c, footer.bytes, footer.count)
                     : convert_fail(c, "too many row groups for one file; use --from and --to");
    free(footer.bytes);
    return sound;
}

static void destroy(void *state)
{
    struct parquet *p = state;
    for (unsigned i = 0; i < COLUMNS; i++)
        if (p->column[i].shape)
            parquet_column_free(&p->column[i]);
    free(p->groups.bytes);
}

const struct converter convert_parquet = {
    .name = "parquet",
    .what = "Apache Parquet for DuckDB, pandas, Spark (docs/scale.md)",
    .lacks = "what stands between accesses (interrupts, marks, losses)",
    .binary = true,
    .state_bytes = sizeof(struct parquet),
    .begin = begin,
    .access = on_access,
    .end = end,
    .destroy = destroy,
};
