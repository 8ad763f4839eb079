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

/* Why the run cannot go on; tested when something returned false. */
enum dbt_stop {
    DBT_RUNS = 0,
    DBT_TRIPLE_FAULT,
    DBT_UNSUPPORTED, /* `stop_text` says what, in one line */
};

/* To the last x87 instruction that was no control instruction, and its operand: offsets and selectors. */
struct x87_pointers {
    uint64_t ip, dp, cs, ds, opcode;
};

/* Where they are stored: FNSTENV and FNSAVE; FXSAVE and the XSAVE family. */
enum x87_image { X87_ENVIRONMENT, X87_FXSAVE, X87_IMAGES };

/* Variable ranges, two registers each; with the fixed ranges and the default type. */
#define MTRR_VARIABLE_MAX 32u
#define MTRR_COUNT (MTRR_VARIABLE_MAX + 12u)

/* A processor's TLBs as far as page walks' reads go: direct-mapped, for code and for data. An entry is a
 * page's linear address with the accesses that it serves, and whether it is global, in its low bits. */
#define WALK_TLB_ENTRIES 1024u
struct walk_tlb {
    uint64_t code[WALK_TLB_ENTRIES], data[WALK_TLB_ENTRIES];
};

struct dbt_cpu {
    struct vcpu v;

    struct x87_pointers x87, x87_fault; /* the latter: of the last instruction with an unmasked exception */

    /* What the processor can do; set before the guest starts. */
    uint8_t physical_bits; /* MAXPHYADDR: page-table bits above it are reserved */
    bool has_gib_pages;    /* CPUID.80000001H:EDX.26 */
    uint64_t cr4_allowed;  /* bits the guest may set; without VMXE, CET, PKE: these are not implemented */
    uint64_t xcr0_allowed; /* CPUID.0DH.0:EDX:EAX */
    struct x87_shows {
        uint8_t ip, dp, opcode;
    } x87_shows[X87_IMAGES]; /* set by x87_probe() */
    bool x87_has_selectors;
    uint32_t has;      /* bits enum sys_has: instructions that this CPU knows */
    uint64_t pdpte[4]; /* with PAE paging, as the CPU holds them; loaded by sys_load_pdptes() */

    uint64_t a20_closed; /* bits of physical addresses that are 0: bit 20 while the A20 gate is closed */

    /* MSRs that the guest may change and the engine must know (others go through the core). */
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t star, lstar, cstar, fmask, kernel_gs_base, tsc_aux, pat;
    uint64_t debugctl, mcg_status, misc_enable;
    uint64_t tsc_offset; /* what writes of the time-stamp counter have made of it */
    uint64_t mtrr_cap, mtrr[MTRR_COUNT], mtrr_written; /* bit n: mtrr[n] is the guest's, not the machine's */
    bool mtrr_cap_known, mtrr_present;

    /* Of the page that dbt_translate() found last: 12, 21, 22 or 30. INVLPG names one address and means all
     * of its page (SDM Vol. 3A, 4.10.4.1), however many entries a TLB holds for it. */
    uint8_t page_shift;
    bool page_user;   /* programs may touch it */
    bool page_global; /* and whether it outlives a MOV to CR3 (SDM Vol. 3A, 4.10.2.4) */

    /* Pages that a processor would not walk for again; NULL: what page walks read is not recorded. */
    struct walk_tlb *walk_tlb;

    bool interrupt_shadow; /* STI or MOV SS: nothing is delivered before the next instruction is over */
    bool shadow_is_mov_ss; /* debug exceptions wait as well */
    uint16_t debug_traps;  /* DR6's bits for what is to trap behind the instruction */
    bool nmi_blocked;      /* until IRET */
    bool halted;
    bool delivered; /* an event was, or a task switch made, since the caller cleared this: no single-step trap
                     * before what follows */

    struct dbt_fault fault; /* valid after something returned false and `stop` is DBT_RUNS */
    enum dbt_stop stop;
    const char *stop_text;

    /* The event under delivery: of accesses with CAUSE_EXCEPTION and CAUSE_INTERRUPT, the record's vector.
     * Their RIP is that of the interrupted instruction, which v.rip still is while they are made. */
    uint8_t event_vector;
    uint8_t event_external; /* the EXT bit of error codes that this delivery raises (SDM Vol. 3A, 6.13) */

    /* What the core answers. CPUID changes the registers, to what the machine says; an MSR that is not there
     * returns false: #GP(0). */
    void (*cpuid)(struct dbt_cpu *c);
    bool (*read_msr)(struct dbt_cpu *c, uint32_t msr, uint64_t *value);
    bool (*write_msr)(struct dbt_cpu *c, uint32_t msr, uint64_t value);
    uint64_t (*read_tsc)(struct dbt_cpu *c);
    uint32_t (*port_in)(struct dbt_cpu *c, uint16_t port, unsigned bytes);
    void (*port_out)(struct dbt_cpu *c, uint16_t port, unsigned bytes, uint32_t value);

    /* Called when what the translator derived from the state may be stale. */
    void (*mode_changed)(struct dbt_cpu *c); /* CR0, CR4, EFER, DR7, segments, CPL; AC with SMAP */
    void (*tlb_flush)(struct dbt_cpu *c,
                      bool global); /* CR3, CR0.PG, CR4.PGE/PSE/PAE…; global: global pages too */
    void (*tlb_flush_page)(struct dbt_cpu *c, gva_t at); /* INVLPG */
};

/* VMCALL with the magic number in EAX: the registers become its result. False: there is nobody who hears it,
 * or not for this code; nothing has happened. */
bool dbt_hypercall(struct dbt_cpu *c);

/* Sets c->fault and returns false, for `return dbt_raise(…)`. In dbt/sys/raise.c. */
bool dbt_raise(struct dbt_cpu *c, uint8_t vector);
bool dbt_raise_error(struct dbt_cpu *c, uint8_t vector, uint32_t error);
bool dbt_raise_page_fault(struct dbt_cpu *c, gva_t address, uint32_t error);

/* Ends the run: sets c->stop and c->stop_text and returns false. `text` stays valid. */
bool dbt_stop_unsupported(struct dbt_cpu *c, const char *text);

/* SS.DPL is the CPL in every mode, a null SS of 64-bit mode included (SDM Vol. 3C, 25.4.1). */
static inline unsigned dbt_cpl(const struct dbt_cpu *c)
{
    return c->v.seg[SEG_SS].access >> SEGMENT_DPL_SHIFT & 3;
}

#endif
