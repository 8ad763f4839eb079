/*
 * Memory type range registers (SDM Vol. 3A, 11.11). The guest reads what the machine
 * has until it writes them; what it writes is remembered and has no effect: the types
 * of the machine's memory are the host's, and guest RAM is write-back.
 */
#include "x86/mtrr.h"

#include "dbt/sys/parts.h"

#define FIXED_FIRST MTRR_VARIABLE_MAX /* in mtrr[] */
#define FIXED_COUNT 11u
#define DEF_TYPE (FIXED_FIRST + FIXED_COUNT)

static const uint16_t fixed[FIXED_COUNT] = {
    IA32_MTRR_FIX64K_00000,    IA32_MTRR_FIX16K_80000,    IA32_MTRR_FIX16K_A0000,
    IA32_MTRR_FIX4K_C0000,     IA32_MTRR_FIX4K_C0000 + 1, IA32_MTRR_FIX4K_C0000 + 2,
    IA32_MTRR_FIX4K_C0000 + 3, IA32_MTRR_FIX4K_C0000 + 4, IA32_MTRR_FIX4K_C0000 + 5,
    IA32_MTRR_FIX4K_C0000 + 6, IA32_MTRR_FIX4K_C0000 + 7};

_Static_assert(DEF_TYPE + 1 == MTRR_COUNT, "a place for each register");

/* Asked for once: it takes a while, and does not change. */
static bool capabilities(struct dbt_cpu *c, uint64_t *cap)
{
    if (!c->mtrr_cap_known)
        c->mtrr_present = c->read_msr(c, IA32_MTRRCAP, &c->mtrr_cap);
    c->mtrr_cap_known = true;
    *cap = c->mtrr_cap;
    return c->mtrr_present;
}

bool guest_has_mtrrs(struct dbt_cpu *c)
{
    uint64_t cap;
    return capabilities(c, &cap);
}

/* The place in mtrr[]; MTRR_COUNT: no such register. */
static unsigned place_of(struct dbt_cpu *c, uint32_t msr)
{
    uint64_t cap;
    if (!capabilities(c, &cap))
        return MTRR_COUNT;
    unsigned variable = 2 * (unsigned)(cap & MTRRCAP_VCNT_MASK);
    if (variable > MTRR_VARIABLE_MAX)
        variable = MTRR_VARIABLE_MAX;
    if (msr >= IA32_MTRR_PHYSBASE(0) && msr < IA32_MTRR_PHYSBASE(0) + variable)
        return msr - IA32_MTRR_PHYSBASE(0);
    for (unsigned n = 0; (cap & MTRRCAP_FIX) && n < FIXED_COUNT; n++)
        if (fixed[n] == msr)
            return FIXED_FIRST + n;
    return msr == IA32_MTRR_DEF_TYPE ? DEF_TYPE : MTRR_COUNT;
}

static bool type_valid(uint8_t type)
{
    return type == CACHE_UC || type == CACHE_WC || (type >= CACHE_WT && type <= CACHE_WB);
}

static bool types_valid(uint64_t types)
{
    for (unsigned n = 0; n < 8; n++, types >>= 8)
        if (!type_valid((uint8_t)types))
            return false;
    return true;
}

static bool value_valid(const struct dbt_cpu *c, unsigned place, uint64_t value)
{
    uint64_t address = ((1ull << c->physical_bits) - 1) & ~0xfffull;
    if (place >= FIXED_FIRST && place < DEF_TYPE)
        return types_valid(value);
    if (place == DEF_TYPE)
        return type_valid((uint8_t)value) && !(value & ~(MTRR_DEF_TYPE_E | MTRR_DEF_TYPE_FE | 0xff));
    if (place & 1)
        return !(value & ~(address | MTRR_PHYSMASK_VALID));
    return type_valid((uint8_t)value) && !(value & ~(address | 0xff));
}

enum msr_result guest_mtrr_read(struct dbt_cpu *c, uint32_t msr, uint64_t *value)
{
    unsigned place = place_of(c, msr);
    if (place == MTRR_COUNT || !(c->mtrr_written >> place & 1))
        return MSR_UNKNOWN; /* or the machine's */
    *value = c->mtrr[place];
    return MSR_DONE;
}

enum msr_result guest_mtrr_write(struct dbt_cpu *c, uint32_t msr, uint64_t value)
{
    unsigned place = place_of(c, msr);
    if (place == MTRR_COUNT)
        return MSR_UNKNOWN;
    if (!value_valid(c, place, value))
        return MSR_REFUSED;
    c->mtrr[place] = value;
    c->mtrr_written |= 1ull << place;
    return MSR_DONE;
}
