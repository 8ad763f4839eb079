/* Configuration mechanism 1 (PCI Local Bus Specification 3.0, 3.2.2.3.2). */
#include "pci.h"

#include "types.h"
#include "x86/io.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc
#define CONFIG_ENABLE 0x80000000u
#define BUSES 256u
#define DEVICES 32u
#define FUNCTIONS 8u

/* Offsets in a function's header (6.1) and what they hold. */
#define HEADER_ID 0x00
#define HEADER_COMMAND 0x04
#define HEADER_TYPE 0x0c /* byte 2 of it */
#define ID_NONE 0xffffu
#define COMMAND_BUS_MASTER 0x4u
#define TYPE_MULTI_FUNCTION 0x800000u

static uint32_t read_config(unsigned bus, unsigned device, unsigned function, unsigned offset)
{
    out32(CONFIG_ADDRESS, CONFIG_ENABLE | bus << 16 | device << 11 | function << 8 | offset);
    return in32(CONFIG_DATA);
}

static unsigned masters_of(unsigned bus, unsigned device)
{
    unsigned masters = 0, functions = 1;
    for (unsigned f = 0; f < functions; f++) {
        if ((read_config(bus, device, f, HEADER_ID) & 0xffff) == ID_NONE)
            continue;
        if (f == 0 && read_config(bus, device, 0, HEADER_TYPE) & TYPE_MULTI_FUNCTION)
            functions = FUNCTIONS;
        masters += (read_config(bus, device, f, HEADER_COMMAND) & COMMAND_BUS_MASTER) != 0;
    }
    return masters;
}

unsigned pci_bus_masters(void)
{
    unsigned masters = 0;
    for (unsigned bus = 0; bus < BUSES; bus++)
        for (unsigned device = 0; device < DEVICES; device++)
            masters += masters_of(bus, device);
    return masters;
}
