#include "power.h"

#define KEYBOARD_COMMAND 0x64
#define SYSTEM_CONTROL_A 0x92
#define RESET_CONTROL 0xcf9

#define SYSTEM_CONTROL_A_RESET 0x01u
#define RESET_CONTROL_RESET_CPU 0x04u

/* SLP_TYP and SLP_EN both lie in the second byte of PM1_CNT. */
#define PM1_HIGH_SLP_TYP_SHIFT (ACPI_PM1_SLP_TYP_SHIFT - 8)
#define PM1_HIGH_SLP_EN (ACPI_PM1_SLP_EN >> 8)

static bool has_reset_port(const struct acpi_info *acpi)
{
    return acpi->has_reset && acpi->reset_space == ACPI_SPACE_IO && acpi->reset_address <= UINT16_MAX;
}

size_t power_ports(const struct acpi_info *acpi, uint16_t ports[POWER_PORTS_MAX])
{
    const uint16_t pm1[] = {acpi->pm1a_control, acpi->pm1b_control};
    size_t n = 0;

    ports[n++] = KEYBOARD_COMMAND;
    ports[n++] = SYSTEM_CONTROL_A;
    ports[n++] = RESET_CONTROL;
    for (size_t i = 0; i < ARRAY_SIZE(pm1); i++) {
        if (pm1[i] == 0)
            continue;
        ports[n++] = pm1[i];
        ports[n++] = (uint16_t)(pm1[i] + 1);
    }
    if (has_reset_port(acpi))
        ports[n++] = (uint16_t)acpi->reset_address;
    return n;
}

/* The byte of the write that lands on port `at`; false when none does. */
static bool byte_at(uint16_t at, uint16_t port, unsigned size, uint32_t value, uint8_t *byte)
{
    unsigned offset = (uint16_t)(at - port);

    if (offset >= size)
        return false;
    *byte = (uint8_t)(value >> 8 * offset);
    return true;
}

enum power_effect power_write(const struct acpi_info *acpi, uint16_t port, unsigned size, uint32_t value,
                              unsigned *sleep_type)
{
    const uint16_t pm1[] = {acpi->pm1a_control, acpi->pm1b_control};
    uint8_t byte;

    /* 8042: commands F0 to FF pulse output lines; bit 0 clear is the reset line. */
    if (byte_at(KEYBOARD_COMMAND, port, size, value, &byte) && (byte & 0xf1) == 0xf0)
        return POWER_RESET_KEYBOARD;
    if (byte_at(SYSTEM_CONTROL_A, port, size, value, &byte) && (byte & SYSTEM_CONTROL_A_RESET))
        return POWER_RESET_FAST;
    /*
     * Only an access of one byte reaches RST_CNT, and so an ACPI reset register, which has 8 bits (ACPI
     * 4.8.3.6): four bytes at 0xcf8 are PCI's CONFIG_ADDRESS, whose second byte is any device.
     */
    if (size == 1 && port == RESET_CONTROL && (value & RESET_CONTROL_RESET_CPU))
        return POWER_RESET_CHIPSET;
    if (size == 1 && has_reset_port(acpi) && port == acpi->reset_address && (uint8_t)value == acpi->reset_value)
        return POWER_RESET_ACPI;
    for (size_t i = 0; i < ARRAY_SIZE(pm1); i++) {
        if (pm1[i] == 0 || !byte_at((uint16_t)(pm1[i] + 1), port, size, value, &byte) || !(byte & PM1_HIGH_SLP_EN))
            continue;
        *sleep_type = byte >> PM1_HIGH_SLP_TYP_SHIFT & 7;
        return POWER_OFF;
    }
    return POWER_NONE;
}
