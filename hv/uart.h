/* The 16550 UART that the console and the dump use (National Semiconductor PC16550D data sheet). */
#ifndef ENGRAM_UART_H
#define ENGRAM_UART_H

#include "types.h"

/* Register offsets. */
enum uart_register {
    UART_RBR = 0, /* read: received byte */
    UART_THR = 0, /* write: byte to send */
    UART_DLL = 0, /* with LCR.DLAB: divisor, low */
    UART_IER = 1,
    UART_DLM = 1, /* with LCR.DLAB: divisor, high */
    UART_IIR = 2, /* read */
    UART_FCR = 2, /* write */
    UART_LCR = 3,
    UART_MCR = 4,
    UART_LSR = 5,
    UART_MSR = 6,
    UART_SCR = 7,
    UART_PORTS = 8,
};
#define UART_LCR_8N1 0x03u
#define UART_LCR_DLAB 0x80u
#define UART_LSR_DR 0x01u
#define UART_LSR_THRE 0x20u
#define UART_LSR_TEMT 0x40u

/* Sets 8N1 at `baud` (a divisor of 115200) and takes the UART as the console's. False when none answers. */
bool uart_init(uint16_t port, uint32_t baud);

/* The console's UART, 0 for none. */
uint16_t uart_port(void);

/* Waits until the transmitter has room. Without a UART nothing happens. */
void uart_put(uint8_t byte);

/* -1 when nothing has come. */
int uart_get(void);

/* Sets the UART up again after a guest had its hands on it (modem control, interrupt enable). */
void uart_reclaim(void);

/* Waits until everything has left the wire. */
void uart_drain(void);

#endif
