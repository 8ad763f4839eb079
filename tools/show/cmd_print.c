/* engram print: the accesses of a trace, a line each. */
#include "command.h"
#include "reader/walk.h"
#include "show/print_item.h"
#include "text.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

static const char help[] =
    "usage: engram print [OPTION]... FILE\n"
    "Prints the accesses in a trace, a line each: event number, kind, size, guest-virtual and "
    "guest-physical\n"
    "address, data, RIP, CR3, CPL, instruction count (- where there is none), cause, flags.\n"
    "Data of up to 8 bytes are shown as a number, wider ones as bytes in memory order.\n\n"
    "  --gva RANGE, --gpa RANGE   accesses that touch these addresses, if with one byte only\n"
    "  --rip RANGE                accesses made by instructions that start there\n"
    "  --kind r|w                 reads or writes only\n"
    "  --cause NAME               instruction, exception, interrupt, page-walk, descriptor or task-switch\n"
    "  --from POS, --to POS       from there on, up to and without what is there. A position is an event's "
    "number\n"
    "                             (they count from 0 in the run), an instruction count i:N or a share P%\n"
    "  --count N                  no more than N lines of accesses\n"
    "  --events                   interrupts, marks, losses, context changes and so on as well, in between\n"
    "  --json                     JSON, an object a line; data are bytes in memory order\n"
    "  --format lines|json|oracle oracle: \"W gva gpa size data\", lower-case hexadecimal (size decimal), "
    "data as\n"
    "                             bytes in memory order; gpa is \"A,B\" when the access continues on page "
    "B,\n"
    "                             page walks begin with \"P\" (\"PW ...\");\n"
    "                             \"?\" and \"-\" stand for a gpa and data that are not known\n"
    "RANGE is A-B (both included), A+LENGTH or A, in hexadecimal.\n\n"
    "examples:\n"
    "  engram print --count 20 trace.egrm\n"
    "  engram print --from i:1000000 --to i:1000100 trace.egrm\n"
    "  engram print --gva ffff800000001000-ffff800000001fff --kind w trace.egrm\n"
    "  engram print --json --rip 100000+2000 trace.egrm | jq .data\n"
    "Exit code: 0 fine; 1 the file is damaged or incomplete (all that is sound was printed); 2 wrong "
    "usage.\n";

struct print_options {
    struct range gva, gpa, rip;
    bool by_gpa;
    int kind;  /* -1: all */
    int cause; /* -1: all */
    struct slice slice;
    uint64_t count;
    bool others;
    enum print_form form;
    const char *path;
    uint64_t printed;
};

static bool gpa_matches(const struct print_options *o, const struct trace_item *item)
{
    const struct access *a = &item->access;
    if (!item->gpa_known)
        return false;
    if (!(a->flags & ACCESS_CROSSES))
        return range_overlaps(&o->gpa, a->gpa, a->size);
    uint64_t here = 4096 - (a->gpa & 4095);
    here = here < a->size ? here : a->size;
    return range_overlaps(&o->gpa, a->gpa, here) ||
           (here < a->size && range_overlaps(&o->gpa, a->gpa2, a->size - here));
}

static bool matches(const struct print_options *o, const struct trace_item *item)
{
    const struct access *a = &item->access;
    return (o->kind < 0 || a->kind == o->kind) && (o->cause < 0 || a->cause == o->cause) &&
           range_overlaps(&o->gva, a->gva, a->size) && range_overlaps(&o->rip, a->rip, 1) &&
           (!o->by_gpa || gpa_matches(o, item));
}

static bool on_item(void *ctx, const struct trace_item *item)
{
    struct print_options *o = ctx;
    if (o->printed == o->count)
        return false;
    if (item->kind != ITEM_ACCESS) {
        if (o->others)
            print_item(stdout, item, o->form);
    } else if (matches(o, item)) {
        print_item(stdout, item, o->form);
        o->printed++;
    }
    return !ferror(stdout);
}

static void on_finding(void *ctx, uint64_t offset, const char *what)
{
    const struct print_options *o = ctx;
    fflush(stdout);
    print_finding(o->path, offset, what);
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

static bool parse_form(const char *s, enum print_form *form)
{
    static const char *const name[] = {
        [PRINT_LINES] = "lines", [PRINT_JSON] = "json", [PRINT_ORACLE] = "oracle"};
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(s, name[i]) == 0) {
            *form = (enum print_form)i;
            return true;
        }
    }
    return false;
}

enum {
    OPT_GVA = 256,
    OPT_GPA,
    OPT_RIP,
    OPT_KIND,
    OPT_CAUSE,
    OPT_FROM,
    OPT_TO,
    OPT_COUNT,
    OPT_JSON,
    OPT_EVENTS,
    OPT_FORMAT
};

static const struct option long_options[] = {
    {"gva", required_argument, NULL, OPT_GVA},
    {"gpa", required_argument, NULL, OPT_GPA},
    {"rip", required_argument, NULL, OPT_RIP},
    {"kind", required_argument, NULL, OPT_KIND},
    {"cause", required_argument, NULL, OPT_CAUSE},
    {"from", required_argument, NULL, OPT_FROM},
    {"to", required_argument, NULL, OPT_TO},
    {"count", required_argument, NULL, OPT_COUNT},
    {"json", no_argument, NULL, OPT_JSON},
    {"events", no_argument, NULL, OPT_EVENTS},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool take_option(struct print_options *o, int option, const char *value)
{
    switch (option) {
    case OPT_GVA:
        return parse_range(value, &o->gva);
    case OPT_GPA:
        o->by_gpa = true;
        return parse_range(value, &o->gpa);
    case OPT_RIP:
        return parse_range(value, &o->rip);
    case OPT_KIND:
        return parse_kind(value, &o->kind);
    case OPT_CAUSE:
        return parse_cause(value, &o->cause);
    case OPT_FROM:
        return position_parse(value, &o->slice.from);
    case OPT_TO:
        return position_parse(value, &o->slice.to);
    case OPT_COUNT:
        return parse_number(value, &o->count);
    case OPT_FORMAT:
        return parse_form(value, &o->form);
    case OPT_JSON:
        o->form = PRINT_JSON;
        return true;
    default:
        o->others = true;
        return true;
    }
}

int cmd_print(int argc, char **argv)
{
    struct print_options o = {
        .gva = {0, UINT64_MAX}, .rip = {0, UINT64_MAX}, .kind = -1, .cause = -1, .count = UINT64_MAX};
    int option, index = 0;
    while ((option = getopt_long(argc, argv, "h", long_options, &index)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return finish_output("print", EXIT_FINE);
        }
        if (option == '?')
            return usage_error("print", "see `engram print --help`");
        if (!take_option(&o, option, optarg))
            return usage_error("print", "--%s: '%s' is none; see `engram print --help`",
                               long_options[index].name, optarg);
    }
    if (optind + 1 != argc)
        return usage_error("print", "give one trace file; see `engram print --help`");
    o.path = argv[optind];
    struct input in;
    if (!input_open(&in, "print", o.path))
        return EXIT_FINDINGS;
    struct walk w;
    struct walk_handler handler = {
        .ctx = &o, .item = on_item, .finding = on_finding, .dump = input_dump(&in), .slice = &o.slice};
    int code = EXIT_FINE;
    if (!walk_trace(&in.source, &handler, &w))
        code = input_error("print", "%s: %s", o.path, strerror(w.io_error));
    else if (w.findings)
        code = EXIT_FINDINGS;
    walk_free(&w);
    input_close(&in);
    return finish_output("print", code);
}
