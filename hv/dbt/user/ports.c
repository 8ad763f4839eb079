/*
 * Ports. CPL 3 reaches those of devices itself: the TSS's bitmap lets it. The core carries out accesses to
 * the few that it watches, but for two registers of the console's UART, through which a guest sends its text
 * byte by byte: the bytes go out from here, and the core hears of them line by line.
 */
#include "dbt/user/user.h"

#include "trace/dump.h"
#include "uart.h"
#include "x86/cpu.h"
#include "x86/io.h"

static struct dbt_shared *const shared = &dbt_shared;

static bool is_core_port(uint32_t port)
{
    return port >= PORTS || (shared->core_ports[port / 8] >> port % 8 & 1);
}

/* With the guest's interrupts off the CPU takes none for it from its first port access on: it may be about to
 * change what the controllers hold back. */
static bool needs_core(const struct dbt *d, uint16_t port, unsigned bytes)
{
    if (shared->interrupts_open && !(d->cpu.v.rflags & RFLAGS_IF))
        return true;
    for (unsigned i = 0; i < bytes; i++)
        if (is_core_port(port + i))
            return true;
    return false;
}

/* ---- the console's line ---- */

static bool transmitter_is_free; /* as far as is known */

static bool is_console_register(uint16_t port, unsigned bytes, unsigned reg)
{
    return shared->text.direct && bytes == 1 && port == shared->text.port + reg;
}

/* False: there is more in it than whether the transmitter is free, which the core has to see. */
static bool read_status(uint8_t *status)
{
    if (shared->text.bytes_wait)
        return false;
    *status = in8((uint16_t)(shared->text.port + UART_LSR));
    transmitter_is_free = *status & UART_LSR_THRE;
    return !(*status & ~(UART_LSR_THRE | UART_LSR_TEMT));
}

static void send(uint8_t byte)
{
    while (!transmitter_is_free)
        transmitter_is_free = in8((uint16_t)(shared->text.port + UART_LSR)) & UART_LSR_THRE;
    out8((uint16_t)(shared->text.port + UART_THR), byte);
    transmitter_is_free = false;
    shared->text.byte[shared->text.bytes++] = byte;
    if (byte == '\n' || byte == shared->text.watched || shared->text.bytes == TEXT_AT_ONCE)
        user_hand_over_text();
}

void user_hand_over_text(void)
{
    if (shared->text.bytes)
        user_ask(REQUEST_TEXT);
    shared->text.bytes = 0;
}

/* ---- accesses ---- */

uint32_t user_port_in(struct dbt *d, uint16_t port, unsigned bytes)
{
    uint8_t status;
    if (!needs_core(d, port, bytes))
        return bytes == 1 ? in8(port) : bytes == 2 ? in16(port) : in32(port);
    if (is_console_register(port, bytes, UART_LSR) && read_status(&status))
        return status;
    user_hand_over_text();
    shared->port = port;
    shared->bytes = (uint8_t)bytes;
    user_ask(REQUEST_PORT_IN);
    return (uint32_t)shared->value;
}

void user_port_out(struct dbt *d, uint16_t port, unsigned bytes, uint32_t value)
{
    if (!needs_core(d, port, bytes)) {
        if (bytes == 1)
            out8(port, (uint8_t)value);
        else if (bytes == 2)
            out16(port, (uint16_t)value);
        else
            out32(port, value);
        return;
    }
    if (is_console_register(port, bytes, UART_THR) && (uint8_t)value != FRAME_START) {
        send((uint8_t)value);
        return;
    }
    user_hand_over_text();
    shared->port = port;
    shared->bytes = (uint8_t)bytes;
    shared->value = value;
    user_ask(REQUEST_PORT_OUT);
}
