/* From a bzImage's bytes to a kernel in memory: what it finds there is read back the way Linux reads it. */
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
#include "trace/bytes.h"
#include "x86/cpu.h"

#define SETUP_SECTS 3u
#define KERNEL_OFFSET ((SETUP_SECTS + 1) * 512u)
#define KERNEL_BYTES 0x2340u
#define FILE_BYTES (KERNEL_OFFSET + KERNEL_BYTES)
#define INIT_SIZE 0x100000u
#define PREFERRED 0x200000u

/* Where the boot loader left things. */
#define KERNEL_AT 0x500000
#define INITRD_AT 0x600000

static struct bootinfo boot;
static struct boot_module kernel, modules[3];
static uint8_t file[FILE_BYTES];

static void set_string(struct boot_module *module, hpa_t at, size_t bytes, const char *string)
{
    module->start = at;
    module->end = at + bytes;
    snprintf(module->string, sizeof(module->string), "%s", string);
}

static void make_kernel(void)
{
    for (size_t i = 0; i < sizeof(file); i++)
        file[i] = (uint8_t)(i * 7 + (i >> 8));
    file[0x1f1] = SETUP_SECTS;
    store32(file + 0x1f4, KERNEL_BYTES / 16);
    store16(file + 0x1fe, 0xaa55);
    file[0x200] = 0xeb;
    file[0x201] = 0x6a; /* the header ends at 0x26c */
    memcpy(file + 0x202, "HdrS", 4);
    store16(file + 0x206, 0x20f);
    file[0x211] = 1;
    store32(file + 0x22c, 0x7fffffff);
    store32(file + 0x230, 0x200000);
    file[0x234] = 1;
    store16(file + 0x236, 1);
    store32(file + 0x238, 2047);
    store64(file + 0x258, PREFERRED);
    store32(file + 0x260, INIT_SIZE);
}

/* An 8 MiB PC whose top MiB is Engram's, and an initrd. */
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
    memset(&boot, 0, sizeof(boot));
    memset(&source, 0, sizeof(source));
    source.kernel = &kernel;
    source.kernel_bytes = file;
    source.modules = modules;
    source.module_count = 1;
    source.boot = &boot;
    set_string(&kernel, KERNEL_AT, FILE_BYTES, "/boot/vmlinuz  console=ttyS0 quiet");
    set_string(&modules[0], INITRD_AT, 0x12345, "initrd");
    make_kernel();
    return 0;
}

/* Fills memory as the boot loader would, with a pattern for each module, and carries out the plan. */
static void load(void)
{
    fake_clear(0xcc);
    memcpy(fake_memory + kernel.start, file, FILE_BYTES);
    for (size_t i = 0; i < source.module_count; i++)
        memset(fake_memory + modules[i].start, (int)(0x11 * (i + 1)), modules[i].end - modules[i].start);
    accept();
    if (!guest_plan_apply(&plan, fake_copy, fake_write, error, sizeof(error)))
        fail_msg("not carried out: %s", error);
}

static const uint8_t *params(void)
{
    return fake_memory + plan.start.gpr[RSI];
}

static void expect_kernel_at(gpa_t at)
{
    assert_memory_equal(fake_memory + at, file + KERNEL_OFFSET, KERNEL_BYTES);
}

/* ---- what the kernel finds ---- */

static void kernel_where_it_wants_to_be(void **state)
{
    (void)state;
    load();
    expect_kernel_at(PREFERRED);
    assert_int_equal(plan.entry, PREFERRED + 0x200);
    assert_int_equal(plan.kernel_end, PREFERRED + INIT_SIZE);
}

static void header_and_command_line(void **state)
{
    (void)state;
    load();
    const uint8_t *p = params();
    assert_int_equal(p[0x210], 0xff);
    assert_memory_equal(p + 0x1f1, file + 0x1f1, 0x210 - 0x1f1);
    assert_int_equal(p[0x1ef], 0); /* the sentinel: not a copy of the file */
    assert_memory_equal(p + 0x230, file + 0x230, 0x26c - 0x230);
    assert_int_equal(p[0x26c], 0);
    assert_string_equal((const char *)fake_memory + load32(p + 0x228), "console=ttyS0 quiet");
}

static void memory_map(void **state)
{
    static const struct {
        uint64_t start, bytes;
        uint32_t type;
    } expected[] = {{0, 0x9fc00, 1},         {0x9fc00, 0x400, 2},    {0xf0000, 0x10000, 2},
                    {0x100000, 0x600000, 1}, {0x700000, 0xf0000, 2}, /* Engram's */
                    {0x7f0000, 0x10000, 3}};
    (void)state;
    load();
    const uint8_t *p = params();
    assert_int_equal(p[0x1e8], ARRAY_SIZE(expected));
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        const uint8_t *e = p + 0x2d0 + 20 * i;
        assert_int_equal(load64(e), expected[i].start);
        assert_int_equal(load64(e + 8), expected[i].bytes);
        assert_int_equal(load32(e + 16), expected[i].type);
    }
    assert_int_equal(load32(p + 0x1e0), 0x600000 >> 10);
}

