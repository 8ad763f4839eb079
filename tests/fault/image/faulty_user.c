/*
 * Linked into build/engram-faulty.elf only, in the part at CPL 3: errors of the DBT engine's own, which no
 * guest can bring about. tests/fault/image/breaker.asm asks for one by a write of its number to a port.
 */
#include "dbt/dbt.h"
#include "dbt/shared.h"
#include "dbt/sys/sys.h"
#include "x86/cpu.h"

#include <string.h>

#define FAULT_PORT 0x1ee
#define NOWHERE 0x123456789000ull

enum fault {
    WILD_STORE = 1,
    WILD_JUMP,
    STORE_TO_CORE,
    STORE_TO_GATE,
    STORE_TO_OWN_CODE,
    PRIVILEGED,
    STACK_OVERFLOW,
    TABLES_OVERWRITTEN,
    STATE_OVERWRITTEN,
    RECORDS_OVERWRITTEN,
    TRANSLATED_STORE,
    TRANSLATED_JUMP,
    TRANSLATED_PRIVILEGED,
    TRAP_FOR_EVER,
    REQUEST_UNKNOWN,
    REQUEST_PORT_OF_3_BYTES,
    REQUEST_BREAK_UNKNOWN,
    REQUEST_DONE_IN_RUN,
    REQUEST_DEFINE_TOO_MUCH,
    REQUEST_SEGMENTS_OVERFULL,
    TEXT_WITHOUT_END,
};

void __real_port_out(struct dbt_cpu *c, uint16_t port, unsigned bytes, uint32_t value);
void __wrap_port_out(struct dbt_cpu *c, uint16_t port, unsigned bytes, uint32_t value);
struct block *__real_translate_block(struct dbt *d, uint64_t ip, bool bounce);
struct block *__wrap_translate_block(struct dbt *d, uint64_t ip, bool bounce);

static uint8_t broken_translation;

static void ask(uint32_t request)
{
    dbt_shared.request = request;
    __asm__ volatile("call dbt_core_call" ::: "memory");
}

static void store(uint64_t at)
{
    *(volatile uint64_t *)at = 1;
}

static void jump(uint64_t to)
{
    __asm__ volatile("jmp *%0" : : "r"(to));
}

static __attribute__((noinline)) uint64_t recurse(volatile uint64_t depth)
{
    return depth ? recurse(depth + 1) + depth : 0;
}

static void break_memory(struct dbt *d, enum fault f)
{
    switch (f) {
    case WILD_STORE:
        store(NOWHERE);
        break;
    case STORE_TO_CORE:
        store(0xffffffff80200000ull);
        break;
    case STORE_TO_GATE: { /* mapped here, for the supervisor */
        struct __attribute__((packed)) {
            uint16_t limit;
            uint64_t base;
        } idt;
        __asm__ volatile("sidt %0" : "=m"(idt));
        store(idt.base);
        break;
    }
    case STORE_TO_OWN_CODE:
        store((uint64_t)dbt_core_call);
        break;
    case STACK_OVERFLOW:
        d->scratch = recurse(1);
        break;
    case TABLES_OVERWRITTEN:
        memset(d->blocks, 0xa5, d->block_count * sizeof(*d->blocks));
        memset(d->exits, 0xa5, d->exit_count * sizeof(*d->exits));
        break;
    case STATE_OVERWRITTEN:
        memset(d, 0xa5, sizeof(*d));
        break;
    default:
        memset(d->recorder.start, 0xff, (size_t)(d->record - (uint64_t)(uintptr_t)d->recorder.start));
        memset(&d->recorder, 0xff, sizeof(d->recorder));
        d->record = ~0ull;
        store(NOWHERE);
        break;
    }
}

static void break_request(struct dbt *d, enum fault f)
{
    switch (f) {
    case REQUEST_PORT_OF_3_BYTES:
        dbt_shared.port = 0x80;
        dbt_shared.bytes = 3;
        ask(REQUEST_PORT_OUT);
        break;
    case REQUEST_BREAK_UNKNOWN:
        dbt_shared.value = 1ull << 40;
        ask(REQUEST_BREAK);
        break;
    case REQUEST_DONE_IN_RUN:
        ask(REQUEST_DONE);
        break;
    case REQUEST_DEFINE_TOO_MUCH:
        d->recorder.staged_blocks = d->recorder.staged_accesses = 1u << 30;
        ask(REQUEST_DEFINE);
        break;
    case REQUEST_SEGMENTS_OVERFULL:
        memset(dbt_shared.use, 0xff, sizeof(dbt_shared.use));
        ask(REQUEST_SEGMENTS);
        ask(~0u);
        break;
    case TEXT_WITHOUT_END:
        memset(dbt_shared.line, 'x', sizeof(dbt_shared.line));
        dbt_shared.value = ENDED_FATAL;
        ask(REQUEST_ENDED);
        break;
    default:
        ask(99);
        break;
    }
}

static void break_down(struct dbt *d, enum fault f)
{
    switch (f) {
    case WILD_JUMP:
        jump(NOWHERE);
        break;
    case PRIVILEGED:
        __asm__ volatile("cli");
        break;
    case TRANSLATED_STORE:
    case TRANSLATED_JUMP:
    case TRANSLATED_PRIVILEGED:
    case TRAP_FOR_EVER:
        broken_translation = (uint8_t)f;
        break;
    default:
        if (f >= REQUEST_UNKNOWN)
            break_request(d, f);
        else
            break_memory(d, f);
        break;
    }
}

void __wrap_port_out(struct dbt_cpu *c, uint16_t port, unsigned bytes, uint32_t value)
{
    if (port == FAULT_PORT && bytes == 1)
        break_down(dbt_of(c), (enum fault)value);
    __real_port_out(c, port, bytes, value);
}

/* The next block does what it must not. */
struct block *__wrap_translate_block(struct dbt *d, uint64_t ip, bool bounce)
{
    static const uint8_t wild_store[] = {0x48, 0xa3, 0, 0x90, 0x78, 0x56, 0x34, 0x12, 0, 0};
    static const uint8_t wild_jump[] = {0x49, 0xbc, 0, 0x90, 0x78, 0x56, 0x34, 0x12, 0, 0, 0x41, 0xff, 0xe4};
    static const uint8_t privileged[] = {0xfa};
    static const uint8_t trap[] = {0x0f, 0x0b};
    struct block *b = __real_translate_block(d, ip, bounce);
    if (!b || bounce)
        return b;
    switch (broken_translation) {
    case TRANSLATED_STORE:
        memcpy(b->body, wild_store, sizeof(wild_store));
        break;
    case TRANSLATED_JUMP:
        memcpy(b->body, wild_jump, sizeof(wild_jump));
        break;
    case TRANSLATED_PRIVILEGED:
        memcpy(b->body, privileged, sizeof(privileged));
        break;
    case TRAP_FOR_EVER: /* the way out of a trap is a trap */
        memcpy(d->leave_trap, trap, sizeof(trap));
        memcpy(b->body, trap, sizeof(trap));
        break;
    default:
        break;
    }
    broken_translation = 0;
    return b;
}
