/* Walks a trace file; every command sees the file through this. */
#include "reader/walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct walker {
    struct walk *w;
    const struct walk_handler *handler;
    struct decoder *decoder;
    struct trace_file file;
    struct chunk chunk; /* whose packets are being read */
    bool in_segment;
    bool at_border; /* of the slice: items have to be looked at one by one */
    bool over;
    struct slice_bounds bounds;
};

static void finding(void *ctx, uint64_t offset, const char *what)
{
    struct walker *k = ctx;
    k->w->findings++;
    if (k->handler->finding)
        k->handler->finding(k->handler->ctx, offset, what);
}

__attribute__((format(printf, 3, 4))) static void findingf(struct walker *k, uint64_t offset,
                                                           const char *format, ...)
{
    char what[320];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    finding(k, offset, what);
}

static bool walk_meta(struct walker *k, const struct chunk *c)
{
    struct walk *w = k->w;
    const char *name = c->header.type == CHUNK_META ? "META" : "END";
    if (!c->body) {
        findingf(k, c->offset, "%s chunk: %s", name, c->error);
        return true;
    }
    struct meta m;
    if (!meta_parse(&m, c->body, c->body_bytes))
        return false;
    if (m.bad_lines)
        findingf(k, c->offset, "%s chunk has %zu lines that are no key=value", name, m.bad_lines);
    uint64_t *seen = c->header.type == CHUNK_META ? &w->meta_chunks : &w->end_chunks;
    if ((*seen)++)
        findingf(k, c->offset, "%s chunk again; the first one counts", name);
    if (!w->meta.text) {
        w->meta = m;
        return true;
    }
    if (!meta_equal(&m, &w->meta))
        findingf(k, c->offset, "%s does not say the same as the chunk before it", name);
    meta_free(&m);
    return true;
}

static void begin_packets(struct walker *k)
{
    const struct chunk_header *h = &k->chunk.header;
    decode_begin(k->decoder, k->chunk.body, k->chunk.body_bytes, h->first_event, h->event_count);
    k->in_segment = true;
    k->at_border = slice_bounds_cut(&k->bounds, h->first_event, h->event_count);
}

/* What became of the segment's packets. */
static void end_packets(struct walker *k)
{
    struct walk *w = k->w;
    const struct chunk_header *h = &k->chunk.header;
    const struct decode_result *r = decode_result(k->decoder);
    k->in_segment = false;
    if (r->error[0]) {
        uint64_t left = h->event_count - r->events;
        w->undecoded_events += left;
        findingf(k, k->chunk.offset,
                 "segment %" PRIu64 ", byte %" PRIu32 " of its body: %s (%" PRIu64 " events from %" PRIu64
                 " on are unread)",
                 h->sequence, r->at, r->error, left, h->first_event + r->events);
    }
    if (r->no_gpa)
        findingf(k, k->chunk.offset,
                 "segment %" PRIu64 ": %" PRIu64
                 " accesses without page mapping, the first is event %" PRIu64,
                 h->sequence, r->no_gpa, r->no_gpa_first);
}

static void walk_segment(struct walker *k)
{
    struct walk *w = k->w;
    const struct chunk *c = &k->chunk;
    const struct chunk_header *h = &c->header;
    bool packed = h->encoding == ENCODING_PACKED, unread = k->handler->headers_only;
    if (!coverage_add(&w->coverage, h, unread || (c->body && packed))) {
        findingf(k, c->offset,
                 "segment %" PRIu64 " with events from %" PRIu64 " on is out of order: left out", h->sequence,
                 h->first_event);
        return;
    }
    if (w->coverage.first.sequence == h->sequence)
        w->tsc_first = h->tsc;
    w->tsc_last = h->tsc;
    if (unread)
        return;
    if (!c->body) {
        findingf(k, c->offset, "segment %" PRIu64 ": %s (events %" PRIu64 " to %" PRIu64 " are unread)",
                 h->sequence, c->error, h->first_event,
                 h->first_event + h->event_count - (h->event_count != 0));
        return;
    }
    w->body_bytes += c->body_bytes;
    w->stored_bytes += h->stored_bytes;
    if (packed) {
        if (!k->handler->no_packets)
            begin_packets(k);
        return;
    }
    w->raw_segments++;
    w->raw_events += h->event_count;
    findingf(k, c->offset,
             "segment %" PRIu64 " is in %s encoding (%u), which this reader does not know: %" PRIu64
             " events unread",
             h->sequence, h->encoding == ENCODING_RAW ? "raw" : "an unknown", h->encoding, h->event_count);
}

