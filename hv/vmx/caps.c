/*
 * The capability check: a flat list of what the engine requires, each with the
 * reason that the user sees when it is missing.
 */
#include "vmx/caps.h"

#include "console.h"
#include "x86/cpu.h"
#include "x86/vmx.h"

struct vmx_caps vmx_caps;

#define CPUID_1_ECX_VMX (1u << 5)

struct required_bit {
    uint32_t bit;
    const char *name;
};

static const struct required_bit required_pin[] = {
    {PIN_NMI, "NMI exiting"},
    {PIN_VIRTUAL_NMI, "virtual NMIs"},
    {PIN_EXTERNAL_INTERRUPT, "external-interrupt exiting"},
};
static const struct required_bit required_proc[] = {
    {PROC_HLT, "HLT exiting"},
    {PROC_INTERRUPT_WINDOW, "interrupt-window exiting"},
    {PROC_MOV_DR, "MOV-DR exiting"},
    {PROC_IO_BITMAPS, "I/O bitmaps"},
    {PROC_MSR_BITMAPS, "MSR bitmaps"},
    {PROC_NMI_WINDOW, "NMI-window exiting"},
    {PROC_MTF, "monitor trap flag (MTF)"},
};
static const struct required_bit required_proc2[] = {
    {PROC2_EPT, "extended page tables (EPT)"},
    {PROC2_UNRESTRICTED_GUEST, "unrestricted guest"},
};
static const struct required_bit required_exit[] = {
    {EXIT_CTL_HOST_64, "64-bit host"},
    {EXIT_CTL_ACKNOWLEDGE, "acknowledging of interrupts at exits"},
    {EXIT_CTL_SAVE_DEBUG, "saving of debug controls"},
    {EXIT_CTL_SAVE_EFER, "saving of IA32_EFER"},
    {EXIT_CTL_LOAD_EFER, "loading of IA32_EFER at exits"},
};
static const struct required_bit required_entry[] = {
    {ENTRY_CTL_LOAD_DEBUG, "loading of debug controls"},
    {ENTRY_CTL_LOAD_EFER, "loading of IA32_EFER at entries"},
};

/* A control MSR: low half the bits that must be 1, high half those that may be (SDM Vol. 3D, A.2). */
static uint32_t must_be_1(uint64_t msr)
{
    return (uint32_t)msr;
}
static uint32_t may_be_1(uint64_t msr)
{
    return (uint32_t)(msr >> 32);
}

static bool require_bits(uint64_t msr, const struct required_bit *list, size_t count, char *why, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        if (!(may_be_1(msr) & list[i].bit)) {
            format_text(why, size, "VMX has no %s on this CPU", list[i].name);
            return false;
        }
    }
    return true;
}

static bool refuse(char *why, size_t size, const char *reason)
{
    format_text(why, size, "%s", reason);
    return false;
}

/* Firmware may have left VMX off without locking it off (SDM Vol. 3C, 24.7). */
static bool enable_in_feature_control(void)
{
    uint64_t fc = rdmsr(IA32_FEATURE_CONTROL);
    if (!(fc & FEATURE_CONTROL_LOCKED)) {
        wrmsr(IA32_FEATURE_CONTROL, fc | FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX);
        fc = rdmsr(IA32_FEATURE_CONTROL);
    }
    return fc & FEATURE_CONTROL_VMX;
}

static bool read_ept(char *why, size_t size)
{
    uint64_t ept = rdmsr(IA32_VMX_EPT_VPID_CAP);
    if (!(ept & EPT_CAP_WALK_4) || !(ept & EPT_CAP_WB))
        return refuse(why, size, "EPT on this CPU has no 4-level write-back tables");
    if (!(ept & EPT_CAP_INVEPT) || !(ept & EPT_CAP_INVEPT_ALL))
        return refuse(why, size, "EPT on this CPU has no INVEPT of all contexts");
    vmx_caps.has_1g_pages = ept & EPT_CAP_1G;
    vmx_caps.has_2m_pages = ept & EPT_CAP_2M;
    vmx_caps.has_vpid = (ept & VPID_CAP_INVVPID) && (ept & VPID_CAP_INVVPID_ALL);
    return true;
}

