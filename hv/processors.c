#include "processors.h"

#include "acpi.h"
#include "trace/bytes.h"

#include <string.h>

#define ACPI_CHECKSUM 9u

enum madt_type { MADT_LOCAL_APIC = 0, MADT_LOCAL_X2APIC = 9, MADT_OEM = 0xff };
#define MADT_HEADER_BYTES 44u
#define LOCAL_APIC_BYTES 8u /* type, length, processor, APIC id, u32 flags */
#define LOCAL_APIC_ID 3u
#define LOCAL_X2APIC_BYTES 16u
#define LOCAL_X2APIC_ID 4u

static void fix_checksum(uint8_t *table, uint32_t bytes, uint32_t field)
{
    uint8_t sum = 0;
    table[field] = 0;
    for (uint32_t i = 0; i < bytes; i++)
        sum = (uint8_t)(sum + table[i]);
    table[field] = (uint8_t)-sum;
}

/* ---- MADT ---- */

static bool madt_processor(const uint8_t *entry, uint32_t *apic_id)
{
    if (entry[0] == MADT_LOCAL_APIC && entry[1] >= LOCAL_APIC_BYTES)
        *apic_id = entry[LOCAL_APIC_ID];
    else if (entry[0] == MADT_LOCAL_X2APIC && entry[1] >= LOCAL_X2APIC_BYTES)
        *apic_id = load32(entry + LOCAL_X2APIC_ID);
    else
        return false;
    return true;
}

/* Counts processors, this one and others; with `hide` the others' entries are changed. */
static unsigned madt_walk(uint8_t *madt, uint32_t bytes, uint32_t own_id, bool hide, bool *has_own)
{
    unsigned others = 0;
    for (uint32_t at = MADT_HEADER_BYTES; bytes - at >= 2; at += madt[at + 1]) {
        uint8_t *entry = madt + at;
        uint32_t id;
        if (entry[1] < 2 || entry[1] > bytes - at)
            break;
        if (!madt_processor(entry, &id))
            continue;
        if (id == own_id) {
            *has_own = true;
            continue;
        }
        others++;
        if (hide)
            entry[0] = MADT_OEM;
    }
    return others;
}

static struct processors hide_in_madt(const struct acpi_info *acpi, uint32_t apic_id, physical_writer write)
{
    uint8_t *madt = acpi->madt ? write(acpi->madt, acpi->madt_bytes) : NULL;
    struct processors found = {.hidden = true};
    bool has_own = false;
    if (!madt)
        return found;
    unsigned others = madt_walk(madt, acpi->madt_bytes, apic_id, false, &has_own);
    if (!others || !has_own)
        return found;
    madt_walk(madt, acpi->madt_bytes, apic_id, true, &has_own);
    fix_checksum(madt, acpi->madt_bytes, ACPI_CHECKSUM);
    found.others = others;
    found.hidden = madt_walk(madt, acpi->madt_bytes, apic_id, false, &has_own) == 0;
    return found;
}

/* ---- MultiProcessor Specification ---- */

#define MP_POINTER_BYTES 16u
#define MP_POINTER_TABLE 4u
#define MP_HEADER_BYTES 44u
#define MP_LENGTH 4u
#define MP_CHECKSUM 7u
#define MP_COUNT 34u
#define MP_PROCESSOR_BYTES 20u /* type 0, APIC id, version, flags … */
#define MP_OTHER_BYTES 8u
#define MP_USABLE 1u

/* The floating pointer's table, by the places of 4.1; NULL: there is none. */
static uint8_t *find_mp_table(physical_reader read, physical_writer write, uint32_t *bytes)
{
    const uint8_t *ebda = read(0x40e, 2);
    const hpa_t ebda_start = ebda ? (hpa_t)load16(ebda) << 4 : 0;
    const struct {
        hpa_t start, end;
    } areas[] = {{ebda_start, ebda_start + KIB(1)}, {0x9fc00, 0xa0000}, {0xf0000, 0x100000}};

    for (size_t i = 0; i < ARRAY_SIZE(areas); i++)
        for (hpa_t at = areas[i].start; at < areas[i].end; at += 16) {
            const uint8_t *p = read(at, MP_POINTER_BYTES);
            if (!p || memcmp(p, "_MP_", 4) || !acpi_sums_to_zero(p, MP_POINTER_BYTES))
                continue;
            hpa_t table = load32(p + MP_POINTER_TABLE);
            const uint8_t *t = table ? read(table, MP_HEADER_BYTES) : NULL;
            if (!t || memcmp(t, "PCMP", 4))
                continue;
            *bytes = load16(t + MP_LENGTH);
            t = *bytes >= MP_HEADER_BYTES ? read(table, *bytes) : NULL;
            if (t && acpi_sums_to_zero(t, *bytes))
                return write(table, *bytes);
        }
    return NULL;
}

static void hide_in_mp_table(uint32_t apic_id, physical_reader read, physical_writer write)
{
    uint32_t bytes, at = MP_HEADER_BYTES;
    uint8_t *table = find_mp_table(read, write, &bytes);
    if (!table)
        return;
    for (unsigned n = load16(table + MP_COUNT); n; n--) {
        uint32_t length = at < bytes && table[at] == 0 ? MP_PROCESSOR_BYTES : MP_OTHER_BYTES;
        if (at >= bytes || bytes - at < length)
            break;
        if (table[at] == 0 && table[at + 1] != apic_id)
            table[at + 3] &= (uint8_t)~MP_USABLE;
        at += length;
    }
    fix_checksum(table, bytes, MP_CHECKSUM);
}

struct processors processors_hide_others(const struct acpi_info *acpi, uint32_t apic_id, physical_reader read,
                                         physical_writer write)
{
    hide_in_mp_table(apic_id, read, write);
    return hide_in_madt(acpi, apic_id, write);
}
