/*
 * What an engine is to the core: it runs the guest until something happens
 * that both engines leave to the same code (hv/exit.c). Neither engine knows
 * the other; the core knows neither from within.
 */
#ifndef ENGRAM_ENGINE_H
#define ENGRAM_ENGINE_H

#include "trace/filter.h"
#include "types.h"
#include "vcpu.h"

enum exit_kind {
    EXIT_IO, /* IN, OUT, INS, OUTS on a port the core intercepts */
    EXIT_CPUID,
    EXIT_RDMSR,
    EXIT_WRMSR,
    EXIT_XSETBV,
    EXIT_HLT,  /* HLT that nothing can end: interrupts are off */
    EXIT_TEXT, /* the guest has sent on the console's line; the engine has carried it out */
    EXIT_HYPERCALL,
    EXIT_POLL,    /* the poll period is over: look at the serial line and the clock */
    EXIT_TRIGGER, /* a start= or stop= address was reached; `trigger` says which */
    EXIT_COUNT,   /* so many instructions have been executed as count_to() was told */
    EXIT_TRIPLE_FAULT,
    EXIT_RESET, /* INIT, SIPI */
    EXIT_FATAL, /* the engine cannot go on; `text` says why, registers are in the vcpu */
};

enum trigger { TRIGGER_START, TRIGGER_STOP, TRIGGER_COUNT };

struct vm_exit {
    enum exit_kind kind;
    union {
        struct {
            uint16_t port;
            uint8_t size; /* bytes: 1, 2, 4 */
            bool in;
            bool string; /* INS, OUTS: one element at `linear`; with `rep` only where the count is not 0 */
            bool rep;
            uint8_t address_bytes; /* 2, 4, 8 */
            gva_t linear;
        } io;
        struct {
            const uint8_t *text;
            size_t bytes;
        } sent;
        enum trigger trigger;
        const char *text;
    };
    uint8_t instruction_bytes; /* length of the exiting instruction, where there is one */
};

/* The machine as the core found it; what an engine needs to build the guest's memory. */
struct machine;

struct engine {
    const char *name; /* "vmx", "dbt" */
    bool has_a20;     /* carries out itself what closing the A20 gate (port 0x92) does */
    bool raw;         /* writes raw segments (trace/raw.h), with instruction counts */

    /* True if this engine can run here. `why` gets one line either way. */
    bool (*probe)(char *why, size_t size);

    /* Bytes of contiguous memory the engine wants, hidden from the guest: machine.engine_memory at init.
     * NULL: none. */
    uint64_t (*memory)(const struct machine *m);

    /* Builds what the engine needs. `v` is the state the guest starts in; it stays the guest's. Errors end in
     * panic(). */
    void (*init)(const struct machine *m, struct vcpu *v);

    /* After init: `bytes` of the guest's memory from one place to another, and zeros behind them up to
     * `total`. NULL: the core does it as well as the engine would. */
    void (*copy)(gpa_t to, gpa_t from, uint64_t bytes, uint64_t total);

    /* Runs the guest until the next exit. General registers, RIP and RFLAGS in `v` are current afterwards
     * and are taken from it at the next call. */
    void (*run)(struct vcpu *v, struct vm_exit *e);

    /* Fills in all of `v`, for code that needs more than the general registers. */
    void (*save_state)(struct vcpu *v);

    /* RIP over the exiting instruction, with what that implies (interrupt shadow, single step). */
    void (*advance)(struct vcpu *v, const struct vm_exit *e);

    /* An exception as the exiting instruction's result, instead of advance(). With #PF the guest's CR2
     * becomes v->cr2. */
    void (*inject_exception)(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error);

    /* The core wants EXIT_IO for accesses that touch this port with any of their bytes, or no longer; all
     * others pass through. */
    void (*intercept_port)(uint16_t port, bool on);

    /* Copies from the guest's linear address space, as the current instruction would read it. False where
     * a page is absent. */
    bool (*read_guest)(struct vcpu *v, gva_t from, void *to, size_t bytes);

    /* What is recorded from now on, of what the filter lets by (never NULL): enum record_kinds of
     * trace/access.h. 0: nothing, then the guest runs at full speed. */
    void (*set_recording)(unsigned kinds, const struct filter *filter);

    /* While nothing is recorded: all that was is in the ring, packed. NULL: it always is. */
    void (*pack)(void);

    /* Events recorded that hook_events() does not know of yet. NULL: there are none. */
    uint64_t (*pending_events)(void);

    /* At EXIT_POLL: what is recorded in segments that are open is told to the ring, for who finds it after a
     * reset. NULL: hook_checkpoint() does. */
    void (*checkpoint)(void);

    /* After an error: what can be read of all that was recorded comes into the ring, without the guest or the
     * engine's own state being looked at. NULL: it is there already. */
    void (*salvage)(void);

    /* Calls back with EXIT_TRIGGER when the guest is about to execute linear address `at`. */
    void (*set_trigger)(enum trigger t, bool armed, gva_t at);

    /* Calls back, once, with EXIT_COUNT when the guest has executed that many instructions since its first
     * one. NULL: they are not counted. */
    void (*count_to)(uint64_t instructions);

    /* Adds lines `counter.NAME=value` and `tally.NAME=value` for META. */
    size_t (*counters)(char *text, size_t size);

    /* Leaves the processor as probe() found it: for good, before the machine is halted, reset or switched
     * off. */
    void (*stop)(void);
};

extern const struct engine vmx_engine, dbt_engine;

#endif
