#include "trace/filter.h"

#include "trace/format.h"

#define PAGE 4096u

bool filter_add(struct filter_ranges *r, uint64_t first, uint64_t last)
{
    if (r->count == FILTER_RANGES)
        return false;
    r->range[r->count++] = (struct filter_range){first, last};
    return true;
}

bool filter_add_cr3(struct filter *f, uint64_t cr3)
{
    f->has_cr3 = true;
    for (uint32_t i = 0; i < f->cr3_count; i++)
        if (f->cr3[i] == (cr3 & CR3_ADDRESS))
            return true;
    if (f->cr3_count == FILTER_PROCESSES)
        return false;
    f->cr3[f->cr3_count++] = cr3 & CR3_ADDRESS;
    return true;
}

void filter_remove_cr3(struct filter *f, uint64_t cr3)
{
    for (uint32_t i = 0; i < f->cr3_count; i++)
        if (f->cr3[i] == (cr3 & CR3_ADDRESS)) {
            f->cr3[i] = f->cr3[--f->cr3_count];
            return;
        }
}

static bool touches(const struct filter_ranges *r, uint64_t first, uint64_t last)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (first <= r->range[i].last && last >= r->range[i].first)
            return true;
    return r->count == 0;
}

static bool touches_page(const struct filter_ranges *r, uint64_t at)
{
    return touches(r, at & ~(uint64_t)(PAGE - 1), at | (PAGE - 1));
}

bool filter_context(const struct filter *f, uint8_t context, uint64_t cr3)
{
    if (f->levels && !(f->levels >> (context & CONTEXT_CPL_MASK) & 1))
        return false;
    if (!f->has_cr3)
        return true;
    uint32_t i = 0;
    while (i < f->cr3_count && f->cr3[i] != (cr3 & CR3_ADDRESS))
        i++;
    return i < f->cr3_count;
}

bool filter_page(const struct filter *f, uint64_t gva, uint64_t gpa)
{
    return touches_page(&f->gva, gva) && touches_page(&f->gpa, gpa);
}

/* A linear address wraps at the top of the address space. */
static bool passes_gva(const struct filter *f, const struct access *a)
{
    uint64_t last = a->gva + a->size - 1;
    if (f->gva.count && a->cause == CAUSE_PAGE_WALK)
        return false;
    return last >= a->gva ? touches(&f->gva, a->gva, last)
                          : touches(&f->gva, a->gva, UINT64_MAX) || touches(&f->gva, 0, last);
}

static bool passes_gpa(const struct filter *f, const struct access *a)
{
    unsigned in_page = PAGE - (unsigned)(a->gpa & (PAGE - 1));
    unsigned first = a->flags & ACCESS_CROSSES && in_page < a->size ? in_page : a->size;
    return touches(&f->gpa, a->gpa, a->gpa + first - 1) ||
           (first != a->size && touches(&f->gpa, a->gpa2, a->gpa2 + (a->size - first) - 1));
}

bool filter_access(const struct filter *f, const struct access *a)
{
    return filter_context(f, a->context, a->cr3) && passes_gva(f, a) && passes_gpa(f, a);
}
