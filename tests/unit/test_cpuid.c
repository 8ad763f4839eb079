/* What of the machine's CPUID the guest gets to see. */
#include "unit.h"

#include "cpuid.h"
#include "x86/cpuid.h"

/* A CPU that answers the leaves it is asked about with all ones, with XSAVE components of 64 bytes each. */
static uint64_t components;

static struct cpuid machine(uint32_t leaf, uint32_t subleaf)
{
    if (leaf == CPUID_XSAVE && subleaf == 0)
        return (struct cpuid){(uint32_t)components, 0x1000, 0x1000, (uint32_t)(components >> 32)};
    if (leaf == CPUID_XSAVE && subleaf >= 2)
        return (struct cpuid){64, 576 + 64 * (subleaf - 2), 0, 0};
    return (struct cpuid){~0u, ~0u, ~0u, ~0u};
}

static struct cpuid ask(uint32_t leaf, uint32_t subleaf, uint64_t cr4)
{
    return guest_cpuid(machine, leaf, subleaf, cr4);
}

static void the_guests_cr4_is_mirrored(void **state)
{
    (void)state;
    assert_int_equal(ask(1, 0, 0).ecx & CPUID_1_ECX_OSXSAVE, 0);
    assert_int_not_equal(ask(1, 0, CR4_OSXSAVE).ecx & CPUID_1_ECX_OSXSAVE, 0);
    assert_int_equal(ask(7, 0, CR4_OSXSAVE).ecx & CPUID_7_ECX_OSPKE, 0);
    assert_int_not_equal(ask(7, 0, CR4_PKE).ecx & CPUID_7_ECX_OSPKE, 0);
}

/* Bit numbers as in the SDM's tables. */
static void exactly_the_hidden_features_are_hidden(void **state)
{
    (void)state;
    struct cpuid r = ask(1, 0, CR4_OSXSAVE);
    assert_int_equal(r.eax & r.ebx, ~0u);
    assert_int_equal(~r.ecx, 1u << 2 | 1u << 4 | 1u << 5 | 1u << 6); /* DTES64, DS-CPL, VMX, SMX */
    assert_int_equal(~r.edx, 1u << 21);                              /* DS */
    r = ask(7, 0, CR4_PKE);
    assert_int_equal(r.eax, ~0u);
    assert_int_equal(~r.ebx, 1u << 2 | 1u << 4 | 1u << 11 | 1u << 14 | 1u << 25); /* SGX, HLE, RTM, MPX, PT */
    assert_int_equal(~r.ecx, 1u << 7 | 1u << 30);                                 /* CET_SS, SGX_LC */
    /* UINTR, PCONFIG, CET_IBT, AMX-BF16, AMX-TILE, AMX-INT8 */
    assert_int_equal(~r.edx, 1u << 5 | 1u << 18 | 1u << 20 | 1u << 22 | 1u << 24 | 1u << 25);
    r = ask(7, 1, 0);
    assert_int_equal(~r.eax, 1u << 17 | 1u << 21 | 1u << 26); /* FRED, AMX-FP16, LAM */
    assert_int_equal(r.ebx & r.ecx, ~0u);
    assert_int_equal(~r.edx, 1u << 8 | 1u << 17 | 1u << 18); /* AMX-COMPLEX, UIRET_UIF, CET_SSS */
    assert_int_equal(ask(7, 2, 0).edx, ~0u);
    for (uint32_t leaf = 0x80000000u; leaf < 0x80000009u; leaf++)
        assert_int_equal(ask(leaf, 0, 0).edx, ~0u);
}

static void leaves_of_hidden_features_are_empty(void **state)
{
    (void)state;
    static const uint32_t hidden[] = {0x12, 0x14, 0x1d, 0x1e};
    for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
        struct cpuid r = ask(hidden[i], 1, 0);
        assert_int_equal(r.eax | r.ebx | r.ecx | r.edx, 0);
    }
}

static void xsave_ends_with_the_last_component_that_is_left(void **state)
{
    (void)state;
    components = 0x602ff; /* with AMX and MPX */
    struct cpuid r = ask(CPUID_XSAVE, 0, 0);
    assert_int_equal(r.eax, 0x2e7);
    assert_int_equal(r.ebx, 0x1000); /* of the live XCR0 */
    assert_int_equal(r.ecx, 576 + 64 * 8);
    assert_int_equal(guest_xcr0_mask(machine), 0x2e7);
    assert_int_equal(ask(CPUID_XSAVE, 9, 0).eax, 64);
    static const uint32_t hidden[] = {3, 4, 8, 11, 12, 14, 17, 18};
    for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
        assert_int_equal(ask(CPUID_XSAVE, hidden[i], 0).eax, 0);
    assert_int_equal(~ask(CPUID_XSAVE, 1, 0).ecx,
                     3u << 3 | 1u << 8 | 1u << 11 | 1u << 12 | 1u << 14 | 3u << 17);

    components = 3;
    assert_int_equal(ask(CPUID_XSAVE, 0, 0).ecx, 576);
    components = 0;
    assert_int_equal(ask(CPUID_XSAVE, 0, 0).ecx, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_guests_cr4_is_mirrored),
        cmocka_unit_test(exactly_the_hidden_features_are_hidden),
        cmocka_unit_test(leaves_of_hidden_features_are_empty),
        cmocka_unit_test(xsave_ends_with_the_last_component_that_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
