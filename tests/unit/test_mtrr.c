/* Memory types by MTRRs: fixed, variable, overlapping, default. */
#include "unit.h"

#include "vmx/mtrr.h"
#include "x86/cpu.h"
#include "x86/mtrr.h"

#define PHYSICAL_BITS 36
#define VARIABLE_COUNT 4
#define ADDRESSES ((1ull << PHYSICAL_BITS) - 1)

static uint64_t cap, def_type, base[VARIABLE_COUNT], mask[VARIABLE_COUNT], fixed[11];

static uint64_t read_msr(uint32_t msr)
{
    static const uint32_t fixed_msr[11] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
                                           0x26b, 0x26c, 0x26d, 0x26e, 0x26f};
    if (msr == 0xfe)
        return cap;
    if (msr == 0x2ff)
        return def_type;
    if (msr >= 0x200 && msr < 0x200 + 2 * VARIABLE_COUNT)
        return msr % 2 ? mask[msr / 2 % VARIABLE_COUNT] : base[msr / 2 % VARIABLE_COUNT];
    for (unsigned i = 0; i < 11; i++)
        if (msr == fixed_msr[i])
            return fixed[i];
    fail_msg("MSR 0x%x does not exist", msr);
    return 0;
}

/* `size` is a power of 2. */
static void variable(unsigned n, uint64_t start, uint64_t size, uint8_t type)
{
    base[n] = start | type;
    mask[n] = (~(size - 1) & ADDRESSES & ~0xfffull) | MTRR_PHYSMASK_VALID;
}

static void load(void)
{
    mtrr_read(PHYSICAL_BITS, read_msr);
}

/* On, write-back, nothing else. */
static int start_over(void **state)
{
    (void)state;
    cap = MTRRCAP_FIX | VARIABLE_COUNT;
    def_type = MTRR_DEF_TYPE_E | CACHE_WB;
    memset(base, 0, sizeof base);
    memset(mask, 0, sizeof mask);
    memset(fixed, 0, sizeof fixed);
    return 0;
}

static void switched_off_all_is_uncached(void **state)
{
    (void)state;
    def_type = MTRR_DEF_TYPE_FE | CACHE_WB;
    variable(0, 0, MIB(64), CACHE_WT);
    load();
    assert_int_equal(mtrr_type(0), CACHE_UC);
    assert_int_equal(mtrr_type(GIB(3)), CACHE_UC);
    assert_true(mtrr_uniform(0, GIB(1)));
}

static void the_default_holds_where_no_range_lies(void **state)
{
    (void)state;
    variable(1, GIB(3), GIB(1), CACHE_UC);
    load();
    assert_int_equal(mtrr_type(0), CACHE_WB);
    assert_int_equal(mtrr_type(GIB(3) - 1), CACHE_WB);
    assert_int_equal(mtrr_type(GIB(3)), CACHE_UC);
    assert_int_equal(mtrr_type(GIB(4) - 1), CACHE_UC);
    assert_int_equal(mtrr_type(GIB(4)), CACHE_WB);
}

static void a_range_that_is_not_valid_does_not_count(void **state)
{
    (void)state;
    variable(0, GIB(1), GIB(1), CACHE_UC);
    mask[0] &= ~MTRR_PHYSMASK_VALID;
    load();
    assert_int_equal(mtrr_type(GIB(1)), CACHE_WB);
    assert_true(mtrr_uniform(0, GIB(4)));
}