static void initrd_stays(void **state)
{
    (void)state;
    load();
    assert_int_equal(load32(params() + 0x218), INITRD_AT);
    assert_int_equal(load32(params() + 0x21c), 0x12345);
    assert_int_equal(fake_memory[INITRD_AT], 0x11);
}

static void initrd_moves_below_its_limit(void **state)
{
    (void)state;
    store32(file + 0x22c, 0x4fffff);
    load();
    uint32_t at = load32(params() + 0x218);
    assert_in_range(at, 0x100000, 0x500000 - 0x12345);
    assert_int_equal(at & 0xfff, 0);
    for (size_t i = 0; i < 0x12345; i++)
        assert_int_equal(fake_memory[at + i], 0x11);
}

static void archives_one_behind_the_other(void **state)
{
    (void)state;
    source.module_count = 3;
    set_string(&modules[1], 0x620000, 0x1001, "more");
    set_string(&modules[2], 0x630000, 0x10, "and more");
    load();
    uint32_t at = load32(params() + 0x218);
    assert_int_equal(load32(params() + 0x21c), 0x12348 + 0x1004 + 0x10);
    const uint8_t *p = fake_memory + at;
    assert_int_equal(p[0x12344], 0x11);
    assert_int_equal(load32(p + 0x12344) >> 8, 0); /* up to a multiple of 4 */
    assert_int_equal(p[0x12348], 0x22);
    assert_int_equal(p[0x12348 + 0x1000], 0x22);
    assert_int_equal(p[0x12348 + 0x1001], 0);
    assert_int_equal(p[0x12348 + 0x1004], 0x33);
}

static void no_initrd(void **state)
{
    (void)state;
    source.module_count = 0;
    load();
    assert_int_equal(load32(params() + 0x218), 0);
    assert_int_equal(load32(params() + 0x21c), 0);
}

static void file_steps_aside(void **state)
{
    (void)state;
    kernel.start = PREFERRED + 0x1000;
    kernel.end = kernel.start + FILE_BYTES;
    load();
    expect_kernel_at(PREFERRED);
}

static void relocatable_kernel_goes_elsewhere(void **state)
{
    (void)state;
    store64(file + 0x258, 0x680000); /* its end would lie in Engram's memory */
    load();
    assert_int_equal(plan.entry, 0x200200);
    expect_kernel_at(0x200000);
    file[0x234] = 0;
    refuse("must be at [0x680000, 0x780000)");
}

static void the_processor_of_64_bit_kernels(void **state)
{
    (void)state;
    load();
    const struct vcpu *v = &plan.start;
    assert_int_equal(v->rip, PREFERRED + 0x200);
    assert_int_equal(v->rflags, 2);
    assert_int_equal(v->cr0 & 0x80000001, 0x80000001);
    assert_int_equal(v->efer, EFER_LME | EFER_LMA);
    assert_int_equal(v->seg[SEG_CS].selector, 0x10);
    assert_int_equal(v->seg[SEG_CS].access, 0xa09b);
    assert_int_equal(v->seg[SEG_DS].selector, 0x18);
    assert_int_equal(load64(fake_memory + v->gdtr.base + 0x10), 0x00af9b000000ffff);
    assert_int_equal(load64(fake_memory + v->gdtr.base + 0x18), 0x00cf93000000ffff);
    assert_int_equal(v->gdtr.limit, 0x1f);
    /* Each address below 4 GiB is mapped to itself. */
    for (uint64_t at = 0; at < GIB(4); at += MIB(510) / 5) {
        uint64_t pml4e = load64(fake_memory + v->cr3);
        uint64_t pdpte = load64(fake_memory + (pml4e & ~0xfffull) + 8 * (at >> 30));
        uint64_t pde = load64(fake_memory + (pdpte & ~0xfffull) + 8 * (at >> 21 & 511));
        assert_int_equal(pde, (at & ~0x1fffffull) | 0x83);
    }
}

static void the_processor_of_32_bit_kernels(void **state)
{
    (void)state;
    store16(file + 0x236, 0);
    load();
    const struct vcpu *v = &plan.start;
    assert_int_equal(v->rip, PREFERRED);
    assert_int_equal(v->cr0 & 0x80000001, 1);
    assert_int_equal(v->efer, 0);
    assert_int_equal(v->seg[SEG_CS].selector, 0x10);
    assert_int_equal(v->seg[SEG_CS].access, 0xc09b);
    assert_int_equal(v->seg[SEG_SS].selector, 0x18);
    assert_int_equal(load64(fake_memory + v->gdtr.base + 0x10), 0x00cf9b000000ffff);
    assert_int_equal(v->gpr[RBP] | v->gpr[RDI] | v->gpr[RBX], 0);
    file[0x206] = 0x0b; /* before 2.12 the flag means nothing */
    store16(file + 0x236, 1);
    load();
    assert_int_equal(plan.start.efer, 0);
}

