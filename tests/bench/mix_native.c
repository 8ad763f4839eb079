/* guest/mix as a Linux process, of the same object files as the guest. */
#include "guest/mix/mix.h"

#include <string.h>
#include <unistd.h>

static void put(const char *text)
{
    size_t n = strlen(text);
    if (write(1, text, n) != (ssize_t)n)
        _exit(1);
}

int main(int argc, char **argv)
{
    char arguments[256] = "mix";

    for (int i = 1; i < argc; i++) {
        if (strlen(arguments) + 1 + strlen(argv[i]) >= sizeof arguments)
            return 2;
        strcat(arguments, " ");
        strcat(arguments, argv[i]);
    }
    return mix_run(arguments, put) ? 0 : 2;
}
