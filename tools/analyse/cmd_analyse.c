/* engram analyse: finds the analysis, runs it over a trace or over its parts, shows the result. */
#include "analyse/analysis.h"
#include "analyse/partial.h"
#include "analyse/picture.h"
#include "command.h"
#include "progress.h"
#include "reader/filter.h"
#include "reader/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct analysis *const analyses[] = {
    &analysis_top,    &analysis_heatmap,       &analysis_workingset,   &analysis_reuse,
    &analysis_cache,  &analysis_sharing,       &analysis_double_fetch, &analysis_last_writer,
    &analysis_memory, &analysis_silent_stores,
};
#define ANALYSES (sizeof(analyses) / sizeof(analyses[0]))
#define JOBS_MAX 256u

static const char help_head[] = "usage: engram analyse NAME [OPTION]... FILE\n"
                                "       engram analyse NAME --merge PARTIAL...\n"
                                "       engram analyse diff [OPTION]... FILE FILE\n\n";
static const char help_tail[] = "\n`engram analyse NAME --help` shows an analysis's options, with examples.\n"
                                "Exit code: 0 fine; 1 the trace is damaged or incomplete (the result is that "
                                "of all that is sound); 2 wrong\n"
                                "usage.\n";
static const char help_common[] =
    "\n  --json                     the result as one JSON object\n"
    "  --svg FILE, --png FILE     a picture as well (--png calls rsvg-convert)\n" FILTER_HELP FILTER_HELP_END;
static const char help_parts[] =
    "\n  --jobs N                   so many processes at once, each with its part of the trace\n"
    "  --part K/N --save FILE     only the K-th of N parts (from 1 on), its result to FILE; on any machine\n"
    "  --merge PARTIAL...         the result of all parts that were saved\n";

struct options {
    const struct analysis *analysis;
    void *state;
    struct filter filter;
    bool json, merge;
    unsigned jobs;
    const char *svg, *png, *save;
};

enum { OPT_JSON = 0x2000, OPT_SVG, OPT_PNG, OPT_JOBS, OPT_PART, OPT_SAVE, OPT_MERGE };

static const struct option common_options[] = {
    FILTER_OPTIONS,
    {"json", no_argument, NULL, OPT_JSON},
    {"svg", required_argument, NULL, OPT_SVG},
    {"png", required_argument, NULL, OPT_PNG},
    {"jobs", required_argument, NULL, OPT_JOBS},
    {"part", required_argument, NULL, OPT_PART},
    {"save", required_argument, NULL, OPT_SAVE},
    {"merge", no_argument, NULL, OPT_MERGE},
    {"help", no_argument, NULL, 'h'},
};
#define COMMON_OPTIONS (sizeof(common_options) / sizeof(common_options[0]))
#define OPTIONS_MAX 64u

static void print_list(FILE *out)
{
    fputs(help_head, out);
    for (size_t i = 0; i < ANALYSES; i++)
        fprintf(out, "  %-14s %s\n", analyses[i]->name, analyses[i]->what);
    fprintf(out, "  %-14s %s\n", "diff", "where two traces part, and what each does more often");
    fputs(help_tail, out);
}

static void print_help(const struct analysis *a)
{
    printf("usage: engram analyse %s [OPTION]... %s%sFILE\n%s\n", a->name, a->operand ? a->operand : "",
           a->operand ? " " : "", a->help);
    fputs(help_common, stdout);
    if (a->save)
        fputs(help_parts, stdout);
    fputs("\nExit code: 0 fine; 1 the trace is damaged or incomplete; 2 wrong usage.\n", stdout);
}

