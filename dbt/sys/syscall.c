/* SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS (SDM Vol. 3A, 5.8.7 and 5.8.8), RDFSBASE and its like. No
 * descriptor is read: the segments are flat and what the instruction says. */
#include "dbt/sys/parts.h"

#define ACCESS_CODE 0x809bu /* G, present, code, readable, accessed */
#define ACCESS_DATA 0xc093u /* G, B, present, data, writable, accessed */

static struct segment flat(uint16_t selector, uint32_t access, unsigned dpl)
{
    return (struct segment){
        .limit = 0xffffffff, .selector = selector, .access = access | dpl << SEGMENT_DPL_SHIFT};
}

static void enter_flat(struct dbt_cpu *c, uint16_t cs, uint16_t ss, unsigned cpl, bool code_64)
{
    c->v.seg[SEG_CS] = flat(cs, ACCESS_CODE | (code_64 ? SEGMENT_L : SEGMENT_DB), cpl);
    c->v.seg[SEG_SS] = flat(ss, ACCESS_DATA, cpl);
    c->mode_changed(c);
}

/* As on Intel's processors: in 64-bit mode only. */
static bool syscall_enabled(struct dbt_cpu *c)
{
    return ((c->v.efer & EFER_SCE) && code_is_64(c)) || raise_ud(c);
}

bool op_syscall(struct dbt_cpu *c, const struct sys_insn *i)
{
    if (!syscall_enabled(c))
        return false;
    uint16_t cs = (uint16_t)(c->star >> 32 & ~SELECTOR_RPL);
    c->v.gpr[RCX] = next_rip(c, i);
    c->v.gpr[R11] = c->v.rflags & ~RFLAGS_RF;
    c->v.rip = c->lstar;
    c->v.rflags = (c->v.rflags & ~c->fmask & ~RFLAGS_RF) | RFLAGS_ONE;
    enter_flat(c, cs, (uint16_t)(cs + 8), 0, true);
    return true;
}

#define SYSRET_FLAGS 0x3c7fd7ull /* what R11 can set (SDM Vol. 2B, SYSRET) */
bool op_sysret(struct dbt_cpu *c, const struct sys_insn *i)
{
    bool wide = i->rex & 8;
    if (!syscall_enabled(c) || !require_cpl0(c))
        return false;
    if (wide && !is_canonical(c, c->v.gpr[RCX]))
        return raise_gp(c);
    uint16_t base = (uint16_t)(c->star >> 48);
    c->v.rip = wide ? c->v.gpr[RCX] : (uint32_t)c->v.gpr[RCX];
    c->v.rflags = (c->v.gpr[R11] & SYSRET_FLAGS) | RFLAGS_ONE;
    enter_flat(c, (uint16_t)((base + (wide ? 16 : 0)) | 3), (uint16_t)((base + 8) | 3), 3, wide);
    return true;
}

bool op_sysenter(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    uint16_t cs = (uint16_t)(c->sysenter_cs & ~SELECTOR_RPL);
    if (!protected_mode(c) || !cs)
        return raise_gp(c);
    bool wide = long_mode(c);
    c->v.rip = wide ? c->sysenter_eip : (uint32_t)c->sysenter_eip;
    c->v.gpr[RSP] = wide ? c->sysenter_esp : (uint32_t)c->sysenter_esp;
    c->v.rflags &= ~(RFLAGS_VM | RFLAGS_IF | RFLAGS_RF);
    enter_flat(c, cs, (uint16_t)(cs + 8), 0, wide);
    return true;
}

bool op_sysexit(struct dbt_cpu *c, const struct sys_insn *i)
{
    uint16_t cs = (uint16_t)(c->sysenter_cs & ~SELECTOR_RPL);
    bool wide = i->rex & 8;
    if (!protected_mode(c) || !cs || dbt_cpl(c) != 0)
        return raise_gp(c);
    if (wide && !(is_canonical(c, c->v.gpr[RCX]) && is_canonical(c, c->v.gpr[RDX])))
        return raise_gp(c);
    c->v.rip = wide ? c->v.gpr[RDX] : (uint32_t)c->v.gpr[RDX];
    c->v.gpr[RSP] = wide ? c->v.gpr[RCX] : (uint32_t)c->v.gpr[RCX];
    cs = (uint16_t)(cs + (wide ? 32 : 16));
    enter_flat(c, cs | 3, (uint16_t)(cs + 8) | 3, 3, wide);
    return true;
}

bool op_swapgs(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    if (!code_is_64(c))
        return raise_ud(c);
    if (!require_cpl0(c))
        return false;
    uint64_t base = c->v.seg[SEG_GS].base;
    c->v.seg[SEG_GS].base = c->kernel_gs_base;
    c->kernel_gs_base = base;
    c->mode_changed(c);
    return true;
}

/* F3 0F AE /0 to /3: RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE. */
bool op_fs_gs_base(struct dbt_cpu *c, const struct sys_insn *i)
{
    unsigned bytes = i->rex & 8 ? 8 : 4;
    uint64_t *base = &c->v.seg[i->reg & 1 ? SEG_GS : SEG_FS].base;
    if (!code_is_64(c) || !(c->v.cr4 & CR4_FSGSBASE))
        return raise_ud(c);
    if (!(i->reg & 2)) {
        write_gpr(c, i->rm, *base, bytes);
        return true;
    }
    uint64_t value = truncate_to(c->v.gpr[i->rm], bytes);
    if (!is_canonical(c, value))
        return raise_gp(c);
    *base = value;
    c->mode_changed(c);
    return true;
}
