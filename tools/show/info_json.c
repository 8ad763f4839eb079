/* engram info as a program reads it. */
#include "command.h"
#include "show/info.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

static void put_meta(FILE *out, const struct meta *m)
{
    fputs("\"meta\":{", out);
    const char *comma = "";
    for (size_t i = 0; i < m->count; i++) {
        if (meta_get(m, m->entries[i].key) != m->entries[i].value)
            continue; /* a key again: the first one counts */
        fputs(comma, out);
        put_json_text(out, m->entries[i].key, strlen(m->entries[i].key));
        fputc(':', out);
        put_json_text(out, m->entries[i].value, strlen(m->entries[i].value));
        comma = ",";
    }
    fputc('}', out);
}

static void put_kind(FILE *out, const char *name, const struct stats *s, unsigned kind)
{
    fprintf(out, "\"%s\":{\"count\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"by_size\":{", name, s->by_kind[kind],
            s->bytes[kind]);
    const char *comma = "";
    for (unsigned i = 1; i <= ACCESS_SIZE_MAX; i++) {
        if (s->by_size[kind][i]) {
            fprintf(out, "%s\"%u\":%" PRIu64, comma, i, s->by_size[kind][i]);
            comma = ",";
        }
    }
    fputs("},\"by_cause\":{", out);
    comma = "";
    for (uint8_t i = 0; i < 8; i++) {
        if (s->by_cause[kind][i]) {
            fprintf(out, "%s\"%s\":%" PRIu64, comma, cause_name(i), s->by_cause[kind][i]);
            comma = ",";
        }
    }
    fputs("}}", out);
}

static void put_limit(FILE *out, const char *name, uint64_t limit)
{
    if (limit == GAP_NOT_KNOWN)
        fprintf(out, ",\"%s\":null", name);
    else
        fprintf(out, ",\"%s\":%" PRIu64, name, limit);
}

static void put_gaps(FILE *out, const struct coverage *c)
{
    static const char *const cause[GAP_CAUSES] = {[GAP_OVERWRITTEN] = "overwritten",
                                                  [GAP_DAMAGED] = "damaged",
                                                  [GAP_ABSENT] = "absent",
                                                  [GAP_OTHER_PART] = "other-part",
                                                  [GAP_UNKNOWN] = "unknown"};
    fputs("\"gaps\":[", out);
    for (size_t i = 0; i < c->count; i++) {
        const struct gap *g = &c->gaps[i];
        fprintf(out, "%s{\"cause\":\"%s\",\"first_event\":%" PRIu64, i ? "," : "", cause[g->cause],
                g->first_event);
        put_limit(out, "end_event", g->end_event);
        put_limit(out, "first_sequence", g->first_sequence);
        put_limit(out, "end_sequence", g->end_sequence);
        fputc('}', out);
    }
    fputc(']', out);
}

void info_print_json(FILE *out, const struct info *info)
{
    const struct walk *w = &info->walk;
    const struct stats *s = &info->stats;
    uint64_t ticks;
    double seconds;
    fprintf(out, "{\"file_bytes\":%" PRIu64 ",\"findings\":%" PRIu64 ",\"segments\":%" PRIu64 ",",
            info->file_bytes, w->findings, w->coverage.segments);
    put_meta(out, &w->meta);
    fprintf(out, ",\"accesses\":{\"count\":%" PRIu64 ",", s->accesses);
    put_kind(out, "w", s, ACCESS_WRITE);
    fputc(',', out);
    put_kind(out, "r", s, ACCESS_READ);
    fprintf(out, "},\"undecoded_events\":%" PRIu64 ",\"interrupts\":%" PRIu64 ",\"marks\":%" PRIu64 ",",
            w->undecoded_events, s->items[ITEM_EVENT], s->items[ITEM_MARK]);
    put_gaps(out, &w->coverage);
    if (w->dump_known)
        fprintf(out,
                ",\"dump\":{\"run\":\"%016" PRIx64 "\",\"first_event\":%" PRIu64 ",\"end_event\":%" PRIu64
                "}",
                w->dump.run, w->dump.first_event, w->dump.end_event);
    if (info_time(info, &ticks, &seconds)) {
        fprintf(out, ",\"tsc_ticks\":%" PRIu64, ticks);
        if (seconds >= 0)
            fprintf(out, ",\"seconds\":%.9f", seconds);
    }
    if (s->has_icount)
        fprintf(out, ",\"icount_first\":%" PRIu64 ",\"icount_last\":%" PRIu64, s->icount_first,
                s->icount_last);
    fputs("}\n", out);
}
