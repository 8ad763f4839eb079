/* The host's half of a VMCS: where an exit lands, and the controls that never change. */
#include "interrupts.h"
#include "vmx/caps.h"
#include "vmx/vmx.h"
#include "x86/cpu.h"

#define CPUID_1_ECX_XSAVE (1u << 26)

void vmcs_write_host(void)
{
    vmwrite(VMCS_HOST_CR0, read_cr0());
    vmwrite(VMCS_HOST_CR3, read_cr3());
    vmwrite(VMCS_HOST_CR4, read_cr4());
    vmwrite(VMCS_HOST_CS_SELECTOR, HOST_CODE_SELECTOR);
    vmwrite(VMCS_HOST_SS_SELECTOR, HOST_DATA_SELECTOR);
    vmwrite(VMCS_HOST_DS_SELECTOR, HOST_DATA_SELECTOR);
    vmwrite(VMCS_HOST_ES_SELECTOR, HOST_DATA_SELECTOR);
    vmwrite(VMCS_HOST_FS_SELECTOR, 0);
    vmwrite(VMCS_HOST_GS_SELECTOR, 0);
    vmwrite(VMCS_HOST_TR_SELECTOR, HOST_TSS_SELECTOR);
    vmwrite(VMCS_HOST_FS_BASE, 0);
    vmwrite(VMCS_HOST_GS_BASE, 0);
    vmwrite(VMCS_HOST_TR_BASE, (uint64_t)tss);
    vmwrite(VMCS_HOST_GDTR_BASE, (uint64_t)gdt);
    vmwrite(VMCS_HOST_IDTR_BASE, idt_address());
    vmwrite(VMCS_HOST_SYSENTER_CS, 0);
    vmwrite(VMCS_HOST_SYSENTER_ESP, 0);
    vmwrite(VMCS_HOST_SYSENTER_EIP, 0);
    vmwrite(VMCS_HOST_EFER, rdmsr(IA32_EFER));
    if (vmx_caps.has_pat)
        vmwrite(VMCS_HOST_PAT, rdmsr(IA32_PAT));
    vmwrite(VMCS_HOST_RIP, (uint64_t)vmx_exit_entry);
    vmx_host_rsp = 0;
}

void vmcs_write_controls(uint32_t pin, uint32_t proc, uint32_t exceptions)
{
    vmwrite(VMCS_PIN_CONTROLS, pin);
    vmwrite(VMCS_PROC_CONTROLS, proc);
    vmwrite(VMCS_PROC2_CONTROLS, vmx_caps.proc2);
    vmwrite(VMCS_EXIT_CONTROLS, vmx_caps.exit);
    vmwrite(VMCS_ENTRY_CONTROLS, vmx_caps.entry);
    vmwrite(VMCS_EXCEPTION_BITMAP, exceptions);
    vmwrite(VMCS_PF_ERROR_MASK, 0);
    vmwrite(VMCS_PF_ERROR_MATCH, 0);
    vmwrite(VMCS_CR3_TARGET_COUNT, 0);
    vmwrite(VMCS_EXIT_MSR_STORE_COUNT, 0);
    vmwrite(VMCS_EXIT_MSR_LOAD_COUNT, 0);
    vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
    vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, 0);
    vmwrite(VMCS_LINK_POINTER, ~0ull);
    if (vmx_caps.has_vpid)
        vmwrite(VMCS_VPID, 1);
    if (vmx_caps.proc2 & PROC2_XSAVES)
        vmwrite(VMCS_XSS_EXITING_BITMAP, 0);
}
