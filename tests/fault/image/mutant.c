/*
 * Linked into build/engram-faulty.elf and build/dbt-host-mutant only (ld --wrap): an engine that records one
 * write wrongly, which the proof and the oracle have to catch. The words say which one, and how:
 *
 *     altered@N   the N-th access has a bit of its data wrong
 *     dropped@N   it is left out (of a raw segment, where the engine has counted it: it is no write)
 *
 * Of raw segments an access is known again by its instruction count and address: they are read once for the
 * proof and once to be packed.
 */
#include "mutant.h"

#include "trace/hook.h"
#include "trace/raw.h"

#include <string.h>

bool __real_hook_access(const struct access *a);
bool __wrap_hook_access(const struct access *a);
bool __real_raw_read(const struct dictionary *d, const uint8_t *body, uint32_t bytes,
                     const struct raw_sink *sink, void *context, uint32_t *at);
bool __wrap_raw_read(const struct dictionary *d, const uint8_t *body, uint32_t bytes,
                     const struct raw_sink *sink, void *context, uint32_t *at);

/* N of "WHAT@N" in the words; 0: it is not there. */
static uint64_t asked_for(const char *what)
{
    const size_t n = strlen(what);
    uint64_t value = 0;
    for (const char *p = mutant_words(); *p; p++) {
        if (strncmp(p, what, n) != 0 || p[n] != '@')
            continue;
        for (p += n + 1; *p >= '0' && *p <= '9'; p++)
            value = value * 10 + (uint64_t)(*p - '0');
        return value;
    }
    return 0;
}

static uint64_t altered, dropped, seen;

static bool is_mutant(void)
{
    static bool known;
    if (!known) {
        altered = asked_for("altered");
        dropped = asked_for("dropped");
        known = true;
    }
    return altered || dropped;
}

bool __wrap_hook_access(const struct access *a)
{
    struct access wrong = *a;
    if (!is_mutant() || ++seen != (altered ? altered : dropped))
        return __real_hook_access(a);
    if (dropped)
        return true;
    wrong.data[0] ^= 1;
    return __real_hook_access(&wrong);
}

/* ---- raw segments ---- */

static struct {
    bool found;
    uint64_t icount, gva;
} victim;

struct through {
    const struct raw_sink *sink;
    void *context;
};

static bool is_victim(const struct access *a)
{
    if (!victim.found && ++seen == (altered ? altered : dropped)) {
        victim.found = true;
        victim.icount = a->icount;
        victim.gva = a->gva;
    }
    return victim.found && a->icount == victim.icount && a->gva == victim.gva;
}

static bool take_access(void *context, const struct access *a)
{
    const struct through *t = context;
    struct access wrong = *a;
    if (!is_victim(a))
        return t->sink->access(t->context, a);
    if (dropped)
        wrong.kind = ACCESS_READ;
    else
        wrong.data[0] ^= 1;
    return t->sink->access(t->context, &wrong);
}

static void take_event(void *context, const struct hook_event *e, uint64_t tsc)
{
    const struct through *t = context;
    if (t->sink->event)
        t->sink->event(t->context, e, tsc);
}

static void take_time(void *context, uint64_t tsc)
{
    const struct through *t = context;
    if (t->sink->time)
        t->sink->time(t->context, tsc);
}

static void take_mark(void *context, uint8_t source, const char *text, uint32_t length)
{
    const struct through *t = context;
    if (t->sink->mark)
        t->sink->mark(t->context, source, text, length);
}

bool __wrap_raw_read(const struct dictionary *d, const uint8_t *body, uint32_t bytes,
                     const struct raw_sink *sink, void *context, uint32_t *at)
{
    static const struct raw_sink mutating = {
        .access = take_access, .event = take_event, .time = take_time, .mark = take_mark};
    struct through t = {.sink = sink, .context = context};
    if (!is_mutant())
        return __real_raw_read(d, body, bytes, sink, context, at);
    return __real_raw_read(d, body, bytes, &mutating, &t, at);
}
