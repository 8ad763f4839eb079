/*
 * The segments that CPL 3 writes: some of the ring's at a time, each with a hole
 * behind it, always at the same addresses. The rest of the ring it cannot reach,
 * and what it says of those that it has filled is only believed as far as it harms
 * nobody: raw bodies and the dictionary are checked when they are read.
 */
#include "console.h"
#include "dbt/dbt.h"
#include "dbt/dbt_engine.h"
#include "memory.h"
#include "natively.h"
#include "trace/hook.h"
#include "trace/ring.h"

#include <string.h>

#define PACK_SAYS_SEGMENTS 256u /* below that packing takes no time worth a line */

static struct dictionary dictionary;
static void *dictionary_memory;
static uint64_t dictionary_size;
static uint32_t segment_bytes;
static unsigned at_once; /* segments that may be open: what is open has overwritten the oldest ones */

static struct chunk_header *segment[WINDOW_SEGMENTS];
static unsigned segments; /* that are open */
static bool void_window;  /* the ring is full: what is written in the window is lost */
static unsigned told;     /* of those that the ring knows to be full */
static uint64_t noted;    /* where the next record went at the last request: an address of CPL 3 */

/* One where the ring is being sent, so that it goes out soon. */
static unsigned segments_at_once(const struct machine *m)
{
    uint64_t quarter = m->ring_bytes / m->ring_segment_bytes / 4;
    if (hook_drains())
        return 1;
    return quarter < WINDOW_SEGMENTS ? (unsigned)quarter : WINDOW_SEGMENTS;
}

void window_init(void *memory, uint64_t bytes, const struct machine *m)
{
    dictionary_memory = memory;
    dictionary_size = bytes;
    segment_bytes = m->ring_segment_bytes;
    at_once = segments_at_once(m);
    dictionary_init(&dictionary, memory, bytes);
    dbt_user_engine.recorder.blocks_max = dictionary.block_max;
    dbt_user_engine.recorder.accesses_max = dictionary.access_max;
    dbt_shared.segment_bytes = segment_bytes;
    hook_raw_dictionary(&dictionary);
    hook_raw_claim(window_claim);
}

/* ---- the dictionary ---- */

static bool define(void)
{
    struct recorder *r = &dbt_user_engine.recorder;
    uint32_t accesses = r->staged_accesses, blocks = r->staged_blocks;
    r->staged_accesses = r->staged_blocks = 0;
    return accesses <= STAGE_ACCESSES && blocks <= STAGE_BLOCKS &&
           dictionary_add_accesses(&dictionary, r->access, accesses) &&
           dictionary_add_blocks(&dictionary, r->block, blocks);
}

static void define_into(void *good)
{
    *(bool *)good = define();
}

bool window_define(void)
{
    const struct recorder *r = &dbt_user_engine.recorder;
    bool good = true;
    if (r->staged_blocks || r->staged_accesses)
        natively(define_into, &good);
    return good;
}

bool window_note(void)
{
    noted = dbt_user_engine.record;
    return !segments || window_define();
}

static void say_progress(uint64_t done, uint64_t all)
{
    static uint64_t said;
    uint64_t tenths = done * 10 / all;
    if (all < PACK_SAYS_SEGMENTS || tenths == said || done == all)
        return;
    said = tenths;
    if (tenths)
        printk("engram: packing the trace: %lu0%%\n", (unsigned long)tenths);
}

static void note_dictionary(void)
{
    hook_note_dictionary(&dictionary, virt_to_phys(dictionary_memory), dictionary_size);
}

static void pack(void *unused)
{
    (void)unused;
    hook_pack(&dictionary, say_progress);
    dictionary_init(&dictionary, dictionary_memory, dictionary_size);
    note_dictionary();
    hook_checkpoint();
}

void window_pack(void)
{
    natively(pack, NULL);
}

/* ---- segments ---- */