static void every_fixed_range(void **state)
{
    (void)state;
    def_type |= MTRR_DEF_TYPE_FE;
    for (unsigned n = 0; n < 88; n++) {
        static const uint8_t types[] = {CACHE_UC, CACHE_WC, CACHE_WT, CACHE_WP, CACHE_WB};
        fixed[n / 8] |= (uint64_t)types[n % 5] << (8 * (n % 8));
    }
    load();
    hpa_t at = 0;
    for (unsigned n = 0; n < 88; n++) {
        static const uint8_t types[] = {CACHE_UC, CACHE_WC, CACHE_WT, CACHE_WP, CACHE_WB};
        hpa_t bytes = n < 8 ? 0x10000 : n < 24 ? 0x4000 : 0x1000;
        assert_int_equal(mtrr_type(at), types[n % 5]);
        assert_int_equal(mtrr_type(at + bytes - 1), types[n % 5]);
        at += bytes;
    }
    assert_int_equal(at, MIB(1));
    assert_int_equal(mtrr_type(MIB(1)), CACHE_WB);
}

static void fixed_ranges_come_first(void **state)
{
    (void)state;
    variable(0, 0, MIB(2), CACHE_WT);
    load();
    assert_int_equal(mtrr_type(0xa0000), CACHE_WT); /* they are off */
    def_type |= MTRR_DEF_TYPE_FE;
    load();
    assert_int_equal(mtrr_type(0xa0000), CACHE_UC);
    assert_int_equal(mtrr_type(MIB(1)), CACHE_WT);
    cap &= ~MTRRCAP_FIX; /* there are none */
    load();
    assert_int_equal(mtrr_type(0xa0000), CACHE_WT);
}

/* SDM Vol. 3A, 11.11.4.1. */
static void overlaps(void **state)
{
    (void)state;
    static const uint8_t cases[][3] = {
        {CACHE_WB, CACHE_WB, CACHE_WB}, {CACHE_UC, CACHE_WB, CACHE_UC}, {CACHE_WT, CACHE_UC, CACHE_UC},
        {CACHE_WT, CACHE_WB, CACHE_WT}, {CACHE_WB, CACHE_WT, CACHE_WT}, {CACHE_WC, CACHE_WC, CACHE_WC},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        variable(0, 0, GIB(1), cases[i][0]);
        variable(3, MIB(512), MIB(256), cases[i][1]);
        load();
        assert_int_equal(mtrr_type(0), cases[i][0]);
        assert_int_equal(mtrr_type(MIB(600)), cases[i][2]);
        assert_int_equal(mtrr_type(MIB(768)), cases[i][0]);
    }
}

/* Whatever mtrr_uniform() calls uniform must be: compared with all its pages. */
static void uniform_means_one_type(void **state)
{
    (void)state;
    def_type |= MTRR_DEF_TYPE_FE;
    memset(fixed, CACHE_WB, sizeof fixed);
    fixed[2] = 0;
    variable(0, MIB(16), MIB(2), CACHE_UC);
    variable(1, MIB(20), 0x1000, CACHE_WC);
    variable(2, MIB(30) + 0x8000, 0x8000, CACHE_WT);
    load();
    unsigned uniform = 0, mixed = 0;
    for (uint64_t bytes = PAGE_SIZE; bytes <= MIB(32); bytes *= 2) {
        for (hpa_t start = 0; start < MIB(32); start += bytes) {
            bool same = true;
            for (hpa_t p = start; p < start + bytes && same; p += PAGE_SIZE)
                same = mtrr_type(p) == mtrr_type(start);
            assert_int_equal(mtrr_uniform(start, start + bytes), same);
            *(same ? &uniform : &mixed) += 1;
        }
    }
    assert_int_not_equal(uniform, 0);
    assert_int_not_equal(mixed, 0);
    assert_false(mtrr_uniform(0, GIB(1)));
    assert_true(mtrr_uniform(GIB(1), GIB(2)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(switched_off_all_is_uncached, start_over),
        cmocka_unit_test_setup(the_default_holds_where_no_range_lies, start_over),
        cmocka_unit_test_setup(a_range_that_is_not_valid_does_not_count, start_over),
        cmocka_unit_test_setup(every_fixed_range, start_over),
        cmocka_unit_test_setup(fixed_ranges_come_first, start_over),
        cmocka_unit_test_setup(overlaps, start_over),
        cmocka_unit_test_setup(uniform_means_one_type, start_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
