/* What a filter lets by, to the byte, and how options say it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "filter_options.h"
#include "trace/filter.h"
#include "trace/format.h"

static struct access access_at(uint64_t gva, uint64_t gpa, uint8_t size)
{
    return (struct access){.gva = gva, .gpa = gpa, .size = size};
}

static struct filter filter_of(const char *gpa, const char *gva)
{
    struct filter f = {0};
    assert_null(filter_parse_ranges(&f.gpa, gpa));
    assert_null(filter_parse_ranges(&f.gva, gva));
    return f;
}

static void none_lets_everything_by(void **state)
{
    (void)state;
    const struct filter f = {0};
    const struct access a = access_at(UINT64_MAX, 0x12345, 8);
    assert_true(filter_access(&f, &a));
    assert_true(filter_page(&f, 0, UINT64_MAX));
    assert_true(filter_context(&f, 3, 77));
    assert_false(filter_has_ranges(&f));
}

static void one_byte_of_an_access_is_enough(void **state)
{
    (void)state;
    const struct filter f = filter_of("0x1000-0x1fff,0x5008+1", "all");
    static const struct {
        uint64_t gpa;
        uint8_t size;
        bool passes;
    } cases[] = {{0xff8, 8, false},  {0xff9, 8, true},  {0x1fff, 1, true},  {0x2000, 1, false},
                 {0x5000, 8, false}, {0x5001, 8, true}, {0x5008, 64, true}, {0x5009, 64, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct access a = access_at(7, cases[i].gpa, cases[i].size);
        if (filter_access(&f, &a) != cases[i].passes)
            fail_msg("case %zu", i);
    }
    assert_true(filter_page(&f, 0, 0x5fff));
    assert_false(filter_page(&f, 0, 0x6000));
}

/* The part on the second page is at gpa2, not behind gpa. */
static void an_access_on_two_pages(void **state)
{
    (void)state;
    struct access a = access_at(0x1ffc, 0x8ffc, 8);
    a.flags = ACCESS_CROSSES;
    a.gpa2 = 0x3000;
    struct filter f = filter_of("0x9000-0x9fff", "all");
    assert_false(filter_access(&f, &a));
    f = filter_of("0x3003-0x3003", "all");
    assert_true(filter_access(&f, &a));
    f = filter_of("0x3004-0x3004", "all");
    assert_false(filter_access(&f, &a));
    f = filter_of("all", "0x2000+1");
    assert_true(filter_access(&f, &a));
}

static void both_kinds_of_address_decide(void **state)
{
    (void)state;
    const struct filter f = filter_of("0x1000+4096", "0xffff800000002000+4096");
    struct access a = access_at(0xffff800000002ff8, 0x1ff8, 8);
    assert_true(filter_access(&f, &a));
    assert_true(filter_page(&f, a.gva, a.gpa));
    a.gva = 0xffff800000003000;
    assert_false(filter_access(&f, &a));
    assert_false(filter_page(&f, a.gva, a.gpa));
    a = access_at(0xffff800000002ff8, 0x2ff8, 8);
    assert_false(filter_access(&f, &a));
}

static void the_ends_of_the_address_space(void **state)
{
    (void)state;
    struct filter f = filter_of("all", "0xfffffffffffffff8-0xffffffffffffffff");
    struct access a = access_at(UINT64_MAX, 5, 1);
    assert_true(filter_access(&f, &a));
    f = filter_of("all", "0-0");
    a.size = 2;
    assert_true(filter_access(&f, &a));
    a.size = 1;
    assert_false(filter_access(&f, &a));
}

static void page_walks_have_no_linear_address(void **state)
{
    (void)state;
    struct access a = access_at(0x1000, 0x1000, 8);
    a.cause = CAUSE_PAGE_WALK;
    struct filter f = filter_of("all", "0x1000+4096");
    assert_false(filter_access(&f, &a));
    f = filter_of("0x1000+4096", "all");
    assert_true(filter_access(&f, &a));
}

static void code_by_level_and_cr3(void **state)
{
    (void)state;
    struct filter f = {0};
    assert_null(filter_parse_levels(&f.levels, "0,2"));
    assert_true(filter_context(&f, 0 | CONTEXT_PAGING, 0));
    assert_false(filter_context(&f, 1 | CONTEXT_PAGING, 0));
    assert_true(filter_context(&f, 2, 0));
    assert_false(filter_context(&f, 3, 0));
    assert_null(filter_parse_cr3(&f, "0x1234000"));
    assert_true(filter_context(&f, 0, 0x1234000));
    assert_true(filter_context(&f, 0, 0x8000000001234fff)); /* PCID, and bit 63 */
    assert_false(filter_context(&f, 0, 0x1235000));
}

static void words(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",    "1",    "1-",  "-1",   "1-2,",  ",1-2",    "1+0",
                                        "5-4", "1-2x", "1--", "0x-1", "1 - 2", "1-2,,3-4"};
    struct filter_ranges r;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (!filter_parse_ranges(&r, wrong[i]))
            fail_msg("'%s' was taken", wrong[i]);
    assert_non_null(filter_parse_ranges(&r, "0xffffffffffffffff+2"));
    assert_null(filter_parse_ranges(&r, "0xffffffffffffffff+1"));
    assert_null(filter_parse_ranges(&r, "1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8"));
    assert_int_equal(r.count, FILTER_RANGES);
    assert_string_equal(filter_parse_ranges(&r, "1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9"),
                        "there are at most 8 ranges");

    uint8_t levels;
    assert_null(filter_parse_levels(&levels, "kernel"));
    assert_int_equal(levels, 7);
    assert_null(filter_parse_levels(&levels, "user"));
    assert_int_equal(levels, 8);
    assert_null(filter_parse_levels(&levels, "all"));
    assert_int_equal(levels, 0);
    static const char *const no_levels[] = {"", "4", "0,", ",0", "0;1", "00", "kernels"};
    for (size_t i = 0; i < sizeof(no_levels) / sizeof(no_levels[0]); i++)
        if (!filter_parse_levels(&levels, no_levels[i]))
            fail_msg("'%s' was taken", no_levels[i]);

    struct filter f;
    assert_non_null(filter_parse_cr3(&f, "0x1001"));
    assert_non_null(filter_parse_cr3(&f, "0x10000000000000"));
    assert_null(filter_parse_cr3(&f, "all"));
    assert_false(f.has_cr3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_lets_everything_by),       cmocka_unit_test(one_byte_of_an_access_is_enough),
        cmocka_unit_test(an_access_on_two_pages),        cmocka_unit_test(both_kinds_of_address_decide),
        cmocka_unit_test(the_ends_of_the_address_space), cmocka_unit_test(page_walks_have_no_linear_address),
        cmocka_unit_test(code_by_level_and_cr3),         cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
