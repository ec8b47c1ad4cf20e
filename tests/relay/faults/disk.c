/* A disk between a program and its files: it writes down what is asked of it, and fails when it is told to.
 *
 * Preloaded (LD_PRELOAD) into the process under test. Only files below TACIT_DISK_UNDER are watched, and of those not
 * SQLite's shared memory, which no program relies on after a crash.
 *
 * TACIT_DISK_LOG      every open, write, truncation, sync, rename and removal is appended to this file, in the order in
 *                     which they took effect, together with what the program itself notes by disk_note().
 *                     Where there is a log, nothing is really synced: what a sync means is decided when it is replayed.
 * TACIT_DISK_CONTROL  a file of six 32-bit numbers, shared with the test, that says what is to fail: struct control.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPENED = 1, WRITTEN, TRUNCATED, SYNCED, SYNC_FAILED, RENAMED, REMOVED, NOTED, SYNCED_NAMES };
enum { FAIL_WRITE = 1, FAIL_SYNC = 2, FAIL_TRUNCATE = 4, FAIL_OPEN = 8, FAIL_NAMES = 16, FAIL_READ = 32 };
enum { THE_WAL = 1, THE_STORE = 2, ANY_OTHER = 4, A_FOLDER = 8 };

struct control {
    uint32_t operations; /* which fail, as bits */
    uint32_t files;      /* of which files, as bits */
    uint32_t error;      /* with which errno */
    uint32_t pass;       /* so many go well before */
    uint32_t times;      /* then so many fail; 0: all */
    uint32_t failed;     /* how many have failed */
};

struct record {
    uint8_t kind;
    uint8_t pad[3];
    uint32_t data_bytes;
    uint64_t inode;
    uint64_t offset;
    uint32_t name_bytes;
    uint32_t second_bytes;
} __attribute__((packed));

#define MOST 65536
static struct { uint64_t inode; uint32_t kind; } watched[MOST];
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static char under[4096];
static size_t under_bytes;
static int log_file = -1;
static struct control *control;

