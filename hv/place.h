/*
 * Where the hypervisor lives: it moves itself to the top of RAM below 4 GiB and
 * takes the ring from the top of whatever RAM has room, so that guests find
 * their usual load addresses free.
 */
#ifndef ENGRAM_PLACE_H
#define ENGRAM_PLACE_H

#include "bootinfo.h"
#include "machine.h"

#define HYPERVISOR_HEAP_BYTES MIB(16)

/* The image as linked (linker.ld). */
extern uint8_t image_start[], image_kept_end[], image_end[], image_load_address[];

/* [image, end): the image, then page tables, then the heap. */
struct place {
    hpa_t image, heap, end;
};

/* Finds room for the hypervisor, off everything the boot loader left; panics where there is none. */
void place_hypervisor(struct place *place, const struct machine *m, const struct bootinfo *boot);

/* Moves the image there and goes on in the copy. Nothing may have been allocated yet. */
void place_move(const struct place *place, hpa_t direct_map_end);

/* Where the image lies now. */
hpa_t place_image(void);

/* Takes `bytes` for the ring from the top of RAM, but, below 4 GiB, under the hypervisor if it can: its
 * address. Panics with the largest possible size where there is no room. */
hpa_t place_ring(const struct machine *m, const struct bootinfo *boot, uint64_t bytes);

/* Takes `bytes` for the engine's tables in the same way. */
hpa_t place_engine(const struct machine *m, const struct bootinfo *boot, uint64_t bytes);

/* The same for the replay proof; false where there is no room. */
bool place_proof(const struct machine *m, const struct bootinfo *boot, uint64_t bytes, hpa_t *at);

/* Finds places for the modules in the highest free RAM, out of the guest's way, and changes `boot`
 * accordingly. */
void place_modules(const struct machine *m, struct bootinfo *boot);
/* Where what will be at `at` lies before they are copied there. */
hpa_t place_before_move(hpa_t at);
/* Copies them. */
void place_copy_modules(void (*copy)(gpa_t to, gpa_t from, uint64_t bytes, uint64_t total));

/* From memory.c: the heap is what the place has left. */
void memory_init(const struct place *place);

#endif
