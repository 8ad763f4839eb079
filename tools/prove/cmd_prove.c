/* engram prove: do the recorded writes of a trace make memory what it was at the end? */
#include "color.h"
#include "command.h"
#include "prove/replay.h"
#include "reader/walk.h"
#include "text.h"
#include "trace/proof.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: engram prove [--json] FILE\n"
    "Makes the recorded writes of a trace once more and holds the pages that come out against those of "
    "memory when\n"
    "recording stopped, by the digests that proof=on leaves in the trace. A page that is written in part "
    "can be told if\n"
    "it was all zero at the start, or if its contents are in the trace (proof=pages). Where reads are "
    "recorded as well,\n"
    "each has to find what the writes before it have left. The trace has to be whole; what the hypervisor "
    "has found, by\n"
    "its own replay over the whole run, is shown in any case.\n\n"
    "  --json     one JSON object\n\n"
    "examples:\n"
    "  engram prove trace.egrm\n"
    "Exit code: 0 no page and no read is wrong; 1 some are, or the proof does not apply; 2 wrong usage.\n";

struct prove {
    const char *path;
    struct walk walk;
    struct proof_pages pages;
    struct replay replay;
    char objection[240]; /* why the trace cannot be replayed; empty: it can */
};

static bool on_item(void *ctx, const struct trace_item *item)
{
    struct prove *p = ctx;
    replay_item(&p->replay, item);
    return true;
}

static void on_finding(void *ctx, uint64_t offset, const char *what)
{
    const struct prove *p = ctx;
    print_finding(p->path, offset, what);
}

/* ---- does it apply? ---- */

#define OBJECT(p, ...) ((void)snprintf((p)->objection, sizeof((p)->objection), __VA_ARGS__))

static void look_for_objections(struct prove *p)
{
    const struct meta *m = &p->walk.meta;
    const char *verdict = meta_get(m, "proof"), *because = meta_get(m, "proof.because");
    uint64_t writes;
    if (!verdict)
        OBJECT(p, "the trace was not recorded with proof=on");
    else if (strcmp(verdict, "void") == 0)
        OBJECT(p, "%s", because ? because : "the hypervisor says so");
    else if (meta_get(m, "part"))
        OBJECT(p, "this is a part of a trace");
    else if (p->pages.error[0])
        OBJECT(p, "%s", p->pages.error);
    else if (p->pages.chunks == 0)
        OBJECT(p, "there is no PROOF chunk");
    else if (!meta_number(m, "proof.writes", &writes))
        OBJECT(p, "META does not say how many writes there were");
    else if (p->replay.writes != writes)
        OBJECT(p, "the trace holds %s of %s writes: it is not whole", grouped(p->replay.writes),
               grouped(writes));
    else if (p->replay.without_data || p->replay.without_address)
        OBJECT(p, "%s writes have no data or no physical address",
               grouped(p->replay.without_data + p->replay.without_address));
}

/* ---- for a person ---- */

static void row(const char *name, uint64_t n, const char *remark)
{
    printf("  %-12s %14s  %s\n", name, grouped(n), remark);
}

static void print_own_verdict(const struct prove *p)
{
    const struct meta *m = &p->walk.meta;
    const char *verdict = meta_get(m, "proof");
    uint64_t writes, pages;
    if (!verdict || strcmp(verdict, "void") == 0 || !meta_number(m, "proof.writes", &writes) ||
        !meta_number(m, "proof.pages", &pages))
        return;
    printf("%s: the hypervisor's own replay of %s writes over %s pages: ", p->path, grouped(writes),
           grouped(pages));
    put_text(stdout, verdict, strlen(verdict));
    putchar('\n');
}

static void print_samples(const struct replay *r)
{
    static const char *const what[PAGE_VERDICTS] = {
        [PAGE_DIFFERS] = "is not what the recorded writes make of it",
        [PAGE_CHANGED] = "is not as it was, and no recorded write names it",
        [PAGE_UNLISTED] = "is written in the trace, and the hypervisor knows of no write",
        [PAGE_WRONG] = "has contents and a digest that do not belong together",
    };
    for (unsigned i = 0; i < r->samples; i++)
        printf("  page 0x%" PRIx64 " %s\n", r->sample[i].page << PROOF_PAGE_SHIFT,
               what[r->sample[i].verdict]);
    if (r->different_reads)
        printf("  event %" PRIu64 " is the first read that does not find what was written\n",
               r->first_different_read);
}

