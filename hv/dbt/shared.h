/*
 * What the core and the DBT engine's part at CPL 3 say to each other, and where
 * things lie in that part's address space.
 *
 * The part at CPL 3 (hv/dbt/user/, dbt/, the decoder) asks with UD2 at
 * dbt_core_call, its request in dbt_shared. The core enters it with IRETQ. The
 * core believes nothing that lies here: sizes and indices are checked after they
 * have been copied.
 */
#ifndef ENGRAM_HV_DBT_SHARED_H
#define ENGRAM_HV_DBT_SHARED_H

#include "trace/filter.h"
#include "trace/hook.h"
#include "trace/ring.h"
#include "types.h"

/* Linear addresses at CPL 3. Between the regions nothing is mapped. */
#define USER_BUDGET 0x40000000u /* where the budget points to (dbt/run.c): below 4 GiB */
/* Segments of the ring, below 4 GiB (dbt/record.h), at this distance. The budget has a GiB of its own. */
#define USER_TRACE 0x80000000ull
#define USER_TRACE_STRIDE (2ull * RING_SEGMENT_MAX)
#define USER_MEMORY 0x100000000000ull /* tables, stacks */
#define USER_CODE 0x180000000000ull   /* the code cache */
#define USER_WINDOW 0x400000000000ull /* guest-physical memory */

#define USER_BUDGET_BYTES MIB(64)
#define WINDOW_SEGMENTS 8u

enum dbt_request {
    REQUEST_NONE,
    REQUEST_PORT_IN,   /* port, bytes; answer: value */
    REQUEST_PORT_OUT,  /* port, bytes, value */
    REQUEST_CPUID,     /* registers in the vcpu, as its results */
    REQUEST_READ_MSR,  /* value: number; answer: value, and 1 in `ok` if the MSR is there */
    REQUEST_WRITE_MSR, /* value: number, value2: what */
    REQUEST_HYPERCALL, /* registers in the vcpu, as its results; of a mark `line` is the text, if it could be
                          read: then `ok` is 1. Answer: 1 in `ok` if it was one */
    REQUEST_TEXT,      /* `text` has gone out on the console's line */
    REQUEST_POLL,
    REQUEST_INTERRUPTS, /* the CPU takes interrupts from now on */
    REQUEST_WAIT,       /* until an interrupt is due */
    REQUEST_HIDDEN,     /* value: guest-physical address; value2: RIP */
    REQUEST_BREAK,      /* value: which */
    REQUEST_COUNTED,    /* `count_to` instructions have been executed; it is 0 then */
    REQUEST_DEFINE,     /* what waits in the recorder is for the dictionary */
    REQUEST_SEGMENTS,   /* `use` tells of the segments so far, if there were any; answer: new ones, `segments`
                           of them */
    REQUEST_RELEASE,    /* `use` tells of the segments; there are none from now on */
    REQUEST_NEW_DICTIONARY,
    REQUEST_ENDED, /* value: enum dbt_ended; line */
    REQUEST_DONE,  /* a command is carried out */
    REQUEST_COUNT
};

enum dbt_ended { ENDED_TRIPLE_FAULT, ENDED_HLT, ENDED_FATAL };

/* What the core has the part at CPL 3 do between two requests of the run. */
enum dbt_command {
    COMMAND_INIT,
    COMMAND_RECORD, /* value: enum record_kinds, 0: no longer; filter */
    COMMAND_FORGET, /* the dictionary is empty */
    COMMAND_COUNTERS,
    COMMAND_COUNT, /* `count_to` is new */
    COMMAND_BREAK, /* value: which; value2: address; ok: armed */
    COMMAND_COPY   /* value2 to value, `copy_bytes`, then zeros up to `copy_total`: guest-physical */
};

#define SHARED_TEXT 4096u
#define TEXT_AT_ONCE 256u
#define PORTS 65536u

struct dbt;

struct dbt_shared {
    uint32_t request;
    uint16_t port;
    uint8_t bytes, ok;
    uint64_t value, value2;

    /* 1 while the CPU takes interrupts; none is due then. */
    volatile uint8_t interrupts_open;
    volatile uint8_t nmi; /* 1: one is to be delivered; CPL 3 clears it then */
    volatile int16_t
        due; /* the vector of an interrupt that the CPU has taken, -1: none; CPL 3 clears it likewise */

    struct {
        uint64_t pc, address, vector;
    } trap;

    uint64_t copy_bytes, copy_total;

    /* The console's line (user/ports.c). */
    struct {
        uint16_t port;
        uint8_t direct;     /* CPL 3 sends the guest's text itself */
        uint8_t bytes_wait; /* received ones: the core has them */
        int16_t watched;    /* a byte that the core has to hear of at once, or -1 */
        uint16_t bytes;
        uint8_t byte[TEXT_AT_ONCE];
    } text;

    uint8_t core_ports[PORTS / 8]; /* a bit for each port that is reached by the core alone */

    /* Set up by the core before COMMAND_INIT. */
    struct dbt *engine;
    void *code;
    uint64_t code_bytes;
    uint64_t poll_ticks; /* of the time-stamp counter, between two REQUEST_POLLs */

    struct filter filter;

    uint32_t segments, segment_bytes;
    struct raw_use use[WINDOW_SEGMENTS];
    uint64_t count_to; /* the number of instructions at which the core wants to be asked; 0: none */

    char line[SHARED_TEXT];
};

/* In the part at CPL 3. */
extern struct dbt_shared dbt_shared;
extern struct dbt dbt_user_engine;
extern uint8_t dbt_core_call[];     /* the UD2 */
extern uint8_t dbt_trap_entry[];    /* goes on with a trap in translated code */
extern uint8_t dbt_user_selftest[]; /* BMI2, then the gate */
extern uint8_t dbt_user_run[];      /* void (void): runs the guest; does not return */
extern uint8_t dbt_user_command[];  /* void (uint32_t command): ends in REQUEST_DONE */

#endif