/* False: out of memory. */
static bool walk_chunk(struct walker *k)
{
    const struct chunk *c = &k->chunk;
    k->w->chunks++;
    if (c->header.version != TRACE_VERSION) {
        findingf(k, c->offset, "chunk skipped: %s", c->error);
        return true;
    }
    if (c->header.type == CHUNK_SEGMENT)
        walk_segment(k);
    else if (c->header.type == CHUNK_META || c->header.type == CHUNK_END)
        return walk_meta(k, c);
    else if (c->header.type == CHUNK_INDEX && !c->body)
        findingf(k, c->offset, "INDEX chunk: %s", c->error);
    return true;
}

/* What the engine says of itself: writes that it knows to be missing, or not to know exactly. */
static void check_engine(struct walker *k)
{
    static const struct {
        const char *counter, *what;
    } doubts[] = {
        {"unexplained_writes",
         "writes that the engine's lists of accesses did not explain, and that are not recorded"},
        {"undecoded", "instructions that the engine could not decode, and whose writes are not recorded"},
        {"incomplete_lists", "instructions whose writes the engine could not list exactly"},
        {"walks_dropped",
         "accessed and dirty bits that the CPU set in page tables and that are not recorded"},
    };
    uint64_t n;
    char key[64];
    for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++) {
        snprintf(key, sizeof(key), "counter.%s", doubts[i].counter);
        if (meta_number(&k->w->meta, key, &n) && n)
            findingf(k, 0, "META tells of %s: %" PRIu64 " (%s)", doubts[i].what, n, key);
    }
}

/* What META says against what was found. */
static void check_sums(struct walker *k, uint64_t size)
{
    struct walk *w = k->w;
    uint64_t events;
    char text[320];
    if (w->chunks == 0 && !w->dump_known) {
        findingf(k, 0, "this is no Engram trace: no chunk in %" PRIu64 " bytes", size);
        return;
    }
    if (w->meta_chunks == 0)
        findingf(k, 0, "no readable META chunk%s",
                 w->end_chunks ? "; END says the same" : ", and no END either");
    if (w->end_chunks == 0)
        findingf(k, size, "no readable END chunk: the file may be cut off");
    for (size_t i = 0; i < w->coverage.count; i++) {
        if (gap_is_expected(&w->coverage.gaps[i]) || w->coverage.gaps[i].cause == GAP_DAMAGED)
            continue; /* not an error; already told where it was found */
        gap_describe(&w->coverage.gaps[i], text, sizeof(text));
        findingf(k, size, "%s", text);
    }
    if (meta_number(&w->meta, "events", &events) && w->coverage.any && w->coverage.next_event > events)
        findingf(k, 0, "META says %" PRIu64 " events, the segments go up to %" PRIu64, events,
                 w->coverage.next_event);
}

static void take_dump_facts(struct walk *w, const struct dump_facts *dump)
{
    char run[17];
    const char *file_run = meta_get(&w->meta, "run");
    if (!dump)
        return;
    snprintf(run, sizeof(run), "%016" PRIx64, dump->run);
    w->dump = *dump;
    w->dump_known = !file_run || strcmp(file_run, run) == 0;
}

/* The slice's first segment is next. False: the file cannot be read, or memory ran out. */
static bool to_slice(struct walker *k, const struct trace_source *source)
{
    struct walk *w = k->w;
    const char *why = NULL;
    if (trace_file_next(&k->file, &k->chunk) == CHUNK_FOUND && k->chunk.header.type != CHUNK_SEGMENT)
        if (!walk_chunk(k))
            return false;
    if (!slice_resolve(k->handler->slice, source, &k->bounds, &why)) {
        w->io_error = errno;
        return false;
    }
    if (why) {
        findingf(k, 0, "%s", why);
        k->over = true;
    }
    k->file.next = k->bounds.offset;
    return true;
}

