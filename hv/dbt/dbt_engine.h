/*
 * The DBT engine on bare metal: what its files in the core share.
 *
 *     engine.c ──► gate.asm ──► CPL 3: user/main.c ──► dbt/
 *        ├─ request.c (what CPL 3 asks for)   interrupt.c (from the devices)
 *        ├─ window.c (the segments of the ring that CPL 3 writes)
 *        ├─ space.c (the address space of CPL 3)
 *        ├─ text.c (what the guest sends on the console's line)
 *        ├─ native.c (the core's long work, where CPL 0 is emulated)
 *        └─ profile.c (what CPL 3 comes for, and how long it takes)
 */
#ifndef ENGRAM_HV_DBT_ENGINE_H
#define ENGRAM_HV_DBT_ENGINE_H

#include "dbt/gate.h"
#include "dbt/shared.h"
#include "engine.h"
#include "machine.h"

/* ---- space.c ---- */

struct user_space {
    uint64_t code_bytes;
    uint64_t stack, command_stack; /* their tops */
};
extern struct user_space user_space;

/* Tables with what CPL 3 has of the image, and the gate: enough to go there and back. */
void space_begin(void);
uint64_t space_memory_bytes(const struct machine *m);
/* Adds the engine's own memory and the guest's, and fills in what struct dbt and dbt_shared say of it. */
void space_init(const struct machine *m);
/* The pages that the budget points to are there, or not: then the next block to begin faults. */
void space_open_budget(bool open);
bool space_budget_is_open(void);

/* The window's segment `i` is that memory; and all of segment 0 is one page, which nobody reads. */
void space_map_segment(unsigned i, hpa_t pa, uint32_t bytes);
void space_map_void_segment(uint32_t bytes);

/* ---- window.c ---- */

/* `memory`: for the dictionary, `bytes` of it. */
void window_init(void *memory, uint64_t bytes, const struct machine *m);
/* False: what CPL 3 has put there is malformed. */
bool window_define(void);
/* At a request: what CPL 3 has recorded and defined so far is safe from what it does later. False: it has
 * defined nonsense. */
bool window_note(void);
void window_open(void);
void window_close(void);
/* Packs what the ring holds; the dictionary is empty then. */
void window_pack(void);
/* The ring tells of what was recorded so far, should a reset come. */
void window_checkpoint(void);
void window_salvage(uint64_t record);
void *window_claim(uint32_t bytes);
uint64_t window_events(void);

/* ---- interrupt.c ---- */

/* True if what ended gate_enter() came from a device. */
bool is_device_interrupt(uint64_t gate_vector);
void interrupt_arrived(uint8_t vector);
void nmi_arrived(void);
/* Whether CPL 3 is to run with IF=1. */
bool interrupts_are_open(void);
void interrupts_open(void);
void interrupts_close(void);
/* Until an interrupt is due; false: not before `until` (time-stamp counter). */
bool interrupt_wait(uint64_t until);
uint64_t interrupts_count(void);

/* ---- native.c ---- */

/* Where CPL 0 is emulated natively() works from now on. */
void native_init(void);

/* ---- text.c ---- */
void text_update(void);
bool text_begin(struct vm_exit *e);

/* ---- profile.c ---- */

/* Around the core's work between two stays at CPL 3; in between one of those that say what it is for. */
void profile_leave(void);
void profile_request(uint32_t request);
void profile_trap(void);
void profile_interrupt(void);
void profile_enter(void);
/* Lines for META. */
size_t profile_text(char *text, size_t size);

/* ---- request.c ---- */

#define POLLS_PER_SECOND 50u

/* The request has to do with the guest, whose state the core is to see; not with records and interrupts
 * alone. */
bool request_wants_state(void);
/* A request of the run; true if the core has to see `e`. */
bool request_begin(struct vcpu *v, struct vm_exit *e);
/* What the core has left in `v` goes back; true if the core has to see `e` first. */
bool request_finish(struct vcpu *v, struct vm_exit *e);
/* The MSR access under way raises #GP, the hypercall #UD. */
void request_refuse(void);
/* The requests that have to do with records; false: it is another one. */
bool request_record(void);
uint64_t request_hidden_touches(void);
/* The text that the hypercall under way names. */
bool request_read_text(void *to, size_t bytes);
bool dbt_fatal(struct vm_exit *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
