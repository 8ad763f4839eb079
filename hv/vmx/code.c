/* The guest's mode, and the instruction it is at, through a cache of decoded ones. */
#include "vmx/vmx.h"

#include "memory.h"
#include "trace/bytes.h"
#include "trace/format.h"
#include "x86/cpu.h"

void code_state_load(struct code_state *c)
{
    struct vcpu *v = vmx.v;
    paging_state_load(&c->paging);
    struct segment *cs = &v->seg[SEG_CS], *ss = &v->seg[SEG_SS];
    cs->access = (uint32_t)vmread(VMCS_GUEST_CS_ACCESS);
    ss->access = (uint32_t)vmread(VMCS_GUEST_SS_ACCESS);
    cs->base = vmread(VMCS_GUEST_CS_BASE);

    enum context_mode mode;
    unsigned cpl = (ss->access >> SEGMENT_DPL_SHIFT) & 3;
    if ((c->paging.efer & EFER_LMA) && (cs->access & SEGMENT_L)) {
        c->size = CODE_64;
        mode = MODE_LONG64;
        c->rip = v->rip;
    } else {
        c->size = cs->access & SEGMENT_DB ? CODE_32 : CODE_16;
        mode = c->size == CODE_32 ? MODE_PROT32 : MODE_PROT16;
        c->rip = (uint32_t)(cs->base + v->rip);
        if (!(c->paging.cr0 & CR0_PE)) {
            mode = MODE_REAL;
            cpl = 0;
        } else if (v->rflags & RFLAGS_VM) {
            mode = MODE_REAL;
            cpl = 3;
        }
    }
    c->context =
        (uint8_t)(cpl | (unsigned)mode << CONTEXT_MODE_SHIFT | (c->paging.cr0 & CR0_PG ? CONTEXT_PAGING : 0));
}

/*
 * Keyed by linear address and code size; an entry counts only if the bytes in memory are still those it was
 * decoded from, so nothing ever has to be invalidated.
 */
#define CACHE_ENTRIES 2048u
struct cache_entry {
    gva_t rip;
    struct insn insn;
};
static struct cache_entry *cache;

void insn_cache_init(void)
{
    cache = alloc_pages((CACHE_ENTRIES * sizeof *cache + PAGE_SIZE - 1) / PAGE_SIZE);
}

static struct cache_entry *cache_slot(gva_t rip)
{
    return &cache[(rip ^ (rip >> 11)) % CACHE_ENTRIES];
}

/* Segment registers that the address calculation of `insn` needs. */
static void load_segments(const struct insn *insn)
{
    for (unsigned left = insn->segments; left; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);
        vmx.v->seg[n].base = vmread_nth(VMCS_GUEST_ES_BASE, n);
    }
}

/* True if `insn` is still what memory holds at RIP. */
static bool still_there(const struct code_state *c, const struct insn *insn)
{
    uint8_t bytes[INSN_BYTES_MAX];
    gpa_t gpa;
    if (!insn->length)
        return false;
    if ((c->rip & ~PAGE_MASK) + insn->length > PAGE_SIZE)
        return guest_read_linear(&c->paging, c->rip, bytes, insn->length) == insn->length &&
               same_bytes(bytes, insn->bytes, insn->length);
    if (!guest_translate(&c->paging, c->rip, &gpa))
        return false;
    const void *memory = guest_memory(gpa);
    return memory && same_bytes(memory, insn->bytes, insn->length);
}

static __attribute__((noinline)) bool decode_anew(const struct code_state *c, struct cache_entry *entry)
{
    uint8_t bytes[INSN_BYTES_MAX];
    size_t got = guest_read_linear(&c->paging, c->rip, bytes, sizeof bytes);
    entry->rip = c->rip;
    if (insn_decode(&entry->insn, bytes, got, c->size))
        return true;
    entry->insn.length = 0;
    return false;
}

const struct insn *insn_fetch(const struct code_state *c)
{
    struct cache_entry *entry = cache_slot(c->rip);
    bool known = entry->rip == c->rip && entry->insn.code_size == c->size && still_there(c, &entry->insn);
    if (!known && !decode_anew(c, entry))
        return NULL;
    load_segments(&entry->insn);
    return &entry->insn;
}

/* ---- its bytes ---- */

static bool is_prefix(const struct insn *insn, uint8_t byte)
{
    static const uint8_t legacy[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
    for (size_t i = 0; i < sizeof(legacy); i++)
        if (byte == legacy[i])
            return true;
    return insn->code_size == CODE_64 && (byte & 0xf0) == 0x40; /* REX */
}

const uint8_t *insn_opcode(const struct insn *insn)
{
    unsigned i = 0;
    while (i + 1u < insn->length && is_prefix(insn, insn->bytes[i]))
        i++;
    return &insn->bytes[i];
}
