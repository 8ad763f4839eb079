#include "guest/start.h"

#include "x86/cpu.h"
#include "x86/debug.h"

#include <string.h>

#define DR6_INIT 0xffff0ff0u

/* Segment types (SDM Vol. 3A, tables 3-1 and 3-2). */
#define TYPE_CODE 0xbu     /* execute, read, accessed */
#define TYPE_DATA 0x3u     /* read, write, accessed */
#define TYPE_TSS_BUSY 0xbu /* of 32 or 64 bits; SDM Vol. 3C, 26.3.1.2: TR must be busy */
#define TSS_LIMIT 0x67u

static struct segment flat(uint16_t selector, uint32_t type)
{
    return (struct segment){
        .limit = 0xffffffff,
        .selector = selector,
        .access = type | SEGMENT_S | SEGMENT_P | SEGMENT_DB | SEGMENT_G,
    };
}

/* TR's selector is 0, as it is after a reset. */
void start_protected(struct vcpu *v, uint16_t code, uint16_t data, gpa_t entry)
{
    memset(v, 0, sizeof(*v));
    v->rip = entry;
    v->rflags = RFLAGS_ONE;
    for (int i = SEG_ES; i <= SEG_GS; i++)
        v->seg[i] = flat(data, TYPE_DATA);
    v->seg[SEG_CS] = flat(code, TYPE_CODE);
    v->seg[SEG_LDTR].access = SEGMENT_UNUSABLE;
    v->seg[SEG_TR] = (struct segment){.limit = TSS_LIMIT, .access = TYPE_TSS_BUSY | SEGMENT_P};
    v->cr0 = CR0_PE | CR0_ET;
    v->dr6 = DR6_INIT;
    v->dr7 = DR7_FIXED_1;
    v->xcr0 = XCR0_X87;
}

void start_long(struct vcpu *v, uint16_t code, uint16_t data, gpa_t entry, gpa_t cr3)
{
    start_protected(v, code, data, entry);
    v->seg[SEG_CS].access = (v->seg[SEG_CS].access & ~SEGMENT_DB) | SEGMENT_L;
    v->cr3 = cr3;
    v->cr4 = CR4_PAE;
    v->efer = EFER_LME | EFER_LMA;
    v->cr0 |= CR0_PG;
}
