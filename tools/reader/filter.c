/* Filters of accesses. */
#include "reader/filter.h"
#include "command.h"

#include <string.h>

#define ALL_CPLS 0xfu

void filter_init(struct filter *f)
{
    *f = (struct filter){.kind = -1, .cause = -1, .cpls = ALL_CPLS};
}

static bool gpa_matches(const struct filter *f, const struct trace_item *item)
{
    const struct access *a = &item->access;
    if (!item->gpa_known)
        return false;
    if (!(a->flags & ACCESS_CROSSES))
        return range_overlaps(&f->gpa, a->gpa, a->size);
    uint64_t here = 4096 - (a->gpa & 4095);
    here = here < a->size ? here : a->size;
    return range_overlaps(&f->gpa, a->gpa, here) ||
           (here < a->size && range_overlaps(&f->gpa, a->gpa2, a->size - here));
}

bool filter_matches_some(const struct filter *f, const struct trace_item *item)
{
    const struct access *a = &item->access;
    return (f->kind < 0 || a->kind == f->kind) && (f->cause < 0 || a->cause == f->cause) &&
           (f->cpls >> (a->context & CONTEXT_CPL_MASK) & 1) && (!f->by_cr3 || a->cr3 == f->cr3) &&
           (!f->by_rip || range_overlaps(&f->rip, a->rip, 1)) &&
           (!f->by_gva || range_overlaps(&f->gva, a->gva, a->size)) && (!f->by_gpa || gpa_matches(f, item));
}

static bool parse_kind(const char *s, int *kind)
{
    *kind = strcmp(s, "r") == 0 ? ACCESS_READ : strcmp(s, "w") == 0 ? ACCESS_WRITE : -1;
    return *kind >= 0;
}

static bool parse_cause(const char *s, int *cause)
{
    for (*cause = CAUSE_INSTRUCTION; *cause <= CAUSE_TASK_SWITCH; ++*cause)
        if (strcmp(s, cause_name((uint8_t)*cause)) == 0)
            return true;
    return false;
}

static bool parse_cpl(const char *s, unsigned *cpls)
{
    if (strcmp(s, "user") == 0)
        *cpls = 8;
    else if (strcmp(s, "kernel") == 0)
        *cpls = 7;
    else if (s[0] >= '0' && s[0] <= '3' && s[1] == 0)
        *cpls = 1u << (s[0] - '0');
    else
        return false;
    return true;
}

static bool parse_address(const char *s, uint64_t *address)
{
    struct range r = {0};
    bool one = parse_range(s, &r) && r.first == r.last;
    *address = r.first;
    return one;
}

bool filter_option(struct filter *f, int option, const char *value)
{
    if (option == FILTER_FROM)
        return position_parse(value, &f->slice.from);
    if (option == FILTER_TO)
        return position_parse(value, &f->slice.to);
    f->any = true;
    switch (option) {
    case FILTER_GVA:
        return f->by_gva = parse_range(value, &f->gva);
    case FILTER_GPA:
        return f->by_gpa = parse_range(value, &f->gpa);
    case FILTER_RIP:
        return f->by_rip = parse_range(value, &f->rip);
    case FILTER_KIND:
        return parse_kind(value, &f->kind);
    case FILTER_CAUSE:
        return parse_cause(value, &f->cause);
    case FILTER_CPL:
        return parse_cpl(value, &f->cpls);
    default:
        return f->by_cr3 = parse_address(value, &f->cr3);
    }
}
