/* SVG is written here; PNG is made of it by librsvg's command. */
#include "analyse/picture.h"
#include "command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool cannot_write(const char *path)
{
    input_error("analyse", "cannot write %s: %s", path, strerror(errno));
    return false;
}

bool picture_svg(const struct analysis *a, void *state, const char *path)
{
    FILE *out = fopen(path, "we");
    if (!out)
        return cannot_write(path);
    a->svg(state, out);
    bool sound = !ferror(out);
    return (fclose(out) == 0 && sound) || cannot_write(path);
}

/* The converter reads the drawing from standard input. */
static int convert(FILE *drawing, const char *path)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        dup2(fileno(drawing), STDIN_FILENO);
        lseek(STDIN_FILENO, 0, SEEK_SET);
        execlp("rsvg-convert", "rsvg-convert", "--format=png", "--zoom=2", "--output", path, (char *)NULL);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool picture_png(const struct analysis *a, void *state, const char *path)
{
    FILE *drawing = tmpfile();
    if (!drawing)
        return cannot_write(path);
    a->svg(state, drawing);
    int code = fflush(drawing) == 0 ? convert(drawing, path) : -1;
    fclose(drawing);
    if (code == 127)
        input_error("analyse",
                    "--png needs the command rsvg-convert (Debian: librsvg2-bin); --svg does without it");
    else if (code != 0)
        input_error("analyse", "rsvg-convert could not write %s", path);
    return code == 0;
}
