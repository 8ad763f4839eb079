/*
 * The guest's memory as C code of an engine reaches it, linear addresses through
 * the guest's page tables. Every access is
 * recorded here (or in the translator's inline path), never by its callers.
 */
#ifndef ENGRAM_DBT_MEMORY_H
#define ENGRAM_DBT_MEMORY_H

#include "dbt/cpu.h"

#include <string.h>

struct hook_event;

/* Who makes an access, for permissions and for the record. */
enum dbt_access {
    DBT_READ = 0,
    DBT_WRITE = 1,
    DBT_FETCH = 2,
    DBT_SYSTEM = 4,    /* supervisor whatever the CPL: descriptors, TSS, event frames to inner privilege */
    DBT_UNALIGNED = 8, /* #AC is not for this access: the instruction has a rule of its own */
};

/* The guest-physical address behind `at` for one access; sets accessed and dirty bits as the CPU does and
 * records these writes (cause page walk), and what the walk reads where that is asked for. False: #PF is in
 * c->fault. In dbt/sys/walk.c. */
bool dbt_translate(struct dbt_cpu *c, gva_t at, unsigned access, gpa_t *gpa);

/* Where an access of 1 to 64 bytes lies, all its pages checked as for dbt_translate(), alignment first.
 * False: the fault is in c->fault. In dbt/sys/walk.c. */
struct dbt_place {
    gpa_t gpa[2];
    unsigned first; /* bytes on the first page */
};
bool dbt_locate(struct dbt_cpu *c, gva_t at, unsigned bytes, unsigned access, struct dbt_place *p);

/* True if that succeeds and neither sets nor records anything. */
bool dbt_walk_is_silent(struct dbt_cpu *c, gva_t at, unsigned access);

/* Linear accesses of 1 to 64 bytes, over page borders as well; all pages are checked before anything is
 * written. False: the fault is in c->fault and nothing happened. `cause` is enum access_cause of
 * trace/access.h. In dbt/memory.c. */
bool dbt_read(struct dbt_cpu *c, gva_t at, void *to, unsigned bytes, unsigned access, uint8_t cause);
bool dbt_write(struct dbt_cpu *c, gva_t at, const void *from, unsigned bytes, unsigned access, uint8_t cause);

/* The same access as dbt_read() makes, by the program and to RAM alone, but neither recorded nor seen by
 * breakpoints; of any length. False: it cannot be made. */
bool dbt_peek(struct dbt_cpu *c, gva_t at, void *to, unsigned bytes);

/* In one access of that size where there is one: so devices see what the guest does. */
static inline void dbt_copy_at_once(void *to, const void *from, unsigned bytes)
{
    switch (bytes) {
    case 2:
        *(volatile uint16_t *)to = *(const volatile uint16_t *)from;
        break;
    case 4:
        *(volatile uint32_t *)to = *(const volatile uint32_t *)from;
        break;
    case 8:
        *(volatile uint64_t *)to = *(const volatile uint64_t *)from;
        break;
    default:
        memcpy(to, from, bytes);
    }
}

/* Physical accesses of the page walker: not recorded here. 4 or 8 bytes, aligned. MMIO reads ones. */
uint64_t dbt_physical_read(struct dbt_cpu *c, gpa_t at, unsigned bytes);
void dbt_physical_write(struct dbt_cpu *c, gpa_t at, uint64_t value, unsigned bytes);

/* Records, in order with the accesses before them: a page-table entry that was just read, or whose A or D bit
 * was just set (cause page walk; its physical address stands in place of a linear one), and an event whose
 * frame is about to be written. In dbt/memory.c. */
void dbt_record_walk(struct dbt_cpu *c, gpa_t entry, uint64_t value, unsigned bytes, bool written);
void dbt_record_event(struct dbt_cpu *c, const struct hook_event *e);

#endif
