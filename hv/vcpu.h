/* The guest's processor, as both engines keep it and the core sees it. */
#ifndef ENGRAM_VCPU_H
#define ENGRAM_VCPU_H

#include "types.h"

/* General-purpose registers in the order of their encoding (SDM Vol. 2A, table 2-2). */
enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, GPR_COUNT };

/* Segment registers in the order of their encoding, then the system ones. */
enum segment_register { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, SEG_COUNT };

/* Access rights as in the VMCS (SDM Vol. 3C, table 25-2). */
struct segment {
    uint64_t base;
    uint32_t limit; /* in bytes */
    uint16_t selector;
    uint32_t access;
};
#define SEGMENT_S 0x0010u
#define SEGMENT_DPL_SHIFT 5
#define SEGMENT_P 0x0080u
#define SEGMENT_L 0x2000u
#define SEGMENT_DB 0x4000u
#define SEGMENT_G 0x8000u
#define SEGMENT_UNUSABLE 0x10000u

struct table_register {
    uint64_t base;
    uint32_t limit;
};

struct vcpu {
    uint64_t gpr[GPR_COUNT];
    uint64_t rip; /* IP within CS */
    uint64_t rflags;
    struct segment seg[SEG_COUNT];
    struct table_register gdtr, idtr;
    uint64_t cr0, cr2, cr3, cr4, cr8;
    uint64_t efer;
    uint64_t dr6, dr7;
    uint64_t dr[4];
    uint64_t xcr0;
};

#endif
