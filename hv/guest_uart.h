/*
 * The guest's view of the UART that the console uses: its text goes through
 * Engram, so that the dump's frames and the guest's text cannot be confused,
 * and its settings (speed, format, FIFO) are remembered but not carried out.
 * Interrupts come from the real UART.
 */
#ifndef ENGRAM_GUEST_UART_H
#define ENGRAM_GUEST_UART_H

#include "types.h"

bool guest_uart_owns(uint16_t port);
uint8_t guest_uart_read(uint16_t port);
void guest_uart_write(uint16_t port, uint8_t value);

/* What is written to THR is sent, and not the divisor. */
bool guest_uart_sends_text(void);
/* Received bytes wait for the guest. */
bool guest_uart_has_bytes(void);

/* Takes what has come in on the line: a key for Engram, or bytes that wait for the guest. */
void guest_uart_poll(void);

#endif
