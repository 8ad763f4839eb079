/* ELF files of both classes, whole and with one field wrong at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/elf.h"
#include "make_elf.h"

static uint8_t file[0x3000];
static struct load_plan plan;
static char error[256];

/* The file in memory of exactly its size, so that a sanitizer sees a read past its end. */
static bool plan_exact(size_t bytes)
{
    uint8_t *copy = malloc(bytes ? bytes : 1);
    bool ok;

    memcpy(copy, file, bytes);
    error[0] = '\0';
    ok = elf_plan(&plan, copy, bytes, error, sizeof(error));
    free(copy);
    return ok;
}

static void accept(size_t bytes)
{
    if (!plan_exact(bytes))
        fail_msg("refused: %s", error);
}

static void refuse(size_t bytes, const char *reason)
{
    if (plan_exact(bytes))
        fail_msg("accepted, expected '%s'", reason);
    if (!strstr(error, reason))
        fail_msg("expected '%s' in '%s'", reason, error);
}

/* Code at 1 MiB, data with bss at 2 MiB; virtual addresses 3 GiB higher. */
static const struct make_segment two[] = {
    {.paddr = 0x100000, .vaddr = 0xc0100000, .offset = 0x1000, .filesz = 0x800, .memsz = 0x800},
    {.paddr = 0x200000, .vaddr = 0xc0200000, .offset = 0x1800, .filesz = 0x10, .memsz = 0x5000},
};
#define TWO_BYTES 0x1810

static void make_two(bool wide, uint64_t entry)
{
    make_elf(file, sizeof(file), wide, entry, two, 2);
}

static void both_classes(void **state)
{
    (void)state;
    for (int wide = 0; wide <= 1; wide++) {
        make_two(wide, 0xc0100010);
        accept(TWO_BYTES);
        assert_int_equal(plan.count, 2);
        assert_int_equal(plan.entry, 0x100010);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(plan.segment[i].to, two[i].paddr);
            assert_int_equal(plan.segment[i].offset, two[i].offset);
            assert_int_equal(plan.segment[i].file_bytes, two[i].filesz);
            assert_int_equal(plan.segment[i].memory_bytes, two[i].memsz);
        }
    }
}

static void entry_may_be_physical(void **state)
{
    (void)state;
    make_two(false, 0x204fff);
    accept(TWO_BYTES);
    assert_int_equal(plan.entry, 0x204fff);
    make_two(false, 0xc0204fff);
    accept(TWO_BYTES);
    assert_int_equal(plan.entry, 0x204fff);
}

static void entry_outside(void **state)
{
    (void)state;
    make_two(false, 0x205000);
    refuse(TWO_BYTES, "entry point at 0x205000, outside of all segments");
    make_two(true, 0xfffff);
    refuse(TWO_BYTES, "entry point at 0xfffff, outside");
    make_two(true, 0xc0100800);
    refuse(TWO_BYTES, "outside");
}

static void other_program_headers_are_ignored(void **state)
{
    (void)state;
    make_two(false, 0x100000);
    set_phdr(file, 1, PHDR_TYPE, 4);
    set_phdr(file, 1, PHDR_OFFSET, 0xffffff);
    accept(TWO_BYTES);
    assert_int_equal(plan.count, 1);
    set_phdr(file, 0, PHDR_TYPE, 4);
    refuse(TWO_BYTES, "has no segment to load");
}

static void empty_segments_are_left_out(void **state)
{
    (void)state;
    make_two(true, 0x100000);
    set_phdr(file, 1, PHDR_FILESZ, 0);
    set_phdr(file, 1, PHDR_MEMSZ, 0);
    accept(TWO_BYTES);
    assert_int_equal(plan.count, 1);
}

