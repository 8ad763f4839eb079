/* What makes a plan: room in the guest's memory, taken piece by piece, and the copies into it. */
#ifndef ENGRAM_GUEST_PLACER_H
#define ENGRAM_GUEST_PLACER_H

#include "error_text.h"
#include "guest/plan.h"
#include "memory_map.h"

/* The interrupt vectors and the BIOS data area. */
#define LOW_MEMORY_START PAGE_SIZE
/* The end of the conventional memory a PC can have. */
#define LOW_MEMORY_END 0xa0000u

struct placer {
    struct guest_plan *plan;
    const struct guest_source *source;
    const struct machine *machine;
    struct load_plan load; /* of the kernel's file */
    struct memory_map guest_map;
    struct memory_map taken; /* by segments, modules' places and the information structure */
    struct memory_map avoid; /* `taken`, and the files that are still to be read */
    char *error;
    size_t error_size;
};

#define PLACER_FAIL(p, format, ...)                                                                          \
    error_text((p)->error, (p)->error_size, "module '%s': " format, (p)->plan->name, __VA_ARGS__)

/* The last part of the path that begins a module's string; what would move the cursor becomes '?'. */
void placer_name(char *name, const char *string, const char *otherwise);

bool placer_take(struct placer *p, gpa_t start, gpa_t end);
bool placer_copy(struct placer *p, gpa_t to, hpa_t from, uint64_t file_bytes, uint64_t memory_bytes);

/* Kernel and modules lie where the loader put them until they are copied: nothing is placed there before. */
bool placer_avoid_files(struct placer *p);

/* The segments of p->load, in RAM that is the guest's; they are taken. */
bool placer_segments(struct placer *p);

/* The lowest page-aligned room behind the kernel, where loaders put things and kernels look for them; else
 * anywhere from 1 MiB on. */
bool placer_room(const struct placer *p, uint64_t bytes, gpa_t *place);

/* True if nothing that is taken lies there. */
bool placer_is_free(const struct placer *p, gpa_t start, gpa_t end);

/* The copies of the kernel's segments; its file steps aside first if they would overwrite it. */
bool placer_kernel(struct placer *p);

/* Room for plan->info_bytes as high in conventional memory as it goes, out of the way of kernels that use low
 * addresses at will, else anywhere: plan->info. */
bool placer_info(struct placer *p, uint64_t align);

#endif
