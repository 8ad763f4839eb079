/* The last words of `engram recv`. */
#include "recv/recv_report.h"
#include "command.h"
#include "reader/walk.h"
#include "text.h"

#include <inttypes.h>

#define LINES_MAX 12

void recv_report_complete(const struct receiver *r, const char *path)
{
    fprintf(stderr, "engram recv: %s is whole: %s, run %016" PRIx64, path, byte_size(r->dump.length),
            r->dump.run);
    if (r->requests)
        fprintf(stderr, ", after %s requests for missing parts", grouped(r->requests));
    if (!r->end_seen)
        fputs("; the END frame never came, so its CRC could not be compared (each frame's was right)",
              stderr);
    fputc('\n', stderr);
    if (r->other_dumps)
        fprintf(stderr, "engram recv: another dump follows in the same source; it was left out\n");
}

int recv_report_nothing(const struct receiver *r, const char *source, bool interrupted)
{
    return input_error("recv",
                       "%s from %s%s; is it the right line and speed, and did Engram get to its dump?",
                       interrupted ? "interrupted before a dump came" : "no dump came", source,
                       r->parser.rejected ? " (there were damaged frames)" : "");
}

static void report_bytes(const struct receiver *r)
{
    struct span hole;
    unsigned lines = 0;
    uint64_t from = 0, holes = 0;
    for (; ranges_hole(&r->have, from, r->dump.length, &hole); from = hole.end, holes++)
        if (lines < LINES_MAX) {
            fprintf(stderr, "    bytes %" PRIu64 " to %" PRIu64 " (%s)\n", hole.start, hole.end - 1,
                    byte_size(hole.end - hole.start));
            lines++;
        }
    if (holes > lines)
        fprintf(stderr, "    and %" PRIu64 " more such holes\n", holes - lines);
}

static void print_missing(const struct walk *w)
{
    const struct coverage *c = &w->coverage;
    bool exact = true;
    uint64_t missing = coverage_missing(c, GAP_DAMAGED, &exact) + coverage_missing(c, GAP_ABSENT, &exact) +
                       coverage_missing(c, GAP_UNKNOWN, &exact);
    fprintf(stderr, "  missing: %s%s events\n", exact ? "" : "at least ", grouped(missing));
    for (size_t i = 0; i < c->count; i++) {
        char text[320];
        gap_describe(&c->gaps[i], text, sizeof(text));
        fprintf(stderr, "    %s\n", text);
    }
    if (w->meta_chunks == 0)
        fprintf(stderr, "    META%s\n", w->end_chunks ? ", but END says the same" : " and END");
    else if (w->end_chunks == 0)
        fprintf(stderr, "    END, but META says the same\n");
}

static void report_events(const struct receiver *r, int fd)
{
    struct trace_source source;
    /* Only the headers count here. */
    struct walk_handler handler = {.no_packets = true, .dump = r->known ? &r->dump : NULL};
    struct walk w;
    if (r->known)
        fprintf(stderr, "  sent: %s events, %" PRIu64 " up to (not including) %" PRIu64 "\n",
                grouped(r->dump.end_event - r->dump.first_event), r->dump.first_event, r->dump.end_event);
    if (!source_from_fd(&source, &fd) || !walk_trace(&source, &handler, &w))
        return;
    uint64_t recorded;
    fprintf(stderr, "  readable: %s events in %s segments", grouped(w.coverage.events),
            grouped(w.coverage.segments));
    if (walk_recorded(&w, &recorded))
        fprintf(stderr, " of %s recorded", grouped(recorded));
    fputs("\n", stderr);
    print_missing(&w);
    walk_free(&w);
}

void recv_report_incomplete(const struct receiver *r, const char *path, int fd, bool two_way)
{
    if (r->known)
        fprintf(stderr, "engram recv: %s is NOT whole: %s of %s are missing, holes are zeros\n", path,
                byte_size(receiver_missing(r)), byte_size(r->dump.length));
    else
        fprintf(stderr, "engram recv: %s is NOT whole: neither BEGIN nor END came, its length is not known\n",
                path);
    if (r->known)
        report_bytes(r);
    report_events(r, fd);
    if (two_way && r->known)
        fprintf(stderr,
                "engram recv: start the same command again to get the rest while Engram still offers it\n");
}