static void print_replay(const struct prove *p)
{
    const struct replay *r = &p->replay;
    const bool holds = replay_holds(r);
    printf("%s: %s writes replayed\n", p->path, grouped(r->writes));
    row("untouched", p->pages.same_pages, "pages that no recorded write names and that are as they were");
    row("agree", r->pages[PAGE_AGREES], "pages are what the recorded writes make of them");
    row("untold", r->pages[PAGE_UNTOLD],
        "pages are written in part, and what they held at the start is not in the trace (proof=pages)");
    row("differ",
        r->pages[PAGE_DIFFERS] + r->pages[PAGE_CHANGED] + r->pages[PAGE_UNLISTED] + r->pages[PAGE_WRONG],
        "pages are something else");
    if (r->outside)
        row("outside", r->outside, "pages that are written and not compared");
    if (r->reads)
        row("reads", r->reads, "recorded, each held against what is known to be written before it");
    if (r->different_reads)
        row("differ", r->different_reads, "reads found something else");
    print_samples(r);
    printf("%s: %s%s%s\n", p->path, color(stdout, holds ? COLOR_GOOD : COLOR_BAD),
           holds ? "the proof holds" : "the proof DOES NOT HOLD", color(stdout, COLOR_END));
}

static void print_text(const struct prove *p)
{
    print_own_verdict(p);
    if (!p->objection[0]) {
        print_replay(p);
        return;
    }
    printf("%s: cannot be replayed: ", p->path);
    put_text(stdout, p->objection, strlen(p->objection));
    putchar('\n');
}

/* ---- for a program ---- */

static void print_json(const struct prove *p)
{
    const struct replay *r = &p->replay;
    const char *verdict = meta_get(&p->walk.meta, "proof");
    fputs("{\"hypervisor\":", stdout);
    if (verdict)
        put_json_text(stdout, verdict, strlen(verdict));
    else
        fputs("null", stdout);
    if (p->objection[0]) {
        fputs(",\"objection\":", stdout);
        put_json_text(stdout, p->objection, strlen(p->objection));
        puts("}");
        return;
    }
    printf(",\"holds\":%s,\"writes\":%" PRIu64 ",\"pages\":{\"untouched\":%" PRIu64 ",\"agree\":%" PRIu64
           ",\"untold\":%" PRIu64 ",\"differ\":%" PRIu64 ",\"changed\":%" PRIu64 ",\"unlisted\":%" PRIu64
           ",\"wrong\":%" PRIu64 ",\"outside\":%" PRIu64 "},\"reads\":%" PRIu64
           ",\"different_reads\":%" PRIu64 "}\n",
           replay_holds(r) ? "true" : "false", r->writes, p->pages.same_pages, r->pages[PAGE_AGREES],
           r->pages[PAGE_UNTOLD], r->pages[PAGE_DIFFERS], r->pages[PAGE_CHANGED], r->pages[PAGE_UNLISTED],
           r->pages[PAGE_WRONG], r->outside, r->reads, r->different_reads);
}

static int prove(struct prove *p, struct input *in, bool json)
{
    const struct walk_handler handler = {
        .ctx = p, .item = on_item, .finding = on_finding, .dump = input_dump(in)};
    replay_init(&p->replay);
    bool read = proof_pages_read(&p->pages, &in->source);
    int error = read ? 0 : errno, code = EXIT_FINDINGS;
    if (read && !walk_trace(&in->source, &handler, &p->walk))
        error = p->walk.io_error;
    if (error) {
        input_error("prove", "%s: %s", p->path, strerror(error));
    } else {
        look_for_objections(p);
        if (!p->objection[0])
            replay_judge(&p->replay, &p->pages);
        json ? print_json(p) : print_text(p);
        code = p->objection[0] || !replay_holds(&p->replay) ? EXIT_FINDINGS : EXIT_FINE;
    }
    walk_free(&p->walk);
    proof_pages_free(&p->pages);
    replay_free(&p->replay);
    return code;
}

int cmd_prove(int argc, char **argv)
{
    bool json;
    int ended = take_json_and_file(argc, argv, help, &json);
    if (ended >= 0)
        return ended;
    struct prove p = {.path = argv[optind]};
    struct input in;
    if (!input_open(&in, "prove", p.path))
        return EXIT_FINDINGS;
    int code = prove(&p, &in, json);
    input_close(&in);
    return finish_output("prove", code);
}
