#include "monitor/monitor.h"

#include "clock.h"
#include "console.h"
#include "control.h"
#include "deliver.h"
#include "finish.h"
#include "memory.h"
#include "monitor/command.h"
#include "monitor/edit.h"
#include "registers.h"
#include "trace/format.h"
#include "trace/hook.h"
#include "uart.h"
#include "x86/cpu.h"

#include <string.h>

#define TEXT_BYTES 4096u
#define TYPED_BYTES 256u /* a power of two */
#define BYTES_PER_LINE 16u

static const struct engine *engine;
static const struct machine *machine;
static const struct ring *ring;
static struct edit edit;
static bool typing; /* the keyboard is the monitor's: bytes that come are */
static bool open;   /* that was told */
static uint8_t typed[TYPED_BYTES];
static unsigned typed_in, typed_out;

/* The guest may have sent in between. */
static void put(const char *text)
{
    uart_shared();
    for (; *text; text++) {
        if (*text == '\n')
            uart_put('\r');
        uart_put((uint8_t)*text);
    }
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    static char text[TEXT_BYTES];
    va_list args;
    va_start(args, format);
    format_text_v(text, sizeof text, format, args);
    va_end(args);
    put(text);
}

void monitor_init(const struct engine *e, const struct machine *m, const struct ring *r)
{
    engine = e;
    machine = m;
    ring = r;
    edit_init(&edit, "engram> ", put);
}

/* A byte for which there is no room is dropped, but not the key. */
bool monitor_takes(uint8_t byte)
{
    if (byte != MONITOR_KEY && !typing)
        return false;
    if (byte == MONITOR_KEY)
        typing = !typing;
    if (typed_in - typed_out < TYPED_BYTES - (byte != MONITOR_KEY))
        typed[typed_in++ % TYPED_BYTES] = byte;
    return true;
}

/* ---- commands ---- */

static uint64_t events_so_far(void)
{
    return hook_events() + (engine->pending_events ? engine->pending_events() : 0);
}

/* The rate is that since it was last asked for. */
static void status(void)
{
    static uint64_t events_before, tsc_before;
    uint64_t events = events_so_far(), now = rdtsc(), used = ring_count(ring) + ring->open_count;
    uint64_t ms = (now - tsc_before) / (clock_hz() / 1000 + 1);
    say("engine %s, %s\n", engine->name, control_is_recording() ? "recording" : "not recording");
    say("events %lu, lost %lu, filtered %lu\n", (unsigned long)events, (unsigned long)hook_lost(),
        (unsigned long)hook_filtered_total());
    if (tsc_before && ms)
        say("rate %lu events a second, since it was last asked for\n",
            (unsigned long)((events - events_before) * 1000 / ms));
    say("ring %lu of %lu segments of %u KiB in use", (unsigned long)used, (unsigned long)ring->slots,
        ring->segment_bytes >> 10);
    if (ring->mode == RING_DRAIN)
        say(", %lu of %lu sent", (unsigned long)ring->sent,
            (unsigned long)(ring->next_sequence - ring->open_count));
    say("\nrunning for %lu s\n", (unsigned long)clock_seconds());
    events_before = events;
    tsc_before = now;
}

static void say_ranges(const char *name, const struct filter_ranges *r)
{
    say(" %s=%s", name, r->count ? "" : "all");
    for (uint32_t i = 0; i < r->count; i++)
        say("%s0x%lx-0x%lx", i ? "," : "", (unsigned long)r->range[i].first, (unsigned long)r->range[i].last);
}

static void say_filter(const struct filter *f)
{
    const char *between = "";
    say("filter");
    say_ranges("gpa", &f->gpa);
    say_ranges("gva", &f->gva);
    say(" cpl=%s", f->levels ? "" : "all");
    for (unsigned level = 0; level < 4; level++)
        if (f->levels & 1u << level) {
            say("%s%u", between, level);
            between = ",";
        }
    if (f->has_cr3)
        say(" cr3=0x%lx\n", (unsigned long)f->cr3);
    else
        say(" cr3=all\n");
}

