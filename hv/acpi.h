/*
 * The little of ACPI that switching a machine off or resetting it needs, and where the processors are listed
 * (ACPI specification 6.5: RSDP 5.2.5, FADT 5.2.9, MADT 5.2.12, sleep control 4.8.3.2, \_S5 7.4.2). No AML is
 * interpreted.
 */
#ifndef ENGRAM_ACPI_H
#define ENGRAM_ACPI_H

#include "physical.h"

/* Address space of the reset register (ACPI 5.2.3.2). */
enum acpi_space { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1, ACPI_SPACE_PCI = 2 };

struct acpi_info {
    char oem[7]; /* of the RSDT or XSDT, blanks at the end removed: "BOCHS", "BXPC" … */
    char oem_table[9];

    uint16_t pm1a_control, pm1b_control; /* I/O ports, 0 for none */
    bool has_s5;
    uint8_t s5_type_a,
        s5_type_b; /* SLP_TYP: goes to bits 10 to 12 of the control register, with SLP_EN (bit 13) */

    bool has_reset;
    enum acpi_space reset_space;
    uint64_t reset_address;
    uint8_t reset_value;

    hpa_t madt; /* 0: none */
    uint32_t madt_bytes;

    bool rsdp_is_low; /* where systems look that were not told: in the EBDA or below 1 MiB */
};

/* The checksum of firmware tables, of ACPI as of older ones. */
bool acpi_sums_to_zero(const uint8_t *p, size_t bytes);

#define ACPI_PM1_SLP_TYP_SHIFT 10
#define ACPI_PM1_SLP_EN (1u << 13)

/*
 * `rsdp`: a copy from the boot loader, or NULL to look in the EBDA and below 1 MiB. False: no usable tables;
 * `error` has one line that says where it ended. A machine without S5 or reset register is no error.
 */
bool acpi_find(struct acpi_info *info, const void *rsdp, size_t rsdp_bytes, physical_reader read, char *error,
               size_t size);

#endif
