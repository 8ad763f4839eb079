/*
 * MSRs that operating systems expect and that mean little here (SDM Vol. 4; AMD APM
 * Vol. 2, appendix A): they read as on a processor that has nothing of what they
 * govern, and take what can be written there.
 */
#include "x86/debug.h"

#include "dbt/sys/parts.h"

#define CPUID_VENDOR_INTEL 0x756e6547u /* EBX of leaf 0: "Genu" */

#define IA32_TSC 0x10u
#define IA32_PLATFORM_ID 0x17u
#define IA32_BIOS_SIGN_ID 0x8bu /* AMD: PATCH_LEVEL */
#define IA32_MCG_CAP 0x179u
#define IA32_MCG_STATUS 0x17au
#define IA32_MISC_ENABLE 0x1a0u
#define IA32_XSS 0xda0u
#define AMD_SYSCFG 0xc0010010u
#define AMD_HWCR 0xc0010015u
#define AMD_INTERRUPT_PENDING 0xc0010055u
#define AMD_VM_CR 0xc0010114u
#define AMD_DE_CFG 0xc0011029u

#define MISC_ENABLE_FIXED ((1ull << 11) | (1ull << 12)) /* no BTS, no PEBS */
#define MISC_ENABLE_WRITABLE 1ull                       /* fast strings */
#define MCG_STATUS_WRITABLE 7ull
#define HWCR_TSC_INVARIANT (1ull << 24)
#define VM_CR_SVM_DISABLED ((1ull << 3) | (1ull << 4))
#define DE_CFG_LFENCE_SERIALIZES 2ull

static bool is_intel(void)
{
    return cpuid(0, 0).ebx == CPUID_VENDOR_INTEL;
}

/* Constants, and writes of them are ignored. */
static bool constant_of_intel(uint32_t msr, uint64_t *value)
{
    *value = 0;
    return msr == IA32_PLATFORM_ID;
}

static bool constant_of_amd(uint32_t msr, uint64_t *value)
{
    switch (msr) {
    case AMD_SYSCFG:
    case AMD_INTERRUPT_PENDING:
        *value = 0;
        return true;
    case AMD_HWCR:
        *value = HWCR_TSC_INVARIANT;
        return true;
    case AMD_VM_CR:
        *value = VM_CR_SVM_DISABLED;
        return true;
    case AMD_DE_CFG:
        *value = DE_CFG_LFENCE_SERIALIZES;
        return true;
    default:
        return false;
    }
}

static bool is_constant(const struct dbt_cpu *c, uint32_t msr, uint64_t *value)
{
    *value = 0;
    if (msr == IA32_BIOS_SIGN_ID || msr == IA32_MCG_CAP || (msr == IA32_XSS && has(c, HAS_XSAVES)))
        return true;
    return is_intel() ? constant_of_intel(msr, value) : constant_of_amd(msr, value);
}

enum msr_result other_msr_read(struct dbt_cpu *c, uint32_t msr, uint64_t *value)
{
    switch (msr) {
    case IA32_TSC:
        *value = c->read_tsc(c) + c->tsc_offset;
        return MSR_DONE;
    case IA32_DEBUGCTL:
        *value = c->debugctl;
        return MSR_DONE;
    case IA32_MCG_STATUS:
        *value = c->mcg_status;
        return MSR_DONE;
    case IA32_MISC_ENABLE:
        *value = c->misc_enable | MISC_ENABLE_FIXED;
        return is_intel() ? MSR_DONE : MSR_UNKNOWN;
    default:
        return is_constant(c, msr, value) ? MSR_DONE : guest_mtrr_read(c, msr, value);
    }
}

enum msr_result other_msr_write(struct dbt_cpu *c, uint32_t msr, uint64_t value)
{
    uint64_t constant;
    switch (msr) {
    case IA32_TSC:
        c->tsc_offset = value - c->read_tsc(c);
        return MSR_DONE;
    case IA32_DEBUGCTL:
        if (value & ~(DEBUGCTL_LBR | DEBUGCTL_BTF))
            return MSR_REFUSED;
        c->debugctl = value;
        return MSR_DONE;
    case IA32_MCG_STATUS:
        if (value & ~MCG_STATUS_WRITABLE)
            return MSR_REFUSED;
        c->mcg_status = value;
        return MSR_DONE;
    case IA32_MISC_ENABLE:
        c->misc_enable = value & MISC_ENABLE_WRITABLE;
        return is_intel() ? MSR_DONE : MSR_UNKNOWN;
    case IA32_XSS:
        return has(c, HAS_XSAVES) && !value ? MSR_DONE : MSR_REFUSED;
    case IA32_MCG_CAP: /* read-only */
        return MSR_REFUSED;
    default:
        return is_constant(c, msr, &constant) ? MSR_DONE : guest_mtrr_write(c, msr, value);
    }
}