/* The dictionary stays as it is: translated code goes on to use it. */
void window_open(void)
{
    if (hook_drains())
        hook_pack(&dictionary, NULL);
    segments = hook_raw_open(segment, at_once);
    void_window = segments == 0;
    for (unsigned i = 0; i < segments; i++)
        space_map_segment(i, virt_to_phys(segment[i]), segment_bytes);
    if (void_window)
        space_map_void_segment(segment_bytes);
    dbt_shared.segments = void_window ? 1 : segments;
}

/* A run of 72 bytes stands for two accesses in each of 4096 iterations at most. */
#define EVENTS_PER_BYTE_MAX 128u

/* What CPL 3 says of a segment that it has filled, as far as it can be true. */
static void check_use(unsigned which, struct raw_use *use)
{
    const uint32_t capacity = segment_bytes - (uint32_t)sizeof(struct chunk_header);
    if (use->bytes <= capacity && use->events <= (uint64_t)use->bytes * EVENTS_PER_BYTE_MAX)
        return;
    use->bytes = use->bytes < capacity ? use->bytes : capacity;
    use->events =
        which < segments ? hook_raw_count(&dictionary, (const uint8_t *)(segment[which] + 1), use->bytes) : 0;
}

void window_close(void)
{
    struct raw_use use[WINDOW_SEGMENTS];
    memcpy(use, dbt_shared.use, sizeof use);
    memset(dbt_shared.use, 0, sizeof dbt_shared.use);
    for (unsigned i = 0; i < WINDOW_SEGMENTS; i++)
        check_use(i, &use[i]);
    note_dictionary();
    if (void_window)
        hook_raw_lost(use[0].events);
    else
        hook_raw_close(use, segments);
    segments = told = 0;
    void_window = false;
    noted = 0;
}

/* Events in the segments that are open, as CPL 3 counts them. */
uint64_t window_events(void)
{
    uint64_t events = segments ? dbt_events(&dbt_user_engine) : 0;
    for (unsigned i = 0; i < segments; i++)
        events += dbt_shared.use[i].events;
    return events;
}

/* Where address `at` of CPL 3 lies in an open segment; NULL: nowhere. */
static uint8_t *in_window(uint64_t at, uint32_t bytes, unsigned *which)
{
    uint64_t offset = at - USER_TRACE;
    *which = (unsigned)(offset / USER_TRACE_STRIDE);
    offset %= USER_TRACE_STRIDE;
    if (at < USER_TRACE || at - USER_TRACE >= WINDOW_SEGMENTS * USER_TRACE_STRIDE || *which >= segments ||
        offset < sizeof(struct chunk_header) || offset > segment_bytes || segment_bytes - offset < bytes)
        return NULL;
    return (uint8_t *)segment[*which] + offset;
}

void window_checkpoint(void)
{
    struct raw_use use[WINDOW_SEGMENTS];
    unsigned which;
    const uint8_t *end = in_window(noted, 0, &which);
    note_dictionary();
    if (!end)
        return;
    memcpy(use, dbt_shared.use, sizeof use);
    use[which].bytes = (uint32_t)(end - (const uint8_t *)(segment[which] + 1));
    use[which].events = dbt_events(&dbt_user_engine);
    for (unsigned i = 0; i <= which; i++)
        check_use(i, &use[i]);
    hook_raw_note(use, told, which + 1);
    told = which;
}

/* For records of the core, between two of CPL 3's. */
void *window_claim(uint32_t bytes)
{
    unsigned which;
    void *to = in_window(dbt_user_engine.record, bytes, &which);
    if (to)
        dbt_user_engine.record += bytes;
    return to;
}

/* After an error of the engine: the segment that was being written holds what can be read of it up to
 * `record`, or, where that is nonsense, up to the last request. */
void window_salvage(uint64_t record)
{
    unsigned which;
    window_define();
    const uint8_t *end = in_window(record, 0, &which);
    if (!end)
        end = in_window(noted, 0, &which);
    if (end) {
        const uint8_t *body = (const uint8_t *)(segment[which] + 1);
        struct raw_use *use = &dbt_shared.use[which];
        use->bytes = (uint32_t)(end - body);
        use->events = hook_raw_count(&dictionary, body, use->bytes);
    }
    window_close();
    window_pack();
}
