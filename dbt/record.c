/* The dictionary's new entries, and the records that C code writes. */
#include "dbt/dbt.h"
#include "dbt/sys/sys.h"

#include "trace/bytes.h"
#include "trace/format.h"
#include "x86/cpu.h"

#include <string.h>

/* ---- counts ---- */

void recorder_count(struct dbt *d)
{
    uint64_t events = dbt_events(d) - d->recorder.events;
    d->recorder.events += events;
    if (events)
        tally_add(&d->recorder.tally, d->mode & MODE_USER, d->recorded_cr3, CAUSE_INSTRUCTION, events);
    d->recorder.filtered += (d->budget >> 32) - events;
    d->budget = (uint32_t)d->budget;
    d->traced = 0;
}

bool recorder_wants(const struct dbt *d, unsigned kind)
{
    return d->recorder.on && (kind == ACCESS_WRITE ? d->recorder.writes : d->recorder.reads);
}

/* ---- segments ---- */

/* With paging off linear addresses are physical ones. */
static void begin_segment(struct dbt *d)
{
    struct raw_preamble p = {.zero = d->zero,
                             .cr3 = d->cpu.v.cr3,
                             .icount = dbt_icount(d),
                             .tsc = rdtsc(),
                             .context = sys_context(&d->cpu)};
    uint8_t *body = d->recorder.start;
    d->recorded_cr3 = d->cpu.v.cr3;
    p.map_count = d->cpu.v.cr0 & CR0_PG ? tlb_mappings(d, (struct raw_map *)(void *)(body + sizeof(p))) : 0;
    memset(d->untold, 0, sizeof(d->untold));
    memcpy(body, &p, sizeof(p));
    d->record = (uint64_t)(uintptr_t)(body + sizeof(p)) + p.map_count * sizeof(struct raw_map);
}

void recorder_hand_over(struct dbt *d)
{
    d->host->define(d);
    d->recorder.staged_blocks = d->recorder.staged_accesses = 0;
}

/* What the segment holds now. */
static struct raw_use end_segment(struct dbt *d, bool between)
{
    recorder_count(d);
    struct raw_use use = {.bytes = (uint32_t)(d->record - (uint64_t)(uintptr_t)d->recorder.start),
                          .between = between,
                          .events = d->recorder.events,
                          .filtered = d->recorder.filtered};
    d->recorder.events = d->recorder.filtered = 0;
    return use;
}

static void next_segment(struct dbt *d, bool between)
{
    struct raw_use use = end_segment(d, between);
    d->counters.segments++;
    d->host->next_segment(d, &use);
    begin_segment(d);
}

void recorder_next_segment(struct dbt *d)
{
    next_segment(d, true);
}

void recorder_start(struct dbt *d)
{
    d->recorder.on = true;
    d->recorder.events = d->recorder.filtered = 0;
    d->budget = (uint32_t)d->budget;
    d->traced = 0;
    d->host->next_segment(d, NULL);
    begin_segment(d);
}

void recorder_stop(struct dbt *d)
{
    if (!d->recorder.on)
        return;
    struct raw_use use = end_segment(d, false);
    d->host->end_segments(d, &use);
    d->recorder.on = false;
    d->recorder.start = d->recorder.end = NULL;
    d->record = 0;
}

/* ---- the dictionary ---- */

/* More than the largest block takes with the prefixes for its ways out. */
#define BLOCKS_AT_ONCE (2u * BLOCK_INSNS_MAX)
#define ACCESSES_AT_ONCE 256u

bool recorder_has_room(const struct dbt *d)
{
    const struct recorder *r = &d->recorder;
    return r->block_count + BLOCKS_AT_ONCE <= r->blocks_max &&
           r->access_count + ACCESSES_AT_ONCE <= r->accesses_max;
}

void recorder_new_dictionary(struct dbt *d)
{
    bool on = d->recorder.on;
    recorder_stop(d);
    d->host->new_dictionary(d);
    d->recorder.block_count = d->recorder.access_count = 0;
    d->counters.dictionaries++;
    if (on)
        recorder_start(d);
}

