/* A disk that fills up, or a process that is killed, at a given write; see faulty_disk.py.

   Preloaded into a process. An event is a write, sync, truncation, rename or removal of a regular
   file. At the event that is armed either a signal is raised (half a write lands before SIGKILL),
   or the disk is full: half a write lands, none after it. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char place[256];
static long left = -1;
static int number, full, record = -1;

/* Arm the event at a file whose path holds `text` after `after` others; signal 0 fills the disk. */
void faulty_disk_arm(const char *text, long after, int signal_number) {
    strncpy(place, text, sizeof place - 1);
    left = after;
    number = signal_number;
}

/* Write the path of every event into a file, a line each. */
void faulty_disk_record(const char *path) {
    record = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static int watches(void) { return left >= 0 || record >= 0; }

static int due(const char *path) {
    if (record >= 0) dprintf(record, "%s\n", path);
    return left >= 0 && strstr(path, place) && left-- == 0;
}

static int fd_is_due(int fd) {
    char link[64], path[4096];
    struct stat status;
    if (!watches() || fd < 3 || fd == record || fstat(fd, &status) || !S_ISREG(status.st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return due(path);
}

static int is_full(int fd) {
    struct stat status;
    return full && fd >= 3 && !fstat(fd, &status) && S_ISREG(status.st_mode);
}

static void strike(void) {
    if (number) raise(number);
    else full = 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define WRITING(name, parameters, fd, size, whole, half)                                           \
    ssize_t name parameters {                                                                      \
        if (is_full(fd)) return errno = ENOSPC, -1;                                                \
        if (!fd_is_due(fd)) return REAL(name) whole;                                               \
        if (number && number != SIGKILL) return strike(), REAL(name) whole;                        \
        ssize_t landed = (size) > 1 ? REAL(name) half : 0;                                         \
        strike();                                                                                  \
        return landed > 0 ? landed : (errno = ENOSPC, -1);                                         \
    }

WRITING(write, (int fd, const void *data, size_t size), fd, size, (fd, data, size),
        (fd, data, size / 2))
WRITING(pwrite, (int fd, const void *data, size_t size, off_t at), fd, size, (fd, data, size, at),
        (fd, data, size / 2, at))
WRITING(pwrite64, (int fd, const void *data, size_t size, off64_t at), fd, size,
        (fd, data, size, at), (fd, data, size / 2, at))

#define OTHER(name, parameters, is_due, arguments)                                                 \
    int name parameters {                                                                          \
        if (is_due) strike();                                                                      \
        return REAL(name) arguments;                                                               \
    }

OTHER(fsync, (int fd), fd_is_due(fd), (fd))
OTHER(fdatasync, (int fd), fd_is_due(fd), (fd))
OTHER(ftruncate, (int fd, off_t size), fd_is_due(fd), (fd, size))
OTHER(ftruncate64, (int fd, off64_t size), fd_is_due(fd), (fd, size))
OTHER(rename, (const char *from, const char *to), due(from), (from, to))
OTHER(unlink, (const char *path), due(path), (path))
