/* Page-table entries and page-fault error codes (SDM Vol. 3A, 4.3 to 4.7). */
#ifndef ENGRAM_X86_PAGING_H
#define ENGRAM_X86_PAGING_H

#define PTE_PRESENT (1ull << 0)
#define PTE_WRITABLE (1ull << 1)
#define PTE_USER (1ull << 2)
#define PTE_ACCESSED (1ull << 5)
#define PTE_DIRTY (1ull << 6)
#define PTE_PAGE_SIZE (1ull << 7)
#define PTE_GLOBAL (1ull << 8)
#define PTE_NO_EXECUTE (1ull << 63)
#define PDPTE_PAE_RESERVED 0x1e6ull /* below the address; PAE paging only */
#define PTE_ADDRESS 0x000ffffffffff000ull

/* Page-fault error codes (4.7). */
#define FAULT_PRESENT 0x01u
#define FAULT_WRITE 0x02u
#define FAULT_USER 0x04u
#define FAULT_RESERVED 0x08u
#define FAULT_FETCH 0x10u

#endif
