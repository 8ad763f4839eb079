/*
 * Which accesses are recorded. One filter holds for a whole run; one that is all
 * zero lets everything by.
 *
 * Engines ask early and coarsely, once for the code that runs (filter_context) and
 * once for a page (filter_page), so that what cannot pass costs little. Whether an
 * access passes is then said exactly, byte by byte of it, by filter_access.
 */
#ifndef ENGRAM_TRACE_FILTER_H
#define ENGRAM_TRACE_FILTER_H

#include "trace/access.h"

#include <stdbool.h>
#include <stdint.h>

#define FILTER_RANGES 8u

/* Addresses `first` to `last`, both included. */
struct filter_range {
    uint64_t first, last;
};

/* None: every address passes. */
struct filter_ranges {
    uint32_t count;
    struct filter_range range[FILTER_RANGES];
};

struct filter {
    struct filter_ranges gpa, gva; /* an access passes if any of its bytes lies in a range of both */
    uint64_t cr3;                  /* compared without PCID and the bits that control caching */
    bool has_cr3;
    uint8_t levels; /* bit n: CPL n; 0: every */
};

/* False: there is no room for another range. */
bool filter_add(struct filter_ranges *r, uint64_t first, uint64_t last);

/* True if addresses decide. */
static inline bool filter_has_ranges(const struct filter *f)
{
    return f->gpa.count || f->gva.count;
}

/* Whether accesses of code with this context (docs/format.md) and CR3 may pass. */
bool filter_context(const struct filter *f, uint8_t context, uint64_t cr3);

/* Whether an access to the page of linear address `gva` and guest-physical address `gpa` may pass. */
bool filter_page(const struct filter *f, uint64_t gva, uint64_t gpa);

/* It keeps nothing out. */
static inline bool filter_is_empty(const struct filter *f)
{
    return !f->levels && !f->has_cr3 && !filter_has_ranges(f);
}

/* Page walks and other accesses by guest-physical address pass no range of linear addresses. */
bool filter_access(const struct filter *f, const struct access *a);

#endif
