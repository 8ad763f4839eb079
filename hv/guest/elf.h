/*
 * ELF executables (System V ABI, chapters 4 and 5; ELF-64 Object File Format 1.5) as the source of a load
 * plan. Reads the file's bytes only and trusts none of them.
 */
#ifndef ENGRAM_ELF_H
#define ENGRAM_ELF_H

#include "types.h"

#define ELF_SEGMENTS_MAX 32

/* One loadable segment: `file_bytes` from `offset`, then zeros up to `memory_bytes`. */
struct load_segment {
    gpa_t to;
    uint64_t offset, file_bytes, memory_bytes; /* file_bytes <= memory_bytes; memory_bytes is not 0 */
};

struct load_plan {
    struct load_segment segment[ELF_SEGMENTS_MAX];
    size_t count;
    uint64_t entry; /* physical */
};

/* True if the bytes begin as an ELF file does. */
bool elf_is(const void *file, size_t bytes);

/*
 * Segments at their physical addresses and the physical entry point, all inside the file and not wrapping,
 * none overlapping another, the entry inside a segment. x86 executables of 32 or 64 bits only. False: `error`
 * has one line that begins after "module NAME: ".
 */
bool elf_plan(struct load_plan *plan, const void *file, size_t bytes, char *error, size_t size);

#endif
