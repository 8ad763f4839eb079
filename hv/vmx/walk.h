/* Guest page tables, walked by software (SDM Vol. 3A, chapter 4): all paging modes. */
#ifndef ENGRAM_VMX_WALK_H
#define ENGRAM_VMX_WALK_H

#include "machine.h"
#include "memory.h"
#include "trace/bytes.h"
#include "x86/cpu.h"

struct paging_state {
    uint64_t cr0, cr3, cr4, efer;
    uint64_t pdpte[4]; /* with PAE paging: as the CPU holds them */
};

#define WALK_LEVELS 5

struct walk {
    gpa_t gpa;
    uint64_t page_bytes;
    bool writable, user; /* as the tables say, all levels combined */
    bool dirty;          /* the entry that maps the page has D set, and all entries A: a write changes none */
    /* The entries used, from the root down: for what the CPU writes into them itself. */
    unsigned levels;
    gpa_t entry_gpa[WALK_LEVELS];
    uint64_t entry[WALK_LEVELS];
    uint8_t entry_bytes; /* 4 or 8 */
};

/* False if nothing is mapped at `linear`; then `levels` and the entries that are present are valid. */
bool guest_walk_tables(const struct paging_state *s, gva_t linear, struct walk *w);

/* False if nothing is mapped at `linear`. */
static inline bool guest_walk(const struct paging_state *s, gva_t linear, struct walk *w)
{
    if (s->cr0 & CR0_PG)
        return guest_walk_tables(s, linear, w);
    w->levels = 0;
    w->writable = w->user = w->dirty = true;
    w->gpa = (uint32_t)linear;
    w->page_bytes = PAGE_SIZE;
    w->entry_bytes = 0;
    return true;
}

/* Only where the page lies. */
static inline bool guest_translate(const struct paging_state *s, gva_t linear, gpa_t *gpa)
{
    struct walk w;
    if (!(s->cr0 & CR0_PG)) {
        *gpa = (uint32_t)linear;
        return true;
    }
    if (!guest_walk_tables(s, linear, &w))
        return false;
    *gpa = w.gpa;
    return true;
}

/* Which guest-physical memory can be read through the direct map: to the end of RAM, but for what is hidden.
 */
void guest_memory_init(const struct machine *m);

extern gpa_t guest_memory_plain_end; /* below this nothing is hidden */
const void *guest_memory_slow(gpa_t p);

/* Where the page of `p` can be read, from `p` on; NULL where there is nothing to read. */
static inline const void *guest_memory(gpa_t p)
{
    return __builtin_expect(p < guest_memory_plain_end, 1) ? phys_to_virt(p) : guest_memory_slow(p);
}

/* A page-table entry of 4 or 8 bytes, which lies within one page. */
static inline uint64_t guest_read_entry(gpa_t p, unsigned bytes)
{
    const void *memory = phys_to_virt(p);
    if (__builtin_expect(p >= guest_memory_plain_end, 0)) {
        memory = guest_memory_slow(p);
        if (!memory)
            return bytes == 8 ? ~0ull : 0xffffffffu;
    }
    return bytes == 8 ? load64(memory) : load32(memory);
}

/* Copies guest-physical memory; all ones where there is none to read. */
void guest_read(gpa_t from, void *to, size_t n);

/* Copies from linear addresses, page by page; the number of bytes that were mapped. */
size_t guest_read_linear(const struct paging_state *s, gva_t from, void *to, size_t n);

#endif
