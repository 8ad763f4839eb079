/* printk and panic: text to the serial line and the screen. */
#include "console.h"

#include "finish.h"
#include "trace/dump.h"
#include "uart.h"
#include "vga.h"

#define LINE_BYTES 2048

static bool released;
static void (*last_act)(const char *why);

void console_release(void)
{
    vga_release();
    released = true;
}

void console_reclaim(void)
{
    if (!released)
        return;
    released = false;
    uart_reclaim();
    vga_reclaim();
}

/* While a dump is under way the line carries frames only: text goes as one of them. */
static void put_serial(const char *text)
{
    static char line[2 * LINE_BYTES];
    size_t n = 0;
    for (; *text; text++) {
        if (*text == '\n')
            line[n++] = '\r';
        line[n++] = *text;
    }
    if (dump_text(line, n))
        return;
    for (size_t i = 0; i < n; i++)
        uart_put((uint8_t)line[i]);
}

/* At most LINE_BYTES long. */
static void put_text(const char *text)
{
    put_serial(text);
    for (; *text; text++)
        vga_put(*text);
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

void panic_last_act(void (*act)(const char *why))
{
    last_act = act;
}

void panic(const char *format, ...)
{
    static char line[LINE_BYTES];
    void (*act)(const char *why) = last_act;
    va_list args;
    last_act = NULL; /* an error in there must not bring us here again and again */
    size_t prefix = format_text(line, sizeof line, "engram: error: ");
    va_start(args, format);
    size_t n = prefix + format_text_v(line + prefix, sizeof line - prefix - 1, format, args);
    va_end(args);
    line[n] = '\n';
    line[n + 1] = '\0';
    console_reclaim();
    put_text(line);
    line[n] = '\0';
    if (act)
        act(line + prefix);
    finish_after_error();
}
