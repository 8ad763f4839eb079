/*
 * DynamoRIO's drmemtrace: trace_entry_t records of 12 bytes (type, size, address), version 4. Instructions
 * are not fetched in a trace, so the code of an access is told as filtered traces tell it: by an instruction
 * record of size 0 before it. All is one thread.
 */
#include "convert/converter.h"
#include "reader/cursor.h"

#define RECORD_BYTES 12u
#define VERSION 4u /* that of entries without branch information */

/* trace_type_t */
enum {
    TYPE_READ = 0,
    TYPE_WRITE = 1,
    TYPE_INSTR = 10,
    TYPE_THREAD = 22,
    TYPE_THREAD_EXIT = 23,
    TYPE_PID = 24,
    TYPE_HEADER = 25,
    TYPE_FOOTER = 26,
    TYPE_MARKER = 28
};
/* trace_marker_type_t: the size of a marker record */
enum { MARKER_FILETYPE = 9, MARKER_CACHE_LINE = 10, MARKER_VERSION = 12, MARKER_PAGE_SIZE = 18 };
/* offline_file_type_t: x86-64, instructions and data filtered */
#define FILETYPE (0x40u | 0x80u | 0x100u)

struct drmemtrace {
    uint64_t pc;
    bool pc_known;
};

static bool put(struct conversion *c, unsigned type, unsigned size, uint64_t address)
{
    uint8_t record[RECORD_BYTES];
    store_le(record, type, 2);
    store_le(record + 2, size, 2);
    store_le(record + 4, address, 8);
    return convert_write(c, record, sizeof(record));
}

static bool begin(void *state, struct conversion *c)
{
    (void)state;
    return put(c, TYPE_HEADER, 0, VERSION) && put(c, TYPE_THREAD, 0, 1) && put(c, TYPE_PID, 0, 1) &&
           put(c, TYPE_MARKER, MARKER_VERSION, VERSION) && put(c, TYPE_MARKER, MARKER_FILETYPE, FILETYPE) &&
           put(c, TYPE_MARKER, MARKER_CACHE_LINE, 64) && put(c, TYPE_MARKER, MARKER_PAGE_SIZE, 4096);
}

static bool on_access(void *state, struct conversion *c, const struct trace_item *item)
{
    struct drmemtrace *d = state;
    const struct access *a = &item->access;
    if ((!d->pc_known || d->pc != a->rip) && !put(c, TYPE_INSTR, 0, a->rip))
        return false;
    d->pc = a->rip;
    d->pc_known = true;
    c->changed += c->physical && (a->flags & ACCESS_CROSSES);
    return put(c, a->kind == ACCESS_WRITE ? TYPE_WRITE : TYPE_READ, a->size, c->physical ? a->gpa : a->gva);
}

static bool end(void *state, struct conversion *c)
{
    (void)state;
    return put(c, TYPE_THREAD_EXIT, 0, 1) && put(c, TYPE_FOOTER, 0, 0);
}

const struct converter convert_drmemtrace = {
    .name = "drmemtrace",
    .what =
        "DynamoRIO's drmemtrace (offline, trace version 4), for its cache and TLB simulators and analyzers",
    .lacks = "instructions without accesses and their lengths, data, processes, causes",
    .binary = true,
    .one_address = true,
    .state_bytes = sizeof(struct drmemtrace),
    .begin = begin,
    .access = on_access,
    .end = end,
};
