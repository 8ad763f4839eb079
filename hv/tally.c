#include "tally.h"

#include "console.h"
#include "trace/filter.h"

#define SHOWN 24u

static uint64_t *process_events(struct tally *t, uint64_t cr3)
{
    uint32_t i = t->last % TALLY_PROCESSES;
    if (t->process[i].events && t->process[i].cr3 == cr3)
        return &t->process[i].events;
    for (i = 0; i < TALLY_PROCESSES && t->process[i].events && t->process[i].cr3 != cr3; i++)
        ;
    if (i == TALLY_PROCESSES)
        return &t->others;
    t->process[i].cr3 = cr3;
    t->last = i;
    return &t->process[i].events;
}

void tally_add(struct tally *t, bool user, uint64_t cr3, uint8_t cause, uint64_t events)
{
    *(user ? &t->user : &t->kernel) += events;
    if (cause < TALLY_CAUSES)
        t->cause[cause] += events;
    *process_events(t, cr3 & CR3_ADDRESS) += events;
}

struct out {
    char *text;
    size_t used, size;
};

static void line(struct out *o, const char *name, uint64_t value)
{
    if (value && o->used < o->size)
        o->used +=
            format_text(o->text + o->used, o->size - o->used, "tally.%s=%lu\n", name, (unsigned long)value);
}

/* The process with the most events of those that are not shown yet. */
static uint32_t next_process(const struct tally *t, const bool *shown)
{
    uint32_t most = TALLY_PROCESSES;
    for (uint32_t i = 0; i < TALLY_PROCESSES; i++)
        if (t->process[i].events && !shown[i] &&
            (most == TALLY_PROCESSES || t->process[i].events > t->process[most].events))
            most = i;
    return most;
}

static void put_processes(struct out *o, const struct tally *t)
{
    bool shown[TALLY_PROCESSES] = {false};
    uint64_t others = t->others;
    uint32_t n = 0, i;
    for (; n < SHOWN && (i = next_process(t, shown)) < TALLY_PROCESSES; n++) {
        char name[32];
        shown[i] = true;
        format_text(name, sizeof name, "cr3.%lx", (unsigned long)t->process[i].cr3);
        line(o, name, t->process[i].events);
    }
    for (i = 0; i < TALLY_PROCESSES; i++)
        others += shown[i] ? 0 : t->process[i].events;
    line(o, "cr3.other", others);
}

size_t tally_text(const struct tally *t, char *text, size_t size)
{
    static const char *const causes[TALLY_CAUSES] = {"cause.instruction", "cause.exception",
                                                     "cause.interrupt",   "cause.page-walk",
                                                     "cause.descriptor",  "cause.task-switch"};
    struct out o = {.text = text, .size = size};
    line(&o, "kernel", t->kernel);
    line(&o, "user", t->user);
    for (unsigned i = 0; i < TALLY_CAUSES; i++)
        line(&o, causes[i], t->cause[i]);
    put_processes(&o, t);
    return o.used < size ? o.used : size;
}
