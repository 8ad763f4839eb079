/* The hypervisor's own descriptor tables and exceptions. */
#ifndef ENGRAM_INTERRUPTS_H
#define ENGRAM_INTERRUPTS_H

#include "types.h"

#define HOST_CODE_SELECTOR 0x08
#define HOST_DATA_SELECTOR 0x10
#define HOST_TSS_SELECTOR 0x18

/* In interrupts.asm; an engine needs their addresses as host state. */
extern uint8_t gdt[], tss[];

/* Loads GDT, TSS and IDT. */
void interrupts_init(void);

uint64_t idt_address(void); /* virtual */

/* NMIs that came while the hypervisor ran, since the last call: they are the guest's. */
extern volatile unsigned host_nmis;
static inline unsigned take_host_nmis(void)
{
    return host_nmis ? __atomic_exchange_n(&host_nmis, 0, __ATOMIC_RELAXED) : 0;
}

#endif
