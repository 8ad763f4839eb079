/*
 * ACPI tables, as far as switching off and resetting need them. Firmware is outside: signatures, lengths and
 * checksums are checked before anything is taken.
 */
#include "acpi.h"

#include "error_text.h"
#include "trace/bytes.h"

#include <string.h>

#define RSDP_BYTES_V1 20u
#define RSDP_BYTES_V2 36u
#define HEADER_BYTES 36u
#define TABLE_BYTES_MAX (16u << 20) /* a DSDT is a few hundred KiB at most */

enum rsdp_offset { RSDP_REVISION = 15, RSDP_RSDT = 16, RSDP_XSDT = 24 };
enum header_offset { HEADER_LENGTH = 4, HEADER_OEM = 10, HEADER_OEM_TABLE = 16 };

/* ACPI 6.5, table 5.9. */
enum fadt_offset {
    FADT_DSDT = 40,
    FADT_PM1A_CONTROL = 64,
    FADT_PM1B_CONTROL = 68,
    FADT_FLAGS = 112,
    FADT_RESET_REGISTER = 116, /* generic address: space, width, offset, access size, address */
    FADT_RESET_VALUE = 128,
    FADT_X_DSDT = 140,
    FADT_X_PM1A_CONTROL = 172,
    FADT_X_PM1B_CONTROL = 184,
};
#define FADT_BYTES_MIN 116u
#define MADT_BYTES_MIN 44u
#define FADT_FLAG_RESET (1u << 10)
#define GAS_ADDRESS 4u
#define GAS_BYTES 12u

bool acpi_sums_to_zero(const uint8_t *p, size_t bytes)
{
    uint8_t sum = 0;

    while (bytes--)
        sum = (uint8_t)(sum + *p++);
    return sum == 0;
}

static bool is_rsdp(const uint8_t *p, size_t bytes)
{
    return bytes >= RSDP_BYTES_V1 && !memcmp(p, "RSD PTR ", 8) && acpi_sums_to_zero(p, RSDP_BYTES_V1);
}

/* Both areas of ACPI 5.2.5.1: the first KiB of the EBDA, and the BIOS's read-only memory. */
static const uint8_t *scan_for_rsdp(physical_reader read)
{
    const uint8_t *ebda = read(0x40e, 2); /* its segment, in the BIOS data area */
    const struct {
        hpa_t start, end;
    } areas[] = {
        {ebda ? (hpa_t)load16(ebda) << 4 : 0, ebda ? ((hpa_t)load16(ebda) << 4) + KIB(1) : 0},
        {0xe0000, 0x100000},
    };

    for (size_t i = 0; i < ARRAY_SIZE(areas); i++)
        for (hpa_t at = areas[i].start; at < areas[i].end; at += 16) {
            const uint8_t *p = read(at, RSDP_BYTES_V1);

            if (p && is_rsdp(p, RSDP_BYTES_V1) && p[RSDP_REVISION] >= 2)
                p = read(at, RSDP_BYTES_V2);
            else if (p && !is_rsdp(p, RSDP_BYTES_V1))
                p = NULL;
            if (p)
                return p;
        }
    return NULL;
}

/* A table with the right signature, length and checksum, or NULL. */
static const uint8_t *find_table(physical_reader read, hpa_t at, const char *signature, uint32_t bytes_min,
                                 uint32_t *bytes)
{
    const uint8_t *p = at ? read(at, HEADER_BYTES) : NULL;

    if (!p || (signature && memcmp(p, signature, 4)))
        return NULL;
    *bytes = load32(p + HEADER_LENGTH);
    if (*bytes < bytes_min || *bytes > TABLE_BYTES_MAX)
        return NULL;
    p = read(at, *bytes);
    return p && acpi_sums_to_zero(p, *bytes) ? p : NULL;
}

/* OEM strings are padded with blanks. */
static void copy_oem(char *to, const uint8_t *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = from[i] >= ' ' && from[i] <= '~' ? (char)from[i] : ' ';
    while (bytes && to[bytes - 1] == ' ')
        bytes--;
    to[bytes] = '\0';
}

/* FADT and MADT by way of RSDT (4-byte entries) or XSDT (8-byte entries). NULL: no FADT. */
static const uint8_t *find_fadt(struct acpi_info *info, physical_reader read, hpa_t root, bool is_xsdt,
                                uint32_t *fadt_bytes)
{
    uint32_t bytes, entry_bytes = is_xsdt ? 8 : 4, found_bytes;
    const uint8_t *table = find_table(read, root, is_xsdt ? "XSDT" : "RSDT", HEADER_BYTES, &bytes);
    const uint8_t *fadt = NULL, *found;

    if (!table)
        return NULL;
    copy_oem(info->oem, table + HEADER_OEM, 6);
    copy_oem(info->oem_table, table + HEADER_OEM_TABLE, 8);
    for (uint32_t at = HEADER_BYTES; bytes - at >= entry_bytes; at += entry_bytes) {
        hpa_t entry = is_xsdt ? load64(table + at) : load32(table + at);

        if (!fadt && (found = find_table(read, entry, "FACP", FADT_BYTES_MIN, &found_bytes)) != NULL) {
            fadt = found;
            *fadt_bytes = found_bytes;
        } else if (!info->madt && find_table(read, entry, "APIC", MADT_BYTES_MIN, &found_bytes)) {
            info->madt = entry;
            info->madt_bytes = found_bytes;
        }
    }
    return fadt;
}

/* A control register's port: the old field, or the generic address that replaces it where that is an I/O
 * port. */
