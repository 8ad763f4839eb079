/*
 * What an instruction does to memory. insn_decode() turns bytes into a small
 * description that depends on nothing but the bytes and the code size, so that
 * it can be cached; insn_accesses() turns that and the registers into the list
 * of accesses, in program order, with their linear addresses.
 *
 *     bytes ─► insn_decode() ─► struct insn ─► insn_accesses(registers) ─► struct access_list
 *
 * Both engines use it. Plain C, also for the host. Quirks are listed in insn.c.
 */
#ifndef ENGRAM_DECODE_INSN_H
#define ENGRAM_DECODE_INSN_H

#include "decode/lanes.h"
#include "types.h"
#include "vcpu.h"

#define INSN_BYTES_MAX 15u

/* The default operand and address size: CS.D and, in IA-32e mode, CS.L. */
enum code_size { CODE_16, CODE_32, CODE_64 };

#define NO_REGISTER 0xffu

/* An address before the registers are known. */
struct insn_address {
    int64_t displacement;
    uint8_t base;    /* enum gpr, or NO_REGISTER */
    uint8_t index;   /* likewise */
    uint8_t scale;   /* 1, 2, 4, 8 */
    uint8_t segment; /* enum segment_register */
    uint8_t bytes;   /* address size: 2, 4, 8; 0: the stack's size, which SS.B tells */
    bool rip_relative;
};

#define INSN_READ 0x01u
#define INSN_WRITE 0x02u

struct insn_memory {
    struct insn_address address;
    uint16_t size; /* bytes */
    uint8_t flags; /* INSN_... */
};

/* Forms whose accesses depend on more than base, index and displacement. */
enum insn_form {
    FORM_PLAIN,
    FORM_BIT_OFFSET, /* BT, BTS, BTR, BTC with the offset in `bit_register` */
    FORM_XLAT,
    FORM_ENTER,
    FORM_XSAVE,    /* XSAVE */
    FORM_XSAVEOPT, /* the same without what is not in use */
    FORM_XSAVEC,   /* XSAVEC, XSAVES: compacted format */
    FORM_XRSTOR,   /* XRSTOR, XRSTORS: the area's header says what */
    FORM_LANES,    /* `lanes` says which elements */
};

/* What a store that a hypervisor can carry out itself writes. */
enum store_source {
    STORE_NONE, /* not such an instruction */
    STORE_REGISTER,
    STORE_IMMEDIATE,
    STORE_NEXT_IP, /* near CALL: the return address; `immediate` is the branch's displacement */
};

struct insn_store {
    uint64_t immediate;
    uint8_t source; /* enum store_source */
    uint8_t gpr;    /* enum gpr */
    uint8_t shift;  /* 8 for AH, CH, DH, BH */
    uint8_t push;   /* bytes that RSP goes down */
    uint8_t string; /* bytes that RDI moves (STOS) */
};

#define INSN_MEMORY_MAX 9

struct insn {
    uint8_t bytes[INSN_BYTES_MAX];
    uint8_t length;
    uint8_t code_size;     /* enum code_size */
    uint8_t operand_bytes; /* 1, 2, 4, 8 */
    uint8_t address_bytes;
    uint8_t form; /* enum insn_form */
    uint8_t memory_count;
    uint8_t segments; /* bit n: the base of segment register n is used (n < SEG_LDTR) */
    bool uses_stack;  /* SS.B is needed */
    bool locked;
    bool rep;
    bool loads_segment;   /* may set a descriptor's accessed or busy bit */
    uint8_t nesting;      /* of ENTER */
    uint8_t bit_register; /* of BT and its like */
    struct insn_lanes lanes;
    struct insn_store store;
    struct insn_memory memory[INSN_MEMORY_MAX];
};

/* One access as the architecture makes it. */
struct insn_access {
    gva_t linear;
    uint8_t size;  /* 1 to 64 */
    uint8_t kind;  /* enum access_kind */
    uint8_t flags; /* ACCESS_LOCKED, ACCESS_REP */
    uint8_t lane;  /* FORM_LANES: number of the element */
};

/* ENTER with 31 levels makes 64 accesses; an XSAVE area of 2,696 bytes makes 43 of 64 bytes. */
#define ACCESS_LIST_MAX 80

struct access_list {
    unsigned count;
    bool incomplete; /* more accesses than fit, or not known which */
    struct insn_access a[ACCESS_LIST_MAX];
};

/* False if the bytes are no instruction (or fewer than it needs). */
bool insn_decode(struct insn *insn, const uint8_t *bytes, size_t available, enum code_size size);

/*
 * The accesses of the next execution of `insn` (for REP: of its next iteration). Needs the general
 * registers, RIP, XCR0 (XSAVE), the bases named by `insn->segments` and, with `uses_stack`, SS's access
 * rights. `env` may be NULL: then every element counts as selected, every component as in use, and the list
 * is incomplete.
 */
void insn_accesses(const struct insn *insn, const struct vcpu *v, const struct insn_environment *env,
                   struct access_list *list);

/* Bytes of the stack pointer in use: 2, 4, 8. */
static inline unsigned stack_bytes(const struct insn *insn, const struct vcpu *v)
{
    if (insn->code_size == CODE_64)
        return 8;
    return v->seg[SEG_SS].access & SEGMENT_DB ? 4 : 2;
}

/*
 * Linear address of memory operand `m`: effective address, cut to the address size, and segment base. Outside
 * 64-bit mode linear addresses have 32 bits; in it only FS and GS have a base (SDM Vol. 1, 3.3.4 and 3.7.5).
 */
static inline gva_t insn_linear(const struct insn *insn, const struct insn_memory *m, const struct vcpu *v)
{
    const struct insn_address *a = &m->address;
    uint64_t ea = (uint64_t)a->displacement;
    if (a->rip_relative)
        ea += v->rip + insn->length;
    if (a->base != NO_REGISTER)
        ea += v->gpr[a->base];
    if (a->index != NO_REGISTER)
        ea += v->gpr[a->index] * a->scale;

    unsigned bytes = a->bytes ? a->bytes : stack_bytes(insn, v);
    if (insn->code_size != CODE_64)
        return (uint32_t)((bytes == 2 ? (uint16_t)ea : ea) + v->seg[a->segment].base);
    if (bytes == 4)
        ea = (uint32_t)ea;
    return a->segment == SEG_FS || a->segment == SEG_GS ? ea + v->seg[a->segment].base : ea;
}

#endif
