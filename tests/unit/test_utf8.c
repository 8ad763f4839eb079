/* What META's values may hold. */
#include "unit.h"

#include "../../tools/reader/meta.h"
#include "trace/utf8.h"

static void assert_cleaned(const char *from, size_t bytes, const char *expected)
{
    char text[64];
    assert_true(bytes < sizeof(text));
    memcpy(text, from, bytes);
    text[bytes] = 0;
    utf8_clean(text, bytes);
    assert_memory_equal(text, expected, bytes + 1);
}
#define CLEANED(from, expected) assert_cleaned(from, sizeof(from) - 1, expected)

static void control_characters_become_blanks(void **state)
{
    (void)state;
    CLEANED("", "");
    CLEANED("plain ~ text", "plain ~ text");
    CLEANED("a\nb\rc\td\033[31m\177\1", "a b c d [31m  ");
    CLEANED("a\0b", "a b");
    CLEANED("\xc2\x80x\xc2\x9f", "  x  ");           /* U+0080, U+009F */
    CLEANED("\xc2\xa0\xc3\xa9", "\xc2\xa0\xc3\xa9"); /* U+00A0 is none */
}

static void what_is_no_utf8_becomes_blanks(void **state)
{
    (void)state;
    CLEANED("\xf0\x9f\x98\x80 \xe2\x82\xac", "\xf0\x9f\x98\x80 \xe2\x82\xac");
    CLEANED("\xff\x80x", "  x");
    CLEANED("\xc0\xaf", "  "); /* overlong */
    CLEANED("\xe0\x80\xaf", "   ");
    CLEANED("\xed\xa0\x80", "   ");      /* surrogate */
    CLEANED("\xf4\x90\x80\x80", "    "); /* beyond U+10FFFF */
    CLEANED("x\xe2\x82", "x  ");         /* cut */
    CLEANED("\xe2\x82\n", "   ");
}

static void a_meta_line_with_control_characters_is_left_out(void **state)
{
    (void)state;
    static const char text[] = "a=1\nb=2\t3\nc=\xc2\x9b\x41\nd=\xc3\xa9\ne=5\r\nf\n";
    struct meta m;
    assert_true(meta_parse(&m, (const uint8_t *)text, sizeof(text) - 1));
    assert_int_equal(m.count, 2);
    assert_int_equal(m.bad_lines, 4);
    assert_string_equal(meta_get(&m, "a"), "1");
    assert_string_equal(meta_get(&m, "d"), "\xc3\xa9");
    meta_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(control_characters_become_blanks),
                                       cmocka_unit_test(what_is_no_utf8_becomes_blanks),
                                       cmocka_unit_test(a_meta_line_with_control_characters_is_left_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
