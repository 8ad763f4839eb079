/* ACPI tables as emulators and PCs have them, and broken in each place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "acpi.h"
#include "fake_memory.h"

static struct acpi_info info;
static char error[160];

#define RSDP 0xf5a40
#define RSDT 0x600000
#define XSDT 0x600100
#define FADT 0x600200
#define DSDT 0x600400
#define FADT_BYTES 244

static const uint8_t s5_package[] = {0x08, '_',  'S',  '5',  '_',  0x12, 0x07,
                                     0x04, 0x0a, 0x05, 0x0a, 0x06, 0x00, 0x00};

static void fix_checksum(hpa_t at, size_t bytes, size_t field)
{
    uint8_t sum = 0;

    fake_memory[at + field] = 0;
    for (size_t i = 0; i < bytes; i++)
        sum = (uint8_t)(sum + fake_memory[at + i]);
    fake_memory[at + field] = (uint8_t)-sum;
}

static void write_table(hpa_t at, const char *signature, uint32_t bytes)
{
    memcpy(fake_memory + at, signature, 4);
    poke32(at + 4, bytes);
    memcpy(fake_memory + at + 10, "BOCHS ", 6);
    memcpy(fake_memory + at + 16, "BXPC    ", 8);
    fix_checksum(at, bytes, 9);
}

static void write_rsdp(hpa_t at, uint8_t revision)
{
    memcpy(fake_memory + at, "RSD PTR ", 8);
    fake_memory[at + 15] = revision;
    poke32(at + 16, RSDT);
    fix_checksum(at, 20, 8);
    if (revision >= 2) {
        poke32(at + 20, 36);
        poke64(at + 24, XSDT);
        fix_checksum(at, 36, 32);
    }
}

static void write_dsdt(const uint8_t *aml, size_t bytes)
{
    memset(fake_memory + DSDT, 0x5b, 0x400);
    memcpy(fake_memory + DSDT + 0x40, aml, bytes);
    write_table(DSDT, "DSDT", 0x100);
}

/* A machine as SeaBIOS describes it, with RSDP in the BIOS area. */
static int write_machine(void **state)
{
    (void)state;
    fake_clear(0);
    write_rsdp(RSDP, 0);
    poke32(RSDT + 36, 0x600380); /* some other table, here a broken one */
    poke32(RSDT + 40, FADT);
    write_table(RSDT, "RSDT", 44);
    poke32(FADT + 40, DSDT);
    poke32(FADT + 64, 0xb004);
    poke32(FADT + 68, 0);
    poke32(FADT + 112, 1u << 10);
    fake_memory[FADT + 116] = ACPI_SPACE_IO;
    fake_memory[FADT + 117] = 8;
    poke64(FADT + 120, 0xcf9);
    fake_memory[FADT + 128] = 0x0f;
    write_table(FADT, "FACP", FADT_BYTES);
    write_dsdt(s5_package, sizeof(s5_package));
    return 0;
}

static void find(void)
{
    error[0] = '\0';
    if (!acpi_find(&info, NULL, 0, fake_read, error, sizeof(error)))
        fail_msg("not found: %s", error);
}

static void refuse(const char *reason)
{
    error[0] = '\0';
    assert_false(acpi_find(&info, NULL, 0, fake_read, error, sizeof(error)));
    if (!strstr(error, reason))
        fail_msg("expected '%s' in '%s'", reason, error);
}

static void all_of_it(void **state)
{
    (void)state;
    find();
    assert_string_equal(info.oem, "BOCHS");
    assert_string_equal(info.oem_table, "BXPC");
    assert_int_equal(info.pm1a_control, 0xb004);
    assert_int_equal(info.pm1b_control, 0);
    assert_true(info.has_s5);
    assert_int_equal(info.s5_type_a, 5);
    assert_int_equal(info.s5_type_b, 6);
    assert_true(info.has_reset);
    assert_int_equal(info.reset_space, ACPI_SPACE_IO);
    assert_int_equal(info.reset_address, 0xcf9);
    assert_int_equal(info.reset_value, 0x0f);
}

static void rsdp_in_the_ebda_comes_first(void **state)
{
    (void)state;
    poke16(0x40e, 0x9fc0);
    write_rsdp(0x9fc00 + 0x3f0, 0);
    memset(fake_memory + RSDP, 0, 36);
    find();
    /* One KiB is searched, at steps of 16. */
    memset(fake_memory + 0x9fc00, 0, 0x400);
    write_rsdp(0x9fc00 + 0x400, 0);
    refuse("no RSDP");
    memset(fake_memory + 0x9fc00, 0, 0x800);
    write_rsdp(0x9fc00 + 8, 0);
    refuse("no RSDP");
}

