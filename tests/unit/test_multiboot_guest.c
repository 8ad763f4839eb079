/* From a module's bytes to a guest in memory: what it finds there is read back the way a kernel reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_memory.h"
#include "guest_plan.h"
#include "make_elf.h"

#define MAGIC 0x1badb002u
#define HEADER 0x400 /* offset of the Multiboot header in the files made here */
#define KERNEL_BYTES 0x1810

/* Where the boot loader left things. */
#define KERNEL_AT 0x500000
#define MODULES_AT 0x600000

static struct boot_module kernel, modules[BOOT_MODULES_MAX + 1];
static uint8_t file[0x9000];

static const struct make_segment segments[] = {
    {.paddr = 0x100000, .vaddr = 0x100000, .offset = 0x1000, .filesz = 0x800, .memsz = 0x800},
    {.paddr = 0x200000, .vaddr = 0x200000, .offset = 0x1800, .filesz = 0x10, .memsz = 0x5000},
};

static void put32(size_t at, uint32_t v)
{
    memcpy(file + at, &v, sizeof(v));
}

static void put_header(size_t at, uint32_t flags)
{
    put32(at, MAGIC);
    put32(at + 4, flags);
    put32(at + 8, 0u - MAGIC - flags);
}

static void put_addresses(size_t at, uint32_t header, uint32_t load, uint32_t load_end, uint32_t bss_end,
                          uint32_t entry)
{
    put32(at + 12, header);
    put32(at + 16, load);
    put32(at + 20, load_end);
    put32(at + 24, bss_end);
    put32(at + 28, entry);
}

static void set_kernel(const char *string, hpa_t at, size_t bytes)
{
    kernel.start = at;
    kernel.end = at + bytes;
    snprintf(kernel.string, sizeof(kernel.string), "%s", string);
}

static void add_module(hpa_t at, size_t bytes, const char *string)
{
    struct boot_module *module = &modules[source.module_count++];

    module->start = at;
    module->end = at + bytes;
    snprintf(module->string, sizeof(module->string), "%s", string);
}

/* An 8 MiB PC whose top MiB is Engram's, an ELF kernel, no modules. */
static int set_up(void **state)
{
    (void)state;
    memset(&m, 0, sizeof(m));
    m.map[0] = (struct memory_range){0, 0x9fc00, MEMORY_RAM};
    m.map[1] = (struct memory_range){0x9fc00, 0xa0000, MEMORY_RESERVED};
    m.map[2] = (struct memory_range){0xf0000, 0x100000, MEMORY_RESERVED};
    m.map[3] = (struct memory_range){0x100000, 0x7f0000, MEMORY_RAM};
    m.map[4] = (struct memory_range){0x7f0000, 0x800000, MEMORY_ACPI};
    m.map_count = 5;
    m.hidden[0] = (struct memory_range){0x700000, 0x7f0000, MEMORY_RESERVED};
    m.hidden_count = 1;
    m.ram_end = 0x7f0000;
    m.physical_bits = 36;
    memset(&source, 0, sizeof(source));
    source.kernel = &kernel;
    source.kernel_bytes = file;
    source.modules = modules;
    set_kernel("/boot/kernel.elf  root=/dev/x quiet", KERNEL_AT, KERNEL_BYTES);
    make_elf(file, sizeof(file), false, 0x100010, segments, 2);
    put_header(HEADER, 3);
    return 0;
}

/* ---- reading as the guest ---- */

static uint32_t guest32(gpa_t at)
{
    uint32_t v;

    assert_non_null(fake_read(at, 4));
    memcpy(&v, fake_memory + at, 4);
    return v;
}

static uint64_t guest64(gpa_t at)
{
    return guest32(at) | (uint64_t)guest32(at + 4) << 32;
}

static const char *guest_text(uint32_t at)
{
    assert_true(at && at < FAKE_BYTES);
    return (const char *)fake_memory + at;
}

