/* The ports of the hosted machine: COM1 on standard output, timer and interrupt controllers, the exit port of
 * QEMU's isa-debug-exit, the ways to reset. Nothing else. */
#include "dbt/host/host.h"

#include <stdio.h>

#define PIC1 0x20
#define PIC2 0xa0
#define TIMER 0x40
#define TIMER_PORTS 4u
#define TIMER_GATE 0x61
#define COM1 0x3f8
#define LSR_THR_EMPTY 0x60u
#define KEYBOARD_COMMAND 0x64
#define SYSTEM_CONTROL_A 0x92
#define SYSTEM_CONTROL_A20 2u /* the gate is the engine's: dbt/io.c */
#define RESET_CONTROL 0xcf9
#define EXIT_PORT 0xf4
#define EXIT_PORT_QEMU 0x501

static uint8_t lcr, scratch_register;
static int exit_code;

int host_exit_code(void)
{
    return exit_code;
}

/* Of the timer and the interrupt controllers, which are 8 bits wide. */
static bool is_timing(uint16_t port)
{
    return (port & ~1u) == PIC1 || (port & ~1u) == PIC2 || (port >= TIMER && port < TIMER + TIMER_PORTS) ||
           port == TIMER_GATE;
}

static uint8_t timing_in(struct dbt *d, uint16_t port)
{
    timer_update(d);
    if (port == TIMER_GATE)
        return timer_read_gate(d);
    if (port >= TIMER && port < TIMER + TIMER_PORTS)
        return timer_read(d, port - TIMER);
    return pic_read((port & ~1u) == PIC2, port & 1);
}

static void timing_out(struct dbt *d, uint16_t port, uint8_t value)
{
    timer_update(d);
    if (port == TIMER_GATE)
        timer_write_gate(d, value);
    else if (port >= TIMER && port < TIMER + TIMER_PORTS)
        timer_write(d, port - TIMER, value);
    else
        pic_write((port & ~1u) == PIC2, port & 1, value);
    dbt_ask_within(d, timer_deadline(d));
}

uint32_t ports_in(struct dbt *d, uint16_t port, unsigned bytes)
{
    if (is_timing(port))
        return timing_in(d, port);
    if (port == SYSTEM_CONTROL_A)
        return SYSTEM_CONTROL_A20;
    if (port == COM1 + 5)
        return LSR_THR_EMPTY;
    if (port == COM1 + 3)
        return lcr;
    if (port == COM1 + 7)
        return scratch_register;
    if ((port >= COM1 && port < COM1 + 8) || port == KEYBOARD_COMMAND) /* its buffers are empty */
        return 0;
    return bytes == 4 ? 0xffffffffu : bytes == 2 ? 0xffffu : 0xffu;
}

void ports_out(struct dbt *d, uint16_t port, unsigned bytes, uint32_t value)
{
    (void)bytes;
    if (is_timing(port)) {
        timing_out(d, port, (uint8_t)value);
        return;
    }
    if (port == EXIT_PORT || port == EXIT_PORT_QEMU) {
        exit_code = (int)(value << 1 | 1) & 0xff;
        d->cpu.stop = DBT_UNSUPPORTED;
        d->cpu.stop_text = "the guest wrote to the exit port";
        return;
    }
    if ((port == KEYBOARD_COMMAND && (value & 0xf1) == 0xf0) || (port == RESET_CONTROL && (value & 4)) ||
        (port == SYSTEM_CONTROL_A && (value & 1))) {
        d->cpu.stop = DBT_UNSUPPORTED;
        d->cpu.stop_text = "the guest reset the machine";
        return;
    }
    if (port == COM1 + 3)
        lcr = (uint8_t)value;
    else if (port == COM1 + 7)
        scratch_register = (uint8_t)value;
    else if (port == COM1 && !(lcr & 0x80)) {
        host_save_vectors();
        putchar((int)(value & 0xff));
        if ((value & 0xff) == '\n')
            fflush(stdout);
        trace_console_byte(d, (uint8_t)value);
        host_restore_vectors();
    }
}
