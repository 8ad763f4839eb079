/*
 * NumPy's .npy, version 1: one array of records of 64 bytes. How many there are stands in the header, which
 * is written again at the end.
 */
#include "command.h"
#include "convert/converter.h"
#include "reader/cursor.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define HEADER_BYTES 512u /* with its magic; a multiple of 64 */
#define PREFIX_BYTES 10u
#define RECORD_BYTES 64u

static const char dtype[] =
    "[('event','<u8'),('icount','<u8'),('gva','<u8'),('gpa','<u8'),('rip','<u8'),('cr3','<u8'),('data','<u8')"
    ","
    "('size','u1'),('kind','u1'),('cause','u1'),('vector','u1'),('flags','u1'),('cpl','u1'),('context','u1'),"
    "('known','u1')]";

/* Bits of `known`: of the fields that can be absent, which are there. */
enum { KNOWN_ICOUNT = 1, KNOWN_GPA = 2, KNOWN_DATA = 4 };

static bool put_header(struct conversion *c, uint64_t records)
{
    char header[HEADER_BYTES + 1];
    memset(header, ' ', HEADER_BYTES);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    store_le((uint8_t *)header + 8, HEADER_BYTES - PREFIX_BYTES, 2);
    int n = snprintf(header + PREFIX_BYTES, HEADER_BYTES - PREFIX_BYTES,
                     "{'descr': %s, 'fortran_order': False, 'shape': (%" PRIu64 ",), }", dtype, records);
    header[PREFIX_BYTES + (unsigned)n] = ' ';
    header[HEADER_BYTES - 1] = '\n';
    return convert_write(c, header, HEADER_BYTES);
}

static bool begin(void *state, struct conversion *c)
{
    (void)state;
    return put_header(c, 0);
}

static bool on_access(void *state, struct conversion *c, const struct trace_item *item)
{
    uint64_t *records = state;
    const struct access *a = &item->access;
    uint8_t record[RECORD_BYTES];
    const uint64_t wide[] = {item->number,
                             a->icount,
                             a->gva,
                             a->gpa,
                             a->rip,
                             a->cr3,
                             a->has_data ? load_le(a->data, a->size < 8 ? a->size : 8) : 0};
    const uint8_t narrow[] = {a->size,
                              a->kind,
                              a->cause,
                              a->vector,
                              a->flags,
                              a->context & CONTEXT_CPL_MASK,
                              a->context,
                              (uint8_t)((item->icount_known ? KNOWN_ICOUNT : 0) |
                                        (item->gpa_known ? KNOWN_GPA : 0) | (a->has_data ? KNOWN_DATA : 0))};
    for (unsigned i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        store_le(record + 8 * i, wide[i], 8);
    memcpy(record + sizeof(wide), narrow, sizeof(narrow));
    _Static_assert(sizeof(wide) + sizeof(narrow) == RECORD_BYTES, "a record is 64 bytes");
    c->changed += a->has_data && a->size > 8;
    ++*records;
    return convert_write(c, record, sizeof(record));
}

static bool end(void *state, struct conversion *c)
{
    const uint64_t *records = state;
    if (fseeko(c->out, 0, SEEK_SET) != 0)
        return convert_fail(c, "cannot go back to its header: %s", strerror(errno));
    return put_header(c, *records);
}

const struct converter convert_npy = {
    .name = "npy",
    .what = "NumPy: one array of records, for numpy.load(FILE, mmap_mode='r')",
    .lacks = "data behind the first 8 bytes, second pages, what stands between accesses",
    .binary = true,
    .seeks = true,
    .state_bytes = sizeof(uint64_t),
    .begin = begin,
    .access = on_access,
    .end = end,
};
