#include "ports.h"

#include "control.h"
#include "guest_uart.h"
#include "power.h"
#include "uart.h"
#include "x86/cpu.h"
#include "x86/io.h"

/* Page fault (SDM Vol. 3A, 4.7). */
#define EXCEPTION_PF 14
#define PF_ERROR_USER 0x4u

static struct acpi_info acpi;

void ports_init(const struct engine *engine, const struct acpi_info *info)
{
    uint16_t power[POWER_PORTS_MAX];
    acpi = *info;
    size_t count = power_ports(&acpi, power);
    for (size_t i = 0; i < count; i++)
        engine->intercept_port(power[i], true);
    for (uint16_t r = 0; uart_port() != 0 && r < UART_PORTS; r++)
        engine->intercept_port((uint16_t)(uart_port() + r), true);
}

/* True where the write would reset the machine or switch it off: then it is not carried out and the run ends.
 */
static bool ends_the_machine(uint16_t port, unsigned size, uint32_t value)
{
    static const char *const reset_by[] = {[POWER_RESET_KEYBOARD] = "keyboard controller",
                                           [POWER_RESET_FAST] = "port 0x92",
                                           [POWER_RESET_CHIPSET] = "port 0xcf9",
                                           [POWER_RESET_ACPI] = "ACPI reset register"};
    unsigned sleep_type = 0;
    enum power_effect effect = power_write(&acpi, port, size, value, &sleep_type);
    if (effect == POWER_NONE)
        return false;
    if (effect == POWER_OFF)
        control_end("the guest switched the machine off (ACPI sleep type %u)", sleep_type);
    else
        control_end("the guest reset the machine (%s)", reset_by[effect]);
    return true;
}

static uint32_t port_read(uint16_t port, unsigned size)
{
    uint32_t value = 0;
    if (guest_uart_owns(port)) {
        for (unsigned i = 0; i < size; i++)
            value |= (uint32_t)(guest_uart_owns((uint16_t)(port + i)) ? guest_uart_read((uint16_t)(port + i))
                                                                      : 0xff)
                     << 8 * i;
        return value;
    }
    return size == 1 ? in8(port) : size == 2 ? in16(port) : in32(port);
}

#define SYSTEM_CONTROL_A 0x92
#define SYSTEM_CONTROL_A_A20 2u

/* The machine's A20 gate stays open: the hypervisor could not reach its own memory. False: the run ends. */
static bool keep_a20_open(const struct engine *engine, uint16_t port, unsigned size, uint32_t *value)
{
    unsigned offset = (uint16_t)(SYSTEM_CONTROL_A - port);
    uint32_t bit = offset < size ? SYSTEM_CONTROL_A_A20 << 8 * offset : 0;
    if (!(bit & ~*value))
        return true;
    *value |= bit;
    if (engine->has_a20)
        return true;
    control_end("the guest closed the A20 gate (port 0x92), which only the DBT engine carries out");
    return false;
}

static void port_write(const struct engine *engine, uint16_t port, unsigned size, uint32_t value)
{
    if (guest_uart_owns(port)) {
        for (unsigned i = 0; i < size && guest_uart_owns((uint16_t)(port + i)); i++)
            guest_uart_write((uint16_t)(port + i), (uint8_t)(value >> 8 * i));
        return;
    }
    if (ends_the_machine(port, size, value) || !keep_a20_open(engine, port, size, &value))
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

/*
 * The exit comes before the element is read (SDM Vol. 3C, 26.1.1), so that the page fault which the guest is
 * owed is ours to raise: a read of a page that is not present. An element across two pages faults in the
 * first absent one.
 */
static void absent_source(const struct engine *engine, struct vcpu *v, const struct vm_exit *e)
{
    uint8_t first;
    bool first_is_there = engine->read_guest(v, e->io.linear, &first, 1);
    engine->save_state(v);
    bool user = (v->seg[SEG_SS].access >> SEGMENT_DPL_SHIFT & 3) == 3;
    v->cr2 = first_is_there ? (e->io.linear | ~PAGE_MASK) + 1 : e->io.linear;
    engine->inject_exception(v, EXCEPTION_PF, true, user ? PF_ERROR_USER : 0);
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
        absent_source(engine, v, e);
        return;
    }
    port_write(engine, e->io.port, e->io.size, value);
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
        port_write(engine, e->io.port, e->io.size, (uint32_t)v->gpr[RAX]);
}
