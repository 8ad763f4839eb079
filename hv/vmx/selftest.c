/*
 * Some CPUs (and emulators) claim MTF but never deliver its exit. Found out by
 * trying: a real-mode guest of two instructions,
 *
 *     0: nop       with MTF set: exit 37 with RIP 1
 *     1: hlt       or, where MTF is a mere claim, exit 12
 */
#include "vmx/vmx.h"

#include "console.h"
#include "memory.h"
#include "vmx/caps.h"
#include "x86/cpu.h"
#include "x86/debug.h"
#include "x86/mtrr.h"

#define NOP 0x90
#define HLT 0xf4
#define REAL_MODE_LIMIT 0xffffu
#define ACCESS_CODE 0x9bu
#define ACCESS_DATA 0x93u
#define ACCESS_LDT 0x82u
#define ACCESS_TSS 0x8bu /* busy: the only TSS that VM entry takes (SDM Vol. 3C, 27.3.1.2) */

/* One 4-KiB page at guest-physical 0. */
static uint64_t tiny_ept(hpa_t code)
{
    uint64_t entry = code | EPT_READ | EPT_WRITE | EPT_EXECUTE | (uint64_t)CACHE_WB << EPT_TYPE_SHIFT;
    for (unsigned level = 1; level <= 4; level++) {
        uint64_t *table = alloc_pages(1);
        table[0] = entry;
        entry = virt_to_phys(table) | EPT_READ | EPT_WRITE | EPT_EXECUTE;
    }
    return (entry & EPT_ADDRESS) | EPTP_WALK_4 | CACHE_WB;
}

static void write_guest(void)
{
    static const uint32_t access[SEG_COUNT] = {ACCESS_DATA, ACCESS_CODE, ACCESS_DATA, ACCESS_DATA,
                                               ACCESS_DATA, ACCESS_DATA, ACCESS_LDT,  ACCESS_TSS};
    for (unsigned n = 0; n < SEG_COUNT; n++) {
        vmwrite_nth(VMCS_GUEST_ES_SELECTOR, n, 0);
        vmwrite_nth(VMCS_GUEST_ES_BASE, n, 0);
        vmwrite_nth(VMCS_GUEST_ES_LIMIT, n, REAL_MODE_LIMIT);
        vmwrite_nth(VMCS_GUEST_ES_ACCESS, n, access[n]);
    }
    vmwrite(VMCS_GUEST_GDTR_BASE, 0);
    vmwrite(VMCS_GUEST_GDTR_LIMIT, REAL_MODE_LIMIT);
    vmwrite(VMCS_GUEST_IDTR_BASE, 0);
    vmwrite(VMCS_GUEST_IDTR_LIMIT, REAL_MODE_LIMIT);
    vmwrite(VMCS_CR0_MASK, 0);
    vmwrite(VMCS_CR4_MASK, 0);
    vmwrite(VMCS_CR0_SHADOW, 0);
    vmwrite(VMCS_CR4_SHADOW, 0);
    vmwrite(VMCS_GUEST_CR0, (vmx_caps.cr0_fixed_1 & ~(CR0_PE | CR0_PG)) | CR0_ET);
    vmwrite(VMCS_GUEST_CR3, 0);
    vmwrite(VMCS_GUEST_CR4, vmx_caps.cr4_fixed_1);
    vmwrite(VMCS_GUEST_EFER, 0);
    vmwrite(VMCS_GUEST_DR7, DR7_FIXED_1);
    vmwrite(VMCS_GUEST_RIP, 0);
    vmwrite(VMCS_GUEST_RSP, 0);
    vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_ONE);
    vmwrite(VMCS_GUEST_DEBUGCTL, 0);
    if (vmx_caps.has_pat)
        vmwrite(VMCS_GUEST_PAT, rdmsr(IA32_PAT));
    vmwrite(VMCS_GUEST_SYSENTER_CS, 0);
    vmwrite(VMCS_GUEST_SYSENTER_ESP, 0);
    vmwrite(VMCS_GUEST_SYSENTER_EIP, 0);
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, 0);
    vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
    vmwrite(VMCS_GUEST_PENDING_DEBUG, 0);
}

bool mtf_selftest(void *vmcs, char *why, size_t size)
{
    uint64_t gpr[GPR_COUNT] = {0};
    uint8_t *code = alloc_pages(1);
    uint8_t *bitmaps = alloc_pages(3);
    code[0] = NOP;
    code[1] = HLT;

    vmclear(virt_to_phys(vmcs));
    vmptrld(virt_to_phys(vmcs));
    vmcs_write_host();
    vmcs_write_controls(vmx_caps.pin & ~PIN_PREEMPTION_TIMER, vmx_caps.proc | PROC_MTF, 0xffffffffu);
    vmwrite(VMCS_IO_BITMAP_A, virt_to_phys(bitmaps));
    vmwrite(VMCS_IO_BITMAP_B, virt_to_phys(bitmaps + PAGE_SIZE));
    vmwrite(VMCS_MSR_BITMAP, virt_to_phys(bitmaps + 2 * PAGE_SIZE));
    vmwrite(VMCS_EPT_POINTER, tiny_ept(virt_to_phys(code)));
    write_guest();

    int failure = vmx_enter(gpr, false);
    uint32_t reason = failure ? 0 : (uint32_t)vmread(VMCS_EXIT_REASON);
    uint64_t rip = vmread(VMCS_GUEST_RIP);
    bool ok = !failure && reason == REASON_MTF && rip == 1;
    if (failure)
        format_text(why, size, "VMX is there, but the self-test's VMLAUNCH fails with error %lu",
                    (unsigned long)(failure == 1 ? vmread(VMCS_INSTRUCTION_ERROR) : 0));
    else if (!ok && reason == REASON_HLT)
        format_text(why, size, "MTF is claimed but does not step (the self-test ran over its NOP)");
    else if (!ok)
        format_text(why, size, "MTF does not step (the self-test got VM exit 0x%x at 0x%lx)", reason,
                    (unsigned long)rip);
    vmclear(virt_to_phys(vmcs));
    return ok;
}
