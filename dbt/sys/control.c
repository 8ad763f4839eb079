/*
 * Control registers and the TLB (SDM Vol. 3A, 2.5 and 4.10.4; Vol. 2B, MOV CR).
 * The translator's TLB knows no PCIDs: whatever changes the address space
 * flushes all but global pages.
 */
#include "dbt/sys/parts.h"

#define CR0_WRITABLE (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)
#define CR0_TRANSLATION (CR0_PG | CR0_WP | CR0_PE)
#define CR0_LOADS_PDPTES (CR0_PG | CR0_CD | CR0_NW)
#define CR4_TRANSLATION (CR4_PSE | CR4_PAE | CR4_PGE | CR4_LA57 | CR4_PCIDE | CR4_SMEP | CR4_SMAP)
#define CR4_LOADS_PDPTES (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)
#define CR3_NO_FLUSH (1ull << 63)
#define CR3_PCID 0xfffull

static bool pae_paging(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LMA);
}

/* What turning paging on needs, with EFER.LME, and turning it off. */
static bool check_paging_switch(struct dbt_cpu *c, uint64_t cr0)
{
    bool on = cr0 & CR0_PG, was_on = c->v.cr0 & CR0_PG;
    if (on == was_on)
        return true;
    if (!on)
        return !(code_is_64(c) || (c->v.cr4 & CR4_PCIDE)) || raise_gp(c);
    if (!(c->v.efer & EFER_LME))
        return true;
    bool tss16 = !(c->v.seg[SEG_TR].access & TYPE_CODE);
    return ((c->v.cr4 & CR4_PAE) && !(c->v.seg[SEG_CS].access & SEGMENT_L) && !tss16) || raise_gp(c);
}

static bool write_cr0_checked(struct dbt_cpu *c, uint64_t value)
{
    uint64_t old = c->v.cr0, efer = c->v.efer;
    if (value >> 32 || ((value & CR0_PG) && !(value & CR0_PE)) || ((value & CR0_NW) && !(value & CR0_CD)))
        return raise_gp(c);
    value = (value & CR0_WRITABLE) | CR0_ET;
    if (!check_paging_switch(c, value))
        return false;
    if ((efer & EFER_LME) && (value & CR0_PG))
        efer |= EFER_LMA;
    else
        efer &= ~EFER_LMA;
    uint64_t changed = old ^ value;
    if (pae_paging(value, c->v.cr4, efer) && (changed & CR0_LOADS_PDPTES) && !sys_load_pdptes(c, c->v.cr3))
        return false;
    c->v.cr0 = value;
    c->v.efer = efer;
    if (changed & CR0_TRANSLATION)
        c->tlb_flush(c, true);
    c->mode_changed(c);
    return true;
}

static bool write_cr3_checked(struct dbt_cpu *c, uint64_t value)
{
    uint64_t reserved = ~((1ull << c->physical_bits) - 1);
    if (c->v.cr4 & CR4_PCIDE)
        reserved &= ~CR3_NO_FLUSH;
    if (long_mode(c) && (value & reserved))
        return raise_gp(c);
    value &= ~CR3_NO_FLUSH;
    if (pae_paging(c->v.cr0, c->v.cr4, c->v.efer) && !sys_load_pdptes(c, value))
        return false;
    c->v.cr3 = value;
    c->tlb_flush(c, false);
    return true;
}

static bool cr4_valid(const struct dbt_cpu *c, uint64_t value)
{
    uint64_t set = value & ~c->v.cr4, changed = value ^ c->v.cr4;
    if (value & ~c->cr4_allowed)
        return false;
    if ((set & CR4_PCIDE) && (!long_mode(c) || (c->v.cr3 & CR3_PCID)))
        return false;
    return !long_mode(c) || ((value & CR4_PAE) && !(changed & CR4_LA57));
}

static bool write_cr4_checked(struct dbt_cpu *c, uint64_t value)
{
    uint64_t changed = value ^ c->v.cr4;
    if (!cr4_valid(c, value))
        return raise_gp(c);
    if (pae_paging(c->v.cr0, value, c->v.efer) && (changed & CR4_LOADS_PDPTES) &&
        !sys_load_pdptes(c, c->v.cr3))
        return false;
    c->v.cr4 = value;
    if (changed & CR4_TRANSLATION)
        c->tlb_flush(c, true);
    c->mode_changed(c);
    return true;
}

