/*
 * ChampSim's input_instr: 64 bytes an instruction with up to four source and two destination addresses. Only
 * instructions that access memory are in a trace; registers and branches are not, and are left 0.
 */
#include "convert/converter.h"
#include "reader/cursor.h"

#include <string.h>

#define SOURCES 4u
#define DESTINATIONS 2u
#define RECORD_BYTES 64u
#define DESTINATION_AT 16u /* behind ip, two branch bytes, two and four registers */
#define SOURCE_AT 32u

struct champsim {
    uint64_t rip, icount;
    uint64_t source[SOURCES], destination[DESTINATIONS];
    unsigned sources, destinations;
};

static bool flush(struct champsim *s, struct conversion *c)
{
    uint8_t record[RECORD_BYTES] = {0};
    if (s->sources + s->destinations == 0)
        return true;
    store_le(record, s->rip, 8);
    for (unsigned i = 0; i < s->destinations; i++)
        store_le(record + DESTINATION_AT + 8 * i, s->destination[i], 8);
    for (unsigned i = 0; i < s->sources; i++)
        store_le(record + SOURCE_AT + 8 * i, s->source[i], 8);
    s->sources = s->destinations = 0;
    return convert_write(c, record, sizeof(record));
}

static bool is_full(const struct champsim *s, uint8_t kind)
{
    return kind == ACCESS_WRITE ? s->destinations == DESTINATIONS : s->sources == SOURCES;
}

static bool on_access(void *state, struct conversion *c, const struct trace_item *item)
{
    struct champsim *s = state;
    const struct access *a = &item->access;
    uint64_t address = c->physical ? a->gpa : a->gva;
    if (address == 0 || a->cause == CAUSE_PAGE_WALK) {
        c->left_out++; /* 0 stands for no address; a page walk is the simulator's own business */
        return true;
    }
    bool same = item->icount_known && a->rip == s->rip && a->icount == s->icount;
    if (same && is_full(s, a->kind))
        c->changed++;
    if ((!same || is_full(s, a->kind)) && !flush(s, c))
        return false;
    s->rip = a->rip;
    s->icount = a->icount;
    if (a->kind == ACCESS_WRITE)
        s->destination[s->destinations++] = address;
    else
        s->source[s->sources++] = address;
    return true;
}

static bool end(void *state, struct conversion *c)
{
    return flush(state, c);
}

const struct converter convert_champsim = {
    .name = "champsim",
    .what = "ChampSim's trace of instructions (input_instr, 64 bytes; compress it with xz for ChampSim)",
    .lacks = "instructions without accesses, registers, branches, sizes, data, page walks",
    .binary = true,
    .one_address = true,
    .state_bytes = sizeof(struct champsim),
    .access = on_access,
    .end = end,
};
