#include "error_text.h"

#include "console.h"

bool error_text(char *error, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    format_text_v(error, size, format, args);
    va_end(args);
    return false;
}