bool vmx_caps_read(char *why, size_t size)
{
    struct vmx_caps *c = &vmx_caps;

    /* require VMX */
    if (!(cpuid(1, 0).ecx & CPUID_1_ECX_VMX))
        return refuse(why, size, "this CPU has no VMX (or its firmware or hypervisor hides it)");
    /* require that the firmware allows it */
    if (!enable_in_feature_control())
        return refuse(why, size, "VMX is locked off by the firmware (switch Intel VT-x on in its set-up)");
    /* require the TRUE capability MSRs: every CPU with unrestricted guest has them */
    uint64_t basic = rdmsr(IA32_VMX_BASIC);
    if (!(basic & VMX_BASIC_TRUE_CONTROLS))
        return refuse(why, size, "VMX on this CPU is too old (no TRUE capability MSRs)");

    uint64_t pin = rdmsr(IA32_VMX_TRUE_PINBASED_CTLS), proc = rdmsr(IA32_VMX_TRUE_PROCBASED_CTLS);
    uint64_t exit = rdmsr(IA32_VMX_TRUE_EXIT_CTLS), entry = rdmsr(IA32_VMX_TRUE_ENTRY_CTLS);
    /* require the memory virtualization first: a CPU without it is what users meet */
    uint64_t proc2 = may_be_1(proc) & PROC_SECONDARY ? rdmsr(IA32_VMX_PROCBASED_CTLS2) : 0;
    if (!require_bits(proc2, required_proc2, ARRAY_SIZE(required_proc2), why, size) ||
        !require_bits(proc, required_proc, ARRAY_SIZE(required_proc), why, size) ||
        !require_bits(pin, required_pin, ARRAY_SIZE(required_pin), why, size) ||
        !require_bits(exit, required_exit, ARRAY_SIZE(required_exit), why, size) ||
        !require_bits(entry, required_entry, ARRAY_SIZE(required_entry), why, size) || !read_ept(why, size))
        return false;

    c->revision = (uint32_t)basic & 0x7fffffffu;
    c->has_timer = may_be_1(pin) & PIN_PREEMPTION_TIMER;
    c->has_pat = (may_be_1(entry) & ENTRY_CTL_LOAD_PAT) && (may_be_1(exit) & EXIT_CTL_LOAD_PAT) &&
                 (may_be_1(exit) & EXIT_CTL_SAVE_PAT);
    c->has_vpid = c->has_vpid && (may_be_1(proc2) & PROC2_VPID);
    uint64_t misc = rdmsr(IA32_VMX_MISC);
    c->timer_shift = (unsigned)(misc & VMX_MISC_TIMER_RATE_MASK);
    c->has_hlt_state = misc & VMX_MISC_HLT_STATE;

    c->pin = must_be_1(pin) | PIN_NMI | PIN_VIRTUAL_NMI | (c->has_timer ? PIN_PREEMPTION_TIMER : 0);
    c->proc = must_be_1(proc) | PROC_HLT | PROC_IO_BITMAPS | PROC_MSR_BITMAPS | PROC_SECONDARY;
    /* Without these a guest that CPUID offers them to would take #UD (SDM Vol. 3C, 25.6.2). */
    uint32_t liked = PROC2_RDTSCP | PROC2_INVPCID | PROC2_XSAVES | PROC2_USER_WAIT;
    c->proc2 = must_be_1(proc2) | PROC2_EPT | PROC2_UNRESTRICTED_GUEST | (c->has_vpid ? PROC2_VPID : 0) |
               (may_be_1(proc2) & liked);
    c->exit = must_be_1(exit) | EXIT_CTL_HOST_64 | EXIT_CTL_ACKNOWLEDGE | EXIT_CTL_SAVE_DEBUG |
              EXIT_CTL_SAVE_EFER | EXIT_CTL_LOAD_EFER |
              (c->has_pat ? EXIT_CTL_SAVE_PAT | EXIT_CTL_LOAD_PAT : 0);
    c->entry =
        must_be_1(entry) | ENTRY_CTL_LOAD_DEBUG | ENTRY_CTL_LOAD_EFER | (c->has_pat ? ENTRY_CTL_LOAD_PAT : 0);

    c->cr0_fixed_1 = rdmsr(IA32_VMX_CR0_FIXED0);
    c->cr4_fixed_1 = rdmsr(IA32_VMX_CR4_FIXED0);
    c->cr4_may_be_1 = rdmsr(IA32_VMX_CR4_FIXED1);
    return true;
}