static void segments_that_cannot_be(void **state)
{
    (void)state;
    for (int wide = 0; wide <= 1; wide++) {
        make_two(wide, 0x100000);
        set_phdr(file, 1, PHDR_MEMSZ, 0xf);
        refuse(TWO_BYTES, "segment 1 has more bytes in the file (0x10) than in memory (0xf)");

        make_two(wide, 0x100000);
        refuse(TWO_BYTES - 1,
               "segment 1 lies at 0x1800 to 0x1810 of the file, which ends at 0x180f: is it cut off?");

        make_two(wide, 0x100000);
        set_phdr(file, 0, PHDR_OFFSET, wide ? UINT64_MAX : UINT32_MAX);
        refuse(TWO_BYTES, "segment 0 lies at");

        make_two(wide, 0x100000);
        set_phdr(file, 1, PHDR_PADDR, 0x1007ff);
        refuse(TWO_BYTES, "segment 1 at [0x1007ff, 0x1057ff) overlaps the one at [0x100000, 0x100800)");

        make_two(wide, 0x100000);
        set_phdr(file, 1, PHDR_PADDR, 0x100800);
        accept(TWO_BYTES);
    }
    make_two(true, 0x100000);
    set_phdr(file, 1, PHDR_PADDR, UINT64_MAX - 0x4ffe);
    refuse(TWO_BYTES, "goes past the end of memory");
    set_phdr(file, 1, PHDR_PADDR, 0x200000);
    set_phdr(file, 1, PHDR_MEMSZ, UINT64_MAX);
    refuse(TWO_BYTES, "goes past the end of memory");
    set_phdr(file, 1, PHDR_FILESZ, UINT64_MAX);
    refuse(TWO_BYTES, "is it cut off?");
}

static void too_many_segments(void **state)
{
    static struct make_segment many[ELF_SEGMENTS_MAX + 1];

    (void)state;
    for (uint64_t i = 0; i <= ELF_SEGMENTS_MAX; i++)
        many[i] = (struct make_segment){
            .paddr = 0x100000 + i * 16, .vaddr = i, .offset = 0, .filesz = 1, .memsz = 1};
    make_elf(file, sizeof(file), true, 0x100000, many, ELF_SEGMENTS_MAX);
    accept(0x1000);
    assert_int_equal(plan.count, ELF_SEGMENTS_MAX);
    make_elf(file, sizeof(file), true, 0x100000, many, ELF_SEGMENTS_MAX + 1);
    refuse(0x1000, "more than 32 segments");
}

static void headers_that_are_not_for_us(void **state)
{
    (void)state;
    make_two(false, 0x100000);
    file[4] = 3;
    refuse(TWO_BYTES, "is ELF of unknown class 3");
    file[4] = 2;
    refuse(TWO_BYTES, "is ELF64 for machine 3, not for x86");
    make_two(false, 0x100000);
    file[5] = 2;
    refuse(TWO_BYTES, "not for x86");
    make_two(true, 0x100000);
    file[18] = 183; /* AArch64 */
    refuse(TWO_BYTES, "is ELF64 for machine 183, not for x86");
    make_two(true, 0x100000);
    file[16] = 1;
    refuse(TWO_BYTES, "is ELF of type 1: an executable");
    file[16] = 3;
    refuse(TWO_BYTES, "is ELF of type 3: an executable");
    file[0] = 0;
    refuse(TWO_BYTES, "is no ELF file");
}

static void program_header_tables_that_cannot_be(void **state)
{
    (void)state;
    make_two(false, 0x100000);
    file[42] = 31;
    refuse(TWO_BYTES, "table of 2 entries of 31 bytes");
    make_two(false, 0x100000);
    file[44] = 0;
    refuse(TWO_BYTES, "table of 0 entries");
    file[44] = file[45] = 0xff;
    refuse(TWO_BYTES, "table of 65535 entries");
    file[44] = 0xfe;
    refuse(TWO_BYTES, "past its end at 0x1810");
    make_two(true, 0x100000);
    memset(file + 32, 0xff, 8);
    refuse(TWO_BYTES, "past its end at 0x1810");
}

/* Cut anywhere before its last loaded byte, a file is refused. */
static void every_truncation(void **state)
{
    (void)state;
    for (int wide = 0; wide <= 1; wide++) {
        make_two(wide, 0x100000);
        for (size_t bytes = 0; bytes < TWO_BYTES; bytes++)
            if (plan_exact(bytes))
                fail_msg("accepted when cut to %zu bytes", bytes);
        accept(TWO_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_classes),
        cmocka_unit_test(entry_may_be_physical),
        cmocka_unit_test(entry_outside),
        cmocka_unit_test(other_program_headers_are_ignored),
        cmocka_unit_test(empty_segments_are_left_out),
        cmocka_unit_test(segments_that_cannot_be),
        cmocka_unit_test(too_many_segments),
        cmocka_unit_test(headers_that_are_not_for_us),
        cmocka_unit_test(program_header_tables_that_cannot_be),
        cmocka_unit_test(every_truncation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