/* Fills memory as the boot loader would, with a pattern for each module, and carries out the plan. */
static void load(void)
{
    fake_clear(0xcc);
    memcpy(fake_memory + kernel.start, file, kernel.end - kernel.start);
    for (size_t i = 0; i < source.module_count; i++)
        memset(fake_memory + modules[i].start, (int)(0x40 + i), modules[i].end - modules[i].start);
    accept();
    if (!guest_plan_apply(&plan, fake_copy, fake_write, error, sizeof(error)))
        fail_msg("not loaded: %s", error);
}

static void expect_bytes(gpa_t at, size_t bytes, uint8_t value)
{
    for (size_t i = 0; i < bytes; i++)
        if (fake_memory[at + i] != value)
            fail_msg("at 0x%zx: expected 0x%x, got 0x%x", (size_t)at + i, value, fake_memory[at + i]);
}

static void expect_segments_loaded(void)
{
    for (int i = 0; i < 2; i++) {
        const struct make_segment *s = &segments[i];

        assert_memory_equal(fake_memory + s->paddr, file + s->offset, s->filesz);
        expect_bytes(s->paddr + s->filesz, s->memsz - s->filesz, 0);
    }
}

static void expect_modules_loaded(void)
{
    uint32_t table = guest32(plan.info + 24);

    assert_int_equal(guest32(plan.info + 20), source.module_count);
    for (uint32_t i = 0; i < source.module_count; i++) {
        uint32_t start = guest32(table + 16 * i), end = guest32(table + 16 * i + 4);

        assert_int_equal(start, plan.module_start[i]);
        assert_int_equal(start % PAGE_SIZE, 0);
        assert_int_equal(end - start, modules[i].end - modules[i].start);
        expect_bytes(start, end - start, (uint8_t)(0x40 + i));
        assert_string_equal(guest_text(guest32(table + 16 * i + 8)), modules[i].string);
        assert_int_equal(guest32(table + 16 * i + 12), 0);
    }
}

/* ---- plans ---- */

static void an_elf_kernel(void **state)
{
    (void)state;
    load();
    assert_string_equal(plan.name, "kernel.elf");
    assert_int_equal(plan.entry, 0x100010);
    assert_int_equal(plan.kernel_start, 0x100000);
    assert_int_equal(plan.kernel_end, 0x205000);
    assert_int_equal(plan.copy_count, 2);
    assert_false(plan.wants_graphics);
    expect_segments_loaded();
}

static void an_elf64_kernel(void **state)
{
    (void)state;
    make_elf(file, sizeof(file), true, 0x100010, segments, 2);
    put_header(HEADER, 3);
    load();
    assert_int_equal(plan.entry, 0x100010);
    expect_segments_loaded();
}

static void the_information_structure(void **state)
{
    gpa_t info;
    uint32_t map, length;
    static const struct memory_range expected[] = {
        {0, 0x9fc00, MEMORY_RAM},
        {0x9fc00, 0xa0000, MEMORY_RESERVED},
        {0xf0000, 0x100000, MEMORY_RESERVED},
        {0x100000, 0x700000, MEMORY_RAM},
        {0x700000, 0x7f0000, MEMORY_RESERVED}, /* Engram's */
        {0x7f0000, 0x800000, MEMORY_ACPI},
    };

    (void)state;
    load();
    info = plan.info;
    assert_true(info >= 0x1000 && info + plan.info_bytes <= 0x9fc00);
    assert_int_equal(guest32(info), 1u << 0 | 1u << 2 | 1u << 3 | 1u << 6 | 1u << 9);
    assert_int_equal(guest32(info + 4), 639);
    assert_int_equal(guest32(info + 8), 6 * 1024);
    assert_string_equal(guest_text(guest32(info + 16)), "/boot/kernel.elf  root=/dev/x quiet");
    assert_string_equal(guest_text(guest32(info + 64)), "Engram");
    length = guest32(info + 44);
    map = guest32(info + 48);
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        assert_true(length >= 24);
        assert_int_equal(guest32(map), 20);
        assert_int_equal(guest64(map + 4), expected[i].start);
        assert_int_equal(guest64(map + 12), expected[i].end - expected[i].start);
        assert_int_equal(guest32(map + 20), expected[i].type);
        map += 24;
        length -= 24;
    }
    assert_int_equal(length, 0);
    assert_true(map <= info + plan.info_bytes);
}

