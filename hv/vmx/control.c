/* Writes to control and debug registers that exit. */
#include "vmx/vmx.h"

#include "cpuid.h"
#include "vmx/caps.h"
#include "x86/cpu.h"
#include "x86/cpuid.h"
#include "x86/debug.h"
#include "x86/exceptions.h"
#include "x86/paging.h"

/* Bits that VMX wants set and the guest may believe clear; PE and PG are free in an unrestricted guest. */
static uint64_t cr0_mask(void)
{
    return vmx_caps.cr0_fixed_1 & ~(CR0_PE | CR0_PG);
}
static uint64_t cr4_mask(void)
{
    return vmx_caps.cr4_fixed_1 | CR4_HIDDEN;
}

/* VM entries and exits leave CD and NW as they are (SDM Vol. 3C, 27.3.2.1, 28.5.1): the CPU's are the
 * guest's, also where MOV to CR0 exits. Some firmware leaves them set. */
static void set_caching(uint64_t guest_cr0)
{
    const uint64_t caching = CR0_CD | CR0_NW;
    write_cr0((read_cr0() & ~caching) | (guest_cr0 & caching));
}

void control_registers_init(const struct vcpu *v)
{
    set_caching(v->cr0);
    vmwrite(VMCS_CR0_MASK, cr0_mask());
    vmwrite(VMCS_CR4_MASK, cr4_mask());
    vmwrite(VMCS_CR0_SHADOW, v->cr0);
    vmwrite(VMCS_CR4_SHADOW, v->cr4);
    vmwrite(VMCS_GUEST_CR0, v->cr0 | cr0_mask());
    vmwrite(VMCS_GUEST_CR4, v->cr4 | vmx_caps.cr4_fixed_1);
}

void control_set_cr0(uint64_t value)
{
    set_caching(value);
    vmwrite(VMCS_CR0_SHADOW, value);
    vmwrite(VMCS_GUEST_CR0, value | cr0_mask());
}

static void inject_gp(void)
{
    event_set(VECTOR_GP, EVENT_HARDWARE_EXCEPTION, true, 0, 0);
}

/* False, and nothing loaded, if one that is present has a reserved bit set (SDM Vol. 3A, 4.4.1). */
static bool load_pdptes(uint64_t cr3)
{
    uint64_t pdpte[4], address_end = 1ull << (cpuid(CPUID_ADDRESS_SIZES, 0).eax & 0xff);
    guest_read(cr3 & 0xffffffe0u, pdpte, sizeof pdpte);
    for (unsigned i = 0; i < 4; i++)
        if ((pdpte[i] & PTE_PRESENT) && (pdpte[i] & (PDPTE_PAE_RESERVED | ~(address_end - 1))))
            return false;
    for (unsigned i = 0; i < 4; i++)
        vmwrite_nth(VMCS_GUEST_PDPTE0, i, pdpte[i]);
    return true;
}

/* Changes of these load the PDPTEs with PAE paging (SDM Vol. 3A, 4.4.1). */
#define CR0_LOADS_PDPTES (CR0_PG | CR0_CD | CR0_NW)

/* Checks and effects of MOV to CR0 (SDM Vol. 2B, MOV to control registers; Vol. 3A, 4.1.2). False: #GP(0). */
static bool set_guest_cr0(uint64_t value)
{
    uint64_t old = vmread(VMCS_GUEST_CR0), cr4 = vmread(VMCS_GUEST_CR4), efer = vmread(VMCS_GUEST_EFER);
    bool turns_paging = (old ^ value) & CR0_PG;

    value |= CR0_ET;
    if (value >> 32 || ((value & CR0_PG) && !(value & CR0_PE)) || ((value & CR0_NW) && !(value & CR0_CD)))
        return false;
    if (!(value & CR0_PG) && (guest_in_64_bit_code() || (cr4 & CR4_PCIDE)))
        return false;
    if (turns_paging && (efer & EFER_LME)) {
        bool on = value & CR0_PG;
        if (on && (!(cr4 & CR4_PAE) || (vmread(VMCS_GUEST_CS_ACCESS) & SEGMENT_L)))
            return false;
        uint64_t entry = vmread(VMCS_ENTRY_CONTROLS);
        vmwrite(VMCS_GUEST_EFER, on ? efer | EFER_LMA : efer & ~EFER_LMA);
        vmwrite(VMCS_ENTRY_CONTROLS,
                on ? entry | ENTRY_CTL_IA32E_GUEST : entry & ~(uint64_t)ENTRY_CTL_IA32E_GUEST);
    } else if ((value & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LME) &&
               ((old ^ value) & CR0_LOADS_PDPTES)) {
        if (!load_pdptes(vmread(VMCS_GUEST_CR3)))
            return false;
    }
    control_set_cr0(value);
    if (vmx_caps.has_vpid)
        invvpid_all();
    return true;
}

#define CR_ACCESS_MOV_TO 0
#define CR_ACCESS_LMSW 3

bool vmx_cr_access(const struct exit_info *x, struct vm_exit *e)
{
    struct vcpu *v = vmx.v;
    unsigned cr = x->qualification & 15, type = x->qualification >> 4 & 3;
    uint64_t value = v->gpr[x->qualification >> 8 & 15];
    bool ok;

    if (type == CR_ACCESS_LMSW && cr == 0) {
        uint64_t old = vmread(VMCS_GUEST_CR0), low = x->qualification >> 16 & 15;
        ok = set_guest_cr0((old & ~14ull) | low); /* it sets PE, never clears it (SDM Vol. 2A, LMSW) */
    } else if (type == CR_ACCESS_MOV_TO && cr == 0) {
        ok = set_guest_cr0(value);
    } else if (type == CR_ACCESS_MOV_TO && cr == 4) {
        ok = false; /* only bits that CPUID does not offer to the guest exit */
    } else {
        return vmx_fatal(x, e, "an access to a control register exited that should not");
    }
    if (ok)
        vmx_skip_instruction((unsigned)vmread(VMCS_EXIT_INSTRUCTION_LENGTH));
    else
        inject_gp();
    return false;
}

/* Qualification: register in bits 0 to 2, direction in bit 4 (1 reads), GPR in bits 8 to 11 (SDM Vol. 3C,
 * table 28-4). */
void vmx_mov_dr(const struct exit_info *x)
{
    struct vcpu *v = vmx.v;
    unsigned n = x->qualification & 7;
    uint64_t *gpr = &v->gpr[x->qualification >> 8 & 15];
    bool read = x->qualification & 16;

    if (n == 4 || n == 5) {
        if (vmread(VMCS_GUEST_CR4) & CR4_DE) {
            event_set(VECTOR_UD, EVENT_HARDWARE_EXCEPTION, false, 0, 0);
            return;
        }
        n += 2;
    }
    /* Outside 64-bit mode the operand has 32 bits (SDM Vol. 2B, MOV to and from debug registers). */
    uint64_t operand_bits = guest_in_64_bit_code() ? ~0ull : 0xffffffffu;
    if (read) {
        *gpr = (n == 6 ? read_dr6() : n == 7 ? guest_dr7() : guest_dr(n)) & operand_bits;
    } else {
        uint64_t value = *gpr & operand_bits;
        if (n >= 6 && value >> 32) {
            inject_gp();
            return;
        }
        if (n == 6)
            write_dr6(value);
        else if (n == 7)
            guest_set_dr7(value | DR7_FIXED_1);
        else
            guest_set_dr(n, value);
    }
    vmx_skip_instruction((unsigned)vmread(VMCS_EXIT_INSTRUCTION_LENGTH));
}