/* "K/N" */
static bool parse_part(const char *s, struct slice *slice)
{
    uint64_t part, of;
    char text[64];
    const char *slash = strchr(s, '/');
    if (!slash || (size_t)(slash - s) >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", (int)(slash - s), s);
    if (!parse_number(text, &part) || !parse_number(slash + 1, &of) || part < 1 || part > of || of > 1u << 20)
        return false;
    slice->part = (unsigned)part - 1;
    slice->part_of = (unsigned)of;
    return true;
}

static bool take_option(struct options *o, int option, const char *value)
{
    uint64_t n;
    if (filter_is_option(option))
        return filter_option(&o->filter, option, value);
    switch (option) {
    case OPT_JSON:
        return o->json = true;
    case OPT_SVG:
        o->svg = value;
        return o->analysis->svg;
    case OPT_PNG:
        o->png = value;
        return o->analysis->svg;
    case OPT_JOBS:
        if (!o->analysis->save || !parse_number(value, &n) || n < 1 || n > JOBS_MAX)
            return false;
        o->jobs = (unsigned)n;
        return true;
    case OPT_PART:
        return o->analysis->save && parse_part(value, &o->filter.slice);
    case OPT_SAVE:
        o->save = value;
        return o->analysis->save;
    case OPT_MERGE:
        o->merge = true;
        return o->analysis->save;
    default:
        return o->analysis->option(o->state, option, value);
    }
}

/* ---- running ---------------------------------------------------------------- */

struct run {
    const struct options *o;
    struct input in;
    uint64_t findings;
    bool failed;
};

static void on_finding(void *ctx, uint64_t offset, const char *what)
{
    const struct run *r = ctx;
    print_finding(r->in.path, offset, what);
}

static void feed(const struct options *o, struct walker *k, struct progress *progress, uint64_t size)
{
    const struct analysis *a = o->analysis;
    const struct trace_item *item;
    unsigned count = 0;
    while ((item = walk_next(k))) {
        if (item->kind == ITEM_ACCESS) {
            if (filter_matches(&o->filter, item))
                a->access(o->state, item);
        } else if (a->other) {
            a->other(o->state, item);
        }
        if (progress && progress->terminal && ++count % 65536 == 0)
            progress_show(progress, walk_offset(k), size, false, now_in_ms());
    }
}

static void run_slice(struct run *r, const struct slice *slice, bool show)
{
    struct walk w;
    struct progress progress;
    const struct walk_handler handler = {
        .ctx = r, .finding = on_finding, .dump = input_dump(&r->in), .slice = slice};
    struct walker *k = walk_begin(&r->in.source, &handler, &w);
    if (k) {
        progress_start(&progress, NULL, 0, now_in_ms());
        feed(r->o, k, show ? &progress : NULL, r->in.source.size);
        progress_clear(&progress);
    }
    if (!k || !walk_end(k)) {
        input_error("analyse", "%s: %s", r->in.path, strerror(w.io_error));
        r->failed = true;
    }
    r->findings += w.findings;
    walk_free(&w);
}

/* In a child: the part's result and what was found on the way, to the parent's file. */
static _Noreturn void run_child(struct run *r, unsigned part, FILE *out)
{
    struct slice slice = r->o->filter.slice;
    slice.part = part;
    slice.part_of = r->o->jobs;
    run_slice(r, &slice, false);
    partial_put(out, r->findings);
    if (!r->failed)
        partial_save(r->o->analysis, r->o->state, out);
    r->failed = r->failed || fflush(out) != 0;
    _exit(r->failed ? EXIT_FINDINGS : EXIT_FINE);
}

/* What only a pass over the whole file's chunks tells: is it all there? */
static void check_whole(struct run *r)
{
    struct walk w;
    const struct walk_handler handler = {.ctx = r,
                                         .finding = on_finding,
                                         .dump = input_dump(&r->in),
                                         .no_packets = true,
                                         .headers_only = true};
    if (!walk_trace(&r->in.source, &handler, &w))
        r->failed = true;
    r->findings += w.findings;
    walk_free(&w);
}

static void collect(struct run *r, pid_t child, FILE *part)
{
    int status = 0;
    uint64_t findings;
    const char *why = "a process of it ended early";
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    rewind(part);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FINE && partial_get(part, &findings)) {
        r->findings += findings;
        why = partial_merge(r->o->analysis, r->o->state, part);
    }
    if (why) {
        input_error("analyse", "%s: %s", r->in.path, why);
        r->failed = true;
    }
    fclose(part);
}

static void run_jobs(struct run *r)
{
    FILE *part[JOBS_MAX];
    pid_t child[JOBS_MAX];
    unsigned n = 0;
    fflush(NULL);
    for (; n < r->o->jobs; n++) {
        part[n] = tmpfile();
        child[n] = part[n] ? fork() : -1;
        if (child[n] < 0) {
            input_error("analyse", "cannot start a process: %s", strerror(errno));
            r->failed = true;
            break;
        }
        if (child[n] == 0)
            run_child(r, n, part[n]);
    }
    for (unsigned i = 0; i < n; i++)
        collect(r, child[i], part[i]);
    if (slice_is_all(&r->o->filter.slice))
        check_whole(r);
}

static bool merge_file(const struct options *o, const char *path)
{
    FILE *in = fopen(path, "re");
    const char *why = in ? partial_merge(o->analysis, o->state, in) : strerror(errno);
    if (in)
        fclose(in);
    if (why)
        input_error("analyse", "%s: %s", path, why);
    return !why;
}

