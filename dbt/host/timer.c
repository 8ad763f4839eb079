/*
 * The 8254 timer of a PC, driven by the guest's instruction count, so that a run
 * repeats exactly: `tick=` instructions (host_options) are one tick of 0.84 µs.
 * Counter 0 is IRQ 0; counter 2 has its output at port 61H, and its gate, whose rise
 * starts it anew in every mode. Modes 0 (one shot), 2 and 3 (periodic), binary.
 */
#include "dbt/host/host.h"

#define COUNTERS 3u
#define SPEAKER 2u
#define ACCESS_LATCH 0u
#define ACCESS_LOW 1u
#define ACCESS_HIGH 2u
#define ACCESS_BOTH 3u
#define READ_BACK 3u
#define MODE_ONE_SHOT 0u
#define MODE_SQUARE 3u
#define STATUS_OUT 0x80u
#define STATUS_NULL_COUNT 0x40u

struct counter {
    uint8_t mode, access;
    bool started;    /* a whole count was written */
    bool fired;      /* one shot: OUT has gone high */
    bool second;     /* the high byte is next to be written or read */
    uint8_t latches; /* bytes of `latch` to be read yet */
    bool status_latched;
    uint8_t status, low;
    uint16_t latch;
    uint32_t count;   /* 1 to 65536 */
    uint64_t since;   /* in ticks */
    uint64_t periods; /* that were signalled */
};
static struct counter counters[COUNTERS];
static bool speaker_gate;
static uint64_t slept;

uint64_t host_time(const struct dbt *d)
{
    return dbt_icount(d) + d->iterations + slept;
}

static uint64_t ticks(const struct dbt *d)
{
    return host_time(d) / host_options.tick;
}

static uint64_t elapsed(const struct dbt *d, const struct counter *c)
{
    return c->started ? ticks(d) - c->since : 0;
}

static uint16_t value_of(const struct dbt *d, const struct counter *c)
{
    uint64_t n = elapsed(d, c);
    switch (c->mode) {
    case MODE_ONE_SHOT:
        return (uint16_t)(c->count - n);
    case MODE_SQUARE: /* counts by two, twice a period */
        return (uint16_t)((c->count - n * 2 % c->count) & ~1u);
    default:
        return (uint16_t)(c->count - n % c->count);
    }
}

static bool output(const struct dbt *d, const struct counter *c)
{
    uint64_t n = elapsed(d, c);
    switch (c->mode) {
    case MODE_ONE_SHOT:
        return c->started && n >= c->count;
    case MODE_SQUARE:
        return !c->started || n % c->count < (c->count + 1) / 2;
    default:
        return !c->started || n % c->count != c->count - 1;
    }
}

/* ---- IRQ 0 ---- */

/* Ticks from the start on at which counter 0's output rises next; ~0: never. */
static uint64_t next_rise(const struct counter *c)
{
    if (!c->started || (c->mode == MODE_ONE_SHOT && c->fired))
        return ~0ull;
    return c->mode == MODE_ONE_SHOT ? c->count : (c->periods + 1) * c->count;
}

uint64_t timer_deadline(const struct dbt *d)
{
    const struct counter *c = &counters[0];
    uint64_t rise = next_rise(c), now = host_time(d);
    if (rise == ~0ull)
        return ~0ull;
    uint64_t due = (c->since + rise) * host_options.tick;
    return due > now ? due - now : 0;
}

void timer_update(const struct dbt *d)
{
    struct counter *c = &counters[0];
    uint64_t n = elapsed(d, c);
    if (next_rise(c) == ~0ull || n < next_rise(c))
        return;
    c->fired = true;
    if (c->mode != MODE_ONE_SHOT)
        c->periods = n / c->count;
    pic_raise(0);
}

bool timer_sleep(const struct dbt *d)
{
    uint64_t n = timer_deadline(d);
    if (n == ~0ull)
        return false;
    slept += n;
    timer_update(d);
    return true;
}

/* ---- ports ---- */

static void start(const struct dbt *d, struct counter *c, uint16_t count)
{
    c->count = count ? count : 0x10000;
    c->since = ticks(d);
    c->periods = 0;
    c->fired = false;
    c->started = true;
}

static void write_count(const struct dbt *d, struct counter *c, uint8_t value)
{
    if (c->access == ACCESS_BOTH && !c->second) {
        c->low = value;
        c->second = true;
        if (c->mode == MODE_ONE_SHOT)
            c->started = false; /* the first byte stops the counting */
        return;
    }
    c->second = false;
    start(d, c,
          c->access == ACCESS_BOTH   ? (uint16_t)(value << 8 | c->low)
          : c->access == ACCESS_HIGH ? (uint16_t)(value << 8)
                                     : value);
}

static void latch_count(const struct dbt *d, struct counter *c)
{
    if (c->latches)
        return;
    c->latch = value_of(d, c);
    c->latches = c->access == ACCESS_BOTH ? 2 : 1;
    if (c->access == ACCESS_HIGH)
        c->latch >>= 8;
}

static void latch_status(const struct dbt *d, struct counter *c)
{
    if (c->status_latched)
        return;
    c->status = (uint8_t)((output(d, c) ? STATUS_OUT : 0) | (c->started ? 0 : STATUS_NULL_COUNT) |
                          c->access << 4 | c->mode << 1);
    c->status_latched = true;
}

static void write_control(const struct dbt *d, uint8_t value)
{
    unsigned which = value >> 6, access = value >> 4 & 3, mode = value >> 1 & 7;
    if (which == READ_BACK) {
        for (unsigned n = 0; n < COUNTERS; n++) {
            if (!(value & 2u << n))
                continue;
            if (!(value & 0x20))
                latch_count(d, &counters[n]);
            if (!(value & 0x10))
                latch_status(d, &counters[n]);
        }
        return;
    }
    if (access == ACCESS_LATCH) {
        latch_count(d, &counters[which]);
        return;
    }
    /* Modes 6 and 7 are other names of 2 and 3. */
    counters[which] = (struct counter){
        .access = (uint8_t)access, .mode = (uint8_t)(mode > 5 ? mode - 4 : mode), .count = 0x10000};
}

void timer_write(const struct dbt *d, unsigned port, uint8_t value)
{
    timer_update(d);
    if (port == COUNTERS)
        write_control(d, value);
    else
        write_count(d, &counters[port], value);
}

uint8_t timer_read(const struct dbt *d, unsigned port)
{
    if (port == COUNTERS)
        return 0;
    struct counter *c = &counters[port];
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    uint16_t value = c->latches ? c->latch : value_of(d, c);
    bool high = c->latches ? c->latches == 1 && c->access == ACCESS_BOTH
                           : c->access == ACCESS_HIGH || (c->access == ACCESS_BOTH && c->second);
    if (c->latches)
        c->latches--;
    else if (c->access == ACCESS_BOTH)
        c->second = !c->second;
    return (uint8_t)(high ? value >> 8 : value);
}

/* Port 61H: bit 0 is the gate of counter 2, bit 5 its output. */
void timer_write_gate(const struct dbt *d, uint8_t value)
{
    struct counter *c = &counters[SPEAKER];
    bool gate = value & 1;
    if (gate && !speaker_gate && c->started)
        c->since = ticks(d);
    speaker_gate = gate;
}

uint8_t timer_read_gate(const struct dbt *d)
{
    return (uint8_t)((speaker_gate ? 1 : 0) | (output(d, &counters[SPEAKER]) ? 0x20 : 0));
}