struct walker *walk_begin(const struct trace_source *source, const struct walk_handler *handler,
                          struct walk *w)
{
    *w = (struct walk){0};
    struct walker *k = calloc(1, sizeof(*k));
    if (!k) {
        w->io_error = ENOMEM;
        return NULL;
    }
    *k = (struct walker){.w = w, .handler = handler, .decoder = decoder_new()};
    if (!k->decoder || !trace_file_open(&k->file, source, finding, k)) {
        w->io_error = ENOMEM;
        walk_end(k);
        return NULL;
    }
    slice_bounds_all(&k->bounds);
    if (!slice_is_all(handler->slice) && !to_slice(k, source)) {
        k->over = true;
        w->io_error = w->io_error ? w->io_error : ENOMEM;
    }
    return k;
}

static enum chunk_result next_chunk(struct walker *k)
{
    if (!k->handler->headers_only)
        return trace_file_next(&k->file, &k->chunk);
    enum chunk_result r = trace_file_next_header(&k->file, &k->chunk);
    if (r != CHUNK_FOUND || k->chunk.header.type == CHUNK_SEGMENT)
        return r;
    k->file.next = k->chunk.offset;
    return trace_file_next(&k->file, &k->chunk);
}

/* Goes to the next segment whose packets can be read. False at the end. */
static bool next_segment(struct walker *k)
{
    struct walk *w = k->w;
    enum chunk_result r = CHUNK_NONE;
    while (!k->over && !k->in_segment && !w->io_error && (r = next_chunk(k)) == CHUNK_FOUND) {
        if (k->chunk.header.type == CHUNK_SEGMENT && slice_bounds_behind(&k->bounds, &k->chunk.header))
            k->over = true;
        else if (!walk_chunk(k))
            w->io_error = ENOMEM;
    }
    if (r == CHUNK_IO_ERROR)
        w->io_error = errno ? errno : EIO;
    if (!k->in_segment)
        k->over = true;
    return k->in_segment;
}

const struct trace_item *walk_next(struct walker *k)
{
    while (!k->over) {
        if (!k->in_segment && !next_segment(k))
            break;
        const struct trace_item *item = decode_next(k->decoder);
        if (!item) {
            end_packets(k);
            continue;
        }
        if (!k->at_border)
            return item;
        enum slice_place place = slice_bounds_place(&k->bounds, item);
        if (place == SLICE_IN)
            return item;
        k->over = place == SLICE_BEHIND;
    }
    return NULL;
}

uint64_t walk_offset(const struct walker *k)
{
    return k->file.next;
}

bool walk_end(struct walker *k)
{
    struct walk *w = k->w;
    bool whole = k->over && !w->io_error;
    w->stopped = !k->over;
    if (whole && slice_is_all(k->handler->slice)) {
        take_dump_facts(w, k->handler->dump);
        coverage_finish(&w->coverage, &w->meta, w->dump_known ? &w->dump : NULL);
        check_sums(k, k->file.source->size);
        check_engine(k);
    }
    if (w->coverage.no_memory)
        w->io_error = ENOMEM;
    trace_file_close(&k->file);
    decoder_free(k->decoder);
    free(k);
    return w->io_error == 0;
}

bool walk_trace(const struct trace_source *source, const struct walk_handler *handler, struct walk *w)
{
    struct walker *k = walk_begin(source, handler, w);
    if (!k)
        return false;
    const struct trace_item *item;
    while ((item = walk_next(k)))
        if (handler->item && !handler->item(handler->ctx, item))
            break;
    return walk_end(k);
}

void walk_free(struct walk *w)
{
    meta_free(&w->meta);
    coverage_free(&w->coverage);
}

bool walk_recorded(const struct walk *w, uint64_t *events)
{
    if (meta_number(&w->meta, "events", events))
        return true;
    *events = w->dump.end_event;
    return w->dump_known;
}

bool walk_is_whole(const struct walk *w)
{
    return w->io_error == 0 && w->findings == 0;
}
