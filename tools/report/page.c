/* Puts the page together. Its files are in the program: a report needs nothing besides. */
#include "report/page.h"

#include <string.h>

#define EMBED(name, path)                                                                                    \
    __asm__(".section .rodata\n" #name ":\n.incbin \"" path "\"\n" #name "_end:\n.byte 0\n.previous\n");     \
    extern const char name[] __attribute__((visibility("hidden"))),                                          \
        name##_end[] __attribute__((visibility("hidden")))

EMBED(report_html, "tools/report/page.html");
EMBED(report_css, "tools/report/page.css");
EMBED(report_js, "tools/report/page.js");

static void put_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<' || *text == '>' || *text == '&')
            fprintf(out, "&#%d;", *text);
        else if ((unsigned char)*text >= 0x20)
            fputc(*text, out);
    }
}

static void put_data(FILE *out, const char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (data[i] == '<')
            fputs("\\u003c", out);
        else
            fputc(data[i], out);
    }
}

void page_write(FILE *out, const char *title, const char *data, size_t bytes)
{
    const char *at = report_html;
    for (const char *mark; (mark = strstr(at, "{{")); at = strstr(mark, "}}") + 2) {
        fwrite(at, 1, (size_t)(mark - at), out);
        if (strncmp(mark, "{{title}}", 9) == 0)
            put_text(out, title);
        else if (strncmp(mark, "{{css}}", 7) == 0)
            fwrite(report_css, 1, (size_t)(report_css_end - report_css), out);
        else if (strncmp(mark, "{{data}}", 8) == 0)
            put_data(out, data, bytes);
        else
            fwrite(report_js, 1, (size_t)(report_js_end - report_js), out);
    }
    fputs(at, out);
}
