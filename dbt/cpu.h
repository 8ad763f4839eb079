/*
 * The DBT engine's processor: the architectural state (struct vcpu) and what
 * the translator and the system part (dbt/sys/) share.
 */
#ifndef ENGRAM_DBT_CPU_H
#define ENGRAM_DBT_CPU_H

#include "types.h"
#include "vcpu.h"

/* An exception that the current instruction raised; instructions report it by returning false. */
struct dbt_fault {
    uint8_t vector;
    bool has_error;
    uint32_t error;
    uint64_t address; /* CR2, for #PF */
};

struct dbt_cpu {
    struct vcpu v;

    /* MSRs that the guest may change and the engine must know (others go through the core). */
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t star, lstar, cstar, fmask, kernel_gs_base, tsc_aux, pat;

    bool interrupt_shadow;  /* STI or MOV SS: nothing is delivered before the next instruction is over */
    bool shadow_is_mov_ss;  /* debug exceptions wait as well */
    bool nmi_blocked;       /* until IRET */
    bool halted;

    struct dbt_fault fault; /* valid after something returned false */

    /* Called when what the translator derived from the state may be stale. */
    void (*mode_changed)(struct dbt_cpu *c);              /* CR0, CR4, EFER, CS, SS, CPL, segment bases */
    void (*tlb_flush)(struct dbt_cpu *c, bool global);    /* CR3, CR0.PG, CR4.PGE/PSE/PAE…; global: global pages too */
    void (*tlb_flush_page)(struct dbt_cpu *c, gva_t at);  /* INVLPG */
};

/* Sets c->fault and returns false, for `return dbt_raise(…)`. */
bool dbt_raise(struct dbt_cpu *c, uint8_t vector);
bool dbt_raise_error(struct dbt_cpu *c, uint8_t vector, uint32_t error);
bool dbt_raise_page_fault(struct dbt_cpu *c, gva_t address, uint32_t error);

static inline unsigned dbt_cpl(const struct dbt_cpu *c) { return c->v.seg[SEG_SS].access >> SEGMENT_DPL_SHIFT & 3; }

#endif