static int (*real_open)(const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static ssize_t (*real_pread)(int, void *, size_t, off64_t);
static int (*real_truncate)(int, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_close)(int);
static int (*real_unlink)(const char *);
static int (*real_rename)(const char *, const char *);

__attribute__((constructor)) static void begin(void) {
    real_open = dlsym(RTLD_NEXT, "open64");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_pread = dlsym(RTLD_NEXT, "pread64");
    real_truncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_close = dlsym(RTLD_NEXT, "close");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_rename = dlsym(RTLD_NEXT, "rename");
    const char *folder = getenv("TACIT_DISK_UNDER"), *log = getenv("TACIT_DISK_LOG");
    const char *orders = getenv("TACIT_DISK_CONTROL");
    if (folder == NULL || strlen(folder) >= sizeof under) return;
    strcpy(under, folder);
    if (log != NULL) log_file = real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (orders != NULL) {
        int file = real_open(orders, O_RDWR | O_CLOEXEC);
        void *shared = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (shared != MAP_FAILED) control = shared;
        real_close(file);
    }
    under_bytes = strlen(under);
}

static int ends_with(const char *name, const char *end) {
    size_t a = strlen(name), b = strlen(end);
    return a >= b && strcmp(name + a - b, end) == 0;
}

static uint32_t kind_of(const char *path) {
    if (under_bytes == 0 || path == NULL || strncmp(path, under, under_bytes) != 0) return 0;
    if (path[under_bytes] != '/' && path[under_bytes] != 0) return 0;
    if (ends_with(path, "-shm")) return 0;
    if (ends_with(path, "/relay.db-wal")) return THE_WAL;
    if (ends_with(path, "/relay.db")) return THE_STORE;
    return ANY_OTHER;
}

/* Whether this one is to fail; errno says with what. */
static int fails(uint32_t operation, uint32_t file) {
    if (control == NULL || !(control->operations & operation) || !(control->files & file)) return 0;
    if (control->pass > 0) { control->pass--; return 0; }
    if (control->times > 0 && --control->times == 0) control->operations = 0;
    control->failed++;
    errno = (int)control->error;
    return 1;
}

static void note(uint8_t kind, uint64_t inode, uint64_t offset, const char *name, const char *second,
                 const void *data, size_t data_bytes) {
    if (log_file < 0) return;
    struct record head = {.kind = kind, .data_bytes = (uint32_t)data_bytes, .inode = inode, .offset = offset,
                          .name_bytes = name ? (uint32_t)strlen(name) : 0,
                          .second_bytes = second ? (uint32_t)strlen(second) : 0};
    struct iovec parts[4] = {{&head, sizeof head}, {(void *)name, head.name_bytes},
                             {(void *)second, head.second_bytes}, {(void *)data, data_bytes}};
    int error = errno;
    ssize_t wanted = (ssize_t)(sizeof head + head.name_bytes + head.second_bytes + data_bytes);
    if (writev(log_file, parts, 4) != wanted) _exit(99); /* a log with a hole proves nothing */
    errno = error;
}

/* What the program under test says about itself, put in its place among what the disk did. */
void disk_note(const void *data, size_t bytes) {
    pthread_mutex_lock(&one_at_a_time);
    note(NOTED, 0, 0, NULL, NULL, data, bytes);
    pthread_mutex_unlock(&one_at_a_time);
}

static int do_open(const char *path, int flags, mode_t mode) {
    uint32_t kind = kind_of(path);
    if (kind == 0) return real_open(path, flags, mode);
    pthread_mutex_lock(&one_at_a_time);
    struct stat before;
    int existed = syscall(SYS_newfstatat, AT_FDCWD, path, &before, 0) == 0;
    int makes = (flags & O_CREAT) && !existed, file = -1;
    /* A file that is there opens for reading and writing even on a full disk; a new one does not. */
    if (!((makes || (flags & O_TRUNC)) && fails(FAIL_OPEN, kind))) file = real_open(path, flags, mode);
    if (file >= 0 && file < MOST) {
        struct stat now;
        fstat(file, &now);
        watched[file].inode = now.st_ino;
        watched[file].kind = S_ISDIR(now.st_mode) ? A_FOLDER : kind;
        if (makes) note(OPENED, now.st_ino, 0, path, NULL, NULL, 0);
        else if ((flags & O_TRUNC) && before.st_size > 0) note(TRUNCATED, now.st_ino, 0, NULL, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&one_at_a_time);
    return file;
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return do_open(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return do_open(path, flags, mode);
}

int close(int file) {
    if (file >= 0 && file < MOST) watched[file].inode = 0;
    return real_close(file);
}

static int is_watched(int file) { return file >= 0 && file < MOST && watched[file].inode != 0; }

static ssize_t put(int file, const void *data, size_t bytes, off64_t offset, int at_offset) {
    if (!is_watched(file)) return at_offset ? real_pwrite(file, data, bytes, offset) : real_write(file, data, bytes);
    pthread_mutex_lock(&one_at_a_time);
    int failed = fails(FAIL_WRITE, watched[file].kind), error = errno;
    off64_t where = at_offset ? offset : lseek64(file, 0, SEEK_CUR);
    /* A disk that is full or breaks in the middle of a write has taken the first part of it. */
    size_t part = failed ? bytes / 2 : bytes;
    ssize_t done = part == 0 && failed ? 0 : at_offset ? real_pwrite(file, data, part, where) : real_write(file, data, part);
    if (done > 0) note(WRITTEN, watched[file].inode, (uint64_t)where, NULL, NULL, data, (size_t)done);
    if (failed) { done = -1; errno = error; }
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}

ssize_t write(int file, const void *data, size_t bytes) { return put(file, data, bytes, 0, 0); }
ssize_t pwrite64(int file, const void *data, size_t bytes, off64_t at) { return put(file, data, bytes, at, 1); }
ssize_t pwrite(int file, const void *data, size_t bytes, off_t at) { return put(file, data, bytes, at, 1); }

static ssize_t get(int file, void *data, size_t bytes, off64_t offset) {
    if (is_watched(file) && control != NULL && (control->operations & FAIL_READ)) {
        pthread_mutex_lock(&one_at_a_time);
        int failed = fails(FAIL_READ, watched[file].kind);
        pthread_mutex_unlock(&one_at_a_time);
        if (failed) return -1;
    }
    return real_pread(file, data, bytes, offset);
}

ssize_t pread64(int file, void *data, size_t bytes, off64_t at) { return get(file, data, bytes, at); }
ssize_t pread(int file, void *data, size_t bytes, off_t at) { return get(file, data, bytes, at); }

static int cut(int file, off64_t bytes) {
    if (!is_watched(file)) return real_truncate(file, bytes);
    pthread_mutex_lock(&one_at_a_time);
    int done = fails(FAIL_TRUNCATE, watched[file].kind) ? -1 : real_truncate(file, bytes);
    if (done == 0) note(TRUNCATED, watched[file].inode, (uint64_t)bytes, NULL, NULL, NULL, 0);
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}

int ftruncate64(int file, off64_t bytes) { return cut(file, bytes); }
int ftruncate(int file, off_t bytes) { return cut(file, bytes); }

static int sync_file(int file, int (*really)(int)) {
    if (!is_watched(file)) return really(file);
    pthread_mutex_lock(&one_at_a_time);
    uint32_t kind = watched[file].kind;
    int done = fails(FAIL_SYNC, kind) ? -1 : log_file >= 0 ? 0 : really(file);
    uint8_t what = done != 0 ? SYNC_FAILED : kind == A_FOLDER ? SYNCED_NAMES : SYNCED;
    char link[64], folder[4096] = "";
    if (what == SYNCED_NAMES) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t found = readlink(link, folder, sizeof folder - 1);
        folder[found > 0 ? found : 0] = 0;
    }
    note(what, watched[file].inode, 0, folder[0] ? folder : NULL, NULL, NULL, 0);
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}

int fsync(int file) { return sync_file(file, real_fsync); }
int fdatasync(int file) { return sync_file(file, real_fdatasync); }

int unlink(const char *path) {
    uint32_t kind = kind_of(path);
    if (kind == 0) return real_unlink(path);
    pthread_mutex_lock(&one_at_a_time);
    int done = fails(FAIL_NAMES, kind) ? -1 : real_unlink(path);
    if (done == 0) note(REMOVED, 0, 0, path, NULL, NULL, 0);
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}

int rename(const char *from, const char *to) {
    uint32_t kind = kind_of(to);
    if (kind == 0) return real_rename(from, to);
    pthread_mutex_lock(&one_at_a_time);
    int done = fails(FAIL_NAMES, kind) ? -1 : real_rename(from, to);
    if (done == 0) note(RENAMED, 0, 0, from, to, NULL, 0);
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}
