/* Which port writes end the machine: each register by every width that reaches it, and what looks like one. */
#include "unit.h"

#include "power.h"

static const struct acpi_info acpi = {.pm1a_control = 0xb004,
                                      .pm1b_control = 0x1806,
                                      .has_reset = true,
                                      .reset_space = ACPI_SPACE_IO,
                                      .reset_address = 0xcf9,
                                      .reset_value = 0x02};

static const struct {
    uint16_t port;
    unsigned size;
    uint32_t value;
    enum power_effect effect;
    unsigned sleep_type;
} cases[] = {
    {0x64, 1, 0xfe, POWER_RESET_KEYBOARD, 0},
    {0x64, 1, 0xf0, POWER_RESET_KEYBOARD, 0},
    {0x64, 1, 0xff, POWER_NONE, 0},
    {0x64, 1, 0xae, POWER_NONE, 0},
    {0x63, 2, 0xfe00, POWER_RESET_KEYBOARD, 0},
    {0x61, 4, 0xfe000000, POWER_RESET_KEYBOARD, 0},
    {0x60, 4, 0xfefefefe, POWER_NONE, 0},
    {0x92, 1, 0x01, POWER_RESET_FAST, 0},
    {0x92, 1, 0x02, POWER_NONE, 0},
    {0x91, 2, 0x0100, POWER_RESET_FAST, 0},
    {0xcf9, 1, 0x06, POWER_RESET_CHIPSET, 0},
    {0xcf9, 1, 0x0e, POWER_RESET_CHIPSET, 0},
    {0xcf9, 1, 0x02, POWER_RESET_ACPI, 0}, /* the value of this machine's tables */
    {0xcf9, 1, 0x00, POWER_NONE, 0},
    {0xcf8, 1, 0x06, POWER_NONE, 0},
    /* CONFIG_ADDRESS: device 0, function 4, and so on. */
    {0xcf8, 4, 0x80000400, POWER_NONE, 0},
    {0xcf8, 4, 0x80000600, POWER_NONE, 0},
    {0xcf8, 4, 0x80000e00, POWER_NONE, 0},
    {0xcf8, 4, 0x80000200, POWER_NONE, 0}, /* the ACPI reset register's value */
    {0xcf8, 2, 0x0600, POWER_NONE, 0},
    {0xcf9, 2, 0x0006, POWER_NONE, 0},
    /* PM1a and PM1b, as 16-bit registers, by all widths. */
    {0xb004, 2, 0x3400, POWER_OFF, 5},
    {0xb004, 4, 0x00003400, POWER_OFF, 5},
    {0xb005, 1, 0x34, POWER_OFF, 5},
    {0xb005, 1, 0x3c, POWER_OFF, 7},
    {0xb005, 2, 0x0020, POWER_OFF, 0},
    {0xb003, 4, 0x00200000, POWER_OFF, 0},
    {0xb004, 1, 0x20, POWER_NONE, 0}, /* bit 5 of the low byte */
    {0xb004, 2, 0x1c00, POWER_NONE, 0}, /* the sleep type alone */
    {0xb006, 1, 0x20, POWER_NONE, 0},
    {0xb006, 2, 0x2000, POWER_NONE, 0},
    {0x1806, 2, 0x2000, POWER_OFF, 0},
    {0x1807, 1, 0x20, POWER_OFF, 0},
    {0x1804, 4, 0x20000000, POWER_OFF, 0},
    {0x80, 1, 0xff, POWER_NONE, 0},
};

static void each_write_does_what_the_registers_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned sleep_type = 0;
        enum power_effect got =
            power_write(&acpi, cases[i].port, cases[i].size, cases[i].value, &sleep_type);
        if (got != cases[i].effect || sleep_type != cases[i].sleep_type)
            fail_msg("0x%x to port 0x%x, %u bytes: expected %d (type %u), got %d (type %u)", cases[i].value,
                     cases[i].port, cases[i].size, cases[i].effect, cases[i].sleep_type, got, sleep_type);
    }
}

/* A register that the machine does not have is no register at port 0. */
static void absent_registers_do_nothing(void **state)
{
    static const struct acpi_info none = {.has_reset = true, .reset_space = ACPI_SPACE_MEMORY};
    uint16_t ports[POWER_PORTS_MAX];
    unsigned sleep_type;

    (void)state;
    for (uint32_t port = 0; port < 4; port++)
        for (unsigned size = 1; size <= 4; size *= 2)
            assert_int_equal(power_write(&none, (uint16_t)port, size, 0xffffffff, &sleep_type), POWER_NONE);
    assert_int_equal(power_ports(&none, ports), 3);
}

/* Every write with an effect touches a port that is asked for, with one of its bytes. */
static void all_of_them_exit(void **state)
{
    uint16_t ports[POWER_PORTS_MAX];
    size_t count = power_ports(&acpi, ports);

    (void)state;
    assert_in_range(count, 1, POWER_PORTS_MAX);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        bool exits = false;
        for (size_t p = 0; p < count; p++)
            exits |= ports[p] >= cases[i].port && ports[p] < cases[i].port + cases[i].size;
        if (cases[i].effect != POWER_NONE && !exits)
            fail_msg("%u bytes to port 0x%x do not exit", cases[i].size, cases[i].port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_write_does_what_the_registers_say),
                                       cmocka_unit_test(absent_registers_do_nothing),
                                       cmocka_unit_test(all_of_them_exit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
