#include "finish.h"

#include "console.h"
#include "uart.h"
#include "x86/cpu.h"
#include "x86/io.h"

#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_PULSE_RESET 0xfe
#define RESET_CONTROL 0xcf9
#define RESET_CONTROL_FULL 0x0e

static enum after_run chosen = AFTER_HALT;
static struct acpi_info acpi;
static const struct engine *engine; /* to be stopped; NULL: none */

void finish_init(enum after_run after, const struct acpi_info *info)
{
    chosen = after;
    acpi = *info;
}

void finish_with(enum after_run after)
{
    chosen = after;
}

void finish_stops(const struct engine *e)
{
    engine = e;
}

static void stop_engine(void)
{
    const struct engine *e = engine;
    engine = NULL; /* an error in there leads here again */
    if (e)
        e->stop();
}

static _Noreturn void halt(void)
{
    uart_drain();
    for (;;)
        __asm__ volatile("cli; hlt");
}

static void sleep_s5(uint16_t port, uint8_t type)
{
    if (port == 0)
        return;
    uint16_t value = in16(port) & ~(uint16_t)(7u << ACPI_PM1_SLP_TYP_SHIFT);
    out16(port, (uint16_t)(value | (unsigned)type << ACPI_PM1_SLP_TYP_SHIFT | ACPI_PM1_SLP_EN));
}

static void power_off(void)
{
    uart_drain();
    if (acpi.has_s5) {
        sleep_s5(acpi.pm1a_control, acpi.s5_type_a);
        sleep_s5(acpi.pm1b_control, acpi.s5_type_b);
    }
}

static void reset(void)
{
    uart_drain();
    if (acpi.has_reset && acpi.reset_space == ACPI_SPACE_IO)
        out8((uint16_t)acpi.reset_address, acpi.reset_value);
    out8(RESET_CONTROL, RESET_CONTROL_FULL);
    out8(KEYBOARD_COMMAND, KEYBOARD_PULSE_RESET);
}

_Noreturn void finish_after_error(void)
{
    stop_engine();
    if (chosen == AFTER_POWEROFF) {
        power_off();
        printk("engram: this machine cannot be switched off by ACPI; switch it off by hand\n");
    }
    halt();
}

_Noreturn void finish_run(void)
{
    stop_engine();
    if (chosen == AFTER_RESET)
        reset();
    if (chosen == AFTER_HALT)
        printk("engram: halted; the machine can be switched off\n");
    finish_after_error();
}