static bool save_to(const struct options *o)
{
    FILE *out = fopen(o->save, "we");
    bool sound = out;
    if (out) {
        partial_save(o->analysis, o->state, out);
        sound = !ferror(out);
        sound = fclose(out) == 0 && sound;
    }
    if (!sound)
        input_error("analyse", "cannot write %s: %s", o->save, strerror(errno));
    return sound;
}

static bool show(const struct options *o)
{
    const struct analysis *a = o->analysis;
    if (o->json) {
        struct json j = {.out = stdout};
        json_object(&j, NULL);
        json_text(&j, "analysis", a->name);
        a->json(o->state, &j);
        json_end_object(&j);
        putchar('\n');
    } else {
        a->text(o->state, stdout);
    }
    return (!o->svg || picture_svg(a, o->state, o->svg)) && (!o->png || picture_png(a, o->state, o->png));
}

static int run_trace(struct options *o, const char *path)
{
    struct run r = {.o = o};
    struct extent extent;
    if (!input_open(&r.in, "analyse", path))
        return EXIT_FINDINGS;
    struct slice whole = o->filter.slice; /* of parts too, so that they agree on where they are */
    whole.part_of = 0;
    if (!extent_of(&extent, &r.in.source, &whole)) {
        input_close(&r.in);
        return input_error("analyse", "%s: %s", path, strerror(errno));
    }
    const char *why = o->analysis->ready ? o->analysis->ready(o->state, &extent) : NULL;
    if (why) {
        input_close(&r.in);
        return usage_error("analyse", "%s; see `engram analyse %s --help`", why, o->analysis->name);
    }
    if (o->jobs > 1)
        run_jobs(&r);
    else
        run_slice(&r, &o->filter.slice, true);
    input_close(&r.in);
    bool sound = !r.failed && (o->save ? save_to(o) : show(o));
    return sound && r.findings == 0 ? EXIT_FINE : EXIT_FINDINGS;
}

static int run_merge(struct options *o, int count, char **paths)
{
    for (int i = 0; i < count; i++)
        if (!merge_file(o, paths[i]))
            return EXIT_FINDINGS;
    return (o->save ? save_to(o) : show(o)) ? EXIT_FINE : EXIT_FINDINGS;
}

/* ---- the command line ------------------------------------------------------- */

static int run(struct options *o, int argc, char **argv)
{
    const struct analysis *a = o->analysis;
    struct option all[OPTIONS_MAX] = {0};
    size_t n = 0;
    int option, index = 0;
    for (; a->options && a->options[n].name; n++)
        all[n] = a->options[n];
    memcpy(all + n, common_options, sizeof(common_options));
    while ((option = getopt_long(argc, argv, "h", all, &index)) != -1) {
        if (option == 'h') {
            print_help(a);
            return EXIT_FINE;
        }
        if (option == '?')
            return usage_error("analyse", "see `engram analyse %s --help`", a->name);
        if (!take_option(o, option, optarg))
            return usage_error("analyse", "%s: --%s%s%s is not possible; see `engram analyse %s --help`",
                               a->name, all[index].name, optarg ? " " : "", optarg ? optarg : "", a->name);
    }
    if (o->filter.slice.part_of && !o->save)
        return usage_error("analyse", "--part needs --save FILE for the part's result");
    if (o->merge)
        return optind < argc ? run_merge(o, argc - optind, argv + optind)
                             : usage_error("analyse", "--merge needs the files that --save wrote");
    if (a->operand && optind < argc && !a->take_operand(o->state, argv[optind++]))
        return usage_error("analyse", "'%s' is no %s; see `engram analyse %s --help`", argv[optind - 1],
                           a->operand, a->name);
    if (optind + 1 != argc)
        return usage_error("analyse", "give %s%sone trace file; see `engram analyse %s --help`",
                           a->operand ? a->operand : "", a->operand ? " and " : "", a->name);
    return run_trace(o, argv[optind]);
}

int cmd_analyse(int argc, char **argv)
{
    if (argc < 2)
        return usage_error("analyse", "which analysis? see `engram analyse --help`");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_list(stdout);
        return finish_output("analyse", EXIT_FINE);
    }
    if (strcmp(argv[1], "diff") == 0)
        return finish_output("analyse", diff_run(argc - 1, argv + 1));
    for (size_t i = 0; i < ANALYSES; i++) {
        if (strcmp(argv[1], analyses[i]->name) != 0)
            continue;
        struct options o = {.analysis = analyses[i], .state = analyses[i]->create(), .jobs = 1};
        filter_init(&o.filter);
        int code = run(&o, argc - 1, argv + 1);
        analyses[i]->destroy(o.state);
        return finish_output("analyse", code);
    }
    return usage_error("analyse", "no analysis '%s'; see `engram analyse --help`", argv[1]);
}
