#include "control.h"

#include "clock.h"
#include "console.h"
#include "prove.h"
#include "trace/format.h"
#include "trace/hook.h"
#include "x86/cpu.h"

#include <string.h>

#define WHY_BYTES 160
#define LINE_BYTES 256

static const struct engine *engine;
static const struct options *options;
static char why[WHY_BYTES];
static struct filter filter;
static bool recording;
static uint64_t tsc_start, tsc_end;

/* The last bytes the guest wrote, to compare with text: points. */
static char seen[2 * POINT_TEXT_MAX];
static size_t seen_bytes;

/* The line the guest is writing, for the trace's marks. */
static char line[LINE_BYTES];
static size_t line_bytes;

static int watched = -1; /* the last byte of the text that is waited for */

static void watch_for(const struct point *p)
{
    watched = p->kind == POINT_TEXT ? (uint8_t)p->text[strlen(p->text) - 1] : -1;
}

static void record_nothing(void)
{
    engine->set_recording(0, &filter);
}

static void record(void)
{
    engine->set_recording(options->record, &filter);
}

static void stop_recording(void)
{
    record_nothing();
    if (engine->pack)
        engine->pack();
}

static void start_recording(void)
{
    if (recording || control_ended())
        return;
    recording = true;
    watch_for(&options->stop);
    if (tsc_start == 0) {
        prove_begin();
        tsc_start = rdtsc();
    }
    record();
}

/* The engine counts to one number at a time. */
static void count_next(void)
{
    const struct point *p =
        options->start.kind == POINT_INSTRUCTIONS && !recording ? &options->start : &options->stop;
    if (p->kind != POINT_INSTRUCTIONS)
        return;
    if (!engine->count_to)
        panic("start= and stop=instructions: the guest's instructions are not counted under engine=%s; take "
              "engine=dbt",
              engine->name);
    engine->count_to(p->number);
}

void control_count(void)
{
    if (options->start.kind == POINT_INSTRUCTIONS && !recording) {
        start_recording();
        count_next();
    } else {
        control_end("stop=instructions:%lu was reached", (unsigned long)options->stop.number);
    }
}

static bool is_mark(const struct point *p, const char *text, size_t bytes)
{
    return p->kind == POINT_MARK && strlen(p->text) == bytes && memcmp(p->text, text, bytes) == 0;
}

void control_before_mark(const char *text, size_t bytes)
{
    if (!recording && is_mark(&options->start, text, bytes))
        start_recording();
}

void control_after_mark(const char *text, size_t bytes)
{
    if (recording && is_mark(&options->stop, text, bytes))
        control_end("stop=mark:%s was reached", options->stop.text);
}

void control_init(const struct engine *e, const struct options *o)
{
    engine = e;
    options = o;
    filter = o->filter;
    watch_for(&o->start);
    hook_set_filter(&filter);
    if (o->start.kind == POINT_BOOT)
        start_recording();
    else if (o->start.kind == POINT_RIP)
        engine->set_trigger(TRIGGER_START, true, o->start.rip);
    if (o->stop.kind == POINT_RIP)
        engine->set_trigger(TRIGGER_STOP, true, o->stop.rip);
    if (o->stop.kind == POINT_EVENTS)
        hook_limit(o->stop.number);
    count_next();
}

void control_record(bool on)
{
    static const char stopped[] = "recording stopped", started[] = "recording goes on";
    if (on == recording || control_ended())
        return;
    if (on) {
        start_recording();
        hook_mark(MARK_ENGRAM, started, sizeof started - 1);
        return;
    }
    hook_mark(MARK_ENGRAM, stopped, sizeof stopped - 1);
    stop_recording();
    recording = false;
    prove_give_up("recording stopped in between");
}

void control_flush(void)
{
    if (!recording || control_ended())
        return;
    record_nothing();
    hook_flush();
    record();
}

bool control_is_recording(void)
{
    return recording;
}

/* What was recorded is packed with the filter that held then. */
void control_set_filter(const struct filter *f)
{
    bool on = recording;
    control_record(false);
    filter = *f;
    hook_set_filter(&filter);
    control_record(on);
}

const struct filter *control_filter(void)
{
    return &filter;
}

