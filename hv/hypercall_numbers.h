/* The numbers of hypercalls (docs/hypercalls.md), for hypervisor and guest programs. */
#ifndef ENGRAM_HYPERCALL_NUMBERS_H
#define ENGRAM_HYPERCALL_NUMBERS_H

#define HYPERCALL_MAGIC 0x4d524745u /* EAX: "EGRM" */
#define HYPERCALL_VERSION 1u
#define HYPERCALL_MARK_MAX 1024u /* bytes of a mark's text */

/* ECX */
enum hypercall {
    HYPERCALL_QUERY,
    HYPERCALL_START,
    HYPERCALL_STOP,
    HYPERCALL_MARK,           /* RSI: linear address of the text, EDX: its length */
    HYPERCALL_ADD_PROCESS,    /* RDX: bits of CR3 that are turned over before it is taken */
    HYPERCALL_REMOVE_PROCESS, /* RDX: CR3 */
    HYPERCALL_ALL_PROCESSES,
};

/* EAX afterwards */
enum hypercall_result {
    HYPERCALL_DONE,
    HYPERCALL_UNKNOWN,       /* there is no such function */
    HYPERCALL_BAD_ADDRESS,   /* the text cannot be read */
    HYPERCALL_BAD_ARGUMENT,  /* a length or a CR3 that cannot be */
    HYPERCALL_FULL,          /* there is no room for another process */
    HYPERCALL_NOT_RECORDING, /* a mark needs a recording to stand in */
};

/* EBX after HYPERCALL_QUERY: the version, and … */
#define HYPERCALL_VERSION_MASK 0xffu
#define HYPERCALL_IS_RECORDING 0x100u
#define HYPERCALL_READS 0x200u
#define HYPERCALL_WRITES 0x400u
#define HYPERCALL_PROCESSES 0x800u /* only of those that were added */

#endif
