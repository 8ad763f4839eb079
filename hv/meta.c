#include "meta.h"

#include "clock.h"
#include "console.h"
#include "control.h"
#include "prove.h"
#include "trace/hook.h"
#include "trace/utf8.h"
#include "x86/cpu.h"

#include <string.h>

#define BRAND_BYTES 49
#define RUN_GOES_ON "the run goes on"

struct out {
    char *text;
    uint32_t length, size;
};

static void line(struct out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One line, cut to what a line may hold; what a value must not hold becomes blanks. */
static void line(struct out *o, const char *format, ...)
{
    static char buffer[META_LINE_MAX + 1];
    va_list args;
    va_start(args, format);
    size_t n = format_text_v(buffer, sizeof buffer, format, args);
    va_end(args);
    if (n + 1 > o->size - o->length)
        return;
    utf8_clean(buffer, n);
    memcpy(o->text + o->length, buffer, n);
    o->length += (uint32_t)n;
    o->text[o->length++] = '\n';
}

/* Brand string: SDM Vol. 2A, CPUID, leaves 80000002H to 80000004H. */
static void cpu_brand(char brand[BRAND_BYTES])
{
    memset(brand, 0, BRAND_BYTES);
    if (cpuid(0x80000000, 0).eax < 0x80000004)
        return;
    for (uint32_t i = 0; i < 3; i++) {
        struct cpuid r = cpuid(0x80000002 + i, 0);
        memcpy(brand + 16 * i, &r, sizeof r);
    }
}

uint32_t meta_build(const struct meta_source *s, char *text, uint32_t size)
{
    struct out o = {.text = text, .size = size};
    char brand[BRAND_BYTES];
    uint64_t first_event, end_event;
    cpu_brand(brand);
    ring_events(s->ring, &first_event, &end_event);
    /* What was sent while the guest ran is in the file. */
    uint64_t first = s->ring->mode == RING_DRAIN ? 0 : ring_first_sequence(s->ring);
    line(&o, "format=%d", TRACE_VERSION);
    line(&o, "run=%016lx", (unsigned long)s->run_id);
    line(&o, "engine=%s", s->engine->name);
    line(&o, "engine.reason=%s", s->engine_reason);
    line(&o, "cpu=%s", brand);
    line(&o, "guest=%s", s->guest);
    line(&o, "options=%s", s->command_line);
    line(&o, "trace=%s%s", s->record & RECORD_READS ? "r" : "", s->record & RECORD_WRITES ? "w" : "");
    line(&o, "walk_reads=%d", (s->record & RECORD_WALK_READS) != 0);
    line(&o, "icount=%d", s->engine->raw);
    line(&o, "events=%lu", (unsigned long)hook_events());
    line(&o, "lost=%lu", (unsigned long)hook_lost());
    line(&o, "filtered=%lu", (unsigned long)hook_filtered_total());
    line(&o, "segments=%lu", (unsigned long)(ring_count(s->ring) + ring_first_sequence(s->ring) - first));
    line(&o, "first_sequence=%lu", (unsigned long)first);
    line(&o, "first_event=%lu", (unsigned long)first_event);
    line(&o, "ring.mode=%s", s->ring_mode);
    line(&o, "ring.bytes=%lu", (unsigned long)s->ring_bytes);
    line(&o, "segment.bytes=%u", s->ring->segment_bytes);
    line(&o, "tsc.hz=%lu", (unsigned long)clock_hz());
    line(&o, "tsc.start=%lu", (unsigned long)control_started_at());
    line(&o, "tsc.end=%lu", (unsigned long)control_ended_at());
    line(&o, "end=%s", control_ended() ? control_ended() : RUN_GOES_ON);
    if (s->engine->raw)
        line(&o, "counter.damaged_segments=%lu", (unsigned long)hook_damaged());
    o.length += (uint32_t)prove_meta(o.text + o.length, o.size - o.length);
    o.length += (uint32_t)s->engine->counters(o.text + o.length, o.size - o.length);
    return o.length;
}

/* ---- of a run before ---- */

static bool begins_with(const char *text, const char *end, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(end - text) >= n && memcmp(text, word, n) == 0;
}

/* What the reset has made wrong, and is said anew. */
static bool is_outdated(const char *text, const char *end)
{
    static const char *const keys[] = {
        "events=",      "lost=",    "filtered=", "segments=", "first_sequence=",
        "first_event=", "tsc.end=", "end=",      "counter."};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (begins_with(text, end, keys[i]))
            return true;
    return false;
}

static const char *line_end(const char *text, const char *end)
{
    while (text < end && *text != '\n')
        text++;
    return text;
}

static bool was_running(const char *text, const char *end)
{
    for (; text < end; text = line_end(text, end) + 1)
        if (begins_with(text, end, "end=" RUN_GOES_ON "\n"))
            return true;
    return false;
}

uint32_t meta_of_previous(const char *kept, uint32_t kept_bytes, const struct ring *ring, uint64_t lost,
                          uint64_t filtered, char *text, uint32_t size)
{
    struct out o = {.text = text, .size = size};
    const char *end = kept + kept_bytes, *next;
    bool anew = was_running(kept, end);
    uint64_t first_event, end_event;
    for (; kept < end; kept = next + 1) {
        next = line_end(kept, end);
        if ((anew && is_outdated(kept, end)) || (size_t)(next - kept) + 1 > o.size - o.length)
            continue;
        memcpy(o.text + o.length, kept, (size_t)(next - kept));
        o.length += (uint32_t)(next - kept);
        o.text[o.length++] = '\n';
    }
    if (!anew)
        return o.length;
    ring_events(ring, &first_event, &end_event);
    line(&o, "events=%lu", (unsigned long)end_event);
    line(&o, "lost=%lu", (unsigned long)(ring->notes.lost + lost));
    line(&o, "filtered=%lu", (unsigned long)(ring->notes.filtered + filtered));
    line(&o, "segments=%lu", (unsigned long)ring_count(ring));
    line(&o, "first_sequence=%lu", (unsigned long)ring_first_sequence(ring));
    line(&o, "first_event=%lu", (unsigned long)first_event);
    line(&o, "tsc.end=%lu", (unsigned long)ring->notes.tsc);
    line(&o, "end=the machine was reset while the guest ran");
    line(&o, "counter.damaged_segments=%lu", (unsigned long)hook_damaged());
    return o.length;
}

/* ---- what is missing ---- */

/* The number behind `counter.NAME=` in META text; 0 when it is not there. */
static uint64_t counter_of(const char *text, const char *name)
{
    static const char prefix[] = "counter.";
    size_t n = strlen(name);
    while (*text) {
        if (strncmp(text, prefix, sizeof prefix - 1) == 0 &&
            strncmp(text + sizeof prefix - 1, name, n) == 0 && text[sizeof prefix - 1 + n] == '=') {
            uint64_t value = 0;
            for (const char *p = text + sizeof prefix + n; *p >= '0' && *p <= '9'; p++)
                value = value * 10 + (uint64_t)(*p - '0');
            return value;
        }
        while (*text && *text++ != '\n')
            ;
    }
    return 0;
}

void meta_say_what_is_missing(const char *text)
{
    uint64_t unexplained = counter_of(text, "unexplained_writes"), undecoded = counter_of(text, "undecoded");
    if (unexplained | undecoded)
        printk("engram: writes are missing from the trace: counters unexplained_writes %lu, undecoded %lu "
               "(docs/engines.md)\n",
               (unsigned long)unexplained, (unsigned long)undecoded);
}
