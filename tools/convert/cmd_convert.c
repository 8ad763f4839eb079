/* engram convert: a trace in the form that another tool reads. */
#include "command.h"
#include "convert/converter.h"
#include "need.h"
#include "progress.h"
#include "reader/filter.h"
#include "reader/walk.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct converter *const converters[] = {
    &convert_csv,  &convert_jsonl, &convert_lackey,     &convert_din, &convert_champsim,
    &convert_gem5, &convert_ctf,   &convert_drmemtrace, &convert_npy, &convert_parquet,
};
#define CONVERTERS (sizeof(converters) / sizeof(converters[0]))
#define BUFFER_BYTES (1u << 18)

static const char help_head[] =
    "usage: engram convert FORMAT [OPTION]... FILE\n"
    "Writes a trace in the form that another tool reads. Memory is constant, however long the trace is.\n\n";
static const char help_tail[] =
    "\n  -o, --output FILE          where to (standard output; ctf: a folder)\n"
    "  --space gpa|gva            the address of formats that have one: guest-physical (default) or "
    "guest-virtual\n"
    "  --quiet                    neither progress nor what was left out\n" FILTER_HELP FILTER_HELP_END
    "\nexamples:\n"
    "  engram convert csv --kind w trace.egrm | head\n"
    "  engram convert parquet -o trace.parquet trace.egrm\n"
    "  engram convert ctf -o trace.ctf trace.egrm && babeltrace2 trace.ctf\n"
    "  engram convert drmemtrace --cpl user --space gva -o user.trace trace.egrm\n"
    "Exit code: 0 fine; 1 the trace is damaged or incomplete (all that is sound was converted), or the "
    "output could\n"
    "not be written; 2 wrong usage.\n";

struct options {
    const struct converter *converter;
    struct filter filter;
    struct conversion conversion;
    bool quiet;
};

/* ---- for the converters ------------------------------------------------------------ */

bool convert_fail(struct conversion *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(c->error, sizeof(c->error), format, args);
    va_end(args);
    return false;
}

bool convert_write(struct conversion *c, const void *bytes, size_t n)
{
    if (fwrite(bytes, 1, n, c->out) == n)
        return true;
    return convert_fail(c, "cannot write: %s", strerror(errno));
}

bool convert_items(const struct converter *v, void *state, struct conversion *c,
                   const struct trace_item *(*next)(void *ctx), void *ctx)
{
    const struct trace_item *item;
    bool sound = !v->begin || v->begin(state, c);
    while (sound && (item = next(ctx))) {
        if (item->kind == ITEM_ACCESS) {
            if (v->one_address && c->physical && !item->gpa_known)
                c->left_out++;
            else
                sound = v->access(state, c, item);
        } else if (v->other) {
            sound = v->other(state, c, item);
        }
    }
    sound = sound && (!v->end || v->end(state, c));
    if (v->destroy)
        v->destroy(state);
    return sound;
}

/* ---- one conversion ------------------------------------------------------------------ */

struct run {
    struct options *o;
    struct input in;
    struct walk w;
    struct walker *walker;
    struct progress progress;
    unsigned turn;
};

static void on_finding(void *ctx, uint64_t offset, const char *what)
{
    const struct run *r = ctx;
    print_finding(r->in.path, offset, what);
}

static const struct trace_item *next_item(void *ctx)
{
    struct run *r = ctx;
    const struct trace_item *item;
    do {
        item = walk_next(r->walker);
        if (!r->o->quiet && ++r->turn % 65536 == 0)
            progress_show(&r->progress, walk_offset(r->walker), r->in.source.size, false, now_in_ms());
    } while (item && item->kind == ITEM_ACCESS && !filter_matches(&r->o->filter, item));
    return item;
}

static bool convert(struct run *r)
{
    const struct converter *v = r->o->converter;
    struct conversion *c = &r->o->conversion;
    const struct walk_handler handler = {
        .ctx = r, .finding = on_finding, .dump = input_dump(&r->in), .slice = &r->o->filter.slice};
    r->walker = walk_begin(&r->in.source, &handler, &r->w);
    c->meta = &r->w.meta;
    progress_start(&r->progress, NULL, 0, now_in_ms());
    void *state = need_zeroed(1, v->state_bytes + 1);
    bool sound = r->walker && convert_items(v, state, c, next_item, r);
    free(state);
    progress_clear(&r->progress);
    if (!r->walker || !walk_end(r->walker)) {
        input_error("convert", "%s: %s", r->in.path, strerror(r->w.io_error));
        sound = false;
    } else if (!sound) {
        input_error("convert", "%s%s%s", c->path ? c->path : "", c->path ? ": " : "", c->error);
    }
    return sound;
}

