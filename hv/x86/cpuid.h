/* CPUID's leaves and feature bits, as far as Engram asks for them (SDM Vol. 2A, CPUID). */
#ifndef ENGRAM_X86_CPUID_H
#define ENGRAM_X86_CPUID_H

#define CPUID_1_ECX_DTES64 (1u << 2)
#define CPUID_1_ECX_DS_CPL (1u << 4)
#define CPUID_1_ECX_VMX (1u << 5)
#define CPUID_1_ECX_SMX (1u << 6)
#define CPUID_1_ECX_XSAVE (1u << 26)
#define CPUID_1_ECX_OSXSAVE (1u << 27)
#define CPUID_1_EDX_MTRR (1u << 12)
#define CPUID_1_EDX_DS (1u << 21)

#define CPUID_7_EBX_SGX (1u << 2)
#define CPUID_7_EBX_HLE (1u << 4)
#define CPUID_7_EBX_RTM (1u << 11)
#define CPUID_7_EBX_MPX (1u << 14)
#define CPUID_7_EBX_PT (1u << 25)
#define CPUID_7_ECX_OSPKE (1u << 4)
#define CPUID_7_ECX_CET_SS (1u << 7)
#define CPUID_7_ECX_SGX_LC (1u << 30)
#define CPUID_7_EDX_UINTR (1u << 5)
#define CPUID_7_EDX_PCONFIG (1u << 18)
#define CPUID_7_EDX_CET_IBT (1u << 20)
#define CPUID_7_EDX_AMX_BF16 (1u << 22)
#define CPUID_7_EDX_AMX_TILE (1u << 24)
#define CPUID_7_EDX_AMX_INT8 (1u << 25)
#define CPUID_7_1_EAX_FRED (1u << 17)
#define CPUID_7_1_EAX_AMX_FP16 (1u << 21)
#define CPUID_7_1_EAX_LAM (1u << 26)
#define CPUID_7_1_EDX_AMX_COMPLEX (1u << 8)
#define CPUID_7_1_EDX_UIRET_UIF (1u << 17)
#define CPUID_7_1_EDX_CET_SSS (1u << 18)

#define CPUID_XSAVE 0xdu /* subleaf 0: XCR0; 1: XSS; n: component n */
#define CPUID_SGX 0x12u
#define CPUID_PT 0x14u
#define CPUID_TILE 0x1du
#define CPUID_TMUL 0x1eu

#define CPUID_EXTENDED 0x80000001u
#define CPUID_EXTENDED_EDX_1G_PAGES (1u << 26)
#define CPUID_ADDRESS_SIZES 0x80000008u

#endif
