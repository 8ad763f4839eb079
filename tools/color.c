/* ANSI sequences, or nothing. */
#include "color.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_colors(int fd)
{
    static int known[3]; /* by descriptor: 0 not asked yet, 1 no, 2 yes */
    if (fd < 1 || fd > 2)
        return false;
    if (!known[fd]) {
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
        bool wanted = !(no_color && *no_color) && term && *term && strcmp(term, "dumb") != 0;
        known[fd] = wanted && isatty(fd) ? 2 : 1;
    }
    return known[fd] == 2;
}

const char *color(FILE *out, enum color c)
{
    static const char *const sequence[] = {
        [COLOR_END] = "\033[0m",    [COLOR_BOLD] = "\033[1m",  [COLOR_GOOD] = "\033[32m",
        [COLOR_BAD] = "\033[1;31m", [COLOR_READ] = "\033[34m", [COLOR_WRITE] = "\033[33m",
        [COLOR_DIM] = "\033[2m"};
    int fd = out == stdout ? STDOUT_FILENO : out == stderr ? STDERR_FILENO : -1;
    return has_colors(fd) ? sequence[c] : "";
}
