/* Tables that list processors, as firmware has them and broken: only the others disappear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_memory.h"
#include "processors.h"
#include "trace/bytes.h"

#define MADT 0x600000
#define MP_POINTER 0xf5a10
#define MP_TABLE 0xf5a30

static struct acpi_info acpi;

static uint8_t sum(hpa_t at, size_t bytes)
{
    uint8_t s = 0;
    for (size_t i = 0; i < bytes; i++)
        s = (uint8_t)(s + fake_memory[at + i]);
    return s;
}

static void fix(hpa_t at, size_t bytes, size_t field)
{
    fake_memory[at + field] = 0;
    fake_memory[at + field] = (uint8_t)-sum(at, bytes);
}

/* Two processors by local APIC, one by x2APIC, an I/O APIC between them. */
static const uint8_t madt_entries[] = {
    0, 8,  0,    0, 1, 0, 0,    0,                            /* APIC id 0 */
    1, 12, 0,    0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0,             /* I/O APIC */
    0, 8,  1,    1, 1, 0, 0,    0,                            /* APIC id 1 */
    9, 16, 0,    0, 0, 1, 0,    0,    1, 0, 0, 0, 2, 0, 0, 0, /* x2APIC id 0x100 */
    4, 6,  0xff, 0, 0, 1,                                     /* NMI */
};
#define MADT_BYTES (44 + sizeof(madt_entries))

static int set_up(void **state)
{
    (void)state;
    fake_clear(0);
    memcpy(fake_memory + MADT, "APIC", 4);
    poke32(MADT + 4, MADT_BYTES);
    memcpy(fake_memory + MADT + 44, madt_entries, sizeof(madt_entries));
    fix(MADT, MADT_BYTES, 9);
    acpi = (struct acpi_info){.madt = MADT, .madt_bytes = MADT_BYTES};

    memcpy(fake_memory + MP_POINTER, "_MP_", 4);
    poke32(MP_POINTER + 4, MP_TABLE);
    fake_memory[MP_POINTER + 8] = 1;
    fix(MP_POINTER, 16, 10);
    memcpy(fake_memory + MP_TABLE, "PCMP", 4);
    poke16(MP_TABLE + 4, 44 + 20 + 20 + 8);
    poke16(MP_TABLE + 34, 3);
    fake_memory[MP_TABLE + 44 + 1] = 0; /* APIC id */
    fake_memory[MP_TABLE + 44 + 3] = 3; /* bootstrap, usable */
    fake_memory[MP_TABLE + 64 + 1] = 1;
    fake_memory[MP_TABLE + 64 + 3] = 1;
    fake_memory[MP_TABLE + 84] = 1; /* a bus */
    fix(MP_TABLE, 92, 7);
    return 0;
}

static void others_disappear(void **state)
{
    (void)state;
    struct processors p = processors_hide_others(&acpi, 0, fake_read, fake_write);
    assert_int_equal(p.others, 2);
    assert_true(p.hidden);
    const uint8_t *e = fake_memory + MADT + 44;
    assert_memory_equal(e, madt_entries, 20);
    assert_int_equal(e[20], 0xff);
    assert_int_equal(e[21], 8);
    assert_int_equal(e[28], 0xff);
    assert_int_equal(e[44], 4);
    assert_int_equal(sum(MADT, MADT_BYTES), 0);
    assert_int_equal(fake_memory[MP_TABLE + 44 + 3], 3);
    assert_int_equal(fake_memory[MP_TABLE + 64 + 3], 0);
    assert_int_equal(sum(MP_TABLE, 92), 0);
}

static void this_one_may_be_any(void **state)
{
    (void)state;
    assert_int_equal(processors_hide_others(&acpi, 0x100, fake_read, fake_write).others, 2);
    assert_int_equal(fake_memory[MADT + 44], 0xff);
    assert_int_equal(fake_memory[MADT + 44 + 28], 9);
}

/* A table that does not know this processor is not understood. */
static void unknown_processor(void **state)
{
    (void)state;
    assert_int_equal(processors_hide_others(&acpi, 7, fake_read, fake_write).others, 0);
    assert_memory_equal(fake_memory + MADT + 44, madt_entries, sizeof(madt_entries));
}

static void broken_tables(void **state)
{
    (void)state;
    fake_memory[MADT + 44 + 21] = 0; /* an entry of no length */
    assert_int_equal(processors_hide_others(&acpi, 0, fake_read, fake_write).others, 0);
    set_up(NULL);
    fake_memory[MADT + 44 + 29] = 200; /* over the end */
    assert_int_equal(processors_hide_others(&acpi, 0, fake_read, fake_write).others, 1);
    set_up(NULL);
    poke16(MP_TABLE + 34, 0xffff);
    fix(MP_TABLE, 92, 7);
    processors_hide_others(&acpi, 0, fake_read, fake_write);
    assert_int_equal(fake_memory[MP_TABLE + 64 + 3], 0);
    acpi.madt = 0;
    assert_int_equal(processors_hide_others(&acpi, 0, fake_read, fake_write).others, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(others_disappear, set_up),
        cmocka_unit_test_setup(this_one_may_be_any, set_up),
        cmocka_unit_test_setup(unknown_processor, set_up),
        cmocka_unit_test_setup(broken_tables, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
