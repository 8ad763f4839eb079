/*
 * What CPUID tells the guest: the machine's answer without what the engine does not
 * carry out (SDM Vol. 2A, CPUID; AMD APM Vol. 3, appendix E). Feature words whose
 * meaning grows with every processor are cut to the bits that are known here.
 */
#include "decode/xsave.h"

#include "dbt/sys/parts.h"
#include "x86/cpuid.h"

#define BIT(n) (1u << (n))

/* Leaf 1. */
#define ECX1_AVX (BIT(12) | BIT(28) | BIT(29)) /* FMA, AVX, F16C */
/* MONITOR, DS-CPL, VMX, SMX, EIST, TM2, context ID, SDBG, xTPR, PDCM, PCID, x2APIC, TSC deadline, hypervisor
 */
#define ECX1_HIDDEN                                                                                          \
    (BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(10) | BIT(11) | BIT(14) | BIT(15) | BIT(17) | \
     BIT(21) | BIT(24) | BIT(31))
#define EDX1_HIDDEN (BIT(21) | BIT(22) | BIT(29)) /* DS, ACPI, TM */
#define EDX1_VME BIT(1)

/* Leaf 7: FSGSBASE, BMI1, AVX2, pointers of x87 exceptions, SMEP, BMI2, ERMS, FCS and FDS, RDSEED, ADX, SMAP,
 * CLFLUSHOPT, CLWB, SHA; UMIP, GFNI, VAES, VPCLMULQDQ, RDPID, MOVDIRI, MOVDIR64B; fast short REP MOV. */
#define EBX7_KNOWN                                                                                           \
    (BIT(0) | BIT(3) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(9) | BIT(13) | BIT(18) | BIT(19) | BIT(20) |  \
     BIT(23) | BIT(24) | BIT(29))
#define ECX7_KNOWN (BIT(2) | BIT(8) | BIT(9) | BIT(10) | BIT(22) | BIT(27) | BIT(28))
#define EDX7_KNOWN BIT(4)
/* AVX-512: F, DQ, IFMA, CD, BW, VL; VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ; VP2INTERSECT, FP16. */
#define EBX7_AVX512 (BIT(16) | BIT(17) | BIT(21) | BIT(28) | BIT(30) | BIT(31))
#define ECX7_AVX512 (BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14))
#define EDX7_AVX512 (BIT(8) | BIT(23))
#define EBX7_AVX512_NEEDED (BIT(16) | BIT(17) | BIT(30) | BIT(31))
#define EAX7_1_AVX BIT(4)    /* AVX-VNNI */
#define EAX7_1_AVX512 BIT(5) /* BF16 */

/* Extended leaves. SVM, IBS, XOP, SKINIT, LWP, FMA4, TCE, TBM, counters, data breakpoints, MONITORX, the MOV
 * CR8 with LOCK; FFXSR and 3DNow!. */
#define ECX81_HIDDEN                                                                                         \
    (BIT(2) | BIT(4) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(15) | BIT(16) | BIT(17) | BIT(21) |       \
     BIT(23) | BIT(24) | BIT(26) | BIT(28) | BIT(29))
#define EDX81_HIDDEN (BIT(25) | BIT(30) | BIT(31))
#define EDX87_KNOWN BIT(8)                              /* invariant TSC */
#define EBX88_KNOWN (BIT(0) | BIT(2) | BIT(9))          /* CLZERO, x87 pointers in images, WBNOINVD */
#define EAX821_KNOWN (BIT(2) | BIT(6))                  /* LFENCE serializes, null selectors clear bases */
#define EAXD1_KNOWN (BIT(0) | BIT(1) | BIT(2) | BIT(3)) /* XSAVEOPT, XSAVEC, XGETBV(1), XSAVES */

uint64_t sys_xcr0_offered(void)
{
    if (cpuid(0, 0).eax < CPUID_XSAVE || !(cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE))
        return 0;
    uint64_t offered = cpuid(CPUID_XSAVE, 0).eax & (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512);
    bool avx512 = (cpuid(7, 0).ebx & EBX7_AVX512_NEEDED) == EBX7_AVX512_NEEDED;
    return avx512 && (offered & XCR0_AVX512) == XCR0_AVX512 ? offered : offered & ~XCR0_AVX512;
}

static bool has_avx(const struct dbt_cpu *c)
{
    return c->xcr0_allowed & XCR0_AVX;
}
static bool has_avx512(const struct dbt_cpu *c)
{
    return (c->xcr0_allowed & XCR0_AVX512) == XCR0_AVX512;
}

static void features(struct dbt_cpu *c, struct cpuid *r)
{
    r->ecx &= ~(ECX1_HIDDEN | CPUID_1_ECX_OSXSAVE | (has_avx(c) ? 0 : ECX1_AVX));
    r->edx = (r->edx & ~EDX1_HIDDEN) | EDX1_VME; /* the engine's own */
    if (!(c->cr4_allowed & CR4_OSXSAVE))
        r->ecx &= ~CPUID_1_ECX_XSAVE;
    if (c->v.cr4 & CR4_OSXSAVE)
        r->ecx |= CPUID_1_ECX_OSXSAVE;
    if (!guest_has_mtrrs(c))
        r->edx &= ~CPUID_1_EDX_MTRR;
}

