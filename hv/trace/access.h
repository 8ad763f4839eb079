/*
 * One memory access of the guest, as an engine hands it to the hook and as the
 * reader gives it back.
 */
#ifndef ENGRAM_TRACE_ACCESS_H
#define ENGRAM_TRACE_ACCESS_H

#include <stdint.h>

enum access_kind { ACCESS_READ = 0, ACCESS_WRITE = 1 };

/* What is recorded of accesses: reads and writes of every cause but page walks' reads, which are chosen by
 * themselves. */
enum record_kinds { RECORD_READS = 1, RECORD_WRITES = 2, RECORD_WALK_READS = 4 };

/* Why the CPU made the access. Values stand in the trace (docs/format.md, Sites). */
enum access_cause {
    CAUSE_INSTRUCTION = 0,
    CAUSE_EXCEPTION = 1, /* delivery of an exception or software interrupt */
    CAUSE_INTERRUPT = 2, /* delivery of an external interrupt or NMI */
    CAUSE_PAGE_WALK = 3,
    CAUSE_DESCRIPTOR = 4,
    CAUSE_TASK_SWITCH = 5,
};

#define ACCESS_MMIO 0x01u
#define ACCESS_LOCKED 0x02u
#define ACCESS_REP 0x04u
#define ACCESS_CROSSES 0x08u /* continues on another page, at gpa2 */

#define ACCESS_SIZE_MAX 64u

struct access {
    uint64_t rip;  /* linear, of the instruction (CS base + IP); for event delivery of the interrupted one */
    uint64_t gva;  /* linear address of the first byte */
    uint64_t gpa;  /* guest-physical address of the first byte */
    uint64_t gpa2; /* guest-physical address of the page that holds the rest, with ACCESS_CROSSES */
    uint64_t cr3;
    uint64_t icount;  /* instructions completed before; meaningful where the trace has counts */
    uint8_t kind;     /* enum access_kind */
    uint8_t cause;    /* enum access_cause */
    uint8_t vector;   /* for CAUSE_EXCEPTION and CAUSE_INTERRUPT */
    uint8_t flags;    /* ACCESS_... */
    uint8_t size;     /* bytes, 1 to ACCESS_SIZE_MAX */
    uint8_t context;  /* CPL, mode, paging: the format's context byte */
    uint8_t has_data; /* data[0 .. size) is valid */
    uint8_t data[ACCESS_SIZE_MAX];
};

#endif
