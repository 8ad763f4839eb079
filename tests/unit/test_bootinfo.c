/* Boot information of both Multiboot versions, as loaders write it and as nobody should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bootinfo.h"
#include "fake_memory.h"

static struct bootinfo b;
static char error[256];

#define INFO 0x1000
#define STRINGS 0x2000
#define MODULES 0x3000
#define MAP 0x4000

static void parse(uint32_t magic)
{
    error[0] = '\0';
    if (!bootinfo_parse(&b, magic, INFO, fake_read, error, sizeof(error)))
        fail_msg("refused: %s", error);
}

static void refuse(uint32_t magic, hpa_t info, const char *reason)
{
    error[0] = '\0';
    if (bootinfo_parse(&b, magic, info, fake_read, error, sizeof(error)))
        fail_msg("accepted, expected '%s'", reason);
    if (!strstr(error, reason))
        fail_msg("expected '%s' in '%s'", reason, error);
    assert_null(strchr(error, '\n'));
}

static void expect_range(size_t i, hpa_t start, hpa_t end, enum memory_type type)
{
    assert_true(i < b.map.count);
    assert_int_equal(b.map.range[i].start, start);
    assert_int_equal(b.map.range[i].end, end);
    assert_int_equal(b.map.range[i].type, type);
}

/* ---- Multiboot 1 ---- */

static void mb1_map_entry(hpa_t at, uint64_t start, uint64_t length, uint32_t type)
{
    poke32(at, 20);
    poke64(at + 4, start);
    poke64(at + 12, length);
    poke32(at + 20, type);
}

/* As QEMU's -kernel writes it: command line, modules, map, loader name. */
static void mb1_write(void)
{
    fake_clear(0xa5);
    memset(fake_memory + INFO, 0, 120);
    poke32(INFO, 1u << 0 | 1u << 2 | 1u << 3 | 1u << 6 | 1u << 9);
    poke32(INFO + 4, 639);
    poke32(INFO + 8, 130048);
    poke32(INFO + 16, STRINGS);
    poke_text(STRINGS, "engram.elf ring=1M");
    poke32(INFO + 64, STRINGS + 0x100);
    poke_text(STRINGS + 0x100, "qemu");
    poke32(INFO + 20, 2);
    poke32(INFO + 24, MODULES);
    poke32(MODULES, 0x200000);
    poke32(MODULES + 4, 0x203456);
    poke32(MODULES + 8, STRINGS + 0x200);
    poke_text(STRINGS + 0x200, "guest.elf t=5");
    poke32(MODULES + 16, 0x204000);
    poke32(MODULES + 20, 0x204000);
    poke32(MODULES + 24, 0);
    poke32(INFO + 44, 3 * 24);
    poke32(INFO + 48, MAP);
    mb1_map_entry(MAP, 0x100000, 0x7ee0000, 1);
    mb1_map_entry(MAP + 24, 0, 0x9fc00, 1);
    mb1_map_entry(MAP + 48, 0xfffc0000, 0x40000, 2);
}

static void mb1_complete(void **state)
{
    (void)state;
    mb1_write();
    parse(MULTIBOOT1_LOADER_MAGIC);
    assert_int_equal(b.protocol, 1);
    assert_string_equal(b.command_line, "engram.elf ring=1M");
    assert_string_equal(b.loader, "qemu");
    assert_int_equal(b.module_count, 2);
    assert_int_equal(b.module[0].start, 0x200000);
    assert_int_equal(b.module[0].end, 0x203456);
    assert_string_equal(b.module[0].string, "guest.elf t=5");
    assert_int_equal(b.module[1].start, b.module[1].end);
    assert_string_equal(b.module[1].string, "");
    assert_int_equal(b.map.count, 3);
    expect_range(0, 0, 0x9fc00, MEMORY_RAM);
    expect_range(1, 0x100000, 0x7fe0000, MEMORY_RAM);
    expect_range(2, 0xfffc0000, 0x100000000, MEMORY_RESERVED);
    assert_int_equal(b.screen, SCREEN_UNKNOWN);
    assert_int_equal(b.rsdp_bytes, 0);
}

