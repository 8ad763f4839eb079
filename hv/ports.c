#include "ports.h"

#include "control.h"
#include "guest_uart.h"
#include "uart.h"
#include "x86/cpu.h"
#include "x86/io.h"

#include <string.h>

#define KEYBOARD_COMMAND 0x64
#define SYSTEM_CONTROL_A 0x92
#define RESET_CONTROL 0xcf9

static struct acpi_info acpi;

void ports_init(const struct engine *engine, const struct acpi_info *info)
{
    acpi = *info;
    const uint16_t power[] = {KEYBOARD_COMMAND, SYSTEM_CONTROL_A, RESET_CONTROL, acpi.pm1a_control, acpi.pm1b_control};
    for (size_t i = 0; i < ARRAY_SIZE(power); i++)
        if (power[i] != 0)
            engine->intercept_port(power[i], true);
    if (acpi.has_reset && acpi.reset_space == ACPI_SPACE_IO)
        engine->intercept_port((uint16_t)acpi.reset_address, true);
    for (uint16_t r = 0; uart_port() != 0 && r < UART_PORTS; r++)
        engine->intercept_port((uint16_t)(uart_port() + r), true);
}

/* True where the write would reset the machine or switch it off: then it is not carried out and the run ends. */
static bool ends_the_machine(uint16_t port, uint32_t value)
{
    /* 8042: commands F0 to FF pulse output lines; bit 0 clear is the reset line. */
    if (port == KEYBOARD_COMMAND && (value & 0xf1) == 0xf0)
        control_end("the guest reset the machine (keyboard controller)");
    else if (port == SYSTEM_CONTROL_A && (value & 1))
        control_end("the guest reset the machine (port 0x92)");
    else if (port == RESET_CONTROL && (value & 4))
        control_end("the guest reset the machine (port 0xcf9)");
    else if (acpi.has_reset && acpi.reset_space == ACPI_SPACE_IO && port == acpi.reset_address &&
             value == acpi.reset_value)
        control_end("the guest reset the machine (ACPI reset register)");
    else if (port != 0 && (port == acpi.pm1a_control || port == acpi.pm1b_control) && (value & ACPI_PM1_SLP_EN))
        control_end("the guest switched the machine off (ACPI sleep type %u)",
                    value >> ACPI_PM1_SLP_TYP_SHIFT & 7);
    return control_ended() != NULL;
}

static uint32_t port_read(uint16_t port, unsigned size)
{
    uint32_t value = 0;
    if (guest_uart_owns(port)) {
        for (unsigned i = 0; i < size; i++)
            value |= (uint32_t)(guest_uart_owns((uint16_t)(port + i)) ? guest_uart_read((uint16_t)(port + i)) : 0xff)
                     << 8 * i;
        return value;
    }
    return size == 1 ? in8(port) : size == 2 ? in16(port) : in32(port);
}

static void port_write(uint16_t port, unsigned size, uint32_t value)
{
    if (guest_uart_owns(port)) {
        for (unsigned i = 0; i < size && guest_uart_owns((uint16_t)(port + i)); i++)
            guest_uart_write((uint16_t)(port + i), (uint8_t)(value >> 8 * i));
        return;
    }
    /* A wider access may reach the register in question at its second byte. */
    for (unsigned i = 0; i < size; i++)
        if (ends_the_machine((uint16_t)(port + i), value >> 8 * i))
            return;
    if (size == 1)
        out8(port, (uint8_t)value);
    else if (size == 2)
        out16(port, (uint16_t)value);
    else
        out32(port, value);
}

static uint64_t with_low_bytes(uint64_t reg, uint32_t value, unsigned size)
{
    if (size == 4)
        return value; /* 32-bit results clear the upper half */
    uint64_t mask = size == 1 ? 0xff : 0xffff;
    return (reg & ~mask) | (value & mask);
}

/* OUTS: one element at a time; REP is left to the guest, which executes the instruction again. */
static void string_exit(const struct engine *engine, struct vcpu *v, const struct vm_exit *e)
{
    uint32_t value = 0;
    if (e->io.in) {
        control_end("INS from port 0x%x, which Engram watches, is not supported", e->io.port);
        return;
    }
    if (!engine->read_guest(v, e->io.linear, &value, e->io.size)) {
        control_end("OUTS to port 0x%x from an absent page at 0x%lx", e->io.port, (unsigned long)e->io.linear);
        return;
    }
    port_write(e->io.port, e->io.size, value);
    uint64_t mask = e->io.address_bytes == 8 ? ~0ull : e->io.address_bytes == 4 ? 0xffffffffull : 0xffffull;
    uint64_t keep = e->io.address_bytes == 2 ? ~mask : 0; /* 32-bit addressing clears the upper halves */
    uint64_t step = v->rflags & RFLAGS_DF ? -(uint64_t)e->io.size : e->io.size;
    v->gpr[RSI] = (v->gpr[RSI] & keep) | ((v->gpr[RSI] + step) & mask);
    if (e->io.rep)
        v->gpr[RCX] = (v->gpr[RCX] & keep) | ((v->gpr[RCX] - 1) & mask);
    if (!e->io.rep || (v->gpr[RCX] & mask) == 0)
        engine->advance(v, e);
}

void ports_exit(const struct engine *engine, struct vcpu *v, const struct vm_exit *e)
{
    if (e->io.string) {
        string_exit(engine, v, e);
        return;
    }
    /* The instruction is over before its effect, so that a recording it starts begins behind it. */
    engine->advance(v, e);
    if (e->io.in)
        v->gpr[RAX] = with_low_bytes(v->gpr[RAX], port_read(e->io.port, e->io.size), e->io.size);
    else
        port_write(e->io.port, e->io.size, (uint32_t)v->gpr[RAX]);
}