static void modules_stay_where_they_may(void **state)
{
    (void)state;
    add_module(MODULES_AT, 0x2345, "initrd");
    add_module(MODULES_AT + 0x3000, 1, "");
    load();
    assert_int_equal(plan.module_start[0], MODULES_AT);
    assert_int_equal(plan.module_start[1], MODULES_AT + 0x3000);
    assert_int_equal(plan.copy_count, 2);
    expect_segments_loaded();
    expect_modules_loaded();
}

static void modules_move_to_pages(void **state)
{
    (void)state;
    add_module(MODULES_AT + 4, 0x2000, "unaligned");
    add_module(MODULES_AT + 0x2004, 0x1234, "behind it");
    load();
    assert_int_equal(plan.copy_count, 4);
    assert_true(plan.module_start[0] >= plan.kernel_end);
    expect_segments_loaded();
    expect_modules_loaded();
}

static void modules_in_the_kernels_place_move(void **state)
{
    (void)state;
    add_module(0x1ff000, 0x3000, "reaches into segment 1");
    add_module(0x100000, 0x100, "lies under segment 0");
    add_module(0x6ff000, 0x2000, "reaches into hidden memory");
    load();
    assert_int_not_equal(plan.module_start[0], 0x1ff000);
    assert_int_not_equal(plan.module_start[1], 0x100000);
    assert_int_not_equal(plan.module_start[2], 0x6ff000);
    expect_segments_loaded();
    expect_modules_loaded();
}

static void a_module_without_bytes(void **state)
{
    (void)state;
    add_module(0x600010, 0, "empty");
    load();
    assert_int_equal(plan.copy_count, 2);
    expect_modules_loaded();
}

static void the_kernels_file_in_its_own_way(void **state)
{
    static const hpa_t places[] = {0x100000, 0xff000, 0x1ff000, 0x200000, 0x204000};

    (void)state;
    m.map[2].start = 0xfffff; /* the loader's range may reach below 1 MiB here */
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        source.module_count = 0;
        add_module(0x300000, 0x1000, "a");
        set_kernel("k", places[i], KERNEL_BYTES);
        load();
        assert_int_equal(plan.copy_count, 3);
        expect_segments_loaded();
        expect_modules_loaded();
    }
}

static void everything_where_the_kernel_wants_to_be(void **state)
{
    (void)state;
    set_kernel("k", 0x200800, KERNEL_BYTES);
    add_module(0x100000, 0x100000, "a");
    add_module(0x203000, 0x1000, "b");
    add_module(0x204000, 0x1000, "c");
    load();
    expect_segments_loaded();
    expect_modules_loaded();
}

/* Any layout that is accepted gives a whole guest, whose pieces lie in its RAM and apart from each other. */
static void random_layouts(void **state)
{
    (void)state;
    srand(7);
    for (int round = 0; round < 300; round++) {
        static struct memory_map guest, used;
        hpa_t at = 0x100000 + (hpa_t)rand() % 0x180000;
        size_t before;

        source.module_count = 0;
        set_kernel("k", at, KERNEL_BYTES);
        at += KERNEL_BYTES;
        for (int i = rand() % 6; i > 0; i--) {
            size_t bytes = (size_t)rand() % 0x60000;

            at += (hpa_t)rand() % 0x2000;
            add_module(at, bytes, "m");
            at += bytes;
        }
        load();
        expect_segments_loaded();
        expect_modules_loaded();
        assert_true(memory_map_of_guest(&guest, &m));
        used.count = 0;
        for (int i = 0; i < 2; i++)
            memory_map_add(&used, segments[i].paddr, segments[i].paddr + segments[i].memsz, MEMORY_RAM);
        for (size_t i = 0; i <= source.module_count; i++) {
            bool is_info = i == source.module_count;
            gpa_t start = is_info ? plan.info : plan.module_start[i];
            gpa_t end = is_info ? plan.info + plan.info_bytes : plan.module_end[i];

            if (start == end)
                continue;
            assert_true(memory_map_is_ram(&guest, start, end));
            before = used.count;
            for (size_t r = 0; r < before; r++)
                assert_false(start < used.range[r].end && used.range[r].start < end);
            assert_true(memory_map_add(&used, start, end, MEMORY_RAM));
        }
    }
}

