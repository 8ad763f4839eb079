/* printk and panic: text to the serial line and the screen. */
#include "console.h"

#include "finish.h"
#include "uart.h"
#include "vga.h"

#define LINE_BYTES 2048

static void put_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            uart_put('\r');
        uart_put((uint8_t)*text);
        vga_put(*text);
    }
}

void printk(const char *format, ...)
{
    static char line[LINE_BYTES];
    va_list args;
    va_start(args, format);
    format_text_v(line, sizeof line, format, args);
    va_end(args);
    put_text(line);
}

void panic(const char *format, ...)
{
    static char line[LINE_BYTES];
    va_list args;
    va_start(args, format);
    format_text_v(line, sizeof line, format, args);
    va_end(args);
    put_text("engram: error: ");
    put_text(line);
    put_text("\n");
    finish_after_error();
}