static void mb1_flags_say_what_is_valid(void **state)
{
    (void)state;
    mb1_write();
    poke32(INFO, 1u << 6);
    parse(MULTIBOOT1_LOADER_MAGIC);
    assert_string_equal(b.command_line, "");
    assert_string_equal(b.loader, "");
    assert_int_equal(b.module_count, 0);
    assert_int_equal(b.map.count, 3);
}

static void mb1_memory_sizes_where_there_is_no_map(void **state)
{
    (void)state;
    mb1_write();
    poke32(INFO, 1u << 0);
    parse(MULTIBOOT1_LOADER_MAGIC);
    assert_int_equal(b.map.count, 2);
    expect_range(0, 0, 639 * 1024, MEMORY_RAM);
    expect_range(1, 0x100000, 0x100000 + 130048ull * 1024, MEMORY_RAM);
    poke32(INFO, 0);
    refuse(MULTIBOOT1_LOADER_MAGIC, INFO, "gives no memory map");
}

static void mb1_longer_map_entries(void **state)
{
    (void)state;
    mb1_write();
    poke32(INFO + 44, 28 + 24);
    poke32(MAP, 24);
    mb1_map_entry(MAP + 28, 0x8000, 0x1000, 1);
    parse(MULTIBOOT1_LOADER_MAGIC);
    assert_int_equal(b.map.count, 2);
    expect_range(0, 0x8000, 0x9000, MEMORY_RAM);
}

static void mb1_range_past_the_end_is_cut(void **state)
{
    (void)state;
    mb1_write();
    mb1_map_entry(MAP + 48, 0xffffffff00000000, 0xffffffffffffffff, 2);
    parse(MULTIBOOT1_LOADER_MAGIC);
    expect_range(2, 0xffffffff00000000, UINT64_MAX, MEMORY_RESERVED);
}

static void mb1_screen(void **state)
{
    (void)state;
    mb1_write();
    poke32(INFO, 1u << 6 | 1u << 12);
    poke64(INFO + 88, 0xb8000);
    poke32(INFO + 96, 160);
    poke32(INFO + 100, 80);
    poke32(INFO + 104, 25);
    fake_memory[INFO + 108] = 16;
    fake_memory[INFO + 109] = 2;
    parse(MULTIBOOT1_LOADER_MAGIC);
    assert_int_equal(b.screen, SCREEN_TEXT);
    assert_int_equal(b.screen_address, 0xb8000);
    assert_int_equal(b.screen_width, 80);
    assert_int_equal(b.screen_height, 25);
    assert_int_equal(b.screen_pitch, 160);
    assert_int_equal(b.screen_bits, 16);
    fake_memory[INFO + 109] = 1;
    parse(MULTIBOOT1_LOADER_MAGIC);
    assert_int_equal(b.screen, SCREEN_GRAPHICS);
}

static void mb1_mistakes(void **state)
{
    (void)state;
    mb1_write();
    refuse(MULTIBOOT1_LOADER_MAGIC, FAKE_BYTES - 4, "cannot be read");

    poke32(MODULES + 4, 0x1fffff);
    refuse(MULTIBOOT1_LOADER_MAGIC, INFO, "module 0 ends at 0x1fffff, before its start 0x200000");

    mb1_write();
    poke32(INFO + 24, 0xfffffff8);
    refuse(MULTIBOOT1_LOADER_MAGIC, INFO, "module list at 0xfffffff8 cannot be read");

    mb1_write();
    poke32(INFO + 20, 0xffffffff);
    memset(fake_memory + MODULES, 0, 0x1000);
    refuse(MULTIBOOT1_LOADER_MAGIC, INFO, "more than 16 modules");
    assert_int_equal(b.module_count, BOOT_MODULES_MAX);

    mb1_write();
    poke32(MAP + 24, 19);
    refuse(MULTIBOOT1_LOADER_MAGIC, INFO, "entry at 0x4018 has an impossible length, 19");
    poke32(MAP + 24, 0xfffffffc);
    refuse(MULTIBOOT1_LOADER_MAGIC, INFO, "impossible length");
    poke32(INFO + 44, 0xffffffff);
    refuse(MULTIBOOT1_LOADER_MAGIC, INFO, "cannot be right");

    mb1_write();
    poke32(INFO + 48, FAKE_BYTES - 30);
    mb1_map_entry(FAKE_BYTES - 30, 0, 0x1000, 1);
    refuse(MULTIBOOT1_LOADER_MAGIC, INFO, "memory map at 0x7ffffa cannot be read");

    mb1_write();
    poke32(INFO + 16, FAKE_BYTES - 8);
    memset(fake_memory + FAKE_BYTES - 8, 'x', 8);
    refuse(MULTIBOOT1_LOADER_MAGIC, INFO, "the command line at 0x800000 cannot be read");
    assert_string_equal(b.command_line, "xxxxxxxx");

    mb1_write();
    poke32(INFO + 64, 0xfffffff0);
    parse(MULTIBOOT1_LOADER_MAGIC);
    assert_string_equal(b.loader, "");
}

