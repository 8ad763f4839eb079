/* What is typed at the monitor: the line editor's keys, and what the lines mean. */
#include "unit.h"

#include "monitor/command.h"
#include "monitor/edit.h"

#define OUT_BYTES 65536u

static char out[OUT_BYTES];
static size_t out_bytes;
static struct edit edit;

static void put(const char *text)
{
    size_t n = strlen(text);
    assert_true(out_bytes + n < sizeof(out));
    memcpy(out + out_bytes, text, n + 1);
    out_bytes += n;
}

/* Types the keys and Enter; the line that came of it. */
static const char *typed(const char *keys)
{
    out_bytes = 0;
    for (; *keys; keys++)
        assert_false(edit_byte(&edit, (uint8_t)*keys));
    assert_true(edit_byte(&edit, '\r'));
    assert_int_equal(edit.length, strlen(edit.line));
    return edit.line;
}

static void keys_edit_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *line;
    } cases[] = {
        {"status", "status"},
        {"", ""},
        {"stax\x7ftus", "status"},
        {"stax\btus", "status"},
        {"\b\x7f", ""},
        {"wrong\x15help", "help"},
        {"wrong\x03help", "help"},
        {"one two  \x17", "one "},
        {"one\x17\x17\x17x", "x"},
        {"ac\x1b[Db", "abc"},
        {"ac\x02"
         "b\x06"
         "d",
         "abcd"},
        {"bc\x01"
         "a\x05"
         "d",
         "abcd"},
        {"abXc\x1b[D\x1b[D\x1b[3~", "abc"},
        {"bc\x1b[Ha\x1b[Fd", "abcd"},
        {"bc\x1bOHa\x1bOFd", "abcd"},
        {"abcd\x1b[D\x1b[D\x0b", "ab"},
        {"a\x1b[C\x1b[C\x1b[3~b", "ab"},
        {"a\x1b[99;5zb\x1b[5~c\x1bxd", "abcd"},
        {"a\x01\x02\x04\x1f\x7f b", " ba"},
        {"a\xc3\xa4\xff"
         "b",
         "ab"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        edit_init(&edit, "> ", put);
        assert_string_equal(typed(cases[i].keys), cases[i].line);
    }
}

/* At the line's end a key is echoed; in its midst the line is shown anew and the cursor put where it belongs.
 */
static void the_terminal_sees_the_line(void **state)
{
    (void)state;
    edit_init(&edit, "> ", put);
    typed("ab");
    assert_string_equal(out, "ab\r\n");
    typed("a\x1b[Db");
    assert_string_equal(out, "a\r> a\x1b[K\r\x1b[2C\r> ba\x1b[K\r\x1b[3C\r\n");
}

static void lines_come_back(void **state)
{
    (void)state;
    edit_init(&edit, "> ", put);
    assert_string_equal(typed("\x1b[A"), "");
    typed("first");
    typed("second");
    typed("second");
    assert_string_equal(typed("\x1b[A"), "second");
    assert_string_equal(typed("\x1b[A\x1b[A"), "first");
    assert_string_equal(typed("\x10\x10\x0e\x0e"
                              "x"),
                        "x");
    assert_string_equal(typed("\x1b[A\x1b[A\x7f\x7f"), "fir");
    for (unsigned i = 0; i < 2 * EDIT_HISTORY; i++) {
        const char line[] = {(char)('a' + i), '\0'};
        typed(line);
    }
    char up[3 * EDIT_HISTORY + 10] = "";
    for (unsigned i = 0; i < EDIT_HISTORY + 2; i++)
        strcat(up, "\x10");
    assert_string_equal(typed(up), "i");
}

static void an_overlong_line_is_cut(void **state)
{
    (void)state;
    char keys[2 * EDIT_LINE_MAX + 1];
    memset(keys, 'x', sizeof(keys) - 1);
    keys[sizeof(keys) - 1] = '\0';
    edit_init(&edit, "> ", put);
    assert_int_equal(strlen(typed(keys)), EDIT_LINE_MAX);
    assert_non_null(strchr(out, '\a'));
}

static struct monitor_command command;
static char error[512];

static bool parse(const char *line)
{
    memset(&command, 0, sizeof(command));
    command.filter.levels = 8;
    error[0] = '\0';
    return monitor_parse(line, &command, error, sizeof(error));
}

static void accept(const char *line, enum monitor_verb verb)
{
    if (!parse(line))
        fail_msg("%s: %s", line, error);
    assert_int_equal(command.verb, verb);
}

static void refuse(const char *line, const char *why)
{
    assert_false(parse(line));
    if (!strstr(error, why))
        fail_msg("%s: expected '%s', got '%s'", line, why, error);
}

static void lines_mean_commands(void **state)
{
    (void)state;
    accept("", MONITOR_NOTHING);
    accept("   ", MONITOR_NOTHING);
    accept(" help ", MONITOR_HELP);
    accept("status", MONITOR_STATUS);
    accept("dump", MONITOR_DUMP);
    accept("mem 0x1000", MONITOR_MEMORY);
    assert_int_equal(command.address, 0x1000);
    assert_int_equal(command.bytes, 64);
    accept("mem 4096 17", MONITOR_MEMORY);
    assert_int_equal(command.address, 4096);
    assert_int_equal(command.bytes, 17);
    accept("mark  two  words ", MONITOR_MARK);
    assert_string_equal(command.text, "two  words ");
    accept("filter", MONITOR_FILTER);
    assert_false(command.changes_filter);
    assert_int_equal(command.filter.levels, 8);
    accept("filter gpa=0x1000+16,8-9 cr3=0x5000", MONITOR_FILTER);
    assert_true(command.changes_filter);
    assert_int_equal(command.filter.levels, 8); /* stays */
    assert_int_equal(command.filter.gpa.count, 2);
    assert_int_equal(command.filter.gpa.range[0].last, 0x100f);
    assert_true(command.filter.has_cr3);
    accept("filter cpl=all", MONITOR_FILTER);
    assert_int_equal(command.filter.levels, 0);

    refuse("halp", "'halp' is no command");
    refuse("help me", "nothing behind it");
    refuse("mark", "the text is missing");
    refuse("mem", "ADDR");
    refuse("mem 0x1000 0", "BYTES");
    refuse("mem 0x1000 4097", "BYTES");
    refuse("mem 0x1000 1 1", "BYTES");
    refuse("mem 99999999999999999999", "ADDR");
    refuse("filter gpa=9-8", "ends behind its beginning");
    refuse("filter size=4", "a filter is");
    refuse("filter gpa", "a filter is");
    char help[4096];
    assert_true(monitor_help(help, sizeof(help)) < sizeof(help) - 1);
    assert_non_null(strstr(help, "poweroff"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_edit_the_line), cmocka_unit_test(the_terminal_sees_the_line),
        cmocka_unit_test(lines_come_back), cmocka_unit_test(an_overlong_line_is_cut),
        cmocka_unit_test(lines_mean_commands)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
