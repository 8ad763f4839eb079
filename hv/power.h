/* Which writes to I/O ports reset the machine or switch it off. */
#ifndef ENGRAM_POWER_H
#define ENGRAM_POWER_H

#include "acpi.h"

enum power_effect {
    POWER_NONE,
    POWER_RESET_KEYBOARD, /* 8042, port 0x64 */
    POWER_RESET_FAST,     /* port 0x92 */
    POWER_RESET_CHIPSET,  /* port 0xcf9 */
    POWER_RESET_ACPI,     /* the FADT's reset register */
    POWER_OFF,            /* SLP_EN in PM1a_CNT or PM1b_CNT */
};

#define POWER_PORTS_MAX 8

/* The ports that such a write touches; returns how many, at most POWER_PORTS_MAX. */
size_t power_ports(const struct acpi_info *acpi, uint16_t ports[POWER_PORTS_MAX]);

/* What the OUT of `size` bytes (1, 2, 4) to `port` does; with POWER_OFF *sleep_type is SLP_TYP. */
enum power_effect power_write(const struct acpi_info *acpi, uint16_t port, unsigned size, uint32_t value,
                              unsigned *sleep_type);

#endif