static bool close_output(struct conversion *c)
{
    bool sound = !c->out || (fflush(c->out) == 0 && !ferror(c->out));
    if (c->out && c->out != stdout)
        sound = fclose(c->out) == 0 && sound;
    if (!sound && errno != EPIPE)
        input_error("convert", "cannot write %s: %s", c->path ? c->path : "to standard output",
                    strerror(errno));
    return sound;
}

static void tell(const struct options *o)
{
    const struct conversion *c = &o->conversion;
    if (o->quiet)
        return;
    if (o->converter->lacks)
        fprintf(stderr, "engram convert: %s does not hold %s\n", o->converter->name, o->converter->lacks);
    if (c->left_out)
        fprintf(stderr, "engram convert: %s accesses are left out\n", grouped(c->left_out));
    if (c->changed)
        fprintf(stderr, "engram convert: %s accesses are in several parts or cut short\n",
                grouped(c->changed));
}

static int run(struct options *o, const char *path)
{
    struct run r = {.o = o};
    struct conversion *c = &o->conversion;
    if (!input_open(&r.in, "convert", path))
        return EXIT_FINDINGS;
    if (!extent_of(&c->extent, &r.in.source, &o->filter.slice)) {
        input_close(&r.in);
        return input_error("convert", "%s: %s", path, strerror(errno));
    }
    c->out = o->converter->folder ? NULL : c->path ? fopen(c->path, "w+e") : stdout;
    if (!c->out && !o->converter->folder) {
        input_close(&r.in);
        return input_error("convert", "cannot write %s: %s", c->path, strerror(errno));
    }
    static char buffer[BUFFER_BYTES]; /* standard output keeps it up to the end */
    if (c->out)
        setvbuf(c->out, buffer, _IOFBF, BUFFER_BYTES);
    bool sound = convert(&r);
    sound = close_output(c) && sound;
    if (sound)
        tell(o);
    sound = sound && r.w.findings == 0;
    walk_free(&r.w);
    input_close(&r.in);
    return sound ? EXIT_FINE : EXIT_FINDINGS;
}

/* ---- the command line ------------------------------------------------------------------ */

enum { OPT_SPACE = 0x2000, OPT_QUIET };
static const struct option long_options[] = {FILTER_OPTIONS,
                                             {"output", required_argument, NULL, 'o'},
                                             {"space", required_argument, NULL, OPT_SPACE},
                                             {"quiet", no_argument, NULL, OPT_QUIET},
                                             {"help", no_argument, NULL, 'h'},
                                             {0}};

static void print_help(void)
{
    fputs(help_head, stdout);
    for (size_t i = 0; i < CONVERTERS; i++) {
        printf("  %-11s %s\n", converters[i]->name, converters[i]->what);
        if (converters[i]->lacks)
            printf("  %-11s   does not hold %s\n", "", converters[i]->lacks);
    }
    fputs(help_tail, stdout);
}

static const struct converter *find_format(const char *name)
{
    for (size_t i = 0; i < CONVERTERS; i++)
        if (strcmp(name, converters[i]->name) == 0)
            return converters[i];
    return NULL;
}

static bool take_option(struct options *o, int option, const char *value)
{
    if (filter_is_option(option))
        return filter_option(&o->filter, option, value);
    switch (option) {
    case 'o':
        o->conversion.path = value;
        return *value != 0;
    case OPT_SPACE:
        o->conversion.physical = strcmp(value, "gpa") == 0;
        return o->conversion.physical || strcmp(value, "gva") == 0;
    default:
        return o->quiet = true;
    }
}

int cmd_convert(int argc, char **argv)
{
    static struct options o = {.conversion.physical = true};
    int option, index = 0;
    filter_init(&o.filter);
    if (argc < 2)
        return usage_error("convert", "to which format? see `engram convert --help`");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help();
        return finish_output("convert", EXIT_FINE);
    }
    o.converter = find_format(argv[1]);
    if (!o.converter)
        return usage_error("convert", "no format '%s'; see `engram convert --help`", argv[1]);
    argc--, argv++;
    while ((option = getopt_long(argc, argv, "ho:", long_options, &index)) != -1) {
        if (option == 'h') {
            print_help();
            return finish_output("convert", EXIT_FINE);
        }
        if (option == '?')
            return usage_error("convert", "see `engram convert --help`");
        if (!take_option(&o, option, optarg))
            return usage_error("convert", "'%s' is not possible there; see `engram convert --help`", optarg);
    }
    if (optind + 1 != argc)
        return usage_error("convert", "give one trace file; see `engram convert --help`");
    bool binary = o.converter->binary, needs_file = o.converter->folder || o.converter->seeks;
    if (!o.conversion.path && (needs_file || (binary && isatty(STDOUT_FILENO))))
        return usage_error("convert", "%s needs -o %s", o.converter->name,
                           o.converter->folder ? "FOLDER" : "FILE");
    return run(&o, argv[optind]);
}
