/*
 * What the guest sends on the console's line. Where it comes byte by byte through plain writes to the
 * transmitter, CPL 3 sends it itself and tells of it by the line (user/ports.c); the core says when that
 * holds.
 */
#include "control.h"
#include "dbt/dbt_engine.h"
#include "guest_uart.h"
#include "uart.h"

#include <string.h>

static void let_through(uint16_t port, bool on)
{
    uint8_t bit = (uint8_t)(1u << port % 8);
    gate_ports[port / 8] = (uint8_t)(on ? gate_ports[port / 8] & ~bit : gate_ports[port / 8] | bit);
}

/* Before CPL 3 goes on after the core has worked on something of the guest's. */
void text_update(void)
{
    bool direct = uart_port() != 0 && guest_uart_sends_text();
    dbt_shared.text.watched = (int16_t)control_watched_byte();
    dbt_shared.text.bytes_wait = guest_uart_has_bytes();
    if (direct == dbt_shared.text.direct)
        return;
    dbt_shared.text.direct = direct;
    dbt_shared.text.port = uart_port();
    let_through(uart_port() + UART_THR, direct);
    let_through(uart_port() + UART_LSR, direct);
}

bool text_begin(struct vm_exit *e)
{
    static uint8_t text[TEXT_AT_ONCE];
    e->kind = EXIT_TEXT;
    e->sent.text = text;
    e->sent.bytes = dbt_shared.text.bytes < TEXT_AT_ONCE ? dbt_shared.text.bytes : TEXT_AT_ONCE;
    memcpy(text, dbt_shared.text.byte, e->sent.bytes);
    return true;
}
