/*
 * One processor is the guest's; the others stay where the firmware left them. The tables that list them are
 * changed before the guest sees them: entries of other processors in ACPI's MADT (specification 6.5, 5.2.12)
 * become ones of a type that systems skip, those of the MultiProcessor Specification (1.4, chapter 4)
 * unusable.
 */
#ifndef ENGRAM_PROCESSORS_H
#define ENGRAM_PROCESSORS_H

#include "acpi.h"

struct processors {
    unsigned others; /* that the MADT lists; 0 where it does not list this one */
    bool hidden;     /* false: the MADT cannot be changed */
};

/* `apic_id` is this processor's. */
struct processors processors_hide_others(const struct acpi_info *acpi, uint32_t apic_id, physical_reader read,
                                         physical_writer write);

#endif
