#include "guest_uart.h"

#include "control.h"
#include "trace/format.h"
#include "uart.h"
#include "x86/io.h"

#define QUEUE_BYTES 256 /* a power of two */

static struct {
    uint8_t lcr, dll, dlm;
    uint8_t queue[QUEUE_BYTES];
    unsigned head, tail;
} guest = {.lcr = UART_LCR_8N1, .dll = 1};

bool guest_uart_owns(uint16_t port)
{
    uint16_t base = uart_port();
    return base != 0 && port >= base && port < base + UART_PORTS;
}

static bool waiting(void)
{
    return guest.head != guest.tail;
}

void guest_uart_poll(void)
{
    int byte;
    while (guest.head - guest.tail < QUEUE_BYTES && (byte = uart_get()) >= 0) {
        if (byte == CONTROL_KEY_END)
            control_end("ended by Ctrl-] on the serial line");
        else
            guest.queue[guest.head++ % QUEUE_BYTES] = (uint8_t)byte;
    }
}

static uint8_t receive(void)
{
    guest_uart_poll();
    return waiting() ? guest.queue[guest.tail++ % QUEUE_BYTES] : 0;
}

static void transmit(uint8_t byte)
{
    uart_put(byte);
    if (byte == FRAME_START)
        uart_put(FRAME_LITERAL);
    control_console_byte(byte);
}

static bool divisor_latch(void)
{
    return guest.lcr & UART_LCR_DLAB;
}

bool guest_uart_sends_text(void)
{
    return !divisor_latch();
}
bool guest_uart_has_bytes(void)
{
    return waiting();
}

uint8_t guest_uart_read(uint16_t port)
{
    unsigned reg = port - uart_port();
    switch (reg) {
    case UART_RBR:
        return divisor_latch() ? guest.dll : receive();
    case UART_IER:
        return divisor_latch() ? guest.dlm : in8(port);
    case UART_LCR:
        return guest.lcr;
    case UART_LSR:
        guest_uart_poll();
        return (uint8_t)(in8(port) | (waiting() ? UART_LSR_DR : 0));
    default:
        return in8(port);
    }
}

void guest_uart_write(uint16_t port, uint8_t value)
{
    unsigned reg = port - uart_port();
    switch (reg) {
    case UART_THR:
        if (divisor_latch())
            guest.dll = value;
        else
            transmit(value);
        break;
    case UART_IER:
        if (divisor_latch())
            guest.dlm = value;
        else
            out8(port, value);
        break;
    case UART_FCR:
        break; /* clearing the FIFOs would lose the console's bytes */
    case UART_LCR:
        guest.lcr = value;
        break;
    case UART_LSR:
        break;
    default:
        out8(port, value);
    }
}
