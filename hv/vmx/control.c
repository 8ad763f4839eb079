/* Writes to control and debug registers that exit. */
#include "vmx/vmx.h"

#include "vmx/caps.h"
#include "x86/cpu.h"
#include "x86/debug.h"
#include "x86/exceptions.h"

/* Bits that VMX wants set and the guest may believe clear; PE and PG are free in an unrestricted guest. */
static uint64_t cr0_mask(void)
{
    return vmx_caps.cr0_fixed_1 & ~(CR0_PE | CR0_PG);
}
static uint64_t cr4_mask(void)
{
    return vmx_caps.cr4_fixed_1 | CR4_VMXE;
}

void control_registers_init(const struct vcpu *v)
{
    vmwrite(VMCS_CR0_MASK, cr0_mask());
    vmwrite(VMCS_CR4_MASK, cr4_mask());
    vmwrite(VMCS_CR0_SHADOW, v->cr0);
    vmwrite(VMCS_CR4_SHADOW, v->cr4);
    vmwrite(VMCS_GUEST_CR0, v->cr0 | cr0_mask());
    vmwrite(VMCS_GUEST_CR4, v->cr4 | cr4_mask());
}

static void inject_gp(void)
{
    event_set(VECTOR_GP, EVENT_HARDWARE_EXCEPTION, true, 0, 0);
}

static void load_pdptes(uint64_t cr3)
{
    uint64_t pdpte[4];
    guest_read(cr3 & 0xffffffe0u, pdpte, sizeof pdpte);
    for (unsigned i = 0; i < 4; i++)
        vmwrite_nth(VMCS_GUEST_PDPTE0, i, pdpte[i]);
}

/* Checks and effects of MOV to CR0 (SDM Vol. 2B, MOV to control registers; Vol. 3A, 4.1.2). False: #GP(0). */
static bool set_guest_cr0(uint64_t new)
{
    uint64_t old = vmread(VMCS_GUEST_CR0), cr4 = vmread(VMCS_GUEST_CR4), efer = vmread(VMCS_GUEST_EFER);
    bool code64 = (efer & EFER_LMA) && (vmread(VMCS_GUEST_CS_ACCESS) & SEGMENT_L);
    bool turns_paging = (old ^ new) & CR0_PG;

    new |= CR0_ET;
    if (new >> 32 || ((new &CR0_PG) && !(new &CR0_PE)) || ((new &CR0_NW) && !(new &CR0_CD)))
        return false;
    if (!(new &CR0_PG) && (code64 || (cr4 & CR4_PCIDE)))
        return false;
    if (turns_paging && (efer & EFER_LME)) {
        bool on = new &CR0_PG;
        if (on && (!(cr4 & CR4_PAE) || (vmread(VMCS_GUEST_CS_ACCESS) & SEGMENT_L)))
            return false;
        uint64_t entry = vmread(VMCS_ENTRY_CONTROLS);
        vmwrite(VMCS_GUEST_EFER, on ? efer | EFER_LMA : efer & ~EFER_LMA);
        vmwrite(VMCS_ENTRY_CONTROLS,
                on ? entry | ENTRY_CTL_IA32E_GUEST : entry & ~(uint64_t)ENTRY_CTL_IA32E_GUEST);
    } else if (turns_paging && (new &CR0_PG) && (cr4 & CR4_PAE)) {
        load_pdptes(vmread(VMCS_GUEST_CR3));
    }
    vmwrite(VMCS_CR0_SHADOW, new);
    vmwrite(VMCS_GUEST_CR0, new | cr0_mask());
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
        ok = false; /* VMXE, which CPUID does not offer to the guest, is the only bit that exits */
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
    if (n >= 6 && !read && *gpr >> 32 && (vmread(VMCS_GUEST_EFER) & EFER_LMA)) {
        inject_gp();
        return;
    }
    if (n == 6 && read)
        *gpr = read_dr6();
    else if (n == 6)
        write_dr6(*gpr);
    else if (n == 7 && read)
        *gpr = guest_dr7();
    else if (n == 7)
        guest_set_dr7(*gpr | DR7_FIXED_1);
    else if (read)
        *gpr = guest_dr(n);
    else
        guest_set_dr(n, *gpr);
    vmx_skip_instruction((unsigned)vmread(VMCS_EXIT_INSTRUCTION_LENGTH));
}
