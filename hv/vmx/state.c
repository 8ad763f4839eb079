/* The guest's state: struct vcpu to VMCS and back, and the VMCS's controls and bitmaps at the start. */
#include "memory.h"
#include "vmx/caps.h"
#include "vmx/vmx.h"
#include "x86/cpu.h"
#include "x86/cpuid.h"
#include "x86/debug.h"

#include <string.h>

#define PAT_RESET 0x0007040600070406ull /* SDM Vol. 3A, 11.12.4 */

/* MSR bitmap: reads of 0-1FFF, of C0000000-C0001FFF, then writes likewise, 1 KiB each (SDM Vol. 3C, 25.6.9).
 */
#define MSR_BITMAP_WRITES 2048u
static void hide_msr(uint8_t *bitmap, uint32_t msr)
{
    bitmap[msr / 8] |= (uint8_t)(1u << msr % 8);
    bitmap[MSR_BITMAP_WRITES + msr / 8] |= (uint8_t)(1u << msr % 8);
}

static uint8_t *io_bitmap; /* two pages, ports 0 to 7FFF and 8000 to FFFF */

void vmx_intercept_port(uint16_t port, bool on)
{
    uint8_t bit = (uint8_t)(1u << port % 8);
    if (on)
        io_bitmap[port / 8] |= bit;
    else
        io_bitmap[port / 8] &= (uint8_t)~bit;
}

static void write_bitmaps(void)
{
    uint8_t *msrs = alloc_pages(1);
    hide_msr(msrs, IA32_FEATURE_CONTROL);
    hide_msr(msrs, IA32_DS_AREA);
    for (uint32_t msr = IA32_VMX_BASIC; msr <= IA32_VMX_LAST; msr++)
        hide_msr(msrs, msr);
    for (uint32_t msr = IA32_RTIT_FIRST; msr <= IA32_RTIT_LAST; msr++)
        hide_msr(msrs, msr);
    io_bitmap = alloc_pages(2);
    vmwrite(VMCS_MSR_BITMAP, virt_to_phys(msrs));
    vmwrite(VMCS_IO_BITMAP_A, virt_to_phys(io_bitmap));
    vmwrite(VMCS_IO_BITMAP_B, virt_to_phys(io_bitmap + PAGE_SIZE));
}

void state_init_vmcs(void)
{
    /* vector.c saves vector registers; XSETBV of the guest is carried out by the core. */
    write_cr4(read_cr4() | CR4_OSFXSR);
    if (cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE)
        write_cr4(read_cr4() | CR4_OSXSAVE);
    vmcs_write_host();
    vmx.pin = vmx_caps.pin;
    vmx.proc = vmx_caps.proc;
    vmcs_write_controls(vmx.pin, vmx.proc, 0);
    write_bitmaps();
    if (vmx_caps.has_pat)
        vmwrite(VMCS_GUEST_PAT, PAT_RESET);
    vmwrite(VMCS_GUEST_DEBUGCTL, 0);
    vmwrite(VMCS_GUEST_SYSENTER_CS, 0);
    vmwrite(VMCS_GUEST_SYSENTER_ESP, 0);
    vmwrite(VMCS_GUEST_SYSENTER_EIP, 0);
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, 0);
    vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
    vmwrite(VMCS_GUEST_PENDING_DEBUG, 0);
}

void segment_write(unsigned n, const struct segment *s)
{
    vmwrite_nth(VMCS_GUEST_ES_SELECTOR, n, s->selector);
    vmwrite_nth(VMCS_GUEST_ES_BASE, n, s->base);
    vmwrite_nth(VMCS_GUEST_ES_LIMIT, n, s->limit);
    vmwrite_nth(VMCS_GUEST_ES_ACCESS, n, s->access);
}

void segment_read(struct vcpu *v, unsigned n)
{
    struct segment *s = &v->seg[n];
    s->selector = (uint16_t)vmread_nth(VMCS_GUEST_ES_SELECTOR, n);
    s->base = vmread_nth(VMCS_GUEST_ES_BASE, n);
    s->limit = (uint32_t)vmread_nth(VMCS_GUEST_ES_LIMIT, n);
    s->access = (uint32_t)vmread_nth(VMCS_GUEST_ES_ACCESS, n);
}

void vmcs_write_state(const struct vcpu *v)
{
    for (unsigned n = 0; n < SEG_COUNT; n++)
        segment_write(n, &v->seg[n]);
    vmwrite(VMCS_GUEST_GDTR_BASE, v->gdtr.base);
    vmwrite(VMCS_GUEST_GDTR_LIMIT, v->gdtr.limit);
    vmwrite(VMCS_GUEST_IDTR_BASE, v->idtr.base);
    vmwrite(VMCS_GUEST_IDTR_LIMIT, v->idtr.limit);
    control_registers_init(v);
    vmwrite(VMCS_GUEST_CR3, v->cr3);
    vmwrite(VMCS_GUEST_EFER, v->efer);
    uint32_t entry = vmx_caps.entry | (v->efer & EFER_LMA ? ENTRY_CTL_IA32E_GUEST : 0);
    vmwrite(VMCS_ENTRY_CONTROLS, entry);
    vmwrite(VMCS_GUEST_DR7, v->dr7 | DR7_FIXED_1);
    vmwrite(VMCS_GUEST_RIP, v->rip);
    vmwrite(VMCS_GUEST_RSP, v->gpr[RSP]);
    vmwrite(VMCS_GUEST_RFLAGS, v->rflags | RFLAGS_ONE);
    write_cr2(v->cr2);
}

void vmcs_read_state(struct vcpu *v)
{
    for (unsigned n = 0; n < SEG_COUNT; n++)
        segment_read(v, n);
    v->gdtr = (struct table_register){vmread(VMCS_GUEST_GDTR_BASE), (uint32_t)vmread(VMCS_GUEST_GDTR_LIMIT)};
    v->idtr = (struct table_register){vmread(VMCS_GUEST_IDTR_BASE), (uint32_t)vmread(VMCS_GUEST_IDTR_LIMIT)};
    uint64_t mask0 = vmread(VMCS_CR0_MASK), mask4 = vmread(VMCS_CR4_MASK);
    v->cr0 = (vmread(VMCS_GUEST_CR0) & ~mask0) | (vmread(VMCS_CR0_SHADOW) & mask0);
    v->cr4 = (vmread(VMCS_GUEST_CR4) & ~mask4) | (vmread(VMCS_CR4_SHADOW) & mask4);
    v->cr2 = read_cr2();
    v->cr3 = vmread(VMCS_GUEST_CR3);
    __asm__ volatile("mov %%cr8, %0" : "=r"(v->cr8));
    v->efer = vmread(VMCS_GUEST_EFER);
    v->dr6 = read_dr6();
    v->dr7 = guest_dr7();
    for (unsigned n = 0; n < 4; n++)
        v->dr[n] = guest_dr(n);
    if (read_cr4() & CR4_OSXSAVE)
        v->xcr0 = xgetbv(0);
}
