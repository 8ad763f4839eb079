/*
 * Hidden, and why:
 *
 *   VMX, SMX        Engram's own; its VMX root operation allows no GETSEC
 *   SGX, PCONFIG    need VMX controls that are off
 *   CET, FRED       branches and events write what the engines do not list (shadow stacks, other frames)
 *   UINTR           SENDUIPI writes memory asynchronously
 *   AMX             TILESTORED's rows are not listed
 *   LAM             address bits that the engines' address calculation does not drop
 *   DS, PT          the CPU writes memory asynchronously, PT even past EPT
 *   MPX             its loads and stores go through tables of their own; no CPU since 2019 has it
 *   TSX             every exit aborts a transaction, so under a locked view none ever ends
 */
#include "cpuid.h"

#include "x86/cpuid.h"

/* State components (SDM Vol. 1, 13.1): user ones in XCR0, supervisor ones in IA32_XSS. */
#define COMPONENT_BNDREGS 3
#define COMPONENT_BNDCSR 4
#define COMPONENT_PT 8
#define COMPONENT_CET_USER 11
#define COMPONENT_CET_SUPERVISOR 12
#define COMPONENT_UINTR 14
#define COMPONENT_TILECFG 17
#define COMPONENT_TILEDATA 18
#define COMPONENT_FIRST 2 /* with a place of its own behind the header */
#define COMPONENT_LAST 62
#define COMPONENTS_HIDDEN                                                                                    \
    (1ull << COMPONENT_BNDREGS | 1ull << COMPONENT_BNDCSR | 1ull << COMPONENT_PT |                           \
     1ull << COMPONENT_CET_USER | 1ull << COMPONENT_CET_SUPERVISOR | 1ull << COMPONENT_UINTR |               \
     1ull << COMPONENT_TILECFG | 1ull << COMPONENT_TILEDATA)
#define XSAVE_FIXED_BYTES 576u /* legacy area and header */

static const struct cpuid nothing;

uint64_t guest_xcr0_mask(cpuid_source *machine)
{
    struct cpuid r = machine(CPUID_XSAVE, 0);
    return ((uint64_t)r.edx << 32 | r.eax) & ~COMPONENTS_HIDDEN;
}

/* Bytes of an XSAVE area with all components the guest can enable. */
static uint32_t xsave_bytes(cpuid_source *machine, uint64_t mask)
{
    uint32_t bytes = XSAVE_FIXED_BYTES;
    for (unsigned n = COMPONENT_FIRST; n <= COMPONENT_LAST; n++) {
        if (!(mask >> n & 1))
            continue;
        struct cpuid c = machine(CPUID_XSAVE, n); /* EAX bytes at EBX */
        if (c.eax + c.ebx > bytes)
            bytes = c.eax + c.ebx;
    }
    return bytes;
}

static struct cpuid xsave_leaf(cpuid_source *machine, uint32_t subleaf)
{
    struct cpuid r = machine(CPUID_XSAVE, subleaf);
    if (subleaf == 0) {
        uint64_t mask = guest_xcr0_mask(machine);
        r.eax = (uint32_t)mask;
        r.edx = (uint32_t)(mask >> 32);
        r.ecx = mask ? xsave_bytes(machine, mask) : 0;
    } else if (subleaf == 1) {
        r.ecx &= ~(uint32_t)COMPONENTS_HIDDEN;
    } else if (subleaf <= COMPONENT_LAST && (COMPONENTS_HIDDEN >> subleaf & 1)) {
        return nothing;
    }
    return r;
}

static uint32_t mirror(uint32_t features, uint32_t bit, bool on)
{
    return on ? features | bit : features & ~bit;
}

static struct cpuid features_leaf(struct cpuid r, uint64_t cr4)
{
    r.ecx &= ~(CPUID_1_ECX_VMX | CPUID_1_ECX_SMX | CPUID_1_ECX_DTES64 | CPUID_1_ECX_DS_CPL);
    r.ecx = mirror(r.ecx, CPUID_1_ECX_OSXSAVE, cr4 & CR4_OSXSAVE);
    r.edx &= ~CPUID_1_EDX_DS;
    return r;
}

static struct cpuid more_features_leaf(struct cpuid r, uint32_t subleaf, uint64_t cr4)
{
    if (subleaf == 0) {
        r.ebx &= ~(CPUID_7_EBX_SGX | CPUID_7_EBX_HLE | CPUID_7_EBX_RTM | CPUID_7_EBX_MPX | CPUID_7_EBX_PT);
        r.ecx &= ~(CPUID_7_ECX_CET_SS | CPUID_7_ECX_SGX_LC);
        r.ecx = mirror(r.ecx, CPUID_7_ECX_OSPKE, cr4 & CR4_PKE);
        r.edx &= ~(CPUID_7_EDX_UINTR | CPUID_7_EDX_PCONFIG | CPUID_7_EDX_CET_IBT | CPUID_7_EDX_AMX_BF16 |
                   CPUID_7_EDX_AMX_TILE | CPUID_7_EDX_AMX_INT8);
    } else if (subleaf == 1) {
        r.eax &= ~(CPUID_7_1_EAX_FRED | CPUID_7_1_EAX_AMX_FP16 | CPUID_7_1_EAX_LAM);
        r.edx &= ~(CPUID_7_1_EDX_AMX_COMPLEX | CPUID_7_1_EDX_UIRET_UIF | CPUID_7_1_EDX_CET_SSS);
    }
    return r;
}

struct cpuid guest_cpuid(cpuid_source *machine, uint32_t leaf, uint32_t subleaf, uint64_t cr4)
{
    switch (leaf) {
    case 1:
        return features_leaf(machine(1, subleaf), cr4);
    case 7:
        return more_features_leaf(machine(7, subleaf), subleaf, cr4);
    case CPUID_XSAVE:
        return xsave_leaf(machine, subleaf);
    case CPUID_SGX:
    case CPUID_PT:
    case CPUID_TILE:
    case CPUID_TMUL:
        return nothing;
    default:
        return machine(leaf, subleaf);
    }
}