void control_trigger(enum trigger t)
{
    if (t == TRIGGER_START) {
        engine->set_trigger(TRIGGER_START, false, 0);
        start_recording();
    } else if (recording || options->start.kind == POINT_BOOT) {
        control_end("stop=rip:0x%lx was reached", (unsigned long)options->stop.rip);
    }
}

static bool seen_ends_with(const char *text)
{
    size_t n = strlen(text);
    return n <= seen_bytes && memcmp(seen + seen_bytes - n, text, n) == 0;
}

/* Twice as many as count, so that few are moved. */
static void remember(uint8_t byte)
{
    if (seen_bytes == sizeof seen) {
        memcpy(seen, seen + POINT_TEXT_MAX, POINT_TEXT_MAX);
        seen_bytes = POINT_TEXT_MAX;
    }
    seen[seen_bytes++] = (char)byte;
}

static void mark_line(uint8_t byte)
{
    if (byte == '\n' || line_bytes == sizeof line) {
        if (recording && line_bytes > 0)
            hook_mark(MARK_CONSOLE, line, line_bytes);
        line_bytes = 0;
    }
    if (byte != '\n' && byte != '\r')
        line[line_bytes++] = (char)byte;
}

void control_console_byte(uint8_t byte)
{
    remember(byte);
    mark_line(byte);
    if (options->start.kind == POINT_TEXT && !recording && seen_ends_with(options->start.text)) {
        start_recording();
        seen_bytes = 0; /* the same bytes must not stop what they started */
        return;
    }
    if (options->stop.kind == POINT_TEXT && recording && seen_ends_with(options->stop.text))
        control_end("stop=text:%s was reached", options->stop.text);
}

int control_watched_byte(void)
{
    return watched;
}

/* Where parts of pages are filtered what is counted may be more than what passes, until it is packed. */
static bool are_enough_events(void)
{
    if (!recording || !engine->raw || !filter_has_ranges(&filter))
        return true;
    stop_recording();
    if (hook_events() >= options->stop.number)
        return true;
    record();
    return false;
}

void control_poll(void)
{
    if (options->timeout != 0 && clock_seconds() >= options->timeout)
        control_end("timeout=%u: the time limit was reached", options->timeout);
    if (options->stop.kind == POINT_EVENTS && control_events() >= options->stop.number && are_enough_events())
        control_end("stop=events:%lu was reached", (unsigned long)options->stop.number);
}

/* ---- what the guest asks for by hypercall ---- */

uint64_t control_events(void)
{
    return hook_events() + (engine->pending_events ? engine->pending_events() : 0);
}

void control_start(void)
{
    start_recording();
}

/* What was recorded stays as it is: recording may go on later. */
void control_pause(void)
{
    if (!recording || control_ended())
        return;
    recording = false;
    record_nothing();
    prove_give_up("recording paused in between");
}

static void filter_changed(void)
{
    prove_give_up("other processes were not recorded");
    hook_set_filter(&filter);
    if (recording && !control_ended())
        record();
}

bool control_add_process(uint64_t cr3)
{
    bool added = filter_add_cr3(&filter, cr3);
    filter_changed();
    return added;
}

void control_remove_process(uint64_t cr3)
{
    filter_remove_cr3(&filter, cr3);
    filter_changed();
}

void control_all_processes(void)
{
    filter.has_cr3 = options->filter.has_cr3;
    filter.cr3_count = options->filter.cr3_count;
    memcpy(filter.cr3, options->filter.cr3, sizeof(filter.cr3));
    filter_changed();
}

/* ---- the end ---- */

static void end_recording(void)
{
    tsc_end = rdtsc();
    hook_stop(why);
}

void control_end(const char *format, ...)
{
    if (control_ended())
        return;
    va_list args;
    va_start(args, format);
    format_text_v(why, sizeof why, format, args);
    va_end(args);
    stop_recording();
    end_recording();
    prove_end();
}

void control_abort(const char *error)
{
    if (control_ended())
        return;
    format_text(why, sizeof why, "error: %s", error);
    if (engine->salvage)
        engine->salvage();
    prove_abort();
    end_recording();
}

const char *control_ended(void)
{
    return tsc_end != 0 ? why : NULL;
}
uint64_t control_started_at(void)
{
    return tsc_start;
}
uint64_t control_ended_at(void)
{
    return tsc_end;
}
