#include "previous.h"

#include "console.h"
#include "deliver.h"
#include "memory.h"
#include "memory_map.h"
#include "meta.h"
#include "trace/hook.h"
#include "trace/raw.h"
#include "x86/cpu.h"

#include <string.h>

#define STEP LARGE_PAGE_SIZE /* place_ring() aligns to it */

/* Physical memory whose content may be a run's: RAM, and not ours. */
static bool is_left(const struct machine *m, hpa_t at, uint64_t bytes)
{
    for (size_t i = 0; i < m->map_count; i++) {
        const struct memory_range *r = &m->map[i];
        if (r->type == MEMORY_RAM && at >= r->start && at < r->end && bytes <= r->end - at)
            return !machine_is_hidden(m, at, at + bytes);
    }
    return false;
}

/* The ring that begins at `at` or above it: its address and size. */
static bool next_ring(const struct machine *m, hpa_t *at, uint64_t *bytes)
{
    for (; *at < m->ram_end; *at += STEP)
        if (is_left(m, *at, PAGE_SIZE) && (*bytes = ring_find_bytes(phys_to_virt(*at))) != 0 &&
            is_left(m, *at, *bytes))
            return true;
    return false;
}

void previous_forget(const struct machine *m)
{
    uint64_t bytes;
    for (hpa_t at = 0; next_ring(m, &at, &bytes); at += STEP)
        ring_forget(phys_to_virt(at));
}

static bool find_ring(const struct machine *m, struct ring *ring)
{
    uint64_t bytes;
    for (hpa_t at = 0; next_ring(m, &at, &bytes); at += STEP)
        if (ring_find(ring, phys_to_virt(at), bytes)) {
            printk("engram: the ring of run %016lx is at 0x%lx (%lu MiB)\n", (unsigned long)ring_run_id(ring),
                   (unsigned long)at, (unsigned long)(bytes >> 20));
            return true;
        }
    return false;
}

static bool has_raw_segments(const struct ring *ring)
{
    for (uint64_t i = 0; i < ring_count(ring); i++)
        if (ring_segment_intact(ring, i) && ring_segment(ring, i)->encoding == ENCODING_RAW)
            return true;
    return false;
}

/* Without the dictionary nothing of what raw segments hold can be read: it is counted as lost. */
static void find_dictionary(const struct machine *m, const struct ring_notes *n, struct dictionary *d)
{
    memset(d, 0, sizeof *d);
    if (n->dictionary % sizeof(uint64_t) == 0 && is_left(m, n->dictionary, n->dictionary_bytes) &&
        dictionary_find(d, phys_to_virt(n->dictionary), n->dictionary_bytes, n))
        return;
    memset(d, 0, sizeof *d);
    printk("engram: the dictionary of this run is damaged: what had not been packed is lost\n");
}

static uint64_t read_tsc(void)
{
    return rdtsc();
}

static void pack(const struct machine *m, struct ring *ring)
{
    static const struct hook_clock clock = {.tsc = read_tsc, .has_icount = true};
    static struct filter filter;
    struct dictionary dictionary;
    uint32_t bytes;
    const void *kept = ring_kept(ring, RING_FILTER, &bytes);
    hook_init(ring, &clock);
    if (!has_raw_segments(ring))
        return;
    find_dictionary(m, &ring->notes, &dictionary);
    if (kept && bytes == sizeof filter) {
        memcpy(&filter, kept, sizeof filter);
        hook_set_filter(&filter);
    }
    hook_pack(&dictionary, NULL);
}

void previous_deliver(const struct machine *m, const struct options *options)
{
    static char meta[META_BYTES];
    static struct ring ring;
    uint32_t kept_bytes = 0;
    if (!find_ring(m, &ring))
        panic("dump=previous: memory holds no ring of a run before; it outlives a reset, but not a "
              "power-off, nor "
              "what firmware and boot loader put in its place");
    pack(m, &ring);
    const char *kept = ring_kept(&ring, RING_META, &kept_bytes);
    if (!kept)
        printk("engram: what was to be known of this run besides its events is damaged\n");
    uint32_t bytes =
        meta_of_previous(kept, kept_bytes, &ring, hook_lost(), hook_filtered_total(), meta, sizeof meta);
    printk("engram: %lu segments of it are there\n", (unsigned long)ring_count(&ring));
    deliver_ring(&ring, meta, bytes, options);
}
