/*
 * Common Trace Format 1.8: a folder with `metadata`, which describes the layout in the format's own language,
 * and `stream`, packets of events. The clock counts instructions, or events where they are not counted.
 */
#include "convert/converter.h"
#include "emit.h"
#include "reader/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0xc1fc1fc1u
#define PACKET_BYTES 65536u
#define PACKET_HEADER_BYTES (4u + 5u * 8u)
#define EVENT_MAX 2048u

/* All integers are aligned to bytes: the structures below are packed. */
static const char metadata_head[] =
    "/* CTF 1.8 */\n"
    "typealias integer { size = 8; align = 8; signed = false; } := u8;\n"
    "typealias integer { size = 16; align = 8; signed = false; } := u16;\n"
    "typealias integer { size = 32; align = 8; signed = false; } := u32;\n"
    "typealias integer { size = 64; align = 8; signed = false; } := u64;\n"
    "typealias integer { size = 64; align = 8; signed = false; base = 16; } := x64;\n"
    "trace {\n\tmajor = 1;\n\tminor = 8;\n\tbyte_order = le;\n"
    "\tpacket.header := struct { u32 magic; };\n};\n"
    "env {\n\tdomain = \"guest\";\n\ttracer_name = \"engram\";\n};\n";
static const char metadata_body[] =
    "typealias integer { size = 64; align = 8; signed = false; map = clock.guest.value; } := time_t;\n"
    "stream {\n"
    "\tpacket.context := struct { time_t timestamp_begin; time_t timestamp_end; u64 content_size; u64 "
    "packet_size; "
    "u64 events_discarded; };\n"
    "\tevent.header := struct { u8 id; time_t timestamp; };\n};\n"
    "event {\n\tname = \"access\";\n\tid = 0;\n\tfields := struct {\n"
    "\t\tu64 number;\n"
    "\t\tenum : u8 { read = 0, write = 1 } kind;\n"
    "\t\tu8 size;\n\t\tx64 gva;\n\t\tx64 gpa;\n\t\tx64 gpa2;\n\t\tx64 rip;\n\t\tx64 cr3;\n\t\tu8 cpl;\n"
    "\t\tenum : u8 { real = 0, bits16 = 1, bits32 = 2, bits64 = 3 } mode;\n"
    "\t\tenum : u8 { instruction = 0, exception = 1, interrupt = 2, page_walk = 3, descriptor = 4, "
    "task_switch = 5 } "
    "cause;\n"
    "\t\tu8 vector;\n\t\tu8 flags; /* 1 MMIO, 2 locked, 4 REP, 8 crosses a page, 16 gpa unknown */\n"
    "\t\tu8 data_length;\n\t\tu8 data[data_length];\n\t};\n};\n"
    "event {\n\tname = \"delivery\";\n\tid = 1;\n\tfields := struct { u8 vector; u8 type; u8 has_error_code; "
    "u64 error_code; x64 rip; u64 tsc; };\n};\n"
    "event {\n\tname = \"context\";\n\tid = 2;\n\tfields := struct { x64 cr3; u8 cpl; u8 context; };\n};\n"
    "event {\n\tname = \"mark\";\n\tid = 3;\n\tfields := struct { u8 source; string text; };\n};\n"
    "event {\n\tname = \"filtered\";\n\tid = 4;\n\tfields := struct { u64 count; };\n};\n"
    "event {\n\tname = \"time\";\n\tid = 5;\n\tfields := struct { u64 tsc; };\n};\n";

enum { EVENT_ACCESS, EVENT_DELIVERY, EVENT_CONTEXT, EVENT_MARK, EVENT_FILTERED, EVENT_TIME };
#define FLAG_NO_GPA 16u

struct ctf {
    FILE *stream;
    uint8_t packet[PACKET_BYTES];
    uint32_t used;
    uint64_t first_time, last_time;
    uint64_t lost;
};

static FILE *create(struct conversion *c, const char *name)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof(path), "%s/%s", c->path, name) >= sizeof(path)) {
        convert_fail(c, "the folder's name is too long");
        return NULL;
    }
    FILE *f = fopen(path, "we");
    if (!f)
        convert_fail(c, "cannot write %s: %s", name, strerror(errno));
    return f;
}

static bool write_metadata(struct conversion *c)
{
    FILE *f = create(c, "metadata");
    if (!f)
        return false;
    fputs(metadata_head, f);
    fprintf(f, "clock {\n\tname = guest;\n\tdescription = \"%s\";\n\tfreq = 1000000000;\n};\n",
            c->extent.has_icount ? "instructions completed" : "accesses recorded");
    fputs(metadata_body, f);
    bool sound = !ferror(f);
    return (fclose(f) == 0 && sound) || convert_fail(c, "cannot write metadata: %s", strerror(errno));
}

static bool begin(void *state, struct conversion *c)
{
    struct ctf *t = state;
    if (mkdir(c->path, 0777) != 0 && errno != EEXIST)
        return convert_fail(c, "cannot make the folder: %s", strerror(errno));
    t->used = PACKET_HEADER_BYTES;
    t->first_time = t->last_time = c->extent.first_time;
    if (!write_metadata(c))
        return false;
    t->stream = create(c, "stream");
    return t->stream;
}

