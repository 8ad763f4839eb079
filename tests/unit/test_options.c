/* The command line, from the words a user types to the values, and what mistakes are answered with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "options.h"

static struct options o;
static char error[OPTIONS_ERROR_BYTES];

static void accept(const char *line)
{
    error[0] = '\0';
    if (!options_parse(&o, line, error, sizeof(error)))
        fail_msg("'%s' refused: %s", line, error);
}

static void contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("expected '%s' in '%s'", part, text);
}

/* Refused, with an error that has `reason` in it and lists the options. */
static void refuse(const char *line, const char *reason)
{
    error[0] = '\0';
    if (options_parse(&o, line, error, sizeof(error)))
        fail_msg("'%s' accepted, expected '%s'", line, reason);
    contains(error, reason);
    assert_null(strchr(error, '\n'));
    contains(error, "valid: engine=auto|vmx|dbt ");
    contains(error, "dump-wait=SECONDS");
}

static void empty_line_gives_defaults(void **state)
{
    struct options defaults;

    (void)state;
    options_default(&defaults);
    accept("");
    assert_memory_equal(&o, &defaults, sizeof(o));
    assert_int_equal(o.engine, ENGINE_AUTO);
    assert_int_equal(o.record, RECORD_WRITES);
    assert_int_equal(o.ring_bytes, MIB(16));
    assert_int_equal(o.ring_mode, RING_WRAP);
    assert_int_equal(o.serial_port, 0x3f8);
    assert_int_equal(o.serial_baud, 115200);
    assert_int_equal(o.start.kind, POINT_BOOT);
    assert_int_equal(o.stop.kind, POINT_END);
    assert_int_equal(o.timeout, 0);
    assert_int_equal(o.after, AFTER_HALT);
    assert_int_equal(o.dump_wait, 10);
    accept(" \t ");
    assert_memory_equal(&o, &defaults, sizeof(o));
}

static void every_option_is_read(void **state)
{
    (void)state;
    accept("engine=vmx trace=w ring=2M ring-mode=stop proof=pages serial=com2,9600 start=text:START "
           "stop=events:1000 "
           "timeout=30 "
           "after=poweroff dump-wait=3");
    assert_int_equal(o.engine, ENGINE_VMX);
    assert_int_equal(o.ring_bytes, MIB(2));
    assert_int_equal(o.ring_mode, RING_STOP);
    assert_int_equal(o.proof, PROVE_PAGES);
    assert_int_equal(o.serial_port, 0x2f8);
    assert_int_equal(o.serial_baud, 9600);
    assert_int_equal(o.start.kind, POINT_TEXT);
    assert_string_equal(o.start.text, "START");
    assert_int_equal(o.stop.kind, POINT_EVENTS);
    assert_int_equal(o.stop.number, 1000);
    assert_int_equal(o.timeout, 30);
    assert_int_equal(o.after, AFTER_POWEROFF);
    assert_int_equal(o.dump_wait, 3);
    accept("engine=dbt after=reset");
    assert_int_equal(o.engine, ENGINE_DBT);
    assert_int_equal(o.after, AFTER_RESET);
    accept("ring-mode=drain");
    assert_int_equal(o.ring_mode, RING_DRAIN);
    assert_false(o.drain_loses || o.dump_previous);
    accept("ring-mode=drain,lose dump=previous");
    assert_int_equal(o.ring_mode, RING_DRAIN);
    assert_true(o.drain_loses && o.dump_previous);
}

static void sizes(void **state)
{
    (void)state;
    accept("ring=262144");
    assert_int_equal(o.ring_bytes, 262144);
    accept("ring=0x40000");
    assert_int_equal(o.ring_bytes, 262144);
    accept("ring=256k");
    assert_int_equal(o.ring_bytes, 262144);
    accept("ring=3G");
    assert_int_equal(o.ring_bytes, GIB(3));
    refuse("ring=192K", "option 'ring=192K' is wrong: SIZE is at least 256K");
    refuse("ring=300K", "SIZE is a multiple of 64K");
    refuse("ring=0", "at least");
    refuse("ring=", "SIZE is a number");
    refuse("ring=M", "SIZE is a number");
    refuse("ring=16MB", "SIZE is a number");
    refuse("ring=-1M", "SIZE is a number");
    refuse("ring=1.5M", "SIZE is a number");
    refuse("ring=0x", "SIZE is a number");
    refuse("ring=17179869184G", "64 bits");
    refuse("ring=18446744073709551616", "SIZE is a number");
}

