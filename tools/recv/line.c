/* Lines: ttys, sockets, files. */
#include "recv/line.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const struct {
    unsigned baud;
    speed_t speed;
} speeds[] = {
    {1200, B1200},       {2400, B2400},       {4800, B4800},       {9600, B9600},       {19200, B19200},
    {38400, B38400},     {57600, B57600},     {115200, B115200},   {230400, B230400},   {460800, B460800},
    {500000, B500000},   {576000, B576000},   {921600, B921600},   {1000000, B1000000}, {1152000, B1152000},
    {1500000, B1500000}, {2000000, B2000000}, {2500000, B2500000}, {3000000, B3000000}, {3500000, B3500000},
    {4000000, B4000000},
};

static speed_t speed_of(unsigned baud)
{
    for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++)
        if (speeds[i].baud == baud)
            return speeds[i].speed;
    return B0;
}

bool baud_is_known(unsigned baud)
{
    return speed_of(baud) != B0;
}

__attribute__((format(printf, 2, 3))) static bool fail(struct line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(line->error, sizeof(line->error), format, args);
    va_end(args);
    if (line->fd > STDERR_FILENO)
        close(line->fd);
    line->fd = -1;
    return false;
}

static bool open_tcp(struct line *line, const char *address)
{
    char host[256];
    const char *colon = strrchr(address, ':');
    size_t length = colon ? (size_t)(colon - address) : 0;
    if (!colon || !colon[1] || length == 0 || length >= sizeof(host))
        return fail(line, "tcp:%.100s is not tcp:HOST:PORT", address);
    memcpy(host, address, length);
    host[length] = 0;
    char *name = host;
    if (host[0] == '[' && host[length - 1] == ']') { /* an IPv6 address */
        host[length - 1] = 0;
        name++;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int error = getaddrinfo(name, colon + 1, &hints, &found);
    if (error)
        return fail(line, "tcp:%.100s: %s", address, gai_strerror(error));
    error = ECONNREFUSED;
    for (struct addrinfo *a = found; a && line->fd < 0; a = a->ai_next) {
        line->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (line->fd >= 0 && connect(line->fd, a->ai_addr, a->ai_addrlen) < 0) {
            error = errno;
            close(line->fd);
            line->fd = -1;
        }
    }
    freeaddrinfo(found);
    errno = error;
    return line->fd >= 0 || fail(line, "cannot connect to tcp:%.100s: %s", address, strerror(error));
}

static bool open_unix(struct line *line, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return fail(line, "unix:%.60s…: the path is too long for a socket", path);
    memcpy(address.sun_path, path, strlen(path));
    line->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (line->fd < 0 || connect(line->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int error = errno;
        fail(line, "cannot connect to unix:%.100s: %s", path, strerror(error));
        errno = error;
        return false;
    }
    return true;
}

static void sleep_ms(unsigned ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* The machine at the other end may still be starting. */
static bool connect_patiently(struct line *line, bool (*open_socket)(struct line *, const char *),
                              const char *address, unsigned patience_ms)
{
    const unsigned step = 100;
    for (unsigned waited = 0;; waited += step) {
        errno = 0;
        if (open_socket(line, address))
            return true;
        if ((errno != ECONNREFUSED && errno != ENOENT) || waited >= patience_ms)
            return false;
        sleep_ms(step);
    }
}

static bool set_up_tty(struct line *line, const char *path, unsigned baud)
{
    struct termios t;
    speed_t speed = speed_of(baud);
    if (speed == B0)
        return fail(line, "%u is no baud rate", baud);
    if (tcgetattr(line->fd, &line->before) < 0)
        return fail(line, "%.100s: cannot read the line's settings: %s", path, strerror(errno));
    t = line->before;
    cfmakeraw(&t);
    t.c_cflag = (t.c_cflag & ~(tcflag_t)(CSTOPB | PARENB | CRTSCTS | HUPCL)) | CLOCAL | CREAD | CS8;
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    if (cfsetspeed(&t, speed) < 0 || tcsetattr(line->fd, TCSANOW, &t) < 0)
        return fail(line, "%.100s: cannot set %u baud, raw: %s", path, baud, strerror(errno));
    line->is_tty = true;
    return true;
}

static bool open_path(struct line *line, const char *path, unsigned baud)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return fail(line, "cannot open %.100s: %s", path, strerror(errno));
    bool device = S_ISCHR(st.st_mode);
    line->fd = open(path, (device ? O_RDWR : O_RDONLY) | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (line->fd < 0)
        return fail(line, "cannot open %.100s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return fail(line, "%.100s is a directory", path);
    line->is_file = S_ISREG(st.st_mode);
    line->two_way = device;
    return !device || !isatty(line->fd) || set_up_tty(line, path, baud);
}

bool line_open(struct line *line, const char *source, unsigned baud, unsigned patience_ms)
{
    *line = (struct line){.fd = -1};
    bool sound = true;
    if (strcmp(source, "-") == 0) {
        struct stat st;
        line->fd = STDIN_FILENO;
        line->is_file = fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode);
    } else if (strncmp(source, "tcp:", 4) == 0) {
        sound = line->two_way = connect_patiently(line, open_tcp, source + 4, patience_ms);
    } else if (strncmp(source, "unix:", 5) == 0) {
        sound = line->two_way = connect_patiently(line, open_unix, source + 5, patience_ms);
    } else {
        sound = open_path(line, source, baud);
    }
    if (sound && line->two_way)
        fcntl(line->fd, F_SETFL, fcntl(line->fd, F_GETFL) | O_NONBLOCK);
    return sound;
}

void line_close(struct line *line)
{
    if (line->fd < 0)
        return;
    if (line->is_tty)
        tcsetattr(line->fd, TCSADRAIN, &line->before);
    close(line->fd);
    line->fd = -1;
}

ssize_t line_read(struct line *line, void *to, size_t n, int wait_ms)
{
    struct pollfd p = {.fd = line->fd, .events = POLLIN};
    int ready = poll(&p, 1, wait_ms);
    if (ready == 0 || (ready < 0 && errno == EINTR))
        return 0;
    ssize_t got = read(line->fd, to, n);
    if (got > 0)
        return got;
    /* A pty whose other end is gone gives EIO, a socket may be reset: the line's end all the same. */
    if (got == 0 || errno == EIO || errno == ECONNRESET || errno == EPIPE)
        return -1;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    snprintf(line->error, sizeof(line->error), "reading: %s", strerror(errno));
    return -2;
}

void line_write(struct line *line, const uint8_t *bytes, size_t n)
{
    struct pollfd p = {.fd = line->fd, .events = POLLOUT};
    while (n) {
        ssize_t took = write(line->fd, bytes, n);
        if (took < 0 && errno == EINTR)
            continue;
        if (took < 0 && (errno != EAGAIN || poll(&p, 1, 1000) <= 0))
            return;
        if (took > 0) {
            bytes += took;
            n -= (size_t)took;
        }
    }
}
