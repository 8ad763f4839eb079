/* The ports of the hosted machine: COM1 on standard output, the exit port of QEMU's isa-debug-exit, the ways
 * to reset. Nothing else. */
#include "dbt/host/host.h"

#include <stdio.h>

#define COM1 0x3f8
#define LSR_THR_EMPTY 0x60u
#define KEYBOARD_COMMAND 0x64
#define SYSTEM_CONTROL_A 0x92
#define RESET_CONTROL 0xcf9
#define EXIT_PORT 0xf4
#define EXIT_PORT_QEMU 0x501

static uint8_t lcr, scratch_register;
static int exit_code;

int host_exit_code(void)
{
    return exit_code;
}

uint32_t ports_in(struct dbt *d, uint16_t port, unsigned bytes)
{
    (void)d;
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