static void serial_lines(void **state)
{
    (void)state;
    accept("serial=com1");
    assert_int_equal(o.serial_port, 0x3f8);
    accept("serial=com3");
    assert_int_equal(o.serial_port, 0x3e8);
    accept("serial=com4,115200");
    assert_int_equal(o.serial_port, 0x2e8);
    accept("serial=0xd000,57600");
    assert_int_equal(o.serial_port, 0xd000);
    assert_int_equal(o.serial_baud, 57600);
    accept("serial=none");
    assert_int_equal(o.serial_port, 0);
    refuse("serial=com5", "com1, com2");
    refuse("serial=com12", "com1, com2");
    refuse("serial=0", "com1, com2");
    refuse("serial=0x0", "com1, com2");
    refuse("serial=0xfff9", "com1, com2");
    refuse("serial=0x10000", "com1, com2");
    refuse("serial=com1,", "BAUD");
    refuse("serial=com1,0", "BAUD");
    refuse("serial=com1,1", "BAUD");
    refuse("serial=com1,100000", "BAUD");
    refuse("serial=com1,230400", "BAUD");
    refuse("serial=none,9600", "com1, com2");
}

static void points(void **state)
{
    (void)state;
    accept("start=rip:0xffffffff81000000 stop=rip:1048576");
    assert_int_equal(o.start.kind, POINT_RIP);
    assert_int_equal(o.start.rip, 0xffffffff81000000ull);
    assert_int_equal(o.stop.kind, POINT_RIP);
    assert_int_equal(o.stop.rip, 0x100000);
    accept("start=mark:here stop=instructions:12");
    assert_int_equal(o.start.kind, POINT_MARK);
    assert_string_equal(o.start.text, "here");
    assert_int_equal(o.stop.kind, POINT_INSTRUCTIONS);
    assert_int_equal(o.stop.number, 12);
    refuse("start=instructions:0", "N is a number");
    refuse("stop=mark:", "STRING has 1 to 63 bytes");
    accept("start=boot stop=text:a=b,c:d");
    assert_string_equal(o.stop.text, "a=b,c:d");
    refuse("start=rip:", "ADDR is");
    refuse("start=rip:100000h", "ADDR is");
    refuse("start=rip:0x1ffffffffffffffff", "ADDR is");
    refuse("start=end", "it is boot");
    refuse("start=events:5", "it is boot");
    refuse("stop=boot", "it is end");
    refuse("stop=events:0", "N is a number");
    refuse("stop=events:many", "N is a number");
    refuse("stop=text:", "STRING has 1 to 63 bytes");
    accept("stop=text:012345678901234567890123456789012345678901234567890123456789012");
    assert_int_equal(strlen(o.stop.text), POINT_TEXT_MAX);
    refuse("stop=text:0123456789012345678901234567890123456789012345678901234567890123", "STRING has");
}

static void seconds(void **state)
{
    (void)state;
    accept("timeout=4294967295");
    assert_int_equal(o.timeout, UINT32_MAX);
    refuse("timeout=4294967296", "SECONDS");
    refuse("timeout=1.5", "SECONDS");
    refuse("timeout=", "SECONDS");
    refuse("dump-wait=x", "SECONDS");
}

static void arguments_of_the_builtin_guest(void **state)
{
    (void)state;
    accept("args=\"t=48 u=100\" timeout=1");
    assert_string_equal(o.guest_args, "t=48 u=100");
    accept("");
    assert_string_equal(o.guest_args, "");
    refuse(
        "args="
        "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567",
        "at most 95 bytes");
}

static void what_is_traced(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        unsigned kinds;
    } all[] = {{"trace=w", RECORD_WRITES},
               {"trace=r", RECORD_READS},
               {"trace=rw", RECORD_READS | RECORD_WRITES},
               {"trace=w walk-reads=on", RECORD_WRITES | RECORD_WALK_READS},
               {"walk-reads=on trace=r", RECORD_READS | RECORD_WALK_READS},
               {"trace=rw walk-reads=off", RECORD_READS | RECORD_WRITES}};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        accept(all[i].line);
        assert_int_equal(o.record, all[i].kinds);
    }
    refuse("walk-reads=yes", "it is off or on");
    refuse("trace=x", "it is w, r or rw");
    refuse("trace=wr", "it is w, r or rw");
    refuse("trace=", "it is w, r or rw");
}

static void filters(void **state)
{
    (void)state;
    accept("filter-gpa=0x1000-0x1fff,0x8000+16 filter-gva=0xffffffff80000000-0xffffffffffffffff "
           "filter-cpl=kernel filter-cr3=0x101000");
    assert_int_equal(o.filter.gpa.count, 2);
    assert_int_equal(o.filter.gpa.range[1].last, 0x800f);
    assert_int_equal(o.filter.gva.count, 1);
    assert_int_equal(o.filter.levels, 7);
    assert_true(o.filter.has_cr3);
    assert_int_equal(o.filter.cr3_count, 1);
    assert_int_equal(o.filter.cr3[0], 0x101000);
    accept("filter-gpa=all filter-gva=all filter-cpl=all filter-cr3=all");
    assert_false(filter_has_ranges(&o.filter));
    refuse("filter-gpa=5", "RANGES are FIRST-LAST or FIRST+BYTES");
    refuse("filter-gva=5-4", "a range ends behind its beginning");
    refuse("filter-cpl=4", "LEVELS are 0 to 3");
    refuse("filter-cr3=5", "a multiple of 4096");
}