static void mark(const char *text)
{
    if (!control_is_recording())
        say("nothing is recorded: there is no place for a mark\n");
    else
        hook_mark(MARK_ENGRAM, text, strlen(text));
}

/* RAM of the guest's. Device memory may change when it is read. */
static bool is_guest_ram(gpa_t from, gpa_t to)
{
    for (size_t i = 0; i < machine->map_count; i++) {
        const struct memory_range *r = &machine->map[i];
        if (r->type == MEMORY_RAM && from >= r->start && to <= r->end)
            return !machine_is_hidden(machine, from, to);
    }
    return false;
}

static void memory_line(gpa_t at, unsigned bytes)
{
    const uint8_t *p = phys_to_virt(at);
    char text[BYTES_PER_LINE + 1];
    say("%016lx:", (unsigned long)at);
    for (unsigned i = 0; i < BYTES_PER_LINE; i++) {
        if (i < bytes)
            say(" %02x", p[i]);
        else
            say("   ");
        text[i] = i >= bytes || p[i] < ' ' || p[i] > '~' ? '.' : (char)p[i];
    }
    text[bytes] = '\0';
    say("  %s\n", text);
}

static void memory(gpa_t at, uint64_t bytes)
{
    if (at + bytes < at || !is_guest_ram(at, at + bytes)) {
        say("0x%lx to 0x%lx is not in the guest's RAM\n", (unsigned long)at, (unsigned long)(at + bytes - 1));
        return;
    }
    for (uint64_t done = 0; done < bytes; done += BYTES_PER_LINE)
        memory_line(at + done, bytes - done < BYTES_PER_LINE ? (unsigned)(bytes - done) : BYTES_PER_LINE);
}

static void say_counters(void)
{
    static char text[TEXT_BYTES];
    engine->counters(text, sizeof text);
    put(text);
}

static void say_help(void)
{
    static char text[TEXT_BYTES];
    monitor_help(text, sizeof text);
    put(text);
}

static void registers(struct vcpu *v)
{
    engine->save_state(v);
    uart_shared();
    print_registers(v);
}

static void end(const char *what)
{
    control_end("%s, as the monitor was told", what);
}

static void carry_out(const struct monitor_command *c, struct vcpu *v)
{
    switch (c->verb) {
    case MONITOR_NOTHING:
        break;
    case MONITOR_HELP:
        say_help();
        break;
    case MONITOR_STATUS:
        status();
        break;
    case MONITOR_START:
    case MONITOR_STOP:
        control_record(c->verb == MONITOR_START);
        break;
    case MONITOR_FILTER:
        if (c->changes_filter)
            control_set_filter(&c->filter);
        say_filter(control_filter());
        break;
    case MONITOR_MARK:
        mark(c->text);
        break;
    case MONITOR_REGISTERS:
        registers(v);
        break;
    case MONITOR_MEMORY:
        memory(c->address, c->bytes);
        break;
    case MONITOR_COUNTERS:
        say_counters();
        break;
    case MONITOR_DUMP:
        end("ended");
        break;
    case MONITOR_RESET:
        finish_with(AFTER_RESET);
        end("ended to reset the machine");
        break;
    case MONITOR_POWEROFF:
        finish_with(AFTER_POWEROFF);
        end("ended to switch the machine off");
        break;
    }
}

static void take_line(struct vcpu *v)
{
    struct monitor_command c = {.filter = *control_filter()};
    char error[TEXT_BYTES / 8];
    if (monitor_parse(edit.line, &c, error, sizeof error))
        carry_out(&c, v);
    else
        say("%s\n", error);
}

void monitor_poll(struct vcpu *v)
{
    while (typed_out != typed_in && !control_ended()) {
        uint8_t byte = typed[typed_out++ % TYPED_BYTES];
        if (byte == MONITOR_KEY) {
            open = !open;
            say(open ? "\n[monitor; the guest runs on. help; Ctrl-] goes back]\n" : "\n[guest]\n");
        } else if (!edit_byte(&edit, byte)) {
            continue;
        } else {
            take_line(v);
        }
        if (open && !control_ended())
            edit_show(&edit);
    }
}
