/* engram split: parts of a trace, each a trace file of its own (docs/format.md, Parts). */
#include "command.h"
#include "need.h"
#include "reader/extent.h"
#include "reader/walk.h"
#include "text.h"
#include "trace/crc32c.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 9999u
#define COPY_BYTES 65536u

static const char help[] = "usage: engram split --parts N [OPTION]... FILE\n"
                           "Cuts a trace between two segments into parts with about as many events, and "
                           "writes each as a trace file of its\n"
                           "own, with its index. Parts know what they are parts of: their results can be "
                           "merged (engram analyse --merge).\n\n"
                           "  --parts N                  how many\n"
                           "  -o, --output PREFIX        of the files PREFIX.0001.egrm, PREFIX.0002.egrm ... "
                           "(FILE without .egrm)\n\n"
                           "examples:\n"
                           "  engram split --parts 16 trace.egrm\n"
                           "  engram split --parts 4 -o /data/run7 trace.egrm\n"
                           "Exit code: 0 fine; 1 the trace is damaged or incomplete (all that is sound is in "
                           "the parts), or cannot be read, or\n"
                           "a part cannot be written; 2 wrong usage.\n";

struct split {
    struct input in;
    const char *prefix;
    unsigned parts;
    struct trace_index index;
    struct extent extent;
    struct meta meta;
};

/* The segments of one part: those whose headers are sound. */
struct part_of {
    uint64_t start, end; /* in the file */
    uint64_t segments;
    uint64_t first_sequence, end_sequence, first_event, end_event;
};

static void ignore_damage(void *ctx, uint64_t offset, const char *what)
{
    (void)ctx;
    (void)offset;
    (void)what;
}

static uint64_t border(const struct split *s, unsigned part)
{
    const struct trace_index *x = &s->index;
    if (part >= s->parts)
        return s->in.source.size;
    uint64_t event = index_part(x, index_first_event(x), x->end_event, part, s->parts);
    return x->entries[index_find_event(x, event)].offset;
}

/* Calls `take` for each segment of the part. False: an error, with errno. */
static bool each_segment(const struct split *s, struct part_of *p,
                         bool (*take)(const struct split *s, struct part_of *p, const struct chunk *c,
                                      void *ctx),
                         void *ctx)
{
    struct trace_file file;
    struct chunk c;
    enum chunk_result r = CHUNK_NONE;
    bool sound = trace_file_open(&file, &s->in.source, ignore_damage, NULL);
    file.next = p->start;
    while (sound && file.next < p->end && (r = trace_file_next_header(&file, &c)) == CHUNK_FOUND &&
           c.offset < p->end)
        if (c.header.type == CHUNK_SEGMENT && c.header.version == TRACE_VERSION)
            sound = take(s, p, &c, ctx);
    trace_file_close(&file);
    return sound && r != CHUNK_IO_ERROR;
}

static bool count_segment(const struct split *s, struct part_of *p, const struct chunk *c, void *ctx)
{
    (void)s;
    (void)ctx;
    if (p->segments++ == 0) {
        p->first_sequence = c->header.sequence;
        p->first_event = c->header.first_event;
    }
    p->end_sequence = c->header.sequence + 1;
    p->end_event = c->header.first_event + c->header.event_count;
    return true;
}

static bool copy_segment(const struct split *s, struct part_of *p, const struct chunk *c, void *ctx)
{
    FILE *out = ctx;
    uint8_t bytes[COPY_BYTES];
    uint64_t left = (uint64_t)c->header.header_bytes + c->header.stored_bytes;
    (void)p;
    for (uint64_t at = c->offset; left;) {
        size_t n = left < sizeof(bytes) ? (size_t)left : sizeof(bytes);
        int64_t got = s->in.source.read_at(s->in.source.ctx, at, bytes, n);
        if (got <= 0) /* the file ends within its last chunk: so does the part */
            return got == 0;
        if (fwrite(bytes, 1, (size_t)got, out) != (size_t)got)
            return false;
        at += (uint64_t)got;
        left -= (uint64_t)got;
    }
    return true;
}

static bool is_replaced(const char *key)
{
    static const char *const keys[] = {"segments", "first_sequence", "first_event"};
    for (unsigned i = 0; i < 3; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static uint64_t whole(const struct split *s, const char *key, uint64_t otherwise)
{
    uint64_t n;
    return meta_number(&s->meta, key, &n) ? n : otherwise;
}

/* META and END of a part. */
static void write_meta(const struct split *s, const struct part_of *p, unsigned part, uint8_t type, FILE *out)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&text, &bytes);
    if (!f)
        return;
    for (size_t i = 0; i < s->meta.count; i++)
        if (!is_replaced(s->meta.entries[i].key))
            fprintf(f, "%s=%s\n", s->meta.entries[i].key, s->meta.entries[i].value);
    fprintf(f, "segments=%" PRIu64 "\nfirst_sequence=%" PRIu64 "\nfirst_event=%" PRIu64 "\n", p->segments,
            p->first_sequence, p->first_event);
    fprintf(f, "part=%u/%u\npart.end_event=%" PRIu64 "\npart.end_sequence=%" PRIu64 "\n", part + 1, s->parts,
            p->end_event, p->end_sequence);
    fprintf(f,
            "whole.segments=%" PRIu64 "\nwhole.first_sequence=%" PRIu64 "\nwhole.first_event=%" PRIu64 "\n",
            whole(s, "segments", s->index.segments), whole(s, "first_sequence", 0),
            whole(s, "first_event", index_first_event(&s->index)));
    fprintf(f, "whole.first_time=%" PRIu64 "\nwhole.end_time=%" PRIu64 "\n", s->extent.first_time,
            s->extent.end_time);
    fclose(f);
    struct chunk_header h = {.magic = TRACE_MAGIC,
                             .version = TRACE_VERSION,
                             .header_bytes = sizeof(h),
                             .type = type,
                             .stored_bytes = (uint32_t)bytes,
                             .body_bytes = (uint32_t)bytes,
                             .body_crc = crc32c(text, bytes)};
    h.header_crc = crc32c(&h, sizeof(h) - 4);
    fwrite(&h, sizeof(h), 1, out);
    fwrite(text, 1, bytes, out);
    free(text);
}

