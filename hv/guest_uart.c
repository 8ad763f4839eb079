#include "guest_uart.h"

#include "control.h"
#include "monitor/monitor.h"
#include "trace/format.h"
#include "uart.h"
#include "x86/io.h"

#define QUEUE_BYTES 256 /* a power of two */

/* What came on the line, and what of it waits for the guest. */
struct queue {
    uint8_t byte[QUEUE_BYTES];
    unsigned in, out;
};
static struct queue line;

static struct {
    uint8_t lcr, dll, dlm;
    struct queue received;
} guest = {.lcr = UART_LCR_8N1, .dll = 1};

bool guest_uart_owns(uint16_t port)
{
    uint16_t base = uart_port();
    return base != 0 && port >= base && port < base + UART_PORTS;
}

static bool has_bytes(const struct queue *q)
{
    return q->in != q->out;
}
static bool has_room(const struct queue *q)
{
    return q->in - q->out < QUEUE_BYTES;
}
static void append(struct queue *q, uint8_t byte)
{
    q->byte[q->in++ % QUEUE_BYTES] = byte;
}
static uint8_t take(struct queue *q)
{
    return q->byte[q->out++ % QUEUE_BYTES];
}

void guest_uart_fetch(void)
{
    int byte;
    while (has_room(&line) && (byte = uart_get()) >= 0)
        append(&line, (uint8_t)byte);
}

/* A guest that reads nothing does not keep the monitor from its bytes: what has no room is dropped, as by a
 * UART. */
void guest_uart_poll(void)
{
    guest_uart_fetch();
    while (has_bytes(&line)) {
        uint8_t byte = take(&line);
        if (!monitor_takes(byte) && has_room(&guest.received))
            append(&guest.received, byte);
    }
}

static uint8_t receive(void)
{
    guest_uart_poll();
    return has_bytes(&guest.received) ? take(&guest.received) : 0;
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
    return has_bytes(&guest.received);
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
        return (uint8_t)(in8(port) | (has_bytes(&guest.received) ? UART_LSR_DR : 0));
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
