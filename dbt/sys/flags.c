/* What depends on IOPL: CLI, STI, PUSHF, POPF, port I/O (SDM Vol. 1, 19.5); HLT, CLAC, STAC. */
#include "dbt/sys/parts.h"

#define ARITHMETIC_FLAGS 0x8d5ull /* CF PF AF ZF SF OF */

uint64_t changeable_flags(const struct dbt_cpu *c, unsigned bytes)
{
    unsigned cpl = protected_mode(c) ? dbt_cpl(c) : 0;
    uint64_t mask = ARITHMETIC_FLAGS | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT;
    if (cpl == 0)
        mask |= RFLAGS_IOPL;
    if (cpl <= iopl(c) || !protected_mode(c))
        mask |= RFLAGS_IF;
    if (bytes > 2)
        mask |= RFLAGS_AC | RFLAGS_ID;
    return mask;
}

void set_flags(struct dbt_cpu *c, uint64_t value, uint64_t mask)
{
    uint64_t old = c->v.rflags;
    c->v.rflags = (old & ~mask) | (value & mask) | RFLAGS_ONE;
    if ((old ^ c->v.rflags) & (RFLAGS_TF | RFLAGS_AC | RFLAGS_VM))
        c->mode_changed(c);
}

static bool io_sensitive(struct dbt_cpu *c)
{
    return !protected_mode(c) || dbt_cpl(c) <= iopl(c) || raise_gp(c);
}

bool op_cli(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    if (v86_is_virtual_if(c)) {
        c->v.rflags &= ~RFLAGS_VIF;
        return true;
    }
    if (!io_sensitive(c))
        return false;
    c->v.rflags &= ~RFLAGS_IF;
    return true;
}

/* Interrupts stay off for one instruction if they were off before (Vol. 2B, STI). */
bool op_sti(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    if (v86_is_virtual_if(c) && !(c->v.rflags & RFLAGS_VIP)) {
        c->v.rflags |= RFLAGS_VIF;
        return true;
    }
    if (!io_sensitive(c))
        return false;
    c->interrupt_shadow = !(c->v.rflags & RFLAGS_IF);
    c->v.rflags |= RFLAGS_IF;
    return true;
}

bool op_pushf(struct dbt_cpu *c, const struct sys_insn *i)
{
    unsigned bytes = i->insn->operand_bytes;
    struct stack s = stack_current(c, CAUSE_INSTRUCTION);
    if (!v86_allows(c, bytes) || !stack_push(c, &s, v86_flags(c, bytes) & ~(RFLAGS_VM | RFLAGS_RF), bytes))
        return false;
    stack_commit(c, &s);
    return true;
}

bool op_popf(struct dbt_cpu *c, const struct sys_insn *i)
{
    unsigned bytes = i->insn->operand_bytes;
    struct stack s = stack_current(c, CAUSE_INSTRUCTION);
    uint64_t value;
    if (!v86_allows(c, bytes) || !stack_pop(c, &s, &value, bytes) || !v86_check_flags(c, value, bytes))
        return false;
    stack_commit(c, &s);
    v86_set_flags(c, value, changeable_flags(c, bytes), bytes);
    return true;
}

bool op_hlt(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    if (!require_cpl0(c))
        return false;
    c->halted = true;
    return true;
}

static bool smap_present(struct dbt_cpu *c)
{
    return ((c->cr4_allowed & CR4_SMAP) && protected_mode(c) && dbt_cpl(c) == 0) || raise_ud(c);
}

bool op_clac(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    if (!smap_present(c))
        return false;
    set_flags(c, 0, RFLAGS_AC);
    return true;
}

bool op_stac(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    if (!smap_present(c))
        return false;
    set_flags(c, RFLAGS_AC, RFLAGS_AC);
    return true;
}

/* The 32- and 64-bit TSS name their I/O permission bitmap at 66H; two bytes are read, the second may be the
 * last byte of all ones (SDM Vol. 1, 19.5.2). */
#define TSS_IO_MAP_BASE 0x66u
bool sys_io_allowed(struct dbt_cpu *c, uint16_t port, unsigned bytes)
{
    const struct segment *tr = &c->v.seg[SEG_TR];
    uint16_t map, bits;
    if (!protected_mode(c) || (dbt_cpl(c) <= iopl(c) && !virtual_8086(c)))
        return true;
    if (!(tr->access & TYPE_CODE) || tr->limit < TSS_IO_MAP_BASE + 1)
        return raise_gp(c);
    if (!dbt_read(c, tr->base + TSS_IO_MAP_BASE, &map, sizeof map, DBT_READ | DBT_SYSTEM, CAUSE_INSTRUCTION))
        return false;
    uint32_t at = map + port / 8u;
    if (at + 1 > tr->limit)
        return raise_gp(c);
    if (!dbt_read(c, tr->base + at, &bits, sizeof bits, DBT_READ | DBT_SYSTEM, CAUSE_INSTRUCTION))
        return false;
    return !(bits >> (port & 7) & ((1u << bytes) - 1)) || raise_gp(c);
}