static void mb1_long_strings(void **state)
{
    (void)state;
    mb1_write();
    poke32(INFO + 16, 0x10000);
    memset(fake_memory + 0x10000, 'x', BOOT_LINE_MAX);
    fake_memory[0x10000 + BOOT_LINE_MAX] = '\0';
    parse(MULTIBOOT1_LOADER_MAGIC);
    assert_int_equal(strlen(b.command_line), BOOT_LINE_MAX);
    fake_memory[0x10000 + BOOT_LINE_MAX] = 'x';
    refuse(MULTIBOOT1_LOADER_MAGIC, INFO, "the command line is longer than 2047 bytes");
    assert_int_equal(strlen(b.command_line), BOOT_LINE_MAX);

    mb1_write();
    poke32(INFO + 64, 0x10000);
    parse(MULTIBOOT1_LOADER_MAGIC);
    assert_int_equal(strlen(b.loader), BOOT_LOADER_MAX);
}

static void other_magic(void **state)
{
    (void)state;
    mb1_write();
    refuse(0, INFO, "not started by a Multiboot loader (EAX is 0x0)");
}

/* ---- Multiboot 2 ---- */

static hpa_t tag_at;

static hpa_t mb2_tag(uint32_t type, uint32_t bytes)
{
    hpa_t at = tag_at;

    poke32(at, type);
    poke32(at + 4, bytes);
    tag_at = align_up(at + bytes, 8);
    poke32(INFO, (uint32_t)(tag_at - INFO));
    return at + 8;
}

static void mb2_begin(void)
{
    fake_clear(0xa5);
    poke32(INFO + 4, 0);
    tag_at = INFO + 8;
}

static void mb2_text_tag(uint32_t type, const char *text)
{
    poke_text(mb2_tag(type, 8 + (uint32_t)strlen(text) + 1), text);
}

static void mb2_module_tag(uint32_t start, uint32_t end, const char *text)
{
    hpa_t at = mb2_tag(3, 16 + (uint32_t)strlen(text) + 1);

    poke32(at, start);
    poke32(at + 4, end);
    poke_text(at + 8, text);
}

static void mb2_map_tag(void)
{
    hpa_t at = mb2_tag(6, 16 + 2 * 24);

    poke32(at, 24);
    poke32(at + 4, 0);
    poke64(at + 8, 0);
    poke64(at + 16, 0xa0000);
    poke32(at + 24, 1);
    poke64(at + 32, 0x100000);
    poke64(at + 40, 0x700000);
    poke32(at + 48, 1);
}

static void mb2_end(void)
{
    mb2_tag(0, 8);
}