static void mistakes_are_named(void **state)
{
    (void)state;
    refuse("trase=w", "option 'trase=w' is not known");
    refuse("trace=w nonsense", "option 'nonsense' is not known");
    refuse("engine", "option 'engine' is not known");
    refuse("engine=", "it is auto, vmx or dbt");
    refuse("engine=VMX", "it is auto, vmx or dbt");
    refuse("ring-mode=loop", "it is wrap, stop, drain or drain,lose");
    refuse("ring-mode=drain,", "it is wrap, stop, drain or drain,lose");
    refuse("dump=now", "it is end or previous");
    refuse("proof=yes", "it is off, on or pages");
    refuse("after=dinner", "it is halt, poweroff or reset");
    refuse("=vmx", "option '=vmx' is not known");
    refuse("trace=w \"\"", "option '' is not known");
    refuse("timeout=3 timeout=3", "option 'timeout=3' comes a second time");
}

static void the_word_cannot_disturb_the_console(void **state)
{
    (void)state;
    refuse("a\x1b[2J\xf7=1", "option 'a?[2J?=1' is not known");
}

static void what_was_right_before_a_mistake_counts(void **state)
{
    (void)state;
    refuse("serial=com2 bad=1", "bad=1");
    assert_int_equal(o.serial_port, 0x2f8);
}

static void quotes_and_backslashes_keep_blanks(void **state)
{
    (void)state;
    /* As a user types it, and as GRUB passes it on. */
    accept("start=text:\"BOOT OK\" timeout=1");
    assert_string_equal(o.start.text, "BOOT OK");
    accept("\"start=text:BOOT OK\" timeout=1");
    assert_string_equal(o.start.text, "BOOT OK");
    assert_int_equal(o.timeout, 1);
    accept("start=text:it\\'s\\ \\\"on\\\"\\\\");
    assert_string_equal(o.start.text, "it's \"on\"\\");
    refuse("start=text:\"BOOT OK timeout=1", "never closed");
}

static void image_paths_are_skipped_in_front_only(void **state)
{
    static const char *const paths[] = {"/boot/engram.elf", "(hd0,msdos1)/engram",
                                        "build/engram.elf", "engram.elf",
                                        "./engram",         "/tmp/a=b/engram"};
    char line[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        snprintf(line, sizeof(line), "%s timeout=7", paths[i]);
        accept(line);
        assert_int_equal(o.timeout, 7);
    }
    accept("/boot/engram.elf");
    refuse("timeout=7 /boot/engram.elf", "option '/boot/engram.elf' is not known");
}

static void lengths_are_limited(void **state)
{
    static char line[OPTIONS_LINE_MAX + 2];

    (void)state;
    memset(line, ' ', sizeof(line));
    line[OPTIONS_LINE_MAX] = '\0';
    accept(line);
    line[OPTIONS_LINE_MAX] = ' ';
    line[OPTIONS_LINE_MAX + 1] = '\0';
    assert_false(options_parse(&o, line, error, sizeof(error)));
    contains(error, "longer than 2047 bytes");

    memset(line, 'x', 300);
    line[300] = '\0';
    refuse(line, "xxx...' is not known");
    memcpy(line, "ring=", 5);
    memset(line + 5, '0', 295);
    refuse(line, "is too long");
}

static void errors_fit_any_buffer(void **state)
{
    (void)state;
    for (size_t size = 0; size < 64; size++) {
        char *small = test_malloc(size + 1);

        small[size] = '#';
        assert_false(options_parse(&o, "nonsense=1", small, size));
        assert_int_equal(small[size], '#');
        if (size)
            assert_true(strlen(small) < size);
        test_free(small);
    }
}

static void longest_error_fits_its_buffer(void **state)
{
    char line[200] = "stop=text:";

    (void)state;
    memset(line + strlen(line), 'y', 110);
    refuse(line, "STRING has");
    assert_true(strlen(error) < OPTIONS_ERROR_BYTES - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_line_gives_defaults),
        cmocka_unit_test(every_option_is_read),
        cmocka_unit_test(sizes),
        cmocka_unit_test(serial_lines),
        cmocka_unit_test(points),
        cmocka_unit_test(seconds),
        cmocka_unit_test(arguments_of_the_builtin_guest),
        cmocka_unit_test(what_is_traced),
        cmocka_unit_test(filters),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(the_word_cannot_disturb_the_console),
        cmocka_unit_test(what_was_right_before_a_mistake_counts),
        cmocka_unit_test(quotes_and_backslashes_keep_blanks),
        cmocka_unit_test(image_paths_are_skipped_in_front_only),
        cmocka_unit_test(lengths_are_limited),
        cmocka_unit_test(errors_fit_any_buffer),
        cmocka_unit_test(longest_error_fits_its_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
