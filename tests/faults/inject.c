/* Fails one call of a program once: preload it (LD_PRELOAD) and say which call.
 *
 *   DDOQ_FAULT_CALL   open, write, flush, rename, read or map
 *   DDOQ_FAULT_AT     the call's number, from 1; 0 lets all through
 *   DDOQ_FAULT_UNDER  only files below this folder count, so that the program itself still loads
 *   DDOQ_FAULT_COUNT  file that gets a byte for every call that counted, for knowing how many there are
 *
 * A failed write has written half of its bytes when it has more than one, as a disk that fills up does: the next one fails.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum call { OPEN, WRITE, FLUSH, RENAME, READ, MAP };
static const char *const names[] = { "open", "write", "flush", "rename", "read", "map" };
static const int errors[] = { EACCES, ENOSPC, EIO, EIO, EIO, ENOMEM };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long counted;
static int is_failing; /* a full disk stays full for the file that met it */
static char failed[PATH_MAX];

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int is_chosen(enum call call, const char *path)
{
    const char *wanted = getenv("DDOQ_FAULT_CALL"), *under = getenv("DDOQ_FAULT_UNDER"), *at = getenv("DDOQ_FAULT_AT"), *count = getenv("DDOQ_FAULT_COUNT");
    if (!wanted || !under || strcmp(wanted, names[call]) || strncmp(path, under, strlen(under)))
        return 0;
    pthread_mutex_lock(&lock);
    long number = ++counted, chosen = at ? atol(at) : 0;
    int fails = number == chosen;
    if (fails && call == WRITE) {
        is_failing = 1;
        strncpy(failed, path, sizeof failed - 1);
    }
    else if (call == WRITE && is_failing && !strcmp(path, failed))
        fails = 1;
    pthread_mutex_unlock(&lock);
    if (count) {
        /* By system calls of its own numbers: open and write of this file would count themselves. */
        REAL(ssize_t, "write", int, const void *, size_t);
        static int (*real_open)(const char *, int, ...);
        if (!real_open) real_open = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
        int file = real_open(count, O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (file >= 0) {
            if (real(file, ".", 1) < 0) { }
            close(file);
        }
    }
    return fails;
}

static int is_chosen_file(enum call call, int file)
{
    char link[64], path[PATH_MAX];
    int length = 0;
    memcpy(link, "/proc/self/fd/", 14);
    char digits[16];
    int n = 0;
    for (int rest = file; n == 0 || rest > 0; rest /= 10) digits[n++] = (char)('0' + rest % 10);
    while (n > 0) link[14 + length++] = digits[--n];
    link[14 + length] = 0;
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return 0;
    path[size] = 0;
    return is_chosen(call, path);
}

#define FAIL(call) do { errno = errors[call]; return -1; } while (0)

static int opens(const char *name, const char *path, int flags, mode_t mode)
{
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    if (is_chosen(OPEN, path)) FAIL(OPEN);
    return real(path, flags, mode);
}

static mode_t mode_of(int flags, va_list arguments) { return flags & O_CREAT ? va_arg(arguments, mode_t) : 0; }

int open(const char *path, int flags, ...) { va_list a; va_start(a, flags); mode_t m = mode_of(flags, a); va_end(a); return opens("open", path, flags, m); }
int open64(const char *path, int flags, ...) { va_list a; va_start(a, flags); mode_t m = mode_of(flags, a); va_end(a); return opens("open64", path, flags, m); }

ssize_t write(int file, const void *bytes, size_t count)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    if (!is_chosen_file(WRITE, file)) return real(file, bytes, count);
    if (count > 1 && real(file, bytes, count / 2) > 0) return (ssize_t)(count / 2);
    FAIL(WRITE);
}

#define PWRITE(symbol) \
ssize_t symbol(int file, const void *bytes, size_t count, off_t at) \
{ \
    REAL(ssize_t, #symbol, int, const void *, size_t, off_t); \
    if (is_chosen_file(WRITE, file)) FAIL(WRITE); \
    return real(file, bytes, count, at); \
}
PWRITE(pwrite)
PWRITE(pwrite64)

#define PREAD(symbol) \
ssize_t symbol(int file, void *bytes, size_t count, off_t at) \
{ \
    REAL(ssize_t, #symbol, int, void *, size_t, off_t); \
    if (is_chosen_file(READ, file)) FAIL(READ); \
    return real(file, bytes, count, at); \
}
PREAD(pread)
PREAD(pread64)

ssize_t read(int file, void *bytes, size_t count)
{
    REAL(ssize_t, "read", int, void *, size_t);
    if (is_chosen_file(READ, file)) FAIL(READ);
    return real(file, bytes, count);
}

int fsync(int file)
{
    REAL(int, "fsync", int);
    if (is_chosen_file(FLUSH, file)) FAIL(FLUSH);
    return real(file);
}

int fdatasync(int file)
{
    REAL(int, "fdatasync", int);
    if (is_chosen_file(FLUSH, file)) FAIL(FLUSH);
    return real(file);
}

int rename(const char *from, const char *to)
{
    REAL(int, "rename", const char *, const char *);
    if (is_chosen(RENAME, to)) FAIL(RENAME);
    return real(from, to);
}

#define MMAP(symbol) \
void *symbol(void *address, size_t length, int protection, int flags, int file, off_t at) \
{ \
    REAL(void *, #symbol, void *, size_t, int, int, int, off_t); \
    if (file >= 0 && is_chosen_file(MAP, file)) { errno = errors[MAP]; return MAP_FAILED; } \
    return real(address, length, protection, flags, file, at); \
}
MMAP(mmap)
MMAP(mmap64)
