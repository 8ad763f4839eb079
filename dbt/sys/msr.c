/* Model-specific registers that are part of the engine's state (SDM Vol. 4), XCR0, CPUID, time-stamp counter.
 * All other MSRs are the core's. */
#include "dbt/sys/parts.h"

#define EFER_WRITABLE (EFER_SCE | EFER_LME | EFER_NXE)

static uint64_t *plain_msr(struct dbt_cpu *c, uint32_t msr)
{
    switch (msr) {
    case IA32_SYSENTER_CS:
        return &c->sysenter_cs;
    case IA32_SYSENTER_ESP:
        return &c->sysenter_esp;
    case IA32_SYSENTER_EIP:
        return &c->sysenter_eip;
    case IA32_PAT:
        return &c->pat;
    case IA32_EFER:
        return &c->v.efer;
    case IA32_STAR:
        return &c->star;
    case IA32_LSTAR:
        return &c->lstar;
    case IA32_CSTAR:
        return &c->cstar;
    case IA32_FMASK:
        return &c->fmask;
    case IA32_FS_BASE:
        return &c->v.seg[SEG_FS].base;
    case IA32_GS_BASE:
        return &c->v.seg[SEG_GS].base;
    case IA32_KERNEL_GS_BASE:
        return &c->kernel_gs_base;
    case IA32_TSC_AUX:
        return &c->tsc_aux;
    default:
        return NULL;
    }
}

/* Memory types (Vol. 3A, table 12-10): 2 and 3 are reserved, 7 is UC-. */
static bool pat_valid(uint64_t pat)
{
    for (unsigned n = 0; n < 8; n++, pat >>= 8) {
        uint8_t type = (uint8_t)pat;
        if (type > 7 || type == 2 || type == 3)
            return false;
    }
    return true;
}

static bool value_valid(const struct dbt_cpu *c, uint32_t msr, uint64_t value)
{
    switch (msr) {
    case IA32_SYSENTER_ESP:
    case IA32_SYSENTER_EIP:
    case IA32_LSTAR:
    case IA32_CSTAR:
    case IA32_FS_BASE:
    case IA32_GS_BASE:
    case IA32_KERNEL_GS_BASE:
        return is_canonical(c, value);
    case IA32_PAT:
        return pat_valid(value);
    case IA32_FMASK:
    case IA32_TSC_AUX:
        return !(value >> 32);
    default:
        return true;
    }
}

/* LME is fixed while paging is on; writes to LMA are ignored (Vol. 3A, 2.2.1; Vol. 4, IA32_EFER). */
static bool write_efer(struct dbt_cpu *c, uint64_t value)
{
    uint64_t old = c->v.efer, changed = (old ^ value) & EFER_WRITABLE;
    if (value & ~(EFER_WRITABLE | EFER_LMA))
        return raise_gp(c);
    if ((changed & EFER_LME) && (c->v.cr0 & CR0_PG))
        return raise_gp(c);
    c->v.efer = old ^ changed;
    if (changed & EFER_NXE)
        c->tlb_flush(c, true);
    c->mode_changed(c);
    return true;
}

static void set_edx_eax(struct dbt_cpu *c, uint64_t value)
{
    c->v.gpr[RAX] = (uint32_t)value;
    c->v.gpr[RDX] = value >> 32;
}

static uint64_t edx_eax(const struct dbt_cpu *c)
{
    return c->v.gpr[RDX] << 32 | (uint32_t)c->v.gpr[RAX];
}

bool op_rdmsr(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    uint32_t msr = (uint32_t)c->v.gpr[RCX];
    uint64_t value;
    if (!require_cpl0(c))
        return false;
    const uint64_t *own = plain_msr(c, msr);
    if (own)
        value = *own;
    else if (other_msr_read(c, msr, &value) == MSR_UNKNOWN && !c->read_msr(c, msr, &value))
        return raise_gp(c);
    set_edx_eax(c, value);
    return true;
}

static bool write_other(struct dbt_cpu *c, uint32_t msr, uint64_t value)
{
    switch (other_msr_write(c, msr, value)) {
    case MSR_DONE:
        return true;
    case MSR_REFUSED:
        return false;
    default:
        return c->write_msr(c, msr, value);
    }
}

