/* Which accesses a command is about: by address, instruction, kind, cause, who made them, and where in the
 * trace. */
#ifndef ENGRAM_FILTER_H
#define ENGRAM_FILTER_H

#include "reader/slice.h"
#include "text.h"

#include <getopt.h>

struct filter {
    struct slice slice; /* the walk sees to it */
    bool any;           /* something below leaves accesses out */
    bool by_gva, by_gpa, by_rip, by_cr3;
    struct range gva, gpa, rip;
    uint64_t cr3;
    int kind;      /* -1: both */
    int cause;     /* -1: all */
    unsigned cpls; /* bit n: CPL n */
};

void filter_init(struct filter *f);
bool filter_matches_some(const struct filter *f, const struct trace_item *access);

static inline bool filter_matches(const struct filter *f, const struct trace_item *access)
{
    return !f->any || filter_matches_some(f, access);
}

/* Options of the command line: entries for getopt_long, help, and what takes a value. */
enum filter_option {
    FILTER_GVA = 0x1000,
    FILTER_GPA,
    FILTER_RIP,
    FILTER_KIND,
    FILTER_CAUSE,
    FILTER_CPL,
    FILTER_CR3,
    FILTER_FROM,
    FILTER_TO,
    FILTER_END
};
#define FILTER_OPTIONS                                                                                       \
    {"gva", required_argument, NULL, FILTER_GVA}, {"gpa", required_argument, NULL, FILTER_GPA},              \
        {"rip", required_argument, NULL, FILTER_RIP}, {"kind", required_argument, NULL, FILTER_KIND},        \
        {"cause", required_argument, NULL, FILTER_CAUSE}, {"cpl", required_argument, NULL, FILTER_CPL},      \
        {"cr3", required_argument, NULL, FILTER_CR3}, {"from", required_argument, NULL, FILTER_FROM},        \
    {                                                                                                        \
        "to", required_argument, NULL, FILTER_TO                                                             \
    }
#define FILTER_HELP                                                                                          \
    "  --gva RANGE, --gpa RANGE   accesses that touch these addresses, if with one byte only\n"              \
    "  --rip RANGE                accesses made by instructions that start there\n"                          \
    "  --kind r|w                 reads or writes only\n"                                                    \
    "  --cause NAME               instruction, exception, interrupt, page-walk, descriptor or task-switch\n" \
    "  --cpl N                    made at privilege level N; `user` is 3, `kernel` 0 to 2\n"                 \
    "  --cr3 ADDRESS              made with this CR3\n"                                                      \
    "  --from POS, --to POS       from there on, up to and without what is there. A position is an "         \
    "event's\n"                                                                                              \
    "                             number (they count from 0 in the run), an instruction count i:N, or a\n"   \
    "                             share P%\n"
#define FILTER_HELP_END "RANGE is A-B (both included), A+LENGTH or A, in hexadecimal.\n"

static inline bool filter_is_option(int option)
{
    return option >= FILTER_GVA && option < FILTER_END;
}
/* False: no such value. */
bool filter_option(struct filter *f, int option, const char *value);

#endif