static void screens(void **state)
{
    (void)state;
    load();
    assert_int_equal(params()[0x00f], 0);
    boot.screen = SCREEN_TEXT;
    load();
    assert_int_equal(params()[0x006], 3);
    assert_int_equal(params()[0x007], 80);
    assert_int_equal(params()[0x00e], 25);
    assert_int_equal(params()[0x00f], 0x22);
    boot.screen = SCREEN_GRAPHICS;
    boot.screen_address = 0x1fd000000;
    boot.screen_width = 1024;
    boot.screen_height = 768;
    boot.screen_pitch = 4096;
    boot.screen_bits = 32;
    load();
    assert_int_equal(params()[0x00f], 0x23);
    assert_int_equal(load16(params() + 0x012), 1024);
    assert_int_equal(load16(params() + 0x014), 768);
    assert_int_equal(load16(params() + 0x016), 32);
    assert_int_equal(load32(params() + 0x018), 0xfd000000);
    assert_int_equal(load32(params() + 0x03a), 1);
    assert_int_equal(load32(params() + 0x01c), 48);
    assert_int_equal(load16(params() + 0x024), 4096);
    boot.screen_bits = 8;
    load();
    assert_int_equal(params()[0x00f], 0);
}

static void rsdp_for_those_that_cannot_find_it(void **state)
{
    (void)state;
    load();
    assert_int_equal(load64(params() + 0x070), 0);
    source.rsdp = "RSD PTR 0123456789ab";
    source.rsdp_bytes = 20;
    load();
    assert_memory_equal(fake_memory + load64(params() + 0x070), "RSD PTR 0123456789ab", 20);
}

/* ---- headers that cannot be right ---- */

static void bad_headers(void **state)
{
    (void)state;
    store16(file + 0x206, 0x209);
    refuse(
        "module 'vmlinuz': is a Linux kernel of boot protocol 2.09: 2.10 (Linux 2.6.31) or later is needed");
    make_kernel();
    file[0x211] = 0;
    refuse("is a Linux zImage");
    make_kernel();
    file[0x201] = 0x10;
    refuse("an impossible header that ends at 0x212");
    file[0x201] = 0xff;
    refuse("an impossible header that ends at 0x301");
    make_kernel();
    store32(file + 0x1f4, KERNEL_BYTES / 16 + 1);
    refuse("is a Linux kernel that is cut off: its header says 0x2b50 bytes, the file has 0x2b40");
    make_kernel();
    kernel.end -= 15; /* of the last paragraph's 16 */
    accept();
    kernel.end--;
    refuse("is a Linux kernel that is cut off");
    kernel.end += 16;
    make_kernel();
    file[0x1f1] = 200;
    refuse("is a Linux kernel that is cut off");
    make_kernel();
    store32(file + 0x230, 0x201000);
    refuse("an impossible alignment, 0x201000");
    store32(file + 0x230, 0);
    refuse("an impossible alignment, 0x0");
    make_kernel();
    store64(file + 0x258, ~0ull);
    refuse("above 4 GiB");
    store64(file + 0x258, 0xfff00001);
    refuse("above 4 GiB");
    make_kernel();
    store32(file + 0x260, 0x700000);
    refuse("no room for 0x700000 bytes of kernel");
    make_kernel();
    store32(file + 0x260, 0); /* at least its own bytes */
    load();
    assert_int_equal(plan.kernel_end, PREFERRED + KERNEL_BYTES);
    make_kernel();
    store32(file + 0x238, 18);
    refuse("its command line has 19 bytes, this kernel takes 18");
    make_kernel();
    modules[0].end = modules[0].start + 0x500000;
    refuse("no room for its initrd of 0x500000 bytes");
}

/* Cut at any place, a file is refused or makes a plan that can be carried out. Copied, so that a sanitizer
 * sees what is read behind its end. */
static void cut_anywhere(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < FILE_BYTES; bytes += bytes < 0x400 ? 1 : 97) {
        uint8_t *copy = malloc(bytes + 1);
        memcpy(copy, file, bytes);
        source.kernel_bytes = copy;
        kernel.end = kernel.start + bytes;
        assert_false(guest_plan_make(&plan, &source, &m, error, sizeof(error)));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(kernel_where_it_wants_to_be, set_up),
        cmocka_unit_test_setup(header_and_command_line, set_up),
        cmocka_unit_test_setup(memory_map, set_up),
        cmocka_unit_test_setup(initrd_stays, set_up),
        cmocka_unit_test_setup(initrd_moves_below_its_limit, set_up),
        cmocka_unit_test_setup(archives_one_behind_the_other, set_up),
        cmocka_unit_test_setup(no_initrd, set_up),
        cmocka_unit_test_setup(file_steps_aside, set_up),
        cmocka_unit_test_setup(relocatable_kernel_goes_elsewhere, set_up),
        cmocka_unit_test_setup(the_processor_of_64_bit_kernels, set_up),
        cmocka_unit_test_setup(the_processor_of_32_bit_kernels, set_up),
        cmocka_unit_test_setup(screens, set_up),
        cmocka_unit_test_setup(rsdp_for_those_that_cannot_find_it, set_up),
        cmocka_unit_test_setup(bad_headers, set_up),
        cmocka_unit_test_setup(cut_anywhere, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