/* What has come together is a packet, as long as it is. */
static bool flush(struct ctf *t, struct conversion *c)
{
    uint8_t *p = t->packet;
    const uint64_t context[] = {t->first_time, t->last_time, 8u * (uint64_t)t->used, 8u * (uint64_t)t->used,
                                t->lost};
    store_le(p, MAGIC, 4);
    for (unsigned i = 0; i < 5; i++)
        store_le(p + 4 + 8 * i, context[i], 8);
    bool sound = fwrite(p, 1, t->used, t->stream) == t->used;
    t->used = PACKET_HEADER_BYTES;
    t->first_time = t->last_time;
    return sound || convert_fail(c, "cannot write stream: %s", strerror(errno));
}

static uint8_t *put(uint8_t *p, uint64_t n, unsigned bytes)
{
    store_le(p, n, bytes);
    return p + bytes;
}

/* An event's header, in a packet that has room for it. NULL when writing failed. */
static uint8_t *event(struct ctf *t, struct conversion *c, uint8_t id, uint64_t time)
{
    if (t->used + EVENT_MAX > PACKET_BYTES && !flush(t, c))
        return NULL;
    if (t->used == PACKET_HEADER_BYTES && time > t->first_time)
        t->first_time = time;
    t->last_time = time > t->last_time ? time : t->last_time;
    return put(put(t->packet + t->used, id, 1), t->last_time, 8);
}

static bool event_end(struct ctf *t, const uint8_t *p)
{
    t->used = (uint32_t)(p - t->packet);
    return true;
}

static bool on_access(void *state, struct conversion *c, const struct trace_item *item)
{
    struct ctf *t = state;
    const struct access *a = &item->access;
    uint8_t *p = event(t, c, EVENT_ACCESS, convert_time(item)), length = a->has_data ? a->size : 0;
    if (!p)
        return false;
    p = put(put(put(p, item->number, 8), a->kind, 1), a->size, 1);
    p = put(put(put(p, a->gva, 8), a->gpa, 8), a->flags & ACCESS_CROSSES ? a->gpa2 : 0, 8);
    p = put(put(p, a->rip, 8), a->cr3, 8);
    p = put(put(p, a->context & CONTEXT_CPL_MASK, 1), a->context >> CONTEXT_MODE_SHIFT & 3, 1);
    p = put(put(p, a->cause, 1), a->vector, 1);
    p = put(put(p, (a->flags & 15u) | (item->gpa_known ? 0 : FLAG_NO_GPA), 1), length, 1);
    memcpy(p, a->data, length);
    return event_end(t, p + length);
}

static bool put_mark(struct ctf *t, struct conversion *c, const struct trace_item *item)
{
    uint8_t *p = event(t, c, EVENT_MARK, t->last_time);
    size_t n = item->text_bytes < EVENT_MAX / 2 ? item->text_bytes : EVENT_MAX / 2;
    if (!p)
        return false;
    c->changed += n < item->text_bytes;
    p = put(p, item->source, 1);
    for (size_t i = 0; i < n; i++)
        p = put(p, item->text[i] ? (uint8_t)item->text[i] : ' ', 1);
    return event_end(t, put(p, 0, 1));
}

static bool on_other(void *state, struct conversion *c, const struct trace_item *item)
{
    struct ctf *t = state;
    uint8_t *p;
    switch (item->kind) {
    case ITEM_EVENT:
        p = event(t, c, EVENT_DELIVERY, t->last_time);
        return p && event_end(t, put(put(put(put(put(put(p, item->vector, 1), item->event_type, 1),
                                                 item->has_error_code, 1),
                                             item->error_code, 8),
                                         item->rip, 8),
                                     item->tsc, 8));
    case ITEM_CONTEXT:
        p = event(t, c, EVENT_CONTEXT, t->last_time);
        return p && event_end(t, put(put(put(p, item->cr3, 8), item->context & CONTEXT_CPL_MASK, 1),
                                     item->context, 1));
    case ITEM_FILTER:
        p = event(t, c, EVENT_FILTERED, t->last_time);
        return p && event_end(t, put(p, item->count, 8));
    case ITEM_TIME:
        p = event(t, c, EVENT_TIME, t->last_time);
        return p && event_end(t, put(p, item->tsc, 8));
    case ITEM_LOSS:
        t->lost += item->count;
        return flush(t, c); /* a packet's count of discarded events stands for what is lost before its end */
    default:
        return put_mark(t, c, item);
    }
}

static bool end(void *state, struct conversion *c)
{
    struct ctf *t = state;
    if (!flush(t, c))
        return false;
    FILE *stream = t->stream;
    t->stream = NULL;
    return fclose(stream) == 0 || convert_fail(c, "cannot write stream: %s", strerror(errno));
}

static void destroy(void *state)
{
    struct ctf *t = state;
    if (t->stream)
        fclose(t->stream);
}

const struct converter convert_ctf = {
    .name = "ctf",
    .what = "Common Trace Format 1.8, a folder: for babeltrace2 and Trace Compass",
    .binary = true,
    .folder = true,
    .state_bytes = sizeof(struct ctf),
    .begin = begin,
    .access = on_access,
    .other = on_other,
    .end = end,
    .destroy = destroy,
};
