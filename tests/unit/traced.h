/* A whole trace file, made by the real writer from the pseudo-random accesses of accesses.h. */
#ifndef ENGRAM_TESTS_TRACED_H
#define ENGRAM_TESTS_TRACED_H

#include "accesses.h"
#include "unit.h"

#include "trace/dump_file.h"
#include "trace/hook.h"
#include "trace/ring.h"

#include <inttypes.h>

#define TRACED_SLOTS 48u
#define TRACED_RUN UINT64_C(0x0123456789abcdef)

static uint8_t traced_memory[(TRACED_SLOTS + 1) * RING_SEGMENT_BYTES] __attribute__((aligned(64)));
static struct ring traced_ring;
static char traced_meta[1024];
static const struct source traced_source = {.seed = 88172645463325252ull, .rips = 60};

static inline uint64_t traced_ticks(void)
{
    static uint64_t now = 1000000;
    return now += 1000;
}

/* Records `count` accesses and writes the META text. Returns how many were taken. */
static inline uint64_t trace_accesses(uint64_t count, enum ring_mode mode, uint64_t ring_segments)
{
    static const struct hook_clock clock = {.tsc = traced_ticks, .has_icount = true};
    struct source source = traced_source;
    uint64_t taken = 0;
    ring_init(&traced_ring, traced_memory, (ring_segments + 1) * RING_SEGMENT_BYTES, RING_SEGMENT_BYTES, mode, TRACED_RUN);
    hook_init(&traced_ring, &clock);
    for (uint64_t i = 0; i < count; i++) {
        struct access a = source_next(&source);
        taken += hook_access(&a);
    }
    hook_stop("that was all");
    uint64_t first, end;
    ring_events(&traced_ring, &first, &end);
    assert_int_equal(end, hook_events());
    snprintf(traced_meta, sizeof(traced_meta),
             "format=1\nrun=%016" PRIx64 "\nengine=vmx\nguest=test\ntrace=rw\nicount=1\nevents=%" PRIu64
             "\nlost=%" PRIu64 "\nfiltered=0\nsegments=%" PRIu64 "\nfirst_sequence=%" PRIu64
             "\nfirst_event=%" PRIu64 "\nend=done\n",
             TRACED_RUN, hook_events(), hook_lost(), ring_count(&traced_ring),
             ring_first_sequence(&traced_ring), first);
    return taken;
}

/* The file, from malloc. */
static inline uint8_t *traced_file(size_t *bytes, bool compress)
{
    struct dump_file file;
    dump_file_make(&file, &traced_ring, traced_meta, (uint32_t)strlen(traced_meta), compress, NULL);
    uint8_t *copy = malloc(file.bytes);
    assert_non_null(copy);
    dump_file_read(&file, 0, copy, file.bytes);
    *bytes = file.bytes;
    return copy;
}

static inline void assert_access(const struct access *got, const struct access *expected)
{
    assert_int_equal(got->rip, expected->rip);
    assert_int_equal(got->gva, expected->gva);
    assert_int_equal(got->gpa, expected->gpa);
    assert_int_equal(got->gpa2, expected->gpa2);
    assert_int_equal(got->cr3, expected->cr3);
    assert_int_equal(got->icount, expected->icount);
    assert_int_equal(got->kind, expected->kind);
    assert_int_equal(got->cause, expected->cause);
    assert_int_equal(got->vector, expected->vector);
    assert_int_equal(got->flags, expected->flags);
    assert_int_equal(got->size, expected->size);
    assert_int_equal(got->context, expected->context);
    assert_int_equal(got->has_data, expected->has_data);
    if (expected->has_data)
        assert_memory_equal(got->data, expected->data, expected->size);
}

#endif
