/* engram print: the accesses of a trace, a line each. */
#include "command.h"
#include "reader/filter.h"
#include "reader/walk.h"
#include "show/print_item.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

static const char help[] =
    "usage: engram print [OPTION]... FILE\n"
    "Prints the accesses in a trace, a line each: event number, kind, size, guest-virtual and "
    "guest-physical\n"
    "address, data, RIP, CR3, CPL, instruction count (- where there is none), cause, flags.\n"
    "Data of up to 8 bytes are shown as a number, wider ones as bytes in memory order.\n\n" FILTER_HELP
    "  --count N                  no more than N lines of accesses\n"
    "  --events                   interrupts, marks, losses, context changes and so on as well, in between\n"
    "  --json                     JSON, an object a line; data are bytes in memory order\n"
    "  --format lines|json|oracle oracle: \"W gva gpa size data\", lower-case hexadecimal (size decimal), "
    "data as\n"
    "                             bytes in memory order; gpa is \"A,B\" when the access continues on page "
    "B,\n"
    "                             page walks begin with \"P\" (\"PW ...\");\n"
    "                             \"?\" and \"-\" stand for a gpa and data that are not "
    "known\n" FILTER_HELP_END "\n"
    "examples:\n"
    "  engram print --count 20 trace.egrm\n"
    "  engram print --from i:1000000 --to i:1000100 trace.egrm\n"
    "  engram print --gva ffff800000001000-ffff800000001fff --kind w trace.egrm\n"
    "  engram print --json --rip 100000+2000 trace.egrm | jq .data\n"
    "Exit code: 0 fine; 1 the file is damaged or incomplete (all that is sound was printed); 2 wrong "
    "usage.\n";

struct print_options {
    struct filter filter;
    uint64_t count;
    bool others;
    enum print_form form;
    const char *path;
    uint64_t printed;
};

static bool on_item(void *ctx, const struct trace_item *item)
{
    struct print_options *o = ctx;
    if (o->printed == o->count)
        return false;
    if (item->kind != ITEM_ACCESS) {
        if (o->others)
            print_item(stdout, item, o->form);
    } else if (filter_matches(&o->filter, item)) {
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

enum { OPT_COUNT = 256, OPT_JSON, OPT_EVENTS, OPT_FORMAT };

static const struct option long_options[] = {
    FILTER_OPTIONS,
    {"count", required_argument, NULL, OPT_COUNT},
    {"json", no_argument, NULL, OPT_JSON},
    {"events", no_argument, NULL, OPT_EVENTS},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool take_option(struct print_options *o, int option, const char *value)
{
    if (filter_is_option(option))
        return filter_option(&o->filter, option, value);
    switch (option) {
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
    struct print_options o = {.count = UINT64_MAX};
    filter_init(&o.filter);
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
        .ctx = &o, .item = on_item, .finding = on_finding, .dump = input_dump(&in), .slice = &o.filter.slice};
    int code = EXIT_FINE;
    if (!walk_trace(&in.source, &handler, &w))
        code = input_error("print", "%s: %s", o.path, strerror(w.io_error));
    else if (w.findings)
        code = EXIT_FINDINGS;
    walk_free(&w);
    input_close(&in);
    return finish_output("print", code);
}
