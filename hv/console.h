/*
 * The hypervisor's console: one line of text at a time to the serial line and,
 * where there is one, the VGA text screen.
 */
#ifndef ENGRAM_CONSOLE_H
#define ENGRAM_CONSOLE_H

#include <stdarg.h>
#include <stddef.h>

/* %d %i %u %x %lx %lu %ld %p %s %c %%, width, zero padding, '-', precision of %s; `l`, `ll` and `z` are 64-bit. */
void printk(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Returns the length written, less than `size`; always terminated. */
size_t format_text(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t format_text_v(char *out, size_t size, const char *format, va_list args);

/* One line "engram: error: …" on serial and screen, then halts (or powers off where the machine is an emulator). */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
