/* What this CPU can do of what the engine carries out by itself (SDM Vol. 2A, CPUID; AMD APM Vol. 3, appendix
 * E). */
#include "dbt/sys/parts.h"
#include "dbt/sys/x87.h"

#include <string.h>

enum cpuid_register { EAX, EBX, ECX, EDX };

static const struct {
    uint32_t leaf, subleaf;
    uint8_t register_, bit;
} where[] = {
    [HAS_CLFLUSHOPT] = {7, 0, EBX, 23},     [HAS_CLWB] = {7, 0, EBX, 24},
    [HAS_CLZERO] = {0x80000008, 0, EBX, 0}, [HAS_MOVDIR64B] = {7, 0, ECX, 28},
    [HAS_RDPID] = {7, 0, ECX, 22},          [HAS_XSAVEOPT] = {0xd, 1, EAX, 0},
    [HAS_XSAVEC] = {0xd, 1, EAX, 1},        [HAS_XSAVES] = {0xd, 1, EAX, 3},
    [HAS_XGETBV_1] = {0xd, 1, EAX, 2},
};

static bool machine_has(enum sys_has what)
{
    uint32_t leaf = where[what].leaf;
    if (cpuid(leaf & 0x80000000u, 0).eax < leaf)
        return false;
    struct cpuid r = cpuid(leaf, where[what].subleaf);
    uint32_t value[] = {[EAX] = r.eax, [EBX] = r.ebx, [ECX] = r.ecx, [EDX] = r.edx};
    return value[where[what].register_] >> where[what].bit & 1;
}

#define OSXSAVE (1u << 27) /* CPUID.01H:ECX */
#define MXCSR_RESET 0x1f80u
#define FXSAVE_MXCSR 24u

/* XRSTOR of an image whose XSTATE_BV is 0 (SDM Vol. 1, 13.8.1). */
void sys_reset_vectors(void)
{
    static uint8_t image[576] __attribute__((aligned(64)));
    static const uint32_t mxcsr = MXCSR_RESET;
    __asm__ volatile("fninit\n\tldmxcsr %0" : : "m"(mxcsr));
    if (!(cpuid(1, 0).ecx & OSXSAVE))
        return;
    memcpy(image + FXSAVE_MXCSR, &mxcsr, sizeof mxcsr);
    __asm__ volatile("xrstor64 %0" : : "m"(image), "a"(-1), "d"(-1));
}

void sys_probe(struct dbt_cpu *c)
{
    c->has = 0;
    for (unsigned n = 0; n < ARRAY_SIZE(where); n++)
        c->has |= (uint32_t)machine_has((enum sys_has)n) << n;
    x87_probe(c);
    sys_reset_vectors();
}