static uint32_t if_allowed(const struct dbt_cpu *c, uint64_t cr4, unsigned bit)
{
    return c->cr4_allowed & cr4 ? 0 : BIT(bit);
}

static void more_features(const struct dbt_cpu *c, uint32_t subleaf, struct cpuid *r)
{
    uint32_t no_avx = has_avx(c) ? 0 : ~0u, no_avx512 = has_avx512(c) ? 0 : ~0u;
    if (subleaf == 0) {
        r->eax = r->eax ? 1 : 0;
        r->ebx &= (EBX7_KNOWN | (EBX7_AVX512 & ~no_avx512)) & ~(BIT(5) & no_avx);
        r->ebx &=
            ~(if_allowed(c, CR4_FSGSBASE, 0) | if_allowed(c, CR4_SMEP, 7) | if_allowed(c, CR4_SMAP, 20));
        r->ecx &= (ECX7_KNOWN | (ECX7_AVX512 & ~no_avx512)) & ~((BIT(9) | BIT(10)) & no_avx);
        r->ecx &= ~if_allowed(c, CR4_UMIP, 2);
        r->edx &= EDX7_KNOWN | (EDX7_AVX512 & ~no_avx512);
        return;
    }
    *r = subleaf == 1
             ? (struct cpuid){.eax = r->eax & ((EAX7_1_AVX & ~no_avx) | (EAX7_1_AVX512 & ~no_avx512))}
             : (struct cpuid){.eax = 0};
}

static void states(const struct dbt_cpu *c, uint32_t subleaf, struct cpuid *r)
{
    const struct cpuid nothing = {.eax = 0};
    const struct xsave_layout *l = xstate_layout();
    if (!c->xcr0_allowed) {
        *r = nothing;
    } else if (subleaf == 0) {
        *r = (struct cpuid){.eax = (uint32_t)c->xcr0_allowed,
                            .ebx = xsave_size(l, c->v.xcr0, false),
                            .ecx = xsave_size(l, c->xcr0_allowed, false),
                            .edx = (uint32_t)(c->xcr0_allowed >> 32)};
    } else if (subleaf == 1) {
        uint32_t known = has(c, HAS_XSAVEC) ? EAXD1_KNOWN : EAXD1_KNOWN & ~BIT(3);
        *r = (struct cpuid){.eax = r->eax & known, .ebx = xsave_size(l, c->v.xcr0, true)};
    } else if (subleaf >= 64 || !(c->xcr0_allowed >> subleaf & 1)) {
        *r = nothing;
    }
}

static void extended_leaf(struct dbt_cpu *c, uint32_t leaf, struct cpuid *r)
{
    switch (leaf) {
    case 0x80000001:
        r->ecx &= ~ECX81_HIDDEN;
        r->edx &= ~EDX81_HIDDEN;
        if (r->edx & BIT(0)) /* AMD's repeat leaf 1 */
            r->edx |= EDX1_VME;
        if (!guest_has_mtrrs(c))
            r->edx &= ~CPUID_1_EDX_MTRR;
        break;
    case 0x80000007:
        *r = (struct cpuid){.edx = r->edx & EDX87_KNOWN};
        break;
    case 0x80000008:
        r->ebx &= EBX88_KNOWN;
        break;
    case 0x8000000a: /* SVM */
    case 0x8000001b: /* IBS */
    case 0x8000001c: /* LWP */
    case 0x8000001f: /* SEV */
        *r = (struct cpuid){.eax = 0};
        break;
    case 0x80000021:
        *r = (struct cpuid){.eax = r->eax & EAX821_KNOWN};
        break;
    default:
        break;
    }
}

void cpuid_restrict(struct dbt_cpu *c, uint32_t leaf, uint32_t subleaf, struct cpuid *r)
{
    switch (leaf) {
    case 1:
        features(c, r);
        break;
    case 5:   /* MONITOR */
    case 0xa: /* performance counters */
    case CPUID_SGX:
    case CPUID_PT:
    case 0x19: /* key locker */
    case CPUID_TILE:
    case CPUID_TMUL:
        *r = (struct cpuid){.eax = 0};
        break;
    case 6: /* of power management the APIC timer that always runs */
        *r = (struct cpuid){.eax = r->eax & BIT(2)};
        break;
    case 7:
        more_features(c, subleaf, r);
        break;
    case CPUID_XSAVE:
        states(c, subleaf, r);
        break;
    default:
        if (leaf >= 0x40000000 && leaf < 0x50000000) /* no paravirtual interfaces */
            *r = (struct cpuid){.eax = 0};
        else
            extended_leaf(c, leaf, r);
    }
}
