/* What this CPU's VMX can do, found out once. */
#ifndef ENGRAM_VMX_CAPS_H
#define ENGRAM_VMX_CAPS_H

#include "types.h"

struct vmx_caps {
    uint32_t revision; /* of the VMCS */
    /* Control fields with every bit that must be 1, every bit Engram requires, and those it likes to have. */
    uint32_t pin, proc, proc2, exit, entry;
    uint64_t cr0_fixed_1, cr4_fixed_1; /* bits that must be 1 in VMX operation */
    uint64_t cr4_may_be_1;
    bool has_1g_pages, has_2m_pages;
    bool has_timer; /* VMX-preemption timer */
    bool has_vpid;
    bool has_pat;
    bool has_hlt_state;   /* the activity state HLT */
    unsigned timer_shift; /* it counts down once every 2^shift TSC ticks */
};

extern struct vmx_caps vmx_caps;

/* Fills in vmx_caps. False with one line in `why` when something required is missing. */
bool vmx_caps_read(char *why, size_t size);

#endif
