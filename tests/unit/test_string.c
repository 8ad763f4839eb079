/* The hypervisor's own string functions, under other names beside the C library's, and against them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define memcpy hv_memcpy
#define memmove hv_memmove
#define memset hv_memset
#define memcmp hv_memcmp
#define strlen hv_strlen
#define strcmp hv_strcmp
#define strncmp hv_strncmp
#include "lib/include/string.h"

#include "lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strcmp
#undef strncmp

#define BYTES 40

static uint8_t ours[BYTES], theirs[BYTES];

static void fill(void)
{
    for (int i = 0; i < BYTES; i++)
        ours[i] = theirs[i] = (uint8_t)(i + 1);
}

static void moves_of_every_overlap(void **state)
{
    (void)state;
    for (size_t to = 0; to < BYTES; to++)
        for (size_t from = 0; from < BYTES; from++)
            for (size_t n = 0; n <= BYTES - (to > from ? to : from); n++) {
                fill();
                assert_ptr_equal(hv_memmove(ours + to, ours + from, n), ours + to);
                memmove(theirs + to, theirs + from, n);
                assert_memory_equal(ours, theirs, BYTES);
            }
}

static void copies_and_fills(void **state)
{
    static const uint8_t source[] = "0123456789abcdefghijklmnopqrstuvwxyz";

    (void)state;
    for (size_t n = 0; n <= BYTES - 5; n++) {
        fill();
        assert_ptr_equal(hv_memcpy(ours + 3, source, n), ours + 3);
        memcpy(theirs + 3, source, n);
        assert_memory_equal(ours, theirs, BYTES);
        assert_ptr_equal(hv_memset(ours + 5, 0x1a5, n), ours + 5);
        memset(theirs + 5, 0xa5, n);
        assert_memory_equal(ours, theirs, BYTES);
    }
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static void comparisons(void **state)
{
    static const char *const words[] = {"", "a", "ab", "abc", "abd", "b", "\xff", "a\x80", "a\x7f"};
    static const size_t count = sizeof(words) / sizeof(words[0]);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(hv_strlen(words[i]), strlen(words[i]));
        for (size_t j = 0; j < count; j++) {
            size_t shorter = strlen(words[i]) < strlen(words[j]) ? strlen(words[i]) : strlen(words[j]);

            assert_int_equal(sign(hv_strcmp(words[i], words[j])), sign(strcmp(words[i], words[j])));
            for (size_t n = 0; n < 5; n++)
                assert_int_equal(sign(hv_strncmp(words[i], words[j], n)),
                                 sign(strncmp(words[i], words[j], n)));
            assert_int_equal(sign(hv_memcmp(words[i], words[j], shorter)),
                             sign(memcmp(words[i], words[j], shorter)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_of_every_overlap),
        cmocka_unit_test(copies_and_fills),
        cmocka_unit_test(comparisons),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