static unsigned cr_bytes(const struct dbt_cpu *c)
{
    return code_is_64(c) ? 8 : 4;
}

bool op_mov_from_cr(struct dbt_cpu *c, const struct sys_insn *i)
{
    uint64_t value;
    if (!require_cpl0(c))
        return false;
    switch (i->reg) {
    case 0:
        value = c->v.cr0;
        break;
    case 2:
        value = c->v.cr2;
        break;
    case 3:
        value = c->v.cr3;
        break;
    case 4:
        value = c->v.cr4;
        break;
    case 8:
        value = c->v.cr8;
        break;
    default:
        return raise_ud(c);
    }
    write_gpr(c, i->rm, value, cr_bytes(c));
    return true;
}

#define CR8_MAX 15u
bool op_mov_to_cr(struct dbt_cpu *c, const struct sys_insn *i)
{
    uint64_t value = truncate_to(c->v.gpr[i->rm], cr_bytes(c));
    if (!require_cpl0(c))
        return false;
    switch (i->reg) {
    case 0:
        return write_cr0_checked(c, value);
    case 2:
        c->v.cr2 = value;
        return true;
    case 3:
        return write_cr3_checked(c, value);
    case 4:
        return write_cr4_checked(c, value);
    case 8:
        if (value > CR8_MAX)
            return raise_gp(c);
        c->v.cr8 = value;
        return true;
    default:
        return raise_ud(c);
    }
}

bool op_clts(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    if (!require_cpl0(c))
        return false;
    c->v.cr0 &= ~CR0_TS;
    c->mode_changed(c);
    return true;
}

/* PE can be set but not cleared. */
bool op_lmsw(struct dbt_cpu *c, const struct sys_insn *i)
{
    const uint64_t reach = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
    uint16_t value;
    if (!require_cpl0(c) || !read_rm16(c, i, &value))
        return false;
    return write_cr0_checked(c, (c->v.cr0 & ~(reach & ~CR0_PE)) | (value & reach));
}

bool op_smsw(struct dbt_cpu *c, const struct sys_insn *i)
{
    if ((c->v.cr4 & CR4_UMIP) && dbt_cpl(c) != 0)
        return raise_gp(c);
    return write_rm(c, i, c->v.cr0, 2);
}

/* The address is not checked: a non-canonical one flushes nothing, nor does a limit count (SDM Vol. 2A,
 * INVLPG). */
bool op_invlpg(struct dbt_cpu *c, const struct sys_insn *i)
{
    if (!require_cpl0(c))
        return false;
    struct sys_place p = sys_place(c, i);
    gva_t at;
    if (code_is_64(c)) {
        at = p.offset + (p.segment == SEG_FS || p.segment == SEG_GS ? c->v.seg[p.segment].base : 0);
        if (!is_canonical(c, at))
            return true;
    } else {
        at = (uint32_t)(p.offset + c->v.seg[p.segment].base);
    }
    c->tlb_flush_page(c, at);
    return true;
}

enum invpcid_type { INVPCID_ADDRESS, INVPCID_CONTEXT, INVPCID_ALL, INVPCID_ALL_BUT_GLOBAL };

bool op_invpcid(struct dbt_cpu *c, const struct sys_insn *i)
{
    uint64_t descriptor[2]; /* PCID, linear address */
    uint64_t type = truncate_to(c->v.gpr[i->reg], cr_bytes(c));
    if (!require_cpl0(c) || !read_operand(c, i, 0, descriptor, sizeof descriptor))
        return false;
    bool pcid_counts = type == INVPCID_ADDRESS || type == INVPCID_CONTEXT;
    if (type > INVPCID_ALL_BUT_GLOBAL || descriptor[0] & ~CR3_PCID ||
        (pcid_counts && descriptor[0] && !(c->v.cr4 & CR4_PCIDE)) ||
        (type == INVPCID_ADDRESS && !is_canonical(c, descriptor[1])))
        return raise_gp(c);
    if (type == INVPCID_ADDRESS)
        c->tlb_flush_page(c, descriptor[1]);
    else
        c->tlb_flush(c, type == INVPCID_ALL);
    return true;
}

/* INVD and WBINVD: the caches are the host's, and coherent. */
bool op_invd(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    return require_cpl0(c);
}
