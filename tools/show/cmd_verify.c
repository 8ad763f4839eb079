/* engram verify: is this trace sound and whole? */
#include "color.h"
#include "command.h"
#include "reader/walk.h"
#include "text.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

static const char help[] =
    "usage: engram verify FILE\n"
    "Checks every CRC and length, the order of the segments, the counts of segments and events against META "
    "and END,\n"
    "that every packet decodes and every access has its page mapping, and that the engine's counters tell of "
    "no write\n"
    "that it did not record. Findings come out a line each, the summary comes last. What a wrapped ring "
    "overwrote is\n"
    "told, but is no finding. FILE.part, which `engram recv` leaves beside a dump that is not whole, tells "
    "which events\n"
    "should be there.\n\n"
    "examples:\n"
    "  engram verify trace.egrm\n"
    "  engram verify trace.egrm >/dev/null || echo damaged\n"
    "Exit code: 0 nothing found; 1 there are findings, or the file cannot be read; 2 wrong usage.\n";

struct verify {
    const char *path;
    uint64_t events;
};

static bool on_item(void *ctx, const struct trace_item *item)
{
    struct verify *v = ctx;
    v->events += item->kind == ITEM_ACCESS;
    return true;
}

static void on_finding(void *ctx, uint64_t offset, const char *what)
{
    const struct verify *v = ctx;
    printf("%s: %sat byte %" PRIu64 ":%s %s\n", v->path, color(stdout, COLOR_BAD), offset,
           color(stdout, COLOR_END), what);
}

static void print_gaps(const struct verify *v, const struct coverage *c)
{
    char text[320];
    for (size_t i = 0; i < c->count; i++) {
        if (!gap_is_expected(&c->gaps[i]))
            continue;
        gap_describe(&c->gaps[i], text, sizeof(text));
        printf("%s: %s\n", v->path, text);
    }
}

static void print_summary(const struct verify *v, const struct walk *w)
{
    uint64_t recorded, lost = 0, filtered = 0;
    printf("%s: %s%s%s, %s events in %s segments", v->path,
           color(stdout, w->findings ? COLOR_BAD : COLOR_GOOD), w->findings ? "NOT SOUND" : "sound",
           color(stdout, COLOR_END), grouped(v->events), grouped(w->coverage.segments));
    if (walk_recorded(w, &recorded))
        printf(" of %s recorded", grouped(recorded));
    if (meta_number(&w->meta, "lost", &lost) && lost)
        printf(", %s lost", grouped(lost));
    if (meta_number(&w->meta, "filtered", &filtered) && filtered)
        printf(", %s filtered", grouped(filtered));
    printf(", %s finding%s\n", w->findings ? grouped(w->findings) : "no", w->findings == 1 ? "" : "s");
}

int cmd_verify(int argc, char **argv)
{
    static const struct option long_options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int option = getopt_long(argc, argv, "h", long_options, NULL);
    if (option == 'h') {
        fputs(help, stdout);
        return finish_output("verify", EXIT_FINE);
    }
    if (option != -1 || optind + 1 != argc)
        return usage_error("verify", "give one trace file; see `engram verify --help`");
    struct verify v = {.path = argv[optind]};
    struct input in;
    if (!input_open(&in, "verify", v.path))
        return EXIT_FINDINGS;
    struct walk w;
    struct walk_handler handler = {
        .ctx = &v, .item = on_item, .finding = on_finding, .dump = input_dump(&in)};
    int code = EXIT_FINDINGS;
    if (!walk_trace(&in.source, &handler, &w)) {
        input_error("verify", "%s: %s", v.path, strerror(w.io_error));
    } else {
        print_gaps(&v, &w.coverage);
        print_summary(&v, &w);
        code = walk_is_whole(&w) ? EXIT_FINE : EXIT_FINDINGS;
    }
    walk_free(&w);
    input_close(&in);
    return finish_output("verify", code);
}