static void mb2_complete(void **state)
{
    hpa_t at;

    (void)state;
    mb2_begin();
    mb2_text_tag(1, "ring=1M");
    mb2_text_tag(2, "GRUB 2.06");
    mb2_module_tag(0x300000, 0x300800, "guest.elf a b");
    mb2_module_tag(0x301000, 0x301001, "");
    at = mb2_tag(4, 16);
    poke32(at, 640);
    poke32(at + 4, 999);
    mb2_map_tag();
    at = mb2_tag(8, 32);
    poke64(at, 0xe0000000);
    poke32(at + 8, 4096);
    poke32(at + 12, 1024);
    poke32(at + 16, 768);
    fake_memory[at + 20] = 32;
    fake_memory[at + 21] = 1;
    at = mb2_tag(15, 8 + 36);
    memset(fake_memory + at, 0x15, 36);
    at = mb2_tag(14, 8 + 20);
    memset(fake_memory + at, 0x14, 20);
    mb2_tag(77, 11);
    mb2_end();
    parse(MULTIBOOT2_LOADER_MAGIC);
    assert_int_equal(b.protocol, 2);
    assert_string_equal(b.command_line, "ring=1M");
    assert_string_equal(b.loader, "GRUB 2.06");
    assert_int_equal(b.module_count, 2);
    assert_int_equal(b.module[0].start, 0x300000);
    assert_int_equal(b.module[0].end, 0x300800);
    assert_string_equal(b.module[0].string, "guest.elf a b");
    assert_string_equal(b.module[1].string, "");
    assert_int_equal(b.map.count, 2);
    expect_range(0, 0, 0xa0000, MEMORY_RAM);
    expect_range(1, 0x100000, 0x800000, MEMORY_RAM);
    assert_int_equal(b.screen, SCREEN_GRAPHICS);
    assert_int_equal(b.screen_address, 0xe0000000);
    assert_int_equal(b.screen_pitch, 4096);
    assert_int_equal(b.screen_width, 1024);
    assert_int_equal(b.screen_height, 768);
    assert_int_equal(b.screen_bits, 32);
    assert_int_equal(b.rsdp_bytes, 36);
    assert_int_equal(b.rsdp[0], 0x15);
}

static void mb2_the_newer_rsdp_wins_in_either_order(void **state)
{
    (void)state;
    mb2_begin();
    mb2_map_tag();
    memset(fake_memory + mb2_tag(14, 8 + 20), 0x14, 20);
    memset(fake_memory + mb2_tag(15, 8 + 36), 0x15, 36);
    mb2_end();
    parse(MULTIBOOT2_LOADER_MAGIC);
    assert_int_equal(b.rsdp_bytes, 36);
    assert_int_equal(b.rsdp[0], 0x15);

    mb2_begin();
    mb2_map_tag();
    memset(fake_memory + mb2_tag(14, 8 + 20), 0x14, 20);
    mb2_tag(15, 8 + 4000);
    mb2_end();
    parse(MULTIBOOT2_LOADER_MAGIC);
    assert_int_equal(b.rsdp_bytes, 20);
}

static void mb2_memory_sizes_where_there_is_no_map(void **state)
{
    hpa_t at;

    (void)state;
    mb2_begin();
    at = mb2_tag(4, 16);
    poke32(at, 640);
    poke32(at + 4, 4096);
    mb2_end();
    parse(MULTIBOOT2_LOADER_MAGIC);
    assert_int_equal(b.map.count, 2);
    expect_range(1, 0x100000, 0x500000, MEMORY_RAM);
}

