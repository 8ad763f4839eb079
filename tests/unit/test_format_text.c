/* Text formatting, against the C library's printf wherever both know the conversion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "console.h"
#include "error_text.h"

#define SAME(...)                                                                                            \
    do {                                                                                                     \
        char ours[256], theirs[256];                                                                         \
        size_t length = format_text(ours, sizeof(ours), __VA_ARGS__);                                        \
        int expected = snprintf(theirs, sizeof(theirs), __VA_ARGS__);                                        \
        assert_string_equal(ours, theirs);                                                                   \
        assert_int_equal(length, expected);                                                                  \
    } while (0)

static void integers_as_in_printf(void **state)
{
    (void)state;
    SAME("%d %d %d %i", 0, 1, -1, 42);
    SAME("%d %d", INT32_MAX, INT32_MIN);
    SAME("%u %x %X", UINT32_MAX, 0xdeadbeefu, 0xdeadbeefu);
    SAME("%ld %ld", INT64_MAX, INT64_MIN);
    SAME("%lu %lx", UINT64_MAX, UINT64_MAX);
    SAME("%llu %llx %lld", 18446744073709551615ull, 1ull << 63, -5ll);
    SAME("%zu %zx", SIZE_MAX, (size_t)0);
}

static void widths_as_in_printf(void **state)
{
    (void)state;
    SAME("[%5d][%-5d][%05d]", 42, 42, 42);
    SAME("[%5d][%-5d][%05d]", -42, -42, -42);
    SAME("[%016lx][%2x][%-8x]", 0x1234ul, 0x12345u, 0xabu);
    SAME("[%*d][%*d]", 6, 7, -6, 7);
    SAME("[%8s][%-8s][%s]", "abc", "abc", "");
    SAME("[%.2s][%.0s][%6.2s][%-6.2s]", "abc", "abc", "abc", "abc");
    SAME("[%.*s]", 3, "abcdef");
    SAME("[%c][%3c][%-3c][%%]", 'a', 'b', 'c');
}

static void precision_bounds_what_is_read(void **state)
{
    char unterminated[3] = {'x', 'y', 'z'}, out[8];

    (void)state;
    format_text(out, sizeof(out), "%.3s", unterminated);
    assert_string_equal(out, "xyz");
}

static void pointers_have_0x(void **state)
{
    char out[32];

    (void)state;
    format_text(out, sizeof(out), "%p", (void *)0x1000);
    assert_string_equal(out, "0x1000");
    format_text(out, sizeof(out), "%p", NULL);
    assert_string_equal(out, "0x0");
}

static void null_string_is_said(void **state)
{
    char out[32];
    const char *volatile none = NULL;

    (void)state;
    format_text(out, sizeof(out), "%s", none);
    assert_string_equal(out, "(null)");
}

static size_t format_unchecked(char *out, size_t size, const char *format, ...)
{
    va_list args;
    size_t length;

    va_start(args, format);
    length = format_text_v(out, size, format, args);
    va_end(args);
    return length;
}

static void unknown_conversions_stay_as_written(void **state)
{
    char out[32];

    (void)state;
    format_unchecked(out, sizeof(out), "a%qb%5kc%");
    assert_string_equal(out, "a%qb%5kc%");
}

static void output_is_cut_and_terminated(void **state)
{
    char out[8];

    (void)state;
    for (size_t size = 1; size <= sizeof(out); size++) {
        memset(out, '#', sizeof(out));
        assert_int_equal(format_text(out, size, "%s", "0123456789"), size - 1);
        assert_int_equal(out[size - 1], '\0');
        assert_memory_equal(out, "0123456789", size - 1);
        for (size_t i = size; i < sizeof(out); i++)
            assert_int_equal(out[i], '#');
    }
    out[0] = '#';
    assert_int_equal(format_text(out, 0, "x"), 0);
    assert_int_equal(out[0], '#');
}

static void error_text_is_false(void **state)
{
    char out[16];

    (void)state;
    assert_false(error_text(out, sizeof(out), "%s %d", "bad", 3));
    assert_string_equal(out, "bad 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_as_in_printf),
        cmocka_unit_test(widths_as_in_printf),
        cmocka_unit_test(precision_bounds_what_is_read),
        cmocka_unit_test(pointers_have_0x),
        cmocka_unit_test(null_string_is_said),
        cmocka_unit_test(unknown_conversions_stay_as_written),
        cmocka_unit_test(output_is_cut_and_terminated),
        cmocka_unit_test(error_text_is_false),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
