/*
 * What the files of the VMX engine share: the state of its one virtual CPU.
 *
 *   vmx.c       the engine's operations, the run loop
 *   exit.c      an exit's reason to what happens
 *   violation.c EPT violations: what kind, which way to go on
 *   code.c      the guest's mode, and the instruction at RIP
 *   emulate.c   plain stores, carried out by the hypervisor: one exit per write
 *   system.c    system instructions and the delivery of events, by what both engines share (dbt/sys/)
 *   string.c    REP MOVS, STOS and LODS, many iterations at once
 *   step.c      any other instruction: one step under the open view
 *   single.c    every instruction: where reads are recorded
 *   event.c     exceptions, interrupts and NMIs that are due: which comes next, and when
 *   control.c   CR0, CR4, debug registers
 *   trigger.c   start= and stop= addresses
 *   record.c    where an access lies, and its way to the hook
 *   vector.c    vector registers that decide what an instruction touches
 *   state.c     the VMCS from and to struct vcpu
 */
#ifndef ENGRAM_VMX_VMX_H
#define ENGRAM_VMX_VMX_H

#include "dbt/sys/sys.h"
#include "decode/insn.h"
#include "engine.h"
#include "tally.h"
#include "trace/access.h"
#include "vmx/counters.h"
#include "vmx/ept.h"
#include "vmx/vmcs.h"
#include "vmx/walk.h"

/* An event to inject at the next entry. */
struct pending_event {
    bool valid, has_error;
    bool to_task; /* through a task gate: the CPU leaves it to the hypervisor (SDM Vol. 3C, 26.4.2) */
    uint8_t vector;
    uint8_t type;   /* enum interruption_type */
    uint8_t length; /* of the instruction, for software events */
    uint32_t error;
};

enum step_kind {
    STEP_NONE,
    STEP_INSTRUCTION, /* an instruction whose accesses are listed */
    STEP_UNTRACED,    /* an instruction or delivery that touches hidden memory while nothing is recorded */
};

/* One for each priority of the local APIC (SDM Vol. 3A, 11.8.3) and each input of the 8259s. */
#define HELD_INTERRUPTS_MAX 32u

struct vmx {
    struct vcpu *v; /* of the run() under way */
    bool launched;
    bool recording, records_reads, records_writes;
    bool steps_all; /* every instruction is stepped or carried out, none runs freely */
    uint64_t entered_rip, entered_rsp, entered_rflags; /* as the VMCS holds them */

    uint32_t pin, proc; /* controls as last written */

    struct pending_event event;
    bool nmi_pending;
    /* External interrupts that the CPU has acknowledged and the guest not taken; the last has the highest
     * priority. */
    unsigned held_count;
    uint8_t held[HELD_INTERRUPTS_MAX];
    /* Where every instruction is stepped: an interrupt was delivered; what it has interrupted still gets on
     * by so many instructions. */
    bool interrupted;
    unsigned going_on;
    bool looked; /* the CPU has just had occasion to take one */
    gva_t halted_at;
    unsigned halted; /* length of the HLT at RIP that waits, where the CPU has no activity state for it */
    enum step_kind step;
    enum exit_use exit_use; /* of the exit under way */

    uint64_t poll_ticks, poll_at; /* TSC */
    uint64_t exited_at;           /* TSC at the last VM exit */
    bool armed[TRIGGER_COUNT];
    gva_t trigger_at[TRIGGER_COUNT];
};
extern struct vmx vmx;

/* The exit under way. */
struct exit_info {
    uint32_t reason;
    uint64_t qualification;
    uint32_t idt_vectoring;
};

/* vmx.c */
void vmx_set_pin(uint32_t bits, bool on);
void vmx_set_proc(uint32_t bits, bool on);
void vmx_set_view(enum ept_view view);
enum ept_view vmx_resting_view(void); /* the one that fits when no step is under way */
void vmx_update_exception_bitmap(void);
void vmx_skip_instruction(unsigned length);

/* exit.c: true if the core has to see it; then `e` is filled in. */
bool vmx_handle_exit(const struct exit_info *x, struct vm_exit *e);
/* Ends the run with EXIT_FATAL and prints exit, qualification and addresses. Returns true. */
bool vmx_fatal(const struct exit_info *x, struct vm_exit *e, const char *what);

/* violation.c */
bool vmx_ept_violation(const struct exit_info *x, struct vm_exit *e);