static uint32_t stage_block(struct dbt *d, const struct raw_block *b, const struct raw_access *access,
                            unsigned count)
{
    struct recorder *r = &d->recorder;
    if (r->staged_blocks == STAGE_BLOCKS || r->staged_accesses + count > STAGE_ACCESSES)
        recorder_hand_over(d);
    memcpy(&r->access[r->staged_accesses], access, count * sizeof(*access));
    r->staged_accesses += count;
    r->access_count += count;
    r->block[r->staged_blocks++] = *b;
    return RAW_BLOCKS + r->block_count++;
}

static struct raw_block entry_of(const struct block *b)
{
    return (struct raw_block){.rip = code_linear(b->mode, b->cs_base, b->ip),
                              .first = b->record_first,
                              .count = b->record_count,
                              .bytes = b->record_bytes,
                              .context = b->context,
                              .instructions = b->budget};
}

void recorder_define(struct dbt *d, struct block *b, const struct raw_access *access)
{
    b->record_first = d->recorder.access_count;
    struct raw_block entry = entry_of(b);
    b->record_id = stage_block(d, &entry, access, b->record_count);
}

uint32_t recorder_prefix(struct dbt *d, struct block *b, unsigned insn)
{
    struct block_insn *i = &b->insn[insn];
    if (!b->record_id || i->records == 0)
        return 0;
    if (i->records == b->record_count)
        return b->record_id;
    if (!i->prefix) {
        struct raw_block entry = entry_of(b);
        entry.count = i->records;
        entry.bytes = i->record_bytes;
        i->prefix = stage_block(d, &entry, NULL, 0);
    }
    return i->prefix;
}

/* ---- records ---- */

void recorder_close(struct dbt *d, struct block *b, unsigned insn)
{
    d->traced += d->touched;
    if (b->mode & MODE_RANGES && !d->touched)
        return;
    uint32_t id = recorder_prefix(d, b, insn);
    if (!id)
        return;
    store32((void *)(uintptr_t)d->record, id);
    d->record += id == b->record_id ? b->record_bytes : b->insn[insn].record_bytes;
}

uint8_t *recorder_claim(struct dbt *d, uint32_t bytes)
{
    if (d->record + bytes > (uint64_t)(uintptr_t)d->recorder.end)
        next_segment(d, false);
    uint8_t *at = (uint8_t *)(uintptr_t)d->record;
    d->record += bytes;
    return at;
}

void recorder_access(struct dbt *d, const struct access *a)
{
    struct raw_spelled s = {.id = RAW_ACCESS,
                            .kind = a->kind,
                            .cause = a->cause,
                            .vector = a->vector,
                            .flags = a->flags,
                            .size = a->size,
                            .context = a->context,
                            .rip = a->rip,
                            .gva = a->gva,
                            .gpa = a->gpa,
                            .gpa2 = a->gpa2,
                            .icount = a->icount};
    uint8_t *to = recorder_claim(d, (uint32_t)sizeof(s) + raw_padded(a->size));
    memcpy(to, &s, sizeof(s));
    memcpy(to + sizeof(s), a->data, raw_padded(a->size));
    d->recorder.events++;
    tally_add(&d->recorder.tally, (a->context & CONTEXT_CPL_MASK) == 3, a->cr3, a->cause, 1);
}

void recorder_number(struct dbt *d, enum raw_id id, uint64_t value)
{
    struct raw_number n = {.id = id, .value = value};
    memcpy(recorder_claim(d, sizeof(n)), &n, sizeof(n));
}

void recorder_map(struct dbt *d, const struct raw_map *m)
{
    if (m->id == RAW_NONE)
        return;
    memcpy(recorder_claim(d, sizeof(*m)), m, sizeof(*m));
}

void recorder_event(struct dbt *d, const struct hook_event *e, uint64_t tsc)
{
    struct raw_event r = {.id = RAW_EVENT,
                          .vector = e->vector,
                          .type = e->type,
                          .has_error_code = e->has_error_code,
                          .error_code = e->error_code,
                          .rip = e->rip,
                          .tsc = tsc};
    memcpy(recorder_claim(d, sizeof(r)), &r, sizeof(r));
}