/* The part's own index, at its end. */
static bool add_index(FILE *out)
{
    struct trace_source source;
    struct trace_index x;
    size_t bytes;
    int fd = fileno(out);
    if (fflush(out) != 0 || !source_from_fd(&source, &fd) || !index_scan(&x, &source))
        return false;
    uint8_t *chunk = index_chunk(&x, source.size, &bytes);
    bool sound = chunk && fwrite(chunk, 1, bytes, out) == bytes;
    free(chunk);
    index_free(&x);
    return sound;
}

static bool write_part(const struct split *s, unsigned part)
{
    struct part_of p = {.start = border(s, part), .end = border(s, part + 1)};
    char *path;
    if (!each_segment(s, &p, count_segment, NULL))
        return input_error("split", "%s: %s", s->in.path, strerror(errno)), false;
    if (asprintf(&path, "%s.%04u.egrm", s->prefix, part + 1) < 0)
        return false;
    FILE *out = fopen(path, "w+e");
    bool sound = out;
    if (out) {
        write_meta(s, &p, part, CHUNK_META, out);
        sound = each_segment(s, &p, copy_segment, out);
        write_meta(s, &p, part, CHUNK_END, out);
        sound = sound && add_index(out) && !ferror(out);
        sound = fclose(out) == 0 && sound;
    }
    if (sound)
        printf("%s: %s events from %" PRIu64 " on\n", path, grouped(p.end_event - p.first_event),
               p.first_event);
    else
        input_error("split", "cannot write %s: %s", path, strerror(errno));
    free(path);
    return sound;
}

/* ---- the whole ------------------------------------------------------------------------ */

static void on_finding(void *ctx, uint64_t offset, const char *what)
{
    const struct split *s = ctx;
    print_finding(s->in.path, offset, what);
}

/* META, and whether all is there. */
static bool read_whole(struct split *s, uint64_t *findings)
{
    struct walk w;
    const struct walk_handler handler = {.ctx = s,
                                         .finding = on_finding,
                                         .dump = input_dump(&s->in),
                                         .no_packets = true,
                                         .headers_only = true};
    bool sound = walk_trace(&s->in.source, &handler, &w);
    *findings = w.findings;
    s->meta = w.meta;
    w.meta = (struct meta){0};
    errno = w.io_error;
    walk_free(&w);
    return sound;
}

static int split(struct split *s)
{
    uint64_t findings;
    if (!read_whole(s, &findings) || !extent_of(&s->extent, &s->in.source, NULL) ||
        !index_build(&s->index, &s->in.source))
        return input_error("split", "%s: %s", s->in.path, strerror(errno));
    if (meta_get(&s->meta, "part"))
        return input_error("split", "%s is a part already", s->in.path);
    if (s->index.count < s->parts)
        return input_error("split", "%s has %s segments: that is too few for %u parts", s->in.path,
                           grouped(s->index.count), s->parts);
    for (unsigned i = 0; i < s->parts; i++)
        if (!write_part(s, i))
            return EXIT_FINDINGS;
    return findings ? EXIT_FINDINGS : EXIT_FINE;
}

int cmd_split(int argc, char **argv)
{
    static const struct option long_options[] = {{"parts", required_argument, NULL, 'n'},
                                                 {"output", required_argument, NULL, 'o'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {0}};
    struct split s = {0};
    int option;
    uint64_t n;
    while ((option = getopt_long(argc, argv, "ho:", long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return finish_output("split", EXIT_FINE);
        }
        if (option == 'o')
            s.prefix = optarg;
        else if (option == '?')
            return usage_error("split", "see `engram split --help`");
        else if (parse_number(optarg, &n) && n >= 1 && n <= PARTS_MAX)
            s.parts = (unsigned)n;
        else
            return usage_error("split", "--parts takes a number from 1 to %u", PARTS_MAX);
    }
    if (optind + 1 != argc || s.parts == 0)
        return usage_error("split", "give --parts N and one trace file; see `engram split --help`");
    if (!input_open(&s.in, "split", argv[optind]))
        return EXIT_FINDINGS;
    char *prefix = need_text(argv[optind]), *end = strrchr(prefix, '.');
    if (end && strcmp(end, ".egrm") == 0)
        *end = 0;
    s.prefix = s.prefix ? s.prefix : prefix;
    int code = split(&s);
    index_free(&s.index);
    meta_free(&s.meta);
    free(prefix);
    input_close(&s.in);
    return finish_output("split", code);
}