bool op_wrmsr(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    uint32_t msr = (uint32_t)c->v.gpr[RCX];
    uint64_t value = edx_eax(c);
    if (!require_cpl0(c))
        return false;
    if (msr == IA32_EFER)
        return write_efer(c, value);
    uint64_t *own = plain_msr(c, msr);
    if (!own)
        return write_other(c, msr, value) || raise_gp(c);
    if (!value_valid(c, msr, value))
        return raise_gp(c);
    *own = value;
    if (msr == IA32_FS_BASE || msr == IA32_GS_BASE)
        c->mode_changed(c);
    return true;
}

static bool xcr_enabled(struct dbt_cpu *c)
{
    return (c->v.cr4 & CR4_OSXSAVE) || raise_ud(c);
}

bool op_xgetbv(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    if (!xcr_enabled(c))
        return false;
    switch ((uint32_t)c->v.gpr[RCX]) {
    case 0:
        set_edx_eax(c, c->v.xcr0);
        return true;
    case 1: /* the components in use (Vol. 1, 13.2) */
        if (!has(c, HAS_XGETBV_1))
            return raise_gp(c);
        set_edx_eax(c, c->v.xcr0 & xgetbv(1));
        return true;
    default:
        return raise_gp(c);
    }
}

/* Components that only come together (Vol. 1, 13.3). */
static bool xcr0_valid(const struct dbt_cpu *c, uint64_t value)
{
    const uint64_t x87 = 1u << 0, sse = 1u << 1, avx = 1u << 2, bounds = 3u << 3, avx512 = 7u << 5;
    if (!(value & x87) || (value & ~c->xcr0_allowed))
        return false;
    if ((value & avx) && !(value & sse))
        return false;
    if ((value & avx512) && ((value & avx512) != avx512 || !(value & avx)))
        return false;
    return !(value & bounds) || (value & bounds) == bounds;
}

bool op_xsetbv(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    uint64_t value = edx_eax(c);
    if (!xcr_enabled(c) || !require_cpl0(c))
        return false;
    if ((uint32_t)c->v.gpr[RCX] != 0 || !xcr0_valid(c, value))
        return raise_gp(c);
    c->v.xcr0 = value;
    c->mode_changed(c);
    return true;
}

bool op_cpuid(struct dbt_cpu *c, const struct sys_insn *i)
{
    uint32_t leaf = (uint32_t)c->v.gpr[RAX], subleaf = (uint32_t)c->v.gpr[RCX];
    (void)i;
    c->cpuid(c);
    struct cpuid r = {.eax = (uint32_t)c->v.gpr[RAX],
                      .ebx = (uint32_t)c->v.gpr[RBX],
                      .ecx = (uint32_t)c->v.gpr[RCX],
                      .edx = (uint32_t)c->v.gpr[RDX]};
    cpuid_restrict(c, leaf, subleaf, &r);
    c->v.gpr[RAX] = r.eax;
    c->v.gpr[RBX] = r.ebx;
    c->v.gpr[RCX] = r.ecx;
    c->v.gpr[RDX] = r.edx;
    return true;
}

static bool tsc_allowed(struct dbt_cpu *c)
{
    return !(c->v.cr4 & CR4_TSD) || dbt_cpl(c) == 0 || raise_gp(c);
}

bool op_rdtsc(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    if (!tsc_allowed(c))
        return false;
    set_edx_eax(c, c->read_tsc(c) + c->tsc_offset);
    return true;
}

bool op_rdtscp(struct dbt_cpu *c, const struct sys_insn *i)
{
    if (!op_rdtsc(c, i))
        return false;
    c->v.gpr[RCX] = (uint32_t)c->tsc_aux;
    return true;
}

bool op_rdpid(struct dbt_cpu *c, const struct sys_insn *i)
{
    if (!has(c, HAS_RDPID))
        return raise_ud(c);
    c->v.gpr[i->rm] = (uint32_t)c->tsc_aux;
    return true;
}

/* No performance counters. */
bool op_rdpmc(struct dbt_cpu *c, const struct sys_insn *i)
{
    (void)i;
    return raise_gp(c);
}