static void rsdp_from_the_loader(void **state)
{
    uint8_t copy[36];

    (void)state;
    memcpy(copy, fake_memory + RSDP, 20);
    memset(fake_memory + RSDP, 0, 36);
    assert_true(acpi_find(&info, copy, 20, fake_read, error, sizeof(error)));
    assert_true(info.has_s5);
    /* A copy that is none is not believed: the machine is searched. */
    copy[3] ^= 1;
    assert_false(acpi_find(&info, copy, 20, fake_read, error, sizeof(error)));
    write_rsdp(RSDP, 0);
    assert_true(acpi_find(&info, copy, 20, fake_read, error, sizeof(error)));
    memcpy(copy, fake_memory + RSDP, 20);
    memset(fake_memory + RSDP, 0, 36);
    assert_false(acpi_find(&info, copy, 19, fake_read, error, sizeof(error)));
}

static void xsdt_is_preferred(void **state)
{
    (void)state;
    write_rsdp(RSDP, 2);
    poke64(XSDT + 36, FADT);
    write_table(XSDT, "XSDT", 44);
    memset(fake_memory + RSDT, 0, 44);
    find();
    assert_int_equal(info.pm1a_control, 0xb004);
    /* Without a right one the RSDT serves. */
    write_machine(NULL);
    write_rsdp(RSDP, 2);
    find();
    assert_int_equal(info.pm1a_control, 0xb004);
    /* With a wrong extended checksum its address is not used. */
    poke64(XSDT + 36, FADT);
    write_table(XSDT, "XSDT", 44);
    memset(fake_memory + RSDT, 0, 44);
    fake_memory[RSDP + 33] ^= 1;
    refuse("no valid FADT");
}

static void generic_addresses_replace_ports(void **state)
{
    (void)state;
    fake_memory[FADT + 172] = ACPI_SPACE_IO;
    poke64(FADT + 176, 0x604);
    fake_memory[FADT + 184] = ACPI_SPACE_IO;
    poke64(FADT + 188, 0x704);
    write_table(FADT, "FACP", FADT_BYTES);
    find();
    assert_int_equal(info.pm1a_control, 0x604);
    assert_int_equal(info.pm1b_control, 0x704);
    /* In memory they are no ports; too short a table does not have them. */
    fake_memory[FADT + 172] = ACPI_SPACE_MEMORY;
    write_table(FADT, "FACP", 190);
    find();
    assert_int_equal(info.pm1a_control, 0xb004);
    assert_int_equal(info.pm1b_control, 0);
}

static void ports_have_16_bits(void **state)
{
    (void)state;
    poke32(FADT + 64, 0x1b004);
    write_table(FADT, "FACP", FADT_BYTES);
    find();
    assert_int_equal(info.pm1a_control, 0);
}

static void x_dsdt_is_preferred(void **state)
{
    (void)state;
    poke32(FADT + 40, 0);
    poke64(FADT + 140, DSDT);
    write_table(FADT, "FACP", FADT_BYTES);
    find();
    assert_true(info.has_s5);
}

static void reset_needs_its_flag(void **state)
{
    (void)state;
    poke32(FADT + 112, 0);
    write_table(FADT, "FACP", FADT_BYTES);
    find();
    assert_false(info.has_reset);
    poke32(FADT + 112, 1u << 10);
    write_table(FADT, "FACP", 128);
    find();
    assert_false(info.has_reset);
    fake_memory[FADT + 116] = 3;
    write_table(FADT, "FACP", FADT_BYTES);
    find();
    assert_false(info.has_reset);
    fake_memory[FADT + 116] = ACPI_SPACE_MEMORY;
    poke64(FADT + 120, 0xfed00000);
    write_table(FADT, "FACP", FADT_BYTES);
    find();
    assert_true(info.has_reset);
    assert_int_equal(info.reset_space, ACPI_SPACE_MEMORY);
    assert_int_equal(info.reset_address, 0xfed00000);
}