static inline bool guest_in_64_bit_code(void)
{
    return (vmread(VMCS_GUEST_EFER) & EFER_LMA) && (vmread(VMCS_GUEST_CS_ACCESS) & SEGMENT_L);
}

/* code.c: what decoding and tracing need of the guest's mode, read once per exit. */
struct code_state {
    enum code_size size;
    uint8_t context; /* the trace format's context byte */
    gva_t rip;       /* linear */
    struct paging_state paging;
};
void code_state_load(struct code_state *c);
/* CR4 and EFER as far as paging goes: without it they say nothing, EFER.LMA is 0 (SDM Vol. 3A, 2.2.1). */
static inline void paging_state_load(struct paging_state *s)
{
    s->cr0 = vmread(VMCS_GUEST_CR0);
    s->cr3 = vmread(VMCS_GUEST_CR3);
    s->cr4 = s->efer = 0;
    if (!(s->cr0 & CR0_PG))
        return;
    s->cr4 = vmread(VMCS_GUEST_CR4);
    s->efer = vmread(VMCS_GUEST_EFER);
    if ((s->cr4 & CR4_PAE) && !(s->efer & EFER_LMA))
        for (unsigned i = 0; i < 4; i++)
            s->pdpte[i] = vmread_nth(VMCS_GUEST_PDPTE0, i);
}
void insn_cache_init(void);
/* The instruction at RIP, or NULL if it cannot be fetched or decoded. Loads the segments that it uses into
 * the vcpu. */
const struct insn *insn_fetch(const struct code_state *c);
/* Its bytes behind legacy prefixes and REX; at least one. */
const uint8_t *insn_opcode(const struct insn *insn);

/* record.c: where an access lies in physical memory. Of one that crosses a page border between traced memory
 * and other (MMIO, hidden) it is the part in traced memory. */
struct location {
    gva_t linear;
    gpa_t gpa, gpa2;
    gpa_t hidden; /* an address of the whole access that is hidden memory; 0: none is */
    uint8_t size;
    bool crosses;
    bool traced; /* false: some of it is unmapped, or none in traced memory */
};
/* `low` is where its first byte lies; `high` where its first byte on the second page does, if it has one. */
void location_set(struct location *p, gva_t linear, unsigned size, gpa_t low, gpa_t high);
void location_find(struct location *p, const struct paging_state *s, gva_t linear, unsigned size);
void location_read(const struct location *p, uint8_t *data); /* traced memory */
void location_overwrite(const struct location *p);           /* before it is, for the proof */
/* What all accesses of one instruction or event have in common. */
struct origin {
    gva_t rip;
    uint64_t cr3;
    uint8_t context, cause, vector;
};
/* Hands an access to the hook, and counts it if it was recorded. */
void hand_over(const struct access *a);
extern struct tally vmx_tally;
/* To the hook, if this kind is recorded; `data` are of the location's size. */
void record_access(const struct origin *o, const struct location *p, uint8_t kind, uint8_t flags,
                   const uint8_t *data);
void record_walk(const struct origin *o, gpa_t entry, uint64_t value, unsigned bytes);

/* system.c */
void system_init(const struct machine *m);
/* Carries out the instruction at RIP, or iterations of it, if it is one of those that are not stepped; an
 * exception that it raises is due afterwards. `ends`: the run is over. */
bool system_carry_out(const struct insn *insn, struct vm_exit *e, bool *ends);
/* What the CPU reads before it carries out a port instruction: the TSS's I/O permission bitmap. */
void system_note_port(const struct insn *insn);
/* Delivers the event, and what its delivery raises. True: the run is over. */
bool system_deliver(const struct pending_event *p, struct vm_exit *e);
/* Walks for an access that the CPU will make (enum dbt_access of dbt/memory.h), for the list under way. False:
 * it will fault. */
bool system_walk(const struct code_state *c, gva_t linear, unsigned bytes, unsigned access);

/* string.c */
#define STRING_ITERATIONS 256u
bool string_handles(const struct insn *insn);
/* At most so many. False: the exception is in c->fault; iterations before it are over. */
bool string_iterations(struct dbt_cpu *c, const struct insn *insn, unsigned most);

/* single.c: begins the next instruction or carries it out; false: the latter, and what is due comes first. */
bool single_begin(struct vm_exit *e, bool *ends);

/* emulate.c: true if the instruction was carried out and recorded. */
bool emulate_store(const struct insn *insn, const struct code_state *c, gva_t violating, gpa_t gpa);

