/*
 * The hypervisor's console: one line of text at a time to the serial line and,
 * where there is one, the VGA text screen.
 */
#ifndef ENGRAM_CONSOLE_H
#define ENGRAM_CONSOLE_H

#include <stdarg.h>
#include <stddef.h>

/* %d %i %u %x %lx %lu %ld %p %s %c %%, width, zero padding, '-', precision of %s; `l`, `ll` and `z` are
 * 64-bit. */
void printk(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Returns the length written, less than `size`; always terminated. */
size_t format_text(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t format_text_v(char *out, size_t size, const char *format, va_list args);

/* The guest has the screen, and its hands on the serial line, until the console takes both back. */
void console_release(void);
void console_reclaim(void);

/* One line "engram: error: …" on serial and screen, then the last act, then the end by finish_after_error().
 */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What is still to be done after the first error, once: saving the trace. A second error in there ends the
 * run. */
void panic_last_act(void (*act)(const char *why));

#endif
