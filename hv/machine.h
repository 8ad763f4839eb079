/*
 * The machine: the memory map from the boot loader, and what of it is the
 * hypervisor's. Filled in once at boot, read-only afterwards.
 */
#ifndef ENGRAM_MACHINE_H
#define ENGRAM_MACHINE_H

#include "types.h"

/* Types of the BIOS memory map (ACPI specification, 15.3). */
enum memory_type { MEMORY_RAM = 1, MEMORY_RESERVED = 2, MEMORY_ACPI = 3, MEMORY_NVS = 4, MEMORY_BAD = 5 };

struct memory_range {
    hpa_t start, end; /* end is exclusive */
    enum memory_type type;
};

#define MEMORY_RANGES_MAX 128
#define HIDDEN_RANGES_MAX 4

struct machine {
    /* As the firmware told, sorted, without overlaps. */
    struct memory_range map[MEMORY_RANGES_MAX];
    size_t map_count;
    /* The hypervisor's own memory and the ring: page-aligned, absent from the guest's map. */
    struct memory_range hidden[HIDDEN_RANGES_MAX];
    size_t hidden_count;
    struct memory_range engine_memory; /* what the engine asked for; one of the hidden ranges */
    uint64_t ring_bytes;
    uint32_t ring_segment_bytes; /* of a slot */
    hpa_t ram_end;               /* end of the highest RAM range */
    unsigned physical_bits;      /* MAXPHYADDR */
};

static inline bool machine_is_hidden(const struct machine *m, hpa_t start, hpa_t end)
{
    for (size_t i = 0; i < m->hidden_count; i++)
        if (start < m->hidden[i].end && m->hidden[i].start < end)
            return true;
    return false;
}

#endif
