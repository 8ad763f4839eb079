/*
 * Which accesses are recorded. A filter that is all zero lets everything by; of a
 * run's filter only the processes change while it lasts.
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

#define CR3_ADDRESS 0x000ffffffffff000ull /* SDM Vol. 3A, 4.5.2, table 4-12 */
#define FILTER_RANGES 8u
#define FILTER_PROCESSES 32u

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
    bool has_cr3; /* one of these decides, compared without PCID and the bits that control caching */
    uint32_t cr3_count;
    uint64_t cr3[FILTER_PROCESSES];
    uint8_t levels; /* bit n: CPL n; 0: every */
};

/* False: there is no room for another range. */
bool filter_add(struct filter_ranges *r, uint64_t first, uint64_t last);

/* The address of the top page table, as filters compare it. False: there is no room for another one. */
bool filter_add_cr3(struct filter *f, uint64_t cr3);
void filter_remove_cr3(struct filter *f, uint64_t cr3);

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