static void forms_of_s5(void **state)
{
    static const uint8_t root[] = {0x08, '\\', '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x01, 0x00, 0x00, 0x00};
    static const uint8_t two_length_bytes[] = {0x08, '_',  'S',  '5',  '_',  0x12, 0x48,
                                               0x00, 0x02, 0x0a, 0x07, 0x0a, 0x07};
    static const uint8_t one_element[] = {0x08, '_', 'S', '5', '_', 0x12, 0x04, 0x01, 0x0a, 0x03, 0xff};

    (void)state;
    write_dsdt(root, sizeof(root));
    find();
    assert_true(info.has_s5);
    assert_int_equal(info.s5_type_a, 1);
    assert_int_equal(info.s5_type_b, 0);
    write_dsdt(two_length_bytes, sizeof(two_length_bytes));
    find();
    assert_int_equal(info.s5_type_a, 7);
    assert_int_equal(info.s5_type_b, 7);
    write_dsdt(one_element, sizeof(one_element));
    find();
    assert_int_equal(info.s5_type_a, 3);
    assert_int_equal(info.s5_type_b, 3);
}

static void what_is_no_s5(void **state)
{
    static const uint8_t a_use_of_it[] = {0x70, '_', 'S', '5', '_', 0x12, 0x07, 0x04, 0x0a, 0x05, 0x0a, 0x05};
    static const uint8_t no_package[] = {0x08, '_', 'S', '5', '_', 0x0a, 0x05};
    static const uint8_t too_large[] = {0x08, '_', 'S', '5', '_', 0x12, 0x07, 0x04, 0x0a, 0x08, 0x0a, 0x05};
    static const uint8_t no_number[] = {0x08, '_', 'S', '5', '_', 0x12, 0x07, 0x04, 0x68, 0x0a, 0x05};

    (void)state;
    write_dsdt(a_use_of_it, sizeof(a_use_of_it));
    find();
    assert_false(info.has_s5);
    write_dsdt(no_package, sizeof(no_package));
    find();
    assert_false(info.has_s5);
    write_dsdt(too_large, sizeof(too_large));
    find();
    assert_false(info.has_s5);
    write_dsdt(no_number, sizeof(no_number));
    find();
    assert_false(info.has_s5);
}

/* The package at the table's end, cut after each of its bytes: what lies behind the table must not count. */
static void s5_at_the_end_of_the_table(void **state)
{
    (void)state;
    memset(fake_memory + DSDT, 0x5b, 0x400);
    memcpy(fake_memory + DSDT + 0x40, s5_package, sizeof(s5_package));
    for (uint32_t n = 0; n < sizeof(s5_package); n++) {
        write_table(DSDT, "DSDT", 0x40 + n);
        find();
        assert_int_equal(info.has_s5, n >= 10);
        if (n == 10 || n == 11)
            assert_int_equal(info.s5_type_b, 5);
        if (n >= 12)
            assert_int_equal(info.s5_type_b, 6);
    }
}

static void checksums_and_lengths_count(void **state)
{
    static const hpa_t tables[] = {RSDT, FADT};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        write_machine(NULL);
        fake_memory[tables[i] + 30] ^= 1;
        refuse("no valid FADT by way of RSDT 0x600000");
        write_machine(NULL);
        poke32(tables[i] + 4, 35);
        refuse("no valid FADT");
        poke32(tables[i] + 4, 0xffffffff);
        refuse("no valid FADT");
        poke32(tables[i] + 4, FAKE_BYTES);
        refuse("no valid FADT");
    }
    write_machine(NULL);
    fake_memory[DSDT + 30] ^= 1;
    find();
    assert_false(info.has_s5);
    write_machine(NULL);
    fake_memory[RSDP + 9] ^= 1;
    refuse("no RSDP");
}

static void no_memory_at_all(void **state)
{
    (void)state;
    fake_clear(0xff);
    refuse("no RSDP");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_of_it, write_machine),
        cmocka_unit_test_setup(rsdp_in_the_ebda_comes_first, write_machine),
        cmocka_unit_test_setup(rsdp_from_the_loader, write_machine),
        cmocka_unit_test_setup(xsdt_is_preferred, write_machine),
        cmocka_unit_test_setup(generic_addresses_replace_ports, write_machine),
        cmocka_unit_test_setup(ports_have_16_bits, write_machine),
        cmocka_unit_test_setup(x_dsdt_is_preferred, write_machine),
        cmocka_unit_test_setup(reset_needs_its_flag, write_machine),
        cmocka_unit_test_setup(forms_of_s5, write_machine),
        cmocka_unit_test_setup(what_is_no_s5, write_machine),
        cmocka_unit_test_setup(s5_at_the_end_of_the_table, write_machine),
        cmocka_unit_test_setup(checksums_and_lengths_count, write_machine),
        cmocka_unit_test_setup(no_memory_at_all, write_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