static void names(void **state)
{
    static const struct {
        const char *string, *name;
    } cases[] = {
        {"kernel", "kernel"},
        {"(hd0,1)/a/b.elf x/y", "b.elf"},
        {"", "guest"},
        {" x", "guest"},
        {"/boot/ x", "guest"},
        {"a\tb", "a"},
        {"a\x1b[31mb", "a?[31mb"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        set_kernel(cases[i].string, KERNEL_AT, KERNEL_BYTES);
        accept();
        assert_string_equal(plan.name, cases[i].name);
    }
    memset(kernel.string, 'n', BOOT_MODULE_STRING_MAX);
    accept();
    assert_int_equal(strlen(plan.name), GUEST_NAME_MAX);
}

/* ---- the a.out kludge ---- */

static void kludge_kernel(uint32_t load_end, uint32_t bss_end, uint32_t entry)
{
    memset(file, 0x90, sizeof(file));
    put_header(0x40, 1u << 16);
    put_addresses(0x40, 0x100030, 0x100000, load_end, bss_end, entry);
    set_kernel("flat x", KERNEL_AT, 0x1000);
}

static void load_addresses_in_the_header(void **state)
{
    (void)state;
    kludge_kernel(0x100800, 0x103000, 0x100050);
    load();
    assert_int_equal(plan.entry, 0x100050);
    assert_int_equal(plan.kernel_start, 0x100000);
    assert_int_equal(plan.kernel_end, 0x103000);
    assert_int_equal(plan.copy_count, 1);
    /* The header at 0x40 of the file comes to lie at 0x100030. */
    assert_int_equal(guest32(0x100030), MAGIC);
    assert_memory_equal(fake_memory + 0x100000, file + 0x10, 0x800);
    expect_bytes(0x100800, 0x2800, 0);
}

static void zero_load_end_is_the_files_end(void **state)
{
    (void)state;
    kludge_kernel(0, 0, 0x100050);
    load();
    assert_int_equal(plan.kernel_end, 0x100000 + 0x1000 - 0x10);
    assert_memory_equal(fake_memory + 0x100000, file + 0x10, 0xff0);
}

static void load_addresses_that_cannot_be(void **state)
{
    (void)state;
    kludge_kernel(0x100ff1, 0, 0x100050);
    refuse("is to be loaded to [0x100000, 0x100ff1) but has only 0xff0 bytes: is it cut off?");
    kludge_kernel(0xfffff, 0, 0x100050);
    refuse("out of order");
    kludge_kernel(0x100800, 0x1007ff, 0x100050);
    refuse("out of order");
    kludge_kernel(0x100800, 0x101000, 0x101000);
    refuse("entry point at 0x101000, outside of [0x100000, 0x101000)");
    kludge_kernel(0x100800, 0x101000, 0xfffff);
    refuse("entry point");
    put_addresses(0x40, 0x100041, 0x100000, 0, 0, 0x100000);
    refuse("load_addr 0x100000, header_addr 0x100041, but its header at offset 0x40");
    put_addresses(0x40, 0xfffff, 0x100000, 0, 0, 0x100000);
    refuse("load_addr 0x100000, header_addr 0xfffff");
}

/* ---- what is refused ---- */

static void headers(void **state)
{
    (void)state;
    /* The last place it may begin. */
    memset(file + HEADER, 0, 12);
    kernel.end = kernel.start + sizeof(file);
    put_header(8192 - 12, 0);
    accept();
    memset(file + 8192 - 12, 0, 12);
    put_header(8192 - 8, 0);
    refuse("module 'kernel.elf': is an ELF file without a Multiboot header in its first 8192 bytes");
    memset(file + 8192 - 8, 0, 12);
    put_header(HEADER + 2, 0);
    refuse("without a Multiboot header");
    memset(file + HEADER, 0, 16);
    put_header(HEADER, 0);
    file[HEADER + 8] ^= 1;
    refuse("has a Multiboot header at offset 0x400 with a wrong checksum");
    put_header(HEADER + 0x100, 0);
    accept();
}

static void flags_that_must_be_honoured(void **state)
{
    (void)state;
    put_header(HEADER, 0x0008);
    refuse("requires Multiboot features that do not exist here (flags 0x8)");
    put_header(HEADER, 0x8003);
    refuse("(flags 0x8000)");
    put_header(HEADER, 0xfffe0003);
    accept();
}

static void video_is_a_wish(void **state)
{
    (void)state;
    put_header(HEADER, 4);
    put32(HEADER + 32, 0);
    accept();
    assert_true(plan.wants_graphics);
    put32(HEADER + 32, 1);
    accept();
    assert_false(plan.wants_graphics);
}

static void files_that_are_something_else(void **state)
{
    (void)state;
    memset(file, 0, sizeof(file));
    refuse("is a file without a Multiboot header");
    put32(0x1000, 0xe85250d6);
    put32(0x1008, 24);
    put32(0x100c, 0u - 0xe85250d6 - 24);
    refuse("is a Multiboot 2 kernel, which is not supported");
    memset(file, 0, sizeof(file));
    file[0] = 0x1f;
    file[1] = 0x8b;
    refuse("is compressed with gzip");
    put_header(HEADER, 0);
    refuse("without load addresses, and is no ELF file");
    kernel.end = kernel.start;
    refuse("is empty");
}

static void segments_that_have_no_place(void **state)
{
    (void)state;
    set_phdr(file, 1, PHDR_PADDR, 0x6ff000);
    refuse("module 'kernel.elf': segment 1 at [0x6ff000, 0x704000) overlaps Engram's memory [0x700000, "
           "0x7f0000)");
    set_phdr(file, 1, PHDR_PADDR, 0x9f000);
    refuse("segment 1 at [0x9f000, 0xa4000) is not all RAM on this machine");
    set_phdr(file, 1, PHDR_PADDR, 0x10000000);
    refuse("segment 1 at [0x10000000, 0x10005000) is not all RAM");
    set_phdr(file, 1, PHDR_PADDR, 0xffffe000);
    refuse("segment 1 at [0xffffe000, 0x100003000) lies above 4 GiB");
    set_phdr(file, 1, PHDR_PADDR, 0x100000);
    refuse("module 'kernel.elf': segment 1 at [0x100000, 0x105000) overlaps the one at");
}

static void no_room(void **state)
{
    (void)state;
    add_module(0x300001, 0x10, "small");
    add_module(0x310001, 0x3f0000, "/big.img x");
    refuse("no room for its module 1 (big.img), 0x3f0000 bytes: give the machine more memory");
    source.module_count = 1;
    accept();
    /* With conventional memory gone the structure goes behind the kernel. */
    m.map[0].type = MEMORY_RESERVED;
    accept();
    assert_true(plan.info >= plan.kernel_end);
    assert_int_equal(plan.info_data[4], 0);
    source.module_count = BOOT_MODULES_MAX + 1;
    refuse("more than 16 modules");
}

static void longest_strings_fit(void **state)
{
    (void)state;
    for (int i = 0; i < BOOT_MODULES_MAX; i++) {
        add_module(MODULES_AT + 0x1000 * (hpa_t)i, 0x1000, "");
        memset(modules[i].string, 'a' + i, BOOT_MODULE_STRING_MAX);
    }
    memset(kernel.string, 'k', BOOT_MODULE_STRING_MAX);
    load();
    expect_segments_loaded();
    expect_modules_loaded();
}

static bool no_copy(gpa_t to, hpa_t from, uint64_t bytes, uint64_t total)
{
    (void)to;
    (void)from;
    (void)bytes;
    (void)total;
    return false;
}

static void *no_write(hpa_t start, size_t size)
{
    (void)start;
    (void)size;
    return NULL;
}

static void memory_out_of_reach(void **state)
{
    (void)state;
    load();
    assert_false(guest_plan_apply(&plan, no_copy, fake_write, error, sizeof(error)));
    assert_string_equal(error, "module 'kernel.elf': [0x501000, 0x501800) cannot be copied to 0x100000");
    assert_false(guest_plan_apply(&plan, fake_copy, no_write, error, sizeof(error)));
    assert_non_null(strstr(error, "module 'kernel.elf': information structure at"));
}

static void every_truncation(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < KERNEL_BYTES; bytes++) {
        uint8_t *copy = malloc(bytes ? bytes : 1);

        memcpy(copy, file, bytes);
        source.kernel_bytes = copy;
        kernel.end = kernel.start + bytes;
        if (guest_plan_make(&plan, &source, &m, error, sizeof(error)))
            fail_msg("accepted when cut to %zu bytes", bytes);
        free(copy);
    }
}

