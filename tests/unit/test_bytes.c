/* Comparing a few bytes by words that overlap (trace/bytes.h). */
#include "unit.h"

#include "trace/bytes.h"

#define SIZE_MAX_COMPARED 16

/* The bytes around the compared ones differ: they must not count. */
static void equal_bytes_are_the_same(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= SIZE_MAX_COMPARED; n++) {
        uint8_t a[SIZE_MAX_COMPARED + 2], b[SIZE_MAX_COMPARED + 2];
        memset(a, 0x11, sizeof a);
        memset(b, 0x22, sizeof b);
        for (unsigned i = 1; i <= n; i++)
            a[i] = b[i] = (uint8_t)(0x80 + i);
        assert_true(same_bytes(a + 1, b + 1, n));
    }
}

static void one_bit_anywhere_makes_a_difference(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= SIZE_MAX_COMPARED; n++)
        for (unsigned bit = 0; bit < 8 * n; bit++) {
            uint8_t a[SIZE_MAX_COMPARED] = {0}, b[SIZE_MAX_COMPARED] = {0};
            b[bit / 8] = (uint8_t)(1u << bit % 8);
            assert_false(same_bytes(a, b, n));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_bytes_are_the_same),
        cmocka_unit_test(one_bit_anywhere_makes_a_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
