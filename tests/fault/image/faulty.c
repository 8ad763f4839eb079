/*
 * Linked into build/engram-faulty.elf only, around functions of the hypervisor (ld --wrap): errors of its
 * own, which no guest can bring about. The last word of the guest's string says which:
 *
 *     panic       when the guest has written STOP
 *     exception   a write to an address that is none, when the guest has written STOP
 *     twice       like panic, and again while the trace is being saved
 *     dumping     in the middle of the dump
 *     undecoded   no error, but no instruction can be decoded
 *
 * Words of mutant.c may stand there too. A guest that is called `reset` has the machine reset half a second
 * after it has written START.
 *
 * In any case it says whether the processor has left VMX operation before the machine is reset or switched
 * off.
 */
#include "console.h"
#include "control.h"
#include "guest/guest.h"
#include "mutant.h"
#include "trace/hook.h"
#include "uart.h"
#include "vmx/vmx.h"
#include "x86/cpu.h"
#include "x86/io.h"

#include <string.h>

#define POLLS_INTO_DUMP 200u
#define RESET_GUEST "reset "
#define POLLS_TO_RESET 25u
#define RESET_CONTROL 0xcf9
#define RESET_CONTROL_HARD 0x02u
#define RESET_CONTROL_CPU 0x04u

void __real_control_console_byte(uint8_t byte);
void __wrap_control_console_byte(uint8_t byte);
void __real_control_poll(void);
void __wrap_control_poll(void);
void __real_hook_stop(const char *why);
void __wrap_hook_stop(const char *why);
int __real_uart_get(void);
int __wrap_uart_get(void);
const struct insn *__real_insn_fetch(const struct code_state *c);
const struct insn *__wrap_insn_fetch(const struct code_state *c);
void __real_uart_drain(void);
void __wrap_uart_drain(void);

const char *mutant_words(void)
{
    return guest_title();
}

static bool asked_for(const char *fault)
{
    size_t n = strlen(fault), length = strlen(guest_title());
    return length >= n && strcmp(guest_title() + length - n, fault) == 0;
}

static bool started;

/* The byte behind STOP. */
static bool stop_was_written(uint8_t byte)
{
    static char last[5];
    bool yes = byte == '\n' && memcmp(last + 1, "STOP", 4) == 0;
    started |= byte == '\n' && memcmp(last, "START", 5) == 0;
    memmove(last, last + 1, sizeof last - 1);
    last[sizeof last - 1] = (char)byte;
    return yes;
}

void __wrap_control_poll(void)
{
    static unsigned polls;
    __real_control_poll();
    if (memcmp(guest_title(), RESET_GUEST, sizeof RESET_GUEST - 1) || !started || ++polls < POLLS_TO_RESET)
        return;
    out8(RESET_CONTROL, RESET_CONTROL_HARD);
    out8(RESET_CONTROL, RESET_CONTROL_HARD | RESET_CONTROL_CPU);
}

void __wrap_control_console_byte(uint8_t byte)
{
    __real_control_console_byte(byte);
    if (!stop_was_written(byte))
        return;
    if (asked_for("panic") || asked_for("twice"))
        panic("the test asked for this");
    if (asked_for("exception"))
        *(volatile uint64_t *)0x123456789abcdef0ull = 1;
}

void __wrap_hook_stop(const char *why)
{
    if (asked_for("twice"))
        panic("and for this as well");
    __real_hook_stop(why);
}

int __wrap_uart_get(void)
{
    static unsigned polls;
    if (asked_for("dumping") && control_ended() && ++polls == POLLS_INTO_DUMP)
        panic("the test asked for this in the dump");
    return __real_uart_get();
}

const struct insn *__wrap_insn_fetch(const struct code_state *c)
{
    return asked_for("undecoded") ? NULL : __real_insn_fetch(c);
}

void __wrap_uart_drain(void)
{
    printk("test: before the end: CR4.VMXE is %d\n", (read_cr4() & CR4_VMXE) != 0);
    __real_uart_drain();
}
