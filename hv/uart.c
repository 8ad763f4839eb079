#include "uart.h"

#include "x86/cpu.h"
#include "x86/io.h"

#define BASE_BAUD 115200u
#define FIFO_BYTES 16u
#define FCR_ENABLE_AND_CLEAR 0x07u
#define MCR_DTR_RTS_OUT2 0x0bu
/* A UART that stops taking bytes (flow control, unplugged adapter) must not hang the hypervisor. */
#define WAIT_POLLS 10000000u

static struct {
    uint16_t port;
    uint32_t baud;
    unsigned room; /* bytes that the transmit FIFO still takes */
} uart;

uint16_t uart_port(void)
{
    return uart.port;
}

static bool answers(uint16_t port)
{
    /* The scratch register keeps what is written; an empty port reads as ones. */
    out8(port + UART_SCR, 0x5a);
    if (in8(port + UART_SCR) != 0x5a)
        return false;
    out8(port + UART_SCR, 0xa5);
    return in8(port + UART_SCR) == 0xa5;
}

bool uart_init(uint16_t port, uint32_t baud)
{
    uart.port = 0;
    uart.room = 0;
    if (port == 0 || !answers(port))
        return false;
    uint32_t divisor = BASE_BAUD / baud;
    out8(port + UART_IER, 0);
    out8(port + UART_LCR, UART_LCR_DLAB | UART_LCR_8N1);
    out8(port + UART_DLL, (uint8_t)divisor);
    out8(port + UART_DLM, (uint8_t)(divisor >> 8));
    out8(port + UART_LCR, UART_LCR_8N1);
    out8(port + UART_FCR, FCR_ENABLE_AND_CLEAR);
    out8(port + UART_MCR, MCR_DTR_RTS_OUT2);
    uart.port = port;
    uart.baud = baud;
    return true;
}

static bool wait_for(uint8_t lsr_bit)
{
    for (unsigned polls = 0; polls < WAIT_POLLS; polls++) {
        if (in8(uart.port + UART_LSR) & lsr_bit)
            return true;
        cpu_pause();
    }
    return false;
}

void uart_put(uint8_t byte)
{
    if (uart.port == 0)
        return;
    if (uart.room == 0) {
        if (!wait_for(UART_LSR_THRE))
            return;
        uart.room = FIFO_BYTES;
    }
    uart.room--;
    out8(uart.port + UART_THR, byte);
}

int uart_get(void)
{
    if (uart.port == 0 || !(in8(uart.port + UART_LSR) & UART_LSR_DR))
        return -1;
    return in8(uart.port + UART_RBR);
}

void uart_reclaim(void)
{
    uart_drain();
    uart_init(uart.port, uart.baud);
}

void uart_drain(void)
{
    if (uart.port != 0)
        wait_for(UART_LSR_TEMT);
}