static void mb2_mistakes(void **state)
{
    hpa_t at;

    (void)state;
    mb2_begin();
    mb2_map_tag();
    mb2_end();
    refuse(MULTIBOOT2_LOADER_MAGIC, INFO + 4, "cannot be right");
    refuse(MULTIBOOT2_LOADER_MAGIC, FAKE_BYTES, "cannot be right");
    poke32(INFO, 8);
    refuse(MULTIBOOT2_LOADER_MAGIC, INFO, "cannot be right (8 bytes)");
    poke32(INFO, 0xffffffff);
    refuse(MULTIBOOT2_LOADER_MAGIC, INFO, "cannot be right");
    poke32(INFO, 12u << 20);
    refuse(MULTIBOOT2_LOADER_MAGIC, INFO, "cannot be read");

    mb2_begin();
    mb2_map_tag();
    refuse(MULTIBOOT2_LOADER_MAGIC, INFO, "have no end");
    poke32(INFO, (uint32_t)(tag_at - INFO) - 1);
    refuse(MULTIBOOT2_LOADER_MAGIC, INFO, "tag 6 at offset 8 has an impossible length, 64");

    mb2_begin();
    mb2_tag(9, 7);
    poke32(INFO, 64);
    refuse(MULTIBOOT2_LOADER_MAGIC, INFO, "tag 9 at offset 8 has an impossible length, 7");

    mb2_begin();
    at = mb2_tag(1, 12);
    memcpy(fake_memory + at, "abcd", 4);
    mb2_end();
    refuse(MULTIBOOT2_LOADER_MAGIC, INFO, "the command line does not end");

    mb2_begin();
    mb2_tag(1, 8);
    mb2_end();
    refuse(MULTIBOOT2_LOADER_MAGIC, INFO, "the command line does not end");

    mb2_begin();
    mb2_tag(3, 16);
    mb2_end();
    refuse(MULTIBOOT2_LOADER_MAGIC, INFO, "module tag of 16 bytes is too short");

    mb2_begin();
    mb2_module_tag(0x2000, 0x1000, "x");
    mb2_end();
    refuse(MULTIBOOT2_LOADER_MAGIC, INFO, "before its start");

    mb2_begin();
    for (int i = 0; i <= BOOT_MODULES_MAX; i++)
        mb2_module_tag(0x2000, 0x3000, "x");
    mb2_end();
    refuse(MULTIBOOT2_LOADER_MAGIC, INFO, "more than 16 modules");

    mb2_begin();
    at = mb2_tag(6, 40);
    poke32(at, 0);
    mb2_end();
    refuse(MULTIBOOT2_LOADER_MAGIC, INFO, "memory map entries of 0 bytes");

    mb2_begin();
    mb2_tag(6, 8);
    mb2_end();
    refuse(MULTIBOOT2_LOADER_MAGIC, INFO, "memory map entries of 0 bytes");

    mb2_begin();
    mb2_text_tag(1, "x");
    mb2_end();
    refuse(MULTIBOOT2_LOADER_MAGIC, INFO, "gives no memory map");
}

static void mb2_too_many_ranges(void **state)
{
    hpa_t at;

    (void)state;
    mb2_begin();
    at = mb2_tag(6, 16 + 24 * (MEMORY_RANGES_MAX + 1));
    poke32(at, 24);
    for (uint32_t i = 0; i <= MEMORY_RANGES_MAX; i++) {
        poke64(at + 8 + 24 * i, i * 0x2000);
        poke64(at + 16 + 24 * i, 0x1000);
        poke32(at + 24 + 24 * i, 1);
    }
    mb2_end();
    refuse(MULTIBOOT2_LOADER_MAGIC, INFO, "more than 128 ranges");
}

/* Every length at which a structure could be cut is refused or understood, never read past. */
static void mb2_every_truncation(void **state)
{
    uint32_t total;

    (void)state;
    mb2_begin();
    mb2_text_tag(1, "ring=1M");
    mb2_module_tag(0x300000, 0x300800, "guest.elf");
    mb2_map_tag();
    mb2_end();
    total = (uint32_t)(tag_at - INFO);
    parse(MULTIBOOT2_LOADER_MAGIC);
    /* Behind the cut lies what would be taken for an end tag if it were read. */
    for (uint32_t bytes = 0; bytes < total; bytes++) {
        poke32(INFO, bytes);
        assert_false(bootinfo_parse(&b, MULTIBOOT2_LOADER_MAGIC, INFO, fake_read, error, sizeof(error)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mb1_complete),
        cmocka_unit_test(mb1_flags_say_what_is_valid),
        cmocka_unit_test(mb1_memory_sizes_where_there_is_no_map),
        cmocka_unit_test(mb1_longer_map_entries),
        cmocka_unit_test(mb1_range_past_the_end_is_cut),
        cmocka_unit_test(mb1_screen),
        cmocka_unit_test(mb1_mistakes),
        cmocka_unit_test(mb1_long_strings),
        cmocka_unit_test(other_magic),
        cmocka_unit_test(mb2_complete),
        cmocka_unit_test(mb2_the_newer_rsdp_wins_in_either_order),
        cmocka_unit_test(mb2_memory_sizes_where_there_is_no_map),
        cmocka_unit_test(mb2_mistakes),
        cmocka_unit_test(mb2_too_many_ranges),
        cmocka_unit_test(mb2_every_truncation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