/* step.c */
/* What brought the step about. */
struct violation {
    gva_t linear;
    bool linear_valid; /* else the exit told none */
    bool is_write;     /* the instruction's own write, not a page walk's */
};
void step_begin(const struct insn *insn, const struct code_state *c, const struct violation *violation);
void step_begin_untraced(void);
void step_finish(void);          /* after an MTF exit */
void step_abandon(void);         /* after any other exit that ends it: the instruction did not complete */
void step_open(void);            /* open view, MTF on */
void step_close(void);           /* and back */
void step_touches_sink(gpa_t p); /* the instruction reaches hidden memory: counted once */
void touch_hidden(gpa_t p);      /* likewise, of an access made here */
/* Of a walk made for the list under way (by system_walk()): it writes an entry, which is noted (false: there
 * is no list); and reads one, which an earlier walk may have written. */
bool step_writes_entry(gpa_t at, uint64_t value, unsigned bytes);
void step_reads_entry(gpa_t at, uint64_t *value);
bool step_is_listing(void);

/* vector.c */
const struct insn_environment *vector_environment(void); /* for insn_accesses() */

/* event.c */
void event_set(uint8_t vector, enum interruption_type type, bool has_error, uint32_t error, uint8_t length);
void event_requeue(uint32_t idt_vectoring); /* an exit came in the middle of this delivery */
bool event_exception_exit(const struct exit_info *x, struct vm_exit *e);
static inline bool event_is_due(void)
{
    return vmx.event.valid || vmx.nmi_pending;
}
bool event_hold_interrupt(void);   /* after its exit; false: there are more than there can be */
void event_interrupt_window(void); /* the guest can take a held one */
void event_take_interrupts(void);
/* Many iterations without the CPU would hold back an interrupt: one has to be stepped first. */
bool event_may_wait(void);
void event_offer_held(void);                 /* asks for that exit where one is held */
void event_wait(unsigned hlt_bytes);         /* a HLT with IF=1, RIP still at it */
bool event_prepare_entry(struct vm_exit *e); /* to be called when one is; true: the run is over */
void event_nmi_unblocked(void); /* an IRET was interrupted after it had ended the blocking of NMIs */

/* control.c */
void control_registers_init(const struct vcpu *v);
void control_set_cr0(uint64_t value); /* as the guest sees it; nothing checked */
bool vmx_cr_access(const struct exit_info *x, struct vm_exit *e);
void vmx_mov_dr(const struct exit_info *x);

/* trigger.c */
void trigger_set(enum trigger t, bool armed, gva_t at);
static inline bool trigger_any(void)
{
    return vmx.armed[TRIGGER_START] || vmx.armed[TRIGGER_STOP];
}
/* True if one of the DR6 bits is an armed trigger's; the triggers' bits are then taken out. */
bool trigger_hit(uint64_t *dr6_bits, enum trigger *t);
/* True if what trigger_hit() left is a debug exception of the guest's own. */
bool trigger_leaves(uint64_t dr6_bits);
extern uint64_t shadow_dr7; /* what the guest believes to be in DR7 while a trigger is armed */
static inline uint64_t guest_dr7(void)
{
    return trigger_any() ? shadow_dr7 : vmread(VMCS_GUEST_DR7);
}
void guest_set_dr7(uint64_t dr7);
uint64_t guest_dr(unsigned n);
void guest_set_dr(unsigned n, uint64_t value);
bool trigger_breaks_before(gva_t rip); /* the guest's instruction breakpoints as well */

/* state.c */
void vmx_intercept_port(uint16_t port, bool on);
void state_init_vmcs(void);
void vmcs_write_state(const struct vcpu *v);
void vmcs_read_state(struct vcpu *v);
void segment_read(struct vcpu *v, unsigned n);
void segment_write(unsigned n, const struct segment *s);

/* selftest.c: steps one NOP in a tiny guest. Needs VMX operation; leaves the VMCS cleared. */
bool mtf_selftest(void *vmcs, char *why, size_t size);

/* host.c: the part of a VMCS that is the same for the guest and the self-test. */
void vmcs_write_host(void);
void vmcs_write_controls(uint32_t pin, uint32_t proc, uint32_t exceptions);

/* entry.asm: 0 after a VM exit; 1 when the instruction failed with an error number in the VMCS, 2 without. */
int vmx_enter(uint64_t gpr[], bool launched);
extern uint8_t vmx_exit_entry[];
extern uint64_t vmx_host_rsp; /* as the current VMCS holds it; 0: not known */

#endif
