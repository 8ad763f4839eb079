#include "vmx/mtrr.h"

#include "x86/cpu.h"
#include "x86/mtrr.h"

#define FIXED_END MIB(1)
#define FIXED_REGISTERS 11
#define VARIABLE_MAX 16

struct variable_range {
    hpa_t base, mask;
    uint8_t type;
};

static struct {
    bool enabled, fixed_enabled;
    uint8_t default_type;
    uint64_t fixed[FIXED_REGISTERS]; /* a byte per range: 8 of 64 KiB, 16 of 16 KiB, 64 of 4 KiB */
    unsigned count;
    struct variable_range range[VARIABLE_MAX];
} mtrr;

static void read_fixed(void)
{
    mtrr.fixed[0] = rdmsr(IA32_MTRR_FIX64K_00000);
    mtrr.fixed[1] = rdmsr(IA32_MTRR_FIX16K_80000);
    mtrr.fixed[2] = rdmsr(IA32_MTRR_FIX16K_A0000);
    for (unsigned i = 0; i < 8; i++)
        mtrr.fixed[3 + i] = rdmsr(IA32_MTRR_FIX4K_C0000 + i);
}

void mtrr_read(unsigned physical_bits)
{
    struct cpuid features = cpuid(1, 0);
    if (!(features.edx & (1u << 12)))
        return;
    uint64_t cap = rdmsr(IA32_MTRRCAP), def = rdmsr(IA32_MTRR_DEF_TYPE);
    uint64_t address_mask = ((1ull << physical_bits) - 1) & PAGE_MASK;

    mtrr.enabled = def & MTRR_DEF_TYPE_E;
    mtrr.default_type = (uint8_t)def;
    mtrr.fixed_enabled = (cap & MTRRCAP_FIX) && (def & MTRR_DEF_TYPE_FE);
    if (mtrr.fixed_enabled)
        read_fixed();
    for (unsigned i = 0; i < (cap & MTRRCAP_VCNT_MASK) && mtrr.count < VARIABLE_MAX; i++) {
        uint64_t mask = rdmsr(IA32_MTRR_PHYSMASK(i)), base = rdmsr(IA32_MTRR_PHYSBASE(i));
        if (mask & MTRR_PHYSMASK_VALID)
            mtrr.range[mtrr.count++] =
                (struct variable_range){base & address_mask, mask & address_mask, (uint8_t)base};
    }
}

static uint8_t fixed_type(hpa_t p)
{
    unsigned n;
    if (p < 0x80000)
        n = (unsigned)(p >> 16);
    else if (p < 0xc0000)
        n = 8 + (unsigned)((p - 0x80000) >> 14);
    else
        n = 24 + (unsigned)((p - 0xc0000) >> 12);
    return (uint8_t)(mtrr.fixed[n / 8] >> (8 * (n % 8)));
}

/* Overlaps: UC wins, WT wins over WB, anything else is undefined (SDM Vol. 3A, 11.11.4.1). */
static uint8_t combine(uint8_t a, uint8_t b)
{
    if (a == b)
        return a;
    if ((a == CACHE_WT && b == CACHE_WB) || (a == CACHE_WB && b == CACHE_WT))
        return CACHE_WT;
    return CACHE_UC;
}

uint8_t mtrr_type(hpa_t p)
{
    if (!mtrr.enabled)
        return CACHE_UC;
    if (p < FIXED_END && mtrr.fixed_enabled)
        return fixed_type(p);
    int type = -1;
    for (unsigned i = 0; i < mtrr.count; i++) {
        const struct variable_range *r = &mtrr.range[i];
        if ((p & r->mask) == (r->base & r->mask))
            type = type < 0 ? r->type : combine((uint8_t)type, r->type);
    }
    return type < 0 ? mtrr.default_type : (uint8_t)type;
}

/* A variable range that covers or misses [start, end) whole has no mask bit set below the size of it. */
bool mtrr_uniform(hpa_t start, hpa_t end)
{
    uint64_t size = end - start;
    if (!mtrr.enabled)
        return true;
    if (start < FIXED_END && mtrr.fixed_enabled) {
        for (hpa_t p = start; p < end && p < FIXED_END; p += PAGE_SIZE)
            if (mtrr_type(p) != mtrr_type(start))
                return false;
        if (end > FIXED_END && mtrr_type(FIXED_END) != mtrr_type(start))
            return false;
    }
    for (unsigned i = 0; i < mtrr.count; i++) {
        const struct variable_range *r = &mtrr.range[i];
        bool in_part = ((start ^ r->base) & r->mask & ~(size - 1)) == 0;
        if (in_part && (r->mask & (size - 1)))
            return false;
    }
    return true;
}