static uint16_t control_port(const uint8_t *fadt, uint32_t bytes, uint32_t old_offset, uint32_t new_offset)
{
    uint32_t port = load32(fadt + old_offset);

    if (bytes >= new_offset + GAS_BYTES && fadt[new_offset] == ACPI_SPACE_IO) {
        uint64_t address = load64(fadt + new_offset + GAS_ADDRESS);

        if (address && address <= UINT16_MAX)
            return (uint16_t)address;
    }
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static void take_reset(struct acpi_info *info, const uint8_t *fadt, uint32_t bytes)
{
    const uint8_t *gas = fadt + FADT_RESET_REGISTER;

    if (bytes <= FADT_RESET_VALUE || !(load32(fadt + FADT_FLAGS) & FADT_FLAG_RESET) ||
        gas[0] > ACPI_SPACE_PCI)
        return;
    info->reset_space = (enum acpi_space)gas[0];
    info->reset_address = load64(gas + GAS_ADDRESS);
    info->reset_value = fadt[FADT_RESET_VALUE];
    info->has_reset = info->reset_address && (gas[0] != ACPI_SPACE_IO || info->reset_address <= UINT16_MAX);
}

/*
 * One integer of the package \_S5_: ZeroOp, OneOp, or BytePrefix and a byte (ACPI 6.5, 20.2.3). Returns the
 * bytes taken, 0 for anything else.
 */
static size_t aml_byte(const uint8_t *p, size_t left, uint8_t *value)
{
    if (left >= 1 && p[0] <= 1) {
        *value = p[0];
        return 1;
    }
    if (left >= 2 && p[0] == 0x0a) {
        *value = p[1];
        return 2;
    }
    return 0;
}

/* At `p`, behind the name: PackageOp, PkgLength (1 to 4 bytes, ACPI 6.5, 20.2.4), NumElements, SLP_TYPa,
 * SLP_TYPb. */
static bool aml_s5_package(struct acpi_info *info, const uint8_t *p, size_t left)
{
    size_t at, n;
    uint8_t a, b;

    if (left < 2 || p[0] != 0x12)
        return false;
    at = 1 + 1 + (p[1] >> 6) + 1;
    n = at < left ? aml_byte(p + at, left - at, &a) : 0;
    if (!n)
        return false;
    at += n;
    n = at < left ? aml_byte(p + at, left - at, &b) : 0;
    if (a > 7 || (n && b > 7))
        return false;
    info->s5_type_a = a;
    info->s5_type_b = n ? b : a;
    info->has_s5 = true;
    return true;
}

/* Looks for Name(\_S5_, Package…): NameOp stands before the name, or before the root prefix before it. */
static void take_s5(struct acpi_info *info, const uint8_t *dsdt, uint32_t bytes)
{
    for (uint32_t at = HEADER_BYTES + 1; bytes >= 4 && at <= bytes - 4; at++) {
        if (memcmp(dsdt + at, "_S5_", 4))
            continue;
        if (dsdt[at - 1] != 0x08 && !(dsdt[at - 1] == '\\' && dsdt[at - 2] == 0x08))
            continue;
        if (aml_s5_package(info, dsdt + at + 4, bytes - at - 4))
            return;
    }
}

static void take_fadt(struct acpi_info *info, physical_reader read, const uint8_t *fadt, uint32_t bytes)
{
    hpa_t dsdt_at = load32(fadt + FADT_DSDT);
    uint32_t dsdt_bytes;
    const uint8_t *dsdt;

    info->pm1a_control = control_port(fadt, bytes, FADT_PM1A_CONTROL, FADT_X_PM1A_CONTROL);
    info->pm1b_control = control_port(fadt, bytes, FADT_PM1B_CONTROL, FADT_X_PM1B_CONTROL);
    take_reset(info, fadt, bytes);
    if (bytes >= FADT_X_DSDT + 8 && load64(fadt + FADT_X_DSDT))
        dsdt_at = load64(fadt + FADT_X_DSDT);
    dsdt = find_table(read, dsdt_at, "DSDT", HEADER_BYTES, &dsdt_bytes);
    if (dsdt)
        take_s5(info, dsdt, dsdt_bytes);
}

bool acpi_find(struct acpi_info *info, const void *rsdp, size_t rsdp_bytes, physical_reader read, char *error,
               size_t size)
{
    const uint8_t *p = rsdp, *fadt = NULL;
    hpa_t rsdt, xsdt;
    uint32_t bytes;

    memset(info, 0, sizeof(*info));
    if (p && !is_rsdp(p, rsdp_bytes))
        p = NULL;
    if (p && p[RSDP_REVISION] >= 2 && rsdp_bytes < RSDP_BYTES_V2)
        p = NULL;
    const uint8_t *low = scan_for_rsdp(read);
    info->rsdp_is_low = low != NULL;
    if (!p)
        p = low;
    if (!p)
        return error_text(error, size, "ACPI: no RSDP: the machine can only be switched off by hand");
    rsdt = load32(p + RSDP_RSDT);
    xsdt = p[RSDP_REVISION] >= 2 && acpi_sums_to_zero(p, RSDP_BYTES_V2) ? load64(p + RSDP_XSDT) : 0;
    if (xsdt)
        fadt = find_fadt(info, read, xsdt, true, &bytes);
    if (!fadt)
        fadt = find_fadt(info, read, rsdt, false, &bytes);
    if (!fadt)
        return error_text(error, size, "ACPI: no valid FADT by way of RSDT 0x%lx, XSDT 0x%lx", rsdt, xsdt);
    take_fadt(info, read, fadt, bytes);
    return true;
}
