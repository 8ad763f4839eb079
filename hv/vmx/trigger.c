/*
 * start= and stop= addresses as instruction breakpoints in DR3 and DR2, and the
 * guest's own debug registers around them. While a trigger is armed the guest's
 * accesses to debug registers exit; it keeps DR0 and DR1, and what it puts into
 * the other two reads back but does not break (docs/engines.md, quirks).
 */
#include "vmx/vmx.h"

#include "x86/debug.h"

/* The register that a trigger takes. */
static const unsigned trigger_dr[TRIGGER_COUNT] = {[TRIGGER_START] = 3, [TRIGGER_STOP] = 2};

/* The guest's view while any trigger is armed; else the CPU holds it. */
static uint64_t shadow_dr[4];
uint64_t shadow_dr7;

static uint64_t read_dr(unsigned n)
{
    switch (n) {
    case 0:
        return read_dr0();
    case 1:
        return read_dr1();
    case 2:
        return read_dr2();
    default:
        return read_dr3();
    }
}

static void write_dr(unsigned n, uint64_t value)
{
    switch (n) {
    case 0:
        write_dr0(value);
        break;
    case 1:
        write_dr1(value);
        break;
    case 2:
        write_dr2(value);
        break;
    default:
        write_dr3(value);
        break;
    }
}

static void load_registers(void)
{
    uint64_t dr7 = shadow_dr7;
    for (unsigned n = 0; n < 4; n++)
        write_dr(n, shadow_dr[n]);
    for (unsigned t = 0; t < TRIGGER_COUNT; t++) {
        unsigned n = trigger_dr[t];
        if (!trigger_any())
            break;
        dr7 &= ~(DR7_BOTH(n) | DR7_TYPE_MASK(n));
        if (!vmx.armed[t])
            continue;
        write_dr(n, vmx.trigger_at[t]);
        dr7 |= DR7_GLOBAL(n);
    }
    vmwrite(VMCS_GUEST_DR7, dr7 | DR7_FIXED_1);
}

void trigger_set(enum trigger t, bool armed, gva_t at)
{
    if (!trigger_any()) {
        for (unsigned n = 0; n < 4; n++)
            shadow_dr[n] = read_dr(n);
        shadow_dr7 = vmread(VMCS_GUEST_DR7);
    }
    vmx.armed[t] = armed;
    vmx.trigger_at[t] = at;
    load_registers();
    vmx_set_proc(PROC_MOV_DR, trigger_any());
    vmx_update_exception_bitmap();
}

bool trigger_hit(uint64_t *dr6_bits, enum trigger *t)
{
    bool hit = false;
    for (unsigned i = TRIGGER_COUNT; i-- > 0;) {
        uint64_t bit = 1ull << trigger_dr[i];
        if (!vmx.armed[i] || !(*dr6_bits & bit))
            continue;
        *dr6_bits &= ~bit;
        *t = (enum trigger)i;
        hit = true;
    }
    return hit;
}

/* DR6 may also show a breakpoint whose condition is met but which is not enabled (SDM Vol. 3B, 17.2.3). */
bool trigger_leaves(uint64_t dr6_bits)
{
    for (unsigned n = 0; n < 4; n++)
        if ((dr6_bits >> n & 1) && (shadow_dr7 & DR7_BOTH(n)))
            return true;
    return dr6_bits & (DR6_BD | DR6_BS | DR6_BT);
}

void guest_set_dr7(uint64_t dr7)
{
    if (!trigger_any()) {
        vmwrite(VMCS_GUEST_DR7, dr7);
        return;
    }
    shadow_dr7 = dr7;
    load_registers();
}

uint64_t guest_dr(unsigned n)
{
    return trigger_any() ? shadow_dr[n] : read_dr(n);
}

void guest_set_dr(unsigned n, uint64_t value)
{
    shadow_dr[n] = value;
    if (trigger_any())
        load_registers();
    else
        write_dr(n, value);
}

bool trigger_breaks_before(gva_t rip)
{
    uint64_t dr7 = vmread(VMCS_GUEST_DR7);
    for (unsigned n = 0; n < 4; n++)
        if ((dr7 & DR7_BOTH(n)) && !(dr7 & DR7_TYPE_MASK(n)) && read_dr(n) == rip)
            return true;
    return false;
}
