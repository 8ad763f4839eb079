/* PCI configuration space, as far as the hypervisor looks at it. */
#ifndef ENGRAM_PCI_H
#define ENGRAM_PCI_H

/* Functions that are enabled to read and write memory by themselves. The guest must have stopped for good: it
 * may have been about to use the same ports. */
unsigned pci_bus_masters(void);

#endif