/* ---- the processor ---- */

static void registers_at_entry(void **state)
{
    (void)state;
    accept();
    struct vcpu v = plan.start;
    assert_int_equal(v.gpr[RAX], 0x2badb002);
    assert_int_equal(v.gpr[RBX], plan.info);
    assert_int_equal(v.gpr[RSP], 0);
    assert_int_equal(v.rip, 0x100010);
    assert_int_equal(v.rflags, 2);
    assert_int_equal(v.cr0 & 0x80000001, 1);
    assert_int_equal(v.cr3, 0);
    assert_int_equal(v.cr4, 0);
    assert_int_equal(v.efer, 0);
    for (int i = SEG_ES; i <= SEG_GS; i++) {
        assert_int_equal(v.seg[i].base, 0);
        assert_int_equal(v.seg[i].limit, 0xffffffff);
        assert_int_equal(v.seg[i].access, i == SEG_CS ? 0xc09b : 0xc093);
        assert_int_equal(v.seg[i].selector & 7, 0);
        assert_int_not_equal(v.seg[i].selector, 0);
    }
    assert_int_equal(v.seg[SEG_LDTR].access, SEGMENT_UNUSABLE);
    assert_int_equal(v.seg[SEG_TR].access, 0x8b);
    assert_int_equal(v.seg[SEG_TR].limit, 0x67);
    assert_int_equal(v.dr7, 0x400);
    assert_int_equal(v.xcr0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_elf_kernel, set_up),
        cmocka_unit_test_setup(an_elf64_kernel, set_up),
        cmocka_unit_test_setup(the_information_structure, set_up),
        cmocka_unit_test_setup(modules_stay_where_they_may, set_up),
        cmocka_unit_test_setup(modules_move_to_pages, set_up),
        cmocka_unit_test_setup(modules_in_the_kernels_place_move, set_up),
        cmocka_unit_test_setup(a_module_without_bytes, set_up),
        cmocka_unit_test_setup(the_kernels_file_in_its_own_way, set_up),
        cmocka_unit_test_setup(everything_where_the_kernel_wants_to_be, set_up),
        cmocka_unit_test_setup(random_layouts, set_up),
        cmocka_unit_test_setup(names, set_up),
        cmocka_unit_test_setup(load_addresses_in_the_header, set_up),
        cmocka_unit_test_setup(zero_load_end_is_the_files_end, set_up),
        cmocka_unit_test_setup(load_addresses_that_cannot_be, set_up),
        cmocka_unit_test_setup(headers, set_up),
        cmocka_unit_test_setup(flags_that_must_be_honoured, set_up),
        cmocka_unit_test_setup(video_is_a_wish, set_up),
        cmocka_unit_test_setup(files_that_are_something_else, set_up),
        cmocka_unit_test_setup(segments_that_have_no_place, set_up),
        cmocka_unit_test_setup(no_room, set_up),
        cmocka_unit_test_setup(longest_strings_fit, set_up),
        cmocka_unit_test_setup(memory_out_of_reach, set_up),
        cmocka_unit_test_setup(every_truncation, set_up),
        cmocka_unit_test_setup(registers_at_entry, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
