#include "vmx/walk.h"

#include "vmx/ept.h"
#include "x86/cpu.h"
#include "x86/paging.h"

#include <string.h>

static gpa_t memory_end;
gpa_t guest_memory_plain_end;

void guest_memory_init(const struct machine *m)
{
    memory_end = m->ram_end > GIB(4) ? m->ram_end : GIB(4);
    guest_memory_plain_end = memory_end;
    for (size_t i = 0; i < m->hidden_count; i++)
        if (m->hidden[i].start < guest_memory_plain_end)
            guest_memory_plain_end = m->hidden[i].start;
}

const void *guest_memory_slow(gpa_t p)
{
    return p < memory_end && !ept_is_hidden(p) ? phys_to_virt(p) : NULL;
}

void guest_read(gpa_t from, void *to, size_t n)
{
    uint8_t *out = to;
    while (n) {
        const void *memory = guest_memory(from);
        size_t part = PAGE_SIZE - (from & ~PAGE_MASK);
        if (part > n)
            part = n;
        if (memory)
            memcpy(out, memory, part);
        else
            memset(out, 0xff, part);
        from += part;
        out += part;
        n -= part;
    }
}

/* The entries used so far, and what they all have in common. */
struct trail {
    unsigned levels;
    uint64_t all;
};

static inline void note_entry(struct walk *w, struct trail *t, gpa_t at, uint64_t entry)
{
    w->entry_gpa[t->levels] = at;
    w->entry[t->levels++] = entry;
    t->all &= entry;
}

static inline void finish(struct walk *w, const struct trail *t, uint64_t leaf, gpa_t frame,
                          uint64_t page_bytes, gva_t linear)
{
    w->levels = t->levels;
    w->writable = t->all & PTE_WRITABLE;
    w->user = t->all & PTE_USER;
    w->dirty = (t->all & PTE_ACCESSED) && (leaf & PTE_DIRTY);
    w->page_bytes = page_bytes;
    w->gpa = (frame & ~(page_bytes - 1)) | (linear & (page_bytes - 1));
}

/* The walk ends here; what was walked so far may still be of interest. */
static bool not_present(struct walk *w, const struct trail *t)
{
    w->levels = t->levels;
    return false;
}

/* 32-bit paging: two levels of 4-byte entries; 4-MiB pages with PSE, bits 32 to 39 in bits 13 to 20 (4.3). */
static bool walk_32(const struct paging_state *s, gva_t linear, struct walk *w)
{
    struct trail t = {0, ~0ull};
    w->entry_bytes = 4;
    gpa_t at = (s->cr3 & 0xfffff000u) + ((linear >> 22) & 0x3ff) * 4;
    uint64_t e = guest_read_entry(at, 4);
    if (!(e & PTE_PRESENT))
        return not_present(w, &t);
    note_entry(w, &t, at, e);
    if ((e & PTE_PAGE_SIZE) && (s->cr4 & CR4_PSE)) {
        finish(w, &t, e, (e & 0xffc00000u) | (((e >> 13) & 0xff) << 32), MIB(4), linear);
        return true;
    }
    at = (e & 0xfffff000u) + ((linear >> 12) & 0x3ff) * 4;
    e = guest_read_entry(at, 4);
    if (!(e & PTE_PRESENT))
        return not_present(w, &t);
    note_entry(w, &t, at, e);
    finish(w, &t, e, e & 0xfffff000u, PAGE_SIZE, linear);
    return true;
}

#define GIB_SHIFT 30 /* of the largest page */

/* Tables of 8-byte entries from `level` (1 maps 4-KiB pages) downwards. */
static bool walk_64(gpa_t table, unsigned level, gva_t linear, struct walk *w)
{
    struct trail t = {0, ~0ull};
    w->entry_bytes = 8;
    for (unsigned shift = PAGE_SHIFT + 9 * (level - 1);; shift -= 9) {
        gpa_t at = (table & PTE_ADDRESS) | (linear >> shift & 0x1ff) << 3;
        uint64_t e = guest_read_entry(at, 8);
        if (!(e & PTE_PRESENT))
            return not_present(w, &t);
        note_entry(w, &t, at, e);
        if (shift == PAGE_SHIFT || ((e & PTE_PAGE_SIZE) && shift <= GIB_SHIFT)) {
            finish(w, &t, e, e & PTE_ADDRESS, 1ull << shift, linear);
            return true;
        }
        table = e;
    }
}

bool guest_walk_tables(const struct paging_state *s, gva_t linear, struct walk *w)
{
    if (s->efer & EFER_LMA)
        return walk_64(s->cr3, s->cr4 & CR4_LA57 ? 5 : 4, linear, w);
    if (!(s->cr4 & CR4_PAE))
        return walk_32(s, linear, w);
    uint64_t pdpte = s->pdpte[(linear >> 30) & 3];
    w->levels = 0;
    return (pdpte & PTE_PRESENT) && walk_64(pdpte, 2, (uint32_t)linear, w);
}

size_t guest_read_linear(const struct paging_state *s, gva_t from, void *to, size_t n)
{
    size_t done = 0;
    while (done < n) {
        struct walk w;
        size_t part = PAGE_SIZE - ((from + done) & ~PAGE_MASK);
        if (part > n - done)
            part = n - done;
        if (!guest_walk(s, from + done, &w))
            break;
        guest_read(w.gpa, (uint8_t *)to + done, part);
        done += part;
    }
    return done;
}
